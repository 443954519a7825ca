//! Tables and queues stay within their bounds (I13).

use node::group::Sizes;

use super::Verdict;

/// As the documentation has them.
const LINE_BYTES: usize = 8 << 20;
const SESSIONS: usize = 4096 + 1;
const APPLIED: usize = 65_536;
const PRIVATES: usize = 4096;
const SHOWN: usize = 16_384;
const REQUESTS: usize = 1024;
const ANSWERS: usize = 4096 + 256;
const VOTES: usize = 1_000;
const KNOWN: usize = 4096;

/// What a leader proposes without a quorum is 4 MiB and the entry that goes beyond; a follower that is behind is sent as much again of
/// what is decided, and takes it in before it is told so. No entry is longer than a message of the log.
const UNDECIDED_BYTES: usize = (4 << 20) + (4 << 20) + (256 << 10);

/// Looks at the sizes of a mind whose outputs were carried out, and at how many peers its overlay knows.
///
/// # Errors
///
/// What is too large.
pub fn check(sizes: &Sizes, known: usize) -> Verdict {
    let Sizes { line_bytes, sessions, undecided_bytes, applied, privates, .. } = *sizes;
    let Sizes { shown, requests, answers, votes, outputs, .. } = *sizes;
    for (what, size, bound) in [
        ("bytes of lines", line_bytes, LINE_BYTES),
        ("sessions", sessions, SESSIONS),
        ("bytes of undecided entries", undecided_bytes, UNDECIDED_BYTES),
        ("sessions in the exactly-once table", applied, APPLIED),
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
            undecided_bytes: UNDECIDED_BYTES,
            applied: APPLIED,
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
            Sizes { undecided_bytes: UNDECIDED_BYTES + 1, ..within },
            Sizes { applied: APPLIED + 1, ..within },
            Sizes { privates: PRIVATES + 1, ..within },
            Sizes { shown: SHOWN + 1, ..within },
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
