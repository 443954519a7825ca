//! Links: how they come up, how they end, and who notices.

use super::super::*;
use super::process::Process;
use super::world::{Happening, Input, Link, Pair, World, pair};

/// How often dialling and liveness are looked at: coarser than the transport's, and random within.
const TICK: Duration = Duration::from_millis(25);

/// After how much of a one-way link or a stopped end the other end takes the link down.
pub(super) const TIMEOUT: Duration = Duration::from_secs(1);

impl World {
    pub(super) fn tick(&mut self) {
        self.see_sick_links();
        self.dial();
        let next = self.now.instant + TICK;
        self.at(next, Happening::Tick);
    }

    fn is_sick(&self, (a, b): Pair) -> bool {
        let runs = |id| self.processes.get(&id).is_some_and(|process| !process.stopped);
        !runs(a) || !runs(b) || self.cut.contains(&(a, b)) || self.cut.contains(&(b, a))
    }

    fn see_sick_links(&mut self) {
        let now = self.now.instant;
        for pair in self.links.keys().copied().collect::<Vec<_>>() {
            let sick = self.is_sick(pair);
            let spread = self.ms(0..250);
            let link = self.links.get_mut(&pair).unwrap();
            link.sick_since = link.sick_since.filter(|_| sick).or(sick.then_some(now));
            if link.sick_since.is_some_and(|since| since + TIMEOUT + spread <= now) {
                let stopped = |id| self.processes.get(&id).is_some_and(|process: &Process| process.stopped);
                let (left, right) = (stopped(pair.0), stopped(pair.1));
                let slept = move |at| if at == pair.0 { left } else { right };
                self.unlink(pair, |at| if slept(at) { Unreachable::Ended } else { Unreachable::Silent });
            }
        }
    }

    fn dial(&mut self) {
        let there: BTreeMap<Address, PeerId> =
            self.processes.iter().map(|(id, process)| (process.group.me.address.clone(), *id)).collect();
        for id in self.processes.keys().copied().collect::<Vec<_>>() {
            let process = &self.processes[&id];
            if process.stopped {
                continue;
            }
            let seeds = process.seeds.iter().filter_map(|seed| there.get(seed)).map(|peer| (*peer, *peer));
            let book = process.book.iter().filter_map(|(peer, address)| Some((*peer, *there.get(address)?)));
            for (expected, answers) in seeds.chain(book).collect::<Vec<_>>() {
                let passes =
                    answers != id && !self.is_sick((id, answers)) && !self.links.contains_key(&pair(id, answers));
                let other = expected != answers && answers != id && !self.is_sick((id, answers));
                if (passes || other) && self.random.random_bool(0.5) {
                    if other {
                        self.processes.get_mut(&id).unwrap().book.remove(&expected);
                        self.at(self.now.instant, Happening::Input(id, 0, Input::Gone(expected)));
                    }
                    if passes {
                        self.link(id, answers);
                    }
                }
            }
        }
    }

    fn link(&mut self, a: PeerId, b: PeerId) {
        self.serial += 1;
        let number = self.serial;
        self.links.insert(pair(a, b), Link { number, sick_since: None });
        for (at, of) in [(a, b), (b, a)] {
            let info = self.processes[&of].group.me.clone();
            let delay = self.ms(0..6);
            self.later(of, at, false, delay, number, Input::Up(info));
        }
    }

    pub(super) fn unlink(&mut self, pair: Pair, why: impl Fn(PeerId) -> Unreachable) {
        let Some(link) = self.links.remove(&pair) else { return };
        for (at, of) in [(pair.0, pair.1), (pair.1, pair.0)] {
            let delay = self.ms(0..4);
            self.later(of, at, false, delay, link.number, Input::Down(of, why(at)));
        }
    }
}
