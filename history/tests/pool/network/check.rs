//! What must hold at one pool, checked against all that goes in and comes out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use history::{Event, Limits, MessageId, Pool, Say, Session};

/// The record of one pool.
#[derive(Clone, Default)]
pub(crate) struct Check {
    /// Of each session the number after the last that was shown, skipped, or below the baseline.
    had: BTreeMap<Session, u64>,
    arrived: BTreeMap<MessageId, Instant>,
}

impl Check {
    /// The record of a newcomer that adopts the baseline of a pool with this record.
    pub(crate) fn adopted(&self) -> Self {
        Self { had: self.had.clone(), arrived: BTreeMap::new() }
    }

    pub(crate) fn arrive(&mut self, id: MessageId, now: Instant) {
        self.arrived.entry(id).or_insert(now);
    }

    pub(crate) fn had(&self, session: Session) -> u64 {
        self.had.get(&session).copied().unwrap_or(0)
    }

    /// Checks one event. `strict` if the session table never overflows.
    pub(crate) fn event(&mut self, pool: &Pool<usize>, event: &Event, strict: bool, now: Instant) {
        match event {
            Event::Shown(say) => {
                let next = self.had(say.id.session);
                assert!(next <= say.id.number, "{} is shown twice or late", say.id);
                assert!(!strict || next == say.id.number, "{next} is missing before {}", say.id);
                if strict && pool.counts().left == 0 && pool.counts().skipped == 0 {
                    self.causal(pool, say, now);
                }
                self.had.insert(say.id.session, say.id.number + 1);
            }
            Event::Skipped { session, from, to } => {
                let next = self.had(*session);
                assert!(from < to);
                assert!(!strict || *from == next, "skips {from}, had {next}");
                self.had.insert(*session, next.max(*to));
            }
        }
    }

    /// A line comes after what it follows, or five seconds after it came.
    fn causal(&self, pool: &Pool<usize>, say: &Say, now: Instant) {
        if say.id.session == pool.session() {
            return;
        }
        let waited = now - self.arrived[&say.id];
        for head in &say.heads {
            let shown = head.number < self.had(head.session);
            assert!(shown || waited >= Duration::from_secs(5), "{} is shown before {head}", say.id);
        }
    }

    /// What is kept is within its bounds, in order, gapless, and was shown.
    pub(crate) fn kept(&self, pool: &Pool<usize>, limits: &Limits) {
        assert!(pool.weight() <= limits.total_bytes);
        assert!(pool.sessions() <= limits.sessions);
        assert!(pool.lines().map(|say| (say.lamport, say.id.session)).is_sorted());
        let mut sessions = BTreeMap::<Session, Vec<u64>>::new();
        for say in pool.lines() {
            let numbers = sessions.entry(say.id.session).or_default();
            numbers.push(say.id.number);
        }
        for (session, numbers) in sessions {
            assert!(numbers.len() <= limits.session_lines);
            assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
            assert_eq!(numbers.last().map(|last| last + 1), Some(self.had(session)));
        }
    }
}
