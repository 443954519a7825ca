//! Whether a link lives both ways (pure).
//!
//! A connection over which one end hears the other, but not the other way round, is worse than none: the two
//! disagree about who can reach whom, and every election rests on their agreeing. So being heard from is no proof.
//! Each end numbers its pings and repeats the last number that it saw from the other; only a number of one's own that
//! comes back, higher than the one before, proves that both directions work. A one-way fault thus takes the link
//! down at both ends. (Rejected: counting any byte received as life. It keeps half-dead switches in the mesh for ever.)

use std::time::{Duration, Instant};

use crate::control::Ping;

/// How many pings' times of sending are remembered. An echo is at most `timeout` old, and a timeout is rarely more
/// than a few heartbeats; an older one is taken as proof all the same, only not as a measurement.
const REMEMBERED: usize = 16;

/// The proofs of one link's life.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    timeout: Duration,
    /// The last ping sent; its predecessors' times stand at their number modulo [`REMEMBERED`].
    sent: u64,
    sent_at: [Instant; REMEMBERED],
    /// The last ping seen from the other end.
    seen: u64,
    seen_at: Instant,
    /// The last of one's own that came back.
    echoed: u64,
    expires: Instant,
    round_trip: Option<Duration>,
}

impl Liveness {
    /// A link that has just come up: it has `timeout` to prove itself.
    pub(crate) fn new(timeout: Duration, now: Instant) -> Self {
        Self {
            timeout,
            sent: 0,
            sent_at: [now; REMEMBERED],
            seen: 0,
            seen_at: now,
            echoed: 0,
            expires: now + timeout,
            round_trip: None,
        }
    }

    /// The next ping to send, with the hash of the sender's table.
    pub(crate) fn next_ping(&mut self, table: u64, now: Instant) -> Ping {
        self.sent += 1;
        self.sent_at[slot(self.sent)] = now;
        let held = if self.seen == 0 { Duration::ZERO } else { now.saturating_duration_since(self.seen_at) };
        Ping {
            sequence: self.sent,
            echo: self.seen,
            held_us: u64::try_from(held.as_micros()).unwrap_or(u64::MAX),
            table,
        }
    }

    /// A ping came from the other end.
    pub(crate) fn handle_ping(&mut self, ping: Ping, now: Instant) {
        if ping.sequence > self.seen {
            self.seen = ping.sequence;
            self.seen_at = now;
        }
        if ping.echo <= self.echoed || ping.echo > self.sent {
            return;
        }
        self.echoed = ping.echo;
        self.expires = now + self.timeout;
        if self.sent - ping.echo < REMEMBERED as u64 {
            let elapsed = now.saturating_duration_since(self.sent_at[slot(ping.echo)]);
            self.round_trip = Some(elapsed.saturating_sub(Duration::from_micros(ping.held_us)));
        }
    }

    /// This process slept: what it did not hear meanwhile proves nothing. The link has until `until`, at least.
    pub(crate) fn excuse(&mut self, until: Instant) {
        self.expires = self.expires.max(until);
    }

    /// When the link is to be taken down unless it proves itself before.
    pub(crate) fn expires(&self) -> Instant {
        self.expires
    }

    /// Whether the last ping was sent `age` ago, or longer.
    pub(crate) fn is_ping_older(&self, age: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.sent_at[slot(self.sent)]) >= age
    }

    /// How long a message and its answer take, without what the other end waits before it answers.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}

fn slot(sequence: u64) -> usize {
    (sequence % REMEMBERED as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);
    const HEARTBEAT: Duration = Duration::from_millis(250);

    #[test]
    fn a_link_that_echoes_never_expires() {
        let start = Instant::now();
        let (mut a, mut b) = (Liveness::new(TIMEOUT, start), Liveness::new(TIMEOUT, start));
        let mut now = start;
        for _ in 0..100 {
            let (from_a, from_b) = (a.next_ping(0, now), b.next_ping(0, now));
            a.handle_ping(from_b, now);
            b.handle_ping(from_a, now);
            now += HEARTBEAT;
            assert!(a.expires() > now && b.expires() > now);
        }
    }

    #[test]
    fn a_link_that_works_one_way_only_expires_at_both_ends() {
        let start = Instant::now();
        let (mut a, mut b) = (Liveness::new(TIMEOUT, start), Liveness::new(TIMEOUT, start));
        for n in 0..8 {
            let now = start + HEARTBEAT * n;
            let heard = a.next_ping(0, now);
            let _lost = b.next_ping(0, now);
            b.handle_ping(heard, now);
        }
        assert_eq!((a.expires(), b.expires()), (start + TIMEOUT, start + TIMEOUT));
    }

    #[test]
    fn an_old_or_an_invented_echo_proves_nothing() {
        let start = Instant::now();
        let mut life = Liveness::new(TIMEOUT, start);
        life.next_ping(0, start);
        let later = start + HEARTBEAT;
        life.handle_ping(Ping { sequence: 1, echo: 1, held_us: 0, table: 0 }, later);
        for (sequence, echo) in [(2, 1), (3, 0), (4, 2), (5, u64::MAX)] {
            life.handle_ping(Ping { sequence, echo, held_us: 0, table: 0 }, later + HEARTBEAT);
            assert_eq!(life.expires(), later + TIMEOUT);
        }
    }

    #[test]
    fn the_round_trip_leaves_out_what_the_other_end_waited() {
        let start = Instant::now();
        let mut life = Liveness::new(TIMEOUT, start);
        life.next_ping(0, start);
        let back = start + Duration::from_micros(200_300);
        life.handle_ping(Ping { sequence: 1, echo: 1, held_us: 200_000, table: 0 }, back);
        assert_eq!(life.round_trip(), Some(Duration::from_micros(300)));
    }

    #[test]
    fn numbers_at_the_end_of_their_range_do_no_harm() {
        let now = Instant::now();
        let mut life = Liveness::new(TIMEOUT, now);
        life.handle_ping(Ping { sequence: u64::MAX, echo: u64::MAX, held_us: u64::MAX, table: 0 }, now);
        assert_eq!(life.next_ping(0, now).echo, u64::MAX);
    }
}
