//! The model: what may happen next, and how far it is followed.

use std::time::Instant;

use stateright::{Model, Property};

use crate::Id;
use crate::links::{Links, Set, bit};
use crate::peer::Peer;
use crate::properties;
use crate::start::Start;
use crate::wire::said_before_notice;
use crate::world::{Tamper, World};

/// How far the checker goes. Within these it leaves nothing out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) peers: Id,
    /// The greatest counter of an epoch.
    pub(crate) epochs: u64,
    /// How often a deadline passes, or time until shortly before it, at any of the peers.
    pub(crate) moments: u8,
    /// How many crashes, cuts, lost links, sleeps and leavings there are.
    pub(crate) faults: u8,
    /// How often all links come up again.
    pub(crate) mends: u8,
    /// Whether they do so before everybody knows that they were down.
    pub(crate) flapping: bool,
}

/// A group of peers that run the production election.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) start: Start,
    pub(crate) bounds: Bounds,
    /// What is done to all that is sent, to see whether the checker notices.
    pub(crate) tamper: Tamper,
    /// Whether a peer may come back with its id and without its memory.
    pub(crate) forgets: bool,
    /// Whether each state is also left alone, to see that it settles.
    pub(crate) settles: bool,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// The next thing from the first peer, a message or a notice of it, reaches the second.
    Deliver(Id, Id),
    /// As `Deliver`, but the next notice, because what was said before it is lost with the link.
    Lose(Id, Id),
    /// A deadline passes.
    Deadline(Id),
    /// Time passes, until shortly before a deadline.
    Linger(Id),
    /// A deadline passes while the process is stopped, and it wakes up long after.
    Sleep(Id),
    /// A peer leaves the lead to others for ever.
    Leave(Id),
    /// A peer is gone.
    Crash(Id),
    /// All links between these and the rest are lost.
    Cut(Set),
    /// One link is lost.
    Unlink(Id, Id),
    /// All links are up.
    Mend,
    /// A peer forgets everything and starts anew; only in a deliberately broken model.
    Forget(Id),
}

impl Group {
    pub(crate) fn new(start: Start, bounds: Bounds) -> Self {
        Self { start, bounds, tamper: |_, _| {}, forgets: false, settles: false }
    }

    fn moments(&self, world: &World, actions: &mut Vec<Action>) {
        for (id, peer) in world.living() {
            if peer.mind.poll_timeout().is_some() {
                actions.push(Action::Deadline(id));
            }
            if peer.shortly_before_deadline().is_some() {
                actions.push(Action::Linger(id));
            }
        }
    }

    fn faults(&self, world: &World, actions: &mut Vec<Action>) {
        let links = &world.links;
        actions.extend(links.alive().map(Action::Sleep));
        actions.extend(links.alive().filter(|&id| world.leaving & bit(id) == 0).map(Action::Leave));
        actions.extend(links.cuts().map(Action::Cut));
        if links.alive().count() > 1 {
            actions.extend(links.alive().map(Action::Crash));
        }
        for one in links.alive() {
            actions.extend((0..one).filter(|&other| links.is_up(one, other)).map(|other| Action::Unlink(other, one)));
        }
        if self.forgets {
            actions.extend(links.alive().map(Action::Forget));
        }
    }

    /// Time passes at one peer until `when` says; nothing happens if it says never.
    fn pass(&self, world: &mut World, id: Id, when: impl Fn(&Peer) -> Option<Instant>) {
        if let Some(now) = world.peer(id).and_then(when) {
            world.input(id, Some(now), |mind| mind.handle_timeout(now), self.tamper);
        }
    }
}

impl Model for Group {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.start.world(self.bounds.peers)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (from, to, wire) in world.wires() {
            if !wire.is_empty() {
                actions.push(Action::Deliver(from, to));
            }
            if said_before_notice(wire).is_some_and(|lost| lost > 0) {
                actions.push(Action::Lose(from, to));
            }
        }
        if world.moments < self.bounds.moments {
            self.moments(world, actions);
        }
        if world.faults < self.bounds.faults {
            self.faults(world, actions);
        }
        if world.mends < self.bounds.mends && !world.links.is_whole() && (self.bounds.flapping || world.is_known()) {
            actions.push(Action::Mend);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::Deliver(from, to) => world.deliver(from, to, self.tamper),
            Action::Lose(from, to) => world.lose(from, to, self.tamper),
            Action::Deadline(id) => self.pass(&mut world, id, |peer| Some(peer.mind.poll_timeout()?.max(peer.now))),
            Action::Linger(id) => self.pass(&mut world, id, Peer::shortly_before_deadline),
            Action::Sleep(id) => self.pass(&mut world, id, Peer::long_after_deadline),
            Action::Leave(id) => world.leave(id, self.tamper),
            Action::Crash(id) => world.relink(|links| links.crash(id)),
            Action::Cut(side) => world.relink(|links| links.cut(side)),
            Action::Unlink(one, other) => world.relink(|links| links.unlink(one, other)),
            Action::Mend => world.relink(Links::mend),
            Action::Forget(id) => world.forget(id, self.start),
        }
        match action {
            Action::Deliver(..) | Action::Lose(..) => {}
            Action::Deadline(_) | Action::Linger(_) => world.moments += 1,
            Action::Mend => world.mends += 1,
            _ => world.faults += 1,
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.claims.iter().all(|(epoch, _)| epoch.counter <= self.bounds.epochs)
    }
}
