//! What happens to a group, drawn by lot.

use super::super::*;
use super::world::World;

/// How many places there are to run at, each with a name of its own.
const PLACES: usize = 8;

pub(super) struct Plan {
    places: Vec<(String, Address)>,
    lines: u64,
    spare: u16,
    /// How often one thing happens right after another.
    haste: f64,
}

impl Plan {
    /// A group of a founder and a few that join it at once.
    pub(super) fn new(world: &mut World) -> Self {
        let place = |n: usize| (format!("p{n}"), format!("h:{}", 100 + n).parse().unwrap());
        let haste = [0.2, 0.5, 0.9][world.random.random_range(0..3)];
        let mut plan = Self { places: (0..PLACES).map(place).collect(), lines: 0, spare: 1000, haste };
        world.loss = [0.0, 0.0, 0.03, 0.3][world.random.random_range(0..4)];
        if world.chance(0.85) {
            let (name, address) = plan.places[0].clone();
            world.start(&name, &address, 0, &[]);
        }
        for place in 1..world.random.random_range(2..7) {
            plan.start(world, place);
            let pause = if world.chance(0.5) { Duration::ZERO } else { world.ms(0..800) };
            world.run(pause);
        }
        let pause = world.ms(0..3000);
        world.run(pause);
        plan
    }

    fn is_free(&self, world: &World, place: usize) -> bool {
        world.processes.values().all(|process| process.group.me.address != self.places[place].1)
    }

    fn start(&mut self, world: &mut World, place: usize) {
        if !self.is_free(world, place) {
            return;
        }
        let (name, address) = self.places[place].clone();
        let all = world.chance(0.6);
        let mut seeds = Vec::new();
        for (_, other) in &self.places {
            if *other != address && (all || world.chance(0.3)) {
                seeds.push(other.clone());
            }
        }
        if seeds.is_empty() {
            seeds.push(self.places[(place + 1) % PLACES].1.clone());
        }
        let priority = if world.chance(0.7) { 0 } else { world.random.random_range(0..3) };
        world.start(&name, &address, priority, &seeds);
    }

    fn any(world: &mut World) -> Option<PeerId> {
        let ids: Vec<_> = world.processes.keys().copied().collect();
        (!ids.is_empty()).then(|| ids[world.random.random_range(0..ids.len())])
    }

    fn leader(world: &World) -> Option<PeerId> {
        world.processes.iter().find(|(_, process)| process.group.bully.is_leader()).map(|(id, _)| *id)
    }

    fn victim(world: &mut World) -> Option<PeerId> {
        let leader = world.chance(0.5);
        Self::leader(world).filter(|_| leader).or_else(|| Self::any(world))
    }

    /// A while in which anything happens.
    pub(super) fn faults(&mut self, world: &mut World) {
        for _ in 0..world.random.random_range(5..40) {
            self.fault(world);
            for _ in 0..world.random.random_range(0..3) {
                self.talk(world);
            }
            let pause = if world.chance(self.haste) { world.ms(0..20) } else { world.ms(0..1500) };
            world.run(pause);
            world.record.check_answers(&world.processes, world.now.instant);
        }
    }

    fn fault(&mut self, world: &mut World) {
        match world.random.random_range(0..100) {
            0..22 => {
                let place = world.random.random_range(0..PLACES);
                self.start(world, place);
            }
            22..26 => (0..PLACES).for_each(|place| self.start(world, place)),
            26..29 => self.start_elsewhere(world),
            29..42 => {
                if let Some(id) = Self::victim(world) {
                    world.kill(id);
                }
            }
            42..50 => self.restart(world),
            50..60 => {
                if let Some(id) = Self::victim(world) {
                    world.stop(id);
                }
            }
            60..70 => {
                let stopped = world.processes.iter().find(|(_, process)| process.stopped).map(|(id, _)| *id);
                stopped.into_iter().for_each(|id| world.resume(id));
            }
            70..76 => {
                if let Some(id) = Self::victim(world).filter(|id| !world.processes[id].stopped) {
                    world.trace(format_args!("{id} leaves"));
                    world.command(id, Group::leave);
                }
            }
            76..82 => Self::split(world),
            82..86 => {
                if let (Some(a), Some(b)) = (Self::any(world), Self::any(world)) {
                    world.trace(format_args!("nothing gets from {a} to {b}"));
                    world.cut.insert((a, b));
                }
            }
            86..93 => {
                world.trace(format_args!("all can reach all"));
                world.cut.clear();
            }
            _ => {
                if let (Some(a), Some(b)) = (Self::any(world), Self::victim(world)) {
                    world.glitch(a, b);
                }
            }
        }
    }

    fn split(world: &mut World) {
        world.trace(format_args!("a split"));
        let ids: Vec<_> = world.processes.keys().copied().collect();
        let side: Vec<bool> = ids.iter().map(|_| world.random.random_bool(0.5)).collect();
        for (a, left) in ids.iter().zip(&side) {
            for (b, _) in ids.iter().zip(&side).filter(|(_, right)| left != *right) {
                world.cut.insert((*a, *b));
            }
        }
    }

    /// Under the same name, at the same address, at once or soon.
    fn restart(&mut self, world: &mut World) {
        let Some(id) = Self::victim(world) else { return };
        let address = world.processes[&id].group.me.address.clone();
        let Some(place) = self.places.iter().position(|place| place.1 == address) else { return };
        world.kill(id);
        let pause = if world.chance(0.5) { Duration::ZERO } else { world.ms(0..400) };
        world.run(pause);
        self.start(world, place);
    }

    /// A process whose name may be in use, at an address of its own; now and then it founds a group.
    fn start_elsewhere(&mut self, world: &mut World) {
        self.spare += 1;
        let name = self.places[world.random.random_range(0..PLACES)].0.clone();
        let address = format!("h:{}", self.spare).parse().unwrap();
        let founds = world.chance(0.4);
        let seeds: Vec<_> = self.places.iter().filter(|_| !founds).map(|place| place.1.clone()).collect();
        world.start(&name, &address, 0, &seeds);
    }

    fn talk(&mut self, world: &mut World) {
        let Some(id) = Self::any(world).filter(|id| {
            let process = &world.processes[id];
            process.is_member() && !process.stopped
        }) else {
            return;
        };
        match world.random.random_range(0..5) {
            0..3 => self.say(world, id),
            3 => {
                let to = self.places[world.random.random_range(0..PLACES)].0.clone();
                let since = world.now.instant;
                if let Ok(message) = world.command(id, |group, now| group.msg(&to, "psst".into(), now)) {
                    world.record.private(message, id, since);
                }
            }
            _ => Self::ask(world, id),
        }
    }

    fn ask(world: &mut World, id: PeerId) {
        let request = world.record.request(id, world.now.instant);
        world.command(id, |group, now| group.request_members(request, now));
    }

    fn say(&mut self, world: &mut World, id: PeerId) {
        self.lines += 1;
        let text = format!("line {}", self.lines);
        let members = world.processes.iter().filter(|(_, process)| process.is_member());
        let hearers = members.map(|(id, _)| *id).collect();
        let line = world.command(id, |group, now| group.say(text, now));
        world.record.said(line, id, hearers);
    }

    /// The faults are over.
    pub(super) fn peace(&mut self, world: &mut World) {
        world.trace(format_args!("peace"));
        world.cut.clear();
        world.loss = 0.0;
        for id in world.processes.keys().copied().collect::<Vec<_>>() {
            world.resume(id);
        }
    }

    /// Somebody joins through any one member, under a name that nobody has.
    pub(super) fn newcomer(&mut self, world: &mut World) {
        let members: Vec<_> = world.processes.values().filter(|process| process.is_member()).collect();
        let Some(member) = members.first().map(|process| process.group.me.id) else { return };
        let seed = world.processes[&member].group.me.address.clone();
        world.start("newcomer", &"h:99".parse().unwrap(), 0, &[seed]);
    }

    pub(super) fn everybody_speaks_and_asks(&mut self, world: &mut World) {
        for id in world.processes.keys().copied().collect::<Vec<_>>() {
            if world.processes[&id].is_member() {
                self.say(world, id);
                Self::ask(world, id);
            }
        }
    }
}
