//! Random links that come and go: when everything has been said, everybody knows the truth.

use proptest::prelude::*;

use super::net::{Net, id};
use super::*;

#[derive(Clone, Debug)]
enum Act {
    Link(u128, u128),
    Cut(u128, u128),
    Leave(u128),
    Restart(u128),
    Deliver(usize),
    Pass(u64),
    Ping,
}

const SIZE: u128 = 7;

fn act() -> impl Strategy<Value = Act> {
    let peer = || 1..=SIZE;
    prop_oneof![
        6 => (peer(), peer()).prop_map(|(a, b)| Act::Link(a, b)),
        3 => (peer(), peer()).prop_map(|(a, b)| Act::Cut(a, b)),
        1 => peer().prop_map(Act::Leave),
        1 => peer().prop_map(Act::Restart),
        20 => (0usize..100).prop_map(Act::Deliver),
        3 => (0u64..2000).prop_map(Act::Pass),
        1 => Just(Act::Ping),
    ]
}

fn linked(net: &Net, a: u128, b: u128) -> bool {
    net.links.contains(&(id(a.min(b)), id(a.max(b))))
}

fn runs_there(net: &Net, n: u128) -> bool {
    net.peers.contains_key(&id(n))
}

fn apply(net: &mut Net, act: Act, runs: &mut u64) {
    match act {
        Act::Link(a, b) if a != b && !linked(net, a, b) && runs_there(net, a) && runs_there(net, b) => net.link(a, b),
        Act::Cut(a, b) if linked(net, a, b) => net.cut(a, b, Unreachable::Ended),
        Act::Leave(n) if runs_there(net, n) => net.leave(n),
        Act::Restart(n) => {
            for other in 1..=SIZE {
                if linked(net, n, other) {
                    net.cut(n, other, Unreachable::Ended);
                }
                // What the old run would have been told is told to nobody.
                net.queues.remove(&(id(other), id(n)));
            }
            *runs += 1;
            net.start(n, *runs);
            net.told(n);
        }
        Act::Deliver(which) => {
            let busy = net.busy();
            if let Some((from, to)) = busy.get(which % busy.len().max(1)) {
                net.deliver(*from, *to);
            }
        }
        Act::Pass(ms) => net.pass(Duration::from_millis(ms)),
        Act::Ping => net.ping(),
        _ => {}
    }
}

/// Who can be reached from `n` over links that are up.
fn truth(net: &Net, n: u128) -> BTreeSet<PeerId> {
    let mut reached = BTreeSet::from([id(n)]);
    let mut frontier = vec![id(n)];
    while let Some(at) = frontier.pop() {
        for (a, b) in &net.links {
            let next = if *a == at { *b } else { *a };
            if (*a == at || *b == at) && reached.insert(next) {
                frontier.push(next);
            }
        }
    }
    reached.remove(&id(n));
    reached
}

/// What was told adds up to what is.
fn told(events: &[Event]) -> BTreeSet<PeerId> {
    let mut reached = BTreeSet::new();
    for event in events {
        match event {
            Event::Reachable { peer, .. } => assert!(reached.insert(peer.id), "found twice: {events:?}"),
            Event::Unreachable { peer, .. } => assert!(reached.remove(peer), "lost twice: {events:?}"),
            Event::Path { peer, .. } => assert!(reached.contains(peer), "out of reach: {events:?}"),
            _ => {}
        }
    }
    reached
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn reachability_comes_to_be_what_the_links_are(acts in proptest::collection::vec(act(), 1..200)) {
        let mut net = Net::new(SIZE);
        let mut runs = 1;
        for act in acts {
            apply(&mut net, act, &mut runs);
        }
        net.settle();
        net.repair();
        let living: Vec<_> = (1..=SIZE).filter(|n| runs_there(&net, *n)).collect();
        for n in living {
            let truth = truth(&net, n);
            let reached: BTreeSet<_> = net.peers[&id(n)].reachable().map(|peer| peer.id).collect();
            prop_assert_eq!(&reached, &truth, "at {}", n);
            prop_assert_eq!(&told(&net.events[&id(n)]), &truth, "told to {}", n);
            let hash = net.peer(n).table_hash();
            for other in truth {
                prop_assert_eq!(net.peers.get_mut(&other).unwrap().table_hash(), hash);
            }
            let edges = net.peers[&id(n)].edges();
            let true_edges = net.links.iter().filter(|(a, _)| edges.contains_key(a)).count();
            prop_assert_eq!(edges.values().map(BTreeSet::len).sum::<usize>(), 2 * true_edges);
        }
    }
}
