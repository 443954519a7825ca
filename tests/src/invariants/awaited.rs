//! What processes wait for, and since when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::ANSWERED;

/// What one waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait<T> {
    /// Which process waits.
    pub(super) by: u32,
    pub(super) since: Instant,
    pub(super) what: T,
}

/// Everything that is waited for.
#[derive(Debug)]
pub(super) struct Awaited<K, T> {
    waits: BTreeMap<K, Wait<T>>,
    paused: BTreeSet<u32>,
}

impl<K, T> Default for Awaited<K, T> {
    fn default() -> Self {
        Self { waits: BTreeMap::new(), paused: BTreeSet::new() }
    }
}

impl<K: Ord + Copy, T> Awaited<K, T> {
    pub(super) fn begin(&mut self, key: K, by: u32, what: T, now: Instant) {
        self.waits.insert(key, Wait { by, since: now, what });
    }

    /// It has come.
    pub(super) fn end(&mut self, key: K) -> Option<Wait<T>> {
        self.waits.remove(&key)
    }

    /// A process has ended: it waits for nothing.
    pub(super) fn ended(&mut self, run: u32) {
        self.waits.retain(|_, wait| wait.by != run);
        self.paused.remove(&run);
    }

    /// A process that is stopped hears of nothing in time.
    pub(super) fn paused(&mut self, run: u32, paused: bool) {
        if paused {
            self.paused.insert(run)
        } else {
            self.paused.remove(&run)
        };
    }

    /// What has not come in time, and who waits for it.
    pub(super) fn late(&self, now: Instant) -> Option<(K, u32)> {
        let is_late =
            |wait: &Wait<T>| !self.paused.contains(&wait.by) && now.saturating_duration_since(wait.since) > ANSWERED;
        self.waits.iter().find(|(_, wait)| is_late(wait)).map(|(key, wait)| (*key, wait.by))
    }
}
