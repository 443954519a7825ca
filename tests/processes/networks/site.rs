//! A group whose peers have a host each.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use mesh_tests::{Cluster, Network, PATIENCE, Peer};
use serde_json::{Value, json};

/// Alice founds and leads; the others rank in this order.
pub(crate) const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

/// How long to wait before asking again for a peer's links, of which no event tells.
const POLL: Duration = Duration::from_millis(50);

/// How long the members take at most to tell each other of their links, of which no event tells either: a fault may come
/// later. They gather them for some 10 ms.
const SETTLED: Duration = Duration::from_millis(500);

/// Rounds of lines, a moment apart: together they outlast the silence that is borne, and the hold of a higher rank.
const ROUNDS: usize = 6;
pub(crate) const BETWEEN_ROUNDS: Duration = Duration::from_millis(400);

/// A group on a network of its own, and every line that was said in it.
pub(crate) struct Site {
    /// The peers end before their network does.
    pub(crate) mesh: Cluster,
    pub(crate) network: Network,
    lines: Vec<String>,
    /// How much each had been told of the group when it was complete.
    told: Vec<usize>,
}

impl Site {
    /// The first founds, the others join through it. All are linked directly and agree. None where no network may be made.
    pub(crate) fn of(names: &[&str]) -> Option<Self> {
        let network = Network::of(names.iter().copied())?;
        let mut mesh = Cluster::empty();
        for name in names {
            let launch = network.place(mesh.through_first(name));
            mesh.start(launch).ready();
        }
        let mut site = Self { mesh, network, lines: Vec::new(), told: Vec::new() };
        assert_eq!(site.mesh.agree().name, names[0]);
        site.all_direct();
        thread::sleep(SETTLED);
        site.told = site.mesh.live().iter().map(|peer| told(peer).len()).collect();
        Some(site)
    }

    /// Waits until everybody is linked directly to everybody.
    pub(crate) fn all_direct(&self) {
        self.relayed_are(&[]);
    }

    /// Waits until just these pairs reach each other through somebody else, at both ends, and all others directly.
    pub(crate) fn relayed_are(&self, pairs: &[(&str, &str)]) {
        let pairs = pairs.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]);
        let relayed: BTreeSet<_> = pairs.collect();
        let began = Instant::now();
        for peer in self.mesh.live() {
            let others = self.mesh.live().into_iter().filter(|other| other.name() != peer.name());
            let wanted = others.map(|other| (other.name().to_owned(), relayed.contains(&(peer.name(), other.name()))));
            let wanted: BTreeMap<_, _> = wanted.collect();
            while links(peer) != wanted {
                let links = links(peer);
                let late = began.elapsed() > PATIENCE;
                assert!(!late, "{} relays {links:?}, not {wanted:?}, after {PATIENCE:?}", peer.name());
                thread::sleep(POLL);
            }
        }
        eprintln!("the links were so after {:?}", began.elapsed());
    }

    /// Each says a line, and nobody waits for it to be heard.
    pub(crate) fn everybody_speaks(&mut self) {
        for peer in self.mesh.live() {
            let text = format!("line {} of {}", self.lines.len(), peer.name());
            peer.say(&text);
            self.lines.push(text);
        }
    }

    /// Everybody talks for a while, and is heard by everybody before going on.
    pub(crate) fn everybody_talks(&mut self) {
        for _ in 0..ROUNDS {
            self.everybody_speaks();
            self.everything_is_heard();
            thread::sleep(BETWEEN_ROUNDS);
        }
    }

    /// Each of these says a line, and all of these hear it.
    pub(crate) fn talk_among(&mut self, names: &[&str]) {
        for name in names {
            let text = format!("line {} of {name}, among {}", self.lines.len(), names.len());
            self.mesh.peer(name).say(&text);
            for other in names {
                self.mesh.peer(other).hears(&text);
            }
            self.lines.push(text);
        }
    }

    /// Every line that was ever said is shown to everybody once: also after some more were, behind which a second copy would stand.
    pub(crate) fn everything_was_shown_once(&mut self) {
        self.everything_is_heard();
        self.everybody_speaks();
        self.everything_is_heard();
        for peer in self.mesh.live() {
            for line in &self.lines {
                assert_eq!(peer.times_heard(line), 1, "{line} at {}", peer.name());
            }
        }
    }

    fn everything_is_heard(&self) {
        for peer in self.mesh.live() {
            for line in &self.lines {
                peer.hears(line);
            }
        }
    }

    /// Since the group was complete nobody was told of another leader, of anybody who left or joined, or of any other change.
    pub(crate) fn nobody_noticed(&self) {
        for (peer, before) in self.mesh.live().iter().zip(&self.told) {
            let news = told(peer).split_off(*before);
            assert!(news.is_empty(), "{} was told of {news:#?}", peer.name());
            assert_eq!(peer.count(|event| event.is("leader")), 1, "at {}", peer.name());
        }
    }
}

impl Drop for Site {
    /// The last lines of a peer are answers about its links; what it was told before says why a test failed.
    fn drop(&mut self) {
        if thread::panicking() {
            for peer in self.mesh.peers() {
                eprintln!("--- {} was told\n{}", peer.name(), told(peer).join("\n"));
            }
        }
    }
}

/// Whatever a peer was told of its group: all but lines that somebody said, their places, and answers.
fn told(peer: &Peer) -> Vec<String> {
    let of_the_group = |line: &String| {
        let event = serde_json::from_str::<Value>(line).unwrap_or_default();
        !["message", "confirmed", "reply"].iter().any(|kind| event["event"] == *kind)
    };
    peer.process().stdout().into_iter().filter(of_the_group).collect()
}

/// Whom a peer reaches, by name, and whether through somebody else, who must be another member.
fn links(peer: &Peer) -> BTreeMap<String, bool> {
    let status = peer.ask(json!({"do": "status"}));
    let links = status["links"].as_array().expect("a status has links");
    let relayed = |link: &Value| match (link["state"].as_str(), link["through"].as_str()) {
        (Some("direct"), None) => false,
        (Some("relayed"), Some(through)) if through != peer.name() && link["name"] != through => true,
        _ => panic!("{} has a link that makes no sense: {link}", peer.name()),
    };
    links.iter().map(|link| (link["name"].as_str().unwrap_or_default().to_owned(), relayed(link))).collect()
}
