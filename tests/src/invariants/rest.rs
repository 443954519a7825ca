//! At rest little is sent, and nobody is busy with its timers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Verdict;

/// The most timeouts that a mind may ask for in one second; a busy loop asks for thousands.
const WAKES: u32 = 250;

/// The most messages that each member of a group at rest sends to each other one in a second.
const MESSAGES: u64 = 12;

/// How often each process looked at its timers.
#[derive(Debug, Default)]
pub struct Rest {
    /// Since when, and how often since then.
    wakes: BTreeMap<u32, (Instant, u32)>,
}

impl Rest {
    /// A mind has done what was due, and wants to be woken at this moment.
    ///
    /// # Errors
    ///
    /// It wants that at once, or too often.
    pub fn note_wake(&mut self, run: u32, now: Instant, due: Option<Instant>) -> Verdict {
        if due.is_some_and(|due| due <= now) {
            return Err("what was due is due still".into());
        }
        let (since, count) = self.wakes.entry(run).or_insert((now, 0));
        if now.saturating_duration_since(*since) > Duration::from_secs(1) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > WAKES { Err("it does nothing but look at its timers".into()) } else { Ok(()) }
    }
}

/// Looks at how many messages so many members sent in so many seconds of peace.
///
/// # Errors
///
/// Too many.
pub fn check(messages: u64, members: usize, seconds: u64) -> Verdict {
    let members = members as u64;
    if messages > MESSAGES * seconds * members * members {
        return Err(format!("{messages} messages of {members} members in {seconds} s of peace"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::forged::start;
    use super::*;

    #[test]
    fn a_busy_loop_is_seen() {
        let (mut rest, now) = (Rest::default(), start());
        assert!(rest.note_wake(1, now, Some(now)).is_err());
        let mut verdicts = (0..300).map(|n| rest.note_wake(2, now + Duration::from_millis(n), None));
        assert!(verdicts.any(|verdict| verdict.is_err()));
        let mut calm = (0..300).map(|n| rest.note_wake(3, now + Duration::from_millis(n * 20), None));
        assert!(calm.all(|verdict| verdict.is_ok()));
    }

    #[test]
    fn chatter_in_peace_is_seen() {
        check(12 * 10 * 9, 3, 10).unwrap();
        assert!(check(12 * 10 * 9 + 1, 3, 10).is_err());
    }
}
