//! What is sent by a process, and what it does with what has come.

use std::rc::Rc;

use transport::overlay::{Message, Route, Verdict};
use transport::{Class, PeerId, Unreachable};

use super::Place;
use super::link::{LinkId, Payload, links_kind, links_weight};
use super::trace::Entry;
use super::world::{Happening, World};
use crate::invariants::durable;

/// Link states longer than this travel as bulk.
const PIECE: usize = 16 << 10;

impl World {
    pub(super) fn take_arrival(&mut self, id: LinkId, to: usize, payload: Payload) {
        if payload.is_links() {
            self.links_under_way -= 1;
            self.links_moved_at = self.now();
        }
        let end = &self.links[id].ends[to];
        let deaf = end.is_closed || end.is_reset && !matches!(payload, Payload::End);
        if deaf || !end.is_up && !matches!(payload, Payload::Up(_) | Payload::End) {
            return;
        }
        let (place, from, now) = (end.place, self.links[id].ends[1 - to].info.id, self.now());
        match payload {
            Payload::Up(info) => return self.confirmed(id, &info),
            Payload::End => return self.take_down(id, to, Unreachable::Ended),
            Payload::Frame(kind, frame) => {
                let frames = self.same_read(id, to, frame);
                return self.frames(place, from, kind, frames);
            }
            Payload::Relayed(relay, class, kind, frame) => {
                let Some(peer) = self.peer_mut(place) else { return };
                match peer.overlay.judge(relay) {
                    Verdict::Deliver(from) => self.frames(place, from, kind, vec![frame]),
                    Verdict::Forward(next, relay) => {
                        if let Some(link) = peer.links.get(&next).copied() {
                            self.invariants.coverage.relayed += 1;
                            self.transmit(
                                link,
                                self.end_at(link, place),
                                class,
                                Payload::Relayed(relay, class, kind, frame),
                            );
                        }
                    }
                    Verdict::Drop => self.count("(dropped on the way)", 1),
                }
                return;
            }
            Payload::Links(message) => {
                let message = Rc::try_unwrap(message).unwrap_or_else(|message| Message::clone(&message));
                let message = self.as_heard(place, message);
                let Some(peer) = self.peer_mut(place) else { return };
                peer.overlay.handle_message(from, message, now);
            }
            Payload::Bye(farewell, version) => {
                let Some(peer) = self.peer_mut(place) else { return };
                peer.overlay.handle_farewell(from, farewell, version, now);
                self.carry_out(place);
                return self.take_down(id, to, Unreachable::Left);
            }
        }
        self.carry_out(place);
    }

    /// Messages of one peer to a mind, if it knows that it can reach that peer.
    pub(super) fn frames(&mut self, place: Place, from: PeerId, kind: &'static str, frames: Vec<bytes::Bytes>) {
        let now = self.group_now(place);
        self.note(Entry::Got(place, from, kind, frames.len()));
        if let Some(peer) = self.peer_mut(place) {
            peer.group.handle_frames(from, frames, now);
            self.carry_out(place);
        }
    }

    /// What arrives over a link at the very same moment is one read.
    pub(super) fn same_read(&mut self, id: LinkId, to: usize, first: bytes::Bytes) -> Vec<bytes::Bytes> {
        let mut frames = vec![first];
        while let Some((at, Happening::Arrive(link, end, _, Payload::Frame(_, frame)))) = self.queue.peek()
            && (at, *link, *end) == (self.clock.now, id, to)
        {
            frames.push(frame.clone());
            self.queue.pop();
        }
        frames
    }

    pub(super) fn send_links(&mut self, place: Place, to: &[PeerId], message: Message) {
        let class = if links_weight(&message) > PIECE { Class::Bulk } else { Class::Urgent };
        self.count(links_kind(&message), to.len());
        let message = Rc::new(message);
        for peer in to {
            if let Some(link) = self.peer(place).and_then(|peer_here| peer_here.links.get(peer).copied()) {
                self.transmit(link, self.end_at(link, place), class, Payload::Links(message.clone()));
            }
        }
    }

    /// A mind's message: over the link to its receiver if there is one, and otherwise as the overlay knows.
    pub(super) fn send(&mut self, place: Place, to: &[PeerId], outgoing: &node::group::Outgoing) {
        let (kind, class) = (outgoing.kind(), outgoing.class());
        if let Some(message) = outgoing.log()
            && let Some(disk) = self.peer(place).and_then(|peer| peer.disk.as_ref())
        {
            self.must(place, durable::check(&disk.log, message));
        }
        let to = to.repeat(self.copies(kind));
        if to.is_empty() {
            return;
        }
        self.count(kind, to.len());
        self.note(Entry::Sent(place, to[0], to.len(), kind));
        let frame = match outgoing.to_frame() {
            Ok(frame) => bytes::Bytes::from(frame),
            Err(error) => self.fail(&format!("{place}: {kind} cannot be sent: {error}")),
        };
        self.counters.bytes += (frame.len() * to.len()) as u64;
        for to in &to {
            let Some(peer) = self.peer(place) else { return };
            if let Some(link) = peer.links.get(to).copied() {
                self.transmit(link, self.end_at(link, place), class, Payload::Frame(kind, frame.clone()));
            } else if let Some(Route::Through(next, relay)) = peer.overlay.route(*to)
                && let Some(link) = peer.links.get(&next).copied()
            {
                let payload = Payload::Relayed(relay, class, kind, frame.clone());
                self.transmit(link, self.end_at(link, place), class, payload);
            }
        }
    }
}
