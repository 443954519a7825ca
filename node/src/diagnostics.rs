//! Diagnostics on stderr, through `tracing`, as `RUST_LOG` asks (`warn` unless told otherwise).

use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::logs;
use crate::output::Output;

/// Where diagnostics are shown while a person is typing on the terminal that stderr is.
static ABOVE_THE_PROMPT: OnceLock<Output> = OnceLock::new();

/// Starts tracing. Called once, before anything else.
pub(crate) fn start() {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // The line editor would tell every key that is pressed.
    if let Ok(directive) = "rustyline=off".parse() {
        filter = filter.add_directive(directive);
    }
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Lines)
        .with_ansi(io::stderr().is_terminal())
        // The alternative is `eprintln!`, which panics when stderr is closed.
        .log_internal_errors(false)
        .with_filter(filter);
    tracing_subscriber::registry().with(lines).with(logs::layer()).init();
}

/// Shows diagnostics above the line being typed from now on, if they would have torn it.
pub(crate) fn show_through(output: &Output) {
    if io::stderr().is_terminal() {
        let _ = ABOVE_THE_PROMPT.set(output.clone());
    }
}

/// Takes one formatted diagnostic a write.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = ABOVE_THE_PROMPT.get().is_some_and(|output| {
            let text = String::from_utf8_lossy(bytes);
            output.line(text.trim_end_matches('\n'))
        });
        if taken { Ok(bytes.len()) } else { io::stderr().write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
