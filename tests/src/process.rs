//! One child process: its lines, its end, and signals to it alone.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::bell::{Bell, PATIENCE};

/// A running program, ended when this is dropped.
pub struct Process {
    label: String,
    pid: Pid,
    stdin: Mutex<Option<ChildStdin>>,
    stdout: Mutex<Option<ChildStdout>>,
    watched: Arc<Watched>,
}

/// What the threads that watch a process have seen.
struct Watched {
    bell: Arc<Bell>,
    /// Signals are sent, and the process is reaped, under this lock: its id is its own until there is a status here.
    status: Mutex<Option<ExitStatus>>,
    stdout: Mutex<Vec<String>>,
    stderr: Mutex<Vec<String>>,
    /// How many of the two streams are still open.
    open: Mutex<usize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// Starts a program. Every line of its output is kept; one of stdout is first shown to `on_line`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(
        label: &str,
        command: &mut Command,
        bell: Arc<Bell>,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Self {
        let (mut process, stdout) = Self::spawn(label, command, bell);
        process.watch(stdout, |watched| &watched.stdout, on_line);
        process
    }

    /// Starts a program whose stdout nobody reads, until it is dropped by [`Process::close_stdout`].
    pub fn start_unread(label: &str, command: &mut Command) -> Self {
        let (process, stdout) = Self::spawn(label, command, Arc::default());
        *lock(&process.watched.open) -= 1;
        *lock(&process.stdout) = Some(stdout);
        process
    }

    fn spawn(label: &str, command: &mut Command, bell: Arc<Bell>) -> (Self, ChildStdout) {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap_or_else(|error| panic!("{label} cannot be started: {error}"));
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let watched = Arc::new(Watched {
            bell,
            status: Mutex::default(),
            stdout: Mutex::default(),
            stderr: Mutex::default(),
            open: Mutex::new(2),
        });
        let mut process = Self {
            label: label.to_owned(),
            pid: Pid::from_child(&child),
            stdin: Mutex::new(child.stdin.take()),
            stdout: Mutex::default(),
            watched: Arc::clone(&watched),
        };
        process.watch(stderr, |watched| &watched.stderr, |_| ());
        thread::spawn(move || reap(child, &watched));
        (process, stdout)
    }

    fn watch(
        &mut self,
        stream: impl Read + Send + 'static,
        lines: impl Fn(&Watched) -> &Mutex<Vec<String>> + Send + 'static,
        mut on_line: impl FnMut(&str) + Send + 'static,
    ) {
        let watched = Arc::clone(&self.watched);
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                on_line(&text);
                lock(lines(&watched)).push(text);
                watched.bell.ring();
                line.clear();
            }
            *lock(&watched.open) -= 1;
            watched.bell.ring();
        });
    }

    /// Writes to its stdin. What a process that has ended does not read is not missed.
    pub fn write(&self, bytes: &[u8]) {
        if let Some(stdin) = &mut *lock(&self.stdin) {
            let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
        }
    }

    /// Ends its input.
    pub fn close_stdin(&self) {
        *lock(&self.stdin) = None;
    }

    /// Closes the stdout that nobody reads.
    pub fn close_stdout(&self) {
        *lock(&self.stdout) = None;
    }

    /// Sends it a signal. Whether it was still there.
    pub fn signal(&self, signal: Signal) -> bool {
        let status = lock(&self.watched.status);
        status.is_none() && kill_process(self.pid, signal).is_ok()
    }

    /// Stops it with SIGSTOP, and waits until all its threads stand still. Whether it was still there.
    pub fn stop(&self) -> bool {
        let there = self.signal(Signal::STOP);
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        there && waitid(WaitId::Pid(self.pid), stopped).is_ok()
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        lock(&self.watched.status).is_none()
    }

    /// How it ended, if it has, and all that it wrote has been read.
    pub fn ended(&self) -> Option<ExitStatus> {
        let status = *lock(&self.watched.status);
        status.filter(|_| *lock(&self.watched.open) == 0)
    }

    /// Waits for its end: the exit code, or 128 and the signal's number as in a shell.
    ///
    /// # Panics
    ///
    /// If it goes on for longer than [`PATIENCE`].
    pub fn exit_code(&self) -> i32 {
        self.exit_code_within(PATIENCE)
    }

    /// The same with a limit of its own.
    pub fn exit_code_within(&self, limit: Duration) -> i32 {
        let status = self.watched.bell.wait(limit, || self.ended());
        let status = status.unwrap_or_else(|| panic!("{} still runs after {limit:?}", self.label));
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }

    /// Waits for a line of its stdout.
    ///
    /// # Panics
    ///
    /// If there is none within [`PATIENCE`].
    pub fn line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.line_of(&self.watched.stdout, what, wanted)
    }

    /// Waits for a line of its stderr.
    ///
    /// # Panics
    ///
    /// If there is none within [`PATIENCE`].
    pub fn complaint(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.line_of(&self.watched.stderr, what, wanted)
    }

    fn line_of(&self, lines: &Mutex<Vec<String>>, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let look = || lock(lines).iter().find(|line| wanted(line)).cloned();
        let found = self.watched.bell.wait(PATIENCE, look);
        found.unwrap_or_else(|| panic!("{} printed no line {what} within {PATIENCE:?}", self.label))
    }

    /// The lines of its stdout so far.
    pub fn stdout(&self) -> Vec<String> {
        lock(&self.watched.stdout).clone()
    }

    /// The lines of its stderr so far.
    pub fn stderr(&self) -> Vec<String> {
        lock(&self.watched.stderr).clone()
    }

    /// Prints what it said last, for a test that failed.
    pub fn report(&self) {
        const LAST: usize = 40;
        let ended = self.ended().map_or_else(|| "running".to_owned(), |status| status.to_string());
        eprintln!("--- {} (process {}, {ended})", self.label, self.pid());
        for (stream, lines) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            for line in lines.iter().skip(lines.len().saturating_sub(LAST)) {
                eprintln!("{stream}: {}", line.chars().take(500).collect::<String>());
            }
        }
    }
}

/// Waits for the end of a child. Its id stays taken until the lock is held, so that no signal ever meets another process.
fn reap(mut child: Child, watched: &Watched) {
    let _ = waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    *lock(&watched.status) = child.wait().ok();
    watched.bell.ring();
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            self.report();
        }
        self.signal(Signal::KILL);
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("label", &self.label).field("pid", &self.pid()).finish_non_exhaustive()
    }
}
