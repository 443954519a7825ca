//! A peer played by hand on a raw socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use transport::{Address, PeerId};

use super::DEADLINE;
use super::wire::{self, Hello};

/// One end of a connection, with blocking reads that end at the deadline.
pub struct Raw {
    pub stream: TcpStream,
}

impl Raw {
    pub fn connect(to: &Address) -> Self {
        Self::over(TcpStream::connect(to.as_str()).unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream }
    }

    /// Dials a member and becomes linked to it.
    pub fn link(to: &Address, hello: &Hello) -> Self {
        let mut raw = Self::connect(to);
        raw.write(&hello.to_frame());
        let (kind, body) = raw.frame();
        assert_eq!((kind, &body[..4]), (wire::CONTROL, [0; 4].as_slice()), "no consent: {body:?}");
        raw.write(&wire::up());
        raw.write(&hello.state(1, &[wire::id_in_hello(&body)]));
        raw
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Writes as much of it as the other end allows; false once it has closed.
    pub fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub fn read(&mut self, bytes: usize) -> Vec<u8> {
        let mut buffer = vec![0; bytes];
        self.stream.read_exact(&mut buffer).unwrap();
        buffer
    }

    /// One whole frame: its kind and its body.
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let header = self.read(5);
        let length = u32::from_be_bytes(*header.first_chunk().unwrap()) as usize;
        (header[4], self.read(length - 1))
    }

    /// Reads what is left until the other end closes or resets.
    pub fn until_closed(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(1..) => {}
                Ok(0) => return,
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "not closed: {error}");
                    return;
                }
            }
        }
    }

    /// Reads a little at a time, with a pause after each, and proves that it lives, until the other end closes.
    pub fn sip(mut self, bytes: usize, pause: std::time::Duration) {
        let (mut buffer, mut read, mut pings, mut seen) = (vec![0; bytes], Vec::new(), 0, 0);
        while let Ok(taken @ 1..) = self.stream.read(&mut buffer) {
            read.extend_from_slice(&buffer[..taken]);
            while let Some(length) = read.first_chunk().map(|length| u32::from_be_bytes(*length) as usize + 4)
                && length <= read.len()
            {
                let frame: Vec<u8> = read.drain(..length).collect();
                if let Some(sequence) = wire::ping_sequence(&frame[5..]).filter(|_| frame[4] == wire::CONTROL) {
                    (pings, seen) = (pings + 1, sequence);
                    self.try_write(&wire::ping(pings, seen));
                }
            }
            std::thread::sleep(pause);
        }
        assert!(seen > 0, "never pinged");
    }

    /// Whether the other end holds the connection and has said nothing.
    pub fn is_open_and_silent(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// A peer by hand that is dialled.
pub struct RawListener {
    listener: TcpListener,
}

impl RawListener {
    pub fn new() -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    pub fn address(&self) -> Address {
        Address::from(self.listener.local_addr().unwrap())
    }

    /// Accepts one connection, and the hello that comes over it.
    pub fn accept(&self) -> Raw {
        self.accept_whom().0
    }

    fn accept_whom(&self) -> (Raw, PeerId) {
        let mut accepted = None;
        super::eventually("somebody dials", || {
            accepted = self.listener.accept().ok();
            accepted.is_some()
        });
        let (stream, _) = accepted.unwrap();
        stream.set_nonblocking(false).unwrap();
        let mut raw = Raw::over(stream);
        let (kind, body) = raw.frame();
        assert_eq!((kind, &body[..4]), (wire::CONTROL, [0; 4].as_slice()), "no hello");
        (raw, wire::id_in_hello(&body))
    }

    /// Accepts one connection and consents to it as `id`; it is linked once the dialler says so.
    pub fn accept_as(&self, id: PeerId) -> Raw {
        let (mut raw, dialler) = self.accept_whom();
        let hello = Hello::new(id).at(&self.address());
        raw.write(&hello.to_frame());
        assert_eq!(raw.read(9), wire::up());
        raw.write(&hello.state(1, &[dialler]));
        raw
    }
}
