//! After the faults: one group, led by its highest-ranked member; everybody linked with everybody; one roster; one decided
//! log, and where it has a quorum nothing that waits for a place in it (I9).

use std::collections::{BTreeMap, BTreeSet};

use election::{Epoch, Rank};
use history::{Config, Entry, Index, Regime, RunningHash};
use node::Via;
use node::group::Group;
use transport::PeerId;

use super::Verdict;

/// How one process stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Stand {
    /// Which process.
    pub run: u32,
    /// Which peer.
    pub id: PeerId,
    /// Its name, and the one that its roster has for it.
    pub names: (String, Option<String>),
    /// Whether it is a member, and not about to leave.
    pub is_member: bool,
    /// Its rank.
    pub rank: Option<Rank<PeerId>>,
    /// Who leads, in which epoch.
    pub leader: Option<(PeerId, u64)>,
    /// Which roster it has. That a version is one roster is for [`rosters`](super::rosters) to see.
    pub version: Option<(Epoch<PeerId>, u64)>,
    /// How many that roster lists.
    pub listed: usize,
    /// Who is a member and can be reached.
    pub partners: Vec<PeerId>,
    /// Who is here, as it lists them.
    pub here: BTreeMap<PeerId, String>,
    /// Those of them that use a gateway.
    pub guests: BTreeSet<PeerId>,
    /// Those that use its own.
    pub own_guests: BTreeSet<PeerId>,
    /// To whom it has a link.
    pub links: BTreeSet<PeerId>,
    /// What is confirmed there.
    pub log: Confirmed,
}

/// What is confirmed at one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Confirmed {
    /// In which regime.
    pub regime: Option<Regime<PeerId>>,
    /// How many places.
    pub decided: u64,
    /// What stands there.
    pub hash: RunningHash,
    /// Whether it knows the configuration in force, and a quorum of that and of all after it in its log can be reached.
    pub has_quorum: bool,
    /// How many lines wait for a place.
    pub waiting: usize,
}

impl Stand {
    /// A process, with its links.
    pub fn of(run: u32, group: &Group, links: BTreeSet<PeerId>) -> Self {
        let id = group.me().id;
        let own = group.roster().find(|listed| listed.rank.peer == id);
        let members = group.members();
        let here = members.iter().map(|member| (member.id, member.name.to_string())).collect();
        let guests = members.iter().filter(|member| member.via == Via::Gateway).map(|member| member.id).collect();
        Self {
            run,
            id,
            names: (group.name().to_string(), own.map(|listed| listed.name.to_string())),
            is_member: group.is_member() && !group.is_leaving(),
            rank: group.rank(),
            leader: group.leader().map(|leader| (leader.id, leader.epoch)),
            version: group.roster_version(),
            listed: group.roster().count(),
            partners: group.partners(),
            here,
            guests,
            own_guests: group.own_guests().collect(),
            links,
            log: Confirmed::of(group),
        }
    }
}

impl Confirmed {
    fn of(group: &Group) -> Self {
        let log = group.history().log();
        Self {
            regime: log.regime(),
            decided: log.decided(),
            hash: log.hash(),
            has_quorum: has_quorum(group),
            waiting: group.unconfirmed(),
        }
    }

    fn is_of_one_log(&self, other: &Self) -> bool {
        (self.regime, self.decided, self.hash) == (other.regime, other.decided, other.hash)
    }
}

fn has_quorum(group: &Group) -> bool {
    let (log, reached) = (group.history().log(), group.partners());
    let is_here = |voter: &&PeerId| **voter == log.me() || reached.contains(voter);
    let carried = |config: &Config<PeerId>| 2 * config.voters.iter().filter(is_here).count() > config.voters.len();
    let undecided = (log.decided() + 1..=log.accepted_len()).filter_map(|place| log.accepted_entry(Index::new(place)?));
    let mut later = undecided.filter_map(|entry| match &**entry {
        Entry::Config(config) => Some(config),
        _ => None,
    });
    log.config().is_some_and(|(_, config)| carried(config)) && later.all(carried)
}

/// Looks at all processes that run, which can all reach each other.
///
/// # Errors
///
/// What is missing.
pub fn check(stands: &[Stand]) -> Verdict {
    let living: BTreeSet<PeerId> = stands.iter().map(|stand| stand.id).collect();
    let highest = stands.iter().filter_map(|stand| stand.rank).max().map(|rank| rank.peer);
    let guests: BTreeSet<PeerId> = stands.iter().flat_map(|stand| &stand.own_guests).copied().collect();
    let Some(first) = stands.first() else { return Ok(()) };
    let has_quorum = stands.iter().all(|stand| stand.log.has_quorum);
    // Who has accepted the beginning of a greater regime, and cannot know whether the others of it decided that, stays with it.
    let waits_for_a_person = stands.iter().any(|stand| stand.log.decided == 0 && !stand.log.has_quorum);
    for stand in stands {
        let id = stand.id;
        let all_but_me = || living.iter().filter(|peer| **peer != id);
        let here = stand.here.keys().filter(|one| !stand.guests.contains(one)).eq(&living);
        let names: BTreeSet<_> = stand.here.values().map(|name| name.to_lowercase()).collect();
        for (holds, what) in [
            (stand.is_member, "is no member"),
            (stand.leader.map(|leader| leader.0) == highest, "is not led by the highest rank"),
            (stand.leader == first.leader, "follows another leader"),
            (stand.version == first.version, "has another roster"),
            (stand.listed == living.len(), "has a roster of others than those that live"),
            (stand.partners.iter().eq(all_but_me()), "has others for partners than those that live"),
            (stand.links.iter().eq(all_but_me()), "has no link to everybody"),
            (here, "lists others than those that live"),
            (stand.guests == guests, "lists others than those that use the gateways"),
            (names.len() == stand.here.len(), "lists two of one name"),
            (stand.names.1.as_ref() == Some(&stand.names.0), "is called otherwise than it believes"),
            (waits_for_a_person || stand.log.is_of_one_log(&first.log), "has another log"),
            (!has_quorum || stand.log.waiting == 0, "has lines that wait, where a quorum could confirm them"),
        ] {
            if !holds {
                return Err(format!("{id} {what}: {stand:?}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::forged::{epoch, hash, peer, regime, stands};
    use super::*;

    #[test]
    fn whatever_a_group_at_rest_may_lack_is_seen() {
        check(&stands(3)).unwrap();
        let breaks: [fn(&mut Stand); 15] = [
            |stand| stand.own_guests.extend([peer(9)]),
            |stand| stand.here.extend([(peer(3), "P1".to_owned())]),
            |stand| stand.is_member = false,
            |stand| stand.leader = Some((peer(2), 1)),
            |stand| stand.leader = None,
            |stand| stand.version = Some((epoch(1, peer(1)), 9)),
            |stand| stand.listed += 1,
            |stand| stand.partners.clear(),
            |stand| stand.links.clear(),
            |stand| stand.here.clear(),
            |stand| stand.names.1 = Some("another".into()),
            |stand| stand.log.regime = Some(regime(2)),
            |stand| stand.log.decided -= 1,
            |stand| stand.log.hash = hash(2),
            |stand| stand.log.waiting = 1,
        ];
        for (which, mutate) in breaks.iter().enumerate() {
            let mut stands = stands(3);
            mutate(&mut stands[1]);
            assert!(check(&stands).is_err(), "mutation {which}");
        }
    }

    #[test]
    fn lines_may_wait_where_there_is_no_quorum() {
        let mut stands = stands(3);
        stands[2].log.has_quorum = false;
        stands[1].log.waiting = 1;
        check(&stands).unwrap();
    }

    #[test]
    fn a_leader_that_is_outranked_is_seen() {
        let mut stands = stands(3);
        stands.iter_mut().for_each(|stand| stand.leader = Some((peer(2), 1)));
        assert!(check(&stands).is_err());
    }
}
