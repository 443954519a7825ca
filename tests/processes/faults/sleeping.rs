//! A member that sleeps while its group ends, and is begun anew without it: it wakes into the new one.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use mesh_tests::fates::{one_history, taken_back, told_rightly};
use mesh_tests::places::{place_of, until_voters};
use mesh_tests::{Cluster, Launch, ports, unique_group};
use rustix::process::Signal;

/// How long the sleeper sleeps; and where `MESH_LONG=1` asks for it, so long that it is forgotten by whoever lives.
const SLEEP: Duration = Duration::from_secs(1);
const LONG_SLEEP: Duration = Duration::from_secs(70);

/// How long it may take after the sleeper is awake until all is one: an election, a hold, and a voter that is waited for.
const ONE_AGAIN: Duration = Duration::from_secs(30);

/// These two end, and are started again while the third sleeps.
const RESTARTED: [&str; 2] = ["alice", "bob"];
const SLEEPER: &str = "carol";

#[test]
fn a_sleeper_of_a_dead_group_takes_no_quorum_from_a_healthy_one() {
    wakes_into_another_group(["alice", "bob", SLEEPER]);
}

#[test]
fn a_sleeper_that_led_a_dead_group_takes_no_quorum_from_a_healthy_one() {
    wakes_into_another_group([SLEEPER, "alice", "bob"]);
}

#[test]
fn a_sleeper_of_a_group_that_was_restarted_with_its_disks_is_a_member_as_before() {
    wakes_into_its_own_group(["alice", "bob", SLEEPER]);
}

#[test]
fn a_sleeper_that_led_a_group_that_was_restarted_with_its_disks_is_a_member_as_before() {
    wakes_into_its_own_group([SLEEPER, "alice", "bob"]);
}

fn wakes_into_another_group(names: [&str; 3]) {
    let mut night = Night::fall(names, None);
    let lost = night.say_each("of the evening");
    night.sleep();
    night.end_two();
    night.begin_two_anew();
    let said = night.say_each("of the morning");
    night.wake();
    let later = night.say_each("of the day");
    let history = one_history(&night.mesh, ONE_AGAIN);
    told_rightly(&night.mesh, &history);
    let stands = |id: &String| history.iter().any(|line| line.id == *id);
    assert!(said.iter().chain(&later).all(stands), "what the healthy group said stands");
    assert!(lost.iter().all(stands), "what was confirmed before is offered again by the one that knows it");
    // The healthy two keep their places; the sleeper is told of each line that loses its own.
    assert!(RESTARTED.iter().all(|name| taken_back(night.mesh.peer(name)).is_empty()));
    // The last of them first.
    let told: Vec<_> = taken_back(night.mesh.peer(SLEEPER)).into_iter().rev().collect();
    assert_eq!(told, lost);
}

fn wakes_into_its_own_group(names: [&str; 3]) {
    let home = env::temp_dir().join(unique_group());
    let mut night = Night::fall(names, Some(home));
    let mut said = night.say_each("of the evening");
    night.sleep();
    night.end_two();
    night.begin_two_anew();
    said.extend(night.say_each("of the morning"));
    night.wake();
    said.extend(night.say_each("of the day"));
    let history = one_history(&night.mesh, ONE_AGAIN);
    told_rightly(&night.mesh, &history);
    let ids: Vec<_> = history.into_iter().map(|line| line.id).collect();
    assert_eq!(ids, said, "all is where it was said");
    assert!(night.mesh.peers().iter().all(|peer| taken_back(peer).is_empty()));
}

/// A group, and where its members are started again.
struct Night {
    mesh: Cluster,
    ports: [(&'static str, u16); 2],
    home: Option<PathBuf>,
}

impl Night {
    /// Three that vote. Those that are to be started again listen where they will then.
    fn fall(names: [&str; 3], home: Option<PathBuf>) -> Self {
        if let Some(home) = &home {
            fs::create_dir(home).expect("the scratch directory is writable");
        }
        let ports = RESTARTED.map(|name| (name, ports::free()));
        let mut night = Self { mesh: Cluster::empty(), ports, home };
        for name in names {
            let launch = night.fitted(night.mesh.through_first(name));
            night.mesh.start(launch).ready();
        }
        night.mesh.agree();
        night.mesh.all_linked();
        until_voters(&night.mesh, 3);
        night
    }

    /// With its own port and directory.
    fn fitted(&self, launch: Launch) -> Launch {
        let port = self.ports.iter().find(|(name, _)| *name == launch.name()).map_or(0, |(_, port)| *port);
        let launch = launch.port(port);
        let Some(home) = &self.home else { return launch };
        let directory = home.join(launch.name());
        launch.with("--data-dir", directory.display())
    }

    /// Each that is awake says a line, and all that are awake are told its place: their ids, by place.
    fn say_each(&self, when: &str) -> Vec<String> {
        let awake = self.mesh.live();
        let ids: Vec<_> = awake.iter().map(|peer| peer.say(&format!("{} {when}", peer.name()))).collect();
        let places = ids.iter().map(|id| {
            let places: Vec<_> = awake.iter().map(|peer| place_of(peer, id)).collect();
            (places[0], id.clone())
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places.into_iter().map(|(_, id)| id).collect()
    }

    fn sleep(&self) {
        self.mesh.peer(SLEEPER).stop();
        thread::sleep(if env::var("MESH_LONG").as_deref() == Ok("1") { LONG_SLEEP } else { SLEEP });
    }

    /// Stopped first: neither sees the other die.
    fn end_two(&self) {
        let two = RESTARTED.map(|name| self.mesh.peer(name));
        two.iter().for_each(|peer| peer.stop());
        two.iter().for_each(|peer| assert!(peer.process().signal(Signal::KILL)));
        two.iter().for_each(|peer| _ = peer.process().exit_code());
    }

    /// By their usual commands: the one founds, unless it has a history, and the other joins through it.
    fn begin_two_anew(&mut self) {
        let [(founder, port), (joins, _)] = self.ports;
        let launch = self.fitted(self.mesh.launch(founder));
        self.mesh.start(launch);
        let launch = self.fitted(self.mesh.launch(joins)).leader(format!("127.0.0.1:{port}"));
        self.mesh.start(launch);
        RESTARTED.iter().for_each(|name| _ = self.mesh.peer(name).ready());
        self.mesh.agree_among(&RESTARTED);
    }

    fn wake(&self) {
        let woken = Instant::now();
        self.mesh.peer(SLEEPER).resume();
        self.mesh.agree_within(ONE_AGAIN);
        eprintln!("all are one group {:?} after the sleeper woke", woken.elapsed());
    }
}

impl Drop for Night {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            // What a test leaves behind is no reason for another failure.
            let _ = fs::remove_dir_all(home);
        }
    }
}
