//! One history: the same lines at the same places for everybody.

use mesh_tests::{Cluster, Event};
use serde_json::{Value, json};

use mesh_tests::places::{eventually, history, place_of, until_nobody_misses, until_voters};

#[test]
fn a_line_is_confirmed_once_and_at_the_same_place_for_everybody() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    let ids: Vec<_> = ["alice", "bob", "carol"].map(|name| mesh.peer(name).say(&format!("{name} was here"))).into();
    for id in &ids {
        let place = place_of(mesh.peer("alice"), id);
        assert!(mesh.peers().iter().all(|peer| place_of(peer, id) == place));
    }
    let last = mesh.peer("carol").say("done");
    for peer in mesh.peers() {
        place_of(peer, &last);
        for id in &ids {
            assert_eq!(peer.count(|event| event.is("confirmed") && event["id"] == **id), 1, "at {}", peer.name());
            assert_eq!(peer.count(|event| event.is("message") && event["id"] == **id), 1, "at {}", peer.name());
        }
        assert_eq!(peer.count(|event| event.is("unconfirmed")), 0);
    }
}

#[test]
fn many_talk_at_once_and_all_read_the_same() {
    const LINES: usize = 100;
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    for n in 0..LINES {
        for name in ["alice", "bob", "carol"] {
            mesh.peer(name).tell(json!({"do": "say", "text": format!("{name} {n}")}));
        }
    }
    mesh.all("all is confirmed", |peer| peer.count(|event| event.is("confirmed")) == 3 * LINES);
    let read = history(mesh.peer("alice"));
    assert_eq!(read.len(), 3 * LINES);
    for peer in mesh.peers() {
        assert_eq!(history(peer), read, "at {}", peer.name());
    }
    for name in ["alice", "bob", "carol"] {
        let of_one: Vec<_> = read.iter().filter(|line| line["from"] == name).map(|line| line["text"].clone()).collect();
        let said: Vec<_> = (0..LINES).map(|n| json!(format!("{name} {n}"))).collect();
        assert_eq!(of_one, said, "each author's lines are in the order said");
    }
}

#[test]
fn a_newcomer_is_shown_the_last_lines_at_their_places() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let ids: Vec<_> = (0..120).map(|n| mesh.peer("bob").say(&format!("line {n}"))).collect();
    mesh.all("all is confirmed", |peer| peer.count(|event| event.is("confirmed")) == ids.len());
    mesh.join("carol");
    let carol = mesh.peer("carol");
    let last = ids.last().unwrap();
    assert_eq!(place_of(carol, last), place_of(mesh.peer("alice"), last));
    let earlier: Vec<_> = carol.events().into_iter().filter(|event| event.is("message")).collect();
    assert!(earlier.iter().all(|event| event["earlier"] == true), "{earlier:#?}");
    assert_eq!(earlier.iter().map(|event| event.text("id")).collect::<Vec<_>>(), ids[20..], "the last hundred");
    for id in &ids[20..] {
        assert_eq!(place_of(carol, id), place_of(mesh.peer("alice"), id));
        assert_eq!(carol.count(|event| event.is("confirmed") && event["id"] == **id), 1);
    }
    let new = mesh.peer("alice").say("welcome");
    place_of(carol, &new);
    assert_eq!(carol.hears("welcome")["earlier"], Value::Null);
    eventually("carol has it all", || history(carol) == history(mesh.peer("alice")));
}

#[test]
fn the_history_is_given_in_pages() {
    let mesh = Cluster::of(["alice"]);
    let alice = mesh.peer("alice");
    let ids: Vec<_> = (0..30).map(|n| alice.say(&format!("line {n}"))).collect();
    let places: Vec<_> = ids.iter().map(|id| place_of(alice, id)).collect();
    assert!(places.is_sorted_by(|one, next| one < next));
    let ids_of = |page: &Event| -> Vec<String> {
        let entries = page["entries"].as_array().unwrap();
        entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    let usual = alice.ask(json!({"do": "history"}));
    assert_eq!((ids_of(&usual), &usual["more"]), (ids[10..].to_vec(), &json!(true)));
    let all = alice.ask(json!({"do": "history", "last": 50}));
    assert_eq!((ids_of(&all), &all["more"]), (ids.clone(), &json!(false)));
    let line = &all["entries"][7];
    assert_eq!((&line["index"], &line["text"], &line["from"]), (&json!(places[7]), &json!("line 7"), &json!("alice")));
    assert_eq!(line["from_id"], alice.id());
    assert!(line["sent_at"].is_string());
    let rest = alice.ask(json!({"do": "history", "from": places[25]}));
    assert_eq!((ids_of(&rest), &rest["more"]), (ids[25..].to_vec(), &json!(false)));
    assert_eq!(ids_of(&alice.ask(json!({"do": "history", "from": places[29] + 1}))), [""; 0]);
}

#[test]
fn lines_are_found_by_their_words() {
    let mesh = Cluster::of(["alice", "bob"]);
    for text in ["The deploy of ALPHA failed", "alpha: deploy again", "beta is fine", "alphabet"] {
        let id = mesh.peer("alice").say(text);
        place_of(mesh.peer("bob"), &id);
    }
    let found = |command: Value| -> Vec<String> {
        let page = mesh.peer("bob").ask(command);
        let entries = page["entries"].as_array().unwrap_or_else(|| panic!("{page:?}"));
        entries.iter().map(|entry| entry["text"].as_str().unwrap().to_owned()).collect()
    };
    let both = ["The deploy of ALPHA failed", "alpha: deploy again"];
    assert_eq!(found(json!({"do": "search", "words": "Deploy alpha"})), both);
    assert_eq!(found(json!({"do": "search", "words": "deploy", "last": 1})), both[1..]);
    assert_eq!(found(json!({"do": "search", "words": "gamma"})), [""; 0]);
}

#[test]
fn a_search_for_no_word_is_refused() {
    let mesh = Cluster::of(["alice"]);
    let refused = mesh.peer("alice").ask(json!({"do": "search", "words": " *- "}));
    assert_eq!((refused.is("error"), &refused["code"]), (true, &json!("no_words")), "{refused:?}");
}

#[test]
fn a_status_says_what_is_confirmed_and_who_is_linked_to_whom() {
    let mesh = Cluster::of(["alice", "bob"]);
    let id = mesh.peer("bob").say("Hi");
    let place = place_of(mesh.peer("alice"), &id);
    let status = mesh.peer("alice").ask(json!({"do": "status"}));
    assert!(status["confirmed"].as_u64().unwrap() >= place, "{status:?}");
    assert_eq!((&status["unconfirmed"], &status["quorum"], &status["missing"]), (&json!(0), &json!(true), &json!([])));
    let matrix = json!([{"name": "alice", "linked": [false, true]}, {"name": "bob", "linked": [true, false]}]);
    assert_eq!(status["mesh"], matrix);
}

#[test]
fn members_die_one_by_one_and_the_last_still_confirms() {
    let names = ["alice", "bob", "carol", "dave", "erin"];
    let mut mesh = Cluster::of(names);
    let first = mesh.peer("erin").say("five");
    place_of(mesh.peer("alice"), &first);
    for (left, dies) in names.iter().enumerate().skip(1).rev() {
        mesh.peer(dies).kill();
        until_nobody_misses(&mesh);
        let id = mesh.peer(names[left - 1]).say(&format!("{dies} is dead"));
        let place = place_of(mesh.peer("alice"), &id);
        assert!(mesh.live().iter().all(|peer| place_of(peer, &id) == place));
    }
    let alone = history(mesh.peer("alice"));
    assert_eq!(alone.len(), 5);
    mesh.join("zoe");
    let zoe = mesh.peer("zoe");
    eventually("zoe has the same history", || history(zoe) == alone);
    let id = zoe.say("hello");
    assert_eq!(place_of(zoe, &id), place_of(mesh.peer("alice"), &id));
}

#[test]
fn leaders_die_one_by_one_and_the_last_of_two_confirms_no_more_until_it_takes_over() {
    let names = ["alice", "bob", "carol", "dave", "erin"];
    let mesh = Cluster::of(names);
    until_voters(&mesh, 5);
    for pair in names.windows(2) {
        let id = mesh.peer(pair[0]).say(&format!("{} is here", pair[0]));
        mesh.live().iter().for_each(|peer| _ = place_of(peer, &id));
        if mesh.live().len() == 2 {
            break;
        }
        mesh.peer(pair[0]).kill();
        assert_eq!(mesh.agree().name, pair[1]);
        until_nobody_misses(&mesh);
    }
    let read = history(mesh.peer("dave"));
    let texts: Vec<_> = read.iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["alice is here", "bob is here", "carol is here", "dave is here"]);
    let erin = mesh.peer("erin");
    assert_eq!(history(erin), read);
    mesh.peer("dave").kill();
    erin.wait("no quorum", |event| event.is("quorum") && event["held"] == false);
    let alone = erin.say("anybody?");
    erin.hears("anybody?");
    assert_eq!(erin.ask(json!({"do": "status"}))["unconfirmed"], 1);
    erin.ask(json!({"do": "takeover", "lost": ["dave"]}));
    assert!(place_of(erin, &alone) > read.last().unwrap()["index"].as_u64().unwrap());
    assert_eq!(history(erin)[..read.len()], read);
    assert!(mesh.peers().iter().all(|peer| peer.count(|event| event.is("unconfirmed")) == 0));
}
