//! Strangers on the peer port.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mesh_tests::{Cluster, Peer};
use serde_json::json;

#[test]
fn silent_connections_change_nothing_and_are_closed() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let silent: Vec<_> = (0..100).map(|_| knock(mesh.peer("alice"))).collect();
    goes_on(&mesh, "while they wait");
    mesh.join("carol");
    mesh.agree();
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        let mut sink = Vec::new();
        let end = stream.read_to_end(&mut sink);
        let timed_out = end.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!timed_out, "a silent connection is still open");
    }
    goes_on(&mesh, "after they are gone");
}

#[test]
fn a_mebibyte_of_random_bytes_changes_nothing() {
    let mesh = Cluster::of(["alice", "bob"]);
    let random: Vec<u8> = (0..1_u32 << 20).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 13) as u8).collect();
    for part in [&random[..], &random[1..], &random[77..]] {
        // Where the connection is cut does not matter.
        let _ = knock(mesh.peer("alice")).write_all(part);
    }
    goes_on(&mesh, "still here");
}

#[test]
fn a_length_of_four_gibibytes_takes_no_memory() {
    let mesh = Cluster::of(["alice", "bob"]);
    let before = mesh.peer("alice").resident_kib().unwrap();
    let mut held = Vec::new();
    for _ in 0..32 {
        let mut stream = knock(mesh.peer("alice"));
        let _ = stream.write_all(&[0xff; 4]).and_then(|()| stream.write_all(&[0x55; 4096]));
        held.push(stream);
    }
    goes_on(&mesh, "still here");
    let grown = mesh.peer("alice").resident_kib().unwrap().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more");
}

#[test]
fn strangers_who_come_and_go_all_the_time_do_not_keep_members_out() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let began = Instant::now();
    for n in 0..500_u32 {
        let _ = knock(mesh.peer("alice")).write_all(&n.to_be_bytes());
    }
    mesh.join("carol");
    mesh.agree();
    goes_on(&mesh, "still here");
    eprintln!("500 strangers and a member took {:?}", began.elapsed());
}

fn knock(peer: &Peer) -> TcpStream {
    TcpStream::connect(peer.address()).expect("a peer accepts connections")
}

/// It answers its members as before: soon, and for longer than it bears silence.
fn goes_on(mesh: &Cluster, text: &str) {
    let epoch = mesh.agree().epoch;
    for peer in mesh.live() {
        mesh.say_to_all(peer.name(), &format!("{text}, says {}", peer.name()));
        assert!(peer.ask(json!({"do": "members"})).is("reply"));
    }
    assert_eq!((mesh.agree().epoch, mesh.agree().name), (epoch, "alice".to_owned()), "nobody was replaced");
}
