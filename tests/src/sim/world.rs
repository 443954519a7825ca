//! The world: places, the processes that run there, and one queue of what happens next.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use node::Name;
use node::group::{Group, Now, Output};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use transport::{Address, Class, Event, Incarnation, PeerId};

use super::clock::Clock;
use super::link::{Link, LinkId, Payload};
use super::mutation::Mutation;
use super::peer::{Input, Peer, Target};
use super::queue::Queue;
use super::rules::Rule;
use super::trace::{Entry, Trace};
use super::{HEARTBEAT, Place};
use crate::invariants::{Invariants, Look};

/// How late a timer is looked at.
const LATE: Range<Duration> = Duration::ZERO..Duration::from_millis(3);

/// How many entries of the trace are printed with a failure.
const STORY: usize = 120;

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
    next_check: Instant,
    pub(super) mutations: Vec<Mutation>,
    /// Whether a failure is told to whoever catches it, and not printed.
    is_quiet: bool,
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
            Happening::RulesChange => self.rules_change(),
            Happening::Act(act) => self.perform(&act),
            Happening::Again(start, id, run) => self.start_again(&start, id, run),
        }
    }

    // Processes.

    pub(super) fn peer(&self, place: Place) -> Option<&Peer> {
        self.peers.get(place.index())?.as_deref()
    }

    pub(super) fn peer_mut(&mut self, place: Place) -> Option<&mut Peer> {
        self.peers.get_mut(place.index())?.as_deref_mut()
    }

    pub(super) fn input_later(&mut self, place: Place, delay: Duration, input: Input) {
        if let Some(run) = self.peer(place).map(|peer| peer.run) {
            self.at(self.clock.now + delay, Happening::Input(place, run, input));
        }
    }

    /// Something comes to a process, which may be paused.
    pub(super) fn input(&mut self, place: Place, input: Input) {
        let Some(peer) = self.peer_mut(place) else { return };
        if peer.paused {
            peer.held.push_back(input);
            return;
        }
        match input {
            Input::Arrival(id, to, payload) => self.take_arrival(id, to, payload),
            Input::Dial(target) => self.dial_now(place, target),
            Input::Dialled(target, outcome) => self.dialled(place, target, outcome),
        }
    }

    fn wake(&mut self, place: Place, run: u32) {
        let Some(peer) = self.peer_mut(place).filter(|peer| peer.run == run) else { return };
        peer.wake_at = None;
        if !peer.paused {
            self.look_at_timers(place);
        }
    }

    /// What is due by the clock.
    pub(super) fn look_at_timers(&mut self, place: Place) {
        let now = self.group_now(place);
        self.counters.wakes += 1;
        let Some(peer) = self.peer_mut(place) else { return };
        if peer.group.poll_timeout().is_some_and(|due| due <= now.instant) {
            peer.group.handle_timeout(now);
            let due = peer.group.poll_timeout();
            let run = peer.run;
            self.note(Entry::Woke(place));
            let busy = self.invariants.rest.note_wake(run, now.instant, due);
            self.must(place, busy);
        }
        let Some(peer) = self.peer_mut(place) else { return };
        if peer.overlay.poll_timeout().is_some_and(|due| due <= now.instant) {
            peer.overlay.handle_timeout(now.instant);
        }
        self.carry_out(place);
    }

    /// All prove their links in one rhythm, as the members of a mesh do.
    fn beat(&mut self) {
        self.at(self.clock.now + HEARTBEAT, Happening::Beat);
        let mut said = Vec::new();
        for place in self.running() {
            let silent = self.is_paused(place) || self.is_mutated(&Mutation::OneSidedEdges(place));
            if let Some(peer) = self.peer_mut(place).filter(|_| !silent) {
                said.push((place, peer.run, peer.overlay.table_hash()));
            }
        }
        let delay = self.between(LATE);
        self.at(self.clock.now + delay, Happening::Heard(said));
    }

    fn heard(&mut self, said: &[(Place, u32, u64)]) {
        let now = self.clock.now;
        for (from, run, hash) in said {
            let Some(speaker) = self.peer(*from).filter(|peer| peer.run == *run) else { continue };
            let (id, links): (PeerId, Vec<LinkId>) = (speaker.info.id, speaker.links.values().copied().collect());
            for link in links {
                let to = self.links[link].ends[1 - self.end_at(link, *from)].place;
                let passes = self.passes(*from, to);
                let listens = passes && !self.is_mutated(&Mutation::OneSidedEdges(to));
                let Some(hearer) = self.peer_mut(to).filter(|peer| listens && !peer.paused) else { continue };
                if hearer.links.get(&id) == Some(&link) {
                    hearer.overlay.handle_hash(id, *hash, now);
                    self.send_all_links(to);
                }
            }
        }
        self.check_some();
    }

    fn send_all_links(&mut self, place: Place) {
        while let Some((to, message)) = self.peer_mut(place).and_then(|peer| peer.overlay.poll_transmit()) {
            self.send_links(place, &to, message);
        }
    }

    // What a process wants done.

    /// Does everything that a process wants done, looks whether all is as it must be, and sees when it wants to be woken.
    pub(super) fn carry_out(&mut self, place: Place) {
        loop {
            self.send_all_links(place);
            if let Some(event) = self.peer_mut(place).and_then(|peer| peer.overlay.poll_event()) {
                self.tell_mind(place, event);
            } else if let Some(output) = self.peer_mut(place).and_then(|peer| peer.group.poll_output()) {
                self.carry_out_one(place, output);
            } else {
                break;
            }
        }
        let Some(peer) = self.peers[place.index()].as_deref() else { return };
        let look = Look { run: peer.run, group: &peer.group, overlay: &peer.overlay };
        let seen = self.invariants.look(&look, self.clock.now);
        self.must(place, seen);
        self.wake_when_due(place);
    }

    fn wake_when_due(&mut self, place: Place) {
        let late = self.between(LATE);
        let now = self.clock.now;
        let Some(peer) = self.peer_mut(place) else { return };
        let Some(due) = peer.due() else { return };
        if peer.wake_at.is_none_or(|at| at > due) {
            peer.wake_at = Some(due);
            let run = peer.run;
            self.at(due.max(now) + late, Happening::Wake(place, run));
        }
    }

    /// What the overlay tells, brought to the mind.
    fn tell_mind(&mut self, place: Place, event: Event) {
        let now = self.group_now(place);
        let Some(peer) = self.peer_mut(place) else { return };
        let run = peer.run;
        match event {
            Event::Reachable { peer: info, direct } => {
                let id = info.id;
                peer.group.handle_reachable(info, direct, now);
                self.note(Entry::Reached(place, id, direct));
                self.invariants.spread.note_reached(run, id, direct, now.instant);
            }
            Event::Path { peer: id, direct } => {
                peer.group.handle_path(id, direct, now);
                self.note(Entry::Reached(place, id, direct));
                // What was on its way may be lost: a break, though a short one.
                self.invariants.spread.note_reached(run, id, direct, now.instant);
            }
            Event::Unreachable { peer: id, reason } => {
                let vacated = peer.registry.vacated.remove(&id);
                peer.group.handle_unreachable(id, reason, now);
                if vacated {
                    peer.group.handle_unreachable(id, transport::Unreachable::Gone, now);
                }
                self.note(Entry::Lost(place, id, reason));
                self.invariants.spread.note_lost(run, id);
            }
            Event::IdInUse => {
                self.act(format_args!("{place} leaves: its identity is in use"));
                self.finish(place);
            }
            Event::Frames { .. } | Event::SeedFailed { .. } => {}
        }
    }

    fn carry_out_one(&mut self, place: Place, output: Output) {
        match output {
            Output::Send(to, outgoing) => return self.send(place, &to, &outgoing),
            Output::Dial { peer, address, eager } => return self.add_member(place, peer, address, eager),
            _ => {}
        }
        let Some(run) = self.peer(place).map(|peer| peer.run) else { return };
        let ends = matches!(output, Output::Depart | Output::Refused(_) | Output::NotJoined(_));
        let fits = self.invariants.hear(run, &output, self.clock.now);
        self.note(Entry::Told(place, Box::new(output)));
        self.must(place, fits);
        if ends {
            self.finish(place);
        }
    }

    /// A command of a process's owner.
    pub(super) fn command<T>(&mut self, place: Place, command: impl FnOnce(&mut Group, Now) -> T) -> Option<T> {
        let now = self.group_now(place);
        let result = command(&mut self.peer_mut(place)?.group, now);
        Some(result)
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

    // What must hold.

    /// The cheap part of what must hold of the whole world, now and then.
    fn check_some(&mut self) {
        if self.next_check <= self.clock.now {
            self.next_check = self.clock.now + HEARTBEAT * 2;
            self.check_all();
        }
    }

    fn check_all(&mut self) {
        let now = self.clock.now;
        let spread = self.invariants.spread.check(now);
        self.must_all(spread);
        let answers = self.invariants.check_answers(now);
        self.must_all(answers);
        if self.links_are_quiet() {
            let reach = self.reach();
            self.must_all(crate::invariants::equivalence::check(&reach));
        }
    }

    pub(super) fn must(&self, place: Place, holds: Result<(), String>) {
        if let Err(what) = holds {
            self.fail(&format!("{place}: {what}"));
        }
    }

    pub(super) fn must_all(&self, holds: Result<(), String>) {
        if let Err(what) = holds {
            self.fail(&what);
        }
    }

    /// Ends the run: something that must hold does not.
    ///
    /// # Panics
    ///
    /// Always, with the seed and the end of the story.
    pub fn fail(&self, what: &str) -> ! {
        let story = self.trace.tail(STORY);
        let what = self.trace.readable(what);
        let what = format!("{story}\nseed {} after {:.4} s: {what}\n", self.seed, self.elapsed().as_secs_f64());
        if self.is_quiet {
            std::panic::resume_unwind(Box::new(what));
        }
        panic!("{what}");
    }

    pub(super) fn note(&mut self, entry: Entry) {
        self.trace.note(self.clock.elapsed(), entry);
    }

    /// Writes down that something was done to the world.
    pub(super) fn act(&mut self, what: fmt::Arguments<'_>) {
        self.note(Entry::Act(what.to_string()));
    }

    pub(super) fn count(&mut self, kind: &'static str, messages: usize) {
        *self.counters.messages.entry(kind).or_default() += messages as u64;
    }
}

impl Place {
    pub(super) fn address(self) -> Address {
        let address = format!("h:{}", self.index() + 1);
        address.parse().expect("a host and a port")
    }
}
