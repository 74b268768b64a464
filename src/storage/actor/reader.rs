//! One open share. Reads change nothing and need no order, so it is an object without an actor: there
//! are many of them, most of which are never asked anything.

use super::Ask;
use crate::base::limits::READ_RANGES_MAX;
use crate::base::pool::Pool;
use crate::disk::jobs::Jobs;
use crate::storage::api::{BucketReader, Read};
use crate::storage::{StoredShare, read_into};
use crate::tub::{AnyMessage, Bulk, Call, Delivery, Object, Ref, RemoteError, failed};
use std::sync::Arc;

/// Answers reads until its last reference is dropped.
pub(super) struct Reader {
    jobs: Jobs,
    share: Arc<dyn StoredShare>,
    pool: Arc<Pool>,
}

impl Reader {
    /// `pool` is that of all readers: a peer may hold thousands of them.
    pub fn of(jobs: Jobs, pool: Arc<Pool>, share: Box<dyn StoredShare>) -> Ref<BucketReader> {
        Ref::local(Self { jobs, share: share.into(), pool })
    }
}

impl Object for Reader {
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        let Some(Read { ranges }) = read_of(method, message) else {
            return failed(RemoteError::BadArguments);
        };
        let (jobs, share, pool) = (self.jobs.clone(), self.share.clone(), self.pool.clone());
        Box::pin(async move {
            let read = move || Ok(pool.freeze(read_into(&*share, &ranges, |len| pool.take(len))?));
            Ok(Box::new(Bulk(jobs.ask(read).await?)) as AnyMessage)
        })
    }
}

/// The message, if it is a read within limits.
fn read_of(method: u16, message: AnyMessage) -> Option<Read> {
    let is_read = method == <Read as Call<BucketReader>>::METHOD;
    let read = is_read.then(|| message.downcast::<Read>().ok())??;
    (read.ranges.len() <= READ_RANGES_MAX).then_some(*read)
}
