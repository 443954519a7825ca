//! The store against a model, against faults, and against the clock. The harness comes last.

mod bench;
mod damage;
mod model;
mod opening;
mod process;
mod reading;
mod restart;
mod searching;
mod writing;

use std::fs;
use std::path::Path;
use std::time::Duration;

use async_channel::Receiver;
use bytes::Bytes;
use history::{
    Applied, Ballot, Config, Entry, Index, Lineage, MESSAGE_BYTES, MESSAGE_ENTRIES, MessageId, Op, Regime, RunningHash,
    Say, Session, Snapshot, Write,
};
use transport::{PeerId, runtime};
use uuid::Uuid;

use super::*;
use crate::timestamp::Timestamp;
use crate::wire::{Body, Line};

/// How long anything may take on a machine that others use too.
const PATIENCE: Duration = Duration::from_secs(30);

fn index(number: u64) -> Index {
    Index::new(number).unwrap()
}

fn message_id(number: u64) -> MessageId {
    MessageId { session: Session::new(Uuid::from_u128(7)), number }
}

fn peer() -> PeerId {
    PeerId::new(Uuid::from_u128(9))
}

/// An entry in which something was said; its number is that of the place it is meant for.
fn said(place: u64, text: &str) -> Arc<Entry<PeerId>> {
    let sent_at = Timestamp::from_millis(1_769_860_800_042 + place);
    said_with(message_id(place), Line { from: peer(), name: "ann".parse().unwrap(), sent_at, text: text.into() })
}

fn said_with(id: MessageId, line: Line) -> Arc<Entry<PeerId>> {
    let body = transport::encode(&Body::Line(line)).unwrap().into();
    Arc::new(Entry::Line(Say { id, lamport: 8, after: None, heads: Vec::new(), body }))
}

/// An entry in which nothing was said.
fn note(body: &[u8]) -> Arc<Entry<PeerId>> {
    Arc::new(Entry::Note { tag: 1, body: Bytes::copy_from_slice(body) })
}

/// Entries in which something was said, the first at `from`.
fn append(from: u64, texts: &[&str]) -> Op<PeerId> {
    Op::Append { after: from - 1, entries: (from..).zip(texts).map(|(place, text)| said(place, text)).collect() }
}

fn batch(ticket: u64, ops: Vec<Op<PeerId>>) -> Batch {
    Batch::from(Write { ticket, ops })
}

/// A batch of lines, all of them decided.
fn lines(ticket: u64, from: u64, texts: &[&str]) -> Batch {
    batch(ticket, vec![append(from, texts), Op::Decided(from - 1 + texts.len() as u64)])
}

fn waiting(number: u64) -> Say {
    let body = Bytes::from_static(b"waiting");
    Say { id: message_id(number), lamport: number, after: None, heads: vec![message_id(1)], body }
}

fn ballot(round: u64) -> Ballot<PeerId> {
    Ballot { regime: Regime::founded(peer()), round, peer: peer() }
}

fn snapshot(index: u64) -> Box<Snapshot<PeerId>> {
    let config = Config { voters: vec![peer()], tie_breaker: peer(), fork: None };
    let mut applied = Applied::default();
    applied.apply(&Say { id: MessageId { number: 0, ..message_id(0) }, ..waiting(index) }, index);
    Box::new(Snapshot {
        index,
        hash: RunningHash::default(),
        lineage: Lineage::known_from(1, Regime::founded(peer())),
        config,
        config_index: 1,
        applied,
        state: Bytes::from_static(b"kept"),
    })
}

/// Runs a future, which must not take long.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let limited = runtime::block_on(runtime::timeout(PATIENCE, future));
    limited.unwrap_or_else(|| panic!("nothing within {PATIENCE:?}"))
}

fn next(events: &Receiver<Event>) -> Event {
    wait(events.recv()).unwrap()
}

/// Hands in a batch and waits until it is written.
fn write(opened: &Opened, batch: Batch) {
    let wanted = batch.ticket;
    opened.store.hand_in(batch).unwrap();
    wait_written(&opened.events, wanted);
}

fn wait_written(events: &Receiver<Event>, wanted: u64) {
    loop {
        match next(events) {
            Event::Written { ticket } if ticket >= wanted => return,
            Event::Written { .. } => {}
            event => panic!("{event:?} instead of ticket {wanted}"),
        }
    }
}

/// All entries after a place.
fn entries(store: &Store, mut after: u64) -> Entries<PeerId> {
    let mut all = Entries::new();
    loop {
        let page = wait(store.entries_after(after, MESSAGE_ENTRIES, MESSAGE_BYTES)).unwrap();
        if page.is_empty() {
            return all;
        }
        after += page.len() as u64;
        all.extend(page);
    }
}

fn texts(lines: &Lines) -> Vec<&str> {
    lines.lines.iter().map(|(_, line)| line.text.as_str()).collect()
}

/// Copies a directory as it stands, while it is in use: what is left if the process ended at this moment.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}
