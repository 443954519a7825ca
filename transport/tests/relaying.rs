//! Members that are not linked, and reach each other through those that are.

#![allow(clippy::unwrap_used)]

mod harness;

use harness::raw::Raw;
use harness::wire::Hello;
use harness::{Member, config, eventually, exchange, id, link, run};
use transport::{
    Batch, Class, Config, Event, MAX_MESSAGE_BYTES, MAX_URGENT_BYTES, PIECE_BYTES, SendError, Unreachable,
};

/// Members in a row, each linked to the next alone.
fn chain(length: u128) -> Vec<Member> {
    let mut members: Vec<_> = (1..=length).map(Member::new).collect();
    for n in 1..members.len() {
        let (before, after) = members.split_at_mut(n);
        link(&mut before[n - 1], &mut after[0]);
    }
    let ids: Vec<_> = members.iter().map(Member::id).collect();
    for member in &mut members {
        let others = ids.iter().filter(|other| **other != member.id()).count();
        eventually("everybody is reached", || member.mesh.links().len() == others);
    }
    members
}

/// The ways from `member` to all others, as numbers: to whom, and through whom.
fn ways(member: &Member) -> Vec<(u128, Option<u128>)> {
    let number = |peer: transport::PeerId| peer.uuid().as_u128();
    member.mesh.links().iter().map(|link| (number(link.peer.id), link.through.map(number))).collect()
}

#[test]
fn everybody_in_a_chain_is_reached_through_those_between() {
    let mut chain = chain(4);
    assert_eq!(ways(&chain[0]), [(2, None), (3, Some(2)), (4, Some(2))]);
    assert_eq!(ways(&chain[2]), [(1, Some(2)), (2, None), (4, None)]);
    let edges = chain[0].mesh.edges();
    assert_eq!(edges, chain[3].mesh.edges(), "all know the same of all");
    assert_eq!(edges[&id(2)].iter().copied().collect::<Vec<_>>(), [id(1), id(3)]);
    let (head, tail) = chain.split_at_mut(3);
    let reached = head[0].until(|event| match event {
        Event::Reachable { peer, direct } if peer.id == id(4) => Some((peer, direct)),
        _ => None,
    });
    assert_eq!(reached, (tail[0].mesh.me().clone(), false));
    exchange(&mut head[0], &mut tail[0], b"hello");
}

#[test]
fn relayed_messages_of_any_length_and_class_arrive_whole_and_in_order() {
    let mut chain = chain(3);
    let (a, c) = (id(1), id(3));
    let (first, rest) = chain.split_at_mut(2);
    let (first, last) = (&mut first[0], &mut rest[0]);
    let lengths = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 300_001, MAX_MESSAGE_BYTES];
    let message = |length: usize| (0..length).map(|n| (n % 251) as u8).collect::<Vec<_>>();
    let mut sent: Vec<_> = lengths.into_iter().map(message).collect();
    for message in &sent {
        first.send(c, message);
    }
    let mut batch = Batch::default();
    for length in [5, 0, 20_000, 60_000] {
        batch.push(&[&message(length)]).unwrap();
        sent.push(message(length));
    }
    first.mesh.multicast_batch(&[c], batch);
    sent.push(b"last".to_vec());
    first.send(c, b"last");
    assert!(last.messages_until(a, b"last") == sent);

    let longest = message(MAX_URGENT_BYTES);
    last.mesh.send(a, Class::Urgent, &longest).unwrap();
    assert_eq!(first.messages_until(c, &longest).len(), 1);
    let too_long = vec![0; MAX_URGENT_BYTES + 1];
    for to in [id(2), c] {
        assert_eq!(first.mesh.send(to, Class::Urgent, &too_long), Err(SendError::TooLong(too_long.len())));
    }
    assert!(matches!(first.mesh.send(c, Class::Bulk, &vec![0; MAX_MESSAGE_BYTES + 1]), Err(SendError::TooLong(_))));
}

#[test]
fn a_link_of_ones_own_is_preferred_as_soon_as_there_is_one() {
    let mut chain = chain(3);
    let (c, address) = (chain[2].id(), chain[2].address());
    chain[0].mesh.add_member(c, address, true);
    chain[0].until(|event| (event == Event::Path { peer: id(3), direct: true }).then_some(()));
    assert_eq!(ways(&chain[0]), [(2, None), (3, None)]);
    chain[2].until(|event| (event == Event::Path { peer: id(1), direct: true }).then_some(()));
    assert_eq!((chain[0].changes(id(3)), chain[2].changes(id(1))), ((1, 0), (1, 0)), "it was in reach all the time");
}

#[test]
fn who_leaves_has_left_for_those_that_were_not_linked_to_it_too() {
    let mut chain = chain(4);
    chain[3].close();
    for member in &mut chain[..3] {
        assert_eq!(member.until_unreachable(id(4)), Unreachable::Left);
    }
}

#[test]
fn without_those_between_the_rest_is_cut_off() {
    let mut chain = chain(4);
    chain[1].close();
    let lost: Vec<_> = (0..3)
        .map(|_| {
            chain[0].until(|event| match event {
                Event::Unreachable { peer, reason } => Some((peer, reason)),
                _ => None,
            })
        })
        .collect();
    assert!(lost.contains(&(id(2), Unreachable::Left)) && lost.contains(&(id(3), Unreachable::CutOff)), "{lost:?}");
    assert_eq!(chain[2].until_unreachable(id(1)), Unreachable::CutOff);
    assert_eq!(ways(&chain[2]), [(4, None)]);
}

#[test]
fn a_new_run_behind_others_is_noticed_though_nobody_here_saw_the_old_one_end() {
    let mut chain = chain(3);
    let new = Member::start(Config { incarnation: run(2), ..config(3) });
    new.mesh.add_seed(chain[0].address());
    chain[0].until(|event| match event {
        Event::Unreachable { peer, reason: Unreachable::Restarted } if peer == id(3) => Some(()),
        _ => None,
    });
    chain[0].until_reachable(id(3));
    // The old run hears of the new one: one of the two must go.
    chain[2].until(|event| (event == Event::IdInUse).then_some(()));
}

#[test]
fn what_claims_to_be_relayed_and_is_not_does_no_harm() {
    let mut a = Member::new(1);
    for body in [&b""[..], &[0; 40]] {
        let mut raw = Raw::link(&a.address(), &Hello::new(id(2)));
        a.until_reachable(id(2));
        raw.write(&harness::wire::frame(5, body));
        assert_eq!(a.until_unreachable(id(2)), Unreachable::Malformed);
        raw.until_closed();
    }
    // Headers that lead nowhere, or come from nobody, are dropped.
    let mut raw = Raw::link(&a.address(), &Hello::new(id(2)));
    a.until_reachable(id(2));
    let header = |from: u128, to: u128, hops: u8| {
        [&from.to_be_bytes()[..], &1u64.to_be_bytes(), &to.to_be_bytes(), &[hops], b"boo"].concat()
    };
    for (from, to, hops) in [(9, 1, 9), (2, 9, 9), (2, 2, 0), (1, 1, 1)] {
        raw.write(&harness::wire::frame(5, &header(from, to, hops)));
        raw.write(&harness::wire::frame(4, &header(from, to, hops)));
    }
    raw.write(&harness::wire::frame(harness::wire::BULK, b"Hi"));
    assert_eq!(a.messages_until(id(2), b"Hi"), [b"Hi"]);
}
