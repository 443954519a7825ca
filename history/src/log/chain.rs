//! What is decided: it grows, and unless a history is given up for another it never changes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::entry::{Config, Entry, Peer, RunningHash};
use super::limits::{MESSAGE_BYTES, MESSAGE_ENTRIES};
use super::lineage::Lineage;
use super::message::{Entries, Snapshot};
use crate::{Applied, Regime};

/// The decided entries that are kept in memory, and what those before them amount to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Chain<P> {
    /// Follows from the entries: no label sets it.
    lineage: Lineage<P>,
    base: u64,
    base_hash: RunningHash,
    /// The exactly-once table at `base`, to fold again from there.
    base_applied: Applied,
    /// Each with the running hash after it.
    entries: VecDeque<(Arc<Entry<P>>, RunningHash)>,
    /// The last configuration at or before `base`, and all after.
    configs: BTreeMap<u64, Config<P>>,
}

impl<P: Peer> Chain<P> {
    pub(super) fn new() -> Self {
        Self {
            lineage: Lineage::default(),
            base: 0,
            base_hash: RunningHash::default(),
            base_applied: Applied::default(),
            entries: VecDeque::new(),
            configs: BTreeMap::new(),
        }
    }

    /// A chain of nothing but what a snapshot stands for.
    pub(super) fn from_snapshot(snapshot: &Snapshot<P>) -> Self {
        Self {
            lineage: snapshot.lineage.clone(),
            base: snapshot.index,
            base_hash: snapshot.hash,
            base_applied: snapshot.applied.clone(),
            entries: VecDeque::new(),
            configs: BTreeMap::from([(snapshot.config_index, snapshot.config.clone())]),
        }
    }

    pub(super) fn push(&mut self, entry: Arc<Entry<P>>) {
        let hash = self.hash().then(&entry);
        let place = self.decided() + 1;
        if let Some(config) = entry.config() {
            self.configs.insert(place, config.clone());
        }
        if let Some(regime) = entry.begins(place) {
            self.lineage.push(place, regime);
        }
        self.entries.push_back((entry, hash));
    }

    /// Takes away everything after `len`, which is not below the base. Returns it.
    pub(super) fn cut(&mut self, len: u64) -> Entries<P> {
        let at = self.offset(len);
        self.lineage.cut(len);
        self.configs.split_off(&(len + 1));
        self.entries.split_off(at).into_iter().map(|(entry, _)| entry).collect()
    }

    /// Lets go of what is not after `base`.
    pub(super) fn trim(&mut self, base: u64) {
        while self.base < base
            && let Some((entry, hash)) = self.entries.pop_front()
        {
            self.base += 1;
            self.base_hash = hash;
            self.base_applied.fold(&entry, self.base);
        }
        if let Some((last, _)) = self.config_at(self.base) {
            self.configs = self.configs.split_off(&last);
        }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Of which history it is.
    pub(super) fn regime(&self) -> Option<Regime<P>> {
        self.lineage.regime()
    }

    pub(super) fn lineage(&self) -> &Lineage<P> {
        &self.lineage
    }

    pub(super) fn decided(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    pub(super) fn hash(&self) -> RunningHash {
        self.entries.back().map_or(self.base_hash, |(_, hash)| *hash)
    }

    /// The running hash at a place, if it is kept.
    pub(super) fn hash_at(&self, len: u64) -> Option<RunningHash> {
        match len.checked_sub(self.base)? {
            0 => Some(self.base_hash),
            n => self.entries.get(usize::try_from(n - 1).ok()?).map(|(_, hash)| *hash),
        }
    }

    /// The entry at a place, from 1.
    pub(super) fn get(&self, index: u64) -> Option<&Arc<Entry<P>>> {
        let at = index.checked_sub(self.base + 1)?;
        self.entries.get(usize::try_from(at).ok()?).map(|(entry, _)| entry)
    }

    /// The entries after `from`, as many as fit one message.
    pub(super) fn piece(&self, from: u64) -> Entries<P> {
        let entries = self.entries.range(self.offset(from)..);
        within_message(entries.map(|(entry, _)| entry))
    }

    /// All kept entries after `from`.
    pub(super) fn after(&self, from: u64) -> impl Iterator<Item = &Arc<Entry<P>>> {
        self.entries.range(self.offset(from)..).map(|(entry, _)| entry)
    }

    /// The configuration in force at a place, and where it stands.
    pub(super) fn config_at(&self, index: u64) -> Option<(u64, &Config<P>)> {
        self.configs.range(..=index).next_back().map(|(at, config)| (*at, config))
    }

    /// Where the last configuration stands: 0 if there is none.
    pub(super) fn config_index(&self) -> u64 {
        self.configs.last_key_value().map_or(0, |(at, _)| *at)
    }

    /// The exactly-once table after all of this, folded anew.
    pub(super) fn fold(&self) -> Applied {
        let mut applied = self.base_applied.clone();
        for (index, (entry, _)) in (self.base + 1..).zip(&self.entries) {
            applied.fold(entry, index);
        }
        applied
    }

    fn offset(&self, len: u64) -> usize {
        usize::try_from(len.saturating_sub(self.base)).unwrap_or(usize::MAX).min(self.entries.len())
    }
}

/// As many of `entries` as fit one message, at least one.
pub(super) fn within_message<'a, P: Peer + 'a>(entries: impl Iterator<Item = &'a Arc<Entry<P>>>) -> Entries<P> {
    let mut weight = 0;
    let fits = |entry: &&Arc<Entry<P>>| {
        let first = weight == 0;
        weight += entry.weight();
        first || weight <= MESSAGE_BYTES
    };
    entries.take(MESSAGE_ENTRIES).take_while(fits).map(Arc::clone).collect()
}
