//! What becomes of each connection, told through `tracing`, so that a program may keep a record of them.
//!
//! Each event has the target [`CONNECTIONS`] and the level INFO, and the fields `kind` (`peer` for a mesh's own), `ip`, `port`, `name` (what
//! the other end calls itself; empty if it never said), `outcome` (`accepted`, `rejected` or `closed`) and `reason` (empty if
//! it was accepted). Attempts to connect that reach nobody are no connections.

use std::fmt::Display;
use std::net::SocketAddr;

use tracing::info;

/// The target of these events.
pub const CONNECTIONS: &str = "connections";

/// The other end of a connection, as far as it is known: for whoever accepts connections of another kind beside the mesh's.
#[derive(Clone, Copy, Debug)]
pub struct OtherEnd<'a> {
    /// What sort of connection it is.
    pub kind: &'static str,
    /// Where it is. One that ended in the same moment has no address any more: nothing is told of it.
    pub address: Option<SocketAddr>,
    /// What it calls itself; empty if it never said.
    pub name: &'a str,
}

impl<'a> OtherEnd<'a> {
    pub(crate) fn peer(address: Option<SocketAddr>, name: &'a str) -> Self {
        Self { kind: "peer", address, name }
    }

    /// It is let in.
    pub fn accepted(&self) {
        self.tell("accepted", &"");
    }

    /// It is not let in.
    pub fn rejected(&self, reason: impl Display) {
        self.tell("rejected", &reason);
    }

    /// It has ended.
    pub fn closed(&self, reason: impl Display) {
        self.tell("closed", &reason);
    }

    fn tell(&self, outcome: &str, reason: &dyn Display) {
        let Some(address) = self.address else { return };
        let (kind, ip, port, name) = (self.kind, address.ip(), address.port(), self.name);
        info!(target: CONNECTIONS, kind, %ip, port, name, outcome, %reason);
    }
}
