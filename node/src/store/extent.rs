//! Where the log begins and ends, and which changes fit it (pure).

use history::Op;
use transport::PeerId;

use super::batch::{MAX_ENTRY_BYTES, Refusal};

/// Where the log begins and ends; 0 stands before the first place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) last: u64,
    /// Up to where it is decided, at least.
    pub(super) decided: u64,
    /// The entries are there from the place after this one: the log began anew after a snapshot from elsewhere.
    pub(super) base: u64,
    /// The place of the latest snapshot that is kept; 0 if there is none. At least `base`.
    pub(super) folded: u64,
    /// How often decided entries left the log: what was derived from them is to be made again.
    pub(super) cuts: u64,
    /// After which place entries were set aside.
    pub(super) fork: Option<u64>,
    /// How many.
    pub(super) aside: u64,
}

impl Extent {
    /// The extent after all of these changes.
    pub(super) fn after(mut self, ops: &[Op<PeerId>]) -> Result<Self, Refusal> {
        ops.iter().try_for_each(|op| self.apply(op))?;
        Ok(self)
    }

    /// Takes one change. Refused, it may be half taken.
    pub(super) fn apply(&mut self, op: &Op<PeerId>) -> Result<(), Refusal> {
        match op {
            Op::Promised(_) | Op::Accepted(_) | Op::Left(_) => {}
            Op::Truncate(len) => self.truncate(*len)?,
            Op::Append { after, entries } => {
                if *after != self.last {
                    return Err(Refusal::Gap { given: after.saturating_add(1), last: self.last });
                }
                for entry in entries {
                    self.last = storable(self.last + 1)?;
                    let weight = entry.weight();
                    if weight > MAX_ENTRY_BYTES {
                        return Err(Refusal::TooLarge { place: self.last, weight });
                    }
                }
            }
            Op::SetAside(fork) => {
                if *fork > self.last {
                    return Err(Refusal::Gap { given: fork.saturating_add(1), last: self.last });
                }
                (self.fork, self.aside) = (Some(*fork), self.last - fork);
                self.cut(*fork)?;
            }
            Op::DropAside => (self.fork, self.aside) = (None, 0),
            // Nothing waits for it: what is beyond the end is passed over rather than believed of entries to come.
            Op::Decided(decided) if *decided > self.last => {}
            Op::Decided(decided) => self.decide((*decided).max(self.base)),
            Op::Snapshot(snapshot) => {
                let given = snapshot.index;
                if given > self.last {
                    return Err(Refusal::Undecidable { given, last: self.last });
                }
                self.rests_on(storable(given)?)?;
                self.folded = given;
            }
            Op::Restart(snapshot) => {
                let index = storable(snapshot.index)?;
                self.cuts += u64::from(self.decided > self.base);
                (self.base, self.folded, self.last, self.decided) = (index, index, index, index);
            }
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<(), Refusal> {
        if len == 0 {
            // All of it goes, what it began after included.
            (self.base, self.folded) = (0, 0);
        }
        self.cut(len)
    }

    fn cut(&mut self, len: u64) -> Result<(), Refusal> {
        self.rests_on(len)?;
        if self.folded > len {
            self.folded = self.base;
        }
        self.last = self.last.min(len);
        self.decide(self.decided.min(len));
        Ok(())
    }

    fn decide(&mut self, decided: u64) {
        self.cuts += u64::from(decided < self.decided);
        self.decided = decided;
    }

    fn rests_on(&self, place: u64) -> Result<(), Refusal> {
        if place < self.base { Err(Refusal::Baseless(self.base)) } else { Ok(()) }
    }
}

/// SQLite's numbers end at 2^63 - 1.
fn storable(place: u64) -> Result<u64, Refusal> {
    if place > 0 && i64::try_from(place).is_ok() { Ok(place) } else { Err(Refusal::Place(place)) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use history::{Applied, Config, Entry, Lineage, Regime, RunningHash, Snapshot};

    use super::*;

    fn append(after: u64, count: usize) -> Op<PeerId> {
        let entry = Arc::new(Entry::Note { tag: 1, body: Bytes::new() });
        Op::Append { after, entries: vec![entry; count] }
    }

    fn snapshot(index: u64) -> Box<Snapshot<PeerId>> {
        let peer = PeerId::new(uuid::Uuid::from_u128(9));
        let config = Config { voters: vec![peer], tie_breaker: peer, fork: None };
        let (hash, applied, state) = (RunningHash::default(), Applied::default(), Bytes::new());
        let lineage = Lineage::known_from(1, Regime::founded(peer));
        Box::new(Snapshot { index, hash, lineage, config, config_index: 1, applied, state })
    }

    fn extent(last: u64, decided: u64) -> Extent {
        Extent { last, decided, ..Extent::default() }
    }

    #[test]
    fn entries_follow_each_other() {
        let ops = [append(3, 2), Op::Decided(4)];
        assert_eq!(extent(3, 2).after(&ops), Ok(extent(5, 4)));
        assert_eq!(extent(2, 2).after(&ops), Err(Refusal::Gap { given: 4, last: 2 }));
        assert_eq!(extent(4, 2).after(&ops), Err(Refusal::Gap { given: 4, last: 4 }));
    }

    #[test]
    fn what_is_truncated_is_replaced_in_the_same_batch() {
        assert_eq!(extent(9, 2).after(&[Op::Truncate(2), append(2, 1)]), Ok(extent(3, 2)));
    }

    #[test]
    fn truncating_decided_entries_is_counted() {
        assert_eq!(extent(9, 8).after(&[Op::Truncate(2)]), Ok(Extent { cuts: 1, ..extent(2, 2) }));
    }

    #[test]
    fn a_log_begins_anew_after_a_snapshot() {
        let after = extent(9, 8).after(&[Op::Restart(snapshot(100)), append(100, 1)]).unwrap();
        assert_eq!(after, Extent { base: 100, folded: 100, cuts: 1, ..extent(101, 100) });
        assert_eq!(after.after(&[Op::Truncate(50)]), Err(Refusal::Baseless(100)));
        assert_eq!(after.after(&[Op::SetAside(50)]), Err(Refusal::Baseless(100)));
        assert_eq!(after.after(&[Op::Truncate(0), append(0, 1)]), Ok(Extent { cuts: 2, ..extent(1, 0) }));
    }

    #[test]
    fn a_truncated_snapshot_gives_way_to_the_one_before() {
        let start = [Op::Restart(snapshot(5)), append(5, 5), Op::Snapshot(snapshot(8)), Op::Truncate(7)];
        assert_eq!(Extent::default().after(&start).unwrap().folded, 5);
        let start = [append(0, 5), Op::Snapshot(snapshot(4)), Op::Truncate(3)];
        assert_eq!(Extent::default().after(&start).unwrap().folded, 0);
    }

    #[test]
    fn a_snapshot_is_of_entries_that_are_there() {
        let ops = [append(0, 3), Op::Snapshot(snapshot(2))];
        assert_eq!(extent(0, 0).after(&ops), Ok(Extent { folded: 2, ..extent(3, 0) }));
        let ops = [append(0, 1), Op::Snapshot(snapshot(9))];
        assert_eq!(extent(0, 0).after(&ops), Err(Refusal::Undecidable { given: 9, last: 1 }));
    }

    #[test]
    fn what_is_set_aside_leaves_the_log_and_is_counted() {
        let aside = extent(9, 6).after(&[Op::SetAside(7)]).unwrap();
        assert_eq!(aside, Extent { fork: Some(7), aside: 2, ..extent(7, 6) });
        assert_eq!(aside.after(&[append(7, 1), Op::DropAside]), Ok(extent(8, 6)));
        assert_eq!(extent(9, 6).after(&[Op::SetAside(10)]), Err(Refusal::Gap { given: 11, last: 9 }));
    }

    #[test]
    fn what_is_decided_beyond_the_end_is_passed_over() {
        assert_eq!(extent(3, 2).after(&[Op::Decided(4), append(3, 1)]), Ok(extent(4, 2)));
    }

    #[test]
    fn no_place_is_beyond_what_can_be_stored() {
        for index in [0, u64::MAX] {
            assert_eq!(extent(0, 0).after(&[Op::Restart(snapshot(index))]), Err(Refusal::Place(index)));
        }
    }

    #[test]
    fn an_entry_that_could_not_be_encoded_is_refused() {
        let entry = Arc::new(Entry::Note { tag: 1, body: Bytes::from(vec![0; MAX_ENTRY_BYTES]) });
        let refusal = extent(0, 0).after(&[Op::Append { after: 0, entries: vec![entry] }]).unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge { place: 1, .. }), "{refusal}");
    }
}
