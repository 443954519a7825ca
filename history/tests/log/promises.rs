//! Which log a promise brings, and which it keeps back.

use std::sync::Arc;
use std::time::Instant;

use history::{Ballot, Config, Entries, Entry, Fork, Log, LogConfig, LogMessage, Regime, RunningHash};

use crate::{line, start};

type Message = LogMessage<u8>;

/// What it says, once all is written.
fn said(log: &mut Log<u8>, now: Instant) -> Vec<Message> {
    let mut said = Vec::new();
    loop {
        while let Some(transmit) = log.poll_transmit() {
            said.push(transmit.message);
        }
        let Some(write) = log.poll_write() else { return said };
        log.handle_written(write.ticket, now);
    }
}

fn hash(entries: &Entries<u8>) -> RunningHash {
    entries.iter().fold(RunningHash::default(), |hash, entry| hash.then(entry))
}

/// A follower of 0 whose history 0 has begun and which knows that; what it accepted beyond is of a takeover by 1, with a line.
struct Follower {
    log: Log<u8>,
    now: Instant,
    founded: Regime<u8>,
    taken_over: Regime<u8>,
}

fn follower() -> Follower {
    let (now, founded) = (start(), Regime::founded(0));
    let taken_over = founded.taken_over(1);
    let mut log = Log::new(2, LogConfig::default(), now);
    log.handle_members(&[0, 1, 2, 3], now);
    [0, 1, 3].into_iter().for_each(|peer| log.handle_reachable(peer, now));
    log.handle_leader(Some(0), now);
    let begins = vec![Arc::new(Entry::Config(Config { voters: vec![0, 1, 2], tie_breaker: 0, fork: None }))];
    let first = Ballot { regime: founded, round: 1, peer: 0 };
    let sync = |ballot, regime, start, hash, entries: Entries<u8>| Message::Sync {
        ballot,
        regime: Some(regime),
        prior: None,
        start,
        hash: Some(hash),
        from: start,
        len: start + entries.len() as u64,
        entries,
    };
    log.handle_message(0, sync(first, founded, 0, RunningHash::default(), begins.clone()), now);
    let beat = Message::Beat { ballot: first, regime: None, len: 1, decided: 1, sync: true, sure: false };
    log.handle_message(0, beat, now);
    assert_eq!((log.decided(), log.regime()), (1, Some(founded)));

    let fork = Fork { regime: taken_over, index: 1, hash: hash(&begins) };
    let fork = Entry::Config(Config { voters: vec![1, 2], tie_breaker: 1, fork: Some(fork) });
    let entries = vec![Arc::new(fork), Arc::new(Entry::Line(line(7, 0)))];
    let second = Ballot { regime: taken_over, round: 1, peer: 1 };
    log.handle_message(1, sync(second, founded, 1, hash(&begins), entries), now);
    said(&mut log, now);
    assert_eq!((log.accepted(), log.decided(), log.regime()), (Some(second), 1, Some(founded)));
    Follower { log, now, founded, taken_over }
}

impl Follower {
    /// Its promise to 0, of which the decided and the accepted log are of these histories.
    fn promise(&mut self, chain: Regime<u8>, regime: Regime<u8>, decided: u64) -> Message {
        let accepted = Some(Ballot { regime: self.taken_over, round: 1, peer: 1 });
        let ballot = Ballot { regime: self.taken_over, round: 9, peer: 0 };
        let prepare = Message::Prepare {
            ballot,
            person: false,
            chain: Some(chain),
            regime: Some(regime),
            config_index: decided,
            decided,
            len: decided,
            accepted,
        };
        self.log.handle_message(0, prepare, self.now);
        let said = said(&mut self.log, self.now);
        said.into_iter().find(|message| matches!(message, Message::Promise { .. })).expect("it promises")
    }
}

/// The leader knows that the takeover is decided, and has less of it.
#[test]
fn what_was_accepted_of_a_takeover_is_brought_to_its_leader_by_one_that_does_not_know_it_decided() {
    let mut follower = follower();
    let taken_over = follower.taken_over;
    let Message::Promise { withheld, chain, regime, from, entries, .. } = follower.promise(taken_over, taken_over, 2)
    else {
        panic!("no promise");
    };
    assert_eq!((withheld, chain, regime), (false, Some(follower.founded), Some(taken_over)));
    assert_eq!(from + entries.len() as u64, 3, "the line is brought");
    assert!(matches!(entries.last().map(|entry| &**entry), Some(Entry::Line(_))));
}

/// The leader goes on in the history that the takeover left: what was accepted of the takeover says nothing there, but is told.
#[test]
fn what_was_accepted_of_a_takeover_is_brought_to_a_leader_of_the_history_before() {
    let mut follower = follower();
    let founded = follower.founded;
    let Message::Promise { withheld, from, entries, .. } = follower.promise(founded, founded, 1) else {
        panic!("no promise");
    };
    assert_eq!((withheld, from, entries.len()), (false, 1, 2));
}

#[test]
fn a_log_that_has_no_place_in_common_with_the_leaders_is_withheld() {
    let mut follower = follower();
    let apart = Regime::founded(3);
    let Message::Promise { withheld, regime, entries, .. } = follower.promise(apart, apart, 5) else {
        panic!("no promise");
    };
    assert_eq!(
        (withheld, regime, entries.len()),
        (true, Some(follower.taken_over), 0),
        "its history is told: it never counts there"
    );
}
