//! Members of a mesh, and peers played by hand on a raw socket, for tests that wait for events and never for time.

// Each test file uses its own part of it, and is a crate of its own.
#![allow(dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used)]

pub mod chat;
pub mod raw;
pub mod wire;

use std::time::{Duration, Instant};

use futures::StreamExt;
use transport::runtime::{block_on, timeout};
use transport::{Address, Class, Config, Event, Events, Farewell, Incarnation, Mesh, PeerId, SendError, Unreachable};
use uuid::Uuid;

/// How long any single event is waited for.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// How often links are proved in tests.
pub const HEARTBEAT: Duration = Duration::from_millis(100);

/// A timeout that a loaded machine does not reach, for tests that are not about it.
pub const PATIENT: Duration = Duration::from_secs(8);

/// A timeout for tests that wait for it.
pub const BRISK: Duration = Duration::from_secs(1);

pub fn id(n: u128) -> PeerId {
    PeerId::new(Uuid::from_u128(n))
}

pub fn config(n: u128) -> Config {
    Config { id: id(n), heartbeat: HEARTBEAT, timeout: PATIENT, ..Config::new(format!("peer{n}")) }
}

/// A mesh, its events, and all that were seen.
pub struct Member {
    pub mesh: Mesh,
    events: Events,
    log: Vec<Event>,
}

impl Member {
    pub fn new(n: u128) -> Self {
        Self::start(config(n))
    }

    pub fn start(config: Config) -> Self {
        let (mesh, events) = block_on(Mesh::listen(config)).unwrap();
        Self { mesh, events, log: Vec::new() }
    }

    pub fn brisk(n: u128) -> Self {
        Self::start(Config { timeout: BRISK, ..config(n) })
    }

    pub fn id(&self) -> PeerId {
        self.mesh.me().id
    }

    pub fn address(&self) -> Address {
        self.mesh.me().address.clone()
    }

    /// The next event, or `None` once they have ended.
    pub fn next(&mut self) -> Option<Event> {
        let Some(event) = block_on(timeout(DEADLINE, self.events.next())) else {
            panic!("{:?} waits in vain; it saw {:?}", self.mesh.me().name, self.brief());
        };
        self.log.extend(event.clone());
        event
    }

    /// The first event that `pick` takes; those before it are passed over.
    pub fn until<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            let event = self.next().expect("the events go on");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    }

    pub fn until_reachable(&mut self, peer: PeerId) {
        self.until(|event| matches!(event, Event::Reachable { peer: info, .. } if info.id == peer).then_some(()));
    }

    pub fn until_unreachable(&mut self, peer: PeerId) -> Unreachable {
        self.until(|event| match event {
            Event::Unreachable { peer: lost, reason } if lost == peer => Some(reason),
            _ => None,
        })
    }

    /// Messages from `peer` until one is `last`; that one too.
    pub fn messages_until(&mut self, peer: PeerId, last: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while messages.last().is_none_or(|message: &Vec<u8>| message != last) {
            let frames = self.until(|event| match event {
                Event::Frames { from, frames } if from == peer => Some(frames),
                Event::Unreachable { peer: lost, reason } if lost == peer => panic!("lost meanwhile: {reason}"),
                _ => None,
            });
            messages.extend(frames.iter().map(|frame| frame.to_vec()));
        }
        messages
    }

    pub fn send(&self, to: PeerId, message: &[u8]) {
        self.mesh.send(to, Class::Bulk, message).unwrap();
    }

    /// Takes in the events that wait already, without waiting for more.
    pub fn drain(&mut self) {
        while let Some(event) = self.events.ready() {
            self.log.push(event);
        }
    }

    /// How often `peer` became reachable and unreachable so far.
    pub fn changes(&mut self, peer: PeerId) -> (usize, usize) {
        self.drain();
        let ups =
            self.log.iter().filter(|event| matches!(event, Event::Reachable { peer: info, .. } if info.id == peer));
        let downs =
            self.log.iter().filter(|event| matches!(event, Event::Unreachable { peer: lost, .. } if *lost == peer));
        (ups.count(), downs.count())
    }

    /// Why `peer` was lost, whether that was seen before or is yet to come.
    pub fn lost(&mut self, peer: PeerId) -> Unreachable {
        let seen = self.log.iter().find_map(|event| match event {
            Event::Unreachable { peer: lost, reason } if *lost == peer => Some(*reason),
            _ => None,
        });
        seen.unwrap_or_else(|| self.until_unreachable(peer))
    }

    pub fn linked(&self) -> Vec<PeerId> {
        self.mesh.links().into_iter().filter(|link| link.through.is_none()).map(|link| link.peer.id).collect()
    }

    pub fn close(&self) {
        block_on(self.mesh.close(Farewell::Left, DEADLINE));
    }

    fn brief(&self) -> Vec<String> {
        let brief = |event: &Event| match event {
            Event::Frames { from, frames } => format!("{} frames from {from}", frames.len()),
            other => format!("{other:?}"),
        };
        self.log.iter().rev().take(20).rev().map(brief).collect()
    }
}

/// Two members of the given numbers that are linked.
pub fn pair(low: u128, high: u128) -> (Member, Member) {
    let (mut a, mut b) = (Member::new(low), Member::new(high));
    link(&mut a, &mut b);
    (a, b)
}

pub fn link(a: &mut Member, b: &mut Member) {
    a.mesh.add_seed(b.address());
    a.until_reachable(b.id());
    b.until_reachable(a.id());
}

/// Both say `word`, and both hear it: whatever came before it on the link has arrived.
pub fn exchange(a: &mut Member, b: &mut Member, word: &[u8]) {
    a.send(b.id(), word);
    b.send(a.id(), word);
    a.messages_until(b.id(), word);
    b.messages_until(a.id(), word);
}

/// Sends to a peer that reads nothing until the kernel's buffers and the queue are full; how many bytes that took.
pub fn fill(from: &Member, to: PeerId) -> usize {
    let message = vec![7; 64 * 1024];
    let (mut sent, mut taken) = (0, Instant::now());
    // Full once nothing was taken for a while: a machine too busy to take anything only makes it less full.
    while taken.elapsed() < HEARTBEAT * 3 {
        match from.mesh.send(to, Class::Bulk, &message) {
            Ok(()) => {
                sent += message.len();
                taken = Instant::now();
            }
            Err(error) => assert_eq!(error, SendError::Full),
        }
        std::thread::yield_now();
    }
    sent
}

/// Polls for what has no event, until it holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn run(n: u64) -> Incarnation {
    Incarnation(n)
}
