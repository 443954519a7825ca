//! One process: a production overlay and a production mind, and what the transport would know beside them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use history::{Entries, Read};
use node::group::{Done, Group};
use transport::overlay::Overlay;
use transport::{Address, DialError, PeerId, PeerInfo};

use super::disk::Disk;
use super::link::{LinkId, Payload};

/// What is dialled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Target {
    Seed(Address),
    Member(PeerId),
}

/// Something that one process is told, sooner or later.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// Over a link, at this end of it.
    Arrival(LinkId, usize, Payload),
    /// A target is to be dialled.
    Dial(Target),
    /// What became of a dial: who answered, or what went wrong.
    Dialled(Target, Result<PeerId, DialError>),
    /// What was written up to this ticket is on the disk.
    Written(u64),
    /// What was read.
    Read(Read<PeerId>, Entries<PeerId>),
    /// Whether the disk keeps up.
    DiskFit(bool),
    /// What it did as the leader.
    Done(PeerId, u64, Done),
}

#[derive(Debug)]
pub(super) struct Peer {
    /// Which process of all that ever ran.
    pub(super) run: u32,
    pub(super) info: Rc<PeerInfo>,
    pub(super) overlay: Overlay,
    pub(super) group: Group,
    /// The links that are up at this end.
    pub(super) links: BTreeMap<PeerId, LinkId>,
    /// Those and the ones that are on their way up or down.
    pub(super) connections: BTreeSet<LinkId>,
    pub(super) registry: Registry,
    pub(super) paused: bool,
    pub(super) paused_at: Option<Instant>,
    /// What has come while it was paused.
    pub(super) held: VecDeque<Input>,
    pub(super) wake_at: Option<Instant>,
    /// What survives it, if it has one.
    pub(super) disk: Option<Disk>,
    /// By how much its wall clock is wrong, in milliseconds.
    pub(super) clock_ms: i64,
}

/// What the transport's registry knows of addresses.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// Each with the peer that it led to.
    pub(super) seeds: BTreeMap<Address, Option<PeerId>>,
    pub(super) book: BTreeMap<PeerId, Address>,
    /// What is being dialled, and the next pause.
    pub(super) dialling: BTreeMap<Target, Duration>,
    /// Members whose link ended by their end of the connection.
    pub(super) ended: BTreeSet<PeerId>,
    /// Members at whose address another answers, and who could be reached all the same.
    pub(super) vacated: BTreeSet<PeerId>,
}

impl Peer {
    /// Whether a target is to be dialled.
    pub(super) fn wants(&self, target: &Target) -> bool {
        match target {
            Target::Member(peer) => self.registry.book.contains_key(peer) && !self.links.contains_key(peer),
            Target::Seed(address) => {
                let found = self.registry.seeds.get(address);
                found.is_some_and(|found| !found.is_some_and(|peer| self.links.contains_key(&peer)))
            }
        }
    }

    /// When something is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.group.poll_timeout().into_iter().chain(self.overlay.poll_timeout()).min()
    }
}
