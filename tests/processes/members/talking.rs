//! What is said reaches whom it is meant for, once.

use std::collections::BTreeSet;

use mesh_tests::{Cluster, Event, Peer};
use serde_json::json;

#[test]
fn a_line_arrives_once_at_everyone_its_author_included() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    let id = mesh.peer("bob").say("Hi");
    for peer in mesh.peers() {
        let message = peer.hears("Hi");
        assert_eq!((message.text("id"), message.text("from")), (id.clone(), "bob".to_owned()));
        assert_eq!(message.text("from_id"), mesh.peer("bob").id());
        assert!(message["sent_at"].is_string());
    }
    mesh.say_to_all("carol", "done");
    for peer in mesh.peers() {
        assert_eq!(peer.times_heard("Hi"), 1, "at {}", peer.name());
    }
}

#[test]
fn an_authors_lines_keep_their_order_and_their_ids_count_up() {
    const LINES: usize = 300;
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    for n in 0..LINES {
        mesh.peer("alice").tell(json!({"do": "say", "text": format!("a{n}")}));
        mesh.peer("bob").tell(json!({"do": "say", "text": format!("b{n}")}));
    }
    for peer in mesh.peers() {
        peer.hears(&format!("a{}", LINES - 1));
        peer.hears(&format!("b{}", LINES - 1));
        for (author, initial) in [("alice", "a"), ("bob", "b")] {
            let (texts, ids): (Vec<_>, Vec<_>) =
                messages_of(peer, author).iter().map(|event| (event.text("text"), event.text("id"))).unzip();
            let said: Vec<_> = (0..LINES).map(|n| format!("{initial}{n}")).collect();
            assert_eq!(texts, said, "{author}'s lines at {}", peer.name());
            assert_ids_count_up(&ids);
        }
    }
}

#[test]
fn the_longest_line_passes_and_one_byte_more_does_not() {
    const LONGEST: usize = 65_535;
    let mesh = Cluster::of(["alice", "bob"]);
    let longest = "x".repeat(LONGEST);
    mesh.peer("alice").say(&longest);
    mesh.peer("bob").hears(&longest);
    let refused = mesh.peer("alice").ask(json!({"do": "say", "text": format!("{longest}y")}));
    assert_eq!(refused["code"], "too_long");
}

#[test]
fn any_text_is_carried_as_it_is() {
    let mesh = Cluster::of(["alice", "bob"]);
    for text in ["ünï¢ödé 🦀", "two\nlines", "\u{1b}[2J\u{7}", "@exit", "\"quoted\\\"", " "] {
        mesh.peer("alice").say(text);
        mesh.peer("bob").hears(text);
    }
}

#[test]
fn a_private_line_reaches_its_recipient_alone() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    // Names are compared without regard to case.
    let reply = mesh.peer("alice").ask(json!({"do": "msg", "to": "BOB", "text": "psst"}));
    assert_eq!(reply["delivered"], true, "{reply:?}");
    let heard = mesh.peer("bob").wait("private", |event| event.is("private"));
    assert_eq!(
        (heard.text("from"), heard.text("to"), heard.text("text")),
        ("alice".into(), "bob".into(), "psst".into())
    );
    assert_eq!((heard.text("id"), heard.text("from_id")), (reply.text("message"), mesh.peer("alice").id()));
    mesh.say_to_all("alice", "done");
    assert_eq!(mesh.peers().iter().map(|peer| peer.count(|event| event.is("private"))).sum::<usize>(), 1);
}

#[test]
fn a_private_line_to_oneself_arrives() {
    let mesh = Cluster::of(["alice"]);
    let reply = mesh.peer("alice").ask(json!({"do": "msg", "to": "alice", "text": "note"}));
    assert_eq!(reply["delivered"], true, "{reply:?}");
    mesh.peer("alice").wait("private", |event| event.is("private") && event["text"] == "note");
}

#[test]
fn a_private_line_to_nobody_is_an_error() {
    let mesh = Cluster::of(["alice"]);
    let refused = mesh.peer("alice").ask(json!({"do": "msg", "to": "zoe", "text": "psst"}));
    assert_eq!((refused.is("error"), &refused["code"]), (true, &json!("unknown_member")));
}

#[test]
fn a_private_line_to_a_member_that_hangs_is_not_delivered() {
    let mesh = Cluster::of(["alice", "bob"]);
    mesh.peer("bob").stop();
    let reply = mesh.peer("alice").ask(json!({"do": "msg", "to": "bob", "text": "psst"}));
    assert_eq!(reply["delivered"], false, "{reply:?}");
}

fn messages_of(peer: &Peer, author: &str) -> Vec<Event> {
    peer.events().into_iter().filter(|event| event.is("message") && event["from"] == author).collect()
}

/// `<session uuid>:<number>`, one session, numbers from 0.
fn assert_ids_count_up(ids: &[String]) {
    let parts: Vec<_> = ids.iter().map(|id| id.split_once(':').expect("an id has a colon")).collect();
    let sessions: BTreeSet<_> = parts.iter().map(|(session, _)| *session).collect();
    assert_eq!(sessions.len(), 1);
    assert!(sessions.iter().all(|session| is_uuid(session)), "{sessions:?}");
    for (n, (_, number)) in parts.iter().enumerate() {
        assert_eq!(*number, n.to_string());
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    let is_lower_hex = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.concat().chars().all(is_lower_hex)
}
