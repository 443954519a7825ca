//! A history is given up only for one that has a quorum (N6): the dead never outrank the living.
//!
//! What a leader showed may be old when it is acted on. So a quorum counts for a while after it was last there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use history::{Config, Regime};
use transport::PeerId;

use super::Verdict;

/// How old what a leader showed may be.
const STALE: Duration = Duration::from_secs(10);

/// A process that is awake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Member {
    id: PeerId,
    /// The history of what it knows to be decided, and of what it accepted.
    of: [Option<Regime<PeerId>>; 2],
}

/// Who is of which history, and which of them have a quorum.
#[derive(Debug, Default)]
pub struct Eligible {
    members: BTreeMap<u32, Member>,
    /// The last configuration of each history, with its place.
    configs: BTreeMap<Regime<PeerId>, (u64, Config<PeerId>)>,
    /// When each history had a quorum last.
    had: BTreeMap<Regime<PeerId>, Instant>,
    /// Who is stopped.
    asleep: BTreeMap<u32, Member>,
    woke: BTreeMap<u32, Instant>,
}

impl Eligible {
    /// A process is of this history, and its accepted log of the other; who has to agree in the former.
    pub fn note(
        &mut self,
        run: u32,
        id: PeerId,
        of: [Option<Regime<PeerId>>; 2],
        config: Option<(u64, &Config<PeerId>)>,
        now: Instant,
    ) {
        let member = Member { id, of };
        let newer = |regime, at| self.configs.get(&regime).is_none_or(|(known, _)| *known < at);
        let news = of[0].zip(config).filter(|(regime, (at, _))| newer(*regime, *at));
        if self.members.get(&run) == Some(&member) && news.is_none() {
            return;
        }
        self.count(now);
        if let Some((regime, (at, config))) = news {
            self.configs.insert(regime, (at, config.clone()));
        }
        self.members.insert(run, member);
        self.count(now);
    }

    /// A process is stopped, or goes on.
    pub fn paused(&mut self, run: u32, paused: bool, now: Instant) {
        self.count(now);
        let (from, to) = match paused {
            true => (&mut self.members, &mut self.asleep),
            false => (&mut self.asleep, &mut self.members),
        };
        to.extend(from.remove_entry(&run));
        self.woke.insert(run, now);
    }

    /// A process has ended.
    pub fn ended(&mut self, run: u32, now: Instant) {
        self.count(now);
        self.members.remove(&run);
        self.asleep.remove(&run);
        self.woke.remove(&run);
    }

    /// A process gives its history up for this one.
    ///
    /// # Errors
    ///
    /// That has had no quorum for long.
    pub fn note_given_up(&mut self, run: u32, to: Regime<PeerId>, now: Instant) -> Verdict {
        self.count(now);
        let is_old = |at: &Instant| now.saturating_duration_since(*at) > STALE;
        // Whoever was stopped acts on what came before.
        let was_awake = self.woke.get(&run).is_none_or(is_old);
        if was_awake && self.had.get(&to).is_none_or(is_old) {
            return Err(format!("it gives its history up for {to:?}, which has no quorum"));
        }
        Ok(())
    }

    /// Notes which histories have a quorum.
    fn count(&mut self, now: Instant) {
        for (regime, (_, config)) in &self.configs {
            let is_of = |voter: &&PeerId| {
                self.members.values().any(|member| member.id == **voter && member.of.contains(&Some(*regime)))
            };
            let (here, all) = (config.voters.iter().filter(is_of).count(), config.voters.len());
            if 2 * here > all || 2 * here == all && is_of(&&config.tie_breaker) {
                self.had.insert(*regime, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{peer, regime, start};
    use super::*;

    /// 1 is left of a group of three; 4 and 5 are a group.
    fn story() -> (Eligible, Instant) {
        let (mut story, now) = (Eligible::default(), start());
        let config = |voters: &[u128]| {
            let voters: Vec<_> = voters.iter().copied().map(peer).collect();
            Config { tie_breaker: voters[0], voters, fork: None }
        };
        for (run, founder, voters) in [(1, 1, &[1, 2, 3][..]), (4, 4, &[4, 5]), (5, 4, &[4, 5])] {
            let of = [Some(regime(founder)), None];
            story.note(run, peer(run.into()), of, Some((3, &config(voters))), now);
        }
        (story, now)
    }

    #[test]
    fn a_history_that_is_given_up_for_one_without_a_quorum_is_seen() {
        let (mut eligible, now) = story();
        eligible.note_given_up(1, regime(4), now).unwrap();
        assert!(eligible.note_given_up(4, regime(1), now).is_err());
    }

    #[test]
    fn a_quorum_of_which_the_tie_breaker_ended_or_is_stopped_counts_for_a_while() {
        type End = fn(&mut Eligible, Instant);
        for end in [(|eligible, now| eligible.ended(4, now)) as End, |eligible, now| eligible.paused(4, true, now)] {
            let (mut eligible, now) = story();
            end(&mut eligible, now);
            eligible.note_given_up(1, regime(4), now + STALE).unwrap();
            assert!(eligible.note_given_up(1, regime(4), now + STALE * 2).is_err());
        }
    }
}
