//! One established link: its writer, its queue and its proofs of life.

use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::poll_fn;
use futures::task::AtomicWaker;
use futures::{AsyncWrite, AsyncWriteExt};

use crate::beat::Beat;
use crate::codec::{self, HEADER_BYTES, Kind, MAX_MESSAGE_BYTES, PIECE_BYTES};
use crate::congestion::Congestion;
use crate::connections::OtherEnd;
use crate::control::{Control, Farewell, Ping};
use crate::error::SendError;
use crate::event::Unreachable;
use crate::liveness::Liveness;
use crate::mesh::Class;
use crate::overlay::Relay;
use crate::peer::PeerInfo;
use crate::queue::{Next, Queue};
use crate::relay::{self, RELAY_BYTES};
use crate::runtime::TcpStream;

/// The longest urgent message, in bytes: behind the header of a relayed frame, it is one piece.
pub const MAX_URGENT_BYTES: usize = PIECE_BYTES - RELAY_BYTES;

/// The link to one peer.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: PeerInfo,
    pub(crate) since: Instant,
    address: Option<SocketAddr>,
    stream: TcpStream,
    queue: Mutex<Queue>,
    queued: AtomicWaker,
    congestion: Arc<Congestion>,
    beat: Arc<Beat>,
    liveness: Mutex<Liveness>,
    ended: OnceLock<Unreachable>,
}

impl Link {
    pub(crate) fn new(
        peer: PeerInfo,
        stream: TcpStream,
        timeout: Duration,
        congestion: Arc<Congestion>,
        beat: Arc<Beat>,
        now: Instant,
    ) -> Self {
        Self {
            peer,
            since: now,
            address: stream.peer_addr().ok(),
            stream,
            queue: Mutex::default(),
            queued: AtomicWaker::new(),
            congestion,
            beat,
            liveness: Mutex::new(Liveness::new(timeout, now)),
            ended: OnceLock::new(),
        }
    }

    /// The other end of the connection.
    pub(crate) fn other(&self) -> OtherEnd<'_> {
        OtherEnd::peer(self.address, &self.peer.name)
    }

    /// Tells the other end that this connection is the link, ahead of anything else.
    pub(crate) fn confirm(&self) {
        let pushed = self.push_urgent(Kind::Control, &Control::Up.to_bytes());
        debug_assert!(pushed.is_ok(), "a queue without room for its first frame");
    }

    /// Sends a message that overtakes bulk.
    pub(crate) fn send_urgent(&self, message: &[u8]) -> Result<(), SendError> {
        if message.len() > MAX_URGENT_BYTES {
            return Err(SendError::TooLong(message.len()));
        }
        self.push_urgent(Kind::Urgent, message)
    }

    /// Queues a message.
    pub(crate) fn send_bulk(&self, message: &[u8], now: Instant) -> Result<(), SendError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(SendError::TooLong(message.len()));
        }
        self.queue_bulk(|queue| queue.push_bulk(Kind::Bulk, message, now))
    }

    /// Sends a message for, or from, somebody else.
    pub(crate) fn send_relayed(
        &self,
        class: Class,
        relay: Relay,
        message: &[u8],
        now: Instant,
    ) -> Result<(), SendError> {
        let frame = [&relay::header(relay), message].concat();
        match class {
            Class::Urgent if message.len() > MAX_URGENT_BYTES => Err(SendError::TooLong(message.len())),
            Class::Urgent => self.push_urgent(Kind::RelayedUrgent, &frame),
            Class::Bulk => self.queue_bulk(|queue| queue.push_bulk(Kind::RelayedBulk, &frame, now)),
        }
    }

    /// Sends a control message. A link whose queue of these is full is not alive.
    pub(crate) fn send_control(&self, control: &[u8]) {
        if self.push_urgent(Kind::Control, control) == Err(SendError::Full) {
            self.end(Unreachable::Slow);
        }
    }

    /// Queues link states that are too long to overtake bulk. What finds no room is repaired when tables are compared.
    pub(crate) fn send_links(&self, links: &[u8], now: Instant) {
        let _ = self.queue_bulk(|queue| queue.push_bulk(Kind::Links, links, now));
    }

    /// Writes a chunk of frames in place if nothing else waits, and otherwise queues it: a message sent now and then is spared
    /// the way through another task.
    pub(crate) fn send_chunk_in_place(&self, chunk: &Bytes, now: Instant) -> Result<(), SendError> {
        self.queue_bulk(|queue| {
            if self.write_in_place(queue, chunk) {
                return Ok(());
            }
            queue.push_chunks(std::slice::from_ref(chunk), now)
        })
    }

    /// Queues chunks of frames that other links share.
    pub(crate) fn send_chunks(&self, chunks: &[Bytes], now: Instant) -> Result<(), SendError> {
        self.queue_bulk(|queue| queue.push_chunks(chunks, now))
    }

    /// Sends a proof of life, and asks for one, unless the last is younger than half a heartbeat.
    pub(crate) fn ping_on_beat(&self, table: u64, now: Instant) {
        if lock(&self.liveness).is_ping_older(self.beat.half, now) {
            self.ping(table, now);
        }
    }

    /// Sends a proof of life, and asks for one, with the hash of the table of link states.
    pub(crate) fn ping(&self, table: u64, now: Instant) {
        let ping = lock(&self.liveness).next_ping(table, now);
        self.send_control(&Control::Ping(ping).to_bytes());
    }

    /// Says goodbye behind all that is queued, then ends the sending side. `version` is that of the last link state.
    pub(crate) fn say_goodbye(&self, farewell: Farewell, version: u64) {
        lock(&self.queue).push_farewell(&Control::Bye { farewell, version }.to_bytes());
        self.queued.wake();
    }

    /// Takes the link down, for good. The first reason given is the one that is told.
    pub(crate) fn end(&self, reason: Unreachable) {
        if self.ended.set(reason).is_ok() {
            let _ = self.stream.shutdown(Shutdown::Both);
            self.queued.wake();
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.ended.get().is_none()
    }

    /// Why the link ended, once it has.
    pub(crate) fn ended(&self) -> Option<Unreachable> {
        self.ended.get().copied()
    }

    pub(crate) fn expires(&self) -> Instant {
        lock(&self.liveness).expires()
    }

    pub(crate) fn excuse(&self, until: Instant) {
        lock(&self.liveness).excuse(until);
    }

    pub(crate) fn behind_since(&self) -> Option<Instant> {
        lock(&self.queue).behind_since()
    }

    /// Senders wait for this link no longer if they have for `limit`.
    pub(crate) fn hold_no_longer_than(&self, limit: Duration, now: Instant) {
        self.change_queue(|queue| {
            if queue.holding_since().is_some_and(|since| now.saturating_duration_since(since) > limit) {
                queue.let_go();
            }
        });
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        lock(&self.liveness).round_trip()
    }

    /// Writes what is queued until the link ends. The socket is written to only when the queue has something, and then
    /// as much at once as there is: the link is flushed when its queue runs empty, not at every message.
    pub(crate) async fn write(&self) {
        let mut stream = &self.stream;
        loop {
            match self.next_write().await {
                Next::Write(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        self.end(Unreachable::Ended);
                    }
                    self.note_written(bytes.len());
                }
                Next::Idle => break,
                Next::End => {
                    let _ = self.stream.shutdown(Shutdown::Write);
                    break;
                }
            }
        }
        self.change_queue(Queue::close);
    }

    /// What the reader reads.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn handle_ping(&self, ping: Ping, now: Instant) {
        let mut liveness = lock(&self.liveness);
        liveness.handle_ping(ping, now);
        if liveness.is_ping_older(self.beat.half, now) {
            self.beat.strike();
        }
    }

    fn queue_bulk(&self, push: impl FnOnce(&mut Queue) -> Result<(), SendError>) -> Result<(), SendError> {
        let (pushed, idle) = self.change_queue(|queue| (push(queue), queue.is_idle()));
        if !idle {
            self.queued.wake();
        }
        pushed
    }

    /// Changes the queue, and counts it among those that hold up senders or no longer.
    fn change_queue<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = lock(&self.queue);
        let held = queue.holding_since().is_some();
        let changed = change(&mut queue);
        self.congestion.note(held, queue.holding_since().is_some());
        changed
    }

    /// Writes a frame in place if nothing else waits, and otherwise queues it ahead of bulk.
    fn push_urgent(&self, kind: Kind, body: &[u8]) -> Result<(), SendError> {
        let mut queue = lock(&self.queue);
        if queue.is_idle() && body.len() <= PIECE_BYTES {
            let mut frame = Vec::with_capacity(HEADER_BYTES + body.len());
            codec::push_frame(&mut frame, kind, &[body]);
            if self.write_in_place(&mut queue, &frame.into()) {
                drop(queue);
                return Ok(());
            }
        }
        let pushed = queue.push_urgent(kind, body);
        drop(queue);
        self.queued.wake();
        pushed
    }

    /// Writes whole frames past an idle queue, as far as the socket takes them; what it leaves goes before all else. False if
    /// nothing was written.
    fn write_in_place(&self, queue: &mut Queue, frames: &Bytes) -> bool {
        if !queue.is_idle() || !self.is_up() {
            return false;
        }
        let mut stream = &self.stream;
        let mut nobody = Context::from_waker(Waker::noop());
        match Pin::new(&mut stream).poll_write(&mut nobody, frames) {
            Poll::Ready(Ok(written)) if written == frames.len() => true,
            Poll::Ready(Ok(written)) => {
                queue.push_unfinished(frames.slice(written..));
                self.queued.wake();
                true
            }
            // The writer meets the same, and knows what to do.
            Poll::Ready(Err(_)) | Poll::Pending => false,
        }
    }

    /// The next bytes to write, as soon as there are any; `Idle` only once the link has ended.
    async fn next_write(&self) -> Next {
        poll_fn(|cx| {
            self.queued.register(cx.waker());
            if !self.is_up() {
                return Poll::Ready(Next::Idle);
            }
            match lock(&self.queue).next() {
                Next::Idle => Poll::Pending,
                next => Poll::Ready(next),
            }
        })
        .await
    }

    fn note_written(&self, bytes: usize) {
        self.change_queue(|queue| queue.wrote(bytes, Instant::now()));
    }
}

/// A lock whose holder panicked guards plain data that is still whole: no holder leaves it half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
