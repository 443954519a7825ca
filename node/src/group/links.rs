//! Whom this peer reaches, and who of them takes part.

use std::collections::BTreeSet;

use history::Loss;
use transport::{Address, DialError, PeerId, PeerInfo, Unreachable};

use super::{Group, Now, Output, Stage, confirming};

impl Group {
    /// A peer can be reached: over a link of one's own, if it is direct, and otherwise through others.
    pub fn handle_reachable(&mut self, peer: PeerInfo, direct: bool, now: Now) {
        let id = peer.id;
        self.reachable.insert(id, peer);
        let seen = self.presence.handle_reachable(id);
        self.tell_seen(seen);
        self.bully.handle_reachable(id, now.instant);
        if !direct {
            self.bully.handle_link_lost(id, now.instant);
        }
        self.match_partner(id, now);
        self.privates.handle_path(id, now.instant);
        self.send_privates(now);
        self.send_have(id);
        if let Stage::Joining(joining) = &mut self.stage
            && self.roster.as_ref().is_some_and(|roster| roster.leader() == id)
        {
            joining.ask_at = now.instant;
        }
        self.settle(now);
    }

    /// A reachable peer is reached another way. What was on its way over a link that ended may be lost.
    pub fn handle_path(&mut self, peer: PeerId, direct: bool, now: Now) {
        if direct {
            self.bully.handle_link_restored(peer, now.instant);
        } else {
            self.bully.handle_link_lost(peer, now.instant);
            if self.partners.contains(&peer) {
                self.history.handle_reachable(peer, now.instant);
            }
            self.requests.handle_lost(peer);
            self.privates.handle_path(peer, now.instant);
            self.send_privates(now);
            self.send_have(peer);
        }
        self.settle(now);
    }

    /// A peer cannot be reached, or more is known of why.
    pub fn handle_unreachable(&mut self, peer: PeerId, why: Unreachable, now: Now) {
        if let Some(info) = self.reachable.remove(&peer) {
            self.note_lost_name(&info);
        }
        self.pulled.remove(&peer);
        if let Stage::Joining(joining) = &mut self.stage {
            joining.handle_lost(peer, now.instant);
            // It may have told of a group that nobody else knows: whoever is left is asked anew.
            self.roster = None;
        }
        let seen = self.presence.handle_unreachable(peer, why, now.instant);
        self.tell_seen(seen);
        self.bully.handle_unreachable(peer, now.instant);
        self.match_partner(peer, now);
        self.history.handle_unreachable(peer, confirming::loss(why), now.instant);
        self.requests.handle_lost(peer);
        for id in self.privates.handle_gone(peer) {
            self.outputs.push_back(Output::Delivered(id, false));
        }
        self.settle(now);
    }

    /// An address to join through led nowhere.
    pub fn handle_seed_failed(&mut self, address: Address, error: DialError, now: Now) {
        if let Stage::Joining(joining) = &mut self.stage {
            joining.handle_failure(address, error);
            self.settle(now);
        }
    }

    /// Whether exactly these, by id, take part and can be reached.
    pub fn has_partners(&self, peers: &[PeerId]) -> bool {
        self.partners.iter().eq(peers)
    }

    /// The peers that take part and can be reached, by id.
    pub fn partners(&self) -> Vec<PeerId> {
        self.partners.iter().copied().collect()
    }

    /// Finds out anew whether one peer is a partner: in a crowd that joins everybody comes in reach of everybody.
    pub(super) fn match_partner(&mut self, peer: PeerId, now: Now) {
        let listed = self.is_member() && self.roster.as_ref().is_some_and(|roster| roster.contains(peer));
        if listed && self.reachable.contains_key(&peer) {
            if self.partners.insert(peer) {
                self.history.handle_reachable(peer, now.instant);
            }
        } else if self.partners.remove(&peer) {
            self.history.handle_unreachable(peer, Loss::Silent, now.instant);
        }
    }

    /// Finds out anew who is a partner, and tells those parts that talk to partners only.
    pub(super) fn match_partners(&mut self, now: Now) {
        let roster = self.roster.as_ref().filter(|_| self.is_member());
        let is_partner = |peer: &&PeerId| roster.is_some_and(|roster| roster.contains(**peer));
        let partners: BTreeSet<_> = self.reachable.keys().filter(is_partner).copied().collect();
        for peer in self.partners.difference(&partners) {
            self.history.handle_unreachable(*peer, Loss::Silent, now.instant);
        }
        for peer in partners.difference(&self.partners) {
            self.history.handle_reachable(*peer, now.instant);
        }
        self.partners = partners;
    }
}
