//! SIGINT and SIGTERM as a stream.

use std::io;

use async_signal::Signal;
use futures::StreamExt;
use futures::stream::{BoxStream, Fuse};

/// The requests to end that come from outside: SIGINT and SIGTERM.
pub(crate) struct Signals(Fuse<BoxStream<'static, ()>>);

impl Signals {
    /// Catches the signals from this moment on.
    ///
    /// # Errors
    ///
    /// The operating system refused.
    pub(crate) fn listen() -> io::Result<Self> {
        let caught = async_signal::Signals::new([Signal::Int, Signal::Term])?;
        let each = caught.filter_map(|signal| async move { signal.ok().map(|_| ()) });
        Ok(Self(each.boxed().fuse()))
    }

    /// Resolves at the next signal.
    pub(crate) async fn next(&mut self) {
        self.0.select_next_some().await;
    }

    /// The signals, for a `select!`.
    pub(crate) fn stream(&mut self) -> &mut Fuse<BoxStream<'static, ()>> {
        &mut self.0
    }
}
