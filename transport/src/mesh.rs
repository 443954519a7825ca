//! The mesh as the layers above see it: listen, dial, send, close.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared as SharedFuture;
use socket2::{Domain, Protocol, Socket, Type};

use crate::accept;
use crate::batch::Batch;
use crate::config::Config;
use crate::control::Farewell;
use crate::error::{ListenError, SendError};
use crate::event::Unreachable;
use crate::events::{Events, events};
use crate::handshake::Identity;
use crate::link::lock;
use crate::overlay::{Overlay, Route};
use crate::peer::{Address, PeerId, PeerInfo};
use crate::pulse;
use crate::reach::Way;
use crate::registry::Shared;
use crate::runtime::{self, TcpListener};

/// How many connections the kernel holds while none is accepted: a group that joins at once.
const BACKLOG: i32 = 1024;

/// How long a batch is written in place, in bytes: beyond this the writers do better, which wait for nobody.
const IN_PLACE_BYTES: usize = 8 * 1024;

/// Which messages overtake which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Overtakes bulk; at most [`MAX_URGENT_BYTES`](crate::MAX_URGENT_BYTES) long. For elections.
    Urgent,
    /// In order among themselves; at most [`MAX_MESSAGE_BYTES`](crate::MAX_MESSAGE_BYTES) long.
    Bulk,
}

/// How one peer is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkStatus {
    /// Whom.
    pub peer: PeerInfo,
    /// The neighbour through which it is reached; `None` if over a link of one's own.
    pub through: Option<PeerId>,
    /// How long a message and its answer take over one's own link; `None` until the first was measured.
    pub round_trip: Option<Duration>,
}

/// Whoever waits for it is woken when it is dropped.
type Switch = Arc<Mutex<Option<oneshot::Sender<()>>>>;

/// One member's end of the mesh. Clones are the same mesh.
#[derive(Clone, Debug)]
pub struct Mesh {
    shared: Arc<Shared>,
    /// Dropped to begin the end of the mesh: nothing is dialled or accepted any longer.
    close: Switch,
    /// Dropped at its end.
    gone: Switch,
    /// Resolves when nothing listens any longer.
    unbound: SharedFuture<oneshot::Receiver<()>>,
}

impl Mesh {
    /// Listens, and starts to prove links. Nobody is dialled before [`Mesh::add_seed`] or [`Mesh::add_member`].
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or a setting makes no sense.
    pub async fn listen(config: Config) -> Result<(Self, Events), ListenError> {
        config.validate()?;
        let listener = bind(config.listen).map_err(|source| ListenError::Bind { address: config.listen, source })?;
        let local = listener.local_addr().map_err(|source| ListenError::Bind { address: config.listen, source })?;
        let me = PeerInfo {
            id: config.id,
            incarnation: config.incarnation,
            name: config.name,
            address: config.advertise.unwrap_or_else(|| Address::from(local)),
            priority: config.priority,
        };
        let (close, closing) = oneshot::channel();
        let (gone, is_gone) = oneshot::channel();
        let (outlet, events) = events(closing);
        let identity = Identity { group: config.group, me };
        let shared = Arc::new(Shared::new(identity, config.heartbeat, config.timeout, outlet, is_gone));
        let (bound, unbound) = oneshot::channel();
        let accepting = accept::accept(shared.clone(), listener);
        runtime::spawn(accepting.map(|()| drop(bound)));
        runtime::spawn(pulse::pulse(shared.clone()));
        let switch = |sender| Arc::new(Mutex::new(Some(sender)));
        let mesh = Self { shared, close: switch(close), gone: switch(gone), unbound: unbound.shared() };
        Ok((mesh, events))
    }

    /// What this peer says of itself, with the address that others dial.
    pub fn me(&self) -> &PeerInfo {
        &self.shared.identity.me
    }

    /// Dials an address until it leads to a peer, and again whenever that peer is lost.
    pub fn add_seed(&self, address: Address) {
        self.shared.add_seed(address);
    }

    /// Dials a member until it is linked, and again whenever it is lost, for ever at the slowest rate.
    ///
    /// When two members hear of each other at the same time, the higher id leaves the first dial to the lower one for
    /// half a second; `eager` dials at once all the same, for a peer that the other has not heard of.
    pub fn add_member(&self, peer: PeerId, address: Address, eager: bool) {
        self.shared.add_member(peer, address, eager);
    }

    /// Dials a member no longer. A link that is up stays.
    pub fn forget_member(&self, peer: PeerId) {
        self.shared.forget_member(peer);
    }

    /// Sends a message to one peer, over its link or through others. Delivered at most once; lost if a link on its way ends
    /// before it was written.
    ///
    /// # Errors
    ///
    /// Nothing was sent: the peer cannot be reached, the queue of the link to it is full, or the message is too long.
    pub fn send(&self, to: PeerId, class: Class, message: &[u8]) -> Result<(), SendError> {
        let way = self.shared.way(to).ok_or(SendError::NotLinked)?;
        dispatch(&way, class, message, Instant::now())
    }

    /// Sends messages to each of several peers, as [`Mesh::send`] does. A peer that cannot be reached, or whose queue is
    /// full, misses what it cannot be sent.
    pub fn multicast<M: AsRef<[u8]>>(&self, to: &[PeerId], class: Class, messages: &[M]) {
        let now = Instant::now();
        for way in to.iter().filter_map(|peer| self.shared.way(*peer)) {
            for message in messages {
                // Lost to that peer, as documented. The queue's own bound takes the link down if that lasts.
                let _ = dispatch(&way, class, message.as_ref(), now);
            }
        }
    }

    /// Sends a batch of bulk messages to each of several peers: a short one in place where nothing else waits, otherwise
    /// through the queue. A peer that cannot be reached, or whose queue is full, misses what it cannot be sent.
    pub fn multicast_batch(&self, to: &[PeerId], batch: Batch) {
        let now = Instant::now();
        let chunks = batch.into_chunks();
        for (link, relay) in to.iter().filter_map(|peer| self.shared.way(*peer)) {
            // Lost to that peer, as documented.
            let _ = match (relay, &chunks[..]) {
                (Some(relay), chunks) => link.send_chunks(&Batch::relayed(chunks, relay).into_chunks(), now),
                (None, [chunk]) if chunk.len() <= IN_PLACE_BYTES => link.send_chunk_in_place(chunk, now),
                (None, chunks) => link.send_chunks(chunks, now),
            };
        }
    }

    /// Whether some link's queue is above its high water: a sender that can wait should.
    pub fn is_congested(&self) -> bool {
        self.shared.congestion.any()
    }

    /// Waits until no queue is behind: at most the timeout, for then a link that is stuck is taken down. For one waiter.
    pub async fn uncongested(&self) {
        self.shared.congestion.cleared().await;
    }

    /// Every peer that can be reached, by id, and how.
    pub fn links(&self) -> Vec<LinkStatus> {
        let reached = self.shared.overlay(|overlay| {
            let status = |peer: &PeerInfo| {
                let through = match overlay.route(peer.id)? {
                    Route::Direct => None,
                    Route::Through(neighbour, _) => Some(neighbour),
                };
                Some(LinkStatus { peer: peer.clone(), through, round_trip: None })
            };
            overlay.reachable().filter_map(status).collect::<Vec<_>>()
        });
        let mut links: Vec<_> = reached.into_iter().map(|status| self.with_round_trip(status)).collect();
        links.sort_by_key(|status| status.peer.id);
        links
    }

    /// Who of those that can be reached, and this peer, is linked to whom: what every one of them knows.
    pub fn edges(&self) -> BTreeMap<PeerId, BTreeSet<PeerId>> {
        self.shared.overlay(|overlay| overlay.edges())
    }

    /// Writes into the record of connections, [`CONNECTIONS`](crate::CONNECTIONS), that the layers above do not let a linked peer in.
    /// Nothing is written of a peer that is reached only through others: it is no connection of this one.
    pub fn record_rejection(&self, peer: PeerId, reason: impl Display) {
        if let Some(link) = self.shared.link(peer) {
            link.other().rejected(reason);
        }
    }

    /// Ends at once, without a goodbye, as if the process had: for an owner that cannot go on.
    pub fn abort(&self) {
        self.shared.leave();
        drop(lock(&self.close).take());
        for link in self.shared.links() {
            link.end(Unreachable::Ended);
        }
        self.shared.end_events();
        drop(lock(&self.gone).take());
    }

    fn with_round_trip(&self, status: LinkStatus) -> LinkStatus {
        let link = self.shared.link(status.peer.id).filter(|_| status.through.is_none());
        LinkStatus { round_trip: link.and_then(|link| link.round_trip()), ..status }
    }

    /// Says goodbye on every link behind what is queued there, and closes them: all at once, in `limit` at most.
    /// The port is free afterwards. It waits for nobody to read the events, which end with it; what finds no room among
    /// them is lost.
    pub async fn close(&self, farewell: Farewell, limit: Duration) {
        self.shared.leave();
        drop(lock(&self.close).take());
        let _ = self.unbound.clone().await;
        let version = self.shared.overlay(Overlay::leave);
        let links = self.shared.links();
        for link in &links {
            link.say_goodbye(farewell, version);
        }
        // The other end answers a goodbye by closing: then it has read everything.
        runtime::timeout(limit, self.shared.all_told()).await;
        for link in &links {
            link.end(Unreachable::Left);
        }
        self.shared.end_events();
        drop(lock(&self.gone).take());
    }
}

/// Sends a message on its way.
fn dispatch((link, relay): &Way, class: Class, message: &[u8], now: Instant) -> Result<(), SendError> {
    match (relay, class) {
        (Some(relay), class) => link.send_relayed(class, *relay, message, now),
        (None, Class::Urgent) => link.send_urgent(message),
        (None, Class::Bulk) => link.send_bulk(message, now),
    }
}

/// A listening socket whose port can be taken again right after the process that had it has ended.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener: std::net::TcpListener = socket.into();
    Ok(listener.into())
}
