//! The users of gateways.

use super::*;
use crate::api::GuestRefusal;
use crate::event::Via;

fn guest(n: u128) -> PeerId {
    PeerId::new(Uuid::from_u128(0xbeef + n))
}

impl Net {
    fn admit(&mut self, host: PeerId, guest: PeerId, name: &str) {
        let now = self.now;
        self.minds.get_mut(&host).unwrap().group.admit_guest(guest, name.parse().unwrap(), now);
        self.run_outputs(host);
    }

    fn drop_guest(&mut self, host: PeerId, guest: PeerId) {
        let now = self.now;
        self.minds.get_mut(&host).unwrap().group.drop_guest(guest, now);
        self.run_outputs(host);
    }

    /// What became of the wishes of a host's users.
    fn outcomes(&self, host: PeerId) -> Vec<(PeerId, Result<String, GuestRefusal>)> {
        let outcome = |output: &Output| match output {
            Output::Guest(id, outcome) => Some((*id, outcome.clone().map(|name| name.to_string()))),
            _ => None,
        };
        self.minds[&host].outputs.iter().filter_map(outcome).collect()
    }

    /// What a member was told of who came, went and was renamed, but of itself.
    fn tidings(&self, at: PeerId) -> Vec<String> {
        let of = |event: &Event| match event {
            Event::Joined { id, name, via: Via::Peer, .. } if *id != at => Some(format!("+{name}")),
            Event::Joined { name, via: Via::Gateway, .. } => Some(format!("+{name}*")),
            Event::Left { name, reason, .. } => Some(format!("-{name} {}", reason.as_str())),
            Event::Renamed { from, to, .. } => Some(format!("{from}>{to}")),
            _ => None,
        };
        self.minds[&at].events.iter().filter_map(of).collect()
    }

    fn forget_tidings(&mut self) {
        self.minds.values_mut().for_each(|mind| mind.events.clear());
    }
}

fn in_use() -> Result<String, GuestRefusal> {
    Err(NameRefusal::InUse.into())
}

#[test]
fn a_guest_is_in_every_list_and_announced_everywhere_whoever_its_host_is() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.forget_tidings();
    net.admit(ids[0], guest(1), "dora");
    net.admit(ids[2], guest(2), "emil");
    net.run(200);
    assert_eq!(net.outcomes(ids[0]), [(guest(1), Ok("dora".into()))]);
    assert_eq!(net.outcomes(ids[2]), [(guest(2), Ok("emil".into()))]);
    net.assert_agreed(ids[0], &["alice", "bob", "carol", "dora", "emil"]);
    net.drop_guest(ids[2], guest(2));
    net.run(200);
    for id in &ids {
        assert_eq!(net.tidings(*id), ["+dora*", "+emil*", "-emil left"]);
        let members = net.minds[id].group.members();
        let vias: Vec<_> = members.iter().map(|member| member.via).collect();
        assert_eq!(vias, [Via::Peer, Via::Peer, Via::Peer, Via::Gateway]);
        assert_eq!(members[3].address, members[0].address, "it is where its host is");
    }
    let newcomer = net.start("dora", 0, &ids[..1]);
    net.run(500);
    assert!(matches!(net.minds[&newcomer].outputs[..], [Output::Refused(NameRefusal::InUse)]));
    let newcomer = net.start("fritz", 0, &ids[..1]);
    net.run(500);
    assert_eq!(net.names(newcomer), ["alice", "bob", "carol", "dora", "fritz"]);
    assert_eq!(net.tidings(newcomer), [""; 0], "who was there is not announced");
}

#[test]
fn whoever_is_admitted_hears_that_before_its_announcement() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    for (n, host) in ids.iter().enumerate() {
        let guest = guest(n as u128);
        let now = net.now;
        let group = &mut net.minds.get_mut(host).unwrap().group;
        group.admit_guest(guest, format!("guest{n}").parse().unwrap(), now);
        let mut told = Vec::new();
        for _ in 0..100 {
            while let Some(output) = net.minds.get_mut(host).unwrap().group.poll_output() {
                match output {
                    Output::Guest(id, _) if id == guest => told.push("admitted"),
                    Output::Event(Event::Joined { id, .. }) if id == guest => told.push("announced"),
                    Output::Send(to, message) => {
                        let frame = Bytes::from(message.to_frame().unwrap());
                        net.in_flight.extend(to.into_iter().map(|to| (*host, to, frame.clone())));
                    }
                    _ => {}
                }
            }
            let others: Vec<_> = net.in_flight.drain(..).collect();
            for (from, to, frame) in others {
                net.minds.get_mut(&to).unwrap().group.handle_frames(from, vec![frame], now);
                if to != *host {
                    net.run_outputs(to);
                }
            }
        }
        assert_eq!(told, ["admitted", "announced"]);
    }
}

#[test]
fn a_name_is_unique_among_peers_and_guests_together_whatever_its_case() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.admit(ids[1], guest(1), "ALICE");
    net.admit(ids[1], guest(2), "dora");
    net.admit(ids[1], guest(3), "Dora");
    net.run(100);
    net.admit(ids[0], guest(4), "DORA");
    net.run(1000);
    assert_eq!(
        net.outcomes(ids[1]),
        [(guest(3), in_use()), (guest(1), in_use()), (guest(2), Ok("dora".into()))],
        "one's own are known at once"
    );
    assert_eq!(net.outcomes(ids[0]), [(guest(4), in_use())]);
    net.admit(ids[0], guest(4), "dora2");
    net.run(100);
    assert_eq!(net.outcomes(ids[0])[1..], [(guest(4), Ok("dora2".into()))]);
}

#[test]
fn guests_are_gone_with_their_host_and_have_their_names_back_at_once_elsewhere() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.admit(ids[2], guest(1), "dora");
    net.run(200);
    net.forget_tidings();
    // The leader is the last to hear that the host was killed.
    let leader = ids[0];
    net.minds.get_mut(&leader).unwrap().paused = true;
    net.kill(ids[2], Unreachable::Gone);
    net.minds.get_mut(&leader).unwrap().paused = false;
    net.admit(ids[1], guest(2), "dora");
    net.run(100);
    assert_eq!(net.outcomes(ids[1]), [(guest(2), Ok("dora".into()))]);
    net.run(1000);
    assert_eq!(net.tidings(ids[0]), ["-carol failed", "-dora failed", "+dora*"]);
    net.assert_agreed(leader, &["alice", "bob", "dora"]);
}

#[test]
fn a_name_that_seems_taken_by_a_host_that_has_just_died_is_asked_for_again() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.admit(ids[2], guest(1), "dora");
    net.run(200);
    net.admit(ids[1], guest(2), "dora");
    net.run(50);
    assert_eq!(net.outcomes(ids[1]), [], "the leader says no, which is doubted");
    net.kill(ids[2], Unreachable::Gone);
    net.run(400);
    assert_eq!(net.outcomes(ids[1]), [(guest(2), Ok("dora".into()))]);
}

#[test]
fn guests_stay_when_the_leader_dies_also_those_that_it_admitted_last() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.admit(ids[2], guest(1), "dora");
    net.run(200);
    net.forget_tidings();
    net.admit(ids[1], guest(2), "emil");
    net.kill(ids[0], Unreachable::Gone);
    net.run(3000);
    assert_eq!(net.outcomes(ids[1]), [(guest(2), Ok("emil".into()))], "the next leader was asked");
    assert_eq!(net.tidings(ids[2]), ["-alice failed", "+emil*"]);
    net.assert_agreed(ids[1], &["bob", "carol", "dora", "emil"]);
}

#[test]
fn a_guest_that_left_while_it_was_asked_for_is_dropped() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.admit(ids[1], guest(1), "dora");
    net.drop_guest(ids[1], guest(1));
    net.run(2000);
    net.assert_agreed(ids[0], &["alice", "bob"]);
    net.admit(ids[1], guest(2), "dora");
    net.run(100);
    assert_eq!(net.outcomes(ids[1]).last(), Some(&(guest(2), Ok("dora".into()))));
}

#[test]
fn where_two_groups_meet_nobody_is_lost_and_everybody_hears_of_every_new_name() {
    let mut net = Net::new();
    let one = net.founder_and(&["bob"]);
    let other = vec![net.start("carol", 0, &[])];
    net.run(3000);
    let bob = net.start("bob", 0, &other[..1]);
    net.run(500);
    net.admit(one[1], guest(1), "dora");
    net.admit(bob, guest(2), "dora");
    net.admit(bob, guest(3), "emil");
    net.run(3000);
    net.forget_tidings();
    let bridge = net.start("bridge", 0, &[one[0], other[0]]);
    net.run(20_000);
    let leader = net.leader(bridge).unwrap();
    let all = net.names(leader);
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["alice", "bob", "bob-2", "bridge", "carol", "dora", "dora-2", "emil"]);
    net.assert_agreed(leader, &all.iter().map(String::as_str).collect::<Vec<_>>());
    for id in one.iter().chain(&other).chain([&bob]) {
        let tidings = net.tidings(*id);
        for renamed in ["bob>bob-2", "dora>dora-2"] {
            assert_eq!(tidings.iter().filter(|told| *told == renamed).count(), 1, "{renamed} at {id}: {tidings:?}");
        }
        assert!(!tidings.iter().any(|told| told.starts_with('-')), "{tidings:?}");
    }
}

#[test]
fn a_private_line_reaches_a_guest_from_a_peer_and_from_a_guest_and_is_acknowledged_when_it_is_taken() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.admit(ids[0], guest(1), "dora");
    net.admit(ids[1], guest(2), "emil");
    net.run(200);
    let now = net.now;
    let from_peer = net.minds.get_mut(&ids[0]).unwrap().group.msg("Emil", "one".into(), now).unwrap();
    let from_guest = net.minds.get_mut(&ids[0]).unwrap().group.msg_as(guest(1), "emil", "two".into(), now).unwrap();
    let to_peer = net.minds.get_mut(&ids[0]).unwrap().group.msg_as(guest(1), "bob", "three".into(), now).unwrap();
    net.run_outputs(ids[0]);
    net.run(100);
    let directs = net.minds[&ids[1]].outputs.iter().filter_map(|output| match output {
        Output::Direct(direct) => Some(direct.clone()),
        _ => None,
    });
    let directs: Vec<Direct> = directs.collect();
    assert_eq!(directs.iter().map(|direct| &*direct.private.text).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(
        (directs[1].guest, directs[1].private.from_id, directs[1].private.from.as_str()),
        (guest(2), guest(1), "dora")
    );
    let private = net.minds[&ids[1]].events.iter().find_map(|event| match event {
        Event::Private(private) => Some(private.clone()),
        _ => None,
    });
    assert_eq!(private.map(|private| (private.id, private.from_id)), Some((to_peer, guest(1))));
    // One client takes its line, the other is gone.
    for (direct, taken) in [(&directs[0], true), (&directs[1], false)] {
        net.minds.get_mut(&ids[1]).unwrap().group.handle_handed(direct.sender, direct.private.id, taken);
    }
    net.run_outputs(ids[1]);
    net.run(6000);
    let outcomes = net.minds[&ids[0]].outputs.iter().filter_map(|output| match output {
        Output::Delivered(id, delivered) => Some((*id, *delivered)),
        _ => None,
    });
    let outcomes: BTreeMap<MessageId, bool> = outcomes.collect();
    assert_eq!(outcomes, BTreeMap::from([(from_peer, true), (from_guest, false), (to_peer, true)]));
}

#[test]
fn copies_of_a_private_line_that_come_at_once_reach_a_guest_once() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.admit(ids[1], guest(1), "dora");
    net.run(200);
    // The host is stopped, and finds all copies in one read.
    net.minds.get_mut(&ids[1]).unwrap().paused = true;
    let now = net.now;
    let id = net.minds.get_mut(&ids[0]).unwrap().group.msg("dora", "once".into(), now).unwrap();
    net.run_outputs(ids[0]);
    let frame = net.in_flight.back().unwrap().2.clone();
    let directs = |net: &mut Net, copies| {
        let host = &mut net.minds.get_mut(&ids[1]).unwrap().group;
        host.handle_frames(ids[0], vec![frame.clone(); copies], now);
        net.run_outputs(ids[1]);
        let outputs = std::mem::take(&mut net.minds.get_mut(&ids[1]).unwrap().outputs);
        outputs.iter().filter(|output| matches!(output, Output::Direct(_))).count()
    };
    assert_eq!(directs(&mut net, 4), 1);
    net.minds.get_mut(&ids[1]).unwrap().group.handle_handed(ids[0], id, false);
    assert_eq!(directs(&mut net, 2), 1, "what was not taken is handed over again");
    net.minds.get_mut(&ids[1]).unwrap().group.handle_handed(ids[0], id, true);
    assert_eq!(directs(&mut net, 2), 0);
}

#[test]
fn what_a_guest_says_is_a_line_of_the_history_in_its_name() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.admit(ids[1], guest(1), "dora");
    net.run(200);
    let now = net.now;
    net.minds.get_mut(&ids[1]).unwrap().group.say_as(guest(1), "Hi".into(), now).unwrap();
    net.run_outputs(ids[1]);
    net.run(500);
    for id in &ids {
        let said = net.minds[id].events.iter().find_map(|event| match event {
            Event::Message(message) => Some((message.from.to_string(), message.from_id, message.id)),
            _ => None,
        });
        let (from, from_id, message) = said.unwrap();
        assert_eq!((from.as_str(), from_id), ("dora", guest(1)));
        assert_eq!(net.told(*id, |event| matches!(event, Event::Confirmed { id, .. } if *id == message)), 1);
    }
    let stranger = net.minds.get_mut(&ids[1]).unwrap().group.say_as(guest(2), "Hi".into(), now);
    assert!(stranger.is_err());
}

#[test]
fn guests_of_a_host_that_the_leader_dropped_hear_nothing_of_it_and_are_taken_in_again_with_it() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.admit(ids[2], guest(1), "dora");
    net.admit(ids[2], guest(2), "emil");
    net.run(200);
    net.forget_tidings();
    // The host is stopped for longer than its absence is borne, and hears of it what was sent meanwhile.
    net.minds.get_mut(&ids[2]).unwrap().paused = true;
    ids[..2].iter().for_each(|id| net.unreachable(*id, ids[2], Unreachable::Silent));
    net.run(7000);
    assert_eq!(net.tidings(ids[1]), ["-carol failed", "-dora failed", "-emil failed"]);
    net.minds.get_mut(&ids[2]).unwrap().paused = false;
    ids[..2].iter().for_each(|id| _ = net.links.remove(&pair(*id, ids[2])));
    net.forget_tidings();
    net.run(5);
    net.drop_guest(ids[2], guest(2));
    net.run(5000);
    assert_eq!(net.tidings(ids[0]), ["+carol", "+dora*"]);
    let of_guests = net.tidings(ids[2]).into_iter().filter(|told| told.contains("dora") || told.contains("emil"));
    assert_eq!(
        of_guests.collect::<Vec<_>>(),
        ["-emil left"],
        "who left while the roster had none of them, left at once"
    );
    net.assert_agreed(ids[0], &["alice", "bob", "carol", "dora"]);
}

#[test]
fn a_guest_that_was_renamed_once_comes_back_under_its_name() {
    let mut net = Net::new();
    let one = net.founder_and(&["bob"]);
    let other = net.start("carol", 0, &[]);
    net.run(3000);
    net.admit(one[1], guest(1), "dora");
    net.admit(other, guest(2), "dora");
    net.run(3000);
    let bridge = net.start("bridge", 0, &[one[0], other]);
    net.run(20_000);
    let is_renamed =
        |host: PeerId, id| net.minds[&host].group.guest_name(id).is_some_and(|name| name.as_str() == "dora-2");
    let (renamed_at, elsewhere) = if is_renamed(other, guest(2)) { (other, one[1]) } else { (one[1], other) };
    assert!(is_renamed(renamed_at, if renamed_at == other { guest(2) } else { guest(1) }));
    // Its host is out of reach, and comes back before it is dropped.
    let others: Vec<_> = [one[0], one[1], other, bridge].into_iter().filter(|id| *id != renamed_at).collect();
    net.forget_tidings();
    net.split(&[renamed_at], &others);
    net.run(1500);
    net.heal();
    net.run(5000);
    let tidings = net.tidings(elsewhere);
    let of_guest: Vec<_> = tidings.iter().filter(|told| told.contains("dora")).collect();
    assert_eq!(of_guest, ["-dora-2 failed", "+dora-2*"], "{tidings:?}");
}

#[test]
fn what_a_guest_did_not_take_before_it_left_is_undelivered_at_once() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.admit(ids[1], guest(1), "dora");
    net.admit(ids[1], guest(2), "emil");
    net.run(200);
    let now = net.now;
    let alice = &mut net.minds.get_mut(&ids[0]).unwrap().group;
    let [to_dora, _] = ["dora", "emil"].map(|to| alice.msg(to, "psst".into(), now).unwrap());
    net.run_outputs(ids[0]);
    net.run(50);
    // Neither client took it, and one is thrown out.
    net.drop_guest(ids[1], guest(1));
    net.run(100);
    let outcomes = net.minds[&ids[0]].outputs.iter().filter_map(|output| match output {
        Output::Delivered(id, delivered) => Some((*id, *delivered)),
        _ => None,
    });
    assert_eq!(outcomes.collect::<Vec<_>>(), [(to_dora, false)]);
}

#[test]
fn guests_leave_as_their_host_does_and_after_it() {
    for (why, how) in [(Unreachable::Left, "left"), (Unreachable::Gone, "failed")] {
        let mut net = Net::new();
        let ids = net.founder_and(&["bob", "carol"]);
        net.admit(ids[2], guest(1), "dora");
        net.run(200);
        net.forget_tidings();
        net.kill(ids[2], why);
        net.run(1000);
        for id in &ids[..2] {
            assert_eq!(net.tidings(*id), [format!("-carol {how}"), format!("-dora {how}")]);
        }
    }
}

#[test]
fn many_guests_of_two_groups_with_names_that_clash_are_all_given_others() {
    let mut net = Net::new();
    let one = net.start("alice", 0, &[]);
    let other = net.start("xena", 0, &[]);
    net.run(3000);
    let name = |n: u128| format!("{}{n:04}", "x".repeat(28));
    for n in 0..300 {
        net.admit(one, guest(n), &name(n));
        net.admit(other, guest(1000 + n), &name(n));
    }
    net.run(1000);
    net.forget_tidings();
    let bridge = net.start("bridge", 0, &[one, other]);
    net.run(10_000);
    let names: BTreeSet<_> = net.names(bridge).into_iter().collect();
    assert_eq!(names.len(), 603);
    let renamed = |id: &PeerId| net.told(*id, |event| matches!(event, Event::Renamed { .. }));
    assert_eq!([one, other].map(|id| renamed(&id)), [300, 300]);
}
