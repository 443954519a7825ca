//! The exactly-once table is the fold of the log, whether a member folded it or was given it with a snapshot.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use history::{Applied, Regime};
use transport::PeerId;

use super::Verdict;

/// The tables that were seen.
#[derive(Debug, Default)]
pub struct Tables {
    /// What the log up to a place amounts to, as the first had it that was there.
    folds: BTreeMap<(Regime<PeerId>, u64), u64>,
    /// How far each process was looked at.
    at: BTreeMap<u32, (Regime<PeerId>, u64)>,
}

impl Tables {
    /// A process has this table, of a log that is so far.
    ///
    /// # Errors
    ///
    /// Another has another, of the same log.
    pub fn note(&mut self, run: u32, at: (Regime<PeerId>, u64), table: &Applied) -> Verdict {
        if self.at.insert(run, at) == Some(at) {
            return Ok(());
        }
        let mut hasher = DefaultHasher::new();
        table.floor().hash(&mut hasher);
        table.rows().for_each(|row| row.hash(&mut hasher));
        let content = hasher.finish();
        if *self.folds.entry(at).or_insert(content) == content {
            return Ok(());
        }
        let rows: Vec<_> = table.rows().collect();
        Err(format!("the log up to {} amounts elsewhere to another exactly-once table than {rows:?}", at.1))
    }

    /// A process has ended.
    pub fn ended(&mut self, run: u32) {
        self.at.remove(&run);
    }
}

#[cfg(test)]
mod tests {
    use history::Say;

    use super::super::forged::{line, regime};
    use super::*;

    fn table(lines: u64) -> Applied {
        let mut table = Applied::default();
        for number in 0..lines {
            let say = Say { id: line(number), lamport: 1, after: None, heads: Vec::new(), body: bytes::Bytes::new() };
            table.apply(&say, number + 1);
        }
        table
    }

    #[test]
    fn two_that_have_different_tables_of_one_log_are_seen() {
        let mut tables = Tables::default();
        tables.note(1, (regime(1), 4), &table(3)).unwrap();
        tables.note(2, (regime(1), 4), &table(3)).unwrap();
        tables.note(3, (regime(2), 4), &table(1)).unwrap();
        assert!(tables.note(3, (regime(1), 4), &table(2)).is_err());
    }
}
