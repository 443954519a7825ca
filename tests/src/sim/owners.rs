//! What the owners of processes do.

use node::group::{Group, Now};
use node::{MessageId, Name, Via};
use transport::PeerId;

use super::Place;
use super::world::World;
use crate::invariants::authors::Said;

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
        let text = self.line_of(bytes);
        let group = self.mind(place)?;
        let (author, name) = (group.me().id, group.name().clone());
        let said = Said { author, name, text: text.clone(), to: None, by_guest: false, to_guest: false };
        let id = self.command(place, |group, now| group.say(text, now))?.ok()?;
        self.note_line(place, id, said);
        Some(id)
    }

    /// A text that nobody else says.
    pub(super) fn line_of(&mut self, bytes: usize) -> String {
        self.lines += 1;
        format!("line {} {}", self.lines, "x".repeat(bytes))
    }

    /// A line was said at a place.
    pub(super) fn note_line(&mut self, place: Place, id: MessageId, said: Said) {
        let (now, members) = (self.now(), self.members_runs());
        let Some(run) = self.peer(place).map(|peer| peer.run) else { return };
        self.invariants.authors.note_said(id, said);
        self.invariants.spread.note_said(id, run, &members, now);
        self.invariants.once.note_said(id);
        self.carry_out(place);
    }

    /// Says something to whoever has the name of a place.
    pub fn msg(&mut self, place: Place, to: Place) -> Option<MessageId> {
        let name = self.sites[to.index()].name.to_string();
        self.msg_to(place, &name)
    }

    /// Says something to whoever has a name.
    pub fn msg_to(&mut self, place: Place, to: &str) -> Option<MessageId> {
        let group = self.mind(place)?;
        let author = (group.me().id, group.name().clone());
        self.whisper(place, author, false, to, |group, text, now| group.msg(to, text, now).ok())
    }

    /// Says something to one member, as somebody at a place.
    pub(super) fn whisper(
        &mut self,
        place: Place,
        (author, name): (PeerId, Name),
        by_guest: bool,
        to: &str,
        command: impl FnOnce(&mut Group, String, Now) -> Option<MessageId>,
    ) -> Option<MessageId> {
        let run = self.speaker(place)?;
        let members = self.mind(place)?.members();
        let member = members.into_iter().find(|member| member.name.as_str() == to)?;
        let host = match member.via {
            Via::Peer => member.id,
            Via::Gateway => self.mind(place)?.roster_guests().find(|(id, ..)| *id == member.id)?.2,
        };
        self.lines += 1;
        let text = format!("psst {}", self.lines);
        let to_guest = member.via == Via::Gateway;
        // It has left one's own gateway, and the leader has not said so yet.
        let group = self.mind(place)?;
        let is_gone = to_guest && host == group.me().id && group.guest_name(member.id).is_none();
        let said = Said { author, name, text: text.clone(), to: Some(member.id), by_guest, to_guest };
        let id = self.command(place, |group, now| command(group, text, now))??;
        self.invariants.authors.note_said(id, said);
        self.invariants.privates.note_sent(id, run, (member.id, host), self.clock.now);
        if is_gone {
            self.invariants.privates.note_untaken(id);
        }
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
        if let Some(peer) = self.peers[place.index()].as_deref().filter(|_| begun == Some(true)) {
            self.invariants.logs.histories.note_takeover(peer.info.id);
        }
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

    pub(super) fn speaker(&self, place: Place) -> Option<u32> {
        let peer = self.peer(place).filter(|peer| !peer.paused && peer.group.is_member())?;
        Some(peer.run)
    }
}
