//! What is said and shown: the pool's messages, casts and private lines.

use bytes::Bytes;
use history::{MessageId, To, Transmit};
use tracing::info;
use transport::PeerId;

use super::{Direct, Group, Now, Output};
use crate::api::{BacklogFull, GuestError, MsgError};
use crate::event::{self, Event};
use crate::name::Name;
use crate::text;
use crate::wire::{self, Body, Line, Message, PrivateLine};

impl Group {
    /// Says a text, which was checked, to everyone. [`Event::Confirmed`] follows when it has its place.
    ///
    /// # Errors
    ///
    /// Too much of what was said here is not confirmed yet.
    pub fn say(&mut self, text: String, now: Now) -> Result<MessageId, BacklogFull> {
        let line = Line { from: self.me.id, name: self.name.clone(), sent_at: now.wall, text };
        self.put(&Body::Line(line), now)
    }

    /// Says a text, which was checked, to everyone in the name of a user of this peer's gateway.
    ///
    /// # Errors
    ///
    /// It is no member, or too much of what was said here is not confirmed yet.
    pub fn say_as(&mut self, guest: PeerId, text: String, now: Now) -> Result<MessageId, GuestError<BacklogFull>> {
        let name = self.guest_name(guest).cloned().ok_or(GuestError::NoMember)?;
        let line = Line { from: guest, name, sent_at: now.wall, text };
        Ok(self.put(&Body::Line(line), now)?)
    }

    /// Says a text, which was checked, to one member in the name of a user of this peer's gateway. The outcome follows as
    /// [`Output::Delivered`].
    ///
    /// # Errors
    ///
    /// It is no member, or there is none of that name.
    pub fn msg_as(
        &mut self,
        guest: PeerId,
        to: &str,
        text: String,
        now: Now,
    ) -> Result<MessageId, GuestError<MsgError>> {
        let name = self.guest_name(guest).cloned().ok_or(GuestError::NoMember)?;
        Ok(self.msg_from(guest, name, to, text, now)?)
    }

    /// Puts a program's own entry into the history: [`Event::Entry`] follows everywhere when it has its place. Nobody is
    /// shown it before.
    ///
    /// # Errors
    ///
    /// Too much of what was said here is not confirmed yet.
    pub fn append(&mut self, kind: u16, bytes: Bytes, now: Now) -> Result<MessageId, BacklogFull> {
        self.put(&Body::Entry { from: self.me.id, kind, bytes }, now)
    }

    /// Whether more can be said before some of it is confirmed.
    pub fn has_room(&self) -> bool {
        self.history.pool().has_room()
    }

    pub(super) fn put(&mut self, body: &Body, now: Now) -> Result<MessageId, BacklogFull> {
        let body = transport::encode(body).expect("a body of checked length is far shorter than a message may be");
        let said = self.history.say(Bytes::from(body), now.instant);
        self.drain(now);
        said.map_err(|error| match error {
            history::SayError::BacklogFull(_) => BacklogFull,
            error => unreachable!("a body of checked length fits the pool: {error}"),
        })
    }

    pub(super) fn transmit_said(&mut self, transmit: Transmit<PeerId>) {
        let to = match transmit.to {
            To::All => self.partners(),
            To::One(peer) => vec![peer],
        };
        if !to.is_empty() {
            self.outputs.push_back(Output::Send(to, Message::Pool(transmit.message).into()));
        }
    }

    pub(super) fn handle_said(&mut self, event: history::Event) {
        match event {
            history::Event::Shown(say) => {
                if !self.confirmed.is_told(say.id) {
                    self.tell_line(&say, false);
                }
                self.keep(say);
            }
            history::Event::Skipped { session, from, to } => {
                info!(%session, from, to, "lines that nobody has any longer");
                self.tell(Event::Skipped { lines: to.saturating_sub(from) });
            }
        }
    }

    pub(super) fn handle_cast(&mut self, from: PeerId, bytes: Bytes) {
        self.tell(Event::Cast { from, bytes });
    }

    /// Says something to one member, in the name of this one or of a user of its gateway.
    pub(super) fn msg_from(
        &mut self,
        author: PeerId,
        from: Name,
        to: &str,
        text: String,
        now: Now,
    ) -> Result<MessageId, MsgError> {
        let holder = self.roster.as_ref().and_then(|roster| roster.holder(to));
        let holder = holder.filter(|holder| self.presence.is_here(holder.host()));
        let holder = holder.ok_or_else(|| MsgError::UnknownMember(to.to_owned()))?;
        let (to, name, host) = (holder.id(), holder.name().clone(), holder.host());
        let id = self.privates.next_id();
        let line = PrivateLine { id, from, to: name, sent_at: now.wall, text };
        if host == self.me.id {
            self.hand_over(wire::Direct { author, to, line }, host);
            return Ok(id);
        }
        let is_among_peers = author == self.me.id && to == host;
        let message = match is_among_peers {
            true => Message::Private(line),
            false => Message::Direct(wire::Direct { author, to, line }),
        };
        if self.privates.add(host, id, message, now.instant) {
            self.send_privates(now);
        } else {
            self.outputs.push_back(Output::Delivered(id, false));
        }
        Ok(id)
    }

    /// A private line for this peer, or for a user of its gateway.
    pub(super) fn handle_direct(&mut self, from: PeerId, direct: wire::Direct) {
        if !self.is_member() || text::check(&direct.line.text).is_err() {
            return;
        }
        if self.shown.has(direct.line.id) {
            self.send(from, Message::PrivateAck(direct.line.id));
        } else {
            self.hand_over(direct, from);
        }
    }

    fn hand_over(&mut self, direct: wire::Direct, sender: PeerId) {
        let wire::Direct { author, to, line } = direct;
        let id = line.id;
        if to == self.me.id {
            self.tell_private(author, line);
            self.handle_handed(sender, id, true);
        } else if self.guests.has(to) {
            // Several copies may come at once, as to a process that was stopped: the sender tries again each second.
            if !self.shown.handle_handing(id) {
                return;
            }
            let private = private_of(author, line);
            self.outputs.push_back(Output::Direct(Direct { guest: to, private, sender }));
        } else {
            self.handle_handed(sender, id, false);
        }
    }

    /// What became of a private line for a user of this peer's gateway: whether it is in that client's queue.
    pub fn handle_handed(&mut self, sender: PeerId, id: MessageId, taken: bool) {
        self.shown.handle_handed(id);
        if taken {
            self.shown.handle_arrival(id, self.now.instant);
        }
        if sender == self.me.id {
            self.outputs.push_back(Output::Delivered(id, taken));
        } else if taken {
            self.send(sender, Message::PrivateAck(id));
        }
    }

    /// Something was said to this peer alone.
    pub(super) fn handle_private(&mut self, from: PeerId, line: PrivateLine, now: Now) {
        if !self.is_member() || text::check(&line.text).is_err() {
            return;
        }
        self.send(from, Message::PrivateAck(line.id));
        if self.shown.handle_arrival(line.id, now.instant) {
            self.tell_private(from, line);
        }
    }

    pub(super) fn tell_private(&mut self, from_id: PeerId, line: PrivateLine) {
        self.tell(Event::Private(private_of(from_id, line)));
    }

    /// Sends the private messages that are due.
    pub(super) fn send_privates(&mut self, now: Now) {
        for (to, message) in self.privates.take_due(now.instant) {
            if self.reachable.contains_key(&to) {
                self.send(to, message);
            }
        }
    }
}

fn private_of(from_id: PeerId, line: PrivateLine) -> event::Private {
    let PrivateLine { id, from, to, sent_at, text } = line;
    event::Private { id, from, from_id, to, text, sent_at }
}
