mod net;
mod random;

use self::net::{Net, Sent, id, info};
use super::*;

const ENDED: Unreachable = Unreachable::Ended;

#[test]
fn in_a_full_mesh_everybody_is_direct_and_nothing_is_passed_on() {
    let mut net = Net::full(5);
    for n in 1..=5 {
        assert!(net.ways(n).iter().all(|(to, through)| to == through) && net.ways(n).len() == 4);
        net.told(n);
    }
    // A leader dies: each of the others tells each once.
    net.count = 0;
    net.peers.remove(&id(5));
    (1..5).for_each(|n| net.cut(n, 5, ENDED));
    net.settle();
    assert_eq!(net.count, 4 * 3, "the floods of four peers to three others, and nothing else");
    for n in 1..5 {
        let told = net.told(n);
        assert_eq!(told.last(), Some(&Event::Unreachable { peer: id(5), reason: ENDED }));
        assert!(!told.iter().any(|event| matches!(event, Event::Reachable { .. })), "{told:?}");
    }
}

#[test]
fn a_newcomer_is_told_of_everybody_by_one_and_to_everybody_by_one() {
    let mut net = Net::full(5);
    net.start(6, 1);
    net.count = 0;
    net.link(6, 1);
    net.settle();
    assert_eq!(net.ways(6), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
    // Each end of the link to the other; 1 its change to all five; 6's first state from 1 to four; 6's change to 1.
    assert!(net.count <= 2 + 5 + 4 + 5, "{} messages", net.count);
    net.count = 0;
    (2..=5).for_each(|n| net.link(6, n));
    net.settle();
    assert!(net.ways(6).iter().all(|(to, through)| to == through));
    // Two a link, and the gathered changes of five peers to five.
    assert!(net.count <= 4 * 2 + 5 * 5, "{} messages", net.count);
}

#[test]
fn a_cut_pair_goes_on_through_the_lowest_of_the_others() {
    let mut net = Net::full(5);
    (1..=5).for_each(|n| _ = net.told(n));
    net.cut(4, 5, Unreachable::Silent);
    net.settle();
    assert_eq!(net.ways(5), [(1, 1), (2, 2), (3, 3), (4, 1)]);
    assert_eq!(net.told(5), [Event::Path { peer: id(4), direct: false }]);
    assert!(net.told(1).is_empty(), "nobody else is concerned");
    net.link(4, 5);
    net.settle();
    assert_eq!(net.told(5), [Event::Path { peer: id(4), direct: true }]);
}

#[test]
fn a_link_that_one_end_alone_believes_in_is_no_edge() {
    let mut net = Net::full(3);
    // 3 notices nothing; 1 has taken the link down, and told 2.
    net.peer(1).handle_link_down(id(3), Unreachable::Silent, Instant::now());
    net.pass(Duration::ZERO);
    for (from, to) in [(1, 2), (2, 3)] {
        while net.busy().contains(&(id(from), id(to))) {
            net.deliver(id(from), id(to));
        }
    }
    assert_eq!(net.ways(1), [(2, 2), (3, 2)]);
    assert_eq!(net.ways(3), [(1, 2), (2, 2)], "who has not noticed goes by what the other end says");
}

#[test]
fn a_bridge_joins_two_halves_and_its_end_parts_them() {
    let mut net = Net::new(5);
    [(1, 2), (4, 5), (3, 1), (3, 2), (3, 4), (3, 5)].into_iter().for_each(|(a, b)| net.link(a, b));
    net.settle();
    assert_eq!(net.ways(1), [(2, 2), (3, 3), (4, 3), (5, 3)]);
    net.told(1);
    net.peers.remove(&id(3));
    [1, 2, 4, 5].into_iter().for_each(|n| net.cut(3, n, ENDED));
    net.settle();
    assert_eq!(net.ways(1), [(2, 2)]);
    let told = net.told(1);
    assert!(told.contains(&Event::Unreachable { peer: id(3), reason: ENDED }), "{told:?}");
    assert!(told.contains(&Event::Unreachable { peer: id(5), reason: Unreachable::CutOff }), "{told:?}");
}

#[test]
fn a_goodbye_is_final_and_goes_past_those_that_heard_it_themselves() {
    let mut net = Net::new(4);
    [(1, 2), (2, 3), (3, 4)].into_iter().for_each(|(a, b)| net.link(a, b));
    net.settle();
    (1..=4).for_each(|n| _ = net.told(n));
    let table = &net.peers[&id(3)].table;
    let stale = table.state(table.number(id(4)).unwrap()).unwrap();
    net.leave(4);
    net.settle();
    for n in 1..=3 {
        assert_eq!(net.told(n), [Event::Unreachable { peer: id(4), reason: Unreachable::Left }], "{n}");
    }
    let late = LinkState { version: stale.version + 99, ..stale };
    let now = net.now;
    net.peer(1).handle_message(id(2), Message::States(vec![late]), now);
    net.settle();
    assert!(net.told(1).is_empty() && net.ways(1) == [(2, 2), (3, 2)]);
}

#[test]
fn a_higher_run_is_always_lost_and_then_found() {
    let mut net = Net::full(3);
    net.told(1);
    // Nobody has noticed the end of the old 3; the new one is linked to 2 alone.
    net.start(3, 2);
    net.queues.insert((id(3), id(2)), [Sent::Down(ENDED)].into());
    net.links.remove(&(id(1), id(3)));
    net.link(2, 3);
    net.settle();
    let found = Event::Reachable { peer: info(3, 2), direct: false };
    let told = net.told(1);
    let lost = told.iter().position(|event| matches!(event, Event::Unreachable { peer, .. } if *peer == id(3)));
    let back = told.iter().position(|event| *event == found);
    assert!(lost.is_some() && lost < back, "{told:?}");
    let relay = |run| Relay { from: id(3), incarnation: Incarnation(run), to: id(1), hops: 9 };
    assert_eq!(net.peer(1).judge(relay(1)), Verdict::Drop, "what the old run sent is not the new one's");
    assert_eq!(net.peer(1).judge(relay(2)), Verdict::Deliver(id(3)));
}

#[test]
fn the_goodbye_of_an_old_run_does_not_end_the_new_one() {
    let mut net = Net::new(4);
    [(4, 7), (4, 1)].into_iter().for_each(|(a, b)| {
        if b == 7 {
            net.start(7, 1);
        }
        net.link(a, b);
    });
    net.leave(7);
    net.start(7, 2);
    net.link(1, 7);
    // The new run is heard of before the end of the old one.
    while let Some((from, to)) = net.busy().into_iter().find(|pair| *pair != (id(7), id(4))) {
        net.deliver(from, to);
    }
    net.pass(Duration::from_millis(20));
    net.settle();
    assert_eq!(net.ways(4), [(1, 1), (7, 1)]);
}

#[test]
fn who_hears_of_a_newer_self_is_told_that_its_identity_is_in_use() {
    let mut net = Net::full(2);
    net.told(1);
    let now = net.now;
    let own =
        |incarnation| Change { peer: id(1), incarnation: Incarnation(incarnation), from: 0, to: 1, links: vec![] };
    net.peer(1).handle_message(id(2), Message::Changes(vec![own(1)]), now);
    assert_eq!(net.peer(1).poll_event(), None, "what it said itself");
    net.peer(1).handle_message(id(2), Message::Changes(vec![own(2)]), now);
    assert_eq!(net.peer(1).poll_event(), Some(Event::IdInUse));
}

#[test]
fn a_gap_is_filled_with_the_whole_state() {
    let mut net = Net::new(4);
    [(1, 2), (2, 3), (3, 4)].into_iter().for_each(|(a, b)| net.link(a, b));
    net.settle();
    // 1 misses that 3 lost 4, and hears that 3 has it again.
    net.cut(3, 4, ENDED);
    while let Some((from, to)) = net.busy().into_iter().find(|pair| *pair != (id(2), id(1))) {
        net.deliver(from, to);
    }
    net.queues.get_mut(&(id(2), id(1))).unwrap().clear();
    net.link(3, 4);
    net.settle();
    assert_eq!(net.ways(1), [(2, 2), (3, 2), (4, 2)]);
    let hashes: BTreeSet<_> = (1..=4).map(|n| net.peer(n).table_hash()).collect();
    assert_eq!(hashes.len(), 1);
}

#[test]
fn tables_that_differ_for_a_second_are_compared_and_then_agree() {
    let mut net = Net::new(4);
    [(1, 2), (2, 3), (3, 4)].into_iter().for_each(|(a, b)| net.link(a, b));
    net.settle();
    net.cut(3, 4, ENDED);
    while let Some((from, to)) = net.busy().into_iter().find(|pair| *pair != (id(2), id(1))) {
        net.deliver(from, to);
    }
    net.queues.get_mut(&(id(2), id(1))).unwrap().clear();
    assert!(net.peer(1).is_reachable(id(4)), "it missed the flood");
    net.ping();
    assert!(net.busy().is_empty(), "a difference may be a flood under way");
    net.now += PATIENCE;
    net.ping();
    assert!(!net.busy().is_empty());
    net.settle();
    assert!(!net.peer(1).is_reachable(id(4)));
}

#[test]
fn a_change_brings_any_version_from_its_first_on_up_to_date() {
    let mut net = Net::full(3);
    let now = net.now;
    let two = id(2);
    let number = net.peer(1).table.number(two).unwrap();
    let version = net.peer(1).table.version(number).unwrap().version;
    let change =
        |from, to, links| Message::Changes(vec![Change { peer: two, incarnation: Incarnation(1), from, to, links }]);
    net.peer(1).handle_message(two, change(version - 1, version + 1, vec![(id(3), false)]), now);
    let three = net.peer(1).table.number(id(3)).unwrap();
    assert!(!net.peer(1).table.lists(number, three));
    net.peer(1).handle_message(two, change(0, version + 1, vec![(id(3), true)]), now);
    assert!(!net.peer(1).table.lists(number, three), "an old one is none");
    while net.peer(1).poll_transmit().is_some() {}
    net.peer(1).handle_message(two, change(version + 5, version + 6, vec![]), now);
    assert_eq!(net.peer(1).poll_transmit(), Some((vec![two], Message::Pull(vec![two]))));
}

#[test]
fn a_peer_out_of_reach_is_forgotten_after_a_minute() {
    let mut net = Net::full(3);
    net.peers.remove(&id(3));
    [1, 2].into_iter().for_each(|n| net.cut(3, n, ENDED));
    net.settle();
    assert_eq!(net.peer(1).known(), 3);
    let due = net.peer(1).poll_timeout().unwrap();
    assert!(due > net.now && due <= net.now + FORGET);
    net.pass(FORGET);
    assert_eq!((net.peer(1).known(), net.peer(1).poll_timeout()), (2, None));
    assert_eq!(net.ways(1), [(2, 2)]);
    net.cut(1, 2, ENDED);
    net.settle();
    assert_eq!(net.ways(1), [], "the rest has kept its meaning");
}

#[test]
fn a_frame_that_has_gone_too_far_is_dropped() {
    let mut net = Net::new(3);
    [(1, 2), (2, 3)].into_iter().for_each(|(a, b)| net.link(a, b));
    net.settle();
    let Some(Route::Through(next, relay)) = net.peer(1).route(id(3)) else { panic!("not relayed") };
    assert_eq!((next, relay.hops), (id(2), HOPS));
    let onward = Relay { hops: HOPS - 1, ..relay };
    assert_eq!(net.peer(2).judge(relay), Verdict::Forward(id(3), onward));
    assert_eq!(net.peer(3).judge(onward), Verdict::Deliver(id(1)));
    for hops in [0, 1] {
        assert_eq!(net.peer(2).judge(Relay { hops, ..relay }), Verdict::Drop);
    }
}

#[test]
fn who_is_not_a_neighbour_is_not_listened_to() {
    let mut net = Net::full(2);
    let now = net.now;
    let state = LinkState { peer: info(9, 1), version: 1, neighbours: vec![id(1)], farewell: None };
    net.peer(1).handle_message(id(9), Message::States(vec![state]), now);
    net.peer(1).handle_farewell(id(9), Farewell::Left, 1, now);
    net.peer(1).handle_hash(id(9), 1, now);
    assert_eq!((net.peer(1).known(), net.peer(1).poll_transmit()), (2, None));
}

#[test]
fn a_table_has_a_bound() {
    let mut net = Net::full(2);
    let now = net.now;
    let neighbours = (10..10_010).map(id).collect();
    let state = LinkState { peer: info(9, 1), version: 1, neighbours, farewell: None };
    net.peer(1).handle_message(id(2), Message::States(vec![state]), now);
    assert_eq!(net.peer(1).known(), 4096);
    let late = LinkState { peer: info(20_000, 1), version: 1, neighbours: vec![], farewell: None };
    net.peer(1).handle_message(id(2), Message::States(vec![late]), now);
    net.peer(1).handle_link_up(&info(20_001, 1), now);
    assert_eq!((net.peer(1).known(), net.ways(1)), (4096, vec![(2, 2)]));
}

#[test]
fn whole_tables_travel_in_messages_of_a_bounded_length() {
    let mut one = Overlay::new(info(1, 1));
    let now = Instant::now();
    one.handle_link_up(&info(2, 1), now);
    let all: Vec<_> = (1..=100).collect();
    let state = |n: &u128| LinkState {
        peer: info(*n, 1),
        version: 1,
        neighbours: all.iter().filter(|other| *other != n).map(|other| id(*other)).collect(),
        farewell: None,
    };
    one.handle_message(id(2), Message::States(all[1..].iter().map(state).collect()), now);
    assert_eq!(one.reachable().count(), 99);
    while one.poll_transmit().is_some() {}
    one.handle_link_up(&info(999, 1), now);
    one.handle_timeout(now + Duration::from_secs(1));
    let messages: Vec<_> = std::iter::from_fn(|| one.poll_transmit()).collect();
    let states =
        messages.iter().map(|(_, message)| if let Message::States(states) = message { states.len() } else { 0 });
    assert_eq!(states.sum::<usize>(), 99);
    let lengths: Vec<_> = messages.iter().map(|(_, message)| crate::codec::encode(message).unwrap().len()).collect();
    assert!(lengths.len() > 2 && lengths.iter().all(|length| *length < 128 * 1024), "{lengths:?}");
}
