//! Whole groups in one process, on a simulated clock and network, replayed exactly from a seed.
//!
//! Each peer is the production overlay ([`transport::overlay`]) and the production mind ([`node::group`]), with election and
//! history in it, driven as the driver drives them. What stands in for something else is the network: links, as TCP connections that
//! were proved ([`World::rule`] says what befalls them), the dialling, and the two timers. Nothing here sleeps, reads a clock or
//! draws a number that does not follow from the seed: the same seed and the same schedule give the same [`Trace`].
//!
//! A schedule is data: [`Rule`]s say what becomes of what one place sends to another, [`Act`]s what happens to processes. After
//! every step the [invariants](crate::invariants) are looked at; the first that does not hold ends the run with its seed
//! and the last lines of the trace.
//!
//! ```
//! use std::time::Duration;
//!
//! use mesh_tests::sim::World;
//!
//! let mut world = World::new(1);
//! let places = world.group_of(5);
//! world.crash(places[0]);
//! let took = world.settle().expect("the group agrees on its oldest member");
//! assert!(took < Duration::from_secs(1));
//! assert_eq!(world.leader(), Some(places[1]));
//! ```
//!
//! The files: `world` the clock and the queue of what happens next; `process` and `peer` one process, with what it wants done; `life`
//! how it starts and ends; `owners` and `asking` what owners do, `guests` what users of gateways do; `network`, `delivery`, `health` what becomes of what is sent and of links; `dialling` how a connection comes
//! to be a link; `disk` what survives a process; `acts` and `rules` schedules, `plan` random ones, with what `stories` tells; `checks` what must hold, `views` what there is to see, `trace` what
//! happened; `mutation` rules switched off by a wrapper, to show that it is noticed; `scale` large groups.

mod acts;
mod asking;
mod checks;
mod clock;
mod delivery;
mod dialling;
mod disk;
mod guests;
mod health;
mod life;
mod link;
mod mutation;
mod network;
mod owners;
mod peer;
mod plan;
mod process;
mod queue;
mod rules;
mod scale;
mod stories;
mod trace;
mod views;
mod world;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use transport::Address;

pub use self::acts::{Act, Identity, Start, Whom};
pub use self::mutation::Mutation;
pub use self::plan::Plan;
pub use self::rules::{Rule, Verdict, Who};
pub use self::scale::{Messages, Scale};
pub use self::trace::Trace;
pub use self::world::{Counters, Weather, World};

/// How often links and leaders prove that they live.
pub const HEARTBEAT: Duration = Duration::from_millis(250);

/// How long silence is borne.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// How late a timer is looked at.
const LATE: Range<Duration> = Duration::ZERO..Duration::from_millis(3);

/// Where a process runs: a machine with an address. Faults of the network befall places; processes come and go there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place(u16);

impl Place {
    /// The place of a number.
    pub fn at(index: usize) -> Self {
        Self(u16::try_from(index).expect("far fewer places than ports"))
    }

    /// Its number.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The place at an address.
    fn of(address: &Address) -> Self {
        let (_, port) = address.as_str().rsplit_once(':').expect("an address has a port");
        Self(port.parse::<u16>().expect("an address of a place") - 1)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}
