//! What goes wrong in a run, and how it ends.

use rand::RngExt;

use super::{Id, Input, MS, World};

impl World {
    /// Lets things go wrong until `end`.
    pub(crate) fn suffer_until(&mut self, end: u64) {
        while self.now < end {
            self.go_wrong();
            let pause = self.rng.random_range(20 * MS..1_200 * MS);
            let until = end.min(self.now + pause);
            while self.now < until {
                self.run_until(until.min(self.now + 100 * MS));
                if self.admits {
                    self.admit();
                }
            }
        }
    }

    /// Ends all faults, save that peers may stay apart, unfit, or behind; `true` if they stay in one part.
    pub(crate) fn recover(&mut self) {
        self.loss = 0.0;
        self.blocked.clear();
        let islands = self.rng.random_range(1..=2);
        for id in self.alive() {
            let island = self.rng.random_range(0..islands);
            let fit = self.rng.random_bool(0.85);
            let peer = self.peers.get_mut(&id).expect("it is alive");
            peer.muted = false;
            peer.island = island;
            if peer.paused {
                self.apply(id, Input::Resume);
            }
            self.apply(id, Input::Fit(fit));
            for other in self.alive() {
                self.apply(id, Input::Link(other, true));
            }
        }
        self.settle_views();
    }

    pub(crate) fn alive(&self) -> Vec<Id> {
        let alive = self.peers.iter().filter(|(_, peer)| peer.alive);
        alive.map(|(&id, _)| id).collect()
    }

    fn any(&mut self) -> Id {
        let alive = self.alive();
        alive[self.rng.random_range(0..alive.len())]
    }

    fn go_wrong(&mut self) {
        let one = self.any();
        let other = self.any();
        match self.rng.random_range(0..14) {
            0 => self.split(),
            1 | 2 => self.move_to(one, 7),
            3 | 4 => self.alive().into_iter().for_each(|id| self.move_to(id, 0)),
            5 => {
                let time = self.rng.random_range(50 * MS..3_000 * MS);
                self.pause(one, time);
                if time > 1_000 * MS && self.rng.random_bool(0.5) {
                    self.move_to(one, 8);
                }
            }
            6 => self.loss = [0.0, 0.0, 0.05, 0.3][self.rng.random_range(0..4)],
            7 => drop(self.blocked.insert((one, other))),
            8 => self.blocked.clear(),
            9 => {
                if let Some(peer) = self.peers.get_mut(&one) {
                    peer.muted = !peer.muted;
                }
            }
            10 => {
                let fit = self.rng.random_bool(0.6);
                self.apply(one, Input::Fit(fit));
            }
            11 => {
                let up = self.rng.random_bool(0.5);
                self.apply(one, Input::Link(other, up));
            }
            12 if self.alive().len() > 2 => self.end(one),
            13 if self.admits && self.alive().len() < 9 => self.join(),
            _ => {}
        }
    }

    fn split(&mut self) {
        for id in self.alive() {
            let island = self.rng.random_range(0..3);
            self.move_to(id, island);
        }
    }

    fn move_to(&mut self, id: Id, island: u32) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.island = island;
        }
        self.settle_views();
    }

    fn end(&mut self, id: Id) {
        if self.rng.random_bool(0.5) {
            self.apply(id, Input::Leave);
        }
        if self.rng.random_bool(0.7) {
            self.crash(id);
        }
    }

    fn join(&mut self) {
        let id = self.peers.keys().max().map_or(0, |last| last + 1);
        let priority = self.rng.random_range(0..3);
        self.add(id, priority, 0);
        self.settle_views();
    }
}
