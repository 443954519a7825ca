//! The member as a program sees it: newline-delimited JSON on stdin and stdout.

mod body;
mod code;
mod command;
mod history;
mod line;
mod proposals;

use std::fmt::Display;

use futures::{StreamExt as _, stream};
use node::{Event, HistoryQuery, Node};
use serde::Serialize;

use crate::exit::Failure;
use crate::input::{self, Input, MAX_LINE_BYTES};
use crate::options::Options;
use crate::output::Output;
use crate::pages::{self, MAX_BEFORE_PAGE_BYTES};
use crate::session::{self, Beside, Departure, Face};
use crate::signals::Signals;
use code::Code;
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
        let message = match &action {
            Action::Lines(_) if lines.0.waiting() > MAX_BEFORE_PAGE_BYTES => {
                Some("what was printed is not read yet: read it, then ask again".to_owned())
            }
            action if action.is_long() && !beside.has_room() => {
                Some(format!("{} commands wait for their answers: wait for some of them", Beside::MAX_OPEN))
            }
            _ => None,
        };
        if let Some(message) = message {
            lines.error(&reference, "busy", &message);
            return None;
        }
        let to = Asker { lines, reference };
        match action {
            Action::Leave => return Some(Departure::Asked),
            Action::Say { text } => to.answer(node.say(&text).await, |id| to.reply(body::said(id))),
            Action::Leader => to.answer(node.leader().await, |leader| to.reply(body::leader(leader.as_ref()))),
            Action::Status => to.answer(node.status().await, |status| to.reply(body::status(status))),
            Action::Takeover { lost } => to.answer(node.takeover(lost).await, |()| to.reply(body::taken_over())),
            Action::Proposals => to.answer(node.proposals().await, |all| to.reply(proposals::list(all))),
            Action::Msg { to: whom, text } => beside.open(async move {
                to.answer(node.msg(&whom, &text).await, |delivery| to.reply(body::delivered(delivery)));
            }),
            Action::Members => beside.open(async move {
                to.answer(node.members().await, |members| to.reply(body::members(members)));
            }),
            Action::Calc { expression } => beside.open(async move {
                to.answer(node.calc(&expression).await, |value| to.reply(proposals::value(*value)));
            }),
            Action::Propose { text } => beside.open(async move {
                to.answer(node.propose(&text).await, |id| to.reply(proposals::proposed(id)));
            }),
            Action::Vote { proposal, consent } => beside.open(async move {
                to.answer(node.vote(proposal, consent).await, |state| to.reply(proposals::voted(*state)));
            }),
            Action::Lines(query) => beside.open(async move {
                let reads_on = matches!(query, HistoryQuery::From(..));
                let keep = if reads_on { pages::keep_first } else { pages::keep_last };
                to.answer(node.history(query).await.map(keep), |page| to.reply(history::page(page)));
            }),
        }
        None
    }
}

/// Where answers go.
#[derive(Clone)]
struct Lines(Output);

impl Lines {
    fn error(&self, reference: &Reference, code: &str, message: &dyn Display) {
        self.0.line(&line::error(reference, code, message));
    }
}

/// Whoever gave a command, and what it is to be reminded of with the answer.
struct Asker {
    lines: Lines,
    reference: Reference,
}

impl Asker {
    /// Replies with what there is, or says what went wrong.
    fn answer<T>(&self, result: Result<T, impl Code + Display>, reply: impl FnOnce(&T)) {
        match result {
            Ok(answer) => reply(&answer),
            Err(error) => self.lines.error(&self.reference, error.code(), &error),
        }
    }

    fn reply(&self, body: impl Serialize) {
        self.lines.0.line(&line::answer("reply", &self.reference, body));
    }
}
