//! What a mesh knows at one moment: its links, who is about to be linked, and who is to be dialled.
//!
//! Every change is made under one lock that is never held across a wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared as SharedFuture;
use rand::RngExt;
use tracing::debug;

use crate::accept::SILENT_LIMIT;
use crate::arbiter::{self, Standing};
use crate::beat::Beat;
use crate::congestion::Congestion;
use crate::control::Refusal;
use crate::dial::{self, Target};
use crate::event::{Event, Unreachable};
use crate::events::Outlet;
use crate::handshake::{Acquainted, Identity};
use crate::link::{Link, lock};
use crate::overlay::Overlay;
use crate::peer::{Address, PeerId, PeerInfo};
use crate::runtime::{self, TcpStream};

/// How many members' addresses are kept to be dialled. Above it the oldest id that is not linked is forgotten.
const BOOK_LIMIT: usize = 4096;

/// How long the higher id leaves the first dial to the lower one, so that two members that hear of each other at the
/// same time don't both connect.
const COURTESY: Duration = Duration::from_millis(500);

/// After a link was lost, all members dial at once; this much jitter spreads them.
const REDIAL_JITTER: Duration = Duration::from_millis(20);

/// How often an owner that is far behind is looked at.
const HEED: Duration = Duration::from_millis(10);

/// What the tasks of one mesh share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) identity: Identity,
    pub(crate) heartbeat: Duration,
    pub(crate) timeout: Duration,
    pub(crate) congestion: Arc<Congestion>,
    pub(crate) beat: Arc<Beat>,
    pub(crate) overlay: Mutex<Overlay>,
    /// Whether a task sees to what the overlay gathers.
    pub(crate) announcing: AtomicBool,
    events: Outlet,
    registry: Mutex<Registry>,
    gone: SharedFuture<oneshot::Receiver<()>>,
}

#[derive(Debug, Default)]
struct Registry {
    links: BTreeMap<PeerId, Entry>,
    /// Dials of others that this peer has consented to and that are not decided, with the token of each.
    consented: BTreeSet<(PeerId, u64)>,
    /// Accepted connections without a hello, the oldest first.
    silent: VecDeque<(u64, TcpStream)>,
    next_token: u64,
    book: BTreeMap<PeerId, Address>,
    seeds: BTreeSet<Address>,
    /// Whom a seed led to: it is dialled again when that peer is lost.
    found: BTreeMap<Address, PeerId>,
    dialling: BTreeSet<Target>,
    /// Members whose link ended by their end of the connection: refused now, they are gone.
    ended: BTreeSet<PeerId>,
    /// Members at whose address another answers, and who could be reached all the same: nobody has noticed their end yet.
    vacated: BTreeSet<PeerId>,
    leaving: bool,
}

/// Which end of a connection this peer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Dialler,
    Acceptor,
}

#[derive(Debug)]
struct Entry {
    link: Arc<Link>,
    /// Resolves when the link's last event has been told.
    told: SharedFuture<oneshot::Receiver<()>>,
}

impl Registry {
    fn standing(&self, peer: PeerId) -> Option<Standing> {
        let link = &self.links.get(&peer)?.link;
        link.is_up().then(|| Standing { incarnation: link.peer.incarnation, since: link.since })
    }

    fn is_linked(&self, peer: PeerId) -> bool {
        self.standing(peer).is_some()
    }

    fn wants(&self, target: &Target) -> bool {
        !self.leaving
            && match target {
                Target::Member(peer) => self.book.contains_key(peer) && !self.is_linked(*peer),
                Target::Seed(address) => {
                    self.seeds.contains(address) && !self.found.get(address).is_some_and(|peer| self.is_linked(*peer))
                }
            }
    }
}

impl Shared {
    pub(crate) fn new(
        identity: Identity,
        heartbeat: Duration,
        timeout: Duration,
        events: Outlet,
        gone: oneshot::Receiver<()>,
    ) -> Self {
        let overlay = Overlay::new(identity.me.clone());
        Self {
            identity,
            heartbeat,
            timeout,
            congestion: Arc::default(),
            beat: Arc::new(Beat::new(heartbeat)),
            overlay: Mutex::new(overlay),
            announcing: AtomicBool::new(false),
            events,
            registry: Mutex::default(),
            gone: gone.shared(),
        }
    }

    /// Resolves when the mesh begins to close.
    pub(crate) fn closing(&self) -> SharedFuture<oneshot::Receiver<()>> {
        self.events.closing()
    }

    /// Resolves when the mesh has been closed.
    pub(crate) fn gone(&self) -> SharedFuture<oneshot::Receiver<()>> {
        self.gone.clone()
    }

    pub(crate) fn tell(&self, event: Event) {
        self.events.tell(event);
    }

    /// Waits while the owner of the mesh is far behind with what it is told.
    pub(crate) async fn heed_owner(&self) {
        while self.events.is_full() && self.closing().peek().is_none() {
            runtime::sleep(HEED).await;
        }
    }

    /// Nothing is told from here on.
    pub(crate) fn end_events(&self) {
        self.events.clone().end();
    }

    // Connections that others made.

    /// A connection was accepted; the oldest silent one is closed if there are too many.
    pub(crate) fn silent_arrived(&self, stream: TcpStream) -> u64 {
        let mut registry = lock(&self.registry);
        if registry.silent.len() >= SILENT_LIMIT
            && let Some((_, oldest)) = registry.silent.pop_front()
        {
            debug!("too many silent connections: the oldest is closed");
            let _ = oldest.shutdown(std::net::Shutdown::Both);
        }
        registry.next_token += 1;
        let token = registry.next_token;
        registry.silent.push_back((token, stream));
        token
    }

    /// It said hello, or is closed.
    pub(crate) fn silent_gone(&self, token: u64) {
        lock(&self.registry).silent.retain(|(other, _)| *other != token);
    }

    /// Whether to consent to a dial.
    pub(crate) fn accepts(&self, peer: &PeerInfo, token: u64) -> Result<(), Refusal> {
        let mut registry = lock(&self.registry);
        if registry.leaving {
            return Err(Refusal::Leaving);
        }
        arbiter::accept(registry.standing(peer.id), peer.incarnation, self.timeout, Instant::now())?;
        registry.consented.insert((peer.id, token));
        Ok(())
    }

    /// The dialler decided against it, or never did.
    pub(crate) fn consent_over(&self, peer: PeerId, token: u64) {
        lock(&self.registry).consented.remove(&(peer, token));
    }

    /// The dialler decided for it: it is the link, unless a later run of the peer was quicker.
    pub(crate) fn confirmed(self: &Arc<Self>, acquainted: Acquainted, token: u64) {
        let mut registry = lock(&self.registry);
        let peer = &acquainted.peer;
        registry.consented.remove(&(peer.id, token));
        let outdated = registry.standing(peer.id).is_some_and(|link| link.incarnation > peer.incarnation);
        if !registry.leaving && !outdated {
            self.establish(registry, acquainted, Role::Acceptor);
        }
    }

    // Connections of one's own.

    /// Makes a connection, to which the other end consents, the link; or hands it back if another one stays.
    ///
    /// Deciding and establishing are one step: a consent given in between would make two links.
    pub(crate) fn confirm(self: &Arc<Self>, acquainted: Acquainted) -> Result<(), Acquainted> {
        let registry = lock(&self.registry);
        let peer = &acquainted.peer;
        let (me, standing) = (self.identity.me.id, registry.standing(peer.id));
        let consented = registry.consented.range((peer.id, 0)..=(peer.id, u64::MAX)).next().is_some();
        if registry.leaving || !arbiter::confirm(me, peer.id, standing, peer.incarnation, consented) {
            return Err(acquainted);
        }
        self.establish(registry, acquainted, Role::Dialler);
        Ok(())
    }

    /// The address to dial for a target, while it is wanted.
    pub(crate) fn wanted(&self, target: &Target) -> Option<Address> {
        let registry = lock(&self.registry);
        if !registry.wants(target) {
            return None;
        }
        match target {
            Target::Seed(address) => Some(address.clone()),
            Target::Member(peer) => registry.book.get(peer).cloned(),
        }
    }

    /// A seed led to a peer.
    pub(crate) fn seed_found(&self, address: &Address, peer: PeerId) {
        lock(&self.registry).found.insert(address.clone(), peer);
    }

    /// An address turned out to be one's own.
    pub(crate) fn forget_seed(&self, target: &Target) {
        if let Target::Seed(address) = target {
            lock(&self.registry).seeds.remove(address);
        }
    }

    /// A dialling task ended. If the link came and went while it did, another takes over.
    pub(crate) fn dialled(self: &Arc<Self>, target: &Target) {
        let wanted = {
            let mut registry = lock(&self.registry);
            registry.dialling.remove(target);
            registry.wants(target)
        };
        if wanted {
            self.dial(target.clone(), Duration::from_millis(rand::rng().random_range(50..100)));
        }
    }

    /// Somebody answered at a member's address. If it is another peer, the member's process is gone.
    pub(crate) fn note_answer(&self, expected: PeerId, address: &Address, answered: PeerId) {
        if expected == answered {
            return;
        }
        let reachable = self.is_reachable(expected);
        {
            let mut registry = lock(&self.registry);
            if registry.book.get(&expected) != Some(address) {
                // It moved, or left, meanwhile: who answers at its old address says nothing of it.
                return;
            }
            registry.book.remove(&expected);
            registry.ended.remove(&expected);
            if reachable {
                registry.vacated.insert(expected);
            }
        }
        if !reachable {
            self.tell(Event::Unreachable { peer: expected, reason: Unreachable::Gone });
        }
    }

    /// Whether a member that is not linked ended its connection by itself; asked once, when its address refuses.
    pub(crate) fn lost_by_its_end(&self, peer: PeerId) -> bool {
        // While others have not noticed its end, it is asked again with the next dial.
        !self.is_reachable(peer) && lock(&self.registry).ended.remove(&peer)
    }

    /// Whether a peer that is lost had left its address to another; asked once.
    pub(crate) fn is_vacated(&self, peer: PeerId) -> bool {
        lock(&self.registry).vacated.remove(&peer)
    }

    pub(crate) fn add_seed(self: &Arc<Self>, address: Address) {
        lock(&self.registry).seeds.insert(address.clone());
        self.dial(Target::Seed(address), Duration::ZERO);
    }

    pub(crate) fn add_member(self: &Arc<Self>, peer: PeerId, address: Address, eager: bool) {
        if peer == self.identity.me.id {
            return;
        }
        {
            let mut registry = lock(&self.registry);
            registry.book.insert(peer, address);
            while registry.book.len() > BOOK_LIMIT {
                let Some(oldest) = registry.book.keys().find(|peer| !registry.is_linked(**peer)).copied() else {
                    break;
                };
                registry.book.remove(&oldest);
            }
        }
        let delay = if eager || self.identity.me.id < peer { Duration::ZERO } else { COURTESY };
        self.dial(Target::Member(peer), delay);
    }

    pub(crate) fn forget_member(&self, peer: PeerId) {
        let mut registry = lock(&self.registry);
        registry.book.remove(&peer);
        registry.ended.remove(&peer);
        registry.vacated.remove(&peer);
    }

    fn dial(self: &Arc<Self>, target: Target, delay: Duration) {
        let mut registry = lock(&self.registry);
        if registry.wants(&target) && registry.dialling.insert(target.clone()) {
            drop(registry);
            runtime::spawn(dial::keep_dialling(self.clone(), target, delay));
        }
    }

    // Links.

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        let registry = lock(&self.registry);
        registry.links.values().filter(|entry| entry.link.is_up()).map(|entry| entry.link.clone()).collect()
    }

    pub(crate) fn link(&self, peer: PeerId) -> Option<Arc<Link>> {
        let registry = lock(&self.registry);
        registry.links.get(&peer).filter(|entry| entry.link.is_up()).map(|entry| entry.link.clone())
    }

    /// Makes a connection the link to its peer. An older link to the same peer is replaced.
    fn establish(self: &Arc<Self>, mut registry: MutexGuard<'_, Registry>, acquainted: Acquainted, role: Role) {
        let Acquainted { stream, peer } = acquainted;
        let now = Instant::now();
        let (congestion, beat) = (self.congestion.clone(), self.beat.clone());
        let link = Arc::new(Link::new(peer, stream, self.timeout, congestion, beat, now));
        if role == Role::Dialler {
            link.confirm();
        }
        let (tell, told) = oneshot::channel();
        let entry = Entry { link: link.clone(), told: told.shared() };
        let replaced = registry.links.insert(link.peer.id, entry);
        registry.ended.remove(&link.peer.id);
        registry.vacated.remove(&link.peer.id);
        drop(registry);
        link.ping(self.overlay(Overlay::table_hash), now);
        if let Some(old) = &replaced {
            old.link.end(Unreachable::Replaced);
        }
        // Written at once: the other end waits for the decision, whatever the layers above still have to be told.
        let writer = link.clone();
        runtime::spawn(async move { writer.write().await });
        let shared = self.clone();
        runtime::spawn(async move {
            if let Some(old) = replaced {
                let _ = old.told.await;
            }
            let reason = shared.run_link(link.clone(), shared.events.clone()).await;
            shared.link_ended(&link, reason);
            drop(tell);
        });
    }

    fn link_ended(self: &Arc<Self>, link: &Arc<Link>, reason: Unreachable) {
        let peer = link.peer.id;
        let seeds = {
            let mut registry = lock(&self.registry);
            if registry.links.get(&peer).is_some_and(|entry| Arc::ptr_eq(&entry.link, link)) {
                registry.links.remove(&peer);
            }
            match reason {
                Unreachable::Left => {
                    registry.book.remove(&peer);
                }
                Unreachable::Ended if !registry.is_linked(peer) => {
                    registry.ended.insert(peer);
                    if registry.ended.len() > BOOK_LIMIT {
                        registry.ended.pop_first();
                    }
                }
                _ => {}
            }
            let led_here = registry.found.iter().filter(|(_, found)| **found == peer);
            led_here.map(|(address, _)| address.clone()).collect::<Vec<_>>()
        };
        // One that breaks as soon as it is up is not hammered.
        let spread = if link.since.elapsed() < self.timeout { self.timeout } else { REDIAL_JITTER };
        let delay = spread.mul_f64(rand::rng().random());
        for seed in seeds {
            self.dial(Target::Seed(seed), delay);
        }
        self.dial(Target::Member(peer), delay);
    }

    /// From here on nobody is dialled or accepted.
    pub(crate) fn leave(&self) {
        lock(&self.registry).leaving = true;
    }

    /// Whether this peer is on its way out.
    pub(crate) fn is_leaving(&self) -> bool {
        lock(&self.registry).leaving
    }

    /// Resolves when the last event of every link has been told.
    pub(crate) async fn all_told(&self) {
        let told: Vec<_> = lock(&self.registry).links.values().map(|entry| entry.told.clone()).collect();
        futures::future::join_all(told).await;
    }
}
