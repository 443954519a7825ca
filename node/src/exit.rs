//! How the program ends: every failure is one line on stderr and an exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use node::{NameError, StartError, text};
use thiserror::Error;

use crate::logs::LogError;
use crate::output::Trouble;

/// Why the program ends with something other than 0.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The command line cannot be used.
    #[error("{0}")]
    Arguments(String),
    /// The name given is none, and there is nobody to ask for another.
    #[error("`{given}` is not a name: {reason}: choose another --name")]
    Name {
        /// What was given.
        given: String,
        /// Why it is no name.
        reason: NameError,
    },
    /// The logs cannot be kept.
    #[error(transparent)]
    Logs(#[from] LogError),
    /// The member did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was to be printed could not be.
    #[error("{0}")]
    Output(Trouble),
    /// The operating system refused something that never fails on a healthy machine.
    #[error("cannot {what}: {source}: check the limits of this process (ulimit -a)")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The member fell out of its group.
    #[error(
        "out of the group: another run of the same peer took over, or a fault within: start it again (RUST_LOG=info \
         says more)"
    )]
    Fault,
}

impl Failure {
    /// The exit code that scripts see.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Output(_) | Self::System { .. } | Self::Fault => 1,
            Self::Start(StartError::Interrupted | StartError::IdInUse) => 1,
            Self::Arguments(_) | Self::Logs(_) | Self::Start(StartError::Config(_)) => 2,
            Self::Start(StartError::Listen(transport::ListenError::Config(_))) => 2,
            Self::Name { .. } | Self::Start(StartError::NameRefused { .. }) => 3,
            Self::Start(StartError::NotJoined { .. }) => 4,
            Self::Start(StartError::Listen(_) | StartError::Gateway(_)) => 5,
            Self::Start(StartError::DataDir(_)) => 6,
        }
    }

    /// Prints the one line and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        // A closed stderr must not turn one failure into another.
        let _ = writeln!(io::stderr(), "node: {}", self.line());
        ExitCode::from(self.code())
    }

    /// What failed, with which value, and what to do, on one line whatever was typed.
    fn line(&self) -> String {
        text::escape(&self.to_string()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use node::{ConfigError, NameRefusal, OpenError};

    use super::*;

    #[test]
    fn each_failure_has_the_exit_code_that_scripts_are_written_against() {
        let listen = |port: u16| {
            let source = io::Error::from(io::ErrorKind::AddrInUse);
            transport::ListenError::Bind { address: ([127, 0, 0, 1], port).into(), source }
        };
        let name = "bob".parse().unwrap();
        for (failure, code) in [
            (Failure::Fault, 1),
            (Failure::Output(Trouble::Overflow), 1),
            (Failure::Arguments("x".into()), 2),
            (StartError::Config(ConfigError::Insecure([0, 0, 0, 0].into())).into(), 2),
            (StartError::Listen(transport::ListenError::Config(transport::ConfigError::Heartbeat)).into(), 2),
            (Failure::Name { given: String::new(), reason: NameError::Empty }, 3),
            (StartError::NameRefused { name, reason: NameRefusal::InUse }.into(), 3),
            (StartError::NotJoined { limit: Duration::from_secs(10), attempts: Vec::new() }.into(), 4),
            (StartError::Listen(listen(8000)).into(), 5),
            (StartError::Gateway(listen(9000)).into(), 5),
            (StartError::DataDir(OpenError::Foreign("/a".into())).into(), 6),
        ] {
            assert_eq!(failure.code(), code, "{failure}");
        }
    }

    #[test]
    fn a_failure_is_one_line_whatever_was_typed() {
        let failure = Failure::Name { given: "a\nnode: all is well\x1b[2J".into(), reason: NameError::WhiteSpace };
        assert_eq!(
            failure.line(),
            "`a\\nnode: all is well\\u{1b}[2J` is not a name: a name has no white space: choose another --name"
        );
    }
}
