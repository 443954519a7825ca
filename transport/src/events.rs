//! The way of the events to the layers above.
//!
//! Frames wait where they were read, for a place in a short queue: so TCP holds whoever sends faster than they are handled. What
//! becomes of who can be reached waits for nobody, because links must be proved, and others told of them, however busy the
//! owner is. A ticket on each says which came first.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, Shared, select};
use futures::task::AtomicWaker;
use futures::{FutureExt, SinkExt, Stream, StreamExt};

use crate::event::Event;
use crate::link::lock;
use crate::peer::PeerId;

/// How many reads wait for the layers above, beside one for each link.
const READS: usize = 1;

/// How many other events may wait before the links are read no further. Each stands for a link that came or went, or a dial that
/// failed: an owner that is this far behind is not coming back soon.
const NOTICES: usize = 4096;

/// The events of one mesh, in order. It ends when the mesh is closed.
#[derive(Debug)]
pub struct Events {
    reads: mpsc::Receiver<Read>,
    /// What was taken from there, and may have to wait for a notice.
    read: Option<Read>,
    ended: bool,
    notices: Arc<Notices>,
    /// Who can be reached, by what was told.
    reachable: BTreeSet<PeerId>,
}

/// Messages that one read of a link gave.
#[derive(Debug)]
struct Read {
    /// How many notices there had been.
    ticket: u64,
    from: PeerId,
    frames: Vec<Bytes>,
}

/// What is told beside frames.
#[derive(Debug, Default)]
struct Notices {
    waiting: Mutex<Waiting>,
    awaited: AtomicWaker,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    /// How many there have been.
    count: u64,
}

/// The mesh's own end of [`Events`].
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    reads: mpsc::Sender<Read>,
    notices: Arc<Notices>,
    /// Resolves when the mesh is being closed: its owner may read no events any longer, and nobody waits for that.
    closing: Shared<oneshot::Receiver<()>>,
}

/// Both ends. `closing` resolves when the mesh is being closed.
pub(crate) fn events(closing: oneshot::Receiver<()>) -> (Outlet, Events) {
    let (sender, receiver) = mpsc::channel(READS);
    let notices = Arc::<Notices>::default();
    let outlet = Outlet { reads: sender, notices: notices.clone(), closing: closing.shared() };
    (outlet, Events { reads: receiver, read: None, ended: false, notices, reachable: BTreeSet::new() })
}

impl Outlet {
    /// Tells of messages, as soon as there is room for them; while the mesh is being closed, only if there is.
    /// False once nobody can ever read them.
    pub(crate) async fn tell_frames(&mut self, from: PeerId, frames: Vec<Bytes>) -> bool {
        let read = Read { ticket: lock(&self.notices.waiting).count, from, frames };
        match select(self.reads.send(read), self.closing.clone()).await {
            Either::Left((sent, _)) => sent.is_ok(),
            Either::Right(_) => true,
        }
    }

    /// Tells anything but frames, at once.
    pub(crate) fn tell(&self, event: Event) {
        let mut waiting = lock(&self.notices.waiting);
        waiting.count += 1;
        waiting.events.push_back(event);
        drop(waiting);
        self.notices.awaited.wake();
    }

    /// Whether the owner is so far behind that no more should happen of which it would have to be told.
    pub(crate) fn is_full(&self) -> bool {
        lock(&self.notices.waiting).events.len() >= NOTICES
    }

    /// Resolves when the mesh is being closed.
    pub(crate) fn closing(&self) -> Shared<oneshot::Receiver<()>> {
        self.closing.clone()
    }

    /// Ends the events behind those that were told.
    pub(crate) fn end(&mut self) {
        self.reads.close_channel();
    }
}

impl Notices {
    /// The next, unless it came after a read with this ticket.
    fn take_before(&self, ticket: Option<u64>) -> Option<Event> {
        let mut waiting = lock(&self.waiting);
        let next = waiting.count - waiting.events.len() as u64;
        if ticket.is_some_and(|ticket| ticket <= next) { None } else { waiting.events.pop_front() }
    }
}

impl Events {
    /// The next event if one is there already.
    pub fn ready(&mut self) -> Option<Event> {
        self.next().now_or_never().flatten()
    }

    /// Takes note of who can be reached.
    fn note(&mut self, event: &Event) {
        match event {
            Event::Reachable { peer, .. } => _ = self.reachable.insert(peer.id),
            Event::Unreachable { peer, .. } => _ = self.reachable.remove(peer),
            Event::Path { .. } | Event::Frames { .. } | Event::IdInUse | Event::SeedFailed { .. } => {}
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let this = &mut *self;
        this.notices.awaited.register(cx.waker());
        loop {
            if this.read.is_none() && !this.ended {
                match this.reads.poll_next_unpin(cx) {
                    Poll::Ready(Some(read)) => this.read = Some(read),
                    Poll::Ready(None) => this.ended = true,
                    Poll::Pending => {}
                }
            }
            if let Some(event) = this.notices.take_before(this.read.as_ref().map(|read| read.ticket)) {
                this.note(&event);
                return Poll::Ready(Some(event));
            }
            match this.read.take() {
                // Read from a link whose other end had told everybody already that it is none: nobody sent this to whom it can reach.
                Some(Read { from, .. }) if !this.reachable.contains(&from) => {}
                Some(Read { from, frames, .. }) => return Poll::Ready(Some(Event::Frames { from, frames })),
                None if this.ended => return Poll::Ready(None),
                None => return Poll::Pending,
            }
        }
    }
}
