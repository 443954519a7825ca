//! Who a peer is: its identity, its run, and where it is dialled.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::AddressError;

/// The identity of a peer: a UUID of version 7, new for each run of a peer that keeps nothing on disk.
///
/// Its order is used to break ties: of two simultaneous dials, the lower id's stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerId(#[serde(with = "uuid::serde::compact")] Uuid);

impl From<PeerId> for u128 {
    fn from(id: PeerId) -> Self {
        id.0.as_u128()
    }
}

impl PeerId {
    /// Takes a UUID as an identity.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// A new identity, which no other peer has.
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// The UUID behind the identity.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which run of a peer this is: of two links that claim the same id, the one of the higher run is believed.
///
/// A boot counter kept on disk, or, without a disk, the time of the start in microseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// Where a peer is dialled: `HOST:PORT`, a name or a numeric address (IPv6 in brackets).
///
/// At most [`Address::MAX_BYTES`] long; the host is not empty and the port is not 0.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

impl Address {
    /// The longest address that is accepted, in bytes: a DNS name has at most 253.
    pub const MAX_BYTES: usize = 262;

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > Self::MAX_BYTES {
            return Err(AddressError::TooLong(text.len()));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| AddressError::NoPort(text.to_owned()))?;
        let bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        let unprintable = host.chars().any(|c| c.is_whitespace() || c.is_control());
        if host.is_empty() || bare_ipv6 || unprintable {
            return Err(AddressError::BadHost(text.to_owned()));
        }
        match port.parse::<u16>() {
            Ok(port) if port != 0 => Ok(Self(text.to_owned())),
            _ => Err(AddressError::BadPort(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.0
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a peer says of itself when it says hello.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PeerInfo {
    /// Its identity.
    pub id: PeerId,
    /// Which run of it this is.
    pub incarnation: Incarnation,
    /// The name it asks for. Whether it is given that name is not the transport's affair.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// The higher leads.
    pub priority: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["localhost:8000", "127.0.0.1:1", "[::1]:65535", "a.b.c:9"] {
            assert_eq!(good.parse::<Address>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_is_no_address_says_what_is_wrong_with_it() {
        for (bad, says) in [
            ("localhost", "has no port"),
            (":8000", "host"),
            ("::1:8000", "brackets"),
            ("a b:1", "host"),
            ("localhost:0", "port"),
            ("localhost:65536", "port"),
            ("localhost:x", "port"),
        ] {
            let error = bad.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(bad), "{bad}: {error}");
        }
        assert!(format!("{}:1", "x".repeat(300)).parse::<Address>().is_err());
    }
}
