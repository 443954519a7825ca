//! Peers that ask the leader, who is the greatest, shows that it is there, and is replaced when it is silent.

use std::time::Duration;

use mesh_tests::Cluster;
use serde_json::json;

#[test]
fn the_greatest_leads_and_answers_until_it_is_silent_and_then_the_next_does() {
    let mut mesh = Cluster::empty();
    let one = mesh.launch("one").with("--priority", 1);
    mesh.start(one).ready();
    let two = mesh.through_first("two").with("--priority", 2);
    mesh.start(two).ready();
    // To any number of others.
    let nine = mesh.through_first("nine").with("--priority", 9).leader(mesh.peer("two").address());
    mesh.start(nine).ready();
    let five = mesh.through_first("five").with("--priority", 5).leader(mesh.peer("nine").address());
    mesh.start(five).ready();
    mesh.all("nine leads", |peer| peer.view().leader.is_some_and(|leader| leader.name == "nine"));
    mesh.all_linked();
    all_are_answered(&mesh, "2^10-1", 1023.0);
    every_message_is_acknowledged(&mesh);
    mesh.peer("nine").stop();
    for name in ["one", "two", "five"] {
        let is_led = |event: &mesh_tests::Event| event.is("leader") && event["name"] == "five";
        let told = mesh.peer(name).wait_within(Duration::from_secs(20), "five leads, and nobody was asked", is_led);
        assert_eq!(told["me"], json!(name == "five"));
    }
    all_are_answered(&mesh, "6*7", 42.0);
    mesh.peer("five").kill();
    // Asked before anybody may have noticed.
    all_are_answered(&mesh, "sqrt(2)^2 + 7/2", 5.5);
    mesh.peer("nine").resume();
    mesh.all("nine leads again", |peer| peer.view().leader.is_some_and(|leader| leader.name == "nine"));
}

fn all_are_answered(mesh: &Cluster, expression: &str, value: f64) {
    for peer in mesh.live() {
        let reply = peer.ask(json!({"do": "calc", "expression": expression}));
        let got = reply["value"].as_f64().unwrap_or_else(|| panic!("no value: {reply:?}"));
        assert!((got - value).abs() < 1e-9, "{expression} is {got} at {}", peer.name());
    }
    let wrong = mesh.live()[0].ask(json!({"do": "calc", "expression": "1/0"}));
    assert_eq!(wrong["code"], "bad_expression", "{wrong:?}");
}

fn every_message_is_acknowledged(mesh: &Cluster) {
    for to in ["two", "five", "nine"] {
        let sent = mesh.peer("one").ask(json!({"do": "msg", "to": to, "text": "are you there?"}));
        assert_eq!(sent["delivered"], true, "to {to}");
    }
    let id = mesh.peer("one").say("and everybody?");
    mesh.all("it is confirmed", |peer| peer.count(|event| event.is("confirmed") && event["id"] == *id) == 1);
}
