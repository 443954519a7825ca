//! What becomes of the clients' connections, for the record of connections: see [`transport::CONNECTIONS`].

use std::fmt::Display;
use std::net::SocketAddr;

use tracing::info;

/// A client's end of its connection, and what it is called or asked to be called (nothing if it never said).
#[derive(Clone, Copy, Debug)]
pub(super) struct Other<'a> {
    pub(super) from: SocketAddr,
    pub(super) name: &'a str,
}

impl Other<'_> {
    pub(super) fn accepted(&self) {
        self.tell("accepted", &"");
    }

    pub(super) fn rejected(&self, reason: impl Display) {
        self.tell("rejected", &reason);
    }

    pub(super) fn closed(&self, reason: impl Display) {
        self.tell("closed", &reason);
    }

    fn tell(&self, outcome: &str, reason: &dyn Display) {
        let (ip, port, name) = (self.from.ip(), self.from.port(), self.name);
        info!(target: transport::CONNECTIONS, kind = "gateway", %ip, port, name, outcome, %reason);
    }
}
