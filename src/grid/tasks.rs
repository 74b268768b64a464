//! Tasks that end when their owner does.

use std::future::Future;
use std::pin::Pin;
use tokio::task::JoinHandle;

/// A task of its own; dropping this cuts it off.
#[derive(Debug)]
pub struct Task<T = ()>(JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    pub fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        // Boxed: one kind of task for each outcome, not one for each piece of work.
        let work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work);
        Self(tokio::spawn(work))
    }

    /// What the task came to; `None` if it panicked or the runtime is going down.
    pub async fn outcome(&mut self) -> Option<T> {
        (&mut self.0).await.ok()
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
