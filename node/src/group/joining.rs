//! Becoming a member (pure).
//!
//! A peer that was given somebody to join through never leads a group of its own before it has reached somebody.
//! Whoever it reaches tells it of the group; then it asks the leader to be admitted, each heartbeat, until it is. Peers that
//! reach each other but no group for [`ALONE`] make one: the one that ranks highest founds it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use transport::{Address, DialError, PeerId, PeerInfo};

/// How long peers that reach only each other wait for a group to show itself.
const ALONE: Duration = Duration::from_secs(2);

/// What is known on the way into a group.
#[derive(Clone, Debug)]
pub(super) struct Joining {
    me: PeerId,
    priority: u16,
    /// By when it must be done; a founder is done at once.
    deadline: Instant,
    /// Whether it was a member before: then it goes on alone rather than not at all.
    returns: bool,
    /// What became of each address, at last.
    attempts: BTreeMap<Address, Option<DialError>>,
    /// Reached peers that are in no group either, with their priorities.
    newcomers: BTreeMap<PeerId, u16>,
    /// Reached peers that are in a group.
    members: BTreeSet<PeerId>,
    /// Since when only newcomers have been reached.
    alone_since: Option<Instant>,
    /// When the leader is to be asked next.
    pub(super) ask_at: Instant,
    /// Who was taken for the leader when it was last asked. While others join the roster changes many times.
    pub(super) asked: Option<PeerId>,
}

impl Joining {
    pub(super) fn new(me: &PeerInfo, seeds: &[Address], limit: Duration, returns: bool, now: Instant) -> Self {
        Self {
            me: me.id,
            priority: me.priority,
            deadline: now + limit,
            returns,
            attempts: seeds.iter().map(|address| (address.clone(), None)).collect(),
            newcomers: BTreeMap::new(),
            members: BTreeSet::new(),
            alone_since: None,
            ask_at: now,
            asked: None,
        }
    }

    /// A reached peer said whether it is in a group.
    pub(super) fn handle_peer(&mut self, peer: PeerId, priority: u16, in_group: bool, now: Instant) {
        if in_group {
            self.newcomers.remove(&peer);
            self.members.insert(peer);
            self.alone_since = None;
        } else if !self.members.contains(&peer) {
            self.newcomers.insert(peer, priority);
            if self.members.is_empty() {
                self.alone_since.get_or_insert(now);
            }
        }
    }

    /// A peer is lost.
    pub(super) fn handle_lost(&mut self, peer: PeerId, now: Instant) {
        self.newcomers.remove(&peer);
        self.members.remove(&peer);
        self.alone_since = match (self.members.is_empty(), self.newcomers.is_empty()) {
            (true, false) => Some(self.alone_since.unwrap_or(now)),
            _ => None,
        };
    }

    /// An address led nowhere.
    pub(super) fn handle_failure(&mut self, address: Address, error: DialError) {
        self.attempts.insert(address, Some(error));
    }

    /// Whether to found the group: nobody but newcomers for a while, and none of them ranks higher.
    pub(super) fn founds(&self, now: Instant) -> bool {
        self.founds_at().is_some_and(|due| due <= now)
    }

    /// When this peer founds the group, if nothing changes.
    fn founds_at(&self) -> Option<Instant> {
        let outranks =
            |(peer, priority): (&PeerId, &u16)| (self.priority, Reverse(self.me)) > (*priority, Reverse(*peer));
        let since = self.alone_since.filter(|_| self.newcomers.iter().all(outranks))?;
        Some(since + ALONE)
    }

    /// Whether nobody is there, and this peer goes on alone with what it has.
    pub(super) fn goes_on_alone(&self, now: Instant) -> bool {
        self.returns && self.members.is_empty() && self.deadline <= now
    }

    /// What became of each address, once there is no more hope: time is up, or every address refused for good.
    pub(super) fn failed(&self, now: Instant) -> Option<Vec<(Address, Option<DialError>)>> {
        let nobody = self.newcomers.is_empty() && self.members.is_empty();
        let is_final = |error: &Option<DialError>| error.as_ref().is_some_and(DialError::is_final);
        let hopeless = !self.returns && nobody && self.attempts.values().all(is_final);
        (hopeless || self.deadline <= now).then(|| self.attempts.clone().into_iter().collect())
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.founds_at().into_iter().fold(self.deadline.min(self.ask_at), Instant::min)
    }
}
