//! Messages framed once, however many links they go to (pure).

use bytes::Bytes;

use crate::codec::{self, HEADER_BYTES, Kind, MAX_MESSAGE_BYTES, PIECE_BYTES, first_frame};
use crate::error::SendError;
use crate::overlay::Relay;
use crate::relay;

/// How much goes into one chunk, and so into one write, in bytes. Beyond this a system call's cost no longer shows.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Messages in the frames that they travel in, in chunks that all links share.
///
/// Framing a message for each link again is most of what a flood costs its sender.
#[derive(Debug, Default)]
pub struct Batch {
    full: Vec<Bytes>,
    last: Vec<u8>,
    bytes: usize,
}

impl Batch {
    /// Adds a message that is these parts one after the other.
    ///
    /// # Errors
    ///
    /// It is longer than [`MAX_MESSAGE_BYTES`]; the batch is as it was.
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<(), SendError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > MAX_MESSAGE_BYTES {
            return Err(SendError::TooLong(length));
        }
        self.push_kind(Kind::Bulk, parts, length);
        Ok(())
    }

    /// The same messages behind a header: for a peer that is reached through others.
    pub(crate) fn relayed(chunks: &[Bytes], relay: Relay) -> Self {
        let header = relay::header(relay);
        let (mut batch, mut message) = (Self::default(), Vec::new());
        for chunk in chunks {
            let mut rest = &chunk[..];
            while let Ok(Some(frame)) = first_frame(rest) {
                message.extend_from_slice(frame.body);
                if frame.kind == Kind::Bulk {
                    batch.push_kind(Kind::RelayedBulk, &[&header, &message], header.len() + message.len());
                    message.clear();
                }
                rest = &rest[HEADER_BYTES + frame.body.len()..];
            }
        }
        batch
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// How much of a queue it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The frames, in chunks of whole ones.
    pub(crate) fn into_chunks(mut self) -> Vec<Bytes> {
        self.finish_chunk();
        self.full
    }

    fn push_kind(&mut self, kind: Kind, parts: &[&[u8]], length: usize) {
        if length <= PIECE_BYTES {
            self.push_piece(kind, parts, length);
        } else {
            let message = parts.concat();
            codec::pieces(kind, &message).for_each(|(kind, piece)| self.push_piece(kind, &[piece], piece.len()));
        }
    }

    fn push_piece(&mut self, kind: Kind, parts: &[&[u8]], length: usize) {
        if self.last.len() + HEADER_BYTES + length > CHUNK_BYTES {
            self.finish_chunk();
        }
        codec::push_frame(&mut self.last, kind, parts);
        self.bytes += HEADER_BYTES + length;
    }

    fn finish_chunk(&mut self) {
        if !self.last.is_empty() {
            // The next chunk of a flood is as long.
            let next = Vec::with_capacity(self.last.len());
            self.full.push(Bytes::from(std::mem::replace(&mut self.last, next)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages as a receiver puts them together.
    fn read(batch: Batch) -> Vec<Vec<u8>> {
        let (mut messages, mut message) = (Vec::new(), Vec::new());
        for chunk in batch.into_chunks() {
            assert!(chunk.len() <= CHUNK_BYTES);
            let mut rest = &chunk[..];
            while let Some(frame) = first_frame(rest).unwrap() {
                message.extend_from_slice(frame.body);
                if frame.kind == Kind::Bulk {
                    messages.push(std::mem::take(&mut message));
                }
                rest = &rest[HEADER_BYTES + frame.body.len()..];
            }
            assert!(rest.is_empty(), "a chunk ends with a frame");
        }
        messages
    }

    #[test]
    fn messages_of_any_length_come_out_as_they_went_in() {
        let mut batch = Batch::default();
        let mut expected = Vec::new();
        for length in [0, 1, 64, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES + 5, 20_000, 60_000] {
            let message: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let (head, tail) = message.split_at(length / 3);
            batch.push(&[head, tail]).unwrap();
            expected.push(message);
        }
        assert!(!batch.is_empty() && batch.bytes() > expected.iter().map(Vec::len).sum());
        assert_eq!(read(batch), expected);
    }

    #[test]
    fn what_is_too_long_changes_nothing() {
        let mut batch = Batch::default();
        let long = vec![0; MAX_MESSAGE_BYTES];
        assert_eq!(batch.push(&[b"x", &long]), Err(SendError::TooLong(MAX_MESSAGE_BYTES + 1)));
        assert!(batch.is_empty() && batch.into_chunks().is_empty());
    }
}
