//! What comes out of a pool.

use bytes::Bytes;

use super::limits::MAX_BODY;
use super::message::{Message, Say};
use crate::Session;

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit<P> {
    /// To whom.
    pub to: To<P>,
    /// What; encoded once, however many it goes to.
    pub message: Message,
}

/// Whom a message goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To<P> {
    /// Every reachable peer.
    All,
    /// This peer.
    One(P),
}

/// Something a person or a program above wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A line is to be shown. Each line comes once, ever, one's own included, and each author's in the order said.
    Shown(Say),
    /// The lines of `session` numbered `from` up to and without `to` were said, and nobody reachable has them any more.
    Skipped {
        /// Whose lines.
        session: Session,
        /// The first number lost here.
        from: u64,
        /// The first number not lost.
        to: u64,
    },
}

/// Why a line was not said. The pool is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SayError {
    /// The body is longer than [`MAX_BODY`]; here it is back.
    #[error("a line of {} bytes is longer than {MAX_BODY}", .0.len())]
    TooLong(Bytes),
    /// So much of what was said here waits for its confirmation that no more fits [`Limits`](crate::Limits); here the body
    /// is back.
    #[error("too many lines wait to be confirmed")]
    BacklogFull(Bytes),
}

/// What was ignored or lost since the pool was made, in lines unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Came again. A few are usual: a line said while its author is pulled from comes both ways.
    pub duplicates: u64,
    /// Lines, ranges and wants that no honest pool sends: too long, backwards, or far in the future.
    pub malformed: u64,
    /// Came first at or below the floor of forgotten sessions, so might have been shown before.
    pub refused: u64,
    /// Left because a bound was reached.
    pub left: u64,
    /// Numbers skipped because nobody had them any more.
    pub skipped: u64,
}
