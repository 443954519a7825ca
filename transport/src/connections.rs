//! What becomes of each connection, told through `tracing`, so that a program may keep a record of them.
//!
//! Each event has the target [`CONNECTIONS`] and the level INFO, and the fields `kind` (`peer` here), `ip`, `port`, `name` (what
//! the other end calls itself; empty if it never said), `outcome` (`accepted`, `rejected` or `closed`) and `reason` (empty if
//! it was accepted). Attempts to connect that reach nobody are no connections.

use std::fmt::Display;
use std::net::SocketAddr;

use tracing::info;

/// The target of these events.
pub const CONNECTIONS: &str = "connections";

/// The other end of a connection, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Other<'a> {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) name: &'a str,
}

impl Other<'_> {
    pub(crate) fn accepted(&self) {
        self.tell("accepted", &"");
    }

    pub(crate) fn rejected(&self, reason: impl Display) {
        self.tell("rejected", &reason);
    }

    pub(crate) fn closed(&self, reason: impl Display) {
        self.tell("closed", &reason);
    }

    fn tell(&self, outcome: &str, reason: &dyn Display) {
        // A connection that ended in the same moment has no address any more.
        let Some(address) = self.address else { return };
        let (ip, port, name) = (address.ip(), address.port(), self.name);
        info!(target: CONNECTIONS, kind = "peer", %ip, port, name, outcome, %reason);
    }
}
