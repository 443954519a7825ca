//! The users of gateways: they come and go, and say something, as a gateway does it for them.

use node::group::{Direct, Group};
use node::{MessageId, Name};
use transport::PeerId;
use uuid::Uuid;

use super::mutation::Mutation;
use super::world::World;
use super::{HEARTBEAT, Place};
use crate::invariants::authors::Said;

impl World {
    /// Somebody wants to use a gateway. Some of the names are peers' as well.
    pub fn admit_guest(&mut self, place: Place, name: u8) {
        let name = if name < 2 { format!("p{name}") } else { format!("guest{name}") };
        self.admit_guest_as(place, &name);
    }

    /// Somebody wants to use a gateway, under a name.
    ///
    /// # Panics
    ///
    /// If that is none.
    pub fn admit_guest_as(&mut self, place: Place, name: &str) {
        if self.speaker(place).is_none() {
            return;
        }
        self.next_request += 1;
        // Its first bits tell it from every peer.
        let id = PeerId::new(Uuid::from_u128(u128::from(self.next_request) | 0xcafe << 112));
        let name: Name = name.parse().expect("a short word");
        self.act(format_args!("{name} comes to the gateway of {place}"));
        self.command(place, |group, now| group.admit_guest(id, name, now));
        self.carry_out(place);
    }

    /// Somebody who uses a gateway is gone.
    pub fn drop_guest(&mut self, place: Place) {
        let guest = self.speaker(place).and_then(|_| self.mind(place)?.own_guests().next());
        guest.into_iter().for_each(|guest| self.dismiss(place, guest));
    }

    fn dismiss(&mut self, place: Place, guest: PeerId) {
        self.act(format_args!("somebody leaves the gateway of {place}"));
        self.command(place, |group, now| group.drop_guest(guest, now));
        self.carry_out(place);
    }

    /// The users of gateways that are members and can say something, each with the place of its host.
    pub fn guests(&self) -> Vec<(Place, PeerId)> {
        let hosts = self.running().into_iter().filter(|place| self.speaker(*place).is_some());
        let guests = |place: Place| {
            let mind = self.mind(place).into_iter();
            mind.flat_map(|mind| mind.own_guests().filter(|guest| mind.guest_name(*guest).is_some()))
                .map(move |guest| (place, guest))
        };
        hosts.flat_map(guests).collect()
    }

    /// One of them, by a number.
    pub(super) fn guest(&self, number: usize) -> Option<(Place, PeerId)> {
        let guests = self.guests();
        (!guests.is_empty()).then(|| guests[number % guests.len()])
    }

    /// A user of a gateway says a line to everyone.
    pub fn say_as(&mut self, (place, guest): (Place, PeerId), bytes: usize) -> Option<MessageId> {
        let name = self.mind(place)?.guest_name(guest)?.clone();
        let text = self.line_of(bytes);
        let said = Said { author: guest, name, text: text.clone(), to: None, by_guest: true, to_guest: false };
        let as_host = self.is_mutated(&Mutation::HostSpeaks);
        let id = self.command(place, |group, now| match as_host {
            true => group.say(text, now).ok(),
            false => group.say_as(guest, text, now).ok(),
        })??;
        self.note_line(place, id, said);
        Some(id)
    }

    /// A user of a gateway says something to one member alone, by name.
    pub fn msg_as(&mut self, (place, guest): (Place, PeerId), to: &str) -> Option<MessageId> {
        let name = self.mind(place)?.guest_name(guest)?.clone();
        let command = |group: &mut Group, text, now| group.msg_as(guest, to, text, now).ok();
        self.whisper(place, (guest, name), true, to, command)
    }

    /// What a user of a gateway is called, at its host.
    pub fn guest_name(&self, (place, guest): (Place, PeerId)) -> Option<String> {
        self.mind(place)?.guest_name(guest).map(Name::to_string)
    }

    /// Something is to go to a user of a gateway alone: a client that reads what is written to it takes it.
    pub(super) fn hand_over(&mut self, place: Place, direct: &Direct) {
        let Direct { guest, sender, ref private } = *direct;
        let Some(run) = self.peer(place).map(|peer| peer.run) else { return };
        let is_here = self.mind(place).is_some_and(|mind| mind.guest_name(guest).is_some());
        let reads = self.slow_clients == 0.0 || self.draw() >= self.slow_clients;
        let taken = is_here && reads;
        let fits = self.invariants.hear_direct(run, direct, taken);
        self.must(place, fits);
        let id = private.id;
        let known = taken && !self.is_mutated(&Mutation::Unacknowledged);
        self.command(place, |group, _| group.handle_handed(sender, id, known));
        if is_here && !reads {
            self.dismiss(place, guest);
        }
    }

    /// Every user of a gateway says a line, and something to its neighbour in the list of members; so does each peer to each of them.
    pub fn guests_talk(&mut self) {
        for guest in self.guests() {
            let Some(name) = self.guest_name(guest) else { continue };
            self.say_as(guest, 10);
            let members = self.mind(guest.0).map(Group::members).unwrap_or_default();
            let next = members.iter().position(|member| member.id == guest.1).map(|at| (at + 1) % members.len());
            next.and_then(|next| self.msg_as(guest, members[next].name.as_str()));
            for place in self.running() {
                self.msg_to(place, &name);
            }
            self.run(HEARTBEAT / 10);
        }
    }
}
