//! Two groups of one name that were founded apart, and whose networks are joined: the larger one's history stands.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_tests::fates::{one_history, taken_back, told_rightly};
use mesh_tests::places::{eventually, place_of};
use mesh_tests::{Cluster, Launch, Network, Peer};
use serde_json::json;

/// The group that was founded first, and the one that was founded later.
const OLDER: [&str; 3] = ["alice", "bob", "carol"];
const NEWER: [&str; 4] = ["dave", "erin", "frank", "grace"];

/// How many lines everybody says before the two meet.
const ROUNDS: usize = 3;

/// How long two groups may take to be one: each of two leads, one gives way, and its lines are confirmed again.
const ONE_AGAIN: Duration = Duration::from_secs(40);

#[test]
fn of_two_groups_founded_apart_the_larger_stands_and_not_the_older() {
    let Some(sides) = Sides::found(&NEWER) else { return };
    sides.meet_and_the_newer_stands();
}

#[test]
fn an_older_group_that_lost_a_member_gives_way_to_a_larger_one() {
    let Some(sides) = Sides::found(&NEWER[..3]) else { return };
    sides.mesh.peer("carol").kill();
    until_all_vote(&sides.older());
    sides.meet_and_the_newer_stands();
}

#[test]
fn an_older_group_without_a_quorum_gives_way_to_a_smaller_one_that_has_one() {
    let Some(sides) = Sides::found(&NEWER[..2]) else { return };
    let dead = ["alice", "bob"].map(|name| sides.mesh.peer(name));
    dead.iter().for_each(|peer| peer.stop());
    dead.iter().for_each(|peer| peer.kill());
    let carol = sides.mesh.peer("carol");
    carol.wait("no quorum", |event| event.is("quorum") && event["held"] == false);
    let waits = carol.say("does anybody hear me?");
    sides.meet_and_the_newer_stands();
    place_of(carol, &waits);
}

/// Both groups, which cannot reach each other.
struct Sides {
    /// The peers end before their network does.
    mesh: Cluster,
    network: Network,
    newer: Vec<&'static str>,
}

impl Sides {
    /// Each founds and grows by itself. The last of the newer knows addresses of the older, at which it finds nobody yet.
    fn found(newer: &[&'static str]) -> Option<Self> {
        let newer = newer.to_vec();
        let network = Network::of(OLDER.into_iter().chain(newer.iter().copied()))?;
        network.split(&OLDER, &newer);
        let mut mesh = Cluster::empty();
        grow(&mut mesh, &network, &OLDER, |launch| launch);
        let seeds = ["alice", "carol"].map(|name| mesh.peer(name).address());
        let last = *newer.last().expect("the newer has members");
        let knows = |launch: Launch| match launch.name() == last {
            true => seeds.iter().fold(launch, Launch::leader),
            false => launch,
        };
        grow(&mut mesh, &network, &newer, knows);
        mesh.agree_among(&OLDER);
        mesh.agree_among(&newer);
        let sides = Self { mesh, network, newer };
        until_all_vote(&sides.older());
        until_all_vote(&sides.newer());
        Some(sides)
    }

    fn older(&self) -> Vec<&Peer> {
        self.mesh.live().into_iter().filter(|peer| OLDER.contains(&peer.name())).collect()
    }

    fn newer(&self) -> Vec<&Peer> {
        self.mesh.live().into_iter().filter(|peer| self.newer.contains(&peer.name())).collect()
    }

    fn meet_and_the_newer_stands(&self) {
        let given_up = if self.quorum_of_the_older() { talk(&self.older()) } else { BTreeMap::new() };
        let kept = talk(&self.newer());
        self.network.mend();
        self.mesh.agree_within(ONE_AGAIN);
        self.mesh.all_linked();
        let live = self.mesh.live();
        let after: Vec<_> = live.iter().map(|peer| peer.say(&format!("{} met them", peer.name()))).collect();
        let history = one_history(&self.mesh, ONE_AGAIN);
        told_rightly(&self.mesh, &history);
        let places: BTreeMap<_, _> = history.into_iter().map(|line| (line.id, line.index)).collect();
        for (id, place) in &kept {
            assert_eq!(places.get(id), Some(place), "the newer's history stands");
        }
        for id in given_up.keys().chain(&after) {
            assert!(places.contains_key(id), "{id} is lost");
        }
        for peer in self.newer() {
            assert_eq!(taken_back(peer), [""; 0], "at {}", peer.name());
        }
        for peer in self.older() {
            let told = taken_back(peer);
            let missed: Vec<_> = given_up.keys().filter(|id| !told.contains(id)).collect();
            assert!(missed.is_empty(), "{} was not told that these lost their places: {missed:?}", peer.name());
        }
    }

    fn quorum_of_the_older(&self) -> bool {
        self.older().iter().all(|peer| peer.ask(json!({"do": "status"}))["quorum"] == true)
    }
}

/// The first founds, the others join through it.
fn grow(mesh: &mut Cluster, network: &Network, names: &[&'static str], knows: impl Fn(Launch) -> Launch) {
    for name in names {
        let mut launch = network.place(mesh.launch(name));
        if *name != names[0] {
            launch = knows(launch.leader(mesh.peer(names[0]).address()));
        }
        mesh.start(launch).ready();
    }
}

/// Each says some lines, all of which are confirmed to all of these: their places.
fn talk(peers: &[&Peer]) -> BTreeMap<String, u64> {
    let lines = (0..ROUNDS).flat_map(|n| peers.iter().map(move |peer| (peer, format!("{} says {n}", peer.name()))));
    let ids: Vec<_> = lines.map(|(peer, text)| peer.say(&text)).collect();
    let place = |id: &String| peers.iter().map(|peer| place_of(peer, id)).next_back();
    ids.iter().map(|id| (id.clone(), place(id).expect("there is a peer"))).collect()
}

/// Waits until all these vote, and none that is missing does.
fn until_all_vote(peers: &[&Peer]) {
    let knows = |peer: &&Peer| {
        let status = peer.ask(json!({"do": "status"}));
        status["voters"].as_u64() == Some(peers.len() as u64) && status["missing"] == json!([])
    };
    eventually(&format!("{} vote", peers.len()), || peers.iter().all(knows));
}
