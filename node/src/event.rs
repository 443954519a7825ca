//! What a member hears of its group.

use bytes::Bytes;
use history::{Index, MessageId};
use transport::{Address, PeerId};

use crate::name::Name;
use crate::proposals::Proposal;
use crate::timestamp::Timestamp;

/// Something happened in the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A member joined; oneself, first of all, too.
    Joined {
        /// Its identity.
        id: PeerId,
        /// Its name.
        name: Name,
        /// Where it is dialled; of one that uses a gateway: where that gateway's peer is.
        address: Address,
        /// How it takes part.
        via: Via,
    },
    /// A member left or cannot be reached.
    Left {
        /// Its identity.
        id: PeerId,
        /// Its name.
        name: Name,
        /// Which of the two.
        reason: LeftReason,
        /// What this peer knows of why, as a clause for people.
        detail: String,
    },
    /// Two groups met, and both had a member of that name.
    Renamed {
        /// Whose name changed.
        id: PeerId,
        /// What it was.
        from: Name,
        /// What it is.
        to: Name,
    },
    /// Another leader, or none for the time being.
    Leader(Option<Leader>),
    /// Something was said to everyone; by oneself too. Once per message.
    Message(Message),
    /// This message has its place in everyone's history now.
    Confirmed {
        /// Which message.
        id: MessageId,
        /// Its place.
        index: Index,
    },
    /// After a wrong takeover this message, or entry, lost its place and waits for another: the only event that takes a
    /// confirmation back.
    Unconfirmed {
        /// Which.
        id: MessageId,
        /// The place it had.
        was: Index,
    },
    /// A program's own entry is confirmed: in the same order at every member, each once. A newcomer is told of those before it, as
    /// far as others still have them.
    Entry(Entry),
    /// Whether messages can be confirmed has changed, or who is missing while they cannot.
    Quorum {
        /// Whether more than half of the voters can be reached.
        held: bool,
        /// The voters that cannot.
        missing: Vec<Name>,
    },
    /// The disk takes nothing any more, or takes it again.
    Disk {
        /// Why it takes nothing; `None`: it does again.
        trouble: Option<String>,
    },
    /// The history is not as it must be: somebody should look.
    Alarm(String),
    /// Something was said to this member alone.
    Private(Private),
    /// Bytes that a member cast.
    Cast {
        /// Who cast them.
        from: PeerId,
        /// A slice of a larger buffer: copy what is kept.
        bytes: Bytes,
    },
    /// So many lines of one author are lost to this member: it was away for longer than anybody keeps them.
    Skipped {
        /// How many.
        lines: u64,
    },
    /// The events were not taken from the stream in time, and so many of the oldest were discarded.
    Lagged {
        /// How many.
        events: u64,
    },
    /// The last event of all: this member is out of the group.
    Bye(ByeReason),
    /// A proposal is put to all members, or does not stand as it did.
    Proposal(Proposal),
}

impl Event {
    /// How many bytes of what somebody said or cast it holds.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.text.len(),
            Self::Private(private) => private.text.len(),
            Self::Entry(entry) => entry.bytes.len(),
            Self::Cast { bytes, .. } => bytes.len(),
            Self::Proposal(proposal) => proposal.text.len(),
            _ => 0,
        }
    }
}

/// How a member takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// As a peer, linked to all others.
    Peer,
    /// As a client of a peer's gateway.
    Gateway,
}

impl Via {
    /// The word for it in JSON and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Gateway => "gateway",
        }
    }
}

/// Why a member is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeftReason {
    /// It said goodbye.
    Left,
    /// It crashed, hangs, or cannot be reached.
    Failed,
}

impl LeftReason {
    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Failed => "failed",
        }
    }
}

/// Why this member is out of the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByeReason {
    /// It was asked to leave.
    Left,
    /// Another run of the same peer, or a fault within.
    Fault,
}

/// Who leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leader {
    /// Its identity.
    pub id: PeerId,
    /// Its name.
    pub name: Name,
    /// Raised by every claim of leadership; equal ones are ordered by `id`.
    pub epoch: u64,
    /// Whether that is oneself.
    pub me: bool,
    /// Why this peer and not another, and what happened to the one before it, as a clause for people.
    pub reason: String,
    /// Since when it leads.
    pub since: Timestamp,
}

/// Something said to everyone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Unique for ever.
    pub id: MessageId,
    /// The author's name when it was said.
    pub from: Name,
    /// The author.
    pub from_id: PeerId,
    /// What was said, as it was said: escape it before it is shown.
    pub text: String,
    /// When, by the author's clock.
    pub sent_at: Timestamp,
    /// Whether it was said before this member joined, or before it last ended.
    pub earlier: bool,
}

/// A program's own entry in the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its place.
    pub index: Index,
    /// Unique for ever.
    pub id: MessageId,
    /// Who appended it.
    pub from: PeerId,
    /// The program's word for what it is.
    pub kind: u16,
    /// What was appended.
    pub bytes: Bytes,
}

/// Something said to one member alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Private {
    /// Unique for ever.
    pub id: MessageId,
    /// The author's name.
    pub from: Name,
    /// The author.
    pub from_id: PeerId,
    /// The recipient's name.
    pub to: Name,
    /// What was said, as it was said: escape it before it is shown.
    pub text: String,
    /// When, by the author's clock.
    pub sent_at: Timestamp,
}

/// One member, as the leader's list has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its identity.
    pub id: PeerId,
    /// Its name.
    pub name: Name,
    /// Where it is dialled; of one that uses a gateway: where that gateway's peer is.
    pub address: Address,
    /// The higher leads.
    pub priority: u16,
    /// Whether it leads.
    pub leader: bool,
    /// When it was admitted, by the clock of the leader that admitted it.
    pub joined_at: Timestamp,
    /// How it takes part.
    pub via: Via,
}
