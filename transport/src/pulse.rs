//! The one timer of a mesh: proves every link each heartbeat, and takes down those that fail to prove themselves.

use std::sync::Arc;
use std::time::Instant;

use futures::future::{Either, select};
use tracing::info;

use crate::event::Unreachable;
use crate::registry::Shared;
use crate::runtime;

/// Runs until the mesh is closed.
pub(crate) async fn pulse(shared: Arc<Shared>) {
    let mut next_ping = Instant::now() + shared.heartbeat;
    loop {
        let links = shared.links();
        let earliest = links.iter().map(|link| link.expires()).min();
        let due = earliest.map_or(next_ping, |expiry| expiry.min(next_ping));
        if let Either::Right(_) = select(Box::pin(runtime::sleep_until(due)), shared.closed()).await {
            return;
        }
        let now = Instant::now();
        // A timer this late means that this process was stopped or starved: it heard nothing because it did not
        // listen. What waits in the sockets is read before anybody is called silent.
        let slept = now.saturating_duration_since(due) > shared.heartbeat;
        for link in shared.links() {
            if slept {
                link.excuse(now + shared.heartbeat * 2);
            }
            let stuck = link.behind_since().is_some_and(|since| now.saturating_duration_since(since) > shared.timeout);
            if link.expires() <= now {
                info!(peer = %link.peer.id, name = link.peer.name, "silent: the link is taken down");
                link.end(Unreachable::Silent);
            } else if stuck {
                info!(peer = %link.peer.id, name = link.peer.name, "too slow: the link is taken down");
                link.end(Unreachable::Slow);
            } else if now >= next_ping {
                link.ping(now);
            }
        }
        if now >= next_ping {
            next_ping = now + shared.heartbeat;
        }
    }
}
