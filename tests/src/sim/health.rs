//! How both ends of a link find out that it is dead.

use std::time::Duration;

use transport::{Class, Incarnation, Unreachable};

use super::link::{LinkId, Payload};
use super::rules::Verdict;
use super::world::{Happening, World};
use super::{HEARTBEAT, Place, TIMEOUT};

impl World {
    /// Whether a link proves no life.
    pub(super) fn is_sick(&self, id: LinkId) -> bool {
        let [a, b] = &self.links[id].ends;
        let runs = |place: Place, run| self.peer(place).is_some_and(|peer| peer.run == run && !peer.paused);
        if !runs(a.place, a.run) || !runs(b.place, b.run) {
            return true;
        }
        if self.active.is_empty() {
            return false;
        }
        let late = |verdict: &Verdict| match verdict {
            Verdict::Drop => TIMEOUT,
            Verdict::Delay(range) => range.end,
            _ => Duration::ZERO,
        };
        late(self.verdict(a.place, b.place)) + late(self.verdict(b.place, a.place)) + HEARTBEAT >= TIMEOUT
    }

    /// Sees whether a link still lives; each end takes down one that has not, a timeout later.
    pub(super) fn look_after(&mut self, id: LinkId) {
        if self.links[id].is_over() {
            return;
        }
        let (sick, now) = (self.is_sick(id), self.now());
        let link = &mut self.links[id];
        if sick == link.sick_since.is_some() {
            return;
        }
        link.turns += 1;
        link.sick_since = sick.then_some(now);
        if sick {
            // The last proof of its life is up to a heartbeat old.
            self.expire_later(id, 0, TIMEOUT - HEARTBEAT);
            self.expire_later(id, 1, TIMEOUT - HEARTBEAT);
        }
    }

    pub(super) fn expire_later(&mut self, id: LinkId, end: usize, after: Duration) {
        let spread = self.between(Duration::ZERO..HEARTBEAT);
        let turn = self.links[id].turns;
        self.at(self.now() + after + spread, Happening::Expire(id, end, turn));
    }

    /// An end has had no proof of life for the timeout.
    pub(super) fn expire(&mut self, id: LinkId, end: usize, turn: u32) {
        let (link, run) = (&self.links[id], self.links[id].ends[end].run);
        let awake = self.peer(link.ends[end].place).is_some_and(|peer| peer.run == run && !peer.paused);
        if awake && link.turns == turn && link.sick_since.is_some() {
            self.take_down(id, end, Unreachable::Silent);
        }
    }

    /// Ends a link at one end; the other end hears of it, if it can.
    pub(super) fn take_down(&mut self, id: LinkId, end: usize, why: Unreachable) {
        if self.links[id].ends[end].is_closed {
            return;
        }
        self.transmit(id, end, Class::Urgent, Payload::End);
        let here = &mut self.links[id].ends[end];
        here.is_closed = true;
        let was_up = std::mem::take(&mut here.is_up);
        let stalled = here.take_stalled();
        let place = here.place;
        stalled.iter().for_each(|(_, payload)| self.links_under_way -= usize::from(payload.is_links()));
        if let Some(peer) = self.peer_mut(place) {
            peer.connections.remove(&id);
        }
        if was_up {
            self.link_down(id, end, why);
        }
    }

    /// Which end of a link is at a place.
    pub(super) fn end_at(&self, id: LinkId, place: Place) -> usize {
        usize::from(self.links[id].ends[0].place != place)
    }

    /// Which run of the peer at the other end of a link it belongs to.
    pub(super) fn run_of_other(&self, id: LinkId, place: Place) -> Incarnation {
        self.links[id].ends[1 - self.end_at(id, place)].info.incarnation
    }
}
