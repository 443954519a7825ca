//! One link, as both of its ends have it: a TCP connection that was proved, and what is under way over it.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use transport::overlay::{LinkState, Message, Relay};
use transport::{Class, Farewell, PeerInfo};

use super::Place;

/// Which link. Numbers are never used twice.
pub(super) type LinkId = usize;

/// What travels over a link.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// The dialler's decision: the connection is the link.
    Up(Rc<PeerInfo>),
    /// Who is linked to whom.
    Links(Rc<Message>),
    /// A message of the other end's, with its kind.
    Frame(&'static str, Bytes),
    /// A message of somebody's for somebody.
    Relayed(Relay, Class, &'static str, Bytes),
    /// A goodbye.
    Bye(Farewell, u64),
    /// The end of the stream.
    End,
}

/// One end of a link.
#[derive(Debug)]
pub(super) struct End {
    pub(super) place: Place,
    /// Which process, and as whom it said hello.
    pub(super) run: u32,
    pub(super) info: Rc<PeerInfo>,
    /// The process believes in the link.
    pub(super) is_up: bool,
    /// Nothing is sent from here any longer, and nothing taken.
    pub(super) is_closed: bool,
    /// Only the end of the stream gets here: the other end's kernel has reset the connection.
    pub(super) is_reset: bool,
    /// Until when what is under way to this end arrives, by class.
    pub(super) busy: [Instant; 2],
    /// What is to get to this end as soon as packets pass again.
    pub(super) stalled: VecDeque<(Class, Payload)>,
    /// How many of those, in front, were under way when packets ceased to pass.
    pub(super) caught: usize,
    /// Since when the queue to this end has been behind.
    pub(super) behind_since: Option<Instant>,
}

/// A link: its dialler's end, and its acceptor's.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) ends: [End; 2],
    pub(super) since: Instant,
    /// Since when it proves no life.
    pub(super) sick_since: Option<Instant>,
    /// How often its health has changed.
    pub(super) turns: u32,
}

impl Link {
    pub(super) fn new(dialler: (Place, u32, Rc<PeerInfo>), acceptor: (Place, u32, Rc<PeerInfo>), now: Instant) -> Self {
        let end = |(place, run, info)| End {
            place,
            run,
            info,
            is_up: false,
            is_closed: false,
            is_reset: false,
            busy: [now; 2],
            stalled: VecDeque::new(),
            caught: 0,
            behind_since: None,
        };
        Self { ends: [end(dialler), end(acceptor)], since: now, sick_since: None, turns: 0 }
    }

    /// Whether both ends are done with it.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.is_closed)
    }
}

impl End {
    /// What waits for packets to pass, which nobody does any longer.
    pub(super) fn take_stalled(&mut self) -> VecDeque<(Class, Payload)> {
        self.caught = 0;
        std::mem::take(&mut self.stalled)
    }
}

impl Payload {
    /// Whether it is a link's first or last word.
    pub(super) fn is_control(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Bye(..) | Self::End)
    }

    /// Whether it tells of links: in so many words, or by being a link's first or last word.
    pub(super) fn is_links(&self) -> bool {
        self.is_control() || matches!(self, Self::Links(_))
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Links(message) => links_weight(message),
            Self::Frame(_, frame) | Self::Relayed(_, _, _, frame) => frame.len(),
            Self::Up(_) | Self::Bye(..) | Self::End => 0,
        }
    }
}

pub(super) fn links_kind(message: &Message) -> &'static str {
    match message {
        Message::Greeting(_) => "LinkGreeting",
        Message::States(_) => "LinkStates",
        Message::Changes(_) => "LinkChanges",
        Message::Versions(_) => "LinkVersions",
        Message::Pull(_) => "LinkPull",
    }
}

/// About how many bytes a message of link states takes.
pub(super) fn links_weight(message: &Message) -> usize {
    let state = |state: &LinkState| 100 + 16 * state.neighbours.len();
    match message {
        Message::Greeting(own) => state(own),
        Message::States(states) => states.iter().map(state).sum(),
        Message::Changes(changes) => changes.iter().map(|change| 48 + 17 * change.links.len()).sum(),
        Message::Versions(versions) => 32 * versions.len(),
        Message::Pull(peers) => 16 * peers.len(),
    }
}
