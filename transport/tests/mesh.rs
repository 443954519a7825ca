//! Which links there are: one a pair, of the latest run, and none with strangers.

mod harness;

use harness::raw::Raw;
use harness::wire::{self, Hello};
use harness::{Member, config, eventually, exchange, id, link, pair, run};
use transport::{Config, DialError, Event, Refusal, Unreachable};

fn refusal(member: &mut Member) -> Refusal {
    member.until(|event| match event {
        Event::SeedFailed { error: DialError::Refused(refusal), .. } => Some(refusal),
        _ => None,
    })
}

#[test]
fn two_peers_link_once_whoever_dials() {
    for (dialler, acceptor) in [(1, 2), (2, 1)] {
        let (mut a, mut b) = pair(dialler, acceptor);
        exchange(&mut a, &mut b, b"hello");
        assert_eq!((a.changes(b.id()), b.changes(a.id())), ((1, 0), (1, 0)));
        assert_eq!((a.linked(), b.linked()), (vec![b.id()], vec![a.id()]));
    }
}

#[test]
fn what_a_peer_says_of_itself_reaches_the_other() {
    let mut a = Member::new(1);
    let b = Member::start(Config { priority: 7, incarnation: run(3), ..config(2) });
    a.mesh.add_seed(b.address());
    let info = a.until(|event| match event {
        Event::Reachable { peer, .. } => Some(peer),
        _ => None,
    });
    assert_eq!(&info, b.mesh.me());
}

#[test]
fn both_dialling_at_the_same_time_end_with_one_link_that_stays() {
    for _ in 0..40 {
        let (mut a, mut b) = (Member::new(1), Member::new(2));
        // Two dials each: as a seed and as a member.
        std::thread::scope(|scope| {
            for (from, to) in [(&a, &b), (&b, &a)] {
                scope.spawn(|| {
                    from.mesh.add_seed(to.address());
                    from.mesh.add_member(to.id(), to.address(), true);
                });
            }
        });
        a.until_reachable(b.id());
        b.until_reachable(a.id());
        for word in [b"first", b"again", b"third"] {
            exchange(&mut a, &mut b, word);
        }
        assert_eq!((a.changes(b.id()), b.changes(a.id())), ((1, 0), (1, 0)));
    }
}

#[test]
fn eight_peers_that_dial_each_other_all_at_once_become_a_full_mesh() {
    for _ in 0..3 {
        let mut members: Vec<_> = (1..=8).map(Member::new).collect();
        let book: Vec<_> = members.iter().map(|member| (member.id(), member.address())).collect();
        for member in &members {
            for (peer, address) in book.iter().filter(|(peer, _)| *peer != member.id()) {
                member.mesh.add_member(*peer, address.clone(), true);
                member.mesh.add_seed(address.clone());
            }
        }
        for member in &mut members {
            eventually("all are linked", || member.linked().len() == 7);
        }
        for (n, one) in (0..8).flat_map(|n| (0..n).map(move |one| (n, one))) {
            let (lower, upper) = members.split_at_mut(n);
            exchange(&mut lower[one], &mut upper[0], b"hello");
        }
        for member in &mut members {
            let me = member.id();
            for (peer, _) in book.iter().filter(|(peer, _)| *peer != me) {
                assert_eq!(member.changes(*peer), (1, 0));
            }
        }
    }
}

#[test]
fn a_restart_before_the_loss_was_noticed_replaces_the_old_run() {
    let (mut a, _old) = pair(1, 2);
    let new = Member::start(Config { incarnation: run(2), ..config(2) });
    new.mesh.add_seed(a.address());
    assert_eq!(a.next(), Some(Event::Unreachable { peer: id(2), reason: Unreachable::Replaced }));
    assert_eq!(a.next(), Some(Event::Reachable { peer: new.mesh.me().clone(), direct: true }));
}

#[test]
fn a_restart_that_is_dialled_replaces_the_old_run_too() {
    let (mut a, _old) = pair(1, 2);
    let new = Member::start(Config { incarnation: run(2), ..config(2) });
    a.mesh.add_seed(new.address());
    assert_eq!(a.next(), Some(Event::Unreachable { peer: id(2), reason: Unreachable::Replaced }));
    assert_eq!(a.next(), Some(Event::Reachable { peer: new.mesh.me().clone(), direct: true }));
}

#[test]
fn an_earlier_run_is_refused_while_a_later_one_is_linked() {
    let (mut a, mut late) = (Member::new(1), Member::start(Config { incarnation: run(5), ..config(2) }));
    link(&mut a, &mut late);
    let mut early = Member::start(Config { incarnation: run(4), ..config(2) });
    early.mesh.add_seed(a.address());
    assert_eq!(refusal(&mut early), Refusal::Outdated);
    exchange(&mut a, &mut late, b"still here");
    assert_eq!(a.changes(id(2)), (1, 0));
}

#[test]
fn of_two_runs_whose_dials_cross_the_later_one_stays() {
    let mut a = Member::new(1);
    let mut early = Raw::connect(&a.address());
    early.write(&Hello::new(id(2)).to_frame());
    early.frame();
    let _late = Raw::link(&a.address(), &Hello { incarnation: 2, ..Hello::new(id(2)) });
    a.until_reachable(id(2));
    early.write(&wire::up());
    early.until_closed();
    assert_eq!(a.changes(id(2)), (1, 0));
}

#[test]
fn another_group_is_refused_and_is_told_which() {
    let (mut a, b) = (Member::new(1), Member::start(Config { group: "other".into(), ..config(2) }));
    a.mesh.add_seed(b.address());
    assert_eq!(refusal(&mut a), Refusal::Group { ours: "other".into() });
    assert!(a.linked().is_empty() && b.linked().is_empty());
}

#[test]
fn oneself_is_refused_and_dialled_once_only() {
    let mut a = Member::new(1);
    let own = a.address();
    a.mesh.add_seed(own);
    assert_eq!(refusal(&mut a), Refusal::Oneself);
    let mut b = Member::new(2);
    link(&mut b, &mut a);
    exchange(&mut a, &mut b, b"hello");
    a.drain();
    assert!(a.linked() == [b.id()]);
}

#[test]
fn a_dialler_is_told_that_another_version_answered() {
    let listener = harness::raw::RawListener::new();
    let mut a = Member::new(1);
    a.mesh.add_seed(listener.address());
    listener.accept().write(&wire::refused(id(2), 0, &9u16.to_be_bytes()));
    assert_eq!(refusal(&mut a), Refusal::Version { ours: 9 });
}

#[test]
fn every_refusal_has_its_bytes() {
    let a = Member::start(Config { incarnation: run(5), ..config(1) });
    let _linked = Raw::link(&a.address(), &Hello { incarnation: 5, ..Hello::new(id(2)) });
    eventually("linked", || a.linked() == [id(2)]);
    let stranger = Hello::new(id(3));
    let named = [0, 0, 0, 0, 0, 0, 0, 7, b'd', b'e', b'f', b'a', b'u', b'l', b't'];
    for (hello, reason, more) in [
        (Hello { version: 1, ..stranger.clone() }, 0, &[0, 4][..]),
        (Hello { group: "x".into(), ..stranger.clone() }, 1, &named),
        (Hello { id: id(1), ..stranger.clone() }, 2, &[]),
        (Hello { incarnation: 5, id: id(2), ..stranger.clone() }, 3, &[]),
        (Hello { incarnation: 4, id: id(2), ..stranger.clone() }, 4, &[]),
        (Hello { name: "x".repeat(257), ..stranger.clone() }, 6, &[]),
        (Hello { address: "nowhere".into(), ..stranger.clone() }, 6, &[]),
    ] {
        let mut raw = Raw::connect(&a.address());
        raw.write(&hello.to_frame());
        let golden = wire::refused(id(1), reason, more);
        assert_eq!(raw.read(golden.len()), golden, "{hello:?}");
        raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
        raw.until_closed();
    }
}

#[test]
fn a_conversation_has_its_golden_bytes() {
    let mut a = Member::start(Config { priority: 7, incarnation: run(3), name: "al".into(), ..config(1) });
    let mut raw = Raw::connect(&a.address());
    raw.write(&Hello::new(id(2)).to_frame());
    let hello = Hello { incarnation: 3, name: "al".into(), priority: 7, ..Hello::new(id(1)).at(&a.address()) };
    let golden = hello.to_frame();
    assert_eq!(raw.read(golden.len()), golden);
    raw.write(&wire::up());
    // Its table has its own state in it, in a version without links.
    assert_eq!(raw.read(41), wire::ping_with(1, 0, wire::state_hash(&hello, 0)));
    let state = hello.state(0, &[id(2)]);
    assert_eq!(raw.read(state.len()), state);
    let state = Hello::new(id(2)).state(1, &[id(1)]);
    raw.write(&[state, wire::ping(1, 1), wire::frame(wire::BULK, b"Hi"), wire::bye()].concat());
    a.until_reachable(id(2));
    assert_eq!(a.messages_until(id(2), b"Hi"), [b"Hi"]);
    assert_eq!(a.until_unreachable(id(2)), Unreachable::Left);
    raw.until_closed();
}

#[test]
fn a_dialler_has_its_golden_bytes_too() {
    let listener = harness::raw::RawListener::new();
    let mut a = Member::new(1);
    a.mesh.add_seed(listener.address());
    let mut raw = listener.accept_as(id(2));
    let hello = Hello { name: "peer1".into(), ..Hello::new(id(1)).at(&a.address()) };
    assert_eq!(raw.read(41), wire::ping_with(1, 0, wire::state_hash(&hello, 0)));
    let state = hello.state(0, &[id(2)]);
    assert_eq!(raw.read(state.len()), state);
    a.until_reachable(id(2));
    a.send(id(2), b"Hi");
    let golden = wire::frame(wire::BULK, b"Hi");
    let body = std::iter::repeat_with(|| raw.frame()).find(|(kind, _)| *kind != wire::CONTROL).unwrap();
    assert_eq!(wire::frame(body.0, &body.1), golden);
}
