//! One pass over the source: every batch to every server at once, then trailers, then close.

use super::encode::{Encoding, Made};
use super::hold::Hold;
use super::sinks::{Outcome, Sinks};
use super::sites::{Sites, Trouble};
use super::survey::{Late, Wanted};
use super::{Upload, UploadError};
use crate::base::ShareNum;
use crate::base::hash::Hash;
use crate::codec::encode::{Batch, Plan, Run};
use crate::grid::progress::Stage;
use crate::grid::standing::Duty;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// Shares of at most this many bytes are stored in one step each.
const WHOLE_SHARE_MAX: u64 = 64 << 10;

/// One pass on its way.
pub struct Sending<'a> {
    pub upload: &'a Upload,
    pub wanted: &'a Wanted,
    pub sites: &'a mut Sites,
    pub late: &'a mut Late,
    pub sinks: Sinks,
    /// What an earlier pass over the same source came to.
    pub expected: Option<Hash>,
}

impl Sending<'_> {
    /// Sends all that `encoding` makes; answers the hash of the file's UEB. Shares that are lost on the
    /// way are noted at their sites; an error means that everything not closed yet was aborted.
    pub async fn run(mut self, encoding: Encoding) -> Result<Hash, UploadError> {
        let sent = self.send(encoding).await;
        if sent.is_err() {
            self.sinks.abort();
        }
        sent
    }

    async fn send(&mut self, mut encoding: Encoding) -> Result<Hash, UploadError> {
        let finished = loop {
            tokio::select! {
                biased;
                outcome = self.next_outcome(), if !self.sinks.is_empty() => {
                    self.note(outcome)?;
                }
                made = encoding.next() => match made? {
                    Made::Batch(batch, hold) => self.send_batch(&batch, &hold),
                    Made::Finished(finished) => break finished,
                },
            }
        };
        if self.expected.is_some_and(|expected| expected != finished.ueb_hash()) {
            return Err(UploadError::Changed);
        }
        self.sinks.write(None, |share| Some((finished.trailer_offset(), finished.trailer(share)?)));
        self.sinks.close();
        self.upload.meter.at(Stage::Closing, self.upload.plan.geometry().size());
        while !self.sinks.is_empty() {
            let outcome = self.next_outcome().await;
            self.note(outcome)?;
        }
        Ok(finished.ueb_hash())
    }

    async fn next_outcome(&mut self) -> Outcome {
        let (sites, happy) = (&*self.sites, usize::from(self.upload.happy));
        let suffice = |more: &[(usize, ShareNum)]| sites.certain_with(more) >= happy;
        self.sinks.next(suffice).await
    }

    fn send_batch(&mut self, batch: &Batch, hold: &Arc<Hold>) {
        self.sinks.write(Some(hold), |share| Some((batch.offset, run_of(batch, share)?)));
    }

    /// Notes what became of a share.
    fn note(&mut self, outcome: Outcome) -> Result<(), UploadError> {
        let (site, share, trouble) = match outcome {
            Outcome::Closed { site, share } => (site, share, None),
            Outcome::Lost { site, share, trouble } => (site, share, Some(trouble)),
        };
        let Some(site) = self.sites.get_mut(site) else { return Ok(()) };
        site.writing.remove(&share);
        let Some(trouble) = trouble else {
            site.held.insert(share);
            site.server.standing.note_prompt(Duty::Store);
            return Ok(());
        };
        tracing::info!(server = %site.server, %share, ?trouble, "a share was lost on its way");
        if trouble == Trouble::Silent {
            site.server.standing.note_late(Duty::Store);
        }
        site.give_up_writing(trouble);
        self.late.come(self.sites, self.wanted);
        self.upload.still_possible(self.sites)
    }
}

fn run_of(batch: &Batch, share: ShareNum) -> Option<Run> {
    batch.shares.get(usize::from(share.0)).cloned()
}

/// All shares of a small file, each in one piece.
pub struct Whole {
    pub ueb_hash: Hash,
    /// By number.
    pub shares: Vec<Bytes>,
    _holds: Vec<Arc<Hold>>,
}

impl Whole {
    /// Whether shares are so small that a server can store each in one step.
    pub fn fits(plan: &Plan) -> bool {
        plan.share_len() <= WHOLE_SHARE_MAX && plan.batch_len(0) == plan.geometry().size()
    }

    /// Waits for all that `encoding` makes.
    pub async fn made(mut encoding: Encoding, total: usize) -> Result<Self, UploadError> {
        let mut shares = vec![BytesMut::new(); total];
        let mut holds = Vec::new();
        let finished = loop {
            match encoding.next().await? {
                Made::Batch(batch, hold) => {
                    for (share, run) in shares.iter_mut().zip(&batch.shares) {
                        run.iter().for_each(|piece| share.extend_from_slice(piece));
                    }
                    holds.push(hold);
                }
                Made::Finished(finished) => break finished,
            }
        };
        for (num, share) in (0..=u8::MAX).map(ShareNum).zip(&mut shares) {
            share.extend_from_slice(&finished.trailer(num).unwrap_or_default().concat());
        }
        let shares = shares.into_iter().map(BytesMut::freeze).collect();
        Ok(Self { ueb_hash: finished.ueb_hash(), shares, _holds: holds })
    }
}
