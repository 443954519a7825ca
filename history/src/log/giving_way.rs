//! What a log has in common with that of another history, and what comes after it there: found out before it gives way.

use super::chain::Chain;
use super::entry::{Peer, RunningHash};
use super::limits::SYNC_BYTES;
use super::message::Entries;
use crate::Regime;

/// The way into another history: a place is looked for at which both logs have the same hash, by halving; what comes after
/// that place there is gathered, and as long as it is the same here too, the place moves on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct GivingWay<P> {
    /// The history to go over to.
    pub(super) regime: Regime<P>,
    /// Who is asked.
    pub(super) peer: P,
    search: Option<Search>,
    /// Up to here both logs are the same, once that is found.
    same: u64,
    /// What comes after it there.
    gathered: Entries<P>,
    weight: usize,
    /// The running hash after that.
    hash: RunningHash,
    is_ready: bool,
}

/// Between which places the last common one is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Search {
    /// The first place whose hash this log has in memory.
    least: u64,
    most: u64,
    /// What is asked for: at first `most`, in the hope that all of this log is common.
    at: u64,
}

/// An answer: what comes after a place, and the hash there, if its sender still has it.
pub(super) struct Piece<P> {
    pub(super) from: u64,
    pub(super) hash: Option<RunningHash>,
    pub(super) entries: Entries<P>,
    /// How much its sender knows to be decided.
    pub(super) decided: u64,
}

impl<P: Peer> GivingWay<P> {
    /// Of a log that may have the first `shared` places in common with the other.
    pub(super) fn new(regime: Regime<P>, peer: P, shared: u64, chain: &Chain<P>) -> Self {
        let (least, most) = (chain.base(), shared.min(chain.decided()));
        let search = (least <= most).then_some(Search { least, most, at: most });
        let (gathered, hash) = (Vec::new(), RunningHash::default());
        Self { regime, peer, search, same: 0, gathered, weight: 0, hash, is_ready: false }
    }

    /// What to ask for: what comes after a place, and the hash that belongs there.
    pub(super) fn next(&self, chain: &Chain<P>) -> (u64, RunningHash) {
        match self.search {
            Some(Search { at, .. }) => (at, chain.hash_at(at).unwrap_or_default()),
            None => (self.same + self.gathered.len() as u64, self.hash),
        }
    }

    /// Takes an answer. Returns whether it leads on: another question follows, unless it [is ready](Self::is_ready).
    pub(super) fn take(&mut self, piece: Piece<P>, chain: &Chain<P>) -> bool {
        let Piece { from, hash, .. } = piece;
        let Some(Search { at, .. }) = self.search else {
            let leads_on = from == self.next(chain).0 && (!piece.entries.is_empty() || from >= piece.decided);
            if leads_on {
                self.gather(piece, chain);
            }
            return leads_on;
        };
        match (hash, chain.hash_at(from)) {
            _ if from > at => return false,
            (Some(theirs), Some(mine)) if theirs == mine => {
                (self.search, self.same, self.hash) = (None, from, mine);
                self.gather(piece, chain);
            }
            (Some(_), Some(_)) => self.narrow(from),
            // What the one has in memory the other has not.
            _ => self.search = None,
        }
        true
    }

    /// Both logs differ at this place, and after it.
    fn narrow(&mut self, differ: u64) {
        self.search = self.search.and_then(|Search { least, .. }| {
            let most = differ.checked_sub(1).filter(|most| least <= *most)?;
            Some(Search { least, most, at: least + (most - least) / 2 })
        });
    }

    fn gather(&mut self, piece: Piece<P>, chain: &Chain<P>) {
        for entry in piece.entries {
            self.hash = self.hash.then(&entry);
            self.weight += entry.weight();
            self.gathered.push(entry);
            let place = self.same + self.gathered.len() as u64;
            if chain.hash_at(place) == Some(self.hash) {
                (self.same, self.weight) = (place, 0);
                self.gathered.clear();
            }
        }
        let end = self.same + self.gathered.len() as u64;
        self.is_ready = end >= piece.decided || self.weight >= SYNC_BYTES;
    }

    /// Whether all is here, or so much that the rest may follow.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Up to which place both logs are the same, and what comes after it there.
    pub(super) fn finish(self) -> (u64, Entries<P>) {
        (self.same, self.gathered)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::super::entry::{Config, Entry};
    use super::super::message::Snapshot;
    use super::*;
    use crate::Applied;

    fn chain(tags: &[u16]) -> Chain<u8> {
        let mut chain = Chain::new();
        chain.push(Arc::new(Entry::Config(Config { voters: vec![1], tie_breaker: 1, fork: None })));
        for tag in tags {
            chain.push(Arc::new(Entry::Note { tag: *tag, body: Bytes::new() }));
        }
        chain
    }

    fn answer(other: &Chain<u8>, asked: u64, hash: RunningHash, most: usize) -> Piece<u8> {
        let from = asked.min(other.decided());
        let mine = other.hash_at(from);
        let agrees = from == asked && mine == Some(hash) || mine.is_none();
        let entries = if agrees { other.after(from).take(most).cloned().collect() } else { Vec::new() };
        Piece { from, hash: mine, entries, decided: other.decided() }
    }

    /// What is in common, what comes after it, and how many questions it took.
    fn found(mine: &Chain<u8>, other: &Chain<u8>, most: usize) -> (u64, Entries<u8>, usize) {
        let mut way = GivingWay::new(Regime::founded(2), 2, u64::MAX, mine);
        let mut asked = 0;
        while !way.is_ready() {
            let (from, hash) = way.next(mine);
            assert!(way.take(answer(other, from, hash, most), mine), "asked for {from}");
            asked += 1;
            assert!(asked < 1_000, "it never ends");
        }
        let (same, entries) = way.finish();
        (same, entries, asked)
    }

    #[test]
    fn the_last_common_place_is_found_wherever_two_logs_part() {
        let mine: Vec<u16> = (0..40).collect();
        for (parts, most) in (0..=40).flat_map(|parts| [(parts, 1), (parts, 7), (parts, 100)]) {
            for longer in [0, 3, 60] {
                let theirs: Vec<u16> = mine[..parts].iter().copied().chain((0..longer).map(|n| 100 + n)).collect();
                let (mine, other) = (chain(&mine), chain(&theirs));
                let (same, entries, _) = found(&mine, &other, most);
                assert_eq!(same, 1 + parts as u64);
                assert!(other.after(same).eq(&entries));
            }
        }
    }

    #[test]
    fn halving_takes_few_questions() {
        let mine: Vec<u16> = (0..10_000).collect();
        let theirs: Vec<u16> = mine[..10].iter().copied().chain([20_000]).collect();
        let (same, _, asked) = found(&chain(&mine), &chain(&theirs), 100);
        assert_eq!(same, 11);
        assert!(asked < 12, "{asked}");
    }

    #[test]
    fn a_log_whose_beginning_is_not_in_memory_goes_over_from_where_it_is_or_from_the_start() {
        let all: Vec<u16> = (0..40).collect();
        for (parts, same) in [(30, 31), (9, 10), (8, 0), (0, 0)] {
            let mut mine = chain(&all);
            mine.trim(10);
            let theirs: Vec<u16> = all[..parts].iter().copied().chain([100, 101]).collect();
            let other = chain(&theirs);
            let found = found(&mine, &other, 5);
            assert_eq!(found.0, same, "they part after {parts}");
            assert!(other.after(same).eq(&found.1));
        }
    }

    #[test]
    fn where_the_other_has_no_hash_it_is_read_from_its_start_and_what_is_the_same_stays() {
        let all: Vec<u16> = (0..40).collect();
        let (mine, whole) = (chain(&all[..20]), chain(&all));
        let snapshot = |chain: &Chain<u8>| Snapshot {
            index: 30,
            hash: chain.hash_at(30).unwrap(),
            lineage: chain.lineage().clone(),
            config: chain.config_at(30).unwrap().1.clone(),
            config_index: 1,
            applied: Applied::default(),
            state: Bytes::new(),
        };
        let short = Chain::from_snapshot(&snapshot(&whole));
        let mut way = GivingWay::new(Regime::founded(2), 2, u64::MAX, &mine);
        let (from, _) = way.next(&mine);
        assert_eq!((from, short.hash_at(from)), (21, None));
        // From its disk, without a hash.
        let entries: Entries<u8> = whole.after(from).cloned().collect();
        assert!(way.take(Piece { from, hash: None, entries, decided: 41 }, &mine));
        assert_eq!(way.next(&mine), (0, RunningHash::default()));
        let entries: Entries<u8> = whole.after(0).cloned().collect();
        assert!(way.take(Piece { from: 0, hash: None, entries, decided: 41 }, &mine));
        let (same, entries) = way.finish();
        assert_eq!((same, entries.len()), (21, 20));
    }

    #[test]
    fn an_answer_to_something_else_changes_nothing() {
        let mine = chain(&[1, 2, 3]);
        let mut way = GivingWay::new(Regime::founded(2), 2, u64::MAX, &mine);
        let before = way.clone();
        let entries = Vec::new();
        assert!(!way.take(Piece { from: 9, hash: Some(RunningHash::default()), entries, decided: 9 }, &mine));
        assert_eq!(way, before);
    }
}
