//! One open share.

use super::Ask;
use crate::base::limits::READ_RANGES_MAX;
use crate::base::pool::Pool;
use crate::disk::jobs::Jobs;
use crate::storage::Share;
use crate::storage::api::Read;
use crate::tub::{Bulk, RemoteError};
use actix::{Actor, Context, Handler, ResponseFuture};
use std::sync::Arc;

/// Answers reads until its last reference is dropped.
pub(super) struct Reader {
    jobs: Jobs,
    share: Arc<Share>,
    pool: Pool,
}

impl Reader {
    /// `pool` is that of the server: a peer may hold thousands of readers.
    pub fn new(jobs: Jobs, pool: Pool, share: Share) -> Self {
        Self { jobs, share: Arc::new(share), pool }
    }
}

impl Actor for Reader {
    type Context = Context<Self>;
}

impl Handler<Read> for Reader {
    type Result = ResponseFuture<Result<Bulk, RemoteError>>;

    fn handle(&mut self, ask: Read, _: &mut Self::Context) -> Self::Result {
        let (jobs, share, pool) = (self.jobs.clone(), self.share.clone(), self.pool.clone());
        Box::pin(async move {
            if ask.ranges.len() > READ_RANGES_MAX {
                return Err(RemoteError::BadArguments);
            }
            let read = move || Ok(pool.freeze(share.read_into(&ask.ranges, |len| pool.take(len))?));
            Ok(Bulk(jobs.ask(read).await?))
        })
    }
}
