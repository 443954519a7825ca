//! A line is shown at every unpaused member that could reach a holder for 3 s without a break (I8).
//!
//! Three seconds are enough where somebody offers it over a link: its author to all, and whoever comes in reach to the other. Where it
//! was lost, because neighbours that should have passed it on disagreed for a moment, its author ended in the middle of saying it or a
//! queue was full, it spreads from one member to a random other each second, which takes a few seconds more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use node::MessageId;
use transport::PeerId;

use super::Verdict;

/// How long a line may take, with the lateness of timers and of messages.
const WITHIN: Duration = Duration::from_millis(3200);

/// How much longer one may be held that may follow another, which its hearer lacks: an answer is not shown before what it answers.
const HOLD: Duration = Duration::from_secs(5);

/// How much longer one may take that nobody offers: each asks one other a second.
const GOSSIP: Duration = Duration::from_secs(7);

/// How many processes are followed; those that start later are not.
const FOLLOWED: u32 = 128;

/// A set of the processes that are followed.
type Runs = u128;

/// What is known of one line.
#[derive(Debug)]
struct Line {
    id: MessageId,
    said: Instant,
    author: u32,
    /// Who was a member when it was said.
    hearers: Runs,
    shown: Runs,
    /// Since when the last of its holders has had it.
    last_shown: Instant,
    since: BTreeMap<u32, Instant>,
}

/// How one can reach another.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Since when without a break; another path is one.
    since: Instant,
    /// Over a link of their own.
    direct: bool,
    /// It was out of reach before: the two have compared what they have.
    met: bool,
}

/// Who said what, who was shown what, and who could reach whom.
#[derive(Debug, Default)]
pub struct Spread {
    lines: Vec<Line>,
    ids: BTreeMap<PeerId, u32>,
    living: Runs,
    /// Since when each process has been running, unpaused.
    awake: BTreeMap<u32, Instant>,
    member: Runs,
    /// How one can reach another.
    reach: BTreeMap<(u32, u32), Way>,
    /// When each last met a log of another history, of which somebody has the beginning no longer in memory.
    apart: BTreeMap<u32, Instant>,
    /// How many lines each was told to have missed.
    skipped: BTreeMap<u32, u64>,
    /// When the first proposal or vote was said. They are said as lines are, and lines may follow them; who has them is not
    /// followed.
    proposed_at: Option<Instant>,
    /// Until when messages were lost.
    lossy_until: Option<Instant>,
    lossy: bool,
}

fn bit(run: u32) -> Runs {
    if run < FOLLOWED { 1 << run } else { 0 }
}

fn runs(mut set: Runs) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let run = (set != 0).then(|| set.trailing_zeros())?;
        set &= set - 1;
        Some(run)
    })
}

impl Spread {
    /// A process has started.
    pub fn note_started(&mut self, run: u32, id: PeerId, now: Instant) {
        self.ids.insert(id, run);
        self.living |= bit(run);
        self.awake.insert(run, now);
    }

    /// It has ended.
    pub fn note_ended(&mut self, run: u32) {
        self.living &= !bit(run);
        self.awake.remove(&run);
    }

    /// It is stopped, or goes on.
    pub fn note_paused(&mut self, run: u32, paused: bool, now: Instant) {
        if paused {
            self.awake.remove(&run)
        } else {
            self.awake.insert(run, now)
        };
    }

    /// It is a member.
    pub fn note_member(&mut self, run: u32, _now: Instant) {
        self.member |= bit(run);
    }

    /// It can reach a peer, over a link or not; or by another way than before.
    pub fn note_reached(&mut self, run: u32, peer: PeerId, direct: bool, now: Instant) {
        if let Some(pair) = self.pair(run, peer) {
            let met = !self.reach.contains_key(&pair);
            self.reach.insert(pair, Way { since: now, direct, met });
        }
    }

    /// It cannot reach a peer any longer.
    pub fn note_lost(&mut self, run: u32, peer: PeerId) {
        if let Some(pair) = self.pair(run, peer) {
            self.reach.remove(&pair);
        }
    }

    /// Whom a process has reached for so long without a break, itself included.
    pub fn reached_since(&self, run: u32, now: Instant, time: Duration) -> Vec<u32> {
        let is_long = |way: &Way| way.since + time <= now;
        let awake = |other: &u32| self.awake.get(other).is_some_and(|since| *since + time <= now);
        let reached = self.reach.range((run, 0)..=(run, u32::MAX)).filter(|(_, way)| is_long(way));
        reached.map(|((_, other), _)| *other).filter(awake).chain([run]).collect()
    }

    fn pair(&self, run: u32, peer: PeerId) -> Option<(u32, u32)> {
        let other = *self.ids.get(&peer)?;
        (bit(run) != 0 && bit(other) != 0).then_some((run, other))
    }

    /// A process meets a log of another history, of which nobody may have the beginning in memory: that comes when one gives way.
    pub fn note_apart(&mut self, run: u32, now: Instant) {
        self.apart.insert(run, now);
    }

    /// Messages find full queues from here on, or no longer: what must be within its bounds is not.
    pub fn note_loss(&mut self, lossy: bool, now: Instant) {
        if self.lossy || lossy {
            self.lossy_until = Some(now);
        }
        self.lossy = lossy;
    }

    /// A process says a line, while these are members.
    pub fn note_said(&mut self, id: MessageId, by: u32, members: &[u32], now: Instant) {
        let hearers = members.iter().fold(0, |hearers, run| hearers | bit(*run));
        let line = Line {
            id,
            said: now,
            author: by,
            hearers,
            shown: bit(by),
            last_shown: now,
            since: BTreeMap::from([(by, now)]),
        };
        self.lines.push(line);
    }

    /// A proposal or a vote is said.
    pub fn note_proposed(&mut self, now: Instant) {
        self.proposed_at.get_or_insert(now);
    }

    /// A line is shown.
    pub fn note_shown(&mut self, id: MessageId, run: u32, now: Instant) {
        if let Some(line) = self.lines.iter_mut().rev().find(|line| line.id == id)
            && line.shown & bit(run) == 0
        {
            line.shown |= bit(run);
            line.last_shown = now;
            line.since.insert(run, now);
        }
    }

    /// A process went on from a snapshot, or began its log anew: what is in there and was not shown is not shown any more.
    pub fn note_leapt(&mut self, run: u32) {
        for line in &mut self.lines {
            line.hearers &= !bit(run);
        }
    }

    /// A process was told that it missed lines, which nobody had any longer.
    pub fn note_skipped(&mut self, run: u32, lines: u64) {
        *self.skipped.entry(run).or_default() += lines;
    }

    /// Looks whether everybody has what it must have.
    ///
    /// # Errors
    ///
    /// Who lacks which line.
    pub fn check(&self, now: Instant) -> Verdict {
        if self.lossy {
            return Ok(());
        }
        for line in &self.lines {
            let lacking = line.hearers & self.living & !line.shown;
            if lacking == 0 || now.saturating_duration_since(line.said) <= WITHIN {
                continue;
            }
            for run in runs(lacking) {
                let lacks_earlier = |other: &Line| other.said < line.said && other.shown & bit(run) == 0;
                let follows =
                    self.proposed_at.is_some_and(|at| at <= line.said) || self.lines.iter().any(lacks_earlier);
                self.check_one(line, run, if follows { WITHIN + HOLD } else { WITHIN }, now)?;
            }
        }
        Ok(())
    }

    fn check_one(&self, line: &Line, run: u32, within: Duration, now: Instant) -> Verdict {
        let Some(awake) = self.awake.get(&run) else { return Ok(()) };
        for holder in runs(line.shown & self.living) {
            let since = || {
                let (there, back) = (self.reach.get(&(run, holder))?, self.reach.get(&(holder, run))?);
                let (reached, held) = (there.since.max(back.since), *line.since.get(&holder)?);
                let sent = holder == line.author && reached <= line.said;
                let compared = there.met && back.met && there.since.min(back.since) >= held;
                let offered = there.direct && back.direct && (sent || compared);
                let lossy = self.lossy_until.filter(|until| line.said <= *until);
                let apart = self.apart.get(&run).copied().unwrap_or(held);
                let since =
                    reached.max(held).max(apart).max(*awake).max(*self.awake.get(&holder)?).max(lossy.unwrap_or(held));
                Some(if offered && lossy.is_none() { since } else { since + GOSSIP })
            };
            let late = since().is_some_and(|since| now.saturating_duration_since(since) > within);
            if late && !self.skipped.contains_key(&run) {
                return Err(format!(
                    "process {run} has reached process {holder} for long, and was not shown line {}",
                    line.id
                ));
            }
        }
        Ok(())
    }

    /// Looks, at the end, whether those of one group that were members were shown what any of them has, save what they were told to
    /// have missed.
    ///
    /// # Errors
    ///
    /// Who missed what.
    pub fn check_at_rest(&self, group: &[u32]) -> Verdict {
        let group = group.iter().fold(0, |group, run| group | bit(*run));
        let mut missed: BTreeMap<u32, Vec<MessageId>> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.shown & group != 0) {
            for run in runs(line.hearers & group & !line.shown) {
                missed.entry(run).or_default().push(line.id);
            }
        }
        let told = |run: &u32| self.skipped.get(run).copied().unwrap_or(0);
        match missed.iter().find(|(run, missed)| missed.len() as u64 > told(run)) {
            Some((run, missed)) => {
                Err(format!("process {run} was told of {} lines that it missed: {missed:?}", told(run)))
            }
            None => Ok(()),
        }
    }

    /// How many lines were said.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{line, peer, start};
    use super::*;

    /// Two members that reach each other; the first says a line.
    fn story(tell: impl FnOnce(&mut Spread, Instant)) -> (Spread, Instant) {
        let (mut spread, now) = (Spread::default(), start());
        for run in [1, 2] {
            spread.note_started(run, peer(run.into()), now);
            spread.note_member(run, now);
        }
        spread.note_reached(1, peer(2), true, now);
        spread.note_reached(2, peer(1), true, now);
        spread.note_said(line(0), 1, &[1, 2], now);
        tell(&mut spread, now);
        (spread, now)
    }

    #[test]
    fn a_line_that_a_reachable_member_lacks_is_seen_after_three_seconds() {
        let (spread, now) = story(|_, _| {});
        spread.check(now + WITHIN).unwrap();
        assert!(spread.check(now + WITHIN * 2).is_err());
        assert!(spread.check_at_rest(&[1, 2]).is_err());
        let (spread, now) = story(|spread, now| spread.note_shown(line(0), 2, now));
        spread.check(now + WITHIN * 2).unwrap();
        spread.check_at_rest(&[1, 2]).unwrap();
    }

    #[test]
    fn a_line_that_may_follow_a_proposal_has_five_seconds_more() {
        let (mut spread, now) = story(|_, _| {});
        spread.note_proposed(now);
        spread.check(now + WITHIN + HOLD).unwrap();
        assert!(spread.check(now + WITHIN * 2 + HOLD).is_err());
    }

    #[test]
    fn whoever_was_stopped_or_out_of_reach_has_three_seconds_from_then_on() {
        let (mut spread, now) = story(|spread, _| spread.note_lost(2, peer(1)));
        spread.check(now + WITHIN * 2).unwrap();
        spread.note_reached(2, peer(1), true, now + WITHIN * 2);
        spread.check(now + WITHIN * 3).unwrap();
        assert!(spread.check(now + WITHIN * 3 + GOSSIP * 2).is_err());
        let (mut spread, now) = story(|spread, now| spread.note_paused(2, true, now));
        spread.check(now + WITHIN * 2).unwrap();
        spread.note_paused(2, false, now + WITHIN * 2);
        assert!(spread.check(now + WITHIN * 4).is_err());
    }

    #[test]
    fn what_another_history_has_no_longer_in_memory_may_come_when_one_gives_way() {
        let (spread, now) = story(|spread, now| spread.note_apart(2, now + WITHIN * 2));
        spread.check(now + WITHIN * 3).unwrap();
        assert!(spread.check(now + WITHIN * 4).is_err());
    }

    #[test]
    fn what_was_lost_in_full_queues_is_to_be_repaired_once_they_are_not() {
        let (mut spread, now) = story(|spread, now| spread.note_loss(true, now));
        spread.check(now + WITHIN * 2).unwrap();
        spread.note_loss(false, now + WITHIN * 2);
        spread.check(now + WITHIN * 3 + GOSSIP).unwrap();
        assert!(spread.check(now + WITHIN * 4 + GOSSIP).is_err());
    }
}
