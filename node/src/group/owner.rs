//! What the member's owner is told of the group.

use std::collections::BTreeMap;

use transport::PeerId;

use super::{Group, Output};
use crate::event::{Event, Member, Via};
use crate::presence::Seen;
use crate::roster::Entry;

impl Group {
    /// Tells an event, once this peer is a member.
    pub(super) fn tell(&mut self, event: Event) {
        if self.is_member() {
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// Tells what became visible of the members in one moment, and then what follows of their guests.
    pub(super) fn tell_seen(&mut self, seen: impl IntoIterator<Item = Seen>) {
        let mut departed = BTreeMap::new();
        for seen in seen {
            let event = match seen {
                Seen::Joined(id) => {
                    let Some(entry) = self.roster.as_ref().and_then(|roster| roster.entry(id)) else { continue };
                    Event::Joined { id, name: entry.name.clone(), address: entry.address.clone(), via: Via::Peer }
                }
                Seen::Met(id, from) => {
                    let Some(entry) = self.roster.as_ref().and_then(|roster| roster.entry(id)) else { continue };
                    let (to, address) = (entry.name.clone(), entry.address.clone());
                    self.tell(Event::Joined { id, name: from.clone(), address, via: Via::Peer });
                    Event::Renamed { id, from, to }
                }
                Seen::Left(id, name, reason, detail) => {
                    departed.insert(id, reason);
                    Event::Left { id, name, reason, detail }
                }
                Seen::Renamed(id, from, to) => Event::Renamed { id, from, to },
            };
            self.tell(event);
        }
        self.follow_guests(&departed);
    }

    pub(super) fn member(&self, id: PeerId, entry: &Entry) -> Member {
        Member {
            id,
            name: entry.name.clone(),
            address: entry.address.clone(),
            priority: entry.priority,
            leader: self.leader.as_ref().is_some_and(|leader| leader.id == id),
            joined_at: entry.joined_at,
            via: Via::Peer,
        }
    }

    /// A member's name, or its id where it is unknown.
    pub(super) fn name_of(&self, peer: PeerId) -> String {
        let entry = self.roster.as_ref().and_then(|roster| roster.entry(peer));
        let told = self.reachable.get(&peer).map(|info| &*info.name);
        entry.map(|entry| entry.name.as_str()).or(told).map_or_else(|| peer.to_string(), ToOwned::to_owned)
    }
}
