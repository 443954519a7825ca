//! What members say to each other over their links.
//!
//! A frame begins with one byte: [`MESSAGE`] is followed by a [`Message`] in bincode, [`CAST`] by the bytes that were
//! cast, as they are. Casts are set apart because a flood of them is the fastest thing that a mesh does.

use bytes::{Buf, Bytes};
use history::{Baseline, Index, LogMessage, MessageId, Regime, Say};
use serde::{Deserialize, Serialize};
use transport::{Address, Class, DecodeError, PeerId};

use crate::api::NameRefusal;
use crate::calc::ExpressionError;
use crate::name::Name;
use crate::roster::{Change, Entry, Guest, Roster, RosterVersion};
use crate::timestamp::Timestamp;

/// First byte of a frame that holds a [`Message`].
pub(crate) const MESSAGE: u8 = 0;
/// First byte of a frame that holds bytes cast by a member.
pub(crate) const CAST: u8 = 1;

/// A message between two members, or a member and one that wants to be.
///
/// The order of the variants is part of the protocol between peers: it changes with its version only.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// Which roster its sender has, if any. Sent when a peer becomes reachable, each second to one of them, and as the
    /// answer to a lesser one. The receiver of a greater one sends `Pull`.
    Have(Option<RosterVersion>),
    /// Asks for the receiver's roster; answered by `Roster`.
    Pull,
    /// A whole roster. The greater replaces the lesser; a leader that gets a lesser one takes in those that its own lacks.
    Roster(Roster),
    /// From the leader to all, at each change. Who does not have what it starts from sends `Pull`.
    Change(Change),
    /// To the leader: admit me. Repeated until `Welcome` or `Refused`.
    Join(Join),
    /// From the leader, to the one that it admitted.
    Welcome(Welcome),
    /// From the leader, to the one that it did not admit.
    Refused(NameRefusal),
    /// The election's, unread here. Urgent.
    Election(election::Message<PeerId>),
    /// What was said to everyone, and the repair of its losses.
    Pool(history::Message),
    /// Something said to the receiver alone; answered by `PrivateAck`.
    Private(PrivateLine),
    /// The private message has been shown.
    PrivateAck(MessageId),
    /// A request to the leader; answered by `Response` of the same number. Who does not lead keeps silent.
    Request(u64, Request),
    /// The leader's answer.
    Response(u64, Response),
    /// The confirmed log's, unread here.
    Log(Box<LogMessage<PeerId>>),
    /// Something said to a user of the receiver's gateway, or by one of the sender's, or both; answered by `PrivateAck` once it is in
    /// that client's queue.
    Direct(Direct),
}

/// A private line of which at least one end uses a gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Direct {
    pub(crate) author: PeerId,
    pub(crate) to: PeerId,
    pub(crate) line: PrivateLine,
}

/// Who wants to be a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Join {
    pub(crate) name: Name,
    pub(crate) address: Address,
    pub(crate) priority: u16,
    /// Whether it was a member before, of this group or of one that met it: then it is not refused but renamed.
    pub(crate) member: bool,
}

/// What a member begins with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) roster: Roster,
    /// Those of the roster that the leader cannot reach: announced as gone already.
    pub(crate) absent: Vec<PeerId>,
    /// What was confirmed before: it reaches a newcomer with the log.
    pub(crate) baseline: Baseline,
    /// How many places of the log are decided, and in which regime.
    pub(crate) decided: (Option<Regime<PeerId>>, u64),
    /// The last confirmed lines, by their places.
    pub(crate) recent: Vec<(Index, Say)>,
}

/// What a member put into the history: the body of a pool's line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Body {
    /// Said to everyone, and shown at once.
    Line(Line),
    /// A program's own, told when it is confirmed.
    Entry {
        from: PeerId,
        /// The program's word for what it is.
        kind: u16,
        bytes: Bytes,
    },
    /// A proposal to all members.
    Open { from: PeerId, name: Name, sent_at: Timestamp, text: String },
    /// A member's word on a proposal.
    Vote { proposal: MessageId, from: PeerId, name: Name, consent: bool },
}

impl Body {
    /// Whether the bytes of a body are those of a line: its number comes first.
    pub(crate) fn is_line(body: &[u8]) -> bool {
        body.starts_with(&[0; 4])
    }

    /// Whether they are those of a proposal or a vote.
    pub(crate) fn is_of_proposals(body: &[u8]) -> bool {
        matches!(body, [0, 0, 0, 2 | 3, ..])
    }
}

/// A line said to everyone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) from: PeerId,
    pub(crate) name: Name,
    pub(crate) sent_at: Timestamp,
    pub(crate) text: String,
}

/// A line said to one member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct PrivateLine {
    pub(crate) id: MessageId,
    pub(crate) from: Name,
    pub(crate) to: Name,
    pub(crate) sent_at: Timestamp,
    pub(crate) text: String,
}

/// What the leader can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Who is a member and can be reached?
    Members,
    /// What is the value of this expression?
    Calc(String),
    /// What a program's own request of this name gives for these bytes.
    Named { name: String, bytes: Bytes },
    /// Admit a user of the sender's gateway. `member`: it was one before; then it is not refused but renamed. The same id again is
    /// the same guest.
    AdmitGuest { guest: PeerId, name: Name, member: bool },
    /// A user of the sender's gateway is gone.
    DropGuest(PeerId),
}

/// What the leader answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Response {
    /// Each in the order of joining; lists put them together by their join numbers.
    Members(RosterVersion, Vec<(PeerId, Entry)>, Vec<(PeerId, Guest)>),
    /// The value of the expression, or why it has none.
    Value(Result<f64, ExpressionError>),
    /// What the program made of it, or why nothing.
    Done(Result<Bytes, Unserved>),
    /// Under which name the guest was admitted, or why not.
    Guest(Result<Name, NameRefusal>),
    /// The guest is dropped.
    GuestDropped,
}

/// Why a leader did not do what a program's own request wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Unserved {
    /// It has no such request.
    Unknown,
    /// It has no quorum, or has not established its log yet: to be asked again.
    NoQuorum,
    /// It does as many as it can.
    Busy,
    /// The program failed, and said why.
    Failed(String),
}

/// What one frame holds.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(Box<Message>),
    Cast(Bytes),
}

impl Message {
    /// The message as a frame.
    pub(crate) fn to_frame(&self) -> Result<Vec<u8>, DecodeError> {
        transport::encode(&(MESSAGE, self))
    }

    /// Its name in a word.
    pub(crate) fn kind(&self) -> &'static str {
        use election::Message as E;
        use history::Message as P;
        match self {
            Self::Have(_) => "Have",
            Self::Pull => "Pull",
            Self::Roster(_) => "Roster",
            Self::Change(_) => "Change",
            Self::Join(_) => "Join",
            Self::Welcome(_) => "Welcome",
            Self::Refused(_) => "Refused",
            Self::Election(E::Election { .. }) => "Election",
            Self::Election(E::Answer { .. }) => "Answer",
            Self::Election(E::Coordinator { .. }) => "Coordinator",
            Self::Election(E::Heartbeat { .. }) => "Heartbeat",
            Self::Election(E::Yield { .. }) => "Yield",
            Self::Pool(P::Say(_)) => "Say",
            Self::Pool(P::Digest { .. }) => "Digest",
            Self::Pool(P::Pull { .. }) => "LinePull",
            Self::Pool(P::Rest { .. }) => "Rest",
            Self::Private(_) => "Private",
            Self::PrivateAck(_) => "PrivateAck",
            Self::Request(..) => "Request",
            Self::Response(..) => "Response",
            Self::Log(message) => message.kind(),
            Self::Direct(_) => "Direct",
        }
    }

    /// Which messages it overtakes.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Election(_) => Class::Urgent,
            _ => Class::Bulk,
        }
    }
}

/// What a frame holds.
pub(crate) fn read_frame(mut frame: Bytes) -> Result<Incoming, DecodeError> {
    match frame.first() {
        Some(&CAST) => {
            frame.advance(1);
            Ok(Incoming::Cast(frame))
        }
        Some(&MESSAGE) => Ok(Incoming::Message(Box::new(transport::decode(&frame[1..])?))),
        Some(other) => Err(DecodeError::FrameKind(*other)),
        None => Err(DecodeError::FrameLength(0)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::roster::Edit;

    fn peer() -> PeerId {
        PeerId::new(Uuid::from_u128(0x0a))
    }

    fn epoch() -> election::Epoch<PeerId> {
        election::Epoch { counter: 2, leader: peer() }
    }

    fn rank() -> election::Rank<PeerId> {
        election::Rank { priority: 3, seniority: 4, peer: peer() }
    }

    fn said() -> MessageId {
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
    fn golden() -> Vec<(Message, String)> {
        let id = |n: u8| format!("{n:032x}");
        let number = |n: u64| format!("{n:016x}");
        let text = |text: &str| {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("{}{hex}", number(text.len() as u64))
        };
        let (a, b) = (id(0x0a), id(0x0b));
        let epoch_hex = format!("{}{a}", number(2));
        let version_hex = format!("{epoch_hex}{}", number(0));
        let rank_hex = format!("0003{}{a}", number(4));
        let entry_hex = format!("{}{}0003{}{}00", text("al"), text("h:9"), number(1), number(7));
        let guest_hex = format!("{}{a}{}{}01{}", text("bo-2"), number(2), number(8), text("bo"));
        let roster_hex =
            format!("{version_hex}{}{}{}{a}{entry_hex}{}{b}{guest_hex}", number(6), number(3), number(1), number(1));
        let said_hex = format!("{b}{}", number(5));
        let join = Join { name: "al".parse().unwrap(), address: "h:9".parse().unwrap(), priority: 3, member: true };
        let change = {
            let mut roster = roster();
            let entry = roster.entry(peer()).unwrap().clone();
            let guest = roster.guest(guest_id()).unwrap().clone();
            let guests = [Edit::AdmitGuest(guest_id(), guest), Edit::DropGuest(guest_id())];
            roster.commit([Edit::Admit(peer(), entry), Edit::Drop(peer())].into_iter().chain(guests).collect())
        };
        let change_hex = format!(
            "{version_hex}{epoch_hex}{}{}{}00000000{a}{entry_hex}00000001{a}00000002{b}{guest_hex}00000003{b}",
            number(1),
            number(6),
            number(4)
        );
        let welcome = Welcome {
            roster: roster(),
            absent: vec![peer()],
            baseline: Baseline::default(),
            decided: (None, 0),
            recent: Vec::new(),
        };
        let line = PrivateLine {
            id: said(),
            from: "al".parse().unwrap(),
            to: "bo".parse().unwrap(),
            sent_at: Timestamp::from_millis(8),
            text: "Hi".into(),
        };
        let line_hex = format!("{said_hex}{}{}{}{}", text("al"), text("bo"), number(8), text("Hi"));
        let members = Response::Members(
            roster().version,
            vec![(peer(), roster().entry(peer()).unwrap().clone())],
            vec![(guest_id(), roster().guest(guest_id()).unwrap().clone())],
        );
        let admit = Request::AdmitGuest { guest: guest_id(), name: "bo".parse().unwrap(), member: true };
        let (admitted, refused) =
            (Response::Guest(Ok("bo".parse().unwrap())), Response::Guest(Err(NameRefusal::TooManyGuests)));
        let direct = Direct { author: guest_id(), to: peer(), line: line.clone() };
        let mut all = vec![
            (Message::Have(None), "0000000000".into()),
            (Message::Have(Some(roster().version)), format!("0000000001{version_hex}")),
            (Message::Pull, "00000001".into()),
            (Message::Roster(roster()), format!("00000002{roster_hex}")),
            (Message::Change(change), format!("00000003{change_hex}")),
            (Message::Join(join), format!("00000004{}{}000301", text("al"), text("h:9"))),
            (
                Message::Welcome(welcome),
                format!("00000005{roster_hex}{}{a}{}{}00{}{}", number(1), number(0), number(0), number(0), number(0)),
            ),
            (Message::Refused(NameRefusal::InUse), "0000000600000000".into()),
            (Message::Refused(NameRefusal::Invalid(crate::name::NameError::At)), "000000060000000100000004".into()),
            (Message::Private(line), format!("00000009{line_hex}")),
            (Message::PrivateAck(said()), format!("0000000a{said_hex}")),
            (Message::Request(1, Request::Members), format!("0000000b{}00000000", number(1))),
            (
                Message::Response(1, members),
                format!(
                    "0000000c{}00000000{version_hex}{}{a}{entry_hex}{}{b}{guest_hex}",
                    number(1),
                    number(1),
                    number(1)
                ),
            ),
            (Message::Request(1, Request::Calc("1".into())), format!("0000000b{}00000001{}", number(1), text("1"))),
            (
                Message::Request(1, Request::Named { name: "n".into(), bytes: Bytes::from_static(b"x") }),
                format!("0000000b{}00000002{}{}", number(1), text("n"), text("x")),
            ),
            (
                Message::Response(1, Response::Value(Ok(1.5))),
                format!("0000000c{}00000001000000003ff8000000000000", number(1)),
            ),
            (
                Message::Response(1, Response::Value(Err(ExpressionError::NotFinite))),
                format!("0000000c{}000000010000000100000004", number(1)),
            ),
            (
                Message::Response(1, Response::Done(Err(Unserved::Failed("x".into())))),
                format!("0000000c{}000000020000000100000003{}", number(1), text("x")),
            ),
            (Message::Request(1, admit), format!("0000000b{}00000003{b}{}01", number(1), text("bo"))),
            (Message::Request(1, Request::DropGuest(guest_id())), format!("0000000b{}00000004{b}", number(1))),
            (Message::Response(1, admitted), format!("0000000c{}0000000300000000{}", number(1), text("bo"))),
            (Message::Response(1, refused), format!("0000000c{}000000030000000100000002", number(1))),
            (Message::Response(1, Response::GuestDropped), format!("0000000c{}00000004", number(1))),
            (Message::Direct(direct), format!("0000000e{b}{a}{line_hex}")),
        ];
        all.extend(
            golden_elections(&epoch_hex, &rank_hex, &a)
                .map(|(m, hex)| (Message::Election(m), format!("00000007{hex}"))),
        );
        all.extend(golden_lines(&said_hex, &b).map(|(m, hex)| (Message::Pool(m), format!("00000008{hex}"))));
        all.extend(golden_log(&said_hex, &a, &b).map(|(m, hex)| (Message::Log(Box::new(m)), format!("0000000d{hex}"))));
        all
    }

    fn golden_elections(epoch_hex: &str, rank_hex: &str, a: &str) -> [(election::Message<PeerId>, String); 5] {
        use election::Message as M;
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

    fn golden_lines(said_hex: &str, b: &str) -> [(history::Message, String); 4] {
        use history::Message as M;
        let session = said().session;
        let number = |n: u64| format!("{n:016x}");
        let say =
            history::Say { id: said(), lamport: 6, after: None, heads: vec![said()], body: Bytes::from_static(b"Hi") };
        let range = history::Range { session, lo: 1, hi: 2, lamport: 3 };
        let range_hex = format!("{b}{}{}{}", number(1), number(2), number(3));
        [
            (M::Say(say), format!("00000000{said_hex}{}00{}{said_hex}{}4869", number(6), number(1), number(2))),
            (M::Digest { ranges: vec![range], reply: true }, format!("00000001{}{range_hex}01", number(1))),
            (
                M::Pull { wants: vec![history::Want { session, from: 7 }] },
                format!("00000002{}{b}{}", number(1), number(7)),
            ),
            (M::Rest { ranges: vec![range] }, format!("00000003{}{range_hex}", number(1))),
        ]
    }

    fn golden_log(said_hex: &str, a: &str, b: &str) -> [(LogMessage<PeerId>, String); 15] {
        use LogMessage as M;
        use history::{Ballot, Config, Entry, Regime, RunningHash, SessionRow, SnapshotPiece};
        use std::sync::Arc;
        let number = |n: u64| format!("{n:016x}");
        let other = PeerId::new(Uuid::from_u128(0x0b));
        let regime = Regime::founded(peer());
        let regime_hex = format!("{}{a}", number(0));
        let ballot = Ballot { regime, round: 3, peer: other };
        let ballot_hex = format!("{regime_hex}{}{b}", number(3));
        let (hash, hash_hex) = (RunningHash::default(), "00".repeat(32));
        let say = Say { id: said(), lamport: 6, after: Index::new(2), heads: vec![], body: Bytes::from_static(b"Hi") };
        let config = Config { voters: vec![peer()], tie_breaker: peer(), fork: None };
        let config_hex = format!("{}{a}{a}00", number(1));
        let note = Entry::Note { tag: 7, body: Bytes::from_static(b"x") };
        let entries: Vec<_> =
            [Entry::Line(say), Entry::Config(config.clone()), note].into_iter().map(Arc::new).collect();
        let entries_hex = format!(
            "{}00000000{said_hex}{}01{}{}{}4869\
             00000001{config_hex}\
             000000020007{}78",
            number(3),
            number(6),
            number(2),
            number(0),
            number(2),
            number(1)
        );
        let row = SessionRow { session: said().session, next: 1, last: 2, lamport: 3 };
        let row_hex = format!("{b}{}{}{}", number(1), number(2), number(3));
        let state = Bytes::from_static(b"s");
        let piece = SnapshotPiece {
            regime,
            index: 9,
            hash,
            config,
            config_index: 1,
            floor: 4,
            at: 0,
            rows: vec![row],
            of: 1,
            state,
        };
        let piece_hex = format!(
            "{regime_hex}{}{hash_hex}{config_hex}{}{}{}{}{row_hex}{}{}73",
            number(9),
            number(1),
            number(4),
            number(0),
            number(1),
            number(1),
            number(1)
        );
        let numbers = |all: &[u64]| all.iter().map(|n| number(*n)).collect::<String>();
        [
            (
                M::Prepare { ballot, regime: Some(regime), config_index: 1, decided: 2, len: 3, accepted: None },
                format!("00000000{ballot_hex}01{regime_hex}{}00", numbers(&[1, 2, 3])),
            ),
            (
                M::Promise {
                    ballot,
                    regime: None,
                    accepted: Some(ballot),
                    decided: 1,
                    len: 2,
                    from: 3,
                    entries: entries.clone(),
                },
                format!("00000001{ballot_hex}0001{ballot_hex}{}{entries_hex}", numbers(&[1, 2, 3])),
            ),
            (M::More { ballot, from: 4 }, format!("00000002{ballot_hex}{}", number(4))),
            (
                M::Sync { ballot, prior: None, start: 1, hash: Some(hash), from: 2, entries: vec![], len: 3 },
                format!("00000003{ballot_hex}00{}01{hash_hex}{}", number(1), numbers(&[2, 0, 3])),
            ),
            (
                M::Accept { ballot, prev_len: 1, entries, decided: 1 },
                format!("00000004{ballot_hex}{}{entries_hex}{}", number(1), number(1)),
            ),
            (M::Accepted { ballot, len: 5 }, format!("00000005{ballot_hex}{}", number(5))),
            (M::Beat { ballot, len: 5, decided: 4, sync: true }, format!("00000006{ballot_hex}{}01", numbers(&[5, 4]))),
            (
                M::Ask { ballot, accepted: None, len: 5, decided: 4, hash },
                format!("00000007{ballot_hex}00{}{hash_hex}", numbers(&[5, 4])),
            ),
            (M::Nack { promised: ballot }, format!("00000008{ballot_hex}")),
            (M::Stale { decided: 6 }, format!("00000009{}", number(6))),
            (M::Fetch { regime, from: 7, hash }, format!("0000000a{regime_hex}{}{hash_hex}", number(7))),
            (
                M::Learn { regime, from: 7, hash: None, entries: vec![], decided: 8 },
                format!("0000000b{regime_hex}{}00{}", number(7), numbers(&[0, 8])),
            ),
            (M::Snapshot(piece), format!("0000000c{piece_hex}")),
            (
                M::Status { regime: Some(regime), decided: 8, hash },
                format!("0000000d01{regime_hex}{}{hash_hex}", number(8)),
            ),
            (M::Leaving, "0000000e".into()),
        ]
    }

    #[test]
    fn a_body_is_its_bytes_and_a_line_is_told_by_them() {
        let line =
            Line { from: peer(), name: "al".parse().unwrap(), sent_at: Timestamp::from_millis(8), text: "Hi".into() };
        let line = transport::encode(&Body::Line(line)).unwrap();
        let entry = Body::Entry { from: peer(), kind: 5, bytes: Bytes::from_static(b"Hi") };
        let entry = transport::encode(&entry).unwrap();
        assert!(Body::is_line(&line) && !Body::is_line(&entry));
        let hex: String = entry.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, format!("00000001{:032x}0005{:016x}4869", 0x0a, 2));
    }

    #[test]
    fn a_proposal_and_a_vote_are_told_by_their_bytes() {
        let (from, name, sent_at) = (peer(), "al".parse::<Name>().unwrap(), Timestamp::from_millis(8));
        let open = Body::Open { from, name: name.clone(), sent_at, text: "Hi".into() };
        let vote = Body::Vote { proposal: said(), from, name, consent: true };
        let (a, b, al) = (format!("{:032x}", 0x0a), format!("{:032x}", 0x0b), format!("{:016x}616c", 2));
        for (body, golden) in [
            (open, format!("00000002{a}{al}{:016x}{:016x}4869", 8, 2)),
            (vote, format!("00000003{b}{:016x}{a}{al}01", 5)),
        ] {
            let bytes = transport::encode(&body).unwrap();
            assert!(Body::is_of_proposals(&bytes) && !Body::is_line(&bytes));
            assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), golden);
        }
    }

    #[test]
    fn every_message_has_its_golden_bytes_and_comes_back_as_it_was() {
        for (message, golden) in golden() {
            let frame = message.to_frame().unwrap();
            let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, format!("00{golden}"), "{message:?}");
            match read_frame(Bytes::from(frame)).unwrap() {
                Incoming::Message(read) => assert_eq!(*read, message),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_cast_is_its_bytes_behind_one() {
        let frame = Bytes::from_static(b"\x01Hi");
        assert!(matches!(read_frame(frame).unwrap(), Incoming::Cast(bytes) if bytes == "Hi"));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for frame in [&b""[..], b"\x02", b"\x00", b"\x00\0\0\0\x63", b"\x00\0\0\0\x01\0"] {
            assert!(read_frame(Bytes::copy_from_slice(frame)).is_err(), "{frame:?}");
        }
        // A name that is none, and an address without a port, are refused while they are read.
        let join = |name: &str, address: &str| {
            let frame = transport::encode(&(MESSAGE, 4u32, name, address, 0u16, false)).unwrap();
            read_frame(frame.into())
        };
        assert!(join("al", "h:9").is_ok());
        assert!(join("a b", "h:9").is_err() && join("al", "h").is_err());
    }
}
