//! Who lives, and which links are up: the truth, of which each peer learns in its own time.

use crate::{Id, PEERS_MAX};

/// A set of peers, one bit each.
pub(crate) type Set = u8;

/// The links that are up. A peer reaches whom a chain of links leads to, as the transport's overlay makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Links {
    alive: Set,
    /// Of each peer, whom it has a link to.
    up: [Set; PEERS_MAX],
}

impl Links {
    /// Everybody linked to everybody of the same island.
    pub(crate) fn of(islands: &[Set]) -> Self {
        let mut links = Self { alive: 0, up: [0; PEERS_MAX] };
        for &island in islands {
            links.alive |= island;
            for peer in members(island) {
                links.up[usize::from(peer)] = island & !bit(peer);
            }
        }
        links
    }

    pub(crate) fn crash(&mut self, peer: Id) {
        self.alive &= !bit(peer);
        self.cut(bit(peer));
    }

    /// Takes down every link between `side` and the rest.
    pub(crate) fn cut(&mut self, side: Set) {
        for (peer, up) in (0..).zip(&mut self.up) {
            *up &= if side & bit(peer) == 0 { !side } else { side };
        }
    }

    /// Takes down one link.
    pub(crate) fn unlink(&mut self, one: Id, other: Id) {
        self.up[usize::from(one)] &= !bit(other);
        self.up[usize::from(other)] &= !bit(one);
    }

    /// Brings every link up.
    pub(crate) fn mend(&mut self) {
        *self = Self::of(&[self.alive]);
    }

    pub(crate) fn is_whole(&self) -> bool {
        *self == Self::of(&[self.alive])
    }

    pub(crate) fn alive(&self) -> impl Iterator<Item = Id> + use<> {
        members(self.alive)
    }

    pub(crate) fn lives(&self, peer: Id) -> bool {
        self.alive & bit(peer) != 0
    }

    pub(crate) fn is_up(&self, one: Id, other: Id) -> bool {
        self.up[usize::from(one)] & bit(other) != 0
    }

    pub(crate) fn reaches(&self, from: Id, to: Id) -> bool {
        self.lives(from) && self.lives(to) && self.island(from) & bit(to) != 0
    }

    /// Everybody that a chain of links leads to, the peer itself included.
    pub(crate) fn island(&self, peer: Id) -> Set {
        let mut island = bit(peer);
        for _ in 1..PEERS_MAX {
            island = members(island).fold(island, |island, peer| island | self.up[usize::from(peer)]);
        }
        island
    }

    /// Each way to cut an island in two, given as the side that has its lowest peer.
    pub(crate) fn cuts(&self) -> impl Iterator<Item = Set> {
        (1..=self.alive).filter(|&side| {
            let island = self.island(lowest(side));
            side & !island == 0 && side != island && lowest(side) == lowest(island)
        })
    }
}

/// The set of one peer.
pub(crate) fn bit(peer: Id) -> Set {
    1 << peer
}

fn lowest(set: Set) -> Id {
    u8::try_from(set.trailing_zeros()).expect("a set has eight bits")
}

fn members(set: Set) -> impl Iterator<Item = Id> + use<> {
    (0..8).filter(move |&peer| set & bit(peer) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_an_island_and_a_cut_ends_it() {
        let mut links = Links::of(&[0b111]);
        links.unlink(0, 2);
        assert!(links.reaches(0, 2) && !links.is_up(0, 2));
        links.cut(0b001);
        assert!(!links.reaches(0, 1) && links.reaches(1, 2));
        links.mend();
        links.crash(1);
        assert!(links.is_up(0, 2) && !links.reaches(0, 1));
    }

    #[test]
    fn an_island_is_cut_in_each_way_once() {
        assert_eq!(Links::of(&[0b111]).cuts().collect::<Vec<_>>(), [0b001, 0b011, 0b101]);
        assert_eq!(Links::of(&[0b001, 0b110]).cuts().collect::<Vec<_>>(), [0b010]);
        assert_eq!(Links::of(&[0b1111]).cuts().count(), 7);
    }
}
