//! Every line has the fields that the interface names, and no others.

use std::time::Duration;

use node::{ByeReason, Entry, Index, LeftReason, Line, Name, Page, PeerId, Timestamp, Via};
use serde_json::{Value, json};

use super::*;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn id() -> PeerId {
    PeerId::new(ID.parse().unwrap())
}

fn message_id() -> MessageId {
    format!("{ID}:7").parse().unwrap()
}

fn index(number: u64) -> Index {
    Index::new(number).unwrap()
}

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

fn at() -> Timestamp {
    Timestamp::from_millis(1_769_860_800_042)
}

const AT: &str = "2026-01-31T12:00:00.042Z";

fn carol() -> Leader {
    Leader { id: id(), name: name("carol"), epoch: 3, me: false, reason: "the oldest".into(), since: at() }
}

fn member() -> Member {
    let address = "localhost:8000".parse().unwrap();
    Member { id: id(), name: name("bob"), address, priority: 5, leader: true, joined_at: at(), via: Via::Peer }
}

/// The fields of a line beside `event` and `at`, and the event.
fn fields(line: &str) -> (String, Value) {
    let mut line: Value = serde_json::from_str(line).unwrap();
    let fields = line.as_object_mut().unwrap();
    assert_eq!(fields.remove("at").unwrap().as_str().unwrap().len(), AT.len());
    let Value::String(event) = fields.remove("event").unwrap() else { panic!() };
    (event, line)
}

#[track_caller]
fn is(happened: &Event, kind: &str, body: Value) {
    assert_eq!(fields(&event(happened, 9).unwrap()), (kind.to_owned(), body));
}

#[test]
fn who_comes_goes_and_is_renamed() {
    let bob = name("bob");
    let address = "localhost:8000".parse().unwrap();
    is(
        &Event::Joined { id: id(), name: bob.clone(), address, via: Via::Peer },
        "joined",
        json!({ "id": ID, "name": "bob", "address": "localhost:8000", "via": "peer" }),
    );
    let address = "localhost:8000".parse().unwrap();
    is(
        &Event::Joined { id: id(), name: bob.clone(), address, via: Via::Gateway },
        "joined",
        json!({ "id": ID, "name": "bob", "address": "localhost:8000", "via": "gateway" }),
    );
    for (reason, word) in [(LeftReason::Left, "left"), (LeftReason::Failed, "failed")] {
        let left = Event::Left { id: id(), name: bob.clone(), reason, detail: "it reset the link".into() };
        is(&left, "left", json!({ "id": ID, "name": "bob", "reason": word, "detail": "it reset the link" }));
    }
    let renamed = Event::Renamed { id: id(), from: bob, to: name("bob-2") };
    is(&renamed, "renamed", json!({ "id": ID, "from": "bob", "to": "bob-2" }));
}

#[test]
fn who_leads_and_that_nobody_does() {
    is(
        &Event::Leader(Some(carol())),
        "leader",
        json!({ "id": ID, "name": "carol", "epoch": 3, "me": false, "reason": "the oldest", "since": AT }),
    );
    is(
        &Event::Leader(None),
        "leader",
        json!({ "id": null, "name": null, "epoch": 9, "me": false, "reason": null, "since": null }),
    );
}

#[test]
fn what_is_said_is_told_as_it_was_said() {
    let text = "a\nb\u{1b}[2J";
    let message = Message {
        id: message_id(),
        from: name("bob"),
        from_id: id(),
        text: text.into(),
        sent_at: at(),
        earlier: false,
    };
    let said = json!({ "id": format!("{ID}:7"), "from": "bob", "from_id": ID, "text": text, "sent_at": AT });
    is(&Event::Message(message), "message", said);
    let (from, to) = (name("bob"), name("carol"));
    let private = Private { id: message_id(), from, from_id: id(), to, text: text.into(), sent_at: at() };
    let mut said = json!({ "id": format!("{ID}:7"), "from": "bob", "from_id": ID, "text": text, "sent_at": AT });
    said["to"] = json!("carol");
    is(&Event::Private(private), "private", said);
}

#[test]
fn what_is_lost_is_an_error_and_what_is_for_programs_is_not_told() {
    for (lost, code) in [(Event::Skipped { lines: 3 }, "skipped"), (Event::Lagged { events: 3 }, "lagged")] {
        assert_eq!(event(&lost, 0), None);
        let (kind, body) = fields(&complaint(&lost).unwrap());
        assert_eq!((kind.as_str(), &body["code"], &body["ref"]), ("error", &json!(code), &Value::Null));
        assert!(body["message"].as_str().unwrap().starts_with("3 "));
    }
    for quiet in [Event::Bye(ByeReason::Left), Event::Cast { from: id(), bytes: "x".into() }] {
        assert_eq!((event(&quiet, 0), complaint(&quiet)), (None, None));
    }
}

#[test]
fn what_was_said_before_one_joined_says_so() {
    let (from, text) = (name("bob"), "Hi".into());
    let message = Message { id: message_id(), from, from_id: id(), text, sent_at: at(), earlier: true };
    let mut said = json!({ "id": format!("{ID}:7"), "from": "bob", "from_id": ID, "text": "Hi", "sent_at": AT });
    said["earlier"] = json!(true);
    is(&Event::Message(message), "message", said);
}

#[test]
fn a_place_is_given_and_taken_back() {
    let index = index(812);
    let message = format!("{ID}:7");
    is(&Event::Confirmed { id: message_id(), index }, "confirmed", json!({ "id": message, "index": 812 }));
    is(&Event::Unconfirmed { id: message_id(), was: index }, "unconfirmed", json!({ "id": message, "was": 812 }));
    let entry = Entry { index, id: message_id(), from: id(), kind: 7, bytes: vec![0, 0x1f, 0xff].into() };
    let body = json!({ "id": message, "index": 812, "from_id": ID, "kind": 7, "bytes": "001fff" });
    is(&Event::Entry(entry), "entry", body);
}

#[test]
fn who_is_missing_is_told_with_the_quorum() {
    let missing = vec![name("alice"), name("bob")];
    is(&Event::Quorum { held: false, missing }, "quorum", json!({ "held": false, "missing": ["alice", "bob"] }));
    is(&Event::Quorum { held: true, missing: Vec::new() }, "quorum", json!({ "held": true, "missing": [] }));
}

#[test]
fn a_disk_in_trouble_is_an_event_and_an_error() {
    let full = Event::Disk { trouble: Some("no space left".into()) };
    is(&full, "disk", json!({ "fit": false, "trouble": "no space left" }));
    let (kind, body) = fields(&complaint(&full).unwrap());
    assert_eq!(
        (kind.as_str(), body),
        ("error", json!({ "ref": null, "code": "disk_failed", "message": "no space left" }))
    );
    let again = Event::Disk { trouble: None };
    is(&again, "disk", json!({ "fit": true, "trouble": null }));
    assert_eq!(complaint(&again), None);
}

#[test]
fn an_alarm_is_an_error() {
    let alarm = Event::Alarm("bob has another history".into());
    let (kind, body) = fields(&complaint(&alarm).unwrap());
    assert_eq!((kind.as_str(), &body["code"]), ("error", &json!("history_diverged")));
    assert_eq!(event(&alarm, 0), None);
}

#[test]
fn a_page_has_null_for_the_place_of_what_is_not_confirmed() {
    let line = |index| {
        let (from, text) = (name("bob"), "Hi".into());
        Line { index, message: Message { id: message_id(), from, from_id: id(), text, sent_at: at(), earlier: false } }
    };
    let lines = vec![line(Some(index(812))), line(None)];
    let shown = |index: Value| json!({ "index": index, "id": format!("{ID}:7"), "from": "bob", "from_id": ID, "text": "Hi", "sent_at": AT });
    assert_eq!(
        erased::Body::value(&history::page(&Page { lines, more: true })),
        json!({ "entries": [shown(json!(812)), shown(Value::Null)], "more": true })
    );
}

#[test]
fn each_answer_has_its_fields() {
    let value = |body: &dyn erased::Body| body.value();
    assert_eq!(value(&said(&message_id())), json!({ "message": format!("{ID}:7") }));
    let delivery = Delivery { message: message_id(), delivered: false };
    assert_eq!(value(&delivered(&delivery)), json!({ "message": format!("{ID}:7"), "delivered": false }));
    let list = Members { epoch: 3, leader: id(), members: vec![member()] };
    let bob = json!({
        "id": ID, "name": "bob", "address": "localhost:8000", "priority": 5, "leader": true, "joined_at": AT, "via": "peer"
    });
    assert_eq!(value(&members(&list)), json!({ "epoch": 3, "leader": ID, "members": [bob] }));
    let carol = carol();
    assert_eq!(
        value(&leader(Some(&carol))),
        json!({ "id": ID, "name": "carol", "epoch": 3, "since": AT, "reason": "the oldest" })
    );
    let nobody = json!({ "id": null, "name": null, "epoch": null, "since": null, "reason": null });
    assert_eq!(value(&leader(None)), nobody);
}

#[test]
fn a_status_has_every_link_and_null_for_what_is_not_measured() {
    let link = |through, round_trip| Link { id: id(), name: name("bob"), through, round_trip };
    let links = vec![link(None, Some(Duration::from_micros(212))), link(None, None), link(Some(name("eve")), None)];
    let stands = Status {
        links,
        mesh: vec![Row { name: name("carol"), linked: vec![false, true] }],
        leader: None,
        epoch: 4,
        members: 3,
        confirmed: 7,
        unconfirmed: 2,
        voters: 3,
        quorum: false,
        missing: vec![name("dave")],
    };
    let shown = |state, through: Value, rtt: Value| json!({ "id": ID, "name": "bob", "state": state, "through": through, "rtt_us": rtt });
    let links = [
        shown("direct", Value::Null, json!(212)),
        shown("direct", Value::Null, Value::Null),
        shown("relayed", json!("eve"), Value::Null),
    ];
    assert_eq!(
        erased::Body::value(&status(&stands)),
        json!({
            "links": links, "leader": null, "epoch": 4, "members": 3, "confirmed": 7, "unconfirmed": 2, "voters": 3, "quorum": false,
            "missing": ["dave"], "mesh": [{ "name": "carol", "linked": [false, true] }]
        })
    );
}

/// Bodies of different types, as values.
mod erased {
    pub(super) trait Body {
        fn value(&self) -> serde_json::Value;
    }

    impl<B: serde::Serialize> Body for B {
        fn value(&self) -> serde_json::Value {
            serde_json::to_value(self).unwrap()
        }
    }
}
