//! Lines on their way out: one bounded buffer, and a thread of its own that writes it.
//!
//! Whoever has a line to print never waits for whoever reads it. The buffer is written when it has something in it,
//! as much at once as is there: there is one system call a batch, not one a line.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;

use futures::FutureExt as _;
use futures::future::{Fuse, poll_fn};
use futures::task::AtomicWaker;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::exit::Failure;

/// How much may wait to be written, in bytes: more than a reader that is merely slow ever leaves, and far from filling
/// a small machine.
pub(crate) const MAX_WAITING_BYTES: usize = 16 << 20;

/// How much is written at once, in bytes, whole lines only: what a pipe holds.
const MAX_BATCH_BYTES: usize = 64 << 10;

/// Why nothing more can be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// Whoever read it has gone.
    Closed,
    /// Nobody reads it: more than [`MAX_WAITING_BYTES`] wait.
    Overflow,
    /// The operating system refused, for the reason given.
    Failed(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "stdout is closed"),
            Self::Overflow => {
                let waiting = MAX_WAITING_BYTES >> 20;
                write!(f, "stdout is not read: more than {waiting} MiB wait to be: read it, or use --headless")
            }
            Self::Failed(reason) => write!(f, "cannot write to stdout: {reason}: send it somewhere else"),
        }
    }
}

/// The way out. Clones are the same way out.
#[derive(Clone)]
pub(crate) struct Output(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    work: Condvar,
    /// The one task that waits for trouble.
    troubled: AtomicWaker,
    /// The one task that waits for everything to be written.
    written: AtomicWaker,
}

#[derive(Default)]
struct State {
    /// Lines that the writing thread has not taken.
    waiting: Vec<u8>,
    /// Bytes that it has taken and not written.
    in_hand: usize,
    trouble: Option<Trouble>,
}

impl Output {
    /// Lines on stdout. Somebody who closes its other end is noticed at once, not at the next line.
    ///
    /// # Errors
    ///
    /// No thread could be started.
    pub(crate) fn stdout() -> io::Result<Self> {
        let output = Self::start("stdout", |lines| write_all(rustix::stdio::stdout(), lines))?;
        let watched = output.clone();
        thread::Builder::new().name("stdout-watch".into()).spawn(move || {
            if wait_until_closed(rustix::stdio::stdout()) {
                watched.0.fail(Trouble::Closed);
            }
        })?;
        Ok(output)
    }

    /// Lines on stderr.
    ///
    /// # Errors
    ///
    /// No thread could be started.
    pub(crate) fn stderr() -> io::Result<Self> {
        Self::start("stderr", |lines| write_all(rustix::stdio::stderr(), lines))
    }

    /// Lines for nobody.
    pub(crate) fn nowhere() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            troubled: AtomicWaker::new(),
            written: AtomicWaker::new(),
        }))
    }

    /// Gives `write` whole lines, on a thread of the given name, until it fails.
    ///
    /// # Errors
    ///
    /// No thread could be started.
    pub(crate) fn start(name: &str, write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let output = Self::nowhere();
        let shared = output.0.clone();
        thread::Builder::new().name(name.into()).spawn(move || shared.write_on(write))?;
        Ok(output)
    }

    /// Queues one line, or several with newlines between them. False: it is lost, see [`Output::trouble`].
    pub(crate) fn line(&self, text: &str) -> bool {
        let mut state = self.0.lock();
        if state.trouble.is_some() {
            return false;
        }
        if state.waiting.len() + state.in_hand + text.len() >= MAX_WAITING_BYTES {
            drop(state);
            self.0.fail(Trouble::Overflow);
            return false;
        }
        state.waiting.extend_from_slice(text.as_bytes());
        state.waiting.push(b'\n');
        drop(state);
        self.0.work.notify_one();
        true
    }

    /// How much waits to be written, in bytes.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.0.lock();
        state.waiting.len() + state.in_hand
    }

    /// Resolves when nothing more can be written. One task at a time may wait for it.
    pub(crate) fn trouble(&self) -> Fuse<impl Future<Output = Trouble> + Unpin> {
        poll_fn(|context| {
            self.0.troubled.register(context.waker());
            self.0.lock().trouble.clone().map_or(Poll::Pending, Poll::Ready)
        })
        .fuse()
    }

    /// Resolves when everything is written, or nothing more can be. One task at a time may wait for it.
    pub(crate) fn written(&self) -> Fuse<impl Future<Output = ()> + Unpin> {
        poll_fn(|context| {
            self.0.written.register(context.waker());
            let state = self.0.lock();
            let idle = state.waiting.is_empty() && state.in_hand == 0;
            if idle || state.trouble.is_some() { Poll::Ready(()) } else { Poll::Pending }
        })
        .fuse()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives everything to `write` until it fails.
    fn write_on(&self, mut write: impl FnMut(&[u8]) -> io::Result<()>) {
        loop {
            let lines = self.take();
            for batch in batches(&lines) {
                if let Err(error) = write(batch) {
                    self.fail(match error.kind() {
                        io::ErrorKind::BrokenPipe => Trouble::Closed,
                        _ => Trouble::Failed(error.to_string()),
                    });
                    return;
                }
                self.lock().in_hand -= batch.len();
            }
            self.written.wake();
        }
    }

    /// Everything that waits, once something does.
    fn take(&self) -> Vec<u8> {
        let idle = |state: &mut State| state.waiting.is_empty();
        let mut state = self.work.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        state.in_hand = state.waiting.len();
        std::mem::take(&mut state.waiting)
    }

    /// Writes nothing more. The first trouble is the one that counts.
    fn fail(&self, trouble: Trouble) {
        let mut state = self.lock();
        state.trouble.get_or_insert(trouble);
        state.waiting = Vec::new();
        drop(state);
        self.troubled.wake();
        self.written.wake();
    }
}

/// Whole lines, as many as fit a batch; a longer line is a batch by itself.
fn batches(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let newline = |byte: &u8| *byte == b'\n';
        let within = &lines[..lines.len().min(MAX_BATCH_BYTES)];
        let last = within.iter().rposition(newline).or_else(|| lines.iter().position(newline));
        let (batch, rest) = lines.split_at(last.map_or(lines.len(), |last| last + 1));
        lines = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Writes everything, also to a file that somebody made non-blocking.
pub(crate) fn write_all(file: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&file, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Waits until the other end of a pipe or socket is closed. False: that cannot be told.
fn wait_until_closed(file: impl AsFd) -> bool {
    loop {
        let mut watched = [PollFd::new(&file, PollFlags::empty())];
        match poll(&mut watched, None) {
            Ok(_) if watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => return true,
            Ok(_) | Err(Errno::INTR) if !watched[0].revents().contains(PollFlags::NVAL) => {}
            _ => return false,
        }
    }
}

/// Prints what was asked for instead of a run: the help, the version.
///
/// # Errors
///
/// It cannot be written. A reader who has seen enough is no failure.
pub(crate) fn tell(text: &str) -> Result<(), Failure> {
    match write_all(rustix::stdio::stdout(), format!("{text}\n").as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output(Trouble::Failed(error.to_string())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use transport::runtime::block_on;

    use super::*;

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let (sender, written) = mpsc::channel();
        let output = Output::start("test", move |lines| {
            sender.send(lines.to_vec()).unwrap();
            Ok(())
        })
        .unwrap();
        let expected: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        for line in expected.lines() {
            assert!(output.line(line));
        }
        block_on(output.written());
        let batches: Vec<Vec<u8>> = written.try_iter().collect();
        assert!(batches.iter().all(|batch| batch.ends_with(b"\n") && batch.len() <= MAX_BATCH_BYTES));
        assert_eq!(batches.concat(), expected.as_bytes());
    }

    #[test]
    fn what_nobody_reads_is_bounded_and_never_waited_for() {
        let (go, wait) = mpsc::channel::<()>();
        let output = Output::start("test", move |_| {
            let _ = wait.recv();
            Ok(())
        })
        .unwrap();
        let line = "x".repeat((1 << 20) - 1);
        let taken = (0..32).take_while(|_| output.line(&line)).count();
        assert_eq!(taken, 16);
        assert_eq!(block_on(output.trouble()), Trouble::Overflow);
        assert!(!output.line("more"));
        drop(go);
    }

    #[test]
    fn a_reader_that_has_gone_is_told_apart_from_a_disk_that_is_full() {
        for (kind, closed) in [(io::ErrorKind::BrokenPipe, true), (io::ErrorKind::StorageFull, false)] {
            let output = Output::start("test", move |_| Err(kind.into())).unwrap();
            output.line("x");
            assert_eq!(block_on(output.trouble()) == Trouble::Closed, closed);
            block_on(output.written());
        }
    }

    #[test]
    fn a_closed_pipe_is_noticed_without_a_write() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert!(wait_until_closed(&writer));
    }

    #[test]
    fn a_batch_is_whole_lines_even_when_one_is_longer_than_a_batch() {
        let long = format!("{}\n", "x".repeat(MAX_BATCH_BYTES));
        let lines = format!("a\nb\n{long}c\n");
        let parts: Vec<&[u8]> = batches(lines.as_bytes()).collect();
        assert_eq!(parts, [b"a\nb\n", long.as_bytes(), b"c\n"]);
    }
}
