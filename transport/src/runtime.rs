//! Tasks, sleep and sockets: the only file that knows async-std.
//!
//! Everything else speaks the traits of `futures`, so that another runtime is a change to this file.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Once;
use std::time::{Duration, Instant};

use async_global_executor::GlobalExecutorConfig;
use async_std::net::ToSocketAddrs;
pub(crate) use async_std::net::{TcpListener, TcpStream};
use socket2::SockRef;
use tracing::debug;

use crate::peer::Address;

/// How much the kernel holds of a connection that it has not sent yet, in bytes. By itself it takes megabytes, which an
/// urgent frame could no longer overtake: on a slow line a long message would starve the pings.
const UNSENT_BYTES: u32 = 64 * 1024;

/// Starts the runtime with one thread, if the program has not started it otherwise. A mesh waits far more than it works:
/// more threads only hand its tasks to each other. `ASYNC_STD_THREAD_COUNT` overrides it.
fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let config = GlobalExecutorConfig::default().with_env_var("ASYNC_STD_THREAD_COUNT").with_min_threads(1);
        async_global_executor::init_with_config(config);
    });
}

/// Runs a future beside everything else until it ends.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    start();
    drop(async_std::task::spawn(future));
}

/// Runs a future on this thread until it ends.
///
/// The thread only waits: sockets and timers are the business of the runtime's own thread. (async-std's `block_on` takes
/// part in it, and then each of the two wakes the other for what it found.)
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    start();
    futures::executor::block_on(future)
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

/// Sets what every connection needs: the kernel neither holds small frames back nor takes in many long ones.
pub(crate) fn prepare(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let prepared = socket.set_tcp_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let prepared = prepared.and(socket.set_tcp_notsent_lowat(UNSENT_BYTES));
    if let Err(error) = prepared {
        debug!(%error, "a connection stays as it is by default");
    }
}
