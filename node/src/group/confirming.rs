//! Carries what the log decides to the owner and to the disk.

use std::collections::BTreeSet;
use std::sync::Arc;

use history::{Alarm, Entry, HistoryEvent, Index, LogEvent, Loss, MessageId, Say};
use tracing::{error, info, warn};
use transport::{PeerId, PeerInfo, Unreachable};

use super::confirmed::Recent;
use super::lookup::{message_of, own_entry};
use super::{Group, Now, Output};
use crate::event::Event;
use crate::name::Name;
use crate::wire::{Body, Message};

impl Group {
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
        for (index, say) in recent.into_iter().filter(|(_, say)| Body::is_line(&say.body)) {
            self.tell_line(&say, true);
            self.tell(Event::Confirmed { id: say.id, index });
        }
        // What was kept may have been confirmed since, which its log shows in a moment.
        let waiting = self.history.pool().lines().filter(|say| !placed.contains(&say.id));
        for say in waiting.cloned().collect::<Vec<_>>() {
            self.confirmed.waiting.insert(say.id);
            self.tell_line(&say, true);
        }
        self.tell_open_proposals();
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
            // What the roster says now stands before whatever was said meanwhile.
            HistoryEvent::Leads => {
                self.pursue_proposals(now);
                self.history.lead(now.instant);
            }
            HistoryEvent::Log(event) => self.handle_log_event(event, now),
        }
    }

    fn handle_log_event(&mut self, event: LogEvent<PeerId>, now: Now) {
        match event {
            LogEvent::Decided { index, entry, applies } => {
                let unseen = self.confirmed.unseen.take();
                self.lose_told(index.number() - 1, now);
                self.lose_learnt(now);
                self.confirmed.learn(index);
                self.fold_proposals(index, &entry, applies);
                if let (Entry::Line(say), true) = (&*entry, applies) {
                    self.tell_confirmed(index, say, unseen);
                }
            }
            LogEvent::Undecided { index, entry } => {
                // Of the log as it is now the owner knows what it has in common with the log as it was.
                let kept = self.confirmed.kept(self.history.log().lineage());
                self.lose_told(kept.min(index.number() - 1), now);
                self.confirmed.unlearn(index);
                self.consent.fold.undecide(index.number());
                if let Entry::Line(say) = &*entry {
                    // A member that comes back may have been welcomed into another history, and was told of that one's places.
                    if self.confirmed.was_shown(index) && !Body::is_of_proposals(&say.body) {
                        self.tell_unconfirmed(say.id, index);
                    }
                    self.keep(say.clone());
                }
            }
            LogEvent::Skipped { index, state } => {
                self.lose_told(index.number(), now);
                self.lose_learnt(now);
                let changed = self.consent.fold.restore(index.number(), &state);
                let quietly = self.confirmed.was_told(index, self.history.log().lineage());
                self.tell_proposals(changed, quietly);
            }
            LogEvent::SnapshotDue { index } => {
                if !self.history.keep_state(index, self.consent.fold.kept()) {
                    warn!(%index, "there is no snapshot here");
                }
            }
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
            LogEvent::Stands(stands) => self.bully.handle_caught_up(stands, now.instant),
            LogEvent::HandOver { to } => {
                info!(to = %self.name_of(to), "another history is to stand: a member of that one is to lead");
                self.bully.hand_over(to, now.instant);
            }
            LogEvent::Left => {
                self.confirmed.left = true;
                self.pursue_departure(now);
            }
        }
    }

    /// What the entry says of proposals, told but for those that were decided before this member was here.
    fn fold_proposals(&mut self, index: Index, entry: &Arc<Entry<PeerId>>, applies: bool) {
        let changed = self.consent.fold.decide(index.number(), entry, applies);
        let was_told = self.confirmed.was_told(index, self.history.log().lineage());
        self.tell_proposals(changed, was_told);
        if was_told && index.number() == self.confirmed.told_below {
            self.tell_open_proposals();
        }
        self.consent.fold.trim(self.history.log().first_in_memory().saturating_sub(1));
    }

    fn tell_confirmed(&mut self, index: Index, say: &Say, unseen: Option<Say>) {
        if self.confirmed.has_disk {
            self.outputs.push_back(Output::Forget(say.id));
        }
        let was_told = self.confirmed.was_told(index, self.history.log().lineage());
        self.confirmed.remember(index, say.clone(), true);
        if !Body::is_line(&say.body) {
            if let Some(entry) = own_entry(index, say) {
                self.tell(Event::Entry(entry));
            }
            self.answer_said(say.id);
            return;
        }
        let waited = self.confirmed.waiting.remove(&say.id);
        if !was_told {
            let unseen = unseen.filter(|unseen| !self.confirmed.is_told(unseen.id));
            unseen.into_iter().for_each(|unseen| self.tell_line(&unseen, false));
        }
        if !was_told || waited {
            self.tell(Event::Confirmed { id: say.id, index });
        }
    }

    /// A line has lost its place. The next it has is told, wherever that is.
    fn tell_unconfirmed(&mut self, id: MessageId, was: Index) {
        self.confirmed.waiting.insert(id);
        self.tell(Event::Unconfirmed { id, was });
    }

    /// What this newcomer was told is confirmed is not so in the log that it learns, if that is of another history there: unless it
    /// has that elsewhere, it waits again. It stands behind all that was learnt, and goes first. The owner knows of the log up to
    /// `handled`: what has another place there has it from now on.
    fn lose_told(&mut self, handled: u64, now: Now) {
        let log = self.history.log();
        if !self.confirmed.is_refuted(log.lineage(), log.decided()) {
            return;
        }
        let told = self.confirmed.forget_told(self.history.log().lineage());
        for (was, say) in told.iter().filter(|(_, say)| Body::is_line(&say.body)) {
            self.tell_unconfirmed(say.id, *was);
        }
        let known = self.places().take_while(|(index, _)| index.number() <= handled);
        let known: Vec<_> = known.map(|(index, say)| (index, say.id)).collect();
        for (index, id) in known {
            if told.iter().any(|(_, say)| say.id == id) && self.confirmed.waiting.remove(&id) {
                self.tell(Event::Confirmed { id, index });
            }
        }
        for (_, say) in told {
            self.history.take_back(&say, now.instant);
            self.keep(say);
        }
    }

    /// What this member had confirmed in a history that its log has left, and the log itself no longer had in memory to tell of,
    /// waits again.
    fn lose_learnt(&mut self, now: Now) {
        let log = self.history.log();
        for (was, say) in self.confirmed.leap(log.lineage(), log.leaps()) {
            if Body::is_line(&say.body) && self.confirmed.was_shown(was) {
                self.tell_unconfirmed(say.id, was);
            }
            self.history.take_back(&say, now.instant);
            self.keep(say);
        }
    }

    /// A line that only this newcomer was told of is still a line that was said.
    pub(super) fn offer_told(&mut self, now: Now) {
        for say in self.confirmed.poll_offer(self.history.log().decided(), now.instant) {
            self.history.take_back(&say, now.instant);
        }
    }

    fn tell_quorum(&mut self, held: bool, missing: Vec<PeerId>) {
        if held == self.confirmed.quorum && held {
            return;
        }
        self.confirmed.quorum = held;
        let named: Vec<_> = missing.iter().filter_map(|voter| self.known_name(*voter)).collect();
        // Where two groups meet, the log of the one that stands may be known before its roster: the rest is told when that has come.
        self.confirmed.unnamed = if named.len() < missing.len() { missing } else { Vec::new() };
        self.tell(Event::Quorum { held, missing: named });
    }

    /// Names may have come, those of missing voters among them.
    pub(super) fn name_the_missing(&mut self) {
        let unnamed = &self.confirmed.unnamed;
        if !unnamed.is_empty() && self.is_member() && unnamed.iter().all(|voter| self.known_name(*voter).is_some()) {
            let missing = std::mem::take(&mut self.confirmed.unnamed);
            self.tell_quorum(self.confirmed.quorum, missing);
        }
    }

    /// Members that are dropped are still known by name while they are voters.
    pub(super) fn note_names(&mut self) {
        let Some(roster) = &self.roster else { return };
        let voters = self.history.log().voters();
        self.confirmed.names.retain(|peer, _| voters.contains(peer));
        self.confirmed.names.extend(roster.members().map(|(peer, entry)| (peer, entry.name.clone())));
    }

    pub(super) fn voter_name(&self, voter: PeerId) -> Name {
        self.known_name(voter).unwrap_or_else(|| Name::of_stranger(voter))
    }

    /// What a voter is called, or at least asked to be called.
    fn known_name(&self, voter: PeerId) -> Option<Name> {
        let asked = || self.reachable.get(&voter).and_then(|info| info.name.parse().ok());
        self.confirmed.names.get(&voter).cloned().or_else(asked)
    }

    /// Somebody is out of reach. It may turn out to be a voter.
    pub(super) fn note_lost_name(&mut self, info: &PeerInfo) {
        if let Ok(name) = info.name.parse() {
            self.confirmed.names.entry(info.id).or_insert(name);
        }
    }

    /// What the log has to write and to send, together for all that was taken since the last time.
    pub(super) fn flush_log(&mut self) {
        // What it tells may be answered with more to write: a leader's notes, a snapshot.
        while self.flush_log_once() {}
        self.pursue_departure(self.now);
    }

    /// Whether there was anything.
    fn flush_log_once(&mut self) -> bool {
        let (now, mut moved) = (self.now, false);
        while let Some(write) = self.history.poll_write() {
            moved = true;
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
            moved = true;
            self.outputs.push_back(Output::Send(transmit.to, Message::Log(Box::new(transmit.message)).into()));
        }
        self.drain(now);
        moved
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
