//! A command line of `node`, put together.

use std::process::Command;
use std::sync::Arc;

use crate::bell::{Bell, PATIENCE};
use crate::process::Process;
use crate::program;

/// What a peer is started with. Whatever is not said has the program's own default, but for the port: any free one.
#[derive(Clone, Debug)]
pub struct Launch {
    name: String,
    group: String,
    port: u16,
    leaders: Vec<String>,
    namespace: Option<String>,
    more: Vec<String>,
}

/// How a run ended, and all that it wrote.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// The lines of its stdout.
    pub stdout: Vec<String>,
    /// The lines of its stderr.
    pub stderr: Vec<String>,
}

impl Launch {
    /// A peer that founds a group.
    pub fn new(name: &str, group: &str) -> Self {
        let (name, group) = (name.into(), group.into());
        Self { name, group, port: 0, leaders: Vec::new(), namespace: None, more: Vec::new() }
    }

    /// Joins through a member at this address; may be said again.
    #[must_use]
    pub fn leader(mut self, address: impl Into<String>) -> Self {
        self.leaders.push(address.into());
        self
    }

    /// Listens on this port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Runs in this network namespace.
    #[must_use]
    pub fn inside(mut self, namespace: String) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Any other option, with its value.
    #[must_use]
    pub fn with(mut self, option: &str, value: impl ToString) -> Self {
        self.more.extend([option.to_owned(), value.to_string()]);
        self
    }

    /// A switch, without a value.
    #[must_use]
    pub fn switch(mut self, option: &str) -> Self {
        self.more.push(option.to_owned());
        self
    }

    /// The name asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The command, with its console on stdin and stdout.
    pub fn command(&self) -> Command {
        let mut command = self.program();
        command.args(["--name", &self.name, "--group", &self.group, "--port", &self.port.to_string()]);
        for leader in &self.leaders {
            command.args(["--leader", leader]);
        }
        command.args(&self.more);
        command
    }

    fn program(&self) -> Command {
        let Some(namespace) = &self.namespace else { return Command::new(program::node()) };
        // `ip` starts no process but becomes the program: its process id is the peer's.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program::node());
        command
    }

    /// The same with JSON instead of the console.
    pub fn json(&self) -> Command {
        let mut command = self.command();
        command.arg("--json");
        command
    }

    /// Runs it with JSON and no input until it ends by itself.
    pub fn run(&self) -> Outcome {
        Outcome::of(&self.name, &mut self.json())
    }
}

impl Outcome {
    /// Runs a command, without input, until it ends by itself.
    ///
    /// # Panics
    ///
    /// If it runs for longer than twice [`PATIENCE`]: the longest that a failing join may take by default, and some.
    pub fn of(label: &str, command: &mut Command) -> Self {
        // Where lines are counted, none is wanted that was not asked for here.
        let command = command.env_remove("RUST_LOG");
        let process = Process::start(label, command, Arc::new(Bell::default()), |_| ());
        process.close_stdin();
        let code = process.exit_code_within(PATIENCE * 2);
        Self { code, stdout: process.stdout(), stderr: process.stderr() }
    }
}
