//! What the member's owner asks for.

use std::time::Duration;

use history::MessageId;

use super::{Departing, Group, Now, Output, Stage};
use crate::api::MsgError;
use crate::event::{Leader, Member};
use crate::roster::{Holder, Roster};

/// How many answer timeouts a leaving leader waits for its successor: the yield, the claim, and as much again.
const SUCCESSION: u32 = 2;

/// How long the log may take to do without a voter that leaves: with the rest of a departure, below two seconds.
const UNVOTING: Duration = Duration::from_millis(500);

impl Group {
    /// Says a text, which was checked, to one member. The outcome follows as [`Output::Delivered`].
    ///
    /// # Errors
    ///
    /// There is no such member.
    pub fn msg(&mut self, to: &str, text: String, now: Now) -> Result<MessageId, MsgError> {
        self.msg_from(self.me.id, self.name.clone(), to, text, now)
    }

    /// Leaves: a leader hands over first. [`Output::Depart`] follows.
    pub fn leave(&mut self, now: Now) {
        match self.stage {
            Stage::Member => {
                self.history.leave(now.instant);
                self.stage = Stage::Leaving(Departing::Voting(now.instant + UNVOTING));
                self.settle(now);
            }
            Stage::Joining(_) => self.depart(),
            Stage::Leaving(_) | Stage::Gone => {}
        }
    }

    /// Who leads, as far as this peer knows.
    pub fn leader(&self) -> Option<&Leader> {
        self.leader.as_ref()
    }

    /// The greatest epoch known.
    pub fn epoch(&self) -> u64 {
        self.bully.epoch().map_or(0, |epoch| epoch.counter)
    }

    /// The members that are here, the oldest first.
    pub fn members(&self) -> Vec<Member> {
        let everybody = self.roster.iter().flat_map(Roster::everybody);
        everybody.filter(|one| self.presence.is_here(one.host())).filter_map(|one| self.listed(one)).collect()
    }

    fn listed(&self, one: Holder<'_>) -> Option<Member> {
        match one {
            Holder::Member(id, entry) => Some(self.member(id, entry)),
            Holder::Guest(id, guest) => {
                let host = self.roster.as_ref()?.entry(guest.host)?;
                Some(Self::guest_member(id, guest, host.address.clone()))
            }
        }
    }

    pub(super) fn pursue_departure(&mut self, now: Now) {
        if let Stage::Leaving(Departing::Voting(until)) = self.stage
            && (until <= now.instant || self.confirmed.left || self.partners.is_empty())
        {
            let handing_over = self.bully.is_leader() && !self.partners.is_empty();
            self.bully.handle_leave(now.instant);
            let patience = if handing_over { self.timeout / 5 * SUCCESSION } else { Duration::ZERO };
            self.stage = Stage::Leaving(Departing::Leading(now.instant + patience));
            self.drain(now);
        }
        if let Stage::Leaving(Departing::Leading(until)) = self.stage
            && (until <= now.instant || self.partners.is_empty() || self.has_successor())
        {
            self.depart();
        }
    }

    fn has_successor(&self) -> bool {
        !self.bully.is_leader() && self.bully.leader().is_some()
    }

    fn depart(&mut self) {
        self.publish_edits();
        self.stage = Stage::Gone;
        self.outputs.push_back(Output::Depart);
    }
}
