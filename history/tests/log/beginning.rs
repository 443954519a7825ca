//! How a log begins that finds none.

use std::time::Duration;

use history::{Ballot, Log, LogConfig, LogMessage, Loss, Regime};

use crate::start;

const SECOND: Duration = Duration::from_secs(1);

/// Writes at once, and says nothing to anybody.
fn write(log: &mut Log<u8>, now: std::time::Instant) {
    while let Some(written) = log.poll_write() {
        log.handle_written(written.ticket, now);
    }
    while log.poll_transmit().is_some() {}
}

/// A newcomer promised a takeover whose leader died with its log: the log that it begins is not that one, and must not bear its
/// name; but it is led under a ballot above that promise.
#[test]
fn a_log_that_is_begun_after_a_promise_is_of_a_history_of_its_own() {
    let (now, founded) = (start(), Regime::founded(0));
    let taken_over = founded.taken_over(0);
    let mut log = Log::new(1, LogConfig::default(), now);
    log.handle_members(&[0, 1], now);
    log.handle_reachable(0, now);
    log.handle_leader(Some(0), now);
    let ballot = Ballot { regime: taken_over, round: 1, peer: 0 };
    let prepare = LogMessage::Prepare {
        ballot,
        person: true,
        chain: Some(founded),
        regime: Some(founded),
        config_index: 1,
        decided: 1,
        len: 1,
        accepted: None,
    };
    log.handle_message(0, prepare, now);
    write(&mut log, now);
    log.handle_unreachable(0, Loss::Gone, now);
    log.handle_members(&[1], now);
    log.handle_leader(Some(1), now);
    for passed in 1..=10 {
        let now = now + passed * SECOND;
        log.handle_timeout(now);
        write(&mut log, now);
    }
    assert_eq!(log.regime(), Some(Regime::founded(1)));
    assert!(log.established() > Some(ballot));
    assert!(log.decided() > 0, "it confirms");
}
