//! The stable words for what went wrong.

use node::text::TextError;
use node::{CalcError, Ended, HistoryError, MsgError, ProposeError, RequestError, SayError, TakeoverError, VoteError};

/// The stable word for what went wrong.
pub(super) trait Code {
    fn code(&self) -> &'static str;
}

impl Code for TextError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong(_) => "too_long",
        }
    }
}

impl Code for Ended {
    fn code(&self) -> &'static str {
        "left"
    }
}

impl Code for SayError {
    fn code(&self) -> &'static str {
        match self {
            Self::Text(error) => error.code(),
            Self::BacklogFull(_) => "backlog_full",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for MsgError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownMember(_) => "unknown_member",
            Self::Text(error) => error.code(),
            Self::Ended(_) => "left",
        }
    }
}

impl Code for HistoryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Words(_) => "no_words",
            Self::Disk(_) => "disk_failed",
            Self::Gone(_) => "gone",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for TakeoverError {
    fn code(&self) -> &'static str {
        match self {
            Self::Held => "quorum_held",
            Self::NotLeader(_) => "not_leader",
            Self::Others(_) => "wrong_lost",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for RequestError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoLeader => "no_leader",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for CalcError {
    fn code(&self) -> &'static str {
        match self {
            Self::Expression(_) => "bad_expression",
            Self::Request(error) => error.code(),
        }
    }
}

impl Code for ProposeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Text(error) => error.code(),
            Self::TooMany => "too_many_proposals",
            Self::NoQuorum => "no_quorum",
            Self::BacklogFull(_) => "backlog_full",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for VoteError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownProposal(_) => "unknown_proposal",
            Self::NotAnElector => "not_an_elector",
            Self::NoQuorum => "no_quorum",
            Self::BacklogFull(_) => "backlog_full",
            Self::Ended(_) => "left",
        }
    }
}
