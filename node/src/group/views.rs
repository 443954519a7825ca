//! A mind seen from outside: for whoever drives it, and for tests. Nothing here changes anything.

use election::{Epoch, Rank};
use history::History;
use transport::{Address, PeerId, PeerInfo};

use super::{Group, Stage};
use crate::name::Name;
use crate::roster::Entry;

/// A member as the roster lists it, whether it is here or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed<'a> {
    /// Its standing in elections.
    pub rank: Rank<PeerId>,
    /// Its name.
    pub name: &'a Name,
    /// Where it is dialled.
    pub address: &'a Address,
}

/// How much a mind keeps. Each number has a bound, which `ARCHITECTURE.md` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sizes {
    /// Lines kept, in bytes with all that they cost.
    pub line_bytes: usize,
    /// Sessions that lines are known of.
    pub sessions: usize,
    /// Entries accepted into the log and not known to be decided, in bytes with all that they cost.
    pub undecided_bytes: usize,
    /// Sessions in the exactly-once table.
    pub applied: usize,
    /// Private messages on their way.
    pub privates: usize,
    /// Private messages that were shown and are known by their ids.
    pub shown: usize,
    /// Requests that wait for an answer.
    pub requests: usize,
    /// Answers to others' requests.
    pub answers: usize,
    /// Votes that are not confirmed.
    pub votes: usize,
    /// Outputs that were not polled.
    pub outputs: usize,
}

impl Group {
    /// Who this peer is.
    pub fn me(&self) -> &PeerInfo {
        &self.me
    }

    /// What it is called; another name than it asked for if two groups met that both had it.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Whether it was admitted, and has not left.
    pub fn is_member(&self) -> bool {
        matches!(self.stage, Stage::Member | Stage::Leaving(_))
    }

    /// Whether it was asked to leave, and lives on until somebody else leads.
    pub fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Leaving(_))
    }

    /// Whether it believes that it leads.
    pub fn believes_to_lead(&self) -> bool {
        self.bully.is_leader()
    }

    /// The newest epoch that it has heard of: what it has to remember if it comes back.
    pub fn newest_epoch(&self) -> Option<Epoch<PeerId>> {
        self.bully.last_epoch()
    }

    /// Its own standing in elections, once it was admitted.
    pub fn rank(&self) -> Option<Rank<PeerId>> {
        self.bully.rank()
    }

    /// Which roster it has: in whose epoch, and which of that leader's.
    pub fn roster_version(&self) -> Option<(Epoch<PeerId>, u64)> {
        self.roster.as_ref().map(|roster| (roster.version.epoch, roster.version.version))
    }

    /// Who is a member by the roster that it has, by id.
    pub fn roster(&self) -> impl Iterator<Item = Listed<'_>> {
        let members = self.roster.iter().flat_map(|roster| roster.members());
        members.map(|(peer, Entry { name, address, priority, seniority, .. })| {
            let rank = Rank { priority: *priority, seniority: *seniority, peer };
            Listed { rank, name, address }
        })
    }

    /// The users of gateways by the roster that it has, by id: what each is called, and at whose gateway it is.
    pub fn roster_guests(&self) -> impl Iterator<Item = (PeerId, &Name, PeerId)> {
        let guests = self.roster.iter().flat_map(|roster| roster.guests());
        guests.map(|(id, guest)| (id, &guest.name, guest.host))
    }

    /// Whom it was told that it can reach, by id.
    pub fn reachable(&self) -> impl Iterator<Item = PeerId> {
        self.reachable.keys().copied()
    }

    /// How many lines came again, and were ignored.
    pub fn duplicates(&self) -> u64 {
        self.history.pool().counts().duplicates
    }

    /// What was said, and what of it is confirmed.
    pub fn history(&self) -> &History<PeerId> {
        &self.history
    }

    /// How much it keeps.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            line_bytes: self.history.pool().weight(),
            sessions: self.history.pool().sessions(),
            undecided_bytes: self.history.log().undecided_bytes(),
            applied: self.history.log().applied().len(),
            privates: self.privates.len(),
            shown: self.shown.len(),
            requests: self.requests.len(),
            answers: self.answers.len(),
            votes: self.consent.len(),
            outputs: self.outputs.len(),
        }
    }
}
