//! Processes and the network between them, driven by one queue of what happens next: the same seed, the same run.

use super::super::clock;
use super::super::*;
use super::network::TIMEOUT;
use super::process::Process;
use super::record::Record;

/// The most timeouts that a mind may ask for in one second; a busy loop asks for thousands.
const MOST_TIMEOUTS: u32 = 250;

pub(super) type Pair = (PeerId, PeerId);

pub(super) fn pair(a: PeerId, b: PeerId) -> Pair {
    (a.min(b), a.max(b))
}

/// What one end of a link is told.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Up(PeerInfo),
    Down(PeerId, Unreachable),
    Frame(PeerId, Bytes),
    /// More is known of a peer that is not linked.
    Gone(PeerId),
}

#[derive(Clone, Debug)]
pub(super) enum Happening {
    Wake(PeerId),
    /// To whom, over which link.
    Input(PeerId, u64, Input),
    Tick,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) number: u64,
    pub(super) sick_since: Option<Instant>,
}

/// The whole of it.
pub(super) struct World {
    pub(super) now: Now,
    pub(super) random: SmallRng,
    pub(super) processes: BTreeMap<PeerId, Process>,
    /// From whom nothing gets to whom.
    pub(super) cut: BTreeSet<Pair>,
    /// Which share of bulk messages finds a full queue.
    pub(super) loss: f64,
    pub(super) record: Record,
    pub(super) frames: u64,
    pub(super) links: BTreeMap<Pair, Link>,
    /// Up to when the last event from one to the other is under way: what follows is not earlier.
    busy: BTreeMap<(PeerId, PeerId, bool), Instant>,
    queue: BTreeMap<(Instant, u64), Happening>,
    pub(super) serial: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let now = Now { instant: clock::start(), wall: Timestamp::from_millis(1_000_000) };
        let mut world = Self {
            now,
            random: SmallRng::seed_from_u64(seed),
            processes: BTreeMap::new(),
            cut: BTreeSet::new(),
            loss: 0.0,
            record: Record::default(),
            frames: 0,
            links: BTreeMap::new(),
            busy: BTreeMap::new(),
            queue: BTreeMap::new(),
            serial: 0,
        };
        world.at(now.instant, Happening::Tick);
        world
    }

    pub(super) fn ms(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.random_range(range))
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }

    pub(super) fn at(&mut self, when: Instant, what: Happening) {
        self.serial += 1;
        self.queue.insert((when, self.serial), what);
    }

    /// Starts a process that joins through these addresses, or founds.
    pub(super) fn start(&mut self, name: &str, address: &Address, priority: u16, seeds: &[Address]) -> PeerId {
        self.serial += 1;
        // Ids are not in the order of starting.
        let id = PeerId::new(Uuid::from_u128(self.random.random()));
        let number = u128::from(self.serial);
        let settings = Settings {
            me: PeerInfo {
                id,
                incarnation: transport::Incarnation(1),
                name: name.into(),
                address: address.clone(),
                priority,
            },
            name: name.parse().unwrap(),
            seeds: seeds.to_vec(),
            join_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_millis(250),
            timeout: TIMEOUT,
            sessions: [number << 8, (number << 8) + 1].map(Uuid::from_u128),
            seed: self.random.random(),
        };
        self.trace(format_args!("{name} starts as {id} at {address}, through {seeds:?}"));
        let process = Process::new(settings, self.now);
        self.processes.insert(id, process);
        self.carry_out(id);
        id
    }

    /// Ends a process without a word.
    pub(super) fn kill(&mut self, id: PeerId) {
        self.trace(format_args!("{id} is killed"));
        self.end(id, Unreachable::Ended);
    }

    /// A process ends: the others hear of it, unless they are cut off.
    fn end(&mut self, id: PeerId, why: Unreachable) {
        let Some(process) = self.processes.remove(&id) else { return };
        self.record.ended(&process);
        for other in self.linked_to(id) {
            if self.cut.contains(&(id, other)) {
                continue;
            }
            self.unlink(pair(id, other), |_| why);
            if why == Unreachable::Ended {
                let later = self.now.instant + self.ms(40..250);
                self.at(later, Happening::Input(other, 0, Input::Gone(id)));
            }
        }
    }

    pub(super) fn stop(&mut self, id: PeerId) {
        self.trace(format_args!("{id} is stopped"));
        self.processes.get_mut(&id).unwrap().stopped = true;
    }

    /// A stopped process goes on: what is due by the clock first, then what came meanwhile.
    pub(super) fn resume(&mut self, id: PeerId) {
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.stopped) else { return };
        process.stopped = false;
        let held = std::mem::take(&mut process.held);
        self.trace(format_args!("{id} goes on"));
        let now = self.now;
        let process = self.processes.get_mut(&id).unwrap();
        if process.group.poll_timeout().is_some_and(|due| due <= now.instant) {
            process.group.handle_timeout(now);
        }
        for (link, input) in held {
            self.input(id, link, input);
        }
        self.carry_out(id);
    }

    /// A link breaks, and both ends see it.
    pub(super) fn glitch(&mut self, a: PeerId, b: PeerId) {
        self.trace(format_args!("the link of {a} and {b} breaks"));
        self.unlink(pair(a, b), |_| Unreachable::Ended);
    }

    pub(super) fn is_linked(&self, a: PeerId, b: PeerId) -> bool {
        self.links.contains_key(&pair(a, b))
    }

    pub(super) fn linked_to(&self, id: PeerId) -> Vec<PeerId> {
        let ends = self.links.keys().filter(|(a, b)| *a == id || *b == id);
        ends.map(|(a, b)| if *a == id { *b } else { *a }).collect()
    }

    /// An owner's command.
    pub(super) fn command<T>(&mut self, id: PeerId, command: impl FnOnce(&mut Group, Now) -> T) -> T {
        let now = self.now;
        let result = command(&mut self.processes.get_mut(&id).unwrap().group, now);
        self.carry_out(id);
        result
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some((&(when, number), _)) = self.queue.first_key_value()
            && when <= end
        {
            let what = self.queue.remove(&(when, number)).unwrap();
            self.advance(when);
            match what {
                Happening::Wake(id) => self.wake(id),
                Happening::Input(to, link, input) => self.input(to, link, input),
                Happening::Tick => self.tick(),
            }
        }
        self.advance(end);
    }

    fn advance(&mut self, when: Instant) {
        let passed = when.saturating_duration_since(self.now.instant);
        self.now.instant = when;
        let nanos = self.record.nanos + passed.as_nanos();
        self.record.nanos = nanos;
        self.now.wall = Timestamp::from_millis(1_000_000 + u64::try_from(nanos / 1_000_000).unwrap());
    }

    fn wake(&mut self, id: PeerId) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&id) else { return };
        process.wake_at = None;
        if process.stopped {
            return;
        }
        if process.group.poll_timeout().is_some_and(|due| due <= now.instant) {
            process.group.handle_timeout(now);
            let most = process.count_timeout(now.instant);
            assert!(most <= MOST_TIMEOUTS, "{id} does nothing but look at its timers");
            self.carry_out(id);
            let due = self.processes.get(&id).and_then(|process| process.group.poll_timeout());
            assert!(due.is_none_or(|due| due > now.instant), "{id}: what was due is due still");
        } else {
            self.carry_out(id);
        }
    }

    fn input(&mut self, to: PeerId, link: u64, input: Input) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&to) else { return };
        if process.stopped {
            process.held.push((link, input));
            return;
        }
        match input {
            Input::Up(info) => {
                process.up.insert(info.id, link);
                process.group.handle_reachable(info, true, now);
            }
            Input::Down(peer, why) if process.up.get(&peer) == Some(&link) => {
                process.up.remove(&peer);
                if why == Unreachable::Left {
                    process.book.remove(&peer);
                }
                process.group.handle_unreachable(peer, why, now);
            }
            Input::Gone(peer) if !process.up.contains_key(&peer) => {
                process.group.handle_unreachable(peer, Unreachable::Gone, now);
            }
            Input::Frame(from, frame) if process.up.get(&from) == Some(&link) => {
                let mut frames = vec![frame];
                frames.extend(self.same_read(to, link, from));
                self.processes.get_mut(&to).unwrap().group.handle_frames(from, frames, now);
            }
            _ => return,
        }
        self.carry_out(to);
    }

    /// What arrives over a link at the very same moment is one read.
    fn same_read(&mut self, to: PeerId, link: u64, from: PeerId) -> Vec<Bytes> {
        let mut frames = Vec::new();
        while let Some((&key, Happening::Input(at, over, Input::Frame(of, frame)))) = self.queue.first_key_value()
            && (key.0, *at, *over, *of) == (self.now.instant, to, link, from)
        {
            frames.push(frame.clone());
            self.queue.remove(&key);
        }
        frames
    }

    /// Does what a mind wants done, and sees when it wants to be woken.
    fn carry_out(&mut self, id: PeerId) {
        while let Some(output) = self.processes.get_mut(&id).and_then(|process| process.group.poll_output()) {
            let now = self.now;
            let process = self.processes.get_mut(&id).unwrap();
            match output {
                Output::Send(to, message) => self.send(id, &to, &message),
                Output::Dial { peer, address, .. } => {
                    process.book.insert(peer, address);
                }
                Output::Depart => self.end(id, Unreachable::Left),
                Output::Refused(reason) => {
                    self.record.refused(process, &reason, now);
                    self.end(id, Unreachable::Left);
                }
                Output::NotJoined(_) => {
                    self.record.not_joined.push(id);
                    self.trace(format_args!("{id} did not join"));
                    self.end(id, Unreachable::Left);
                }
                output => {
                    if std::env::var_os("GROUP_TRACE").is_some() {
                        eprintln!("{:>9.3} {id}: {output:?}", self.record.nanos as f64 / 1e9);
                    }
                    self.record.told(process, output, now);
                }
            }
        }
        let Some(process) = self.processes.get_mut(&id) else { return };
        let Some(due) = process.group.poll_timeout() else { return };
        if process.wake_at.is_none_or(|at| at > due) {
            process.wake_at = Some(due);
            let late = self.ms(0..3);
            let when = due.max(self.now.instant) + late;
            self.at(when, Happening::Wake(id));
        }
    }

    fn send(&mut self, from: PeerId, to: &[PeerId], message: &Outgoing) {
        let frame = Bytes::from(message.to_frame().unwrap());
        let urgent = message.class() == transport::Class::Urgent;
        for to in to.iter().copied() {
            self.frames += 1;
            let Some(link) = self.links.get(&pair(from, to)).map(|link| link.number) else { continue };
            let sends = self.processes[&from].up.get(&to) == Some(&link);
            let lost =
                self.cut.contains(&(from, to)) || (!urgent && self.loss > 0.0 && self.random.random_bool(self.loss));
            if sends && !lost {
                let delay = if self.random.random_ratio(1, 50) { self.ms(5..60) } else { self.ms(0..4) };
                self.later(from, to, urgent, delay, link, Input::Frame(from, frame.clone()));
            }
        }
    }

    /// Something that the end `to` is told of `from`, behind what it is told before.
    pub(super) fn later(&mut self, from: PeerId, to: PeerId, urgent: bool, delay: Duration, link: u64, input: Input) {
        let is_frame = matches!(input, Input::Frame(..));
        let mut when = self.now.instant + delay;
        for class in [false, true] {
            let busy = self.busy.entry((from, to, class)).or_insert(when);
            if !is_frame || class == urgent {
                when = when.max(*busy);
            }
        }
        for class in [false, true] {
            if !is_frame || class == urgent {
                self.busy.insert((from, to, class), when);
            }
        }
        self.at(when, Happening::Input(to, link, input));
    }

    pub(super) fn trace(&self, what: std::fmt::Arguments<'_>) {
        if std::env::var_os("GROUP_TRACE").is_some() {
            eprintln!("{:>9.3} -- {what}", self.record.nanos as f64 / 1e9);
        }
    }
}
