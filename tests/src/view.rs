//! What a peer's events say of the group, followed one by one as a client would.

use std::collections::BTreeMap;

use serde_json::Value;

/// Who leads, as an event `leader` has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// The leader's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The epoch of its claim.
    pub epoch: u64,
}

/// The group in the eyes of one peer.
#[derive(Clone, Default, Debug)]
pub struct View {
    /// The peer's own id, once it is ready.
    pub me: Option<String>,
    /// The members' names by their ids.
    pub members: BTreeMap<String, String>,
    /// The names of those that use a gateway, by their ids. They are members too, but no peers.
    pub guests: BTreeMap<String, String>,
    /// Who leads, if anybody does.
    pub leader: Option<Seat>,
    /// Whether the peer told of its own joining.
    announced: bool,
}

impl View {
    /// Follows one event.
    ///
    /// # Errors
    ///
    /// What makes no sense after the events before: somebody joins twice, or leaves who is not there.
    pub fn follow(&mut self, event: &Value) -> Result<(), String> {
        let (id, name) = (text(event, "id"), text(event, "name"));
        match event["event"].as_str().unwrap_or_default() {
            "ready" if self.me.is_none() => self.begin(id, &name, event),
            "bye" => Ok(()),
            _ if self.me.is_none() => Err("something before `ready`".to_owned()),
            "joined" if self.me.as_ref() == Some(&id) && !self.announced => {
                self.announced = true;
                Ok(())
            }
            "joined" => match self.kind_of(event).insert(id, name.clone()) {
                Some(before) => Err(format!("{name} joined who was there as {before}")),
                None => Ok(()),
            },
            "left" => match self.kind_with(&id).remove(&id) {
                Some(before) if before == name => Ok(()),
                before => Err(format!("{name} left who was there as {before:?}")),
            },
            "renamed" => match self.kind_with(&id).insert(id, text(event, "to")) {
                Some(before) if before == text(event, "from") => Ok(()),
                before => Err(format!("{} was renamed who was there as {before:?}", text(event, "from"))),
            },
            "leader" => {
                let epoch = event["epoch"].as_u64().unwrap_or_default();
                self.leader = event["id"].is_string().then_some(Seat { id, name, epoch });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Peers, or guests: what somebody is by its `via`.
    fn kind_of(&mut self, member: &Value) -> &mut BTreeMap<String, String> {
        if member["via"] == "gateway" { &mut self.guests } else { &mut self.members }
    }

    fn kind_with(&mut self, id: &str) -> &mut BTreeMap<String, String> {
        if self.guests.contains_key(id) { &mut self.guests } else { &mut self.members }
    }

    fn begin(&mut self, me: String, name: &str, ready: &Value) -> Result<(), String> {
        for member in ready["members"].as_array().into_iter().flatten() {
            self.kind_of(member).insert(text(member, "id"), text(member, "name"));
        }
        let listed = self.members.get(&me).is_some_and(|listed| listed == name);
        self.me = Some(me);
        if listed { Ok(()) } else { Err(format!("`ready` does not list {name} itself")) }
    }
}

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ready() -> View {
        let mut view = View::default();
        let members = json!([{"id": "1", "name": "alice"}, {"id": "2", "name": "bob"}]);
        let ready = json!({"event": "ready", "id": "2", "name": "bob", "members": members});
        view.follow(&ready).unwrap();
        view.follow(&json!({"event": "joined", "id": "2", "name": "bob"})).unwrap();
        view
    }

    #[test]
    fn members_come_go_and_are_renamed() {
        let mut view = ready();
        view.follow(&json!({"event": "joined", "id": "3", "name": "carol"})).unwrap();
        view.follow(&json!({"event": "renamed", "id": "3", "from": "carol", "to": "carol-2"})).unwrap();
        view.follow(&json!({"event": "left", "id": "1", "name": "alice"})).unwrap();
        assert_eq!(view.members.values().collect::<Vec<_>>(), ["bob", "carol-2"]);
    }

    #[test]
    fn who_uses_a_gateway_is_no_peer() {
        let mut view = ready();
        view.follow(&json!({"event": "joined", "id": "4", "name": "dora", "via": "gateway"})).unwrap();
        view.follow(&json!({"event": "renamed", "id": "4", "from": "dora", "to": "dora-2"})).unwrap();
        assert_eq!((view.members.len(), view.guests.get("4").map(String::as_str)), (2, Some("dora-2")));
        view.follow(&json!({"event": "left", "id": "4", "name": "dora-2"})).unwrap();
        assert!(view.guests.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for event in [
            json!({"event": "joined", "id": "1", "name": "alice"}),
            json!({"event": "joined", "id": "2", "name": "bob"}),
            json!({"event": "left", "id": "3", "name": "carol"}),
            json!({"event": "renamed", "id": "1", "from": "al", "to": "al-2"}),
        ] {
            assert!(ready().follow(&event).is_err(), "{event}");
        }
        assert!(View::default().follow(&json!({"event": "message"})).is_err());
    }

    #[test]
    fn the_leader_may_be_nobody() {
        let mut view = ready();
        view.follow(&json!({"event": "leader", "id": "1", "name": "alice", "epoch": 3})).unwrap();
        assert_eq!(view.leader, Some(Seat { id: "1".into(), name: "alice".into(), epoch: 3 }));
        view.follow(&json!({"event": "leader", "id": null, "name": null, "epoch": 3})).unwrap();
        assert_eq!(view.leader, None);
    }
}
