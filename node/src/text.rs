//! What may be said, and how what others said is shown so that nobody can forge a line or move a cursor.

use std::borrow::Cow;
use std::fmt::Write as _;

use thiserror::Error;

/// The longest text, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 65_535;

/// Why a text cannot be said.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TextError {
    /// There is nothing in it.
    #[error("there is nothing to say: the text is empty")]
    Empty,
    /// It is longer than [`MAX_TEXT_BYTES`].
    #[error("a text of {0} bytes is too long: at most {MAX_TEXT_BYTES} can be said at once")]
    TooLong(usize),
}

/// Checks that a text can be said.
///
/// # Errors
///
/// It is empty or too long.
pub fn check(text: &str) -> Result<(), TextError> {
    match text.len() {
        0 => Err(TextError::Empty),
        1..=MAX_TEXT_BYTES => Ok(()),
        longer => Err(TextError::TooLong(longer)),
    }
}

/// Whether a character would act on a terminal, or reorder what stands around it, rather than be seen.
///
/// Control characters, line and paragraph separators, and those that switch the direction of writing.
pub fn acts_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a character is not seen where a name stands, and no script needs it there: two names must not look like one.
///
/// Those of Unicode 17's `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt`) that are not [joiners](joins).
pub(crate) fn is_unseen(c: char) -> bool {
    let is_ignorable = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    is_ignorable && !joins(c)
}

/// Whether a character says how those beside it are drawn, which some scripts and emoji need: a joiner, or which of two shapes.
pub(crate) fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// Whether a character is seen as nothing but room: white space, and the braille pattern without a dot.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

/// The text with every character that [`acts_unseen`] written out, as `\n`, `\u{1b}` and the like.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts_unseen) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if acts_unseen(c) => {
                let _ = write!(escaped, "{}", c.escape_unicode());
            }
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// How much of what somebody typed is told back, in characters: more than any name has.
const MOST_TOLD: usize = 64;

/// What somebody typed, as it is told back: [escaped](escape), and not longer than it is of use.
pub(crate) fn told(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST_TOLD) {
        None => escape(text),
        Some((end, _)) => Cow::Owned(format!("{}…", escape(&text[..end]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_a_cursor_or_forge_a_line_is_written_out() {
        assert_eq!(escape("a\x1b[2Jb\n[Bob] Hi\r\t"), "a\\u{1b}[2Jb\\n[Bob] Hi\\r\\t");
        assert_eq!(escape("left\u{202e}right"), "left\\u{202e}right");
        assert!(matches!(escape("plain, ä 漢 👩‍🚀"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_told_back_is_no_longer_than_it_is_of_use() {
        assert_eq!(told("Bob\n"), "Bob\\n");
        assert_eq!(told(&"é".repeat(60_000)), format!("{}…", "é".repeat(64)));
    }

    #[test]
    fn a_text_has_1_to_65535_bytes() {
        assert_eq!(check(""), Err(TextError::Empty));
        assert_eq!(check(&"x".repeat(65_535)), Ok(()));
        assert_eq!(check(&"x".repeat(65_536)), Err(TextError::TooLong(65_536)));
    }
}
