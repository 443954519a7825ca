//! The store against a model, against faults, and against the clock. The harness comes last.

mod bench;
mod damage;
mod model;
mod opening;
mod process;
mod reading;
mod searching;
mod writing;

use std::fs;
use std::path::Path;
use std::time::Duration;

use async_channel::Receiver;
use bytes::Bytes;
use history::{Index, MessageId, Session};
use transport::{PeerId, runtime};
use uuid::Uuid;

use super::*;
use crate::event::Message;
use crate::timestamp::Timestamp;

/// How long anything may take on a machine that others use too.
const PATIENCE: Duration = Duration::from_secs(30);

fn index(number: u64) -> Index {
    Index::new(number).unwrap()
}

fn message_id(number: u64) -> MessageId {
    MessageId { session: Session::new(Uuid::from_u128(7)), number }
}

/// An entry in which something was said.
fn said(place: u64, text: &str) -> Row {
    let line = Message {
        earlier: false,
        id: message_id(place),
        from: "ann".parse().unwrap(),
        from_id: PeerId::new(Uuid::from_u128(9)),
        text: text.into(),
        sent_at: Timestamp::from_millis(1_769_860_800_042 + place),
    };
    let (meta, entry) = (Bytes::from_static(b"meta"), Bytes::copy_from_slice(text.as_bytes()));
    Row { index: index(place), kind: "line".into(), meta, entry, line: Some(line) }
}

/// An entry in which nothing was said.
fn other(place: u64, kind: &str, entry: &[u8]) -> Row {
    Row { index: index(place), kind: kind.into(), meta: Bytes::new(), entry: Bytes::copy_from_slice(entry), line: None }
}

/// A batch of lines, all of them decided.
fn lines(ticket: u64, from: u64, texts: &[&str]) -> Batch {
    let append: Vec<Row> = (from..).zip(texts).map(|(place, text)| said(place, text)).collect();
    Batch { ticket, decided: append.last().map(|row| row.index), append, ..Batch::default() }
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

/// All entries from a place on.
fn entries(store: &Store, from: u64) -> Vec<Row> {
    let mut all = Vec::<Row>::new();
    loop {
        let next = all.last().map_or(from, |row| row.index.number() + 1);
        let page = wait(store.entries(index(next), usize::MAX)).unwrap();
        if page.is_empty() {
            return all;
        }
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
