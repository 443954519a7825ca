//! The command line: the only file that names structopt.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use node::{Address, Config, Name};
use structopt::StructOpt;
use structopt::clap::{AppSettings, Error, ErrorKind};

use crate::exit::Failure;

/// Where a member listens unless told otherwise.
const USUAL_PORT: u16 = 8000;

/// A day: more than anybody looks for a group, and far from where moments in time overflow.
const MAX_SECONDS: f64 = 86_400.0;

/// An hour, likewise.
const MAX_MILLISECONDS: u64 = 3_600_000;

const ABOUT: &str = "A group chat with no server: every member is linked to every other, one of them leads, and any of \
                     them may die.";

const MORE: &str = "\
EXAMPLES:
    node --name alice                                     start a group on port 8000
    node --name bob --port 8001 --leader localhost:8000   join it, from another terminal

On the console, what is typed is said to everyone; @help lists the commands, @exit leaves.

EXIT CODES:
    0  left the group: @exit, end of input, SIGINT or SIGTERM
    1  internal fault
    2  unusable arguments
    3  name refused: in use, or not a name
    4  could not join
    5  could not listen
    6  data directory locked, damaged or not writable

Diagnostics go to stderr; RUST_LOG=info (or debug, trace) shows more of them.";

/// What the command line asks for.
pub(crate) enum Parsed {
    /// The help or the version, to be printed.
    Told(String),
    /// A member.
    Run(Box<Options>),
}

/// How the member is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// To a person.
    Console,
    /// To a program.
    Json {
        /// No input is read.
        events_only: bool,
    },
    /// To nobody.
    Headless,
}

/// A member, as the command line has it.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How it is shown.
    pub(crate) mode: Mode,
    /// Where logs are kept.
    pub(crate) log_dir: Option<PathBuf>,
    /// The name given, a name or not.
    pub(crate) name: Option<String>,
    /// Everything else; its name is a stand-in.
    settings: Config,
}

impl Options {
    /// The settings of a member with the name given on the command line.
    ///
    /// # Errors
    ///
    /// There is none, or it is not a name.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let Some(given) = &self.name else {
            let message = "--name is missing: say who you are, for example --name alice, or see node --help";
            return Err(Failure::Arguments(message.into()));
        };
        let name = Name::from_str(given).map_err(|reason| Failure::Name { given: given.clone(), reason })?;
        Ok(self.config_as(name))
    }

    /// The settings of a member with this name.
    pub(crate) fn config_as(&self, name: Name) -> Config {
        Config { name, ..self.settings.clone() }
    }
}

/// Reads the command line, the program's own name first.
///
/// # Errors
///
/// The arguments are unusable.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, Failure> {
    match Arguments::from_iter_safe(arguments) {
        Ok(Arguments { version: true, .. }) => Ok(Parsed::Told(concat!("node ", env!("CARGO_PKG_VERSION")).into())),
        Ok(arguments) => {
            let options = arguments.into_options();
            options.settings.validate().map_err(|error| Failure::Start(error.into()))?;
            Ok(Parsed::Run(Box::new(options)))
        }
        Err(error) => match error.kind {
            ErrorKind::HelpDisplayed => Ok(Parsed::Told(error.message)),
            _ => Err(Failure::Arguments(one_line(&error))),
        },
    }
}

#[derive(StructOpt)]
#[structopt(
    name = "node",
    about = ABOUT,
    after_help = MORE,
    global_setting = AppSettings::AllowNegativeNumbers,
    global_setting = AppSettings::DeriveDisplayOrder,
    global_setting = AppSettings::UnifiedHelpMessage,
    // Otherwise clap panics at an argument that is not UTF-8, and prints the version itself.
    global_setting = AppSettings::StrictUtf8,
    global_setting = AppSettings::DisableVersion,
    help_message = "Print this help",
)]
// No option has a default in clap's sense: with one, clap takes an option without its value for the default.
struct Arguments {
    /// Who you are: 1 to 32 characters, no white space, not starting with @, unique in the group. Asked for on a
    /// terminal, otherwise required
    #[structopt(long, value_name = "NAME")]
    name: Option<String>,

    /// Where to listen for other members; 0 takes any free port [default: 8000]
    #[structopt(long, value_name = "PORT", parse(try_from_str = port))]
    port: Option<u16>,

    /// A member to join through, leader or not; may be repeated. Without one a group is started
    #[structopt(long = "leader", value_name = "HOST:PORT", number_of_values = 1)]
    leaders: Vec<Address>,

    /// The address to listen on. Anything but loopback needs --insecure [default: 127.0.0.1]
    #[structopt(long, value_name = "IP", parse(try_from_str = ip))]
    bind: Option<IpAddr>,

    /// The address that others are told to dial [default: the listening address]
    #[structopt(long, value_name = "HOST:PORT")]
    advertise: Option<Address>,

    /// The group's name: members of another group are refused [default: default]
    #[structopt(long, value_name = "NAME")]
    group: Option<String>,

    /// 0 to 65535: the higher leads; among equals the oldest member leads [default: 0]
    #[structopt(long, value_name = "N", parse(try_from_str = priority))]
    priority: Option<u16>,

    /// How long to look for somebody to join, in seconds [default: 10]
    #[structopt(long, value_name = "S", parse(try_from_str = seconds))]
    join_timeout: Option<Duration>,

    /// Where identity and history are kept, so that a member that is started again is the same one. Made if need be, save
    /// for the directories above it [default: none: every run is a new member]
    #[structopt(long, value_name = "PATH", parse(try_from_str = directory))]
    data_dir: Option<PathBuf>,

    /// Keep connections.log and chat.log in this directory, a file a day each. Made if need be [default: none]
    #[structopt(long, value_name = "PATH", parse(try_from_str = directory))]
    log_dir: Option<PathBuf>,

    /// Serve clients of the byte protocol on this port, traditionally 9000; 0 takes any free port [default: off]
    #[structopt(long, value_name = "PORT", parse(try_from_str = port))]
    gateway: Option<u16>,

    /// Allow an address other than loopback although nothing is encrypted and nobody has to prove who they are
    #[structopt(long)]
    insecure: bool,

    /// How often a leader, and an idle link, proves that it lives, in milliseconds [default: 250]
    #[structopt(long, value_name = "MS", parse(try_from_str = milliseconds))]
    heartbeat: Option<Duration>,

    /// How long silence is borne, in milliseconds; at least twice the heartbeat [default: 1000]
    #[structopt(long, value_name = "MS", parse(try_from_str = milliseconds))]
    timeout: Option<Duration>,

    /// Speak newline-delimited JSON on stdin and stdout instead of the console
    #[structopt(long)]
    json: bool,

    /// No console and no input: run until SIGINT or SIGTERM. With --json, events only
    #[structopt(long)]
    headless: bool,

    /// Print the version
    #[structopt(long, short = "V")]
    version: bool,
}

impl Arguments {
    fn into_options(self) -> Options {
        let mode = match (self.json, self.headless) {
            (true, events_only) => Mode::Json { events_only },
            (false, true) => Mode::Headless,
            (false, false) => Mode::Console,
        };
        let usual = Config { port: USUAL_PORT, ..Config::new(stand_in()) };
        let settings = Config {
            port: self.port.unwrap_or(usual.port),
            bind: self.bind.unwrap_or(usual.bind),
            advertise: self.advertise,
            leaders: self.leaders,
            group: self.group.unwrap_or(usual.group),
            priority: self.priority.unwrap_or(usual.priority),
            join_timeout: self.join_timeout.unwrap_or(usual.join_timeout),
            data_dir: self.data_dir,
            gateway: self.gateway,
            insecure: self.insecure,
            heartbeat: self.heartbeat.unwrap_or(usual.heartbeat),
            timeout: self.timeout.unwrap_or(usual.timeout),
            name: usual.name,
        };
        Options { mode, log_dir: self.log_dir, name: self.name, settings }
    }
}

/// The name of a member whose settings are checked before its own name is known.
fn stand_in() -> Name {
    "somebody".parse().expect("eight letters are a name")
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is not a port: it is a number from 0 to 65535"))
}

fn priority(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is not a priority: it is a number from 0 to 65535"))
}

fn ip(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an IP address: write it in digits, for example 127.0.0.1 or ::1"))
}

fn directory(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("an empty text is not a path".into()) } else { Ok(text.into()) }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(ms @ 1..=MAX_MILLISECONDS) => Ok(Duration::from_millis(ms)),
        _ => Err(format!("`{text}` is not a time in milliseconds: it is a whole number from 1 to {MAX_MILLISECONDS}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let whole = text.parse().ok().filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
    let duration = whole.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| format!("`{text}` is not a time in seconds: it is a number from 0 to {MAX_SECONDS}"))
}

/// What clap says on several lines, said on one.
fn one_line(error: &Error) -> String {
    if error.kind == ErrorKind::InvalidUtf8 {
        return "an argument is not UTF-8: type it again; see node --help".into();
    }
    let what = error.message.split("\n\n").next().unwrap_or_default();
    let what = what.trim_start_matches("error:").split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{what}; see node --help")
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
