//! One open share.

use super::Ask;
use crate::base::limits::READ_RANGES_MAX;
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
}

impl Reader {
    pub fn new(jobs: Jobs, share: Share) -> Self {
        Self { jobs, share: Arc::new(share) }
    }
}

impl Actor for Reader {
    type Context = Context<Self>;
}

impl Handler<Read> for Reader {
    type Result = ResponseFuture<Result<Bulk, RemoteError>>;

    fn handle(&mut self, ask: Read, _: &mut Self::Context) -> Self::Result {
        let (jobs, share) = (self.jobs.clone(), self.share.clone());
        Box::pin(async move {
            if ask.ranges.len() > READ_RANGES_MAX {
                return Err(RemoteError::BadArguments);
            }
            let bytes = jobs.ask(move || share.read(&ask.ranges)).await?;
            Ok(Bulk(bytes.into()))
        })
    }
}
