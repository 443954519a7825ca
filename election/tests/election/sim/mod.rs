//! A simulated group: peers, the ways between them, and a clock, all driven by one seed.
//!
//! Reachability is an equivalence (peers on one island reach each other) but each peer sees a change at a moment of its
//! own. The same seed gives the same run.

pub(crate) mod checks;
pub(crate) mod faults;
pub(crate) mod roster;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use election::{Bully, Config, Event, Message, Rank};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use checks::Checks;
use roster::Roster;

pub(crate) type Id = u32;

/// Milliseconds since the run began, in thousandths.
pub(crate) type Micros = u64;

pub(crate) const MS: Micros = 1_000;

/// How much later than another a peer may see a change of reachability.
pub(crate) const VIEW_DELAY: Micros = 30 * MS;

/// How long a message may be under way.
const TRANSIT: Micros = 15 * MS;

/// How late a timer may fire on a machine that is well.
const TIMER_DELAY: Micros = 3 * MS;

/// Something that happens to one peer.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Message(Id, Message<Id>),
    Reach(Id, bool),
    Link(Id, bool),
    Admitted(Rank<Id>, election::Epoch<Id>),
    Roster(Roster),
    CaughtUp(bool),
    Fit(bool),
    Leave,
    Timer,
    Resume,
}

pub(crate) struct Peer {
    pub(crate) bully: Bully<Id>,
    pub(crate) priority: u16,
    pub(crate) island: u32,
    pub(crate) alive: bool,
    pub(crate) fit: bool,
    pub(crate) leaving: bool,
    pub(crate) caught_up: bool,
    pub(crate) paused: bool,
    pub(crate) muted: bool,
    pub(crate) roster: Roster,
    pub(crate) sees: BTreeSet<Id>,
    /// When the earliest timer that is set goes off.
    timer: Option<Micros>,
    waiting: Vec<Input>,
}

pub(crate) struct World {
    pub(crate) rng: StdRng,
    pub(crate) config: Config,
    pub(crate) now: Micros,
    pub(crate) peers: BTreeMap<Id, Peer>,
    pub(crate) loss: f64,
    pub(crate) checks: Checks,
    pub(crate) blocked: BTreeSet<(Id, Id)>,
    pub(crate) admits: bool,
    pub(crate) sent: Vec<(Id, Id, Message<Id>)>,
    pub(crate) log: Option<Vec<String>>,
    start: Instant,
    queue: BTreeMap<(Micros, u64), (Id, Input)>,
    sequence: u64,
    arrives: BTreeMap<(Id, Id), Micros>,
    views: BTreeMap<(Id, Id), (bool, Micros)>,
}

impl World {
    pub(crate) fn new(seed: u64, config: Config) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            config,
            now: 0,
            peers: BTreeMap::new(),
            loss: 0.0,
            checks: Checks::default(),
            blocked: BTreeSet::new(),
            admits: false,
            sent: Vec::new(),
            log: None,
            start: start(),
            queue: BTreeMap::new(),
            sequence: 0,
            arrives: BTreeMap::new(),
            views: BTreeMap::new(),
        }
    }

    /// A group of `n` members, led by the first, that has been together for `age`.
    pub(crate) fn founded(seed: u64, config: Config, priorities: &[u16], age: Micros) -> Self {
        let mut world = Self::new(seed, config);
        let ranks: Vec<Rank<Id>> = (0..)
            .zip(priorities)
            .map(|(peer, &priority)| Rank { priority, seniority: u64::from(peer), peer })
            .collect();
        for rank in &ranks {
            world.add(rank.peer, rank.priority, 0);
        }
        let now = world.instant();
        world.with(0, |bully| bully.handle_founded(ranks[0], now));
        let epoch = world.peers[&0].bully.epoch().expect("the founder leads");
        let roster = Roster::first(epoch, &ranks);
        for rank in &ranks {
            if rank.peer != 0 {
                world.apply(rank.peer, Input::Admitted(*rank, epoch));
            }
            world.apply(rank.peer, Input::Roster(roster.clone()));
            world.apply(rank.peer, Input::CaughtUp(true));
        }
        world.settle_views();
        world.run_until(age);
        world
    }

    pub(crate) fn add(&mut self, id: Id, priority: u16, island: u32) {
        let peer = Peer {
            bully: Bully::new(id, self.config.clone(), self.instant()),
            priority,
            island,
            alive: true,
            fit: true,
            leaving: false,
            caught_up: false,
            paused: false,
            muted: false,
            roster: Roster::default(),
            sees: BTreeSet::new(),
            timer: None,
            waiting: Vec::new(),
        };
        self.peers.insert(id, peer);
    }

    pub(crate) fn instant(&self) -> Instant {
        self.start + Duration::from_micros(self.now)
    }

    /// Lets the world go on until `end`.
    pub(crate) fn run_until(&mut self, end: Micros) {
        while let Some((&(at, sequence), _)) = self.queue.first_key_value() {
            if at > end {
                break;
            }
            let (to, input) = self.queue.remove(&(at, sequence)).expect("it was seen first");
            self.now = self.now.max(at);
            self.apply(to, input);
        }
        self.now = self.now.max(end);
    }

    pub(crate) fn run_for(&mut self, time: Micros) {
        self.run_until(self.now + time);
    }

    pub(crate) fn at(&mut self, at: Micros, to: Id, input: Input) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), (to, input));
    }

    /// Sends out who is in reach of whom after a change, each peer learning of it in its own time.
    pub(crate) fn settle_views(&mut self) {
        let ids: Vec<Id> = self.peers.keys().copied().collect();
        for &one in &ids {
            for &other in &ids {
                if one == other || !self.peers[&one].alive {
                    continue;
                }
                let (a, b) = (&self.peers[&one], &self.peers[&other]);
                let up = b.alive && a.island == b.island;
                let (was, after) = *self.views.get(&(one, other)).unwrap_or(&(false, 0));
                if up != was {
                    let at = after.max(self.now + self.rng.random_range(0..VIEW_DELAY));
                    self.views.insert((one, other), (up, at));
                    self.at(at, one, Input::Reach(other, up));
                }
            }
        }
    }

    pub(crate) fn crash(&mut self, id: Id) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.alive = false;
        }
        self.settle_views();
    }

    pub(crate) fn pause(&mut self, id: Id, time: Micros) {
        if let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.paused) {
            peer.paused = true;
            self.at(self.now + time, id, Input::Resume);
        }
    }

    /// Gives one peer an input, or keeps it for when the peer goes on.
    pub(crate) fn apply(&mut self, to: Id, input: Input) {
        let Some(peer) = self.peers.get_mut(&to).filter(|peer| peer.alive) else {
            return;
        };
        if let Input::Resume = input {
            peer.paused = false;
            let waiting = std::mem::take(&mut peer.waiting);
            self.feed(to, Input::Timer);
            for input in waiting {
                self.feed(to, input);
            }
        } else if peer.paused {
            peer.waiting.push(input);
        } else {
            self.feed(to, input);
        }
    }

    fn feed(&mut self, to: Id, input: Input) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:>9} {to} <- {input:?}", self.now));
        }
        let now = self.instant();
        let Some(peer) = self.peers.get_mut(&to) else {
            return;
        };
        match &input {
            Input::Message(from, message) => {
                let island = peer.island;
                if self.peers[from].island == island {
                    let message = message.clone();
                    self.with(to, |bully| bully.handle_message(*from, message, now));
                }
                return;
            }
            Input::Timer => peer.timer = None,
            Input::Reach(other, true) => drop(peer.sees.insert(*other)),
            Input::Reach(other, false) => drop(peer.sees.remove(other)),
            Input::CaughtUp(true) => peer.caught_up = true,
            Input::Fit(fit) => peer.fit = *fit,
            Input::Leave => peer.leaving = true,
            Input::Roster(roster) => {
                if peer.roster.is_newer(roster) || !roster.is_of(peer.bully.epoch()) {
                    return;
                }
                peer.roster = roster.clone();
            }
            _ => {}
        }
        self.with(to, |bully| match input {
            Input::Reach(other, true) => bully.handle_reachable(other, now),
            Input::Reach(other, false) => bully.handle_unreachable(other, now),
            Input::Link(other, true) => bully.handle_link_restored(other, now),
            Input::Link(other, false) => bully.handle_link_lost(other, now),
            Input::Admitted(rank, epoch) => bully.handle_admitted(rank, Some(epoch), now),
            Input::Roster(roster) => bully.handle_members(&roster.ranks(), now),
            Input::CaughtUp(caught_up) => bully.handle_caught_up(caught_up, now),
            Input::Fit(fit) => bully.handle_fit(fit, now),
            Input::Leave => bully.handle_leave(now),
            Input::Timer => bully.handle_timeout(now),
            Input::Message(..) | Input::Resume => {}
        });
    }

    /// Drives one peer, and carries what comes of it.
    fn with(&mut self, id: Id, drive: impl FnOnce(&mut Bully<Id>)) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        drive(&mut peer.bully);
        let muted = peer.muted;
        let (mut transmits, mut events) = (Vec::new(), Vec::new());
        transmits.extend(std::iter::from_fn(|| peer.bully.poll_transmit()));
        events.extend(std::iter::from_fn(|| peer.bully.poll_event()));
        for event in &events {
            let Event::Leader { leader, .. } = event;
            peer.caught_up |= *leader == Some(id);
            if let Some(log) = &mut self.log {
                log.push(format!("{:>9} {id} -- {event:?}", self.now));
            }
        }
        self.checks.after(id, self.now, &peer.bully, &events, transmits.len());
        let deadline = peer.bully.poll_timeout();
        self.set_timer(id, deadline);
        for transmit in transmits {
            self.sent.push((id, transmit.to, transmit.message.clone()));
            if !muted {
                self.carry(id, transmit.to, transmit.message);
            }
        }
    }

    fn set_timer(&mut self, id: Id, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        let due = u64::try_from((deadline - self.start).as_micros()).expect("a short run");
        let at = due.max(self.now) + self.rng.random_range(1..TIMER_DELAY);
        let peer = self.peers.get_mut(&id).expect("it has a deadline");
        if peer.timer.is_none_or(|set| set > at) {
            peer.timer = Some(at);
            self.at(at, id, Input::Timer);
        }
    }

    fn carry(&mut self, from: Id, to: Id, message: Message<Id>) {
        let known = self.peers.contains_key(&to) && self.peers[&from].sees.contains(&to);
        let lost = self.loss > 0.0 && self.rng.random_bool(self.loss);
        if !known || lost || self.blocked.contains(&(from, to)) {
            return;
        }
        let free = self.arrives.get(&(from, to)).copied().unwrap_or(0);
        let at = free.max(self.now + self.rng.random_range(MS / 2..TRANSIT));
        self.arrives.insert((from, to), at);
        self.at(at, to, Input::Message(from, message));
    }
}

/// Where the run's time begins.
#[expect(clippy::disallowed_methods, reason = "an Instant can be had from nowhere else, and the run only adds to it")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
