//! What a member of a benchmark reads and prints, and what its messages begin with.
//!
//! A member is started as `PROGRAM ID N BASEPORT`: it is called `mID`, listens on BASEPORT + ID, and is one of N.
//!
//! | it prints | when |
//! | --- | --- |
//! | `READY` | it is linked to all others |
//! | `LEADER ns mID` | it learns that the leader is another one (not the floor, which has none) |
//! | `CLOSED ns mID` | that member's socket closes (the floor alone) |
//! | `SENT phase t0 t1` | it has sent all of a phase |
//! | `DONE phase t` | it has received all of a flood |
//! | `LAT phase t min p50 p99 max` | it has received all of a paced phase; the four are ns from sending to receiving |
//!
//! Times are nanoseconds of CLOCK_MONOTONIC. On stdin it takes `GO phase kind n size rate senders`: send `n` messages of
//! `size` bytes to all. The end of stdin ends it.
//!
//! Each message begins with a [`Header`] of 18 bytes, all little-endian, so that receivers need no order: a phase is
//! over for a receiver when it has `n` times `senders` of its messages. One's own are not received: when all of N send,
//! `senders` is N - 1.
//!
//! The kinds: 0 casts as fast as it can, 1 casts `rate` a second, 2 says as fast as it can, 3 says `rate` a second. What
//! is said must be text: there the header is 36 hexadecimal digits, and the rest of the text is `x`. The
//! floor does for 2 and 3 what it does for 0 and 1. 4 appends entries to the history, `rate` in flight at once, and reports `LAT`
//! (from appending to being confirmed) and `SENT`; 5 reports `DONE` when `n` places of the history are confirmed. The floor knows neither.
//!
//! A member of ours that is given a fourth argument keeps its history in that directory.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What the messages of a phase are, and how fast they come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Cast as fast as possible.
    CastFlood,
    /// Cast at a rate.
    CastPaced,
    /// Said as fast as possible.
    SayFlood,
    /// Said at a rate.
    SayPaced,
    /// Appended to the history, `rate` at once in flight: an entry is over when it is confirmed.
    Append,
    /// Nothing: waits until `n` places of the history are confirmed at this member.
    Applied,
}

impl Kind {
    /// Whether the messages come at a rate, and carry the time at which they were sent.
    pub fn is_paced(self) -> bool {
        matches!(self, Self::CastPaced | Self::SayPaced)
    }

    /// Whether the messages are text.
    pub fn is_said(self) -> bool {
        matches!(self, Self::SayFlood | Self::SayPaced)
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self as u8
    }

    fn numbered(number: u8) -> Option<Self> {
        let all = [Self::CastFlood, Self::CastPaced, Self::SayFlood, Self::SayPaced, Self::Append, Self::Applied];
        all.get(usize::from(number)).copied()
    }
}

/// The order to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Go {
    /// Which phase the messages are of.
    pub phase: u32,
    /// What they are.
    pub kind: Kind,
    /// How many each sender sends.
    pub n: u32,
    /// The bytes of each; never fewer than the header takes.
    pub size: usize,
    /// How many a second, if they are paced.
    pub rate: u32,
    /// How many others each receiver hears from.
    pub senders: u8,
}

impl Go {
    /// The header of a message that is sent at `sent_ns`.
    pub fn header(&self, sent_ns: u64) -> Header {
        Header { sent_ns, phase: self.phase, n: self.n, senders: self.senders, kind: self.kind }
    }
}

impl fmt::Display for Go {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, kind, n, size, rate, senders } = self;
        write!(f, "GO {phase} {} {n} {size} {rate} {senders}", kind.number())
    }
}

impl FromStr for Go {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let parse = || {
            let mut words = line.split_whitespace();
            let mut next = || words.next();
            (next()? == "GO").then_some(())?;
            let phase = next()?.parse().ok()?;
            let kind = Kind::numbered(next()?.parse().ok()?)?;
            let (n, size) = (next()?.parse().ok()?, next()?.parse().ok()?);
            let (rate, senders) = (next()?.parse().ok()?, next()?.parse().ok()?);
            words.next().is_none().then_some(Self { phase, kind, n, size, rate, senders })
        };
        parse().ok_or_else(|| format!("expected GO phase kind n size rate senders, not `{line}`"))
    }
}

/// What every message begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// When it was sent; 0 in a flood.
    pub sent_ns: u64,
    /// Which phase it is of.
    pub phase: u32,
    /// How many messages of the phase each sender sends.
    pub n: u32,
    /// How many others a receiver hears from.
    pub senders: u8,
    /// What it is.
    pub kind: Kind,
}

impl Header {
    /// How long it is.
    pub const BYTES: usize = 18;
    /// How long it is in a text.
    pub const DIGITS: usize = 2 * Self::BYTES;

    /// The header as bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.sent_ns.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.phase.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.n.to_le_bytes());
        bytes[16] = self.senders;
        bytes[17] = self.kind.number();
        bytes
    }

    /// The header of a message, if it has one.
    pub fn of_bytes(message: &[u8]) -> Option<Self> {
        let (sent_ns, rest) = message.split_first_chunk()?;
        let (phase, rest) = rest.split_first_chunk()?;
        let (n, rest) = rest.split_first_chunk()?;
        let ([senders, kind], _) = rest.split_first_chunk()?;
        Some(Self {
            sent_ns: u64::from_le_bytes(*sent_ns),
            phase: u32::from_le_bytes(*phase),
            n: u32::from_le_bytes(*n),
            senders: *senders,
            kind: Kind::numbered(*kind)?,
        })
    }

    /// The header as text.
    pub fn to_text(self) -> String {
        const DIGIT: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGIT[usize::from(nibble & 15)]);
        self.to_bytes().into_iter().flat_map(|byte| [digit(byte >> 4), digit(byte)]).collect()
    }

    /// The header of a text, if it has one.
    pub fn of_text(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        let digits = text.as_bytes().get(..Self::DIGITS)?;
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Self::of_bytes(&bytes)
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// What a member's command line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which member it is.
    pub id: u16,
    /// How many there are.
    pub count: u16,
    /// The port of the first; its neighbours are those of the others.
    pub base_port: u16,
    /// Where its history is kept, if anywhere.
    pub data_dir: Option<PathBuf>,
}

impl Place {
    /// The place that the arguments give.
    ///
    /// # Errors
    ///
    /// They are not `ID N BASEPORT [DIRECTORY]`.
    pub fn of(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let numbers: Vec<u16> = arguments.by_ref().take(3).filter_map(|argument| argument.parse().ok()).collect();
        let data_dir = arguments.next().map(PathBuf::from);
        match numbers[..] {
            [id, count, base_port] if id < count && base_port.checked_add(count).is_some() => {
                Ok(Self { id, count, base_port, data_dir })
            }
            _ => Err("expected ID N BASEPORT [DIRECTORY], with ID below N".into()),
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        format!("m{}", self.id)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.base_port + self.id
    }
}

/// Which member has that name.
pub fn member_of(name: &str) -> Option<u16> {
    name.strip_prefix('m')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO: Go = Go { phase: 7, kind: Kind::SayPaced, n: 1000, size: 64, rate: 500, senders: 4 };

    #[test]
    fn an_order_comes_back_as_it_was_given() {
        assert_eq!(GO.to_string(), "GO 7 3 1000 64 500 4");
        assert_eq!(GO.to_string().parse(), Ok(GO));
        for wrong in ["", "GO", "GO 7 6 1000 64 500 4", "GO 7 3 1000 64 500", "GO 7 3 1000 64 500 4 5", "STOP"] {
            assert!(wrong.parse::<Go>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_header_has_the_documented_bytes() {
        let header = Header { kind: Kind::CastPaced, ..GO.header(0x0102) };
        let bytes = [2, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0xe8, 3, 0, 0, 4, 1];
        assert_eq!(header.to_bytes(), bytes);
        assert_eq!(Header::of_bytes(&bytes), Some(header));
        assert_eq!(Header::of_bytes(&bytes[1..]), None);
    }

    #[test]
    fn a_header_survives_being_text() {
        let header = GO.header(u64::MAX - 5);
        assert_eq!(header.to_text().len(), Header::DIGITS);
        assert_eq!(Header::of_text(&(header.to_text() + "xxx")), Some(header));
        assert_eq!(Header::of_text("it is raining"), None);
    }

    #[test]
    fn a_place_is_three_numbers() {
        let place = |arguments: &[&str]| Place::of(arguments.iter().map(ToString::to_string));
        let expected =
            |data_dir: Option<&str>| Place { id: 1, count: 5, base_port: 9000, data_dir: data_dir.map(Into::into) };
        assert_eq!(place(&["1", "5", "9000"]), Ok(expected(None)));
        assert_eq!(place(&["1", "5", "9000", "/x"]), Ok(expected(Some("/x"))));
        assert!(place(&["5", "5", "9000"]).is_err() && place(&["1", "5"]).is_err() && place(&["a", "5", "1"]).is_err());
    }
}
