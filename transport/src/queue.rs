//! What waits to be written to one link (pure).
//!
//! Two lanes: urgent frames (elections, pings) overtake bulk (everything said). Bulk lies in chunks of whole frames,
//! each of which is one write; a message longer than a piece is cut, so an urgent frame waits for one chunk at most.
//!
//! Bounds: a queue holds [`LIMIT_BYTES`] of bulk; what does not fit is refused and lost to that peer (the layers above
//! repair that). Above [`HIGH_WATER_BYTES`] the queue is *behind*: well-behaved senders wait until it is below
//! [`LOW_WATER_BYTES`], for its `timeout` at most (a slow line must not hold up what is said to everybody else); and a link that takes less than the high water of a queue that is behind in its `timeout` is taken
//! down: a slow line that makes progress is not.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::batch::CHUNK_BYTES;
use crate::codec::{self, HEADER_BYTES, Kind, MAX_MESSAGE_BYTES, PIECE_BYTES};
use crate::error::SendError;
use crate::relay::RELAY_BYTES;

/// The most bulk that waits for one link, in bytes. Room for a few of the longest messages; a peer further behind is
/// served better by catching up afterwards than by a longer queue.
pub(crate) const LIMIT_BYTES: usize = 4 * MAX_MESSAGE_BYTES;

/// Where a queue is behind. The kernel holds little of what is unsent, so that this is what can still be overtaken; more
/// of it does not make a link faster.
pub(crate) const HIGH_WATER_BYTES: usize = 256 * 1024;

/// Where a queue that was behind has caught up: low enough that senders are not woken for a few frames.
pub(crate) const LOW_WATER_BYTES: usize = HIGH_WATER_BYTES / 2;

/// The most urgent bytes that wait. A few thousand control messages; a link on which more pile up is not alive.
const URGENT_LIMIT_BYTES: usize = 1024 * 1024;

/// Up to how many bytes a shared chunk is copied: a write of its own costs more.
const COPIED_BYTES: usize = 8 * 1024;

/// What to do with the socket next.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Write these bytes, then say so with [`Queue::wrote`].
    Write(Bytes),
    /// Nothing waits.
    Idle,
    /// All was written, the farewell last: close the sending side.
    End,
}

/// The outgoing frames of one link.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    urgent: Vec<u8>,
    bulk: VecDeque<Bytes>,
    /// The last chunk, which still grows.
    growing: Vec<u8>,
    /// The rest of a chunk whose beginning has been written: nothing may come before it.
    unfinished: Option<Bytes>,
    /// Whether somebody is writing what was given out last.
    writing: bool,
    /// Bulk that is queued or being written.
    bulk_bytes: usize,
    behind_since: Option<Instant>,
    /// Since when well-behaved senders have been waiting: as long as it is behind, but not for ever.
    holding_since: Option<Instant>,
    /// What was written since `behind_since`.
    written_behind: usize,
    /// The last frame of all; it comes after everything else.
    farewell: Option<Vec<u8>>,
    stage: Stage,
}

/// How far a queue is on its way to the end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Stage {
    /// Takes everything.
    #[default]
    Open,
    /// The farewell is queued: takes no more messages, but still pings.
    Ending,
    /// Nobody writes any longer: takes nothing.
    Closed,
}

impl Queue {
    /// Queues a frame that overtakes bulk. It is at most [`PIECE_BYTES`] long.
    pub(crate) fn push_urgent(&mut self, kind: Kind, body: &[u8]) -> Result<(), SendError> {
        if body.len() > PIECE_BYTES {
            return Err(SendError::TooLong(body.len()));
        }
        if !self.takes(kind) {
            return Err(SendError::NotLinked);
        }
        if self.urgent.len() + HEADER_BYTES + body.len() > URGENT_LIMIT_BYTES {
            return Err(SendError::Full);
        }
        codec::push_frame(&mut self.urgent, kind, &[body]);
        Ok(())
    }

    /// Queues a message of a kind of bulk, in pieces if it is long. It is queued whole or not at all.
    pub(crate) fn push_bulk(&mut self, kind: Kind, message: &[u8], now: Instant) -> Result<(), SendError> {
        if message.len() > MAX_MESSAGE_BYTES + RELAY_BYTES {
            return Err(SendError::TooLong(message.len()));
        }
        if !self.takes(kind) {
            return Err(SendError::NotLinked);
        }
        if self.bulk_bytes + message.len() + HEADER_BYTES > LIMIT_BYTES {
            return Err(SendError::Full);
        }
        codec::pieces(kind, message).for_each(|(kind, piece)| self.push_piece(kind, piece));
        self.note_length(now);
        Ok(())
    }

    /// Queues chunks of frames that other links share: all of them or none, for a message may lie across two.
    pub(crate) fn push_chunks(&mut self, chunks: &[Bytes], now: Instant) -> Result<(), SendError> {
        if !self.takes(Kind::Bulk) {
            return Err(SendError::NotLinked);
        }
        if self.bulk_bytes + chunks.iter().map(Bytes::len).sum::<usize>() > LIMIT_BYTES {
            return Err(SendError::Full);
        }
        for chunk in chunks {
            self.bulk_bytes += chunk.len();
            if chunk.len() <= COPIED_BYTES && self.growing.len() + chunk.len() <= CHUNK_BYTES {
                self.growing.extend_from_slice(chunk);
            } else {
                self.close_chunk();
                self.bulk.push_back(chunk.clone());
            }
        }
        self.note_length(now);
        Ok(())
    }

    /// Whether bytes may be written past the queue: nothing waits, and nothing is being written.
    pub(crate) fn is_idle(&self) -> bool {
        let nothing_waits = self.urgent.is_empty() && self.bulk.is_empty() && self.growing.is_empty();
        nothing_waits && self.unfinished.is_none() && !self.writing && self.stage == Stage::Open
    }

    /// Queues the rest of a chunk that was written past the idle queue in part.
    pub(crate) fn push_unfinished(&mut self, rest: Bytes) {
        self.bulk_bytes += rest.len();
        self.unfinished = Some(rest);
    }

    fn note_length(&mut self, now: Instant) {
        if self.bulk_bytes > HIGH_WATER_BYTES && self.behind_since.is_none() {
            self.behind_since = Some(now);
            self.holding_since = Some(now);
            self.written_behind = 0;
        }
    }

    /// The last frame of all. What is queued before it is still written.
    pub(crate) fn push_farewell(&mut self, body: &[u8]) {
        if self.stage == Stage::Open {
            let mut frame = Vec::new();
            codec::push_frame(&mut frame, Kind::Control, &[body]);
            self.farewell = Some(frame);
            self.stage = Stage::Ending;
        }
    }

    /// Drops what waits, and takes nothing any more: a queue that nobody writes must not count as behind for ever.
    pub(crate) fn close(&mut self) {
        *self = Self { stage: Stage::Closed, ..Self::default() };
    }

    /// What to write next.
    pub(crate) fn next(&mut self) -> Next {
        let next = self.choose();
        self.writing = matches!(next, Next::Write(_));
        next
    }

    fn choose(&mut self) -> Next {
        if let Some(rest) = self.unfinished.take() {
            return Next::Write(rest);
        }
        if self.stage == Stage::Ending && self.farewell.is_none() {
            return Next::End;
        }
        if !self.urgent.is_empty() {
            return Next::Write(std::mem::take(&mut self.urgent).into());
        }
        if self.bulk.is_empty() {
            self.close_chunk();
        }
        if let Some(chunk) = self.bulk.pop_front() {
            return Next::Write(chunk);
        }
        match self.farewell.take() {
            Some(frame) => Next::Write(frame.into()),
            None => Next::Idle,
        }
    }

    /// So many bytes, a chunk, were written.
    pub(crate) fn wrote(&mut self, bytes: usize, now: Instant) {
        self.writing = false;
        self.bulk_bytes = self.growing.len() + self.bulk.iter().map(Bytes::len).sum::<usize>();
        self.written_behind += bytes;
        if self.bulk_bytes < LOW_WATER_BYTES {
            self.behind_since = None;
            self.holding_since = None;
        } else if self.behind_since.is_some() && self.written_behind >= HIGH_WATER_BYTES {
            self.behind_since = Some(now);
            self.written_behind = 0;
        }
    }

    /// Since when the queue has been behind without a high water's worth being written.
    pub(crate) fn behind_since(&self) -> Option<Instant> {
        self.behind_since
    }

    /// Since when senders have been waiting for this queue.
    pub(crate) fn holding_since(&self) -> Option<Instant> {
        self.holding_since
    }

    /// Senders wait for it no longer, until it has caught up and is behind anew.
    pub(crate) fn let_go(&mut self) {
        self.holding_since = None;
    }

    fn takes(&self, kind: Kind) -> bool {
        match self.stage {
            Stage::Open => true,
            Stage::Ending => kind == Kind::Control,
            Stage::Closed => false,
        }
    }

    fn push_piece(&mut self, kind: Kind, piece: &[u8]) {
        let bytes = HEADER_BYTES + piece.len();
        if self.growing.len() + bytes > CHUNK_BYTES {
            self.close_chunk();
        }
        codec::push_frame(&mut self.growing, kind, &[piece]);
        self.bulk_bytes += bytes;
    }

    fn close_chunk(&mut self) {
        if !self.growing.is_empty() {
            self.bulk.push_back(std::mem::take(&mut self.growing).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::first_frame;

    fn written(queue: &mut Queue) -> Vec<(Kind, Vec<u8>)> {
        let mut frames = Vec::new();
        while let Next::Write(bytes) = queue.next() {
            let mut rest = &bytes[..];
            while let Some(frame) = first_frame(rest).unwrap() {
                frames.push((frame.kind, frame.body.to_vec()));
                rest = &rest[HEADER_BYTES + frame.body.len()..];
            }
            queue.wrote(bytes.len(), Instant::now());
        }
        frames
    }

    #[test]
    fn many_small_frames_travel_in_one_write() {
        let mut queue = Queue::default();
        for _ in 0..100 {
            queue.push_bulk(Kind::Bulk, b"Hi", Instant::now()).unwrap();
        }
        assert!(matches!(queue.next(), Next::Write(bytes) if bytes.len() == 100 * (HEADER_BYTES + 2)));
        assert_eq!(queue.next(), Next::Idle);
    }

    #[test]
    fn urgent_frames_overtake_bulk_and_the_farewell_comes_last() {
        let mut queue = Queue::default();
        queue.push_bulk(Kind::Bulk, b"bulk", Instant::now()).unwrap();
        queue.push_urgent(Kind::Urgent, b"vote").unwrap();
        queue.push_farewell(b"bye");
        let bodies: Vec<_> = written(&mut queue).into_iter().map(|(_, body)| body).collect();
        assert_eq!(bodies, [b"vote".to_vec(), b"bulk".to_vec(), b"bye".to_vec()]);
        assert_eq!(queue.next(), Next::End);
    }

    #[test]
    fn behind_the_farewell_nothing_is_written() {
        let mut queue = Queue::default();
        queue.push_bulk(Kind::Bulk, b"bulk", Instant::now()).unwrap();
        queue.push_farewell(b"bye");
        assert_eq!(queue.push_bulk(Kind::Bulk, b"late", Instant::now()), Err(SendError::NotLinked));
        assert_eq!(queue.push_urgent(Kind::Urgent, b"late"), Err(SendError::NotLinked));
        queue.push_urgent(Kind::Control, b"ping").unwrap();
        assert_eq!(written(&mut queue).len(), 3);
        queue.push_urgent(Kind::Control, b"ping").unwrap();
        assert_eq!(queue.next(), Next::End);
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_is_not_behind() {
        let mut queue = Queue::default();
        let message = vec![7; MAX_MESSAGE_BYTES];
        queue.push_bulk(Kind::Bulk, &message, Instant::now()).unwrap();
        queue.close();
        assert_eq!(queue.push_bulk(Kind::Bulk, &message, Instant::now()), Err(SendError::NotLinked));
        assert_eq!(queue.push_urgent(Kind::Control, b"ping"), Err(SendError::NotLinked));
        assert_eq!((queue.behind_since(), queue.next()), (None, Next::Idle));
    }

    #[test]
    fn a_long_message_is_cut_and_nothing_of_it_is_lost() {
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 5 * PIECE_BYTES + 7] {
            let message: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let mut queue = Queue::default();
            queue.push_bulk(Kind::Bulk, &message, Instant::now()).unwrap();
            let frames = written(&mut queue);
            let (last, parts) = frames.split_last().unwrap();
            assert_eq!(last.0, Kind::Bulk);
            assert!(parts.iter().all(|(kind, body)| *kind == Kind::Part && body.len() == PIECE_BYTES));
            assert_eq!(frames.iter().flat_map(|(_, body)| body.clone()).collect::<Vec<_>>(), message);
        }
    }

    #[test]
    fn shared_chunks_keep_their_place_among_messages() {
        let mut queue = Queue::default();
        let mut shared = Vec::new();
        codec::push_frame(&mut shared, Kind::Bulk, &[b"second"]);
        queue.push_bulk(Kind::Bulk, b"first", Instant::now()).unwrap();
        queue.push_chunks(&[shared.into()], Instant::now()).unwrap();
        queue.push_bulk(Kind::Bulk, b"third", Instant::now()).unwrap();
        let bodies: Vec<_> = written(&mut queue).into_iter().map(|(_, body)| body).collect();
        assert_eq!(bodies, [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()]);
        let long = Bytes::from(vec![0; LIMIT_BYTES + 1]);
        assert_eq!(queue.push_chunks(&[long], Instant::now()), Err(SendError::Full));
    }

    #[test]
    fn nothing_comes_between_the_two_parts_of_a_chunk() {
        let mut queue = Queue::default();
        assert!(queue.is_idle());
        queue.push_unfinished(Bytes::from_static(b"rest"));
        queue.push_urgent(Kind::Urgent, b"vote").unwrap();
        assert!(!queue.is_idle());
        assert_eq!(queue.next(), Next::Write(Bytes::from_static(b"rest")));
        assert!(!queue.is_idle(), "it is being written");
        queue.wrote(4, Instant::now());
        assert_eq!(written(&mut queue).len(), 1);
        assert!(queue.is_idle());
    }

    #[test]
    fn a_full_queue_refuses_and_recovers_when_it_is_drained() {
        let mut queue = Queue::default();
        let message = vec![7; 100_000];
        let start = Instant::now();
        while queue.push_bulk(Kind::Bulk, &message, start).is_ok() {}
        assert_eq!(queue.push_bulk(Kind::Bulk, &message, start), Err(SendError::Full));
        assert_eq!(queue.behind_since(), Some(start));
        assert!(queue.bulk_bytes <= LIMIT_BYTES);
        written(&mut queue);
        assert_eq!((queue.behind_since(), queue.bulk_bytes), (None, 0));
        queue.push_bulk(Kind::Bulk, &message, start).unwrap();
    }

    #[test]
    fn a_queue_that_is_behind_but_makes_progress_is_not_stuck() {
        let mut queue = Queue::default();
        let start = Instant::now();
        while queue.push_bulk(Kind::Bulk, &[7; 1000], start).is_ok() {}
        let mut now = start;
        for _ in 0..8 {
            let Next::Write(bytes) = queue.next() else { panic!("the queue ran empty") };
            now += std::time::Duration::from_millis(400);
            queue.wrote(bytes.len(), now);
        }
        assert!(queue.behind_since().is_some_and(|since| since > start + std::time::Duration::from_secs(1)));
    }

    #[test]
    fn what_is_too_long_is_refused_whole() {
        let mut queue = Queue::default();
        let long = vec![0; MAX_MESSAGE_BYTES + RELAY_BYTES + 1];
        assert_eq!(queue.push_bulk(Kind::Bulk, &long, Instant::now()), Err(SendError::TooLong(long.len())));
        assert!(queue.push_urgent(Kind::Urgent, &long).is_err());
        assert_eq!(queue.next(), Next::Idle);
    }

    #[test]
    fn urgent_frames_are_bounded_too() {
        let mut queue = Queue::default();
        while queue.push_urgent(Kind::Control, &[0; 1000]).is_ok() {}
        assert!(queue.urgent.len() <= URGENT_LIMIT_BYTES);
        assert_eq!(queue.push_urgent(Kind::Control, &[0; 1000]), Err(SendError::Full));
    }
}
