//! Tasks, sleep and sockets: the only file that knows async-std.
//!
//! Everything else speaks the traits of `futures`, so that another runtime is a change to this file.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_std::net::ToSocketAddrs;
pub(crate) use async_std::net::{TcpListener, TcpStream};

use crate::peer::Address;

/// Runs a future beside everything else until it ends.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    drop(async_std::task::spawn(future));
}

/// Runs a future on this thread until it ends.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    async_std::task::block_on(future)
}

/// Waits.
pub async fn sleep(duration: Duration) {
    async_std::task::sleep(duration).await;
}

/// Lets other tasks of this thread run.
pub async fn yield_now() {
    async_std::task::yield_now().await;
}

/// Waits for a moment; one that is past is waited for no longer than a turn of the scheduler.
pub async fn sleep_until(moment: Instant) {
    sleep(moment.saturating_duration_since(Instant::now())).await;
}

/// The outcome of `future`, or `None` if it takes longer than `limit`.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    async_std::future::timeout(limit, future).await.ok()
}

/// Every socket address that `address` stands for.
pub(crate) async fn resolve(address: &Address) -> io::Result<Vec<SocketAddr>> {
    Ok(address.as_str().to_socket_addrs().await?.collect())
}
