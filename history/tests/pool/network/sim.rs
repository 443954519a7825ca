//! The simulated network: seeded, in simulated time, with an inbox a peer.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use history::{Limits, Message, Pool, To};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::check::Check;
use crate::{session, start};

/// What waits for a peer, in order. While it is paused everything waits.
enum Input {
    Reachable(usize),
    Unreachable(usize),
    Message(usize, Message),
}

struct Peer {
    pool: Pool<usize>,
    check: Check,
    inbox: VecDeque<(Instant, Input)>,
    paused: bool,
}

pub(crate) struct Sim {
    now: Instant,
    rng: SmallRng,
    limits: Limits,
    peers: Vec<Peer>,
    /// Both directions of every pair that can reach each other.
    links: BTreeSet<(usize, usize)>,
    /// How many of a hundred frames are lost.
    loss: u32,
    sessions: u128,
    lines_delivered: usize,
}

impl Sim {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let limits = limits(&mut rng);
        let mut sim = Self {
            now: start(),
            limits,
            peers: Vec::new(),
            links: BTreeSet::new(),
            loss: [0, 0, 5, 30][rng.random_range(0..4)],
            sessions: 0,
            lines_delivered: 0,
            rng,
        };
        for _ in 0..sim.rng.random_range(2..=5) {
            sim.join();
        }
        sim
    }

    /// Whether more sessions are said in than a table has room for.
    pub(crate) fn table_overflows(&self) -> bool {
        self.limits.sessions < Limits::default().sessions
    }

    pub(crate) fn lines_delivered(&self) -> usize {
        self.lines_delivered
    }

    /// Once in a while does something bad.
    pub(crate) fn fault(&mut self) {
        let (a, b) = (self.any_peer(), self.any_peer());
        match self.rng.random_range(0..100) {
            0..6 => self.cut(a, b),
            6..12 => self.link(a, b),
            12..14 => self.split(),
            14..16 => self.link_all(),
            16..18 => self.peers[a].paused = true,
            18..23 => self.peers[a].paused = false,
            23 if self.peers.len() < 6 => self.join(),
            24 => self.restart(a),
            _ => {}
        }
    }

    /// Sometimes somebody says something, sometimes much.
    pub(crate) fn talk(&mut self) {
        let peer = self.any_peer();
        let lines = match self.rng.random_range(0..20) {
            0..8 => 1,
            8 => 30,
            _ => 0,
        };
        if self.peers[peer].paused {
            return;
        }
        for _ in 0..lines {
            let body = Bytes::from(vec![0; self.rng.random_range(0..100)]);
            self.peers[peer].pool.say(body, self.now).expect("a short line");
        }
        self.drain(peer);
    }

    /// Ends all faults.
    pub(crate) fn heal(&mut self) {
        self.loss = 0;
        for peer in &mut self.peers {
            peer.paused = false;
        }
        self.link_all();
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Lets a moment pass: everybody who is not paused reads what came and looks at the time.
    pub(crate) fn step(&mut self) {
        self.now += Duration::from_millis(self.rng.random_range(1..200));
        for peer in 0..self.peers.len() {
            if self.peers[peer].paused {
                continue;
            }
            self.read(peer);
            let due = self.peers[peer].pool.poll_timeout();
            if due.is_some_and(|due| due <= self.now) {
                self.peers[peer].pool.handle_timeout(self.now);
                self.drain(peer);
            }
            // Looking at every line kept is slow, and what is wrong does not go away.
            if self.rng.random_range(0..30) == 0 {
                self.peers[peer].check.kept(&self.peers[peer].pool, &self.limits);
            }
        }
    }

    /// Everybody has had all that anybody keeps.
    pub(crate) fn assert_converged(&self) {
        for (a, peer) in self.peers.iter().enumerate() {
            for (b, other) in self.peers.iter().enumerate() {
                for say in other.pool.lines() {
                    let had = peer.check.had(say.id.session);
                    assert!(say.id.number < had, "{a} lacks {} of {b}", say.id);
                }
            }
        }
    }

    fn read(&mut self, to: usize) {
        while let Some(input) = self.peers[to].arrived(self.now) {
            let Peer { pool, check, .. } = &mut self.peers[to];
            match input {
                Input::Reachable(peer) => pool.handle_reachable(peer, self.now),
                Input::Unreachable(peer) => pool.handle_unreachable(peer, self.now),
                Input::Message(from, message) => {
                    if let Message::Say(say) = &message {
                        check.arrive(say.id, self.now);
                        self.lines_delivered += 1;
                    }
                    pool.handle_message(from, message, self.now);
                }
            }
            self.drain(to);
        }
    }

    /// Sends what a pool wants sent and checks what it shows.
    fn drain(&mut self, from: usize) {
        let strict = !self.table_overflows();
        while let Some(transmit) = self.peers[from].pool.poll_transmit() {
            let to = match transmit.to {
                To::All => 0..self.peers.len(),
                To::One(to) => to..to + 1,
            };
            for to in to {
                self.send(from, to, transmit.message.clone());
            }
        }
        let Peer { pool, check, .. } = &mut self.peers[from];
        while let Some(event) = pool.poll_event() {
            check.event(pool, &event, strict, self.now);
        }
    }

    fn send(&mut self, from: usize, to: usize, message: Message) {
        let linked = self.links.contains(&(from, to));
        if linked && self.rng.random_range(0..100) >= self.loss {
            let delay = Duration::from_millis(self.rng.random_range(0..40));
            self.put(to, delay, Input::Message(from, message));
        }
    }

    fn put(&mut self, to: usize, delay: Duration, input: Input) {
        let inbox = &mut self.peers[to].inbox;
        let last = inbox.back().map_or(self.now, |(at, _)| *at);
        inbox.push_back((last.max(self.now + delay), input));
    }

    /// A newcomer, half the time with the baseline of a member.
    fn join(&mut self) {
        let (pool, check) = self.newcomer();
        self.peers.push(Peer { pool, check, inbox: VecDeque::new(), paused: false });
        let newcomer = self.peers.len() - 1;
        for other in 0..newcomer {
            self.link(newcomer, other);
        }
    }

    /// A peer dies and comes back as another session.
    fn restart(&mut self, peer: usize) {
        let others = Vec::from_iter((0..self.peers.len()).filter(|other| *other != peer));
        for other in &others {
            self.cut(peer, *other);
        }
        let (pool, check) = self.newcomer();
        self.peers[peer].pool = pool;
        self.peers[peer].check = check;
        self.peers[peer].inbox.clear();
        for other in others {
            self.link(peer, other);
        }
    }

    fn newcomer(&mut self) -> (Pool<usize>, Check) {
        self.sessions += 1;
        let name = session(self.sessions);
        let mut pool = Pool::new(name, self.limits, self.rng.random(), self.now);
        let mut check = Check::default();
        if !self.peers.is_empty() && self.rng.random() {
            let member = self.any_peer();
            let member = &self.peers[member];
            pool.adopt(member.pool.baseline(), self.now);
            check = member.check.adopted();
        }
        (pool, check)
    }

    fn link(&mut self, a: usize, b: usize) {
        if a != b && self.links.insert((a, b)) {
            self.links.insert((b, a));
            self.put(a, Duration::ZERO, Input::Reachable(b));
            self.put(b, Duration::ZERO, Input::Reachable(a));
        }
    }

    fn cut(&mut self, a: usize, b: usize) {
        if self.links.remove(&(a, b)) {
            self.links.remove(&(b, a));
            self.put(a, Duration::ZERO, Input::Unreachable(b));
            self.put(b, Duration::ZERO, Input::Unreachable(a));
        }
    }

    fn link_all(&mut self) {
        for a in 0..self.peers.len() {
            for b in 0..a {
                self.link(a, b);
            }
        }
    }

    /// Parts the peers in two at random.
    fn split(&mut self) {
        let left = Vec::from_iter((0..self.peers.len()).map(|_| self.rng.random::<bool>()));
        for a in 0..left.len() {
            for b in (0..a).filter(|b| left[a] != left[*b]) {
                self.cut(a, b);
            }
        }
    }

    fn any_peer(&mut self) -> usize {
        self.rng.random_range(0..self.peers.len())
    }
}

impl Peer {
    fn arrived(&mut self, now: Instant) -> Option<Input> {
        let (at, _) = self.inbox.front()?;
        if now < *at {
            return None;
        }
        Some(self.inbox.pop_front()?.1)
    }
}

/// A third of the runs reach no bound, a third those of lines and bytes, a third that of the session table.
fn limits(rng: &mut SmallRng) -> Limits {
    let small = Limits {
        session_lines: rng.random_range(1..40),
        session_bytes: rng.random_range(500..10_000),
        total_bytes: rng.random_range(1_000..20_000),
        ..Limits::default()
    };
    match rng.random_range(0..3) {
        0 => Limits::default(),
        1 => small,
        _ => Limits { sessions: rng.random_range(2..6), ..small },
    }
}
