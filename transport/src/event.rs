//! What the mesh tells the layers above.

use std::fmt;

use bytes::Bytes;

use crate::control::Refusal;
use crate::peer::{Address, PeerId, PeerInfo};

/// What happened. For one peer the order is always `Reachable`, frames, `Unreachable`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Frames can be exchanged with this peer.
    Reachable {
        /// What it says of itself.
        peer: PeerInfo,
        /// Whether over a link to it, rather than through others.
        direct: bool,
    },
    /// A peer in reach is reached another way from here on. What was on its way over a link that ended may be lost.
    Path {
        /// Which peer.
        peer: PeerId,
        /// Whether over a link to it, rather than through others.
        direct: bool,
    },
    /// They no longer can, or, for a peer that already was unreachable, more is known of why.
    Unreachable {
        /// Which peer.
        peer: PeerId,
        /// Why.
        reason: Unreachable,
    },
    /// Messages from a reachable peer, in the order sent within their class. They share one buffer: copy what is kept.
    Frames {
        /// Who sent them.
        from: PeerId,
        /// At least one.
        frames: Vec<Bytes>,
    },
    /// Another process has this peer's identity: one of the two must go.
    IdInUse,
    /// An address to join through led nowhere. It is tried again until it leads somewhere.
    SeedFailed {
        /// The address as it was given.
        address: Address,
        /// Why.
        error: DialError,
    },
}

/// Why a peer cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreachable {
    /// It said goodbye.
    Left,
    /// Its end of the connection was closed or reset: most likely its process ended.
    Ended,
    /// It proved no life for the timeout: hung, cut off, or heard in one direction only.
    Silent,
    /// It took too little from a queue that was behind, for the timeout.
    Slow,
    /// A newer connection of the same peer took its place.
    Replaced,
    /// It sent what no peer sends.
    Malformed,
    /// No path to it is left, although its own links may be well.
    CutOff,
    /// It has ended and begun anew.
    Restarted,
    /// Its process is known to be gone: after its end, its address refused, or answered with another identity.
    Gone,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "it left",
            Self::Ended => "its connection ended",
            Self::Silent => "it went silent",
            Self::Slow => "it took too little from its queue",
            Self::Replaced => "a newer connection took its place",
            Self::Malformed => "it sent a malformed frame",
            Self::CutOff => "no path to it is left",
            Self::Restarted => "it was started anew",
            Self::Gone => "its process is gone",
        })
    }
}

/// Why a dial did not make a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DialError {
    /// The name has no address.
    Resolve(String),
    /// The operating system could not connect.
    Connect(String),
    /// Nothing listens there: the address refused.
    NobodyThere,
    /// It took longer than the timeout to answer.
    TimedOut,
    /// What answered is no peer, or broke off.
    NoPeer(String),
    /// A peer answered, and refused.
    Refused(Refusal),
}

impl DialError {
    /// Whether trying again can't help until somebody changes something.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_final())
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "the name has no address ({error})"),
            Self::Connect(error) => write!(f, "no connection ({error})"),
            Self::NobodyThere => f.write_str("nobody listens there"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::NoPeer(error) => write!(f, "what answers there is no peer ({error})"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}
