//! Entries that are confirmed: how many, how soon, how a newcomer catches up, and what a long history takes.
//!
//! Beside those that are confirmed on disk stands what the disk itself can do, in the same run: a file that is appended to and
//! synced, one entry after the other.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::clock::now_ns;
use super::contract::{Go, Kind};
use super::fleet::{Fleet, Side};
use super::footprint;
use super::options::Options;
use super::report::Report;
use super::table::{Row, median};

/// The bytes of an entry.
const SIZE: usize = 64;

/// How long it takes until all five are voters: the fourth and the fifth are watched for three seconds each.
const SETTLED: Duration = Duration::from_secs(10);

/// How much a newcomer catches up with.
const CATCH_UP: u32 = 100_000;

/// How long a phase may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A directory that is gone with this.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mesh-bench-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What one phase of appending gave.
struct Confirmed {
    /// Entries a second.
    rate: f64,
    /// From appended to confirmed, in microseconds.
    p50: f64,
    p99: f64,
    most: f64,
}

/// Every row.
pub(crate) fn rows(options: &Options) -> Vec<Row> {
    let mut rows = on_disk(options);
    rows.extend(in_memory(options));
    rows.push(leader_killed(options));
    rows
}

fn on_disk(options: &Options) -> Vec<Row> {
    let scratch = Scratch::new("history");
    let mut fleet = Fleet::start_in(Side::Ours, Some(&scratch.0));
    thread::sleep(SETTLED);
    let wanted = ["", "", ">= 20,000"];
    let mut rates = [1, 16, 64].map(|window| Row::new(format!("confirmed on disk, {window} in flight: a second"), ""));
    rates.iter_mut().zip(wanted).for_each(|(row, wanted)| row.wanted = wanted);
    let mut p50 = Row::new("confirmed on disk, 1 in flight, p50 / append and fdatasync: us", "<= 4 x");
    let mut p99 = Row::new("confirmed on disk, 1 in flight, p99: us", "");
    let mut written = 0;
    for _ in 0..options.runs {
        let floor = synced_append(&scratch.0);
        for (row, (window, n)) in rates.iter_mut().zip([(1, 2_000), (16, 20_000), (64, 40_000)]) {
            let confirmed = append(&mut fleet, n, window);
            written += n;
            row.ours.push(confirmed.rate);
            row.floor.push(1e6 / floor.0);
            if window == 1 {
                p50.ours.push(confirmed.p50);
                p50.floor.push(floor.0);
                p99.ours.push(confirmed.p99);
                p99.floor.push(floor.1);
            }
        }
    }
    append(&mut fleet, options.long_history.saturating_sub(written).max(1), 512);
    thread::sleep(Duration::from_secs(1));
    let mut memory = Row::new(format!("memory with {} entries on disk: MiB", options.long_history), "< 30");
    memory.ours = footprint::resident(&fleet.pids());
    rates.into_iter().chain([p50, p99, memory]).collect()
}

fn in_memory(options: &Options) -> Vec<Row> {
    let mut fleet = Fleet::start(Side::Ours);
    thread::sleep(SETTLED);
    let mut rate = Row::new("confirmed in memory, 1,000 in flight: a second", ">= 200,000");
    let mut p50 = Row::new("confirmed in memory, 1 in flight, p50: us", "");
    let mut p99 = Row::new("confirmed in memory, 1 in flight, p99: us", "");
    for _ in 0..options.runs {
        rate.ours.push(append(&mut fleet, 200_000, 1_000).rate);
        let single = append(&mut fleet, 5_000, 1);
        p50.ours.push(single.p50);
        p99.ours.push(single.p99);
    }
    // Of the entries that are in memory a newcomer is sent all.
    let mut fleet = Fleet::start(Side::Ours);
    append(&mut fleet, CATCH_UP - 1_000, 1_000);
    let mut catch_up = Row::new(format!("a newcomer catches up with {CATCH_UP} entries: a second"), ">= 100,000");
    let (began, id) = fleet.join();
    let done = applied(&mut fleet, id, CATCH_UP - 1_000);
    catch_up.ours.push(f64::from(CATCH_UP) / (done.saturating_sub(began) as f64 / 1e9));
    vec![rate, p50, p99, catch_up]
}

/// The longest that an entry waits to be confirmed when the leader is killed, while another member appends one after the other.
fn leader_killed(options: &Options) -> Row {
    let mut row = Row::new("leader killed, the longest wait for a confirmation: ms", "");
    for _ in 0..options.runs {
        let mut fleet = Fleet::start(Side::Ours);
        thread::sleep(SETTLED);
        let phase = order(&mut fleet, 1, 15_000, 1);
        thread::sleep(Duration::from_millis(300));
        fleet.signal(0, Signal::KILL);
        row.ours.push(confirmed(&fleet, 1, phase, 15_000).most / 1e3);
    }
    row
}

/// The first member appends.
fn append(fleet: &mut Fleet, n: u32, window: u32) -> Confirmed {
    let phase = order(fleet, 0, n, window);
    confirmed(fleet, 0, phase, n)
}

fn order(fleet: &mut Fleet, id: u16, n: u32, window: u32) -> u32 {
    let phase = fleet.next_phase();
    fleet.order(id, Go { phase, kind: Kind::Append, n, size: SIZE, rate: window, senders: 0 });
    phase
}

/// Waits until a member has appended all of a phase.
fn confirmed(fleet: &Fleet, id: u16, phase: u32, n: u32) -> Confirmed {
    let (began, ended) = fleet.await_long("to append all of a phase", PATIENCE, id, |report| match report {
        Report::Sent { phase: of, began, ended } if *of == phase => Some((*began, *ended)),
        _ => None,
    });
    let us = |ns: u64| ns as f64 / 1e3;
    let (p50, p99, most) = fleet.await_long("to say how long it took", PATIENCE, id, |report| match report {
        Report::Latency { phase: of, p50, p99, most, .. } if *of == phase => Some((us(*p50), us(*p99), us(*most))),
        _ => None,
    });
    let seconds = ended.saturating_sub(began).max(1) as f64 / 1e9;
    Confirmed { rate: f64::from(n) / seconds, p50, p99, most }
}

/// When so much is confirmed at a member.
fn applied(fleet: &mut Fleet, id: u16, n: u32) -> u64 {
    let phase = fleet.next_phase();
    fleet.order(id, Go { phase, kind: Kind::Applied, n, size: 0, rate: 0, senders: 0 });
    fleet.await_long("to catch up", PATIENCE, id, |report| match report {
        Report::Done { phase: of, at } if *of == phase => Some(*at),
        _ => None,
    })
}

/// Appends to a file and syncs it, again and again: half of them, and 99 of 100, took at most so many microseconds.
fn synced_append(directory: &Path) -> (f64, f64) {
    const LENGTH: u64 = 64 << 20;
    let path = directory.join("floor");
    let mut file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // As a write-ahead log that is used again: nothing but the data is to be synced.
    let block = vec![0; 1 << 20];
    (0..LENGTH >> 20).for_each(|_| file.write_all(&block).expect("there is room"));
    file.sync_all().expect("the disk works");
    let began = Instant::now();
    let mut taken = Vec::new();
    let mut at = 0;
    while began.elapsed() < Duration::from_secs(1) {
        let before = now_ns();
        file.write_all_at(&block[..4096 + 24], at).expect("there is room");
        file.sync_data().expect("the disk works");
        taken.push((now_ns() - before) as f64 / 1e3);
        at = (at + 4096 + 24) % (LENGTH - (1 << 20));
    }
    taken.sort_by(f64::total_cmp);
    (median(&taken).unwrap_or(f64::NAN), taken[(taken.len() - 1) * 99 / 100])
}
