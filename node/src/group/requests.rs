//! Requests to the leader (pure): sent to whoever leads, again to each next one, until the deadline.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use transport::PeerId;

use crate::wire::Request;

/// How long an answer is waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// How many may wait for an answer; one more is answered as if there were no leader.
const MOST: usize = 1024;

/// When a leader without a quorum is asked again.
const AGAIN: Duration = Duration::from_millis(250);

#[derive(Clone, Debug)]
struct Pending {
    request: Request,
    deadline: Instant,
    asked: Option<PeerId>,
    /// When a leader that could not do it is asked again.
    again_at: Option<Instant>,
    /// Whether one could not for want of a quorum.
    put_off: bool,
}

/// One's own requests that are not answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    pending: BTreeMap<u64, Pending>,
}

impl Requests {
    /// Takes a request; `false` if too many wait.
    pub(super) fn add(&mut self, id: u64, request: Request, now: Instant) -> bool {
        let room = self.pending.len() < MOST;
        if room {
            self.pending
                .insert(id, Pending { request, deadline: now + LIMIT, asked: None, again_at: None, put_off: false });
        }
        room
    }

    /// What is to be sent to the leader: everything that it was not asked yet.
    pub(super) fn for_leader(&mut self, leader: PeerId) -> Vec<(u64, Request)> {
        let unasked = self.pending.iter_mut().filter(|(_, pending)| pending.asked != Some(leader));
        unasked
            .map(|(id, pending)| {
                pending.asked = Some(leader);
                (*id, pending.request.clone())
            })
            .collect()
    }

    /// A peer is lost: what it was asked is asked again, if it comes back as the leader.
    pub(super) fn handle_lost(&mut self, peer: PeerId) {
        for pending in self.pending.values_mut().filter(|pending| pending.asked == Some(peer)) {
            pending.asked = None;
        }
    }

    /// The leader is another, or begins anew: everything is asked again. Who did not lead when it was asked was silent.
    pub(super) fn ask_again(&mut self) {
        self.pending.values_mut().for_each(|pending| pending.asked = None);
    }

    /// An answer came. The request, if it was waited for.
    pub(super) fn handle_answer(&mut self, id: u64) -> Option<Request> {
        self.pending.remove(&id).map(|pending| pending.request)
    }

    /// The leader cannot do it without a quorum: it is asked again.
    pub(super) fn put_off(&mut self, id: u64, now: Instant) {
        if let Some(pending) = self.pending.get_mut(&id) {
            (pending.again_at, pending.put_off) = (Some(now + AGAIN), true);
        }
    }

    /// What was not answered in time, and whether that was for want of a quorum.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<(u64, Request, bool)> {
        for pending in self.pending.values_mut() {
            if pending.again_at.take_if(|at| *at <= now).is_some() {
                pending.asked = None;
            }
        }
        let late = self.pending.iter().filter(|(_, pending)| pending.deadline <= now);
        let late: Vec<_> = late.map(|(id, _)| *id).collect();
        let taken = late.into_iter().filter_map(|id| Some((id, self.pending.remove(&id)?)));
        taken.map(|(id, pending)| (id, pending.request, pending.put_off)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pending.values().flat_map(|pending| pending.again_at.into_iter().chain([pending.deadline])).min()
    }
}
