//! The network: the rules in force, and what becomes of what is sent.

use std::time::Duration;

use transport::{Class, Unreachable};

use super::link::{LinkId, Payload};
use super::peer::Input;
use super::rules::{Rule, Verdict};
use super::world::{Happening, World};
use super::{Place, TIMEOUT};

/// A queue of bulk holds this much, in bytes; what does not fit is lost.
const QUEUE_LIMIT: u64 = 4 << 20;
/// A queue above this that shrinks by less within the timeout takes its link down.
const HIGH_WATER: u64 = 256 << 10;
/// How much bulk is ahead of an urgent frame at most: what the kernel was given.
const KERNEL: u64 = 128 << 10;
/// What a frame costs beside its bytes.
const OVERHEAD: u64 = 9;

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

    pub(super) fn verdict(&self, from: Place, to: Place) -> &Verdict {
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
}
