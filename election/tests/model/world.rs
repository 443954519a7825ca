//! One state of the whole group, and what becomes of it.

use std::sync::Arc;
use std::time::Instant;

use election::{Bully, Epoch, Event, Message, Transmit};

use crate::Id;
use crate::links::{Links, Set, bit};
use crate::peer::{Outcome, Peer};
use crate::start::Start;
use crate::wire::{Item, Wire, said_before_notice};

/// What is done to what a peer sends at one input; only a deliberately broken model does anything.
pub(crate) type Tamper = fn(&mut Vec<Transmit<Id>>, &Bully<Id>);

/// The peers, what is under way between them, and what was.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct World {
    pub(crate) links: Links,
    /// `None` is a peer that crashed.
    pub(crate) peers: Vec<Option<Arc<Peer>>>,
    /// Of each pair, at `from * n + to`.
    wires: Vec<Wire>,
    /// Each claim that was made, or sent, and by whom; in order of epochs.
    pub(crate) claims: Vec<(Epoch<Id>, Id)>,
    /// The greatest epoch that each peer ever had.
    pub(crate) greatest: Vec<Option<Epoch<Id>>>,
    /// Who leaves the lead to others for ever.
    pub(crate) leaving: Set,
    /// How often time passed.
    pub(crate) moments: u8,
    /// How often something went wrong.
    pub(crate) faults: u8,
    /// How often all was mended.
    pub(crate) mends: u8,
}

impl World {
    pub(crate) fn new(links: Links, peers: Vec<Option<Arc<Peer>>>, claims: Vec<Epoch<Id>>) -> Self {
        let n = peers.len();
        let greatest = peers.iter().map(|peer| peer.as_ref().and_then(|peer| peer.mind.epoch())).collect();
        let claims = claims.into_iter().map(|epoch| (epoch, epoch.leader)).collect();
        Self {
            links,
            peers,
            wires: vec![Wire::new(); n * n],
            claims,
            greatest,
            leaving: 0,
            moments: 0,
            faults: 0,
            mends: 0,
        }
    }

    /// Every pair, as sender and receiver, with what is under way between them.
    pub(crate) fn wires(&self) -> impl Iterator<Item = (Id, Id, &Wire)> {
        self.pairs().zip(&self.wires).map(|((from, to), wire)| (from, to, wire))
    }

    /// The peers that live.
    pub(crate) fn living(&self) -> impl Iterator<Item = (Id, &Peer)> {
        (0..).zip(&self.peers).filter_map(|(id, peer)| Some((id, peer.as_deref()?)))
    }

    pub(crate) fn peer(&self, id: Id) -> Option<&Peer> {
        self.peers[usize::from(id)].as_deref()
    }

    /// Whether everybody knows who is in reach.
    pub(crate) fn is_known(&self) -> bool {
        self.wires.iter().all(|wire| said_before_notice(wire).is_none())
    }

    /// The next thing from one peer reaches the other.
    pub(crate) fn deliver(&mut self, from: Id, to: Id, tamper: Tamper) {
        if let Some(item) = self.wire(from, to).pop_front() {
            self.arrive(from, to, item, tamper);
        }
    }

    /// What was said before a link ended is lost with it: its receiver hears of the end at once.
    pub(crate) fn lose(&mut self, from: Id, to: Id, tamper: Tamper) {
        if let Some(lost) = said_before_notice(self.wire(from, to)) {
            self.wire(from, to).drain(..lost);
            self.deliver(from, to, tamper);
        }
    }

    /// One peer has an input, at its own present or later.
    pub(crate) fn input(&mut self, id: Id, now: Option<Instant>, input: impl FnOnce(&mut Bully<Id>), tamper: Tamper) {
        let Some(peer) = &self.peers[usize::from(id)] else { return };
        let Outcome { peer, mut transmits, events } = peer.after(now.unwrap_or(peer.now), input);
        for Event::Leader { leader, epoch, .. } in &events {
            if let Some(epoch) = epoch.filter(|_| *leader == Some(id)) {
                self.claim(epoch, id);
            }
        }
        tamper(&mut transmits, &peer.mind);
        for transmit in transmits {
            self.send(id, transmit);
        }
        let greatest = &mut self.greatest[usize::from(id)];
        *greatest = peer.mind.epoch().max(*greatest);
        self.peers[usize::from(id)] = Some(Arc::new(peer));
    }

    /// A peer leaves the lead to others.
    pub(crate) fn leave(&mut self, id: Id, tamper: Tamper) {
        let Some(now) = self.peer(id).map(|peer| peer.now) else { return };
        self.leaving |= bit(id);
        self.input(id, None, |mind| mind.handle_leave(now), tamper);
    }

    /// Changes what is linked to what; each peer that this concerns will learn of it.
    pub(crate) fn relink(&mut self, change: impl FnOnce(&mut Links)) {
        let before = self.links;
        change(&mut self.links);
        let after = self.links;
        for (from, to) in self.pairs() {
            let wire = self.wire(from, to);
            if !after.lives(to) {
                wire.clear();
                continue;
            }
            let (was, is) = (before.reaches(to, from), after.reaches(to, from));
            if was != is {
                wire.push_back(Item::Reach(is));
            }
            let linked = if was { before.is_up(to, from) } else { true };
            if is && linked != after.is_up(to, from) {
                wire.push_back(Item::Link(after.is_up(to, from)));
            }
        }
        for (id, peer) in (0..).zip(&mut self.peers) {
            if !after.lives(id) {
                *peer = None;
            }
        }
    }

    /// A peer begins anew under its old id.
    pub(crate) fn forget(&mut self, id: Id, start: Start) {
        let n = u8::try_from(self.peers.len()).expect("a few peers");
        self.peers[usize::from(id)] = Some(Arc::new(start.forgetful(id, n)));
    }

    fn arrive(&mut self, from: Id, to: Id, item: Item, tamper: Tamper) {
        let Some(now) = self.peer(to).map(|peer| peer.now) else { return };
        let input = |mind: &mut Bully<Id>| match item {
            Item::Said(message) => mind.handle_message(from, message, now),
            Item::Reach(true) => mind.handle_reachable(from, now),
            Item::Reach(false) => mind.handle_unreachable(from, now),
            Item::Link(true) => mind.handle_link_restored(from, now),
            Item::Link(false) => mind.handle_link_lost(from, now),
        };
        self.input(to, None, input, tamper);
    }

    /// Sends, or drops what is for somebody out of reach.
    fn send(&mut self, from: Id, Transmit { to, message }: Transmit<Id>) {
        if let Message::Coordinator { epoch, .. } = message
            && !self.claims.contains(&(epoch, from))
        {
            self.claim(epoch, from);
        }
        if self.links.reaches(from, to) {
            self.wire(from, to).push_back(Item::Said(message));
        }
    }

    fn claim(&mut self, epoch: Epoch<Id>, by: Id) {
        self.claims.push((epoch, by));
        self.claims.sort_unstable();
    }

    fn wire(&mut self, from: Id, to: Id) -> &mut Wire {
        let n = self.peers.len();
        &mut self.wires[usize::from(from) * n + usize::from(to)]
    }

    fn pairs(&self) -> impl Iterator<Item = (Id, Id)> + use<> {
        let n = u8::try_from(self.peers.len()).expect("a few peers");
        (0..n).flat_map(move |from| (0..n).map(move |to| (from, to)))
    }
}
