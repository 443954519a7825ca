//! The invariants, looked at after each step. A broken one is returned, so that mutations can expect it.

use std::collections::BTreeMap;
use std::sync::Arc;

use history::{Alarm, Ballot, Durable, Entry, Index, Log, LogEvent, LogMessage, Regime, RunningHash, Session};

pub(crate) type Id = u8;

/// What was seen of the whole group.
#[derive(Default)]
pub(crate) struct Check {
    /// What anybody decided: in which history, and where.
    pub(crate) decided: BTreeMap<(Regime<Id>, u64), Arc<Entry<Id>>>,
    promised: BTreeMap<Id, Option<Ballot<Id>>>,
    /// The greatest ballot that was established so far.
    greatest: Option<Ballot<Id>>,
    /// The same when each place was first decided: a log established under a lesser one need not have it.
    decided_by: BTreeMap<(Regime<Id>, u64), Option<Ballot<Id>>>,
    established: BTreeMap<Id, Ballot<Id>>,
    told: BTreeMap<Id, Told>,
    /// What a program made of all up to a place where a snapshot was made.
    kept: BTreeMap<(Regime<Id>, u64), u64>,
    /// The running hash at each place that a peer took back, until something stands there again.
    taken_back: BTreeMap<(Id, u64), RunningHash>,
    pub(crate) seen: Seen,
    pub(crate) broken: Option<String>,
}

/// What one peer was told that is decided, the last of it last.
#[derive(Default)]
struct Told {
    steps: Vec<Step>,
    /// Up to where a snapshot stands for all.
    from: u64,
    hash: RunningHash,
    program: u64,
    /// Of each session the number that is to be applied next. After a snapshot it is not known.
    next: BTreeMap<Session, u64>,
    skipped: bool,
    leaps: u64,
}

/// One decided place, and what was before it.
struct Step {
    regime: Option<Regime<Id>>,
    hash: RunningHash,
    program: u64,
    next: Option<(Session, Option<u64>)>,
}

/// That the runs are not empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) truncating_syncs: u32,
    pub(crate) two_configurations: u32,
    pub(crate) taken_back: u32,
    pub(crate) configs: u32,
    pub(crate) restarts: u32,
    pub(crate) snapshots: u32,
    pub(crate) states: u32,
    pub(crate) lines: u32,
}

impl Told {
    fn last(&self) -> u64 {
        self.from + self.steps.len() as u64
    }

    fn regime(&self) -> Option<Regime<Id>> {
        self.steps.last().and_then(|step| step.regime)
    }

    fn begin_at(&mut self, place: u64, hash: RunningHash, program: u64) {
        *self = Self { from: place, hash, program, skipped: place > 0, leaps: self.leaps, ..Self::default() };
    }

    fn undo(&mut self) {
        if let Some(Step { hash, program, next, .. }) = self.steps.pop() {
            (self.hash, self.program) = (hash, program);
            match next {
                Some((session, Some(before))) => drop(self.next.insert(session, before)),
                Some((session, None)) => drop(self.next.remove(&session)),
                None => {}
            }
        }
    }
}

impl Check {
    fn fail(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// A peer begins a run.
    pub(crate) fn begin(&mut self, id: Id) {
        self.told.remove(&id);
        self.established.remove(&id);
        self.taken_back.retain(|(peer, _), _| *peer != id);
    }

    /// I1, I6: what a peer is told is what all of its history were told, in order, each line once.
    pub(crate) fn event(&mut self, id: Id, log: &Log<Id>, event: &LogEvent<Id>) {
        match event {
            LogEvent::Decided { index, entry, applies } => self.note_decided(id, log, index.number(), entry, *applies),
            LogEvent::Undecided { index, .. } => {
                self.seen.taken_back += 1;
                let told = self.told.entry(id).or_default();
                if told.last() != index.number() {
                    let last = told.last();
                    return self.fail(format!("I2: {id} takes {index} back after {last}"));
                }
                self.taken_back.insert((id, index.number()), told.hash);
                told.undo();
            }
            LogEvent::Skipped { index, state } => {
                self.seen.snapshots += 1;
                let regime = log.lineage().at(index.number());
                let program = match (<[u8; 8]>::try_from(&**state), regime) {
                    (Ok(bytes), Some(regime)) => {
                        let state = u64::from_be_bytes(bytes);
                        let kept = self.kept.get(&(regime, index.number())).copied();
                        self.seen.states += 1;
                        if kept != Some(state) {
                            self.fail(format!("{id} has {state} for what the program kept at {index}: {kept:?}"));
                        }
                        state
                    }
                    _ => 0,
                };
                let told = self.told.entry(id).or_default();
                told.leaps = log.leaps();
                let hash = log.hash_at(index.number()).unwrap_or_default();
                told.begin_at(index.number(), hash, program);
                told.steps.push(Step { regime, hash, program, next: None });
                told.from -= 1;
            }
            LogEvent::Alarm(Alarm::Diverged { peer, index }) => {
                self.fail(format!("{id} and {peer} diverge by {index}"))
            }
            LogEvent::Alarm(alarm) => self.fail(format!("{id}: {alarm:?}")),
            LogEvent::SnapshotDue { index } => {
                let told = self.told.entry(id).or_default();
                let (state, regime) = (told.program, told.regime());
                let Some(regime) = regime else { return };
                let kept = *self.kept.entry((regime, index.number())).or_insert(state);
                if kept != state {
                    self.fail(format!("{id} makes {state} of all up to {index}, others {kept}"));
                }
            }
            LogEvent::Quorum { .. } | LogEvent::Stands(_) | LogEvent::HandOver { .. } | LogEvent::Left => {}
        }
    }

    fn note_decided(&mut self, id: Id, log: &Log<Id>, at: u64, entry: &Arc<Entry<Id>>, applies: bool) {
        let told = self.told.entry(id).or_default();
        if at == 1 && told.leaps < log.leaps() {
            told.leaps = log.leaps();
            told.begin_at(0, RunningHash::default(), 0);
        }
        let last = told.last();
        if last + 1 != at {
            return self.fail(format!("I2: {id} decides {at} after {last}"));
        }
        let regime = begins(entry, at).or(told.regime());
        let (hash, program) = (told.hash, told.program);
        told.hash = hash.then(entry);
        let now = told.hash;
        told.program = program.wrapping_mul(31).wrapping_add(at ^ entry.weight() as u64);
        let mut next = None;
        let mut wrong = None;
        if let Entry::Line(say) = &**entry {
            let known = told.next.get(&say.id.session).copied();
            let expected = known.unwrap_or(if told.skipped { say.id.number } else { 0 });
            if applies && expected != say.id.number {
                wrong = Some(format!("I6: {id} applies {} where {expected} is next", say.id));
            }
            next = applies.then_some((say.id.session, known));
            if applies {
                told.next.insert(say.id.session, say.id.number + 1);
            }
        }
        if let Entry::Skip { session, next: to } = &**entry {
            let known = told.next.get(session).copied();
            next = Some((*session, known));
            told.next.insert(*session, known.unwrap_or(0).max(*to));
        }
        told.steps.push(Step { regime, hash, program, next });
        wrong.into_iter().for_each(|what| self.fail(what));
        self.seen.lines += u32::from(matches!(**entry, Entry::Line(_)));
        self.seen.configs += u32::from(matches!(**entry, Entry::Config(_)));
        // N5: what lost its place and stands there again was taken back for nothing.
        if self.taken_back.remove(&(id, at)) == Some(now) {
            self.fail(format!("N5: {id} took {at} back, and has the same there again"));
        }
        let Some(regime) = regime else { return };
        let greatest = self.greatest;
        self.decided_by.entry((regime, at)).or_insert(greatest);
        let known = self.decided.entry((regime, at)).or_insert_with(|| Arc::clone(entry));
        if known != entry {
            let known = Arc::clone(known);
            self.fail(format!("I1: {id} decides {entry:?} at {at}, where {known:?} stands"));
        }
    }

    /// What the program above a log keeps at this moment.
    pub(crate) fn state(&self, id: Id) -> [u8; 8] {
        self.told.get(&id).map_or(0, |told| told.program).to_be_bytes()
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
        let regimes = accepted_regimes(log);
        let at_place = |at: u64| regimes.iter().rev().find(|(from, _)| *from <= at).map(|(_, regime)| *regime);
        let lost = self.decided.iter().filter_map(|((regime, at), entry)| {
            if at_place(*at) != Some(*regime) {
                return None;
            }
            let mine = log.accepted_entry(Index::new(*at)?);
            let gone = mine.is_none() && *at > log.accepted_len();
            let earlier = self.decided_by.get(&(*regime, *at)).is_some_and(|by| *by < Some(ballot));
            (earlier && (gone || mine.is_some_and(|mine| mine != entry))).then_some(*at)
        });
        if let Some(at) = lost.min() {
            self.fail(format!("I4: {id} establishes a log without what was decided at {at}"));
        }
    }
}

/// The history that begins with an entry.
pub(crate) fn begins(entry: &Entry<Id>, at: u64) -> Option<Regime<Id>> {
    match entry {
        Entry::Config(config) if at == 1 => Some(Regime::founded(config.tie_breaker)),
        Entry::Config(config) => config.fork.map(|fork| fork.regime),
        _ => None,
    }
}

/// The histories of an accepted log, each from its first place on.
fn accepted_regimes(log: &Log<Id>) -> Vec<(u64, Regime<Id>)> {
    let known = (1..=log.decided()).filter_map(|at| Some((at, log.lineage().at(at)?)));
    let begun = |at: u64| Some((at, begins(log.accepted_entry(Index::new(at)?)?, at)?));
    let mut regimes: Vec<_> = known.chain((log.decided() + 1..=log.accepted_len()).filter_map(begun)).collect();
    regimes.dedup_by_key(|(_, regime)| *regime);
    regimes
}
