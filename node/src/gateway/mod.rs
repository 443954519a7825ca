//! The gateway: clients in any language, as members of the whole group.
//!
//! `docs/gateway.md` is what they are written against. A client's bytes come in from its connection (`server.rs`, the only part with a
//! socket) and are taken apart here ([`client::Client`]); what it wants of the group goes out as an [`Errand`], which the loop
//! that drives the member's mind runs; what happens in the group comes in as events, is made a frame once, and put into the queue of
//! everybody who uses this gateway.
//!
//! Nothing here waits. A client is read while it keeps to its budget and its wishes are known; one that does not read what is written
//! to it is sent a last word, and is gone.

mod budget;
mod client;
mod frame;
mod queue;
mod server;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use history::MessageId;
use tracing::debug;
use transport::{OtherEnd, PeerId};

use self::client::{Client, Step, Wish, error};
pub(crate) use self::queue::Queue;
pub(crate) use self::server::serve;
use crate::api::GuestRefusal;
use crate::event::{Event, Private};
use crate::name::Name;

/// What a client that reads too slowly is told.
const TOO_SLOW: &str =
    "you read too slowly, and what was said does not fit into your queue any more: this connection ends";

/// What clients are told when their peer leaves.
const CLOSING: &str = "this peer leaves the chat: connect to another";

/// What comes from the connections.
#[derive(Debug)]
pub(crate) enum Input {
    /// Somebody connected; the id is the user's as well.
    Arrived(PeerId, SocketAddr, Queue),
    Bytes(PeerId, Vec<u8>),
    /// Nothing more comes from there.
    Ended(PeerId),
}

/// What is to be done in the group for a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Errand {
    /// [`Gateway::handle_admission`] follows.
    Admit(PeerId, Name),
    Drop(PeerId),
    Say(PeerId, String),
    /// [`Gateway::list`] follows.
    List(PeerId),
    Direct {
        from: PeerId,
        to: String,
        text: String,
    },
}

#[derive(Debug)]
struct Seat {
    client: Client,
    from: SocketAddr,
    queue: Queue,
    /// When it is looked at though nothing comes: its place in [`Gateway::dues`].
    due: Option<Instant>,
    /// An errand of its is not done: its next frame waits, so that all it does and all it is told is in order.
    busy: bool,
}

impl Seat {
    fn other(&self) -> OtherEnd<'_> {
        other(self.from, self.client.asked())
    }
}

/// A client's end of its connection, for the record of connections.
fn other(from: SocketAddr, name: &str) -> OtherEnd<'_> {
    OtherEnd { kind: "gateway", address: Some(from), name }
}

/// All clients of one peer.
#[derive(Debug, Default)]
pub(crate) struct Gateway {
    seats: BTreeMap<PeerId, Seat>,
    /// When whose frame must be finished, or is looked at, and who must have joined.
    dues: BTreeSet<(Instant, PeerId)>,
    /// Who said what to whom alone, that is not acknowledged.
    directs: BTreeMap<MessageId, (PeerId, String)>,
    errands: VecDeque<Errand>,
    /// Whose errands are done.
    idle: VecDeque<PeerId>,
}

impl Gateway {
    /// Something came from a connection. Errands follow.
    pub(crate) fn handle_input(&mut self, input: Input, now: Instant) {
        let id = match input {
            Input::Arrived(id, from, queue) => {
                queue.push(words::commands());
                self.seats.insert(id, Seat { client: Client::new(now), from, queue, due: None, busy: false });
                id
            }
            Input::Bytes(id, bytes) => {
                if let Some(seat) = self.seats.get_mut(&id) {
                    seat.client.handle_bytes(&bytes, now);
                }
                id
            }
            Input::Ended(id) => {
                if let Some(seat) = self.seats.get_mut(&id) {
                    seat.client.handle_end("its connection ended");
                }
                id
            }
        };
        self.advance(id, now);
    }

    /// Whether a client's wish to be a member is granted.
    pub(crate) fn handle_admission(&mut self, id: PeerId, outcome: Result<Name, GuestRefusal>, now: Instant) {
        let admitted = outcome.is_ok();
        let Some(seat) = self.seats.get_mut(&id) else {
            // It did not wait for the answer.
            if admitted {
                self.errands.push_back(Errand::Drop(id));
            }
            return;
        };
        match &outcome {
            Ok(_) => seat.other().accepted(),
            Err(refusal) => seat.other().rejected(refusal),
        }
        let reply = seat.client.handle_admission(outcome, now);
        self.reply(id, reply);
        self.idle.push_back(id);
    }

    /// Something happened in the group.
    pub(crate) fn handle_event(&mut self, event: &Event) {
        if let Event::Renamed { id, to, .. } = event
            && let Some(seat) = self.seats.get_mut(id)
        {
            seat.client.handle_renamed(to.clone());
            self.reply(*id, words::renamed(to));
        }
        if self.seats.is_empty() {
            return;
        }
        let Some(frame) = words::event(event) else { return };
        let but = match event {
            Event::Message(message) => Some(message.from_id),
            // Who it is has been told.
            Event::Renamed { id, .. } => Some(*id),
            _ => None,
        };
        let members = self.seats.iter().filter(|(id, seat)| seat.client.name().is_some() && Some(**id) != but);
        let full = members.filter(|(_, seat)| !seat.queue.push(frame.clone())).map(|(id, _)| *id);
        for id in full.collect::<Vec<_>>() {
            self.give_up_on(id);
        }
    }

    /// Something was said to a client alone. Whether it is in that client's queue.
    pub(crate) fn handle_direct(&mut self, to: PeerId, private: &Private) -> bool {
        self.reply(to, words::direct(private))
    }

    /// What a client said to somebody alone is on its way.
    pub(crate) fn handle_sent(&mut self, id: MessageId, from: PeerId, to: String) {
        self.directs.insert(id, (from, to));
    }

    /// What became of a private line; whether a client had said it.
    pub(crate) fn handle_delivered(&mut self, id: MessageId, delivered: bool) -> bool {
        let Some((from, to)) = self.directs.remove(&id) else { return false };
        if !delivered {
            self.complain(from, &format!("not known to be delivered to {to}: {to} may or may not have read it"));
        }
        true
    }

    /// A client's errand failed: it alone is told why.
    pub(crate) fn complain(&mut self, id: PeerId, why: &str) {
        self.reply(id, error(why));
    }

    /// The answer to a list.
    pub(crate) fn list(&mut self, id: PeerId, names: &[Name], now: Instant) {
        let list = words::list(names);
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.client.handle_answer(list.len(), now);
        }
        self.reply(id, list);
    }

    /// Time has passed. Calling early changes nothing.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, id)) = self.dues.first().copied().filter(|(due, _)| *due <= now) {
            self.dues.remove(&(due, id));
            let Some(seat) = self.seats.get_mut(&id) else { continue };
            seat.due = None;
            if let Some(last) = seat.client.handle_timeout(now) {
                debug!(client = %id, "it took too long");
                self.reply(id, last);
            }
            self.advance(id, now);
        }
    }

    /// The next moment at which something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.dues.first().map(|(due, _)| *due)
    }

    /// What is to be done next, without taking it.
    pub(crate) fn next_errand(&mut self, now: Instant) -> Option<&Errand> {
        while self.errands.is_empty() {
            let id = self.idle.pop_front()?;
            if let Some(seat) = self.seats.get_mut(&id) {
                seat.busy = false;
                self.advance(id, now);
            }
        }
        self.errands.front()
    }

    /// What is to be done next. By the time this is asked again it is done.
    pub(crate) fn poll_errand(&mut self, now: Instant) -> Option<Errand> {
        self.next_errand(now)?;
        let errand = self.errands.pop_front()?;
        match &errand {
            Errand::Say(id, _) | Errand::List(id) | Errand::Direct { from: id, .. } => self.idle.push_back(*id),
            Errand::Admit(..) | Errand::Drop(_) => {}
        }
        Some(errand)
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_idle(&self) -> bool {
        self.errands.is_empty() && self.idle.is_empty()
    }

    /// The peer leaves: everybody is told, and all connections end.
    pub(crate) fn close(&mut self) {
        for (_, seat) in std::mem::take(&mut self.seats) {
            seat.queue.push(error(CLOSING));
            seat.other().closed("this peer left");
        }
    }

    /// Handles the frames that have come from a client, as far as that goes.
    fn advance(&mut self, id: PeerId, now: Instant) {
        loop {
            let Some(seat) = self.seats.get_mut(&id) else { return };
            if seat.busy {
                return;
            }
            match seat.client.poll_step(now) {
                Some(Step::Wish(wish)) => self.run(id, wish),
                Some(Step::Reply(reply)) => _ = self.reply(id, reply),
                Some(Step::Unnamed { asked, why, reply }) => {
                    other(seat.from, &asked).rejected(why);
                    self.reply(id, reply);
                }
                None => break,
            }
        }
        let Some(seat) = self.seats.get(&id) else { return };
        if let Some(why) = seat.client.end() {
            return self.remove(id, why);
        }
        if let Some(at) = seat.client.next_read(now) {
            seat.queue.allow_read(at);
        }
        self.set_due(id, now);
    }

    fn run(&mut self, id: PeerId, wish: Wish) {
        let errand = match wish {
            Wish::Join(name) => Errand::Admit(id, name),
            Wish::Say(text) => Errand::Say(id, text),
            Wish::List => Errand::List(id),
            Wish::Direct { to, text } => Errand::Direct { from: id, to, text },
            Wish::Leave => {
                let name = self.seats.get(&id).and_then(|seat| seat.client.name().cloned());
                name.into_iter().for_each(|name| _ = self.reply(id, words::leaving(&name)));
                return self.remove(id, "it left");
            }
        };
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.busy = true;
        }
        self.errands.push_back(errand);
    }

    /// Puts bytes into a client's queue. Whether they are there.
    fn reply(&mut self, id: PeerId, reply: Bytes) -> bool {
        let Some(seat) = self.seats.get(&id) else { return false };
        let taken = seat.queue.push(reply);
        if !taken {
            self.give_up_on(id);
        }
        taken
    }

    /// A client does not read what is written to it.
    fn give_up_on(&mut self, id: PeerId) {
        if let Some(seat) = self.seats.get(&id) {
            seat.queue.replace(error(TOO_SLOW));
            self.remove(id, "it reads too slowly");
        }
    }

    /// A client is gone. What is in its queue is still written, if it reads it.
    fn remove(&mut self, id: PeerId, why: &str) {
        let Some(seat) = self.seats.remove(&id) else { return };
        seat.due.map(|due| self.dues.remove(&(due, id)));
        seat.other().closed(why);
        if seat.client.is_known() {
            self.errands.push_back(Errand::Drop(id));
        }
    }

    fn set_due(&mut self, id: PeerId, now: Instant) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let due = seat.client.poll_timeout().into_iter().chain(seat.client.next_step(now)).min();
        let before = std::mem::replace(&mut seat.due, due);
        before.map(|before| self.dues.remove(&(before, id)));
        self.dues.extend(due.map(|due| (due, id)));
    }
}
