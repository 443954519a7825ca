//! What happened, as cheap entries that are made readable only when somebody reads them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use node::group::Output;
use transport::{PeerId, Unreachable};

use super::Place;

/// How many entries are kept for the story of a failure.
const RECENT: usize = 4000;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// Something was done to the world.
    Act(String),
    /// A link came up at one end.
    Up(Place, PeerId),
    /// A link ended at one end.
    Down(Place, PeerId, Unreachable),
    /// A peer can be reached, by a link or not; or by another way.
    Reached(Place, PeerId, bool),
    /// A peer cannot be reached.
    Lost(Place, PeerId, Unreachable),
    /// A message was sent, to the first of so many.
    Sent(Place, PeerId, usize, &'static str),
    /// Messages were handed to a mind.
    Got(Place, PeerId, &'static str, usize),
    /// A mind looked at its timers.
    Woke(Place),
    /// A mind wants something else done.
    Told(Place, Box<Output>),
}

/// The story of one run.
#[derive(Debug)]
pub struct Trace {
    entries: VecDeque<(Duration, Entry)>,
    limit: usize,
    echo: bool,
    names: BTreeMap<PeerId, String>,
}

impl Trace {
    pub(super) fn new() -> Self {
        let echo = std::env::var_os("SIM_TRACE").is_some();
        Self { entries: VecDeque::new(), limit: RECENT, echo, names: BTreeMap::new() }
    }

    /// Keeps everything from here on.
    pub(super) fn keep_all(&mut self) {
        self.limit = usize::MAX;
    }

    /// How a peer is called in it.
    pub(super) fn call(&mut self, peer: PeerId, name: String) {
        self.names.insert(peer, name);
    }

    pub(super) fn name(&self, peer: PeerId) -> String {
        self.names.get(&peer).cloned().unwrap_or_else(|| peer.to_string())
    }

    pub(super) fn note(&mut self, at: Duration, entry: Entry) {
        if self.echo {
            eprintln!("{}", self.line(at, &entry));
        }
        if self.entries.len() >= self.limit {
            self.entries.pop_front();
        }
        self.entries.push_back((at, entry));
    }

    /// The last so many entries, a line each.
    pub fn tail(&self, count: usize) -> String {
        let from = self.entries.len().saturating_sub(count);
        let mut text = String::new();
        for (at, entry) in self.entries.range(from..) {
            let _ = writeln!(text, "{}", self.line(*at, entry));
        }
        text
    }

    fn line(&self, at: Duration, entry: &Entry) -> String {
        let name = |peer: &PeerId| self.name(*peer);
        let what = match entry {
            Entry::Act(what) => format!("-- {what}"),
            Entry::Up(at, peer) => format!("{at} link to {} is up", name(peer)),
            Entry::Down(at, peer, why) => format!("{at} link to {} ended: {why}", name(peer)),
            Entry::Reached(at, peer, true) => format!("{at} reaches {}", name(peer)),
            Entry::Reached(at, peer, false) => format!("{at} reaches {} through others", name(peer)),
            Entry::Lost(at, peer, why) => format!("{at} lost {}: {why}", name(peer)),
            Entry::Sent(at, to, 1, kind) => format!("{at} -> {} {kind}", name(to)),
            Entry::Sent(at, to, count, kind) => format!("{at} -> {} and {} others {kind}", name(to), count - 1),
            Entry::Got(at, from, kind, 1) => format!("{at} <- {} {kind}", name(from)),
            Entry::Got(at, from, kind, count) => format!("{at} <- {} {kind} and {} more", name(from), count - 1),
            Entry::Woke(at) => format!("{at} looks at its timers"),
            Entry::Told(at, output) => format!("{at} says {}", self.readable(&format!("{output:?}"))),
        };
        format!("{:>10.4} {what}", at.as_secs_f64())
    }

    /// A text with the names of peers instead of their ids.
    pub(super) fn readable(&self, text: &str) -> String {
        let ids = self.names.iter().filter(|(peer, _)| text.contains(&peer.to_string()));
        ids.fold(text.to_owned(), |text, (peer, name)| text.replace(&peer.to_string(), name))
    }
}
