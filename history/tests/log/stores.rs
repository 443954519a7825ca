//! What a member says that has no longer in memory what another lacks.

use std::sync::Arc;
use std::time::Instant;

use history::{Ballot, Config, Durable, Entry, History, Limits, Log, LogConfig, LogMessage, Regime, Session};
use uuid::Uuid;

use crate::{line, start};

/// All is written; what is to be read is not there. What is sent.
fn turn(log: &mut Log<u8>, now: Instant) -> Vec<LogMessage<u8>> {
    let mut sent = Vec::new();
    loop {
        if let Some(write) = log.poll_write() {
            log.handle_written(write.ticket, now);
        } else if let Some(read) = log.poll_read() {
            log.handle_read(read, Vec::new(), now);
        } else if let Some(transmit) = log.poll_transmit() {
            sent.push(transmit.message);
        } else {
            return sent;
        }
    }
}

/// A log that was founded by this peer alone, with so many lines.
fn founded(me: u8, config: LogConfig, lines: u64, now: Instant) -> Log<u8> {
    let mut log = Log::found(me, config, now);
    log.handle_members(&[me], now);
    log.handle_leader(Some(me), now);
    turn(&mut log, now);
    for number in 0..lines {
        assert!(log.propose(&line(u64::from(me), number)));
        log.handle_timeout(now);
        turn(&mut log, now);
    }
    log
}

fn fetched(log: &mut Log<u8>, by: u8, now: Instant) -> Vec<LogMessage<u8>> {
    let (regime, hash) = (log.regime().expect("it has a log"), Log::new(by, LogConfig::default(), now).hash());
    log.handle_reachable(by, now);
    turn(log, now);
    log.handle_message(by, LogMessage::Fetch { regime, from: 0, hash }, now);
    turn(log, now)
}

#[test]
fn a_store_that_began_with_a_snapshot_has_that_for_a_newcomer() {
    let now = start();
    let small = LogConfig { keep_entries: 1, snapshot_entries: 2, ..LogConfig::default() };
    let mut first = founded(1, small, 6, now);
    let mut second = Log::new(2, LogConfig { has_store: true, ..small }, now);
    for message in fetched(&mut first, 2, now) {
        second.handle_message(1, message, now);
    }
    turn(&mut second, now);
    assert!(second.decided() > 2 && second.first_in_memory() > second.decided(), "it was given a snapshot");
    let mut third = Log::new(3, small, now);
    for message in fetched(&mut second, 3, now) {
        third.handle_message(2, message, now);
    }
    assert_eq!((third.decided(), third.hash()), (second.decided(), second.hash()));
    assert_eq!(third.applied(), second.applied());
}

#[test]
fn what_a_store_has_after_some_place_is_not_joined_to_the_log_of_another_history() {
    let now = start();
    let mut log = founded(2, LogConfig::default(), 3, now);
    log.handle_reachable(1, now);
    turn(&mut log, now);
    let before = (log.regime(), log.decided(), log.hash());
    let other = Regime::founded(1);
    let entries: Vec<_> = (3..5).map(|number| Arc::new(Entry::Line(line(1, number)))).collect();
    let learn = LogMessage::Learn { regime: other, from: before.1, hash: None, entries, decided: before.1 + 2 };
    log.handle_message(1, learn, now);
    let config = Arc::new(Entry::Config(Config { voters: vec![1], tie_breaker: 1, fork: None }));
    let whole = vec![config, Arc::new(Entry::Line(line(1, 0)))];
    log.handle_message(1, LogMessage::Learn { regime: other, from: 0, hash: None, entries: whole, decided: 9 }, now);
    assert_eq!((log.regime(), log.decided(), log.hash()), before);
}

#[test]
fn a_line_that_was_accepted_and_is_not_known_to_be_decided_waits_after_a_restart_until_it_is() {
    let now = start();
    let config = Arc::new(Entry::Config(Config { voters: vec![1], tie_breaker: 1, fork: None }));
    let ballot = Some(Ballot { regime: Regime::founded(1), round: 1, peer: 1 });
    let said = line(1, 0);
    let entries = vec![config, Arc::new(Entry::Line(said.clone()))];
    let durable = Durable { promised: ballot, accepted: ballot, decided: 1, entries, ..Durable::default() };
    let (run, limits) = (Session::new(Uuid::from_u128(9)), Limits::default());
    let mut history = History::<u8>::restore((1, run), limits, LogConfig::default(), durable, 0, now);
    assert!(history.pool().lines().map(|say| say.id).eq([said.id]));
    history.handle_members(&[1], now);
    history.handle_leader(Some(1), now);
    while let Some(write) = history.poll_write() {
        history.handle_written(write.ticket, now);
    }
    assert_eq!((history.log().applied().next(said.id.session), history.pool().len()), (1, 0));
}
