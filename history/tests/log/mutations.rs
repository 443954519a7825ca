//! Each rule broken by a wrapper or a forged trace, and the checks that find it out. Nothing in the crate can be
//! switched off: what peers send, or keep on disk, is changed on its way.

use std::sync::Arc;
use std::time::Duration;

use history::{Entry, Index, Log, LogConfig, LogEvent, LogMessage, Standing};
use rand::RngExt;

use crate::check::{Check, Id};
use crate::sim::{Sim, Tamper};
use crate::{line, start};

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

/// A leader that needs a quorum of the newest configuration in its log and of no other: whoever is not in that one
/// might as well have promised.
#[test]
fn a_quorum_of_the_newest_configuration_only_is_noticed() {
    fn newest(log: &Log<Id>, to: Id, _: Option<&Log<Id>>, message: &LogMessage<Id>) -> Option<LogMessage<Id>> {
        let LogMessage::Prepare { ballot, .. } = message else {
            return None;
        };
        let places = (1..=log.accepted_len()).rev().filter_map(Index::new);
        let newest = places.filter_map(|at| log.accepted_entry(at)).find_map(|entry| match &**entry {
            Entry::Config(config) => Some(config),
            _ => None,
        })?;
        let empty = LogMessage::Promise {
            ballot: *ballot,
            chain: log.regime(),
            regime: log.regime(),
            withheld: false,
            left: None,
            accepted: None,
            decided: 0,
            len: 0,
            from: 0,
            entries: Vec::new(),
        };
        (!newest.voters.contains(&to)).then_some(empty)
    }
    assert!(found(4, Tamper { answer: Some(newest), ..Tamper::default() }, 300).is_some());
}

/// A follower that takes a piece of a sync for the whole. The leader is gone before its own disk has any of it, and the
/// piece under the greater ballot passes for all there is.
#[test]
fn a_sync_in_parts_is_noticed() {
    fn part(_: Id, message: &mut LogMessage<Id>) -> bool {
        if let LogMessage::Sync { from, entries, len, .. } = message {
            entries.truncate(entries.len() / 2);
            *len = *from + entries.len() as u64;
        }
        // Nobody is told how much is decided.
        !matches!(message, LogMessage::Beat { .. })
    }
    fn whole(_: Id, message: &mut LogMessage<Id>) -> bool {
        !matches!(message, LogMessage::Beat { .. })
    }
    let broken = |message, seed| {
        let mut sim = Sim::new(seed, 3, LogConfig::default());
        sim.pass(15 * SECOND);
        sim.tamper = Tamper { message: Some(message), ..Tamper::default() };
        sim.cut(&[0, 0, 1]);
        sim.say(1, 5);
        sim.pass(SECOND);
        sim.crash(0);
        sim.cut(&[0, 0, 0]);
        sim.slow_disk(1, 400);
        sim.pass(SECOND / 2);
        sim.crash(1);
        // What was lost would be proposed again, at the same places, if nothing came before it.
        sim.say(0, 3);
        sim.restart(0);
        sim.pass(2 * SECOND);
        sim.check.broken.take()
    };
    assert!((0..50).any(|seed| broken(part, seed).is_some()));
    assert!((0..50).all(|seed| broken(whole, seed).is_none()));
}

/// An acceptor that goes on for the leader before, although it has promised the next not to.
#[test]
fn an_acknowledgement_under_an_old_ballot_after_a_promise_is_noticed() {
    fn go_on(_: &Log<Id>, _: Id, acceptor: Option<&Log<Id>>, message: &LogMessage<Id>) -> Option<LogMessage<Id>> {
        match message {
            LogMessage::Accept { ballot, prev_len, entries, .. } if acceptor?.promised() > Some(*ballot) => {
                Some(LogMessage::Accepted { ballot: *ballot, len: prev_len + entries.len() as u64 })
            }
            _ => None,
        }
    }
    assert!(found(3, Tamper { answer: Some(go_on), ..Tamper::default() }, 300).is_some());
}

/// A leader that tells what it has proposed for decided.
#[test]
fn a_decision_before_a_quorum_has_it_is_noticed() {
    fn early(_: Id, message: &mut LogMessage<Id>) -> bool {
        match message {
            LogMessage::Accept { prev_len, entries, decided, .. } => *decided = *prev_len + entries.len() as u64,
            LogMessage::Beat { len, decided, .. } => *decided = *len,
            _ => {}
        }
        true
    }
    assert!(found(3, Tamper { message: Some(early), ..Tamper::default() }, 300).is_some());
}

#[test]
fn a_decision_out_of_order_is_noticed() {
    let log = Log::new(0, LogConfig::default(), start());
    let mut check = Check::default();
    for at in [1, 3] {
        let index = Index::new(at).expect("not 0");
        let entry = Arc::new(Entry::Line(line(1, at)));
        check.event(0, &log, &LogEvent::Decided { index, entry, applies: false });
    }
    assert!(check.broken.is_some_and(|what| what.starts_with("I2")));
}

#[test]
fn an_acknowledgement_counts_for_nothing_but_a_voter_and_is_noticed_where_it_did() {
    let mut sim = Sim::new(7, 3, LogConfig::default());
    sim.pass(15 * SECOND);
    sim.crash(1);
    sim.crash(2);
    sim.say(2, 1);
    sim.pass(SECOND);
    let log = sim.log(0).expect("it is up");
    let (before, len) = (log.decided(), log.accepted_len());
    let ballot = log.established().expect("it leads");
    assert!(before < len);
    sim.deliver(7, 0, LogMessage::Accepted { ballot, len });
    assert_eq!(sim.log(0).map(|log| log.decided()), Some(before));
    // As if it had counted: in the name of a voter, which has nothing of it.
    sim.deliver(1, 0, LogMessage::Accepted { ballot, len });
    assert!(sim.log(0).is_some_and(|log| log.decided() > before));
    sim.crash(0);
    sim.say(1, 1);
    sim.restart(1);
    sim.restart(2);
    sim.pass(5 * SECOND);
    assert!(sim.check.broken.is_some());
}

#[test]
fn what_was_decided_elsewhere_differently_is_noticed_when_two_meet() {
    let mut sim = Sim::new(1, 2, LogConfig::default());
    sim.pass(2 * SECOND);
    let log = sim.log(0).expect("it is up");
    let hash = log.hash_at(log.decided() - 1).expect("it is kept");
    let status = LogMessage::Status(Standing { hash, ..log.standing() });
    sim.deliver(0, 1, status);
    assert!(sim.check.broken.as_ref().is_some_and(|what| what.contains("diverge")));
}

#[test]
fn a_sync_that_would_change_what_is_decided_is_refused() {
    let mut sim = Sim::new(1, 2, LogConfig::default());
    sim.pass(2 * SECOND);
    let log = sim.log(0).expect("it is up");
    let mut ballot = log.established().expect("it leads");
    ballot.round += 1;
    let other = log.get(Index::FIRST).cloned().expect("it is kept");
    let (decided, regime) = sim.log(1).map_or((0, None), |log| (log.decided(), log.regime()));
    let hash = Some(history::RunningHash::default());
    let entries = vec![other; 1 + usize::try_from(decided).expect("a short log")];
    let len = decided + 1;
    sim.deliver(0, 1, LogMessage::Sync { ballot, regime, prior: None, start: 0, hash, from: 0, entries, len });
    let answer = sim.sent.last().map(|(from, to, message)| (*from, *to, message.clone()));
    assert!(matches!(answer, Some((1, 0, LogMessage::Status { .. }))));
    assert_eq!(sim.log(1).map(|log| log.decided()), Some(decided));
}
