//! What a receiver has got of each phase.

use super::clock::now_ns;
use super::contract::Header;
use super::report::Report;

/// What a receiver has got of the phases that are not over for it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    phases: Vec<Phase>,
    /// Which of them the last message was of: most likely the next is too.
    last: usize,
}

#[derive(Debug)]
struct Phase {
    number: u32,
    missing: u64,
    latencies: Option<Vec<u64>>,
}

impl Tally {
    /// A message came. If it was the last of its phase, what there is to report.
    #[inline]
    pub(crate) fn note(&mut self, header: Header) -> Option<Report> {
        let phase = match self.phases.get_mut(self.last) {
            Some(phase) if phase.number == header.phase => phase,
            _ => self.find(header),
        };
        if let Some(latencies) = &mut phase.latencies {
            latencies.push(now_ns().saturating_sub(header.sent_ns));
        }
        phase.missing -= 1;
        (phase.missing == 0).then(|| self.phases.swap_remove(self.last).report(now_ns()))
    }

    /// The phases that are not over, and how many messages each still lacks.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (u32, u64)> {
        self.phases.iter().map(|phase| (phase.number, phase.missing))
    }

    fn find(&mut self, header: Header) -> &mut Phase {
        let known = self.phases.iter().position(|phase| phase.number == header.phase);
        self.last = known.unwrap_or_else(|| {
            let missing = u64::from(header.n).max(1) * u64::from(header.senders).max(1);
            let latencies = header.kind.is_paced().then(Vec::new);
            self.phases.push(Phase { number: header.phase, missing, latencies });
            self.phases.len() - 1
        });
        &mut self.phases[self.last]
    }
}

impl Phase {
    fn report(self, at: u64) -> Report {
        let phase = self.number;
        let Some(mut latencies) = self.latencies else {
            return Report::Done { phase, at };
        };
        latencies.sort_unstable();
        let last = latencies.len() - 1;
        let [least, p50, p99, most] = [0, last / 2, last * 99 / 100, last].map(|place| latencies[place]);
        Report::Latency { phase, at, least, p50, p99, most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contract::{Go, Kind};

    fn header(phase: u32, kind: Kind) -> Header {
        Go { phase, kind, n: 2, size: 64, rate: 0, senders: 2 }.header(0)
    }

    #[test]
    fn a_phase_is_over_with_the_last_of_its_messages() {
        let mut tally = Tally::default();
        let reports: Vec<_> = (0..4).map(|_| tally.note(header(1, Kind::CastFlood))).collect();
        assert!(reports[..3].iter().all(Option::is_none));
        assert!(matches!(reports[3], Some(Report::Done { phase: 1, .. })));
        assert_eq!(tally.missing().count(), 0);
    }

    #[test]
    fn phases_may_overlap() {
        let mut tally = Tally::default();
        for phase in [1, 2, 1, 2, 1, 2] {
            assert_eq!(tally.note(header(phase, Kind::CastPaced)), None);
        }
        assert_eq!(tally.missing().collect::<Vec<_>>(), [(1, 1), (2, 1)]);
        assert!(matches!(tally.note(header(1, Kind::CastPaced)), Some(Report::Latency { phase: 1, .. })));
        assert!(tally.note(header(2, Kind::CastPaced)).is_some());
    }
}
