//! What pools tell each other.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::limits::{LINE_OVERHEAD, MAX_BODY, MAX_HEADS};
use crate::{Index, MessageId, Session};

/// What one pool tells another.
///
/// ```text
/// author  ── Say ──────────────────────▶ everyone reachable
///
/// A       ── Digest { reply: true } ───▶ B      on becoming reachable, and each second to one at random
/// A       ◀─ Digest { reply: false } ─── B
/// A       ── Pull ─────────────────────▶ B      if B has what A lacks (and B likewise)
/// A       ◀─ Say, Say, … ────────────── B
/// A       ◀─ Rest ────────────────────── B      only if that was not all; A pulls again at once
/// ```
///
/// Every message may be lost, repeated or late: the next exchange repairs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A line. From its author when said, from anyone in answer to a [`Pull`](Message::Pull). The receiver takes it
    /// if it is the next of its session, ignores it if it has it, and pulls from the sender if some between are
    /// missing.
    Say(Say),
    /// All the sender has. The receiver pulls what it lacks, and if `reply` is set answers with its own.
    Digest {
        /// One for each session known.
        ranges: Vec<Range>,
        /// Whether the sender wants the receiver's digest in return.
        reply: bool,
    },
    /// The sender lacks these. The receiver answers with lines, up to 256 KiB of them, and with a
    /// [`Rest`](Message::Rest) if they do not reach to the end of each session or cannot begin where asked.
    Pull {
        /// At most one for each session.
        wants: Vec<Want>,
    },
    /// The answer to a pull ends here, and this is what the sender has of the sessions it did not finish. The receiver
    /// goes on pulling.
    Rest {
        /// One for each session not finished.
        ranges: Vec<Range>,
    },
}

/// A line with its author's stamp.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Say {
    /// Its name.
    pub id: MessageId,
    /// The author's Lamport time: above that of every line the author had when it said this one, so above `id.number`.
    pub lamport: u64,
    /// The last confirmed place the author had seen.
    pub after: Option<Index>,
    /// What it directly follows: the lines last shown to the author that no other line shown there followed. At most
    /// [`MAX_HEADS`](crate::MAX_HEADS); the author's own line before it is understood.
    pub heads: Vec<MessageId>,
    /// What was said, opaque here, at most [`MAX_BODY`](crate::MAX_BODY) bytes.
    pub body: Bytes,
}

impl Say {
    /// The bytes it takes to keep or send it, near enough for a bound.
    pub(crate) fn weight(&self) -> usize {
        LINE_OVERHEAD + self.heads.len() * size_of::<MessageId>() + self.body.len()
    }

    /// Whether an honest pool could have sent it to one that has seen no time above `horizon`.
    pub(super) fn is_sound(&self, horizon: u64) -> bool {
        self.id.number < self.lamport
            && self.lamport <= horizon
            && self.heads.len() <= MAX_HEADS
            && self.body.len() <= MAX_BODY
    }
}

/// The lines that a pool has of a session: the numbers from `lo`, up to and without `hi`.
///
/// Empty (`lo == hi`) if it knows the session and keeps none of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Whose lines.
    pub session: Session,
    /// The first number kept.
    pub lo: u64,
    /// The number after the last.
    pub hi: u64,
    /// The Lamport time of the last line known of, kept or not. At least `hi`, since every line raises it.
    pub lamport: u64,
}

impl Range {
    /// Whether an honest pool could have sent it to one that has seen no time above `horizon`.
    pub(super) fn is_sound(&self, horizon: u64) -> bool {
        self.lo <= self.hi && self.hi <= self.lamport && self.lamport <= horizon
    }
}

/// A wish for the lines of a session numbered `from` and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Whose lines.
    pub session: Session,
    /// The first number lacked.
    pub from: u64,
}

/// What a pool had at one moment, for a newcomer to start from: see [`Pool::adopt`](crate::Pool::adopt).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    pub(super) ranges: Vec<Range>,
    /// Sessions forgotten said nothing later than this.
    pub(super) floor: u64,
}
