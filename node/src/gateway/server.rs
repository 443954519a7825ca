//! The sockets of the gateway: bytes from clients to the loop, and from their queues back.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Sender;
use futures::future::{Either, select};
use tracing::{debug, warn};
use transport::{PeerId, PlainListener, PlainStream, runtime};

use super::client::error;
use super::queue::{Drain, queue};
use super::{Input, other};

/// How many clients one peer serves. One more is told so, and to try another peer.
const MOST_CLIENTS: usize = 1_000;

/// How many that are one too many are told so at a time. Others are closed unheard.
const MOST_REFUSED: usize = 64;

/// How much of a client is read at once.
const READ: usize = 4 * 1024;

/// How long a client may take to read its last frames once its connection ends.
const PARTING: Duration = Duration::from_secs(5);

/// How long to wait when the operating system has no file descriptor left, rather than to try again at once.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Accepts clients until nobody takes what comes from them.
pub(crate) async fn serve(listener: PlainListener, inputs: Sender<Input>) {
    // Held by each connection, and so counts them.
    let (served, refused) = (Arc::new(()), Arc::new(()));
    loop {
        let (stream, from) = match select(pin!(listener.accept()), pin!(inputs.closed())).await {
            Either::Left((Ok(accepted), _)) => accepted,
            Either::Left((Err(error), _)) => {
                warn!(%error, "cannot accept a client");
                runtime::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
            Either::Right(_) => return,
        };
        if Arc::strong_count(&served) <= MOST_CLIENTS {
            let id = PeerId::random();
            debug!(client = %id, %from, "a client");
            let (inputs, counted) = (inputs.clone(), served.clone());
            runtime::spawn(async move {
                attend(id, from, stream, inputs).await;
                debug!(client = %id, "a client is gone");
                drop(counted);
            });
        } else {
            other(from, "").rejected(format_args!("this peer has {MOST_CLIENTS} clients already"));
            if Arc::strong_count(&refused) <= MOST_REFUSED {
                let counted = refused.clone();
                runtime::spawn(async move {
                    refuse(stream).await;
                    drop(counted);
                });
            }
        }
    }
}

/// One client, from its first byte to its last.
async fn attend(id: PeerId, from: SocketAddr, stream: PlainStream, inputs: Sender<Input>) {
    let (queue, drain) = queue();
    if inputs.send(Input::Arrived(id, from, queue)).await.is_err() {
        return;
    }
    let reading = read(id, &stream, &inputs, &drain);
    futures::join!(reading, write(&stream, &drain));
}

/// Hands on what a client sends, at the pace that is allowed.
async fn read(id: PeerId, stream: &PlainStream, inputs: &Sender<Input>, drain: &Drain) {
    let mut buffer = vec![0; READ];
    while let Some(at) = drain.next_read().await {
        if at > Instant::now() {
            runtime::sleep_until(at).await;
        }
        let read = match select(pin!(stream.read(&mut buffer)), pin!(drain.closed())).await {
            Either::Left((Ok(read), _)) if read > 0 => read,
            Either::Left(_) => {
                // Whoever takes no inputs any more needs no end.
                let _ = inputs.send(Input::Ended(id)).await;
                return;
            }
            Either::Right(_) => break,
        };
        if inputs.send(Input::Bytes(id, buffer[..read].to_vec())).await.is_err() {
            break;
        }
    }
    discard(stream, buffer).await;
}

/// Writes what waits until there is nothing more to come; then the client has a little time to read the last of it.
async fn write(stream: &PlainStream, drain: &Drain) {
    let writing = async {
        while let Some(batch) = drain.next().await {
            if let Err(error) = stream.write_all(&batch).await {
                debug!(%error, "a client's connection broke");
                stream.abort();
                break;
            }
        }
        stream.end();
    };
    let limit = async {
        drain.closed().await;
        runtime::sleep(PARTING).await;
    };
    if let Either::Right(_) = select(pin!(writing), pin!(limit)).await {
        stream.abort();
    }
}

/// Tells a client that there is no room.
async fn refuse(stream: PlainStream) {
    let full = error(&format!("this peer has {MOST_CLIENTS} clients already: connect to another"));
    if stream.write_all(&full).await.is_ok() {
        stream.end();
        discard(&stream, vec![0; READ]).await;
    }
}

/// Reads what nobody wants: a connection closed on unread bytes takes the last frames along.
async fn discard(stream: &PlainStream, mut buffer: Vec<u8>) {
    let reading = async { while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
    if runtime::timeout(PARTING, reading).await.is_none() {
        stream.abort();
    }
}
