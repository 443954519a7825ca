//! The simulated group: seeded, in simulated time, with links, disks, and an election that is always right in the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use history::{Durable, Log, LogConfig, LogEvent, LogMessage, Loss, Write};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::check::{Check, Id};
use crate::{line, start};

/// What is done to what a peer sends or writes; only a deliberately broken group does anything.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tamper {
    /// Changes or drops a message.
    pub(crate) message: Option<fn(Id, &mut LogMessage<Id>) -> bool>,
    /// Answers a message in its receiver's place, whether that is there or not.
    pub(crate) answer: Option<Answer>,
    /// Tells a peer that its writes are durable before they are.
    pub(crate) no_fsync: bool,
    /// A restarted peer has lost its disk, and keeps its id.
    pub(crate) forgets: bool,
}

/// What comes back to the sender instead of what the receiver would say: given the sender's log, who the receiver is, and
/// its log if it is up.
pub(crate) type Answer = fn(&Log<Id>, Id, Option<&Log<Id>>, &LogMessage<Id>) -> Option<LogMessage<Id>>;

enum Input {
    Reachable(Id),
    Unreachable(Id, Loss),
    Leader(Option<Id>),
    Members(Vec<Id>),
    Message(Id, Box<LogMessage<Id>>),
}

struct Peer {
    log: Option<Log<Id>>,
    durable: Durable<Id>,
    disk: VecDeque<(Instant, Write<Id>)>,
    /// By when it comes, and a number.
    inbox: BTreeMap<(Instant, u64), Input>,
    /// When the last comes of what each other peer does.
    last: BTreeMap<Id, Instant>,
    /// How long a write takes at most, in milliseconds.
    slow: u64,
}

pub(crate) struct Sim {
    pub(crate) now: Instant,
    pub(crate) rng: SmallRng,
    peers: Vec<Peer>,
    /// Which part of the network each is in.
    part: Vec<u8>,
    /// Whom each pair knows to be in reach.
    known: BTreeSet<(Id, Id)>,
    leaders: BTreeMap<Id, Option<Id>>,
    /// Whose history ought not to stand, as they say themselves.
    outranked: BTreeSet<Id>,
    election_changed: bool,
    loss: u32,
    said: BTreeMap<u64, u64>,
    posted: u64,
    config: LogConfig,
    pub(crate) check: Check,
    pub(crate) tamper: Tamper,
    pub(crate) sent: Vec<(Id, Id, LogMessage<Id>)>,
    pub(crate) left: BTreeSet<Id>,
    began: Instant,
    /// Whether what happens is printed: `LOG_TRACE=1`.
    is_traced: bool,
}

impl Sim {
    pub(crate) fn new(seed: u64, size: u8, config: LogConfig) -> Self {
        Self::founded_by(&[0], seed, size, config)
    }

    /// Several groups that were founded apart, each by one of these.
    pub(crate) fn founded_by(founders: &[Id], seed: u64, size: u8, config: LogConfig) -> Self {
        let mut sim = Self {
            now: start(),
            rng: SmallRng::seed_from_u64(seed),
            peers: Vec::new(),
            part: vec![0; usize::from(size)],
            known: BTreeSet::new(),
            leaders: BTreeMap::new(),
            outranked: BTreeSet::new(),
            election_changed: false,
            loss: 0,
            said: BTreeMap::new(),
            posted: 0,
            config,
            check: Check::default(),
            tamper: Tamper::default(),
            sent: Vec::new(),
            left: BTreeSet::new(),
            began: start(),
            is_traced: std::env::var_os("LOG_TRACE").is_some(),
        };
        sim.began = sim.now;
        for id in 0..size {
            let founds = founders.contains(&id);
            let log = if founds { Log::found(id, config, sim.now) } else { Log::new(id, config, sim.now) };
            let peer = Peer {
                log: Some(log),
                durable: Durable::default(),
                disk: VecDeque::new(),
                inbox: BTreeMap::new(),
                last: BTreeMap::new(),
                slow: 3,
            };
            sim.peers.push(peer);
        }
        sim.notice(None);
        sim
    }

    pub(crate) fn log(&self, id: Id) -> Option<&Log<Id>> {
        self.peers[usize::from(id)].log.as_ref()
    }

    pub(crate) fn log_mut(&mut self, id: Id) -> Option<&mut Log<Id>> {
        self.peers[usize::from(id)].log.as_mut()
    }

    pub(crate) fn size(&self) -> u8 {
        u8::try_from(self.peers.len()).expect("a few peers")
    }

    pub(crate) fn lose_messages(&mut self, percent: u32) {
        self.loss = percent;
    }

    pub(crate) fn slow_disk(&mut self, id: Id, millis: u64) {
        self.peers[usize::from(id)].slow = millis;
    }

    pub(crate) fn say(&mut self, session: u64, lines: u64) {
        *self.said.entry(session).or_insert(0) += lines;
    }

    pub(crate) fn rng_session(&mut self) -> u64 {
        self.rng.random_range(1..4)
    }

    pub(crate) fn said(&self) -> u64 {
        self.said.values().sum()
    }

    pub(crate) fn is_up(&self, id: Id) -> bool {
        self.log(id).is_some()
    }

    /// The process ends, and with it all that is not on disk.
    pub(crate) fn crash(&mut self, id: Id) {
        self.trace(format_args!("{id} crashes"));
        let peer = &mut self.peers[usize::from(id)];
        peer.log = None;
        peer.disk.clear();
        peer.inbox.clear();
        self.known.retain(|(one, _)| *one != id);
        self.leaders.remove(&id);
        self.outranked.remove(&id);
        self.notice(Some(id));
    }

    pub(crate) fn restart(&mut self, id: Id) {
        if self.is_up(id) {
            return;
        }
        self.trace(format_args!("{id} starts again"));
        let (now, config) = (self.now, self.config);
        self.check.begin(id);
        self.check.seen.restarts += 1;
        let peer = &mut self.peers[usize::from(id)];
        if self.tamper.forgets {
            peer.durable = Durable::default();
        }
        peer.log = Some(Log::restore(id, config, peer.durable.clone(), now));
        self.drain(id);
        self.notice(None);
    }

    pub(crate) fn cut(&mut self, parts: &[u8]) {
        self.trace(format_args!("the network is cut into {parts:?}"));
        self.part = parts.to_vec();
        self.notice(None);
    }

    pub(crate) fn heal(&mut self) {
        self.loss = 0;
        for id in 0..self.size() {
            if !self.left.contains(&id) {
                self.restart(id);
            }
            self.slow_disk(id, 3);
        }
        let whole = vec![0; self.peers.len()];
        self.cut(&whole);
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Lets a moment pass at everybody.
    pub(crate) fn step(&mut self) {
        self.now += Duration::from_millis(self.rng.random_range(1..30));
        for id in 0..self.size() {
            self.write(id);
            self.read(id);
            if let Some(log) = self.peers[usize::from(id)].log.as_mut() {
                if log.poll_timeout().is_some_and(|at| at <= self.now) {
                    log.handle_timeout(self.now);
                }
                self.offer(id);
                self.drain(id);
            }
        }
        let logs: Vec<_> = (0..).zip(&self.peers).filter_map(|(id, peer)| Some((id, peer.log.as_ref()?))).collect();
        self.check.group(&logs);
    }

    pub(crate) fn deliver(&mut self, from: Id, to: Id, message: LogMessage<Id>) {
        let now = self.now;
        if let Some(log) = self.log_mut(to) {
            log.handle_message(from, message, now);
        }
        self.drain(to);
    }

    /// Everybody has the same decided log, and all that was said is in it.
    pub(crate) fn assert_converged(&self, what: &str) {
        let living: Vec<Id> = (0..self.size()).filter(|id| self.is_up(*id)).collect();
        let states: Vec<_> =
            living.iter().filter_map(|id| self.log(*id)).map(|log| (log.decided(), log.hash())).collect();
        let same = states.windows(2).all(|pair| pair[0] == pair[1]);
        let applied = self.log(living[0]).map_or(0, |log| log.applied().rows().map(|row| row.next).sum());
        let roles: Vec<_> = living
            .iter()
            .filter_map(|id| self.log(*id))
            .map(|log| {
                (log.decided(), log.accepted_len(), log.accepted(), log.promised(), log.config(), log.established())
            })
            .collect();
        assert!(same && applied == self.said(), "{what}: {applied} of {} applied; {roles:#?}", self.said());
    }

    fn elapsed(&self) -> u128 {
        self.now.duration_since(self.began).as_millis()
    }

    fn trace(&self, what: std::fmt::Arguments<'_>) {
        if self.is_traced {
            println!("{:>8} {what}", self.elapsed());
        }
    }

    fn reaches(&self, one: Id, other: Id) -> bool {
        let part = |id: Id| self.part[usize::from(id)];
        one != other && self.is_up(one) && self.is_up(other) && part(one) == part(other)
    }

    /// Everybody will learn who is in reach and who leads.
    fn notice(&mut self, gone: Option<Id>) {
        for one in 0..self.size() {
            if !self.is_up(one) {
                continue;
            }
            let delay = Duration::from_millis(self.rng.random_range(0..40));
            for other in 0..self.size() {
                let (is, was) = (self.reaches(one, other), self.known.contains(&(one, other)));
                if is && !was {
                    self.known.insert((one, other));
                    self.put(one, delay, Input::Reachable(other));
                } else if was && !is {
                    self.known.remove(&(one, other));
                    let loss = if gone == Some(other) { Loss::Gone } else { Loss::Silent };
                    self.put(one, delay, Input::Unreachable(other, loss));
                }
            }
            let reached = |id: &Id| *id == one || self.reaches(one, *id);
            let stands = |id: &Id| !self.outranked.contains(id);
            let leader = (0..self.size()).filter(reached).find(stands).or((0..self.size()).find(reached));
            if self.leaders.insert(one, leader) != Some(leader) {
                self.put(one, delay, Input::Members((0..self.size()).collect()));
                self.put(one, delay, Input::Leader(leader));
            }
        }
    }

    /// The disk finishes what it can.
    fn write(&mut self, id: Id) {
        loop {
            let peer = &mut self.peers[usize::from(id)];
            if peer.disk.front().is_none_or(|(at, _)| self.now < *at) {
                return;
            }
            let Some((_, write)) = peer.disk.pop_front() else {
                return;
            };
            peer.durable.apply(&write);
            self.check.written(id, &peer.durable);
            if let Some(log) = &mut peer.log {
                log.handle_written(write.ticket, self.now);
            }
            self.drain(id);
        }
    }

    fn read(&mut self, id: Id) {
        loop {
            let peer = &mut self.peers[usize::from(id)];
            if peer.inbox.first_key_value().is_none_or(|((at, _), _)| self.now < *at) {
                return;
            }
            let (Some((_, input)), Some(log)) = (peer.inbox.pop_first(), &mut peer.log) else {
                return;
            };
            match input {
                Input::Reachable(other) => log.handle_reachable(other, self.now),
                Input::Unreachable(other, loss) => log.handle_unreachable(other, loss, self.now),
                Input::Leader(leader) => log.handle_leader(leader, self.now),
                Input::Members(members) => log.handle_members(&members, self.now),
                Input::Message(from, message) => log.handle_message(from, *message, self.now),
            }
            if self.rng.random_range(0..3) == 0 {
                self.drain(id);
            }
        }
    }

    /// The pool of a leader has all that was said.
    fn offer(&mut self, id: Id) {
        let Some(log) = self.peers[usize::from(id)].log.as_mut() else {
            return;
        };
        for (session, said) in &self.said {
            loop {
                let next = log.next_proposed(line(*session, 0).id.session);
                if next >= *said || !log.propose(&line(*session, next)) {
                    break;
                }
            }
        }
    }

    fn drain(&mut self, id: Id) {
        let Some(mut log) = self.peers[usize::from(id)].log.take() else {
            return;
        };
        while let Some(write) = log.poll_write() {
            let peer = &mut self.peers[usize::from(id)];
            let at = peer.disk.back().map_or(self.now, |(at, _)| *at).max(self.now);
            let takes = Duration::from_millis(self.rng.random_range(0..=peer.slow));
            let ticket = write.ticket;
            peer.disk.push_back((at + takes, write));
            if self.tamper.no_fsync {
                log.handle_written(ticket, self.now);
            }
        }
        while let Some(event) = log.poll_event() {
            self.check.event(id, &log, &event);
            if let LogEvent::SnapshotDue { index } = event {
                log.keep_state(index, self.check.state(id).to_vec().into());
            }
            match event {
                LogEvent::Left => drop(self.left.insert(id)),
                LogEvent::Stands(stands) => {
                    self.election_changed = true;
                    if stands {
                        self.outranked.remove(&id)
                    } else {
                        self.outranked.insert(id)
                    };
                }
                _ => {}
            }
        }
        while let Some(read) = log.poll_read() {
            let mut durable = self.peers[usize::from(id)].durable.clone();
            self.peers[usize::from(id)].disk.iter().for_each(|(_, write)| durable.apply(write));
            // What is before its start is not there.
            let from = read.from.checked_sub(durable.base).map(|from| usize::try_from(from).expect("a short log"));
            let entries = durable.entries.iter().skip(from.unwrap_or(usize::MAX)).take(50).cloned().collect();
            log.handle_read(read, entries, self.now);
        }
        while let Some(transmit) = log.poll_transmit() {
            for to in transmit.to {
                let mut message = transmit.message.clone();
                if self.tamper.message.is_some_and(|tamper| !tamper(id, &mut message)) {
                    continue;
                }
                let answer = self.tamper.answer.and_then(|answer| answer(&log, to, self.log(to), &message));
                if let Some(answer) = answer {
                    self.put(id, Duration::ZERO, Input::Message(to, Box::new(answer)));
                    continue;
                }
                self.check.send(id, &self.peers[usize::from(id)].durable, &message);
                if self.is_traced {
                    println!("{:>8} {id} -> {to} {}", self.elapsed(), brief(&message));
                }
                self.sent.push((id, to, message.clone()));
                if self.sent.len() > 2_000 {
                    self.sent.clear();
                }
                if to != id && self.known.contains(&(to, id)) && self.rng.random_range(0..100) >= self.loss {
                    let delay = Duration::from_millis(self.rng.random_range(0..20));
                    self.put(to, delay, Input::Message(id, Box::new(message)));
                }
            }
        }
        self.peers[usize::from(id)].log = Some(log);
        if std::mem::take(&mut self.election_changed) {
            self.notice(None);
        }
    }

    fn put(&mut self, to: Id, delay: Duration, input: Input) {
        let about = match &input {
            Input::Reachable(other) | Input::Unreachable(other, _) | Input::Message(other, _) => *other,
            Input::Leader(_) | Input::Members(_) => to,
        };
        let peer = &mut self.peers[usize::from(to)];
        // In order with all that comes of the same peer, and with nothing else.
        let last = peer.last.entry(about).or_insert(self.now);
        *last = (*last).max(self.now + delay);
        self.posted += 1;
        peer.inbox.insert((*last, self.posted), input);
    }
}

/// A message without its entries.
fn brief(message: &LogMessage<Id>) -> String {
    let mut message = message.clone();
    let count = match &mut message {
        LogMessage::Promise { entries, .. }
        | LogMessage::Sync { entries, .. }
        | LogMessage::Accept { entries, .. }
        | LogMessage::Learn { entries, .. } => std::mem::take(entries).len(),
        _ => 0,
    };
    let text = format!("{message:?}").replace("Regime ", "").replace("Reverse", "");
    if count > 0 { format!("{text} and {count} entries") } else { text }
}
