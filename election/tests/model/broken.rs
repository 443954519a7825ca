//! Elections with one rule broken, each of which the checker has to find out.

use std::collections::BTreeSet;
use std::sync::Arc;

use election::{Epoch, Message};
use stateright::{Checker, HasDiscoveries, Model};

use crate::group::{Bounds, Group};
use crate::properties::{BOUNDED, CLAIMED, NEVER_BACK, ONE_LEADER, SETTLES, TWO_AT_ONCE, of};
use crate::start::Start;
use crate::world::{Tamper, World};

const BOUNDS: Bounds = Bounds { peers: 3, epochs: 3, moments: 1, faults: 1, mends: 0, flapping: false };

/// Finds what is wrong with a group.
fn find(group: Group, name: &'static str) {
    let first = HasDiscoveries::AllOf(BTreeSet::from([name]));
    let checker = group.checker().finish_when(first).spawn_bfs().join();
    assert!(checker.discovery(name).is_some(), "not noticed: {name}");
}

fn tampered(start: Start, tamper: Tamper) -> Group {
    Group { tamper, settles: true, ..Group::new(start, BOUNDS) }
}

fn holds(name: &str, world: &World) -> bool {
    let group = tampered(Start::Settled, |_, _| {});
    let property = of(&group).into_iter().find(|property| property.name == name).expect("it is one of them");
    (property.condition)(&group, world)
}

#[test]
fn a_claim_of_an_epoch_that_another_has_is_noticed() {
    let usurp: Tamper = |transmits, _| {
        for transmit in transmits {
            if let Message::Coordinator { epoch, .. } = &mut transmit.message {
                *epoch = Epoch { counter: 1, leader: 0 };
            }
        }
    };
    find(tampered(Start::Settled, usurp), ONE_LEADER);
}

#[test]
fn a_peer_that_comes_back_without_its_memory_is_noticed() {
    let group = Group { forgets: true, ..Group::new(Start::Settled, BOUNDS) };
    find(group.clone(), NEVER_BACK);
    let alone = Bounds { faults: 2, moments: 2, ..BOUNDS };
    find(Group { bounds: alone, ..group }, ONE_LEADER);
}

#[test]
fn a_beat_in_an_epoch_that_nobody_claimed_is_noticed() {
    let exaggerate: Tamper = |transmits, _| {
        for transmit in transmits {
            if let Message::Heartbeat { epoch, .. } = &mut transmit.message {
                epoch.counter += 1;
            }
        }
    };
    find(tampered(Start::Settled, exaggerate), CLAIMED);
}

#[test]
fn a_storm_is_noticed() {
    let repeat: Tamper = |transmits, _| *transmits = vec![transmits.clone(); 17].concat();
    find(tampered(Start::Settled, repeat), BOUNDED);
}

#[test]
fn a_leader_that_never_yields_is_noticed() {
    let clings: Tamper = |transmits, _| transmits.retain(|transmit| !matches!(transmit.message, Message::Yield { .. }));
    find(tampered(Start::Outranked, clings), SETTLES);
}

#[test]
fn a_leader_that_does_not_show_that_it_leads_is_noticed() {
    let mute: Tamper = |transmits, mind| transmits.retain(|_| !mind.is_leader());
    find(tampered(Start::Settled, mute), SETTLES);
}

#[test]
fn two_leaders_of_one_epoch_are_noticed() {
    let mut world = Start::Settled.world(3);
    assert!(holds(TWO_AT_ONCE, &world));
    world.peers[1] = world.peers[0].as_ref().map(Arc::clone);
    assert!(!holds(TWO_AT_ONCE, &world));
}
