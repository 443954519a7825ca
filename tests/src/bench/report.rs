//! The lines that a member prints.

use std::fmt;
use std::str::FromStr;

/// What a member reports. Times are nanoseconds of CLOCK_MONOTONIC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Report {
    /// It is linked to all others.
    Ready,
    /// It learnt that the leader is another one.
    Leader { at: u64, member: u16 },
    /// That member's socket closed.
    Closed { at: u64, member: u16 },
    /// It has sent all of a phase.
    Sent { phase: u32, began: u64, ended: u64 },
    /// It has received all of a flood.
    Done { phase: u32, at: u64 },
    /// It has received all of a paced phase, with how long the messages took.
    Latency { phase: u32, at: u64, least: u64, p50: u64, p99: u64, most: u64 },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("READY"),
            Self::Leader { at, member } => write!(f, "LEADER {at} m{member}"),
            Self::Closed { at, member } => write!(f, "CLOSED {at} m{member}"),
            Self::Sent { phase, began, ended } => write!(f, "SENT {phase} {began} {ended}"),
            Self::Done { phase, at } => write!(f, "DONE {phase} {at}"),
            Self::Latency { phase, at, least, p50, p99, most } => {
                write!(f, "LAT {phase} {at} {least} {p50} {p99} {most}")
            }
        }
    }
}

impl FromStr for Report {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        parse(line).ok_or_else(|| format!("`{line}` is nothing that a member prints"))
    }
}

fn parse(line: &str) -> Option<Report> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let numbers: Option<Vec<u64>> =
        rest.split_whitespace().map(|word| word.trim_start_matches('m').parse().ok()).collect();
    let numbers = numbers?;
    let phase = || u32::try_from(*numbers.first()?).ok();
    Some(match (word, &numbers[..]) {
        ("READY", []) => Report::Ready,
        ("LEADER", [at, member]) => Report::Leader { at: *at, member: u16::try_from(*member).ok()? },
        ("CLOSED", [at, member]) => Report::Closed { at: *at, member: u16::try_from(*member).ok()? },
        ("SENT", [_, began, ended]) => Report::Sent { phase: phase()?, began: *began, ended: *ended },
        ("DONE", [_, at]) => Report::Done { phase: phase()?, at: *at },
        ("LAT", [_, at, least, p50, p99, most]) => {
            Report::Latency { phase: phase()?, at: *at, least: *least, p50: *p50, p99: *p99, most: *most }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_comes_back_as_it_was_printed() {
        let reports = [
            (Report::Ready, "READY"),
            (Report::Leader { at: 5, member: 3 }, "LEADER 5 m3"),
            (Report::Closed { at: 5, member: 3 }, "CLOSED 5 m3"),
            (Report::Sent { phase: 1, began: 2, ended: 3 }, "SENT 1 2 3"),
            (Report::Done { phase: 1, at: 2 }, "DONE 1 2"),
            (Report::Latency { phase: 1, at: 2, least: 3, p50: 4, p99: 5, most: 6 }, "LAT 1 2 3 4 5 6"),
        ];
        for (report, line) in reports {
            assert_eq!(report.to_string(), line);
            assert_eq!(line.parse(), Ok(report));
        }
        assert!("DONE 1".parse::<Report>().is_err() && "".parse::<Report>().is_err());
    }
}
