//! What was said in a group, at every peer, with no server.
//!
//! A [`Pool`] holds the lines that are *said*: on the way to every reachable peer at once, in any partition, with any
//! number of survivors down to one. A line is shown at its author the moment it is said, and at each other peer when
//! it comes: once, each author's lines in the order said, and an answer after what it answers if that can be had
//! within five seconds. Pools that can reach each other compare what they have when they meet and once a second, and
//! pull what they lack, from the author or from anybody who has it; so a line outlives its author as soon as one
//! other peer has it.
//!
//! *Said* promises no more than that. A pool is memory and is bounded: when it is full the oldest lines leave, and a
//! peer that was away for longer than its neighbours remember is told which lines it missed. There is no one order
//! for all yet, and no line is confirmed: two peers may show lines of different authors in different orders.
//!
//! # What it never does
//!
//! This crate reads no clock, opens no socket or file, starts no task and asks nobody for a random number: the time
//! comes in with every call, a seed with the constructor, and messages go in and out as values. The same calls give
//! the same results. It does not know what a peer is, how to reach one, or what a line says.
//!
//! # Example
//!
//! ```
//! use std::time::Instant;
//!
//! use history::{Event, Limits, Pool, Session};
//! use uuid::Uuid;
//!
//! let now = Instant::now();
//! let mut ann = Pool::new(Session::new(Uuid::now_v7()), Limits::default(), 1, now);
//! let mut bob = Pool::new(Session::new(Uuid::now_v7()), Limits::default(), 2, now);
//!
//! // Nobody hears it, and Ann sees it all the same.
//! let id = ann.say("Hi".into(), now).unwrap();
//! assert!(matches!(ann.poll_event(), Some(Event::Shown(say)) if say.id == id));
//!
//! // They meet, compare, and Bob pulls what he lacks.
//! ann.handle_reachable("bob", now);
//! bob.handle_reachable("ann", now);
//! loop {
//!     let (to_bob, to_ann) = (ann.poll_transmit(), bob.poll_transmit());
//!     if to_bob.is_none() && to_ann.is_none() {
//!         break;
//!     }
//!     to_bob.map(|transmit| bob.handle_message("ann", transmit.message, now));
//!     to_ann.map(|transmit| ann.handle_message("bob", transmit.message, now));
//! }
//! assert!(matches!(bob.poll_event(), Some(Event::Shown(say)) if say.body == "Hi"));
//! ```

mod apply;
mod history;
mod id;
mod log;
mod pool;

pub use apply::{APPLIED_SESSIONS, Applied, SessionRow, Verdict};
pub use history::{History, HistoryEvent};
pub use id::{Ballot, Index, MessageId, ParseMessageIdError, Regime, Session};
pub use log::{
    Alarm, Config, Durable, Entries, Entry, Fork, Lineage, Log, LogConfig, LogEvent, LogMessage, LogTransmit, Loss,
    MESSAGE_BYTES, MESSAGE_ENTRIES, Op, Peer, Read, RunningHash, STATE_BYTES, Snapshot, SnapshotPiece, Standing,
    VOTERS_MAX, Write,
};
pub use pool::{
    Baseline, Counts, Event, Limits, Lines, MAX_BODY, MAX_HEADS, Message, Pool, Range, Say, SayError, To, Transmit,
    Want,
};
