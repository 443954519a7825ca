//! How long the lines of a healthy group wait while members of another foundation come, hang, die and come back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, panic};

use mesh_tests::fates::{one_history, taken_back, told_rightly};
use mesh_tests::places::{place_of, until_voters};
use mesh_tests::{Cluster, Launch, Peer, unique_group};

/// The default `--timeout`.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The longest that a line of the healthy group may wait.
const LONGEST: Duration = Duration::from_secs(1).saturating_add(TIMEOUT);

/// How often somebody of the healthy group says a line.
const PACE: Duration = Duration::from_millis(100);

/// How long a stranger hangs: so long that it is out of reach, and so long that it votes no more.
const HANGS: [Duration; 2] = [Duration::from_millis(1_500), Duration::from_secs(6)];

/// How many milliseconds after its start a stranger is killed that does not get far.
const CUT_SHORT: [u64; 4] = [50, 200, 500, 1_200];

const ONE_AGAIN: Duration = Duration::from_secs(30);

const HEALTHY: [&str; 3] = ["alice", "bob", "carol"];

#[test]
fn a_healthy_group_waits_for_no_stranger_that_comes_hangs_dies_and_comes_back() {
    let healthy = Cluster::of(HEALTHY);
    until_voters(&healthy, 3);
    let mut strangers = Strangers::of(&healthy);
    let bob = healthy.peer("bob");
    let waits = talking(bob, || {
        for hangs in HANGS {
            strangers.come_and_go(&["dora"], hangs);
            strangers.come_and_go(&["erin", "fay"], hangs);
        }
        strangers.come_and_die();
    });
    eprintln!(
        "{} lines of a healthy group: the longest wait for a place {:?}, the next {:?}",
        waits.len(),
        waits[0],
        &waits[1..6]
    );
    let history = one_history(&healthy, ONE_AGAIN);
    told_rightly(&healthy, &history);
    assert!(healthy.live().iter().all(|peer| taken_back(peer).is_empty()), "the history of the healthy stands");
    assert!(waits[0].0 < LONGEST, "a line waited for {:?}", waits[0]);
}

/// One says lines all the time while something happens: how long each waited for its place, the longest first, and when it was
/// said, from the beginning.
fn talking(speaker: &Peer, what_happens: impl FnOnce() + Send) -> Vec<(Duration, Duration)> {
    let ended = AtomicBool::new(false);
    let began = Instant::now();
    let said: Vec<_> = thread::scope(|scope| {
        let other = scope.spawn(|| {
            // Also where it fails.
            let _end = Ends(&ended);
            what_happens();
        });
        let mut said = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            let at = Instant::now();
            said.push((at, speaker.say(&format!("line {}", said.len()))));
            thread::sleep(PACE.saturating_sub(at.elapsed()));
        }
        other.join().map_or_else(|why| panic::resume_unwind(why), |()| said)
    });
    place_of(speaker, &said.last().expect("something was said").1);
    let confirmed: BTreeMap<_, _> = speaker
        .events()
        .iter()
        .filter(|event| event.is("confirmed"))
        .map(|event| (event.text("id"), event.seen))
        .collect();
    let waits = said.iter().map(|(at, id)| (confirmed[id] - *at, *at - began));
    let mut waits: Vec<_> = waits.collect();
    waits.sort_unstable();
    waits.reverse();
    waits
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Members that found groups of the same name apart from the healthy one, and then come to it with their histories.
struct Strangers<'a> {
    healthy: &'a Cluster,
    mesh: Cluster,
    home: PathBuf,
    began: Instant,
}

impl<'a> Strangers<'a> {
    fn of(healthy: &'a Cluster) -> Self {
        let home = env::temp_dir().join(unique_group());
        fs::create_dir(&home).expect("the scratch directory is writable");
        Self { healthy, mesh: Cluster::empty(), home, began: Instant::now() }
    }

    /// They found a group, confirm lines and are killed. With the healthy they are one group then; they hang, go on, are
    /// killed, come back, and are killed at last.
    fn come_and_go(&mut self, names: &[&str], hangs: Duration) {
        let names: Vec<_> = names.iter().map(|name| format!("{name}-{}", hangs.as_millis())).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        self.found(&names);
        self.come(&names);
        self.are_in(&names);
        self.tell(&format!("{names:?} hang for {hangs:?}"));
        names.iter().for_each(|name| self.mesh.peer(name).stop());
        thread::sleep(hangs);
        names.iter().for_each(|name| self.mesh.peer(name).resume());
        self.are_in(&names);
        self.kill(&names);
        self.are_in(&[]);
        self.come(&names);
        self.are_in(&names);
        self.kill(&names);
        self.are_in(&[]);
    }

    /// They are killed on the way in.
    fn come_and_die(&mut self) {
        for after in CUT_SHORT {
            let name = format!("gus-{after}");
            self.found(&[&name]);
            self.come(&[&name]);
            thread::sleep(Duration::from_millis(after));
            self.kill(&[&name]);
        }
        self.are_in(&[]);
    }

    fn launch(&self, name: &str) -> Launch {
        Launch::new(name, self.healthy.group()).with("--data-dir", self.home.join(name).display())
    }

    fn found(&mut self, names: &[&str]) {
        for name in names {
            let mut launch = self.launch(name);
            if *name != names[0] {
                launch = launch.leader(self.mesh.peer(names[0]).address());
            }
            self.mesh.start(launch).ready();
        }
        for name in names {
            let id = self.mesh.peer(name).say(&format!("{name} founds"));
            names.iter().for_each(|name| _ = place_of(self.mesh.peer(name), &id));
        }
        self.kill(names);
    }

    fn come(&mut self, names: &[&str]) {
        self.tell(&format!("{names:?} come"));
        for name in names {
            let launch = self.launch(name).leader(self.healthy.peer("alice").address());
            self.mesh.start(launch);
        }
    }

    fn kill(&self, names: &[&str]) {
        self.tell(&format!("{names:?} are killed"));
        names.iter().for_each(|name| self.mesh.peer(name).kill());
    }

    /// Waits until all are one group: the healthy, and these of the strangers.
    fn are_in(&self, names: &[&str]) {
        let mut all: Vec<_> = HEALTHY.iter().chain(names).map(|name| (*name).to_owned()).collect();
        all.sort_unstable();
        let listed = |peer: &Peer| {
            let mut listed: Vec<_> = peer.view().members.into_values().collect();
            listed.sort_unstable();
            listed == all
        };
        self.healthy.all(&format!("{all:?} are one group"), listed);
        let voters = all.len() as u64;
        until_voters(self.healthy, voters);
        let leader = self.healthy.peer("alice").view().leader.map(|seat| seat.name);
        self.tell(&format!("{names:?} are in, and {leader:?} leads"));
    }

    fn tell(&self, what: &str) {
        eprintln!("{:?}: {what}", self.began.elapsed());
    }
}

impl Drop for Strangers<'_> {
    fn drop(&mut self) {
        // What a test leaves behind is no reason for another failure.
        let _ = fs::remove_dir_all(&self.home);
    }
}
