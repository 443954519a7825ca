//! What a member's owner gets back: answers, and what can go wrong, one enum an operation.

use std::time::Duration;

use history::MessageId;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use transport::{Address, DialError, PeerId};

use crate::config::ConfigError;
use crate::event::{Leader, Member};
use crate::name::{Name, NameError};
use crate::node::Node;
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
    /// See [`Ended`].
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why a private message was not sent.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MsgError {
    /// There is no such member.
    #[error("there is no member `{}`", crate::text::escape(.0))]
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

/// What became of each address, for the one line that a person reads.
fn trouble(attempts: &[(Address, Option<DialError>)]) -> String {
    let each = attempts.iter().map(|(address, error)| match error {
        Some(error) => format!("{address}: {error}"),
        None => format!("{address}: reached, but nobody there admitted this member"),
    });
    each.collect::<Vec<_>>().join("; ")
}
