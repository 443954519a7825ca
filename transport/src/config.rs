//! What a mesh is told when it starts.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::ConfigError;
use crate::peer::{Address, Incarnation, PeerId};

/// The settings of one member's mesh.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where others are told to dial; by default where this peer listens. Must be given when that is not an address of
    /// its own (`0.0.0.0`, `::`).
    pub advertise: Option<Address>,
    /// Peers of another group are refused. 1 to 64 bytes.
    pub group: String,
    /// This peer's identity.
    pub id: PeerId,
    /// Which run of it this is.
    pub incarnation: Incarnation,
    /// The name it says hello with.
    pub name: String,
    /// Its priority; the transport only carries it.
    pub priority: u16,
    /// How often each link is proved. Halving it doubles the idle traffic; a `timeout` should hold at least three.
    pub heartbeat: Duration,
    /// How long a link may fail to prove itself, a queue may stay full, and a dial may take. Lower finds a hung peer
    /// sooner, and takes down more links of peers that are merely busy.
    pub timeout: Duration,
}

impl Config {
    /// A peer on loopback with a new identity, in the group `default`, with the usual timing.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertise: None,
            group: "default".into(),
            id: PeerId::random(),
            incarnation: Incarnation(1),
            name: name.into(),
            priority: 0,
            heartbeat: Duration::from_millis(250),
            timeout: Duration::from_secs(1),
        }
    }

    /// Checks what can be checked without starting; [`Mesh::listen`](crate::Mesh::listen) does so too.
    ///
    /// # Errors
    ///
    /// A setting that makes no sense.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.heartbeat < Duration::from_millis(1) {
            return Err(ConfigError::Heartbeat);
        }
        if self.timeout < self.heartbeat * 2 {
            return Err(ConfigError::Timeout { heartbeat: self.heartbeat, timeout: self.timeout });
        }
        let group = &self.group;
        if group.is_empty() || group.len() > 64 || group.chars().any(char::is_control) {
            return Err(ConfigError::Group(group.clone()));
        }
        Ok(())
    }
}
