//! One `node --json` process: what it reports, and what it is told.

use std::fs;
use std::ops::Index;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bell::{Bell, PATIENCE};
use crate::launch::Launch;
use crate::process::Process;
use crate::view::View;

/// A running member.
#[derive(Debug)]
pub struct Peer {
    launch: Launch,
    process: Process,
    bell: Arc<Bell>,
    log: Arc<Mutex<Log>>,
    refs: AtomicU64,
    stopped: AtomicBool,
}

/// One line of JSON that a peer printed.
#[derive(Clone, Debug)]
pub struct Event {
    /// When this process read it.
    pub seen: Instant,
    fields: Value,
}

#[derive(Default, Debug)]
struct Log {
    events: Vec<Event>,
    view: View,
    /// The first line that is no event, or makes no sense after those before it.
    nonsense: Option<String>,
}

impl Peer {
    /// Starts one; it is not waited for.
    pub fn start(launch: Launch, bell: Arc<Bell>) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let written = Arc::clone(&log);
        let take = move |line: &str| written.lock().unwrap_or_else(PoisonError::into_inner).take(line);
        let process = Process::start(launch.name(), &mut launch.json(), Arc::clone(&bell), take);
        Self { launch, process, bell, log, refs: AtomicU64::new(0), stopped: AtomicBool::new(false) }
    }

    /// The name it asked for.
    pub fn name(&self) -> &str {
        self.launch.name()
    }

    /// Its command line.
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// The process underneath.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until it is a member: its `ready`.
    pub fn ready(&self) -> Event {
        self.wait("ready", |event| event.is("ready"))
    }

    /// Its id, once it is ready.
    pub fn id(&self) -> String {
        self.ready().text("id")
    }

    /// Where others dial it, once it is ready.
    pub fn address(&self) -> String {
        self.ready().text("address")
    }

    /// The port it listens on, once it is ready.
    ///
    /// # Panics
    ///
    /// If its address has none.
    pub fn port(&self) -> u16 {
        let address = self.address();
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("{address} ends in no port"))
    }

    /// The port on which it serves clients of its gateway, once it is ready.
    ///
    /// # Panics
    ///
    /// If it serves none.
    pub fn gateway(&self) -> u16 {
        let address = self.ready().text("gateway");
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("{address} ends in no port"))
    }

    /// The group in its eyes.
    pub fn view(&self) -> View {
        self.log().view.clone()
    }

    /// All it has reported so far.
    pub fn events(&self) -> Vec<Event> {
        self.log().events.clone()
    }

    /// How many of its events so far are like that.
    pub fn count(&self, like: impl Fn(&Event) -> bool) -> usize {
        self.log().events.iter().filter(|event| like(event)).count()
    }

    /// Waits for an event, unless there was one already.
    ///
    /// # Panics
    ///
    /// If there is none within [`PATIENCE`].
    pub fn wait(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        self.wait_within(PATIENCE, what, wanted)
    }

    /// The same with a limit of its own.
    pub fn wait_within(&self, limit: Duration, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        self.wait_after(0, limit, what, wanted)
    }

    /// The same, but the first events do not count.
    pub fn wait_after(&self, first: usize, limit: Duration, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let look = || {
            let log = self.log();
            let found = log.events.iter().skip(first).find(|event| wanted(event)).cloned();
            found.map(Some).or_else(|| self.process.ended().map(|_| None))
        };
        let found = self.bell.wait(limit, look);
        let name = self.name();
        match found {
            Some(Some(event)) => event,
            Some(None) => panic!("{name} ended without `{what}`"),
            None => panic!("{name} did not report `{what}` within {limit:?}"),
        }
    }

    /// Waits until it has heard a line.
    pub fn hears(&self, text: &str) -> Event {
        self.wait(text, |event| event.is("message") && event["text"] == text)
    }

    /// How often it has reported a line.
    pub fn times_heard(&self, text: &str) -> usize {
        self.count(|event| event.is("message") && event["text"] == text)
    }

    /// Writes one command, or anything else, as a line.
    pub fn tell(&self, line: impl ToString) {
        self.process.write(format!("{}\n", line.to_string()).as_bytes());
    }

    /// Gives a command and waits for its `reply` or `error`.
    ///
    /// # Panics
    ///
    /// If there is none within [`PATIENCE`].
    pub fn ask(&self, mut command: Value) -> Event {
        let reference = json!(format!("question {}", self.refs.fetch_add(1, Ordering::Relaxed)));
        command["ref"] = reference.clone();
        self.tell(&command);
        let answers = |event: &Event| (event.is("reply") || event.is("error")) && event["ref"] == reference;
        self.wait(&format!("the answer to {command}"), answers)
    }

    /// Says a line to everyone: its message id.
    pub fn say(&self, text: &str) -> String {
        self.ask(json!({"do": "say", "text": text})).text("message")
    }

    /// The leader's list.
    ///
    /// # Panics
    ///
    /// If no leader gives one.
    pub fn members(&self) -> Vec<Value> {
        let reply = self.ask(json!({"do": "members"}));
        reply["members"].as_array().unwrap_or_else(|| panic!("{} got no members but {:?}", self.name(), reply)).clone()
    }

    /// How many links of its own it has.
    pub fn links(&self) -> usize {
        let status = self.ask(json!({"do": "status"}));
        let links = status["links"].as_array().into_iter().flatten();
        links.filter(|link| link["state"] == "direct").count()
    }

    /// Kills it with SIGKILL.
    pub fn kill(&self) {
        self.process.signal(Signal::KILL);
        self.process.exit_code();
    }

    /// Stops it with SIGSTOP: it hangs, and its connections stay.
    pub fn stop(&self) {
        self.stopped.store(self.process.stop(), Ordering::Relaxed);
    }

    /// Lets it go on after a stop.
    pub fn resume(&self) {
        self.stopped.store(false, Ordering::Relaxed);
        self.process.signal(Signal::CONT);
    }

    /// Whether it runs: neither ended nor stopped.
    pub fn is_live(&self) -> bool {
        self.process.is_running() && !self.is_stopped()
    }

    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Its memory, in KiB, while it runs.
    pub fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    /// The log, if all in it makes sense.
    fn log(&self) -> MutexGuard<'_, Log> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let nonsense = log.nonsense.clone();
        if let Some(nonsense) = nonsense {
            drop(log);
            panic!("{} reported nonsense: {nonsense}", self.name());
        }
        log
    }
}

impl Log {
    fn take(&mut self, line: &str) {
        let trouble = match serde_json::from_str::<Value>(line) {
            Ok(fields) if fields["event"].is_string() && fields["at"].is_string() => {
                let trouble = self.view.follow(&fields).err();
                self.events.push(Event { seen: Instant::now(), fields });
                trouble
            }
            _ => Some("no event".to_owned()),
        };
        if let (None, Some(trouble)) = (&self.nonsense, trouble) {
            self.nonsense = Some(format!("{trouble}: {line}"));
        }
    }
}

impl Event {
    /// Whether it is of that kind.
    pub fn is(&self, kind: &str) -> bool {
        self.fields["event"] == kind
    }

    /// A field that is a text.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn text(&self, field: &str) -> String {
        let text = self.fields[field].as_str();
        text.unwrap_or_else(|| panic!("`{field}` is no text in {}", self.fields)).to_owned()
    }

    /// All its fields.
    pub fn fields(&self) -> &Value {
        &self.fields
    }
}

impl Index<&str> for Event {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.fields[field]
    }
}
