//! The roles of a peer, each with its own deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::Reason;

/// What a peer is doing; only the `become_*` functions of [`crate::Bully`] change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State<P> {
    /// Not admitted: takes no part.
    Outside,
    /// Hears a leader.
    Following(Following<P>),
    /// Leaves it to somebody else to come forward.
    Waiting(Waiting<P>),
    /// Asks the highest-ranked whether they hear a leader.
    Asking(Asking<P>),
    /// Leads.
    Leading(Leading),
}

/// The role of a peer that hears a leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Following<P> {
    pub(crate) leader: P,
    /// When the leader was last heard, by this peer or by one that said so.
    pub(crate) heard: Instant,
    /// When the silence has lasted too long.
    pub(crate) silent_at: Instant,
    /// Who passed on a turn since the leader was last heard, and is not to be waited for should it be lost.
    pub(crate) passed: BTreeSet<P>,
}

/// The role of a peer that leaves it to somebody else to come forward.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Waiting<P> {
    pub(crate) contest: Contest<P>,
    /// Whose turn it is; `None` if anybody's.
    pub(crate) awaited: Option<P>,
    pub(crate) until: Instant,
    pub(crate) then: Then<P>,
}

/// What follows when nobody came forward.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Then<P> {
    /// Asks, if among the highest-ranked; leaves that to them first, if not.
    Inquire,
    /// Asks the highest-ranked without being one of them.
    Ask,
    /// The next of those that answered has its turn.
    Skip(BTreeSet<P>),
    /// The peer that yielded claims again, if it may.
    Reclaim,
}

/// The role of a peer that asks the highest-ranked whether they hear a leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asking<P> {
    pub(crate) contest: Contest<P>,
    /// Who was asked, and what they said.
    pub(crate) asked: BTreeMap<P, Reply>,
    pub(crate) until: Instant,
}

/// What an asked peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    /// Nothing yet.
    Pending,
    /// That it hears no leader, or none that it heard lately.
    HearsNone,
    /// That it hears one, which the asker however cannot follow.
    HearsAnother,
}

/// What is known while it is being settled who leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Contest<P> {
    /// The leader that is doubted and not given up.
    pub(crate) doubted: Option<P>,
    /// Who is neither asked nor waited for.
    pub(crate) excluded: BTreeSet<P>,
    /// Until when a peer that slept, and so lost everybody, waits for somebody to come back before it leads alone.
    pub(crate) alone_until: Option<Instant>,
    /// Why there is a contest.
    pub(crate) reason: Reason<P>,
}

/// The role of a peer that leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leading {
    pub(crate) claimed: Instant,
    pub(crate) heartbeat_at: Instant,
    pub(crate) sequence: u64,
}

impl<P: Copy + Ord> State<P> {
    /// The leader that this peer acknowledges, of which it may be in doubt; `me` if it leads.
    pub(crate) fn leader(&self, me: P) -> Option<P> {
        match self {
            Self::Outside => None,
            Self::Following(following) => Some(following.leader),
            Self::Waiting(waiting) => waiting.contest.doubted,
            Self::Asking(asking) => asking.contest.doubted,
            Self::Leading(_) => Some(me),
        }
    }

    /// When this role has something to do by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Outside => None,
            Self::Following(following) => Some(following.silent_at),
            Self::Waiting(waiting) => Some(waiting.until),
            Self::Asking(asking) => Some(asking.until),
            Self::Leading(leading) => Some(leading.heartbeat_at),
        }
    }
}

impl<P: Copy + Ord> Following<P> {
    /// The contest that begins if the leader is lost.
    pub(crate) fn contest(&self, reason: Reason<P>) -> Contest<P> {
        let mut contest = Contest::new(reason);
        contest.excluded.clone_from(&self.passed);
        contest.excluded.insert(self.leader);
        contest
    }
}

impl<P: Copy + Ord> Contest<P> {
    /// A contest with nobody excluded.
    pub(crate) fn new(reason: Reason<P>) -> Self {
        Self { doubted: None, excluded: BTreeSet::new(), alone_until: None, reason }
    }

    /// Gives up the leader that was doubted.
    pub(crate) fn give_up(&mut self) {
        if let Some(leader) = self.doubted.take() {
            self.excluded.insert(leader);
        }
    }
}

impl<P: Copy + Ord> Asking<P> {
    /// Who answered, and hears no leader.
    pub(crate) fn without_leader(&self) -> BTreeSet<P> {
        let without = |reply: Reply| reply == Reply::HearsNone;
        self.asked.iter().filter(|&(_, &reply)| without(reply)).map(|(&peer, _)| peer).collect()
    }

    /// Whether everybody has answered.
    pub(crate) fn is_complete(&self) -> bool {
        self.asked.values().all(|&reply| reply != Reply::Pending)
    }
}
