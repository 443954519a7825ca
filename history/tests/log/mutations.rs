//! Each rule broken by a wrapper or a forged trace, and the checks that find it out. Nothing in the crate can be
//! switched off: what peers send, or keep on disk, is changed on its way.

use std::time::Duration;

use history::{Index, LogConfig, LogMessage};
use rand::RngExt;

use crate::check::Id;
use crate::sim::{Sim, Tamper};

const SECOND: Duration = Duration::from_secs(1);

/// Runs groups of `size` under a broken rule until one is found out, or none of many is.
fn found(size: u8, tamper: Tamper, seeds: u64) -> Option<String> {
    (0..seeds).find_map(|seed| {
        let mut sim = Sim::new(seed, size, LogConfig::default());
        sim.tamper = tamper;
        sim.pass(2 * SECOND);
        for _ in 0..60 {
            chaos(&mut sim);
            let pause = Duration::from_millis(sim.rng.random_range(0..300));
            sim.pass(pause);
            if sim.check.broken.is_some() {
                break;
            }
        }
        sim.check.broken.take()
    })
}

fn chaos(sim: &mut Sim) {
    let id = sim.rng.random_range(0..sim.size());
    let session = sim.rng_session();
    sim.say(session, 2);
    match sim.rng.random_range(0..6) {
        0 => sim.crash(id),
        1 | 2 => sim.restart(id),
        3 => {
            let parts: Vec<u8> = (0..sim.size()).map(|_| sim.rng.random_range(0..2)).collect();
            sim.cut(&parts);
        }
        4 => sim.cut(&vec![0; usize::from(sim.size())]),
        _ => sim.slow_disk(id, 300),
    }
}

#[test]
fn nothing_is_found_where_nothing_is_broken() {
    assert_eq!(found(4, Tamper::default(), 20), None);
}

#[test]
fn an_acknowledgement_before_the_disk_has_it_is_noticed() {
    let broken = found(3, Tamper { no_fsync: true, ..Tamper::default() }, 20);
    assert!(broken.is_some_and(|what| what.starts_with("I5")));
}

#[test]
fn a_voter_that_comes_back_without_its_disk_is_noticed() {
    assert!(found(3, Tamper { forgets: true, ..Tamper::default() }, 200).is_some());
}

#[test]
fn an_acknowledgement_of_what_is_not_there_is_noticed() {
    fn boast(_: Id, message: &mut LogMessage<Id>) -> bool {
        if let LogMessage::Accepted { len, .. } = message {
            *len += 1;
        }
        true
    }
    assert!(found(3, Tamper { message: Some(boast), ..Tamper::default() }, 50).is_some());
}

/// A leader that takes no notice of what the promisers accepted: their logs count as empty.
#[test]
fn an_establishment_without_the_promised_logs_is_noticed() {
    fn forget(_: Id, message: &mut LogMessage<Id>) -> bool {
        if let LogMessage::Promise { accepted, decided, len, entries, .. } = message {
            (*accepted, *decided, *len) = (None, 0, 0);
            entries.clear();
        }
        true
    }
    assert!(found(4, Tamper { message: Some(forget), ..Tamper::default() }, 300).is_some());
}

#[test]
fn what_was_decided_elsewhere_differently_is_noticed_when_two_meet() {
    let mut sim = Sim::new(1, 2, LogConfig::default());
    sim.pass(2 * SECOND);
    let log = sim.log(0).expect("it is up");
    let status = LogMessage::Status {
        regime: log.regime().expect("it was founded"),
        decided: log.decided(),
        hash: log.hash_at(log.decided() - 1).expect("it is kept"),
    };
    sim.deliver(0, 1, status);
    assert!(sim.check.broken.as_ref().is_some_and(|what| what.contains("diverge")));
}

#[test]
fn a_sync_that_would_change_what_is_decided_is_refused_with_an_alarm() {
    let mut sim = Sim::new(1, 2, LogConfig::default());
    sim.pass(2 * SECOND);
    let log = sim.log(0).expect("it is up");
    let mut ballot = log.established().expect("it leads");
    ballot.round += 1;
    let other = log.get(Index::FIRST).cloned().expect("it is kept");
    let decided = sim.log(1).map_or(0, |log| log.decided());
    let hash = Some(history::RunningHash::default());
    let entries = vec![other; 1 + usize::try_from(decided).expect("a short log")];
    let len = decided + 1;
    sim.deliver(0, 1, LogMessage::Sync { ballot, prior: None, start: 0, hash, from: 0, entries, len });
    assert!(sim.check.broken.as_ref().is_some_and(|what| what.contains("DecidedWouldChange")));
    assert_eq!(sim.log(1).map(|log| log.decided()), Some(decided));
}
