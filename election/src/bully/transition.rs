//! The only places where a role begins.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::Bully;
use crate::config::ASKED_MAX;
use crate::state::{Asking, Contest, Following, Leading, Reply, State, Then, Waiting};
use crate::{Config, Epoch, Event, Message, Reason};

impl<P: Copy + Ord + Debug> Bully<P> {
    /// Follows the leader of `epoch`, last heard at `heard`.
    pub(super) fn become_follower(&mut self, epoch: Epoch<P>, heard: Instant, reason: Reason<P>, now: Instant) {
        if self.is_leader() {
            self.hold.fell(now);
        }
        if self.epoch != Some(epoch) {
            self.hold.forget_asking();
        }
        let Config { heartbeat, timeout, .. } = self.config;
        let limit = if heard < now { timeout + heartbeat } else { self.silence_borne(epoch.leader) };
        let state = State::Following(Following {
            leader: epoch.leader,
            heard,
            silent_at: heard + limit,
            passed: BTreeSet::new(),
        });
        self.become_role(state, Some(epoch), reason);
    }

    /// Claims the leadership: raises the epoch above all that were seen, and tells everybody.
    pub(super) fn become_leader(&mut self, reason: Reason<P>, now: Instant) {
        let Some(rank) = self.rank else { return };
        self.counter = self.counter.saturating_add(1);
        let epoch = Epoch { counter: self.counter, leader: self.me };
        self.caught_up = true;
        let state = State::Leading(Leading { claimed: now, heartbeat_at: now + self.config.heartbeat, sequence: 0 });
        self.become_role(state, Some(epoch), reason);
        self.send_all(&Message::Coordinator { epoch, rank });
    }

    /// Leaves it to `awaited`, or to anybody, to come forward until `until`.
    pub(super) fn become_waiting(&mut self, contest: Contest<P>, awaited: Option<P>, until: Instant, then: Then<P>) {
        let (epoch, reason) = (self.epoch, contest.reason);
        let state = State::Waiting(Waiting { contest, awaited, until, then });
        self.become_role(state, epoch, reason);
    }

    /// Asks the highest-ranked that are not excluded.
    pub(super) fn become_asking(&mut self, contest: Contest<P>, now: Instant) {
        let mut asked = self.highest(ASKED_MAX, &contest.excluded);
        asked.retain(|&peer| peer != self.me);
        for &to in &asked {
            self.send_election(to, false);
        }
        let asks_nobody = asked.is_empty();
        let (epoch, reason) = (self.epoch, contest.reason);
        let asked: BTreeMap<P, Reply> = asked.iter().map(|&peer| (peer, Reply::Pending)).collect();
        let state = State::Asking(Asking { contest, asked, until: now + self.config.answer_timeout() });
        self.become_role(state, epoch, reason);
        if asks_nobody {
            self.conclude(now);
        }
    }

    /// Goes on asking, without a peer that can no longer be reached.
    pub(super) fn become_less_asking(&mut self, asking: Asking<P>) {
        let reason = asking.contest.reason;
        self.become_role(State::Asking(asking), self.epoch, reason);
    }

    /// Goes on following a leader that was doubted, until `silent_at` at least.
    pub(super) fn believe_again(&mut self, contest: Contest<P>, silent_at: Instant, now: Instant) {
        let Some(leader) = contest.doubted else { return };
        // It is not heard yet: whoever asks is not to be told that it is.
        let heard = now.checked_sub(self.config.timeout).unwrap_or(now);
        let (epoch, reason) = (self.epoch, contest.reason.to_follow(leader));
        let state = State::Following(Following { leader, heard, silent_at, passed: contest.excluded });
        self.become_role(state, epoch, reason);
    }

    /// How long a leader's silence is borne: over a link of one's own a heartbeat longer than a link's, so that a link that failed
    /// is known to have before its silence is taken for the leader's.
    pub(super) fn silence_borne(&self, leader: P) -> Duration {
        let Config { heartbeat, timeout, .. } = self.config;
        if self.electorate.is_unlinked(leader) { self.config.two_heartbeats() } else { timeout + heartbeat }
    }

    /// Changes the role, and says so if that changes who leads or in which epoch.
    fn become_role(&mut self, state: State<P>, epoch: Option<Epoch<P>>, reason: Reason<P>) {
        let before = (self.leader(), self.epoch);
        self.state = state;
        self.epoch = self.epoch.max(epoch);
        self.counter = self.counter.max(self.epoch.map_or(0, |epoch| epoch.counter));
        let (leader, epoch) = (self.leader(), self.epoch);
        if (leader, epoch) != before {
            self.events.push_back(Event::Leader { leader, epoch, reason });
        }
    }
}
