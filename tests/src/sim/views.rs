//! What there is to see of a world, for tests and for what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use node::group::Group;
use transport::{Address, PeerId};

use super::acts::Whom;
use super::link::{End, Link};
use super::peer::Target;
use super::trace::Trace;
use super::world::{Counters, World};
use super::{HEARTBEAT, Place};
use crate::invariants::convergence::{self, Confirmed, Stand};
use crate::invariants::{Coverage, Invariants};

/// For how long no link state may have been under way before everybody's tables must be the same: a difference is seen within a
/// heartbeat, borne for a second, and told within another heartbeat.
const QUIET: Duration = Duration::from_millis(1500);

/// How long a group may take to come to rest, but for the hold of a member of higher rank that fell often.
const REST: Duration = Duration::from_secs(30);
const LONGEST_HOLD: Duration = Duration::from_secs(65);

impl World {
    /// The seed that it follows from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What happened.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What happened, in numbers.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Begins to count anew.
    pub fn forget_counts(&mut self) {
        self.counters = Counters::default();
    }

    /// How many messages of these kinds were sent.
    pub fn sent(&self, kinds: &[&str]) -> u64 {
        kinds.iter().filter_map(|kind| self.counters.messages.get(kind)).sum()
    }

    /// What must hold.
    pub fn invariants(&self) -> &Invariants {
        &self.invariants
    }

    /// Which of the seldom things have happened.
    pub fn coverage(&self) -> Coverage {
        let duplicates = self.peers.iter().flatten().map(|peer| peer.group.duplicates()).sum();
        Coverage { duplicates, ..self.invariants.coverage }
    }

    /// How often each owner was told that somebody leaves, and of another leader.
    pub fn commotion(&self) -> BTreeMap<Place, (u32, u32)> {
        let told = |place: Place| Some((place, self.invariants.owners.commotion(self.peer(place)?.run)));
        self.running().into_iter().filter_map(told).collect()
    }

    /// How often an owner was told that a line lost its place.
    pub fn unconfirmed(&self, place: Place) -> u32 {
        let run = self.peer(place).map(|peer| peer.run);
        run.and_then(|run| self.invariants.unconfirmed.get(&run)).copied().unwrap_or(0)
    }

    /// Where processes run.
    pub fn running(&self) -> Vec<Place> {
        (0..self.peers.len()).map(Place::at).filter(|place| self.peer(*place).is_some()).collect()
    }

    /// Whether a process is stopped.
    pub fn is_paused(&self, place: Place) -> bool {
        self.peer(place).is_some_and(|peer| peer.paused)
    }

    pub(super) fn is_awake(&self, place: Place) -> bool {
        self.peer(place).is_some_and(|peer| !peer.paused)
    }

    /// The mind that runs at a place.
    pub fn mind(&self, place: Place) -> Option<&Group> {
        self.peer(place).map(|peer| &peer.group)
    }

    /// The place that a peer runs at.
    pub fn place_of(&self, id: PeerId) -> Option<Place> {
        self.running().into_iter().find(|place| self.peer(*place).is_some_and(|peer| peer.info.id == id))
    }

    /// Who leads, by the word of somebody.
    pub fn leader_of(&self, place: Place) -> Option<Place> {
        self.place_of(self.mind(place)?.leader()?.id)
    }

    /// Who leads, if all that run agree.
    pub fn leader(&self) -> Option<Place> {
        let leaders: BTreeSet<_> = self.running().into_iter().map(|place| self.leader_of(place)).collect();
        leaders.into_iter().reduce(|a, b| a.filter(|_| a == b)).flatten()
    }

    /// Which epoch a process knows of.
    pub fn epoch(&self, place: Place) -> u64 {
        self.mind(place).map_or(0, Group::epoch)
    }

    /// Whether one can reach another, as its overlay has it.
    pub fn reaches(&self, from: Place, to: Place) -> bool {
        let to = self.peer(to).map(|peer| peer.info.id);
        self.peer(from).zip(to).is_some_and(|(peer, to)| peer.overlay.is_reachable(to))
    }

    /// Whether two have a link that is up at both ends.
    pub fn is_linked(&self, a: Place, b: Place) -> bool {
        let link = |from: Place, to: Place| {
            let to = self.peer(to)?.info.id;
            self.peer(from)?.links.get(&to).copied()
        };
        link(a, b).is_some() && link(a, b) == link(b, a)
    }

    pub(super) fn whom(&self, whom: Whom) -> Option<Place> {
        let running = self.running();
        match whom {
            Whom::At(place) => self.peer(place).map(|_| place),
            Whom::Leader => running.into_iter().find(|place| self.mind(*place).is_some_and(Group::believes_to_lead)),
            Whom::Any(number) => (!running.is_empty()).then(|| running[number % running.len()]),
        }
    }

    pub(super) fn members_runs(&self) -> Vec<u32> {
        let members = self.peers.iter().flatten().filter(|peer| peer.group.is_member());
        members.map(|peer| peer.run).collect()
    }

    /// Whom each can reach that is awake.
    pub(super) fn reach(&self) -> BTreeMap<PeerId, BTreeSet<PeerId>> {
        let awake = self.peers.iter().flatten().filter(|peer| !peer.paused);
        awake.map(|peer| (peer.info.id, peer.overlay.reachable().map(|info| info.id).collect())).collect()
    }

    /// Whether no link state is queued, under way or about to be told, and no table has differed for long.
    pub(super) fn links_are_quiet(&self) -> bool {
        let now = self.now();
        let gathers = |due: std::time::Instant| due < now + Duration::from_secs(1);
        self.links_under_way == 0
            && self.links_moved_at + QUIET <= now
            && !self.peers.iter().flatten().any(|peer| peer.overlay.poll_timeout().is_some_and(gathers))
            && !self.links.iter().any(|link| self.is_doubtful(link))
    }

    /// Whether somebody believes in a link that is dead.
    fn is_doubtful(&self, link: &Link) -> bool {
        let believes =
            |end: &End| end.is_up && self.peer(end.place).is_some_and(|peer| peer.run == end.run && !peer.paused);
        link.sick_since.is_some() && link.ends.iter().any(believes)
    }

    /// Everybody that runs, as it stands.
    pub fn stands(&self) -> Vec<Stand> {
        let peers = self.peers.iter().flatten();
        let stand = |peer: &super::peer::Peer| Stand::of(peer.run, &peer.group, peer.links.keys().copied().collect());
        peers.map(|peer| stand(peer)).collect()
    }

    /// Whether all that run are one group at rest; if not, why not.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub fn agreed(&self) -> Result<(), String> {
        if let Some(place) = self.running().into_iter().find(|place| self.is_about_to_link(*place)) {
            return Err(format!("{place} dials somebody who is there"));
        }
        for mut part in self.parts() {
            if self.invariants.gave_way {
                part.iter_mut().for_each(|stand| stand.log.waiting = 0);
            }
            convergence::check(&part)?;
            self.invariants.told_what_is(&part)?;
        }
        Ok(())
    }

    /// Whether somebody is going to dial an address at which somebody answers.
    fn is_about_to_link(&self, place: Place) -> bool {
        let Some(peer) = self.peer(place) else { return false };
        let answers = |address: &Address| Place::of(address) != place && self.peer(Place::of(address)).is_some();
        let registry = &peer.registry;
        let seeds = registry.seeds.keys().map(|address| (Target::Seed(address.clone()), address));
        let members = registry.book.iter().map(|(member, address)| (Target::Member(*member), address));
        seeds.chain(members).any(|(target, address)| answers(address) && peer.wants(&target))
    }

    /// Whether everybody has heard what it must have heard.
    ///
    /// # Errors
    ///
    /// Who has not.
    pub fn all_heard(&self) -> Result<(), String> {
        let runs = |part: &Vec<Stand>| part.iter().map(|stand| stand.run).collect::<Vec<_>>();
        self.parts().iter().try_for_each(|part| self.invariants.spread.check_at_rest(&runs(part)))
    }

    /// Groups that know nothing of each other, each by itself.
    fn parts(&self) -> Vec<Vec<Stand>> {
        let mut left: BTreeMap<_, _> = self.stands().into_iter().map(|stand| (stand.id, stand)).collect();
        let mut parts = Vec::new();
        while let Some((_, first)) = left.pop_first() {
            let mut part = vec![first];
            let mut at = 0;
            while let Some(stand) = part.get(at) {
                let linked: Vec<_> = stand.links.iter().filter_map(|other| left.remove(other)).collect();
                part.extend(linked);
                at += 1;
            }
            part.sort_by_key(|stand| stand.id);
            parts.push(part);
        }
        parts
    }

    /// Lets the group come to rest. How long that took, if it did: for a heartbeat everybody must agree.
    pub fn settle(&mut self) -> Option<Duration> {
        let begin = self.elapsed();
        let limit = REST + LONGEST_HOLD;
        while self.elapsed() - begin < limit {
            let left = limit.saturating_sub(self.elapsed() - begin);
            self.run_until(left, HEARTBEAT / 5, |world| world.agreed().is_ok())?;
            let (took, before) = (self.elapsed() - begin, self.leaderships());
            self.run(HEARTBEAT);
            if self.agreed().is_ok() && self.leaderships() == before {
                return Some(took);
            }
        }
        None
    }

    fn leaderships(&self) -> Vec<Option<(PeerId, u64)>> {
        let leader = |group: &Group| group.leader().map(|leader| (leader.id, leader.epoch));
        self.peers.iter().flatten().map(|peer| leader(&peer.group)).collect()
    }

    /// Lets the group come to rest, and sees that nothing changes afterwards.
    ///
    /// # Panics
    ///
    /// If it does not, or does.
    pub fn must_settle(&mut self) -> Duration {
        let Some(took) = self.settle() else {
            let why = self.agreed().err().unwrap_or_default();
            self.fail(&format!("no rest: {why}"));
        };
        // Who votes is looked at for longer: the log may grow.
        let without_logs = |world: &Self| {
            let stands = world.stands().into_iter();
            stands.map(|stand| Stand { log: Confirmed::default(), ..stand }).collect::<Vec<_>>()
        };
        let before = without_logs(self);
        self.run(Duration::from_secs(5));
        if let Some((before, after)) = before.iter().zip(&without_logs(self)).find(|(before, after)| before != after) {
            self.fail(&format!("what was at rest moved, from {before:?} to {after:?}"));
        }
        took
    }
}
