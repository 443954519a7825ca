//! After the faults: one group, led by its highest-ranked member; everybody linked with everybody; one roster; one decided
//! log, of one history, and where it has a quorum nothing that waits for a place in it (I9, N7).

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
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Confirmed {
    /// In which history.
    pub regime: Option<Regime<PeerId>>,
    /// How many places.
    pub decided: u64,
    /// What stands there.
    pub hash: RunningHash,
    /// Who has to agree to what follows: the configuration in force, and all after it in its log, each at its place.
    pub configs: Vec<(u64, Config<PeerId>)>,
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
        let config_at = |place| match &**log.accepted_entry(Index::new(place)?)? {
            Entry::Config(config) => Some((place, config.clone())),
            _ => None,
        };
        let later = (log.decided() + 1..=log.accepted_len()).filter_map(config_at);
        Self {
            regime: log.regime(),
            decided: log.decided(),
            hash: log.hash(),
            configs: log.config().map(|(at, config)| (at, config.clone())).into_iter().chain(later).collect(),
            waiting: group.unconfirmed(),
        }
    }

    fn is_of_one_log(&self, other: &Self) -> bool {
        (self.regime, self.decided, self.hash) == (other.regime, other.decided, other.hash)
    }
}

/// Whether those that are of some history can confirm what is said: a quorum of those that vote there, or half of them with the
/// tie-breaker.
fn has_quorum(stands: &[Stand]) -> bool {
    let histories: BTreeSet<_> = stands.iter().filter_map(|stand| stand.log.regime).collect();
    histories.into_iter().any(|history| {
        let of: Vec<_> = stands.iter().filter(|stand| stand.log.regime == Some(history)).collect();
        let is_here = |voter: &&PeerId| of.iter().any(|stand| stand.id == **voter);
        let carried = |config: &Config<PeerId>| {
            let here = config.voters.iter().filter(is_here).count();
            2 * here > config.voters.len() || 2 * here == config.voters.len() && is_here(&&config.tie_breaker)
        };
        let Some(foremost) = of.iter().max_by_key(|stand| stand.log.decided) else { return false };
        let Some((at, in_force)) = foremost.log.configs.first() else { return false };
        // What anybody has accepted may have been decided by those that are gone.
        let undecided =
            of.iter().flat_map(|stand| &stand.log.configs).filter(|(place, _)| foremost.log.decided < *place);
        *at > 0 && carried(in_force) && undecided.map(|(_, config)| config).all(carried)
    })
}

/// Looks at all processes that run, which can all reach each other.
///
/// # Errors
///
/// What is missing.
pub fn check(stands: &[Stand]) -> Verdict {
    let living: BTreeSet<PeerId> = stands.iter().map(|stand| stand.id).collect();
    // Where nothing is decided that could be learnt, whoever has no log at all leads nobody that has one.
    let learns = stands.iter().any(|one| one.log.decided > 0) || stands.iter().all(|one| one.log.configs.is_empty());
    let highest = stands
        .iter()
        .filter(|stand| learns || !stand.log.configs.is_empty())
        .filter_map(|stand| stand.rank)
        .max()
        .map(|rank| rank.peer);
    let guests: BTreeSet<PeerId> = stands.iter().flat_map(|stand| &stand.own_guests).copied().collect();
    let Some(first) = stands.first() else { return Ok(()) };
    // Where no history has one, none is given up, and a person's word is awaited.
    let has_quorum = has_quorum(stands);
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
            (!has_quorum || stand.log.is_of_one_log(&first.log), "has another log"),
            (!has_quorum || stand.log.waiting == 0, "has lines that wait, where a quorum could confirm them"),
        ] {
            if !holds {
                let logs: Vec<_> = stands.iter().map(|stand| (stand.id, stand.leader, &stand.log)).collect();
                return Err(format!("{id} {what}: {stand:?}; the logs of all: {logs:?}"));
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
    fn lines_may_wait_and_histories_be_apart_where_there_is_no_quorum() {
        let mut stands = stands(3);
        for stand in &mut stands {
            let config = Config { voters: [1, 7, 8].map(peer).into(), tie_breaker: peer(7), fork: None };
            stand.log.configs = vec![(1, config)];
        }
        stands[1].log.waiting = 1;
        stands[2].log.regime = Some(regime(2));
        check(&stands).unwrap();
        stands.iter_mut().for_each(|stand| stand.log.configs[0].1.voters = [1, 2, 8].map(peer).into());
        assert!(check(&stands).is_err(), "two of three are here");
    }

    #[test]
    fn a_leader_that_is_outranked_is_seen() {
        let mut stands = stands(3);
        stands.iter_mut().for_each(|stand| stand.leader = Some((peer(2), 1)));
        assert!(check(&stands).is_err());
    }
}
