//! Many peers, and many faults. One at a time: each of these keeps the machine busy.

use std::sync::{Mutex, MutexGuard, PoisonError};

mod apart;
mod chaos;
mod crowd;
mod guest;
mod guests;
mod histories;
mod monkey;

/// The machine to oneself, among the tests of this program.
fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
