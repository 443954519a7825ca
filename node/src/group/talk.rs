//! What is said and shown: the pool's messages, casts and private lines.

use bytes::Bytes;
use history::{MessageId, To, Transmit};
use tracing::{info, warn};
use transport::PeerId;

use super::{Group, Now, Output};
use crate::event::{self, Event};
use crate::text;
use crate::wire::{Line, Message, PrivateLine};

impl Group {
    /// Says a text, which was checked, to everyone.
    pub fn say(&mut self, text: String, now: Now) -> MessageId {
        let line = Line { from: self.me.id, name: self.name.clone(), sent_at: now.wall, text };
        let body = transport::encode(&line).expect("a line of checked length is far shorter than a message may be");
        let said = self.pool.say(Bytes::from(body), now.instant);
        let id = said.expect("a line of checked length fits a body of the pool");
        self.drain(now);
        id
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
            history::Event::Shown(say) => match transport::decode::<Line>(&say.body) {
                Ok(line) if text::check(&line.text).is_ok() => {
                    let Line { from, name, sent_at, text } = line;
                    let message = event::Message { id: say.id, from: name, from_id: from, text, sent_at };
                    self.tell(Event::Message(message));
                }
                Ok(_) => warn!(id = %say.id, "a line of impossible length"),
                Err(error) => warn!(id = %say.id, %error, "a line that is none"),
            },
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
    pub(super) fn handle_private(&mut self, from: PeerId, line: PrivateLine) {
        if !self.is_member() || text::check(&line.text).is_err() {
            return;
        }
        self.send(from, Message::PrivateAck(line.id));
        self.tell_private(from, line);
    }

    pub(super) fn tell_private(&mut self, from_id: PeerId, line: PrivateLine) {
        let PrivateLine { id, from, to, sent_at, text } = line;
        self.tell(Event::Private(event::Private { id, from, from_id, to, text, sent_at }));
    }

    pub(super) fn send_private(&mut self, to: PeerId) {
        if self.reachable.contains_key(&to) {
            for line in self.privates.take_unsent(to) {
                self.send(to, Message::Private(line));
            }
        }
    }
}
