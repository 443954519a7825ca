//! What a leader does: beat, hand over, and settle with another leader that it meets.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::Bully;
use crate::state::{Contest, Leading, State, Then};
use crate::{Epoch, Message, Rank, Reason};

impl<P: Copy + Ord + Debug> Bully<P> {
    /// Shows everybody that this peer leads.
    pub(super) fn beat(&mut self, now: Instant) {
        let peers: Vec<P> = self.electorate.reachable().collect();
        for peer in peers {
            self.send_heartbeat(peer, now);
        }
        let heartbeat = self.config.heartbeat;
        if let State::Leading(leading) = &mut self.state {
            leading.sequence += 1;
            leading.heartbeat_at = now + heartbeat;
        }
    }

    /// Shows one peer that this one leads.
    pub(super) fn send_heartbeat(&mut self, to: P, now: Instant) {
        let State::Leading(Leading { sequence, .. }) = self.state else {
            return;
        };
        if let (Some(epoch), Some(rank)) = (self.epoch, self.rank) {
            let weight = self.electorate.weight(now);
            let heartbeat = Message::Heartbeat { epoch, rank, weight, sequence };
            self.send(to, heartbeat);
        }
    }

    /// Tells everybody that can be reached, member or not: a part that was apart has members this one does not know.
    pub(super) fn send_all(&mut self, message: &Message<P>) {
        let peers: Vec<P> = self.electorate.reachable().collect();
        for peer in peers {
            self.send(peer, message.clone());
        }
    }

    /// A leader that leaves, or whose disk hangs, yields to the highest of those that can be reached.
    pub(super) fn step_aside(&mut self, now: Instant) {
        if self.may_lead() || !self.is_leader() {
            return;
        }
        if let Some(next) = self.electorate.candidates().max() {
            self.yield_to(next.peer, Contest::new(Reason::Yielded(self.me)), now);
        }
    }

    /// Stops leading in favour of `heir`; claims again if nothing comes of it.
    pub(super) fn yield_to(&mut self, heir: P, contest: Contest<P>, now: Instant) {
        if let Some(epoch) = self.epoch {
            self.send(heir, Message::Yield { epoch });
            let until = now + self.config.answer_timeout();
            self.become_waiting(contest, Some(heir), until, Then::Reclaim);
        }
    }

    /// Another leader shows itself to this one.
    ///
    /// If the two were apart, the one that is better connected, and of equals the higher-ranked, raises its epoch
    /// above both. The other follows; before that it shows itself, so that the one that stays knows of the meeting. If
    /// they were in contact all along, one was silent, and the newer epoch stands.
    pub(super) fn meet(&mut self, rival: Epoch<P>, standing: (u32, Rank<P>), now: Instant) {
        let apart = self.was_apart(rival.leader, now);
        let mine = self.rank.map(|rank| (self.electorate.weight(now), rank));
        let stays = apart && mine > Some(standing);
        if stays {
            self.become_leader(Reason::Merged(rival.leader), now);
        } else if !self.lags(rival) {
            self.send_heartbeat(rival.leader, now);
        } else {
            let reason = if apart {
                self.send_heartbeat(rival.leader, now);
                Reason::Merged(self.me)
            } else {
                Reason::Superseded(self.me)
            };
            self.become_follower(rival, now, reason, now);
        }
    }

    /// A peer that is not the leader of `epoch` shows this leader that there is, or was, a newer one.
    pub(super) fn is_shown(&mut self, epoch: Epoch<P>, leader: Option<P>, age: Duration, now: Instant) {
        match leader {
            Some(leader) if leader != self.me => {
                // A leader met just now shows itself, and with its weight.
                let stands = self.electorate.reaches(leader) && !self.was_apart(leader, now);
                if stands && age <= self.config.fresh() {
                    let heard = now.checked_sub(age).unwrap_or(now);
                    self.become_follower(epoch, heard, Reason::Superseded(self.me), now);
                }
            }
            // Nobody leads that epoch; but while it is the newer, whoever knows it cannot follow this leader.
            _ => self.become_leader(Reason::Renewed, now),
        }
    }

    /// Whether `rival` came in reach only after this leader's claim, and so lately that it can just have shown itself.
    pub(super) fn was_apart(&self, rival: P, now: Instant) -> bool {
        let State::Leading(Leading { claimed, .. }) = self.state else {
            return false;
        };
        self.electorate.since(rival).is_some_and(|since| {
            let contact = now.saturating_duration_since(since);
            since > claimed && contact <= self.config.timeout
        })
    }
}
