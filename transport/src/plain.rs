//! Connections of those that are no peers and speak a protocol of their own: bytes in, bytes out.
//!
//! A program beside the mesh listens with a [`PlainListener`] on the same runtime; what the bytes mean is its own business.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use socket2::{SockRef, TcpKeepalive};
use tracing::debug;

use crate::error::ListenError;
use crate::mesh::bind;
use crate::runtime::{self, TcpListener, TcpStream};

/// How long a connection may be silent before its other end's machine is asked whether it is still there; how long between such
/// questions, and how many of them may stay unanswered. One whose machine is gone is found after a minute and a half.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(10), 3);

/// How long what was sent may stay unacknowledged: a machine that is gone is not asked anything while there is something on its way
/// to it. Systems without the option try for as long as they like.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(90);

/// Accepts connections on one port.
#[derive(Debug)]
pub struct PlainListener {
    listener: TcpListener,
    local: SocketAddr,
}

impl PlainListener {
    /// Listens; port 0 takes any free one.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let cannot = |source| ListenError::Bind { address, source };
        let listener = bind(address).map_err(cannot)?;
        let local = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, local })
    }

    /// Where it listens.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// The operating system has no room for it: wait a little before trying again.
    pub async fn accept(&self) -> io::Result<(PlainStream, SocketAddr)> {
        let (stream, from) = self.listener.accept().await?;
        runtime::prepare(&stream);
        if let Err(error) = doubt_silence(SockRef::from(&stream)) {
            debug!(%error, "a connection is not asked whether it lives");
        }
        Ok((PlainStream(stream), from))
    }
}

/// Has the operating system find out that a connection's other end is gone.
fn doubt_silence(socket: SockRef<'_>) -> io::Result<()> {
    let (time, interval, retries) = KEEPALIVE;
    let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(retries);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}

/// A connection. Clones are the same one; it is closed when the last is dropped.
#[derive(Clone, Debug)]
pub struct PlainStream(TcpStream);

impl PlainStream {
    /// Reads what there is, at most as much as fits: how much; 0 at the end.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer).await
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// The connection is broken; some of it may have been written.
    pub async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes).await
    }

    /// Says that nothing more will be written.
    pub fn end(&self) {
        // Whoever is gone needs not be told.
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// Ends it both ways: whoever reads or writes here is done.
    pub fn abort(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_dead_machine_is_found_whether_something_is_said_to_it_or_not() {
        runtime::block_on(async {
            let listener = PlainListener::bind(([127, 0, 0, 1], 0).into()).unwrap();
            let _client = std::net::TcpStream::connect(listener.local()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let socket = SockRef::from(&stream.0);
            assert!(socket.keepalive().unwrap() && socket.tcp_keepalive_time().unwrap() == KEEPALIVE.0);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
        });
    }
}
