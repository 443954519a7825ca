//! How long a higher-ranked peer waits before it asks to lead.

use std::time::{Duration, Instant};

use crate::Config;
use crate::config::FLAP_WINDOW;

/// The wait of a peer that outranks its leader, and what lengthens it.
///
/// A peer that flaps would otherwise take over at each return and be lost again soon after, and each time everybody
/// elects twice. So it waits, and each fall within a minute of the one before doubles the wait. It counts its own
/// falls: the others need to know nothing, and one that restarts with a new id is a newcomer of low seniority.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hold {
    running: Option<Running>,
    fall: Option<Instant>,
    doublings: u32,
}

/// A wait that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Running {
    since: Instant,
    length: Duration,
    ask_again_at: Option<Instant>,
}

impl Hold {
    pub(crate) fn new() -> Self {
        Self { running: None, fall: None, doublings: 0 }
    }

    /// Notes that this peer stopped leading against its will.
    pub(crate) fn fell(&mut self, now: Instant) {
        self.doublings = if self.fell_lately(now) { self.doublings.saturating_add(1) } else { 0 };
        self.fall = Some(now);
    }

    /// Begins the wait, unless it is running.
    pub(crate) fn start(&mut self, config: &Config, now: Instant) {
        if self.running.is_none() {
            let length = self.length(config, now);
            self.running = Some(Running { since: now, length, ask_again_at: None });
        }
    }

    /// Ends the wait: this peer does not outrank its leader, or may not lead.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// Notes that the leader was asked in vain, or may have been, and is to be asked again at `at`.
    pub(crate) fn ask_again(&mut self, at: Instant) {
        if let Some(running) = &mut self.running {
            running.ask_again_at = Some(at);
        }
    }

    /// Notes that the leader is another than the one that was asked.
    pub(crate) fn forget_asking(&mut self) {
        if let Some(running) = &mut self.running {
            running.ask_again_at = None;
        }
    }

    /// When to ask a leader that has been reachable since `contact`.
    pub(crate) fn ends(&self, contact: Instant) -> Option<Instant> {
        let running = self.running.as_ref()?;
        let held = running.since.max(contact) + running.length;
        Some(running.ask_again_at.map_or(held, |again| held.max(again)))
    }

    fn length(&self, config: &Config, now: Instant) -> Duration {
        let doublings = if self.fell_lately(now) { self.doublings } else { 0 };
        let factor = 2u32.saturating_pow(doublings);
        config.hold.saturating_mul(factor).min(config.hold_max)
    }

    fn fell_lately(&self, now: Instant) -> bool {
        self.fall.is_some_and(|fall| now.saturating_duration_since(fall) < FLAP_WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fall_within_a_minute_doubles_the_hold_up_to_its_bound() {
        let config = Config::default();
        let mut now = crate::clock::start();
        let mut hold = Hold::new();
        let mut lengths = Vec::new();
        for _ in 0..8 {
            hold.fell(now);
            lengths.push(hold.length(&config, now).as_secs());
            now += Duration::from_secs(59);
        }
        assert_eq!(lengths, [2, 4, 8, 16, 32, 60, 60, 60]);

        now += Duration::from_secs(1);
        assert_eq!(hold.length(&config, now).as_secs(), 2, "a minute of peace");
    }

    #[test]
    fn the_hold_counts_from_the_leaders_contact_if_that_is_younger() {
        let config = Config::default();
        let start = crate::clock::start();
        let mut hold = Hold::new();
        assert_eq!(hold.ends(start), None);
        hold.start(&config, start);
        let contact = start + Duration::from_secs(1);
        assert_eq!(hold.ends(start), Some(start + config.hold));
        assert_eq!(hold.ends(contact), Some(contact + config.hold));
    }
}
