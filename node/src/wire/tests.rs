//! Bytes of members' messages, there and back.

use super::golden::{golden, peer, said};
use super::*;

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
    for (body, golden) in
        [(open, format!("00000002{a}{al}{:016x}{:016x}4869", 8, 2)), (vote, format!("00000003{b}{:016x}{a}{al}01", 5))]
    {
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
