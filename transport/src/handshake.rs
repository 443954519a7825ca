//! Who are you, which group, which version, which run: the exchange before a connection is a link.

use std::io;

use futures::{AsyncReadExt, AsyncWriteExt};

use crate::codec::{self, HEADER_BYTES, Kind, first_frame, push_frame};
use crate::control::{Control, Hello, MAGIC, PROTOCOL_VERSION, Refusal, Refused};
use crate::event::DialError;
use crate::peer::{PeerId, PeerInfo};
use crate::runtime::TcpStream;

/// The longest frame that is read from a stranger, in bytes: a hello with the longest name, address and group.
const LONGEST_HELLO: usize = 1024;

/// The longest name that a hello may carry, in bytes. What a name may be is decided by the layers above.
const LONGEST_NAME: usize = 256;

/// A connection whose two ends know each other, and what was read of it beyond that.
#[derive(Debug)]
pub(crate) struct Acquainted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: PeerInfo,
}

/// What each end says of itself, and what it expects of the other.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) group: String,
    pub(crate) me: PeerInfo,
}

impl Identity {
    fn hello(&self) -> Control {
        Control::Hello(Hello {
            magic: MAGIC,
            version: PROTOCOL_VERSION,
            group: self.group.clone(),
            peer: self.me.clone(),
        })
    }

    fn refused(&self, reason: Refusal) -> Control {
        Control::Refused(Refused { by: self.me.id, reason })
    }

    /// Judges the other end's hello.
    fn judge(&self, hello: &Hello) -> Result<(), Refusal> {
        if hello.group != self.group {
            return Err(Refusal::Group { ours: self.group.clone() });
        }
        if hello.peer.id == self.me.id {
            return Err(Refusal::Oneself);
        }
        if hello.peer.name.len() > LONGEST_NAME {
            return Err(Refusal::Malformed);
        }
        Ok(())
    }
}

/// The acceptor's first step: reads the hello of whoever connected.
///
/// # Errors
///
/// Something else than one of us, or a peer that was refused; it has been told. What it called itself, if it got so far.
pub(crate) async fn read_hello(
    mut stream: TcpStream,
    identity: &Identity,
) -> Result<Acquainted, (DialError, Option<String>)> {
    let body = read_control(&mut stream).await.map_err(|error| (error, None))?;
    let (judged, name) = match version_of(&body) {
        None => return Err((DialError::NoPeer("no hello".into()), None)),
        Some(PROTOCOL_VERSION) => match codec::decode(&body) {
            Ok(Control::Hello(hello)) => match identity.judge(&hello) {
                Ok(()) => return Ok(Acquainted { stream, peer: hello.peer }),
                Err(refusal) => (refusal, Some(hello.peer.name)),
            },
            _ => (Refusal::Malformed, None),
        },
        Some(_) => (Refusal::Version { ours: PROTOCOL_VERSION }, None),
    };
    refuse(stream, identity, judged.clone()).await;
    Err((DialError::Refused(judged), name))
}

/// The acceptor's second step: consents, and waits for the dialler's decision.
///
/// # Errors
///
/// The dialler decided for another connection, or broke off.
pub(crate) async fn consent(mut acquainted: Acquainted, identity: &Identity) -> Result<Acquainted, DialError> {
    write_control(&mut acquainted.stream, &identity.hello()).await?;
    let body = read_control(&mut acquainted.stream).await?;
    match codec::decode(&body) {
        Ok(Control::Up) => Ok(acquainted),
        Ok(Control::Refused(refused)) => Err(DialError::Refused(refused.reason)),
        _ => Err(DialError::NoPeer("a hello without a decision".into())),
    }
}

/// Tells the other end why it is not linked, and closes the connection once it has had the chance to read that.
pub(crate) async fn refuse(mut stream: TcpStream, identity: &Identity, reason: Refusal) {
    if write_control(&mut stream, &identity.refused(reason)).await.is_ok() {
        close_politely(stream).await;
    }
}

/// The dialler's first step: says hello, and reads the acceptor's.
///
/// # Errors
///
/// The acceptor refused, was refused, is no peer, or broke off.
pub(crate) async fn introduce(
    mut stream: TcpStream,
    identity: &Identity,
) -> Result<Acquainted, (DialError, Option<PeerId>)> {
    let anonymous = |error| (error, None);
    write_control(&mut stream, &identity.hello()).await.map_err(anonymous)?;
    let body = read_control(&mut stream).await.map_err(anonymous)?;
    match codec::decode(&body) {
        Ok(Control::Hello(hello)) if hello.magic == MAGIC && hello.version == PROTOCOL_VERSION => {
            let by = hello.peer.id;
            match identity.judge(&hello) {
                Ok(()) => Ok(Acquainted { stream, peer: hello.peer }),
                Err(refusal) => {
                    refuse(stream, identity, refusal.clone()).await;
                    Err((DialError::Refused(refusal), Some(by)))
                }
            }
        }
        Ok(Control::Refused(refused)) => Err((DialError::Refused(refused.reason), Some(refused.by))),
        _ => Err(anonymous(DialError::NoPeer("no hello".into()))),
    }
}

/// The version in a hello, if the bytes begin like one. In every version it stands behind the magic.
fn version_of(body: &[u8]) -> Option<u16> {
    let after_tag = body.strip_prefix(&[0, 0, 0, 0])?;
    let (version, _) = after_tag.strip_prefix(&MAGIC)?.split_first_chunk::<2>()?;
    Some(u16::from_be_bytes(*version))
}

async fn write_control(stream: &mut TcpStream, message: &Control) -> Result<(), DialError> {
    let mut frame = Vec::new();
    push_frame(&mut frame, Kind::Control, &[&message.to_bytes()]);
    stream.write_all(&frame).await.map_err(broken)
}

/// Reads exactly one control frame, and nothing beyond it.
async fn read_control(stream: &mut TcpStream) -> Result<Vec<u8>, DialError> {
    let mut frame = vec![0; HEADER_BYTES];
    stream.read_exact(&mut frame).await.map_err(broken)?;
    let length = frame.first_chunk::<4>().map_or(0, |prefix| u32::from_be_bytes(*prefix)) as usize;
    if length == 0 || length > LONGEST_HELLO {
        return Err(DialError::NoPeer(format!("a first frame of {length} bytes")));
    }
    frame.resize(HEADER_BYTES + length - 1, 0);
    stream.read_exact(&mut frame[HEADER_BYTES..]).await.map_err(broken)?;
    match first_frame(&frame) {
        Ok(Some(first)) if first.kind == Kind::Control => Ok(first.body.to_vec()),
        _ => Err(DialError::NoPeer("no control frame".into())),
    }
}

/// Ends one's own side and reads until the other has ended its own. A close with bytes unread would reset the
/// connection and could destroy what was sent last, before the other end has read it.
async fn close_politely(mut stream: TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut rest = [0; 256];
    let mut budget = LONGEST_HELLO;
    while let Ok(read @ 1..) = stream.read(&mut rest).await {
        budget = budget.saturating_sub(read);
        if budget == 0 {
            break;
        }
    }
}

fn broken(error: io::Error) -> DialError {
    DialError::NoPeer(match error.kind() {
        io::ErrorKind::UnexpectedEof => "it hung up".into(),
        _ => error.to_string(),
    })
}
