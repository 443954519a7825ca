//! The users of gateways: members to everybody who talks, and never a part of elections, links or votes.
//!
//! Whoever serves a gateway is the *host* of its users. A host asks the leader to admit them and to drop them, as for anything
//! else that only the leader decides: again each next leader, until it is answered. Beyond that, whenever the roster changes, it
//! compares it with the users that it has: those that the roster lacks (their leader died before it told of them, or two groups met)
//! it asks for again, and those that it does not have (it ended, and is back) it asks to drop.
//!
//! Which of them are here, as everybody is told, is the business of [`attendance`](super::attendance).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::info;
use transport::{Address, PeerId};

use super::attendance::Attendance;
use super::{Group, Now, Output};
use crate::api::{GuestRefusal, NameRefusal};
use crate::event::{Member, Via};
use crate::name::Name;
use crate::roster::{Edit, Guest, Holder, Roster};
use crate::wire::{Request, Response};

/// Numbers from here on are of requests about guests; those below are of the owner's.
const FIRST_REQUEST: u64 = 1 << 63;

/// How long a name is believed to be taken by a user of another gateway before it is asked for again. Where that gateway's process was
/// killed, its users try the next at once, and may be there before the leader has noticed.
const DOUBT: Duration = Duration::from_millis(300);

/// A user of this peer's gateway.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) name: Name,
    pub(super) standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The leader is asked to admit it.
    Asked,
    /// Its name is said to be taken, which is believed if it is so still at that moment.
    Doubted(Instant),
    /// It is asked for the last time.
    AskedAgain,
    /// It is a member.
    Member,
}

/// What is on its way to the leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Admit(PeerId),
    Drop(PeerId),
}

/// The users of gateways, this peer's own and all.
#[derive(Clone, Debug, Default)]
pub(super) struct Guests {
    pub(super) own: BTreeMap<PeerId, Own>,
    pub(super) attendance: Attendance,
    asked: BTreeMap<u64, Asked>,
    requests: u64,
    /// When the roster is compared with one's own guests.
    compare_at: Option<Instant>,
}

impl Guests {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let doubts = self.own.values().filter_map(|own| match own.standing {
            Standing::Doubted(until) => Some(until),
            _ => None,
        });
        doubts.chain(self.attendance.poll_timeout()).chain(self.compare_at).min()
    }

    /// Whether this is a user of one's own gateway, and a member.
    pub(super) fn has(&self, guest: PeerId) -> bool {
        self.own.get(&guest).is_some_and(|own| own.standing == Standing::Member)
    }

    fn is_asked(&self, what: Asked) -> bool {
        self.asked.values().any(|asked| *asked == what)
    }
}

impl Group {
    // What this peer's gateway asks for.

    /// Asks the leader to admit a user of this peer's gateway. [`Output::Guest`] follows; the same id may be asked for again.
    pub fn admit_guest(&mut self, guest: PeerId, name: Name, now: Now) {
        self.now = now;
        let taken = self.guests.own.iter().any(|(id, own)| *id != guest && own.name.key() == name.key());
        if taken {
            self.outputs.push_back(Output::Guest(guest, Err(NameRefusal::InUse.into())));
        } else if !self.guests.has(guest) {
            self.guests.own.insert(guest, Own { name, standing: Standing::Asked });
            self.ask_to_admit(guest, false);
        }
        self.settle(now);
    }

    /// A user of this peer's gateway is gone.
    pub fn drop_guest(&mut self, guest: PeerId, now: Now) {
        self.now = now;
        self.forget_guest(guest);
        if self.roster.as_ref().is_some_and(|roster| roster.guest(guest).is_some()) {
            self.ask_about(Asked::Drop(guest), Request::DropGuest(guest));
        }
        self.follow_guests(&BTreeMap::new());
        self.settle(now);
    }

    /// What a user of this peer's gateway is called, once it is a member.
    pub fn guest_name(&self, guest: PeerId) -> Option<&Name> {
        self.guests.own.get(&guest).filter(|own| own.standing == Standing::Member).map(|own| &own.name)
    }

    /// The users of this peer's gateway, by id: members, and those that are asked for.
    pub fn own_guests(&self) -> impl Iterator<Item = PeerId> {
        self.guests.own.keys().copied()
    }

    fn forget_guest(&mut self, guest: PeerId) {
        self.guests.own.remove(&guest);
        let admitting = self.guests.asked.iter().find(|(_, asked)| **asked == Asked::Admit(guest));
        if let Some(id) = admitting.map(|(id, _)| *id) {
            self.guests.asked.remove(&id);
            self.requests.handle_answer(id);
        }
    }

    fn ask_to_admit(&mut self, guest: PeerId, member: bool) {
        let Some(own) = self.guests.own.get(&guest) else { return };
        let name = own.name.clone();
        self.ask_about(Asked::Admit(guest), Request::AdmitGuest { guest, name, member });
    }

    fn ask_about(&mut self, what: Asked, request: Request) {
        if self.guests.is_asked(what) {
            return;
        }
        let id = FIRST_REQUEST + self.guests.requests;
        self.guests.requests += 1;
        if self.requests.add(id, request, self.now.instant) {
            self.guests.asked.insert(id, what);
        } else {
            self.give_up_on(what);
        }
    }

    /// The leader answered a request about a guest.
    pub(super) fn handle_guest_answer(&mut self, id: u64, answer: Option<Result<Name, NameRefusal>>) {
        let (Some(Asked::Admit(guest)), Some(answer)) = (self.guests.asked.remove(&id), answer) else { return };
        let holder = self.guests.own.get(&guest).and_then(|own| self.roster.as_ref()?.holder(own.name.as_str()));
        let is_certain = matches!(holder, Some(Holder::Member(..)));
        let Some(own) = self.guests.own.get_mut(&guest).filter(|own| own.standing != Standing::Member) else { return };
        match answer {
            Ok(name) => self.welcome_guest(guest, name),
            Err(NameRefusal::InUse) if own.standing == Standing::Asked && !is_certain => {
                own.standing = Standing::Doubted(self.now.instant + DOUBT);
            }
            Err(refusal) => {
                self.guests.own.remove(&guest);
                self.outputs.push_back(Output::Guest(guest, Err(refusal.into())));
            }
        }
    }

    /// No leader answered a request about a guest in time.
    pub(super) fn handle_guest_timeout(&mut self, id: u64) {
        if let Some(asked) = self.guests.asked.remove(&id) {
            self.give_up_on(asked);
        }
    }

    fn give_up_on(&mut self, what: Asked) {
        match what {
            Asked::Admit(guest) if !self.guests.has(guest) => {
                if self.guests.own.remove(&guest).is_some() {
                    self.outputs.push_back(Output::Guest(guest, Err(GuestRefusal::NoLeader)));
                }
            }
            _ => self.compare_guests_later(),
        }
    }

    pub(super) fn welcome_guest(&mut self, guest: PeerId, name: Name) {
        let Some(own) = self.guests.own.get_mut(&guest) else { return };
        (own.name, own.standing) = (name.clone(), Standing::Member);
        self.outputs.push_back(Output::Guest(guest, Ok(name)));
        self.compare_guests_later();
    }

    // Having the roster as it should be.

    pub(super) fn compare_guests_later(&mut self) {
        let at = self.now.instant + self.heartbeat;
        self.guests.compare_at = Some(self.guests.compare_at.map_or(at, |before| before.min(at)));
    }

    /// Whether the roster lacks some of one's own guests, or has some that are not.
    pub(super) fn differs_from_roster(&self) -> bool {
        !self.unlisted_guests().is_empty() || !self.strange_guests().is_empty()
    }

    fn unlisted_guests(&self) -> Vec<PeerId> {
        let Some(roster) = &self.roster else { return Vec::new() };
        let own = self.guests.own.iter().filter(|(_, own)| own.standing == Standing::Member);
        own.map(|(id, _)| *id).filter(|id| roster.guest(*id).is_none()).collect()
    }

    fn strange_guests(&self) -> Vec<PeerId> {
        let guests = self.roster.iter().flat_map(Roster::guests).filter(|(_, guest)| guest.host == self.me.id);
        guests.map(|(id, _)| id).filter(|id| !self.guests.own.contains_key(id)).collect()
    }

    /// Asks for what is due: names that were in doubt, guests that the roster lacks, and those that it has and this peer has not.
    pub(super) fn pursue_guests(&mut self, now: Now) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        if !due(self.guests.poll_timeout()) {
            return;
        }
        let doubted = self.guests.own.iter().filter(|(_, own)| match own.standing {
            Standing::Doubted(until) => until <= now.instant,
            _ => false,
        });
        for guest in doubted.map(|(id, _)| *id).collect::<Vec<_>>() {
            if let Some(own) = self.guests.own.get_mut(&guest) {
                own.standing = Standing::AskedAgain;
            }
            self.ask_to_admit(guest, false);
        }
        if due(self.guests.compare_at) {
            self.guests.compare_at = None;
            // A host that is being taken in itself waits for that.
            if self.roster.as_ref().is_some_and(|roster| roster.contains(self.me.id)) {
                self.unlisted_guests().into_iter().for_each(|guest| self.ask_to_admit(guest, true));
                for guest in self.strange_guests() {
                    self.ask_about(Asked::Drop(guest), Request::DropGuest(guest));
                }
            }
            if self.differs_from_roster() {
                self.compare_guests_later();
            }
        }
        if due(self.guests.attendance.poll_timeout()) {
            self.follow_guests(&BTreeMap::new());
        }
    }

    // The leader's decisions.

    /// A host wants one of its users to be a member.
    pub(super) fn answer_admit(&mut self, host: PeerId, id: PeerId, name: &Name, member: bool) -> Option<Response> {
        let roster = self.roster.as_ref().filter(|roster| self.leads() && roster.contains(host))?;
        let mut drops = Vec::new();
        if let Some(guest) = roster.guest(id) {
            if guest.host == host && (member || guest.name.key() == name.key()) {
                return Some(Response::Guest(Ok(guest.name.clone())));
            }
            drops.push(Edit::DropGuest(id));
        }
        let mut given = name.clone();
        match roster.holder(name.as_str()).filter(|holder| holder.id() != id) {
            None => {}
            Some(_) if member => given = roster.free_name(name, id),
            // A host knows which of its users are gone.
            Some(Holder::Guest(holder, guest)) if guest.host == host || !self.presence.is_here(guest.host) => {
                drops.push(Edit::DropGuest(holder));
            }
            Some(Holder::Member(holder, _)) if self.presence.is_gone(holder) => drops.push(Edit::Drop(holder)),
            Some(_) => return Some(Response::Guest(Err(NameRefusal::InUse))),
        }
        if roster.room_for_guests() == 0 && drops.is_empty() {
            return Some(Response::Guest(Err(NameRefusal::TooManyGuests)));
        }
        drops.into_iter().for_each(|edit| self.edit(edit));
        info!(guest = %id, name = %given, %host, "admitted to a gateway");
        self.admit_to_gateway(id, host, given.clone(), name);
        self.handle_roster_changed(&[], self.now);
        Some(Response::Guest(Ok(given)))
    }

    /// A host says that one of its users is gone.
    pub(super) fn answer_drop(&mut self, host: PeerId, id: PeerId) -> Option<Response> {
        let roster = self.roster.as_ref().filter(|_| self.leads())?;
        if roster.guest(id).is_some_and(|guest| guest.host == host) {
            self.edit(Edit::DropGuest(id));
            self.handle_roster_changed(&[], self.now);
        }
        Some(Response::GuestDropped)
    }

    /// Takes in the guests of another roster whose hosts are members here, renamed where names clash. Whether there were any.
    pub(super) fn take_in_guests(&mut self, theirs: &Roster) -> bool {
        let Some(roster) = &self.roster else { return false };
        let is_here = |host: PeerId| host == self.me.id || self.reachable.contains_key(&host);
        let room = roster.room_for_guests();
        let lacking = theirs.everybody().into_iter().filter_map(|holder| match holder {
            Holder::Guest(id, guest) if roster.guest(id).is_none() => Some((id, guest)),
            _ => None,
        });
        let lacking = lacking.filter(|(_, guest)| roster.contains(guest.host) && is_here(guest.host));
        let lacking: Vec<_> = lacking.take(room).collect();
        let mut names = roster.names();
        for (id, Guest { name, host, .. }) in &lacking {
            let given = names.give(name);
            info!(guest = %id, name = %given, "taken in");
            self.admit_to_gateway(*id, *host, given, name);
        }
        !lacking.is_empty()
    }

    fn admit_to_gateway(&mut self, id: PeerId, host: PeerId, given: Name, asked: &Name) {
        let Some(roster) = &mut self.roster else { return };
        let mut guest = roster.next_guest(given, host, self.now.wall);
        guest.formerly = (guest.name != *asked).then(|| asked.clone());
        self.edit(Edit::AdmitGuest(id, guest));
    }

    // Lists.

    /// A guest as lists have it, and where its host is.
    pub(super) fn guest_member(id: PeerId, guest: &Guest, address: Address) -> Member {
        Member {
            id,
            name: guest.name.clone(),
            address,
            priority: 0,
            leader: false,
            joined_at: guest.joined_at,
            via: Via::Gateway,
        }
    }
}
