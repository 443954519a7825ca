//! What a leader has answered (pure): a request that comes again is not a second run.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use transport::PeerId;

use crate::calc::ExpressionError;
use crate::wire::{Response, Unserved};

/// How long an answer is kept: far longer than anybody asks again.
const KEPT: Duration = Duration::from_secs(60);

/// How many are kept; the oldest goes first.
const MOST: usize = 4096;

/// How many bytes of answers are kept.
const MOST_BYTES: usize = 4 << 20;

/// How many of the programs' requests are done at once.
const MOST_RUNNING: usize = 256;

/// Who asked, and by which number.
pub(super) type Asked = (PeerId, u64);

/// What is known of a request.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// It is being done.
    Running,
    /// This was the answer.
    Given(Box<Response>),
}

/// The requests of the last minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    known: BTreeMap<Asked, Known>,
    /// When each answer was given.
    given: VecDeque<(Instant, Asked)>,
    bytes: usize,
    running: usize,
}

impl Answers {
    pub(super) fn known(&self, asked: Asked) -> Option<&Known> {
        self.known.get(&asked)
    }

    /// A request is about to be done. Whether it may.
    pub(super) fn begin(&mut self, asked: Asked) -> bool {
        let room = self.running < MOST_RUNNING;
        if room && self.known.insert(asked, Known::Running).is_none() {
            self.running += 1;
        }
        room
    }

    /// It is done.
    pub(super) fn give(&mut self, asked: Asked, response: Response, now: Instant) {
        self.bytes += weight(&response);
        match self.known.insert(asked, Known::Given(Box::new(response))) {
            Some(Known::Given(before)) => self.bytes -= weight(&before),
            Some(Known::Running) => {
                self.running -= 1;
                self.given.push_back((now, asked));
            }
            None => self.given.push_back((now, asked)),
        }
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, asked)) = self.given.front().copied()
            && (at + KEPT <= now || self.given.len() > MOST || self.bytes > MOST_BYTES)
        {
            self.given.pop_front();
            if let Some(Known::Given(response)) = self.known.remove(&asked) {
                self.bytes -= weight(&response);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

fn weight(response: &Response) -> usize {
    match response {
        Response::Done(Ok(bytes)) => bytes.len(),
        Response::Done(Err(Unserved::Failed(why))) => why.len(),
        Response::Value(Err(ExpressionError::Syntax(why) | ExpressionError::UnknownName(why))) => why.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn done(bytes: usize) -> Response {
        Response::Done(Ok(Bytes::from(vec![0; bytes])))
    }

    fn answers(bytes: usize, count: u64) -> (Answers, PeerId, Instant) {
        let (mut answers, peer, now) = (Answers::default(), PeerId::random(), crate::group::tests::clock::start());
        for id in 0..count {
            assert!(answers.begin((peer, id)));
            answers.give((peer, id), done(bytes), now);
        }
        (answers, peer, now)
    }

    #[test]
    fn an_answer_is_kept_for_a_minute() {
        let (mut answers, peer, now) = answers(1, 1);
        assert!(matches!(answers.known((peer, 0)), Some(Known::Given(_))));
        answers.give((peer, 1), done(1), now + KEPT - Duration::from_millis(1));
        assert!(answers.known((peer, 0)).is_some());
        answers.give((peer, 2), done(1), now + KEPT);
        assert!(answers.known((peer, 0)).is_none() && answers.known((peer, 1)).is_some());
    }

    #[test]
    fn answers_are_bounded_in_number_and_in_bytes() {
        assert_eq!(answers(0, 5_000).0.len(), MOST);
        assert_eq!(answers(1 << 20, 9).0.len(), 4);
    }

    #[test]
    fn only_so_many_are_done_at_once() {
        let (mut answers, peer, now) = answers(0, 0);
        assert!((0..256).all(|id| answers.begin((peer, id))));
        assert!(!answers.begin((peer, 256)));
        answers.give((peer, 0), done(0), now);
        assert!(answers.begin((peer, 256)));
    }
}
