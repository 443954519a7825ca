//! The conversations of `docs/gateway/vectors.txt`, which other people's clients can run as well.

use std::fs;

use mesh_tests::client::Client;
use mesh_tests::{Peer, program};
use serde_json::json;

use crate::{guests_are, mesh};

#[test]
fn every_conversation_of_the_document_is_as_it_stands_there() {
    let path = program::root().join("docs/gateway/vectors.txt");
    let text = fs::read_to_string(&path).expect("the vectors can be read");
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let mesh = mesh(&["alice"]);
    let alice = mesh.peer("alice");
    let (mut client, mut title, mut conversations) = (None, "", 0);
    for (number, line) in lines {
        let at = format!("{title}, line {}", number + 1);
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        if mark == "=" {
            // Each begins where nobody else is.
            drop(client.take());
            guests_are(&mesh, &[]);
            client = Some(Client::connect_to(alice.gateway()));
            (title, conversations) = (rest, conversations + 1);
            continue;
        }
        let client = client.as_mut().expect("a conversation begins with its title");
        match mark {
            ">" => client.send_bytes(&bytes(rest)),
            "<" => client.hears_bytes(&bytes(rest), &at),
            "!" => act(alice, rest),
            "end" => client.ends(&at),
            _ => panic!("{at}: what is `{line}`?"),
        }
    }
    assert!(conversations >= 10, "{conversations}");
}

fn act(alice: &Peer, what: &str) {
    let (verb, rest) = what.split_once(' ').expect("a verb and the rest");
    let command = match (verb, rest.split_once(' ')) {
        ("say", _) => json!({"do": "say", "text": rest}),
        ("msg", Some((to, text))) => json!({"do": "msg", "to": to, "text": text}),
        _ => panic!("what is `{what}`?"),
    };
    assert!(alice.ask(command).is("reply"));
}

/// `HEX`, and `HEX*N` for the same N times over.
fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().flat_map(repeated).collect()
}

fn repeated(hex: &str) -> Vec<u8> {
    let (hex, times) = hex.split_once('*').unwrap_or((hex, "1"));
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits a byte");
    let bytes: Vec<_> = (0..hex.len()).step_by(2).map(digits).collect();
    bytes.repeat(times.parse().expect("a number of times"))
}
