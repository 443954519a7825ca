//! Every request is answered within five seconds, once.

use std::time::Instant;

use super::Verdict;
use super::awaited::Awaited;

/// Requests that wait for an answer.
#[derive(Debug, Default)]
pub struct Requests {
    awaited: Awaited<u64, ()>,
    /// How many had an answer from a leader, and how many had none.
    pub answers: (u64, u64),
}

impl Requests {
    /// A process asks.
    pub fn note_asked(&mut self, id: u64, by: u32, now: Instant) {
        self.awaited.begin(id, by, (), now);
    }

    /// It has its answer.
    ///
    /// # Errors
    ///
    /// Nobody waits for it.
    pub fn note_answer(&mut self, id: u64, answered: bool) -> Verdict {
        if self.awaited.end(id).is_none() {
            return Err(format!("an answer to request {id}, which nobody awaits"));
        }
        *(if answered { &mut self.answers.0 } else { &mut self.answers.1 }) += 1;
        Ok(())
    }

    /// A process has ended: nobody awaits its answers.
    pub fn ended(&mut self, run: u32) {
        self.awaited.ended(run);
    }

    /// A process that is stopped cannot answer in time.
    pub fn paused(&mut self, run: u32, paused: bool) {
        self.awaited.paused(run, paused);
    }

    /// Looks whether any waits for too long.
    ///
    /// # Errors
    ///
    /// One does.
    pub fn check(&self, now: Instant) -> Verdict {
        match self.awaited.late(now) {
            Some((id, by)) => Err(format!("request {id} of process {by} has no answer")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ANSWERED;
    use super::super::forged::start;
    use super::*;

    #[test]
    fn a_request_without_an_answer_and_an_answer_without_a_request_are_seen() {
        let (mut requests, now) = (Requests::default(), start());
        requests.note_asked(1, 1, now);
        requests.check(now + ANSWERED).unwrap();
        let later = now + ANSWERED * 2;
        assert!(requests.check(later).is_err());
        requests.paused(1, true);
        requests.check(later).unwrap();
        requests.note_answer(1, true).unwrap();
        assert!(requests.note_answer(1, true).is_err());
    }
}
