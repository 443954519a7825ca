//! Private messages on their way (pure).
//!
//! Each is sent once, over the link to its recipient, and is delivered when that peer says so. A recipient whose link is not
//! up is waited for, not for long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use history::{MessageId, Session};
use transport::PeerId;

use crate::wire::Message;

/// How long an acknowledgement is waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// How many may be on their way. A person never gets there; a program that does is told that they weren't delivered.
const MOST: usize = 4096;

#[derive(Clone, Debug)]
struct Pending {
    to: PeerId,
    deadline: Instant,
    /// Until it has been sent.
    message: Option<Message>,
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
        self.pending.insert(id, Pending { to, deadline: now + LIMIT, message: Some(message) });
        true
    }

    /// What is to be sent to a peer that can be reached.
    pub(super) fn take_unsent(&mut self, to: PeerId) -> Vec<Message> {
        let to_it = self.pending.values_mut().filter(|pending| pending.to == to);
        to_it.filter_map(|pending| pending.message.take()).collect()
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

    /// What was not acknowledged in time.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<MessageId> {
        self.give_up(|pending| pending.deadline <= now)
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.deadline).min()
    }

    fn give_up(&mut self, which: impl Fn(&Pending) -> bool) -> Vec<MessageId> {
        let given_up: Vec<_> = self.pending.iter().filter(|(_, pending)| which(pending)).map(|(id, _)| *id).collect();
        for id in &given_up {
            self.pending.remove(id);
        }
        given_up
    }
}
