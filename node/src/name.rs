//! Names: 1 to 32 characters, unique in the group without regard to case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use transport::PeerId;

use crate::text;

/// A member's name, as given.
///
/// Two names are the same when their [`Name::key`]s are; `Eq` compares them as given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a name.
#[derive(Clone, PartialEq, Eq, Debug, Error, Serialize, Deserialize)]
pub enum NameError {
    /// There is nothing in it.
    #[error("a name has at least one character")]
    Empty,
    /// It has more characters than [`Name::MAX_CHARS`].
    #[error("a name has at most {max} characters, this one has {0}", max = Name::MAX_CHARS)]
    TooLong(usize),
    /// It has white space.
    #[error("a name has no white space")]
    WhiteSpace,
    /// It has characters that act unseen, or that are not seen.
    #[error("a name has no control characters, nor any that cannot be seen")]
    Control,
    /// It begins like a command.
    #[error("a name does not start with `@`")]
    At,
}

impl Name {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 32;

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are compared by: lower case, by Unicode's rules, and without what only says how letters are joined.
    pub fn key(&self) -> String {
        Self::key_of(&self.0)
    }

    /// The key that a name typed by somebody is looked up by.
    pub fn key_of(text: &str) -> String {
        text.to_lowercase().chars().filter(|c| !text::joins(*c)).collect()
    }

    /// What somebody is called whose name is not known.
    pub(crate) fn of_stranger(peer: PeerId) -> Self {
        Self(format!("peer-{}", peer.uuid().simple()).chars().take(Self::MAX_CHARS).collect())
    }

    /// The name with a number behind it, cut so that it stays a name: `Bob-2`.
    pub fn numbered(&self, number: u64) -> Self {
        let suffix = format!("-{number}");
        let kept = Self::MAX_CHARS.saturating_sub(suffix.chars().count());
        Self(self.0.chars().take(kept).chain(suffix.chars()).collect())
    }
}

/// The names that are taken, and others for those that want one of them.
///
/// Long names that differ in their ends only want the same numbered ones, as they are cut. So it is remembered up to which number all are
/// taken: a thousand are given theirs by looking at each once.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    taken: BTreeSet<String>,
    /// Which number to try next, for all names that are the same with the first number of as many digits.
    next: BTreeMap<String, u64>,
}

impl Names {
    pub(crate) fn new<'a>(taken: impl Iterator<Item = &'a Name>) -> Self {
        Self { taken: taken.map(Name::key).collect(), next: BTreeMap::new() }
    }

    /// The name itself if nobody has it, otherwise the first `Name-2`, `Name-3`, ... that nobody has. It is taken from here on.
    pub(crate) fn give(&mut self, name: &Name) -> Name {
        if self.taken.insert(name.key()) {
            return name.clone();
        }
        let mut first = 2;
        loop {
            let beyond = if first < 10 { 10 } else { first * 10 };
            let next = self.next.entry(name.numbered(first).key()).or_insert(first);
            while *next < beyond {
                let numbered = name.numbered(*next);
                *next += 1;
                if self.taken.insert(numbered.key()) {
                    return numbered;
                }
            }
            // There are far fewer names than numbers.
            first = beyond;
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(given: &str) -> Result<Self, NameError> {
        let chars = given.chars().count();
        if chars == 0 {
            Err(NameError::Empty)
        } else if chars > Self::MAX_CHARS {
            Err(NameError::TooLong(chars))
        } else if given.chars().any(text::is_blank) {
            Err(NameError::WhiteSpace)
        } else if given.chars().any(|c| text::acts_unseen(c) || text::is_unseen(c)) || given.chars().all(text::joins) {
            Err(NameError::Control)
        } else if given.starts_with('@') {
            Err(NameError::At)
        } else {
            Ok(Self(given.to_owned()))
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(given: String) -> Result<Self, NameError> {
        given.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(given: &str) -> Name {
        given.parse().unwrap()
    }

    #[test]
    fn what_is_not_a_name_is_told_why() {
        for (given, error) in [
            ("", NameError::Empty),
            (&*"x".repeat(33), NameError::TooLong(33)),
            ("a b", NameError::WhiteSpace),
            ("a\u{a0}b", NameError::WhiteSpace),
            ("a\x07", NameError::Control),
            ("a\u{202e}", NameError::Control),
            ("@bob", NameError::At),
            ("\u{2800}", NameError::WhiteSpace),
            ("Al\u{ad}", NameError::Control),
            ("Al\u{34f}", NameError::Control),
            ("\u{3164}", NameError::Control),
            ("Al\u{fe00}", NameError::Control),
            ("Al\u{e0041}", NameError::Control),
            ("\u{200d}\u{fe0f}", NameError::Control),
        ] {
            assert_eq!(given.parse::<Name>(), Err(error), "{given:?}");
        }
        for good in ["x", "bob@home", &*"é".repeat(32), "❤\u{fe0f}", "👩\u{200d}🚀", "می\u{200c}خواهم"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn names_are_compared_without_regard_to_case() {
        let (a, b): (Name, Name) = ("Ärger".parse().unwrap(), "äRGER".parse().unwrap());
        assert!(a != b && a.key() == b.key());
        for same in ["Al\u{fe0f}", "A\u{200d}l", "\u{200c}AL"] {
            assert_eq!(same.parse::<Name>().unwrap().key(), Name::key_of("al"), "{same:?}");
        }
    }

    #[test]
    fn a_numbered_name_is_still_a_name() {
        let name: Name = "é".repeat(32).parse().unwrap();
        assert_eq!(name.numbered(12).as_str(), format!("{}-12", "é".repeat(29)));
        assert!(name.numbered(u64::MAX).as_str().parse::<Name>().is_ok());
        assert!(Name::of_stranger(PeerId::random()).as_str().parse::<Name>().is_ok());
    }

    #[test]
    fn names_that_are_cut_to_the_same_are_given_a_number_each_without_looking_at_all_of_them_again() {
        let long = |n: u32| name(&format!("{}{n:04}", "x".repeat(28)));
        let all: Vec<_> = (0..2_000).map(long).collect();
        let mut names = Names::new(all.iter());
        let given: BTreeSet<_> = all.iter().map(|name| names.give(name).key()).collect();
        assert_eq!(given.len(), all.len());
        // Twenty beginnings for a number of one digit, two for one of two digits, and one for all longer.
        let last = 1000 + 2_000 - (20 * 8 + 2 * 90 + 900) - 1;
        assert!(
            given.contains(long(0).numbered(last).as_str()) && !given.contains(long(0).numbered(last + 1).as_str())
        );
        assert_eq!(names.next.len(), 20 + 2 + 1 + 1);
        assert_eq!(names.give(&name("y")), name("y"));
        assert_eq!((names.give(&name("Y")), names.give(&name("y"))), (name("Y-2"), name("y-3")));
    }
}
