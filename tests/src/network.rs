//! Real networks: every host is a network namespace, and all hosts are plugged into one switch.
//!
//! The switch is a namespace too, and a bridge is all there is in it. So the machine's own network gets no interface, no
//! address and no rule, every network may use the same addresses, and all of it is gone when the [`Network`] is dropped.
//! What the switch does not carry is lost in silence, as where a real cable or router fails: neither end is sent a reset.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, thread};

use crate::launch::Launch;

/// Where every peer listens: its host is its own.
const PORT: u16 = 8000;

/// Where `ip` keeps the namespaces that have names.
const NAMESPACES: &str = "/run/netns";

/// What begins the names of these namespaces, followed by the process that made them.
const PREFIX: &str = "mesh-tests";

/// The pairs of (from, to) that the switch does not carry; nothing is in it yet.
const FIREWALL: &str = "add table bridge mesh; \
    add set bridge mesh cut { type ipv4_addr . ipv4_addr; }; \
    add chain bridge mesh forward { type filter hook forward priority 0; policy accept; }; \
    add rule bridge mesh forward ip saddr . ip daddr @cut drop";

/// Hosts with nothing but each other. The processes in them should be ended before it is dropped.
#[derive(Debug)]
pub struct Network {
    /// What the names of its namespaces begin with.
    prefix: String,
    hosts: BTreeMap<String, Host>,
}

#[derive(Clone, Debug)]
struct Host {
    address: String,
    /// The end of its cable at the switch.
    port: String,
}

impl Network {
    /// A network with these hosts, each of which can reach each other.
    ///
    /// There is none where none may be made: then a line on stderr says so, past whatever captures the output of tests.
    ///
    /// # Panics
    ///
    /// If none may be made, and `MESH_REQUIRE_TOOLS=1` asks that nothing be skipped.
    pub fn of<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        if let Some(reason) = forbidden() {
            assert!(env::var("MESH_REQUIRE_TOOLS").as_deref() != Ok("1"), "no network may be made here: {reason}");
            skip(reason);
            return None;
        }
        let mut network = Self::empty();
        network.build(hosts).unwrap_or_else(|error| panic!("no network: {error}"));
        Some(network)
    }

    /// Puts a peer on the host of its name.
    #[must_use]
    pub fn place(&self, launch: Launch) -> Launch {
        let host = self.host(launch.name());
        let namespace = self.namespace(launch.name());
        launch.inside(namespace).port(PORT).with("--bind", &host.address).switch("--insecure")
    }

    /// From now on nothing passes between these two.
    pub fn cut(&self, one: &str, other: &str) {
        self.split(&[one], &[other]);
    }

    /// From now on nothing that the one sends reaches the other.
    pub fn cut_one_way(&self, from: &str, to: &str) {
        self.drop_between(&[(from, to)]);
    }

    /// From now on nothing passes between hosts of the one side and of the other. It ends everywhere at one instant.
    pub fn split(&self, one: &[&str], other: &[&str]) {
        let across = one.iter().flat_map(|one| other.iter().flat_map(move |other| [(*one, *other), (*other, *one)]));
        self.drop_between(&across.collect::<Vec<_>>());
    }

    /// Ends all cuts and splits.
    pub fn mend(&self) {
        self.at_switch("nft", "flush set bridge mesh cut");
    }

    /// Pulls a host's cable out of the switch.
    pub fn unplug(&self, host: &str) {
        self.at_switch("ip", &format!("link set {} down", self.host(host).port));
    }

    /// Puts it back.
    pub fn plug(&self, host: &str) {
        self.at_switch("ip", &format!("link set {} up", self.host(host).port));
    }

    fn drop_between(&self, pairs: &[(&str, &str)]) {
        let addresses = |(from, to): &(&str, &str)| format!("{} . {}", self.host(from).address, self.host(to).address);
        let pairs: Vec<_> = pairs.iter().map(addresses).collect();
        self.at_switch("nft", &format!("add element bridge mesh cut {{ {} }}", pairs.join(", ")));
    }

    fn at_switch(&self, program: &str, arguments: &str) {
        let switch = self.switch();
        run(&format!("ip netns exec {switch} {program} {arguments}")).unwrap_or_else(|error| panic!("{error}"));
    }

    fn host(&self, name: &str) -> &Host {
        self.hosts.get(name).unwrap_or_else(|| panic!("there is no host {name} in this network"))
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-at-{host}", self.prefix)
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.prefix)
    }

    fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { prefix: format!("{PREFIX}-{}-{count}", process::id()), hosts: BTreeMap::new() }
    }

    fn build<'a>(&mut self, hosts: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
        let switch = self.switch();
        run(&format!("ip netns add {switch}"))?;
        run(&format!("ip -n {switch} link add name bridge type bridge"))?;
        run(&format!("ip -n {switch} link set bridge up"))?;
        run(&format!("ip netns exec {switch} nft {FIREWALL}"))?;
        hosts.into_iter().try_for_each(|name| self.add(name))
    }

    fn add(&mut self, name: &str) -> Result<(), String> {
        let number = self.hosts.len() + 1;
        let host = Host { address: format!("10.77.0.{number}"), port: format!("port{number}") };
        let (switch, inside) = (self.switch(), self.namespace(name));
        let Host { address, port } = &host;
        run(&format!("ip netns add {inside}"))?;
        run(&format!("ip -n {switch} link add {port} type veth peer name eth0 netns {inside}"))?;
        run(&format!("ip -n {switch} link set {port} master bridge up"))?;
        run(&format!("ip -n {inside} link set lo up"))?;
        run(&format!("ip -n {inside} address add {address}/24 dev eth0"))?;
        run(&format!("ip -n {inside} link set eth0 up"))?;
        self.hosts.insert(name.to_owned(), host);
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        remove(|name| name.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('-')));
    }
}

/// Why no network may be made here, if none may, found out by making one.
fn forbidden() -> Option<&'static str> {
    static REASON: OnceLock<Option<String>> = OnceLock::new();
    let reason = REASON.get_or_init(|| {
        remove(|name| maker(name).is_some_and(|pid| !runs(pid)));
        Network::empty().build(["probe"]).err()
    });
    reason.as_deref()
}

/// The process that made a namespace, if it is one of these. One that was killed has left its own behind.
fn maker(namespace: &str) -> Option<&str> {
    namespace.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-').next()
}

/// Whether there is such a process; one that has ended and was not reaped has no program.
fn runs(pid: &str) -> bool {
    Path::new("/proc").join(pid).join("exe").exists()
}

/// Removes the namespaces of such names, and with them whatever is in them.
fn remove(like: impl Fn(&str) -> bool) {
    let names = fs::read_dir(NAMESPACES).into_iter().flatten().flatten().map(|entry| entry.file_name());
    for name in names.filter_map(|name| name.into_string().ok()).filter(|name| like(name)) {
        // A test that fails shall say why, and not that its network could not be removed.
        if let Err(error) = run(&format!("ip netns delete {name}")) {
            eprintln!("{error}");
        }
    }
}

/// Says on the real stderr that the running test is skipped.
fn skip(reason: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    // Nobody is there to be told that nobody can be told.
    let _ = writeln!(io::stderr(), "SKIPPED: {test}: no network may be made here: {reason}");
}

/// Runs a command of the system, whose words have no blanks in them.
fn run(command: &str) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let output = Command::new(program).args(words).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("`{command}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`{command}`: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;
    use std::panic;
    use std::time::{Duration, Instant};

    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

    use super::*;
    use crate::PATIENCE;

    /// A socket on each of three hosts.
    fn three() -> Option<(Network, [UdpSocket; 3])> {
        let network = Network::of(["one", "two", "three"])?;
        let sockets = ["one", "two", "three"].map(|host| socket(&network, host));
        Some((network, sockets))
    }

    /// A socket stays in the namespace of the thread that opened it.
    fn socket(network: &Network, host: &str) -> UdpSocket {
        let (namespace, address) = (network.namespace(host), network.host(host).address.clone());
        let opened = thread::spawn(move || {
            let namespace = File::open(Path::new(NAMESPACES).join(namespace)).unwrap();
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            UdpSocket::bind((address, PORT)).unwrap()
        });
        let socket = opened.join().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        socket
    }

    /// Whether one datagram arrives at once.
    fn reaches(from: &UdpSocket, to: &UdpSocket) -> bool {
        // A host without its cable may be told that there is no way.
        let _ = from.send_to(b"hello", to.local_addr().unwrap());
        to.recv(&mut [0; 8]).is_ok()
    }

    /// Whether one of many does: a cable takes a moment.
    fn reaches_at_last(from: &UdpSocket, to: &UdpSocket) -> bool {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if reaches(from, to) {
                return true;
            }
        }
        false
    }

    fn namespaces(network: &Network) -> usize {
        let names = fs::read_dir(NAMESPACES).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(&format!("{}-", network.prefix))).count()
    }

    #[test]
    fn a_cut_is_of_one_pair_and_of_both_directions() {
        let Some((network, [one, two, three])) = three() else { return };
        assert!(reaches_at_last(&one, &two) && reaches_at_last(&two, &one));
        network.cut("one", "two");
        assert!(!reaches(&one, &two) && !reaches(&two, &one));
        assert!(reaches_at_last(&one, &three) && reaches_at_last(&three, &two));
        network.mend();
        assert!(reaches_at_last(&one, &two) && reaches_at_last(&two, &one));
    }

    #[test]
    fn a_cut_of_one_direction_leaves_the_other() {
        let Some((network, [one, two, _])) = three() else { return };
        network.cut_one_way("one", "two");
        assert!(reaches_at_last(&two, &one));
        assert!(!reaches(&one, &two));
    }

    #[test]
    fn a_host_without_its_cable_is_alone_until_it_is_back() {
        let Some((network, [one, two, three])) = three() else { return };
        network.unplug("one");
        assert!(!reaches(&one, &two) && !reaches(&three, &one));
        assert!(reaches_at_last(&two, &three));
        network.plug("one");
        assert!(reaches_at_last(&one, &two) && reaches_at_last(&three, &one));
    }

    #[test]
    fn nothing_is_left_of_a_network_whose_test_panicked() {
        let Some(network) = Network::of(["one"]) else { return };
        let prefix = network.prefix.clone();
        assert_eq!(namespaces(&network), 2);
        panic::catch_unwind(move || {
            let _network = network;
            panic::resume_unwind(Box::new(()));
        })
        .unwrap_err();
        assert_eq!(namespaces(&Network { prefix, hosts: BTreeMap::new() }), 0);
    }
}
