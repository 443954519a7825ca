//! Which users of gateways are here, as the owner is told of them.
//!
//! A guest is here while its host is. Nobody asks a guest whether it lives: its host knows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use transport::PeerId;

use super::guests::{Guests, Standing};
use super::{Group, Output};
use crate::event::{Event, LeftReason, Via};
use crate::name::Name;
use crate::roster::Guest;

/// A guest as the owner was told of it.
#[derive(Clone, Debug)]
struct Shown {
    name: Name,
    host: PeerId,
    /// The roster lacks it: until then it may be taken in, as happens where two groups meet.
    unlisted: Option<Instant>,
}

/// The guests that the owner was told of.
#[derive(Clone, Debug, Default)]
pub(super) struct Attendance {
    shown: BTreeMap<PeerId, Shown>,
    /// Those of the roster, here or not. Only one that is new in it comes under the name that it had before: whose host was out of
    /// reach comes back as it is called.
    known: BTreeSet<PeerId>,
    /// Of the roster that was looked at last.
    epoch: Option<election::Epoch<PeerId>>,
}

impl Attendance {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.shown.values().filter_map(|shown| shown.unlisted).min()
    }
}

impl Group {
    /// Tells who of the guests came, went and was renamed since the last time: the roster has changed, or who can be reached. `departed`
    /// are the members of which it was just told that they left, and how: their guests went as they did.
    pub(super) fn follow_guests(&mut self, departed: &BTreeMap<PeerId, LeftReason>) {
        let (Some(roster), true) = (self.roster.as_ref(), self.is_member()) else { return };
        let epoch = Some(roster.version.epoch);
        let replaced = std::mem::replace(&mut self.guests.attendance.epoch, epoch) != epoch;
        let Guests { own, attendance, .. } = &self.guests;
        if attendance.shown.is_empty() && own.is_empty() && roster.guests().next().is_none() {
            return;
        }
        let gone = self.see_guests_off(replaced, departed);
        // Who is admitted hears that first.
        self.follow_own_guests();
        let come = self.meet_guests();
        for event in gone.into_iter().chain(come) {
            let given_up = match &event {
                Event::Left { id, .. } => self.privates.handle_guest_gone(*id),
                _ => Vec::new(),
            };
            self.tell(event);
            self.outputs.extend(given_up.into_iter().map(|id| Output::Delivered(id, false)));
        }
        if self.differs_from_roster() {
            self.compare_guests_later();
        }
    }

    /// Who is here no longer, and who is called otherwise.
    fn see_guests_off(&mut self, replaced: bool, departed: &BTreeMap<PeerId, LeftReason>) -> Vec<Event> {
        let Some(roster) = &self.roster else { return Vec::new() };
        let mut events = Vec::new();
        let now = self.now.instant;
        let (presence, expectation) = (&self.presence, self.timeout * 3);
        let Guests { own, attendance, .. } = &mut self.guests;
        attendance.shown.retain(|id, shown| {
            let here = presence.is_here(shown.host);
            let listed = roster.guest(*id);
            if let (Some(guest), true) = (listed, here) {
                shown.unlisted = None;
                shown.host = guest.host;
                if guest.name != shown.name {
                    let from = std::mem::replace(&mut shown.name, guest.name.clone());
                    events.push(Event::Renamed { id: *id, from, to: guest.name.clone() });
                }
                return true;
            }
            // One's own are here whatever the roster says: where it lacks them, they are asked for again.
            if own.contains_key(id) {
                return true;
            }
            if here {
                // A roster that replaced another may lack it only for a moment.
                if shown.unlisted.is_none() && (replaced || presence.is_unlisted(shown.host)) {
                    shown.unlisted = Some(now + expectation);
                }
                if shown.unlisted.is_some_and(|until| until > now) {
                    return true;
                }
            }
            let (reason, detail) = match departed.get(&shown.host) {
                _ if here => (LeftReason::Left, "its gateway says that it is gone"),
                Some(LeftReason::Left) => (LeftReason::Left, "its gateway's peer left"),
                _ => (LeftReason::Failed, "its gateway cannot be reached"),
            };
            events.push(Event::Left { id: *id, name: shown.name.clone(), reason, detail: detail.into() });
            false
        });
        events
    }

    /// What the roster says of one's own guests.
    fn follow_own_guests(&mut self) {
        let Some(roster) = &self.roster else { return };
        let mut welcomed = Vec::new();
        for (id, own) in &mut self.guests.own {
            let Some(guest) = roster.guest(*id) else { continue };
            if own.standing == Standing::Member {
                own.name = guest.name.clone();
            } else {
                welcomed.push((*id, guest.name.clone()));
            }
        }
        welcomed.into_iter().for_each(|(id, name)| self.welcome_guest(id, name));
    }

    /// Who is here that was not.
    fn meet_guests(&mut self) -> Vec<Event> {
        let Some(roster) = &self.roster else { return Vec::new() };
        let Attendance { shown, known, .. } = &mut self.guests.attendance;
        let mut events = Vec::new();
        known.retain(|id| roster.guest(*id).is_some() || shown.contains_key(id));
        for (id, guest) in roster.guests() {
            let Guest { name, host, formerly, .. } = guest;
            let is_new = known.insert(id);
            if shown.contains_key(&id) || !self.presence.is_here(*host) {
                continue;
            }
            let Some(address) = roster.entry(*host).map(|host| host.address.clone()) else { continue };
            shown.insert(id, Shown { name: name.clone(), host: *host, unlisted: None });
            let via = Via::Gateway;
            match formerly.clone().filter(|_| is_new) {
                Some(from) => {
                    events.push(Event::Joined { id, name: from.clone(), address, via });
                    events.push(Event::Renamed { id, from, to: name.clone() });
                }
                None => events.push(Event::Joined { id, name: name.clone(), address, via }),
            }
        }
        events
    }
}
