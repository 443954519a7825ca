//! Hashes instants as what they are from a peer's own present, so that the same situation at another time is the same.
//!
//! A checker that counted absolute instants would never see a state twice. The mind keeps its instants to itself and
//! can be neither rebased nor taken apart, but it derives `Hash`; and an [`Instant`] feeds a hasher with an `i64` of
//! seconds and a `u32` of nanoseconds, where nothing else in the mind feeds it an `i64`. So a hasher that stands in
//! between recognises them. That is how the standard library of today does it on Unix and promised nowhere: the tests
//! below fail if it changes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

/// The digest of `value`, with every instant in it taken from `now`.
pub(crate) fn digest(value: &impl Hash, now: Instant) -> u64 {
    let mut own = Relative::new(0);
    now.hash(&mut own);
    let mut hasher = Relative::new(own.last);
    value.hash(&mut hasher);
    hasher.inner.finish()
}

struct Relative {
    inner: DefaultHasher,
    /// What is the present, in nanoseconds of the clock's own count.
    now: i128,
    /// The seconds of an instant whose nanoseconds are to come.
    seconds: Option<i64>,
    /// The instant that came last.
    last: i128,
}

impl Relative {
    fn new(now: i128) -> Self {
        Self { inner: DefaultHasher::new(), now, seconds: None, last: 0 }
    }
}

impl Hasher for Relative {
    fn write_i64(&mut self, seconds: i64) {
        self.seconds = Some(seconds);
    }

    fn write_u32(&mut self, number: u32) {
        match self.seconds.take() {
            Some(seconds) => {
                self.last = i128::from(seconds) * 1_000_000_000 + i128::from(number);
                self.inner.write_i128(self.last - self.now);
            }
            None => self.inner.write_u32(number),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.inner.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use election::{Bully, Config, Rank};

    use super::*;
    use crate::start::clock;

    const LATER: Duration = Duration::from_nanos(1_234_567_890);

    fn mind(founded: Instant, contact: Instant) -> Bully<u8> {
        let mut mind = Bully::new(0, Config::default(), founded);
        mind.handle_founded(Rank { priority: 0, seniority: 0, peer: 0 }, founded);
        mind.handle_reachable(1, contact);
        mind
    }

    #[test]
    fn the_same_situation_at_another_time_is_the_same() {
        let (one, other) = (clock(), clock() + LATER);
        assert_ne!(one, other);
        assert_eq!(digest(&mind(one, one), one), digest(&mind(other, other), other));
        assert_eq!(digest(&mind(one, one + LATER), one + LATER), digest(&mind(other, other + LATER), other + LATER));
    }

    #[test]
    fn another_age_is_another_situation() {
        let now = clock();
        let young = digest(&mind(now, now), now);
        assert_ne!(young, digest(&mind(now, now), now + LATER), "the present alone is later");
        assert_ne!(young, digest(&mind(now, now + LATER), now), "one instant alone is later");
        assert_ne!(digest(&(now, now + LATER), now), digest(&(now + LATER, now), now), "they changed places");
    }
}
