//! What the two ends of a link say to each other, below anything that the layers above send.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::overlay::Message;
use crate::peer::{PeerId, PeerInfo};

/// The first bytes of every hello: whatever does not begin so is not one of us.
pub(crate) const MAGIC: [u8; 8] = *b"meshchat";

/// The version of the protocol between peers. Peers of different versions refuse each other.
pub const PROTOCOL_VERSION: u16 = 4;

/// A message between the ends of one link.
///
/// ```text
///  dialler                      acceptor
///     |------ Hello ---------------->|   who I am
///     |<----- Hello or Refused ------|   who I am, or why not
///     |------ Up ------------------->|   this connection is our link
///     |<===== Ping, frames =========>|
///     |<===== Links ================>|   who is linked to whom
///     |------ Bye ------------------>|   either end, last of all
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Control {
    /// The dialler's first frame, and the acceptor's consent.
    Hello(Hello),
    /// Instead of a hello, or after one: this connection will not be a link. It is closed behind it.
    Refused(Refused),
    /// The dialler's decision, after the acceptor's hello: the link is up.
    Up,
    /// Sent each heartbeat by both ends.
    Ping(Ping),
    /// The last frame: its sender goes, and for what reason.
    Bye {
        /// Why.
        farewell: Farewell,
        /// The version of its last, empty link state.
        version: u64,
    },
    /// Who is linked to whom.
    Links(Message),
}

impl Control {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self).expect("a control message is a few hundred bytes of plain fields")
    }
}

/// Who is at the other end.
///
/// `magic` and `version` stay the first fields in every version, so that any two versions can refuse each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u16,
    pub(crate) group: String,
    pub(crate) peer: PeerInfo,
}

/// A refusal, and who refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) by: PeerId,
    pub(crate) reason: Refusal,
}

/// Why a peer will not be linked to another.
///
/// The order of the variants is part of the protocol: versions to come add at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// It speaks another version of the protocol.
    Version {
        /// The version of the peer that refuses.
        ours: u16,
    },
    /// It belongs to another group.
    Group {
        /// The group of the peer that refuses.
        ours: String,
    },
    /// It dialled itself.
    Oneself,
    /// The two are linked already, or about to be over another connection.
    Duplicate,
    /// A later run of the same peer is linked.
    Outdated,
    /// The peer is on its way out.
    Leaving,
    /// Its hello makes no sense.
    Malformed,
}

impl Refusal {
    /// Whether dialling the same peer again can't help until somebody changes something.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Version { .. } | Self::Group { .. } | Self::Oneself | Self::Malformed)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { ours } => {
                write!(f, "it speaks version {ours} of the protocol, this program version {PROTOCOL_VERSION}")
            }
            Self::Group { ours } => write!(f, "it belongs to the group `{}`", ours.escape_debug()),
            Self::Oneself => f.write_str("it is this very peer"),
            Self::Duplicate => f.write_str("the two are linked already"),
            Self::Outdated => f.write_str("a later run of this peer is linked to it"),
            Self::Leaving => f.write_str("it is leaving"),
            Self::Malformed => f.write_str("it did not understand the hello"),
        }
    }
}

/// A proof of life, both ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Ping {
    /// Counts this end's pings, from 1.
    pub(crate) sequence: u64,
    /// The last ping seen from the other end, 0 before the first.
    pub(crate) echo: u64,
    /// How long ago that was, in microseconds: what the sender's wait adds to a round trip (as in RFC 3550, 6.4.1).
    pub(crate) held_us: u64,
    /// The hash of the sender's table of link states.
    pub(crate) table: u64,
}

/// Why a peer goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Farewell {
    /// It leaves the group.
    Left,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::overlay::{Change, LinkState, Version};
    use crate::peer::Incarnation;

    fn hello() -> Hello {
        Hello {
            magic: MAGIC,
            version: PROTOCOL_VERSION,
            group: "g".into(),
            peer: PeerInfo {
                id: PeerId::new(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10)),
                incarnation: Incarnation(3),
                name: "al".into(),
                address: "h:9".parse().unwrap(),
                priority: 7,
            },
        }
    }

    /// What is said of links, and its bytes behind the tag of [`Control::Links`].
    fn golden_links(id: PeerId, hex: &str, peer: &str) -> [(Message, String); 5] {
        let number = |n: u64| format!("{n:016x}");
        let state = LinkState { peer: hello().peer, version: 5, neighbours: vec![id], farewell: Some(Farewell::Left) };
        let state_hex = format!("{peer}{}{}{hex}0100000000", number(5), number(1));
        let change =
            Change { peer: id, incarnation: Incarnation(6), from: 7, to: 8, links: vec![(id, true), (id, false)] };
        let change_hex =
            format!("{}{hex}{}{}{}{}{hex}01{hex}00", number(1), number(6), number(7), number(8), number(2));
        let version = Version { peer: id, incarnation: Incarnation(6), version: 7 };
        [
            (Message::Greeting(state.clone()), format!("00000000{state_hex}")),
            (Message::States(vec![state]), format!("00000001{}{state_hex}", number(1))),
            (Message::Changes(vec![change]), format!("00000002{change_hex}")),
            (Message::Versions(vec![version]), format!("00000003{}{hex}{}{}", number(1), number(6), number(7))),
            (Message::Pull(vec![id]), format!("00000004{}{hex}", number(1))),
        ]
    }

    #[test]
    fn every_control_message_has_its_golden_bytes() {
        let id = "0102030405060708090a0b0c0d0e0f10";
        let peer = format!("{id}0000000000000003{}616c{}683a390007", "0000000000000002", "0000000000000003");
        let by = PeerId::new(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));
        let refused = |reason| Control::Refused(Refused { by, reason });
        let links = golden_links(by, id, &peer).map(|(links, hex)| (Control::Links(links), format!("00000005{hex}")));
        let golden = [
            (Control::Hello(hello()), format!("000000006d657368636861740004000000000000000167{peer}")),
            (refused(Refusal::Version { ours: 2 }), format!("00000001{id}000000000002")),
            (refused(Refusal::Group { ours: "x".into() }), format!("00000001{id}00000001000000000000000178")),
            (refused(Refusal::Oneself), format!("00000001{id}00000002")),
            (refused(Refusal::Duplicate), format!("00000001{id}00000003")),
            (refused(Refusal::Outdated), format!("00000001{id}00000004")),
            (refused(Refusal::Leaving), format!("00000001{id}00000005")),
            (refused(Refusal::Malformed), format!("00000001{id}00000006")),
            (Control::Up, "00000002".into()),
            (
                Control::Ping(Ping { sequence: 1, echo: 2, held_us: 3, table: 4 }),
                "000000030000000000000001000000000000000200000000000000030000000000000004".into(),
            ),
            (Control::Bye { farewell: Farewell::Left, version: 9 }, "00000004000000000000000000000009".into()),
        ];
        for (message, golden) in golden.into_iter().chain(links) {
            let bytes = message.to_bytes();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, golden, "{message:?}");
            assert_eq!(codec::decode::<Control>(&bytes).unwrap(), message);
        }
    }
}
