//! Whole minds on a simulated network: no socket, no clock, everything decided by the schedule.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use transport::Incarnation;

use super::*;
use crate::event::LeftReason;

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
        let now = Now { instant: Instant::now(), wall: Timestamp::from_millis(1_000_000) };
        let (minds, cut, links) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { now, minds, cut, links, in_flight: VecDeque::new(), next_id: 1 }
    }

    /// A mind that joins through others, or founds.
    fn start(&mut self, name: &str, priority: u16, seeds: &[PeerId]) -> PeerId {
        let id = PeerId::new(Uuid::from_u128(self.next_id));
        let address: Address = format!("{name}:{}", self.next_id).parse().unwrap();
        let sessions = [1000 + self.next_id, 2000 + self.next_id].map(Uuid::from_u128);
        let settings = Settings {
            me: PeerInfo { id, incarnation: Incarnation(1), name: name.into(), address: address.clone(), priority },
            name: name.parse().unwrap(),
            seeds: seeds.iter().map(|_| "seed:1".parse().unwrap()).collect(),
            join_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_millis(250),
            timeout: Duration::from_secs(1),
            sessions,
            seed: 7,
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
                self.minds.get_mut(&at).unwrap().group.handle_reachable(info, now);
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
        self.minds.get_mut(&id).unwrap().group.say(text.into(), now);
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

fn joined(of: PeerId) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Joined { id, .. } if *id == of)
}

fn left(of: PeerId) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Left { id, .. } if *id == of)
}

#[test]
fn the_first_member_leads_and_everybody_is_told_once_who_joins() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol", "dave"]);
    net.assert_agreed(ids[0], &["alice", "bob", "carol", "dave"]);
    match &net.minds[&ids[3]].outputs[..] {
        [Output::Admitted(members)] => {
            let leaders: Vec<_> = members.iter().filter(|member| member.leader).map(|member| member.id).collect();
            assert_eq!((members.len(), leaders), (4, vec![ids[0]]));
        }
        other => panic!("{other:?}"),
    }
    for (at, id) in ids.iter().enumerate() {
        for (of, other) in ids.iter().enumerate() {
            assert_eq!(net.told(*id, joined(*other)), usize::from(of >= at), "{other} at {id}");
        }
        assert!(matches!(net.minds[id].events[0], Event::Joined { id: me, .. } if me == *id));
        assert!(matches!(&net.minds[id].events[1], Event::Leader(Some(leader)) if leader.id == ids[0]));
    }
}

#[test]
fn any_member_serves_to_join_through() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    let carol = net.start("carol", 0, &ids[1..]);
    net.run(500);
    net.assert_agreed(ids[0], &["alice", "bob", "carol"]);
    assert!(net.links.contains(&pair(carol, ids[0])));
}

#[test]
fn a_killed_leader_is_replaced_by_the_oldest_and_announced_once() {
    let mut net = Net::new();
    let mut ids = net.founder_and(&["bob", "carol", "dave", "erin"]);
    let mut names = vec!["alice", "bob", "carol", "dave", "erin"];
    while ids.len() > 1 {
        let dead = ids.remove(0);
        names.remove(0);
        net.kill(dead, Unreachable::Ended);
        net.run(50);
        net.assert_agreed(ids[0], &names);
        for id in &ids {
            assert_eq!(net.told(*id, left(dead)), 1);
            net.unreachable(*id, dead, Unreachable::Gone);
        }
        net.run(400);
        assert!(!net.minds[&ids[0]].group.roster.as_ref().unwrap().contains(dead), "dropped after its grace");
    }
    net.start("frank", 0, &ids);
    net.run(500);
    net.assert_agreed(ids[0], &["erin", "frank"]);
}

#[test]
fn a_name_in_use_is_refused_whatever_its_case() {
    let mut net = Net::new();
    let ids = net.founder_and(&["Bob"]);
    let other = net.start("bOB", 0, &ids[..1]);
    net.run(500);
    assert!(matches!(net.minds[&other].outputs[..], [Output::Refused(NameRefusal::InUse)]));
    assert_eq!(net.names(ids[0]), ["alice", "Bob"]);
}

#[test]
fn a_name_is_free_again_once_its_holder_is_known_to_be_gone() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.kill(ids[1], Unreachable::Ended);
    let again = net.start("bob", 0, &ids[..1]);
    net.run(1000);
    assert!(net.minds[&again].outputs.is_empty(), "neither admitted nor refused while it may come back");
    net.unreachable(ids[0], ids[1], Unreachable::Gone);
    net.run(1000);
    net.assert_agreed(ids[0], &["alice", "bob"]);
}

#[test]
fn a_newcomer_is_not_shown_what_was_said_before_and_hears_all_that_follows() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.say(ids[0], "before");
    net.run(100);
    let carol = net.start("carol", 0, &ids[..1]);
    net.run(500);
    net.say(ids[0], "after");
    net.say(carol, "hello");
    net.run(100);
    assert_eq!(net.heard(carol), ["hello", "after"], "one's own at once");
    assert_eq!(net.heard(ids[1]), ["before", "after", "hello"]);
}

#[test]
fn a_stopped_leader_is_replaced_follows_when_it_is_back_and_is_shown_once_what_it_missed() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.minds.get_mut(&ids[0]).unwrap().paused = true;
    net.run(1300);
    assert_eq!((net.leader(ids[1]), net.leader(ids[2])), (Some(ids[1]), Some(ids[1])));
    net.say(ids[1], "meanwhile");
    net.run(1000);
    net.minds.get_mut(&ids[0]).unwrap().paused = false;
    net.run(10_000);
    assert_eq!(net.heard(ids[0]), ["meanwhile"]);
    let leader = net.leader(ids[0]);
    assert!(ids.iter().all(|id| net.leader(*id) == leader));
}

#[test]
fn two_halves_of_a_group_become_one_again_and_hear_each_others_lines_once() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol", "dave", "erin"]);
    net.split(&ids[..2], &ids[2..]);
    net.run(8000);
    assert_eq!(net.names(ids[0]), ["alice", "bob"]);
    assert_eq!(net.names(ids[2]), ["carol", "dave", "erin"]);
    net.say(ids[0], "left");
    net.say(ids[4], "right");
    net.run(100);
    net.heal();
    net.run(20_000);
    let leader = net.leader(ids[0]).unwrap();
    let mut names = net.names(ids[0]);
    names.sort();
    assert_eq!(names, ["alice", "bob", "carol", "dave", "erin"]);
    for id in &ids {
        assert_eq!(net.leader(*id), Some(leader));
        let mut heard = net.heard(*id);
        heard.sort_unstable();
        assert_eq!(heard, ["left", "right"], "at {id}");
    }
}

#[test]
fn where_two_groups_meet_a_name_that_both_have_is_numbered_and_nobody_is_thrown_out() {
    let mut net = Net::new();
    let ours = net.founder_and(&["Bob", "carol"]);
    let theirs = net.start("dave", 0, &[]);
    let bob = net.start("bob", 0, &[theirs]);
    net.run(3000);
    net.minds.get_mut(&theirs).unwrap().dials.insert(ours[0]);
    net.run(20_000);
    let leader = net.leader(ours[0]).unwrap();
    let mut names = net.names(leader);
    names.sort();
    assert_eq!(names, ["Bob", "alice", "bob-2", "carol", "dave"]);
    for id in ours.iter().chain([&theirs, &bob]) {
        assert_eq!((net.leader(*id), net.names(*id).len()), (Some(leader), 5));
    }
    assert_eq!(net.told(bob, |event| matches!(event, Event::Renamed { id, .. } if *id == bob)), 1);
    net.say(bob, "Hi");
    net.run(100);
    let signed = |event: &Event| matches!(event, Event::Message(message) if message.from.as_str() == "bob-2");
    assert_eq!(net.told(ours[0], signed), 1);
}

#[test]
fn peers_that_all_point_at_each_other_make_one_group() {
    let mut net = Net::new();
    let ids: Vec<_> = (1..=5).map(|n| PeerId::new(Uuid::from_u128(n))).collect();
    for n in 1..=5 {
        net.start(&format!("peer{n}"), 0, &ids);
    }
    net.run(1500);
    assert!(ids.iter().all(|id| net.leader(*id).is_none()), "a group that exists has time to show itself");
    net.run(3500);
    let leader = net.leader(ids[0]).unwrap();
    assert!(ids.iter().all(|id| net.leader(*id) == Some(leader) && net.names(*id).len() == 5));
    assert_eq!(leader, ids[0], "of equals the lowest id founds");
}

#[test]
fn who_reaches_nobody_gives_up_and_says_what_became_of_each_address() {
    let mut net = Net::new();
    let nobody = PeerId::new(Uuid::from_u128(99));
    let id = net.start("bob", 0, &[nobody]);
    let now = net.now;
    let group = &mut net.minds.get_mut(&id).unwrap().group;
    group.handle_seed_failed("seed:1".parse().unwrap(), DialError::NobodyThere, now);
    net.run(10_100);
    match &net.minds[&id].outputs[..] {
        [Output::NotJoined(attempts)] => {
            assert_eq!(attempts[..], [("seed:1".parse().unwrap(), Some(DialError::NobodyThere))]);
        }
        other => panic!("{other:?}"),
    }
    assert!(net.leader(id).is_none() && net.minds[&id].events.is_empty());
}

#[test]
fn a_leader_that_leaves_hands_over_first() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    let now = net.now;
    net.minds.get_mut(&ids[0]).unwrap().group.leave(now);
    net.run_outputs(ids[0]);
    net.run(50);
    assert!(matches!(net.minds[&ids[0]].outputs[..], [Output::Admitted(_), Output::Depart]));
    assert_eq!((net.leader(ids[1]), net.leader(ids[2])), (Some(ids[1]), Some(ids[1])));
    net.kill(ids[0], Unreachable::Left);
    net.run(50);
    net.assert_agreed(ids[1], &["bob", "carol"]);
    let gone = |event: &Event| matches!(event, Event::Left { reason: LeftReason::Left, .. });
    assert_eq!(net.told(ids[2], gone), 1);
}

#[test]
fn private_messages_are_acknowledged_or_known_not_to_have_arrived() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    let send = |net: &mut Net, to: &str| {
        let now = net.now;
        let sent = net.minds.get_mut(&ids[0]).unwrap().group.msg(to, "psst".into(), now);
        net.run_outputs(ids[0]);
        sent
    };
    let first = send(&mut net, "BOB").unwrap();
    net.run(50);
    let to_bob = |event: &Event| matches!(event, Event::Private(private) if private.id == first);
    assert_eq!((net.told(ids[1], to_bob), net.told(ids[0], to_bob)), (1, 0));
    net.minds.get_mut(&ids[1]).unwrap().paused = true;
    let second = send(&mut net, "bob").unwrap();
    net.run(5100);
    let outcome = |id| {
        let found = |output: &Output| match output {
            Output::Delivered(of, delivered) if *of == id => Some(*delivered),
            _ => None,
        };
        net.minds[&ids[0]].outputs.iter().find_map(found)
    };
    assert_eq!((outcome(first), outcome(second)), (Some(true), Some(false)));
    assert_eq!(send(&mut net, "nobody"), Err(crate::api::MsgError::UnknownMember("nobody".into())));
}

#[test]
fn the_members_are_asked_of_the_leader_and_of_the_next_one_if_it_dies() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.minds.get_mut(&ids[0]).unwrap().paused = true;
    let now = net.now;
    net.minds.get_mut(&ids[2]).unwrap().group.request_members(7, now);
    net.run_outputs(ids[2]);
    net.run(20);
    net.kill(ids[0], Unreachable::Ended);
    net.run(50);
    match &net.minds[&ids[2]].outputs[..] {
        [Output::Admitted(_), Output::Members(7, Ok(members))] => {
            assert_eq!((members.leader, members.members.len()), (ids[1], 2));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_groups_that_a_third_peer_reaches_become_one() {
    let mut net = Net::new();
    let ours = net.founder_and(&["bob"]);
    let carol = net.start("carol", 0, &[]);
    let dave = net.start("dave", 0, &[carol]);
    net.run(3000);
    let bridge = net.start("erin", 0, &[ours[0], carol]);
    net.run(20_000);
    let leader = net.leader(bridge).unwrap();
    for id in [ours[0], ours[1], carol, dave, bridge] {
        assert_eq!((net.leader(id), net.names(id).len()), (Some(leader), 5), "at {id}");
    }
}
