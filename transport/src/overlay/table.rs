//! Everybody's link states, and the edges that follow from them.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::message::{LinkState, Version};
use crate::control::Farewell;
use crate::peer::{PeerId, PeerInfo};

/// How many peers a table knows, those that are only named as somebody's neighbours included. Beyond this new ones are ignored.
const LIMIT: usize = 4096;

/// One's own place in one's own table.
pub(super) const ME: usize = 0;

/// Peers by number, so that a set of them is a few words.
#[derive(Clone, Debug)]
pub(super) struct Table {
    places: Vec<Place>,
    numbers: BTreeMap<PeerId, usize>,
    /// Whose state is known, and is not their last.
    live: FixedBitSet,
}

#[derive(Clone, Debug)]
struct Place {
    id: PeerId,
    state: Option<Known>,
    /// Whom it lists as its neighbours.
    listed: FixedBitSet,
    /// Who of them lists it as well.
    edges: FixedBitSet,
}

/// What a link state says beside the links.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) info: PeerInfo,
    pub(super) version: u64,
    pub(super) farewell: Option<Farewell>,
}

impl Table {
    /// A table with oneself in it.
    pub(super) fn new(me: PeerInfo) -> Self {
        let mut table = Self { places: Vec::new(), numbers: BTreeMap::new(), live: FixedBitSet::new() };
        let place = table.place(me.id);
        debug_assert_eq!(place, Some(ME), "the first place is one's own");
        table.set_known(ME, Known { info: me, version: 0, farewell: None });
        table
    }

    /// The number of a peer, which gets one if there is room.
    pub(super) fn place(&mut self, id: PeerId) -> Option<usize> {
        if let Some(number) = self.numbers.get(&id) {
            return Some(*number);
        }
        let number = self.places.len();
        if number == LIMIT {
            return None;
        }
        self.places.push(Place { id, state: None, listed: FixedBitSet::new(), edges: FixedBitSet::new() });
        self.numbers.insert(id, number);
        Some(number)
    }

    pub(super) fn number(&self, id: PeerId) -> Option<usize> {
        self.numbers.get(&id).copied()
    }

    pub(super) fn id(&self, number: usize) -> PeerId {
        self.places[number].id
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn known(&self, number: usize) -> Option<&Known> {
        self.places[number].state.as_ref()
    }

    pub(super) fn known_mut(&mut self, number: usize) -> Option<&mut Known> {
        self.places[number].state.as_mut()
    }

    /// Whose state is known, and is not their last.
    pub(super) fn live(&self) -> &FixedBitSet {
        &self.live
    }

    pub(super) fn set_known(&mut self, number: usize, known: Known) {
        self.live.grow(number + 1);
        self.live.set(number, known.farewell.is_none());
        self.places[number].state = Some(known);
    }

    /// A state is believed no longer: its peer has ended.
    pub(super) fn unknow(&mut self, number: usize) {
        for other in self.places[number].listed.clone().ones() {
            self.list(number, other, false);
        }
        self.places[number].state = None;
        self.live.grow(number + 1);
        self.live.set(number, false);
    }

    /// `a` lists `b` as its neighbour, or does not.
    pub(super) fn list(&mut self, a: usize, b: usize, listed: bool) {
        set(&mut self.places[a].listed, b, listed);
        let edge = listed && self.places[b].listed.contains(a);
        set(&mut self.places[a].edges, b, edge);
        set(&mut self.places[b].edges, a, edge);
    }

    /// Replaces all that `a` lists.
    pub(super) fn list_exactly(&mut self, a: usize, neighbours: &FixedBitSet) {
        let before = self.places[a].listed.clone();
        for gone in before.difference(neighbours) {
            self.list(a, gone, false);
        }
        for come in neighbours.difference(&before) {
            self.list(a, come, true);
        }
    }

    pub(super) fn lists(&self, a: usize, b: usize) -> bool {
        self.places[a].listed.contains(b)
    }

    /// Whom a peer lists.
    pub(super) fn listed(&self, number: usize) -> &FixedBitSet {
        &self.places[number].listed
    }

    /// Whom a peer lists that lists it too.
    pub(super) fn edges(&self, number: usize) -> &FixedBitSet {
        &self.places[number].edges
    }

    /// A peer's whole state, as it is told to others.
    pub(super) fn state(&self, number: usize) -> Option<LinkState> {
        let Known { info, version, farewell } = self.known(number)?.clone();
        let neighbours = self.listed(number).ones().map(|neighbour| self.id(neighbour)).collect();
        Some(LinkState { peer: info, version, neighbours, farewell })
    }

    pub(super) fn version(&self, number: usize) -> Option<Version> {
        let Known { info, version, .. } = self.known(number)?;
        Some(Version { peer: info.id, incarnation: info.incarnation, version: *version })
    }

    /// The table without the states of some. The numbers of all may change.
    pub(super) fn without(&self, forgotten: &FixedBitSet) -> Option<Self> {
        let mut table = Self::new(self.known(ME)?.info.clone());
        for number in (0..self.len()).filter(|number| !forgotten.contains(*number)) {
            let Some(known) = self.known(number) else { continue };
            let to = table.place(self.id(number))?;
            table.set_known(to, known.clone());
            for neighbour in self.listed(number).ones() {
                let neighbour = table.place(self.id(neighbour))?;
                table.list(to, neighbour, true);
            }
        }
        Some(table)
    }
}

/// Sets a bit of a set that grows where it must.
fn set(bits: &mut FixedBitSet, bit: usize, value: bool) {
    if value {
        bits.grow_and_insert(bit);
    } else if bits.contains(bit) {
        bits.remove(bit);
    }
}
