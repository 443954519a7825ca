//! The roster: who is a member, in which order they joined (pure).
//!
//! It belongs to the leader, which alone changes it; everybody else replaces a lesser one whole, or follows the
//! leader's changes one by one. The order of joining is the order of succession among equals.
//!
//! Guests are the users of members' gateways. They are members to everybody who talks, and stand apart here: they have names and
//! join numbers as members have, and no rank, no link and no vote. A host that is dropped takes its guests along.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use transport::{Address, PeerId};

use crate::name::{Name, Names};
use crate::timestamp::Timestamp;

/// How many guests a group has at most: whole rosters travel in one message, which may have 1 MiB.
pub(crate) const MOST_GUESTS: usize = 2_048;

/// Whose epoch a roster stands in, and how often that leader changed it. The greater replaces the lesser.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct RosterVersion {
    pub(crate) epoch: election::Epoch<PeerId>,
    pub(crate) version: u64,
}

/// One member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: Name,
    pub(crate) address: Address,
    pub(crate) priority: u16,
    /// The join number: the lower, the older a member.
    pub(crate) seniority: u64,
    pub(crate) joined_at: Timestamp,
    /// What it was called when it came, if somebody had that name: two groups had met.
    pub(crate) formerly: Option<Name>,
}

/// A user of a member's gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Guest {
    pub(crate) name: Name,
    /// Whose gateway it uses.
    pub(crate) host: PeerId,
    /// Of the same row as the members': lists are in the order of joining.
    pub(crate) seniority: u64,
    pub(crate) joined_at: Timestamp,
    /// As a member's.
    pub(crate) formerly: Option<Name>,
}

/// Who has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holder<'a> {
    Member(PeerId, &'a Entry),
    Guest(PeerId, &'a Guest),
}

impl<'a> Holder<'a> {
    pub(crate) fn id(self) -> PeerId {
        match self {
            Self::Member(id, _) | Self::Guest(id, _) => id,
        }
    }

    pub(crate) fn name(self) -> &'a Name {
        match self {
            Self::Member(_, entry) => &entry.name,
            Self::Guest(_, guest) => &guest.name,
        }
    }

    /// The member that it is, or whose gateway it uses.
    pub(crate) fn host(self) -> PeerId {
        match self {
            Self::Member(id, _) => id,
            Self::Guest(_, guest) => guest.host,
        }
    }

    /// The join number.
    pub(crate) fn seniority(self) -> u64 {
        match self {
            Self::Member(_, entry) => entry.seniority,
            Self::Guest(_, guest) => guest.seniority,
        }
    }
}

/// Who is a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Roster {
    pub(crate) version: RosterVersion,
    /// Since when the leader of the epoch leads.
    pub(crate) led_since: Timestamp,
    /// The join number that is given next. None is ever given twice.
    next_seniority: u64,
    members: BTreeMap<PeerId, Entry>,
    guests: BTreeMap<PeerId, Guest>,
}

/// What the leader did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Edit {
    /// A member was admitted, as written.
    Admit(PeerId, Entry),
    /// A member was dropped: its seniority is lost, and its guests are gone.
    Drop(PeerId),
    /// A guest was admitted, as written.
    AdmitGuest(PeerId, Guest),
    /// A guest was dropped.
    DropGuest(PeerId),
}

/// A step from one version of the roster to a later one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) from: RosterVersion,
    pub(crate) to: RosterVersion,
    pub(crate) led_since: Timestamp,
    pub(crate) edits: Vec<Edit>,
}

impl Roster {
    /// The roster of a group that begins: nobody yet.
    pub(crate) fn new(epoch: election::Epoch<PeerId>, led_since: Timestamp) -> Self {
        Self {
            version: RosterVersion { epoch, version: 0 },
            led_since,
            next_seniority: 1,
            members: BTreeMap::new(),
            guests: BTreeMap::new(),
        }
    }

    /// Takes over as the leader of an epoch.
    pub(crate) fn begin_epoch(&mut self, epoch: election::Epoch<PeerId>, led_since: Timestamp) -> Change {
        let from = self.version;
        self.version = RosterVersion { epoch, version: 0 };
        self.led_since = led_since;
        Change { from, to: self.version, led_since, edits: Vec::new() }
    }

    /// An entry for a new member, with the next join number.
    pub(crate) fn next_entry(&mut self, name: Name, address: Address, priority: u16, joined_at: Timestamp) -> Entry {
        let seniority = self.next_number();
        Entry { name, address, priority, seniority, joined_at, formerly: None }
    }

    /// A guest that is new, with the next join number.
    pub(crate) fn next_guest(&mut self, name: Name, host: PeerId, joined_at: Timestamp) -> Guest {
        Guest { name, host, seniority: self.next_number(), joined_at, formerly: None }
    }

    fn next_number(&mut self) -> u64 {
        let number = self.next_seniority;
        self.next_seniority = number.saturating_add(1);
        number
    }

    /// Makes an edit as the leader. It is told to the others by [`Roster::commit`].
    pub(crate) fn make(&mut self, edit: &Edit) {
        match edit {
            Edit::Admit(peer, entry) => {
                self.next_seniority = self.next_seniority.max(entry.seniority.saturating_add(1));
                self.members.insert(*peer, entry.clone());
            }
            Edit::Drop(peer) => {
                self.members.remove(peer);
                self.guests.retain(|_, guest| guest.host != *peer);
            }
            Edit::AdmitGuest(id, guest) => {
                self.next_seniority = self.next_seniority.max(guest.seniority.saturating_add(1));
                self.guests.insert(*id, guest.clone());
            }
            Edit::DropGuest(id) => {
                self.guests.remove(id);
            }
        }
    }

    /// Makes the edits since the last commit a new version.
    pub(crate) fn commit(&mut self, edits: Vec<Edit>) -> Change {
        let from = self.version;
        self.version.version += 1;
        Change { from, to: self.version, led_since: self.led_since, edits }
    }

    /// Follows a change of the leader. Whether it could: not if it starts from another version.
    pub(crate) fn follow(&mut self, change: &Change) -> bool {
        let fits = change.from == self.version && change.to > self.version;
        if fits {
            change.edits.iter().for_each(|edit| self.make(edit));
            self.version = change.to;
            self.led_since = change.led_since;
        }
        fits
    }

    /// Who leads in this roster's epoch.
    pub(crate) fn leader(&self) -> PeerId {
        self.version.epoch.leader
    }

    pub(crate) fn entry(&self, peer: PeerId) -> Option<&Entry> {
        self.members.get(&peer)
    }

    pub(crate) fn contains(&self, peer: PeerId) -> bool {
        self.members.contains_key(&peer)
    }

    /// By id.
    pub(crate) fn members(&self) -> impl Iterator<Item = (PeerId, &Entry)> {
        self.members.iter().map(|(peer, entry)| (*peer, entry))
    }

    /// The oldest member first.
    pub(crate) fn by_seniority(&self) -> Vec<(PeerId, &Entry)> {
        let mut members: Vec<_> = self.members().collect();
        members.sort_by_key(|(peer, entry)| (entry.seniority, *peer));
        members
    }

    pub(crate) fn guest(&self, id: PeerId) -> Option<&Guest> {
        self.guests.get(&id)
    }

    /// By id.
    pub(crate) fn guests(&self) -> impl Iterator<Item = (PeerId, &Guest)> {
        self.guests.iter().map(|(id, guest)| (*id, guest))
    }

    /// How many more guests there may be.
    pub(crate) fn room_for_guests(&self) -> usize {
        MOST_GUESTS.saturating_sub(self.guests.len())
    }

    /// Members and guests together, in the order of joining.
    pub(crate) fn everybody(&self) -> Vec<Holder<'_>> {
        let members = self.members().map(|(id, entry)| Holder::Member(id, entry));
        let mut all: Vec<_> = members.chain(self.guests().map(|(id, guest)| Holder::Guest(id, guest))).collect();
        all.sort_by_key(|one| (one.seniority(), one.id()));
        all
    }

    /// Who has a name, compared without regard to case.
    pub(crate) fn holder(&self, name: &str) -> Option<Holder<'_>> {
        let key = Name::key_of(name);
        let members = self.members().map(|(id, entry)| Holder::Member(id, entry));
        let mut all = members.chain(self.guests().map(|(id, guest)| Holder::Guest(id, guest)));
        all.find(|one| one.name().key() == key)
    }

    /// The name itself if nobody else has it, otherwise the first `Name-2`, `Name-3`, ... that nobody has.
    pub(crate) fn free_name(&self, name: &Name, of: PeerId) -> Name {
        if self.holder(name.as_str()).is_none_or(|holder| holder.id() == of) {
            return name.clone();
        }
        self.names_of(|id| id != of).give(name)
    }

    /// The names that everybody has, to give others to many at once.
    pub(crate) fn names(&self) -> Names {
        self.names_of(|_| true)
    }

    fn names_of(&self, which: impl Fn(PeerId) -> bool) -> Names {
        let members = self.members().map(|(id, entry)| (id, &entry.name));
        let all = members.chain(self.guests().map(|(id, guest)| (id, &guest.name)));
        Names::new(all.filter(|(id, _)| which(*id)).map(|(_, name)| name))
    }

    /// The ranks that the election goes by.
    pub(crate) fn ranks(&self) -> Vec<election::Rank<PeerId>> {
        let rank = |(peer, entry): (PeerId, &Entry)| election::Rank {
            priority: entry.priority,
            seniority: entry.seniority,
            peer,
        };
        self.members().map(rank).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn peer(n: u128) -> PeerId {
        PeerId::new(Uuid::from_u128(n))
    }

    fn roster() -> Roster {
        Roster::new(election::Epoch { counter: 1, leader: peer(1) }, Timestamp::default())
    }

    fn admit(roster: &mut Roster, n: u128, name: &str) -> Change {
        let address = "localhost:1".parse().unwrap();
        let entry = roster.next_entry(name.parse().unwrap(), address, 0, Timestamp::default());
        edit(roster, Edit::Admit(peer(n), entry))
    }

    fn edit(roster: &mut Roster, edit: Edit) -> Change {
        roster.make(&edit);
        roster.commit(vec![edit])
    }

    #[test]
    fn a_follower_that_makes_each_change_has_the_same_roster() {
        let mut leader = roster();
        let mut follower = leader.clone();
        for (n, name) in [(1, "alice"), (2, "bob"), (3, "carol")] {
            assert!(follower.follow(&admit(&mut leader, n, name)));
        }
        assert!(follower.follow(&edit(&mut leader, Edit::Drop(peer(2)))));
        assert_eq!(follower, leader);
        let next = election::Epoch { counter: 2, leader: peer(3) };
        assert!(follower.follow(&leader.begin_epoch(next, Timestamp::from_millis(5))));
        assert_eq!(follower, leader);
    }

    #[test]
    fn a_change_that_starts_elsewhere_is_not_made() {
        let mut leader = roster();
        let mut follower = leader.clone();
        let first = admit(&mut leader, 1, "alice");
        let second = admit(&mut leader, 2, "bob");
        assert!(!follower.follow(&second));
        assert_eq!(follower, roster());
        assert!(follower.follow(&first) && follower.follow(&second) && !follower.follow(&second));
    }

    #[test]
    fn a_join_number_is_never_given_twice_even_by_the_next_leader() {
        let mut leader = roster();
        let mut follower = leader.clone();
        for (n, name) in [(1, "alice"), (2, "bob")] {
            assert!(follower.follow(&admit(&mut leader, n, name)));
        }
        assert!(follower.follow(&edit(&mut leader, Edit::Drop(peer(2)))));
        admit(&mut follower, 4, "dave");
        assert_eq!(follower.entry(peer(4)).unwrap().seniority, 3);
    }

    #[test]
    fn a_name_that_is_taken_is_numbered_by_the_first_free_number() {
        let mut roster = roster();
        for (n, name) in [(1, "Bob"), (2, "bob-2")] {
            admit(&mut roster, n, name);
        }
        let bob: Name = "BOB".parse().unwrap();
        assert_eq!(roster.free_name(&bob, peer(3)).as_str(), "BOB-3");
        assert_eq!(roster.free_name(&bob, peer(1)).as_str(), "BOB");
    }

    #[test]
    fn a_guests_name_is_taken_as_a_members_and_it_goes_with_its_host() {
        let mut leader = roster();
        let mut follower = leader.clone();
        assert!(follower.follow(&admit(&mut leader, 1, "alice")));
        let bob = leader.next_guest("Bob".parse().unwrap(), peer(1), Timestamp::default());
        assert!(follower.follow(&edit(&mut leader, Edit::AdmitGuest(peer(9), bob))));
        assert!(follower.follow(&admit(&mut leader, 2, "carol")));
        assert_eq!(follower, leader);
        let order: Vec<_> = leader.everybody().into_iter().map(|one| one.name().to_string()).collect();
        assert_eq!(order, ["alice", "Bob", "carol"]);
        assert_eq!(leader.holder("BOB").map(Holder::id), Some(peer(9)));
        assert_eq!(leader.free_name(&"bob".parse().unwrap(), peer(3)).as_str(), "bob-2");
        assert_eq!(leader.ranks().len(), 2, "a guest has no rank");
        assert!(follower.follow(&edit(&mut leader, Edit::Drop(peer(1)))));
        assert!(follower == leader && leader.holder("bob").is_none());
    }

    #[test]
    fn join_numbers_at_the_end_of_their_range_do_no_harm() {
        let mut follower = roster();
        let mut entry =
            follower.clone().next_entry("x".parse().unwrap(), "h:1".parse().unwrap(), 0, Timestamp::default());
        entry.seniority = u64::MAX;
        let mut to = follower.version;
        to.version = 1;
        let edits = vec![Edit::Admit(peer(9), entry)];
        assert!(follower.follow(&Change { from: follower.version, to, led_since: Timestamp::default(), edits }));
    }
}
