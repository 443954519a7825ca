//! A leader dies, or hangs.

use rustix::process::Signal;

use super::fleet::{Fleet, MEMBERS, PATIENCE, Side};
use super::report::Report;

/// Kills the leader of a fresh mesh. How many milliseconds pass until all survivors report the same new one; for the
/// floor, until all have seen the first one's socket close.
pub(crate) fn kill(side: Side) -> f64 {
    let fleet = Fleet::start(side);
    match side {
        Side::Ours => replaced(&fleet, Signal::KILL),
        Side::Floor => {
            let killed = fleet.signal(0, Signal::KILL);
            let closed = (1..MEMBERS).map(|id| fleet.await_report("to see the socket close", id, closed));
            milliseconds(killed, closed.max().unwrap_or(killed))
        }
    }
}

/// Stops the leader of a fresh mesh of ours. How many milliseconds pass until all others report the same new one.
pub(crate) fn stop() -> f64 {
    replaced(&Fleet::start(Side::Ours), Signal::STOP)
}

fn replaced(fleet: &Fleet, signal: Signal) -> f64 {
    let all = fleet.others(None);
    let (leader, _) = fleet.wait("agreement on a leader", PATIENCE, || fleet.agreed(&all, 0));
    let others = fleet.others(Some(leader));
    let signalled = fleet.signal(leader, signal);
    let (_, agreed) = fleet.wait("the survivors to agree on the next leader", PATIENCE, || {
        fleet.agreed(&others, signalled).filter(|(next, _)| *next != leader)
    });
    milliseconds(signalled, agreed)
}

fn closed(report: &Report) -> Option<u64> {
    match report {
        Report::Closed { at, member: 0 } => Some(*at),
        _ => None,
    }
}

fn milliseconds(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}
