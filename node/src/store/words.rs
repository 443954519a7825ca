//! What counts as a word when lines are searched (pure): the same with and without a data directory.
//!
//! A word is a run of letters and digits of any script, compared in lower case. In scripts that put no space between words
//! (Han, Kana, Thai and their neighbours) every character counts as one, or nothing within a sentence could be found.

/// The longest word that is told from others, in characters: what is longer is cut, in lines and in searches alike.
const MAX_WORD_CHARS: usize = 64;

/// The words of a text, in their order, each in lower case.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).flat_map(pieces)
}

/// A run of letters and digits as words: itself, save for characters that stand alone.
fn pieces(run: &str) -> impl Iterator<Item = String> {
    let mut rest = run;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match stands_alone(first) {
            true => first.len_utf8(),
            false => rest.find(stands_alone).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word.chars().take(MAX_WORD_CHARS).flat_map(char::to_lowercase).map(fold).collect())
    })
}

/// The sigma that ends a word is the same letter: which one stands there depends on what follows.
fn fold(c: char) -> char {
    if c == 'ς' { 'σ' } else { c }
}

fn stands_alone(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        words(text).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(of("Don't panic, 42 TIMES!"), ["don", "t", "panic", "42", "times"]);
        assert_eq!(of("ÄRGER naïve Ωμέγα ΟΔΟΣ οδος"), ["ärger", "naïve", "ωμέγα", "οδοσ", "οδοσ"]);
        assert_eq!(of("a\0b\nc*\"d\""), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_text_without_any_has_none() {
        for text in ["", " \t", "*\"-:^", "👍"] {
            assert_eq!(of(text), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_searched_by_character() {
        assert_eq!(of("你好world"), ["你", "好", "world"]);
        assert_eq!(of("カメラ"), ["カ", "メ", "ラ"]);
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(of(&"x".repeat(100_000)), ["x".repeat(MAX_WORD_CHARS)]);
    }
}
