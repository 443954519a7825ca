//! Messages: how many arrive, and how long they take.

use super::contract::{Go, Kind};
use super::fleet::{Fleet, MEMBERS, PATIENCE};
use super::report::Report;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pattern {
    /// The first, to the four others.
    OneToFour,
    /// Each, to all others.
    AllToAll,
}

/// A load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Load {
    /// What is sent.
    pub(crate) kind: Kind,
    /// How long each message is, in bytes.
    pub(crate) size: usize,
    /// Who sends.
    pub(crate) pattern: Pattern,
}

/// How long messages took, in microseconds: of the receivers the one in the middle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    /// Half were quicker.
    pub(crate) p50: f64,
    /// 99 of 100 were quicker.
    pub(crate) p99: f64,
}

impl Pattern {
    fn senders(self) -> Vec<u16> {
        match self {
            Self::OneToFour => vec![0],
            Self::AllToAll => (0..MEMBERS).collect(),
        }
    }

    /// How many others each receiver hears from.
    fn heard(self) -> u8 {
        match self {
            Self::OneToFour => 1,
            Self::AllToAll => MEMBERS as u8 - 1,
        }
    }

    fn receivers(self) -> Vec<u16> {
        match self {
            Self::OneToFour => (1..MEMBERS).collect(),
            Self::AllToAll => (0..MEMBERS).collect(),
        }
    }
}

/// Floods, `n` messages from each sender. How many were delivered a second, all receivers together.
pub(crate) fn flood(fleet: &mut Fleet, load: Load, n: u32) -> f64 {
    let phase = start(fleet, load, n, 0);
    let (began, _) = await_sent(fleet, load, phase);
    let finished = load.pattern.receivers().into_iter().map(|id| {
        fleet.await_report("to receive all of a flood", id, |report| match report {
            Report::Done { phase: of, at } if *of == phase => Some(*at),
            _ => None,
        })
    });
    let finished = finished.max().unwrap_or(began);
    let deliveries = u64::from(n) * u64::from(load.pattern.heard()) * load.pattern.receivers().len() as u64;
    deliveries as f64 / (finished.saturating_sub(began).max(1) as f64 / 1e9)
}

/// How many messages each sender sends in about so many seconds, found by trying.
pub(crate) fn calibrate(fleet: &mut Fleet, load: Load, seconds: f64) -> u32 {
    /// Enough to get going, and over in a moment even for the slowest.
    const TRIAL: u32 = 20_000;
    let heard = f64::from(load.pattern.heard()) * load.pattern.receivers().len() as f64;
    flood(fleet, load, TRIAL / 4);
    let each = flood(fleet, load, TRIAL) / heard;
    let longer = flood(fleet, load, ((each * seconds / 4.0) as u32).max(TRIAL)) / heard;
    ((longer * seconds) as u32).max(TRIAL)
}

/// Sends at a rate for so many seconds. How long the messages took.
pub(crate) fn paced(fleet: &mut Fleet, load: Load, rate: u32, seconds: f64) -> Latency {
    let phase = start(fleet, load, (f64::from(rate) * seconds) as u32, rate);
    await_sent(fleet, load, phase);
    let of_each = load.pattern.receivers().into_iter().map(|id| {
        fleet.await_report("to receive all of a paced phase", id, |report| match report {
            Report::Latency { phase: of, p50, p99, .. } if *of == phase => Some((*p50, *p99)),
            _ => None,
        })
    });
    let (mut p50, mut p99): (Vec<_>, Vec<_>) = of_each.unzip();
    let middle = |times: &mut Vec<u64>| {
        times.sort_unstable();
        times[times.len() / 2] as f64 / 1e3
    };
    Latency { p50: middle(&mut p50), p99: middle(&mut p99) }
}

fn start(fleet: &mut Fleet, load: Load, n: u32, rate: u32) -> u32 {
    let Load { kind, size, pattern } = load;
    let phase = fleet.next_phase();
    let go = Go { phase, kind, n, size, rate, senders: pattern.heard() };
    for id in pattern.senders() {
        fleet.order(id, go);
    }
    phase
}

/// When the first began to send, and when the last had sent all.
fn await_sent(fleet: &Fleet, load: Load, phase: u32) -> (u64, u64) {
    let sent = load.pattern.senders().into_iter().map(|id| {
        let what = format!("to send all of a phase within {PATIENCE:?}");
        fleet.await_report(&what, id, |report| match report {
            Report::Sent { phase: of, began, ended } if *of == phase => Some((*began, *ended)),
            _ => None,
        })
    });
    sent.fold((u64::MAX, 0), |(first, last), (began, ended)| (first.min(began), last.max(ended)))
}
