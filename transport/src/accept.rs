//! Accepting: whoever connects has a few seconds to say hello.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use crate::connections::OtherEnd;
use crate::control::Refusal;
use crate::event::DialError;
use crate::handshake;
use crate::registry::Shared;
use crate::runtime::{self, TcpListener, TcpStream};

/// How long a connection may be silent before its hello.
pub(crate) const HELLO_LIMIT: Duration = Duration::from_secs(5);

/// How many connections may be without a hello. One more closes the oldest: strangers cannot keep members out.
pub(crate) const SILENT_LIMIT: usize = 64;

/// How many connections may be on their way to a link or to a refusal, with a hello or without: as many as a large group
/// that joins at once. One more is closed unheard, and dials again.
const WELCOME_LIMIT: usize = 1024;

/// How long to wait when the operating system has no file descriptor left, rather than to try again at once.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the mesh is closed.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    // Held by every welcome that is under way, and so counts them.
    let welcoming = Arc::new(());
    loop {
        let accepted = futures::future::select(Box::pin(listener.accept()), shared.closing()).await;
        match accepted {
            futures::future::Either::Left((Ok((stream, from)), _)) => {
                if Arc::strong_count(&welcoming) > WELCOME_LIMIT {
                    debug!(%from, "too many connections at once: this one is closed");
                    continue;
                }
                debug!(%from, "connection");
                runtime::prepare(&stream);
                let token = shared.silent_arrived(stream.clone());
                let (shared, counted) = (shared.clone(), welcoming.clone());
                runtime::spawn(async move {
                    welcome(shared, stream, from, token).await;
                    drop(counted);
                });
            }
            futures::future::Either::Left((Err(error), _)) => {
                warn!(%error, "cannot accept a connection");
                runtime::sleep(EXHAUSTED_PAUSE).await;
            }
            futures::future::Either::Right(_) => return,
        }
    }
}

/// One accepted connection, from its hello to the link.
async fn welcome(shared: Arc<Shared>, stream: TcpStream, from: SocketAddr, token: u64) {
    let other = |name| OtherEnd::peer(Some(from), name);
    let hello = runtime::timeout(HELLO_LIMIT, handshake::read_hello(stream, &shared.identity)).await;
    shared.silent_gone(token);
    let acquainted = match hello.unwrap_or(Err((DialError::TimedOut, None))) {
        Ok(acquainted) => acquainted,
        Err((error, name)) => {
            debug!(%error, "connection without a usable hello");
            other(name.as_deref().unwrap_or_default()).rejected(clause(&error));
            return;
        }
    };
    let (peer, name) = (acquainted.peer.id, acquainted.peer.name.clone());
    if let Err(refusal) = shared.accepts(&acquainted.peer, token) {
        debug!(%peer, %refusal, "refused");
        other(&name).rejected(&refusal);
        let refused = handshake::refuse(acquainted.stream, &shared.identity, refusal);
        runtime::timeout(shared.timeout, refused).await;
        return;
    }
    let consent = runtime::timeout(shared.timeout, handshake::consent(acquainted, &shared.identity)).await;
    match consent.unwrap_or(Err(DialError::TimedOut)) {
        Ok(acquainted) => shared.confirmed(acquainted, token),
        Err(error) => {
            shared.consent_over(peer, token);
            debug!(%peer, %error, "the dialler decided otherwise");
            other(&name).closed(clause(&error));
        }
    }
}

/// Why there is no link, as seen by who was dialled.
fn clause(error: &DialError) -> String {
    match error {
        DialError::TimedOut => "it said nothing in time".into(),
        DialError::NoPeer(what) => what.clone(),
        DialError::Refused(Refusal::Group { .. }) => "it is of another group".into(),
        DialError::Refused(Refusal::Version { .. }) => "it speaks another version of the protocol".into(),
        DialError::Refused(Refusal::Malformed) => "its hello makes no sense".into(),
        DialError::Refused(refusal) => refusal.to_string(),
        other => other.to_string(),
    }
}
