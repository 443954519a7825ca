//! Who is a member: the leader's decisions, and how everybody else comes to have the same roster.

use std::collections::BTreeSet;

use tracing::{debug, info};
use transport::PeerId;

use super::{Group, Now, Output, Stage, confirming};
use crate::api::NameRefusal;
use crate::event::Event;
use crate::name::Name;
use crate::roster::{Change, Edit, Holder, Roster, RosterVersion};
use crate::wire::{Join, Message, Welcome};

/// What a leader does with a wish to be a member.
#[derive(Debug)]
enum Verdict {
    /// Admit it under this name, and drop whoever had it, whose process is known to be gone.
    Admit(Name, Option<Edit>),
    Refuse(NameRefusal),
    /// Say nothing: whether the name is free shows soon.
    Wait,
}

impl Group {
    // Having the same roster.

    /// Says which roster this peer has; a newcomer has none.
    pub(super) fn send_have(&mut self, to: PeerId) {
        if self.reachable.contains_key(&to) {
            self.publish_edits();
            let version = self.roster.as_ref().filter(|_| self.is_member()).map(|roster| roster.version);
            self.send(to, Message::Have(version));
        }
    }

    pub(super) fn handle_have(&mut self, from: PeerId, theirs: Option<RosterVersion>, now: Now) {
        if let Stage::Joining(joining) = &mut self.stage {
            let priority = self.reachable.get(&from).map_or(0, |info| info.priority);
            joining.handle_peer(from, priority, theirs.is_some(), now.instant);
        }
        let mine = self.roster.as_ref().map(|roster| roster.version);
        let leads = self.bully.is_leader();
        // The roster of another group of the same name tells how to reach the leader of that one.
        let foreign = theirs.is_some_and(|version| {
            version.epoch.leader != self.me.id && Some(version.epoch) != self.preceding.map(|roster| roster.epoch)
        });
        if (theirs > mine && !leads) || (foreign && leads) {
            self.pull_roster(from, now);
        }
        // A newcomer has only heard of the roster that it knows: its `Have` says none, and would be answered for ever.
        if theirs < mine && self.is_member() {
            self.send_have(from);
        }
    }

    pub(super) fn send_roster(&mut self, to: PeerId) {
        if self.is_member() {
            self.publish_edits();
            if let Some(roster) = self.roster.clone() {
                self.send(to, Message::Roster(roster));
            }
        }
    }

    /// A whole roster came.
    pub(super) fn handle_roster(&mut self, from: PeerId, roster: Roster, now: Now) {
        self.pulled.remove(&from);
        let newer = self.roster.as_ref().is_none_or(|mine| roster.version > mine.version);
        if self.bully.is_leader() {
            self.dial_strangers(&roster);
            // From a leader that follows this one: its members come along.
            if !newer && roster.leader() == from {
                self.take_in(&roster, now);
            }
        } else if newer && self.is_ahead(roster.version) {
            // Its leader shows itself as soon as it is linked; until then this roster tells only whom to dial.
            self.dial_strangers(&roster);
        } else if newer {
            debug!(%from, version = ?roster.version, "roster");
            let before = self.roster.as_ref().map(|roster| roster.version.epoch);
            let another = before.is_some_and(|epoch| epoch != roster.version.epoch);
            self.replace_roster(roster, &[], now);
            if another && self.is_member() {
                // Whoever followed the leader before may not be able to reach this one, or know of it, yet.
                self.reachable.keys().copied().collect::<Vec<_>>().into_iter().for_each(|peer| self.send_have(peer));
            }
        }
    }

    /// A change of the leader's came.
    pub(super) fn handle_change(&mut self, from: PeerId, change: &Change, now: Now) {
        if self.bully.is_leader() {
            return;
        }
        self.publish_edits();
        let followed = !self.is_ahead(change.to) && self.roster.as_mut().is_some_and(|roster| roster.follow(change));
        if followed {
            self.handle_roster_changed(&[], now);
        } else if self.roster.as_ref().is_none_or(|roster| change.to > roster.version) {
            self.pull_roster(from, now);
        }
    }

    /// Asks for a whole roster, unless one is on its way: it will hold all that its sender had told before.
    fn pull_roster(&mut self, from: PeerId, now: Now) {
        let asked = self.pulled.get(&from).is_some_and(|asked| now.instant < *asked + self.heartbeat);
        if !asked {
            self.pulled.insert(from, now.instant);
            self.send(from, Message::Pull);
        }
    }

    /// Whether a roster belongs to an epoch that this member has not heard of from its leader. Taken over, it would
    /// stand in the way of the leader that it does follow, whose own rosters are lesser.
    fn is_ahead(&self, version: RosterVersion) -> bool {
        self.is_member() && Some(version.epoch) > self.bully.epoch()
    }

    fn dial_strangers(&mut self, roster: &Roster) {
        for (peer, entry) in roster.members() {
            if peer != self.me.id && !self.reachable.contains_key(&peer) {
                self.outputs.push_back(Output::Dial { peer, address: entry.address.clone(), eager: true });
            }
        }
    }

    fn replace_roster(&mut self, roster: Roster, absent: &[PeerId], now: Now) {
        // What this peer decided while it led is of its own roster.
        self.publish_edits();
        self.roster = Some(roster);
        self.handle_roster_changed(absent, now);
    }

    /// Whatever depends on the roster follows it. `absent` are those that its sender could not reach.
    pub(super) fn handle_roster_changed(&mut self, absent: &[PeerId], now: Now) {
        self.dial_members();
        let Some(roster) = &self.roster else { return };
        if let Stage::Joining(joining) = &mut self.stage {
            if joining.asked != Some(roster.leader()) {
                joining.ask_at = now.instant;
            }
            return;
        }
        let ranks = roster.ranks();
        self.bully.handle_members(&ranks, now.instant);
        self.history.handle_members(&confirming::ranked(ranks), now.instant);
        let reachable = &self.reachable;
        let seen = self.presence.handle_roster(roster, |peer| reachable.contains_key(&peer), absent, now.instant);
        let renamed = roster.entry(self.me.id).map(|entry| entry.name.clone()).filter(|name| *name != self.name);
        if let Some(leader) = &mut self.leader
            && leader.id == roster.leader()
        {
            if leader.epoch == roster.version.epoch.counter {
                leader.since = roster.led_since;
            }
            if let Some(entry) = roster.entry(leader.id) {
                leader.name = entry.name.clone();
            }
        }
        self.note_names();
        self.tell_seen(seen);
        if let Some(name) = renamed {
            let from = std::mem::replace(&mut self.name, name.clone());
            self.tell(Event::Renamed { id: self.me.id, from, to: name });
        }
        self.match_partners(now);
    }

    /// A link to every member. A newcomer dials the leader alone, and at once.
    fn dial_members(&mut self) {
        let Some(roster) = &self.roster else { return };
        let joining = matches!(self.stage, Stage::Joining(_));
        for (peer, entry) in roster.members() {
            let wanted = peer != self.me.id && (!joining || peer == roster.leader());
            if wanted && self.dialled.insert(peer) {
                self.outputs.push_back(Output::Dial { peer, address: entry.address.clone(), eager: joining });
            }
        }
        self.dialled.retain(|peer| roster.contains(*peer));
    }

    // Becoming a member, and staying one.

    /// Asks to be admitted when that is due: a newcomer, or a member that its leader's roster lacks.
    pub(super) fn pursue_membership(&mut self, now: Now) {
        match &mut self.stage {
            Stage::Joining(joining) => {
                if joining.goes_on_alone(now.instant) {
                    info!("nobody answers: this peer goes on alone");
                    self.found(now);
                } else if let Some(attempts) = joining.failed(now.instant) {
                    self.stage = Stage::Gone;
                    self.outputs.push_back(Output::NotJoined(attempts));
                } else if joining.founds(now.instant) {
                    info!("no group shows itself: this peer founds one");
                    self.found(now);
                } else if joining.ask_at <= now.instant {
                    joining.ask_at = now.instant + self.heartbeat;
                    joining.asked = self.roster.as_ref().map(Roster::leader);
                    self.ask_to_join();
                }
            }
            Stage::Member => self.pursue_readmission(now),
            Stage::Leaving(_) | Stage::Gone => {}
        }
    }

    fn ask_to_join(&mut self) {
        let leader = self.roster.as_ref().map(Roster::leader).filter(|leader| self.reachable.contains_key(leader));
        if let Some(leader) = leader {
            self.send_join(leader, false);
        }
        for peer in self.reachable.keys().copied().collect::<Vec<_>>() {
            self.send_have(peer);
        }
    }

    fn pursue_readmission(&mut self, now: Now) {
        let lacking = self.roster.as_ref().is_some_and(|roster| !roster.contains(self.me.id));
        let leader = self.bully.leader().filter(|leader| {
            *leader != self.me.id && self.roster.as_ref().is_some_and(|roster| roster.leader() == *leader)
        });
        let (true, Some(leader)) = (lacking, leader) else {
            self.rejoin_at = None;
            return;
        };
        // A leader that takes in a whole roster keeps its order: it is given a moment to.
        let due = *self.rejoin_at.get_or_insert(now.instant + self.heartbeat);
        if due <= now.instant {
            self.rejoin_at = Some(now.instant + self.heartbeat);
            self.send_join(leader, true);
        }
    }

    fn send_join(&mut self, leader: PeerId, member: bool) {
        let (name, address, priority) = (self.name.clone(), self.me.address.clone(), self.me.priority);
        self.send(leader, Message::Join(Join { name, address, priority, member }));
    }

    /// The leader admitted this peer.
    pub(super) fn handle_welcome(&mut self, from: PeerId, welcome: Welcome, now: Now) {
        let Welcome { roster, absent, baseline, decided, recent } = welcome;
        let Stage::Joining(_) = self.stage else {
            self.handle_roster(from, roster, now);
            return;
        };
        let Some(entry) = roster.entry(self.me.id) else { return };
        let rank = election::Rank { priority: entry.priority, seniority: entry.seniority, peer: self.me.id };
        let epoch = roster.version.epoch;
        // Two groups that met on the way may have had two of this name.
        self.name = entry.name.clone();
        // Whoever comes back with a log of another history has that until it gives it up: what is confirmed elsewhere counts for
        // nothing here before.
        let log = self.history.log();
        let goes_on = log.lineage().agrees(&decided.0, log.decided().min(decided.1));
        if goes_on {
            self.history.adopt(baseline, now.instant);
            // What it shows only because of that is among the earlier lines.
            self.drain(now);
        }
        self.become_member(now);
        if goes_on {
            self.confirmed.adopt(decided, recent, now.instant);
        }
        self.replace_roster_quietly(roster, &absent, now);
        self.announce_membership();
        self.bully.handle_admitted(rank, Some(epoch), now.instant);
        self.drain(now);
        self.tell_earlier();
        // Whoever else was reached, and is of another group, hears of this one.
        self.reachable.keys().copied().collect::<Vec<_>>().into_iter().for_each(|peer| self.send_have(peer));
    }

    /// A newcomer is told who was there already with its admission, not one by one.
    fn replace_roster_quietly(&mut self, roster: Roster, absent: &[PeerId], now: Now) {
        let told = self.outputs.len();
        self.replace_roster(roster, absent, now);
        let later = self.outputs.split_off(told);
        self.outputs.extend(later.into_iter().filter(|output| !tells_who_came(output)));
    }

    // The leader's decisions.

    /// A peer wants to be a member.
    pub(super) fn handle_join(&mut self, from: PeerId, join: Join, now: Now) {
        if !self.leads() || !self.is_member() {
            self.send_have(from);
            return;
        }
        let Some(roster) = &self.roster else { return };
        if let Some(entry) = roster.entry(from) {
            if entry.address == join.address {
                self.welcomes.insert(from);
                return;
            }
            // It has come back, and listens elsewhere.
            self.edit(Edit::Drop(from));
        }
        match self.judge(from, &join) {
            Verdict::Admit(name, replaced) => {
                if let Some(edit) = replaced {
                    self.edit(edit);
                }
                info!(peer = %from, %name, "admitted");
                self.admit(from, name, join, now);
                self.welcomes.insert(from);
                self.handle_roster_changed(&[], now);
            }
            Verdict::Refuse(refusal) => {
                info!(peer = %from, name = %join.name, %refusal, "refused");
                self.send(from, Message::Refused(refusal));
            }
            Verdict::Wait => debug!(peer = %from, name = %join.name, "its name may become free"),
        }
    }

    fn judge(&self, from: PeerId, join: &Join) -> Verdict {
        let Some(roster) = &self.roster else { return Verdict::Wait };
        let Some(holder) = roster.holder(join.name.as_str()) else {
            return Verdict::Admit(join.name.clone(), None);
        };
        if join.member {
            return Verdict::Admit(roster.free_name(&join.name, from), None);
        }
        let (id, entry) = match holder {
            Holder::Guest(_, guest) if self.presence.is_here(guest.host) => return Verdict::Refuse(NameRefusal::InUse),
            Holder::Guest(id, _) => return Verdict::Admit(join.name.clone(), Some(Edit::DropGuest(id))),
            Holder::Member(id, entry) => (id, entry),
        };
        // Where the holder listened somebody else does: it ended, even if that has not been noticed yet.
        let restarted = entry.address == join.address || self.presence.is_gone(id);
        if restarted && id != self.me.id {
            Verdict::Admit(join.name.clone(), Some(Edit::Drop(id)))
        } else if self.presence.is_here(id) {
            Verdict::Refuse(NameRefusal::InUse)
        } else {
            Verdict::Wait
        }
    }

    fn admit(&mut self, peer: PeerId, name: Name, join: Join, now: Now) {
        let Some(roster) = &mut self.roster else { return };
        let mut entry = roster.next_entry(name, join.address, join.priority, now.wall);
        entry.formerly = (entry.name != join.name).then_some(join.name);
        self.edit(Edit::Admit(peer, entry));
    }

    /// Takes in the reachable members of another roster that one's own lacks, in their old order, renamed where names
    /// clash: two groups have met, and nobody is thrown out.
    fn take_in(&mut self, theirs: &Roster, now: Now) {
        let mut taken = false;

        for (peer, entry) in theirs.by_seniority() {
            let Some(roster) = &self.roster else { return };
            if roster.contains(peer) {
                continue;
            }
            if !self.reachable.contains_key(&peer) {
                continue;
            }
            let name = roster.free_name(&entry.name, peer);
            info!(%peer, %name, "taken in");
            let (asked, address) = (entry.name.clone(), entry.address.clone());
            let join = Join { name: asked, address, priority: entry.priority, member: true };
            self.admit(peer, name, join, now);
            taken = true;
        }
        taken |= self.take_in_guests(theirs);
        if taken {
            self.handle_roster_changed(&[], now);
        }
    }

    /// As the leader, drops the members that have been away for too long.
    pub(super) fn drop_overdue(&mut self, now: Now) {
        if !self.leads() {
            return;
        }
        let overdue = self.presence.overdue(now.instant);
        for peer in &overdue {
            info!(%peer, name = self.name_of(*peer), "dropped");
            self.edit(Edit::Drop(*peer));
        }
        if !overdue.is_empty() {
            self.handle_roster_changed(&[], now);
        }
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        if let Edit::Drop(peer) = &edit {
            self.consent.note_dropped(*peer, self.presence.left_reason(*peer));
        }
        if let Some(roster) = &mut self.roster {
            roster.make(&edit);
            self.edits.push(edit);
        }
    }

    /// Tells everybody what the leader decided, and those that it admitted everything.
    pub(super) fn publish_edits(&mut self) {
        let Some(roster) = &mut self.roster else { return };
        let welcomes: BTreeSet<_> = std::mem::take(&mut self.welcomes);
        if !self.edits.is_empty() {
            let change = roster.commit(std::mem::take(&mut self.edits));
            self.send_to_reachable(Message::Change(change), &welcomes);
        }
        // A roster is copied for those that are welcomed only: this is looked at after every input.
        if welcomes.is_empty() {
            return;
        }
        if let Some(roster) = self.roster.clone() {
            let to = welcomes.into_iter().filter(|peer| self.reachable.contains_key(peer)).collect();
            let (decided, recent) = (self.known_decided(), self.confirmed.recent());
            let baseline = self.history.pool().baseline();
            let welcome = Welcome { roster, absent: self.presence.absent(), baseline, decided, recent };
            self.outputs.push_back(Output::Send(to, Message::Welcome(welcome).into()));
        }
    }
}

/// Whether an output tells that somebody is here, or what it was called before.
fn tells_who_came(output: &Output) -> bool {
    matches!(output, Output::Event(Event::Joined { .. } | Event::Renamed { .. }))
}
