//! Names and ranks are unique among the admitted, names among those and the users of gateways, and a version of the roster is one roster, wherever it is.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use election::Epoch;
use node::Name;
use node::group::Listed;
use transport::PeerId;

use super::Verdict;

/// In whose epoch a roster stands, and which of that leader's it is.
pub type Version = (Epoch<PeerId>, u64);

/// The rosters that were seen.
#[derive(Debug, Default)]
pub struct Rosters {
    /// What each version holds.
    seen: BTreeMap<Version, u64>,
    /// The last version of each process.
    last: BTreeMap<u32, Version>,
}

impl Rosters {
    /// Whether a process had another version when it was last looked at.
    pub fn is_news(&self, run: u32, version: Version) -> bool {
        self.last.get(&run) != Some(&version)
    }

    /// A process has this roster, with these users of gateways: each with its name and its host.
    ///
    /// # Errors
    ///
    /// Two in it have the same name, or the same join number of one leader; or another has another roster of that version.
    pub fn note(
        &mut self,
        run: u32,
        version: Version,
        listed: &[Listed<'_>],
        guests: &[(PeerId, &Name, PeerId)],
    ) -> Verdict {
        self.last.insert(run, version);
        let mut hasher = DefaultHasher::new();
        for member in listed {
            (member.rank, member.name, member.address).hash(&mut hasher);
        }
        guests.hash(&mut hasher);
        let content = hasher.finish();
        if let Some(other) = self.seen.get(&version) {
            let same = *other == content;
            return if same {
                Ok(())
            } else {
                Err(format!("another roster of version {version:?}: {listed:?}, {guests:?}"))
            };
        }
        self.seen.insert(version, content);
        let mut names = BTreeSet::new();
        let mut all = listed.iter().map(|member| member.name).chain(guests.iter().map(|(_, name, _)| *name));
        if let Some(twice) = all.find(|name| !names.insert(name.as_str().to_lowercase())) {
            return Err(format!("two members are called {twice}"));
        }
        let mut numbers = BTreeSet::new();
        match listed.iter().find(|member| !numbers.insert(member.rank.seniority)) {
            Some(twice) => Err(format!("two members have the join number {}", twice.rank.seniority)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use election::Rank;
    use node::Name;
    use transport::Address;

    use super::super::forged::{epoch, peer};
    use super::*;

    fn verdict(members: &[(&str, u64)]) -> Verdict {
        Rosters::default().note(1, (epoch(1, peer(1)), 1), &listed(&owned(members)), &[])
    }

    fn owned(members: &[(&str, u64)]) -> Vec<(Name, Address, u64)> {
        members.iter().map(|(name, number)| (name.parse().unwrap(), "h:1".parse().unwrap(), *number)).collect()
    }

    fn listed(members: &[(Name, Address, u64)]) -> Vec<Listed<'_>> {
        let rank = |seniority| Rank { priority: 0, seniority, peer: peer(seniority as u128) };
        members.iter().map(|(name, address, number)| Listed { rank: rank(*number), name, address }).collect()
    }

    #[test]
    fn a_name_that_two_have_is_seen_whatever_its_case() {
        verdict(&[("bob", 1), ("alice", 2)]).unwrap();
        assert!(verdict(&[("bob", 1), ("BOB", 2)]).is_err());
        assert!(verdict(&[("bob", 1), ("alice", 1)]).is_err());
    }

    #[test]
    fn a_name_that_a_guest_has_as_well_and_guests_that_another_has_not_are_seen() {
        let (version, members) = ((epoch(1, peer(1)), 1), owned(&[("bob", 1)]));
        let (bob, dora) = ("Bob".parse().unwrap(), "dora".parse().unwrap());
        let guest = |n, name| (peer(n), name, peer(1));
        let note = |guests: &[_]| Rosters::default().note(1, version, &listed(&members), guests);
        note(&[guest(7, &dora)]).unwrap();
        assert!(note(&[guest(7, &bob)]).is_err());
        assert!(note(&[guest(7, &dora), guest(8, &dora)]).is_err());
        let mut rosters = Rosters::default();
        rosters.note(1, version, &listed(&members), &[guest(7, &dora)]).unwrap();
        assert!(rosters.note(2, version, &listed(&members), &[guest(8, &dora)]).is_err());
    }

    #[test]
    fn two_rosters_of_one_version_are_seen() {
        let mut rosters = Rosters::default();
        let version = (epoch(1, peer(1)), 1);
        rosters.note(1, version, &listed(&owned(&[("bob", 1)])), &[]).unwrap();
        rosters.note(2, version, &listed(&owned(&[("bob", 1)])), &[]).unwrap();
        assert!(rosters.note(3, version, &listed(&owned(&[("bob", 2)])), &[]).is_err());
    }
}
