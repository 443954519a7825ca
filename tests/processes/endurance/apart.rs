//! Groups founded apart, with data directories, that meet while their members are killed at random: at the end there is one history,
//! with everything that was ever confirmed in any of them, once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use mesh_tests::fates::{one_history, taken_back, told_rightly};
use mesh_tests::places::place_of;
use mesh_tests::{Cluster, Peer, Seed, ports, unique_group};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde_json::json;

/// How long a run is by default, but for its last meeting.
const SECONDS: u64 = 10;

/// How long it may take until all are one group, and all that was said has its place, once everybody is back.
const ONE_AGAIN: Duration = Duration::from_secs(90);

/// Groups of these sizes; the first name of each founds it.
const SIDES: [&[&str]; 3] = [&["alice", "bob", "carol"], &["dave", "erin"], &["frank"]];

/// How many seconds somebody who comes back looks for the others.
const RETURN: u32 = 3;

#[test]
fn whatever_is_killed_while_groups_meet_nothing_confirmed_is_lost_and_nothing_is_there_twice() {
    let _alone = super::alone();
    let seconds = env::var("CHAOS_SECONDS").map_or(SECONDS, |text| text.parse().expect("CHAOS_SECONDS is a number"));
    let seed = Seed::from_env("CHAOS_SEED");
    println!("CHAOS_SEED={} CHAOS_SECONDS={seconds}", seed.number());
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut random = seed.generator();
    loop {
        let home = env::temp_dir().join(unique_group());
        fs::create_dir(&home).expect("the scratch directory is writable");
        let mut apart = Apart::found(&mut random, &home);
        let acts = apart.random.random_range(0..10);
        apart.go_wild(acts);
        apart.meet();
        let acts = apart.random.random_range(0..20);
        apart.go_wild(acts);
        apart.end_well();
        // Where it failed, the directories say more.
        let _ = fs::remove_dir_all(&home);
        if until <= Instant::now() {
            return;
        }
    }
}

/// Members of groups that were founded apart.
struct Apart<'a> {
    mesh: Cluster,
    random: &'a mut SmallRng,
    ports: BTreeMap<&'static str, u16>,
    home: PathBuf,
    /// From the meeting on, who starts is given addresses of all sides.
    together: bool,
    lines: u32,
    kills: u32,
}

impl<'a> Apart<'a> {
    /// Each side is a group by itself, in which something is confirmed. Any may be the oldest.
    fn found(random: &'a mut SmallRng, home: &Path) -> Self {
        let ports = SIDES.into_iter().flatten().map(|name| (*name, ports::free())).collect();
        let (mesh, home) = (Cluster::empty(), home.to_owned());
        let mut apart = Self { mesh, random, ports, home, together: false, lines: 0, kills: 0 };
        let mut sides = SIDES;
        sides.shuffle(apart.random);
        for side in sides {
            for name in side {
                apart.start(name);
                apart.mesh.peer(name).ready();
            }
            for _ in 0..apart.random.random_range(1..6) {
                let name = *side.choose(apart.random).expect("a side has members");
                let id = apart.say(name);
                place_of(apart.mesh.peer(name), &id);
            }
        }
        apart
    }

    /// A few faults, some at once, some a moment apart.
    fn go_wild(&mut self, acts: u32) {
        for _ in 0..acts {
            let act = self.act();
            println!("{act}");
            thread::sleep(Duration::from_millis([0, 20, 200, 800][self.random.random_range(0..4)]));
        }
    }

    /// Does one thing and says what. What cannot be done at the moment is drawn again.
    fn act(&mut self) -> String {
        loop {
            let names: Vec<_> = SIDES.into_iter().flatten().copied().collect();
            let name = *names.choose(self.random).expect("there are names");
            let (running, stopped) = (self.mesh.peer(name).process().is_running(), self.mesh.peer(name).is_stopped());
            match (self.random.random_range(0..12), running, stopped) {
                (0..3, true, _) => {
                    self.kill(name);
                    return format!("kill {name}");
                }
                (3, true, false) => {
                    self.mesh.peer(name).stop();
                    return format!("stop {name}");
                }
                (4, true, true) => {
                    self.mesh.peer(name).resume();
                    return format!("resume {name}");
                }
                (5..9, false, _) => {
                    self.start(name);
                    return format!("start {name}");
                }
                (9.., true, false) => {
                    let text = self.fresh_text();
                    self.mesh.peer(name).tell(json!({"do": "say", "text": text}));
                    return format!("say {text} at {name}");
                }
                _ => {}
            }
        }
    }

    /// One that is started again is given addresses of all: it links the sides.
    fn meet(&mut self) {
        self.together = true;
        let names: Vec<_> = SIDES.into_iter().flatten().copied().collect();
        let bridge = *names.choose(self.random).expect("there are names");
        println!("{bridge} links the sides");
        if self.mesh.peer(bridge).process().is_running() {
            self.kill(bridge);
        }
        self.start(bridge);
    }

    /// Everybody is back and says something; all are one group with one history.
    fn end_well(&mut self) {
        println!("rest");
        for name in SIDES.into_iter().flatten() {
            if !self.mesh.peer(name).process().is_running() {
                self.start(name);
            } else if self.mesh.peer(name).is_stopped() {
                self.mesh.peer(name).resume();
            }
        }
        self.mesh.live().iter().for_each(|peer| _ = peer.ready());
        let seat = self.mesh.agree_within(ONE_AGAIN);
        let last: Vec<_> = SIDES.into_iter().flatten().map(|name| self.say(name)).collect();
        let history = one_history(&self.mesh, ONE_AGAIN);
        told_rightly(&self.mesh, &history);
        for id in last {
            assert!(history.iter().any(|line| line.id == id), "{id} was said at last and is lost");
        }
        let back: usize = self.mesh.peers().iter().map(|peer| taken_back(peer).len()).sum();
        let (kills, lines) = (self.kills, history.len());
        println!(
            "{} leads; {kills} kills; {lines} lines in the history of each; {back} told of a lost place",
            seat.name
        );
    }

    fn kill(&mut self, name: &str) {
        self.mesh.peer(name).kill();
        self.kills += 1;
    }

    /// As its own command does; once the sides are to meet, with addresses of all.
    fn start(&mut self, name: &'static str) {
        let directory = self.home.join(name);
        let mut launch = self.mesh.launch(name).port(self.ports[name]).with("--data-dir", directory.display());
        launch = launch.with("--join-timeout", RETURN);
        let side = SIDES.into_iter().find(|side| side.contains(&name)).expect("it is of a side");
        let through: Vec<_> = match (self.together, directory.exists()) {
            (true, _) => self.ports.iter().filter(|(other, _)| **other != name).map(|(_, port)| *port).collect(),
            (false, false) if side[0] != name => vec![self.ports[side[0]]],
            // It founds the group, or remembers the others.
            (false, _) => Vec::new(),
        };
        for port in through {
            launch = launch.leader(format!("127.0.0.1:{port}"));
        }
        self.mesh.start(launch);
    }

    fn say(&mut self, name: &str) -> String {
        let text = self.fresh_text();
        let peer: &Peer = self.mesh.peer(name);
        peer.say(&text)
    }

    fn fresh_text(&mut self) -> String {
        self.lines += 1;
        format!("line {}", self.lines)
    }
}
