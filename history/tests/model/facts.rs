//! What must hold where histories meet: remembered of a run, and looked at after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use history::{Ballot, Entry, Index, Log, Regime, RunningHash};

use crate::group::Id;

/// Something that is possible, and has happened in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Seen {
    /// A log left its history for another.
    GivenUp,
    /// A place lost its entry.
    TakenBack,
    /// The beginning of a takeover is decided.
    TakenOver,
    /// A leader established on the promise of one that left its history.
    LeftCounted,
    /// A leader handed the lead over.
    HandedOver,
    /// A promise kept its log back, and its leader established.
    Withheld,
    /// A line is decided in a history after another gave way to it.
    LineAfter,
    /// One history was established again after another had begun.
    OldAgain,
}

impl Seen {
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("a history is given up", Self::GivenUp),
        ("a place is taken back", Self::TakenBack),
        ("a takeover is decided", Self::TakenOver),
        ("a promise of one that left its history counts", Self::LeftCounted),
        ("the lead is handed over", Self::HandedOver),
        ("a promise keeps its log back", Self::Withheld),
        ("a line is decided after a history was given up", Self::LineAfter),
        ("the history before a takeover is established again", Self::OldAgain),
    ];
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Facts {
    /// What was decided in each history at each place, and under which ballot.
    decided: BTreeMap<(Regime<Id>, u64), Decided>,
    /// Each ballot under which somebody led.
    ballots: BTreeSet<Ballot<Id>>,
    /// What each peer took back, and for which history, until something stands there again or it leaves that one too.
    taken_back: BTreeMap<(Id, u64), TakenBack>,
    pub(crate) seen: BTreeSet<Seen>,
    pub(crate) broken: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Decided {
    entry: Arc<Entry<Id>>,
    by: Option<Ballot<Id>>,
}

/// The hash that stood at a place, and the history for which it was given up.
type TakenBack = (RunningHash, Option<Regime<Id>>);

/// How a log stood before something happened to it.
pub(crate) struct Before {
    regime: Option<Regime<Id>>,
    hashes: Vec<RunningHash>,
    pub(crate) established: Option<Ballot<Id>>,
}

impl Before {
    pub(crate) fn of(log: &Log<Id>) -> Self {
        let hashes = (1..=log.decided()).filter_map(|at| log.hash_at(at)).collect();
        Self { regime: log.regime(), hashes, established: log.established() }
    }
}

impl Facts {
    pub(crate) fn fail(&mut self, what: &'static str) {
        self.broken.get_or_insert(what);
    }

    /// A peer begins anew, and is told all that is decided once more.
    pub(crate) fn begin(&mut self, id: Id) {
        self.taken_back.retain(|(peer, _), _| *peer != id);
    }

    /// N1: all of one history agree on each place, and a leader is the first to know what is decided. N5: nothing is taken
    /// back that stands there again.
    pub(crate) fn decided(&mut self, id: Id, log: &Log<Id>, before: &Before, index: Index, entry: Arc<Entry<Id>>) {
        let at = index.number();
        let regime = log.lineage().at(at).or(before.regime);
        if let (Some(lost), Some(now)) = (self.taken_back.remove(&(id, at)), log.hash_at(at))
            && lost == (now, log.regime())
        {
            self.fail("N5: a place was taken back, and has the same again");
        }
        let Some(regime) = regime else { return };
        let by = log.established().or(before.established);
        match self.decided.get(&(regime, at)) {
            Some(known) if known.entry != entry => self.fail("N1: two of one history decide differently"),
            Some(_) => {}
            None if by.is_none() && at > 1 => self.fail("N1: a follower decides by itself"),
            None => {
                if matches!(&*entry, Entry::Config(config) if config.fork.is_some()) {
                    self.seen.insert(Seen::TakenOver);
                }
                if matches!(&*entry, Entry::Line(_)) && self.seen.contains(&Seen::GivenUp) {
                    self.seen.insert(Seen::LineAfter);
                }
                self.decided.insert((regime, at), Decided { entry, by });
            }
        }
    }

    /// N3: a log takes nothing back but for another history.
    pub(crate) fn undecided(&mut self, id: Id, log: &Log<Id>, before: &Before, index: Index) {
        let at = index.number();
        self.seen.insert(Seen::TakenBack);
        if log.regime() == before.regime {
            self.fail("N3: a place is taken back in the history that it stands in");
        }
        let hash = usize::try_from(at - 1).ok().and_then(|at| before.hashes.get(at));
        self.taken_back.extend(hash.map(|hash| ((id, at), (*hash, log.regime()))));
    }

    /// N3: without a takeover and with one foundation nothing is ever taken back.
    pub(crate) fn settled(&mut self, id: Id, log: &Log<Id>, before: &Before, takeovers: u8) {
        if before.regime.is_some() && log.regime() != before.regime {
            self.seen.insert(Seen::GivenUp);
            self.taken_back.retain(|(peer, _), (_, to)| *peer != id || *to == log.regime());
        }
        let foundations = self.decided.keys().filter(|(regime, _)| regime.number == 0).map(|(regime, _)| regime);
        let is_one = foundations.collect::<BTreeSet<_>>().len() < 2;
        if is_one && takeovers == 0 && self.seen.contains(&Seen::TakenBack) {
            self.fail("N3: a place is taken back where nothing met and nobody took over");
        }
    }

    /// Each ballot is established once. N2: what was decided in a history under a lesser ballot is in each log that is
    /// established there, and in each that descends from it.
    pub(crate) fn established(&mut self, log: &Log<Id>, before: &Before) {
        let Some(ballot) = log.established().filter(|ballot| before.established != Some(*ballot)) else {
            return;
        };
        if !self.ballots.insert(ballot) {
            self.fail("a ballot has two leaders");
        }
        let regimes = accepted_regimes(log);
        let at_place = |at: u64| regimes.iter().rev().find(|(from, _)| *from <= at).map(|(_, regime)| *regime);
        let lacks = self.decided.iter().any(|((regime, at), decided)| {
            let has = Index::new(*at).and_then(|at| log.accepted_entry(at)) == Some(&decided.entry);
            at_place(*at) == Some(*regime) && decided.by < Some(ballot) && !has
        });
        if lacks {
            self.fail("N2: a leader lacks what was decided in its history");
        }
        let mine = regimes.last().map(|(_, regime)| *regime);
        if self.decided.keys().any(|(regime, _)| Some(*regime) > mine && self.seen.contains(&Seen::TakenOver)) {
            self.seen.insert(Seen::OldAgain);
        }
    }
}

/// The history of an accepted log.
pub(crate) fn accepted_regime(log: &Log<Id>) -> Option<Regime<Id>> {
    accepted_regimes(log).last().map(|(_, regime)| *regime)
}

/// The histories of an accepted log, each from its first place on.
fn accepted_regimes(log: &Log<Id>) -> Vec<(u64, Regime<Id>)> {
    let known = (1..=log.decided()).filter_map(|at| Some((at, log.lineage().at(at)?)));
    let begins = |at: u64| match &**log.accepted_entry(Index::new(at)?)? {
        Entry::Config(config) if at == 1 => Some((at, Regime::founded(config.tie_breaker))),
        Entry::Config(config) => config.fork.map(|fork| (at, fork.regime)),
        _ => None,
    };
    let mut regimes: Vec<_> = known.chain((log.decided() + 1..=log.accepted_len()).filter_map(begins)).collect();
    regimes.dedup_by_key(|(_, regime)| *regime);
    regimes
}
