//! The production election, followed through everything that can happen to a small group.
//!
//! Each peer is an [`election::Bully`] as it is, with a clock of its own; the checker (`stateright`) decides what
//! happens next, tries each choice, and keeps the states that it has seen. `group.rs` says what may happen, `world.rs`
//! what becomes of it, `properties.rs` what must hold, `runs.rs` how far it is followed, and `broken.rs` that a fault
//! would be noticed.
//!
//! # What is explored
//!
//! - **Time** passes at one peer at a time, to its deadline, to shortly before it, or (a sleep) to long after it. No
//!   clock is compared with another, so a message may be under way for any number of anybody's timeouts.
//! - **Messages** of a pair stay in order, or are lost with their link; those of different pairs overtake each other
//!   at will.
//! - **Reachability** is an equivalence: a chain of links. Each peer learns of a change by a notice that comes in order
//!   with the messages from the peer that it is about, and otherwise at any time.
//! - **Faults** are a crash, a cut of an island in two, the loss of one link (others may still relay), a sleep, and a
//!   leader or member that leaves. A mend brings all links up at once.
//!
//! # What is not
//!
//! Within its bounds a run leaves nothing out of the above. Beyond them, it knows nothing of: time that passes to
//! anywhere else between two deadlines; changes of roster, rank, fitness or catching up; one message lost alone; a
//! peer that is restarted (which has a new id, and so is another peer). States are told apart by a digest of 64 bits:
//! of a million states, two have the same by mistake once in some forty million runs.

mod broken;
mod group;
mod links;
mod peer;
mod properties;
mod relative;
mod runs;
mod settle;
mod start;
mod wire;
mod world;

/// A peer; the lesser outranks the greater among equals.
pub(crate) type Id = u8;

/// As many peers as a [`links::Links`] has room for.
pub(crate) const PEERS_MAX: usize = 4;
