//! Pages of the history, cut to what can be printed at once (pure).

use std::collections::VecDeque;

use node::{Line, Page};

/// How many lines are given unless it is said.
pub(crate) const USUAL_LINES: usize = 20;

/// The most lines that are given at once.
pub(crate) const MOST_LINES: usize = 10_000;

/// The most text on one page, in bytes. With every character escaped, and ten thousand lines' other fields, it is less than
/// ten times as long, and fits what may wait to be printed.
pub(crate) const MAX_PAGE_BYTES: usize = 1 << 20;

/// How much may wait to be printed when a page is added to it, in bytes.
pub(crate) const MAX_BEFORE_PAGE_BYTES: usize = 4 << 20;

/// A page that keeps its first lines, as many as fit: whoever reads on begins behind them.
pub(crate) fn keep_first(Page { lines, more }: Page) -> Page {
    let (all, mut bytes) = (lines.len(), 0);
    let fits = |line: &Line| {
        bytes += line.message.text.len();
        bytes <= MAX_PAGE_BYTES
    };
    let lines: Vec<_> = lines.into_iter().take_while(fits).collect();
    let more = more || lines.len() < all;
    Page { lines, more }
}

/// A page that keeps its last lines, as many as fit.
pub(crate) fn keep_last(Page { lines, more }: Page) -> Page {
    let (all, mut bytes) = (lines.len(), 0);
    let mut kept = VecDeque::new();
    for line in lines.into_iter().rev() {
        bytes += line.message.text.len();
        if bytes > MAX_PAGE_BYTES {
            break;
        }
        kept.push_front(line);
    }
    let more = more || kept.len() < all;
    Page { lines: kept.into(), more }
}

#[cfg(test)]
mod tests {
    use node::{Message, PeerId, Timestamp};

    use super::*;

    fn page(texts: &[&str]) -> Page {
        let (id, from_id) = (PeerId::random(), PeerId::random());
        let line = |(number, text): (usize, &&str)| Line {
            index: None,
            message: Message {
                id: format!("{id}:{number}").parse().unwrap(),
                from: "al".parse().unwrap(),
                from_id,
                text: (*text).into(),
                sent_at: Timestamp::from_millis(0),
                earlier: false,
            },
        };
        Page { lines: texts.iter().enumerate().map(line).collect(), more: false }
    }

    fn lengths(page: &Page) -> Vec<usize> {
        page.lines.iter().map(|line| line.message.text.len()).collect()
    }

    #[test]
    fn a_page_that_is_too_long_is_cut_where_it_is_not_missed_and_says_so() {
        let half = "x".repeat(MAX_PAGE_BYTES / 2);
        let long = page(&["a", &half, "bc", &half, "def"]);
        let first = keep_first(long.clone());
        assert_eq!((lengths(&first), first.more), (vec![1, half.len(), 2], true));
        let last = keep_last(long);
        assert_eq!((lengths(&last), last.more), (vec![2, half.len(), 3], true));
    }

    #[test]
    fn a_page_that_fits_is_left_as_it_is() {
        let short = page(&["a", "b"]);
        assert_eq!(keep_first(short.clone()), short);
        assert_eq!(keep_last(short.clone()), short);
    }
}
