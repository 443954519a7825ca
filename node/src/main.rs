//! The program `node`: one member of a group chat that has no server.
//!
//! What happens here is shown and asked for; what decides is the library. The program holds no state of the group:
//! everything that it prints comes from an event or from an answer of [`node::Node`].

mod console;
mod diagnostics;
mod exit;
mod headless;
mod input;
mod json;
mod logs;
mod options;
mod output;
mod pages;
mod session;
mod signals;

use std::process::ExitCode;

use exit::Failure;
use options::{Mode, Parsed};
use signals::Signals;

fn main() -> ExitCode {
    diagnostics::start();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run() -> Result<(), Failure> {
    let options = match options::parse(std::env::args_os())? {
        Parsed::Told(text) => return output::tell(&text),
        Parsed::Run(options) => *options,
    };
    let _logs = options.log_dir.as_deref().map(logs::open).transpose()?;
    transport::runtime::block_on(async {
        let signals = Signals::listen().map_err(|source| Failure::System { what: "listen for signals", source })?;
        match options.mode {
            Mode::Console => console::run(options, signals).await,
            Mode::Json { events_only } => json::run(options, events_only, signals).await,
            Mode::Headless => headless::run(options, signals).await,
        }
    })
}
