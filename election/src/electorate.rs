//! Whom this peer can reach, which of them are members, and with which ranks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Instant;

use crate::Rank;
use crate::config::WEIGHT_WINDOW;

/// The members with their ranks, and the peers that can be reached; who is both is a candidate.
///
/// Bounded by what the layer above reports: the roster, and the peers that are reachable at one time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Electorate<P> {
    members: BTreeMap<P, Member<P>>,
    contacts: BTreeMap<P, Contact>,
}

/// A peer that may be elected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Member<P> {
    rank: Rank<P>,
    /// On the roster. One that is not is the leader of a group met just now, and is forgotten with its contact.
    listed: bool,
}

/// A peer that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Contact {
    since: Instant,
    linked: bool,
}

impl<P: Copy + Ord + Debug> Electorate<P> {
    pub(crate) fn new() -> Self {
        Self { members: BTreeMap::new(), contacts: BTreeMap::new() }
    }

    /// Replaces the roster; gives the candidates that this adds.
    pub(crate) fn list(&mut self, ranks: &[Rank<P>]) -> BTreeSet<P> {
        let before: BTreeSet<P> = self.candidates().map(|rank| rank.peer).collect();
        self.members = ranks.iter().map(|&rank| (rank.peer, Member { rank, listed: true })).collect();
        self.candidates().map(|rank| rank.peer).filter(|peer| !before.contains(peer)).collect()
    }

    /// Notes the rank that a member declares of itself.
    pub(crate) fn declare(&mut self, rank: Rank<P>) {
        if let Some(member) = self.members.get_mut(&rank.peer) {
            member.rank = rank;
        }
    }

    /// Takes a reachable leader into the electorate that is not on the roster.
    pub(crate) fn take_in(&mut self, rank: Rank<P>) {
        if self.reaches(rank.peer) {
            let listed = false;
            self.members.entry(rank.peer).or_insert(Member { rank, listed });
        }
    }

    /// Notes a peer as reachable; `false` if it was.
    pub(crate) fn reach(&mut self, peer: P, now: Instant) -> bool {
        let new = !self.reaches(peer);
        let contact = Contact { since: now, linked: true };
        self.contacts.entry(peer).or_insert(contact);
        new
    }

    /// Notes a peer as unreachable.
    pub(crate) fn lose(&mut self, peer: P) {
        self.contacts.remove(&peer);
        if self.members.get(&peer).is_some_and(|member| !member.listed) {
            self.members.remove(&peer);
        }
    }

    /// Notes whether the own link to a reachable peer is up.
    pub(crate) fn link(&mut self, peer: P, up: bool) {
        if let Some(contact) = self.contacts.get_mut(&peer) {
            contact.linked = up;
        }
    }

    /// Whether the roster has anybody but `me`.
    pub(crate) fn has_others(&self, me: P) -> bool {
        self.members.keys().any(|peer| *peer != me)
    }

    pub(crate) fn reaches(&self, peer: P) -> bool {
        self.contacts.contains_key(&peer)
    }

    /// Since when `peer` has been reachable without a break.
    pub(crate) fn since(&self, peer: P) -> Option<Instant> {
        self.contacts.get(&peer).map(|contact| contact.since)
    }

    /// Whether the peer is reached, if at all, through others only.
    pub(crate) fn is_unlinked(&self, peer: P) -> bool {
        self.contacts.get(&peer).is_some_and(|contact| !contact.linked)
    }

    pub(crate) fn rank(&self, peer: P) -> Option<Rank<P>> {
        self.members.get(&peer).map(|member| member.rank)
    }

    /// Everybody that can be reached, member or not.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = P> {
        self.contacts.keys().copied()
    }

    /// The ranks of the members that can be reached.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = Rank<P>> {
        self.contacts.keys().filter_map(|peer| Some(self.members.get(peer)?.rank))
    }

    /// How many members have been reached without a break for [`WEIGHT_WINDOW`].
    pub(crate) fn weight(&self, now: Instant) -> u32 {
        let settled =
            |peer: P| self.since(peer).is_some_and(|since| now.saturating_duration_since(since) >= WEIGHT_WINDOW);
        let count = self.candidates().filter(|rank| settled(rank.peer)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rank(peer: u8) -> Rank<u8> {
        Rank { priority: 0, seniority: u64::from(peer), peer }
    }

    #[test]
    fn a_member_weighs_after_two_seconds_without_a_break() {
        let start = crate::clock::start();
        let mut electorate = Electorate::new();
        electorate.list(&[rank(1), rank(2), rank(3)]);
        electorate.reach(1, start);
        electorate.reach(2, start);
        electorate.reach(9, start);
        let later = start + Duration::from_secs(1);
        electorate.lose(2);
        electorate.reach(2, later);

        assert_eq!(electorate.weight(start), 0);
        assert_eq!(electorate.weight(start + WEIGHT_WINDOW), 1);
        assert_eq!(electorate.weight(later + WEIGHT_WINDOW), 2);
    }

    #[test]
    fn a_leader_taken_in_is_forgotten_with_its_contact() {
        let start = crate::clock::start();
        let mut electorate = Electorate::new();
        electorate.take_in(rank(9));
        assert_eq!(electorate.rank(9), None, "not reachable");
        electorate.reach(9, start);
        electorate.take_in(rank(9));
        assert_eq!(electorate.rank(9), Some(rank(9)));
        electorate.lose(9);
        assert_eq!(electorate.rank(9), None);
    }
}
