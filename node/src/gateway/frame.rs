//! Frames, as bytes (pure): a type, a length of two bytes, so many bytes.

use bytes::Bytes;

use crate::text::MAX_TEXT_BYTES;

/// A name to be called by; and the answer.
pub(crate) const JOIN: u8 = 0;
/// Goodbye.
pub(crate) const LEAVE: u8 = 1;
/// Something said to everyone.
pub(crate) const MESSAGE: u8 = 2;
/// Who is there; and the answer.
pub(crate) const LIST: u8 = 3;
/// Something said to one.
pub(crate) const DIRECT: u8 = 4;
/// What was wrong. Only ever sent to clients.
pub(crate) const ERROR: u8 = 5;

/// The answer to a join that is accepted.
pub(crate) const ACCEPTED: u8 = 0;
/// The answer to one that is not.
pub(crate) const TAKEN: u8 = 1;

/// Type and length.
const HEAD: usize = 3;

/// What shows that a text was cut.
const CUT: &str = "…";

/// A frame that came in whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

/// A frame with an answer to a join.
pub(crate) fn verdict(verdict: u8) -> Bytes {
    Bytes::copy_from_slice(&[JOIN, 0, 1, verdict])
}

/// A frame with a text, which is cut at a character if it does not fit.
pub(crate) fn text(kind: u8, text: &str) -> Bytes {
    let (kept, mark) = match text.len() {
        0..=MAX_TEXT_BYTES => (text, ""),
        _ => (cut(text, MAX_TEXT_BYTES - CUT.len()), CUT),
    };
    let length = kept.len() + mark.len();
    let mut frame = Vec::with_capacity(HEAD + length);
    frame.push(kind);
    frame.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    frame.extend_from_slice(kept.as_bytes());
    frame.extend_from_slice(mark.as_bytes());
    frame.into()
}

/// The beginning of a text, at most so many bytes of whole characters.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or_default()]
}

/// Takes a stream of bytes apart. It holds no more than what it was fed and one unfinished frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parser {
    buffer: Vec<u8>,
    /// How much of it has been taken.
    taken: usize,
}

impl Parser {
    /// Takes bytes as they come, wherever they were cut.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let end = self.frame_end()?;
        let start = std::mem::replace(&mut self.taken, end);
        let frame = Frame { kind: self.buffer[start], payload: self.buffer[start + HEAD..end].to_vec() };
        if self.taken == self.buffer.len() {
            // Most clients are silent most of the time: they hold nothing.
            *self = Self::default();
        }
        Some(frame)
    }

    /// Whether a whole frame waits.
    pub(crate) fn has_frame(&self) -> bool {
        self.frame_end().is_some()
    }

    /// Whether there is a part of a frame, and no whole one.
    pub(crate) fn has_half(&self) -> bool {
        self.taken < self.buffer.len() && !self.has_frame()
    }

    fn frame_end(&self) -> Option<usize> {
        let rest = &self.buffer[self.taken..];
        let &[_, high, low, ..] = rest else { return None };
        let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
        (rest.len() >= length).then_some(self.taken + length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(parser: &mut Parser) -> Vec<Frame> {
        std::iter::from_fn(|| parser.next()).collect()
    }

    #[test]
    fn a_frame_is_a_type_a_length_and_so_many_bytes() {
        assert_eq!(&*text(MESSAGE, "Hi"), b"\x02\x00\x02Hi");
        assert_eq!(&*text(LIST, ""), b"\x03\x00\x00");
        assert_eq!(&*verdict(TAKEN), b"\x00\x00\x01\x01");
        let mut parser = Parser::default();
        parser.feed(b"\x00\x00\x03Bob\x03\x00\x00\x02\x00");
        let frames = drain(&mut parser);
        assert_eq!(frames[0], Frame { kind: JOIN, payload: b"Bob".to_vec() });
        assert_eq!(frames[1], Frame { kind: LIST, payload: Vec::new() });
        assert!(frames.len() == 2 && parser.has_half());
    }

    #[test]
    fn a_text_that_does_not_fit_is_cut_at_a_character_and_marked() {
        for text_of in ["x".repeat(65_536), "é".repeat(40_000), "漢".repeat(30_000), "👩".repeat(20_000)] {
            let frame = text(ERROR, &text_of);
            assert!(frame.len() <= HEAD + 65_535 && frame.len() > HEAD + 65_525);
            let shown = std::str::from_utf8(&frame[HEAD..]).unwrap();
            let kept = shown.strip_suffix('…').unwrap();
            assert!(text_of.starts_with(kept));
        }
        assert_eq!(text(MESSAGE, &"x".repeat(65_535)).len(), HEAD + 65_535);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_stream_is_cut(
            frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20),
            cuts in prop::collection::vec(1usize..97, 1..50),
        ) {
            let mut stream = Vec::new();
            for (kind, payload) in &frames {
                stream.push(*kind);
                stream.extend((payload.len() as u16).to_be_bytes());
                stream.extend(payload);
            }
            let mut parser = Parser::default();
            let mut parsed = Vec::new();
            let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (part, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                parser.feed(part);
                // Taken now or later: that does not matter either.
                if part.len() % 3 != 0 {
                    parsed.extend(drain(&mut parser));
                }
                rest = later;
            }
            parsed.extend(drain(&mut parser));
            let expected: Vec<_> = frames.into_iter().map(|(kind, payload)| Frame { kind, payload }).collect();
            prop_assert_eq!(parsed, expected);
            prop_assert!(!parser.has_half() && parser.buffer.capacity() == 0);
        }
    }
}
