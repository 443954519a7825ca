//! Dialling, and how a connection becomes a link: what the transport's registry, dialler and arbiter do.

use std::rc::Rc;
use std::time::Duration;

use transport::{Address, Class, DialError, PeerId, Refusal, Unreachable};

use super::link::{Link, LinkId, Payload};
use super::peer::{Input, Target};
use super::trace::Entry;
use super::world::{Happening, World};
use super::{Place, TIMEOUT};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const COURTESY: Duration = Duration::from_millis(500);
const REDIAL_JITTER: Duration = Duration::from_millis(20);

impl World {
    /// Keeps dialling a target until it is linked or not wanted any longer.
    pub(super) fn dial(&mut self, place: Place, target: Target, delay: Duration) {
        let Some(peer) = self.peer_mut(place) else { return };
        if peer.wants(&target) && !peer.registry.dialling.contains_key(&target) {
            peer.registry.dialling.insert(target.clone(), FIRST_PAUSE);
            self.input_later(place, delay, Input::Dial(target));
        }
    }

    pub(super) fn add_member(&mut self, place: Place, member: PeerId, address: Address, eager: bool) {
        let Some(peer) = self.peer_mut(place) else { return };
        if member != peer.info.id {
            let first = eager || peer.info.id < member;
            peer.registry.book.insert(member, address);
            self.dial(place, Target::Member(member), if first { Duration::ZERO } else { COURTESY });
        }
    }

    /// A dial is due.
    pub(super) fn dial_now(&mut self, place: Place, target: Target) {
        let Some(peer) = self.peer_mut(place) else { return };
        if !peer.wants(&target) {
            peer.registry.dialling.remove(&target);
            return;
        }
        let run = peer.run;
        let address = match &target {
            Target::Seed(address) => address.clone(),
            Target::Member(member) => peer.registry.book[member].clone(),
        };
        let to = Place::of(&address);
        if to == place {
            let oneself = DialError::Refused(Refusal::Oneself);
            return self.dialled(place, target, Err(oneself));
        }
        // There and back, and there again with the hello.
        let delay = self.latency(place, to) + self.latency(to, place) + self.latency(place, to);
        self.at(self.now() + delay, Happening::Connect { from: place, run, to, target });
    }

    /// A connection and its hello have come to the other end.
    pub(super) fn connect(&mut self, from: Place, run: u32, to: Place, target: Target) {
        let Some(dialler) = self.peer(from).filter(|peer| peer.run == run) else { return };
        let (me, passes) = (dialler.info.clone(), self.passes(from, to) && self.passes(to, from));
        let answers = self.sites[to.index()].powered && self.peer(to).is_none_or(|peer| !peer.paused);
        if !passes || !answers {
            return self.input_later(from, TIMEOUT, Input::Dialled(target, Err(DialError::TimedOut)));
        }
        let back = self.latency(to, from);
        let Some(acceptor) = self.peer(to) else {
            return self.input_later(from, back, Input::Dialled(target, Err(DialError::NobodyThere)));
        };
        let them = acceptor.info.id;
        let standing = acceptor.links.get(&me.id).map(|link| (self.run_of_other(*link, to), self.links[*link].since));
        if let Some((incarnation, since)) = standing {
            let young = self.now().saturating_duration_since(since) < TIMEOUT;
            let refusal = match me.incarnation.cmp(&incarnation) {
                std::cmp::Ordering::Less => Some(Err(DialError::Refused(Refusal::Outdated))),
                std::cmp::Ordering::Equal if young => Some(Ok(them)),
                _ => None,
            };
            if let Some(outcome) = refusal {
                return self.input_later(from, back, Input::Dialled(target, outcome));
            }
        }
        if self.peer(from).is_some_and(|dialler| dialler.paused) {
            // The other end gives up before this one goes on.
            return self.input_later(from, TIMEOUT, Input::Dialled(target, Err(DialError::TimedOut)));
        }
        self.establish(from, to);
        self.input(from, Input::Dialled(target, Ok(them)));
    }

    /// Makes a connection the link, at the dialler's end; the acceptor's follows.
    fn establish(&mut self, from: Place, to: Place) {
        let (Some(dialler), Some(acceptor)) = (self.peer(from), self.peer(to)) else { return };
        let (me, them) = (dialler.info.clone(), acceptor.info.clone());
        let old = dialler.links.get(&them.id).copied();
        if let Some(old) = old {
            if self.run_of_other(old, from) >= them.incarnation {
                return;
            }
            self.take_down(old, self.end_at(old, from), Unreachable::Replaced);
        }
        let (Some(dialler), Some(acceptor)) = (self.peer(from), self.peer(to)) else { return };
        let link = Link::new((from, dialler.run, me.clone()), (to, acceptor.run, them.clone()), self.now());
        let id: LinkId = self.links.len();
        self.links.push(link);
        for place in [from, to] {
            if let Some(peer) = self.peer_mut(place) {
                peer.connections.insert(id);
            }
        }
        self.transmit(id, 0, Class::Urgent, Payload::Up(me));
        self.link_up(id, 0, &them);
        self.look_after(id);
    }

    /// The other end has decided for a connection.
    pub(super) fn confirmed(&mut self, id: LinkId, info: &Rc<transport::PeerInfo>) {
        let place = self.links[id].ends[1].place;
        let old = self.peer(place).and_then(|peer| peer.links.get(&info.id).copied());
        if let Some(old) = old {
            if self.run_of_other(old, place) > info.incarnation {
                return self.take_down(id, 1, Unreachable::Replaced);
            }
            self.take_down(old, self.end_at(old, place), Unreachable::Replaced);
        }
        self.link_up(id, 1, info);
    }

    fn link_up(&mut self, id: LinkId, end: usize, info: &Rc<transport::PeerInfo>) {
        let now = self.now();
        let end = &mut self.links[id].ends[end];
        let place = end.place;
        end.is_up = true;
        self.note(Entry::Up(place, info.id));
        let Some(peer) = self.peer_mut(place) else { return };
        peer.links.insert(info.id, id);
        peer.registry.ended.remove(&info.id);
        peer.registry.vacated.remove(&info.id);
        peer.overlay.handle_link_up(info, now);
        self.carry_out(place);
    }

    /// A link has ended at one end.
    pub(super) fn link_down(&mut self, id: LinkId, end: usize, why: Unreachable) {
        let (now, since) = (self.now(), self.links[id].since);
        let (place, other) = (self.links[id].ends[end].place, self.links[id].ends[1 - end].info.id);
        self.note(Entry::Down(place, other, why));
        let spread = if now.saturating_duration_since(since) < TIMEOUT { TIMEOUT } else { REDIAL_JITTER };
        let delay = spread.mul_f64(self.draw());
        let Some(peer) = self.peer_mut(place) else { return };
        if peer.links.get(&other) == Some(&id) {
            peer.links.remove(&other);
        }
        peer.overlay.handle_link_down(other, why, now);
        match why {
            Unreachable::Left => {
                peer.registry.book.remove(&other);
            }
            Unreachable::Ended => {
                peer.registry.ended.insert(other);
            }
            _ => {}
        }
        let seeds = peer.registry.seeds.iter().filter(|(_, found)| **found == Some(other));
        let targets: Vec<_> = seeds.map(|(address, _)| Target::Seed(address.clone())).collect();
        for target in targets.into_iter().chain([Target::Member(other)]) {
            self.dial(place, target, delay);
        }
        self.carry_out(place);
    }

    /// What became of a dial.
    pub(super) fn dialled(&mut self, place: Place, target: Target, outcome: Result<PeerId, DialError>) {
        let now = self.group_now(place);
        let Some(peer) = self.peer_mut(place) else { return };
        let linked = outcome.is_ok();
        match (&target, outcome) {
            (Target::Seed(address), Ok(answered)) => {
                peer.registry.seeds.insert(address.clone(), Some(answered));
            }
            (Target::Seed(address), Err(error)) => {
                if error == DialError::Refused(Refusal::Oneself) {
                    peer.registry.seeds.remove(address);
                }
                peer.group.handle_seed_failed(address.clone(), error, now);
            }
            (Target::Member(expected), Ok(answered)) if *expected != answered => {
                peer.registry.book.remove(expected);
                peer.registry.ended.remove(expected);
                if peer.overlay.is_reachable(*expected) {
                    peer.registry.vacated.insert(*expected);
                } else {
                    peer.group.handle_unreachable(*expected, Unreachable::Gone, now);
                    let run = peer.run;
                    self.invariants.privates.note_lost(run, *expected, now.instant);
                }
            }
            (Target::Member(expected), Err(DialError::NobodyThere)) => {
                if !peer.overlay.is_reachable(*expected) && peer.registry.ended.remove(expected) {
                    peer.group.handle_unreachable(*expected, Unreachable::Gone, now);
                    let run = peer.run;
                    self.invariants.privates.note_lost(run, *expected, now.instant);
                }
            }
            (Target::Member(_), _) => {}
        }
        self.carry_out(place);
        self.dial_again(place, target, linked);
    }

    /// After a pause, which grows with each failure.
    fn dial_again(&mut self, place: Place, target: Target, linked: bool) {
        let share = 0.5 + self.draw() / 2.0;
        let Some(peer) = self.peer_mut(place) else { return };
        let Some(pause) = peer.registry.dialling.get_mut(&target) else { return };
        let (now, next) = (*pause, (*pause * 2).min(LONGEST_PAUSE));
        *pause = if linked { FIRST_PAUSE } else { next };
        if peer.wants(&target) {
            let pause = if linked { FIRST_PAUSE * 2 } else { now };
            self.input_later(place, pause.mul_f64(share), Input::Dial(target));
        } else {
            peer.registry.dialling.remove(&target);
        }
    }
}
