//! What a person reads is what the interface says, and nobody else can write it.

use node::{LeftReason, Link, Message, MessageId, Name, Private, Via};

use super::*;

fn id(last: char) -> PeerId {
    PeerId::new(format!("01890a5d-ac96-774b-bcce-b302099a805{last}").parse().unwrap())
}

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_769_860_800_000 + ms)
}

fn message_id() -> MessageId {
    format!("{}:7", id('7')).parse().unwrap()
}

fn said(from: char, text: &str) -> Event {
    let message = Message {
        id: message_id(),
        from: name("Alice"),
        from_id: id(from),
        text: text.into(),
        sent_at: at(0),
        earlier: false,
    };
    Event::Message(message)
}

fn leads(who: &str, me: bool) -> Leader {
    Leader { id: id('1'), name: name(who), epoch: 3, me, reason: "Bob was killed".into(), since: at(0) }
}

fn member(who: &str, last: char, leader: bool, joined: u64) -> Member {
    let address = format!("localhost:800{last}").parse().unwrap();
    Member { id: id(last), name: name(who), address, priority: 0, leader, joined_at: at(joined), via: Via::Peer }
}

#[track_caller]
fn reads(happened: &Event, line: &str) {
    assert_eq!(event(happened, id('0')), Some(Shown::Said(line.into())));
}

#[test]
fn who_comes_goes_leads_and_is_renamed() {
    let (address, via) = ("localhost:8000".parse().unwrap(), Via::Peer);
    reads(&Event::Joined { id: id('0'), name: name("Bob"), address, via }, "**Bob is joining the chat**");
    for reason in [LeftReason::Left, LeftReason::Failed] {
        let left = Event::Left { id: id('1'), name: name("Bob"), reason, detail: "it reset the link".into() };
        reads(&left, "**Bob is leaving the chat**");
    }
    let renamed = Event::Renamed { id: id('1'), from: name("Bob"), to: name("Bob-2") };
    reads(&renamed, "**Bob is now called Bob-2**");
    reads(&Event::Leader(Some(leads("Carol", false))), "**Carol is now the leader**");
    reads(&Event::Leader(Some(leads("Carol", true))), "**You are now the leader**");
    assert_eq!(event(&Event::Leader(None), id('0')), None);
}

#[test]
fn what_others_say_is_shown_and_what_one_says_oneself_is_not() {
    reads(&said('1', "Hi"), "[Alice] Hi");
    assert_eq!(event(&said('0', "Hi"), id('0')), None);
}

#[test]
fn a_private_message_is_shown_also_from_oneself() {
    for from in ['0', '1'] {
        let (from_id, to) = (id(from), name("Bob"));
        let private = Private { id: message_id(), from: name("Alice"), from_id, to, text: "Hi".into(), sent_at: at(0) };
        reads(&Event::Private(private), "[Alice -> you] Hi");
    }
}

#[test]
fn nobody_forges_a_line_or_moves_a_cursor() {
    reads(
        &said('1', "a\n**Bob is leaving the chat**\x1b[2J\r"),
        "[Alice] a\\n**Bob is leaving the chat**\\u{1b}[2J\\r",
    );
}

#[test]
fn what_is_lost_is_complained_of() {
    for lost in [Event::Skipped { lines: 3 }, Event::Lagged { events: 3 }] {
        let Some(Shown::Complaint(line)) = event(&lost, id('0')) else { panic!() };
        assert!(line.starts_with("3 lines are lost"), "{line}");
    }
}

#[test]
fn the_list_of_members_is_a_table() {
    let eve = Member {
        address: member("Eve", '1', false, 0).address,
        via: Via::Gateway,
        ..member("Eve", '2', false, 60_000)
    };
    let members_of = vec![member("Ann", '0', true, 0), member("Bartholomew", '1', false, 60_000), eve];
    let list = Members { epoch: 3, leader: id('0'), members: members_of };
    assert_eq!(
        members(&list, id('1'), at(3_700_000)),
        "\
name         id                                    address         via      priority  leads  member for
Ann          01890a5d-ac96-774b-bcce-b302099a8050  localhost:8000  peer     0         leads  1 h 1 min
Bartholomew  01890a5d-ac96-774b-bcce-b302099a8051  localhost:8001  peer     0                1 h 0 min   (you)
Eve          01890a5d-ac96-774b-bcce-b302099a8052  localhost:8001  gateway  0                1 h 0 min"
    );
}

#[test]
fn a_leader_is_explained() {
    assert_eq!(
        leader(Some(&leads("Carol", false)), at(61_000)),
        "Carol leads since 2026-01-31T12:00:00.000Z (1 min 1 s), in epoch 3: Bob was killed"
    );
    assert!(leader(Some(&leads("Carol", true)), at(0)).starts_with("You lead since"));
    assert!(leader(None, at(0)).starts_with("nobody leads"));
}

#[test]
fn a_status_is_a_table_with_a_row_a_link() {
    let link = |who: &str, through: Option<&str>, round_trip| Link {
        id: id('1'),
        name: name(who),
        through: through.map(name),
        round_trip,
    };
    let links = vec![
        link("Carol", None, Some(Duration::from_micros(212))),
        link("Dan", None, None),
        link("Eve", Some("Dan"), None),
    ];
    let row = |who: &str, linked: [u8; 4]| Row { name: name(who), linked: linked.map(|linked| linked == 1).to_vec() };
    let mesh =
        vec![row("Carol", [0, 1, 1, 1]), row("Dan", [1, 0, 1, 1]), row("Bob", [1, 1, 0, 0]), row("Eve", [1, 1, 0, 0])];
    let status = Status {
        links,
        mesh,
        leader: Some(leads("Carol", false)),
        epoch: 3,
        members: 4,
        confirmed: 812,
        unconfirmed: 0,
        voters: 3,
        quorum: true,
        missing: Vec::new(),
    };
    let shown = super::status(&status, Some(([127, 0, 0, 1], 9000).into()));
    assert_eq!(
        shown,
        "\
leader     Carol
epoch      3
members    4, you included
confirmed  up to #812
waiting    0 lines
voters     3
quorum     yes
gateway    127.0.0.1:9000
links      2 of 3
  Carol    0.212 ms
  Dan      not measured yet
  Eve      relayed through Dan
who is linked to whom
  Carol  . x x x
  Dan    x . x x
  Bob    x x . -
  Eve    x x - ."
    );
}

#[test]
fn a_status_says_whether_lines_are_confirmed() {
    let stands = |confirmed, unconfirmed, quorum, missing: &[&str]| {
        let missing = missing.iter().map(|missing| name(missing)).collect();
        let (links, mesh, leader) = (Vec::new(), Vec::new(), None);
        status(
            &Status { links, mesh, leader, epoch: 3, members: 1, confirmed, unconfirmed, voters: 3, quorum, missing },
            None,
        )
    };
    let shown = stands(0, 1, false, &["Bob", "Carol"]);
    for row in ["confirmed  nothing yet", "waiting    1 line\n", "quorum     no: Bob, Carol cannot be reached"] {
        assert!(shown.contains(row), "{row}: {shown}");
    }
    assert!(stands(7, 0, true, &["Bob"]).contains("quorum     yes, though Bob cannot be reached"));
}

#[test]
fn what_happened_to_the_history_is_a_complaint_and_escaped() {
    let disk = Event::Disk { trouble: Some("full\u{1b}".into()) };
    let alarm = Event::Alarm("bob differs\n".into());
    for event in [disk, alarm] {
        let Some(Shown::Complaint(line)) = super::event(&event, id('0')) else { panic!() };
        assert!(!line.contains(['\u{1b}', '\n']), "{line}");
    }
    reads(&Event::Disk { trouble: None }, "**the disk works again: lines are kept**");
}

#[test]
fn the_help_has_every_command() {
    let help = help();
    assert!(COMMANDS.iter().all(|command| help.contains(command.usage) && help.contains(command.does)));
}

#[test]
fn a_span_is_told_in_the_units_it_has() {
    for (seconds, told) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (3_599, "59 min 59 s"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
    ] {
        assert_eq!(span(Duration::from_secs(seconds)), told);
    }
    assert_eq!(between(at(5), at(0)), Duration::ZERO);
}
