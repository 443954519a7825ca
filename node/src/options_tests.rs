//! The command line is what the interface says, and what is wrong with one is said on one line.

use super::*;

fn parsed(arguments: &str) -> Result<Parsed, Failure> {
    parse(["node"].into_iter().chain(arguments.split_whitespace()).map(OsString::from))
}

fn options(arguments: &str) -> Options {
    match parsed(arguments) {
        Ok(Parsed::Run(options)) => *options,
        Ok(Parsed::Told(text)) => panic!("{text}"),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn what_is_not_said_is_as_the_interface_says() {
    let options = options("--name alice");
    assert_eq!(options.mode, Mode::Console);
    let config = options.config().unwrap();
    assert_eq!(config.name.as_str(), "alice");
    assert_eq!((config.port, config.priority, config.insecure), (8000, 0, false));
    assert_eq!((config.bind, config.advertise, config.group.as_str()), ([127, 0, 0, 1].into(), None, "default"));
    assert!(config.leaders.is_empty() && config.data_dir.is_none() && config.gateway.is_none());
    assert_eq!(config.join_timeout, Duration::from_secs(10));
    assert_eq!((config.heartbeat, config.timeout), (Duration::from_millis(250), Duration::from_secs(1)));
}

#[test]
fn what_is_said_is_taken() {
    let options = options(
        "--name=bob --port 0 --leader localhost:8000 --leader [::1]:9 --bind 0.0.0.0 --advertise a.b:7 --group g \
         --priority 65535 --join-timeout 0.5 --data-dir d/e --gateway 9000 --insecure --heartbeat 20 --timeout 40 --json --headless",
    );
    assert_eq!(options.mode, Mode::Json { events_only: true });
    let config = options.config().unwrap();
    let leaders: Vec<&str> = config.leaders.iter().map(Address::as_str).collect();
    assert_eq!(leaders, ["localhost:8000", "[::1]:9"]);
    assert_eq!((config.port, config.priority, config.insecure), (0, 65535, true));
    assert_eq!(config.advertise.unwrap().as_str(), "a.b:7");
    assert_eq!(config.join_timeout, Duration::from_millis(500));
    assert_eq!(config.data_dir, Some("d/e".into()));
    assert_eq!(config.gateway, Some(9000));
    assert_eq!((config.heartbeat, config.timeout), (Duration::from_millis(20), Duration::from_millis(40)));
}

#[test]
fn what_is_wrong_is_said_on_one_line_with_the_option_and_the_value() {
    for (arguments, says) in [
        ("--port eighty", "--port"),
        ("--port 65536", "65536"),
        ("--port -1", "`-1` is not a port"),
        ("--port", "--port"),
        ("--name --json", "--name"),
        ("--port 1 --port 2", "--port"),
        ("--leader localhost", "`localhost` has no port"),
        ("--leader a:1 b:2", "b:2"),
        ("--bind localhost", "`localhost` is not an IP address"),
        ("--bind 0.0.0.0", "--insecure"),
        ("--bind 0.0.0.0 --insecure", "--advertise"),
        ("--advertise x", "--advertise"),
        ("--priority -1", "`-1` is not a priority"),
        ("--join-timeout soon", "`soon`"),
        ("--join-timeout inf", "`inf`"),
        ("--join-timeout -1", "`-1`"),
        ("--heartbeat 0", "`0`"),
        ("--heartbeat 1.5", "`1.5`"),
        ("--heartbeat 600", "600ms"),
        ("--gateway nine", "`nine` is not a port"),
        ("--data-dir=", "--data-dir"),
        ("--data-dir", "--data-dir"),
        ("--data-dir a --data-dir b", "--data-dir"),
        ("stray", "stray"),
    ] {
        let Err(failure) = parsed(arguments) else { panic!("{arguments} is accepted") };
        let line = failure.to_string();
        assert_eq!(failure.code(), 2, "{arguments}: {line}");
        assert!(line.contains(says), "{arguments}: {line}");
        assert!(!line.contains('\n'), "{arguments}: {line}");
    }
}

#[test]
fn a_name_is_required_and_one_that_is_none_is_refused() {
    assert_eq!(options("--json").config().unwrap_err().code(), 2);
    assert_eq!(options("--name=@bob").config().unwrap_err().code(), 3);
    assert_eq!(options("--name=").config().unwrap_err().code(), 3);
}

#[test]
fn help_and_version_are_told_and_every_option_is_in_the_help() {
    for asked in ["--help", "-h"] {
        let Ok(Parsed::Told(help)) = parsed(asked) else { panic!("{asked}") };
        for option in [
            "name",
            "port",
            "leader",
            "bind",
            "advertise",
            "group",
            "priority",
            "join-timeout",
            "data-dir",
            "gateway",
            "insecure",
            "heartbeat",
            "timeout",
            "json",
            "headless",
        ] {
            assert!(help.contains(&format!("--{option}")), "{option}");
        }
    }
    let Ok(Parsed::Told(version)) = parsed("--version") else { panic!() };
    assert_eq!(version, concat!("node ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let arguments = ["node".into(), "--name".into(), OsString::from_vec(vec![0xff])];
    let Err(failure) = parse(arguments) else { panic!() };
    assert!(failure.code() == 2 && !failure.to_string().contains('\n'));
}
