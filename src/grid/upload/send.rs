//! One pass over the source: every batch to every server at once, then trailers, then close.

use super::encode::{Encoding, Made};
use super::hold::Hold;
use super::sinks::{Outcome, Sinks};
use super::sites::Sites;
use super::{Upload, UploadError};
use crate::base::ShareNum;
use crate::base::hash::Hash;
use crate::codec::encode::{Batch, Finished};
use crate::grid::progress::Stage;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// Shares of at most this many bytes go out as one write.
const WHOLE_SHARE_MAX: u64 = 64 << 10;

/// One pass on its way.
pub struct Sending<'a> {
    pub upload: &'a Upload,
    pub sites: &'a mut Sites,
    pub sinks: Sinks,
}

/// What a pass came to.
pub struct Sent {
    pub ueb_hash: Hash,
    /// Shares stored.
    pub shares: usize,
}

impl Sending<'_> {
    /// Sends all that `encoding` makes. Shares that are lost on the way are noted at their sites; an
    /// error means that everything not closed yet was aborted.
    pub async fn run(mut self, encoding: Encoding) -> Result<Sent, UploadError> {
        let sent = self.send(encoding).await;
        if sent.is_err() {
            self.sinks.abort();
        }
        sent
    }

    async fn send(&mut self, mut encoding: Encoding) -> Result<Sent, UploadError> {
        let mut only_batch = None;
        let mut shares = 0;
        let finished = loop {
            tokio::select! {
                made = encoding.next() => match made? {
                    Made::Batch(batch, hold) if self.is_small() => only_batch = Some((batch, hold)),
                    Made::Batch(batch, hold) => self.send_batch(&batch, &hold),
                    Made::Finished(finished) => break finished,
                },
                outcome = self.sinks.next(), if !self.sinks.is_empty() => {
                    shares += self.note(outcome)?;
                }
            }
        };
        match only_batch {
            Some((batch, hold)) => self.send_whole(&batch, &finished, &hold),
            None => self
                .sinks
                .write(None, |share| Some((finished.trailer_offset(), finished.trailer(share)?))),
        }
        self.sinks.close();
        self.upload.meter.at(Stage::Closing, self.upload.plan.geometry().size());
        while !self.sinks.is_empty() {
            let outcome = self.sinks.next().await;
            shares += self.note(outcome)?;
        }
        Ok(Sent { ueb_hash: finished.ueb_hash(), shares })
    }

    /// Whether each share is a single write.
    fn is_small(&self) -> bool {
        let plan = &self.upload.plan;
        plan.share_len() <= WHOLE_SHARE_MAX && plan.batch_len(0) == plan.geometry().size()
    }

    fn send_batch(&mut self, batch: &Batch, hold: &Arc<Hold>) {
        self.sinks.write(Some(hold), |share| Some((batch.offset, run_of(batch, share)?)));
    }

    fn send_whole(&mut self, batch: &Batch, finished: &Finished, hold: &Arc<Hold>) {
        self.sinks.write(Some(hold), |share| {
            let trailer = finished.trailer(share)?;
            let mut whole = BytesMut::from(run_of(batch, share)?);
            whole.extend_from_slice(&trailer);
            Some((batch.offset, whole.freeze()))
        });
    }

    /// Notes what became of a share; answers how many were stored by it.
    fn note(&mut self, outcome: Outcome) -> Result<usize, UploadError> {
        let (site, share, trouble) = match outcome {
            Outcome::Closed { site, share } => (site, share, None),
            Outcome::Lost { site, share, trouble } => (site, share, Some(trouble)),
        };
        let Some(site) = self.sites.get_mut(site) else { return Ok(0) };
        site.writing.remove(&share);
        let Some(trouble) = trouble else {
            site.held.insert(share);
            return Ok(1);
        };
        tracing::info!(server = %site.server, %share, ?trouble, "a share was lost on its way");
        site.give_up_writing(trouble);
        self.upload.happy_enough(self.sites, self.sites.hoped_for())?;
        Ok(0)
    }
}

fn run_of(batch: &Batch, share: ShareNum) -> Option<Bytes> {
    batch.shares.get(usize::from(share.0)).cloned()
}
