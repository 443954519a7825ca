//! One established link: its reader, its writer, its queue and its proofs of life.

use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::poll_fn;
use futures::task::AtomicWaker;
use futures::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tracing::trace;

use crate::beat::Beat;
use crate::codec::{self, Frame, HEADER_BYTES, Kind, MAX_MESSAGE_BYTES, PIECE_BYTES, first_frame};
use crate::congestion::Congestion;
use crate::control::{Control, Farewell};
use crate::error::{DecodeError, SendError};
use crate::event::{Event, Outlet, Unreachable};
use crate::liveness::Liveness;
use crate::peer::PeerInfo;
use crate::queue::{Next, Queue};
use crate::runtime::TcpStream;

/// How much is read at once, in bytes. At least one frame must fit; twice as much makes a flood no faster, and every read that
/// waits to be handled takes that much memory.
const READ_BYTES: usize = 24 * 1024;
const _: () = assert!(READ_BYTES > PIECE_BYTES + HEADER_BYTES);

/// The link to one peer.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: PeerInfo,
    pub(crate) since: Instant,
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
            stream,
            queue: Mutex::default(),
            queued: AtomicWaker::new(),
            congestion,
            beat,
            liveness: Mutex::new(Liveness::new(timeout, now)),
            ended: OnceLock::new(),
        }
    }

    /// Tells the other end that this connection is the link, ahead of anything else.
    pub(crate) fn confirm(&self) {
        let pushed = self.push_urgent(Kind::Control, &Control::Up.to_bytes());
        debug_assert!(pushed.is_ok(), "a queue without room for its first frame");
    }

    /// Queues a message that overtakes bulk.
    pub(crate) fn send_urgent(&self, message: &[u8]) -> Result<(), SendError> {
        self.push_urgent(Kind::Urgent, message)
    }

    /// Queues a message.
    pub(crate) fn send_bulk(&self, message: &[u8], now: Instant) -> Result<(), SendError> {
        self.queue_bulk(|queue| queue.push_bulk(message, now))
    }

    /// Writes a chunk of frames in place if nothing else waits, and otherwise queues it: a message sent now and then is spared
    /// the way through another task.
    pub(crate) fn send_chunk_in_place(&self, chunk: &Bytes, now: Instant) -> Result<(), SendError> {
        self.queue_bulk(|queue| {
            if !queue.is_idle() || !self.is_up() {
                return queue.push_chunks(std::slice::from_ref(chunk), now);
            }
            let mut stream = &self.stream;
            let mut nobody = Context::from_waker(Waker::noop());
            match Pin::new(&mut stream).poll_write(&mut nobody, chunk) {
                Poll::Ready(Ok(written)) if written == chunk.len() => {}
                Poll::Ready(Ok(written)) => queue.push_unfinished(chunk.slice(written..)),
                // The writer meets the same, and knows what to do.
                Poll::Ready(Err(_)) | Poll::Pending => return queue.push_chunks(std::slice::from_ref(chunk), now),
            }
            Ok(())
        })
    }

    /// Queues chunks of frames that other links share.
    pub(crate) fn send_chunks(&self, chunks: &[Bytes], now: Instant) -> Result<(), SendError> {
        self.queue_bulk(|queue| queue.push_chunks(chunks, now))
    }

    /// Sends a proof of life, and asks for one, unless the last is younger than half a heartbeat.
    pub(crate) fn ping_on_beat(&self, now: Instant) {
        if lock(&self.liveness).is_ping_older(self.beat.half, now) {
            self.ping(now);
        }
    }

    /// Sends a proof of life, and asks for one.
    pub(crate) fn ping(&self, now: Instant) {
        let ping = lock(&self.liveness).next_ping(now);
        if self.push_urgent(Kind::Control, &Control::Ping(ping).to_bytes()) == Err(SendError::Full) {
            self.end(Unreachable::Slow);
        }
    }

    /// Says goodbye behind all that is queued, then ends the sending side.
    pub(crate) fn say_goodbye(&self, farewell: Farewell) {
        lock(&self.queue).push_farewell(&Control::Bye(farewell).to_bytes());
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
        let mut queue = lock(&self.queue);
        let was_behind = queue.behind_since().is_some();
        queue.close();
        self.congestion.note(was_behind, false);
    }

    /// Reads until the link ends, and says why it did.
    pub(crate) async fn read(&self, events: &mut Outlet) -> Unreachable {
        let mut buffer = vec![0; READ_BYTES];
        let mut filled = 0;
        let mut message = Vec::new();
        let mut stream = &self.stream;
        while self.is_up() {
            match stream.read(&mut buffer[filled..]).await {
                Ok(read @ 1..) => filled += read,
                Ok(0) | Err(_) => {
                    self.end(Unreachable::Ended);
                    break;
                }
            }
            match self.take_frames(&buffer[..filled], &mut message) {
                Ok((consumed, frames)) => {
                    buffer.copy_within(consumed..filled, 0);
                    filled -= consumed;
                    let from = self.peer.id;
                    if !frames.is_empty() && !events.tell(Event::Frames { from, frames }).await {
                        self.end(Unreachable::Left);
                    }
                }
                Err(error) => {
                    tracing::warn!(peer = %self.peer.id, %error, "malformed frame");
                    self.end(Unreachable::Malformed);
                }
            }
        }
        self.ended().unwrap_or(Unreachable::Ended)
    }

    /// The whole frames at the front of `buffer`: how many bytes they take, and the messages that they complete.
    /// Messages share one copy of those bytes.
    fn take_frames(&self, buffer: &[u8], message: &mut Vec<u8>) -> Result<(usize, Vec<Bytes>), DecodeError> {
        let mut shared: Option<Bytes> = None;
        let mut messages = Vec::new();
        let mut at = 0;
        while let Some(Frame { kind, body }) = first_frame(&buffer[at..])? {
            let start = at + HEADER_BYTES;
            at = start + body.len();
            match kind {
                Kind::Control => self.handle_control(codec::decode(body)?),
                Kind::Part => extend(message, body)?,
                Kind::Bulk if !message.is_empty() => {
                    extend(message, body)?;
                    messages.push(Bytes::from(std::mem::take(message)));
                }
                Kind::Bulk | Kind::Urgent => {
                    let shared = shared.get_or_insert_with(|| Bytes::copy_from_slice(buffer));
                    messages.push(shared.slice(start..at));
                }
            }
        }
        Ok((at, messages))
    }

    fn handle_control(&self, control: Control) {
        trace!(peer = %self.peer.id, ?control, "received");
        match control {
            Control::Ping(ping) => {
                let now = Instant::now();
                let mut liveness = lock(&self.liveness);
                liveness.handle_ping(ping, now);
                if liveness.is_ping_older(self.beat.half, now) {
                    self.beat.strike();
                }
            }
            Control::Bye(Farewell::Left) => self.end(Unreachable::Left),
            Control::Refused(_) => self.end(Unreachable::Ended),
            Control::Hello(_) | Control::Up => self.end(Unreachable::Malformed),
        }
    }

    fn queue_bulk(&self, push: impl FnOnce(&mut Queue) -> Result<(), SendError>) -> Result<(), SendError> {
        let mut queue = lock(&self.queue);
        let was_behind = queue.behind_since().is_some();
        let pushed = push(&mut queue);
        self.congestion.note(was_behind, queue.behind_since().is_some());
        let idle = queue.is_idle();
        drop(queue);
        if !idle {
            self.queued.wake();
        }
        pushed
    }

    fn push_urgent(&self, kind: Kind, body: &[u8]) -> Result<(), SendError> {
        let pushed = lock(&self.queue).push_urgent(kind, body);
        self.queued.wake();
        pushed
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
        let mut queue = lock(&self.queue);
        let was_behind = queue.behind_since().is_some();
        queue.wrote(bytes, Instant::now());
        self.congestion.note(was_behind, queue.behind_since().is_some());
    }
}

fn extend(message: &mut Vec<u8>, piece: &[u8]) -> Result<(), DecodeError> {
    if message.len() + piece.len() > MAX_MESSAGE_BYTES {
        return Err(DecodeError::MessageLength(MAX_MESSAGE_BYTES));
    }
    message.extend_from_slice(piece);
    Ok(())
}

/// A lock whose holder panicked guards plain data that is still whole: no holder leaves it half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
