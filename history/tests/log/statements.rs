//! One promise a test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use history::{
    Ballot, Config, Durable, Entry, History, HistoryEvent, Limits, Log, LogConfig, LogMessage, Loss, Regime,
    RunningHash, SayError, Session,
};
use uuid::Uuid;

use crate::sim::Sim;
use crate::{line, start};

const SECOND: Duration = Duration::from_secs(1);

fn settled(size: u8) -> Sim {
    let mut sim = Sim::new(7, size, LogConfig::default());
    sim.pass(15 * SECOND);
    sim
}

fn voters(sim: &Sim, id: u8) -> Vec<u8> {
    let config = sim.log(id).and_then(|log| log.config());
    config.map_or(Vec::new(), |(_, config)| config.voters.clone())
}

#[test]
fn all_become_voters_up_to_seven() {
    let sim = settled(9);
    assert_eq!(voters(&sim, 8), Vec::from_iter(0..7));
    assert_eq!(sim.check.broken, None);
}

#[test]
fn a_group_that_dies_one_by_one_juniors_first_confirms_to_the_last() {
    let mut sim = settled(5);
    for id in (1..5).rev() {
        sim.crash(id);
        sim.pass(2 * SECOND);
        sim.say(1, 3);
        sim.pass(SECOND);
        sim.assert_converged("shrunk");
    }
    assert_eq!(voters(&sim, 0), [0]);
    assert_eq!(sim.check.broken, None);
}

#[test]
fn a_shrink_does_not_wait_for_the_lines_that_need_it() {
    let mut sim = settled(4);
    sim.crash(2);
    sim.crash(3);
    sim.say(1, 5);
    sim.pass(2 * SECOND);
    assert_eq!(voters(&sim, 0), [0, 1]);
    sim.assert_converged("half with the tie-breaker shrinks");
}

#[test]
fn two_of_three_killed_at_once_stop_confirming_until_one_returns() {
    let mut sim = settled(3);
    let before = sim.log(0).map_or(0, |log| log.decided());
    sim.crash(1);
    sim.crash(2);
    sim.say(1, 5);
    sim.pass(15 * SECOND);
    assert_eq!(sim.log(0).map(|log| log.decided()), Some(before));
    sim.restart(1);
    sim.pass(3 * SECOND);
    sim.assert_converged("one returned");
    assert_eq!(sim.check.broken, None);
}

#[test]
fn after_a_power_cut_a_majority_goes_on_without_the_first() {
    let mut sim = settled(3);
    for id in 0..3 {
        sim.crash(id);
    }
    sim.restart(1);
    sim.restart(2);
    sim.say(1, 5);
    sim.pass(3 * SECOND);
    sim.assert_converged("two of three are back");
    assert_eq!(sim.check.broken, None);
}

#[test]
fn of_two_the_other_cannot_know_when_the_tie_breaker_dies_and_goes_on_after_a_takeover() {
    let mut sim = settled(2);
    sim.crash(0);
    sim.say(1, 5);
    sim.pass(15 * SECOND);
    let now = sim.now;
    assert_eq!(sim.log(1).map(|log| log.applied().is_empty()), Some(true));
    assert_eq!(sim.log_mut(1).map(|log| log.takeover(&[], now)), Some(false), "those lost are to be named");
    assert_eq!(sim.log_mut(1).map(|log| log.takeover(&[0], now)), Some(true));
    sim.pass(3 * SECOND);
    assert_eq!(voters(&sim, 1), [1]);
    sim.assert_converged("taken over");
}

#[test]
fn after_a_takeover_on_one_side_the_other_gives_its_lines_back_and_follows() {
    let mut sim = settled(4);
    sim.cut(&[0, 0, 1, 1]);
    sim.pass(10 * SECOND);
    // The half with the tie-breaker goes on by itself; the other is told that it is dead.
    sim.say(1, 5);
    sim.pass(SECOND);
    let now = sim.now;
    assert_eq!(sim.log_mut(2).map(|log| log.takeover(&[0, 1], now)), Some(true));
    sim.say(2, 5);
    sim.pass(5 * SECOND);
    assert_eq!(voters(&sim, 2), [2, 3]);
    sim.heal();
    sim.pass(20 * SECOND);
    assert!(sim.check.seen.taken_back > 0, "confirmed lines move here and nowhere else");
    sim.assert_converged("met again");
}

#[test]
fn a_voter_that_leaves_is_let_go_and_a_leader_too() {
    let mut sim = settled(3);
    for id in [1, 0] {
        let now = sim.now;
        sim.log_mut(id).expect("it is up").leave(now);
        sim.pass(SECOND);
        assert!(sim.left.contains(&id));
        assert!(!voters(&sim, 2).contains(&id));
        sim.crash(id);
        sim.pass(SECOND);
    }
    sim.say(1, 1);
    sim.pass(SECOND);
    sim.assert_converged("the last goes on");
}

#[test]
fn a_latecomer_learns_all_there_was() {
    let mut sim = settled(3);
    sim.crash(2);
    sim.say(1, 20_000);
    sim.pass(10 * SECOND);
    sim.restart(2);
    sim.pass(5 * SECOND);
    sim.assert_converged("caught up");
}

/// The follower accepted x and then learnt that y was decided in its place; the leader knows nothing of y.
#[test]
fn what_was_learnt_instead_is_not_acknowledged_to_a_leader_that_was_superseded() {
    let now = start();
    let mut log = Log::new(1_u8, LogConfig::default(), now);
    log.handle_reachable(0, now);
    log.handle_reachable(2, now);
    let regime = Regime::founded(0);
    let ballot = Ballot { regime, round: 1, peer: 0 };
    let config = Arc::new(Entry::Config(Config { voters: vec![0, 1, 2], tie_breaker: 0, fork: None }));
    let [x, y, z] = [1, 2, 3].map(|session| Arc::new(Entry::Line(line(session, 0))));
    let hash = Some(RunningHash::default());
    let entries = vec![Arc::clone(&config), x];
    log.handle_message(
        0,
        LogMessage::Sync { ballot, regime: None, prior: None, start: 0, hash, from: 0, entries, len: 2 },
        now,
    );
    let entries = vec![config, y, Arc::clone(&z)];
    log.handle_message(2, LogMessage::Learn { regime, from: 0, hash, entries, decided: 3 }, now);
    let prior = Some(ballot);
    let regime = Some(regime);
    let sync = LogMessage::Sync { ballot, regime, prior, start: 2, hash: None, from: 2, entries: vec![z], len: 3 };
    log.handle_message(0, sync, now);
    while let Some(write) = log.poll_write() {
        log.handle_written(write.ticket, now);
    }
    let sent = std::iter::from_fn(|| log.poll_transmit());
    let acknowledged = sent.filter_map(|transmit| match transmit.message {
        LogMessage::Accepted { len, .. } => Some(len),
        _ => None,
    });
    assert_eq!(acknowledged.max(), Some(2));
}

#[test]
fn a_line_alone_is_confirmed_at_once_and_leaves_the_pool() {
    let now = start();
    let session = Session::new(Uuid::from_u128(1));
    let mut history = History::found(1_u8, session, Limits::default(), LogConfig::default(), 1, now);
    history.handle_members(&[1], now);
    history.handle_leader(Some(1), now);
    let mut events = Vec::new();
    let id = history.say(Bytes::from_static(b"Hi"), now).expect("a short line");
    while let Some(write) = history.poll_write() {
        history.handle_written(write.ticket, now);
    }
    events.extend(std::iter::from_fn(|| history.poll_event()));
    let confirmed = events.iter().filter(|event| matches!(event, HistoryEvent::Confirmed { id: of, .. } if *of == id));
    assert_eq!(confirmed.count(), 1);
    assert_eq!(history.pool().lines().count(), 0);
}

/// The line before it stands in the log of a leader that is gone, not decided.
#[test]
fn a_line_that_follows_one_which_was_proposed_before_is_confirmed() {
    let now = start();
    let regime = Regime::founded(1);
    let ballot = Some(Ballot { regime, round: 1, peer: 1 });
    let config = Arc::new(Entry::Config(Config { voters: vec![1], tie_breaker: 1, fork: None }));
    let entries = vec![config, Arc::new(Entry::Line(line(5, 0)))];
    let durable = Durable { promised: ballot, accepted: ballot, decided: 1, entries, ..Durable::default() };
    let me = (1_u8, Session::new(Uuid::from_u128(1)));
    let mut history = History::restore(me, Limits::default(), LogConfig::default(), durable, 1, now);
    history.resume(vec![line(5, 0), line(5, 1)], now);
    history.handle_members(&[1], now);
    history.handle_leader(Some(1), now);
    while let Some(write) = history.poll_write() {
        history.handle_written(write.ticket, now);
    }
    assert_eq!((history.log().decided(), history.pool().len()), (3, 0));
}

/// Where the first line of a session is confirmed.
fn after_one_line(now: Instant) -> History<u8> {
    let session = Session::new(Uuid::from_u128(2));
    let mut history = History::found(2, session, Limits::default(), LogConfig::default(), 1, now);
    history.resume(vec![line(5, 0)], now);
    history.handle_members(&[2], now);
    history.handle_leader(Some(2), now);
    while let Some(write) = history.poll_write() {
        history.handle_written(write.ticket, now);
    }
    assert_eq!((history.log().decided(), history.pool().len()), (2, 0));
    history
}

/// As above; and this leader, a newcomer, was told by another that the line before is confirmed, and never had it.
#[test]
fn a_line_that_follows_one_which_only_the_log_has_is_confirmed() {
    let now = start();
    let regime = Regime::founded(1);
    let ballot = Some(Ballot { regime, round: 1, peer: 1 });
    let config = Arc::new(Entry::Config(Config { voters: vec![1], tie_breaker: 1, fork: None }));
    let entries = vec![config, Arc::new(Entry::Line(line(5, 0)))];
    let durable = Durable { promised: ballot, accepted: ballot, decided: 1, entries, ..Durable::default() };
    let me = (1_u8, Session::new(Uuid::from_u128(1)));
    let mut history = History::restore(me, Limits::default(), LogConfig::default(), durable, 1, now);
    history.adopt(after_one_line(now).pool().baseline(), now);
    history.resume(vec![line(5, 1)], now);
    history.handle_members(&[1], now);
    history.handle_leader(Some(1), now);
    while let Some(write) = history.poll_write() {
        history.handle_written(write.ticket, now);
    }
    assert_eq!((history.log().decided(), history.pool().len()), (3, 0));
}

#[test]
fn what_is_not_confirmed_piles_up_to_a_bound_and_no_further() {
    let now = start();
    let session = Session::new(Uuid::from_u128(1));
    let mut history = History::join(1_u8, session, Limits::default(), LogConfig::default(), 1, now);
    history.handle_reachable(2, now);
    history.handle_unreachable(2, Loss::Gone, now);
    let said = std::iter::from_fn(|| history.say(Bytes::from_static(b"Hi"), now).ok()).take(2_000).count();
    assert_eq!(said, 1_000);
    assert!(matches!(history.say(Bytes::new(), now), Err(SayError::BacklogFull(_))));
}
