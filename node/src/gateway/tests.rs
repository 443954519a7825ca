//! Many clients, in a group that is played here.

use std::time::Duration;

use futures::FutureExt as _;
use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::frame::{DIRECT, ERROR, JOIN, LEAVE, LIST, MESSAGE, Parser};
use super::queue::{Drain, queue};
use super::*;
use crate::api::NameRefusal;
use crate::event::{LeftReason, Message, Via};
use crate::timestamp::Timestamp;

/// A gateway, its clients' connections, and a group that admits whoever has a name that is free.
struct Desk {
    gateway: Gateway,
    now: Instant,
    connections: BTreeMap<PeerId, (Drain, Parser)>,
    members: BTreeMap<PeerId, Name>,
    said: Vec<(PeerId, String)>,
    directs: u64,
}

impl Desk {
    fn new() -> Self {
        Self {
            gateway: Gateway::default(),
            now: Instant::now(),
            connections: BTreeMap::new(),
            members: BTreeMap::new(),
            said: Vec::new(),
            directs: 0,
        }
    }

    fn connect(&mut self) -> PeerId {
        let id = PeerId::random();
        let (queue, drain) = queue();
        self.connections.insert(id, (drain, Parser::default()));
        self.input(Input::Arrived(id, ([127, 0, 0, 1], 40_312).into(), queue));
        id
    }

    fn join(&mut self, name: &str) -> PeerId {
        let id = self.connect();
        self.send(id, JOIN, name.as_bytes());
        assert_eq!(self.read(id)[1], (JOIN, "\0".into()));
        id
    }

    fn send(&mut self, id: PeerId, kind: u8, payload: &[u8]) {
        let length = (payload.len() as u16).to_be_bytes();
        self.input(Input::Bytes(id, [&[kind][..], &length, payload].concat()));
    }

    fn input(&mut self, input: Input) {
        self.gateway.handle_input(input, self.now);
        self.run();
    }

    /// Does what a driver and its group do.
    fn run(&mut self) {
        while let Some(errand) = self.gateway.poll_errand(self.now) {
            match errand {
                Errand::Admit(id, name) => {
                    let taken = self.members.values().any(|member| member.key() == name.key());
                    let outcome = if taken { Err(NameRefusal::InUse.into()) } else { Ok(name.clone()) };
                    self.gateway.handle_admission(id, outcome, self.now);
                    if !taken {
                        self.members.insert(id, name.clone());
                        let address = "h:1".parse().unwrap();
                        self.gateway.handle_event(&Event::Joined { id, name, address, via: Via::Gateway });
                    }
                }
                Errand::Drop(id) => {
                    if let Some(name) = self.members.remove(&id) {
                        let (reason, detail) = (LeftReason::Left, String::new());
                        self.gateway.handle_event(&Event::Left { id, name, reason, detail });
                    }
                }
                Errand::Say(id, text) => {
                    self.said.push((id, text.clone()));
                    let from = self.members[&id].clone();
                    self.gateway.handle_event(&Event::Message(said(id, from, &text)));
                }
                Errand::List(id) => {
                    let names: Vec<_> = self.members.values().cloned().collect();
                    self.gateway.list(id, &names, self.now);
                }
                Errand::Direct { from, to, text } => {
                    let Some((id, name)) = self.members.iter().find(|(_, name)| name.as_str() == to) else {
                        self.gateway.complain(from, &format!("there is no member `{to}`"));
                        continue;
                    };
                    let private = private(from, self.members[&from].clone(), name.clone(), text, self.directs);
                    self.directs += 1;
                    self.gateway.handle_sent(private.id, from, to);
                    let taken = self.gateway.handle_direct(*id, &private);
                    assert!(self.gateway.handle_delivered(private.id, taken));
                }
            }
        }
    }

    /// Whole frames that were written to a client since the last time.
    fn read(&mut self, id: PeerId) -> Vec<(u8, String)> {
        let (drain, parser) = self.connections.get_mut(&id).unwrap();
        while let Some(Some(bytes)) = drain.next().now_or_never() {
            parser.feed(&bytes);
        }
        let frames = std::iter::from_fn(|| parser.next());
        frames.map(|frame| (frame.kind, String::from_utf8(frame.payload).unwrap())).collect()
    }

    fn is_open(&self, id: PeerId) -> bool {
        self.connections[&id].0.closed().now_or_never().is_none()
    }
}

fn message_id(number: u64) -> MessageId {
    MessageId { session: history::Session::new(uuid::Uuid::nil()), number }
}

fn said(from_id: PeerId, from: Name, text: &str) -> Message {
    let (id, sent_at) = (message_id(0), Timestamp::default());
    Message { id, from, from_id, text: text.into(), sent_at, earlier: false }
}

fn private(from_id: PeerId, from: Name, to: Name, text: String, number: u64) -> Private {
    Private { id: message_id(number), from, from_id, to, text, sent_at: Timestamp::default() }
}

fn text(kind: u8, text: &str) -> (u8, String) {
    (kind, text.to_owned())
}

#[test]
fn lists_that_are_asked_for_at_once_are_answered_at_the_pace_at_which_a_client_is_served() {
    let mut desk = Desk::new();
    let asker = desk.join("asker");
    (0..100).for_each(|n| _ = desk.join(&format!("a-user-with-a-name-{n:03}")));
    desk.read(asker);
    let list = [LIST, 0, 0];
    let asked = 1_300;
    desk.input(Input::Bytes(asker, list.repeat(asked)));
    let (mut answers, mut bytes, mut waited) = (0, 0, 0);
    while answers < asked {
        for (kind, text) in desk.read(asker) {
            assert_eq!(kind, LIST, "{text}");
            (answers, bytes) = (answers + 1, bytes + text.len());
        }
        let due = desk.gateway.poll_timeout().filter(|_| answers < asked);
        assert!(due.is_some() || answers == asked, "it is forgotten after {answers}");
        if let Some(due) = due {
            assert!(due > desk.now, "it is never busy");
            (desk.now, waited) = (desk.now + Duration::from_millis(100), waited + 1);
            desk.gateway.handle_timeout(desk.now);
            desk.run();
        }
    }
    let pace = bytes / (waited / 10 + 1);
    assert!((200 * 1024..320 * 1024).contains(&pace), "{bytes} bytes in {waited} tenths of a second");
    assert!(desk.gateway.poll_timeout().is_none());
    desk.input(Input::Bytes(asker, list.to_vec()));
    desk.now += Duration::from_secs(10);
    desk.gateway.handle_timeout(desk.now);
    desk.run();
    assert_eq!(desk.read(asker).len(), 1);
}

#[test]
fn the_first_frame_is_the_list_of_commands_and_the_newcomer_is_announced_to_itself_too() {
    let mut desk = Desk::new();
    let bob = desk.connect();
    assert_eq!(desk.read(bob), [text(MESSAGE, words::COMMANDS)]);
    desk.send(bob, JOIN, b"Bob");
    assert_eq!(desk.read(bob), [text(JOIN, "\0"), text(MESSAGE, "**Bob is joining the chat**")]);
}

#[test]
fn everybody_hears_what_is_said_but_who_said_it_and_who_has_not_joined() {
    let mut desk = Desk::new();
    let (bob, carol, stranger) = (desk.join("Bob"), desk.join("Carol"), desk.connect());
    for id in [bob, carol, stranger] {
        desk.read(id);
    }
    desk.send(bob, MESSAGE, "Hi\u{1b}[2J".as_bytes());
    assert_eq!(desk.read(carol), [text(MESSAGE, "[Bob] Hi\\u{1b}[2J")]);
    assert_eq!((desk.read(bob).len(), desk.read(stranger).len()), (0, 0));
    desk.send(carol, DIRECT, b"Bob psst");
    assert_eq!(desk.read(bob), [text(DIRECT, "[Carol -> you] psst")]);
    desk.send(carol, DIRECT, b"nobody psst");
    assert_eq!(desk.read(carol), [text(ERROR, "there is no member `nobody`")]);
    desk.send(carol, LIST, b"");
    let mut names: Vec<_> = desk.read(carol)[0].1.lines().map(ToOwned::to_owned).collect();
    names.sort_unstable();
    assert_eq!(names, ["Bob", "Carol"]);
}

#[test]
fn who_leaves_is_told_so_and_its_connection_ends() {
    let mut desk = Desk::new();
    let (bob, carol) = (desk.join("Bob"), desk.join("Carol"));
    desk.read(bob);
    desk.send(carol, LEAVE, b"");
    assert_eq!(desk.read(bob), [text(MESSAGE, "**Carol is leaving the chat**")]);
    assert_eq!(desk.read(carol).last(), Some(&text(MESSAGE, "**Carol is leaving the chat**")));
    assert!(!desk.is_open(carol) && desk.is_open(bob));
    desk.input(Input::Ended(bob));
    assert!(desk.members.is_empty() && !desk.is_open(bob));
}

#[test]
fn who_is_renamed_is_told_by_its_host_and_the_others_whom() {
    let mut desk = Desk::new();
    let (bob, carol) = (desk.join("Bob"), desk.join("Carol"));
    desk.read(bob);
    desk.read(carol);
    let (from, to): (Name, Name) = ("Bob".parse().unwrap(), "Bob-2".parse().unwrap());
    desk.gateway.handle_event(&Event::Renamed { id: bob, from, to });
    assert_eq!(desk.read(bob), [text(MESSAGE, "**You are now called Bob-2**")]);
    assert_eq!(desk.read(carol), [text(MESSAGE, "**Bob is now called Bob-2**")]);
    desk.send(carol, LEAVE, b"");
    desk.send(bob, JOIN, b"x");
    assert_eq!(desk.read(bob)[1], text(ERROR, "you are in the chat already, as Bob-2"));
}

#[test]
fn a_slow_reader_is_gone_with_an_error_and_nobody_waits_for_it() {
    let mut desk = Desk::new();
    let (slow, quick, talker) = (desk.join("slow"), desk.join("quick"), desk.join("talker"));
    let line = vec![b'x'; 60_000];
    for count in 0..40 {
        desk.send(talker, MESSAGE, &line);
        let frames = desk.read(quick);
        assert!(frames.iter().any(|(_, text)| text.starts_with("[talker] x")), "line {count}");
        desk.now += Duration::from_secs(1);
    }
    assert!(!desk.is_open(slow) && !desk.members.contains_key(&slow));
    let last = desk.read(slow);
    assert!(last.len() == 1 && last[0].0 == ERROR && last[0].1.contains("too slowly"), "{last:?}");
    assert!(desk.is_open(quick) && desk.members.len() == 2);
}

#[test]
fn a_half_frame_ends_its_connection_after_thirty_seconds() {
    let mut desk = Desk::new();
    let (bob, carol) = (desk.join("Bob"), desk.join("Carol"));
    desk.input(Input::Bytes(bob, vec![MESSAGE, 0]));
    let due = desk.gateway.poll_timeout().unwrap();
    assert_eq!(due, desk.now + client::HALF_FRAME_LIMIT);
    desk.gateway.handle_timeout(due - Duration::from_millis(1));
    desk.run();
    assert!(desk.is_open(bob));
    desk.now = due;
    desk.gateway.handle_timeout(due);
    desk.run();
    assert!(!desk.is_open(bob) && desk.is_open(carol) && desk.gateway.poll_timeout().is_none());
    assert_eq!(desk.read(bob).last().unwrap().0, ERROR);
    assert_eq!(desk.read(carol).last(), Some(&text(MESSAGE, "**Bob is leaving the chat**")));
}

#[test]
fn when_the_peer_leaves_its_clients_are_told() {
    let mut desk = Desk::new();
    let bob = desk.join("Bob");
    desk.gateway.close();
    assert_eq!(desk.read(bob).last(), Some(&text(ERROR, CLOSING)));
    assert!(!desk.is_open(bob));
}

/// Bytes of any kind, most of which are frames.
fn noise(random: &mut SmallRng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.random_range(1..6) {
        let kind = if random.random_bool(0.9) { random.random_range(0..7) } else { random.random() };
        let length = match random.random_range(0..50) {
            0 => random.random_range(0..70_000),
            1..10 => 0,
            _ => random.random_range(0..40_usize),
        };
        let words = ["Bob", "Carol ", "alice Hi", "é", "\u{1b}", " ", "x"];
        let mut payload = Vec::new();
        while payload.len() < length {
            match random.random_range(0..10) {
                0 => payload.push(random.random()),
                _ => payload.extend(words[random.random_range(0..words.len())].bytes()),
            }
        }
        payload.truncate(length.min(65_535));
        bytes.push(kind);
        bytes.extend((payload.len() as u16).to_be_bytes());
        bytes.extend(payload);
    }
    if random.random_bool(0.02) {
        bytes.truncate(bytes.len() / 2);
    }
    bytes
}

#[test]
fn whatever_clients_send_nobody_is_lost_and_nothing_is_kept() {
    let frames = std::env::var("FUZZ_FRAMES").ok().and_then(|frames| frames.parse().ok()).unwrap_or(20_000);
    let seed = std::env::var("FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut desk = Desk::new();
    let witness = desk.join("witness");
    let mut noisy: Vec<_> = (0..8).map(|_| desk.connect()).collect();
    let mut sent = 0;
    while sent < frames {
        let chosen = random.random_range(0..noisy.len());
        let bytes = noise(&mut random);
        sent += 3;
        for part in bytes.chunks(random.random_range(1..5_000)) {
            desk.input(Input::Bytes(noisy[chosen], part.to_vec()));
        }
        if random.random_bool(0.01) {
            desk.input(Input::Ended(noisy[chosen]));
        }
        if random.random_bool(0.01) {
            desk.now += Duration::from_secs(40);
            desk.gateway.handle_timeout(desk.now);
            desk.run();
        }
        for id in noisy.iter().chain([&witness]).copied().collect::<Vec<_>>() {
            desk.read(id);
        }
        for id in &mut noisy {
            if !desk.is_open(*id) {
                desk.connections.remove(id);
                *id = desk.connect();
            }
        }
    }
    desk.send(witness, LIST, b"");
    assert!(desk.read(witness).iter().any(|(kind, names)| *kind == LIST && names.contains("witness")), "seed {seed}");
    for id in noisy {
        desk.input(Input::Ended(id));
    }
    assert_eq!(desk.gateway.seats.len(), 1, "seed {seed}");
    assert!(desk.gateway.dues.is_empty() && desk.gateway.directs.is_empty() && desk.members.len() == 1);
}

proptest! {
    #[test]
    fn it_does_not_matter_how_a_conversation_is_cut(cuts in prop::collection::vec(1usize..40, 1..20), seed in 0u64..1000) {
        let mut random = SmallRng::seed_from_u64(seed);
        let conversation: Vec<u8> = (0..10).flat_map(|_| noise(&mut random)).take(20_000).collect();
        let mut heard = Vec::new();
        for cuts in [vec![conversation.len().max(1)], cuts] {
            let mut desk = Desk::new();
            let (witness, client) = (desk.join("witness"), desk.connect());
            let (mut rest, mut cuts) = (&conversation[..], cuts.iter().cycle());
            let mut answers = Vec::new();
            while !rest.is_empty() {
                let (part, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                desk.input(Input::Bytes(client, part.to_vec()));
                answers.extend(desk.read(client));
                rest = later;
            }
            let said: Vec<_> = desk.said.iter().map(|(_, text)| text.clone()).collect();
            heard.push((answers, desk.read(witness), said));
        }
        prop_assert_eq!(&heard[0], &heard[1]);
    }
}
