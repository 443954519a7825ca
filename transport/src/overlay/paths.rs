//! Whom one can reach, and through whom.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::table::{ME, Table};

/// The shortest path to everybody, as far as its first step.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Paths {
    /// Those to whom there is an edge.
    direct: FixedBitSet,
    /// The others, each with the neighbour through which it is reached.
    relayed: BTreeMap<usize, usize>,
    /// All of them.
    reached: FixedBitSet,
}

impl Paths {
    /// Finds them, in breadth; of paths of the same length that of the lowest first id. In a full mesh nothing is searched.
    pub(super) fn find(table: &Table) -> Self {
        let direct = table.edges(ME).clone();
        let mut rest = table.live().clone();
        rest.difference_with(&direct);
        rest.remove(ME);
        let mut relayed = BTreeMap::new();
        let mut frontier: Vec<(usize, usize)> = direct.ones().map(|number| (number, number)).collect();
        while !rest.is_clear() && !frontier.is_empty() {
            frontier.sort_unstable_by_key(|(_, through)| table.id(*through));
            let mut next = Vec::new();
            for (number, through) in frontier {
                let mut found = table.edges(number).clone();
                found.intersect_with(&rest);
                for further in found.ones() {
                    relayed.insert(further, through);
                    next.push((further, through));
                }
                rest.difference_with(&found);
            }
            frontier = next;
        }
        let mut reached = direct.clone();
        relayed.keys().for_each(|number| reached.grow_and_insert(*number));
        Self { direct, relayed, reached }
    }

    /// The neighbour through which a peer is reached; itself, if there is an edge to it.
    pub(super) fn first_step(&self, number: usize) -> Option<usize> {
        if self.direct.contains(number) { Some(number) } else { self.relayed.get(&number).copied() }
    }

    pub(super) fn is_direct(&self, number: usize) -> bool {
        self.direct.contains(number)
    }

    pub(super) fn reaches(&self, number: usize) -> bool {
        self.reached.contains(number)
    }

    /// Everybody who can be reached.
    pub(super) fn reached(&self) -> &FixedBitSet {
        &self.reached
    }

    /// Forgets a peer that has ended, until it is found again.
    pub(super) fn forget(&mut self, number: usize) {
        if self.reached.contains(number) {
            self.reached.remove(number);
            if self.relayed.remove(&number).is_none() {
                self.direct.remove(number);
            }
        }
    }
}
