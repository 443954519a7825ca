//! Rules of the protocol switched off, by a wrapper round the production code: each must be noticed by some invariant.

use std::time::Duration;

use node::group::Now;
use transport::overlay::Message;

use super::Place;
use super::world::World;

/// A rule that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mutation {
    /// What is to be sent of this kind is not.
    Swallow(&'static str),
    /// What is to be sent of this kind is sent twice.
    Double(&'static str),
    /// The overlay of a place believes in links of which it has heard once, and compares no tables.
    OneSidedEdges(Place),
    /// A process that starts again as the same peer is taken for the same run.
    SameIncarnation,
    /// A process that was stopped does not notice it: its timers are looked at as if they were not late.
    Unsuspecting,
    /// A host says in its own name what users of its gateway say.
    HostSpeaks,
    /// A mind is not told that a user of its gateway took what was said to it alone.
    Unacknowledged,
    /// A process is told that its disk has what was only handed to it.
    NoFsync,
}

impl World {
    /// Switches a rule off.
    pub fn mutate(&mut self, mutation: Mutation) {
        self.act(format_args!("{mutation:?}"));
        self.mutations.push(mutation);
    }

    /// All rules hold again.
    pub fn mend(&mut self) {
        self.act(format_args!("all rules hold again"));
        self.mutations.clear();
    }

    pub(super) fn is_mutated(&self, mutation: &Mutation) -> bool {
        !self.mutations.is_empty() && self.mutations.contains(mutation)
    }

    /// How often a message of a kind is sent.
    pub(super) fn copies(&self, kind: &'static str) -> usize {
        if self.is_mutated(&Mutation::Swallow(kind)) {
            0
        } else {
            1 + usize::from(self.is_mutated(&Mutation::Double(kind)))
        }
    }

    /// What the overlay of a place is told.
    pub(super) fn as_heard(&self, place: Place, mut message: Message) -> Message {
        if let Message::Changes(changes) = &mut message
            && self.is_mutated(&Mutation::OneSidedEdges(place))
        {
            changes.iter_mut().for_each(|change| change.links.retain(|(_, up)| *up));
        }
        message
    }

    /// Lets a mind live through a pause as if there had been none.
    pub(super) fn live_through(&mut self, place: Place, pause: Duration) {
        let Now { instant, wall } = self.group_now(place);
        let Some(peer) = self.peer_mut(place) else { return };
        let mut at = instant.checked_sub(pause).unwrap_or(instant);
        while at < instant {
            at += Duration::from_millis(10);
            peer.group.handle_timeout(Now { instant: at.min(instant), wall });
            while peer.group.poll_output().is_some() {}
        }
    }
}
