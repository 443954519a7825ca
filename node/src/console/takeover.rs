//! A person's word that the missing are dead, asked for twice (pure).

use std::time::{Duration, Instant};

use node::{Name, Status};

use super::quorum::list;
use super::ticks::count;

/// How long the second word is waited for.
const VALID: Duration = Duration::from_secs(60);

/// The first word was given: who is missing, and until when the second counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    missing: Vec<Name>,
    until: Instant,
}

/// The first word: what is asked back, or why there is nothing to ask.
///
/// # Errors
///
/// There is a quorum, or only somebody else can take over.
pub(super) fn ask(status: &Status, now: Instant) -> Result<(Asked, String), String> {
    if status.quorum {
        return Err("there is nothing to take over: lines can be confirmed".into());
    }
    match &status.leader {
        Some(leader) if leader.me => {}
        Some(leader) => return Err(format!("only the leader can take over: ask {}", leader.name)),
        None => return Err("only a leader can take over, and nobody leads at the moment: try again".into()),
    }
    if status.missing.is_empty() {
        return Err("nobody is missing: a quorum is being found, wait a little".into());
    }
    let missing = list(&status.missing);
    let waiting = match status.unconfirmed {
        0 => String::new(),
        lines => format!(", and the {} that wait here are confirmed", count(lines as u64)),
    };
    let question = format!(
        "{missing} cannot be reached. Take over only if you know that they are dead:\n\
         - if they are, the group goes on without them{waiting}; what only they had is lost, even lines that they saw confirmed\n\
         - if they live, one of the two histories gives way when they are back: its lines are kept, and get other places\n\
         Type `@takeover yes` within {} s to go on without them; anything else leaves it.",
        VALID.as_secs()
    );
    Ok((Asked { missing: status.missing.clone(), until: now + VALID }, question))
}

/// The second word: the names to go on without.
///
/// # Errors
///
/// It is none, or comes too late, or nobody asked.
pub(super) fn answer(asked: Option<Asked>, typed: &str, now: Instant) -> Result<Vec<String>, String> {
    let Some(Asked { missing, until }) = asked else {
        return Err("nothing was taken over: type @takeover alone first, and read what may be lost".into());
    };
    if now >= until {
        let seconds = VALID.as_secs();
        return Err(format!("nothing was taken over: more than {seconds} s have passed, type @takeover again"));
    }
    if typed.trim().eq_ignore_ascii_case("yes") || folded(typed.split([' ', '\t', ','])) == folded(names(&missing)) {
        return Ok(names(&missing).map(str::to_owned).collect());
    }
    let missing = list(&missing);
    Err(format!(
        "nothing was taken over: `@takeover yes`, or `@takeover {missing}`, was asked for; type @takeover again"
    ))
}

fn names(names: &[Name]) -> impl Iterator<Item = &str> {
    names.iter().map(Name::as_str)
}

/// Words to be compared as names are, in any order.
fn folded<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.sort_unstable();
    words
}

#[cfg(test)]
mod tests {
    use node::{Leader, PeerId, Timestamp};

    use super::*;

    fn name(name: &str) -> Name {
        name.parse().unwrap()
    }

    fn status(quorum: bool, leader: Option<(&str, bool)>) -> Status {
        let leader = leader.map(|(who, me)| {
            let (id, since) = (PeerId::random(), Timestamp::from_millis(0));
            Leader { id, name: name(who), epoch: 3, me, reason: "x".into(), since }
        });
        let (links, mesh, missing) = (Vec::new(), Vec::new(), vec![name("Bob"), name("Carol")]);
        Status { links, mesh, leader, epoch: 3, members: 1, confirmed: 9, unconfirmed: 2, voters: 3, quorum, missing }
    }

    fn asked(now: Instant) -> Option<Asked> {
        Some(ask(&status(false, Some(("Al", true))), now).unwrap().0)
    }

    #[test]
    fn who_asks_reads_who_is_missing_and_what_may_be_lost() {
        let (_, question) = ask(&status(false, Some(("Al", true))), Instant::now()).unwrap();
        for part in ["Bob, Carol", "the 2 lines that wait here", "lost", "`@takeover yes`", "60 s"] {
            assert!(question.contains(part), "{part}: {question}");
        }
    }

    #[test]
    fn there_is_nothing_to_ask_with_a_quorum_or_away_from_the_leader() {
        let now = Instant::now();
        assert!(ask(&status(true, Some(("Al", true))), now).unwrap_err().contains("nothing to take over"));
        assert!(ask(&status(false, Some(("Dan", false))), now).unwrap_err().contains("ask Dan"));
        assert!(ask(&status(false, None), now).unwrap_err().contains("nobody leads"));
        let nobody = Status { missing: Vec::new(), ..status(false, Some(("Al", true))) };
        assert!(ask(&nobody, now).unwrap_err().contains("nobody is missing"));
    }

    #[test]
    fn yes_or_the_names_are_an_answer_for_a_minute() {
        let now = Instant::now();
        for typed in ["yes", "YES ", "bob carol", "Carol, BOB"] {
            assert_eq!(answer(asked(now), typed, now + Duration::from_secs(59)).unwrap(), ["Bob", "Carol"], "{typed}");
        }
        for typed in ["no", "bob", "bob carol dan", "bob bob carol", "yes bob"] {
            assert!(answer(asked(now), typed, now).unwrap_err().contains("nothing was taken over"), "{typed}");
        }
        assert!(answer(asked(now), "yes", now + VALID).unwrap_err().contains("60 s"));
        assert!(answer(None, "yes", now).unwrap_err().contains("first"));
    }
}
