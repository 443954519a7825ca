//! The network: what becomes of what is sent, and how both ends find out that a link is dead.

use std::rc::Rc;
use std::time::Duration;

use transport::overlay::{Message, Route, Verdict as Path};
use transport::{Class, Incarnation, PeerId, Unreachable};

use super::link::{LinkId, Payload, links_kind, links_weight};
use super::peer::Input;
use super::rules::{Rule, Verdict};
use super::trace::Entry;
use super::world::{Happening, World};
use super::{HEARTBEAT, Place, TIMEOUT};

/// A queue of bulk holds this much, in bytes; what does not fit is lost.
const QUEUE_LIMIT: u64 = 4 << 20;
/// A queue above this that shrinks by less within the timeout takes its link down.
const HIGH_WATER: u64 = 256 << 10;
/// How much bulk is ahead of an urgent frame at most: what the kernel was given.
const KERNEL: u64 = 128 << 10;
/// What a frame costs beside its bytes.
const OVERHEAD: u64 = 9;
/// Link states longer than this travel as bulk.
const PIECE: usize = 16 << 10;

impl World {
    // Rules.

    /// Gives the world a fault rule; its times count from this moment.
    pub fn rule(&mut self, rule: Rule) {
        self.act(format_args!("{rule:?}"));
        let begins = self.now() + rule.during.start;
        let ends = self.now() + rule.during.end;
        self.rules.push((begins..ends, rule));
        self.at(begins, Happening::RulesChange);
        self.at(ends, Happening::RulesChange);
        if begins <= self.now() {
            self.rules_change();
        }
    }

    /// Several of them.
    pub fn rules(&mut self, rules: impl IntoIterator<Item = Rule>) {
        rules.into_iter().for_each(|rule| self.rule(rule));
    }

    /// Ends all rules: the network is well.
    pub fn heal(&mut self) {
        self.act(format_args!("the network is well"));
        self.rules.clear();
        self.rules_change();
    }

    /// A rule begins or ends.
    pub(super) fn rules_change(&mut self) {
        let now = self.now();
        self.active =
            self.rules.iter().filter(|(during, _)| during.contains(&now)).map(|(_, rule)| rule.clone()).collect();
        self.rules.retain(|(during, _)| during.end > now);
        let lossy = self.active.iter().any(|rule| matches!(rule.verdict, Verdict::Lose(_) | Verdict::Throttle(_)));
        self.invariants.spread.note_loss(lossy, now);
        for id in 0..self.links.len() {
            self.look_after(id);
            self.release(id);
        }
    }

    fn verdict(&self, from: Place, to: Place) -> &Verdict {
        self.active.iter().find(|rule| rule.fits(from, to)).map_or(&Verdict::Pass, |rule| &rule.verdict)
    }

    /// Whether packets pass.
    pub(super) fn passes(&self, from: Place, to: Place) -> bool {
        self.active.is_empty() || *self.verdict(from, to) != Verdict::Drop
    }

    /// How long something is under way.
    pub(super) fn latency(&mut self, from: Place, to: Place) -> Duration {
        let usual =
            if self.draw() < self.weather.share { self.weather.seldom.clone() } else { self.weather.usual.clone() };
        let more = match self.verdict(from, to) {
            Verdict::Delay(range) => range.clone(),
            _ => Duration::ZERO..Duration::ZERO,
        };
        self.between(usual) + self.between(more)
    }

    // Sending.

    /// Sends something to the other end of a link.
    pub(super) fn transmit(&mut self, id: LinkId, from: usize, class: Class, payload: Payload) {
        let link = &self.links[id];
        if link.ends.iter().any(|end| end.is_closed) {
            return;
        }
        let (sender, receiver) = (link.ends[from].place, link.ends[1 - from].place);
        if payload.is_links() {
            self.links_under_way += 1;
            self.links_moved_at = self.now();
        }
        if self.active.is_empty() {
            return self.put_under_way(id, 1 - from, class, payload);
        }
        match self.verdict(sender, receiver).clone() {
            Verdict::Drop => self.links[id].ends[1 - from].stalled.push_back((class, payload)),
            Verdict::Lose(share) if class == Class::Bulk && !payload.is_control() && self.draw() < share => {
                self.dropped(&payload);
            }
            Verdict::Throttle(rate) => self.squeeze(id, 1 - from, class, payload, rate),
            _ => self.put_under_way(id, 1 - from, class, payload),
        }
    }

    /// What is sent waits behind what is under way in its class, and a first or last word behind everything.
    fn put_under_way(&mut self, id: LinkId, to: usize, class: Class, payload: Payload) {
        let (sender, receiver) = (self.links[id].ends[1 - to].place, self.links[id].ends[to].place);
        let when = self.now() + self.latency(sender, receiver);
        let busy = &mut self.links[id].ends[to].busy;
        let when = if payload.is_control() {
            let when = when.max(busy[0]).max(busy[1]);
            *busy = [when; 2];
            when
        } else {
            let busy = &mut busy[class as usize];
            *busy = when.max(*busy);
            *busy
        };
        self.at(when, Happening::Arrive(id, to, class, payload));
    }

    /// The same over a line that takes only so many bytes a second.
    fn squeeze(&mut self, id: LinkId, to: usize, class: Class, payload: Payload, rate: u64) {
        let now = self.now();
        let bytes = payload.weight() as u64 + OVERHEAD;
        let takes = |bytes: u64| Duration::from_micros(bytes * 1_000_000 / rate);
        let end = &mut self.links[id].ends[to];
        let ahead = end.busy[Class::Bulk as usize].saturating_duration_since(now);
        let backlog = ahead.as_micros() as u64 * rate / 1_000_000;
        let bulk = class == Class::Bulk && !payload.is_control();
        if bulk && backlog + bytes > QUEUE_LIMIT {
            return self.dropped(&payload);
        }
        let waits = if bulk { ahead } else { ahead.min(takes(KERNEL)) };
        let busy = &mut end.busy[class as usize];
        *busy = (now + waits + takes(bytes)).max(*busy);
        let when = *busy;
        if backlog > HIGH_WATER && end.behind_since.is_none() {
            end.behind_since = Some(now);
            self.at(now + TIMEOUT, Happening::Behind(id, to, rate));
        }
        self.at(when, Happening::Arrive(id, to, class, payload));
    }

    /// A queue was long a timeout ago.
    pub(super) fn behind(&mut self, id: LinkId, to: usize, rate: u64) {
        let end = &mut self.links[id].ends[to];
        end.behind_since = None;
        let ahead = end.busy[Class::Bulk as usize].saturating_duration_since(self.clock.now);
        let stuck = rate * TIMEOUT.as_secs() < HIGH_WATER;
        if stuck && ahead.as_micros() as u64 * rate / 1_000_000 > HIGH_WATER {
            self.take_down(id, 1 - to, Unreachable::Slow);
        }
    }

    fn dropped(&mut self, payload: &Payload) {
        if payload.is_links() {
            self.links_under_way -= 1;
        }
        self.count("(lost)", 1);
    }

    /// What waited for packets to pass is sent again.
    fn release(&mut self, id: LinkId) {
        for to in [0, 1] {
            let ends = &self.links[id].ends;
            if !ends[to].stalled.is_empty() && self.passes(ends[1 - to].place, ends[to].place) {
                let stalled = self.links[id].ends[to].take_stalled();
                // The sender's kernel tries again in its own time.
                let again = self.now() + self.between(Duration::ZERO..Duration::from_millis(200));
                let end = &mut self.links[id].ends[to];
                end.busy = end.busy.map(|busy| busy.max(again));
                for (class, payload) in stalled {
                    self.put_under_way(id, to, class, payload);
                }
            }
        }
    }

    /// Something has come to an end of a link.
    pub(super) fn arrive(&mut self, id: LinkId, to: usize, class: Class, payload: Payload) {
        let (sender, receiver) = (self.links[id].ends[1 - to].place, self.links[id].ends[to].place);
        if !self.passes(sender, receiver) {
            // It was under way when packets ceased to pass: before what was sent since.
            let end = &mut self.links[id].ends[to];
            end.stalled.insert(end.caught, (class, payload));
            end.caught += 1;
            return;
        }
        let run = self.links[id].ends[to].run;
        if self.peer(receiver).is_some_and(|peer| peer.run == run) {
            self.input(receiver, Input::Arrival(id, to, payload));
        } else if payload.is_links() {
            self.links_under_way -= 1;
        }
    }

    // What a process does with what has come.

    pub(super) fn take_arrival(&mut self, id: LinkId, to: usize, payload: Payload) {
        if payload.is_links() {
            self.links_under_way -= 1;
            self.links_moved_at = self.now();
        }
        let end = &self.links[id].ends[to];
        let deaf = end.is_closed || end.is_reset && !matches!(payload, Payload::End);
        if deaf || !end.is_up && !matches!(payload, Payload::Up(_) | Payload::End) {
            return;
        }
        let (place, from, now) = (end.place, self.links[id].ends[1 - to].info.id, self.now());
        match payload {
            Payload::Up(info) => return self.confirmed(id, &info),
            Payload::End => return self.take_down(id, to, Unreachable::Ended),
            Payload::Frame(kind, frame) => {
                let frames = self.same_read(id, to, frame);
                return self.frames(place, from, kind, frames);
            }
            Payload::Relayed(relay, class, kind, frame) => {
                let Some(peer) = self.peer_mut(place) else { return };
                match peer.overlay.judge(relay) {
                    Path::Deliver(from) => self.frames(place, from, kind, vec![frame]),
                    Path::Forward(next, relay) => {
                        if let Some(link) = peer.links.get(&next).copied() {
                            self.invariants.coverage.relayed += 1;
                            self.transmit(
                                link,
                                self.end_at(link, place),
                                class,
                                Payload::Relayed(relay, class, kind, frame),
                            );
                        }
                    }
                    Path::Drop => self.count("(dropped on the way)", 1),
                }
                return;
            }
            Payload::Links(message) => {
                let message = Rc::try_unwrap(message).unwrap_or_else(|message| Message::clone(&message));
                let message = self.as_heard(place, message);
                let Some(peer) = self.peer_mut(place) else { return };
                peer.overlay.handle_message(from, message, now);
            }
            Payload::Bye(farewell, version) => {
                let Some(peer) = self.peer_mut(place) else { return };
                peer.overlay.handle_farewell(from, farewell, version, now);
                self.carry_out(place);
                return self.take_down(id, to, Unreachable::Left);
            }
        }
        self.carry_out(place);
    }

    /// Messages of one peer to a mind, if it knows that it can reach that peer.
    fn frames(&mut self, place: Place, from: PeerId, kind: &'static str, frames: Vec<bytes::Bytes>) {
        let now = self.group_now(place);
        self.note(Entry::Got(place, from, kind, frames.len()));
        if let Some(peer) = self.peer_mut(place) {
            peer.group.handle_frames(from, frames, now);
            self.carry_out(place);
        }
    }

    /// What arrives over a link at the very same moment is one read.
    fn same_read(&mut self, id: LinkId, to: usize, first: bytes::Bytes) -> Vec<bytes::Bytes> {
        let mut frames = vec![first];
        while let Some((at, Happening::Arrive(link, end, _, Payload::Frame(_, frame)))) = self.queue.peek()
            && (at, *link, *end) == (self.clock.now, id, to)
        {
            frames.push(frame.clone());
            self.queue.pop();
        }
        frames
    }

    pub(super) fn send_links(&mut self, place: Place, to: &[PeerId], message: Message) {
        let class = if links_weight(&message) > PIECE { Class::Bulk } else { Class::Urgent };
        self.count(links_kind(&message), to.len());
        let message = Rc::new(message);
        for peer in to {
            if let Some(link) = self.peer(place).and_then(|peer_here| peer_here.links.get(peer).copied()) {
                self.transmit(link, self.end_at(link, place), class, Payload::Links(message.clone()));
            }
        }
    }

    /// A mind's message: over the link to its receiver if there is one, and otherwise as the overlay knows.
    pub(super) fn send(&mut self, place: Place, to: &[PeerId], outgoing: &node::group::Outgoing) {
        let (kind, class) = (outgoing.kind(), outgoing.class());
        let to = to.repeat(self.copies(kind));
        if to.is_empty() {
            return;
        }
        self.count(kind, to.len());
        self.note(Entry::Sent(place, to[0], to.len(), kind));
        let frame = match outgoing.to_frame() {
            Ok(frame) => bytes::Bytes::from(frame),
            Err(error) => self.fail(&format!("{place}: {kind} cannot be sent: {error}")),
        };
        self.counters.bytes += (frame.len() * to.len()) as u64;
        for to in &to {
            let Some(peer) = self.peer(place) else { return };
            if let Some(link) = peer.links.get(to).copied() {
                self.transmit(link, self.end_at(link, place), class, Payload::Frame(kind, frame.clone()));
            } else if let Some(Route::Through(next, relay)) = peer.overlay.route(*to)
                && let Some(link) = peer.links.get(&next).copied()
            {
                let payload = Payload::Relayed(relay, class, kind, frame.clone());
                self.transmit(link, self.end_at(link, place), class, payload);
            }
        }
    }

    // Health.

    /// Whether a link proves no life.
    fn is_sick(&self, id: LinkId) -> bool {
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
