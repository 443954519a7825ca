//! Random batches, truncations, crashes and restarts against a model in memory.
//!
//! After each restart the store is what the model was after some batch, and not one before the last that was answered.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a store is to hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    promised: Option<Bytes>,
    accepted: Option<Bytes>,
    log: BTreeMap<u64, Row>,
    last: u64,
    decided: u64,
    base: u64,
    snapshot: Option<Snapshot>,
    pool: BTreeMap<MessageId, Bytes>,
    roster: Option<Bytes>,
}

/// One step of a schedule; places are made to fit the log when it is taken.
#[derive(Clone, Debug)]
enum Step {
    Promise(u8),
    Append {
        lines: Vec<Option<String>>,
        decide: bool,
    },
    Replace {
        back: u64,
        text: String,
    },
    Decide,
    Snapshot,
    Leap {
        by: u64,
    },
    Pool {
        add: u64,
        remove: u64,
    },
    Roster(u8),
    /// The answers to everything handed in are waited for.
    Answers,
    /// The store is closed and opened.
    Close,
    /// The process ends at whatever the writer is at, and starts again.
    Kill,
    /// The files are taken away at whatever the writer is at, and opened elsewhere.
    Copy,
}

fn step() -> impl Strategy<Value = Step> {
    let line = proptest::option::weighted(0.8, "[a-c \0é]{0,8}");
    prop_oneof![
        2 => any::<u8>().prop_map(Step::Promise),
        6 => (prop::collection::vec(line, 1..6), any::<bool>())
            .prop_map(|(lines, decide)| Step::Append { lines, decide }),
        2 => (0u64..6, "[a-c]{1,8}").prop_map(|(back, text)| Step::Replace { back, text }),
        2 => Just(Step::Decide),
        1 => Just(Step::Snapshot),
        1 => (1u64..50).prop_map(|by| Step::Leap { by }),
        2 => (0u64..9, 0u64..9).prop_map(|(add, remove)| Step::Pool { add, remove }),
        1 => any::<u8>().prop_map(Step::Roster),
        2 => Just(Step::Answers),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        1 => Just(Step::Copy),
    ]
}

impl Model {
    /// The batch that a step hands in, if it does.
    fn batch(&self, step: &Step, ticket: u64) -> Option<Batch> {
        let empty = Batch { ticket, ..Batch::default() };
        let row = |place: u64, line: &Option<String>| match line {
            Some(text) => said(place, text),
            None => other(place, "join", &place.to_be_bytes()),
        };
        Some(match step {
            Step::Promise(ballot) => Batch {
                promised: Some(Bytes::copy_from_slice(&[*ballot])),
                accepted: (ballot % 2 == 0).then(|| Bytes::copy_from_slice(&[*ballot])),
                ..empty
            },
            Step::Append { lines, decide } => {
                let append: Vec<Row> = (self.last + 1..).zip(lines).map(|(place, line)| row(place, line)).collect();
                let decided = append.first().map(|row| row.index).filter(|_| *decide);
                Batch { append, decided, ..empty }
            }
            Step::Replace { back, text } => {
                // Never below the snapshot that the log rests on.
                let from = self.last.saturating_sub(*back).max(self.base + 1);
                let spares_snapshot =
                    self.base == 0 || self.snapshot.as_ref().is_some_and(|kept| kept.index.number() < from);
                if !spares_snapshot || from > self.last + 1 {
                    return None;
                }
                Batch { truncate: Some(index(from)), append: vec![said(from, text)], ..empty }
            }
            Step::Decide => Batch { decided: Index::new(self.last), ..empty },
            Step::Snapshot => {
                let index = Index::new(self.decided).filter(|index| index.number() >= self.base)?;
                Batch { snapshot: Some(Snapshot { index, state: Bytes::from(vec![9; 9]) }), ..empty }
            }
            Step::Leap { by } => {
                let snapshot = Snapshot { index: index(self.last + by), state: Bytes::from_static(b"leap") };
                Batch { snapshot: Some(snapshot), append: vec![said(self.last + by + 1, "far")], ..empty }
            }
            Step::Pool { add, remove } => {
                let line = PoolLine { id: message_id(*add), bytes: Bytes::copy_from_slice(&add.to_be_bytes()) };
                Batch { pool_add: vec![line], pool_remove: vec![message_id(*remove)], ..empty }
            }
            Step::Roster(byte) => Batch { roster: Some(Bytes::copy_from_slice(&[*byte])), ..empty },
            Step::Answers | Step::Close | Step::Kill | Step::Copy => return None,
        })
    }

    fn apply(&mut self, batch: &Batch) {
        self.promised = batch.promised.clone().or(self.promised.take());
        self.accepted = batch.accepted.clone().or(self.accepted.take());
        self.roster = batch.roster.clone().or(self.roster.take());
        if let Some(from) = batch.truncate.map(Index::number) {
            self.log.retain(|place, _| *place < from);
            self.last = self.last.min(from - 1);
            self.decided = self.decided.min(from - 1);
            self.snapshot = self.snapshot.take().filter(|snapshot| snapshot.index.number() < from);
        }
        if let Some(snapshot) = &batch.snapshot {
            let place = snapshot.index.number();
            if place > self.last {
                let decided = self.decided;
                self.log.retain(|place, _| *place <= decided);
                (self.last, self.decided, self.base) = (place, place, place);
            }
            self.snapshot = Some(snapshot.clone());
        }
        for row in &batch.append {
            self.last = row.index.number();
            self.log.insert(self.last, row.clone());
        }
        self.decided = batch.decided.map_or(self.decided, |decided| self.decided.max(decided.number()));
        self.pool.extend(batch.pool_add.iter().map(|line| (line.id, line.bytes.clone())));
        self.pool.retain(|id, _| !batch.pool_remove.contains(id));
    }

    /// The model of what a store holds.
    fn of(opened: &Opened) -> Self {
        let found = opened.found.clone();
        let mut log = BTreeMap::new();
        let mut from = 1;
        // Entries come without gaps: what is behind a gap is asked for by itself.
        for start in [1, found.base + 1] {
            for row in entries(&opened.store, start.max(from)) {
                from = row.index.number() + 1;
                log.insert(row.index.number(), row);
            }
        }
        Self {
            promised: found.promised,
            accepted: found.accepted,
            log,
            last: found.last,
            decided: found.decided,
            base: found.base,
            snapshot: found.snapshot,
            pool: found.pool.into_iter().map(|line| (line.id, line.bytes)).collect(),
            roster: found.roster,
        }
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
        let found = Model::of(&opened);
        let possible = &self.after[usize::try_from(self.answered).unwrap()..];
        assert!(possible.contains(&found), "{found:#?} is none of {possible:#?}");
        (self.after, self.answered, self.opened) = (vec![found], 0, Some(opened));
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
