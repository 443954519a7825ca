//! One client (pure): bytes in, wishes and answers out.
//!
//! A frame is handled whole or not at all, and in order: while it is not known whether a client may join, the frames behind wait,
//! and no more is read. What a client does wrong it alone is told, and goes on; only a frame that is not finished in time ends it.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::budget::Budget;
use super::frame::{self, ACCEPTED, DIRECT, ERROR, JOIN, LEAVE, LIST, MESSAGE, Parser, TAKEN};
use crate::api::{GuestRefusal, NameRefusal};
use crate::name::{Name, NameError};
use crate::text::{self, escape};

/// How long a frame may take from its first byte to its last.
pub(crate) const HALF_FRAME_LIMIT: Duration = Duration::from_secs(30);

/// What a client wants of the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// To be a member. [`Client::handle_admission`] is the answer.
    Join(Name),
    Leave,
    Say(String),
    List,
    Direct {
        to: String,
        text: String,
    },
}

/// What comes of one frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Wish(Wish),
    /// Bytes for that client.
    Reply(Bytes),
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    Stranger,
    /// Whether it may join is being asked.
    Joining,
    Member(Name),
}

/// One client's side of the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    parser: Parser,
    budget: Budget,
    stage: Stage,
    /// Since when a frame is unfinished.
    half_since: Option<Instant>,
    /// Nothing more comes.
    ended: bool,
}

impl Client {
    pub(crate) fn new(now: Instant) -> Self {
        let (parser, budget) = (Parser::default(), Budget::new(now));
        Self { parser, budget, stage: Stage::Stranger, half_since: None, ended: false }
    }

    /// Bytes have come. [`Client::poll_step`] follows, until there is none.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        self.parser.feed(bytes);
        self.note_half(now);
    }

    /// Nothing more will come. What has come is still acted on.
    pub(crate) fn handle_end(&mut self) {
        self.ended = true;
    }

    /// Whether it is a member, and if so under which name. The bytes that say so.
    pub(crate) fn handle_admission(&mut self, outcome: Result<Name, GuestRefusal>, now: Instant) -> Bytes {
        self.half_since = None;
        self.note_half(now);
        match outcome {
            Ok(name) => {
                self.stage = Stage::Member(name);
                frame::verdict(ACCEPTED)
            }
            Err(refusal) => {
                self.stage = Stage::Stranger;
                refused(&refusal)
            }
        }
    }

    /// It is called otherwise.
    pub(crate) fn handle_renamed(&mut self, name: Name) {
        if let Stage::Member(before) = &mut self.stage {
            *before = name;
        }
    }

    /// An answer of that length goes out to it.
    pub(crate) fn handle_answer(&mut self, bytes: usize, now: Instant) {
        self.budget.spend(bytes, now);
    }

    /// What comes of the next frame, if that can be said.
    pub(crate) fn poll_step(&mut self, now: Instant) -> Option<Step> {
        if self.stage == Stage::Joining {
            return None;
        }
        let frame = self.parser.next()?;
        self.budget.spend(frame.payload.len(), now);
        self.half_since = None;
        self.note_half(now);
        Some(match self.act(frame.kind, frame.payload) {
            Ok(wish) => {
                if let Wish::Join(_) = wish {
                    self.stage = Stage::Joining;
                }
                Step::Wish(wish)
            }
            Err(reply) => Step::Reply(reply),
        })
    }

    /// When more is read of it; `None` while that would only be held.
    pub(crate) fn next_read(&self, now: Instant) -> Option<Instant> {
        (self.stage != Stage::Joining && !self.ended).then(|| self.budget.next_read(now))
    }

    /// When an unfinished frame is waited for no longer.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let since = self.half_since.filter(|_| self.stage != Stage::Joining)?;
        Some(since + HALF_FRAME_LIMIT)
    }

    /// Whether an unfinished frame has taken too long: the last bytes that it is sent.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Bytes> {
        self.poll_timeout().filter(|due| *due <= now)?;
        self.handle_end();
        let limit = HALF_FRAME_LIMIT.as_secs();
        Some(frame::text(ERROR, &format!("a frame was begun and not finished within {limit} s: this connection ends")))
    }

    /// Whether nothing more is to be expected of it.
    pub(crate) fn is_done(&self) -> bool {
        self.ended && self.stage != Stage::Joining && !self.parser.has_frame()
    }

    /// Its name, while it is a member.
    pub(crate) fn name(&self) -> Option<&Name> {
        match &self.stage {
            Stage::Member(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is a member, or may be one soon.
    pub(crate) fn is_known(&self) -> bool {
        self.stage != Stage::Stranger
    }

    /// Looks whether a frame is unfinished. One that waits behind whole ones is younger than they are, and timed from when it is first.
    fn note_half(&mut self, now: Instant) {
        if self.parser.has_half() {
            self.half_since.get_or_insert(now);
        } else {
            self.half_since = None;
        }
    }

    fn act(&self, kind: u8, payload: Vec<u8>) -> Result<Wish, Bytes> {
        match kind {
            JOIN => self.join(&payload),
            LEAVE => Ok(Wish::Leave),
            MESSAGE | LIST | DIRECT if self.name().is_none() => Err(error("you are not in the chat: join first")),
            MESSAGE => Ok(Wish::Say(sayable(payload)?)),
            LIST => Ok(Wish::List),
            DIRECT => {
                let text = utf8(payload)?;
                let (to, text) = text.split_once(' ').ok_or_else(|| error("a direct message is NAME TEXT"))?;
                text::check(text).map_err(|reason| error(&reason.to_string()))?;
                Ok(Wish::Direct { to: to.to_owned(), text: text.to_owned() })
            }
            ERROR => Err(error("frames of type 5 are never sent by clients")),
            other => Err(error(&format!("there is no frame of type {other}"))),
        }
    }

    fn join(&self, payload: &[u8]) -> Result<Wish, Bytes> {
        if let Some(name) = self.name() {
            return Err(error(&format!("you are in the chat already, as {name}")));
        }
        let given = std::str::from_utf8(payload).map_err(|_| unusable("a name is UTF-8"))?;
        let no_name = |reason: NameError| refused(&NameRefusal::Invalid(reason).into());
        Ok(Wish::Join(given.parse().map_err(no_name)?))
    }
}

/// An error frame, on one line whatever is quoted in it.
pub(crate) fn error(what: &str) -> Bytes {
    frame::text(ERROR, &escape(what))
}

/// A join is refused. That a name is taken is said by the one byte; anything else is explained.
fn refused(refusal: &GuestRefusal) -> Bytes {
    match refusal {
        GuestRefusal::Name(NameRefusal::InUse) => frame::verdict(TAKEN),
        other => unusable(&other.to_string()),
    }
}

fn unusable(why: &str) -> Bytes {
    [frame::verdict(TAKEN), error(why)].concat().into()
}

fn utf8(payload: Vec<u8>) -> Result<String, Bytes> {
    String::from_utf8(payload).map_err(|_| error("a text is UTF-8"))
}

fn sayable(payload: Vec<u8>) -> Result<String, Bytes> {
    let said = utf8(payload)?;
    text::check(&said).map_err(|reason| error(&reason.to_string()))?;
    Ok(said)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
