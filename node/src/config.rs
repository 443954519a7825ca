//! What a member is told when it starts.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use transport::Address;

use crate::name::Name;

/// The settings of one member.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name, unique in the group.
    pub name: Name,
    /// Where it listens for other peers; 0 takes any free port.
    pub port: u16,
    /// The address to listen on. Anything but loopback needs `insecure`.
    pub bind: IpAddr,
    /// Where others are told to dial; by default the listening address.
    pub advertise: Option<Address>,
    /// Members to join through, leaders or not. None: this member founds a group.
    pub leaders: Vec<Address>,
    /// Peers of another group are refused.
    pub group: String,
    /// The higher leads; among equals the oldest member.
    pub priority: u16,
    /// How long to look for somebody to join.
    pub join_timeout: Duration,
    /// Where identity and history are kept, so that a member that is started again is the same one. `None`: in memory, and every
    /// run is a new member.
    pub data_dir: Option<PathBuf>,
    /// Where clients of the byte protocol (`docs/gateway.md`) are served; 0 takes any free port. `None`: nowhere.
    pub gateway: Option<u16>,
    /// Allows an address other than loopback although nothing is encrypted and nobody authenticated.
    pub insecure: bool,
    /// How often a leader, and every link, proves that it lives.
    pub heartbeat: Duration,
    /// How long a leader's or a link's silence is borne; at least twice the heartbeat.
    pub timeout: Duration,
}

/// Which setting makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ConfigError {
    /// Listening beyond loopback must be asked for.
    #[error(
        "listening on {0} lets anybody who reaches it join and read: add --insecure if that is meant, or listen on 127.0.0.1"
    )]
    Insecure(IpAddr),
    /// Nobody can dial it.
    #[error("others cannot dial {0}: say with --advertise HOST:PORT what they are to dial")]
    NoAdvertise(IpAddr),
    /// See [`transport::ConfigError`].
    #[error(transparent)]
    Transport(#[from] transport::ConfigError),
}

impl Config {
    /// A member of the group `default` on a free port of loopback, founding a group unless `leaders` are added.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            port: 0,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertise: None,
            leaders: Vec::new(),
            group: "default".into(),
            priority: 0,
            join_timeout: Duration::from_secs(10),
            data_dir: None,
            gateway: None,
            insecure: false,
            heartbeat: Duration::from_millis(250),
            timeout: Duration::from_secs(1),
        }
    }

    /// Checks what can be checked without starting.
    ///
    /// # Errors
    ///
    /// A setting that makes no sense, and what to do about it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !self.bind.is_loopback() && !self.insecure {
            return Err(ConfigError::Insecure(self.bind));
        }
        if self.bind.is_unspecified() && self.advertise.is_none() {
            return Err(ConfigError::NoAdvertise(self.bind));
        }
        Ok(transport::Config {
            group: self.group.clone(),
            heartbeat: self.heartbeat,
            timeout: self.timeout,
            ..transport::Config::new(self.name.as_str())
        }
        .validate()?)
    }
}
