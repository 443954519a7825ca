//! What comes over one link, taken apart.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::AsyncReadExt;
use tracing::{trace, warn};

use crate::codec::{self, Frame, HEADER_BYTES, Kind, MAX_MESSAGE_BYTES, PIECE_BYTES, first_frame};
use crate::control::{Control, Farewell};
use crate::error::DecodeError;
use crate::event::Unreachable;
use crate::link::Link;
use crate::mesh::Class;
use crate::overlay::Message;
use crate::relay::RELAY_BYTES;
use crate::runtime;

/// How much is read at once, in bytes. At least one frame must fit; twice as much makes a flood no faster, and every read that
/// waits to be handled takes that much memory.
const READ_BYTES: usize = 24 * 1024;
const _: () = assert!(READ_BYTES > PIECE_BYTES + HEADER_BYTES);

/// After how many reads in which there were no frames others have their turn. Frames wait for room; control messages do not, and a peer that sends
/// nothing else would keep the only thread to itself.
const UNHELD: u32 = 16;

/// What came.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Messages for the layers above. They share one copy of what was read.
    Frames(Vec<Bytes>),
    /// A message behind a header, of its class: for this peer, or to be passed on.
    Relayed(Class, Bytes),
    /// Who is linked to whom.
    Links(Message),
    /// A ping, with the hash of the other end's table.
    Hash(u64),
    /// The other end says goodbye, with the version of its last link state. Nothing follows.
    Farewell(Farewell, u64),
    /// The link has ended.
    Ended(Unreachable),
}

/// The receiving side of a link.
#[derive(Debug)]
pub(crate) struct Reader {
    link: Arc<Link>,
    buffer: Vec<u8>,
    /// What has been read and not taken apart lies from one to the other.
    taken: usize,
    filled: usize,
    /// The pieces so far of a long message.
    message: Vec<u8>,
    /// What came behind what was given last.
    behind: Option<Heard>,
    /// How many reads gave nothing that anybody has to make room for.
    unheld: u32,
}

/// What was taken from the buffer at once.
#[derive(Default)]
struct Taken {
    frames: Vec<Bytes>,
    /// What came behind them.
    then: Option<Heard>,
}

impl Reader {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link, buffer: vec![0; READ_BYTES], taken: 0, filled: 0, message: Vec::new(), behind: None, unheld: 0 }
    }

    /// What comes next, in order. After [`Heard::Ended`] nothing does.
    pub(crate) async fn next(&mut self) -> Heard {
        if let Some(heard) = self.behind.take() {
            return heard;
        }
        loop {
            if let Some(reason) = self.link.ended() {
                return Heard::Ended(reason);
            }
            match self.take() {
                Ok(Taken { frames, then }) if !frames.is_empty() => {
                    self.unheld = 0;
                    self.behind = then;
                    return Heard::Frames(frames);
                }
                Ok(Taken { then: Some(heard), .. }) => return heard,
                Ok(_) => self.read().await,
                Err(error) => {
                    warn!(peer = %self.link.peer.id, %error, "malformed frame");
                    self.link.end(Unreachable::Malformed);
                }
            }
        }
    }

    async fn read(&mut self) {
        self.unheld += 1;
        if self.unheld >= UNHELD {
            self.unheld = 0;
            runtime::yield_now().await;
        }
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        match { self.link.stream() }.read(&mut self.buffer[self.filled..]).await {
            Ok(read @ 1..) => self.filled += read,
            Ok(0) | Err(_) => self.link.end(Unreachable::Ended),
        }
    }

    /// The whole frames at the front of what was read, up to one that is not for the layers above.
    fn take(&mut self) -> Result<Taken, DecodeError> {
        let buffer = &self.buffer[self.taken..self.filled];
        let mut shared: Option<Bytes> = None;
        let mut taken = Taken::default();
        let mut at = 0;
        while let Some(Frame { kind, body }) = first_frame(&buffer[at..])? {
            let start = at + HEADER_BYTES;
            at = start + body.len();
            let whole = || Bytes::copy_from_slice(body);
            taken.then = match kind {
                Kind::Control => self.link.handle_control(codec::decode(body)?),
                Kind::Part => {
                    extend(&mut self.message, body)?;
                    None
                }
                Kind::Bulk if self.message.is_empty() => {
                    let shared = shared.get_or_insert_with(|| Bytes::copy_from_slice(buffer));
                    taken.frames.push(shared.slice(start..at));
                    None
                }
                Kind::Urgent => {
                    let shared = shared.get_or_insert_with(|| Bytes::copy_from_slice(buffer));
                    taken.frames.push(shared.slice(start..at));
                    None
                }
                Kind::Bulk => {
                    extend(&mut self.message, body)?;
                    if self.message.len() > MAX_MESSAGE_BYTES {
                        return Err(DecodeError::MessageLength(MAX_MESSAGE_BYTES));
                    }
                    taken.frames.push(std::mem::take(&mut self.message).into());
                    None
                }
                Kind::RelayedUrgent => Some(Heard::Relayed(Class::Urgent, whole())),
                Kind::RelayedBulk => {
                    extend(&mut self.message, body)?;
                    Some(Heard::Relayed(Class::Bulk, std::mem::take(&mut self.message).into()))
                }
                Kind::Links => {
                    extend(&mut self.message, body)?;
                    Some(Heard::Links(codec::decode(&std::mem::take(&mut self.message))?))
                }
            };
            if taken.then.is_some() {
                break;
            }
        }
        self.taken += at;
        Ok(taken)
    }
}

impl Link {
    /// Heeds a control message; what others must heed as well is handed on.
    fn handle_control(&self, control: Control) -> Option<Heard> {
        trace!(peer = %self.peer.id, ?control, "received");
        match control {
            Control::Ping(ping) => {
                self.handle_ping(ping, Instant::now());
                return Some(Heard::Hash(ping.table));
            }
            Control::Bye { farewell, version } => return Some(Heard::Farewell(farewell, version)),
            Control::Links(message) => return Some(Heard::Links(message)),
            Control::Refused(_) => self.end(Unreachable::Ended),
            Control::Hello(_) | Control::Up => self.end(Unreachable::Malformed),
        }
        None
    }
}

fn extend(message: &mut Vec<u8>, piece: &[u8]) -> Result<(), DecodeError> {
    if message.len() + piece.len() > MAX_MESSAGE_BYTES + RELAY_BYTES {
        return Err(DecodeError::MessageLength(MAX_MESSAGE_BYTES));
    }
    message.extend_from_slice(piece);
    Ok(())
}
