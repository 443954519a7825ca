//! A log file a day, under one name that is always the newest.

use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use node::Timestamp;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};

/// How many lines may wait for the disk.
const WAITING: usize = 65_536;

/// Opens `NAME.DAY.log`, which `NAME.log` leads to.
pub(super) fn open(directory: &Path, name: &str) -> io::Result<(NonBlocking, WorkerGuard)> {
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .latest_symlink(format!("{name}.log"))
        .build(directory)
        .map_err(io::Error::other)?;
    let file = File { appender, name: name.to_owned(), is_failing: false };
    Ok(NonBlockingBuilder::default().buffered_lines_limit(WAITING).thread_name("logs").finish(file))
}

/// Appends a line with the time, if there is one.
pub(super) fn write(to: &NonBlocking, line: impl FnOnce(Timestamp) -> Option<String>) {
    if let Some(line) = line(SystemTime::now().into()) {
        let _ = to.clone().write_all(line.as_bytes());
    }
}

/// A file that says once that it takes nothing.
struct File {
    appender: RollingFileAppender,
    name: String,
    is_failing: bool,
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.appender.write_all(bytes);
        match &written {
            Err(error) if !self.is_failing => {
                tracing::warn!(%error, "{}.log takes nothing: lines are missing in it from here on", self.name);
            }
            Ok(()) if self.is_failing => tracing::warn!("{}.log takes lines again", self.name),
            _ => {}
        }
        self.is_failing = written.is_err();
        // One line that is lost is no reason to stop.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.appender.flush()
    }
}
