//! The model where histories meet: what may happen to groups that were founded apart, or to a takeover.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use history::{Durable, Log, LogConfig, LogEvent, LogMessage, LogTransmit, Loss, Regime, Write};
use stateright::{Model, Property};

use crate::broken::Rule;
use crate::facts::{Before, Facts, Seen};
use crate::group::{Id, line};

/// Where the model's time begins. There is no other way to make an instant than to read the clock.
#[allow(clippy::disallowed_methods)]
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Longer than any voter may be silent.
const LONG: Duration = Duration::from_secs(11);

/// Whether what happens is printed: `MODEL_TRACE=1`.
pub(crate) fn trace() -> bool {
    static TRACE: LazyLock<bool> = LazyLock::new(|| std::env::var_os("MODEL_TRACE").is_some());
    *TRACE
}

/// Without what makes it long to read.
fn brief(what: &impl std::fmt::Debug) -> String {
    let text = format!("{what:?}");
    let without = ["Regime ", "Reverse", "number: ", "by: ", "Lineage"];
    let text = without.iter().fold(text, |text, word| text.replace(word, ""));
    let (mut short, mut rest) = (String::new(), text.as_str());
    while let Some((before, hash)) = rest.split_once("RunningHash([") {
        let (bytes, after) = hash.split_once("])").unwrap_or((hash, ""));
        short += before;
        short += &bytes.chars().filter(char::is_ascii_digit).take(6).collect::<String>();
        rest = after;
    }
    short + rest
}

/// How often each thing may happen, or has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Often {
    pub(crate) crashes: u8,
    /// Changes of who reaches whom.
    pub(crate) cuts: u8,
    pub(crate) elections: u8,
    pub(crate) takeovers: u8,
    pub(crate) lines: u8,
    /// A heartbeat passes at everybody.
    pub(crate) waits: u8,
    /// Eleven seconds pass at everybody.
    pub(crate) sleeps: u8,
    /// Links on which messages stay, while others come.
    pub(crate) holds: u8,
    /// Messages that are lost alone.
    pub(crate) losses: u8,
}

/// A space: what there is at the beginning, and the bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meeting {
    pub(crate) name: &'static str,
    /// Each founded by its first, and all of it voters. They have not met.
    pub(crate) groups: &'static [&'static [Id]],
    /// These died before the model begins, for ever.
    pub(crate) gone: &'static [Id],
    /// These begin in reach of each other: the parts of the network, one for each peer.
    pub(crate) parts: &'static [u8],
    /// How many lines each group has decided.
    pub(crate) lines: u8,
    /// Whether whoever crashes has lost all, and does not come back.
    pub(crate) is_diskless: bool,
    /// Whether writes take time.
    pub(crate) is_slow: bool,
    /// Whether each message is a step of its own. If not, all that is under way comes before anything else happens, save on
    /// links that are held.
    pub(crate) is_fine: bool,
    pub(crate) most: Often,
    pub(crate) rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// The oldest message from the one to the other comes.
    Deliver(Id, Id),
    Lose(Id, Id),
    /// From now on messages from the one to the other stay on their way.
    Hold(Id, Id),
    /// What stayed on its way comes.
    Release(Id, Id),
    /// The oldest write is durable.
    Written(Id),
    /// The process ends; what is not durable is lost, and all messages from it and to it.
    Crash(Id),
    Restart(Id),
    /// The network has these parts from now on. What is on links that are cut is lost, save what is held.
    Parts([u8; 5]),
    /// The election names this one, at all that reach it.
    Elect(Id),
    /// The election names the one to which this one hands the lead over.
    Yield(Id),
    /// A person says at this leader that those who are missing are dead.
    TakeOver(Id),
    Say(Id),
    Wait,
    Sleep,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) log: Option<Arc<Log<Id>>>,
    durable: Arc<Durable<Id>>,
    disk: VecDeque<Arc<Write<Id>>>,
    leader: Option<Id>,
    yields_to: Option<Id>,
    is_gone: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) members: Vec<Member>,
    wires: BTreeMap<(Id, Id), VecDeque<Arc<LogMessage<Id>>>>,
    held: BTreeSet<(Id, Id)>,
    parts: [u8; 5],
    now: Instant,
    pub(crate) spent: Often,
    pub(crate) facts: Facts,
}

/// Who has a history, whose log knows the most of it, and whose accepted log is the greatest.
type Holders<'a> = (BTreeSet<Id>, &'a Log<Id>, &'a Log<Id>);

/// All ways to part so many.
fn all_parts(size: usize) -> Vec<[u8; 5]> {
    let mut all: Vec<Vec<u8>> = vec![Vec::new()];
    for _ in 0..size {
        let next = |parts: &Vec<u8>| parts.iter().max().map_or(0, |most| most + 1);
        let with = |parts: &Vec<u8>, part| [parts.as_slice(), &[part]].concat();
        all = all.iter().flat_map(|parts| (0..=next(parts)).map(|part| with(parts, part))).collect();
    }
    let whole = |parts: Vec<u8>| {
        let mut all = [0; 5];
        all[..size].copy_from_slice(&parts);
        all
    };
    all.into_iter().map(whole).collect()
}

impl World {
    fn member(&mut self, id: Id) -> &mut Member {
        &mut self.members[usize::from(id)]
    }

    pub(crate) fn log(&self, id: Id) -> Option<&Log<Id>> {
        self.members[usize::from(id)].log.as_deref()
    }

    pub(crate) fn ids(&self) -> std::ops::Range<Id> {
        0..Id::try_from(self.members.len()).expect("a few peers")
    }

    fn reaches(&self, one: Id, other: Id) -> bool {
        let part = |id: Id| self.parts[usize::from(id)];
        one != other && self.log(one).is_some() && self.log(other).is_some() && part(one) == part(other)
    }

    /// Something happens at a peer, and what comes of it is taken away.
    pub(crate) fn input(&mut self, id: Id, space: &Meeting, input: impl FnOnce(&mut Log<Id>, Instant)) {
        let now = self.now;
        let Some(mut shared) = self.member(id).log.take() else {
            return;
        };
        let log = Arc::make_mut(&mut shared);
        let before = Before::of(log);
        input(log, now);
        while let Some(write) = log.poll_write() {
            if space.is_slow {
                self.member(id).disk.push_back(Arc::new(write));
            } else {
                Arc::make_mut(&mut self.member(id).durable).apply(&write);
                log.handle_written(write.ticket, now);
            }
        }
        self.facts.established(log, &before);
        let mut taken_back = false;
        while let Some(event) = log.poll_event() {
            if trace() {
                println!("  {id}: {}", brief(&event));
            }
            match event {
                LogEvent::Decided { index, entry, .. } => self.facts.decided(id, log, &before, index, entry),
                LogEvent::Undecided { index, .. } => {
                    taken_back = true;
                    self.facts.undecided(id, log, &before, index);
                }
                LogEvent::Alarm(_) => self.facts.fail("an alarm"),
                LogEvent::HandOver { to } => {
                    self.facts.seen.insert(Seen::HandedOver);
                    self.member(id).yields_to = Some(to);
                }
                _ => {}
            }
        }
        if taken_back && space.rule == Rule::TeachesFromStart {
            self.tell_from_start(id, log, &before);
        }
        self.facts.settled(id, log, &before, self.spent.takeovers);
        let mut sent = Vec::new();
        while let Some(LogTransmit { to, message }) = log.poll_transmit() {
            let to = to.into_iter().filter(|to| *to != id && self.reaches_from(id, *to));
            sent.extend(to.filter_map(|to| Some((to, space.rule.change(log, message.clone())?))));
        }
        for (to, message) in sent {
            self.wires.entry((id, to)).or_default().push_back(Arc::new(message));
        }
        self.member(id).log = Some(shared);
    }

    /// As [`reaches`](Self::reaches), while the log of the one is taken out.
    fn reaches_from(&self, one: Id, other: Id) -> bool {
        one != other && self.log(other).is_some() && self.parts[usize::from(one)] == self.parts[usize::from(other)]
    }

    /// As if all were taken back and taught again.
    fn tell_from_start(&mut self, id: Id, log: &Log<Id>, before: &Before) {
        for index in (1..=log.decided()).rev().filter_map(history::Index::new) {
            self.facts.undecided(id, log, before, index);
        }
        for index in (1..=log.decided()).filter_map(history::Index::new) {
            if let Some(entry) = log.get(index) {
                self.facts.decided(id, log, before, index, Arc::clone(entry));
            }
        }
    }

    fn pop(&mut self, from: Id, to: Id) -> Option<LogMessage<Id>> {
        let wire = self.wires.get_mut(&(from, to))?;
        let message = wire.pop_front()?;
        if wire.is_empty() {
            self.wires.remove(&(from, to));
        }
        Some(Arc::unwrap_or_clone(message))
    }

    pub(crate) fn deliver(&mut self, from: Id, to: Id, space: &Meeting) -> Option<()> {
        let message = self.pop(from, to)?;
        if trace() {
            println!("  {from} -> {to} {}", brief(&message));
        }
        let before = self.log(to).and_then(|log| log.established());
        let promise = match &message {
            LogMessage::Promise { ballot, left, withheld, .. } => Some((*ballot, left.is_some(), *withheld)),
            _ => None,
        };
        let mut leads_to = None;
        if let (LogMessage::Status(standing), Rule::SwitchesOnStatus) = (&message, space.rule) {
            leads_to = self.log(to).filter(|log| log.regime() != standing.regime() && standing.decided > 0);
            leads_to = leads_to.filter(|log| log.established().is_none());
        }
        let forged = leads_to.map(|log| log.promised()).zip(match &message {
            LogMessage::Status(standing) => standing.regime().map(|regime| (regime, standing.decided)),
            _ => None,
        });
        self.input(to, space, |log, now| log.handle_message(from, message, now));
        if let Some((promised, (regime, decided))) = forged {
            let ballot = crate::broken::above(promised, regime, from);
            let beat =
                LogMessage::Beat { ballot, regime: Some(regime), len: decided, decided, sync: false, sure: true };
            self.member(to).leader = Some(from);
            self.input(to, space, |log, now| {
                log.handle_leader(Some(from), now);
                log.handle_message(from, beat, now);
            });
        }
        if let Some((ballot, left, withheld)) = promise
            && before != Some(ballot)
            && self.log(to).and_then(|log| log.established()) == Some(ballot)
        {
            self.facts.seen.extend(left.then_some(Seen::LeftCounted));
            self.facts.seen.extend(withheld.then_some(Seen::Withheld));
        }
        Some(())
    }

    fn write(&mut self, id: Id, space: &Meeting) -> Option<()> {
        let write = self.member(id).disk.pop_front()?;
        Arc::make_mut(&mut self.member(id).durable).apply(&write);
        self.input(id, space, |log, now| log.handle_written(write.ticket, now));
        Some(())
    }

    pub(crate) fn crash(&mut self, id: Id, space: &Meeting) {
        let others: Vec<Id> = self.ids().filter(|other| self.reaches(id, *other)).collect();
        let member = self.member(id);
        (member.log, member.yields_to, member.leader) = (None, None, None);
        member.is_gone |= space.is_diskless;
        member.disk.clear();
        self.wires.retain(|(from, to), _| *from != id && *to != id);
        self.held.retain(|(from, to)| *from != id && *to != id);
        for other in others {
            self.input(other, space, |log, now| log.handle_unreachable(id, Loss::Gone, now));
        }
    }

    pub(crate) fn restart(&mut self, id: Id, space: &Meeting) {
        let (now, all) = (self.now, self.ids().collect::<Vec<_>>());
        self.facts.begin(id);
        let member = self.member(id);
        let log = Log::restore(id, LogConfig::default(), (*member.durable).clone(), now);
        member.log = Some(Arc::new(log));
        let others: Vec<Id> = all.iter().copied().filter(|other| self.reaches(id, *other)).collect();
        let leader = others.iter().find_map(|other| self.members[usize::from(*other)].leader);
        for other in others {
            self.input(id, space, |log, now| log.handle_reachable(other, now));
            self.input(other, space, |log, now| log.handle_reachable(id, now));
        }
        self.input(id, space, |log, now| log.handle_members(&all, now));
        if let Some(leader) = leader.filter(|leader| self.reaches(id, *leader)) {
            self.follow(id, leader, space);
        }
    }

    pub(crate) fn part(&mut self, parts: [u8; 5], space: &Meeting) {
        let before = self.clone();
        self.parts = parts;
        let held = &self.held;
        self.wires.retain(|(from, to), _| {
            held.contains(&(*from, *to)) || parts[usize::from(*from)] == parts[usize::from(*to)]
        });
        for one in self.ids() {
            for other in self.ids() {
                match (before.reaches(one, other), self.reaches(one, other)) {
                    (false, true) => self.input(one, space, |log, now| log.handle_reachable(other, now)),
                    (true, false) => {
                        self.input(one, space, |log, now| log.handle_unreachable(other, Loss::Silent, now))
                    }
                    _ => {}
                }
            }
        }
    }

    fn follow(&mut self, id: Id, leader: Id, space: &Meeting) {
        self.member(id).leader = Some(leader);
        self.input(id, space, |log, now| log.handle_leader(Some(leader), now));
    }

    pub(crate) fn elect(&mut self, leader: Id, space: &Meeting) {
        let all: Vec<Id> = self.ids().filter(|id| *id == leader || self.reaches(*id, leader)).collect();
        for id in all {
            self.member(id).yields_to = None;
            self.follow(id, leader, space);
        }
    }

    fn take_over(&mut self, id: Id, space: &Meeting) {
        self.input(id, space, |log, now| {
            let missing = log.missing_voters();
            log.takeover(&missing, now);
        });
    }

    pub(crate) fn say(&mut self, id: Id, lamport: u8, space: &Meeting) {
        self.input(id, space, |log, _| {
            let number = log.next_proposed(line(id, 0, 0).id.session);
            log.propose(&line(id, number, lamport));
        });
    }

    pub(crate) fn pass(&mut self, time: Duration, space: &Meeting) {
        self.now += time;
        for id in self.ids() {
            self.input(id, space, |log, now| log.handle_timeout(now));
        }
    }

    /// Everything that is under way comes to its end, in one order, save what is held.
    pub(crate) fn settle(&mut self, space: &Meeting) {
        for _ in 0..300 {
            let wires: Vec<(Id, Id)> = self.wires.keys().copied().filter(|wire| !self.held.contains(wire)).collect();
            let wires = wires.into_iter().filter(|(from, to)| self.deliver(*from, *to, space).is_some()).count();
            let disks = self.ids().filter(|id| self.write(*id, space).is_some()).count();
            if wires + disks == 0 {
                return;
            }
        }
        self.facts.fail("it never comes to an end");
    }

    /// Whether there is a history that can go on, if all come back that have it.
    pub(crate) fn goes_on(&self) -> bool {
        let restored = |id: Id| {
            let member = &self.members[usize::from(id)];
            let asleep = || Arc::new(Log::restore(id, LogConfig::default(), (*member.durable).clone(), self.now));
            let log = member.log.clone().or_else(|| (!member.is_gone).then(asleep))?;
            Some((id, crate::facts::accepted_regime(&log), log))
        };
        let logs: Vec<_> = self.ids().filter_map(restored).collect();
        let mut holders: BTreeMap<Regime<Id>, Holders<'_>> = BTreeMap::new();
        for (id, accepted, log) in &logs {
            for regime in accepted.iter().copied().chain(log.regime()) {
                let (of, foremost, greatest) =
                    holders.entry(regime).or_insert_with(|| (BTreeSet::new(), &**log, &**log));
                of.insert(*id);
                let knows = |log: &Log<Id>| (log.regime() == Some(regime), log.decided());
                if knows(foremost) < knows(log) {
                    *foremost = log;
                }
                let has = |log: &Log<Id>| (log.accepted(), log.accepted_len());
                if *accepted == Some(regime) && has(greatest) < has(log) {
                    *greatest = log;
                }
            }
        }
        holders.values().any(|(of, foremost, greatest)| {
            let proposed = (foremost.decided() + 1..=greatest.accepted_len()).filter_map(history::Index::new);
            let proposed = proposed.filter_map(|at| greatest.accepted_entry(at)).filter_map(|entry| match &**entry {
                history::Entry::Config(config) => Some(config),
                _ => None,
            });
            foremost.config().map(|(_, config)| config).into_iter().chain(proposed).all(|config| {
                let here = 2 * config.voters.iter().filter(|voter| of.contains(voter)).count();
                here > config.voters.len() || here == config.voters.len() && of.contains(&config.tie_breaker)
            })
        })
    }

    /// All come back and reach each other, nothing fails for a while, and the election is right in the end. Returns what is
    /// wrong after that, if anything is.
    pub(crate) fn heal(&mut self, space: &Meeting) -> Option<&'static str> {
        let can_go_on = self.goes_on();
        self.held.clear();
        for id in self.ids() {
            if self.log(id).is_none() && !self.members[usize::from(id)].is_gone {
                self.restart(id, space);
            }
        }
        self.part([0; 5], space);
        for turn in 0..160 {
            let up = || self.ids().filter(|id| self.log(*id).is_some());
            let stands = |id: &Id| self.log(*id).is_some_and(|log| log.stands());
            let leader = up().find(stands).or(up().next())?;
            if up().any(|id| self.members[usize::from(id)].leader != Some(leader)) {
                self.elect(leader, space);
            }
            let pairs = self.ids().flat_map(|id| self.ids().map(move |other| (id, other))).collect::<Vec<_>>();
            for (id, other) in pairs.into_iter().filter(|_| turn % 8 == 0) {
                self.input(id, space, |log, now| log.compare(other, now));
            }
            self.settle(space);
            self.pass(LogConfig::default().heartbeat, space);
            self.settle(space);
        }
        if let Some(leader) = self.ids().find(|id| self.log(*id).is_some_and(|log| log.established().is_some())) {
            self.say(leader, 99, space);
            self.settle(space);
            self.pass(LogConfig::default().heartbeat, space);
            self.settle(space);
        }
        let logs = || self.ids().filter_map(|id| self.log(id));
        let is_one = logs().map(|log| (log.regime(), log.hash())).collect::<BTreeSet<_>>().len() == 1;
        let confirms = logs().any(|log| log.established().is_some() && log.accepted_len() == log.decided());
        match self.facts.broken {
            Some(broken) => Some(broken),
            None if can_go_on && !is_one => Some("N7: after a while of quiet there are two logs"),
            None if can_go_on && !confirms => Some("N7: after a while of quiet nothing is confirmed"),
            None => None,
        }
    }
}

impl Meeting {
    pub(crate) fn size(&self) -> usize {
        self.groups.iter().map(|group| group.len()).sum()
    }

    /// All of each group are voters, its first leads, and nothing is under way.
    pub(crate) fn start(&self) -> World {
        let (config, space) = (LogConfig::default(), Self { is_slow: false, rule: Rule::Whole, ..*self });
        let mut parts = [0; 5];
        for (part, group) in (0..).zip(self.groups) {
            group.iter().for_each(|id| parts[usize::from(*id)] = part);
        }
        let member = || Member {
            log: None,
            durable: Arc::default(),
            disk: VecDeque::new(),
            leader: None,
            yields_to: None,
            is_gone: false,
        };
        let (wires, held) = (BTreeMap::new(), BTreeSet::new());
        let mut world = World {
            members: (0..self.size()).map(|_| member()).collect(),
            wires,
            held,
            parts: [0, 1, 2, 3, 4],
            now: *START,
            spent: Often::default(),
            facts: Facts::default(),
        };
        let all: Vec<Id> = world.ids().collect();
        for group in self.groups {
            for id in *group {
                let founds = group.first() == Some(id);
                world.member(*id).log = Some(Arc::new(if founds {
                    Log::found(*id, config, *START)
                } else {
                    Log::new(*id, config, *START)
                }));
            }
        }
        for id in &all {
            world.input(*id, &space, |log, now| log.handle_members(&all, now));
        }
        world.part(parts, &space);
        for group in self.groups {
            world.elect(group[0], &space);
        }
        world.settle(&space);
        for _ in 0..30 {
            world.pass(config.heartbeat, &space);
            world.settle(&space);
        }
        for (group, lamport) in self.groups.iter().flat_map(|group| (0..self.lines).map(move |at| (group, at))) {
            world.say(group[0], lamport, &space);
            world.settle(&space);
            world.pass(config.heartbeat, &space);
            world.settle(&space);
        }
        for group in self.groups {
            let config = world.log(group[0]).and_then(|log| log.config().map(|(_, config)| config.voters.len()));
            assert_eq!(config, Some(group.len()), "all of a group vote before the model begins");
        }
        for id in self.gone {
            world.crash(*id, &space);
            world.member(*id).is_gone = true;
        }
        if !self.parts.is_empty() {
            let mut parts = [0; 5];
            parts[..self.parts.len()].copy_from_slice(self.parts);
            world.part(parts, &space);
        }
        if !self.is_fine {
            world.settle(&space);
        }
        assert_eq!(world.facts.broken, None);
        world.facts.seen.clear();
        world
    }

    fn may_happen(&self, world: &World, id: Id, actions: &mut Vec<Action>) {
        let (member, spent, most) = (&world.members[usize::from(id)], world.spent, self.most);
        let Some(log) = &member.log else {
            return if !member.is_gone {
                actions.push(Action::Restart(id))
            };
        };
        let mut may = |can: bool, action| {
            if can {
                actions.push(action);
            }
        };
        may(!member.disk.is_empty(), Action::Written(id));
        may(spent.crashes < most.crashes, Action::Crash(id));
        may(spent.elections < most.elections && member.leader != Some(id), Action::Elect(id));
        may(member.yields_to.is_some_and(|to| world.reaches(id, to)), Action::Yield(id));
        let is_missed = || member.leader == Some(id) && !log.missing_voters().is_empty();
        may(spent.takeovers < most.takeovers && is_missed(), Action::TakeOver(id));
        may(spent.lines < most.lines && log.established().is_some(), Action::Say(id));
        if spent.holds < most.holds {
            let to = world.ids().filter(|to| world.reaches(id, *to) && !world.held.contains(&(id, *to)));
            actions.extend(to.map(|to| Action::Hold(id, to)));
        }
    }

    fn act(&self, world: &mut World, action: Action) -> Option<()> {
        if trace() {
            println!("{action:?}");
        }
        match action {
            Action::Deliver(from, to) => world.deliver(from, to, self)?,
            Action::Lose(from, to) => {
                world.spent.losses += 1;
                world.pop(from, to)?;
            }
            Action::Hold(from, to) => {
                world.spent.holds += 1;
                world.held.insert((from, to));
            }
            Action::Release(from, to) => drop(world.held.remove(&(from, to))),
            Action::Written(id) => world.write(id, self)?,
            Action::Crash(id) => {
                world.spent.crashes += 1;
                world.crash(id, self);
            }
            Action::Restart(id) => world.restart(id, self),
            Action::Parts(parts) => {
                world.spent.cuts += 1;
                world.part(parts, self);
                if self.rule == Rule::RaisesByItself {
                    let leaders: Vec<Id> =
                        world.ids().filter(|id| world.members[usize::from(*id)].leader == Some(*id)).collect();
                    leaders.into_iter().for_each(|id| world.take_over(id, self));
                }
            }
            Action::Elect(id) => {
                world.spent.elections += 1;
                world.elect(id, self);
            }
            Action::Yield(id) => {
                let to = world.member(id).yields_to.take()?;
                world.elect(to, self);
            }
            Action::TakeOver(id) => {
                world.spent.takeovers += 1;
                world.take_over(id, self);
            }
            Action::Say(id) => {
                let lamport = 10 + world.spent.lines;
                world.spent.lines += 1;
                world.say(id, lamport, self);
            }
            Action::Wait => {
                world.spent.waits += 1;
                world.pass(LogConfig::default().heartbeat, self);
            }
            Action::Sleep => {
                world.spent.sleeps += 1;
                world.pass(LONG, self);
                for _ in 0..3 {
                    world.settle(self);
                    world.pass(LogConfig::default().heartbeat, self);
                }
            }
        }
        if !self.is_fine {
            world.settle(self);
        }
        Some(())
    }
}

impl Model for Meeting {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.start()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.facts.broken.is_some() {
            return;
        }
        let (spent, most) = (world.spent, self.most);
        actions.extend(world.wires.keys().map(|(from, to)| Action::Deliver(*from, *to)));
        actions.extend(world.held.iter().map(|(from, to)| Action::Release(*from, *to)));
        if spent.losses < most.losses {
            actions.extend(world.wires.keys().map(|(from, to)| Action::Lose(*from, *to)));
        }
        for id in world.ids() {
            self.may_happen(world, id, actions);
        }
        if spent.cuts < most.cuts {
            let others = all_parts(self.size()).into_iter().filter(|parts| *parts != world.parts);
            actions.extend(others.map(Action::Parts));
        }
        actions.extend((spent.waits < most.waits).then_some(Action::Wait));
        actions.extend((spent.sleeps < most.sleeps).then_some(Action::Sleep));
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        self.act(&mut world, action)?;
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(crate::UNBROKEN, |_, world: &World| world.facts.broken.is_none()),
            Property::always(crate::GOES_ON, |space: &Self, world: &World| space.is_diskless || world.goes_on()),
            Property::sometimes(Seen::ALL[0].0, |_, world: &World| world.facts.seen.contains(&Seen::ALL[0].1)),
            Property::sometimes(Seen::ALL[1].0, |_, world: &World| world.facts.seen.contains(&Seen::ALL[1].1)),
            Property::sometimes(Seen::ALL[2].0, |_, world: &World| world.facts.seen.contains(&Seen::ALL[2].1)),
            Property::sometimes(Seen::ALL[3].0, |_, world: &World| world.facts.seen.contains(&Seen::ALL[3].1)),
            Property::sometimes(Seen::ALL[4].0, |_, world: &World| world.facts.seen.contains(&Seen::ALL[4].1)),
            Property::sometimes(Seen::ALL[5].0, |_, world: &World| world.facts.seen.contains(&Seen::ALL[5].1)),
            Property::sometimes(Seen::ALL[6].0, |_, world: &World| world.facts.seen.contains(&Seen::ALL[6].1)),
            Property::sometimes(Seen::ALL[7].0, |_, world: &World| world.facts.seen.contains(&Seen::ALL[7].1)),
        ]
    }
}
