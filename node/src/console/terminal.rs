//! The terminal: a line editor on a thread of its own, above whose line others' lines appear.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread;

use futures::SinkExt as _;
use futures::StreamExt as _;
use futures::channel::mpsc;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Cmd, Context, Editor, ExternalPrinter, Helper, KeyEvent};

use super::gate::{Gate, Turn};
use crate::input::{Input, MAX_LINES_WAITING};
use crate::output::{Output, write_all};

/// What ends bracketed paste, which the editor begins.
const BRACKETED_PASTE_OFF: &[u8] = b"\x1b[?2004l\n";

/// A person's terminal.
pub(super) struct Terminal {
    /// `None` once nothing more is asked.
    prompts: Option<std_mpsc::Sender<String>>,
    gate: Arc<Gate>,
    /// How the terminal was before the editor had it.
    before: Option<Termios>,
}

impl Terminal {
    /// Takes the terminal that stdin and stdout are: what is typed, and a way to print. `None`: they are none.
    ///
    /// # Errors
    ///
    /// No thread could be started.
    pub(super) fn open() -> io::Result<Option<(Self, mpsc::Receiver<Input>, Output)>> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Ok(None);
        }
        let gate = Arc::new(Gate::new());
        let Ok(mut editor) = Editor::<Watch, DefaultHistory>::new() else { return Ok(None) };
        // A member that is stopped is taken for dead by the others, and the editor does not survive it well.
        editor.bind_sequence(KeyEvent::ctrl('Z'), Cmd::Noop);
        // A terminal that cannot move its cursor has none; the editor then reads plain lines.
        let printer = editor.create_external_printer().ok();
        if printer.is_some() {
            editor.set_helper(Some(Watch(gate.clone())));
        }
        let (prompts, asked) = std_mpsc::channel();
        let (lines, typed) = mpsc::channel(MAX_LINES_WAITING);
        thread::Builder::new().name("editor".into()).spawn(move || edit(editor, &asked, lines))?;
        let mut way = Way { gate: gate.clone(), printer };
        let output = Output::start("terminal", move |lines| way.print(lines))?;
        let before = tcgetattr(stdin()).ok();
        Ok(Some((Self { prompts: Some(prompts), gate, before }, typed, output)))
    }

    /// Asks for one line, behind this prompt. Its answer is one [`Input`].
    pub(super) fn ask(&self, prompt: String) {
        if let Some(prompts) = &self.prompts {
            // The editor ends only after it has said so.
            let _ = prompts.send(prompt);
        }
    }

    /// Asks for one line and waits for it; `None`: the person wants to leave.
    pub(super) async fn answer(&self, prompt: &str, typed: &mut mpsc::Receiver<Input>) -> Option<String> {
        self.ask(prompt.into());
        match typed.next().await {
            Some(Input::Line(line)) => Some(line),
            _ => None,
        }
    }

    /// Asks nothing more.
    pub(super) fn finish(&mut self) {
        self.prompts = None;
    }
}

impl Drop for Terminal {
    /// Takes the terminal back from an editor that still waits for a line.
    fn drop(&mut self) {
        let Some(before) = &self.before else { return };
        if self.gate.turn() != Turn::Printer {
            // The terminal may be gone, which is no reason to fail.
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
            let _ = write_all(stdout(), BRACKETED_PASTE_OFF);
        }
    }
}

/// Edits one line for each prompt, until the person or the program wants no more.
fn edit(
    mut editor: Editor<Watch, DefaultHistory>,
    prompts: &std_mpsc::Receiver<String>,
    mut lines: mpsc::Sender<Input>,
) {
    while let Ok(prompt) = prompts.recv() {
        let gate = editor.helper().map(|watch| watch.0.clone());
        if let Some(gate) = &gate {
            gate.opening();
        }
        let typed = editor.readline(&prompt);
        if let Some(gate) = &gate {
            gate.closed();
        }
        let input = match typed {
            Ok(line) => {
                // History is in memory; nothing can go wrong with it.
                let _ = editor.add_history_entry(line.as_str());
                Input::Line(line)
            }
            Err(ReadlineError::Interrupted) => Input::Interrupted,
            Err(ReadlineError::Eof) => Input::End,
            Err(error) => {
                tracing::warn!(%error, "the terminal cannot be read: taken for the end of input");
                Input::End
            }
        };
        if transport::runtime::block_on(lines.send(input)).is_err() {
            return;
        }
    }
}

/// The way to print.
struct Way<P> {
    gate: Arc<Gate>,
    /// `None`: the terminal cannot move its cursor.
    printer: Option<P>,
}

impl<P: ExternalPrinter> Way<P> {
    /// Prints whole lines, above the line being typed if there is one.
    fn print(&mut self, lines: &[u8]) -> io::Result<()> {
        let Some(printer) = &mut self.printer else { return write_all(stdout(), lines) };
        let turn = self.gate.wait();
        // An editor that has ended prints nothing more.
        if turn.is_none() && printer.print(String::from_utf8_lossy(lines).into_owned()).is_ok() {
            return Ok(());
        }
        write_all(stdout(), lines)
    }
}

/// Tells the gate when a prompt is drawn and when a line is accepted.
struct Watch(Arc<Gate>);

impl Hinter for Watch {
    type Hint = String;

    /// Called when the line is drawn, by then through the editor.
    fn hint(&self, _: &str, _: usize, _: &Context<'_>) -> Option<String> {
        self.0.opened();
        None
    }
}

impl Validator for Watch {
    /// Called when Enter is pressed.
    fn validate(&self, _: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        self.0.closing();
        Ok(ValidationResult::Valid(None))
    }
}

impl Completer for Watch {
    type Candidate = String;
}

impl Highlighter for Watch {}

impl Helper for Watch {}
