//! A group of real peers on loopback.

use std::collections::BTreeSet;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::bell::{Bell, PATIENCE};
use crate::launch::Launch;
use crate::peer::Peer;
use crate::view::Seat;

/// How long to wait before asking again for what is reported by no event.
const POLL: Duration = Duration::from_millis(25);

/// A group of its own, and its peers. All are killed when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    group: String,
    bell: Arc<Bell>,
    peers: Vec<Peer>,
}

/// A group name that no other test has.
pub fn unique_group() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Cluster {
    /// A group without anybody in it.
    pub fn empty() -> Self {
        Self { group: unique_group(), bell: Arc::default(), peers: Vec::new() }
    }

    /// The first founds, the others join through it one after the other: they rank in that order. All are linked and agree.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut cluster = Self::empty();
        for name in names {
            cluster.join(name);
        }
        cluster.agree();
        cluster.all_linked();
        cluster
    }

    /// The name of the group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The command line of a peer that founds this group.
    pub fn launch(&self, name: &str) -> Launch {
        Launch::new(name, &self.group)
    }

    /// The command line of a peer that joins through the first that is live; there being none, it founds the group.
    pub fn through_first(&self, name: &str) -> Launch {
        match self.live().first() {
            Some(first) => self.launch(name).leader(first.address()),
            None => self.launch(name),
        }
    }

    /// Starts a peer and does not wait for it.
    pub fn start(&mut self, launch: Launch) -> &Peer {
        self.peers.push(Peer::start(launch, Arc::clone(&self.bell)));
        self.peers.last().expect("it was just added")
    }

    /// Starts a peer that joins through the first that is live, and waits until it is ready.
    pub fn join(&mut self, name: &str) -> &Peer {
        let launch = self.through_first(name);
        let peer = self.start(launch);
        peer.ready();
        peer
    }

    /// The peer that was last started with that name.
    ///
    /// # Panics
    ///
    /// If there was none.
    pub fn peer(&self, name: &str) -> &Peer {
        let found = self.peers.iter().rev().find(|peer| peer.name() == name);
        found.unwrap_or_else(|| panic!("there is no {name} in this test"))
    }

    /// All peers, those that ended included, in the order of their start.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// The peers that run and are not stopped.
    pub fn live(&self) -> Vec<&Peer> {
        self.peers.iter().filter(|peer| peer.is_live()).collect()
    }

    /// Waits until all that live follow the same leader, one of them, and see each other and nobody else.
    ///
    /// # Panics
    ///
    /// If they do not within [`PATIENCE`].
    pub fn agree(&self) -> Seat {
        self.agree_within(PATIENCE)
    }

    /// The same with a limit of its own.
    pub fn agree_within(&self, limit: Duration) -> Seat {
        let agreed = self.bell.wait(limit, || self.agreement());
        agreed.unwrap_or_else(|| panic!("no agreement within {limit:?}:\n{}", self.opinions()))
    }

    /// The same of some that are apart from the others.
    pub fn agree_among(&self, names: &[&str]) -> Seat {
        let peers: Vec<_> = names.iter().map(|name| self.peer(name)).collect();
        let agreed = self.bell.wait(PATIENCE, || agreement_of(&peers));
        let among = names.join(", ");
        agreed.unwrap_or_else(|| panic!("no agreement among {among} within {PATIENCE:?}:\n{}", self.opinions()))
    }

    /// What all that live agree on at this moment, if they do.
    pub fn agreement(&self) -> Option<Seat> {
        agreement_of(&self.live())
    }

    /// Waits for what all that live see as it should be.
    ///
    /// # Panics
    ///
    /// If they do not within [`PATIENCE`].
    pub fn all(&self, what: &str, as_it_should_be: impl Fn(&Peer) -> bool) {
        let look = || self.live().into_iter().all(&as_it_should_be).then_some(());
        self.bell.wait(PATIENCE, look).unwrap_or_else(|| {
            let others = self.live().into_iter().filter(|peer| !as_it_should_be(peer));
            let others: Vec<_> = others.map(Peer::name).collect();
            panic!("not so within {PATIENCE:?} at {}: {what}", others.join(", "));
        });
    }

    /// Waits until each that lives has a link to each other.
    ///
    /// # Panics
    ///
    /// If they have not within [`PATIENCE`].
    pub fn all_linked(&self) {
        self.all_linked_within(PATIENCE);
    }

    /// The same with a limit of its own.
    pub fn all_linked_within(&self, limit: Duration) {
        let began = std::time::Instant::now();
        let live = self.live();
        for peer in &live {
            while peer.links() + 1 != live.len() {
                let links = peer.links();
                assert!(began.elapsed() < limit, "{} has {links} links in a mesh of {}", peer.name(), live.len());
                thread::sleep(POLL);
            }
        }
    }

    /// Says a line at one and waits until every one that lives has heard it.
    pub fn say_to_all(&self, from: &str, text: &str) {
        self.peer(from).say(text);
        for peer in self.live() {
            peer.hears(text);
        }
    }

    /// What each that lives believes, for a failure.
    fn opinions(&self) -> String {
        let opinion = |peer: &&Peer| {
            let view = peer.view();
            let members: Vec<_> = view.members.values().cloned().collect();
            format!("  {} follows {:?} among {}\n", peer.name(), view.leader, members.join(", "))
        };
        self.live().iter().map(opinion).collect()
    }
}

/// What these agree on at this moment, if they do.
fn agreement_of(peers: &[&Peer]) -> Option<Seat> {
    let views: Vec<_> = peers.iter().map(|peer| peer.view()).collect();
    let ids: BTreeSet<_> = views.iter().map(|view| view.me.as_ref()).collect();
    let seat = views.first()?.leader.clone()?;
    let agree = views.iter().all(|view| {
        let members = view.members.keys().map(Some).collect::<BTreeSet<_>>();
        view.leader.as_ref() == Some(&seat) && members == ids
    });
    (agree && ids.contains(&Some(&seat.id))).then_some(seat)
}
