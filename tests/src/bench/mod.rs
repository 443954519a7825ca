//! Benchmarks of whole meshes: five real processes on loopback, beside five that do the least that can be done.
//!
//! The *members* ([`ours`], [`floor`]) follow one [`contract`] on stdin and stdout, so that the same [`run`] drives both,
//! and so that another harness can. What a member measures it stamps by CLOCK_MONOTONIC, which is one clock for all
//! processes of a machine; what it reports about the past is therefore exact however late it is read.
//!
//! The floor is a full mesh of blocking TCP with a thread per connection: no membership, no election, no queues. What
//! it reaches is what the machine allows, and it is measured in the same run, interleaved, because the machine's other
//! load changes by the minute.
//!
//! Nothing here asserts a time. A bench fails when something never happens.

mod clock;
pub mod contract;
mod failover;
mod fleet;
pub mod floor;
mod footprint;
mod history;
mod options;
mod orders;
pub mod ours;
mod report;
mod rows;
pub mod run;
mod table;
mod tally;
mod traffic;
