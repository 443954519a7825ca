//! The member as a person sees it: a line editor on a terminal, plain lines through pipes.
//!
//! The conversation, and the answers to what was asked, go to stdout. What the person did wrong, or cannot have, goes
//! where they see it: above the prompt on a terminal, to stderr otherwise.

mod command;
mod format;
mod gate;
mod terminal;

use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::{Either, select};
use node::{Event, Events, Name, NameError, Node, PeerId, StartError, Timestamp, text};
use transport::runtime::timeout;

use crate::diagnostics;
use crate::exit::Failure;
use crate::input::{self, Input, MAX_LINE_BYTES};
use crate::options::Options;
use crate::output::Output;
use crate::session::{self, Beside, Departure, Face};
use crate::signals::Signals;
use command::Typed;
use format::Shown;
use terminal::Terminal;

/// What the last complaints are given to be written.
const LAST_COMPLAINTS: Duration = Duration::from_millis(100);

/// Joins, talks with the person, leaves.
///
/// # Errors
///
/// The member did not start, or left for a reason that is not anybody's wish.
pub(crate) async fn run(options: Options, signals: Signals) -> Result<(), Failure> {
    let no_thread = |source| Failure::System { what: "start a thread", source };
    match Terminal::open().map_err(no_thread)? {
        Some((terminal, typed, output)) => on_terminal(&options, terminal, typed, output, signals).await,
        None => through_pipes(&options, signals).await,
    }
}

async fn through_pipes(options: &Options, mut signals: Signals) -> Result<(), Failure> {
    let no_thread = |source| Failure::System { what: "start a thread", source };
    let config = options.config()?;
    let output = Output::stdout().map_err(no_thread)?;
    let complaints = Output::stderr().map_err(no_thread)?;
    let Some((node, events)) = session::admit(config, &mut signals, &output).await? else { return Ok(()) };
    let input = input::stdin().map_err(no_thread)?.boxed();
    let mut console = Console::new(node.clone(), output.clone(), complaints.clone(), None);
    let outcome = session::run((node, events), input, signals, output, &mut console).await;
    let _ = timeout(LAST_COMPLAINTS, complaints.written()).await;
    outcome
}

async fn on_terminal(
    options: &Options,
    terminal: Terminal,
    mut typed: mpsc::Receiver<Input>,
    output: Output,
    mut signals: Signals,
) -> Result<(), Failure> {
    diagnostics::show_through(&output);
    let admitted = admit(options, &terminal, &mut typed, &output, &mut signals).await?;
    let Some((node, events)) = admitted else { return Ok(()) };
    let mut console = Console::new(node.clone(), output.clone(), output.clone(), Some(terminal));
    console.prompt();
    session::run((node, events), typed.boxed(), signals, output, &mut console).await
}

/// Joins under a name that the group accepts, which the person is asked for until there is one. `None`: they leave.
async fn admit(
    options: &Options,
    terminal: &Terminal,
    typed: &mut mpsc::Receiver<Input>,
    output: &Output,
    signals: &mut Signals,
) -> Result<Option<(Node, Events)>, Failure> {
    let mut given = options.name.clone();
    loop {
        let answered = match given.take() {
            Some(given) => Some(given),
            None => match select(pin!(terminal.answer("Your name: ", typed)), pin!(signals.next())).await {
                Either::Left((answered, _)) => answered,
                Either::Right(_) => None,
            },
        };
        let Some(answered) = answered else { return Ok(None) };
        let name: Name = match answered.trim().parse() {
            Ok(name) => name,
            Err(reason) => {
                output.line(&not_a_name(&answered, &reason));
                continue;
            }
        };
        match session::admit(options.config_as(name), signals, output).await {
            Err(Failure::Start(refused @ StartError::NameRefused { .. })) => {
                output.line(&text::escape(&refused.to_string()));
            }
            outcome => return outcome,
        }
    }
}

fn not_a_name(given: &str, reason: &NameError) -> String {
    format!("`{}` is not a name: {reason}", text::escape(given))
}

/// A member's face for a person.
struct Console {
    node: Node,
    me: PeerId,
    /// One's own name, which may change when two groups meet.
    name: Name,
    output: Output,
    complaints: Output,
    /// `None`: there is nobody to prompt.
    terminal: Option<Terminal>,
}

impl Face for Console {
    fn show(&mut self, event: Event) {
        if let Event::Renamed { id, to, .. } = &event
            && *id == self.me
        {
            self.name = to.clone();
        }
        match format::event(&event, self.me) {
            Some(Shown::Said(line)) => self.output.line(&line),
            Some(Shown::Complaint(line)) => self.complaints.line(&line),
            None => true,
        };
    }

    async fn act(&mut self, input: Input, beside: &mut Beside) -> Option<Departure> {
        let departure = match input {
            // A paste has many lines; each counts as typed.
            Input::Line(lines) => self.obey_each(&lines, beside).await,
            Input::TooLong => {
                self.complain(&format!("the line is longer than {MAX_LINE_BYTES} bytes: nothing was sent"))
            }
            Input::NotUtf8 => self.complain("the line is not UTF-8: nothing was sent"),
            Input::End => Some(Departure::EndOfInput),
            Input::Interrupted => Some(Departure::Signal),
        };
        if departure.is_none() {
            self.prompt();
        }
        departure
    }

    fn bye(&mut self, _: &Departure) {
        if let Some(terminal) = &mut self.terminal {
            terminal.finish();
        }
    }
}

impl Console {
    fn new(node: Node, output: Output, complaints: Output, terminal: Option<Terminal>) -> Self {
        let (me, name) = (node.id(), node.name().clone());
        Self { node, me, name, output, complaints, terminal }
    }

    /// Asks for the next line.
    fn prompt(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.ask(format!("{}> ", self.name));
        }
    }

    fn complain(&self, line: &str) -> Option<Departure> {
        self.complaints.line(line);
        None
    }

    async fn obey_each(&self, lines: &str, beside: &mut Beside) -> Option<Departure> {
        for line in lines.lines() {
            let departure = match command::parse(line) {
                Ok(typed) => self.obey(typed, beside).await,
                Err(error) => self.complain(&error.to_string()),
            };
            if departure.is_some() {
                return departure;
            }
        }
        None
    }

    /// Does what was typed. What others are asked for is shown when they answer.
    async fn obey(&self, typed: Typed, beside: &mut Beside) -> Option<Departure> {
        match typed {
            Typed::Nothing => {}
            Typed::Say(text) => {
                if let Err(error) = self.node.say(&text).await {
                    return self.complain(&error.to_string());
                }
            }
            Typed::Msg { .. } | Typed::Members if !beside.has_room() => {
                return self.complain("too many questions are open, nothing was sent: wait for some answers");
            }
            Typed::Msg { to, text } => self.msg(to, text, beside),
            Typed::Members => self.members(beside),
            Typed::Leader => match self.node.leader().await {
                Ok(leader) => _ = self.output.line(&format::leader(leader.as_ref(), now())),
                Err(ended) => return self.complain(&ended.to_string()),
            },
            Typed::Status => match self.node.status().await {
                Ok(status) => _ = self.output.line(&format::status(&status)),
                Err(ended) => return self.complain(&ended.to_string()),
            },
            Typed::Help => _ = self.output.line(&format::help()),
            Typed::Exit => return Some(Departure::Asked),
        }
        None
    }

    fn msg(&self, to: String, text: String, beside: &mut Beside) {
        let (node, complaints) = (self.node.clone(), self.complaints.clone());
        beside.open(async move {
            match node.msg(&to, &text).await {
                Ok(delivery) if delivery.delivered => {}
                Ok(_) => {
                    let to = text::escape(&to);
                    complaints.line(&format!("not delivered to {to} within 5 s: {to} may or may not have read it"));
                }
                Err(error) => _ = complaints.line(&error.to_string()),
            }
        });
    }

    fn members(&self, beside: &mut Beside) {
        let (node, me) = (self.node.clone(), self.me);
        let (output, complaints) = (self.output.clone(), self.complaints.clone());
        beside.open(async move {
            match node.members().await {
                Ok(members) => output.line(&format::members(&members, me, now())),
                Err(error) => complaints.line(&error.to_string()),
            };
        });
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
