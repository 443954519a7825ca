//! The hand that kills, stops, resumes and restarts at random.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mesh_tests::{Cluster, Peer, ports};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use serde_json::json;

/// Whoever is started again has the same name and the same ports.
const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

/// How many seconds somebody who comes back looks for the others.
const RETURN: u32 = 3;

/// Five peers, of which at least one always lives, unless they have disks.
pub(crate) struct Monkey {
    pub(crate) mesh: Cluster,
    random: SmallRng,
    ports: BTreeMap<&'static str, u16>,
    /// On which they serve gateways.
    gateways: BTreeMap<&'static str, u16>,
    /// Where they keep their histories, if they do.
    disks: Option<PathBuf>,
    lines: u64,
    pub(crate) kills: u32,
}

impl Monkey {
    /// Five peers that agree, and what is to happen to them.
    pub(crate) fn new(random: SmallRng) -> Self {
        Self::with(random, None)
    }

    /// The same of peers that keep their histories below a directory: all of them may die, and come back as who they were.
    pub(crate) fn with_disks(random: SmallRng, disks: PathBuf) -> Self {
        Self::with(random, Some(disks))
    }

    fn with(random: SmallRng, disks: Option<PathBuf>) -> Self {
        let [ports, gateways] = [(); 2].map(|()| NAMES.map(|name| (name, ports::free())).into());
        let mut monkey = Self { mesh: Cluster::empty(), random, ports, gateways, disks, lines: 0, kills: 0 };
        monkey.restart_all();
        monkey
    }

    /// Does one thing to somebody and says what. What cannot be done at the moment is drawn again.
    pub(crate) fn act(&mut self) -> String {
        loop {
            let done = match self.random.random_range(0..12) {
                0..3 => self.kill(),
                3..5 => self.stop(),
                5..7 => self.resume(),
                7..10 => self.restart(),
                _ => self.say_anything(),
            };
            if let Some(done) = done {
                return done;
            }
        }
    }

    fn kill(&mut self) -> Option<String> {
        let running = [self.live_names(), self.stopped_names()].concat();
        let name = *running.choose(&mut self.random)?;
        self.spares(name).then(|| {
            self.mesh.peer(name).kill();
            self.kills += 1;
            format!("kill {name}")
        })
    }

    fn stop(&mut self) -> Option<String> {
        let name = *self.live_names().choose(&mut self.random)?;
        self.spares(name).then(|| {
            self.mesh.peer(name).stop();
            format!("stop {name}")
        })
    }

    fn resume(&mut self) -> Option<String> {
        let name = *self.stopped_names().choose(&mut self.random)?;
        self.mesh.peer(name).resume();
        Some(format!("resume {name}"))
    }

    fn restart(&mut self) -> Option<String> {
        let dead = self.dead_names();
        let name = *dead.choose(&mut self.random)?;
        self.start(name);
        Some(format!("restart {name}"))
    }

    fn say_anything(&mut self) -> Option<String> {
        let name = *self.live_names().choose(&mut self.random)?;
        self.lines += 1;
        self.mesh.peer(name).tell(json!({"do": "say", "text": format!("line {}", self.lines)}));
        Some(format!("say at {name}"))
    }

    /// Lets everybody run again.
    pub(crate) fn resume_all(&mut self) {
        while self.resume().is_some() {}
    }

    /// Starts everybody who is dead.
    pub(crate) fn restart_all(&mut self) {
        for name in self.dead_names() {
            self.start(name);
            self.mesh.peer(name).ready();
        }
    }

    /// Kills everybody at once.
    pub(crate) fn kill_all(&mut self) {
        self.resume_all();
        for peer in self.mesh.live() {
            peer.kill();
            self.kills += 1;
        }
    }

    /// The ports on which all serve gateways, while they live.
    pub(crate) fn gateways(&self) -> Vec<u16> {
        self.gateways.values().copied().collect()
    }

    /// A text that nobody has said.
    pub(crate) fn fresh_text(&mut self) -> String {
        self.lines += 1;
        format!("line {}", self.lines)
    }

    /// A name may be asked for once its last holder is known to be dead: until then it would rightly be refused.
    fn start(&mut self, name: &'static str) {
        let mut launch = self.mesh.launch(name).port(self.ports[name]).with("--gateway", self.gateways[name]);
        if let Some(disks) = &self.disks {
            let disk = disks.join(name);
            launch = launch.with("--data-dir", disk.display());
            // Who has been here before remembers the others, and goes on alone if nobody answers.
            launch = launch.with("--join-timeout", RETURN);
            if let Some(member) = self.members().first().filter(|_| !disk.exists()) {
                launch = launch.leader(format!("127.0.0.1:{}", self.ports[member]));
            }
            self.mesh.start(launch);
            return;
        }
        self.mesh.all(&format!("{name} is known to be dead"), |peer| {
            !peer.view().members.values().any(|member| member == name)
        });
        if !self.members().is_empty() {
            for port in self.ports.values() {
                launch = launch.leader(format!("127.0.0.1:{port}"));
            }
        }
        self.mesh.start(launch);
    }

    /// Whether somebody else lives who can let others in: a group must not end, nobody could join it then.
    fn spares(&self, name: &str) -> bool {
        self.disks.is_some() || self.members().iter().any(|member| *member != name)
    }

    /// Those that live and have been admitted.
    fn members(&self) -> Vec<&'static str> {
        self.names(|peer| peer.is_some_and(|peer| peer.is_live() && peer.view().me.is_some()))
    }

    fn live_names(&self) -> Vec<&'static str> {
        self.names(|peer| peer.is_some_and(Peer::is_live))
    }

    fn stopped_names(&self) -> Vec<&'static str> {
        self.names(|peer| peer.is_some_and(|peer| peer.process().is_running() && peer.is_stopped()))
    }

    fn dead_names(&self) -> Vec<&'static str> {
        self.names(|peer| peer.is_none_or(|peer| !peer.process().is_running()))
    }

    /// The names whose last holder is like that.
    fn names(&self, like: impl Fn(Option<&Peer>) -> bool) -> Vec<&'static str> {
        let holder = |name: &str| self.mesh.peers().iter().rev().find(|peer| peer.name() == name);
        NAMES.into_iter().filter(|name| like(holder(name))).collect()
    }
}
