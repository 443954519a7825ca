//! What an owner is told adds up: nobody joins twice or leaves unseen, a line is shown once and each author's in the order said (I6).

use std::collections::{BTreeMap, BTreeSet};

use history::Session;
use node::{Event, Leader, Member, MessageId, Via};
use transport::PeerId;

use super::Verdict;
use super::convergence::Stand;

/// What the owner of each process was told.
#[derive(Debug, Default)]
pub struct Owners(BTreeMap<u32, Owner>);

#[derive(Debug)]
struct Owner {
    me: PeerId,
    is_member: bool,
    /// Who is here, by what was told, oneself included.
    here: BTreeMap<PeerId, String>,
    /// Those that use a gateway, or did.
    guests: BTreeSet<PeerId>,
    leader: Option<(PeerId, u64)>,
    shown: BTreeSet<MessageId>,
    /// The number of the last line of each session.
    last: BTreeMap<Session, u64>,
    /// How often each member was said to leave.
    departures: BTreeMap<PeerId, u32>,
    /// How often another leader was told.
    leaders: u32,
}

impl Owners {
    /// A process has started.
    pub fn started(&mut self, run: u32, me: PeerId) {
        let owner = Owner {
            me,
            is_member: false,
            here: BTreeMap::new(),
            guests: BTreeSet::new(),
            leader: None,
            shown: BTreeSet::new(),
            last: BTreeMap::new(),
            departures: BTreeMap::new(),
            leaders: 0,
        };
        self.0.insert(run, owner);
    }

    /// It has ended.
    pub fn ended(&mut self, run: u32) {
        self.0.remove(&run);
    }

    /// A process is a member, with these.
    ///
    /// # Errors
    ///
    /// It was one already.
    pub fn admitted(&mut self, run: u32, members: &[Member]) -> Verdict {
        let Some(owner) = self.0.get_mut(&run) else { return Ok(()) };
        if std::mem::replace(&mut owner.is_member, true) {
            return Err("it is admitted twice".into());
        }
        owner.here = members.iter().map(|member| (member.id, member.name.to_string())).collect();
        let guests = members.iter().filter(|member| member.via == Via::Gateway);
        owner.guests = guests.map(|member| member.id).collect();
        Ok(())
    }

    /// The owner of a process is told something.
    ///
    /// # Errors
    ///
    /// It does not fit what was told before.
    pub fn hear(&mut self, run: u32, event: &Event) -> Verdict {
        self.0.get_mut(&run).map_or(Ok(()), |owner| owner.hear(event))
    }

    /// Which peer a process is.
    pub fn me(&self, run: u32) -> Option<PeerId> {
        self.0.get(&run).map(|owner| owner.me)
    }

    /// Whether the owner of a process is told that a gateway's user has another name, because another user has the one it had.
    pub fn renames_one_of_two_guests(&self, run: u32, event: &Event) -> bool {
        let (Some(owner), Event::Renamed { id, from, .. }) = (self.0.get(&run), event) else { return false };
        let keeps = |other: &PeerId| other != id && owner.here.get(other).is_some_and(|name| name == from.as_str());
        owner.guests.contains(id) && owner.guests.iter().any(keeps)
    }

    /// How often the owner of a process was told that members leave, and of another leader.
    pub fn commotion(&self, run: u32) -> (u32, u32) {
        self.0.get(&run).map_or((0, 0), |owner| (owner.departures.values().sum(), owner.leaders))
    }

    /// Looks whether what an owner was told is what is.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn check(&self, stand: &Stand) -> Verdict {
        let Some(owner) = self.0.get(&stand.run) else { return Ok(()) };
        if owner.here != stand.here {
            return Err(format!("{} was told of {:?}, and lists {:?}", stand.id, owner.here, stand.here));
        }
        if owner.leader != stand.leader {
            return Err(format!("{} was told that {:?} leads, and it is {:?}", stand.id, owner.leader, stand.leader));
        }
        Ok(())
    }
}

impl Owner {
    fn hear(&mut self, event: &Event) -> Verdict {
        if !self.is_member {
            return Err(format!("it is told {event:?} before it is a member"));
        }
        match event {
            Event::Joined { id, name, via, .. } => {
                if *via == Via::Gateway {
                    self.guests.insert(*id);
                }
                let before = self.here.insert(*id, name.to_string());
                if before.is_some() && *id != self.me {
                    return Err(format!("it is told twice that {id} joined"));
                }
            }
            Event::Left { id, name, .. } => {
                *self.departures.entry(*id).or_default() += 1;
                if self.here.remove(id).as_deref() != Some(name.as_str()) {
                    return Err(format!("{name} ({id}) left, who was not here"));
                }
            }
            Event::Renamed { id, from, to } => {
                let before = self.here.insert(*id, to.to_string());
                if before.is_some_and(|before| before != from.as_str()) {
                    return Err(format!("{id} was called otherwise than {from}"));
                }
            }
            Event::Leader(leader) => return self.hear_leader(leader.as_ref()),
            Event::Message(message) => return self.see(message.id),
            _ => {}
        }
        Ok(())
    }

    fn hear_leader(&mut self, leader: Option<&Leader>) -> Verdict {
        let leader = leader.map(|leader| (leader.id, leader.epoch));
        if leader.is_some() && leader == self.leader {
            return Err(format!("it is told twice that {leader:?} leads"));
        }
        self.leader = leader;
        self.leaders += u32::from(leader.is_some());
        Ok(())
    }

    fn see(&mut self, id: MessageId) -> Verdict {
        if !self.shown.insert(id) {
            return Err(format!("line {id} is shown twice"));
        }
        match self.last.insert(id.session, id.number) {
            Some(last) if last >= id.number => Err(format!("line {id} is shown behind number {last}")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use node::{LeftReason, Message, Timestamp};

    use super::super::forged::{line, peer};
    use super::*;

    fn told(events: &[Event]) -> Verdict {
        let mut owners = Owners::default();
        owners.started(1, peer(1));
        owners.admitted(1, &[]).unwrap();
        events.iter().try_for_each(|event| owners.hear(1, event))
    }

    fn joined(n: u128) -> Event {
        Event::Joined { id: peer(n), name: "bob".parse().unwrap(), address: "h:1".parse().unwrap(), via: Via::Peer }
    }

    fn left(n: u128) -> Event {
        Event::Left { id: peer(n), name: "bob".parse().unwrap(), reason: LeftReason::Failed, detail: String::new() }
    }

    fn shown(number: u64) -> Event {
        Event::Message(Message {
            id: line(number),
            from: "bob".parse().unwrap(),
            from_id: peer(2),
            text: "Hi".into(),
            sent_at: Timestamp::default(),
            earlier: false,
        })
    }

    #[test]
    fn who_joins_twice_or_leaves_unseen_is_seen() {
        told(&[joined(2), left(2), joined(2)]).unwrap();
        assert!(told(&[joined(2), joined(2)]).is_err());
        assert!(told(&[joined(2), left(2), left(2)]).is_err());
    }

    #[test]
    fn a_line_that_is_shown_twice_or_out_of_order_is_seen() {
        told(&[shown(0), shown(1), shown(3)]).unwrap();
        assert!(told(&[shown(0), shown(0)]).is_err());
        assert!(told(&[shown(1), shown(0)]).is_err());
    }

    #[test]
    fn who_is_told_something_before_it_is_a_member_is_seen() {
        let mut owners = Owners::default();
        owners.started(1, peer(1));
        assert!(owners.hear(1, &joined(2)).is_err());
        owners.admitted(1, &[]).unwrap();
        assert!(owners.admitted(1, &[]).is_err());
    }

    #[test]
    fn a_guest_that_is_renamed_because_of_another_guest_is_told_from_others() {
        let renamed = |n| Event::Renamed { id: peer(n), from: "bob".parse().unwrap(), to: "bob-2".parse().unwrap() };
        let guest = |n| match joined(n) {
            Event::Joined { id, name, address, .. } => Event::Joined { id, name, address, via: Via::Gateway },
            event => event,
        };
        let mut owners = Owners::default();
        owners.started(1, peer(1));
        owners.admitted(1, &[]).unwrap();
        for event in [joined(2), guest(3)] {
            owners.hear(1, &event).unwrap();
        }
        assert!(!owners.renames_one_of_two_guests(1, &renamed(3)), "the other is a peer");
        owners.hear(1, &guest(4)).unwrap();
        assert!(owners.renames_one_of_two_guests(1, &renamed(4)));
        assert!(!owners.renames_one_of_two_guests(1, &renamed(2)), "a peer is");
    }

    #[test]
    fn what_an_owner_was_told_and_is_not_so_is_seen() {
        let mut owners = Owners::default();
        owners.started(1, peer(1));
        owners.admitted(1, &[]).unwrap();
        owners.hear(1, &joined(2)).unwrap();
        let mut stand = super::super::forged::stands(2).remove(0);
        (stand.run, stand.leader) = (1, None);
        stand.here = BTreeMap::from([(peer(2), "bob".into())]);
        owners.check(&stand).unwrap();
        stand.leader = Some((peer(2), 1));
        assert!(owners.check(&stand).is_err());
        (stand.here, stand.leader) = (BTreeMap::new(), None);
        assert!(owners.check(&stand).is_err());
    }
}
