//! The world: places, the processes that run there, and one queue of what happens next.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use node::Name;
use node::group::{Memory, Now};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use transport::{Address, Class, Incarnation, PeerId};

use super::clock::Clock;
use super::disk::Disk;
use super::link::{Link, LinkId, Payload};
use super::mutation::Mutation;
use super::peer::{Input, Peer, Target};
use super::queue::Queue;
use super::rules::Rule;
use super::trace::Trace;
use super::{HEARTBEAT, Place};
use crate::invariants::Invariants;

/// Something to come.
#[derive(Debug)]
pub(super) enum Happening {
    /// A process looks at its timers.
    Wake(Place, u32),
    /// All prove their links, and say which states they have.
    Beat,
    /// What they said is heard.
    Heard(Vec<(Place, u32, u64)>),
    /// Something comes to one end of a link.
    Arrive(LinkId, usize, Class, Payload),
    /// Something happens within a process.
    Input(Place, u32, Input),
    /// A connection comes to a place.
    Connect { from: Place, run: u32, to: Place, target: Target },
    /// An end has had no proof of a link's life for the timeout, unless its health has turned since.
    Expire(LinkId, usize, u32),
    /// A queue was long a timeout ago.
    Behind(LinkId, usize, u64),
    /// A disk has done something.
    Disk(Place, u32),
    /// A disk has had something to do for the timeout.
    DiskLate(Place, u32),
    /// A rule begins or ends.
    RulesChange,
    /// Something that a schedule holds.
    Act(super::Act),
    /// A process starts as the same peer as one that ended.
    Again(super::Start, PeerId, Incarnation),
}

/// Where a process may run: a name, and an address.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) name: Name,
    pub(super) powered: bool,
    /// How many processes ran here.
    pub(super) runs: u32,
}

/// How long messages are under way.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Usually.
    pub usual: Range<Duration>,
    /// Seldom.
    pub seldom: Range<Duration>,
    /// How often that is.
    pub share: f64,
}

/// What happened, in numbers.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Messages sent, by kind.
    pub messages: BTreeMap<&'static str, u64>,
    /// Bytes of minds' messages.
    pub bytes: u64,
    /// How often somebody looked at its timers.
    pub wakes: u64,
}

/// Everything there is.
pub struct World {
    pub(super) seed: u64,
    pub(super) clock: Clock,
    random: SmallRng,
    pub(super) sites: Vec<Site>,
    pub(super) peers: Vec<Option<Box<Peer>>>,
    pub(super) next_run: u32,
    pub(super) links: Vec<Link>,
    pub(super) queue: Queue<Happening>,
    pub(super) rules: Vec<(Range<Instant>, Rule)>,
    /// The rules that are in force.
    pub(super) active: Vec<Rule>,
    pub(super) weather: Weather,
    /// How many messages of link states are under way, and when the last one was sent or came.
    pub(super) links_under_way: usize,
    pub(super) links_moved_at: Instant,
    pub(super) counters: Counters,
    pub(super) trace: Trace,
    pub(super) invariants: Invariants,
    pub(super) lines: u64,
    pub(super) next_request: u64,
    pub(super) next_check: Instant,
    pub(super) mutations: Vec<Mutation>,
    /// The disks of processes that have ended.
    pub(super) disks: BTreeMap<PeerId, Disk>,
    /// How many of those that start get one.
    pub(super) disk_share: f64,
    /// How much those that start keep in memory.
    pub(super) memory: Memory,
    /// How many of those that something is said to alone through a gateway do not read what is written to them.
    pub(super) slow_clients: f64,
    /// Whether a failure is told to whoever catches it, and not printed.
    pub(super) is_quiet: bool,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.seed).field("at", &self.clock.elapsed()).finish_non_exhaustive()
    }
}

impl World {
    /// A world without anybody. Everything random in it follows from the seed.
    pub fn new(seed: u64) -> Self {
        let clock = Clock::new();
        let ms = Duration::from_millis;
        let mut world = Self {
            seed,
            clock,
            random: SmallRng::seed_from_u64(seed),
            sites: Vec::new(),
            peers: Vec::new(),
            next_run: 0,
            links: Vec::new(),
            queue: Queue::new(),
            rules: Vec::new(),
            active: Vec::new(),
            weather: Weather { usual: Duration::ZERO..ms(4), seldom: ms(5)..ms(60), share: 0.02 },
            links_under_way: 0,
            links_moved_at: clock.now,
            counters: Counters::default(),
            trace: Trace::new(),
            invariants: Invariants::default(),
            lines: 0,
            next_request: 0,
            next_check: clock.now,
            mutations: Vec::new(),
            disks: BTreeMap::new(),
            disk_share: 0.0,
            memory: Memory::default(),
            slow_clients: 0.0,
            is_quiet: false,
        };
        world.at(clock.now + HEARTBEAT, Happening::Beat);
        world
    }

    /// Keeps the whole trace from here on.
    pub fn keep_trace(&mut self) {
        self.trace.keep_all();
    }

    /// A failure is told to whoever catches it, as the panic's `String`, and not printed.
    pub fn fail_quietly(&mut self) {
        self.is_quiet = true;
    }

    /// Lets messages take so long.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Lets those that start from here on keep so much of the log in memory.
    pub fn set_memory(&mut self, memory: Memory) {
        self.memory = memory;
    }

    // Time.

    /// How long the run has lasted.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now
    }

    /// The moment as a process has it.
    pub(super) fn group_now(&self, place: Place) -> Now {
        let offset = self.peer(place).map_or(0, |peer| peer.clock_ms);
        Now { instant: self.clock.now, wall: self.clock.wall(offset) }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.clock.now + time;
        while let Some((at, what)) = self.queue.pop_until(end) {
            self.clock.now = at.max(self.clock.now);
            self.happen(what);
        }
        self.clock.now = end;
        self.check_all();
    }

    /// Lets time pass in steps until something holds. How long that took, if it was within the limit.
    pub fn run_until(&mut self, limit: Duration, step: Duration, holds: impl Fn(&Self) -> bool) -> Option<Duration> {
        let begin = self.elapsed();
        loop {
            let passed = self.elapsed() - begin;
            if holds(self) {
                return Some(passed);
            }
            if passed >= limit {
                return None;
            }
            self.run(step.min(limit - passed));
        }
    }

    pub(super) fn at(&mut self, when: Instant, what: Happening) {
        self.queue.push(when, what);
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Wake(place, run) => self.wake(place, run),
            Happening::Beat => self.beat(),
            Happening::Heard(said) => self.heard(&said),
            Happening::Arrive(id, to, class, payload) => self.arrive(id, to, class, payload),
            Happening::Input(place, run, input) => {
                if self.peer(place).is_some_and(|peer| peer.run == run) {
                    self.input(place, input);
                }
            }
            Happening::Connect { from, run, to, target } => self.connect(from, run, to, target),
            Happening::Expire(id, end, turn) => self.expire(id, end, turn),
            Happening::Behind(id, to, rate) => self.behind(id, to, rate),
            Happening::Disk(place, run) => self.disk_done(place, run),
            Happening::DiskLate(place, run) => self.disk_late(place, run),
            Happening::RulesChange => self.rules_change(),
            Happening::Act(act) => self.perform(&act),
            Happening::Again(start, id, run) => self.start_again(&start, id, run),
        }
    }

    // Chance.

    /// A number from 0 to 1.
    pub(super) fn draw(&mut self) -> f64 {
        self.random.random()
    }

    /// A moment within a range.
    pub(super) fn between(&mut self, range: Range<Duration>) -> Duration {
        let (start, end) = (range.start.as_micros() as u64, range.end.as_micros() as u64);
        Duration::from_micros(if start < end { self.random.random_range(start..end) } else { start })
    }

    pub(super) fn number<T>(&mut self) -> T
    where
        rand::distr::StandardUniform: rand::distr::Distribution<T>,
    {
        self.random.random()
    }
}

impl Place {
    pub(super) fn address(self) -> Address {
        let address = format!("h:{}", self.index() + 1);
        address.parse().expect("a host and a port")
    }
}
