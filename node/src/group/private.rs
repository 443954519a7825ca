//! Private messages on their way (pure).
//!
//! Each is sent to its recipient until that peer has acknowledged it, or gone, or five seconds have passed; the recipient shows
//! it once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use history::{MessageId, Session};
use transport::PeerId;

use crate::wire::Message;

/// How long an acknowledgement is waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// How many may be on their way. A person never gets there; a program that does is told that they weren't delivered.
const MOST: usize = 4096;

/// When an unacknowledged one is sent again: a link that broke, or a peer on the way, may have lost it.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a message that was shown is known by its id, so that it is not shown again; far longer than it is sent again.
const KNOWN: Duration = Duration::from_secs(60);

/// How many of those there may be; beyond, the oldest are forgotten.
const KNOWN_MOST: usize = 16_384;

#[derive(Clone, Debug)]
struct Pending {
    to: PeerId,
    message: Message,
    send_at: Instant,
    deadline: Instant,
}

/// One's own private messages that are not acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Privates {
    session: Session,
    next: u64,
    pending: BTreeMap<MessageId, Pending>,
}

impl Privates {
    /// `session` is for private messages only: the numbers of what is said to all have no gaps.
    pub(super) fn new(session: Session) -> Self {
        Self { session, next: 0, pending: BTreeMap::new() }
    }

    pub(super) fn next_id(&mut self) -> MessageId {
        let id = MessageId { session: self.session, number: self.next };
        self.next += 1;
        id
    }

    /// Takes a message to a member; `false` if too many are on their way.
    pub(super) fn add(&mut self, to: PeerId, id: MessageId, message: Message, now: Instant) -> bool {
        if self.pending.len() >= MOST {
            return false;
        }
        self.pending.insert(id, Pending { to, message, send_at: now, deadline: now + LIMIT });
        true
    }

    /// What is on its way to a peer may be lost: it is sent again at once.
    pub(super) fn handle_path(&mut self, to: PeerId, now: Instant) {
        self.pending.values_mut().filter(|pending| pending.to == to).for_each(|pending| pending.send_at = now);
    }

    /// What is to be sent now, whether its recipient can be reached or not: then it waits for the next time.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(PeerId, Message)> {
        let due = self.pending.values_mut().filter(|pending| pending.send_at <= now);
        due.map(|pending| {
            pending.send_at = now + AGAIN;
            (pending.to, pending.message.clone())
        })
        .collect()
    }

    /// The recipient's peer acknowledged a message. Whether that was waited for.
    pub(super) fn handle_ack(&mut self, from: PeerId, id: MessageId) -> bool {
        let awaited = self.pending.get(&id).is_some_and(|pending| pending.to == from);
        if awaited {
            self.pending.remove(&id);
        }
        awaited
    }

    /// A member is gone: what it has not acknowledged is not delivered.
    pub(super) fn handle_gone(&mut self, peer: PeerId) -> Vec<MessageId> {
        self.give_up(|pending| pending.to == peer)
    }

    /// A user of a gateway is gone: what its host has not acknowledged is not delivered.
    pub(super) fn handle_guest_gone(&mut self, guest: PeerId) -> Vec<MessageId> {
        self.give_up(|pending| matches!(&pending.message, Message::Direct(direct) if direct.to == guest))
    }

    /// What was not acknowledged in time.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<MessageId> {
        self.give_up(|pending| pending.deadline <= now)
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.send_at.min(pending.deadline)).min()
    }

    fn give_up(&mut self, which: impl Fn(&Pending) -> bool) -> Vec<MessageId> {
        let given_up: Vec<_> = self.pending.iter().filter(|(_, pending)| which(pending)).map(|(id, _)| *id).collect();
        for id in &given_up {
            self.pending.remove(id);
        }
        given_up
    }
}

/// The private messages that this peer has shown, and those that are being handed to a user of its gateway.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    ids: BTreeSet<MessageId>,
    order: VecDeque<(Instant, MessageId)>,
    /// Handed over, and it is not known yet whether the client's queue took them. Each is answered in the same turn.
    handing: BTreeSet<MessageId>,
}

impl Shown {
    /// A message arrived. Whether it is to be shown: not if it was.
    pub(super) fn handle_arrival(&mut self, id: MessageId, now: Instant) -> bool {
        while self.order.len() >= KNOWN_MOST || self.order.front().is_some_and(|(at, _)| *at + KNOWN <= now) {
            let Some((_, old)) = self.order.pop_front() else { break };
            self.ids.remove(&old);
        }
        let is_new = self.ids.insert(id);
        if is_new {
            self.order.push_back((now, id));
        }
        is_new
    }

    pub(super) fn has(&self, id: MessageId) -> bool {
        self.ids.contains(&id)
    }

    /// A message is handed to a client. Whether it is to be: not while another copy of it is.
    pub(super) fn handle_handing(&mut self, id: MessageId) -> bool {
        self.handing.insert(id)
    }

    /// What became of a message that was handed to a client is known.
    pub(super) fn handle_handed(&mut self, id: MessageId) {
        self.handing.remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::tests::clock;
    use super::*;
    use crate::wire::PrivateLine;

    fn id(number: u64) -> MessageId {
        MessageId { session: Session::new(Uuid::nil()), number }
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_each_second_and_at_once_when_the_way_changes() {
        let (now, bob) = (clock::start(), PeerId::new(Uuid::from_u128(2)));
        let mut privates = Privates::new(Session::new(Uuid::nil()));
        let name: crate::Name = "bob".parse().unwrap();
        let sent_at = crate::Timestamp::default();
        let line = PrivateLine { id: privates.next_id(), from: name.clone(), to: name, sent_at, text: "psst".into() };
        assert!(privates.add(bob, line.id, Message::Private(line.clone()), now));
        let due = |privates: &mut Privates, at| privates.take_due(at).len();
        assert_eq!((due(&mut privates, now), due(&mut privates, now)), (1, 0));
        assert_eq!(privates.poll_timeout(), Some(now + AGAIN));
        privates.handle_path(bob, now + AGAIN / 2);
        assert_eq!((due(&mut privates, now + AGAIN / 2), due(&mut privates, now + AGAIN)), (1, 0));
        assert_eq!(due(&mut privates, now + AGAIN * 2), 1);
        assert!(privates.handle_ack(bob, line.id) && !privates.handle_ack(bob, line.id));
        assert_eq!(privates.poll_timeout(), None);
    }

    #[test]
    fn a_message_that_arrives_twice_is_shown_once() {
        let now = clock::start();
        let mut shown = Shown::default();
        assert!(shown.handle_arrival(id(1), now) && shown.handle_arrival(id(3), now));
        assert!(!shown.handle_arrival(id(1), now + secs(5)));
        assert!(shown.handle_arrival(id(2), now + KNOWN));
        assert_eq!(shown.len(), 1, "the others are forgotten");
        assert!(
            (0..2 * KNOWN_MOST as u64).filter(|number| shown.handle_arrival(id(*number), now + KNOWN)).count()
                > KNOWN_MOST
        );
        assert_eq!(shown.len(), KNOWN_MOST);
    }
}
