//! What must hold in every state, and what must happen in some.

use election::{Message, Reason};
use stateright::Property;

use crate::Id;
use crate::group::Group;
use crate::peer::Peer;
use crate::settle::settles;
use crate::wire::Item;
use crate::world::World;

pub(crate) const ONE_LEADER: &str = "an epoch has one leader, who claimed it once";
pub(crate) const TWO_AT_ONCE: &str = "two that lead at once lead different epochs";
pub(crate) const NEVER_BACK: &str = "epochs never go back";
pub(crate) const CLAIMED: &str = "a leader that is followed has claimed";
pub(crate) const BOUNDED: &str = "what is under way is bounded";

pub(crate) const SETTLES: &str = "left alone, each island follows in time its highest-ranked that may lead, for good";

/// What holds always.
pub(crate) const ALWAYS: [&str; 6] = [ONE_LEADER, TWO_AT_ONCE, NEVER_BACK, CLAIMED, BOUNDED, SETTLES];

/// More than is ever under way from one peer to another within the bounds that are explored.
const UNDER_WAY_MAX: usize = 16;

pub(crate) const SUCCEEDED: &str = "a leader dies, and all that are left follow another";
pub(crate) const RIVALS: &str = "two that reach each other lead";
pub(crate) const GAVE_WAY: &str = "two leaders met, and the one follows the other";
pub(crate) const SILENCED: &str = "a leader that was only silent was voted out by those asked";
pub(crate) const CALMED: &str = "one that doubts its leader is told that it is well";
pub(crate) const RELAYED: &str = "one whose link to its leader ended asks about it while others reach it";
pub(crate) const TOOK_OVER: &str = "a higher-ranked peer took over by yield";
pub(crate) const HANDED_OVER: &str = "a leader that leaves handed over";
pub(crate) const DECLINED: &str = "a leader that had yielded claimed again";
pub(crate) const SLEPT: &str = "a peer that slept follows the leader that there is since";
pub(crate) const SUPERSEDED: &str = "a leader gave way to a newer epoch";
pub(crate) const RENEWED: &str = "a leader raised its own epoch over an older claim";
pub(crate) const LEADERLESS: &str = "members that knew no leader have one";

/// Those of a group; the last is left out where it would cost too much.
pub(crate) fn of(group: &Group) -> Vec<Property<Group>> {
    let mut properties = vec![
        Property::always(ONE_LEADER, one_leader),
        Property::always(TWO_AT_ONCE, two_at_once),
        Property::always(NEVER_BACK, never_back),
        Property::always(CLAIMED, claimed),
        Property::always(BOUNDED, bounded),
        Property::sometimes(SUCCEEDED, succeeded),
        Property::sometimes(RIVALS, rivals),
        Property::sometimes(GAVE_WAY, gave_way),
        Property::sometimes(SILENCED, |_, world| leads_because(world, |reason| matches!(reason, Reason::Silent(_)))),
        Property::sometimes(CALMED, calmed),
        Property::sometimes(RELAYED, relayed),
        Property::sometimes(TOOK_OVER, |_, world| {
            leads_because(world, |reason| matches!(reason, Reason::Outranked(_)))
        }),
        Property::sometimes(HANDED_OVER, |_, world| {
            leads_because(world, |reason| matches!(reason, Reason::Yielded(_)))
        }),
        Property::sometimes(DECLINED, |_, world| leads_because(world, |reason| matches!(reason, Reason::Declined(_)))),
        Property::sometimes(SLEPT, slept),
        Property::sometimes(SUPERSEDED, superseded),
        Property::sometimes(RENEWED, |_, world| leads_because(world, |reason| reason == Reason::Renewed)),
        Property::sometimes(LEADERLESS, leaderless),
    ];
    if group.settles {
        properties.push(Property::always(SETTLES, |group, world| settles(world, group.tamper)));
    }
    properties
}

fn one_leader(_: &Group, world: &World) -> bool {
    let own = world.claims.iter().all(|(epoch, by)| epoch.leader == *by);
    own && world.claims.windows(2).all(|two| two[0].0 != two[1].0)
}

fn two_at_once(_: &Group, world: &World) -> bool {
    leaders(world)
        .all(|(one, peer)| leaders(world).all(|(other, rival)| one == other || peer.mind.epoch() != rival.mind.epoch()))
}

fn never_back(_: &Group, world: &World) -> bool {
    world.living().all(|(id, peer)| peer.mind.epoch() == world.greatest[usize::from(id)])
}

fn claimed(_: &Group, world: &World) -> bool {
    world.living().all(|(_, peer)| match (peer.mind.leader(), peer.mind.epoch()) {
        (Some(leader), Some(epoch)) => epoch.leader == leader && world.claims.contains(&(epoch, leader)),
        (leader, _) => leader.is_none(),
    })
}

fn bounded(_: &Group, world: &World) -> bool {
    world.wires().all(|(_, _, wire)| wire.len() <= UNDER_WAY_MAX)
}

fn succeeded(_: &Group, world: &World) -> bool {
    let mut followed = world.living().map(|(_, peer)| match peer.reason {
        Some(Reason::Unreachable(dead)) if !world.links.lives(dead) => peer.mind.leader(),
        _ => None,
    });
    world.living().count() > 1 && leaders(world).count() == 1 && {
        let first = followed.next().flatten();
        first.is_some() && followed.all(|leader| leader == first)
    }
}

fn rivals(_: &Group, world: &World) -> bool {
    leaders(world).any(|(one, _)| leaders(world).any(|(other, _)| one != other && world.links.reaches(one, other)))
}

fn gave_way(_: &Group, world: &World) -> bool {
    let merged = |(_, peer): (Id, &Peer)| matches!(peer.reason, Some(Reason::Merged(_))) && !peer.mind.is_leader();
    leaders(world).count() == 1 && world.living().any(merged)
}

fn calmed(_: &Group, world: &World) -> bool {
    said(world).any(|(from, _, message)| match message {
        Message::Answer { leader: Some(leader), epoch, age, .. } => {
            *leader != from
                && age.is_zero()
                && leads(world, *leader)
                && world.claims.last().map(|last| last.0) == *epoch
        }
        _ => false,
    })
}

fn relayed(_: &Group, world: &World) -> bool {
    said(world).any(|(from, _, message)| {
        let Message::Election { take_over: false, .. } = message else { return false };
        let doubted = world.peer(from).and_then(|peer| peer.mind.leader());
        doubted.is_some_and(|leader| {
            leader != from && world.links.reaches(from, leader) && !world.links.is_up(from, leader)
        })
    })
}

fn slept(_: &Group, world: &World) -> bool {
    let behind = |(_, peer): (Id, &Peer)| {
        let leader = peer.mind.leader().filter(|_| !peer.mind.is_leader());
        peer.reason == Some(Reason::Suspended) && leader.is_some_and(|leader| leads(world, leader))
    };
    world.living().any(behind)
}

fn superseded(_: &Group, world: &World) -> bool {
    world.living().any(|(id, peer)| peer.reason == Some(Reason::Superseded(id)) && !peer.mind.is_leader())
}

fn leaderless(_: &Group, world: &World) -> bool {
    world.living().all(|(_, peer)| peer.reason == Some(Reason::Leaderless) && peer.mind.leader().is_some())
}

fn leads_because(world: &World, why: impl Fn(Reason<Id>) -> bool) -> bool {
    leaders(world).any(|(_, peer)| peer.reason.is_some_and(&why))
}

fn leads(world: &World, id: Id) -> bool {
    world.peer(id).is_some_and(|peer| peer.mind.is_leader())
}

fn leaders(world: &World) -> impl Iterator<Item = (Id, &Peer)> {
    world.living().filter(|(_, peer)| peer.mind.is_leader())
}

fn said(world: &World) -> impl Iterator<Item = (Id, Id, &Message<Id>)> {
    world.wires().flat_map(|(from, to, wire)| {
        wire.iter().filter_map(move |item| match item {
            Item::Said(message) => Some((from, to, message)),
            Item::Reach(_) | Item::Link(_) => None,
        })
    })
}
