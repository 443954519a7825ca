//! The sending side of a member: orders come on stdin, messages go out.

use std::io::{self, BufRead as _};
use std::thread;
use std::time::{Duration, Instant};

use super::clock::now_ns;
use super::contract::Go;
use super::report::Report;

/// How a member sends.
pub(crate) trait Sender {
    /// Sends all the messages of a phase as fast as it can.
    fn flood(&mut self, go: &Go);

    /// Sends one message of a phase, stamped with the time.
    fn send(&mut self, go: &Go);
}

/// Carries out what is ordered until stdin ends.
pub(crate) fn serve(sender: &mut impl Sender) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        match line.parse::<Go>() {
            Ok(go) => carry_out(&go, sender),
            Err(error) => eprintln!("{error}"),
        }
    }
}

fn carry_out(go: &Go, sender: &mut impl Sender) {
    let began = now_ns();
    if go.kind.is_paced() {
        paced(go, sender);
    } else {
        sender.flood(go);
    }
    println!("{}", Report::Sent { phase: go.phase, began, ended: now_ns() });
}

/// One message at each tick. One that is late is sent at once, and the next keeps to its own tick.
fn paced(go: &Go, sender: &mut impl Sender) {
    let interval = Duration::from_secs(1) / go.rate.max(1);
    let began = Instant::now();
    for tick in 0..go.n {
        thread::sleep((began + interval * tick).saturating_duration_since(Instant::now()));
        sender.send(go);
    }
}
