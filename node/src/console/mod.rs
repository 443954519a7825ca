//! The member as a person sees it: a line editor on a terminal, plain lines through pipes.
//!
//! The conversation, and the answers to what was asked, go to stdout. What the person did wrong, or cannot have, goes
//! where they see it: above the prompt on a terminal, to stderr otherwise.

mod command;
mod conversation;
mod format;
mod gate;
mod history;
mod proposals;
mod quorum;
mod takeover;
mod terminal;
mod ticks;

use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::{Either, select};
use node::{
    Event, Events, HistoryQuery, Name, NameError, Node, Page, PeerId, ProposalState, StartError, Timestamp, text,
};
use transport::runtime::timeout;

use crate::diagnostics;
use crate::exit::Failure;
use crate::input::{self, Input, MAX_LINE_BYTES};
use crate::options::Options;
use crate::output::Output;
use crate::pages::{self, MAX_BEFORE_PAGE_BYTES, USUAL_LINES};
use crate::session::{self, Beside, Departure, Face};
use crate::signals::Signals;
use command::Typed;
use conversation::Conversation;
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
    console.greet();
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
    console.greet();
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
    conversation: Conversation,
    /// Whether the person asked to take over, and must say so again.
    asked: Option<takeover::Asked>,
}

impl Face for Console {
    fn show(&mut self, event: Event) {
        if let Event::Renamed { id, to, .. } = &event
            && *id == self.me
        {
            self.name = to.clone();
        }
        let shown = self.conversation.handle(&event, Instant::now());
        self.print(shown);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.conversation.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        let shown = self.conversation.handle_timeout(now);
        self.print(shown);
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
        let conversation = Conversation::new(me);
        Self { node, me, name, output, complaints, terminal, conversation, asked: None }
    }

    /// Says where clients may connect: a port that was any is known to nobody else.
    fn greet(&self) {
        if let Some(address) = self.node.gateway() {
            self.output.line(&format!("**clients may connect to {address}**"));
        }
    }

    fn print(&self, shown: Vec<Shown>) {
        for shown in shown {
            match shown {
                Shown::Said(line) => self.output.line(&line),
                Shown::Complaint(line) => self.complaints.line(&line),
            };
        }
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

    async fn obey_each(&mut self, lines: &str, beside: &mut Beside) -> Option<Departure> {
        // Nothing but Enter is a line as well: it is an answer to what was asked.
        for line in lines.split('\n') {
            let asked = self.asked.take();
            let departure = match command::parse(line.strip_suffix('\r').unwrap_or(line)) {
                Ok(typed) => self.obey(typed, asked, beside).await,
                Err(error) => self.complain(&error.to_string()),
            };
            if departure.is_some() {
                return departure;
            }
        }
        None
    }

    /// Does what was typed. What others are asked for is shown when they answer.
    async fn obey(&mut self, typed: Typed, asked: Option<takeover::Asked>, beside: &mut Beside) -> Option<Departure> {
        match typed {
            Typed::Nothing => {}
            Typed::Say(text) => {
                if let Err(error) = self.node.say(&text).await {
                    return self.complain(&error.to_string());
                }
            }
            Typed::History(_) | Typed::Search(_) if self.output.waiting() > MAX_BEFORE_PAGE_BYTES => {
                return self.complain("what was shown is not read yet: read it, then ask again");
            }
            Typed::Msg { .. }
            | Typed::Members
            | Typed::History(_)
            | Typed::Search(_)
            | Typed::Calc(_)
            | Typed::Propose(_)
            | Typed::Vote { .. }
                if !beside.has_room() =>
            {
                return self.complain("too many questions are open, nothing was sent: wait for some answers");
            }
            Typed::Msg { to, text } => self.msg(to, text, beside),
            Typed::Members => self.members(beside),
            Typed::Leader => match self.node.leader().await {
                Ok(leader) => _ = self.output.line(&format::leader(leader.as_ref(), now())),
                Err(ended) => return self.complain(&ended.to_string()),
            },
            Typed::Status => match self.node.status().await {
                Ok(status) => _ = self.output.line(&format::status(&status, self.node.gateway())),
                Err(ended) => return self.complain(&ended.to_string()),
            },
            Typed::History(lines) => self.look_up(HistoryQuery::Last(lines), history::last, beside),
            Typed::Search(words) => self.look_up(HistoryQuery::Search(words, USUAL_LINES), history::found, beside),
            Typed::Takeover(word) if word.is_empty() => return self.ask_for_takeover().await,
            Typed::Takeover(word) => return self.take_over(asked, &word).await,
            Typed::Calc(expression) => self.calc(expression, beside),
            Typed::Propose(text) => self.propose(text, beside),
            Typed::Vote { number, consent } => self.vote(number, consent, beside),
            Typed::Proposals => match self.node.proposals().await {
                Ok(all) => _ = self.output.line(&proposals::all(&all)),
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

    fn calc(&self, expression: String, beside: &mut Beside) {
        let (node, output, complaints) = (self.node.clone(), self.output.clone(), self.complaints.clone());
        beside.open(async move {
            match node.calc(&expression).await {
                Ok(value) => output.line(&value.to_string()),
                Err(error) => complaints.line(&error.to_string()),
            };
        });
    }

    fn propose(&self, text: String, beside: &mut Beside) {
        let (node, complaints) = (self.node.clone(), self.complaints.clone());
        beside.open(async move {
            if let Err(error) = node.propose(&text).await {
                complaints.line(&error.to_string());
            }
        });
    }

    fn vote(&self, number: u64, consent: bool, beside: &mut Beside) {
        let (node, complaints) = (self.node.clone(), self.complaints.clone());
        beside.open(async move {
            let all = node.proposals().await.unwrap_or_default();
            let trouble = match all.into_iter().find(|proposal| proposal.number == number) {
                None => Some(format!("there is no proposal #{number}: @proposals lists them")),
                Some(found) if found.state != ProposalState::Open => {
                    Some(format!("proposal #{number} is decided already: {}", found.state.as_str()))
                }
                Some(found) => node.vote(found.id, consent).await.err().map(|error| error.to_string()),
            };
            trouble.into_iter().for_each(|trouble| _ = complaints.line(&trouble));
        });
    }

    fn look_up(&self, query: HistoryQuery, show: fn(&Page) -> String, beside: &mut Beside) {
        let (node, output, complaints) = (self.node.clone(), self.output.clone(), self.complaints.clone());
        beside.open(async move {
            match node.history(query).await {
                Ok(page) => output.line(&show(&pages::keep_last(page))),
                Err(error) => complaints.line(&text::escape(&error.to_string())),
            };
        });
    }

    async fn ask_for_takeover(&mut self) -> Option<Departure> {
        match self.node.status().await {
            Ok(status) => match takeover::ask(&status, Instant::now()) {
                Ok((asked, question)) => {
                    self.asked = Some(asked);
                    self.output.line(&question);
                    None
                }
                Err(why_not) => self.complain(&why_not),
            },
            Err(ended) => self.complain(&ended.to_string()),
        }
    }

    async fn take_over(&self, asked: Option<takeover::Asked>, word: &str) -> Option<Departure> {
        let lost = match takeover::answer(asked, word, Instant::now()) {
            Ok(lost) => lost,
            Err(why_not) => return self.complain(&why_not),
        };
        let without = lost.join(", ");
        match self.node.takeover(lost).await {
            Ok(()) => {
                self.output.line(&format!("going on without {without}"));
                None
            }
            Err(error) => self.complain(&format!("nothing was taken over: {error}")),
        }
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
