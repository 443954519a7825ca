//! A client of a gateway, as bytes on a socket.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::bell::PATIENCE;
use crate::peer::Peer;

/// The type of a frame that asks for a name, and of its answer.
pub const JOIN: u8 = 0;
/// The type of a frame that leaves.
pub const LEAVE: u8 = 1;
/// The type of what is said to everyone, and of what happened.
pub const MESSAGE: u8 = 2;
/// The type of a question who is there, and of its answer.
pub const LIST: u8 = 3;
/// The type of what is said to one alone.
pub const DIRECT: u8 = 4;
/// The type of what tells that something went wrong.
pub const ERROR: u8 = 5;

/// A connection to a gateway.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A frame: its type and what is in it.
pub type Frame = (u8, String);

/// What came of reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A frame.
    Frame(Frame),
    /// The end of the connection.
    End,
    /// Nothing, in time.
    Silence,
}

impl Client {
    /// A connection; the list of commands is read.
    ///
    /// # Panics
    ///
    /// If the gateway accepts none. So it is with all that follows: what does not come is a failure.
    pub fn connect(peer: &Peer) -> Self {
        let mut client = Self::connect_to(peer.gateway());
        assert!(client.next_frame().is_some_and(|(kind, text)| kind == MESSAGE && text.contains("join")));
        client
    }

    /// A connection, of which nothing is read.
    pub fn connect_to(port: u16) -> Self {
        Self::try_connect_to(port).expect("the gateway accepts connections")
    }

    /// The same of a gateway that may not be there.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn try_connect_to(port: u16) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(("127.0.0.1", port))?, buffer: Vec::new() })
    }

    /// A member, of which everybody was told.
    pub fn join(peer: &Peer, name: &str) -> Self {
        let mut client = Self::connect(peer);
        assert!(client.ask_to_join(name), "{name} is refused");
        client.hears(MESSAGE, &format!("**{name} is joining the chat**"));
        client
    }

    /// Whether a name is given.
    pub fn ask_to_join(&mut self, name: &str) -> bool {
        self.send(JOIN, name);
        loop {
            let (kind, verdict) = self.next_frame().expect("a join is answered");
            if kind == JOIN {
                return verdict == "\0";
            }
        }
    }

    /// Sends a frame.
    pub fn send(&mut self, kind: u8, payload: &str) {
        self.send_bytes(&frame(kind, payload.as_bytes()));
    }

    /// Sends any bytes. What a server that has ended the connection does not read is not missed.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Waits for a frame; others before it are skipped.
    pub fn hears(&mut self, kind: u8, text: &str) {
        let mut skipped = Vec::new();
        loop {
            match self.next_frame() {
                Some(frame) if frame == (kind, text.to_owned()) => return,
                Some(frame) => skipped.push(frame),
                None => panic!("the connection ended without {kind} {text}, after {skipped:?}"),
            }
        }
    }

    /// Who is there.
    pub fn list(&mut self) -> Vec<String> {
        self.send(LIST, "");
        loop {
            let (kind, names) = self.next_frame().expect("a list is answered");
            if kind == LIST {
                return names.lines().map(ToOwned::to_owned).collect();
            }
        }
    }

    /// The next frame; none at the end of the connection.
    pub fn next_frame(&mut self) -> Option<Frame> {
        match self.next_within(PATIENCE) {
            Heard::Frame(frame) => Some(frame),
            Heard::End => None,
            Heard::Silence => panic!("no frame within {PATIENCE:?}"),
        }
    }

    /// The next frame, if it comes in time.
    pub fn next_within(&mut self, limit: Duration) -> Heard {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(frame) = self.take() {
                return Heard::Frame(frame);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !self.fill(left.max(Duration::from_millis(1))) {
                return Heard::Silence;
            }
            if self.buffer.is_empty() {
                return Heard::End;
            }
        }
    }

    /// What is in the next frame of a type, if it comes in time; others before it are skipped.
    pub fn answer_within(&mut self, limit: Duration, wanted: u8) -> Option<String> {
        let deadline = Instant::now() + limit;
        loop {
            match self.next_within(deadline.saturating_duration_since(Instant::now())) {
                Heard::Frame((kind, text)) if kind == wanted => return Some(text),
                Heard::Frame(_) if Instant::now() < deadline => {}
                _ => return None,
            }
        }
    }

    /// Exactly these bytes come next.
    pub fn hears_bytes(&mut self, expected: &[u8], at: &str) {
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
    pub fn ends(&mut self, at: &str) {
        assert!(self.buffer.is_empty() && self.fill(PATIENCE) && self.buffer.is_empty(), "{at}: {:x?}", self.buffer);
    }

    /// Reads once, and forgets it.
    pub fn hears_something(&mut self, limit: Duration) {
        self.fill(limit);
        while self.take().is_some() {}
    }

    /// Nothing more will be written; what comes is still read.
    pub fn end(&self) {
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

/// The bytes of a frame.
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a frame has a length of two bytes");
    [&[kind][..], &length.to_be_bytes(), payload].concat()
}
