//! What members say to each other over their links.
//!
//! A frame begins with one byte: [`MESSAGE`] is followed by a [`Message`] in bincode, [`CAST`] by the bytes that were
//! cast, as they are. Casts are set apart because a flood of them is the fastest thing that a mesh does.

use bytes::{Buf, Bytes};
use history::{Baseline, MessageId};
use serde::{Deserialize, Serialize};
use transport::{Address, Class, DecodeError, PeerId};

use crate::api::NameRefusal;
use crate::name::Name;
use crate::roster::{Change, Entry, Roster, RosterVersion};
use crate::timestamp::Timestamp;

/// First byte of a frame that holds a [`Message`].
pub(crate) const MESSAGE: u8 = 0;
/// First byte of a frame that holds bytes cast by a member.
pub(crate) const CAST: u8 = 1;

/// A message between two members, or a member and one that wants to be.
///
/// The order of the variants is part of the protocol between peers: it changes with its version only.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// Which roster its sender has, if any. Sent when a peer becomes reachable, each second to one of them, and as the
    /// answer to a lesser one. The receiver of a greater one sends `Pull`.
    Have(Option<RosterVersion>),
    /// Asks for the receiver's roster; answered by `Roster`.
    Pull,
    /// A whole roster. The greater replaces the lesser; a leader that gets a lesser one takes in those that its own lacks.
    Roster(Roster),
    /// From the leader to all, at each change. Who does not have what it starts from sends `Pull`.
    Change(Change),
    /// To the leader: admit me. Repeated until `Welcome` or `Refused`.
    Join(Join),
    /// From the leader, to the one that it admitted.
    Welcome(Welcome),
    /// From the leader, to the one that it did not admit.
    Refused(NameRefusal),
    /// The election's, unread here. Urgent.
    Election(election::Message<PeerId>),
    /// What was said to everyone, and the repair of its losses.
    Pool(history::Message),
    /// Something said to the receiver alone; answered by `PrivateAck`.
    Private(PrivateLine),
    /// The private message has been shown.
    PrivateAck(MessageId),
    /// A request to the leader; answered by `Response` of the same number. Who does not lead keeps silent.
    Request(u64, Request),
    /// The leader's answer.
    Response(u64, Response),
}

/// Who wants to be a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Join {
    pub(crate) name: Name,
    pub(crate) address: Address,
    pub(crate) priority: u16,
    /// Whether it was a member before, of this group or of one that met it: then it is not refused but renamed.
    pub(crate) member: bool,
}

/// What a member begins with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) roster: Roster,
    /// Those of the roster that the leader cannot reach: announced as gone already.
    pub(crate) absent: Vec<PeerId>,
    /// What was said before, and is not shown to a newcomer.
    pub(crate) baseline: Baseline,
}

/// A line said to everyone, inside the pool's message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) from: PeerId,
    pub(crate) name: Name,
    pub(crate) sent_at: Timestamp,
    pub(crate) text: String,
}

/// A line said to one member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct PrivateLine {
    pub(crate) id: MessageId,
    pub(crate) from: Name,
    pub(crate) to: Name,
    pub(crate) sent_at: Timestamp,
    pub(crate) text: String,
}

/// What the leader can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Who is a member and can be reached?
    Members,
}

/// What the leader answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Response {
    /// In the order of joining.
    Members(RosterVersion, Vec<(PeerId, Entry)>),
}

/// What one frame holds.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(Box<Message>),
    Cast(Bytes),
}

impl Message {
    /// The message as a frame.
    pub(crate) fn to_frame(&self) -> Result<Vec<u8>, DecodeError> {
        transport::encode(&(MESSAGE, self))
    }

    /// Which messages it overtakes.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Election(_) => Class::Urgent,
            _ => Class::Bulk,
        }
    }
}

/// Cast bytes as a frame.
pub(crate) fn cast_frame(bytes: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(1 + bytes.len());
    frame.push(CAST);
    frame.extend_from_slice(bytes);
    frame
}

/// What a frame holds.
pub(crate) fn read_frame(mut frame: Bytes) -> Result<Incoming, DecodeError> {
    match frame.first() {
        Some(&CAST) => {
            frame.advance(1);
            Ok(Incoming::Cast(frame))
        }
        Some(&MESSAGE) => Ok(Incoming::Message(Box::new(transport::decode(&frame[1..])?))),
        Some(other) => Err(DecodeError::FrameKind(*other)),
        None => Err(DecodeError::FrameLength(0)),
    }
}
