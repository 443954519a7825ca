//! The rows of the table, each with what it measures.

use std::thread;
use std::time::Duration;

use super::contract::Kind;
use super::failover;
use super::fleet::{Fleet, MEMBERS, Side};
use super::footprint;
use super::options::Options;
use super::table::Row;
use super::traffic::{self, Load, Pattern};

/// How many messages a second the latencies are measured at.
const RATE: u32 = 1000;

/// How long a silence of the leader is borne by default, in milliseconds.
const TIMEOUT: f64 = 1000.0;

/// How long members are left alone before their memory is looked at.
const REST: Duration = Duration::from_secs(1);

/// Bytes, as people call them.
fn bytes(size: usize) -> String {
    if size.is_multiple_of(1024) { format!("{} KiB", size / 1024) } else { format!("{size} B") }
}

/// A leader is killed, and another stopped.
pub(crate) fn failover(options: &Options) -> [Row; 2] {
    let mut killed = Row::new("leader killed, four agree on the next / see it close: ms", "< 10, < 8 x, most < 1000");
    let mut stopped = Row::new("leader stopped, four agree on the next / timeout: ms", "< 1300");
    for _ in 0..options.runs {
        killed.ours.push(failover::kill(Side::Ours));
        killed.floor.push(failover::kill(Side::Floor));
        stopped.ours.push(failover::stop());
        stopped.floor.push(TIMEOUT);
    }
    [killed, stopped]
}

/// A fleet of each side, as long as rows need them.
pub(crate) struct Fleets {
    ours: Fleet,
    floor: Fleet,
}

impl Fleets {
    /// Starts them.
    pub(crate) fn start() -> Self {
        Self { ours: Fleet::start(Side::Ours), floor: Fleet::start(Side::Floor) }
    }

    /// Floods: cast beside the floor, then said beside it.
    pub(crate) fn traffic(&mut self, options: &Options) -> Vec<Row> {
        let loads = [
            (Kind::CastFlood, 64, Pattern::OneToFour, ">= 0.10 x"),
            (Kind::CastFlood, 1024, Pattern::OneToFour, ""),
            (Kind::CastFlood, 64, Pattern::AllToAll, ""),
            (Kind::CastFlood, 1024, Pattern::AllToAll, ""),
            (Kind::SayFlood, 64, Pattern::OneToFour, ""),
        ];
        loads.map(|(kind, size, pattern, wanted)| self.flood(options, Load { kind, size, pattern }, wanted)).into()
    }

    fn flood(&mut self, options: &Options, load: Load, wanted: &'static str) -> Row {
        let verb = if load.kind.is_said() { "say" } else { "cast" };
        let pattern = match load.pattern {
            Pattern::OneToFour => "1 to 4",
            Pattern::AllToAll => "all to all",
        };
        let what = format!("{verb} {}, {pattern}: thousand deliveries/s", bytes(load.size));
        let mut row = Row::new(what, wanted);
        let lengths = Side::ALL.map(|side| traffic::calibrate(self.of(side), load, options.flood_seconds));
        for _ in 0..options.runs {
            for (side, n) in Side::ALL.into_iter().zip(lengths) {
                let delivered = traffic::flood(self.of(side), load, n) / 1e3;
                column(&mut row, side).push(delivered);
            }
        }
        row
    }

    /// Messages at a rate, from one to four.
    pub(crate) fn latency(&mut self, options: &Options) -> Vec<Row> {
        let kinds = [(Kind::CastPaced, "cast", "<= 2.5 x"), (Kind::SayPaced, "say", "")];
        let rows = kinds.map(|(kind, verb, wanted)| {
            let load = Load { kind, size: 64, pattern: Pattern::OneToFour };
            let what = |part| format!("{verb} 64 B at {RATE}/s, {part}: us");
            let (mut p50, mut p99) = (Row::new(what("p50"), wanted), Row::new(what("p99"), ""));
            for _ in 0..options.runs {
                for side in Side::ALL {
                    let latency = traffic::paced(self.of(side), load, RATE, options.paced_seconds);
                    column(&mut p50, side).push(latency.p50);
                    column(&mut p99, side).push(latency.p99);
                }
            }
            [p50, p99]
        });
        rows.into_iter().flatten().collect()
    }

    /// The memory of each member, a row of one number for each.
    pub(crate) fn memory(&self, when: &str, wanted: &'static str) -> Row {
        thread::sleep(REST);
        let mut row = Row::new(format!("memory of a member {when}: MiB"), wanted);
        row.ours = footprint::resident(&self.ours.pids());
        row.floor = footprint::resident(&self.floor.pids());
        row
    }

    /// The processor time of all members while nothing is sent.
    pub(crate) fn idle(&self, options: &Options) -> Row {
        let mut row = Row::new(format!("processor of {MEMBERS} idle members: % of a core"), "< 1");
        let span = Duration::from_secs_f64(options.idle_seconds);
        thread::scope(|scope| {
            let floor = scope.spawn(|| footprint::processor(&self.floor.pids(), span));
            row.ours.push(footprint::processor(&self.ours.pids(), span));
            row.floor.extend(floor.join());
        });
        row
    }

    fn of(&mut self, side: Side) -> &mut Fleet {
        match side {
            Side::Ours => &mut self.ours,
            Side::Floor => &mut self.floor,
        }
    }
}

fn column(row: &mut Row, side: Side) -> &mut Vec<f64> {
    match side {
        Side::Ours => &mut row.ours,
        Side::Floor => &mut row.floor,
    }
}
