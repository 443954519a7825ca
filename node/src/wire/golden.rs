//! Every message of members, and its bytes, written out.

use std::sync::Arc;
use std::time::Duration;

use history::{Ballot, Config, Entry as LogEntry, Regime, RunningHash, SessionRow, SnapshotPiece, Standing};
use uuid::Uuid;

use super::*;
use crate::roster::Edit;

pub(super) fn peer() -> PeerId {
    PeerId::new(Uuid::from_u128(0x0a))
}

fn epoch() -> election::Epoch<PeerId> {
    election::Epoch { counter: 2, leader: peer() }
}

fn rank() -> election::Rank<PeerId> {
    election::Rank { priority: 3, seniority: 4, peer: peer() }
}

pub(super) fn said() -> MessageId {
    MessageId { session: history::Session::new(Uuid::from_u128(0x0b)), number: 5 }
}

fn roster() -> Roster {
    let mut roster = Roster::new(epoch(), Timestamp::from_millis(6));
    let entry = roster.next_entry("al".parse().unwrap(), "h:9".parse().unwrap(), 3, Timestamp::from_millis(7));
    roster.make(&Edit::Admit(peer(), entry));
    let mut guest = roster.next_guest("bo-2".parse().unwrap(), peer(), Timestamp::from_millis(8));
    guest.formerly = Some("bo".parse().unwrap());
    roster.make(&Edit::AdmitGuest(guest_id(), guest));
    roster
}

fn guest_id() -> PeerId {
    PeerId::new(Uuid::from_u128(0x0b))
}

/// Every message, and its bytes as documented in `docs/protocol.md`.
pub(super) fn golden() -> Vec<(Message, String)> {
    let mut all = membership();
    all.extend(private_lines());
    all.extend(requests());
    all.extend(responses());
    all.extend(elections().map(|(message, hex)| (Message::Election(message), format!("00000007{hex}"))));
    all.extend(lines().map(|(message, hex)| (Message::Pool(message), format!("00000008{hex}"))));
    let log = log_of_voters().into_iter().chain(log_of_learners());
    all.extend(log.map(|(message, hex)| (Message::Log(Box::new(message)), format!("0000000d{hex}"))));
    all
}

// How things are written, in hexadecimal.

fn number(n: u64) -> String {
    format!("{n:016x}")
}

fn numbers(all: &[u64]) -> String {
    all.iter().copied().map(number).collect()
}

fn text(text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{}{hex}", number(text.len() as u64))
}

fn a() -> String {
    format!("{:032x}", 0x0a)
}

fn b() -> String {
    format!("{:032x}", 0x0b)
}

fn said_hex() -> String {
    format!("{}{}", b(), number(5))
}

fn epoch_hex() -> String {
    format!("{}{}", number(2), a())
}

fn version_hex() -> String {
    format!("{}{}", epoch_hex(), number(0))
}

fn rank_hex() -> String {
    format!("0003{}{}", number(4), a())
}

fn entry_hex() -> String {
    format!("{}{}0003{}00", text("al"), text("h:9"), numbers(&[1, 7]))
}

fn guest_hex() -> String {
    format!("{}{}{}01{}", text("bo-2"), a(), numbers(&[2, 8]), text("bo"))
}

// The messages.

fn membership() -> Vec<(Message, String)> {
    let (a, b, version, entry, guest) = (a(), b(), version_hex(), entry_hex(), guest_hex());
    let roster_hex = format!("{version}{}{a}{entry}{}{b}{guest}", numbers(&[6, 3, 1]), number(1));
    let join = Join { name: "al".parse().unwrap(), address: "h:9".parse().unwrap(), priority: 3, member: true };
    let change = {
        let mut roster = roster();
        let entry = roster.entry(peer()).unwrap().clone();
        let guest = roster.guest(guest_id()).unwrap().clone();
        let guests = [Edit::AdmitGuest(guest_id(), guest), Edit::DropGuest(guest_id())];
        roster.commit([Edit::Admit(peer(), entry), Edit::Drop(peer())].into_iter().chain(guests).collect())
    };
    let edits = format!("00000000{a}{entry}00000001{a}00000002{b}{guest}00000003{b}");
    let change_hex = format!("{version}{}{}{edits}", epoch_hex(), numbers(&[1, 6, 4]));
    let (baseline, recent) = (Baseline::default(), Vec::new());
    let welcome = Welcome { roster: roster(), absent: vec![peer()], baseline, decided: (lineage(), 5), recent };
    let decided_hex = format!("{}{}", lineage_hex(), number(5));
    let welcome_hex = format!("{roster_hex}{}{a}{}{decided_hex}{}", number(1), numbers(&[0, 0]), number(0));
    vec![
        (Message::Have(None), "0000000000".into()),
        (Message::Have(Some(roster().version)), format!("0000000001{version}")),
        (Message::Pull, "00000001".into()),
        (Message::Roster(roster()), format!("00000002{roster_hex}")),
        (Message::Change(change), format!("00000003{change_hex}")),
        (Message::Join(join), format!("00000004{}{}000301", text("al"), text("h:9"))),
        (Message::Welcome(welcome), format!("00000005{welcome_hex}")),
        (Message::Refused(NameRefusal::InUse), "0000000600000000".into()),
        (Message::Refused(NameRefusal::Invalid(crate::name::NameError::At)), "000000060000000100000004".into()),
    ]
}

fn private_lines() -> [(Message, String); 3] {
    let line = PrivateLine {
        id: said(),
        from: "al".parse().unwrap(),
        to: "bo".parse().unwrap(),
        sent_at: Timestamp::from_millis(8),
        text: "Hi".into(),
    };
    let line_hex = format!("{}{}{}{}{}", said_hex(), text("al"), text("bo"), number(8), text("Hi"));
    let direct = Direct { author: guest_id(), to: peer(), line: line.clone() };
    [
        (Message::Private(line), format!("00000009{line_hex}")),
        (Message::PrivateAck(said()), format!("0000000a{}", said_hex())),
        (Message::Direct(direct), format!("0000000e{}{}{line_hex}", b(), a())),
    ]
}

/// Each numbered 1.
fn requests() -> Vec<(Message, String)> {
    let admit = Request::AdmitGuest { guest: guest_id(), name: "bo".parse().unwrap(), member: true };
    let named = Request::Named { name: "n".into(), bytes: Bytes::from_static(b"x") };
    let all = [
        (Request::Members, "00000000".into()),
        (Request::Calc("1".into()), format!("00000001{}", text("1"))),
        (named, format!("00000002{}{}", text("n"), text("x"))),
        (admit, format!("00000003{}{}01", b(), text("bo"))),
        (Request::DropGuest(guest_id()), format!("00000004{}", b())),
    ];
    let message = |(request, hex)| (Message::Request(1, request), format!("0000000b{}{hex}", number(1)));
    all.map(message).into()
}

fn responses() -> Vec<(Message, String)> {
    let members = Response::Members(
        roster().version,
        vec![(peer(), roster().entry(peer()).unwrap().clone())],
        vec![(guest_id(), roster().guest(guest_id()).unwrap().clone())],
    );
    let members_hex = format!("{}{}{}{}", number(1), a(), entry_hex(), number(1));
    let all = [
        (members, format!("00000000{}{members_hex}{}{}", version_hex(), b(), guest_hex())),
        (Response::Value(Ok(1.5)), "00000001000000003ff8000000000000".into()),
        (Response::Value(Err(ExpressionError::NotFinite)), "000000010000000100000004".into()),
        (Response::Done(Err(Unserved::Failed("x".into()))), format!("000000020000000100000003{}", text("x"))),
        (Response::Guest(Ok("bo".parse().unwrap())), format!("0000000300000000{}", text("bo"))),
        (Response::Guest(Err(NameRefusal::TooManyGuests)), "000000030000000100000002".into()),
        (Response::GuestDropped, "00000004".into()),
    ];
    let message = |(response, hex)| (Message::Response(1, response), format!("0000000c{}{hex}", number(1)));
    all.map(message).into()
}

fn elections() -> [(election::Message<PeerId>, String); 5] {
    use election::Message as M;
    let (a, epoch_hex, rank_hex) = (a(), epoch_hex(), rank_hex());
    let answer = M::Answer { rank: rank(), leader: Some(peer()), epoch: Some(epoch()), age: Duration::new(1, 2) };
    let heartbeat = M::Heartbeat { epoch: epoch(), rank: rank(), weight: 8, sequence: 9 };
    [
        (M::Election { rank: rank(), take_over: true }, format!("00000000{rank_hex}01")),
        (answer, format!("00000001{rank_hex}01{a}01{epoch_hex}000000000000000100000002")),
        (M::Coordinator { epoch: epoch(), rank: rank() }, format!("00000002{epoch_hex}{rank_hex}")),
        (heartbeat, format!("00000003{epoch_hex}{rank_hex}000000080000000000000009")),
        (M::Yield { epoch: epoch() }, format!("00000004{epoch_hex}")),
    ]
}

fn lines() -> [(history::Message, String); 4] {
    use history::Message as M;
    let (b, said_hex) = (b(), said_hex());
    let session = said().session;
    let say =
        history::Say { id: said(), lamport: 6, after: None, heads: vec![said()], body: Bytes::from_static(b"Hi") };
    let range = history::Range { session, lo: 1, hi: 2, lamport: 3 };
    let range_hex = format!("{b}{}{}{}", number(1), number(2), number(3));
    [
        (M::Say(say), format!("00000000{said_hex}{}00{}{said_hex}{}4869", number(6), number(1), number(2))),
        (M::Digest { ranges: vec![range], reply: true }, format!("00000001{}{range_hex}01", number(1))),
        (M::Pull { wants: vec![history::Want { session, from: 7 }] }, format!("00000002{}{b}{}", number(1), number(7))),
        (M::Rest { ranges: vec![range] }, format!("00000003{}{range_hex}", number(1))),
    ]
}

fn lineage() -> Lineage<PeerId> {
    Lineage::known_from(1, regime())
}

fn lineage_hex() -> String {
    format!("{}{}{}", number(1), number(1), regime_hex())
}

fn regime() -> Regime<PeerId> {
    Regime::founded(peer())
}

fn regime_hex() -> String {
    format!("{}{}", number(0), a())
}

fn ballot() -> Ballot<PeerId> {
    Ballot { regime: regime(), round: 3, peer: guest_id() }
}

fn ballot_hex() -> String {
    format!("{}{}{}", regime_hex(), number(3), b())
}

fn config() -> Config<PeerId> {
    Config { voters: vec![peer()], tie_breaker: peer(), fork: None }
}

fn config_hex() -> String {
    format!("{}{}{}00", number(1), a(), a())
}

fn hash_hex() -> String {
    "00".repeat(32)
}

/// One entry of each sort.
fn entries() -> Vec<Arc<LogEntry<PeerId>>> {
    let say = Say { id: said(), lamport: 6, after: Index::new(2), heads: vec![], body: Bytes::from_static(b"Hi") };
    let note = LogEntry::Note { tag: 7, body: Bytes::from_static(b"x") };
    let skip = LogEntry::Skip { session: said().session, next: 9 };
    [LogEntry::Line(say), LogEntry::Config(config()), note, skip].into_iter().map(Arc::new).collect()
}

fn entries_hex() -> String {
    let line = format!("{}{}01{}4869", said_hex(), number(6), numbers(&[2, 0, 2]));
    let skip = format!("00000003{}{}", b(), number(9));
    format!("{}00000000{line}00000001{}000000020007{}78{skip}", number(4), config_hex(), number(1))
}

/// What is said of the log to agree on it.
fn log_of_voters() -> [(LogMessage<PeerId>, String); 10] {
    use LogMessage as M;
    let (regime, regime_hex, ballot, ballot_hex) = (regime(), regime_hex(), ballot(), ballot_hex());
    let (hash, hash_hex, entries, entries_hex) = (RunningHash::default(), hash_hex(), entries(), entries_hex());
    let promised = entries.clone();
    [
        (
            M::Prepare {
                ballot,
                person: true,
                chain: Some(regime),
                regime: None,
                config_index: 1,
                decided: 2,
                len: 3,
                accepted: None,
            },
            format!("00000000{ballot_hex}0101{regime_hex}00{}00", numbers(&[1, 2, 3])),
        ),
        (
            M::Promise {
                ballot,
                chain: Some(regime),
                regime: None,
                withheld: true,
                left: Some(ballot),
                accepted: None,
                decided: 1,
                len: 2,
                from: 3,
                entries: promised,
            },
            format!("00000001{ballot_hex}01{regime_hex}000101{ballot_hex}00{}{entries_hex}", numbers(&[1, 2, 3])),
        ),
        (M::More { ballot, from: 4 }, format!("00000002{ballot_hex}{}", number(4))),
        (
            M::Sync { ballot, regime: None, prior: None, start: 1, hash: Some(hash), from: 2, entries: vec![], len: 3 },
            format!("00000003{ballot_hex}0000{}01{hash_hex}{}", number(1), numbers(&[2, 0, 3])),
        ),
        (
            M::Accept { ballot, prev_len: 1, entries, decided: 1 },
            format!("00000004{ballot_hex}{}{entries_hex}{}", number(1), number(1)),
        ),
        (M::Accepted { ballot, len: 5 }, format!("00000005{ballot_hex}{}", number(5))),
        (
            M::Beat { ballot, regime: Some(regime), len: 5, decided: 4, sync: true, sure: false },
            format!("00000006{ballot_hex}01{regime_hex}{}0100", numbers(&[5, 4])),
        ),
        (
            M::Ask { ballot, accepted: None, len: 5, decided: 4, hash },
            format!("00000007{ballot_hex}00{}{hash_hex}", numbers(&[5, 4])),
        ),
        (M::Nack { promised: ballot }, format!("00000008{ballot_hex}")),
        (M::Leaving, "0000000e".into()),
    ]
}

/// What is said of the log to have what is decided.
fn log_of_learners() -> [(LogMessage<PeerId>, String); 5] {
    use LogMessage as M;
    let (regime, regime_hex, hash, hash_hex) = (regime(), regime_hex(), RunningHash::default(), hash_hex());
    let (lineage, lineage_hex) = (lineage(), lineage_hex());
    let standing = Standing {
        lineage: lineage.clone(),
        decided: 8,
        hash,
        config: Some(config()),
        accepted: Some(ballot()),
        proposed: vec![(9, config())],
        seen: Some(ballot()),
    };
    let row = SessionRow { session: said().session, next: 1, last: 2, lamport: 3 };
    let row_hex = format!("{}{}", b(), numbers(&[1, 2, 3]));
    let (config, state) = (config(), Bytes::from_static(b"s"));
    let (rows, of) = (vec![row], 1);
    let piece =
        SnapshotPiece { regime, index: 9, hash, lineage, config, config_index: 1, floor: 4, at: 0, rows, of, state };
    let piece_hex = format!(
        "{regime_hex}{}{hash_hex}{lineage_hex}{}{}{row_hex}{}73",
        number(9),
        config_hex(),
        numbers(&[1, 4, 0, 1]),
        numbers(&[1, 1])
    );
    [
        (M::Stale { chain: regime, decided: 6 }, format!("00000009{regime_hex}{}", number(6))),
        (M::Fetch { regime, from: 7, hash }, format!("0000000a{regime_hex}{}{hash_hex}", number(7))),
        (
            M::Learn { regime, from: 7, hash: None, entries: vec![], decided: 8 },
            format!("0000000b{regime_hex}{}00{}", number(7), numbers(&[0, 8])),
        ),
        (M::Snapshot(piece), format!("0000000c{piece_hex}")),
        (
            M::Status(standing),
            format!(
                "0000000d{lineage_hex}{}{hash_hex}01{}01{}{}{}01{}",
                number(8),
                config_hex(),
                ballot_hex(),
                numbers(&[1, 9]),
                config_hex(),
                ballot_hex()
            ),
        ),
    ]
}
