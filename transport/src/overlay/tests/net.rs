//! Overlays of several peers, and the links between them: frames in order, each link by itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;

use super::super::*;
use crate::peer::Address;

pub(super) fn id(n: u128) -> PeerId {
    PeerId::new(Uuid::from_u128(n))
}

pub(super) fn info(n: u128, incarnation: u64) -> PeerInfo {
    let address: Address = format!("h:{n}").parse().unwrap();
    PeerInfo { id: id(n), incarnation: Incarnation(incarnation), name: format!("p{n}"), address, priority: 0 }
}

/// What is under way over a link in one direction.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    Up(PeerInfo),
    Links(Message),
    Farewell(u64),
    Down(Unreachable),
}

pub(super) struct Net {
    pub(super) now: Instant,
    pub(super) peers: BTreeMap<PeerId, Overlay>,
    pub(super) queues: BTreeMap<(PeerId, PeerId), VecDeque<Sent>>,
    pub(super) links: BTreeSet<(PeerId, PeerId)>,
    pub(super) events: BTreeMap<PeerId, Vec<Event>>,
    /// How many messages were sent to those that live.
    pub(super) count: usize,
}

impl Net {
    pub(super) fn new(size: u128) -> Self {
        let mut net = Self {
            now: Instant::now(),
            peers: BTreeMap::new(),
            queues: BTreeMap::new(),
            links: BTreeSet::new(),
            events: BTreeMap::new(),
            count: 0,
        };
        (1..=size).for_each(|n| net.start(n, 1));
        net
    }

    /// All linked to all.
    pub(super) fn full(size: u128) -> Self {
        let mut net = Self::new(size);
        for a in 1..=size {
            (1..a).for_each(|b| net.link(a, b));
        }
        net.settle();
        net
    }

    pub(super) fn start(&mut self, n: u128, incarnation: u64) {
        self.peers.insert(id(n), Overlay::new(info(n, incarnation)));
    }

    pub(super) fn peer(&mut self, n: u128) -> &mut Overlay {
        self.peers.get_mut(&id(n)).unwrap()
    }

    pub(super) fn link(&mut self, a: u128, b: u128) {
        self.links.insert((id(a.min(b)), id(a.max(b))));
        for (at, of) in [(a, b), (b, a)] {
            let incarnation = self.peers[&id(of)].incarnation.0;
            self.queues.entry((id(of), id(at))).or_default().push_back(Sent::Up(info(of, incarnation)));
        }
    }

    /// A link breaks: what was under way over it is lost, and each end notices in its own time.
    pub(super) fn cut(&mut self, a: u128, b: u128, reason: Unreachable) {
        self.links.remove(&(id(a.min(b)), id(a.max(b))));
        for (at, of) in [(a, b), (b, a)] {
            let queue = self.queues.entry((id(of), id(at))).or_default();
            queue.retain(|sent| matches!(sent, Sent::Up(_) | Sent::Down(_)));
            queue.push_back(Sent::Down(reason));
        }
    }

    /// A peer says goodbye to all.
    pub(super) fn leave(&mut self, n: u128) {
        let version = self.peer(n).leave();
        self.drain(id(n));
        let links: Vec<_> = self.links.iter().copied().filter(|(a, b)| *a == id(n) || *b == id(n)).collect();
        for (a, b) in links {
            self.links.remove(&(a, b));
            let to = if a == id(n) { b } else { a };
            let queue = self.queues.entry((id(n), to)).or_default();
            queue.extend([Sent::Farewell(version), Sent::Down(Unreachable::Left)]);
        }
        self.peers.remove(&id(n));
    }

    /// Delivers what is first from one to the other.
    pub(super) fn deliver(&mut self, from: PeerId, to: PeerId) {
        let Some(sent) = self.queues.get_mut(&(from, to)).and_then(VecDeque::pop_front) else { return };
        let (now, Some(peer)) = (self.now, self.peers.get_mut(&to)) else { return };
        match sent {
            Sent::Up(info) => peer.handle_link_up(&info, now),
            // Over the wire and back.
            Sent::Links(message) => {
                let bytes = crate::codec::encode(&message).unwrap();
                peer.handle_message(from, crate::codec::decode(&bytes).unwrap(), now);
            }
            Sent::Farewell(version) => peer.handle_farewell(from, Farewell::Left, version, now),
            Sent::Down(reason) => peer.handle_link_down(from, reason, now),
        }
        self.drain(to);
    }

    fn drain(&mut self, at: PeerId) {
        let living: BTreeSet<_> = self.peers.keys().copied().collect();
        let Some(peer) = self.peers.get_mut(&at) else { return };
        while let Some((to, message)) = peer.poll_transmit() {
            for to in to {
                self.count += usize::from(living.contains(&to));
                // Over a link that the sender has not noticed to be broken, it is lost.
                if self.links.contains(&(at.min(to), at.max(to))) {
                    self.queues.entry((at, to)).or_default().push_back(Sent::Links(message.clone()));
                }
            }
        }
        self.events.entry(at).or_default().extend(std::iter::from_fn(|| peer.poll_event()));
    }

    pub(super) fn busy(&self) -> Vec<(PeerId, PeerId)> {
        self.queues.iter().filter(|(_, queue)| !queue.is_empty()).map(|(pair, _)| *pair).collect()
    }

    /// Lets a while pass, and whatever is due happen.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        for peer in self.peers.keys().copied().collect::<Vec<_>>() {
            self.peers.get_mut(&peer).unwrap().handle_timeout(self.now);
            self.drain(peer);
        }
    }

    /// Every link's ends see each other's hash.
    pub(super) fn ping(&mut self) {
        for (a, b) in self.links.clone() {
            for (from, to) in [(a, b), (b, a)] {
                let Some(hash) = self.peers.get_mut(&from).map(Overlay::table_hash) else { continue };
                if let Some(peer) = self.peers.get_mut(&to) {
                    peer.handle_hash(from, hash, self.now);
                    self.drain(to);
                }
            }
        }
    }

    /// Delivers everything, and what follows from it.
    pub(super) fn settle(&mut self) {
        for _ in 0..5 {
            while let Some((from, to)) = self.busy().first().copied() {
                self.deliver(from, to);
            }
            self.pass(Duration::from_secs(1));
        }
    }

    /// Tables compared until they agree.
    pub(super) fn repair(&mut self) {
        for _ in 0..6 {
            self.ping();
            self.settle();
        }
    }

    pub(super) fn told(&mut self, n: u128) -> Vec<Event> {
        self.events.remove(&id(n)).unwrap_or_default()
    }

    /// Whom `n` can reach, as numbers: through whom.
    pub(super) fn ways(&self, n: u128) -> Vec<(u128, u128)> {
        let peer = &self.peers[&id(n)];
        let way = |to: &PeerInfo| match peer.route(to.id).unwrap() {
            Route::Direct => (to.id.uuid().as_u128(), to.id.uuid().as_u128()),
            Route::Through(next, _) => (to.id.uuid().as_u128(), next.uuid().as_u128()),
        };
        let mut ways: Vec<_> = peer.reachable().map(way).collect();
        ways.sort_unstable();
        ways
    }
}
