//! What the member's owner asks for.

use std::time::Duration;

use history::MessageId;
use transport::PeerId;

use super::{Departing, Group, Now, Output, Stage};
use crate::api::{Members, MsgError};
use crate::event::{Leader, Member};
use crate::roster::{Entry, Guest, Holder, Roster, RosterVersion};
use crate::wire::{Message, Request, Response};

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

    /// Asks the leader for its list. The answer follows as [`Output::Members`] with the same number.
    pub fn request_members(&mut self, id: u64, now: Now) {
        if self.requests.add(id, Request::Members, now.instant) {
            self.ask_leader();
        } else {
            self.outputs.push_back(Output::Members(id, Err(crate::api::RequestError::NoLeader)));
        }
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

    /// Passes on to the leader what it was not asked yet.
    pub(super) fn ask_leader(&mut self) {
        let Some(leader) = self.bully.leader().filter(|_| self.is_member()) else { return };
        for (id, request) in self.requests.for_leader(leader) {
            if leader == self.me.id {
                if let Some(response) = self.answer(leader, &request) {
                    self.handle_response(id, response);
                }
            } else {
                self.send(leader, Message::Request(id, request));
            }
        }
    }

    pub(super) fn handle_request(&mut self, from: PeerId, id: u64, request: Request) {
        if self.bully.is_leader()
            && let Some(response) = self.answer(from, &request)
        {
            self.send(from, Message::Response(id, response));
        }
    }

    fn answer(&mut self, from: PeerId, request: &Request) -> Option<Response> {
        match request {
            Request::Members => {
                let roster = self.roster.as_ref()?;
                let here = roster.by_seniority().into_iter().filter(|(peer, _)| self.presence.is_here(*peer));
                let members = here.map(|(peer, entry)| (peer, entry.clone())).collect();
                let guests = roster.guests().filter(|(_, guest)| self.presence.is_here(guest.host));
                let guests = guests.map(|(id, guest)| (id, guest.clone())).collect();
                Some(Response::Members(roster.version, members, guests))
            }
            Request::AdmitGuest { guest, name, member } => self.answer_admit(from, *guest, name, *member),
            Request::DropGuest(guest) => self.answer_drop(from, *guest),
        }
    }

    pub(super) fn handle_response(&mut self, id: u64, response: Response) {
        if !self.requests.handle_answer(id) {
            return;
        }
        match response {
            Response::Members(version, entries, guests) => {
                let answer = self.list(version, &entries, &guests);
                self.outputs.push_back(Output::Members(id, Ok(answer)));
            }
            Response::Guest(answer) => self.handle_guest_answer(id, Some(answer)),
            Response::GuestDropped => self.handle_guest_answer(id, None),
        }
    }

    /// The leader's list, in the order of joining.
    fn list(&self, version: RosterVersion, entries: &[(PeerId, Entry)], guests: &[(PeerId, Guest)]) -> Members {
        let leader = version.epoch.leader;
        let member = |(peer, entry): &(PeerId, Entry)| {
            (entry.seniority, Member { leader: *peer == leader, ..self.member(*peer, entry) })
        };
        let guest = |(id, guest): &(PeerId, Guest)| {
            let (_, host) = entries.iter().find(|(peer, _)| *peer == guest.host)?;
            Some((guest.seniority, Self::guest_member(*id, guest, host.address.clone())))
        };
        let mut members: Vec<_> = entries.iter().map(member).chain(guests.iter().filter_map(guest)).collect();
        members.sort_by_key(|(seniority, member)| (*seniority, member.id));
        let members = members.into_iter().map(|(_, member)| member).collect();
        Members { epoch: version.epoch.counter, leader, members }
    }
}
