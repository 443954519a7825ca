//! Random schedules, drawn as data before anything runs.

use std::ops::Range;
use std::time::Duration;

use node::group::Memory;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::acts::{Act, Identity, Start, Whom};
use super::rules::{Rule, Verdict, Who};
use super::world::World;
use super::{HEARTBEAT, Place, stories};

/// For longer than any run lasts.
const ALWAYS: Duration = Duration::from_secs(3600);

/// A schedule: what happens, and how long after the step before.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// How many places there are.
    pub places: usize,
    /// The share of the peers that have disks.
    pub disks: f64,
    /// How much of the log each keeps in memory.
    pub memory: Memory,
    /// The share of what is said to users of gateways alone that finds one who does not read.
    pub slow_clients: f64,
    /// What happens.
    pub steps: Vec<(Duration, Act)>,
}

/// What draws a schedule.
struct Dice {
    random: SmallRng,
    peers: usize,
    /// How often one thing happens right after another.
    haste: f64,
    steps: Vec<(Duration, Act)>,
}

impl Plan {
    /// Three to nine peers, and twenty seconds in which anything happens to them.
    pub fn random(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed ^ 0x5eed);
        let peers = random.random_range(3..=9);
        let haste = [0.2, 0.5, 0.9][random.random_range(0..3)];
        let mut dice = Dice { random, peers, haste, steps: Vec::new() };
        dice.begin();
        for _ in 0..dice.number(5..40) {
            dice.fault();
            for _ in 0..dice.number(0..3) {
                let talk = dice.talk();
                dice.add(0..20, talk);
            }
        }
        dice.guests(seed);
        dice.story(seed);
        // One place is for a newcomer, when all is over.
        let disks = [0.0, 0.5, 1.0][dice.random.random_range(0..3)];
        Self { places: peers + 1, disks, memory: memory(seed), slow_clients: 0.1, steps: dice.steps }
    }
}

/// In one group of three so little that a newcomer, or whoever was away, needs a snapshot.
fn memory(seed: u64) -> Memory {
    let mut random = SmallRng::seed_from_u64(seed ^ 27);
    match random.random_range(0..3) {
        0 => Memory { entries: random.random_range(1..20), snapshot: random.random_range(1..20) },
        _ => Memory::default(),
    }
}

impl Dice {
    fn number(&mut self, range: Range<u64>) -> u64 {
        self.random.random_range(range)
    }

    fn chance(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }

    fn place(&mut self) -> Place {
        Place::at(self.random.random_range(0..self.peers))
    }

    /// Within so many milliseconds of the step before.
    fn add(&mut self, after_ms: Range<u64>, act: Act) {
        let after = Duration::from_millis(self.number(after_ms));
        self.steps.push((after, act));
    }

    /// Soon after the step before, or at leisure.
    fn then(&mut self, act: Act) {
        let soon = self.chance(self.haste);
        self.add(if soon { 0..20 } else { 0..1500 }, act);
    }

    fn begin(&mut self) {
        let loss = [0.0, 0.0, 0.03, 0.3][self.random.random_range(0..4)];
        if loss > 0.0 {
            let rule = Rule::new(Who::All, Who::All, Duration::ZERO..ALWAYS, Verdict::Lose(loss));
            self.add(0..1, Act::Rule(rule));
        }
        if self.chance(0.85) {
            self.add(0..1, Act::Start(Start::joining(Place::at(0), &[])));
        }
        for place in 1..self.peers {
            let start = self.start(Place::at(place));
            let at_once = self.chance(0.5);
            self.add(if at_once { 0..1 } else { 0..400 }, start);
        }
        self.add(0..3000, Act::ResumeAny);
    }

    /// A process that joins through some of the others.
    fn start(&mut self, place: Place) -> Act {
        let all = self.chance(0.6);
        let others = (0..self.peers).map(Place::at).filter(|other| *other != place).collect::<Vec<_>>();
        let mut via: Vec<_> = others.iter().copied().filter(|_| all || self.random.random_bool(0.3)).collect();
        if via.is_empty() {
            via.push(others[self.random.random_range(0..others.len())]);
        }
        let priority = if self.chance(0.7) { 0 } else { self.random.random_range(0..3) };
        Act::Start(Start { place, via, priority, name: None })
    }

    /// Users of gateways come and go among all the rest, in one group of two. They have dice of their own.
    fn guests(&mut self, seed: u64) {
        let mut random = SmallRng::seed_from_u64(seed ^ 25);
        if random.random_bool(0.5) {
            return;
        }
        for _ in 0..random.random_range(1..15) {
            let at = random.random_range(0..=self.steps.len());
            let whom = Whom::Any(random.random_range(0..self.peers));
            let comes = random.random_bool(0.7);
            let act = if comes { Act::AdmitGuest(whom, random.random_range(0..6)) } else { Act::DropGuest(whom) };
            self.steps.insert(at, (Duration::from_millis(random.random_range(0..20)), act));
        }
        self.guests_talk(seed);
    }

    /// A story comes in between, in one plan of three.
    fn story(&mut self, seed: u64) {
        let Some(story) = stories::story(seed, self.peers) else { return };
        let at = SmallRng::seed_from_u64(seed ^ 29).random_range(self.peers..=self.steps.len());
        self.steps.splice(at..at, story);
    }

    /// What users of gateways say, and what is said to them.
    fn guests_talk(&mut self, seed: u64) {
        let mut random = SmallRng::seed_from_u64(seed ^ 26);
        for _ in 0..random.random_range(5..25) {
            let at = random.random_range(self.peers..=self.steps.len());
            let guest = random.random_range(0..1024);
            let act = match random.random_range(0..4) {
                0..2 => Act::SayAs(guest, random.random_range(0..40)),
                2 => Act::MsgAs(guest, random.random_range(0..1024)),
                _ => Act::MsgGuest(Whom::Any(random.random_range(0..self.peers)), guest),
            };
            self.steps.insert(at, (Duration::from_millis(random.random_range(0..20)), act));
        }
    }

    fn anybody(&mut self) -> Whom {
        Whom::Any(self.random.random_range(0..self.peers))
    }

    fn victim(&mut self) -> Whom {
        if self.chance(0.5) { Whom::Leader } else { self.anybody() }
    }

    fn fault(&mut self) {
        let place = self.place();
        match self.number(0..100) {
            0..20 => {
                let start = self.start(place);
                self.then(start);
            }
            20..23 => {
                for place in 0..self.peers {
                    let start = self.start(Place::at(place));
                    self.add(0..5, start);
                }
            }
            23..27 => self.stranger(place),
            27..38 => {
                let victim = self.victim();
                self.then(Act::Crash(victim));
            }
            38..42 => {
                let victim = self.victim();
                self.then(Act::PowerOff(victim));
            }
            42..52 => {
                let (victim, soon) = (self.victim(), self.chance(0.5));
                let identity = if self.chance(0.4) { Identity::Kept } else { Identity::Lost };
                let after = Duration::from_millis(if soon { 0 } else { self.number(0..400) });
                self.then(Act::Restart(victim, identity, after));
            }
            52..62 => {
                let victim = self.victim();
                self.then(Act::Pause(victim));
            }
            62..72 => self.then(Act::ResumeAny),
            72..76 => {
                let victim = self.victim();
                self.then(Act::Leave(victim));
            }
            76..78 => {
                let (victim, by) = (self.anybody(), self.number(0..7_200_000));
                self.then(Act::JumpClock(victim, i64::try_from(by).unwrap_or(0) - 3_600_000));
            }
            78..83 => {
                let (a, b) = (self.anybody(), self.victim());
                self.then(Act::Break(a, b));
            }
            83..94 => self.network_fault(),
            94..96 => {
                let (victim, time) = (self.victim(), self.number(100..6000));
                self.then(Act::HangDisk(victim, Duration::from_millis(time)));
            }
            96..98 => {
                let victim = self.victim();
                self.then(Act::Takeover(victim));
            }
            _ => self.then(Act::Heal),
        }
    }

    /// Under a name that may be in use, or as the founder of a group of its own, which others may find.
    fn stranger(&mut self, place: Place) {
        let name = self.place().to_string();
        let founds = self.chance(0.4);
        let via =
            if founds { Vec::new() } else { (0..self.peers).map(Place::at).filter(|via| *via != place).collect() };
        self.then(Act::Start(Start { place, via, priority: 0, name: Some(name) }));
    }

    fn network_fault(&mut self) {
        let length = [300, 900, 2500, 10_000][self.random.random_range(0..4)];
        let during = Duration::ZERO..Duration::from_millis(self.number(1..length));
        let (a, b) = (self.place(), self.place());
        let rules: Vec<Rule> = match self.number(0..6) {
            0 => {
                let side: Vec<bool> = (0..self.peers).map(|_| self.random.random_bool(0.5)).collect();
                let on = |wanted| (0..side.len()).filter(|at| side[*at] == wanted).map(Place::at).collect::<Vec<_>>();
                Rule::split(&on(true), &on(false), during).into()
            }
            1 => vec![Rule::new(Who::One(a), Who::One(b), during, Verdict::Drop)],
            2 => Rule::cut(a, b, during).into(),
            3 => vec![Rule::new(Who::One(a), Who::But(vec![a]), during, Verdict::Drop)],
            4 => {
                let late = Duration::from_millis(self.number(5..200))..Duration::from_millis(self.number(200..600));
                vec![Rule::new(Who::One(a), Who::All, during, Verdict::Delay(late))]
            }
            _ => {
                // Every pair by itself: the graph that is left is anything.
                let pairs = (0..self.peers).flat_map(|a| (0..a).map(move |b| (Place::at(a), Place::at(b))));
                let cut: Vec<_> = pairs.filter(|_| self.random.random_bool(0.4)).collect();
                cut.into_iter().flat_map(|(a, b)| Rule::cut(a, b, during.clone())).collect()
            }
        };
        for rule in rules {
            self.add(0..1, Act::Rule(rule));
        }
        self.then(Act::ResumeAny);
    }

    fn talk(&mut self) -> Act {
        let who = self.anybody();
        match self.number(0..10) {
            0..3 => Act::Say(who, usize::try_from(self.number(0..40)).unwrap_or(0)),
            3 => Act::Msg(who, self.place()),
            4 => Act::Ask(who),
            5 => Act::Calc(who),
            6 => Act::Request(who),
            7 => Act::Propose(who),
            _ => Act::Vote(who, usize::try_from(self.number(0..1024)).unwrap_or(0)),
        }
    }
}

impl World {
    /// Plays a schedule to its end.
    pub fn play(&mut self, plan: &Plan) {
        self.give_disks(plan.disks);
        self.set_memory(plan.memory);
        self.slow_clients = plan.slow_clients;
        while self.sites.len() < plan.places {
            self.place();
        }
        for (after, act) in &plan.steps {
            self.run(*after);
            self.perform(act);
        }
    }

    /// The faults are over: the network is well, and everybody goes on.
    pub fn peace(&mut self) {
        // Whoever crashed to start again has done so.
        self.run(HEARTBEAT * 2);
        self.act(format_args!("peace"));
        self.heal();
        self.slow_clients = 0.0;
        for place in self.running() {
            self.resume(place);
            self.free_disk(place);
        }
    }
}
