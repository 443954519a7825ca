//! Lines on their way to the disk, which may hang: so many bytes wait, and what does not fit is dropped.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use node::Timestamp;
use tracing::warn;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::file::DailyFile;

/// How many bytes may wait for the disk: minutes of a lively chat, and nothing that a machine would miss.
const WAITING_BYTES: usize = 4 << 20;

/// What a line counts as at least, which bounds how many wait.
const LINE_COST: usize = 64;

/// Where lines go in; a thread of its own takes them out.
#[derive(Debug)]
pub(super) struct Queue {
    lines: NonBlocking,
    waiting: Arc<Waiting>,
}

impl Queue {
    /// Opens a log. Its last lines are written when the guard is dropped.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(super) fn open(directory: &Path, name: &str) -> io::Result<(Self, WorkerGuard)> {
        let waiting = Arc::new(Waiting { name: name.to_owned(), bytes: 0.into(), is_full: false.into() });
        let writer = Writer { file: DailyFile::open(directory, name)?, waiting: waiting.clone(), is_failing: false };
        // One place more, for the word that the program ends.
        let places = WAITING_BYTES / LINE_COST + 1;
        let thread = NonBlockingBuilder::default().buffered_lines_limit(places).thread_name("logs");
        let (lines, guard) = thread.finish(writer);
        Ok((Self { lines, waiting }, guard))
    }

    /// Appends a line with the time, if there is one.
    pub(super) fn write(&self, line: impl FnOnce(Timestamp) -> Option<String>) {
        if let Some(line) = line(SystemTime::now().into()).filter(|line| self.waiting.has_room_for(line.len())) {
            let _ = self.lines.clone().write_all(line.as_bytes());
        }
    }
}

/// How much is on its way, between who says and who writes.
#[derive(Debug)]
struct Waiting {
    name: String,
    bytes: AtomicUsize,
    is_full: AtomicBool,
}

impl Waiting {
    /// Counts a line in, if it fits; says once if it does not.
    fn has_room_for(&self, line: usize) -> bool {
        let cost = line.max(LINE_COST);
        let grown = |bytes: usize| Some(bytes + cost).filter(|bytes| *bytes <= WAITING_BYTES);
        let fits = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if !fits && !self.is_full.swap(true, Ordering::Relaxed) {
            warn!(
                "{}.log takes nothing: lines are missing in it from here on, for {WAITING_BYTES} bytes wait",
                self.name
            );
        }
        fits
    }

    /// Counts a line out.
    fn handle_written(&self, line: usize) {
        let cost = line.max(LINE_COST);
        let is_empty = self.bytes.fetch_sub(cost, Ordering::Relaxed) == cost;
        if is_empty && self.is_full.swap(false, Ordering::Relaxed) {
            warn!("{}.log takes lines again", self.name);
        }
    }
}

/// Writes lines, and says once that they are not taken.
struct Writer {
    file: DailyFile,
    waiting: Arc<Waiting>,
    is_failing: bool,
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.file.append(line);
        let name = &self.waiting.name;
        match &written {
            Err(error) if !self.is_failing => {
                warn!(%error, "{name}.log takes nothing: lines are missing in it from here on");
            }
            Ok(()) if self.is_failing => warn!("{name}.log takes lines again"),
            _ => {}
        }
        self.is_failing = written.is_err();
        self.waiting.handle_written(line.len());
        // One line that is lost is no reason to stop.
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let waiting = Waiting { name: "chat".into(), bytes: 0.into(), is_full: false.into() };
        let long = WAITING_BYTES / 4;
        for _ in 0..4 {
            assert!(waiting.has_room_for(long));
        }
        assert!(!waiting.has_room_for(1) && waiting.is_full.load(Ordering::Relaxed));
        waiting.handle_written(long);
        assert!(waiting.has_room_for(1));
        for line in [long, long, long, 1] {
            waiting.handle_written(line);
        }
        assert!(!waiting.is_full.load(Ordering::Relaxed));
    }

    #[test]
    fn the_shortest_lines_are_bounded_in_number() {
        let waiting = Waiting { name: "chat".into(), bytes: 0.into(), is_full: false.into() };
        let taken = (0..1_000_000).take_while(|_| waiting.has_room_for(1)).count();
        assert_eq!(taken, WAITING_BYTES / LINE_COST);
    }
}
