//! What is remembered of the confirmed history beside the log: the last lines, and what of them a newcomer was only told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use history::{Index, Lineage, MessageId, Say};
use transport::PeerId;

use crate::name::Name;
use crate::wire::Body;

/// How many confirmed lines a newcomer is shown.
const RECENT: usize = 100;

/// How many confirmed things there may be among them at most, lines and others: whoever learns another log than it was told of has
/// to know all that its lines were said after.
const RECENT_OF_ALL: usize = 400;

/// How many bytes they may take.
const RECENT_BYTES: usize = 1 << 20;

/// How long a newcomer's log may take to get what the newcomer was told.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is remembered of the confirmed history beside the log itself.
#[derive(Clone, Debug)]
pub(super) struct Confirmed {
    pub(super) has_disk: bool,
    /// The lines up to this place are shown as earlier ones, if at all: as far as the log has the same histories there.
    pub(super) told_below: u64,
    pub(super) told_in: Lineage<PeerId>,
    /// The last confirmed lines.
    pub(super) recent: VecDeque<Recent>,
    recent_bytes: usize,
    recent_lines: usize,
    /// Of which histories the log was that they were learnt from, and how often it had gone on without telling of every place.
    learnt_in: Lineage<PeerId>,
    leaps: u64,
    /// The lines that were told as earlier ones before the log had them.
    told: BTreeSet<MessageId>,
    /// When what its log does not have by then goes to the pool, from where the others get it.
    offer_at: Option<Instant>,
    /// What its log had decided before this run; of that the owner was shown what is at this place and after, if anything.
    pub(super) restored: u64,
    pub(super) shown_from: Option<Index>,
    /// A line that is seen for the first time by being confirmed.
    pub(super) unseen: Option<Say>,
    /// Whether lines can be confirmed, as far as the owner was told.
    pub(super) quorum: bool,
    /// The voters that were missing when it was told last, if not all of them could be named.
    pub(super) unnamed: Vec<PeerId>,
    /// How the members and the voters are, or were, called.
    pub(super) names: BTreeMap<PeerId, Name>,
    /// Lines that were shown as earlier ones and have no place yet, as far as the owner was told.
    pub(super) waiting: BTreeSet<MessageId>,
    /// Whether the log lets this member go.
    pub(super) left: bool,
}

/// A confirmed line.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    pub(super) index: Index,
    pub(super) say: Say,
    /// Whether the log has it too, or a newcomer has only been told of it.
    pub(super) learnt: bool,
}

impl Confirmed {
    pub(super) fn new(has_disk: bool, decided: (Lineage<PeerId>, u64), recent: Vec<(Index, Say)>) -> Self {
        let (told_in, told_below) = decided;
        let mut confirmed = Self {
            has_disk,
            told_below,
            told_in: told_in.clone(),
            recent: VecDeque::new(),
            recent_bytes: 0,
            recent_lines: 0,
            learnt_in: told_in,
            leaps: 0,
            told: BTreeSet::new(),
            offer_at: None,
            restored: told_below,
            shown_from: None,
            unseen: None,
            quorum: true,
            unnamed: Vec::new(),
            names: BTreeMap::new(),
            waiting: BTreeSet::new(),
            left: false,
        };
        recent.into_iter().for_each(|(index, say)| confirmed.remember(index, say, true));
        confirmed
    }

    /// What the leader has confirmed, which this newcomer is about to learn: it goes on where its own log ends.
    pub(super) fn adopt(&mut self, decided: (Lineage<PeerId>, u64), recent: Vec<(Index, Say)>, now: Instant) {
        if decided.1 >= self.told_below {
            let learnt = self.restored;
            (self.told_in, self.told_below) = decided;
            (self.recent, self.recent_bytes, self.recent_lines) = (VecDeque::new(), 0, 0);
            self.offer_at = Some(now + PATIENCE);
            self.told = recent.iter().map(|(_, say)| say.id).collect();
            recent.into_iter().for_each(|(index, say)| self.remember(index, say, index.number() <= learnt));
        }
    }

    /// The last confirmed lines, for a newcomer.
    pub(super) fn recent(&self) -> Vec<(Index, Say)> {
        self.recent.iter().map(|recent| (recent.index, recent.say.clone())).collect()
    }

    pub(super) fn remember(&mut self, index: Index, say: Say, learnt: bool) {
        if self.recent.back().is_some_and(|last| last.index >= index) {
            return;
        }
        self.recent_bytes += say.body.len();
        self.recent_lines += usize::from(Body::is_line(&say.body));
        self.recent.push_back(Recent { index, say, learnt });
        while self.recent_lines > RECENT || self.recent.len() > RECENT_OF_ALL || self.recent_bytes > RECENT_BYTES {
            let Some(Recent { say, .. }) = self.recent.pop_front() else { return };
            self.discount(&say);
        }
    }

    fn discount(&mut self, say: &Say) {
        self.recent_bytes -= say.body.len();
        self.recent_lines -= usize::from(Body::is_line(&say.body));
    }

    /// The log is so far, with all that is before. The owner is told of this place, and no more in doubt from which run it is.
    pub(super) fn learn(&mut self, index: Index) {
        self.restored = self.restored.min(index.number() - 1);
        if self.told_below > 0 && index.number() >= self.told_below {
            self.told.clear();
        }
        let unlearnt = self.recent.iter_mut().filter(|recent| !recent.learnt);
        unlearnt.take_while(|recent| recent.index <= index).for_each(|recent| recent.learnt = true);
    }

    /// The log's place is not decided any more, nor any after it.
    pub(super) fn unlearn(&mut self, index: Index) {
        self.forget(|recent| recent.learnt && recent.index >= index);
    }

    /// Up to which place what was learnt stands in a log of these histories too.
    pub(super) fn kept(&self, lineage: &Lineage<PeerId>) -> u64 {
        self.learnt_in.shared(lineage)
    }

    /// The log is of these histories. If it went on from a snapshot, what is remembered from before that ends in a gap, and is
    /// forgotten. If it has given way to another history, and no longer had in memory all that it had confirmed, that has no place
    /// any more either: what that is, the last first.
    pub(super) fn leap(&mut self, lineage: &Lineage<PeerId>, leaps: u64) -> Vec<(Index, Say)> {
        if self.leaps >= leaps {
            // Usually nothing is copied.
            if self.learnt_in != *lineage {
                self.learnt_in = lineage.clone();
            }
            return Vec::new();
        }
        self.leaps = leaps;
        let learnt_in = std::mem::replace(&mut self.learnt_in, lineage.clone());
        let mut forgotten = self.forget(|recent| recent.learnt);
        forgotten.retain(|(index, _)| !learnt_in.agrees(lineage, index.number()));
        forgotten
    }

    /// Whether the log shows that what a newcomer was told is not so there: it is so far, and of these histories.
    pub(super) fn is_refuted(&self, lineage: &Lineage<PeerId>, decided: u64) -> bool {
        let seen = decided.min(self.told_below);
        seen > 0 && !self.told_in.agrees(lineage, seen)
    }

    /// Forgets what a newcomer was told, when its log is of other histories, but for what both have in common. What that was, the
    /// last first.
    pub(super) fn forget_told(&mut self, lineage: &Lineage<PeerId>) -> Vec<(Index, Say)> {
        let told_in = self.told_in.clone();
        self.told_below = self.told_below.min(told_in.shared(lineage));
        self.forget(|recent| !recent.learnt && !told_in.agrees(lineage, recent.index.number()))
    }

    fn forget(&mut self, is_wrong: impl Fn(&Recent) -> bool) -> Vec<(Index, Say)> {
        let wrong: Vec<_> = self.recent.iter().rev().filter(|recent| is_wrong(recent)).cloned().collect();
        self.recent.retain(|recent| !is_wrong(recent));
        wrong.iter().for_each(|recent| self.discount(&recent.say));
        wrong.into_iter().map(|recent| (recent.index, recent.say)).collect()
    }

    /// Whether a line was shown because it was told of, so that it is not shown when it comes from a pool.
    pub(super) fn is_told(&self, id: MessageId) -> bool {
        !self.told.is_empty() && self.told.contains(&id)
    }

    /// What a newcomer was told long ago and its log does not have: those who had it may be gone. The last first, once.
    pub(super) fn poll_offer(&mut self, decided: u64, now: Instant) -> Vec<Say> {
        if self.offer_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.offer_at = None;
        self.untaught(decided).rev().map(|(_, say)| say.clone()).collect()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.offer_at
    }

    /// What a newcomer was told, and its log does not have yet.
    pub(super) fn untaught(&self, decided: u64) -> impl DoubleEndedIterator<Item = (Index, &Say)> {
        let untaught = self.recent.iter().filter(move |recent| !recent.learnt && recent.index.number() > decided);
        untaught.map(|recent| (recent.index, &recent.say))
    }

    /// Whether the line at this place, in a log of these histories, is shown as an earlier one, if at all. What this newcomer was
    /// to learn may have been given up before it was here.
    pub(super) fn was_told(&self, index: Index, lineage: &Lineage<PeerId>) -> bool {
        index.number() <= self.told_below && self.told_in.agrees(lineage, index.number())
    }

    /// Whether the owner knows of what the log had at this place: by this run, or from the run before.
    pub(super) fn was_shown(&self, index: Index) -> bool {
        index.number() > self.restored || self.shown_from.is_some_and(|from| from <= index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::clock;
    use super::*;

    fn said(place: u64) -> (Index, Say) {
        let line = crate::wire::Line {
            from: PeerId::random(),
            name: "al".parse().unwrap(),
            sent_at: crate::Timestamp::from_millis(0),
            text: "Hi".into(),
        };
        let body = transport::encode(&Body::Line(line)).unwrap().into();
        let id = MessageId { session: history::Session::new(uuid::Uuid::nil()), number: place };
        (Index::new(place).unwrap(), Say { id, lamport: place + 1, after: None, heads: Vec::new(), body })
    }

    #[test]
    fn the_last_hundred_lines_are_remembered_in_order_and_once() {
        let mut confirmed = Confirmed::new(false, (Lineage::default(), 0), Vec::new());
        for place in (1..=150).chain(100..=150) {
            let (index, say) = said(place);
            confirmed.remember(index, say, true);
        }
        let places: Vec<_> = confirmed.recent().iter().map(|(index, _)| index.number()).collect();
        assert_eq!(places, (51..=150).collect::<Vec<_>>());
    }

    fn places(confirmed: &Confirmed) -> Vec<u64> {
        confirmed.recent().iter().map(|(index, _)| index.number()).collect()
    }

    /// Founded by this peer.
    fn founded(n: u128) -> Lineage<PeerId> {
        Lineage::known_from(1, history::Regime::founded(PeerId::new(uuid::Uuid::from_u128(n))))
    }

    #[test]
    fn what_lost_its_place_is_no_longer_remembered() {
        let mut confirmed = Confirmed::new(false, (Lineage::default(), 9), (1..=9).map(said).collect());
        confirmed.unlearn(Index::new(7).unwrap());
        assert_eq!(places(&confirmed), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_was_learnt_of_another_history_is_forgotten_where_the_log_gave_way_beyond_its_memory() {
        let mut confirmed = Confirmed::new(false, (founded(1), 9), (1..=9).map(said).collect());
        assert!(confirmed.leap(&founded(1), 0).is_empty());
        assert!(confirmed.leap(&founded(2), 0).is_empty(), "told place by place");
        let lost = confirmed.leap(&founded(3), 1);
        assert_eq!(lost.iter().map(|(index, _)| index.number()).collect::<Vec<_>>(), (1..=9).rev().collect::<Vec<_>>());
        assert!(places(&confirmed).is_empty());
    }

    #[test]
    fn what_stands_before_a_snapshot_is_forgotten_for_newcomers_and_keeps_its_place() {
        let mut confirmed = Confirmed::new(false, (founded(1), 9), (1..=9).map(said).collect());
        assert!(confirmed.leap(&founded(1), 1).is_empty(), "nothing waits again");
        assert!(places(&confirmed).is_empty(), "and nothing is shown that a gap follows");
    }

    #[test]
    fn what_was_told_of_another_history_counts_for_nothing_once_the_log_shows_which_it_has() {
        let mut confirmed = Confirmed::new(false, (Lineage::default(), 0), Vec::new());
        let index = |place| Index::new(place).unwrap();
        confirmed.adopt((founded(1), 9), (1..=9).map(said).collect(), clock::start());
        assert!(confirmed.was_told(index(3), &founded(1)));
        assert!(!confirmed.was_told(index(3), &founded(2)));
        confirmed.unlearn(index(2));
        assert_eq!(places(&confirmed).len(), 9, "these are not the log's");
        confirmed.learn(index(7));
        assert!(!confirmed.is_refuted(&founded(1), 7) && confirmed.is_refuted(&founded(2), 7));
        let told = confirmed.forget_told(&founded(2));
        assert_eq!(told.iter().map(|(index, _)| index.number()).collect::<Vec<_>>(), [9, 8]);
        assert_eq!(places(&confirmed), [1, 2, 3, 4, 5, 6, 7]);
        assert!(!confirmed.was_told(index(3), &founded(1)));
    }
}
