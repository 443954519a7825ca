//! A message on its way out.

use std::fmt;

use transport::{Class, DecodeError};

use crate::api::NameRefusal;
use crate::wire::Message;

/// A message to other members, which only they need to understand: whoever carries it encodes it once, for all.
#[derive(Clone, PartialEq)]
pub struct Outgoing(Box<Message>);

impl Outgoing {
    /// Which messages it overtakes.
    pub fn class(&self) -> Class {
        self.0.class()
    }

    /// Its bytes, as [`Group::handle_frames`](super::Group::handle_frames) takes them.
    ///
    /// # Errors
    ///
    /// It is longer than a message may be.
    pub fn to_frame(&self) -> Result<Vec<u8>, DecodeError> {
        self.0.to_frame()
    }

    /// The log's message that it carries, if it is one.
    pub fn log(&self) -> Option<&history::LogMessage<transport::PeerId>> {
        match &*self.0 {
            Message::Log(message) => Some(message),
            _ => None,
        }
    }

    /// Why it refuses its recipient's name, if it does.
    pub fn refusal(&self) -> Option<&NameRefusal> {
        match &*self.0 {
            Message::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What sort of message it is, in a word: to count them, and for traces.
    pub fn kind(&self) -> &'static str {
        self.0.kind()
    }
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self(Box::new(message))
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
