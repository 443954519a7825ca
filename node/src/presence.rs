//! Which members are here (pure).
//!
//! Being in the roster is the leader's word; being here is what this peer sees. A member that cannot be reached is at
//! once announced as leaving and hidden from lists; whether it keeps its seniority is decided later, by the leader.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use transport::{PeerId, Unreachable};

use crate::event::LeftReason;
use crate::name::Name;
use crate::roster::Roster;

/// After its process is known to be gone, a member is dropped as soon as the links of all others must have ended too.
const GONE_GRACE: Duration = Duration::from_millis(300);

/// A member that is merely silent is given this long to come back with its seniority.
const SILENT_GRACE: Duration = Duration::from_secs(5);

/// In a group of two the other has nobody to speak for it.
const SILENT_GRACE_OF_TWO: Duration = Duration::from_secs(10);

/// What this peer sees of one member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sight {
    /// Just admitted; its link is on its way until then.
    Expected(Instant),
    /// Reachable.
    Here,
    /// Unreachable since, and why.
    Absent(Instant, Unreachable),
    /// Reachable, but not in the roster: until then its leader may take it in, as happens where two groups meet.
    Unlisted(Instant),
}

/// What became visible.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// A member is here.
    Joined(PeerId),
    /// A member of a group that this one met is here; somebody had the name that it was known by there.
    Met(PeerId, Name),
    /// A member is here no longer. The name, because the roster may have dropped it.
    Left(PeerId, Name, LeftReason, String),
    /// A member's name changed.
    Renamed(PeerId, Name, Name),
}

/// What this peer sees of each member of the roster but itself.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    me: PeerId,
    /// How long an admitted member's link may take to come up.
    expectation: Duration,
    members: BTreeMap<PeerId, (Name, Sight)>,
    /// Of the last roster.
    epoch: Option<election::Epoch<PeerId>>,
    /// Those of them that are anything but here: only they are waited for, and in a large group at rest there are none.
    unsettled: BTreeSet<PeerId>,
}

impl Presence {
    pub(crate) fn new(me: PeerId, expectation: Duration) -> Self {
        Self { me, expectation, members: BTreeMap::new(), epoch: None, unsettled: BTreeSet::new() }
    }

    /// The roster changed. `reachable` tells whom this peer can reach, `absent` whom the leader could not.
    pub(crate) fn handle_roster(
        &mut self,
        roster: &Roster,
        reachable: impl Fn(PeerId) -> bool,
        absent: &[PeerId],
        now: Instant,
    ) -> Vec<Seen> {
        let mut seen = Vec::new();
        let epoch = Some(roster.version.epoch);
        let replaced = std::mem::replace(&mut self.epoch, epoch) != epoch;
        self.members.retain(|peer, (name, sight)| {
            if roster.contains(*peer) {
                return true;
            }
            if let Sight::Unlisted(_) = *sight {
                return true;
            }
            if reachable(*peer) {
                *sight = Sight::Unlisted(now + self.expectation);
            } else if let (Sight::Expected(until), true) = (*sight, replaced) {
                // Two groups meet, and rosters of both come in turn, before everybody is linked.
                *sight = Sight::Unlisted(until);
            } else if sight.is_here() {
                seen.push(Seen::Left(*peer, name.clone(), LeftReason::Failed, "the leader dropped it".into()));
            }
            matches!(sight, Sight::Unlisted(_))
        });
        self.unsettled =
            self.members.iter().filter(|(_, (_, sight))| *sight != Sight::Here).map(|(peer, _)| *peer).collect();
        for (peer, entry) in roster.members().filter(|(peer, _)| *peer != self.me) {
            if let Some((name, sight)) = self.members.get_mut(&peer) {
                match *sight {
                    Sight::Unlisted(_) if reachable(peer) => {
                        *sight = Sight::Here;
                        self.unsettled.remove(&peer);
                    }
                    Sight::Unlisted(until) => *sight = Sight::Expected(until),
                    _ => {}
                }
                if *name != entry.name {
                    let before = std::mem::replace(name, entry.name.clone());
                    if sight.is_here() {
                        seen.push(Seen::Renamed(peer, before, entry.name.clone()));
                    }
                }
                continue;
            }
            let sight = if reachable(peer) {
                Sight::Here
            } else if absent.contains(&peer) {
                Sight::Absent(now, Unreachable::Silent)
            } else {
                Sight::Expected(now + self.expectation)
            };
            self.members.insert(peer, (entry.name.clone(), sight));
            if sight != Sight::Here {
                self.unsettled.insert(peer);
            }
            if sight.is_here() {
                seen.push(match &entry.formerly {
                    Some(formerly) => Seen::Met(peer, formerly.clone()),
                    None => Seen::Joined(peer),
                });
            }
        }
        seen
    }

    /// A peer can be reached.
    pub(crate) fn handle_reachable(&mut self, peer: PeerId) -> Option<Seen> {
        let (_, sight) = self.members.get_mut(&peer)?;
        if let Sight::Unlisted(_) = sight {
            // It is here, as the owner knows; whether it stays is for its leader to say.
            return None;
        }
        let before = std::mem::replace(sight, Sight::Here);
        self.unsettled.remove(&peer);
        (!before.is_here()).then_some(Seen::Joined(peer))
    }

    /// A peer cannot be reached, or more is known of why.
    pub(crate) fn handle_unreachable(&mut self, peer: PeerId, why: Unreachable, now: Instant) -> Option<Seen> {
        let (name, sight) = self.members.get_mut(&peer)?;
        let since = match *sight {
            // Nothing worse can be known of it.
            Sight::Absent(_, Unreachable::Gone | Unreachable::Left) => return None,
            Sight::Absent(since, _) => since,
            Sight::Here | Sight::Expected(_) | Sight::Unlisted(_) => now,
        };
        let before = std::mem::replace(sight, Sight::Absent(since, why));
        self.unsettled.insert(peer);
        let reason = if why == Unreachable::Left { LeftReason::Left } else { LeftReason::Failed };
        let seen = before.is_here().then(|| Seen::Left(peer, name.clone(), reason, why.to_string()));
        if let Sight::Unlisted(_) = before {
            // Whether it is taken in once it is back is seen with the next roster.
            self.members.remove(&peer);
            self.unsettled.remove(&peer);
        }
        seen
    }

    /// Members whose link never came up are given up, and those that no leader takes in.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Seen> {
        let mut seen = Vec::new();
        let mut leaves = |peer: &PeerId, name: &Name, why: &str| {
            seen.push(Seen::Left(*peer, name.clone(), LeftReason::Failed, why.into()));
        };
        for peer in self.unsettled.iter().copied().collect::<Vec<_>>() {
            let Some((name, sight)) = self.members.get_mut(&peer) else { continue };
            match *sight {
                Sight::Expected(until) if until <= now => {
                    *sight = Sight::Absent(now, Unreachable::Silent);
                    leaves(&peer, name, "its link never came up");
                }
                Sight::Unlisted(until) if until <= now => {
                    leaves(&peer, name, "the leader dropped it");
                    self.members.remove(&peer);
                    self.unsettled.remove(&peer);
                }
                _ => {}
            }
        }
        seen
    }

    /// The members that a leader is to drop.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<PeerId> {
        let due = |peer: &PeerId| self.drop_at(*peer).is_some_and(|due| due <= now);
        self.unsettled.iter().copied().filter(due).collect()
    }

    /// The next moment at which something is due; drops are due at a leader only.
    pub(crate) fn poll_timeout(&self, leading: bool) -> Option<Instant> {
        let due = |peer: &PeerId| match self.members.get(peer)?.1 {
            Sight::Expected(until) | Sight::Unlisted(until) => Some(until),
            Sight::Absent(..) if leading => self.drop_at(*peer),
            _ => None,
        };
        self.unsettled.iter().filter_map(due).min()
    }

    /// Whether a member is shown in lists: reachable, just admitted, or oneself.
    pub(crate) fn is_here(&self, peer: PeerId) -> bool {
        peer == self.me || self.members.get(&peer).is_some_and(|(_, sight)| sight.is_here())
    }

    /// Whether a member that is not in the roster may yet be taken in.
    pub(crate) fn is_unlisted(&self, peer: PeerId) -> bool {
        matches!(self.members.get(&peer), Some((_, Sight::Unlisted(_))))
    }

    /// Whether a member's process is known to be gone.
    pub(crate) fn is_gone(&self, peer: PeerId) -> bool {
        matches!(self.members.get(&peer), Some((_, Sight::Absent(_, Unreachable::Gone | Unreachable::Left))))
    }

    /// Why a member is not here.
    pub(crate) fn left_reason(&self, peer: PeerId) -> LeftReason {
        match self.members.get(&peer) {
            Some((_, Sight::Absent(_, Unreachable::Left))) => LeftReason::Left,
            _ => LeftReason::Failed,
        }
    }

    /// The members that are not here.
    pub(crate) fn absent(&self) -> Vec<PeerId> {
        let is_absent = |peer: &PeerId| self.members.get(peer).is_some_and(|(_, sight)| !sight.is_here());
        self.unsettled.iter().copied().filter(is_absent).collect()
    }

    fn drop_at(&self, peer: PeerId) -> Option<Instant> {
        let Sight::Absent(since, why) = self.members.get(&peer)?.1 else { return None };
        let silent = if self.members.len() == 1 { SILENT_GRACE_OF_TWO } else { SILENT_GRACE };
        Some(match why {
            Unreachable::Left => since,
            Unreachable::Gone => since + GONE_GRACE,
            _ => since + silent,
        })
    }
}

impl Sight {
    fn is_here(self) -> bool {
        !matches!(self, Self::Absent(..))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::roster::Edit;
    use crate::timestamp::Timestamp;

    fn peer(n: u128) -> PeerId {
        PeerId::new(Uuid::from_u128(n))
    }

    /// Of a group that `leader` leads, with these members.
    fn roster(leader: u128, members: &[u128]) -> Roster {
        let wall = Timestamp::from_millis(0);
        let mut roster = Roster::new(election::Epoch { counter: leader as u64, leader: peer(leader) }, wall);
        for n in members {
            let (name, address) = (format!("p{n}").parse().unwrap(), "h:1".parse().unwrap());
            let entry = roster.next_entry(name, address, 0, wall);
            roster.make(&Edit::Admit(peer(*n), entry));
        }
        roster
    }

    #[test]
    fn whoever_is_reached_before_its_leader_takes_it_in_is_told_of_when_it_comes_back() {
        let now = Instant::now();
        let mut presence = Presence::new(peer(1), Duration::from_secs(3));
        let nobody = |_| false;
        presence.handle_roster(&roster(1, &[1, 2]), nobody, &[], now);
        // Another group's roster takes the place of the first before 2 is linked, and does not have it yet.
        presence.handle_roster(&roster(3, &[1, 3]), nobody, &[], now);
        assert_eq!(presence.handle_reachable(peer(2)), None, "it was told of already");
        let left = presence.handle_unreachable(peer(2), Unreachable::Ended, now);
        assert!(matches!(left, Some(Seen::Left(..))));
        assert_eq!(presence.handle_reachable(peer(2)), None, "it is in no roster");
        let seen = presence.handle_roster(&roster(3, &[1, 3, 2]), |id| id == peer(2), &[], now);
        assert!(seen.contains(&Seen::Joined(peer(2))), "{seen:?}");
    }
}
