//! What the leader is asked, and what it answers.

use bytes::Bytes;
use history::Ballot;
use transport::PeerId;

use super::answers::Known;
use super::{Group, Now, Output};
use crate::api::{AskError, CalcError, Members, RequestError};
use crate::calc;
use crate::event::Member;
use crate::roster::{Entry, Guest, RosterVersion};
use crate::text;
use crate::wire::{Message, Request, Response, Unserved};

/// The most characters of what a program says of its failure.
const MAX_FAILURE: usize = 1_000;

/// A program's own request, which the leader of the moment is to do. Its outcome goes to [`Group::handle_done`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// Who asks.
    pub from: PeerId,
    /// By which number.
    pub id: u64,
    /// For what.
    pub name: String,
    /// With what.
    pub bytes: Bytes,
    /// Under which ballot this peer leads.
    pub ballot: Ballot<PeerId>,
}

/// What became of a [`Task`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// It gave this.
    Answer(Bytes),
    /// It failed, and why.
    Failed(String),
    /// There is no request of that name here.
    Unknown,
}

impl Group {
    /// Asks the leader for its list. The answer follows as [`Output::Members`] with the same number.
    pub fn request_members(&mut self, id: u64, now: Now) {
        self.ask(id, Request::Members, now);
    }

    /// Asks the leader for the value of an expression. The answer follows as [`Output::Calculated`] with the same number, which no other
    /// request of this peer may ever have had, in an earlier run either.
    pub fn calc(&mut self, id: u64, expression: String, now: Now) {
        if let Err(error) = calc::check(&expression) {
            self.outputs.push_back(Output::Calculated(id, Err(error.into())));
        } else {
            self.ask(id, Request::Calc(expression), now);
        }
    }

    /// Asks the leader for what a program does there under this name; both have been checked. The answer follows as
    /// [`Output::Requested`] with the same number, which no other request of this peer may ever have had, in an earlier run either.
    pub fn request(&mut self, id: u64, name: String, bytes: Bytes, now: Now) {
        self.ask(id, Request::Named { name, bytes }, now);
    }

    /// What became of an [`Output::Execute`].
    pub fn handle_done(&mut self, from: PeerId, id: u64, done: Done, now: Now) {
        let outcome = match done {
            Done::Answer(bytes) if bytes.len() <= text::MAX_TEXT_BYTES => Ok(bytes),
            Done::Answer(bytes) => Err(Unserved::Failed(format!("its answer of {} bytes is too long", bytes.len()))),
            Done::Failed(why) => Err(Unserved::Failed(why.chars().take(MAX_FAILURE).collect())),
            Done::Unknown => Err(Unserved::Unknown),
        };
        let response = Response::Done(outcome);
        self.answers.give((from, id), response.clone(), now.instant);
        self.respond(from, id, response, now);
        self.settle(now);
    }

    fn ask(&mut self, id: u64, request: Request, now: Now) {
        if self.requests.add(id, request.clone(), now.instant) {
            self.ask_leader(now);
        } else {
            self.give_up(id, &request, false);
        }
    }

    /// What was not answered in time.
    pub(super) fn give_up_late_requests(&mut self, now: Now) {
        for (id, request, put_off) in self.requests.handle_timeout(now.instant) {
            self.give_up(id, &request, put_off);
        }
    }

    fn give_up(&mut self, id: u64, request: &Request, put_off: bool) {
        let none = RequestError::NoLeader;
        self.outputs.push_back(match request {
            Request::AdmitGuest { .. } | Request::DropGuest(_) => return self.handle_guest_timeout(id),
            Request::Members => Output::Members(id, Err(none)),
            Request::Calc(_) => Output::Calculated(id, Err(none.into())),
            Request::Named { .. } if put_off => Output::Requested(id, Err(AskError::NoQuorum)),
            Request::Named { .. } => Output::Requested(id, Err(none.into())),
        });
    }

    /// Passes on to the leader what it was not asked yet.
    pub(super) fn ask_leader(&mut self, now: Now) {
        let Some(leader) = self.bully.leader().filter(|_| self.is_member()) else { return };
        for (id, request) in self.requests.for_leader(leader) {
            if leader == self.me.id {
                if let Some(response) = self.serve(leader, id, &request, now) {
                    self.handle_response(id, response, now);
                }
            } else {
                self.send(leader, Message::Request(id, request));
            }
        }
    }

    pub(super) fn handle_request(&mut self, from: PeerId, id: u64, request: &Request, now: Now) {
        if self.bully.is_leader()
            && let Some(response) = self.serve(from, id, request, now)
        {
            self.send(from, Message::Response(id, response));
        }
    }

    fn respond(&mut self, to: PeerId, id: u64, response: Response, now: Now) {
        if to == self.me.id {
            self.handle_response(id, response, now);
        } else if self.reachable.contains_key(&to) {
            self.send(to, Message::Response(id, response));
        }
    }

    /// As the leader: the answer, if it can be given at once.
    fn serve(&mut self, from: PeerId, id: u64, request: &Request, now: Now) -> Option<Response> {
        match request {
            Request::Members => return self.list(),
            // The same guest again is no second run.
            Request::AdmitGuest { guest, name, member } => return self.answer_admit(from, *guest, name, *member),
            Request::DropGuest(guest) => return self.answer_drop(from, *guest),
            Request::Calc(_) | Request::Named { .. } => {}
        }
        match self.answers.known((from, id)) {
            Some(Known::Running) => return None,
            Some(Known::Given(response)) => return Some((**response).clone()),
            None => {}
        }
        match request {
            Request::Members | Request::AdmitGuest { .. } | Request::DropGuest(_) => None,
            Request::Calc(expression) => {
                let response = Response::Value(calc::evaluate(expression));
                self.answers.give((from, id), response.clone(), now.instant);
                Some(response)
            }
            Request::Named { name, bytes } => {
                // Whoever has lost its quorum may have been replaced already, and would not know.
                let Some(ballot) = self.history.log().established().filter(|_| self.has_quorum()) else {
                    return Some(Response::Done(Err(Unserved::NoQuorum)));
                };
                if !self.answers.begin((from, id)) {
                    return Some(Response::Done(Err(Unserved::Busy)));
                }
                let (name, bytes) = (name.clone(), bytes.clone());
                self.outputs.push_back(Output::Execute(Task { from, id, name, bytes, ballot }));
                None
            }
        }
    }

    fn list(&self) -> Option<Response> {
        let roster = self.roster.as_ref()?;
        let here = roster.by_seniority().into_iter().filter(|(peer, _)| self.presence.is_here(*peer));
        let members = here.map(|(peer, entry)| (peer, entry.clone())).collect();
        let guests = roster.guests().filter(|(_, guest)| self.presence.is_here(guest.host));
        let guests = guests.map(|(id, guest)| (id, guest.clone())).collect();
        Some(Response::Members(roster.version, members, guests))
    }

    /// The leader's list, in the order of joining.
    fn listing(&self, version: RosterVersion, entries: &[(PeerId, Entry)], guests: &[(PeerId, Guest)]) -> Members {
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

    pub(super) fn handle_response(&mut self, id: u64, response: Response, now: Now) {
        if let Response::Done(Err(Unserved::NoQuorum)) = response {
            return self.requests.put_off(id, now.instant);
        }
        match (self.requests.handle_answer(id), response) {
            (Some(Request::Members), Response::Members(version, entries, guests)) => {
                let answer = self.listing(version, &entries, &guests);
                self.outputs.push_back(Output::Members(id, Ok(answer)));
            }
            (Some(Request::AdmitGuest { .. }), Response::Guest(answer)) => self.handle_guest_answer(id, Some(answer)),
            (Some(Request::DropGuest(_)), Response::GuestDropped) => self.handle_guest_answer(id, None),
            (Some(Request::Calc(_)), Response::Value(value)) => {
                self.outputs.push_back(Output::Calculated(id, value.map_err(CalcError::from)));
            }
            (Some(Request::Named { name, .. }), Response::Done(done)) => {
                let done = done.map_err(|unserved| match unserved {
                    Unserved::Unknown => AskError::Unknown(name),
                    Unserved::NoQuorum => AskError::NoQuorum,
                    Unserved::Busy => AskError::Busy,
                    Unserved::Failed(why) => AskError::Failed(why),
                });
                self.outputs.push_back(Output::Requested(id, done));
            }
            // An answer that does not fit its request is no answer.
            (Some(request), _) => self.give_up(id, &request, false),
            (None, _) => {}
        }
    }
}
