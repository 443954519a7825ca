//! The one timer of a mesh: proves every link each heartbeat, and takes down those that fail to prove themselves.

use std::sync::Arc;
use std::time::Instant;

use futures::future::{Either, select};
use tracing::info;

use crate::event::Unreachable;
use crate::overlay::Overlay;
use crate::registry::Shared;
use crate::runtime;

/// Runs until the mesh has been closed: a link that says goodbye behind a long queue must prove itself until then.
pub(crate) async fn pulse(shared: Arc<Shared>) {
    let mut next_beat = Instant::now() + shared.heartbeat;
    loop {
        let earliest = shared.links().iter().map(|link| link.expires()).min();
        let due = earliest.map_or(next_beat, |expiry| expiry.min(next_beat));
        let rhythm = select(Box::pin(runtime::sleep_until(due)), Box::pin(shared.beat.heard()));
        let struck = match select(rhythm, shared.gone()).await {
            Either::Left((woken, _)) => matches!(woken, Either::Right(_)),
            Either::Right(_) => return,
        };
        let now = Instant::now();
        take_down(&shared, due, now);
        if struck || now >= next_beat {
            shared.reach(|overlay| overlay.handle_timeout(now));
            let table = shared.overlay(Overlay::table_hash);
            for link in shared.links() {
                link.ping_on_beat(table, now);
            }
            next_beat = now + shared.heartbeat;
        }
    }
}

/// Takes down the links that have failed. `due` is when this was to be looked at.
fn take_down(shared: &Shared, due: Instant, now: Instant) {
    // A timer this late means that this process was stopped or starved: it heard nothing because it did not listen. What
    // waits in the sockets is read before anybody is called silent.
    let slept = now.saturating_duration_since(due) > shared.heartbeat;
    for link in shared.links() {
        if slept {
            link.excuse(now + shared.heartbeat * 2);
        }
        link.hold_no_longer_than(shared.timeout, now);
        let stuck =
            !slept && link.behind_since().is_some_and(|since| now.saturating_duration_since(since) > shared.timeout);
        if link.expires() <= now {
            info!(peer = %link.peer.id, name = link.peer.name, "silent: the link is taken down");
            link.end(Unreachable::Silent);
        } else if stuck {
            info!(peer = %link.peer.id, name = link.peer.name, "too slow: the link is taken down");
            link.end(Unreachable::Slow);
        }
    }
}
