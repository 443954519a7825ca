//! What a mind wants done.

use bytes::Bytes;
use history::{MessageId, Read, Write};
use transport::{Address, DialError, PeerId};

use super::{Outgoing, Task};
use crate::api::{AskError, CalcError, GuestRefusal, Members, NameRefusal, ProposeError, RequestError, VoteError};
use crate::event::{Event, Member, Private};
use crate::name::Name;
use crate::proposals::ProposalState;

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a message to these peers.
    Send(Vec<PeerId>, Outgoing),
    /// Tell the member's owner.
    Event(Event),
    /// Keep a link to a member.
    Dial {
        /// Which member.
        peer: PeerId,
        /// Where it listens.
        address: Address,
        /// Whether to dial at once, and not leave it to the other.
        eager: bool,
    },
    /// This peer is a member, with these.
    Admitted(Vec<Member>),
    /// The leader refuses the name.
    Refused(NameRefusal),
    /// Nobody admitted this peer: what became of each address.
    NotJoined(Vec<(Address, Option<DialError>)>),
    /// What became of a private message.
    Delivered(MessageId, bool),
    /// Put this on the disk, and tell [`Group::handle_written`](super::Group::handle_written). Only with a disk.
    Write(Write<PeerId>),
    /// Read this from the disk, and hand it to [`Group::handle_read`](super::Group::handle_read). Only with a disk.
    Read(Read<PeerId>),
    /// A line that is to be kept on the disk until it is confirmed. Nobody waits for that. Only with a disk.
    Keep(history::Say),
    /// It need not be kept any longer. Only with a disk.
    Forget(MessageId),
    /// The answer to a request for the members.
    Members(u64, Result<Members, RequestError>),
    /// What became of the wish of a gateway's user to be a member.
    Guest(PeerId, Result<Name, GuestRefusal>),
    /// Something was said to a user of this peer's gateway alone: [`Group::handle_handed`](super::Group::handle_handed) is to be told what became of it.
    Direct(Direct),
    /// Nothing more is to be waited for: say goodbye.
    Depart,
    /// The answer to a request for the value of an expression.
    Calculated(u64, Result<f64, CalcError>),
    /// The answer to a program's own request.
    Requested(u64, Result<Bytes, AskError>),
    /// Do what a program's own request wants, and tell [`Group::handle_done`](super::Group::handle_done).
    Execute(Task),
    /// What became of a proposal: its id, once it is confirmed.
    Proposed(u64, Result<MessageId, ProposeError>),
    /// What became of a vote: how the proposal stands, once it is confirmed.
    Voted(u64, Result<ProposalState, VoteError>),
}

/// A private line for a user of this peer's gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Direct {
    /// Which user.
    pub guest: PeerId,
    /// What was said.
    pub private: Private,
    /// Which peer waits to be told that it was delivered.
    pub sender: PeerId,
}
