//! What becomes of each connection, told through `tracing`, so that a program may keep a record of them.
//!
//! Each event has the target [`CONNECTIONS`] and the level INFO, and the fields `kind` (`peer` for a mesh's own), `ip`, `port`, `name` (what
//! the other end calls itself; empty if it never said), `outcome` (`accepted`, `rejected` or `closed`) and `reason` (empty if
//! it was accepted). Names and reasons are cut: a stranger may call itself as long as it likes. Attempts to connect that reach nobody are no connections.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::SocketAddr;

use tracing::info;

/// The target of these events.
pub const CONNECTIONS: &str = "connections";

/// How much of a name is told, in characters: twice what a member's may have.
const MOST_OF_A_NAME: usize = 64;

/// How much of a reason is told, in characters.
const MOST_OF_A_REASON: usize = 256;

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
        let (kind, ip, port) = (self.kind, address.ip(), address.port());
        let (name, reason) = (cut(self.name, MOST_OF_A_NAME), reason.to_string());
        let reason = cut(&reason, MOST_OF_A_REASON);
        info!(target: CONNECTIONS, kind, %ip, port, name = &*name, outcome, %reason);
    }
}

/// As much of a text as is told; an ellipsis says that there was more.
fn cut(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_of_a_name_is_told_as_anybody_needs() {
        assert_eq!(cut("Bob", 3), "Bob");
        assert_eq!(cut("Ärger", 2), "Är…");
        assert_eq!(cut(&"\u{1}".repeat(65_535), MOST_OF_A_NAME).chars().count(), 65);
    }
}
