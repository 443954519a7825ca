//! What is said and shown: the pool's messages, casts and private lines.

use bytes::Bytes;
use history::{MessageId, To, Transmit};
use tracing::info;
use transport::PeerId;

use super::{Group, Now, Output};
use crate::api::BacklogFull;
use crate::event::{self, Event};
use crate::text;
use crate::wire::{Body, Line, Message, PrivateLine};

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
        let PrivateLine { id, from, to, sent_at, text } = line;
        self.tell(Event::Private(event::Private { id, from, from_id, to, text, sent_at }));
    }

    /// Sends the private messages that are due.
    pub(super) fn send_privates(&mut self, now: Now) {
        for (to, line) in self.privates.take_due(now.instant) {
            if self.reachable.contains_key(&to) {
                self.send(to, Message::Private(line));
            }
        }
    }
}
