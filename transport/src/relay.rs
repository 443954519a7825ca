//! Frames for somebody behind a neighbour: what they carry in front (pure).

use bytes::Bytes;

use crate::codec;
use crate::error::DecodeError;
use crate::overlay::Relay;

/// What a relayed frame is longer by, in bytes: two ids, the sender's run, and how far it may go.
pub(crate) const RELAY_BYTES: usize = 16 + 8 + 16 + 1;

/// The header as bytes.
pub(crate) fn header(relay: Relay) -> Vec<u8> {
    let header = codec::encode(&relay).expect("a header is a few plain fields");
    debug_assert_eq!(header.len(), RELAY_BYTES, "a header of another length");
    header
}

/// A relayed frame's header, and the message behind it.
///
/// # Errors
///
/// It is shorter than a header.
pub(crate) fn split(mut frame: Bytes) -> Result<(Relay, Bytes), DecodeError> {
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    if frame.len() < RELAY_BYTES {
        return Err(DecodeError::FrameLength(length));
    }
    let header = frame.split_to(RELAY_BYTES);
    Ok((codec::decode(&header)?, frame))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::peer::{Incarnation, PeerId};

    #[test]
    fn a_header_has_its_golden_bytes_and_comes_back_as_it_was() {
        let id = |n| PeerId::new(Uuid::from_u128(n));
        let relay = Relay { from: id(1), incarnation: Incarnation(2), to: id(3), hops: 4 };
        let bytes = header(relay);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, format!("{:032x}{:016x}{:032x}04", 1, 2, 3));
        let frame = Bytes::from([&bytes[..], b"Hi"].concat());
        assert_eq!(split(frame).unwrap(), (relay, Bytes::from_static(b"Hi")));
    }

    #[test]
    fn what_is_shorter_than_a_header_is_an_error() {
        assert!(split(Bytes::from(vec![0; RELAY_BYTES - 1])).is_err());
        assert!(split(Bytes::from(vec![0; RELAY_BYTES])).is_ok());
    }
}
