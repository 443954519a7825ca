//! The fate of every line: shown, confirmed, its place taken back, confirmed again; and whether each member was told it rightly.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Cluster, Peer};

/// How long to wait before asking again for what is reported by no event.
const POLL: Duration = Duration::from_millis(100);

/// A line as a history has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its place.
    pub index: u64,
    /// Its message id.
    pub id: String,
    /// The text of it.
    pub text: String,
}

/// Waits until nothing waits to be confirmed at anybody who lives, and all have the same history, which has nothing twice: that one.
///
/// # Panics
///
/// If it is not so in time.
pub fn one_history(mesh: &Cluster, limit: Duration) -> Vec<Line> {
    let began = Instant::now();
    loop {
        let live = mesh.live();
        let stands: Vec<_> = live.iter().map(|peer| peer.ask(json!({"do": "status"}))).collect();
        let done = stands.iter().all(|stand| {
            stand["unconfirmed"] == 0 && stand["quorum"] == true && stand["confirmed"] == stands[0]["confirmed"]
        });
        let histories: Vec<_> = live.iter().filter(|_| done).map(|peer| history(peer)).collect();
        if done && histories.windows(2).all(|two| two[0] == two[1]) {
            eprintln!("one history after {:?}", began.elapsed());
            each_stands_once(&histories[0]);
            return histories[0].clone();
        }
        let news = || live.iter().zip(&stands).map(|(peer, stand)| format!("{}: {}", peer.name(), stand.fields()));
        assert!(
            began.elapsed() < limit,
            "no one history within {limit:?}:\n{}\n{histories:#?}",
            news().collect::<Vec<_>>().join("\n")
        );
        thread::sleep(POLL);
    }
}

/// All the confirmed lines that a peer has.
fn history(peer: &Peer) -> Vec<Line> {
    let page = peer.ask(json!({"do": "history", "from": 1}));
    assert_eq!(page["more"], false, "one page has all");
    let entries = page["entries"].as_array().unwrap_or_else(|| panic!("no entries: {page:?}"));
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let line = |entry: &Value| {
        let index = entry["index"].as_u64()?;
        Some(Line { index, id: text(entry, "id"), text: text(entry, "text") })
    };
    entries.iter().filter_map(line).collect()
}

/// # Panics
///
/// If a place, an id or a text is there twice.
fn each_stands_once(history: &[Line]) {
    assert!(history.is_sorted_by(|one, next| one.index < next.index), "places rise");
    let (mut ids, mut texts) = (BTreeSet::new(), BTreeSet::new());
    for line in history {
        let is_new = ids.insert(&line.id) && texts.insert(&line.text);
        assert!(is_new, "there twice: {line:?}");
    }
}

/// Every member that lives was shown each line once, and told of a place, where it is told of one, that is the line's in this
/// history: one before it was taken back. Whatever was confirmed to anybody who ever lived, and not taken back, is there.
///
/// # Panics
///
/// If that is not so.
pub fn told_rightly(mesh: &Cluster, history: &[Line]) {
    let places: BTreeMap<_, _> = history.iter().map(|line| (line.id.clone(), line.index)).collect();
    for peer in mesh.peers() {
        for (id, place) in places_told(peer) {
            match places.get(&id) {
                Some(stands) if place.is_some_and(|told| told != *stands) && peer.is_live() => {
                    panic!("{} was told that {id} stands at {place:?}, and it does at {stands}", peer.name())
                }
                Some(_) => {}
                None => panic!("{} was told that {id} stands at {place:?}, and it is lost", peer.name()),
            }
        }
        let mut shown = BTreeSet::new();
        for event in peer.events().iter().filter(|event| event.is("message")) {
            let id = event.text("id");
            assert!(!peer.is_live() || places.contains_key(&id), "{} was shown {id}, which is lost", peer.name());
            assert!(shown.insert(id), "{} was shown twice: {:?}", peer.name(), event.fields());
        }
    }
}

/// Where each line stands of which this peer was told a place; none where it was taken back since.
fn places_told(peer: &Peer) -> BTreeMap<String, Option<u64>> {
    let mut told: BTreeMap<String, Option<u64>> = BTreeMap::new();
    for event in peer.events() {
        if event.is("confirmed") {
            let before = told.insert(event.text("id"), event["index"].as_u64()).flatten();
            assert_eq!(before, None, "{} was told twice: {:?}", peer.name(), event.fields());
        } else if event.is("unconfirmed") {
            let before = told.insert(event.text("id"), None).flatten();
            // What an earlier run was told of, which kept it on disk, is news to this one.
            let fits = before.is_none() || before == event["was"].as_u64();
            assert!(fits, "{} was told {:?} of what stands at {before:?}", peer.name(), event.fields());
        }
    }
    told
}

/// The lines whose place was taken back from this peer, in that order.
pub fn taken_back(peer: &Peer) -> Vec<String> {
    peer.events().iter().filter(|event| event.is("unconfirmed")).map(|event| event.text("id")).collect()
}
