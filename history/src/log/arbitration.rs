//! Which history stands where several meet: who is to lead, and when this peer gives its own up.

use super::entry::Peer;
use super::limits::TAKEOVER;
use super::message::LogMessage;
use super::output::LogEvent;
use super::quorum::Weight;
use super::{Log, Role};
use crate::Regime;

impl<P: Peer> Log<P> {
    /// Looks at which history ought to stand, if that may be another than when it was looked at last. A leader of another hands
    /// the lead over to a member of that one.
    pub(super) fn review_histories(&mut self) {
        let is_due = self.look_at.is_some_and(|at| at <= self.now);
        if !self.histories_changed && !is_due {
            return;
        }
        self.histories_changed = false;
        self.voters_changed = true;
        self.look_at = None;
        let mine = self.history();
        if self.told != mine {
            self.told = mine;
            let (everybody, standing) = (self.members.reachable().collect(), self.standing());
            self.send_all(everybody, LogMessage::Status(standing));
        }
        let elsewhere = self.standings.any_elsewhere(mine);
        self.best = match elsewhere {
            true => {
                let leads = self.leader == Some(self.me);
                let leader = if leads { mine } else { self.followed.and_then(|followed| followed.regime) };
                self.standings.best(self.me, &self.standing(), leader)
            }
            false => mine,
        };
        let stands = if elsewhere { mine.is_some() && (self.best.is_none() || self.best == mine) } else { true };
        if self.stands != stands {
            self.stands = stands;
            self.events.push_back(LogEvent::Stands(stands));
        }
        if !stands && self.leader == Some(self.me) {
            self.hand_over();
        }
    }

    /// Whether this peer's history ought to stand, as far as is known: whoever is of another takes nobody's place.
    pub fn stands(&self) -> bool {
        self.stands
    }

    /// This peer leads, and is of a history that another is to stand before, or of none.
    fn hand_over(&mut self) {
        let Some(best) = self.best.or_else(|| self.standings.largest(self.me, &self.standing())) else {
            return;
        };
        let again_at = self.handed_over.filter(|(regime, _)| *regime == best).map(|(_, at)| at + TAKEOVER);
        let can_confirm = matches!(self.role, Role::Leading(_)) && self.standings.has_quorum(self.me, &self.standing());
        let settled_at = self.view_settles_at().filter(|_| can_confirm);
        let at = again_at.max(settled_at).filter(|at| self.now < *at);
        if at.is_some() {
            self.look_at = at;
            return;
        }
        let members: Vec<P> = self.standings.members(best).collect();
        let ranked = self.members.in_rank(&members);
        if let Some(to) = ranked.first().copied() {
            self.handed_over = Some((best, self.now));
            self.look_at = Some(self.now + TAKEOVER);
            self.events.push_back(LogEvent::HandOver { to });
        }
    }

    /// Whether everybody in reach had the time to say what it holds, and to be told of.
    pub(super) fn is_view_settled(&self) -> bool {
        self.view_settles_at().is_none_or(|at| at <= self.now)
    }

    /// When nothing more is waited for before one history is preferred to another.
    fn view_settles_at(&self) -> Option<std::time::Instant> {
        let all_known = self.standings.len() >= self.members.reachable().count();
        let settles = if all_known { self.config.heartbeat } else { TAKEOVER };
        Some(self.members.changed_at() + settles)
    }

    /// Whether this peer gives its history up for that one: its elected leader has shown that it is sure of it.
    pub(super) fn may_give_way(&self, regime: Regime<P>) -> bool {
        self.followed.is_some_and(|followed| followed.sure && followed.regime == Some(regime)) && self.may_leave()
    }

    /// Whether this peer's history may be given up at all: nothing that anybody said is confirmed in it; or its quorum is
    /// here, and another stands all the same; or too many of its voters have been away for too long.
    fn may_leave(&self) -> bool {
        let Some((_, config)) = self.chain.config_at(self.chain.decided()) else {
            return true;
        };
        let started = self.started;
        let may_return = |voter: P| {
            let back_by = self.members.remove_at(voter, config.voters.len(), started);
            self.is_present(voter) || back_by.is_some_and(|at| self.now < at)
        };
        self.applied.is_empty()
            || self.standings.has_quorum(self.me, &self.standing())
            || !config.carries(Weight::TieBroken, may_return)
    }

    /// Whether a voter is in reach, and not known to be of another history.
    pub(super) fn is_present(&self, voter: P) -> bool {
        let is_here = self.members.is_reachable(voter) && !self.standings.is_elsewhere(voter, self.history());
        voter == self.me || is_here
    }
}
