//! The users of gateways in a storm, and what must hold of them.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use mesh_tests::client::{DIRECT, MESSAGE};
use mesh_tests::{Cluster, Peer, Seed};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::guest::{ABSENCE, Guest, Stay, Temper};
use super::monkey::Monkey;

const USERS: [(&str, Temper); 4] =
    [("fay", Temper::Restless), ("gus", Temper::Restless), ("hana", Temper::Restless), ("ivy", Temper::Loyal)];

/// How long to wait before asking again for what is reported by no event.
const POLL: Duration = Duration::from_millis(50);

/// All of them.
pub(crate) struct Guests(Vec<Guest>);

impl Guests {
    /// They come to any of these gateways.
    pub(crate) fn arrive(seed: Seed, gateways: &[u16]) -> Self {
        let mut random = seed.generator();
        let mut random = || SmallRng::seed_from_u64(random.random());
        Self(USERS.map(|(name, temper)| Guest::start(name, temper, gateways.to_vec(), random())).into())
    }

    /// All but those that are loyal to a peer that hangs: they are no members until it goes on.
    fn here(&self, mesh: &Cluster) -> impl Iterator<Item = &Guest> {
        let is_away = |guest: &Guest| guest.stay().is_some_and(|stay| hangs(mesh, &stay));
        self.iter().filter(move |guest| guest.temper() == Temper::Restless || !is_away(guest))
    }

    fn iter(&self) -> impl Iterator<Item = &Guest> {
        self.0.iter()
    }

    /// Nobody says anything by itself any more.
    pub(crate) fn hush(&self) {
        self.iter().for_each(Guest::hush);
    }

    /// In a storm nobody waits for long.
    pub(crate) fn hurry(&self, hasty: bool) {
        self.iter().for_each(|guest| guest.hurry(hasty));
    }

    /// Waits until each is a member at a peer that lives, or loyal to one that hangs; every peer lists each of those that are
    /// members once, there, and nobody lists any other.
    pub(crate) fn are_settled(&self, mesh: &Cluster) {
        let deadline = Instant::now() + ABSENCE;
        while let Err(why) = self.look_settled(mesh) {
            assert!(Instant::now() < deadline, "not settled within {ABSENCE:?}: {why}");
            thread::sleep(POLL);
        }
    }

    fn look_settled(&self, mesh: &Cluster) -> Result<(), String> {
        let live = mesh.live();
        let addresses: BTreeMap<_, _> = live.iter().map(|peer| (peer.gateway(), peer.address())).collect();
        let mut expected = Vec::new();
        let mut lists = Vec::new();
        for guest in self.here(mesh) {
            let stay = guest.stay().ok_or(format!("{} is nowhere", guest.name()))?;
            let address = addresses.get(&stay.port).ok_or(format!("{} is at no live peer", stay.name))?;
            expected.push((stay.name.clone(), address.clone()));
            lists.push((stay.name, stay.listed));
        }
        expected.sort_unstable();
        for peer in live {
            let (users, names) = listed_at(peer)?;
            let mut shown: Vec<_> = peer.view().guests.into_values().collect();
            shown.sort_unstable();
            if users != expected || !shown.iter().eq(expected.iter().map(|(name, _)| name)) {
                return Err(format!("{} lists {users:?} and shows {shown:?} rather than {expected:?}", peer.name()));
            }
            if let Some((name, list)) = lists.iter().find(|(_, list)| *list != names) {
                return Err(format!("{name} is told of {list:?}, {} of {names:?}", peer.name()));
            }
        }
        Ok(())
    }

    /// At rest each says a line, and everybody else hears it, once. Gives the lines.
    pub(crate) fn speak(&self, monkey: &mut Monkey) -> Vec<String> {
        let authors: Vec<_> = self.here(&monkey.mesh).collect();
        let lines: Vec<_> = authors.into_iter().map(|author| (author, monkey.fresh_text())).collect();
        lines.iter().for_each(|(author, text)| author.says(MESSAGE, text));
        for (author, text) in &lines {
            for peer in monkey.mesh.live() {
                peer.hears(text);
                assert_eq!(peer.times_heard(text), 1, "{text} at {}", peer.name());
            }
            let others = self.here(&monkey.mesh).filter(|guest| guest.name() != author.name());
            others.for_each(|guest| guest.hears(MESSAGE, &format!("[{}] {text}", author.called())));
        }
        lines.into_iter().map(|(_, text)| text).collect()
    }

    /// All hear what a peer said.
    pub(crate) fn hear(&self, mesh: &Cluster, author: &str, text: &str) {
        self.here(mesh).for_each(|guest| guest.hears(MESSAGE, &format!("[{author}] {text}")));
    }

    /// At rest each says something to each alone, and to a peer, and it arrives.
    pub(crate) fn speak_to_each_other(&self, mesh: &Cluster) {
        let live = mesh.live();
        let peer = live.first().expect("somebody lives");
        for author in self.here(mesh) {
            let from = author.called();
            for recipient in self.here(mesh) {
                let to = recipient.called();
                let text = format!("psst from {from}, to {to}");
                author.says(DIRECT, &format!("{to} {text}"));
                recipient.hears(DIRECT, &format!("[{from} -> you] {text}"));
            }
            let text = format!("psst from {from}, to {}", peer.name());
            author.says(DIRECT, &format!("{} {text}", peer.name()));
            peer.wait(&text, |event| event.is("private") && event["text"] == text);
        }
    }

    /// The lines that were taken by the peers at which their authors still are, with when.
    pub(crate) fn said_where_they_are(&self) -> Vec<(Instant, String)> {
        self.iter().filter_map(Guest::stay).flat_map(|stay| stay.said).collect()
    }

    /// What one said at one peer is shown in that order, wherever it is.
    pub(crate) fn are_heard_in_order<'a>(&self, whom: &str, shown: impl Iterator<Item = &'a str>) {
        let places: BTreeMap<_, _> = shown.enumerate().map(|(place, text)| (text, place)).collect();
        for stay in self.iter().flat_map(Guest::stays) {
            let lines: Vec<_> = stay.said.iter().filter(|(_, text)| places.contains_key(text.as_str())).collect();
            assert!(lines.is_sorted_by_key(|(_, text)| places[text.as_str()]), "not in order at {whom}: {lines:?}");
        }
    }

    /// Nobody heard a line twice, a line of its own, or a word that was for somebody else.
    pub(crate) fn heard_all_rightly(&self) {
        for guest in self.iter() {
            let stays = guest.stays();
            let names: BTreeSet<_> = stays.iter().map(|stay| stay.name.as_str()).chain([guest.name()]).collect();
            let words = stays.iter().flat_map(|stay| stay.heard_as(DIRECT));
            words_are_for(guest.name(), |to| names.contains(to), words);
            for stay in &stays {
                let lines = stay.heard_as(MESSAGE).filter(|text| text.starts_with('['));
                assert_eq!(first_repeated(lines.clone()), None, "{} heard it twice", stay.name);
                self.are_heard_in_order(&stay.name, lines.filter_map(|line| Some(line.split_once(' ')?.1)));
                let own = stay.said.iter().map(|(_, text)| format!("[{}] {text}", stay.name));
                own.for_each(|own| assert_eq!(stay.times_heard(MESSAGE, &own), 0, "{} heard itself: {own}", stay.name));
            }
            let lines: usize = stays.iter().map(|stay| stay.said.len()).sum();
            println!("{} stays as {names:?}, {lines} lines that a peer took", stays.len());
        }
    }
}

/// Whether somebody is at a peer that hangs.
fn hangs(mesh: &Cluster, stay: &Stay) -> bool {
    let mut members = mesh.peers().iter().filter(|peer| peer.view().me.is_some());
    members.any(|peer| peer.is_stopped() && peer.process().is_running() && peer.gateway() == stay.port)
}

/// What users said to a peer alone it was shown once, and it was for that peer.
pub(crate) fn privates_are_right(peer: &Peer) {
    let events = peer.events();
    let words: Vec<_> = events.iter().filter(|event| event.is("private")).map(|event| event.text("text")).collect();
    words_are_for(peer.name(), |to| to == peer.name(), words.iter().map(String::as_str));
}

fn words_are_for<'a>(whom: &str, is_name: impl Fn(&str) -> bool, words: impl Iterator<Item = &'a str> + Clone) {
    let strange = words.clone().find(|word| !word.rsplit(", to ").next().is_some_and(&is_name));
    assert_eq!(strange, None, "{whom} heard what was for somebody else");
    assert_eq!(first_repeated(words), None, "{whom} heard it twice");
}

fn first_repeated<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    texts.find(|text| !seen.insert(*text))
}

/// A user's name, and its peer's address.
type User = (String, String);

/// The users in the leader's list as a peer has it, and the names of all members.
fn listed_at(peer: &Peer) -> Result<(Vec<User>, Vec<String>), String> {
    let reply = peer.ask(json!({"do": "members"}));
    let members = reply["members"].as_array().ok_or(format!("{} has no list", peer.name()))?;
    let text = |member: &Value, field: &str| member[field].as_str().unwrap_or_default().to_owned();
    let users = members.iter().filter(|member| member["via"] == "gateway");
    let mut users: Vec<_> = users.map(|member| (text(member, "name"), text(member, "address"))).collect();
    users.sort_unstable();
    Ok((users, members.iter().map(|member| text(member, "name")).collect()))
}
