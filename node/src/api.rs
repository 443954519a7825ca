//! What a member's owner gets back: answers, and what can go wrong, one enum an operation.

use std::time::Duration;

use bytes::Bytes;
use history::{Index, MessageId};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use transport::{Address, DialError, PeerId};

use crate::calc::ExpressionError;
use crate::config::ConfigError;
use crate::event::{Leader, Member, Message};
use crate::name::{Name, NameError};
use crate::node::Node;
use crate::store::OpenError;
use crate::text::TextError;

/// Why a member did not start. Nothing of it is left running.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port cannot be listened on.
    #[error("{0}: choose another --port, or 0 for any free one")]
    Listen(transport::ListenError),
    /// The gateway's port cannot be listened on.
    #[error("the gateway {0}: choose another --gateway, or 0 for any free one")]
    Gateway(transport::ListenError),
    /// The leader refused the name.
    #[error("the name `{}` is refused: {reason}: choose another", name.as_str())]
    NameRefused {
        /// The name asked for.
        name: Name,
        /// Why.
        reason: NameRefusal,
    },
    /// Nobody to join was reached, or nobody admitted this member.
    #[error(
        "could not join within {limit:?}: {}: check --leader, and that a member of the same group listens there",
        trouble(attempts)
    )]
    NotJoined {
        /// The limit, `join_timeout`.
        limit: Duration,
        /// Each address tried, and what became of it at last. An address without an error was reached.
        attempts: Vec<(Address, Option<DialError>)>,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] OpenError),
    /// Another process runs with the identity of this one.
    #[error("another process runs with the same identity: end that one first")]
    IdInUse,
    /// The runtime ended while it started.
    #[error("the program's runtime ended while this member started")]
    Interrupted,
}

/// Why a leader does not give a name.
#[derive(Clone, PartialEq, Eq, Debug, Error, Serialize, Deserialize)]
pub enum NameRefusal {
    /// Another member has it.
    #[error("a member has it already")]
    InUse,
    /// It is no name.
    #[error(transparent)]
    Invalid(#[from] NameError),
    /// The group has as many users of gateways as it can.
    #[error("the chat has as many gateway users as it can hold")]
    TooManyGuests,
}

/// Why a user of a gateway is not a member.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum GuestRefusal {
    /// The leader does not give the name.
    #[error(transparent)]
    Name(#[from] NameRefusal),
    /// There was no leader, or none answered, for 5 s.
    #[error("no leader answered within 5 s: the group is electing one; try again")]
    NoLeader,
}

/// Why a user of a gateway did not do what it wanted.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum GuestError<E> {
    /// It is not a member, or not any more.
    #[error("not a member: join first")]
    NoMember,
    /// As for a member.
    #[error(transparent)]
    Other(#[from] E),
}

/// The member is out of its group: nothing more can be done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("this member has left the group")]
pub struct Ended;

/// Why a text was not said. Nobody heard any of it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SayError {
    /// It is empty or too long.
    #[error(transparent)]
    Text(#[from] TextError),
    /// See [`BacklogFull`].
    #[error(transparent)]
    BacklogFull(#[from] BacklogFull),
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// So much of what was said here waits to be confirmed that no more is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a thousand lines, or 1 MiB, wait to be confirmed: nothing was said; try again when there is a quorum")]
pub struct BacklogFull;

/// Why an entry was not appended.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AppendError {
    /// Longer than [`Node::MAX_ENTRY_BYTES`].
    #[error("{0} bytes are too long for an entry: at most {max}", max = Node::MAX_ENTRY_BYTES)]
    TooLong(usize),
    /// See [`BacklogFull`].
    #[error(transparent)]
    BacklogFull(#[from] BacklogFull),
    /// See [`Ended`]. The entry may be confirmed later, if somebody else has it.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why the history could not be looked up.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum HistoryError {
    /// What was searched for has no word, or too many.
    #[error("{0}")]
    Words(String),
    /// What stands there is no longer in memory: only a member with a data directory keeps all.
    #[error(
        "the history before #{0} is no longer in memory: read from there on, or start this member with a data directory"
    )]
    Gone(u64),
    /// The disk did not give it.
    #[error("the history cannot be read: {0}")]
    Disk(String),
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why nothing was taken over.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TakeoverError {
    /// There is a quorum.
    #[error("there is nothing to take over: messages can be confirmed")]
    Held,
    /// Only the leader can.
    #[error("only the leader can take over{}", .0.as_ref().map_or_else(String::new, |name| format!(": ask {}", name.as_str())))]
    NotLeader(Option<Name>),
    /// Exactly the voters that cannot be reached must be named.
    #[error("exactly the voters that cannot be reached must be named: {}", names(.0))]
    Others(Vec<Name>),
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// A line of the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its place; `None` while it is not confirmed.
    pub index: Option<Index>,
    /// What was said.
    pub message: Message,
}

/// Some lines of the history, in their order: unconfirmed ones last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// The lines.
    pub lines: Vec<Line>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

/// Why a private message was not sent.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MsgError {
    /// There is no such member.
    #[error("there is no member `{}`", crate::text::told(.0))]
    UnknownMember(String),
    /// It is empty or too long.
    #[error(transparent)]
    Text(#[from] TextError),
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why bytes were not cast.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CastError {
    /// Longer than [`Node::MAX_CAST_BYTES`].
    #[error("{0} bytes are too long to cast: at most {max}", max = Node::MAX_CAST_BYTES)]
    TooLong(usize),
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why the leader did not answer a request.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RequestError {
    /// There was no leader, or none answered, for 5 s.
    #[error("no leader answered within 5 s: the group is electing one; try again")]
    NoLeader,
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why there is no value.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CalcError {
    /// The expression is none, or has none.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// See [`RequestError`].
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a program's own request has no answer.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AskError {
    /// The leader has no request of that name.
    #[error("the leader has no request `{}`: every member must have it that may lead", crate::text::escape(.0))]
    Unknown(String),
    /// It is no name for a request.
    #[error("{0} bytes are no name for a request: 1 to {max}", max = Node::MAX_REQUEST_NAME_BYTES)]
    Name(usize),
    /// More bytes than [`Node::MAX_REQUEST_BYTES`].
    #[error("{0} bytes are too long for a request: at most {max}", max = Node::MAX_REQUEST_BYTES)]
    TooLong(usize),
    /// The leader had no quorum for 5 s: it may not be the leader of anybody but itself.
    #[error("the leader has no quorum: nothing was done; try again when there is one")]
    NoQuorum,
    /// The leader does as many at once as it can.
    #[error("the leader does as many requests at once as it can: nothing was done; try again")]
    Busy,
    /// It was tried, and failed.
    #[error("the request failed: {}", crate::text::escape(.0))]
    Failed(String),
    /// See [`RequestError`]. It may have been done, or be done yet.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a request is not served.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ServeError {
    /// It is no name for a request.
    #[error("{0} bytes are no name for a request: 1 to {max}", max = Node::MAX_REQUEST_NAME_BYTES)]
    Name(usize),
    /// Too many are served.
    #[error("no more than {max} requests are served by one member", max = Node::MAX_REQUEST_NAMES)]
    TooMany,
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why a proposal was not put to all.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ProposeError {
    /// There is nothing in it.
    #[error("a proposal needs a text")]
    Empty,
    /// It is too long.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Too many are open.
    #[error("{max} proposals are open, nothing was proposed: decide one of them first", max = crate::proposals::MOST_OPEN)]
    TooMany,
    /// It was not confirmed within 5 s.
    #[error("no quorum within 5 s: the proposal waits, and is put to all when there is one")]
    NoQuorum,
    /// See [`BacklogFull`].
    #[error(transparent)]
    BacklogFull(#[from] BacklogFull),
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why a vote does not count, or not yet.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum VoteError {
    /// There is no such proposal, or it was decided long ago.
    #[error("there is no proposal {0}")]
    UnknownProposal(MessageId),
    /// This member was none when it was put to all.
    #[error("only those vote on a proposal that were members when it was put to all")]
    NotAnElector,
    /// It was not confirmed within 5 s.
    #[error("no quorum within 5 s: the vote waits, and counts if there is one while the proposal is open")]
    NoQuorum,
    /// See [`BacklogFull`].
    #[error(transparent)]
    BacklogFull(#[from] BacklogFull),
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// The ballot under which a leader leads: of two, the later is the greater.
///
/// Whatever a leader changes outside of the group should know the greatest it has seen, and refuse what comes with a lesser one: a
/// leader that was stopped, and does not know that another leads by now, comes with a lesser one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fence(pub(crate) history::Ballot<PeerId>);

impl Fence {
    /// Bytes of constant length that compare as it does.
    pub fn to_bytes(self) -> [u8; 48] {
        let history::Ballot { regime, round, peer } = self.0;
        let by = !u128::from_be_bytes(*regime.by.0.uuid().as_bytes());
        let mut bytes = [0; 48];
        bytes[..8].copy_from_slice(&regime.number.to_be_bytes());
        bytes[8..24].copy_from_slice(&by.to_be_bytes());
        bytes[24..32].copy_from_slice(&round.to_be_bytes());
        bytes[32..].copy_from_slice(peer.uuid().as_bytes());
        bytes
    }
}

/// A program's own request, for the leader to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Who asks.
    pub from: PeerId,
    /// With what.
    pub bytes: Bytes,
    /// See [`Fence`].
    pub fence: Fence,
}

/// What became of a private message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Its id.
    pub message: MessageId,
    /// Whether the recipient's peer acknowledged it: at most 5 s are waited for that.
    pub delivered: bool,
}

/// The leader's list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Members {
    /// The epoch of the leader that answered.
    pub epoch: u64,
    /// That leader.
    pub leader: PeerId,
    /// Every member that it can reach, and itself, in the order of joining.
    pub members: Vec<Member>,
}

/// This peer as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// How each other member that can be reached is reached.
    pub links: Vec<Link>,
    /// Who is linked to whom: all members that can be reached, this one included, the oldest first.
    pub mesh: Vec<Row>,
    /// Who leads, as far as this peer knows.
    pub leader: Option<Leader>,
    /// The greatest epoch it knows.
    pub epoch: u64,
    /// How many members it can reach, itself included.
    pub members: usize,
    /// How many places of the history are confirmed here.
    pub confirmed: u64,
    /// How many lines wait to be confirmed.
    pub unconfirmed: usize,
    /// How many members vote on what is confirmed, lost ones included.
    pub voters: usize,
    /// Whether lines can be confirmed.
    pub quorum: bool,
    /// The voters that cannot be reached.
    pub missing: Vec<Name>,
}

/// How one member is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Whom.
    pub id: PeerId,
    /// That member's name.
    pub name: Name,
    /// Who passes on what goes there, if there is no link of one's own.
    pub through: Option<Name>,
    /// How long a message and its answer take over one's own link, once that was measured.
    pub round_trip: Option<Duration>,
}

/// One member's links, as everybody in its reach knows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Whose.
    pub name: Name,
    /// Whether it is linked to each of [`Status::mesh`], in that order.
    pub linked: Vec<bool>,
}

fn names(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

/// What became of each address, for the one line that a person reads.
fn trouble(attempts: &[(Address, Option<DialError>)]) -> String {
    let each = attempts.iter().map(|(address, error)| match error {
        Some(error) => format!("{address}: {error}"),
        None => format!("{address}: reached, but nobody there admitted this member"),
    });
    each.collect::<Vec<_>>().join("; ")
}
