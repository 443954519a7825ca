//! The names of things said: sessions, messages, places in the confirmed order, and ballots that settle it.

use std::cmp::Reverse;
use std::fmt;
use std::num::{NonZeroU64, ParseIntError};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One run of one program: a UUIDv7 made at start and never used again.
///
/// Messages are numbered within a session, so no counter needs the disk: a restart is another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session(#[serde(with = "uuid::serde::compact")] Uuid);

impl Session {
    /// Names a session by `uuid`, which must never have named another.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID that was given.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One line, for ever: the session that said it and its number there.
///
/// Written `<uuid>:<number>`. The order is by session, then by number; it is not the order shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// Who said it, in which run.
    pub session: Session,
    /// Its place among the lines of that session: 0, 1, 2, …
    pub number: u64,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.session, self.number)
    }
}

impl FromStr for MessageId {
    type Err = ParseMessageIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (session, number) = text.split_once(':').ok_or(ParseMessageIdError::NoColon)?;
        Ok(Self { session: Session::new(session.parse()?), number: number.parse()? })
    }
}

/// Why a text is not a [`MessageId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseMessageIdError {
    /// There is no colon between the session and the number.
    #[error("no colon between session and number")]
    NoColon,
    /// What stands before the colon is no UUID.
    #[error("not a session: {0}")]
    Session(#[from] uuid::Error),
    /// What stands after the colon is no number.
    #[error("not a number: {0}")]
    Number(#[from] ParseIntError),
}

/// A place in the confirmed order, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Index(NonZeroU64);

impl Index {
    /// The first place.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The place numbered `number`, or nothing for 0, which is no place.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number, at least 1.
    pub const fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of one history: what a founder begins is number 0, and a takeover begins one of a greater number.
///
/// Two logs of one regime never differ at a place that both have decided. Two of different regimes may: they fork where a
/// takeover left the history before it, or have nothing in common if they were founded apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Regime<P> {
    /// 0 for what was founded; above every number that a takeover had heard of for what it began.
    pub number: u64,
    /// Who founded the group, or took over.
    pub by: Reverse<P>,
}

impl<P> Regime<P> {
    /// What `founder` begins.
    pub const fn founded(founder: P) -> Self {
        Self { number: 0, by: Reverse(founder) }
    }

    /// What `by` begins by taking over.
    pub fn taken_over(&self, by: P) -> Self {
        Self { number: self.number.saturating_add(1), by: Reverse(by) }
    }
}

/// One attempt of one leader to settle a log. The greater supersedes the lesser; no two leaders share one.
///
/// Ballots order all attempts in all histories. Which history a leader's log is of, its entries say, and no ballot: a
/// leader may lead an old history under a ballot that starts with the regime of a takeover which came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ballot<P> {
    /// Its high part: the greatest regime that its leader had heard of. A takeover begins the history of this name.
    pub regime: Regime<P>,
    /// Above every round its leader had seen after that high part.
    pub round: u64,
    /// The leader.
    pub peer: P,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_id_is_written_as_session_colon_number() {
        let id = MessageId { session: Session::new(Uuid::from_u128(0xab)), number: 7 };
        assert_eq!(id.to_string(), "00000000-0000-0000-0000-0000000000ab:7");
    }

    #[test]
    fn what_is_no_message_id_says_why() {
        let parse = |text: &str| text.parse::<MessageId>().unwrap_err();
        let uuid = Uuid::nil();
        assert_eq!(parse(&format!("{uuid}")), ParseMessageIdError::NoColon);
        assert!(matches!(parse("x:1"), ParseMessageIdError::Session(_)));
        for number in ["", "-1", "18446744073709551616"] {
            let error = parse(&format!("{uuid}:{number}"));
            assert!(matches!(error, ParseMessageIdError::Number(_)), "{error}");
        }
    }

    #[test]
    fn there_is_no_place_zero() {
        assert_eq!(Index::new(0), None);
        assert_eq!(Index::new(1), Some(Index::FIRST));
    }

    proptest! {
        #[test]
        fn a_message_id_survives_being_written(uuid: u128, number: u64) {
            let id = MessageId { session: Session::new(Uuid::from_u128(uuid)), number };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
