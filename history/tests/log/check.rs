//! The invariants, looked at after each step. A broken one is returned, so that mutations can expect it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use history::{Alarm, Ballot, Durable, Entry, Index, Log, LogEvent, LogMessage, Regime, Session};

pub(crate) type Id = u8;

/// What was seen of the whole group.
#[derive(Default)]
pub(crate) struct Check {
    /// What anybody decided.
    pub(crate) decided: BTreeMap<(Regime<Id>, u64), Arc<Entry<Id>>>,
    promised: BTreeMap<Id, Option<Ballot<Id>>>,
    /// The greatest ballot that was established so far.
    greatest: Option<Ballot<Id>>,
    /// The same when each place was first decided: a log established under a lesser one need not have it.
    decided_by: BTreeMap<u64, Option<Ballot<Id>>>,
    established: BTreeMap<Id, Ballot<Id>>,
    applied: BTreeMap<Id, BTreeMap<Session, u64>>,
    last: BTreeMap<Id, u64>,
    /// What a program above each log makes of what it decided.
    program: BTreeMap<Id, u64>,
    /// The same where a snapshot was made.
    kept: BTreeMap<u64, u64>,
    /// Who began with a snapshot.
    skipped: BTreeSet<Id>,
    pub(crate) seen: Seen,
    pub(crate) broken: Option<String>,
    /// Whether a takeover may fork the log.
    pub(crate) forks: bool,
}

/// That the runs are not empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) truncating_syncs: u32,
    pub(crate) two_configurations: u32,
    pub(crate) switches: u32,
    pub(crate) configs: u32,
    pub(crate) restarts: u32,
    pub(crate) snapshots: u32,
    pub(crate) states: u32,
    pub(crate) lines: u32,
}

impl Check {
    fn fail(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// A peer begins a run.
    pub(crate) fn begin(&mut self, id: Id) {
        self.applied.remove(&id);
        self.program.remove(&id);
        self.last.remove(&id);
        self.established.remove(&id);
        self.skipped.remove(&id);
    }

    /// I1, I6: what a peer is told is what all were told, in order, each line once.
    pub(crate) fn event(&mut self, id: Id, log: &Log<Id>, event: &LogEvent<Id>) {
        match event {
            LogEvent::Decided { index, entry, applies } => {
                let at = index.number();
                let last = self.last.insert(id, at).unwrap_or(at - 1);
                if last + 1 != at {
                    self.fail(format!("I2: {id} decides {at} after {last}"));
                }
                // Events are told later than they happen, in which time only a fork may have changed the regime.
                if let Some(regime) = log.regime().filter(|_| !self.forks) {
                    let greatest = self.greatest;
                    self.decided_by.entry(at).or_insert(greatest);
                    let known = self.decided.entry((regime, at)).or_insert_with(|| Arc::clone(entry));
                    if known != entry {
                        let known = Arc::clone(known);
                        self.fail(format!("I1: {id} decides {entry:?} at {at}, where {known:?} stands"));
                    }
                }
                let program = self.program.entry(id).or_default();
                *program = program.wrapping_mul(31).wrapping_add(at ^ entry.weight() as u64);
                self.seen.configs += u32::from(matches!(**entry, Entry::Config(_)));
                if let Entry::Line(say) = &**entry {
                    self.seen.lines += 1;
                    let first = if self.skipped.contains(&id) { say.id.number } else { 0 };
                    let next = self.applied.entry(id).or_default().entry(say.id.session).or_insert(first);
                    if *applies && *next != say.id.number && !self.forks {
                        let next = *next;
                        self.fail(format!("I6: {id} applies {} where {next} is next", say.id));
                    } else if *applies {
                        *next = say.id.number + 1;
                    }
                }
            }
            LogEvent::Undecided { index, .. } => {
                self.seen.switches += 1;
                self.last.insert(id, index.number() - 1);
                if !self.forks {
                    self.fail(format!("{id} takes {index} back without a takeover"));
                }
            }
            LogEvent::Skipped { index, state } => {
                self.seen.snapshots += 1;
                if let Ok(bytes) = <[u8; 8]>::try_from(&**state) {
                    let state = u64::from_be_bytes(bytes);
                    let kept = self.kept.get(&index.number()).copied();
                    self.program.insert(id, state);
                    self.seen.states += 1;
                    if kept != Some(state) && !self.forks {
                        self.fail(format!("{id} has {state} for what the program kept at {index}: {kept:?}"));
                    }
                }
                self.last.insert(id, index.number());
                self.applied.remove(&id);
                self.skipped.insert(id);
            }
            LogEvent::Alarm(Alarm::Diverged { peer, index }) => {
                self.fail(format!("{id} and {peer} diverge by {index}"))
            }
            LogEvent::Alarm(alarm) => self.fail(format!("{id}: {alarm:?}")),
            LogEvent::SnapshotDue { index } => {
                let state = self.program.get(&id).copied().unwrap_or_default();
                let kept = *self.kept.entry(index.number()).or_insert(state);
                if kept != state && !self.forks {
                    self.fail(format!("{id} makes {state} of all up to {index}, others {kept}"));
                }
            }
            LogEvent::Quorum { .. } | LogEvent::Left => {}
        }
    }

    /// What the program above a log keeps at this moment.
    pub(crate) fn state(&self, id: Id) -> [u8; 8] {
        self.program.get(&id).copied().unwrap_or_default().to_be_bytes()
    }

    /// I5: no promise and no acknowledgement leaves before what it says is on disk; nor does a ballot, which would be
    /// taken again after a crash.
    pub(crate) fn send(&mut self, id: Id, durable: &Durable<Id>, message: &LogMessage<Id>) {
        match message {
            LogMessage::Prepare { ballot, .. } if durable.promised < Some(*ballot) => {
                self.fail(format!("I5: {id} prepares {ballot:?} that is not on disk"));
            }
            LogMessage::Promise { ballot, .. } if durable.promised < Some(*ballot) => {
                self.fail(format!("I5: {id} sends a promise of {ballot:?} that is not on disk"));
            }
            LogMessage::Accepted { ballot, len } => {
                let later = durable.accepted > Some(*ballot);
                let written = durable.accepted == Some(*ballot) && durable.accepted_len() >= *len;
                // What a snapshot passes over is decided, and asked of no acceptor again.
                let passed = durable.base >= *len;
                if !later && !written && !passed {
                    let Durable { accepted, base, fork, .. } = durable;
                    let has = (accepted, base, fork, durable.len(), durable.accepted_len());
                    self.fail(format!("I5: {id} acknowledges {len} of {ballot:?} that is not on disk: {has:?}"));
                }
            }
            LogMessage::Sync { prior: None, .. } => self.seen.truncating_syncs += 1,
            _ => {}
        }
    }

    /// I2: what is on disk never goes back.
    pub(crate) fn written(&mut self, id: Id, durable: &Durable<Id>) {
        let before = self.promised.insert(id, durable.promised).flatten();
        if durable.promised < before {
            self.fail(format!("I2: {id} promised {before:?} and then {:?}", durable.promised));
        }
    }

    /// I4 and I11 of leaders, I3 of all pairs.
    pub(crate) fn group(&mut self, logs: &[(Id, &Log<Id>)]) {
        for (id, log) in logs {
            if let Some(ballot) = log.established()
                && self.established.insert(*id, ballot) != Some(ballot)
            {
                self.established(*id, ballot, log);
            }
        }
        for (at, (one, log)) in logs.iter().enumerate() {
            for (other, that) in &logs[..at] {
                if log.accepted().is_none() || log.accepted() != that.accepted() {
                    continue;
                }
                let common = log.accepted_len().min(that.accepted_len());
                for at in common.saturating_sub(8)..=common {
                    let pair = Index::new(at).map(|at| (log.accepted_entry(at), that.accepted_entry(at)));
                    if let Some((Some(mine), Some(theirs))) = pair
                        && mine != theirs
                    {
                        self.fail(format!("I3: {one} and {other} differ at {at} under one ballot"));
                    }
                }
            }
        }
    }

    fn established(&mut self, id: Id, ballot: Ballot<Id>, log: &Log<Id>) {
        self.seen.two_configurations += u32::from(log.undecided_configs() > 0);
        self.greatest = self.greatest.max(Some(ballot));
        let decided_by = &self.decided_by;
        let decided = self.decided.range((ballot.regime, 0)..=(ballot.regime, u64::MAX));
        let lost = decided.filter_map(|((_, at), entry)| {
            let mine = log.accepted_entry(Index::new(*at)?);
            let gone = mine.is_none() && *at > log.accepted_len();
            let earlier = decided_by.get(at).is_some_and(|by| *by < Some(ballot));
            (earlier && (gone || mine.is_some_and(|mine| mine != entry))).then_some(*at)
        });
        if let Some(at) = lost.min() {
            self.fail(format!("I4: {id} establishes a log without what was decided at {at}"));
        }
    }
}
