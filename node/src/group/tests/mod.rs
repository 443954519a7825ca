//! Whole minds on a simulated network: no socket, no clock, everything decided by the schedule.

mod cases;
pub(super) mod clock;
mod guests;
mod races;
mod together;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use history::MessageId;
use transport::{DialError, Incarnation, Unreachable};

use super::*;
use crate::api::NameRefusal;
use crate::event::{Event, LeftReason};
use crate::proposals::ProposalState;

const TICK: Duration = Duration::from_millis(5);

/// Minds, who of them is linked to whom, and what they did.
struct Net {
    now: Now,
    minds: BTreeMap<PeerId, Mind>,
    /// Pairs that could not connect if they tried.
    cut: BTreeSet<(PeerId, PeerId)>,
    links: BTreeSet<(PeerId, PeerId)>,
    in_flight: VecDeque<(PeerId, PeerId, Bytes)>,
    next_id: u128,
}

struct Mind {
    group: Group,
    /// Whom it dials: members it was told to, and its seeds.
    dials: BTreeSet<PeerId>,
    events: Vec<Event>,
    outputs: Vec<Output>,
    paused: bool,
}

fn pair(a: PeerId, b: PeerId) -> (PeerId, PeerId) {
    (a.min(b), a.max(b))
}

impl Net {
    fn new() -> Self {
        let now = Now { instant: clock::start(), wall: Timestamp::from_millis(1_000_000) };
        let (minds, cut, links) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { now, minds, cut, links, in_flight: VecDeque::new(), next_id: 1 }
    }

    /// A mind that joins through others, or founds.
    fn start(&mut self, name: &str, priority: u16, seeds: &[PeerId]) -> PeerId {
        let address = format!("{name}:{}", self.next_id).parse().unwrap();
        self.start_as(name, priority, address, seeds)
    }

    /// At the address of another, which is gone.
    fn start_at(&mut self, name: &str, address: Address, seeds: &[PeerId]) -> PeerId {
        self.start_as(name, 0, address, seeds)
    }

    fn start_as(&mut self, name: &str, priority: u16, address: Address, seeds: &[PeerId]) -> PeerId {
        let id = PeerId::new(Uuid::from_u128(self.next_id));
        let sessions = [1000 + self.next_id, 2000 + self.next_id].map(Uuid::from_u128);
        let settings = Settings {
            disk: None,
            me: PeerInfo { id, incarnation: Incarnation(1), name: name.into(), address: address.clone(), priority },
            name: name.parse().unwrap(),
            seeds: seeds.iter().map(|_| "seed:1".parse().unwrap()).collect(),
            join_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_millis(250),
            timeout: Duration::from_secs(1),
            sessions,
            seed: 7,
            memory: Memory::default(),
        };
        self.next_id += 1;
        let group = Group::new(settings, self.now);
        let dials = seeds.iter().copied().collect();
        let mind = Mind { group, dials, events: Vec::new(), outputs: Vec::new(), paused: false };
        self.minds.insert(id, mind);
        self.run_outputs(id);
        id
    }

    fn founder_and(&mut self, names: &[&str]) -> Vec<PeerId> {
        let mut ids = vec![self.start("alice", 0, &[])];
        for name in names {
            let id = self.start(name, 0, &ids[..1]);
            self.run(500);
            ids.push(id);
        }
        ids
    }

    fn kill(&mut self, id: PeerId, why: Unreachable) {
        self.minds.remove(&id);
        let lost: Vec<_> = self.links.iter().filter(|(a, b)| *a == id || *b == id).copied().collect();
        for (a, b) in lost {
            self.links.remove(&(a, b));
            self.unreachable(if a == id { b } else { a }, id, why);
        }
    }

    fn unreachable(&mut self, at: PeerId, peer: PeerId, why: Unreachable) {
        let now = self.now;
        if let Some(mind) = self.minds.get_mut(&at) {
            mind.group.handle_unreachable(peer, why, now);
            self.run_outputs(at);
        }
    }

    fn split(&mut self, left: &[PeerId], right: &[PeerId]) {
        for (a, b) in left.iter().flat_map(|a| right.iter().map(|b| (*a, *b))) {
            self.cut.insert(pair(a, b));
            if self.links.remove(&pair(a, b)) {
                self.unreachable(a, b, Unreachable::Silent);
                self.unreachable(b, a, Unreachable::Silent);
            }
        }
    }

    fn heal(&mut self) {
        self.cut.clear();
    }

    fn run(&mut self, ms: u64) {
        let end = self.now.instant + Duration::from_millis(ms);
        while self.now.instant < end {
            self.now.instant += TICK;
            self.now.wall = Timestamp::from_millis(self.now.wall.as_millis() + 5);
            self.connect();
            for id in self.minds.keys().copied().collect::<Vec<_>>() {
                let now = self.now;
                let Some(mind) = self.minds.get_mut(&id).filter(|mind| !mind.paused) else { continue };
                if mind.group.poll_timeout().is_some_and(|due| due <= now.instant) {
                    mind.group.handle_timeout(now);
                    self.run_outputs(id);
                }
            }
            self.deliver();
        }
    }

    fn connect(&mut self) {
        let wanted = self.minds.iter().flat_map(|(id, mind)| mind.dials.iter().map(|peer| pair(*id, *peer)));
        let wanted: Vec<_> = wanted.filter(|pair| !self.links.contains(pair) && !self.cut.contains(pair)).collect();
        for (a, b) in wanted {
            let both_there = self.minds.contains_key(&a) && self.minds.contains_key(&b);
            if a == b || !both_there || !self.links.insert((a, b)) {
                continue;
            }
            for (at, peer) in [(a, b), (b, a)] {
                let info = self.minds[&peer].group.me.clone();
                let now = self.now;
                self.minds.get_mut(&at).unwrap().group.handle_reachable(info, true, now);
                self.run_outputs(at);
            }
        }
    }

    fn deliver(&mut self) {
        let mut kept = VecDeque::new();
        while let Some((from, to, frame)) = self.in_flight.pop_front() {
            let now = self.now;
            match self.minds.get_mut(&to) {
                Some(mind) if mind.paused => kept.push_back((from, to, frame)),
                Some(mind) if self.links.contains(&pair(from, to)) => {
                    mind.group.handle_frames(from, vec![frame], now);
                    self.run_outputs(to);
                }
                _ => {}
            }
        }
        self.in_flight = kept;
    }

    fn run_outputs(&mut self, id: PeerId) {
        let mind = self.minds.get_mut(&id).unwrap();
        while let Some(output) = mind.group.poll_output() {
            match output {
                Output::Send(to, message) => {
                    let frame = Bytes::from(message.to_frame().unwrap());
                    let linked = to.into_iter().filter(|to| self.links.contains(&pair(id, *to)));
                    self.in_flight.extend(linked.map(|to| (id, to, frame.clone())));
                }
                Output::Dial { peer, .. } => {
                    mind.dials.insert(peer);
                }
                Output::Event(event) => mind.events.push(event),
                other => mind.outputs.push(other),
            }
        }
    }

    fn say(&mut self, id: PeerId, text: &str) {
        let now = self.now;
        self.minds.get_mut(&id).unwrap().group.say(text.into(), now).unwrap();
        self.run_outputs(id);
    }

    fn heard(&self, id: PeerId) -> Vec<&str> {
        let texts = self.minds[&id].events.iter();
        texts
            .filter_map(|event| if let Event::Message(message) = event { Some(&*message.text) } else { None })
            .collect()
    }

    fn names(&self, id: PeerId) -> Vec<String> {
        self.minds[&id].group.members().into_iter().map(|member| member.name.to_string()).collect()
    }

    fn leader(&self, id: PeerId) -> Option<PeerId> {
        self.minds[&id].group.leader().map(|leader| leader.id)
    }

    fn told(&self, id: PeerId, what: impl Fn(&Event) -> bool) -> usize {
        self.minds[&id].events.iter().filter(|event| what(event)).count()
    }

    fn assert_agreed(&self, leader: PeerId, names: &[&str]) {
        for id in self.minds.keys() {
            assert_eq!(self.leader(*id), Some(leader), "leader at {id}");
            assert_eq!(self.names(*id), names, "members at {id}");
        }
        let rosters: Vec<_> = self.minds.values().map(|mind| mind.group.roster.clone()).collect();
        assert!(rosters.windows(2).all(|two| two[0] == two[1]), "{rosters:#?}");
    }
}
