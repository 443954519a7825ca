//! Random changes, crashes and restarts against the log's own model of a disk, [`Durable::apply`].
//!
//! After each restart the store is what the model was after some batch, and not one before the last that was answered.

use std::collections::BTreeMap;

use history::Durable;
use proptest::prelude::*;

use super::*;

/// What a store is to hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    durable: Durable<PeerId>,
    pool: BTreeMap<MessageId, Say>,
    roster: Option<Bytes>,
}

/// One change of the log; places are made to fit it when it is taken.
#[derive(Clone, Debug)]
enum Change {
    Promised(u64),
    Accepted(Option<u64>),
    Left(u64),
    Append(Vec<Option<String>>),
    /// How much from the end; all of it is another matter, see [`Change::Begin`].
    Truncate(u64),
    SetAside(u64),
    DropAside,
    Decided(u64),
    Snapshot(u64),
    Restart(u64),
    /// All of it goes: only while nothing came before its first entry.
    Begin,
}

/// One step of a schedule.
#[derive(Clone, Debug)]
enum Step {
    /// A batch.
    Write { changes: Vec<Change>, add: Option<u64>, remove: Option<u64>, roster: Option<u8> },
    /// The answers to everything handed in are waited for.
    Answers,
    /// The store is closed and opened.
    Close,
    /// The process ends at whatever the writer is at, and starts again.
    Kill,
    /// The files are taken away at whatever the writer is at, and opened elsewhere.
    Copy,
}

fn change() -> impl Strategy<Value = Change> {
    let line = proptest::option::weighted(0.8, "[a-c \0é]{0,8}");
    prop_oneof![
        2 => (0..9u64).prop_map(Change::Promised),
        2 => proptest::option::of(0..9u64).prop_map(Change::Accepted),
        1 => (0..9u64).prop_map(Change::Left),
        8 => prop::collection::vec(line, 0..6).prop_map(Change::Append),
        2 => (0..6u64).prop_map(Change::Truncate),
        2 => (0..6u64).prop_map(Change::SetAside),
        1 => Just(Change::DropAside),
        4 => (0..6u64).prop_map(Change::Decided),
        2 => (0..6u64).prop_map(Change::Snapshot),
        1 => (1..50u64).prop_map(Change::Restart),
        1 => Just(Change::Begin),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let changes = prop::collection::vec(change(), 0..5);
    let pool = || proptest::option::of(0..9u64);
    let roster = proptest::option::weighted(0.2, any::<u8>());
    prop_oneof![
        12 => (changes, pool(), pool(), roster)
            .prop_map(|(changes, add, remove, roster)| Step::Write { changes, add, remove, roster }),
        2 => Just(Step::Answers),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        1 => Just(Step::Copy),
    ]
}

/// The change as the log would make it of what is on disk.
fn op(change: &Change, durable: &Durable<PeerId>) -> Option<Op<PeerId>> {
    let (base, len) = (durable.base, durable.len());
    let back = |by: &u64| len.saturating_sub(*by).max(base);
    Some(match change {
        Change::Promised(round) => Op::Promised(ballot(*round)),
        Change::Accepted(round) => Op::Accepted(round.map(ballot)),
        Change::Left(round) => Op::Left(ballot(*round)),
        Change::Append(lines) => {
            let entry = |(place, line): (u64, &Option<String>)| match line {
                Some(text) => said(place, text),
                None => note(&place.to_be_bytes()),
            };
            Op::Append { after: len, entries: (len + 1..).zip(lines).map(entry).collect() }
        }
        // Whatever begins after a snapshot has it for good, or goes altogether.
        Change::Truncate(by) => Op::Truncate(back(by)),
        // Nothing that is decided is ever set aside.
        Change::SetAside(by) => {
            let folded = durable.snapshot.as_ref().map_or(0, |snapshot| snapshot.index);
            Op::SetAside(back(by).max(durable.decided).max(folded))
        }
        Change::DropAside => Op::DropAside,
        Change::Decided(by) => Op::Decided(back(by)),
        Change::Snapshot(by) => Op::Snapshot(snapshot(Some(back(by)).filter(|place| *place > 0)?)),
        Change::Restart(by) => Op::Restart(snapshot(len + by)),
        Change::Begin => Op::Truncate(Some(0).filter(|_| base == 0)?),
    })
}

impl Model {
    /// The batch that a step hands in, if it does.
    fn batch(&self, step: &Step, ticket: u64) -> Option<Batch> {
        let Step::Write { changes, add, remove, roster } = step else { return None };
        let (mut durable, mut ops) = (self.durable.clone(), Vec::new());
        for change in changes {
            let next: Vec<_> = op(change, &durable).into_iter().collect();
            durable.apply(&Write { ticket, ops: next.clone() });
            ops.extend(next);
        }
        Some(Batch {
            pool_add: add.map(waiting).into_iter().collect(),
            pool_remove: remove.map(message_id).into_iter().collect(),
            roster: roster.map(|byte| Bytes::copy_from_slice(&[byte])),
            ..batch(ticket, ops)
        })
    }

    fn apply(&mut self, batch: &Batch) {
        self.durable.apply(&Write { ticket: batch.ticket, ops: batch.ops.clone() });
        self.pool.extend(batch.pool_add.iter().map(|say| (say.id, say.clone())));
        self.pool.retain(|id, _| !batch.pool_remove.contains(id));
        self.roster = batch.roster.clone().or(self.roster.take());
    }

    /// Whether this is what was found, where the entries before the latest snapshot are left out, and all are on disk.
    fn is_found(&self, opened: &Opened) -> bool {
        let found = &opened.found;
        let mut durable = self.durable.clone();
        if let Some(latest) = durable.snapshot.clone() {
            let folded = usize::try_from(latest.index - durable.base).unwrap();
            durable.entries.drain(..folded);
            durable.base = latest.index;
            durable.decided = durable.decided.max(latest.index);
            durable.start = Some(latest);
        }
        let pool: Vec<Say> = self.pool.values().cloned().collect();
        durable == found.durable
            && self.durable.base == found.first
            && pool == found.pool
            && self.roster == found.roster
            && self.durable.entries == entries(&opened.store, found.first)
    }
}

/// A store beside its model.
struct Pair {
    directory: tempfile::TempDir,
    opened: Option<Opened>,
    /// The model after each batch of this run, and before the first.
    after: Vec<Model>,
    /// How many batches of this run were answered.
    answered: u64,
}

impl Pair {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let opened = Some(Store::open(directory.path()).unwrap());
        Self { directory, opened, after: vec![Model::default()], answered: 0 }
    }

    fn take(&mut self, step: &Step) {
        let opened = self.opened.as_ref().unwrap();
        let ticket = self.after.len() as u64;
        if let Some(batch) = self.after[self.after.len() - 1].batch(step, ticket) {
            let mut model = self.after[self.after.len() - 1].clone();
            model.apply(&batch);
            self.after.push(model);
            opened.store.hand_in(batch).unwrap();
        }
        match step {
            Step::Answers if ticket > 1 && self.answered < ticket - 1 => {
                wait_written(&opened.events, ticket - 1);
                self.answered = ticket - 1;
            }
            Step::Close => {
                wait(self.opened.take().unwrap().store.close());
                self.answered = ticket - 1;
                self.reopen(None);
            }
            Step::Kill => {
                let opened = self.opened.take().unwrap();
                opened.store.queue.abandon();
                wait(opened.store.close());
                self.hear(&opened.events);
                self.reopen(None);
            }
            Step::Copy => {
                self.hear(&self.opened.as_ref().unwrap().events.clone());
                let elsewhere = tempfile::tempdir().unwrap();
                copy_of_one_moment(self.directory.path(), elsewhere.path());
                self.opened = None;
                self.reopen(Some(elsewhere));
            }
            _ => {}
        }
    }

    /// Takes the answers that have come.
    fn hear(&mut self, events: &Receiver<Event>) {
        while let Ok(event) = events.try_recv() {
            let Event::Written { ticket } = event else { panic!("{event:?}") };
            self.answered = ticket;
        }
    }

    fn reopen(&mut self, elsewhere: Option<tempfile::TempDir>) {
        self.directory =
            elsewhere.unwrap_or_else(|| std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap()));
        let opened = Store::open(self.directory.path()).unwrap();
        let possible = &self.after[usize::try_from(self.answered).unwrap()..];
        let model = possible.iter().find(|model| model.is_found(&opened)).cloned();
        let found = &opened.found;
        let model = model.unwrap_or_else(|| panic!("{found:#?} is none of {possible:#?}"));
        (self.after, self.answered, self.opened) = (vec![model], 0, Some(opened));
    }
}

/// Copies the files, the write-ahead log last: it may have grown meanwhile, which a system that ends at one moment cannot
/// tell from having ended a little later. A checkpoint in between is not such a moment, and too rare to wait for here.
fn copy_of_one_moment(from: &Path, to: &Path) {
    for name in ["mark", "history.db", "history.db-wal"] {
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_is_what_was_handed_in_up_to_an_answer_or_later(steps in prop::collection::vec(step(), 1..60)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.take(step);
        }
        pair.take(&Step::Close);
    }
}

fn cases() -> u32 {
    std::env::var("STORE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
}
