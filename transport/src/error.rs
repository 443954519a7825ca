//! What can go wrong, one enum an operation.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

/// Why a text is not an [`Address`](crate::Address).
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AddressError {
    /// There is no `:PORT` at its end.
    #[error("`{0}` has no port: write HOST:PORT")]
    NoPort(String),
    /// The host is empty, has blanks, or is an IPv6 address without brackets.
    #[error("`{0}` has no usable host: write HOST:PORT, an IPv6 address in brackets")]
    BadHost(String),
    /// The port is not a number from 1 to 65535.
    #[error("`{0}` has no usable port: it is a number from 1 to 65535")]
    BadPort(String),
    /// Longer than [`Address::MAX_BYTES`](crate::Address::MAX_BYTES).
    #[error("an address of {0} bytes is too long")]
    TooLong(usize),
}

/// Why a mesh was not started. Nothing is left listening.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The operating system refused the socket.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A setting makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Which setting makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ConfigError {
    /// A link that is proved less than twice within the timeout would fall at the first late ping.
    #[error(
        "a timeout of {timeout:?} is too short for a heartbeat every {heartbeat:?}: it must be at least twice as long"
    )]
    Timeout {
        /// How often a link is proved.
        heartbeat: Duration,
        /// How long silence is borne.
        timeout: Duration,
    },
    /// Zero would be a busy loop.
    #[error("the heartbeat must be at least one millisecond")]
    Heartbeat,
    /// A group's name is 1 to 64 bytes of text without control characters.
    #[error("`{}` is not the name of a --group: it has 1 to 64 bytes and no control characters", .0.escape_debug())]
    Group(String),
}

/// Why a frame was not queued. Nothing of it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SendError {
    /// There is no link to that peer.
    #[error("the peer is not linked")]
    NotLinked,
    /// The link's queue is full; the frame is lost to that peer.
    #[error("the queue to the peer is full")]
    Full,
    /// Longer than a message may be.
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
}

/// Why bytes are not what they should be.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// A frame whose length is 0 or beyond the bound.
    #[error("a frame of {0} bytes")]
    FrameLength(u32),
    /// A frame of a kind that does not exist.
    #[error("a frame of kind {0}")]
    FrameKind(u8),
    /// A message in more pieces than its bound allows.
    #[error("a message longer than {0} bytes")]
    MessageLength(usize),
    /// A message that is not one.
    #[error("a malformed message: {0}")]
    Malformed(String),
}
