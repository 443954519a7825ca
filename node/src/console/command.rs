//! What a person types: which command a line is, if it is one.

use node::text;
use thiserror::Error;

use crate::pages::{MOST_LINES, USUAL_LINES};

/// What a line means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Typed {
    /// Nothing was typed.
    Nothing,
    /// To be said to everyone.
    Say(String),
    /// To be said to one member.
    Msg {
        /// To whom.
        to: String,
        /// What.
        text: String,
    },
    /// Who is there.
    Members,
    /// Who leads.
    Leader,
    /// How this member stands.
    Status,
    /// The last lines: this many.
    History(usize),
    /// The last lines with these words.
    Search(String),
    /// Going on without the missing: the second word, if it is one.
    Takeover(String),
    /// The value of an expression, from the leader.
    Calc(String),
    /// To be put to all members.
    Propose(String),
    /// A vote.
    Vote {
        /// On the proposal of this number.
        number: u64,
        /// Whether it is a consent.
        consent: bool,
    },
    /// What is proposed, and what became of what was.
    Proposals,
    /// What can be typed.
    Help,
    /// Leave.
    Exit,
}

/// Why a line that begins with `@` is not acted on. Nothing was sent.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(super) enum CommandError {
    /// There is no such command.
    #[error(
        "there is no command `{}`, nothing was sent: did you mean {nearest}? (@help lists the commands; a text that \
         begins with @ is typed with @@)",
        text::escape(word)
    )]
    Unknown {
        /// The word typed.
        word: String,
        /// The command that is spelt most like it.
        nearest: &'static str,
    },
    /// The command is typed in another way.
    #[error("{command} is typed `{usage}`, nothing was sent")]
    Usage {
        /// The command.
        command: &'static str,
        /// How it is typed.
        usage: &'static str,
    },
}

/// A command, for the help and for those who misspell it.
pub(super) struct Command {
    /// Its first word.
    pub(super) word: &'static str,
    /// How it is typed.
    pub(super) usage: &'static str,
    /// What it does.
    pub(super) does: &'static str,
}

const fn command(word: &'static str, usage: &'static str, does: &'static str) -> Command {
    Command { word, usage, does }
}

/// Every command that there is.
pub(super) const COMMANDS: [Command; 14] = [
    command("@msg", "@msg NAME TEXT", "private: reaches that member alone"),
    command("@members", "@members", "the leader's list: name, id, address, priority, who leads, how long a member"),
    command("@leader", "@leader", "who leads, since when, in which epoch, and why that member"),
    command(
        "@history",
        "@history [N]",
        "the last N lines (20) with their places and times; · marks one without a place",
    ),
    command("@search", "@search WORDS", "the last 20 lines that have all the words"),
    command("@takeover", "@takeover", "goes on without members that are dead; says first what may be lost"),
    command("@calc", "@calc EXPRESSION", "asks the leader for the value of an expression, such as 2*(3+4)"),
    command("@propose", "@propose TEXT", "puts a proposal (a joke, a rule, a decision) to all members"),
    command("@consent", "@consent N", "consents to proposal number N, which is accepted when all do"),
    command("@reject", "@reject N", "rejects proposal number N, for all"),
    command("@proposals", "@proposals", "open and decided proposals"),
    command("@status", "@status", "this member's links, its leader, what is confirmed, whether there is a quorum"),
    command("@help", "@help", "this table"),
    command("@exit", "@exit", "leaves the group and ends the program; Ctrl-C and Ctrl-D do the same"),
];

/// Reads one line.
///
/// # Errors
///
/// It begins with `@` and is no command.
pub(super) fn parse(line: &str) -> Result<Typed, CommandError> {
    if line.trim().is_empty() {
        return Ok(Typed::Nothing);
    }
    if !line.starts_with('@') {
        return Ok(Typed::Say(line.into()));
    }
    if line.starts_with("@@") {
        return Ok(Typed::Say(line[1..].into()));
    }
    let (typed, rest) = first_word(line);
    let word = &*typed.to_lowercase();
    let bare = |typed| if rest.is_empty() { Ok(typed) } else { Err(usage(word)) };
    match word {
        "@msg" => match first_word(rest) {
            (_, "") => Err(usage(word)),
            (to, text) => Ok(Typed::Msg { to: to.into(), text: text.into() }),
        },
        "@members" => bare(Typed::Members),
        "@leader" => bare(Typed::Leader),
        "@status" => bare(Typed::Status),
        "@history" => history(rest).ok_or_else(|| usage(word)),
        "@search" if rest.trim().is_empty() => Err(usage(word)),
        "@search" => Ok(Typed::Search(rest.into())),
        "@takeover" => Ok(Typed::Takeover(rest.trim_end().into())),
        "@calc" if rest.trim().is_empty() => Err(usage(word)),
        "@calc" => Ok(Typed::Calc(rest.into())),
        "@propose" if rest.trim().is_empty() => Err(usage(word)),
        "@propose" => Ok(Typed::Propose(rest.into())),
        "@consent" | "@reject" => match rest.trim_end().trim_start_matches('#').parse() {
            Ok(number) => Ok(Typed::Vote { number, consent: word == "@consent" }),
            Err(_) => Err(usage(word)),
        },
        "@proposals" => bare(Typed::Proposals),
        "@help" => bare(Typed::Help),
        "@exit" => bare(Typed::Exit),
        _ => Err(CommandError::Unknown { word: typed.into(), nearest: nearest(word).word }),
    }
}

/// How many lines are wanted; more than [`MOST_LINES`] are never shown.
fn history(typed: &str) -> Option<Typed> {
    let number = typed.trim_end();
    let lines = if number.is_empty() { USUAL_LINES } else { number.parse().ok()? };
    (lines > 0).then_some(Typed::History(lines.min(MOST_LINES)))
}

/// The first word, and what follows it and the white space behind it.
fn first_word(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim_start())
}

/// How the command spelt most like `word` is typed.
fn usage(word: &str) -> CommandError {
    let Command { word: command, usage, .. } = nearest(word);
    CommandError::Usage { command, usage }
}

/// The command that `word` begins, or else the one that is spelt most like it.
fn nearest(word: &str) -> &'static Command {
    let typed: Vec<char> = word.to_lowercase().chars().take(MAX_COMPARED).collect();
    let mut best = (&COMMANDS[0], usize::MAX);
    for command in &COMMANDS {
        let begun = typed.len() > 1 && command.word.chars().take(typed.len()).eq(typed.iter().copied());
        let distance = if begun { 0 } else { edits(&typed, command.word) };
        if distance < best.1 {
            best = (command, distance);
        }
    }
    best.0
}

/// How much of a word is compared, in characters: no command is nearly as long.
const MAX_COMPARED: usize = 32;

/// How many characters must be inserted, deleted or replaced to make one word of the other (Levenshtein, 1965).
fn edits(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, from) in from.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> Typed {
        Typed::Say(text.into())
    }

    fn msg(to: &str, text: &str) -> Typed {
        Typed::Msg { to: to.into(), text: text.into() }
    }

    #[test]
    fn what_is_no_command_is_said_as_it_was_typed() {
        for text in ["Hi", " Hi  all ", "mail bob@home", " @members", "\"@exit\""] {
            assert_eq!(parse(text), Ok(say(text)));
        }
        for nothing in ["", " ", "\t  "] {
            assert_eq!(parse(nothing), Ok(Typed::Nothing));
        }
    }

    #[test]
    fn a_text_that_begins_with_an_at_begins_with_two() {
        assert_eq!(parse("@@exit"), Ok(say("@exit")));
        assert_eq!(parse("@@"), Ok(say("@")));
        assert_eq!(parse("@@@bob"), Ok(say("@@bob")));
    }

    #[test]
    fn each_command_is_known() {
        for (line, typed) in [
            ("@members", Typed::Members),
            ("@leader ", Typed::Leader),
            ("@status", Typed::Status),
            ("@help", Typed::Help),
            ("@exit\t", Typed::Exit),
            ("@history", Typed::History(20)),
            ("@history 7 ", Typed::History(7)),
            ("@history 1000000", Typed::History(10_000)),
            ("@search two words", Typed::Search("two words".into())),
            ("@takeover", Typed::Takeover(String::new())),
            ("@takeover yes ", Typed::Takeover("yes".into())),
            ("@calc 1 + 1", Typed::Calc("1 + 1".into())),
            ("@MEMBERS", Typed::Members),
            ("@Propose tea at five?", Typed::Propose("tea at five?".into())),
            ("@propose tea at five?", Typed::Propose("tea at five?".into())),
            ("@consent 3", Typed::Vote { number: 3, consent: true }),
            ("@reject #3 ", Typed::Vote { number: 3, consent: false }),
            ("@proposals", Typed::Proposals),
        ] {
            assert_eq!(parse(line), Ok(typed));
        }
        for Command { word, usage, .. } in COMMANDS {
            assert!(usage.starts_with(word));
            assert!(!matches!(parse(word), Err(CommandError::Unknown { .. })), "{word}");
        }
    }

    #[test]
    fn a_private_message_has_a_name_and_a_text() {
        assert_eq!(parse("@msg bob Hi  there "), Ok(msg("bob", "Hi  there ")));
        assert_eq!(parse("@msg  bob\t @exit"), Ok(msg("bob", "@exit")));
        for bad in ["@msg", "@msg ", "@msg bob", "@msg bob  "] {
            assert_eq!(parse(bad), Err(CommandError::Usage { command: "@msg", usage: "@msg NAME TEXT" }), "{bad}");
        }
    }

    #[test]
    fn a_command_with_something_behind_it_is_not_guessed_at() {
        assert_eq!(parse("@exit now"), Err(CommandError::Usage { command: "@exit", usage: "@exit" }));
        for bad in ["@members all", "@history all", "@history 0", "@history -1", "@history 1 2", "@search", "@search  "]
        {
            assert!(matches!(parse(bad), Err(CommandError::Usage { .. })), "{bad}");
        }
    }

    #[test]
    fn an_unknown_command_is_answered_with_the_nearest_one() {
        for (line, nearest) in [
            ("@memebrs", "@members"),
            ("@LEADRE", "@leader"),
            ("@quit", "@exit"),
            ("@mgs bob Hi", "@msg"),
            ("@stat", "@status"),
            ("@halp", "@help"),
            ("@hist", "@history"),
            ("@serach", "@search"),
            ("@take-over", "@takeover"),
            ("@", "@msg"),
        ] {
            let Err(CommandError::Unknown { nearest: found, .. }) = parse(line) else { panic!("{line}") };
            assert_eq!(found, nearest, "{line}");
        }
        let error = parse("@b\x1b[2J").unwrap_err().to_string();
        assert!(!error.contains('\x1b'), "{error}");
        assert!(parse(&format!("@{}", "x".repeat(1_000_000))).is_err());
    }

    #[test]
    fn a_vote_is_on_a_number_and_nothing_is_proposed_without_words() {
        for bad in
            ["@consent", "@consent x", "@reject -1", "@reject 1 2", "@propose", "@propose  ", "@calc", "@proposals 1"]
        {
            assert!(matches!(parse(bad), Err(CommandError::Usage { .. })), "{bad}");
        }
    }

    #[test]
    fn edits_are_counted() {
        for (from, to, distance) in [("", "", 0), ("abc", "abc", 0), ("", "abc", 3), ("kitten", "sitting", 3)] {
            assert_eq!(edits(&from.chars().collect::<Vec<_>>(), to), distance);
        }
    }
}
