//! A full mesh of TCP links between the members of a group: whom can I reach, and how.
//!
//! A member listens, dials the addresses it was given and every member it hears of, and keeps exactly one link to
//! each. A link counts only while it works both ways: a fault in one direction takes it down at both ends.
//!
//! *Reachable* is whoever can be reached over links, of one's own or of others ([`overlay`]): so it is the same for everybody,
//! whatever is broken between whom. Frames for a peer that is not linked are passed on by those that are. The layers above get
//! [`Event::Reachable`], [`Event::Unreachable`] with a reason, [`Event::Path`] where the way changes, and frames. They send
//! bytes, which arrive at most once, and in order per pair while the path stays the same.
//!
//! What this crate never does: it knows no chat command, no leader and no member list; it repairs no loss (the layers
//! above must anyway); it never waits for a slow peer (a queue has a bound, and a link that stays behind it for the
//! timeout is taken down); it never allocates by a length that a stranger claims; and no input from the network
//! makes it panic.
//!
//! ```
//! use futures::StreamExt;
//! use transport::{Class, Config, Event, Mesh};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! transport::runtime::block_on(async {
//!     let (alice, _alices_events) = Mesh::listen(Config::new("alice")).await?;
//!     let (bob, mut bobs_events) = Mesh::listen(Config::new("bob")).await?;
//!     alice.add_seed(bob.me().address.clone());
//!     while let Some(event) = bobs_events.next().await {
//!         match event {
//!             Event::Reachable { peer, .. } => bob.send(peer.id, Class::Bulk, b"hello, alice")?,
//!             other => panic!("{other:?}"),
//!         }
//!         break;
//!     }
//!     # Ok(())
//! })
//! # }
//! ```

mod accept;
mod arbiter;
mod batch;
mod beat;
mod codec;
mod config;
mod congestion;
mod connections;
mod control;
mod dial;
mod error;
mod event;
mod events;
mod handshake;
mod link;
mod liveness;
mod mesh;
pub mod overlay;
mod peer;
mod plain;
mod pulse;
mod queue;
mod reach;
mod reader;
mod registry;
mod relay;
pub mod runtime;

pub use batch::Batch;
pub use codec::{MAX_MESSAGE_BYTES, PIECE_BYTES, decode, encode};
pub use config::Config;
pub use connections::{CONNECTIONS, OtherEnd};
pub use control::{Farewell, PROTOCOL_VERSION, Refusal};
pub use error::{AddressError, ConfigError, DecodeError, ListenError, SendError};
pub use event::{DialError, Event, Unreachable};
pub use events::Events;
pub use link::MAX_URGENT_BYTES;
pub use mesh::{Class, LinkStatus, Mesh};
pub use peer::{Address, Incarnation, PeerId, PeerInfo};
pub use plain::{PlainListener, PlainStream};
