//! Real meshes for tests: `node` processes on loopback, or on a [`Network`] of their own, watched through their JSON.
//!
//! A test starts a [`Cluster`], does something to one of its [`Peer`]s, and waits for what the others report:
//!
//! ```no_run
//! use mesh_tests::Cluster;
//!
//! let mesh = Cluster::of(["alice", "bob", "carol"]);
//! mesh.peer("alice").kill();
//! assert_eq!(mesh.agree().name, "bob");
//! ```
//!
//! What holds for every test: the program is built first, once, and is never a stale one ([`program`]); each cluster has
//! a group of its own, so tests may run beside each other; nothing is awaited by sleeping, but until it is reported or
//! [`PATIENCE`] is over; every process is ended by its id when its owner is dropped; and a test that fails prints what
//! each of its peers reported last. The harness panics where a test would: its messages say which peer, and what was awaited.

mod bell;
pub mod bench;
pub mod client;
mod cluster;
pub mod fates;
pub mod invariants;
mod launch;
mod network;
mod peer;
pub mod places;
pub mod ports;
mod process;
pub mod program;
pub mod script;
mod seed;
pub mod sim;
mod view;
pub mod votes;

pub use bell::{Bell, PATIENCE};
pub use cluster::{Cluster, unique_group};
pub use launch::{Launch, Outcome};
pub use network::Network;
pub use peer::{Event, Peer};
pub use process::Process;
pub use seed::Seed;
pub use view::{Seat, View};
