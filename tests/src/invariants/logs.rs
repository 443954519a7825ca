//! Every member's log, looked at after each step: what has changed is told to the rules that it concerns.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Instant;

use history::{Config, Entry, Index, Lineage, Log};
use transport::PeerId;

use super::advance::{Advance, Standing};
use super::agreement::Agreement;
use super::attempts::Attempts;
use super::ballots::Ballots;
use super::causes::Causes;
use super::eligible::Eligible;
use super::histories::Histories;
use super::kept::Kept;
use super::{Coverage, Verdict, configs};

/// What must hold of logs.
#[derive(Debug, Default)]
pub struct Logs {
    /// Any two agree.
    pub agreement: Agreement,
    /// Nothing goes back.
    pub advance: Advance,
    /// One leader a ballot, one log a ballot.
    pub ballots: Ballots,
    /// What was decided stays.
    pub kept: Kept,
    /// Why lines lose their places.
    pub causes: Causes,
    /// Two attempts agree.
    pub attempts: Attempts,
    /// For which histories others are given up.
    pub eligible: Eligible,
    /// Which histories there are.
    pub histories: Histories,
    /// Which processes were looked at.
    seen: BTreeSet<u32>,
}

impl Logs {
    /// Looks at a member's log, if it has changed.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn look(&mut self, run: u32, log: &Log<PeerId>, coverage: &mut Coverage, at: Instant) -> Verdict {
        let now = standing(log);
        let before = self.advance.last(run);
        let is_first = self.seen.insert(run);
        if now == before {
            return Ok(());
        }
        coverage.restarts += u64::from(is_first && log.first_in_memory() > 1);
        self.advance.note(run, now)?;
        self.look_at_histories(run, log, before, coverage, at)?;
        self.look_at_decided(log, before, now, coverage)?;
        if let Some(ballot) = now.established.filter(|_| log.undecided_configs() > 1) {
            let lineage = accepted_lineage(log);
            let open = |place: &u64| !lineage.at(*place).is_some_and(|of| self.kept.is_decided(of, *place));
            let stands_there = |place: u64| accepted_config(log, place);
            let undecided = (now.decided + 1..=now.len).filter(open).filter_map(stands_there).count();
            configs::check(undecided, ballot)?;
        }
        self.look_at_accepted(log, before, now, coverage)?;
        if let Some(ballot) = now.established.filter(|_| now.established != before.established) {
            coverage.two_configurations += u64::from(log.undecided_configs() > 0);
            let regime = accepted_lineage(log).regime();
            coverage.dead_takeovers += u64::from(regime.is_some_and(|regime| regime.number < ballot.regime.number));
            self.ballots.note_leader(run, log.me(), ballot)?;
            let mut hash = log.hash();
            let places = (now.decided + 1..=now.len).filter_map(|place| log.accepted_entry(Index::new(place)?));
            let hashes: Vec<_> = places
                .map(|entry| {
                    hash = hash.then(entry);
                    hash
                })
                .collect();
            self.kept.note_established(ballot, &accepted_lineage(log), now.decided, &hashes)?;
        }
        Ok(())
    }

    fn look_at_histories(
        &mut self,
        run: u32,
        log: &Log<PeerId>,
        before: Standing,
        coverage: &mut Coverage,
        at: Instant,
    ) -> Verdict {
        let Some(regime) = log.regime() else { return Ok(()) };
        coverage.takeovers += u64::from(self.histories.note(log.me(), regime)?);
        let of = [Some(regime), accepted_lineage(log).regime()];
        self.eligible.note(run, log.me(), of, log.config(), at);
        let goes_on = before.regime.is_none() || log.lineage().at(before.decided) == before.regime;
        if !goes_on {
            coverage.given_up += 1;
            self.eligible.note_given_up(run, regime, at)?;
        }
        Ok(())
    }

    fn look_at_decided(
        &mut self,
        log: &Log<PeerId>,
        before: Standing,
        now: Standing,
        coverage: &mut Coverage,
    ) -> Verdict {
        let switched = before.regime.is_some() && before.regime != now.regime;
        coverage.switches += u64::from(switched);
        let from = if before.regime == now.regime { before.decided } else { 0 };
        let mut config = None;
        for place in from.max(log.first_in_memory() - 1) + 1..=now.decided {
            let entry = Index::new(place).and_then(|index| log.get(index));
            if let (Some(hash), Some(regime)) = (log.hash_at(place), log.lineage().at(place)) {
                let same = before.established.filter(|_| before.established == now.established);
                if let Some(ballot) = same {
                    self.attempts.note(regime, place, ballot, hash)?;
                }
                if let Some(Entry::Line(say)) = entry.map(|entry| &**entry) {
                    self.causes.note_decided(say.id, regime, place);
                }
                self.agreement.note(regime, place, hash)?;
                self.kept.note_decided(regime, place, hash);
            }
            if let Some(Entry::Config(next)) = entry.map(|entry| &**entry) {
                let earlier = || (1..place).rev().find_map(|at| config_at(log, at));
                let last = config.take().or_else(earlier);
                let tie_broken = last.is_some_and(|last| configs::is_tie_broken(last, next));
                coverage.tie_broken += u64::from(tie_broken);
                config = Some(next);
            }
        }
        Ok(())
    }

    fn look_at_accepted(
        &mut self,
        log: &Log<PeerId>,
        before: Standing,
        now: Standing,
        coverage: &mut Coverage,
    ) -> Verdict {
        let Some(ballot) = now.accepted else { return Ok(()) };
        let same = before.accepted == now.accepted;
        if !same && before.accepted.is_some() && now.len < before.len {
            coverage.truncations += 1;
        }
        let from = if same { before.len.max(now.decided) } else { now.decided };
        for place in from + 1..=now.len {
            if let Some(entry) = Index::new(place).and_then(|index| log.accepted_entry(index)) {
                let leads = now.established == Some(ballot);
                coverage.skips += u64::from(leads && matches!(**entry, Entry::Skip { .. }));
                let mut hasher = DefaultHasher::new();
                entry.hash(&mut hasher);
                self.ballots.note_accepted(ballot, place, hasher.finish())?;
            }
        }
        Ok(())
    }
}

fn standing(log: &Log<PeerId>) -> Standing {
    Standing {
        regime: log.regime(),
        decided: log.decided(),
        promised: log.promised(),
        accepted: log.accepted(),
        left: log.left(),
        len: log.accepted_len(),
        established: log.established(),
    }
}

/// The histories of what a member accepted.
fn accepted_lineage(log: &Log<PeerId>) -> Lineage<PeerId> {
    let begins = |place| accepted_config(log, place)?.fork.map(|fork| (place, fork.regime));
    let later: Vec<_> = (log.decided() + 1..=log.accepted_len()).filter_map(begins).collect();
    log.lineage().then(&later)
}

fn config_at(log: &Log<PeerId>, place: u64) -> Option<&Config<PeerId>> {
    config(log.get(Index::new(place)?)?)
}

fn accepted_config(log: &Log<PeerId>, place: u64) -> Option<&Config<PeerId>> {
    config(log.accepted_entry(Index::new(place)?)?)
}

fn config(entry: &Entry<PeerId>) -> Option<&Config<PeerId>> {
    match entry {
        Entry::Config(config) => Some(config),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use history::{LogConfig, LogMessage, RunningHash, Say};

    use super::super::forged::{ballot, line, peer, regime, start};
    use super::*;

    fn founded() -> Arc<Entry<PeerId>> {
        Arc::new(Entry::Config(Config { voters: vec![peer(1)], tie_breaker: peer(1), fork: None }))
    }

    fn entry(number: u64) -> Arc<Entry<PeerId>> {
        let id = line(number);
        Arc::new(Entry::Line(Say { id, lamport: 1, after: None, heads: Vec::new(), body: bytes::Bytes::new() }))
    }

    /// A member that learnt these.
    fn learnt(me: u128, entries: &[Arc<Entry<PeerId>>], now: Instant) -> Log<PeerId> {
        let mut log = Log::new(peer(me), LogConfig::default(), now);
        let entries: Vec<_> = std::iter::once(founded()).chain(entries.iter().cloned()).collect();
        let (hash, decided) = (Some(RunningHash::default()), entries.len() as u64);
        log.handle_message(peer(9), LogMessage::Learn { regime: regime(1), from: 0, hash, entries, decided }, now);
        log
    }

    /// A member that accepted these under one ballot.
    fn accepted(me: u128, entries: &[Arc<Entry<PeerId>>], now: Instant) -> Log<PeerId> {
        let mut log = Log::new(peer(me), LogConfig::default(), now);
        let entries: Vec<_> = std::iter::once(founded()).chain(entries.iter().cloned()).collect();
        let (hash, len) = (Some(RunningHash::default()), entries.len() as u64);
        let (ballot, regime) = (ballot(1, 9), Some(regime(1)));
        let sync = LogMessage::Sync { ballot, regime, prior: None, start: 0, hash, from: 0, entries, len };
        log.handle_message(peer(9), sync, now);
        log
    }

    fn look(logs: &[Log<PeerId>]) -> Verdict {
        let (mut all, mut coverage) = (Logs::default(), Coverage::default());
        (1..).zip(logs).try_for_each(|(run, log)| all.look(run, log, &mut coverage, start()))
    }

    #[test]
    fn two_that_decided_or_accepted_different_entries_are_seen() {
        let now = start();
        for make in [learnt, accepted] {
            look(&[make(1, &[entry(0)], now), make(2, &[entry(0), entry(1)], now)]).unwrap();
            assert!(look(&[make(1, &[entry(0)], now), make(2, &[entry(1)], now)]).is_err());
        }
    }

    #[test]
    fn a_process_whose_log_was_longer_is_seen() {
        let now = start();
        let (mut logs, mut coverage) = (Logs::default(), Coverage::default());
        logs.look(1, &learnt(1, &[entry(0), entry(1)], now), &mut coverage, now).unwrap();
        assert!(logs.look(1, &learnt(1, &[entry(0)], now), &mut coverage, now).is_err());
    }
}
