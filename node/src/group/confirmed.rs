//! What of the history is confirmed: what the owner is told of it, and what it can look up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use history::{Alarm, Entry, HistoryEvent, Index, LogEvent, Loss, MessageId, Regime, Say};
use tracing::{error, warn};
use transport::{PeerId, Unreachable};

use super::{Group, Now, Output};
use crate::api::{HistoryError, Line, Page};
use crate::event::{self, Event};
use crate::name::Name;
use crate::store::words::words;
use crate::text;
use crate::wire::{Body, Message};

/// How many confirmed lines a newcomer is shown.
const RECENT: usize = 100;

/// How many bytes they may take.
const RECENT_BYTES: usize = 1 << 20;

/// Which lines of the history are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HistoryQuery {
    /// The last ones, unconfirmed ones included.
    Last(usize),
    /// Those from a place on: this many at most.
    From(Index, usize),
    /// The last of those that have all these words.
    Search(String, usize),
}

/// What is remembered of the confirmed history beside the log itself.
#[derive(Clone, Debug)]
pub(super) struct Confirmed {
    pub(super) has_disk: bool,
    /// The lines up to this place are shown as earlier ones, if at all: in this regime, and no other.
    told_below: u64,
    told_in: Option<Regime<PeerId>>,
    /// The last confirmed lines.
    recent: VecDeque<Recent>,
    recent_bytes: usize,
    /// What its log had decided before this run; of that the owner was shown what is at this place and after, if anything.
    restored: u64,
    shown_from: Option<Index>,
    /// A line that is seen for the first time by being confirmed.
    unseen: Option<Say>,
    /// Whether lines can be confirmed, as far as the owner was told.
    quorum: bool,
    /// How the members and the voters are, or were, called.
    names: BTreeMap<PeerId, Name>,
    /// Lines that were shown as earlier ones and have no place yet, as far as the owner was told.
    waiting: BTreeSet<MessageId>,
    /// Whether the log lets this member go.
    pub(super) left: bool,
}

/// A confirmed line.
#[derive(Clone, Debug)]
struct Recent {
    index: Index,
    say: Say,
    /// Whether the log has it too, or a newcomer has only been told of it.
    learnt: bool,
}

impl Confirmed {
    pub(super) fn new(has_disk: bool, decided: (Option<Regime<PeerId>>, u64), recent: Vec<(Index, Say)>) -> Self {
        let (told_in, told_below) = decided;
        let mut confirmed = Self {
            has_disk,
            told_below,
            told_in,
            recent: VecDeque::new(),
            recent_bytes: 0,
            restored: told_below,
            shown_from: None,
            unseen: None,
            quorum: true,
            names: BTreeMap::new(),
            waiting: BTreeSet::new(),
            left: false,
        };
        recent.into_iter().for_each(|(index, say)| confirmed.remember(index, say, true));
        confirmed
    }

    /// What the leader has confirmed, which this newcomer is about to learn.
    pub(super) fn adopt(&mut self, decided: (Option<Regime<PeerId>>, u64), recent: Vec<(Index, Say)>) {
        if decided >= (self.told_in, self.told_below) {
            let learnt = if decided.0 == self.told_in { self.restored } else { 0 };
            (self.told_in, self.told_below) = decided;
            (self.recent, self.recent_bytes) = (VecDeque::new(), 0);
            recent.into_iter().for_each(|(index, say)| self.remember(index, say, index.number() <= learnt));
        }
    }

    /// The last confirmed lines, for a newcomer.
    pub(super) fn recent(&self) -> Vec<(Index, Say)> {
        self.recent.iter().map(|recent| (recent.index, recent.say.clone())).collect()
    }

    fn remember(&mut self, index: Index, say: Say, learnt: bool) {
        if self.recent.back().is_some_and(|last| last.index >= index) || !Body::is_line(&say.body) {
            return;
        }
        self.recent_bytes += say.body.len();
        self.recent.push_back(Recent { index, say, learnt });
        while self.recent.len() > RECENT || self.recent_bytes > RECENT_BYTES {
            let Some(Recent { say, .. }) = self.recent.pop_front() else { return };
            self.recent_bytes -= say.body.len();
        }
    }

    /// The log is so far, with all that is before.
    fn learn(&mut self, index: Index) {
        let unlearnt = self.recent.iter_mut().filter(|recent| !recent.learnt);
        unlearnt.take_while(|recent| recent.index <= index).for_each(|recent| recent.learnt = true);
    }

    /// The log's place is not decided any more, nor any after it.
    fn unlearn(&mut self, index: Index) {
        self.forget(|recent| recent.learnt && recent.index >= index);
    }

    /// Forgets what a newcomer was told, when its log is that of another regime. What that was, the last first.
    fn forget_told(&mut self) -> Vec<(Index, MessageId)> {
        (self.told_in, self.told_below) = (None, 0);
        self.forget(|recent| !recent.learnt)
    }

    fn forget(&mut self, is_wrong: impl Fn(&Recent) -> bool) -> Vec<(Index, MessageId)> {
        let wrong: Vec<_> = self.recent.iter().rev().filter(|recent| is_wrong(recent)).cloned().collect();
        self.recent.retain(|recent| !is_wrong(recent));
        self.recent_bytes -= wrong.iter().map(|recent| recent.say.body.len()).sum::<usize>();
        wrong.into_iter().map(|recent| (recent.index, recent.say.id)).collect()
    }

    /// Whether the line at this place is shown as an earlier one, if at all. What this newcomer was to learn may have given
    /// way to the log of a greater regime before it was here.
    fn was_told(&self, index: Index, regime: Option<Regime<PeerId>>) -> bool {
        index.number() <= self.told_below && regime == self.told_in
    }

    /// Whether the owner knows of what the log had at this place: by this run, or from the run before.
    fn was_shown(&self, index: Index) -> bool {
        index.number() > self.restored || self.shown_from.is_some_and(|from| from <= index)
    }
}

impl Group {
    /// How many places of the history are confirmed, as far as this peer knows.
    pub fn confirmed(&self) -> u64 {
        self.history.log().decided()
    }

    /// How many places are confirmed by what was learnt, or by what this peer was told when it joined.
    pub(super) fn known_decided(&self) -> (Option<Regime<PeerId>>, u64) {
        let (log, confirmed) = (self.history.log(), &self.confirmed);
        (log.regime(), log.decided()).max((confirmed.told_in, confirmed.told_below))
    }

    /// How many lines wait to be confirmed here.
    pub fn unconfirmed(&self) -> usize {
        self.history.pool().len()
    }

    /// How many members vote on what is confirmed.
    pub fn voters(&self) -> usize {
        self.history.log().voters().len()
    }

    /// Whether lines can be confirmed.
    pub fn has_quorum(&self) -> bool {
        self.confirmed.quorum
    }

    /// The voters that cannot be reached.
    pub fn missing_voters(&self) -> Vec<Name> {
        self.history.log().missing_voters().into_iter().map(|voter| self.voter_name(voter)).collect()
    }

    /// Looks up lines in memory, where a member without a disk has the last 100,000.
    ///
    /// # Errors
    ///
    /// What is searched for has no word.
    pub fn lines(&self, query: &HistoryQuery) -> Result<Page, HistoryError> {
        let places = || self.places().rev().filter_map(|(index, say)| self.line(Some(index), say));
        let waiting = || self.unconfirmed_lines();
        Ok(match query {
            HistoryQuery::Last(last) => {
                let waiting = waiting();
                let room = last.saturating_sub(waiting.len());
                let mut lines: Vec<_> = places().take(room + 1).collect();
                let more = lines.len() > room || waiting.len() > *last;
                lines.truncate(room);
                lines.reverse();
                let skipped = waiting.len().saturating_sub(*last);
                lines.extend(waiting.into_iter().skip(skipped));
                Page { lines, more }
            }
            HistoryQuery::From(from, most) => {
                let after = self.places().filter(|(index, _)| index >= from);
                let mut lines: Vec<_> =
                    after.filter_map(|(index, say)| self.line(Some(index), say)).take(most + 1).collect();
                if lines.len() <= *most {
                    lines.extend(waiting());
                }
                let more = lines.len() > *most;
                lines.truncate(*most);
                Page { lines, more }
            }
            HistoryQuery::Search(wanted_text, last) => {
                let wanted: Vec<_> = words(wanted_text).collect();
                if wanted.is_empty() {
                    return Err(HistoryError::Words(format!(
                        "`{}` has no word to search for: give some letters or digits",
                        text::escape(wanted_text)
                    )));
                }
                let has_all = |line: &Line| {
                    let found: BTreeSet<_> = words(&line.message.text).collect();
                    wanted.iter().all(|word| found.contains(word))
                };
                let mut lines: Vec<_> = places().filter(has_all).take(last + 1).collect();
                let more = lines.len() > *last;
                lines.truncate(*last);
                lines.reverse();
                Page { lines, more }
            }
        })
    }

    /// The lines that are said and not confirmed, in the order they are to be confirmed in.
    pub fn unconfirmed_lines(&self) -> Vec<Line> {
        self.history.pool().lines().filter_map(|say| self.line(None, say)).collect()
    }

    /// Programs' own entries from a place on, this many at most.
    ///
    /// # Errors
    ///
    /// What stands there is no longer in memory: the first place that is.
    pub fn entries(&self, from: Index, most: usize) -> Result<Vec<event::Entry>, u64> {
        let first = self.history.log().first_in_memory();
        if from.number() < first {
            return Err(first);
        }
        let after = self.places().filter(|(index, _)| *index >= from);
        Ok(after.filter_map(|(index, say)| own_entry(index, say)).take(most).collect())
    }

    /// What was put into the history and is in memory, the oldest first.
    fn places(&self) -> impl DoubleEndedIterator<Item = (Index, &Say)> {
        let log = self.history.log();
        let says = |place| {
            let index = Index::new(place)?;
            match &**log.get(index)? {
                Entry::Line(say) => Some((index, say)),
                _ => None,
            }
        };
        (log.first_in_memory()..log.decided() + 1).filter_map(says)
    }

    fn line(&self, index: Option<Index>, say: &Say) -> Option<Line> {
        Some(Line { index, message: message_of(say, false)? })
    }

    /// Something that was said is to be shown.
    pub(super) fn tell_line(&mut self, say: &Say, earlier: bool) {
        if Body::is_line(&say.body) {
            match message_of(say, earlier) {
                Some(message) => self.tell(Event::Message(message)),
                None => warn!(id = %say.id, "a line that is none"),
            }
        }
    }

    /// What was said before this peer was a member, or before it ended the last time.
    pub(super) fn tell_earlier(&mut self) {
        let recent = self.confirmed.recent();
        let restored = self.confirmed.restored;
        let is_own = |recent: &&Recent| recent.learnt && recent.index.number() <= restored;
        self.confirmed.shown_from = self.confirmed.recent.iter().find(is_own).map(|recent| recent.index);
        let placed: BTreeSet<_> = recent.iter().map(|(_, say)| say.id).collect();
        for (index, say) in recent {
            self.tell_line(&say, true);
            self.tell(Event::Confirmed { id: say.id, index });
        }
        // What was kept may have been confirmed since, which its log shows in a moment.
        let waiting = self.history.pool().lines().filter(|say| !placed.contains(&say.id));
        for say in waiting.cloned().collect::<Vec<_>>() {
            self.confirmed.waiting.insert(say.id);
            self.tell_line(&say, true);
        }
    }

    /// Keeps a line on the disk, if there is one, until it is confirmed.
    pub(super) fn keep(&mut self, say: Say) {
        if self.confirmed.has_disk {
            self.outputs.push_back(Output::Keep(say));
        }
    }

    pub(super) fn handle_history(&mut self, event: HistoryEvent<PeerId>, now: Now) {
        match event {
            HistoryEvent::Said(event) => self.handle_said(event),
            HistoryEvent::Confirmed { unseen, .. } => self.confirmed.unseen = unseen,
            HistoryEvent::Unconfirmed { .. } => {}
            HistoryEvent::Log(event) => self.handle_log_event(event, now),
        }
    }

    fn handle_log_event(&mut self, event: LogEvent<PeerId>, now: Now) {
        match event {
            LogEvent::Decided { index, entry, applies } => {
                let unseen = self.confirmed.unseen.take();
                if self.history.log().regime() != self.confirmed.told_in {
                    for (was, id) in self.confirmed.forget_told() {
                        self.tell(Event::Unconfirmed { id, was });
                    }
                }
                self.confirmed.learn(index);
                if let (Entry::Line(say), true) = (&*entry, applies) {
                    self.tell_confirmed(index, say, unseen);
                }
            }
            LogEvent::Undecided { index, entry } => {
                self.confirmed.unlearn(index);
                if let Entry::Line(say) = &*entry {
                    // A member that comes back may have been welcomed into another regime, and was told of that one's places.
                    if self.confirmed.was_shown(index) {
                        self.tell(Event::Unconfirmed { id: say.id, was: index });
                    }
                    self.keep(say.clone());
                }
            }
            LogEvent::Skipped { .. } => {}
            LogEvent::Quorum { held, missing } => self.tell_quorum(held, missing),
            LogEvent::Alarm(alarm) => {
                let detail = match alarm {
                    Alarm::DecidedWouldChange { ballot, decided } => format!(
                        "the leader {} would change what is confirmed up to #{decided}: refused",
                        self.name_of(ballot.peer)
                    ),
                    Alarm::Diverged { peer, index } => {
                        format!("{} has another history than this peer, at or before #{index}", self.name_of(peer))
                    }
                };
                error!(detail, "the history is not as it must be");
                self.tell(Event::Alarm(detail));
            }
            LogEvent::Left => {
                self.confirmed.left = true;
                self.pursue_departure(now);
            }
        }
    }

    fn tell_confirmed(&mut self, index: Index, say: &Say, unseen: Option<Say>) {
        if self.confirmed.has_disk {
            self.outputs.push_back(Output::Forget(say.id));
        }
        if !Body::is_line(&say.body) {
            if let Some(entry) = own_entry(index, say) {
                self.tell(Event::Entry(entry));
            }
            return;
        }
        let was_told = self.confirmed.was_told(index, self.history.log().regime());
        self.confirmed.remember(index, say.clone(), true);
        let waited = self.confirmed.waiting.remove(&say.id);
        if !was_told {
            unseen.into_iter().for_each(|unseen| self.tell_line(&unseen, false));
        }
        if !was_told || waited {
            self.tell(Event::Confirmed { id: say.id, index });
        }
    }

    fn tell_quorum(&mut self, held: bool, missing: Vec<PeerId>) {
        if held == self.confirmed.quorum && held {
            return;
        }
        self.confirmed.quorum = held;
        let missing = missing.into_iter().map(|voter| self.voter_name(voter)).collect();
        self.tell(Event::Quorum { held, missing });
    }

    /// Members that are dropped are still known by name while they are voters.
    pub(super) fn note_names(&mut self) {
        let Some(roster) = &self.roster else { return };
        let voters = self.history.log().voters();
        self.confirmed.names.retain(|peer, _| voters.contains(peer));
        self.confirmed.names.extend(roster.members().map(|(peer, entry)| (peer, entry.name.clone())));
    }

    fn voter_name(&self, voter: PeerId) -> Name {
        self.confirmed.names.get(&voter).cloned().unwrap_or_else(|| Name::of_stranger(voter))
    }

    /// What the log has to write and to send, together for all that was taken since the last time.
    pub(super) fn flush_log(&mut self) {
        let now = self.now;
        while let Some(write) = self.history.poll_write() {
            if self.confirmed.has_disk {
                self.outputs.push_back(Output::Write(write));
            } else {
                self.history.handle_written(write.ticket, now.instant);
            }
        }
        while let Some(read) = self.history.log_mut().poll_read() {
            self.outputs.push_back(Output::Read(read));
        }
        while let Some(transmit) = self.history.poll_log_transmit() {
            self.outputs.push_back(Output::Send(transmit.to, Message::Log(Box::new(transmit.message)).into()));
        }
        self.drain(now);
        self.pursue_departure(now);
    }
}

/// The members by rank, the highest first.
pub(super) fn ranked(mut ranks: Vec<election::Rank<PeerId>>) -> Vec<PeerId> {
    ranks.sort_unstable_by(|a, b| b.cmp(a));
    ranks.into_iter().map(|rank| rank.peer).collect()
}

/// What the loss of a peer says about its vote.
pub(super) fn loss(why: Unreachable) -> Loss {
    match why {
        Unreachable::Left => Loss::Left,
        Unreachable::Gone | Unreachable::Restarted => Loss::Gone,
        _ => Loss::Silent,
    }
}

/// A line, if that is what was put into the history.
pub(crate) fn message_of(say: &Say, earlier: bool) -> Option<event::Message> {
    match transport::decode::<Body>(&say.body) {
        Ok(Body::Line(line)) if text::check(&line.text).is_ok() => Some(event::Message {
            id: say.id,
            from: line.name,
            from_id: line.from,
            text: line.text,
            sent_at: line.sent_at,
            earlier,
        }),
        _ => None,
    }
}

/// A program's own entry, if that is what was put into the history.
pub(crate) fn own_entry(index: Index, say: &Say) -> Option<event::Entry> {
    match transport::decode::<Body>(&say.body) {
        Ok(Body::Entry { from, kind, bytes }) => {
            Some(event::Entry { index, id: say.id, from, kind, bytes: Bytes::copy_from_slice(&bytes) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
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
        let mut confirmed = Confirmed::new(false, (None, 0), Vec::new());
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

    fn regime(n: u128) -> Option<Regime<PeerId>> {
        Some(Regime::founded(PeerId::new(uuid::Uuid::from_u128(n))))
    }

    #[test]
    fn what_lost_its_place_is_no_longer_remembered() {
        let mut confirmed = Confirmed::new(false, (None, 9), (1..=9).map(said).collect());
        confirmed.unlearn(Index::new(7).unwrap());
        assert_eq!(places(&confirmed), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_was_told_of_another_regime_counts_for_nothing_once_the_log_shows_which_it_has() {
        let mut confirmed = Confirmed::new(false, (None, 0), Vec::new());
        let index = |place| Index::new(place).unwrap();
        confirmed.adopt((regime(1), 9), (1..=9).map(said).collect());
        assert!(confirmed.was_told(index(3), regime(1)));
        assert!(!confirmed.was_told(index(3), regime(2)));
        confirmed.unlearn(index(2));
        assert_eq!(places(&confirmed).len(), 9, "these are not the log's");
        confirmed.learn(index(7));
        let told = confirmed.forget_told();
        assert_eq!(told.iter().map(|(index, _)| index.number()).collect::<Vec<_>>(), [9, 8]);
        assert_eq!(places(&confirmed), [1, 2, 3, 4, 5, 6, 7]);
        assert!(!confirmed.was_told(index(3), regime(1)));
    }
}
