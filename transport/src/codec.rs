//! Bytes and frames: length-prefixed bincode.
//!
//! ```text
//! +----------------+--------+----------------------+
//! | length (4 B,   | kind   | body                 |
//! | network order) | (1 B)  | `length` - 1 bytes   |
//! +----------------+--------+----------------------+
//! ```
//!
//! A message longer than [`PIECE_BYTES`] travels as several frames, so that an urgent one never waits for more than
//! a piece of it. Values are bincode with fixed-width, big-endian integers and a size limit; a value followed by
//! further bytes is refused. This is the only file that knows bincode.

use bincode::Options;
use serde::{Deserialize, Serialize};

use crate::error::DecodeError;

/// The longest body of one frame, in bytes.
pub const PIECE_BYTES: usize = 16 * 1024;

/// The longest message, in bytes: what upper layers may send in one piece, and what a receiver assembles.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// Bytes before a frame's body.
pub(crate) const HEADER_BYTES: usize = 5;

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A message between the two ends of the link: see [`Control`](crate::control::Control).
    Control = 0,
    /// A whole message of the layers above that overtakes bulk.
    Urgent = 1,
    /// A whole message of the layers above, or the last piece of one.
    Bulk = 2,
    /// A piece of a message; more follow.
    Part = 3,
    /// A message that overtakes bulk, behind the [`Relay`](crate::overlay::Relay) that says from and for whom it is.
    RelayedUrgent = 4,
    /// A message, or the last piece of one, behind a `Relay`.
    RelayedBulk = 5,
    /// Link states, or the last piece of some, that are too long to overtake bulk.
    Links = 6,
}

impl TryFrom<u8> for Kind {
    type Error = DecodeError;

    fn try_from(byte: u8) -> Result<Self, DecodeError> {
        match byte {
            0 => Ok(Self::Control),
            1 => Ok(Self::Urgent),
            2 => Ok(Self::Bulk),
            3 => Ok(Self::Part),
            4 => Ok(Self::RelayedUrgent),
            5 => Ok(Self::RelayedBulk),
            6 => Ok(Self::Links),
            other => Err(DecodeError::FrameKind(other)),
        }
    }
}

/// One frame within a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) body: &'a [u8],
}

/// The first frame of `buffer`, or `None` while it has not wholly arrived. A frame takes
/// [`HEADER_BYTES`] and its body's length from the buffer.
///
/// # Errors
///
/// A length of 0 or beyond the bound, or an unknown kind: what follows cannot be understood either.
pub(crate) fn first_frame(buffer: &[u8]) -> Result<Option<Frame<'_>>, DecodeError> {
    let Some((prefix, rest)) = buffer.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*prefix);
    if length == 0 || length as usize > PIECE_BYTES + 1 {
        return Err(DecodeError::FrameLength(length));
    }
    let Some((kind, rest)) = rest.split_first() else {
        return Ok(None);
    };
    let kind = Kind::try_from(*kind)?;
    Ok(rest.get(..length as usize - 1).map(|body| Frame { kind, body }))
}

/// Appends one frame to `out`, whose body is these parts one after the other: at most [`PIECE_BYTES`].
pub(crate) fn push_frame(out: &mut Vec<u8>, kind: Kind, parts: &[&[u8]]) {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    debug_assert!(body <= PIECE_BYTES, "a frame of {body} bytes");
    let length = u32::try_from(body + 1).expect("a piece is far shorter than 4 GiB");
    out.reserve(HEADER_BYTES + body);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(kind as u8);
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// A message in the pieces that it travels in, the last of which says what it is.
pub(crate) fn pieces(last: Kind, message: &[u8]) -> impl Iterator<Item = (Kind, &[u8])> {
    let mut rest = Some(message);
    std::iter::from_fn(move || {
        let message = rest.take()?;
        match message.split_at_checked(PIECE_BYTES).filter(|(_, more)| !more.is_empty()) {
            Some((piece, more)) => {
                rest = Some(more);
                Some((Kind::Part, piece))
            }
            None => Some((last, message)),
        }
    })
}

fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_big_endian()
        .with_limit(MAX_MESSAGE_BYTES as u64)
        .reject_trailing_bytes()
}

/// A value as bytes.
///
/// # Errors
///
/// It is longer than [`MAX_MESSAGE_BYTES`], or of a shape that bincode cannot hold.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, DecodeError> {
    options().serialize(value).map_err(malformed)
}

/// A value from bytes; what it borrows, it borrows from them. Never allocates more than the bytes at hand call for.
///
/// # Errors
///
/// The bytes are no such value, or go on after it.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    options().deserialize(bytes).map_err(malformed)
}

fn malformed(error: bincode::Error) -> DecodeError {
    DecodeError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_has_the_documented_bytes() {
        let mut out = Vec::new();
        push_frame(&mut out, Kind::Bulk, &[b"H", b"i"]);
        assert_eq!(out, [0, 0, 0, 3, 2, b'H', b'i']);
        let frame = first_frame(&out).unwrap().unwrap();
        assert_eq!((frame.kind, frame.body), (Kind::Bulk, b"Hi".as_slice()));
    }

    #[test]
    fn a_length_prefix_of_four_gibibytes_is_refused_before_anything_is_allocated() {
        let error = first_frame(&[0xff, 0xff, 0xff, 0xff]).unwrap_err();
        assert!(matches!(error, DecodeError::FrameLength(u32::MAX)));
        assert!(first_frame(&[0, 0, 0, 0]).is_err());
    }

    #[test]
    fn a_value_followed_by_further_bytes_is_refused() {
        let mut bytes = encode(&7u32).unwrap();
        assert_eq!(bytes, [0, 0, 0, 7]);
        bytes.push(0);
        assert!(decode::<u32>(&bytes).is_err());
    }

    #[test]
    fn a_list_that_claims_to_be_endless_is_refused() {
        let bytes = encode(&u64::MAX).unwrap();
        assert!(decode::<Vec<u64>>(&bytes).is_err());
        assert!(decode::<String>(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some(frame)) = first_frame(&bytes) {
                prop_assert!(frame.body.len() + HEADER_BYTES <= bytes.len());
            }
            let _ = decode::<(u32, String, Option<Vec<u64>>)>(&bytes);
        }

        #[test]
        fn frames_come_back_as_they_were_pushed(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)) {
            let mut out = Vec::new();
            for body in &bodies {
                push_frame(&mut out, Kind::Urgent, &[body]);
            }
            let mut rest = out.as_slice();
            for body in &bodies {
                let frame = first_frame(rest).unwrap().unwrap();
                prop_assert_eq!(frame.body, body.as_slice());
                rest = &rest[HEADER_BYTES + body.len()..];
            }
            prop_assert!(rest.is_empty());
        }
    }
}
