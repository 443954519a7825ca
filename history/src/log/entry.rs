//! What stands in the log, and the bytes that stand for it in the running hash.

use std::fmt::Debug;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::limits::ENTRY_OVERHEAD;
use crate::{Regime, Say, Session};

/// What names a peer here: small, ordered, and a number that is the same on every machine.
pub trait Peer: Copy + Ord + Debug + Into<u128> {}

impl<P: Copy + Ord + Debug + Into<u128>> Peer for P {}

/// One place of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Entry<P> {
    /// A line that was said.
    Line(Say),
    /// Who confirms what follows.
    Config(Config<P>),
    /// Something the leader put down for the program above (a member joined, a proposal expired). A leader's death may
    /// make it appear twice or never, so its meaning has to bear that.
    Note {
        /// Which kind of note, for the program above.
        tag: u16,
        /// Opaque here.
        body: Bytes,
    },
    /// The lines of a session below `next` count as applied: when the leader put this down, nobody in reach had them. They
    /// were confirmed in a history that was given up, and no memory or disk kept them.
    Skip {
        /// Whose lines.
        session: Session,
        /// The number to be applied next.
        next: u64,
    },
}

/// A configuration: whose acknowledgements confirm the entries after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config<P> {
    /// Ascending, at least one, at most [`VOTERS_MAX`](crate::VOTERS_MAX).
    pub voters: Vec<P>,
    /// Whose half outvotes the other half: the highest-ranked voter when this was made.
    pub tie_breaker: P,
    /// Of a takeover, where it left the history before.
    pub fork: Option<Fork<P>>,
}

/// Where a takeover left the history before it. Its configuration decides itself, by its own voters, and everything up to
/// here along with itself: a person has said that the voters before it are dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fork<P> {
    /// The regime that the takeover begins.
    pub regime: Regime<P>,
    /// The last place in common with the regime before.
    pub index: u64,
    /// The running hash there.
    pub hash: RunningHash,
}

/// A digest of the log up to some place: H(i) = SHA-256(H(i-1), entry i), and zeros before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunningHash([u8; 32]);

impl RunningHash {
    /// The digest after one more entry.
    #[must_use]
    pub fn then<P: Peer>(&self, entry: &Entry<P>) -> Self {
        let mut gathered = Gathered { hasher: Sha256::new(), bytes: [0; 256], len: 0 };
        gathered.feed(&self.0);
        entry.feed(&mut |bytes| gathered.feed(bytes));
        Self(gathered.finish())
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The many small fields of an entry, hashed at once.
struct Gathered {
    hasher: Sha256,
    bytes: [u8; 256],
    len: usize,
}

impl Gathered {
    fn feed(&mut self, bytes: &[u8]) {
        if self.len + bytes.len() > self.bytes.len() {
            self.hasher.update(&self.bytes[..self.len]);
            self.len = 0;
        }
        if bytes.len() > self.bytes.len() {
            return self.hasher.update(bytes);
        }
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.bytes[..self.len]);
        self.hasher.finalize().into()
    }
}

impl<P: Peer> Entry<P> {
    /// The bytes it takes to keep or send it, near enough for a bound.
    pub fn weight(&self) -> usize {
        ENTRY_OVERHEAD
            + match self {
                Self::Line(say) => say.weight(),
                Self::Config(config) => config.voters.len() * size_of::<P>(),
                Self::Note { body, .. } => body.len(),
                Self::Skip { .. } => 0,
            }
    }

    pub(super) fn config(&self) -> Option<&Config<P>> {
        match self {
            Self::Config(config) => Some(config),
            _ => None,
        }
    }

    /// The regime that begins with it, at this place: the first configuration of all founds one, a fork takes over.
    pub(super) fn begins(&self, place: u64) -> Option<Regime<P>> {
        let config = self.config()?;
        match config.fork {
            Some(fork) => Some(fork.regime),
            None => (place == 1).then(|| Regime::founded(config.tie_breaker)),
        }
    }

    /// Whether an honest log could have it at this place.
    pub(super) fn is_sound(&self, place: u64) -> bool {
        match self.config() {
            Some(config) => config.is_sound() && (place > 1 || config.fork.is_none()),
            None => place > 1,
        }
    }

    /// Its stable bytes: a kind, then each field in order, numbers big-endian, lengths before what has one.
    fn feed(&self, out: &mut impl FnMut(&[u8])) {
        match self {
            Self::Line(say) => {
                out(&[0]);
                out(say.id.session.uuid().as_bytes());
                out(&say.id.number.to_be_bytes());
                out(&say.lamport.to_be_bytes());
                out(&say.after.map_or(0, crate::Index::number).to_be_bytes());
                out(&(say.heads.len() as u64).to_be_bytes());
                for head in &say.heads {
                    out(head.session.uuid().as_bytes());
                    out(&head.number.to_be_bytes());
                }
                out(&(say.body.len() as u64).to_be_bytes());
                out(&say.body);
            }
            Self::Config(config) => {
                out(&[1]);
                out(&(config.voters.len() as u64).to_be_bytes());
                for voter in &config.voters {
                    out(&peer_bytes(*voter));
                }
                out(&peer_bytes(config.tie_breaker));
                match config.fork {
                    None => out(&[0]),
                    Some(fork) => {
                        out(&[1]);
                        out(&fork.regime.number.to_be_bytes());
                        out(&peer_bytes(fork.regime.by.0));
                        out(&fork.index.to_be_bytes());
                        out(&fork.hash.0);
                    }
                }
            }
            Self::Note { tag, body } => {
                out(&[2]);
                out(&tag.to_be_bytes());
                out(&(body.len() as u64).to_be_bytes());
                out(body);
            }
            Self::Skip { session, next } => {
                out(&[3]);
                out(session.uuid().as_bytes());
                out(&next.to_be_bytes());
            }
        }
    }
}

fn peer_bytes<P: Into<u128>>(peer: P) -> [u8; 16] {
    peer.into().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_hashed_are_these_for_ever() {
        let mut bytes = Vec::new();
        let config = Config { voters: vec![1_u8, 2], tie_breaker: 2, fork: None };
        Entry::Config(config).feed(&mut |piece| bytes.extend_from_slice(piece));
        let number = |last: u8| [[0; 15].as_slice(), &[last]].concat();
        assert_eq!(bytes, [vec![1], vec![0, 0, 0, 0, 0, 0, 0, 2], number(1), number(2), number(2), vec![0]].concat());
    }

    #[test]
    fn the_order_of_entries_changes_the_hash() {
        let note = |tag| Entry::<u8>::Note { tag, body: Bytes::new() };
        let start = RunningHash::default();
        assert_ne!(start.then(&note(1)).then(&note(2)), start.then(&note(2)).then(&note(1)));
    }
}
