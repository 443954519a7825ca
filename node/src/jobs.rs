//! Programs' own requests, done while this member leads.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use transport::{PeerId, runtime};

use crate::api::{Fence, Job, ServeError};
use crate::group::{Done, Task};
use crate::node::Node;

/// How long one may take. Nobody waits for it for as long.
const LIMIT: Duration = Duration::from_secs(60);

/// What does a request.
#[derive(Clone)]
pub(crate) struct Handler(Arc<dyn Fn(Job) -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>);

/// What this member can do, and what it is doing.
#[derive(Default)]
pub(crate) struct Jobs {
    handlers: BTreeMap<String, Handler>,
    running: FuturesUnordered<BoxFuture<'static, (PeerId, u64, Done)>>,
}

impl Handler {
    pub(crate) fn new<A: Future<Output = Result<Bytes, String>> + Send + 'static>(
        does: impl Fn(Job) -> A + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |job| does(job).boxed()))
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

impl Jobs {
    /// Serves requests of a name from here on, instead of what did before.
    pub(crate) fn serve(&mut self, name: String, handler: Handler) -> Result<(), ServeError> {
        if self.handlers.len() >= Node::MAX_REQUEST_NAMES && !self.handlers.contains_key(&name) {
            return Err(ServeError::TooMany);
        }
        self.handlers.insert(name, handler);
        Ok(())
    }

    /// Begins to do what is wanted. It is given up when this is dropped.
    pub(crate) fn begin(&mut self, task: Task) {
        let Task { from, id, name, bytes, ballot } = task;
        let Some(handler) = self.handlers.get(&name).cloned() else {
            return self.running.push(async move { (from, id, Done::Unknown) }.boxed());
        };
        let job = Job { from, bytes, fence: Fence(ballot) };
        let (mut done, outcome) = oneshot::channel();
        runtime::spawn(async move {
            let doing = async { runtime::timeout(LIMIT, (handler.0)(job)).await };
            let ended = match select(pin!(doing), done.cancellation()).await {
                Either::Left((ended, _)) => ended,
                Either::Right(_) => return,
            };
            let _ = done.send(match ended {
                Some(Ok(bytes)) => Done::Answer(bytes),
                Some(Err(why)) => Done::Failed(why),
                None => Done::Failed(format!("it took longer than {} s", LIMIT.as_secs())),
            });
        });
        // One that panics never says anything.
        let outcome =
            async move { outcome.await.unwrap_or_else(|_| Done::Failed("it ended without an answer".into())) };
        self.running.push(async move { (from, id, outcome.await) }.boxed());
    }

    /// What has been done by now.
    pub(crate) fn ready(&mut self) -> Option<(PeerId, u64, Done)> {
        self.running.next().now_or_never().flatten()
    }

    /// Waits for what is done next; for ever if there is nothing.
    pub(crate) async fn next(&mut self) -> (PeerId, u64, Done) {
        match self.running.next().await {
            Some(done) => done,
            None => futures::future::pending().await,
        }
    }
}
