//! Leaves a group alone, and says what becomes of it.

use std::time::Duration;

use crate::Id;
use crate::links::bit;
use crate::peer::Peer;
use crate::start::CONFIG;
use crate::world::{Tamper, World};

/// More steps than a group has to do before it is at rest; who needs them goes on for ever.
const STEPS_MAX: usize = 2_000;

/// Whether all follow the highest-ranked that they reach and that may lead, once nothing has happened for as long as the
/// crate promises, and whether that is the end of it.
///
/// The clocks go on together, and what is said arrives at once: of all the ways to go on this is the fair one.
pub(crate) fn settles(world: &World, tamper: Tamper) -> bool {
    let mut world = world.clone();
    if !leave_alone(&mut world, promise(), tamper) || !is_settled(&world) {
        return false;
    }
    let settled = world.greatest.clone();
    leave_alone(&mut world, CONFIG.timeout, tamper) && is_settled(&world) && world.greatest == settled
}

/// `timeout + heartbeat + 3 * answer_timeout + hold`.
fn promise() -> Duration {
    CONFIG.timeout + CONFIG.heartbeat + 3 * CONFIG.answer_timeout() + CONFIG.hold
}

/// Lets time pass for everybody; `false` if they do not come to rest in between.
fn leave_alone(world: &mut World, mut time: Duration, tamper: Tamper) -> bool {
    for _ in 0..STEPS_MAX {
        if deliver_one_each(world, tamper) {
            continue;
        }
        if time.is_zero() {
            return true;
        }
        let step = world.living().filter_map(|(_, peer)| until_deadline(peer)).min().unwrap_or(time).min(time);
        pass(world, step, tamper);
        time -= step;
    }
    false
}

fn until_deadline(peer: &Peer) -> Option<Duration> {
    Some(peer.mind.poll_timeout()?.saturating_duration_since(peer.now))
}

/// Delivers the next thing of each wire; `false` if there is none.
fn deliver_one_each(world: &mut World, tamper: Tamper) -> bool {
    let busy: Vec<(Id, Id)> =
        world.wires().filter(|(_, _, wire)| !wire.is_empty()).map(|(from, to, _)| (from, to)).collect();
    for &(from, to) in &busy {
        world.deliver(from, to, tamper);
    }
    !busy.is_empty()
}

/// Time passes for everybody.
fn pass(world: &mut World, step: Duration, tamper: Tamper) {
    for id in world.links.alive() {
        if let Some(peer) = world.peer(id) {
            let now = peer.now + step;
            world.input(id, Some(now), |mind| mind.handle_timeout(now), tamper);
        }
    }
}

fn is_settled(world: &World) -> bool {
    world.living().all(|(id, peer)| {
        let island = world.links.island(id);
        let may_lead = world.living().filter(|(other, _)| island & !world.leaving & bit(*other) != 0);
        let highest = may_lead.filter_map(|(_, peer)| peer.mind.rank()).max();
        highest.is_none_or(|highest| peer.mind.leader() == Some(highest.peer))
    })
}
