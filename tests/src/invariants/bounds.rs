//! Tables and queues stay within their bounds (I13).

use node::group::Sizes;

use super::Verdict;

/// As the documentation has them.
const LINE_BYTES: usize = 8 << 20;
const SESSIONS: usize = 4096 + 1;
const PRIVATES: usize = 4096;
const SHOWN: usize = 16_384;
const REQUESTS: usize = 1024;
const ANSWERS: usize = 4096 + 256;
const VOTES: usize = 1_000;
const KNOWN: usize = 4096;

/// Looks at the sizes of a mind whose outputs were carried out, and at how many peers its overlay knows.
///
/// # Errors
///
/// What is too large.
pub fn check(sizes: &Sizes, known: usize) -> Verdict {
    let Sizes { line_bytes, sessions, privates, shown, requests, answers, votes, outputs } = *sizes;
    for (what, size, bound) in [
        ("bytes of lines", line_bytes, LINE_BYTES),
        ("sessions", sessions, SESSIONS),
        ("private messages on their way", privates, PRIVATES),
        ("private messages known by their ids", shown, SHOWN),
        ("requests", requests, REQUESTS),
        ("answers", answers, ANSWERS),
        ("votes on their way", votes, VOTES),
        ("outputs left behind", outputs, 0),
        ("peers in the table of links", known, KNOWN),
    ] {
        if size > bound {
            return Err(format!("{size} {what}, above the bound of {bound}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_its_bound_is_seen() {
        let within = Sizes {
            line_bytes: LINE_BYTES,
            sessions: SESSIONS,
            privates: PRIVATES,
            shown: SHOWN,
            requests: REQUESTS,
            answers: ANSWERS,
            votes: VOTES,
            outputs: 0,
        };
        check(&within, KNOWN).unwrap();
        for over in [
            Sizes { line_bytes: LINE_BYTES + 1, ..within },
            Sizes { sessions: SESSIONS + 1, ..within },
            Sizes { privates: PRIVATES + 1, ..within },
            Sizes { requests: REQUESTS + 1, ..within },
            Sizes { answers: ANSWERS + 1, ..within },
            Sizes { votes: VOTES + 1, ..within },
            Sizes { outputs: 1, ..within },
        ] {
            assert!(check(&over, KNOWN).is_err(), "{over:?}");
        }
        assert!(check(&within, KNOWN + 1).is_err());
    }
}
