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

/// How long somebody may be connected without being a member: there are only so many places.
pub(crate) const STRANGER_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What a refused name costs of a client's budget: it is work for the leader, and a line in a log on everybody's disk.
const REFUSAL_COST: usize = 4 * 1024;

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
    /// What it asked to be called is no name: why not, and the bytes that say so.
    Unnamed {
        asked: String,
        why: String,
        reply: Bytes,
    },
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    Stranger,
    /// Whether it may join under this name is being asked.
    Joining(Name),
    Member(Name),
}

/// One client's side of the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    parser: Parser,
    budget: Budget,
    stage: Stage,
    connected: Instant,
    /// Since when a frame is unfinished.
    half_since: Option<Instant>,
    /// Why nothing more comes.
    ended: Option<&'static str>,
}

impl Client {
    pub(crate) fn new(now: Instant) -> Self {
        let (parser, budget) = (Parser::default(), Budget::new(now));
        Self { parser, budget, stage: Stage::Stranger, connected: now, half_since: None, ended: None }
    }

    /// Bytes have come. [`Client::poll_step`] follows, until there is none.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        self.parser.feed(bytes);
        self.note_half(now);
    }

    /// Nothing more will come. What has come is still acted on.
    pub(crate) fn handle_end(&mut self, why: &'static str) {
        self.ended.get_or_insert(why);
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
                self.budget.spend(REFUSAL_COST, now);
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
        if self.is_joining() || self.budget.next_read(now) > now {
            return None;
        }
        let frame = self.parser.next()?;
        self.budget.spend(frame.payload.len(), now);
        self.half_since = None;
        self.note_half(now);
        if frame.kind == JOIN {
            return Some(self.join(&frame.payload, now));
        }
        Some(self.act(frame.kind, frame.payload).map_or_else(Step::Reply, Step::Wish))
    }

    /// When more is read of it; `None` while that would only be held.
    pub(crate) fn next_read(&self, now: Instant) -> Option<Instant> {
        let holds = self.is_joining() || self.parser.has_frame();
        (!holds && self.ended.is_none()).then(|| self.budget.next_read(now))
    }

    /// When the next of the frames that are here is looked at, if that is only a matter of what was used.
    pub(crate) fn next_step(&self, now: Instant) -> Option<Instant> {
        (!self.is_joining() && self.parser.has_frame()).then(|| self.budget.next_read(now))
    }

    /// When an unfinished frame, or a stranger, is waited for no longer.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.half_due().into_iter().chain(self.stranger_due()).min()
    }

    /// Whether that has taken too long: the last bytes that it is sent.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Bytes> {
        self.poll_timeout().filter(|due| *due <= now)?;
        if self.half_due().is_some_and(|due| due <= now) {
            self.handle_end("a frame was not finished in time");
            let limit = HALF_FRAME_LIMIT.as_secs();
            Some(error(&format!("a frame was begun and not finished within {limit} s: this connection ends")))
        } else {
            self.handle_end("it did not join in time");
            let limit = STRANGER_LIMIT.as_secs() / 60;
            Some(error(&format!("you did not join the chat within {limit} minutes: this connection ends")))
        }
    }

    fn half_due(&self) -> Option<Instant> {
        self.half_since.filter(|_| !self.is_joining()).map(|since| since + HALF_FRAME_LIMIT)
    }

    fn stranger_due(&self) -> Option<Instant> {
        (self.stage == Stage::Stranger && self.ended.is_none()).then(|| self.connected + STRANGER_LIMIT)
    }

    /// Why nothing more is to be expected of it, if so.
    pub(crate) fn end(&self) -> Option<&'static str> {
        self.ended.filter(|_| !self.is_joining() && !self.parser.has_frame())
    }

    /// Its name, while it is a member.
    pub(crate) fn name(&self) -> Option<&Name> {
        match &self.stage {
            Stage::Member(name) => Some(name),
            _ => None,
        }
    }

    /// What it is called, or asks to be called; nothing if it never said.
    pub(crate) fn asked(&self) -> &str {
        match &self.stage {
            Stage::Stranger => "",
            Stage::Joining(name) | Stage::Member(name) => name.as_str(),
        }
    }

    /// Whether it is a member, or may be one soon.
    pub(crate) fn is_known(&self) -> bool {
        self.stage != Stage::Stranger
    }

    fn is_joining(&self) -> bool {
        matches!(self.stage, Stage::Joining(_))
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

    fn join(&mut self, payload: &[u8], now: Instant) -> Step {
        if let Some(name) = self.name() {
            return Step::Reply(error(&format!("you are in the chat already, as {name}")));
        }
        let no_name = |reason: NameError| NameRefusal::Invalid(reason).to_string();
        let given = std::str::from_utf8(payload).map_err(|_| "a name is UTF-8".to_owned());
        match given.and_then(|given| given.parse::<Name>().map_err(no_name)) {
            Ok(name) => {
                self.stage = Stage::Joining(name.clone());
                Step::Wish(Wish::Join(name))
            }
            Err(why) => {
                self.budget.spend(REFUSAL_COST, now);
                let (asked, reply) = (String::from_utf8_lossy(payload).into_owned(), unusable(&why));
                Step::Unnamed { asked, why, reply }
            }
        }
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
