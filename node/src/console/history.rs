//! Pages of the history as a person reads them (pure).

use node::text::escape;
use node::{Index, Line, Page};

/// What stands before a line that has no place yet.
const NO_PLACE: &str = "·";

/// The answer to `@history`.
pub(super) fn last(page: &Page) -> String {
    if page.lines.is_empty() {
        return "nothing has been said".into();
    }
    let more = if page.more { "earlier lines: @history N shows the last N\n" } else { "" };
    format!("{more}{}", table(&page.lines))
}

/// The answer to `@search`.
pub(super) fn found(page: &Page) -> String {
    if page.lines.is_empty() {
        return "no confirmed line has all these words".into();
    }
    let more = if page.more { "the last of them:\n" } else { "" };
    format!("{more}{}", table(&page.lines))
}

/// A row a line: its place, its time by its author's clock, who said it, what.
fn table(lines: &[Line]) -> String {
    let place = |index: &Option<Index>| index.map_or_else(|| NO_PLACE.to_owned(), |index| format!("#{index}"));
    let width = lines.iter().map(|line| place(&line.index).chars().count()).max().unwrap_or_default();
    let row = |Line { index, message }: &Line| {
        let (place, time) = (place(index), message.sent_at.to_string());
        // To the second: nobody reads the rest.
        let (day, second) = (&time[..10], &time[11..19]);
        format!("{place:>width$}  {day} {second}Z  [{}] {}", message.from, escape(&message.text))
    };
    lines.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use node::{Message, PeerId, Timestamp};

    use super::*;

    fn line(place: Option<u64>, text: &str) -> Line {
        let message = Message {
            id: "01890a5d-ac96-774b-bcce-b302099a8057:7".parse().unwrap(),
            from: "Alice".parse().unwrap(),
            from_id: PeerId::random(),
            text: text.into(),
            sent_at: Timestamp::from_millis(1_769_860_800_042),
            earlier: false,
        };
        Line { index: place.map(|place| Index::new(place).unwrap()), message }
    }

    #[test]
    fn a_line_has_its_place_and_time_and_one_without_a_place_a_dot() {
        let lines = vec![line(Some(9), "Hi"), line(Some(812), "a\nb\u{1b}[2J"), line(None, "wait")];
        assert_eq!(
            last(&Page { lines, more: false }),
            "  #9  2026-01-31 12:00:00Z  [Alice] Hi\n\
             #812  2026-01-31 12:00:00Z  [Alice] a\\nb\\u{1b}[2J\n   \
             ·  2026-01-31 12:00:00Z  [Alice] wait"
        );
    }

    #[test]
    fn a_page_says_that_there_is_more_and_that_there_is_nothing() {
        let page = Page { lines: vec![line(Some(9), "Hi")], more: true };
        assert!(last(&page).starts_with("earlier lines") && found(&page).starts_with("the last of them"));
        assert_eq!(last(&Page::default()), "nothing has been said");
        assert_eq!(found(&Page::default()), "no confirmed line has all these words");
    }
}
