//! The model: what may happen to a group of logs, and what is remembered of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bytes::Bytes;
use history::{
    Ballot, Durable, Entry, Index, Log, LogConfig, LogEvent, LogMessage, LogTransmit, Loss, MessageId, Op, Say,
    Session, Write,
};
use stateright::{Model, Property};
use uuid::Uuid;

pub(crate) type Id = u8;

/// Where the model's time begins. There is no other way to make an instant than to read the clock.
#[allow(clippy::disallowed_methods)]
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The bounds: how often each thing may happen in one run.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub(crate) size: Id,
    pub(crate) crashes: u8,
    pub(crate) elections: u8,
    pub(crate) lines: u8,
    pub(crate) deadlines: u8,
    /// Whether peers take their writes for durable before they are.
    pub(crate) no_fsync: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// The oldest message from the one to the other comes.
    Deliver(Id, Id),
    /// The oldest write is durable.
    Written(Id),
    /// The peer's clock goes to its deadline.
    Tick(Id),
    /// The process ends; what is not durable is lost, and all messages from it and to it.
    Crash(Id),
    Restart(Id),
    /// The election names this one, at everybody.
    Elect(Id),
    /// This one's pool has a line more, and it leads.
    Say(Id),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Peer {
    log: Option<Arc<Log<Id>>>,
    durable: Arc<Durable<Id>>,
    disk: VecDeque<Arc<Write<Id>>>,
    now: Instant,
    established: Option<Ballot<Id>>,
}

/// What was decided at a place, and the greatest ballot established by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Decided {
    entry: Arc<Entry<Id>>,
    by: Option<Ballot<Id>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    peers: Vec<Peer>,
    wires: BTreeMap<(Id, Id), VecDeque<Arc<LogMessage<Id>>>>,
    leader: Id,
    spent: Spent,
    decided: Vec<Decided>,
    /// Each ballot under which somebody led, in that order.
    ballots: Vec<Ballot<Id>>,
    pub(crate) broken: Option<&'static str>,
    /// Whether somebody cut what it had accepted.
    truncated: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Spent {
    crashes: u8,
    elections: u8,
    lines: u8,
    deadlines: u8,
}

/// No two are the same, so that none stands in for another.
pub(crate) fn line(leader: Id, number: u64, lamport: u8) -> Say {
    let id = MessageId { session: Session::new(Uuid::from_u128(1 + u128::from(leader))), number };
    Say { id, lamport: 1 + u64::from(lamport), after: None, heads: Vec::new(), body: Bytes::new() }
}

impl World {
    fn peer(&mut self, id: Id) -> &mut Peer {
        &mut self.peers[usize::from(id)]
    }

    fn is_up(&self, id: Id) -> bool {
        self.peers[usize::from(id)].log.is_some()
    }

    fn ids(&self) -> std::ops::Range<Id> {
        0..Id::try_from(self.peers.len()).expect("a few peers")
    }

    /// Something happens at a peer, and what comes of it is taken away.
    fn input(&mut self, id: Id, no_fsync: bool, input: impl FnOnce(&mut Log<Id>, Instant)) {
        let peer = self.peer(id);
        let now = peer.now;
        let Some(mut shared) = peer.log.take() else {
            return;
        };
        let log = Arc::make_mut(&mut shared);
        input(log, now);
        while let Some(write) = log.poll_write() {
            let ticket = write.ticket;
            self.truncated |= write.ops.iter().any(|op| matches!(op, Op::Truncate(_)));
            self.peer(id).disk.push_back(Arc::new(write));
            if no_fsync {
                log.handle_written(ticket, now);
            }
        }
        self.see_establishment(id, log);
        while let Some(event) = log.poll_event() {
            match event {
                LogEvent::Decided { index, entry, .. } => self.see_decided(index, entry),
                LogEvent::Alarm(_) => self.broken = Some("an alarm"),
                _ => {}
            }
        }
        while let Some(LogTransmit { to, message }) = log.poll_transmit() {
            let message = Arc::new(message);
            for to in to.into_iter().filter(|to| *to != id) {
                if self.is_up(to) {
                    self.wires.entry((id, to)).or_default().push_back(Arc::clone(&message));
                }
            }
        }
        self.peer(id).log = Some(shared);
    }

    fn see_decided(&mut self, index: Index, entry: Arc<Entry<Id>>) {
        let at = usize::try_from(index.number() - 1).expect("a short log");
        match self.decided.get(at) {
            Some(known) if known.entry != entry => self.broken = Some("two decide differently"),
            Some(_) => {}
            None => self.decided.push(Decided { entry, by: self.ballots.iter().max().copied() }),
        }
    }

    fn see_establishment(&mut self, id: Id, log: &Log<Id>) {
        let ballot = log.established();
        if ballot == self.peer(id).established {
            return;
        }
        self.peer(id).established = ballot;
        let Some(ballot) = ballot else {
            return;
        };
        if self.ballots.contains(&ballot) {
            self.broken = Some("a ballot has two leaders");
        }
        let has = |at: u64, entry| Index::new(at).and_then(|at| log.accepted_entry(at)) == Some(entry);
        let mut earlier = (1..).zip(&self.decided).filter(|(_, decided)| decided.by < Some(ballot));
        if earlier.any(|(at, decided)| !has(at, &decided.entry)) {
            self.broken = Some("a leader lacks what was decided");
        }
        self.ballots.push(ballot);
    }

    fn deliver(&mut self, from: Id, to: Id, no_fsync: bool) -> Option<()> {
        let wire = self.wires.get_mut(&(from, to))?;
        let message = wire.pop_front()?;
        if wire.is_empty() {
            self.wires.remove(&(from, to));
        }
        let message = Arc::unwrap_or_clone(message);
        self.input(to, no_fsync, |log, now| log.handle_message(from, message, now));
        Some(())
    }

    fn write(&mut self, id: Id, no_fsync: bool) -> Option<()> {
        let write = self.peer(id).disk.pop_front()?;
        Arc::make_mut(&mut self.peer(id).durable).apply(&write);
        self.input(id, no_fsync, |log, now| log.handle_written(write.ticket, now));
        Some(())
    }

    fn crash(&mut self, id: Id, no_fsync: bool) {
        let peer = self.peer(id);
        peer.log = None;
        peer.established = None;
        peer.disk.clear();
        self.wires.retain(|(from, to), _| *from != id && *to != id);
        for other in self.ids() {
            self.input(other, no_fsync, |log, now| log.handle_unreachable(id, Loss::Gone, now));
        }
    }

    fn restart(&mut self, id: Id, no_fsync: bool) {
        let (all, leader): (Vec<Id>, Id) = (self.ids().collect(), self.leader);
        let peer = self.peer(id);
        peer.log = Some(Arc::new(Log::restore(id, LogConfig::default(), (*peer.durable).clone(), peer.now)));
        for other in all.iter().copied().filter(|other| *other != id) {
            if self.is_up(other) {
                self.input(id, no_fsync, |log, now| log.handle_reachable(other, now));
                self.input(other, no_fsync, |log, now| log.handle_reachable(id, now));
            }
        }
        self.input(id, no_fsync, |log, now| log.handle_members(&all, now));
        self.input(id, no_fsync, |log, now| log.handle_leader(Some(leader), now));
    }

    /// Everything that is under way comes to its end, in one order.
    fn settle(&mut self) {
        loop {
            let wires: Vec<(Id, Id)> = self.wires.keys().copied().collect();
            let wires = wires.into_iter().filter(|(from, to)| self.deliver(*from, *to, false).is_some()).count();
            let disks = self.ids().filter(|id| self.write(*id, false).is_some()).count();
            if wires + disks == 0 {
                return;
            }
        }
    }
}

impl Group {
    /// All are voters, 0 leads, and nothing is under way.
    fn start(&self) -> World {
        let now = *START;
        let config = LogConfig::default();
        let all: Vec<Id> = (0..self.size).collect();
        let peer = |id: &Id| Peer {
            log: Some(Arc::new(if *id == 0 { Log::found(*id, config, now) } else { Log::new(*id, config, now) })),
            durable: Arc::default(),
            disk: VecDeque::new(),
            now,
            established: None,
        };
        let mut world = World {
            peers: all.iter().map(peer).collect(),
            wires: BTreeMap::new(),
            leader: 0,
            spent: Spent::default(),
            decided: Vec::new(),
            ballots: Vec::new(),
            broken: None,
            truncated: false,
        };
        for id in 0..self.size {
            for other in all.iter().filter(|other| **other != id) {
                world.input(id, false, |log, now| log.handle_reachable(*other, now));
            }
            world.input(id, false, |log, now| log.handle_members(&all, now));
            world.input(id, false, |log, now| log.handle_leader(Some(0), now));
        }
        world.settle();
        for _ in 0..20 {
            for peer in &mut world.peers {
                peer.now += config.heartbeat;
            }
            world.input(0, false, |log, now| log.handle_timeout(now));
            world.settle();
        }
        world.truncated = false;
        let voters = world.peers[0].log.as_ref().and_then(|log| log.config().map(|(_, config)| config.voters.len()));
        assert_eq!(voters, Some(usize::from(self.size)), "all vote before the model begins");
        world
    }

    fn may_happen(&self, world: &World, id: Id, actions: &mut Vec<Action>) {
        let (peer, spent) = (&world.peers[usize::from(id)], world.spent);
        let Some(log) = &peer.log else {
            return actions.push(Action::Restart(id));
        };
        if !peer.disk.is_empty() {
            actions.push(Action::Written(id));
        }
        if spent.crashes < self.crashes {
            actions.push(Action::Crash(id));
        }
        if spent.deadlines < self.deadlines && log.poll_timeout().is_some() {
            actions.push(Action::Tick(id));
        }
        if spent.elections < self.elections && world.leader != id {
            actions.push(Action::Elect(id));
        }
        if spent.lines < self.lines && log.established().is_some() {
            actions.push(Action::Say(id));
        }
    }
}

impl Model for Group {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.start()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.broken.is_some() {
            return;
        }
        actions.extend(world.wires.keys().map(|(from, to)| Action::Deliver(*from, *to)));
        for id in 0..self.size {
            self.may_happen(world, id, actions);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        let no_fsync = self.no_fsync;
        match action {
            Action::Deliver(from, to) => world.deliver(from, to, no_fsync)?,
            Action::Written(id) => world.write(id, no_fsync)?,
            Action::Tick(id) => {
                world.spent.deadlines += 1;
                let peer = world.peer(id);
                peer.now = peer.log.as_ref()?.poll_timeout()?.max(peer.now);
                world.input(id, no_fsync, |log, now| log.handle_timeout(now));
            }
            Action::Crash(id) => {
                world.spent.crashes += 1;
                world.crash(id, no_fsync);
            }
            Action::Restart(id) => world.restart(id, no_fsync),
            Action::Elect(id) => {
                world.spent.elections += 1;
                world.leader = id;
                for peer in 0..self.size {
                    world.input(peer, no_fsync, |log, now| log.handle_leader(Some(id), now));
                }
            }
            Action::Say(id) => {
                let lamport = world.spent.lines;
                world.spent.lines += 1;
                world.input(id, no_fsync, |log, _| {
                    let number = log.next_proposed(line(id, 0, 0).id.session);
                    log.propose(&line(id, number, lamport));
                });
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(crate::UNBROKEN, |_, world: &World| world.broken.is_none()),
            Property::sometimes(crate::LINE_UNDER_ANOTHER, |_, world: &World| {
                world.leader != 0 && world.decided.last().is_some_and(|last| matches!(*last.entry, Entry::Line(_)))
            }),
            Property::sometimes(crate::LINES_OF_TWO, |_, world: &World| {
                let lines = world.decided.iter().filter_map(|decided| match &*decided.entry {
                    Entry::Line(say) => Some(say.id.session),
                    _ => None,
                });
                lines.collect::<BTreeSet<_>>().len() > 1
            }),
            Property::sometimes(crate::VOTERS, |group: &Self, world: &World| {
                let voters = |decided: &Decided| match &*decided.entry {
                    Entry::Config(config) => config.voters.len(),
                    _ => 0,
                };
                let all = usize::from(group.size);
                world
                    .decided
                    .iter()
                    .skip_while(|decided| voters(decided) < all)
                    .skip(1)
                    .any(|decided| voters(decided) > 0)
            }),
            Property::sometimes(crate::CUT, |_, world: &World| world.truncated),
        ]
    }
}
