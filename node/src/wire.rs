//! What members say to each other over their links.
//!
//! A frame begins with one byte: [`MESSAGE`] is followed by a [`Message`] in bincode, [`CAST`] by the bytes that were
//! cast, as they are. Casts are set apart because a flood of them is the fastest thing that a mesh does.

use bytes::{Buf, Bytes};
use history::{Baseline, Index, Lineage, LogMessage, MessageId, Say};
use serde::{Deserialize, Serialize};
use transport::{Address, Class, DecodeError, PeerId};

use crate::api::NameRefusal;
use crate::calc::ExpressionError;
use crate::name::Name;
use crate::roster::{Change, Entry, Guest, Roster, RosterVersion};
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
    /// The confirmed log's, unread here.
    Log(Box<LogMessage<PeerId>>),
    /// Something said to a user of the receiver's gateway, or by one of the sender's, or both; answered by `PrivateAck` once it is in
    /// that client's queue.
    Direct(Direct),
}

/// A private line of which at least one end uses a gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Direct {
    pub(crate) author: PeerId,
    pub(crate) to: PeerId,
    pub(crate) line: PrivateLine,
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
    /// What was confirmed before: it reaches a newcomer with the log.
    pub(crate) baseline: Baseline,
    /// Of which histories the log is, and how many places of it are decided.
    pub(crate) decided: (Lineage<PeerId>, u64),
    /// The last confirmed lines, by their places.
    pub(crate) recent: Vec<(Index, Say)>,
}

/// What a member put into the history: the body of a pool's line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Body {
    /// Said to everyone, and shown at once.
    Line(Line),
    /// A program's own, told when it is confirmed.
    Entry {
        from: PeerId,
        /// The program's word for what it is.
        kind: u16,
        bytes: Bytes,
    },
    /// A proposal to all members.
    Open { from: PeerId, name: Name, sent_at: Timestamp, text: String },
    /// A member's word on a proposal.
    Vote { proposal: MessageId, from: PeerId, name: Name, consent: bool },
}

impl Body {
    /// Whether the bytes of a body are those of a line: its number comes first.
    pub(crate) fn is_line(body: &[u8]) -> bool {
        body.starts_with(&[0; 4])
    }

    /// Whether they are those of a proposal or a vote.
    pub(crate) fn is_of_proposals(body: &[u8]) -> bool {
        matches!(body, [0, 0, 0, 2 | 3, ..])
    }
}

/// A line said to everyone.
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
    /// What is the value of this expression?
    Calc(String),
    /// What a program's own request of this name gives for these bytes.
    Named { name: String, bytes: Bytes },
    /// Admit a user of the sender's gateway. `member`: it was one before; then it is not refused but renamed. The same id again is
    /// the same guest.
    AdmitGuest { guest: PeerId, name: Name, member: bool },
    /// A user of the sender's gateway is gone.
    DropGuest(PeerId),
}

/// What the leader answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Response {
    /// Each in the order of joining; lists put them together by their join numbers.
    Members(RosterVersion, Vec<(PeerId, Entry)>, Vec<(PeerId, Guest)>),
    /// The value of the expression, or why it has none.
    Value(Result<f64, ExpressionError>),
    /// What the program made of it, or why nothing.
    Done(Result<Bytes, Unserved>),
    /// Under which name the guest was admitted, or why not.
    Guest(Result<Name, NameRefusal>),
    /// The guest is dropped.
    GuestDropped,
}

/// Why a leader did not do what a program's own request wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Unserved {
    /// It has no such request.
    Unknown,
    /// It has no quorum, or has not established its log yet: to be asked again.
    NoQuorum,
    /// It does as many as it can.
    Busy,
    /// The program failed, and said why.
    Failed(String),
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

    /// Its name in a word.
    pub(crate) fn kind(&self) -> &'static str {
        use election::Message as E;
        use history::Message as P;
        match self {
            Self::Have(_) => "Have",
            Self::Pull => "Pull",
            Self::Roster(_) => "Roster",
            Self::Change(_) => "Change",
            Self::Join(_) => "Join",
            Self::Welcome(_) => "Welcome",
            Self::Refused(_) => "Refused",
            Self::Election(E::Election { .. }) => "Election",
            Self::Election(E::Answer { .. }) => "Answer",
            Self::Election(E::Coordinator { .. }) => "Coordinator",
            Self::Election(E::Heartbeat { .. }) => "Heartbeat",
            Self::Election(E::Yield { .. }) => "Yield",
            Self::Pool(P::Say(_)) => "Say",
            Self::Pool(P::Digest { .. }) => "Digest",
            Self::Pool(P::Pull { .. }) => "LinePull",
            Self::Pool(P::Rest { .. }) => "Rest",
            Self::Private(_) => "Private",
            Self::PrivateAck(_) => "PrivateAck",
            Self::Request(..) => "Request",
            Self::Response(..) => "Response",
            Self::Log(message) => message.kind(),
            Self::Direct(_) => "Direct",
        }
    }

    /// Which messages it overtakes.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Election(_) => Class::Urgent,
            _ => Class::Bulk,
        }
    }
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

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
