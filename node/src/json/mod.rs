//! The member as a program sees it: newline-delimited JSON on stdin and stdout.

mod body;
mod command;
mod history;
mod line;
mod proposals;

use futures::{StreamExt as _, stream};
use node::text::TextError;
use node::{
    CalcError, Event, HistoryError, HistoryQuery, MsgError, Node, ProposeError, RequestError, SayError, TakeoverError,
    VoteError,
};
use serde::Serialize;

use crate::exit::Failure;
use crate::input::{self, Input, MAX_LINE_BYTES};
use crate::options::Options;
use crate::output::Output;
use crate::pages::{self, MAX_BEFORE_PAGE_BYTES};
use crate::session::{self, Beside, Departure, Face};
use crate::signals::Signals;
use command::{Action, Command, Reference};

/// Joins, speaks JSON, leaves. `events_only`: stdin is not read.
///
/// # Errors
///
/// The member did not start, or left for a reason that is not anybody's wish.
pub(crate) async fn run(options: Options, events_only: bool, mut signals: Signals) -> Result<(), Failure> {
    let config = options.config()?;
    let output = Output::stdout().map_err(|source| Failure::System { what: "start a thread", source })?;
    let Some((node, events)) = session::admit(config, &mut signals, &output).await? else { return Ok(()) };
    let input = if events_only {
        stream::pending().boxed()
    } else {
        input::stdin().map_err(|source| Failure::System { what: "start a thread", source })?.boxed()
    };
    output.line(&body::ready(&node));
    let mut json = Json { node: node.clone(), lines: Lines(output.clone()), epoch: 0 };
    session::run((node, events), input, signals, output, &mut json).await
}

/// A member's face for programs.
struct Json {
    node: Node,
    lines: Lines,
    /// The greatest epoch seen.
    epoch: u64,
}

impl Face for Json {
    fn show(&mut self, event: Event) {
        if let Event::Leader(Some(leader)) = &event {
            self.epoch = self.epoch.max(leader.epoch);
        }
        if let Some(line) = body::event(&event, self.epoch) {
            self.lines.0.line(&line);
        }
        if let Some(line) = body::complaint(&event) {
            self.lines.0.line(&line);
        }
    }

    async fn act(&mut self, input: Input, beside: &mut Beside) -> Option<Departure> {
        let line = match input {
            Input::Line(line) => line,
            Input::TooLong => {
                self.lines.error(&None, "bad_command", &format!("the line is longer than {MAX_LINE_BYTES} bytes"));
                return None;
            }
            Input::NotUtf8 => {
                self.lines.error(&None, "bad_command", &"the line is not UTF-8");
                return None;
            }
            Input::End => return Some(Departure::EndOfInput),
            Input::Interrupted => return Some(Departure::Signal),
        };
        match command::parse(&line) {
            Ok(command) => self.obey(command, beside).await,
            Err(refused) => {
                self.lines.error(&refused.reference, "bad_command", &refused.message);
                None
            }
        }
    }

    fn bye(&mut self, why: &Departure) {
        let reason = match why {
            Departure::Asked => "left",
            Departure::EndOfInput => "end_of_input",
            Departure::Signal => "signal",
            Departure::Output(_) | Departure::Fault => "fault",
        };
        self.lines.0.line(&body::bye(reason));
    }
}

impl Json {
    /// Does what a command says. What others are asked for is answered when they answer; the rest in order.
    async fn obey(&self, Command { reference, action }: Command, beside: &mut Beside) -> Option<Departure> {
        let (node, lines) = (self.node.clone(), self.lines.clone());
        match action {
            Action::Say { text } => match node.say(&text).await {
                Ok(message) => lines.reply(&reference, body::said(&message)),
                Err(error) => lines.error(&reference, error.code(), &error),
            },
            Action::Leader => match node.leader().await {
                Ok(leader) => lines.reply(&reference, body::leader(leader.as_ref())),
                Err(ended) => lines.error(&reference, "left", &ended),
            },
            Action::Status => match node.status().await {
                Ok(status) => lines.reply(&reference, body::status(&status)),
                Err(ended) => lines.error(&reference, "left", &ended),
            },
            Action::Takeover { lost } => match node.takeover(lost).await {
                Ok(()) => lines.reply(&reference, body::taken_over()),
                Err(error) => lines.error(&reference, error.code(), &error),
            },
            Action::Proposals => match node.proposals().await {
                Ok(all) => lines.reply(&reference, proposals::list(&all)),
                Err(ended) => lines.error(&reference, "left", &ended),
            },
            Action::Leave => return Some(Departure::Asked),
            Action::Lines(_) if lines.0.waiting() > MAX_BEFORE_PAGE_BYTES => {
                lines.error(&reference, "busy", &"what was printed is not read yet: read it, then ask again");
            }
            Action::Msg { .. }
            | Action::Members
            | Action::Lines(_)
            | Action::Calc { .. }
            | Action::Propose { .. }
            | Action::Vote { .. }
                if !beside.has_room() =>
            {
                let message = format!("{} commands wait for their answers: wait for some of them", Beside::MAX_OPEN);
                lines.error(&reference, "busy", &message);
            }
            Action::Msg { to, text } => beside.open(async move {
                match node.msg(&to, &text).await {
                    Ok(delivery) => lines.reply(&reference, body::delivered(&delivery)),
                    Err(error) => lines.error(&reference, error.code(), &error),
                }
            }),
            Action::Members => beside.open(async move {
                match node.members().await {
                    Ok(members) => lines.reply(&reference, body::members(&members)),
                    Err(error) => lines.error(&reference, error.code(), &error),
                }
            }),
            Action::Calc { expression } => beside.open(async move {
                match node.calc(&expression).await {
                    Ok(value) => lines.reply(&reference, proposals::value(value)),
                    Err(error) => lines.error(&reference, error.code(), &error),
                }
            }),
            Action::Propose { text } => beside.open(async move {
                match node.propose(&text).await {
                    Ok(id) => lines.reply(&reference, proposals::proposed(&id)),
                    Err(error) => lines.error(&reference, error.code(), &error),
                }
            }),
            Action::Vote { proposal, consent } => beside.open(async move {
                match node.vote(proposal, consent).await {
                    Ok(state) => lines.reply(&reference, proposals::voted(state)),
                    Err(error) => lines.error(&reference, error.code(), &error),
                }
            }),
            Action::Lines(query) => beside.open(async move {
                let reads_on = matches!(query, HistoryQuery::From(..));
                match node.history(query).await {
                    Ok(page) => {
                        let page = if reads_on { pages::keep_first(page) } else { pages::keep_last(page) };
                        lines.reply(&reference, history::page(&page));
                    }
                    Err(error) => lines.error(&reference, error.code(), &error),
                }
            }),
        }
        None
    }
}

/// Where answers go.
#[derive(Clone)]
struct Lines(Output);

impl Lines {
    fn reply(&self, reference: &Reference, body: impl Serialize) {
        self.0.line(&line::answer("reply", reference, body));
    }

    fn error(&self, reference: &Reference, code: &str, message: &dyn std::fmt::Display) {
        self.0.line(&line::error(reference, code, message));
    }
}

/// The stable word for what went wrong.
trait Code {
    fn code(&self) -> &'static str;
}

impl Code for TextError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong(_) => "too_long",
        }
    }
}

impl Code for SayError {
    fn code(&self) -> &'static str {
        match self {
            Self::Text(error) => error.code(),
            Self::BacklogFull(_) => "backlog_full",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for MsgError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownMember(_) => "unknown_member",
            Self::Text(error) => error.code(),
            Self::Ended(_) => "left",
        }
    }
}

impl Code for HistoryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Words(_) => "no_words",
            Self::Disk(_) => "disk_failed",
            Self::Gone(_) => "gone",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for TakeoverError {
    fn code(&self) -> &'static str {
        match self {
            Self::Held => "quorum_held",
            Self::NotLeader(_) => "not_leader",
            Self::Others(_) => "wrong_lost",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for RequestError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoLeader => "no_leader",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for CalcError {
    fn code(&self) -> &'static str {
        match self {
            Self::Expression(_) => "bad_expression",
            Self::Request(error) => error.code(),
        }
    }
}

impl Code for ProposeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Text(error) => error.code(),
            Self::TooMany => "too_many_proposals",
            Self::NoQuorum => "no_quorum",
            Self::BacklogFull(_) => "backlog_full",
            Self::Ended(_) => "left",
        }
    }
}

impl Code for VoteError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownProposal(_) => "unknown_proposal",
            Self::NotAnElector => "not_an_elector",
            Self::NoQuorum => "no_quorum",
            Self::BacklogFull(_) => "backlog_full",
            Self::Ended(_) => "left",
        }
    }
}
