//! The command line of the benchmarks.

/// What people are told.
pub(crate) const USAGE: &str = "\
usage: scripts/bench [--runs N] [--only ROWS] [--quick]

Measures five members of the mesh on loopback beside five of a plain TCP mesh, and prints one table of medians.

  --runs N     how often everything is measured (5)
  --only ROWS  failover, traffic, latency, footprint or history
  --quick      two runs of shorter phases: to see that it works, not to compare
  --help       this text
";

/// What is measured, and how often.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Options {
    /// How often everything is measured.
    pub(crate) runs: usize,
    /// The one group of rows to measure.
    pub(crate) only: Option<Rows>,
    /// How long a flood of ours lasts, in seconds.
    pub(crate) flood_seconds: f64,
    /// How long a paced phase lasts, in seconds.
    pub(crate) paced_seconds: f64,
    /// How many entries a long history has.
    pub(crate) long_history: u32,
    /// For how long idle members are watched, in seconds.
    pub(crate) idle_seconds: f64,
}

/// A group of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rows {
    /// A leader dies, or hangs.
    Failover,
    /// Floods.
    Traffic,
    /// Messages at a rate.
    Latency,
    /// Memory and processor.
    Footprint,
    /// Confirming, catching up, a long history.
    History,
}

/// What a command line asks for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Wanted {
    /// To measure.
    Table(Options),
    /// To be told how.
    Usage,
}

impl Options {
    /// Whether a group of rows is measured.
    pub(crate) fn wants(&self, rows: Rows) -> bool {
        self.only.is_none_or(|only| only == rows)
    }
}

/// What the arguments ask for.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Wanted, String> {
    let mut options = Options {
        runs: 5,
        only: None,
        flood_seconds: 1.2,
        paced_seconds: 1.5,
        long_history: 1_000_000,
        idle_seconds: 10.0,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" => return Ok(Wanted::Usage),
            "--runs" => options.runs = runs(&value()?)?,
            "--only" => options.only = Some(rows(&value()?)?),
            "--quick" => {
                options = Options {
                    runs: 2,
                    flood_seconds: 0.3,
                    paced_seconds: 0.3,
                    long_history: 50_000,
                    idle_seconds: 2.0,
                    ..options
                };
            }
            _ => return Err(format!("there is no option {argument}")),
        }
    }
    Ok(Wanted::Table(options))
}

fn runs(text: &str) -> Result<usize, String> {
    let runs = text.parse().ok().filter(|runs| (1..=1000).contains(runs));
    runs.ok_or_else(|| format!("--runs takes a number from 1 to 1000, not `{text}`"))
}

fn rows(text: &str) -> Result<Rows, String> {
    match text {
        "failover" => Ok(Rows::Failover),
        "traffic" => Ok(Rows::Traffic),
        "latency" => Ok(Rows::Latency),
        "footprint" => Ok(Rows::Footprint),
        "history" => Ok(Rows::History),
        _ => Err(format!("--only takes failover, traffic, latency, footprint or history, not `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Wanted, String> {
        parse(line.split_whitespace().map(ToOwned::to_owned))
    }

    #[test]
    fn options_are_taken_in_any_order() {
        let Ok(Wanted::Table(options)) = parsed("--only latency --quick --runs 3") else { panic!() };
        assert_eq!((options.runs, options.only), (3, Some(Rows::Latency)));
        assert!(!options.wants(Rows::Traffic) && options.wants(Rows::Latency));
        assert_eq!(parsed("--runs 3 --help"), Ok(Wanted::Usage));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, wrong) in [("--runs", "value"), ("--runs 0", "`0`"), ("--only fun", "fun"), ("fast", "fast")] {
            assert!(parsed(line).unwrap_err().contains(wrong), "{line}");
        }
    }
}
