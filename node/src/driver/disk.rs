//! What the loop has to do with the disk, and with what is read of the history.

use std::time::Instant;

use futures::FutureExt;
use futures::channel::oneshot;
use history::Index;
use transport::runtime;

use super::Driver;
use crate::api::{HistoryError, Page};
use crate::disk::Word;
use crate::event::{ByeReason, Entry, Event};
use crate::group::{HistoryQuery, Now, Output};

impl Driver {
    pub(super) fn handle_disk(&mut self, word: Word, now: Now) {
        if let Some(disk) = &mut self.disk {
            disk.note(&word);
        }
        match word {
            Word::Written(ticket) => self.group.handle_written(ticket, now),
            Word::Trouble(trouble) => {
                if let Some(reason) = &trouble {
                    tracing::warn!(reason, "the disk takes nothing: lines are not confirmed here");
                }
                self.events.push(Event::Disk { trouble });
            }
            Word::Damaged(what) => {
                tracing::error!(what, "the data directory is damaged: this member leaves");
                self.events.push(Event::Disk { trouble: Some(what) });
                self.bye = ByeReason::Fault;
                self.departed = true;
            }
        }
    }

    /// Does on the disk what nobody waits for, and tells the group whether it keeps up.
    pub(super) fn tend_disk(&mut self, now: Now) {
        let Some(disk) = &mut self.disk else { return };
        while let Some(read) = disk.next_read() {
            self.reading.push(read.boxed());
        }
        if let Some(fit) = disk.tend(&self.group, now.instant) {
            self.group.handle_disk(fit, now);
            self.carry_out();
        }
    }

    pub(super) fn serve_disk(&mut self, output: Output) {
        // Without a disk the mind asks for none of it.
        let Some(disk) = &mut self.disk else { return };
        match output {
            Output::Write(write) => disk.write(write),
            Output::Keep(say) => disk.keep(say, Instant::now()),
            Output::Forget(id) => disk.forget(id),
            Output::Read(read) => disk.read(read),
            _ => {}
        }
    }

    pub(super) fn look_up(&self, query: HistoryQuery, reply: oneshot::Sender<Result<Page, HistoryError>>) {
        // Of what a newcomer was told when it came, nothing is on its disk for a while.
        let in_memory = matches!(query, HistoryQuery::Last(_)) && self.group.is_catching_up();
        let Some(disk) = self.disk.as_ref().filter(|_| !in_memory) else {
            return self.look_up_in_memory(&query, reply);
        };
        let (memory, last) = self.group.lines_in_memory(&query);
        let answer = disk.lines(query, memory, last);
        runtime::spawn(async move { drop(reply.send(answer.await)) });
    }

    /// A search looks at every line there is: a thread of its own does, and nobody waits for it.
    fn look_up_in_memory(&self, query: &HistoryQuery, reply: oneshot::Sender<Result<Page, HistoryError>>) {
        let HistoryQuery::Search(words, last) = query else {
            return drop(reply.send(self.group.lines(query)));
        };
        let (searchable, words, last) = (self.group.searchable(), words.clone(), *last);
        let search = move || drop(reply.send(searchable.search(&words, last)));
        if let Err(error) = std::thread::Builder::new().name("search".into()).spawn(search) {
            tracing::warn!(%error, "no thread to search with");
        }
    }

    pub(super) fn read_entries(
        &self,
        from: Index,
        most: usize,
        reply: oneshot::Sender<Result<Vec<Entry>, HistoryError>>,
    ) {
        let Some(disk) = &self.disk else {
            return drop(reply.send(self.group.entries(from, most).map_err(HistoryError::Gone)));
        };
        let (memory, last) = self.group.entries_in_memory(from, most);
        let answer = disk.own_entries(from, most, memory, last);
        runtime::spawn(async move { drop(reply.send(answer.await)) });
    }
}
