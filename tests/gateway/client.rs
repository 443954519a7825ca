//! A client, as bytes on a socket.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use mesh_tests::{Cluster, PATIENCE, Peer};

pub(crate) const JOIN: u8 = 0;
pub(crate) const LEAVE: u8 = 1;
pub(crate) const MESSAGE: u8 = 2;
pub(crate) const LIST: u8 = 3;
pub(crate) const DIRECT: u8 = 4;
pub(crate) const ERROR: u8 = 5;

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A frame: its type and what is in it.
pub(crate) type Frame = (u8, String);

impl Client {
    /// A connection; the list of commands is read.
    pub(crate) fn connect(peer: &Peer) -> Self {
        let mut client = Self::connect_to(peer.gateway());
        assert!(client.next().is_some_and(|(kind, text)| kind == MESSAGE && text.contains("join")));
        client
    }

    pub(crate) fn connect_to(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the gateway accepts connections");
        Self { stream, buffer: Vec::new() }
    }

    /// A member, of which everybody was told.
    pub(crate) fn join(peer: &Peer, name: &str) -> Self {
        let mut client = Self::connect(peer);
        assert!(client.ask_to_join(name), "{name} is refused");
        client.hears(MESSAGE, &format!("**{name} is joining the chat**"));
        client
    }

    /// Whether a name is given.
    pub(crate) fn ask_to_join(&mut self, name: &str) -> bool {
        self.send(JOIN, name);
        loop {
            let (kind, verdict) = self.next().expect("a join is answered");
            if kind == JOIN {
                return verdict == "\0";
            }
        }
    }

    pub(crate) fn send(&mut self, kind: u8, payload: &str) {
        self.send_bytes(&frame(kind, payload.as_bytes()));
    }

    /// Sends any bytes. What a server that has ended the connection does not read is not missed.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Waits for a frame; others before it are skipped.
    pub(crate) fn hears(&mut self, kind: u8, text: &str) {
        let mut skipped = Vec::new();
        loop {
            match self.next() {
                Some(frame) if frame == (kind, text.to_owned()) => return,
                Some(frame) => skipped.push(frame),
                None => panic!("the connection ended without {kind} {text}, after {skipped:?}"),
            }
        }
    }

    /// Who is there.
    pub(crate) fn list(&mut self) -> Vec<String> {
        self.send(LIST, "");
        loop {
            let (kind, names) = self.next().expect("a list is answered");
            if kind == LIST {
                return names.lines().map(ToOwned::to_owned).collect();
            }
        }
    }

    /// The next frame; none at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(self.fill(left.max(Duration::from_millis(1))), "no frame within {PATIENCE:?}");
            if self.buffer.is_empty() {
                return None;
            }
        }
    }

    /// Exactly these bytes come next.
    pub(crate) fn hears_bytes(&mut self, expected: &[u8], at: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.buffer.len() < expected.len() {
            let before = self.buffer.len();
            let left = deadline.saturating_duration_since(Instant::now());
            let came = self.fill(left.max(Duration::from_millis(1)));
            assert!(came && self.buffer.len() > before, "{at}: no more than {:x?}", self.buffer);
        }
        let came: Vec<_> = self.buffer.drain(..expected.len()).collect();
        let shown = String::from_utf8_lossy(&came);
        assert!(came == expected, "{at}: {shown:.200} rather than {:.200}", String::from_utf8_lossy(expected));
    }

    /// The connection ends, without anything more.
    pub(crate) fn ends(&mut self, at: &str) {
        assert!(self.buffer.is_empty() && self.fill(PATIENCE) && self.buffer.is_empty(), "{at}: {:x?}", self.buffer);
    }

    /// Reads once, and forgets it.
    pub(crate) fn hears_something(&mut self, limit: Duration) {
        self.fill(limit);
        while self.take().is_some() {}
    }

    /// Nothing more will be written; what comes is still read.
    pub(crate) fn end(&self) {
        self.stream.shutdown(Shutdown::Write).expect("a socket that is open takes its settings");
    }

    fn take(&mut self) -> Option<Frame> {
        let &[kind, high, low, ..] = &self.buffer[..] else { return None };
        let end = 3 + usize::from(u16::from_be_bytes([high, low]));
        if self.buffer.len() < end {
            return None;
        }
        let frame: Vec<_> = self.buffer.drain(..end).collect();
        Some((kind, String::from_utf8(frame[3..].to_vec()).expect("what the server sends is UTF-8")))
    }

    /// Reads once. `false`: nothing came in time. The buffer is empty at the end of the connection.
    fn fill(&mut self, limit: Duration) -> bool {
        self.stream.set_read_timeout(Some(limit)).expect("a socket that is open takes its settings");
        let mut chunk = vec![0; 1 << 16];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.buffer.clear(),
            Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => return false,
            // A peer that was killed.
            Err(_) => self.buffer.clear(),
        }
        true
    }
}

pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a frame has a length of two bytes");
    [&[kind][..], &length.to_be_bytes(), payload].concat()
}

/// A group whose peers all serve a gateway.
pub(crate) fn mesh(names: &[&str]) -> Cluster {
    let mut mesh = Cluster::empty();
    for name in names {
        let launch = mesh.through_first(name).with("--gateway", 0);
        mesh.start(launch).ready();
    }
    mesh.agree();
    mesh.all_linked();
    mesh
}

/// Waits until every peer that lives lists just these users of gateways.
pub(crate) fn guests_are(mesh: &Cluster, names: &[&str]) {
    let what = format!("the users of gateways are {}", names.join(", "));
    mesh.all(&what, |peer| {
        let mut listed: Vec<_> = peer.view().guests.into_values().collect();
        listed.sort_unstable();
        listed == names
    });
}
