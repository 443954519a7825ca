//! What the owners of processes do.

use node::MessageId;
use node::group::Group;
use transport::PeerId;
use uuid::Uuid;

use super::Place;
use super::world::World;

impl World {
    /// Tells a process to leave.
    pub fn leave(&mut self, place: Place) {
        if self.is_awake(place) {
            self.act(format_args!("{place} is told to leave"));
            self.command(place, Group::leave);
            self.carry_out(place);
        }
    }

    /// Says a line to everyone, if that is a member's to do.
    pub fn say(&mut self, place: Place, bytes: usize) -> Option<MessageId> {
        self.speaker(place)?;
        self.lines += 1;
        let text = format!("line {} {}", self.lines, "x".repeat(bytes));
        let now = self.now();
        let run = self.peer(place)?.run;
        let members: Vec<_> = self.members_runs();
        let id = self.command(place, |group, now| group.say(text, now))?.ok()?;
        self.invariants.spread.note_said(id, run, &members, now);
        self.invariants.once.note_said(id);
        self.carry_out(place);
        Some(id)
    }

    /// Says something to whoever has the name of a place.
    pub fn msg(&mut self, place: Place, to: Place) -> Option<MessageId> {
        let run = self.speaker(place)?;
        let name = self.sites[to.index()].name.to_string();
        let id = self.command(place, |group, now| group.msg(&name, "psst".into(), now))?.ok()?;
        self.invariants.privates.note_sent(id, run, self.clock.now);
        self.carry_out(place);
        Some(id)
    }

    /// Says that the voters which cannot be reached are dead. Whether the group goes on without them.
    pub fn takeover(&mut self, place: Place) -> bool {
        if self.speaker(place).is_none() {
            return false;
        }
        self.act(format_args!("{place} is told to take over"));
        let begun = self.command(place, |group, now| {
            let missing: Vec<_> = group.missing_voters().iter().map(ToString::to_string).collect();
            group.takeover(&missing, now).is_ok()
        });
        self.carry_out(place);
        begun.unwrap_or(false)
    }

    /// Asks for the members.
    pub fn ask(&mut self, place: Place) {
        let Some(run) = self.speaker(place) else { return };
        self.next_request += 1;
        let id = self.next_request;
        self.invariants.requests.note_asked(id, run, self.clock.now);
        self.command(place, |group, now| group.request_members(id, now));
        self.carry_out(place);
    }

    /// Somebody wants to use a gateway. Some of the names are peers' as well.
    pub fn admit_guest(&mut self, place: Place, name: u8) {
        if self.speaker(place).is_none() {
            return;
        }
        self.next_request += 1;
        // Its first bits tell it from every peer.
        let id = PeerId::new(Uuid::from_u128(u128::from(self.next_request) | 0xcafe << 112));
        let name = if name < 2 { format!("p{name}") } else { format!("guest{name}") };
        let name = name.parse().expect("a short word");
        self.act(format_args!("{name} comes to the gateway of {place}"));
        self.command(place, |group, now| group.admit_guest(id, name, now));
        self.carry_out(place);
    }

    /// Somebody who uses a gateway is gone.
    pub fn drop_guest(&mut self, place: Place) {
        let guest = self.speaker(place).and_then(|_| self.mind(place)?.own_guests().next());
        if let Some(guest) = guest {
            self.act(format_args!("somebody leaves the gateway of {place}"));
            self.command(place, |group, now| group.drop_guest(guest, now));
            self.carry_out(place);
        }
    }

    pub(super) fn speaker(&self, place: Place) -> Option<u32> {
        let peer = self.peer(place).filter(|peer| !peer.paused && peer.group.is_member())?;
        Some(peer.run)
    }
}
