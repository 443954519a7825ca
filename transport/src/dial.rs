//! Dialling: every address to join through, and every member heard of, until there is a link.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rand::RngExt;
use tracing::{debug, trace};

use crate::connections::OtherEnd;
use crate::control::Refusal;
use crate::event::{DialError, Event, Unreachable};
use crate::handshake;
use crate::peer::{Address, PeerId};
use crate::registry::Shared;
use crate::runtime::{self, TcpStream};

/// The first pause after a dial that failed: short enough to meet a peer that starts at the same moment.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause: the rate at which members that are gone, and addresses to join through, are tried for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is dialled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Target {
    /// An address at which some member is expected.
    Seed(Address),
    /// A member, at the address that the book has for it.
    Member(PeerId),
}

/// Pauses between dials: doubling, with jitter, up to a longest one.
#[derive(Clone, Copy, Debug)]
struct BackOff {
    next: Duration,
}

impl BackOff {
    const fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    /// The next pause: `share`, a number from 0 to 1, decides between half of it and all of it, so that peers that
    /// lost each other at the same moment don't dial in step.
    fn pause(&mut self, share: f64) -> Duration {
        let pause = self.next.mul_f64(0.5 + share / 2.0);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        pause
    }
}

/// Dials `target` until it is linked or no longer wanted. The first attempt comes after `delay`.
pub(crate) async fn keep_dialling(shared: Arc<Shared>, target: Target, delay: Duration) {
    let mut back_off = BackOff::new();
    runtime::sleep(delay).await;
    while let Some(address) = shared.wanted(&target) {
        match dial(&shared, &address).await {
            Ok(peer) => {
                note_answer(&shared, &target, &address, peer);
                break;
            }
            Err((error, by)) => {
                trace!(?target, %error, "dial failed");
                if let Some(by) = by {
                    note_answer(&shared, &target, &address, by);
                }
                shared.heed_owner().await;
                report(&shared, &target, &address, error);
            }
        }
        let pause = back_off.pause(rand::rng().random());
        runtime::sleep(pause).await;
    }
    shared.dialled(&target);
}

/// Why a dial failed, and which peer answered, if one did.
type Failure = (DialError, Option<PeerId>);

/// Dials every socket address behind `address` at once, and says whom it reached.
async fn dial(shared: &Arc<Shared>, address: &Address) -> Result<PeerId, Failure> {
    let limit = shared.timeout;
    let resolved = runtime::timeout(limit, runtime::resolve(address)).await;
    let addresses = match resolved {
        None => return Err((DialError::TimedOut, None)),
        Some(Err(error)) => return Err((DialError::Resolve(error.to_string()), None)),
        Some(Ok(addresses)) => addresses,
    };
    let attempts = addresses.into_iter().map(|address| async move {
        runtime::timeout(limit, attempt(shared, address)).await.unwrap_or(Err((DialError::TimedOut, None)))
    });
    let mut outcome = Err((DialError::Resolve("no address".into()), None));
    for attempt in join_all(attempts).await {
        outcome = match (outcome, attempt) {
            (Ok(peer), _) | (_, Ok(peer)) => Ok(peer),
            // Of two addresses the one where something answered tells more.
            (Err(failure), Err((DialError::NobodyThere, _))) if !matches!(failure.0, DialError::Resolve(_)) => {
                Err(failure)
            }
            (Err(_), Err(failure)) => Err(failure),
        };
    }
    outcome
}

/// One connection, from the dial to the link.
async fn attempt(shared: &Arc<Shared>, address: SocketAddr) -> Result<PeerId, Failure> {
    let stream = TcpStream::connect(address).await.map_err(|error| (connect_error(error), None))?;
    runtime::prepare(&stream);
    let acquainted = match handshake::introduce(stream, &shared.identity).await {
        Ok(acquainted) => acquainted,
        Err((DialError::Refused(Refusal::Duplicate), Some(by))) => return Ok(by),
        Err(failure) => {
            OtherEnd::peer(Some(address), "").rejected(&failure.0);
            return Err(failure);
        }
    };
    let peer = acquainted.peer.id;
    if let Err(acquainted) = shared.confirm(acquainted) {
        debug!(%peer, "another connection to this peer stays");
        handshake::refuse(acquainted.stream, &shared.identity, Refusal::Duplicate).await;
    }
    Ok(peer)
}

/// Somebody answered at the address where `target` is expected.
fn note_answer(shared: &Arc<Shared>, target: &Target, address: &Address, answered: PeerId) {
    match target {
        Target::Seed(_) => shared.seed_found(address, answered),
        Target::Member(expected) => shared.note_answer(*expected, address, answered),
    }
}

/// A failed dial tells more of a lost member, or is told to whoever wants to join.
fn report(shared: &Arc<Shared>, target: &Target, address: &Address, error: DialError) {
    match target {
        Target::Seed(_) => {
            if error == DialError::Refused(Refusal::Oneself) {
                shared.forget_seed(target);
            }
            shared.tell(Event::SeedFailed { address: address.clone(), error });
        }
        Target::Member(peer) if error == DialError::NobodyThere && shared.lost_by_its_end(*peer) => {
            shared.tell(Event::Unreachable { peer: *peer, reason: Unreachable::Gone });
        }
        Target::Member(_) => {}
    }
}

fn connect_error(error: io::Error) -> DialError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DialError::NobodyThere,
        io::ErrorKind::TimedOut => DialError::TimedOut,
        _ => DialError::Connect(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_50_ms_to_5_s_and_vary_by_half() {
        let (mut shortest, mut longest) = (BackOff::new(), BackOff::new());
        let pauses: Vec<_> = (0..10).map(|_| (shortest.pause(0.0), longest.pause(1.0))).collect();
        assert_eq!(pauses[0], (Duration::from_millis(25), Duration::from_millis(50)));
        assert_eq!(pauses[1].1, Duration::from_millis(100));
        assert_eq!(pauses[9], (LONGEST_PAUSE / 2, LONGEST_PAUSE));
    }
}
