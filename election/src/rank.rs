//! Why this peer leads and not that one.

use std::cmp::{Ordering, Reverse};

use serde::{Deserialize, Serialize};

/// The standing of one member: its `Ord` is the bully order, and the greatest leads.
///
/// A higher priority leads; among equals the one that joined first; among those (two groups founded apart have both a
/// member number 0) the lowest id. The order is total, so that of any set of members exactly one is the highest. A
/// clock plays no part: a machine that believes it is 1970 must not lead every group.
///
/// Each message declares its sender's rank and nobody looks up another's, so a rank that changes (a member that is
/// admitted again gets a new number) is known to its readers as soon as its owner speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rank<P> {
    /// What the person who started the peer asked for; the greater leads.
    pub priority: u16,
    /// The join number that the leader gave on admission; the lesser leads, so by default the first member does.
    pub seniority: u64,
    /// The peer itself; the lesser leads.
    pub peer: P,
}

impl<P: Ord> Ord for Rank<P> {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = |rank: &Self| (rank.priority, Reverse(rank.seniority));
        order(self).cmp(&order(other)).then_with(|| other.peer.cmp(&self.peer))
    }
}

impl<P: Ord> PartialOrd for Rank<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(priority: u16, seniority: u64, peer: u8) -> Rank<u8> {
        Rank { priority, seniority, peer }
    }

    #[test]
    fn a_higher_priority_outranks_an_older_member() {
        assert!(rank(1, 9, 9) > rank(0, 0, 0));
    }

    #[test]
    fn among_equal_priorities_the_older_member_leads() {
        assert!(rank(0, 1, 9) > rank(0, 2, 0));
    }

    #[test]
    fn the_lower_id_breaks_a_tie() {
        assert!(rank(0, 0, 1) > rank(0, 0, 2));
        assert_eq!(rank(0, 0, 1).cmp(&rank(0, 0, 1)), Ordering::Equal);
    }
}
