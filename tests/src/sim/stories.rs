//! Stories that single faults seldom tell: foundations that meet, sleepers whose group forgets itself, roamers between groups,
//! takeovers that die.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::Place;
use super::acts::{Act, Identity, Start, Whom};
use super::rules::Rule;

/// What happens, and how long after the step before.
pub(super) type Steps = Vec<(Duration, Act)>;

/// What draws a story. Its dice are its own: without a story a plan is what it is.
struct Teller {
    random: SmallRng,
    places: Vec<Place>,
    steps: Steps,
}

/// A story for one plan of three, in which so many peers are.
pub(super) fn story(seed: u64, peers: usize) -> Option<Steps> {
    let mut random = SmallRng::seed_from_u64(seed ^ 28);
    let which = random.random_range(0..12);
    let mut teller = Teller { random, places: (0..peers).map(Place::at).collect(), steps: Vec::new() };
    match which {
        0 => teller.foundations_meet(),
        1 => teller.sleeper(),
        2 => teller.roamer(),
        3 => teller.dead_takeover(),
        _ => return None,
    }
    Some(teller.steps)
}

impl Teller {
    fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.random.random_range(from..to))
    }

    fn now(&mut self, act: Act) {
        self.steps.push((Duration::ZERO, act));
    }

    fn after(&mut self, from_ms: u64, to_ms: u64, act: Act) {
        let after = self.ms(from_ms, to_ms);
        self.steps.push((after, act));
    }

    /// The places on two sides, none of which is empty. The oldest is on the first.
    fn sides(&mut self) -> [Vec<Place>; 2] {
        let at = self.random.random_range(1..self.places.len());
        let (one, other) = self.places.split_at(at);
        [one.to_vec(), other.to_vec()]
    }

    fn split(&mut self, one: &[Place], other: &[Place], time: Duration) {
        for rule in Rule::split(one, other, Duration::ZERO..time) {
            self.now(Act::Rule(rule));
        }
    }

    /// Everybody says something.
    fn talk(&mut self) {
        for place in self.places.clone() {
            self.after(0, 30, Act::Say(Whom::At(place), 10));
        }
    }

    /// A group begins at places where none runs.
    fn found(&mut self, group: &[Place], via: &[Place]) {
        for (at, place) in group.iter().enumerate() {
            let via: Vec<_> = group[..at.min(1)].iter().chain(via).copied().collect();
            self.after(
                100,
                400,
                Act::Start(Start { name: None, ..Start::joining(*place, if at == 0 { &[] } else { &via }) }),
            );
        }
    }

    /// Some found a group of their own, and after a while one of them comes back knowing both.
    fn foundations_meet(&mut self) {
        let [stay, go] = self.sides();
        let apart = self.ms(2_000, 12_000);
        self.split(&stay, &go, apart);
        for place in &go {
            self.now(Act::Crash(Whom::At(*place)));
        }
        self.found(&go, &[]);
        // More than anybody keeps of what is older than its memory.
        let lines = if self.random.random_bool(0.4) { 130 } else { 0 };
        for _ in 0..lines {
            self.after(0, 20, Act::Say(Whom::At(go[0]), 10));
        }
        for _ in 0..3 {
            self.talk();
            self.after(200, 2_500, Act::ResumeAny);
        }
        self.talk();
        let returns = go[self.random.random_range(0..go.len())];
        let soon = self.ms(0, 500);
        self.after(0, 12_000, Act::Restart(Whom::At(returns), Identity::Lost, soon));
    }

    /// One sleeps while all others end and begin anew without what they knew.
    fn sleeper(&mut self) {
        let at = if self.random.random_bool(0.5) { 0 } else { self.random.random_range(0..self.places.len()) };
        let mut others = self.places.clone();
        let sleeper = others.remove(at);
        self.talk();
        self.after(0, 3_000, Act::Pause(Whom::At(sleeper)));
        for place in &others {
            self.after(0, 100, Act::Crash(Whom::At(*place)));
        }
        self.found(&others, &[sleeper]);
        for _ in 0..2 {
            self.talk();
            self.after(500, 5_000, Act::Resume(Whom::At(others[0])));
        }
        self.after(0, 500, Act::Resume(Whom::At(sleeper)));
        self.talk();
    }

    /// One is now with these and now with those, who do not reach each other.
    fn roamer(&mut self) {
        let mut sides = self.sides();
        let Some(roamer) = sides[1].pop() else { return };
        let apart = self.ms(6_000, 20_000);
        let [one, other] = sides.clone();
        self.split(&one, &other, apart);
        for round in 0..self.random.random_range(2..5) {
            let away = self.ms(500, 7_000);
            self.split(&sides[round % 2], &[roamer], away);
            self.talk();
            self.after(500, 7_000, Act::ResumeAny);
            if round == 0 && self.random.random_bool(0.5) {
                self.takeover(&other);
            }
        }
    }

    /// Whoever of these leads them takes over.
    fn takeover(&mut self, side: &[Place]) {
        for place in side {
            self.now(Act::Takeover(Whom::At(*place)));
        }
    }

    /// A side takes over, and its leader ends, stops or is cut off before it gets far.
    fn dead_takeover(&mut self) {
        let [one, other] = self.sides();
        let side = if self.random.random_bool(0.5) { one.clone() } else { other.clone() };
        let apart = self.ms(3_000, 14_000);
        self.split(&one, &other, apart);
        self.after(1_200, 4_000, Act::ResumeAny);
        self.talk();
        self.takeover(&side);
        let taker = Whom::At(side[0]);
        let end = match self.random.random_range(0..4) {
            0 => Act::Crash(taker),
            1 => Act::PowerOff(taker),
            2 => Act::Pause(taker),
            _ => Act::Restart(taker, Identity::Kept, Duration::from_millis(200)),
        };
        self.after(0, 8, end);
        if self.random.random_bool(0.5) {
            self.after(0, 2_000, Act::Heal);
        }
        self.talk();
        self.after(0, 6_000, Act::ResumeAny);
    }
}
