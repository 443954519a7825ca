//! Questions, and what is no question.

use mesh_tests::Cluster;
use serde_json::{Value, json};

#[test]
fn the_members_come_from_the_leader_with_all_their_fields() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let carol = mesh.through_first("carol");
    mesh.start(carol.with("--heartbeat", 200)).ready();
    mesh.agree();
    let reply = mesh.peer("carol").ask(json!({"do": "members"}));
    assert_eq!(reply.text("leader"), mesh.peer("alice").id());
    assert!(reply["epoch"].is_u64());
    let members = reply["members"].as_array().unwrap();
    for (member, name) in members.iter().zip(["alice", "bob", "carol"]) {
        let peer = mesh.peer(name);
        assert_eq!(member["name"], name);
        assert_eq!((member["id"].as_str(), member["address"].as_str()), (Some(&*peer.id()), Some(&*peer.address())));
        assert_eq!((&member["priority"], &member["via"]), (&json!(0), &json!("peer")));
        assert_eq!(member["leader"], name == "alice");
        assert!(member["joined_at"].is_string());
    }
    assert_eq!(members.len(), 3);
    assert_eq!(mesh.peer("carol").ready()["members"].as_array(), Some(members));
}

#[test]
fn the_leader_is_named_with_its_epoch_and_reason() {
    let mesh = Cluster::of(["alice", "bob"]);
    let seat = mesh.agree();
    let reply = mesh.peer("bob").ask(json!({"do": "leader"}));
    assert_eq!((reply.text("id"), reply.text("name")), (seat.id, seat.name));
    assert_eq!(reply["epoch"], seat.epoch);
    assert!(reply["since"].is_string() && reply["reason"].is_string());
}

#[test]
fn the_status_lists_every_link() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    let status = mesh.peer("bob").ask(json!({"do": "status"}));
    let links = status["links"].as_array().unwrap();
    let mut names: Vec<_> = links.iter().map(|link| link["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["alice", "carol"]);
    for link in links {
        assert_eq!((&link["state"], &link["through"]), (&json!("direct"), &Value::Null));
        assert!(link["id"].is_string() && link.get("rtt_us").is_some());
    }
    assert_eq!(status["epoch"], mesh.agree().epoch);
    assert!(status.fields().get("leader").is_some() && status.fields().get("members").is_some());
}

#[test]
fn a_reference_comes_back_whatever_it_is() {
    let mesh = Cluster::of(["alice"]);
    let alice = mesh.peer("alice");
    for reference in [json!(1), json!("one"), json!(null), json!([1, {"a": true}]), json!({"deep": {"er": 1.5}})] {
        let before = alice.events().len();
        alice.tell(json!({"do": "leader", "ref": reference}));
        let limit = mesh_tests::PATIENCE;
        let reply = alice.wait_after(before, limit, "reply", |event| event.is("reply"));
        assert_eq!(reply["ref"], reference);
    }
    let refused = alice.ask(json!({"do": "dance"}));
    assert!(refused.is("error") && refused["code"] == "bad_command");
}

#[test]
fn what_is_no_command_is_answered_so_and_does_nothing_else() {
    let mesh = Cluster::of(["alice", "bob"]);
    let alice = mesh.peer("alice");
    let wrong = [
        "Hi",
        "42",
        "null",
        "[]",
        "\"say\"",
        "{}",
        "{\"do\":",
        r#"{"do":7}"#,
        r#"{"do":"dance"}"#,
        r#"{"do":"say"}"#,
        r#"{"do":"say","text":7}"#,
        r#"{"do":"msg","text":"Hi"}"#,
        r#"{"do":"msg","to":"bob"}"#,
        r#"{"do":"calc"}"#,
        r#"{"do":"takeover","lost":"bob"}"#,
    ];
    for line in wrong {
        let before = alice.events().len();
        alice.tell(line);
        let answer = alice.wait_after(before, mesh_tests::PATIENCE, line, |event| event.is("error"));
        assert_eq!(answer["code"], "bad_command", "{line}");
        assert!(answer["message"].is_string());
    }
    mesh.say_to_all("alice", "I am fine");
    assert_eq!(mesh.peer("bob").count(|event| event.is("message")), 1);
}

#[test]
fn an_empty_text_is_refused() {
    let mesh = Cluster::of(["alice"]);
    for command in [json!({"do": "say", "text": ""}), json!({"do": "msg", "to": "alice", "text": ""})] {
        assert!(mesh.peer("alice").ask(command).is("error"));
    }
    assert_eq!(mesh.peer("alice").count(|event| event.is("message") || event.is("private")), 0);
}

#[test]
fn bytes_that_are_no_text_do_not_stop_a_peer() {
    let mesh = Cluster::of(["alice", "bob"]);
    let alice = mesh.peer("alice");
    let garbage: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    alice.process().write(&garbage);
    alice.process().write(b"\n");
    alice.wait("an error", |event| event.is("error") && event["code"] == "bad_command");
    mesh.say_to_all("alice", "I am fine");
}

#[test]
fn a_line_without_an_end_is_refused_and_not_kept_in_memory() {
    let mesh = Cluster::of(["alice"]);
    let alice = mesh.peer("alice");
    let before = alice.resident_kib().unwrap();
    for _ in 0..64 {
        alice.process().write(&vec![b'x'; 1 << 20]);
    }
    alice.process().write(b"\n");
    alice.wait("an error", |event| event.is("error"));
    alice.say("I am fine");
    let grown = alice.resident_kib().unwrap().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more after a line of 64 MiB");
}
