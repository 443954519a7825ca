//! A thread that answers questions one by one, off the path of what is written.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use async_channel::Sender;
use futures::channel::oneshot;

use super::reader::ReadError;

/// How many questions may wait: far more than peers that catch up, and people, ask at once.
const MAX_WAITING: usize = 64;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The asking end. The thread ends when it is dropped, after what it is at.
pub(super) struct Worker<T> {
    jobs: SyncSender<Job<T>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts the thread, which owns what is asked. Once `ending` is set it answers nothing more; `open` is dropped when
    /// what is asked is closed.
    pub(super) fn start(name: &str, mut asked: T, ending: Arc<AtomicBool>, open: Sender<()>) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel::<Job<T>>(MAX_WAITING);
        let answer = move || {
            waiting.iter().take_while(|_| !ending.load(Ordering::Relaxed)).for_each(|job| job(&mut asked));
            drop(asked);
            drop(open);
        };
        thread::Builder::new().name(name.into()).spawn(answer)?;
        Ok(Self { jobs })
    }

    /// Asks. The question is in the queue once this returns, whether or not the answer is waited for.
    pub(super) fn ask<R, Q>(&self, question: Q) -> impl Future<Output = Result<R, ReadError>> + Send + use<T, R, Q>
    where
        R: Send + 'static,
        Q: FnOnce(&mut T) -> Result<R, ReadError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job<T> = Box::new(move |asked| {
            // Who asked may have gone: then nobody needs the answer.
            if !reply.is_canceled() {
                let _ = reply.send(question(asked));
            }
        });
        let taken = self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => ReadError::Busy,
            TrySendError::Disconnected(_) => ReadError::Ended,
        });
        async move {
            taken?;
            answer.await.map_err(|_| ReadError::Ended)?
        }
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}
