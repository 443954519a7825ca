//! A log that is restored from what the store found is the log that was written.

use std::collections::BTreeMap;

use history::{Log, LogConfig, LogEvent};

use super::*;

/// A log that leads alone, over its store.
struct Alone {
    log: Log<PeerId>,
    opened: Opened,
    /// The running hash wherever it was decided.
    hashes: BTreeMap<u64, RunningHash>,
}

impl Alone {
    fn start(directory: &Path) -> Self {
        let (opened, now) = (Store::open(directory).unwrap(), Instant::now());
        let config = LogConfig {
            snapshot_entries: 10,
            keep_entries: 5,
            has_store: true,
            has_state: true,
            ..LogConfig::default()
        };
        let durable = opened.found.durable.clone();
        let mut log = match durable.is_empty() {
            true => Log::found(peer(), config, now),
            false => Log::restore(peer(), config, durable, now),
        };
        log.handle_members(&[peer()], now);
        log.handle_leader(Some(peer()), now);
        let mut alone = Self { log, opened, hashes: BTreeMap::new() };
        alone.settle();
        alone
    }

    /// Writes what there is to write, and tells the log so.
    fn settle(&mut self) {
        while let Some(next) = self.log.poll_write() {
            let ticket = next.ticket;
            write(&self.opened, Batch::from(next));
            self.log.handle_written(ticket, Instant::now());
            while self.log.poll_transmit().is_some() {}
            while let Some(event) = self.log.poll_event() {
                if let LogEvent::SnapshotDue { index } = event {
                    assert!(self.log.keep_state(index, format!("up to {index}").into()));
                }
            }
            self.hashes.insert(self.log.decided(), self.log.hash());
        }
    }

    fn say(&mut self, number: u64) {
        let Entry::Line(say) = &*said(number, &format!("line {number}")) else { panic!("not a line") };
        assert!(self.log.propose(say), "line {number}");
        self.settle();
    }
}

#[test]
fn a_restored_log_is_the_one_that_was_written_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut number = 0;
    for round in 1..=4 {
        let mut alone = Alone::start(directory.path());
        for _ in 0..17 {
            alone.say(number);
            number += 1;
        }
        let Alone { log: before, opened, hashes } = alone;
        let decided = before.decided();
        let all = entries(&opened.store, 0);
        assert_eq!(
            (all.len() as u64, all.iter().filter(|entry| matches!(***entry, Entry::Line(_))).count()),
            (decided, 17 * round)
        );
        wait(opened.store.close());

        let opened = Store::open(directory.path()).unwrap();
        let Found { durable, first, .. } = opened.found;
        assert!(first == 0 && durable.base > 0 && durable.entries.len() < 20, "{}", durable.entries.len());
        let start = durable.start.as_ref().map(|start| (start.state.clone(), format!("up to {}", start.index)));
        assert!(start.is_some_and(|(state, index)| state == index), "what the program kept is kept with it");
        let log = Log::restore(peer(), LogConfig::default(), durable, Instant::now());
        assert_eq!(Some(&log.hash()), hashes.get(&log.decided()), "at {}", log.decided());
        assert_eq!((log.accepted_len(), log.promised()), (decided, before.promised()));
        wait(opened.store.close());
    }
}
