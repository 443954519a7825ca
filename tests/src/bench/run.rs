//! A whole run: what the machine is, every row, the table.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use super::history;
use super::options::{self, Options, Rows, USAGE, Wanted};
use super::rows::{self, Fleets};
use super::table::Table;

/// Measures what the arguments ask for, and prints it.
///
/// # Panics
///
/// If something never happens: the message says what, and what the members wrote is printed.
pub fn main(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    match options::parse(arguments) {
        Ok(Wanted::Usage) => print!("{USAGE}"),
        Ok(Wanted::Table(options)) => measure(&options),
        Err(error) => {
            eprintln!("bench: {error} (see --help)");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn measure(options: &Options) {
    let began = Instant::now();
    let table = table(options);
    let Options { runs, flood_seconds, paced_seconds, idle_seconds, .. } = options;
    println!("{}", machine());
    println!(
        "medians of {runs} runs, ours and the floor in turn; floods of {flood_seconds} s and paced phases of \
         {paced_seconds} s; idle for {idle_seconds} s; {:.0} s in all",
        began.elapsed().as_secs_f64()
    );
    println!("\n{table}");
}

fn table(options: &Options) -> Table {
    let mut table = Table::default();
    if options.wants(Rows::Failover) {
        progress("failover");
        table.extend(rows::failover(options));
    }
    if [Rows::Traffic, Rows::Latency, Rows::Footprint].iter().any(|rows| options.wants(*rows)) {
        with_fleets(options, &mut table);
    }
    if options.wants(Rows::History) {
        progress("history");
        table.extend(history::rows(options));
    }
    table
}

fn with_fleets(options: &Options, table: &mut Table) {
    let mut fleets = Fleets::start();
    let fresh = options.wants(Rows::Footprint).then(|| fleets.memory("fresh", "< 6"));
    if options.wants(Rows::Latency) {
        progress("latency");
        table.extend(fleets.latency(options));
    }
    // The memory after the floods needs floods.
    if options.wants(Rows::Traffic) || options.wants(Rows::Footprint) {
        progress("traffic");
        let rows = fleets.traffic(options);
        if options.wants(Rows::Traffic) {
            table.extend(rows);
        }
    }
    if options.wants(Rows::Footprint) {
        progress("footprint");
        table.extend(fresh);
        table.push(fleets.memory("after the floods", "< 6"));
        table.push(fleets.idle(options));
    }
}

/// Said on stderr: the table stands alone on stdout.
fn progress(rows: &str) {
    eprintln!("measuring {rows} ...");
}

/// The machine, in a line.
fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let system = rustix::system::uname();
    let (name, release) = (system.sysname().to_string_lossy(), system.release().to_string_lossy());
    format!("{cores} cores, {name} {release} ({})", system.machine().to_string_lossy())
}
