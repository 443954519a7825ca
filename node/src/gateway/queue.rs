//! What waits to be written to one client: a bounded queue whose owner never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_channel::{Receiver, Sender};
use bytes::Bytes;

/// How many bytes may wait for one client: some minutes of talk. Who is further behind reads too slowly.
pub(crate) const MOST_WAITING: usize = 1024 * 1024;

/// What a frame takes beside its bytes.
const OVERHEAD: usize = 64;

/// How much is written at once.
const BATCH: usize = 64 * 1024;

/// The gateway's end. Dropped, it leaves what waits to be written, and then the connection ends.
#[derive(Debug)]
pub(crate) struct Queue {
    frames: Sender<Bytes>,
    /// To take back what waits.
    waiting: Receiver<Bytes>,
    bytes: Arc<AtomicUsize>,
    reads: Sender<Instant>,
    _open: Sender<()>,
}

/// The connection's end.
#[derive(Clone, Debug)]
pub(crate) struct Drain {
    frames: Receiver<Bytes>,
    bytes: Arc<AtomicUsize>,
    reads: Receiver<Instant>,
    open: Receiver<()>,
}

/// Both ends of a new queue.
pub(crate) fn queue() -> (Queue, Drain) {
    let (frames, waiting) = async_channel::unbounded();
    let (reads, may_read) = async_channel::bounded(1);
    let (open_sender, open) = async_channel::bounded(1);
    let bytes = Arc::<AtomicUsize>::default();
    let drain = Drain { frames: waiting.clone(), bytes: bytes.clone(), reads: may_read, open };
    (Queue { frames, waiting, bytes, reads, _open: open_sender }, drain)
}

impl Queue {
    /// Puts bytes at the end; `false`, and nothing of it, if too much waits.
    pub(crate) fn push(&self, frames: Bytes) -> bool {
        let cost = frames.len() + OVERHEAD;
        let fits = self.bytes.load(Ordering::Relaxed) + cost <= MOST_WAITING;
        if fits {
            self.bytes.fetch_add(cost, Ordering::Relaxed);
            // There is a receiver: one's own.
            let _ = self.frames.try_send(frames);
        }
        fits
    }

    /// Takes back all that waits, and puts this in its place.
    pub(crate) fn replace(&self, frames: Bytes) {
        while let Ok(frames) = self.waiting.try_recv() {
            self.bytes.fetch_sub(frames.len() + OVERHEAD, Ordering::Relaxed);
        }
        self.push(frames);
    }

    /// The client is read again, not before that moment.
    pub(crate) fn allow_read(&self, at: Instant) {
        let _ = self.reads.try_send(at);
    }
}

impl Drain {
    /// What is to be written next, joined; `None` once the gateway's end is gone and all is taken.
    pub(crate) async fn next(&self) -> Option<Vec<u8>> {
        // The gateway's end keeps a receiver as well, and so sees what waits; it takes it only to replace it.
        let mut batch = Vec::from(self.taken(self.frames.recv().await.ok()?));
        while batch.len() < BATCH
            && let Ok(frames) = self.frames.try_recv()
        {
            batch.extend_from_slice(&self.taken(frames));
        }
        Some(batch)
    }

    fn taken(&self, frames: Bytes) -> Bytes {
        self.bytes.fetch_sub(frames.len() + OVERHEAD, Ordering::Relaxed);
        frames
    }

    /// From when on more may be read; `None` once the gateway's end is gone.
    pub(crate) async fn next_read(&self) -> Option<Instant> {
        self.reads.recv().await.ok()
    }

    /// Waits until the gateway's end is gone.
    pub(crate) async fn closed(&self) {
        let _ = self.open.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn what_waits_is_written_joined_and_the_queue_ends_with_its_owner() {
        let (queue, drain) = queue();
        assert!(queue.push("a".into()) && queue.push("b".into()));
        assert_eq!(drain.next().now_or_never(), Some(Some(b"ab".to_vec())));
        assert!(drain.next().now_or_never().is_none() && drain.closed().now_or_never().is_none());
        queue.push("c".into());
        drop(queue);
        assert_eq!(drain.next().now_or_never(), Some(Some(b"c".to_vec())));
        assert_eq!(drain.next().now_or_never(), Some(None));
        assert!(drain.closed().now_or_never().is_some() && drain.next_read().now_or_never() == Some(None));
    }

    #[test]
    fn who_reads_too_slowly_is_not_waited_for() {
        let (queue, drain) = queue();
        let frame = Bytes::from(vec![b'x'; 1000]);
        let fit = (0..).take_while(|_| queue.push(frame.clone())).count();
        assert_eq!(fit, MOST_WAITING / (1000 + OVERHEAD));
        queue.replace("too slow".into());
        assert_eq!(drain.next().now_or_never(), Some(Some(b"too slow".to_vec())));
        assert!(queue.push(frame));
    }

    #[test]
    fn the_smallest_frames_are_bounded_too() {
        let (queue, _drain) = queue();
        assert!((0..).take_while(|_| queue.push(Bytes::new())).count() <= MOST_WAITING / OVERHEAD);
    }
}
