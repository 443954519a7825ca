//! Who leads: a bully election among the peers that can be reached.
//!
//! This crate reads no clock, opens no socket, starts no task, draws no random number, keeps nothing on disk and knows
//! no peer but by its id. It does not find out who can be reached, who is a member or what was said; it is told. It
//! never makes two leaders of one epoch and never goes back to an older one; that no two peers *believe* themselves
//! leader at one instant it does not promise, and nobody could.
//!
//! # The story
//!
//! Members are ordered by [`Rank`]: priority, then how long they have been members. The highest that can be reached
//! should lead. A claim raises the [`Epoch`], which everything a leader sends carries, so what is older than what the
//! receiver knows is ignored and answered with the newer.
//!
//! A leader that **dies** is out of reach for everybody at once. The highest-ranked of the others claims without
//! asking: one message to each, one delay. Should it fail to, the others notice after an answer's time and go on
//! without it.
//!
//! A leader that is only **silent** may be well, and the one who misses it slow. So the seven highest ask each other
//! first, and act only if most of them miss it too. For the same reason a process that was **stopped** and wakes up
//! believes nothing that it knew: it stops leading, and asks.
//!
//! When a split heals **two leaders meet**. The one that brought more members stays, under an epoch above both.
//!
//! A member of **higher rank** than the leader does not snatch the lead. It catches up with the history, stays for a
//! while (longer each time that it fell lately), and asks; the leader yields to it. A leader that **leaves**, or
//! whose disk hangs, yields by itself, and whoever cannot lead passes the turn on.
//!
//! So a component that stays the same follows, after `timeout + heartbeat + 3 * answer_timeout + hold`, its highest-ranked member
//! that is fit and caught up, and nothing changes afterwards. An election costs n - 1 messages, and at most 2 * 7 * 6
//! more if somebody has to be asked. The order is García-Molina's bully algorithm (*Elections in a Distributed
//! Computing System*, 1982); the asking is in the spirit of Lifeguard, the self-suspicion of Redis Sentinel's tilt
//! mode.
//!
//! # Driving it
//!
//! One input at a time, each with the present time, which never goes back; after each input, in this order:
//!
//! 1. [`Bully::poll_transmit`] until it is empty: send each message, or drop it if its receiver cannot be reached;
//! 2. [`Bully::poll_event`] until it is empty: tell whoever wants to know who leads;
//! 3. [`Bully::poll_timeout`]: wait for that instant or for the next input, whichever is first.
//!
//! At the instant, [`Bully::handle_timeout`]; called early it changes nothing. When both a timer and other input
//! wait, the timer goes first: after a pause of the process everything else is old news.
//!
//! Reachability should be an equivalence, as the `transport` makes it (if A reaches B and B reaches C then A reaches
//! C), though each peer may learn of a change at a moment of its own. A peer is reported reachable before its messages
//! are handed in: a leader that is not in reach is not followed.
//!
//! ```
//! # #![allow(clippy::disallowed_methods)]
//! use election::{Bully, Config, Rank};
//! use std::time::Instant;
//!
//! let now = Instant::now();
//! let rank = |peer, seniority| Rank { priority: 0, seniority, peer };
//! let mut alice = Bully::new("alice", Config::default(), now);
//! let mut bob = Bully::new("bob", Config::default(), now);
//!
//! alice.handle_founded(rank("alice", 0), now);
//! bob.handle_admitted(rank("bob", 1), alice.epoch(), now);
//! for (peer, other) in [(&mut alice, "bob"), (&mut bob, "alice")] {
//!     peer.handle_members(&[rank("alice", 0), rank("bob", 1)], now);
//!     peer.handle_reachable(other, now);
//!     peer.handle_caught_up(true, now);
//! }
//! while let Some(transmit) = alice.poll_transmit() {
//!     bob.handle_message("alice", transmit.message, now);
//! }
//! assert_eq!(bob.leader(), Some("alice"));
//!
//! bob.handle_unreachable("alice", now);
//! assert!(bob.is_leader());
//! ```

mod bully;
#[cfg(test)]
mod clock;
mod config;
mod electorate;
mod epoch;
mod event;
mod hold;
mod message;
mod rank;
mod state;

pub use bully::Bully;
pub use config::{Config, ConfigError};
pub use epoch::Epoch;
pub use event::{Event, Reason, Transmit};
pub use message::Message;
pub use rank::Rank;
