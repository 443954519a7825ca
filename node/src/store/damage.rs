//! What was found damaged while running: told to the owner, and left on disk for the next start.

use std::fs;
use std::path::PathBuf;

use async_channel::Sender;

use super::columns::{self, Unread};
use super::reader::ReadError;
use super::writer::Event;

/// Where damage is reported.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    /// The file whose existence says that the store is not to be used again.
    pub(super) note: PathBuf,
    pub(super) events: Sender<Event>,
}

impl Damage {
    /// Reports what was read if it is damaged, and makes it an answer.
    pub(super) fn note<T>(&self, read: columns::Result<T>) -> Result<T, ReadError> {
        if let Err(Unread::Damaged(what)) = &read {
            tracing::error!(%what, "the data directory is damaged");
            if let Err(error) = fs::write(&self.note, what) {
                tracing::error!(%error, note = %self.note.display(), "and that cannot be noted there");
            }
            // Not waited for: whoever is to take the events may be waiting for this very answer. The note stays.
            let _ = self.events.try_send(Event::Damaged { what: what.clone() });
        }
        Ok(read?)
    }
}
