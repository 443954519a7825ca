//! One client, byte by byte.

use super::*;

fn start() -> Instant {
    Instant::now()
}

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

fn sent(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend((payload.len() as u16).to_be_bytes());
    frame.extend(payload);
    frame
}

fn steps(client: &mut Client, bytes: &[u8], now: Instant) -> Vec<Step> {
    client.handle_bytes(bytes, now);
    std::iter::from_fn(|| client.poll_step(now)).collect()
}

fn step(client: &mut Client, kind: u8, payload: &[u8]) -> Step {
    let mut steps = steps(client, &sent(kind, payload), start());
    assert_eq!(steps.len(), 1, "{steps:?}");
    steps.remove(0)
}

fn member(now: Instant) -> Client {
    let mut client = Client::new(now);
    assert_eq!(steps(&mut client, &sent(JOIN, b"Bob"), now), [Step::Wish(Wish::Join(name("Bob")))]);
    assert_eq!(client.handle_admission(Ok(name("Bob")), now), frame::verdict(ACCEPTED));
    client
}

fn complaint(step: &Step) -> String {
    let Step::Reply(reply) = step else { panic!("{step:?}") };
    assert_eq!(reply[0], ERROR);
    String::from_utf8(reply[3..].to_vec()).unwrap()
}

#[test]
fn a_member_says_lists_speaks_to_one_and_leaves() {
    let mut client = member(start());
    assert_eq!(step(&mut client, MESSAGE, b"Hi"), Step::Wish(Wish::Say("Hi".into())));
    assert_eq!(step(&mut client, LIST, b""), Step::Wish(Wish::List));
    let direct = Wish::Direct { to: "alice".into(), text: "a b".into() };
    assert_eq!(step(&mut client, DIRECT, b"alice a b"), Step::Wish(direct));
    assert_eq!(step(&mut client, LEAVE, b""), Step::Wish(Wish::Leave));
}

#[test]
fn what_is_wrong_is_an_error_to_that_client_alone_which_goes_on() {
    let mut client = Client::new(start());
    for kind in [MESSAGE, LIST, DIRECT] {
        assert_eq!(complaint(&step(&mut client, kind, b"x y")), "you are not in the chat: join first");
    }
    let mut client = member(start());
    for (kind, payload, says) in [
        (JOIN, &b"Carol"[..], "as Bob"),
        (MESSAGE, b"", "empty"),
        (MESSAGE, b"\xff", "UTF-8"),
        (DIRECT, b"alice", "NAME TEXT"),
        (DIRECT, b"alice ", "empty"),
        (DIRECT, b"\xc3 x", "UTF-8"),
        (ERROR, b"x", "never sent by clients"),
        (6, b"x", "no frame of type 6"),
        (255, b"", "no frame of type 255"),
    ] {
        let complaint = complaint(&step(&mut client, kind, payload));
        assert!(complaint.contains(says), "{complaint}");
    }
    assert_eq!(step(&mut client, MESSAGE, b"still here"), Step::Wish(Wish::Say("still here".into())));
}

#[test]
fn a_name_that_is_none_is_refused_as_one_that_is_taken_and_explained() {
    for (given, says) in [(&b""[..], "at least one"), (b"a b", "white space"), (b"@x", "@"), (b"\xff", "UTF-8")] {
        let mut client = Client::new(start());
        let Step::Unnamed { asked, reply, .. } = step(&mut client, JOIN, given) else { panic!() };
        assert_eq!(asked, String::from_utf8_lossy(given));
        assert_eq!(&reply[..4], frame::verdict(TAKEN));
        assert!(complaint(&Step::Reply(reply.slice(4..))).contains(says));
        assert_eq!(step(&mut client, JOIN, b"Bob"), Step::Wish(Wish::Join(name("Bob"))));
    }
}

#[test]
fn one_that_is_refused_a_taken_name_tries_another() {
    let mut client = Client::new(start());
    step(&mut client, JOIN, b"Bob");
    assert_eq!(client.handle_admission(Err(NameRefusal::InUse.into()), start()), frame::verdict(TAKEN));
    step(&mut client, JOIN, b"Rob");
    let late = client.handle_admission(Err(GuestRefusal::NoLeader), start());
    assert_eq!(&late[..4], frame::verdict(TAKEN));
    assert!(complaint(&Step::Reply(late.slice(4..))).contains("no leader"));
    assert_eq!(step(&mut client, JOIN, b"Rob"), Step::Wish(Wish::Join(name("Rob"))));
}

#[test]
fn one_that_is_refused_again_and_again_is_read_ever_more_slowly() {
    let began = start();
    let mut client = Client::new(began);
    let mut now = began;
    let mut refuse = |name: &[u8], now: &mut Instant| {
        // It is looked at as soon as it may be.
        *now = client.next_read(*now).unwrap().max(*now);
        if let [Step::Wish(_)] = steps(&mut client, &sent(JOIN, name), *now)[..] {
            client.handle_admission(Err(NameRefusal::InUse.into()), *now);
        }
    };
    (0..63).for_each(|_| refuse(b"", &mut now));
    assert_eq!(now, began, "as many at once as anybody needs");
    (0..64).for_each(|_| refuse(b"Bob", &mut now));
    assert!(now > began + Duration::from_millis(950), "{:?}", now - began);
}

#[test]
fn who_does_not_join_in_time_is_told_so_and_its_connection_ends() {
    let now = start();
    let mut client = Client::new(now);
    let due = client.poll_timeout().unwrap();
    assert_eq!(due, now + STRANGER_LIMIT);
    assert_eq!(client.handle_timeout(due - Duration::from_millis(1)), None);
    let last = client.handle_timeout(due).unwrap();
    assert!(complaint(&Step::Reply(last)).contains("within 5 minutes"));
    assert_eq!(client.end(), Some("it did not join in time"));
    assert_eq!(client.poll_timeout(), None);
    let joined = member(start());
    assert_eq!(joined.poll_timeout(), None, "a member may be silent for ever");
}

#[test]
fn frames_behind_a_join_wait_until_it_is_answered_also_those_of_one_that_has_gone() {
    let now = start();
    let mut client = Client::new(now);
    let all = [sent(JOIN, b"Bob"), sent(MESSAGE, b"one"), sent(MESSAGE, b"two")].concat();
    assert_eq!(steps(&mut client, &all, now), [Step::Wish(Wish::Join(name("Bob")))]);
    client.handle_end("its connection ended");
    assert!(client.end().is_none() && client.next_read(now).is_none());
    client.handle_admission(Ok(name("Bob")), now);
    let rest: Vec<_> = std::iter::from_fn(|| client.poll_step(now)).collect();
    assert_eq!(rest, [Step::Wish(Wish::Say("one".into())), Step::Wish(Wish::Say("two".into()))]);
    assert_eq!(client.end(), Some("its connection ended"));
}

#[test]
fn half_a_frame_is_held_for_thirty_seconds_however_it_drips() {
    let now = start();
    let mut client = member(now);
    assert_eq!(client.poll_timeout(), None);
    let mut at = now;
    for byte in [MESSAGE, 0xff, 0xff, b'a', b'b', b'c'] {
        assert_eq!(steps(&mut client, &[byte], at), []);
        at += Duration::from_secs(5);
    }
    let due = client.poll_timeout().unwrap();
    assert_eq!(due, now + HALF_FRAME_LIMIT);
    assert_eq!(client.handle_timeout(due - Duration::from_millis(1)), None);
    let last = client.handle_timeout(due).unwrap();
    assert!(complaint(&Step::Reply(last)).contains("within 30 s"));
    assert_eq!(client.end(), Some("a frame was not finished in time"));
}

#[test]
fn a_frame_that_is_finished_in_time_and_one_that_waits_for_an_answer_are_not_timed() {
    let now = start();
    let mut client = Client::new(now);
    let half = [sent(JOIN, b"Bob"), vec![MESSAGE, 0]].concat();
    steps(&mut client, &half, now);
    assert_eq!(client.poll_timeout(), None, "it is the group that is slow");
    let later = now + Duration::from_secs(4);
    client.handle_admission(Ok(name("Bob")), later);
    assert_eq!(client.poll_timeout(), Some(later + HALF_FRAME_LIMIT));
    assert_eq!(steps(&mut client, &[2, b'H', b'i'], later), [Step::Wish(Wish::Say("Hi".into()))]);
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn who_sends_too_much_is_looked_at_and_read_later() {
    let now = start();
    let mut client = member(now);
    assert_eq!(client.next_read(now), Some(now));
    let long = sent(MESSAGE, &[b'x'; 65_535]);
    let taken: Vec<_> = (0..8).map(|_| steps(&mut client, &long, now).len()).collect();
    assert_eq!(taken, [1, 1, 1, 1, 0, 0, 0, 0]);
    let mut at = now;
    for _ in 0..4 {
        assert_eq!(client.next_read(at), None, "it is not read while it would only be held");
        at = client.next_step(at).filter(|due| *due > at).unwrap();
        assert_eq!(steps(&mut client, b"", at).len(), 1);
    }
    let waited = at - now;
    assert!(waited > Duration::from_millis(700) && waited < Duration::from_millis(800), "{waited:?}");
    assert!(client.next_step(at).is_none() && client.next_read(at).unwrap() > at);
}

#[test]
fn what_is_quoted_in_an_error_cannot_move_a_cursor() {
    assert_eq!(&error("no \u{1b}[2J\n")[3..], b"no \\u{1b}[2J\\n");
}
