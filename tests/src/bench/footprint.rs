//! What a process takes, from `/proc`.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

/// The resident memory of each process, in MiB.
pub(crate) fn resident(pids: &[i32]) -> Vec<f64> {
    pids.iter().map(|pid| resident_kib(*pid) / 1024.0).collect()
}

/// How much of one core processes take together while `span` passes, in percent.
pub(crate) fn processor(pids: &[i32], span: Duration) -> f64 {
    let before = seconds(pids);
    thread::sleep(span);
    (seconds(pids) - before) / span.as_secs_f64() * 100.0
}

fn resident_kib(pid: i32) -> f64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or_else(|| panic!("/proc/{pid}/status says nothing of VmRSS"))
}

/// The processor time that processes have had.
fn seconds(pids: &[i32]) -> f64 {
    let ticks: u64 = pids.iter().map(|pid| ticks(*pid)).sum();
    ticks as f64 / clock_ticks_per_second() as f64
}

fn ticks(pid: i32) -> u64 {
    let stat = read(pid, "stat");
    // The name, in parentheses, may hold anything. Behind it the state is the third field of proc(5), utime the
    // fourteenth and stime the fifteenth.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

fn read(pid: i32, file: &str) -> String {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
