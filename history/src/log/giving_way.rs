//! What a log has in common with that of another history, and what comes after it there: found out before it gives way.

use super::chain::Chain;
use super::entry::{Peer, RunningHash};
use super::limits::SYNC_BYTES;
use super::message::{Entries, Snapshot};
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
    /// What stands for all up to `same`, if that is not the same here.
    start: Option<Box<Snapshot<P>>>,
    /// Up to here both logs are the same, once that is found; or `start` stands for it.
    same: u64,
    /// What comes after it there.
    gathered: Entries<P>,
    weight: usize,
    /// The running hash after that.
    hash: RunningHash,
    /// Whether the other history has begun in what is here.
    has_begun: bool,
    is_ready: bool,
}

/// What a log gives way to.
pub(super) struct Way<P> {
    /// What the log begins anew with, if it has nothing in common with the other that it still has in memory.
    pub(super) start: Option<Box<Snapshot<P>>>,
    /// Up to which place both logs are the same.
    pub(super) common: u64,
    /// What comes after it there.
    pub(super) entries: Entries<P>,
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
        Self {
            regime,
            peer,
            search,
            start: None,
            same: 0,
            gathered,
            weight: 0,
            hash,
            has_begun: false,
            is_ready: false,
        }
    }

    /// Takes what stands for the beginning of the other log, where its sender has no more of that.
    pub(super) fn take_start(&mut self, snapshot: Snapshot<P>, chain: &Chain<P>) {
        let is_same = chain.hash_at(snapshot.index) == Some(snapshot.hash);
        (self.search, self.same, self.hash) = (None, snapshot.index, snapshot.hash);
        (self.gathered, self.weight) = (Vec::new(), 0);
        self.has_begun = snapshot.lineage.regime() == Some(self.regime);
        self.start = (!is_same).then(|| Box::new(snapshot));
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
            let (is_next, brings_some) = (from == self.next(chain).0, !piece.entries.is_empty());
            if is_next && (brings_some || from >= piece.decided) {
                self.gather(piece, chain);
            }
            // The same question again would have the same answer.
            return is_next && (brings_some || self.is_ready);
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
            self.has_begun |= self.gathered.last().and_then(|entry| entry.begins(place)) == Some(self.regime);
            if chain.hash_at(place) == Some(self.hash) {
                (self.same, self.weight, self.start) = (place, 0, None);
                self.gathered.clear();
            }
        }
        let end = self.same + self.gathered.len() as u64;
        // A member of a takeover goes back to what was left: that began in what both have.
        self.has_begun |= self.start.is_none() && chain.lineage().at(self.same) == Some(self.regime);
        // Nothing is taken back before what takes its place is of the other history.
        let only_goes_on = self.start.is_none() && self.same == chain.decided();
        let is_enough = end >= piece.decided || self.weight >= SYNC_BYTES;
        self.is_ready = is_enough && (self.has_begun || only_goes_on);
    }

    /// Whether all is here, or so much that the rest may follow.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// What the log gives way to.
    pub(super) fn finish(self) -> Way<P> {
        Way { start: self.start, common: self.same, entries: self.gathered }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::super::entry::{Config, Entry, Fork};
    use super::*;
    use crate::Applied;

    /// The history to give way to.
    fn other_regime() -> Regime<u8> {
        Regime { number: 1, by: std::cmp::Reverse(2) }
    }

    fn note(tag: u16) -> Arc<Entry<u8>> {
        Arc::new(Entry::Note { tag, body: Bytes::new() })
    }

    fn chain(tags: &[u16]) -> Chain<u8> {
        let mut chain = Chain::new();
        chain.push(Arc::new(Entry::Config(Config { voters: vec![1], tie_breaker: 1, fork: None })));
        tags.iter().for_each(|tag| chain.push(note(*tag)));
        chain
    }

    /// The same up to where the other history begins, and then these.
    fn parted(tags: &[u16], later: &[u16]) -> Chain<u8> {
        let mut chain = chain(tags);
        let fork = Fork { regime: other_regime(), index: chain.decided(), hash: chain.hash() };
        chain.push(Arc::new(Entry::Config(Config { voters: vec![2], tie_breaker: 2, fork: Some(fork) })));
        later.iter().for_each(|tag| chain.push(note(*tag)));
        chain
    }

    fn snapshot(chain: &Chain<u8>, index: u64) -> Snapshot<u8> {
        let mut lineage = chain.lineage().clone();
        lineage.cut(index);
        Snapshot {
            index,
            hash: chain.hash_at(index).unwrap(),
            lineage,
            config: chain.config_at(index).unwrap().1.clone(),
            config_index: 1,
            applied: Applied::default(),
            state: Bytes::new(),
        }
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
        let mut way = GivingWay::new(other_regime(), 2, u64::MAX, mine);
        let mut asked = 0;
        while !way.is_ready() {
            let (from, hash) = way.next(mine);
            assert!(way.take(answer(other, from, hash, most), mine), "asked for {from}");
            asked += 1;
            assert!(asked < 1_000, "it never ends");
        }
        let Way { common, entries, .. } = way.finish();
        (common, entries, asked)
    }

    #[test]
    fn the_last_common_place_is_found_wherever_two_logs_part() {
        let mine: Vec<u16> = (0..40).collect();
        for (parts, most) in (0..=40).flat_map(|parts| [(parts, 1), (parts, 7), (parts, 100)]) {
            for longer in [0, 3, 60] {
                let later: Vec<u16> = (0..longer).map(|n| 100 + n).collect();
                let (mine, other) = (chain(&mine), parted(&mine[..parts], &later));
                let (same, entries, _) = found(&mine, &other, most);
                assert_eq!(same, 1 + parts as u64);
                assert!(other.after(same).eq(&entries));
            }
        }
    }

    #[test]
    fn a_takeover_gives_way_to_the_history_that_it_left() {
        let all: Vec<u16> = (0..40).collect();
        let (mine, other) = (parted(&all[..30], &[100, 101]), chain(&all));
        for most in [1, 7, 100] {
            let mut way = GivingWay::new(other.regime().unwrap(), 2, 31, &mine);
            for _ in 0..100 {
                if way.is_ready() {
                    break;
                }
                let (from, hash) = way.next(&mine);
                assert!(way.take(answer(&other, from, hash, most), &mine), "asked for {from}");
            }
            assert!(way.is_ready(), "it never ends");
            let Way { start, common, entries } = way.finish();
            assert_eq!((start, common), (None, 31));
            assert!(other.after(31).eq(&entries));
        }
    }

    #[test]
    fn halving_takes_few_questions() {
        let mine: Vec<u16> = (0..10_000).collect();
        let (same, _, asked) = found(&chain(&mine), &parted(&mine[..10], &[20_000]), 100);
        assert_eq!(same, 11);
        assert!(asked < 12, "{asked}");
    }

    #[test]
    fn a_log_whose_beginning_is_not_in_memory_goes_over_from_where_it_is_or_from_the_start() {
        let all: Vec<u16> = (0..40).collect();
        for (parts, same) in [(30, 31), (9, 10), (8, 0), (0, 0)] {
            let mut mine = chain(&all);
            mine.trim(10);
            let other = parted(&all[..parts], &[100, 101]);
            let found = found(&mine, &other, 5);
            assert_eq!(found.0, same, "they part after {parts}");
            assert!(other.after(same).eq(&found.1));
        }
    }

    #[test]
    fn where_the_other_has_no_hash_it_is_read_from_its_start_and_what_is_the_same_stays() {
        let all: Vec<u16> = (0..40).collect();
        let (mine, whole) = (chain(&all[..20]), parted(&all[..20], &all[20..]));
        let short = Chain::from_snapshot(&snapshot(&whole, 30));
        let mut way = GivingWay::new(other_regime(), 2, u64::MAX, &mine);
        let (from, _) = way.next(&mine);
        assert_eq!((from, short.hash_at(from)), (21, None));
        // From its disk, without a hash.
        let entries: Entries<u8> = whole.after(from).cloned().collect();
        assert!(way.take(Piece { from, hash: None, entries, decided: 42 }, &mine));
        assert_eq!(way.next(&mine), (0, RunningHash::default()));
        let entries: Entries<u8> = whole.after(0).cloned().collect();
        assert!(way.take(Piece { from: 0, hash: None, entries, decided: 42 }, &mine));
        let Way { common, entries, .. } = way.finish();
        assert_eq!((common, entries.len()), (21, 21));
    }

    #[test]
    fn a_snapshot_from_before_the_other_history_began_is_not_given_way_to_without_what_follows_it() {
        let all: Vec<u16> = (0..40).collect();
        let (mut mine, whole) = (chain(&all), parted(&all[..30], &[100, 101, 102]));
        mine.trim(25);
        let start = || snapshot(&whole, 20);
        for most in [1, 4, 100] {
            let mut way = GivingWay::new(other_regime(), 2, 10, &mine);
            way.take_start(start(), &mine);
            while !way.is_ready() {
                let (from, hash) = way.next(&mine);
                assert!(way.take(answer(&whole, from, hash, most), &mine));
            }
            let Way { start, common, entries } = way.finish();
            assert_eq!((start, common), (None, 31), "what follows leads to what is here too");
            assert!(whole.after(31).eq(&entries));
        }
        // Nothing in common is in memory.
        mine.trim(35);
        let mut way = GivingWay::new(other_regime(), 2, 10, &mine);
        way.take_start(start(), &mine);
        while !way.is_ready() {
            let (from, hash) = way.next(&mine);
            assert!(way.take(answer(&whole, from, hash, 4), &mine));
        }
        let Way { start: begin, common, entries } = way.finish();
        assert_eq!((begin, common, entries.len()), (Some(Box::new(start())), 20, 15));
    }

    #[test]
    fn an_answer_to_something_else_changes_nothing() {
        let mine = chain(&[1, 2, 3]);
        let mut way = GivingWay::new(other_regime(), 2, u64::MAX, &mine);
        let before = way.clone();
        let entries = Vec::new();
        assert!(!way.take(Piece { from: 9, hash: Some(RunningHash::default()), entries, decided: 9 }, &mine));
        assert_eq!(way, before);
    }
}
