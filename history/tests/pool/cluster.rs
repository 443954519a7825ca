//! A few pools on perfect links without delay, for the statements.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use history::{Baseline, Event, Limits, Message, MessageId, Pool, Range, Say, To};

use crate::{session, start};

/// Pools numbered from 0; pool `n` says its lines as `session(n)`.
pub(crate) struct Cluster {
    pub(crate) now: Instant,
    pub(crate) pools: Vec<Pool<usize>>,
    links: BTreeSet<(usize, usize)>,
    /// Every message delivered since the last call of [`take_sent`](Self::take_sent).
    sent: Vec<(usize, usize, Message)>,
}

impl Cluster {
    pub(crate) fn new(size: u64, limits: Limits) -> Self {
        let now = start();
        let pool = |n| Pool::new(session(n), limits, n as u64, now);
        Self { now, pools: (0..u128::from(size)).map(pool).collect(), links: BTreeSet::new(), sent: Vec::new() }
    }

    /// Like [`new`](Self::new), and all can reach each other.
    pub(crate) fn linked(size: u64, limits: Limits) -> Self {
        let mut cluster = Self::new(size, limits);
        for a in 0..cluster.pools.len() {
            for b in 0..a {
                cluster.link(a, b);
            }
        }
        cluster
    }

    pub(crate) fn link(&mut self, a: usize, b: usize) {
        self.join(a, b);
        self.deliver();
    }

    /// Makes `a` and `b` reachable to each other without delivering anything yet.
    pub(crate) fn join(&mut self, a: usize, b: usize) {
        self.links.extend([(a, b), (b, a)]);
        self.pools[a].handle_reachable(b, self.now);
        self.pools[b].handle_reachable(a, self.now);
    }

    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        self.links.remove(&(a, b));
        self.links.remove(&(b, a));
        self.pools[a].handle_unreachable(b, self.now);
        self.pools[b].handle_unreachable(a, self.now);
        self.deliver();
    }

    pub(crate) fn cut_off(&mut self, peer: usize) {
        for other in (0..self.pools.len()).filter(|other| *other != peer) {
            self.cut(peer, other);
        }
    }

    pub(crate) fn say(&mut self, peer: usize, body: impl Into<Bytes>) -> MessageId {
        let id = self.pools[peer].say(body.into(), self.now).expect("a short line");
        self.deliver();
        id
    }

    /// Says a line and loses all that the pool would send for it.
    pub(crate) fn say_unheard(&mut self, peer: usize, body: impl Into<Bytes>) -> MessageId {
        let id = self.pools[peer].say(body.into(), self.now).expect("a short line");
        while self.pools[peer].poll_transmit().is_some() {}
        id
    }

    pub(crate) fn adopt(&mut self, peer: usize, baseline: Baseline) {
        self.pools[peer].adopt(baseline, self.now);
    }

    pub(crate) fn receive(&mut self, peer: usize, from: usize, message: Message) {
        self.pools[peer].handle_message(from, message, self.now);
        self.deliver();
    }

    /// Lets time pass, timers firing when they ask to.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.deliver();
        let end = self.now + time;
        loop {
            let next = self.pools.iter().filter_map(Pool::poll_timeout).min();
            let Some(at) = next.filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            for pool in &mut self.pools {
                pool.handle_timeout(self.now);
            }
            self.deliver();
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for from in 0..self.pools.len() {
                while let Some(transmit) = self.pools[from].poll_transmit() {
                    quiet = false;
                    let all = 0..self.pools.len();
                    let to = match transmit.to {
                        To::One(to) => to..to + 1,
                        To::All => all,
                    };
                    for to in to.filter(|to| self.links.contains(&(from, *to))) {
                        self.sent.push((from, to, transmit.message.clone()));
                        self.pools[to].handle_message(from, transmit.message.clone(), self.now);
                    }
                }
            }
        }
    }

    /// The events of `peer` since the last call.
    pub(crate) fn events(&mut self, peer: usize) -> Vec<Event> {
        std::iter::from_fn(|| self.pools[peer].poll_event()).collect()
    }

    /// The lines shown at `peer` since the last call.
    pub(crate) fn shown(&mut self, peer: usize) -> Vec<MessageId> {
        let events = self.events(peer).into_iter();
        events
            .filter_map(|event| match event {
                Event::Shown(say) => Some(say.id),
                Event::Skipped { .. } => None,
            })
            .collect()
    }

    pub(crate) fn take_sent(&mut self) -> Vec<(usize, usize, Message)> {
        std::mem::take(&mut self.sent)
    }

    /// How many lines went to `peer` since the last [`take_sent`](Self::take_sent).
    pub(crate) fn lines_sent_to(&mut self, peer: usize) -> usize {
        let sent = self.take_sent();
        sent.iter().filter(|(_, to, message)| *to == peer && matches!(message, Message::Say(_))).count()
    }
}

pub(crate) fn id(author: u128, number: u64) -> MessageId {
    MessageId { session: session(author), number }
}

pub(crate) fn line(id: MessageId, lamport: u64, heads: &[MessageId]) -> Say {
    Say { id, lamport, after: None, heads: heads.to_vec(), body: Bytes::from_static(b"a line") }
}

pub(crate) fn range(author: u128, lo: u64, hi: u64, lamport: u64) -> Range {
    Range { session: session(author), lo, hi, lamport }
}
