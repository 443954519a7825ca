//! What a change of leader means for the rest of a mind.

use tracing::info;
use transport::PeerId;

use super::{Group, Now, Output, Stage};
use crate::event::{Event, Leader, Via};
use crate::name::Name;
use crate::roster::{Edit, Roster};
use crate::wire::Message;

impl Group {
    /// Founds a group: its first member, and leader.
    pub(super) fn found(&mut self, now: Now) {
        let rank = election::Rank { priority: self.me.priority, seniority: 1, peer: self.me.id };
        self.bully.handle_founded(rank, now.instant);
        self.drain(now);
    }

    /// The election has another outcome.
    pub(super) fn handle_succession(&mut self, event: election::Event<PeerId>, now: Now) {
        let election::Event::Leader { leader, epoch, reason } = event;
        let cause = reason.display_with(|peer| self.name_of(peer)).to_string();
        info!(?leader, ?epoch, cause, "leader changed");
        self.requests.ask_again();
        self.history.handle_leader(leader, now.instant);
        let (Some(id), Some(epoch)) = (leader, epoch) else {
            self.leader = None;
            self.tell(Event::Leader(None));
            return;
        };
        let mut since = now.wall;
        if id == self.me.id {
            self.begin_epoch(epoch, now);
        } else {
            since = self.follow_roster_of(id, epoch).unwrap_or(since);
        }
        let leader = Leader {
            id,
            name: self.leaders_name(id),
            epoch: epoch.counter,
            me: id == self.me.id,
            reason: format!("{cause}; {}", self.merit(id)),
            since,
        };
        self.leader = Some(leader.clone());
        self.tell(Event::Leader(Some(leader)));
    }

    /// Takes over the roster; the founder makes one.
    fn begin_epoch(&mut self, epoch: election::Epoch<PeerId>, now: Now) {
        self.publish_edits();
        match &mut self.roster {
            Some(roster) if !matches!(self.stage, Stage::Joining(_)) => {
                let change = roster.begin_epoch(epoch, now.wall);
                self.preceding = Some(change.from);
                self.send_to_reachable(Message::Change(change), &std::collections::BTreeSet::new());
            }
            _ => self.roster = Some(Roster::new(epoch, now.wall)),
        }
        if !self.roster.as_ref().is_some_and(|roster| roster.contains(self.me.id)) {
            self.admit_oneself(now);
        }
        // Whoever was away from its leader for too long was for this peer to drop from this moment on.
        self.drop_overdue(now);
    }

    fn admit_oneself(&mut self, now: Now) {
        let founding = matches!(self.stage, Stage::Joining(_));
        let Some(roster) = &mut self.roster else { return };
        let name = roster.free_name(&self.name, self.me.id);
        let mut entry = roster.next_entry(name, self.me.address.clone(), self.me.priority, now.wall);
        entry.formerly = (entry.name != self.name).then(|| self.name.clone());
        let edit = Edit::Admit(self.me.id, entry);
        roster.make(&edit);
        self.edits.push(edit);
        if founding {
            self.become_member(now);
            self.history.begin(now.instant);
        }
        self.handle_roster_changed(&[], now);
        if founding {
            self.announce_membership();
            self.tell_earlier();
            for peer in self.reachable.keys().copied().collect::<Vec<_>>() {
                self.send_have(peer);
            }
        }
    }

    pub(super) fn become_member(&mut self, now: Now) {
        self.stage = Stage::Member;
        self.compare_at = now.instant + super::COMPARE;
        // A leader learns from the others' promises what its own log lacks: whoever is of the history that ought to stand may lead.
        let stands = self.history.log().stands();
        self.bully.handle_caught_up(stands, now.instant);
    }

    /// Tells the owner that this peer is a member, and of its own joining.
    pub(super) fn announce_membership(&mut self) {
        // The election's own word follows; what the roster says of the leader is known now.
        let leads = self.roster.as_ref().map(Roster::leader);
        let mut members = self.members();
        members.iter_mut().for_each(|member| member.leader = Some(member.id) == leads);
        self.outputs.push_back(Output::Admitted(members));
        let (id, name, address) = (self.me.id, self.name.clone(), self.me.address.clone());
        self.tell(Event::Joined { id, name, address, via: Via::Peer });
    }

    /// Another leads: the roster that this peer kept as a leader is handed over, so that nobody in it is lost. Since
    /// when the other leads, if its roster is here already.
    fn follow_roster_of(
        &mut self,
        leader: PeerId,
        epoch: election::Epoch<PeerId>,
    ) -> Option<crate::timestamp::Timestamp> {
        let roster = self.roster.as_ref()?;
        let since = (roster.version.epoch == epoch).then_some(roster.led_since);
        if roster.leader() == self.me.id && self.reachable.contains_key(&leader) {
            self.send_roster(leader);
        } else {
            self.send_have(leader);
        }
        since
    }

    /// Why a member leads and not another, as a clause.
    fn merit(&self, leader: PeerId) -> String {
        let members: Vec<_> = self.members().into_iter().filter(|member| member.via == Via::Peer).collect();
        let Some(chosen) = members.iter().find(|member| member.id == leader) else {
            return "it claimed the lead".into();
        };
        if members.len() == 1 {
            return "there is nobody else".into();
        }
        let rivals = || members.iter().filter(|member| member.id != leader);
        if rivals().all(|rival| rival.priority < chosen.priority) {
            format!("its priority, {}, is the highest of {} members", chosen.priority, members.len())
        } else if rivals().all(|rival| rival.priority <= chosen.priority) {
            format!("it is the oldest of {} members", members.len())
        } else {
            format!(
                "it keeps the lead until a member of higher rank has been here for a while ({} members)",
                members.len()
            )
        }
    }

    /// A leader's name. One whose roster and hello are both not here yet is called by the beginning of its id.
    fn leaders_name(&self, leader: PeerId) -> Name {
        let entry = self.roster.as_ref().and_then(|roster| roster.entry(leader));
        let told = || self.reachable.get(&leader).and_then(|info| info.name.parse().ok());
        let known = if leader == self.me.id { Some(self.name.clone()) } else { entry.map(|entry| entry.name.clone()) };
        known.or_else(told).unwrap_or_else(|| Name::of_stranger(leader))
    }
}
