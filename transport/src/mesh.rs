//! The mesh as the layers above see it: listen, dial, send, close.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::future::Shared as SharedFuture;
use socket2::{Domain, Protocol, Socket, Type};

use crate::accept;
use crate::batch::Batch;
use crate::config::Config;
use crate::control::Farewell;
use crate::error::{ListenError, SendError};
use crate::event::{EVENT_QUEUE, Events, Outlet, Unreachable};
use crate::handshake::Identity;
use crate::link::lock;
use crate::peer::{Address, PeerId, PeerInfo};
use crate::pulse;
use crate::registry::Shared;
use crate::runtime::{self, TcpListener};

/// How many connections the kernel holds while none is accepted: a group that joins at once.
const BACKLOG: i32 = 1024;

/// How long a batch is written in place, in bytes: beyond this the writers do better, which wait for nobody.
const IN_PLACE_BYTES: usize = 8 * 1024;

/// Which messages overtake which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Overtakes bulk; at most [`PIECE_BYTES`](crate::PIECE_BYTES) long. For elections.
    Urgent,
    /// In order among themselves; at most [`MAX_MESSAGE_BYTES`](crate::MAX_MESSAGE_BYTES) long.
    Bulk,
}

/// One link, as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkStatus {
    /// Who is at the other end.
    pub peer: PeerInfo,
    /// How long a message and its answer take; `None` until the first was measured.
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
        let (sender, receiver) = mpsc::channel(EVENT_QUEUE);
        let (close, closing) = oneshot::channel();
        let (gone, is_gone) = oneshot::channel();
        let outlet = Outlet { sender, closing: closing.shared() };
        let identity = Identity { group: config.group, me };
        let shared = Arc::new(Shared::new(identity, config.heartbeat, config.timeout, outlet, is_gone));
        let (bound, unbound) = oneshot::channel();
        let accepting = accept::accept(shared.clone(), listener);
        runtime::spawn(accepting.map(|()| drop(bound)));
        runtime::spawn(pulse::pulse(shared.clone()));
        let switch = |sender| Arc::new(Mutex::new(Some(sender)));
        let mesh = Self { shared, close: switch(close), gone: switch(gone), unbound: unbound.shared() };
        Ok((mesh, Events { receiver }))
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

    /// Queues a message to one peer. Delivered at most once; lost if the link ends before it was written.
    ///
    /// # Errors
    ///
    /// Nothing was queued: the peer is not linked, its queue is full, or the message is too long.
    pub fn send(&self, to: PeerId, class: Class, message: &[u8]) -> Result<(), SendError> {
        let link = self.shared.link(to).ok_or(SendError::NotLinked)?;
        match class {
            Class::Urgent => link.send_urgent(message),
            Class::Bulk => link.send_bulk(message, Instant::now()),
        }
    }

    /// Queues messages to each of several peers, as [`Mesh::send`] does. A peer that is not linked, or whose queue is
    /// full, misses what it cannot be sent.
    pub fn multicast<M: AsRef<[u8]>>(&self, to: &[PeerId], class: Class, messages: &[M]) {
        let now = Instant::now();
        for link in to.iter().filter_map(|peer| self.shared.link(*peer)) {
            for message in messages {
                // Lost to that peer, as documented. The queue's own bound takes the link down if that lasts.
                let _ = match class {
                    Class::Urgent => link.send_urgent(message.as_ref()),
                    Class::Bulk => link.send_bulk(message.as_ref(), now),
                };
            }
        }
    }

    /// Sends a batch of bulk messages to each of several peers: a short one in place where nothing else waits, otherwise
    /// through the queue. A peer that is not linked, or whose queue is full, misses what it cannot be sent.
    pub fn multicast_batch(&self, to: &[PeerId], batch: Batch) {
        let now = Instant::now();
        let chunks = batch.into_chunks();
        for link in to.iter().filter_map(|peer| self.shared.link(*peer)) {
            // Lost to that peer, as documented.
            let _ = match &chunks[..] {
                [chunk] if chunk.len() <= IN_PLACE_BYTES => link.send_chunk_in_place(chunk, now),
                chunks => link.send_chunks(chunks, now),
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

    /// Every link that is up, by id.
    pub fn links(&self) -> Vec<LinkStatus> {
        let links = self.shared.links();
        let status =
            |link: &Arc<crate::link::Link>| LinkStatus { peer: link.peer.clone(), round_trip: link.round_trip() };
        links.iter().map(status).collect()
    }

    /// Says goodbye on every link behind what is queued there, and closes them: all at once, in `limit` at most.
    /// The port is free afterwards. It waits for nobody to read the events, which end with it; what finds no room among
    /// them is lost.
    pub async fn close(&self, farewell: Farewell, limit: Duration) {
        self.shared.leave();
        drop(lock(&self.close).take());
        let _ = self.unbound.clone().await;
        let links = self.shared.links();
        for link in &links {
            link.say_goodbye(farewell);
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

/// A listening socket whose port can be taken again right after the process that had it has ended.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener: std::net::TcpListener = socket.into();
    Ok(listener.into())
}
