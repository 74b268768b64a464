//! Downloads: any byte range of a file from any k of its shares.
//!
//! Promises: what is returned is what the cap names, or there is an error; every segment is checked
//! before it is given out, and of one that is wrong every block. Servers that lie, fail, hang or are slow cost time, not correctness: another
//! share is read instead, and a server is told of each share of its that is corrupt. Memory is
//! bounded by a few batches; nothing is read ahead beyond that while the reader pauses.
//!
//! ```text
//! find (servers along the ring) → book of shares → gather k of them → verify, decode, decrypt
//! ```
//! Where something else stands under the file's storage index, its shares are kept under another one
//! that anybody can tell who can check them. It is looked at when the first does not give enough.

mod ahead;
mod book;
mod error;
mod find;
mod gather;
mod lines;
mod read;
mod share;
mod shown;
pub mod trace;

pub use error::DownloadError;
pub(super) use find::shares_at;
pub use read::{FileReader, ReadStream};
pub(super) use share::{Fault, Found, fetch};
pub(super) use shown::shows_a_share;
pub use trace::Trace;

use super::compute::Compute;
use super::standing::Duty;
use super::timeouts::Timeouts;
use crate::base::file::{FileFacts, FileKey};
use crate::base::lock::locked;
use crate::base::pool::Pool;
use crate::codec::SegmentNum;
use crate::codec::decode::{self, FileTree, Run, ShareError, Unreadable};
use crate::codec::encode::Plan;
use crate::storage::api::AdviseCorrupt;
use crate::tub::RemoteError;
use book::Book;
use bytes::Bytes;
use futures_util::future::FutureExt;
use gather::{Awaited, Gathering, Question};
use share::{Opener, Share};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A block is late when it takes so many times what blocks usually take.
const HEDGE_FACTOR: u32 = 3;

/// What all reads of one file share.
pub(super) struct Download {
    facts: FileFacts,
    /// Without it, ciphertext is read.
    key: Option<FileKey>,
    book: Arc<Book>,
    tree: OnceLock<FileTree>,
    /// A share that is the cap's own tells of other numbers than the cap.
    contradicted: AtomicBool,
    /// Where in a share the blocks probably are that will be read first.
    first: Range<u64>,
    /// Decoders at rest.
    decoders: Mutex<Vec<decode::FileReader>>,
    buffers: Arc<Pool>,
    compute: Compute,
    timeouts: Timeouts,
    /// Units that reads of all files may have under way beyond their own.
    spare: Arc<Semaphore>,
    /// How long an answer usually takes.
    usual: Mutex<Option<Duration>>,
    trace: Trace,
}

/// Consecutive segments that are read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub first: SegmentNum,
    pub count: u64,
}

/// Where in each share the blocks of these segments are, if the file was cut as files commonly are; nowhere
/// if that cannot be said.
fn blocks_of(facts: &FileFacts, Unit { first, count }: Unit) -> Range<u64> {
    let Ok(plan) = Plan::new(facts.params, facts.size) else { return 0..0 };
    let geometry = plan.geometry();
    let at = |segment| plan.layout().offsets().data + geometry.block_offset(SegmentNum(segment));
    let end = first.0.saturating_add(count).min(geometry.segments());
    at(first.0)..at(end).max(at(first.0))
}

impl Download {
    /// Waits until k shares are open, so that reading can be expected to succeed.
    async fn open(self: &Arc<Self>) -> Result<(), DownloadError> {
        let this = Arc::clone(self);
        let question: Question<()> = Arc::new(move |share| {
            let this = Arc::clone(&this);
            async move { share.open(&this.opener(&this.first)).await.map(|_| ()) }.boxed()
        });
        let bytes = self.first.end - self.first.start;
        Gathering::new(self, question, (bytes, 0)).fill(&Awaited::default()).await
    }

    /// For a share of which these bytes will be read next.
    const fn opener<'a>(&'a self, first: &'a Range<u64>) -> Opener<'a> {
        let Self { facts, tree, contradicted, .. } = self;
        Opener { facts, tree, first, contradicted, time: self.timeouts.read }
    }

    /// The right to have one more unit under way, if it is read so and there is one.
    fn spare_unit(&self) -> Option<OwnedSemaphorePermit> {
        self.book.is_wide().then(|| Arc::clone(&self.spare).try_acquire_owned().ok())?
    }

    /// The plaintext of a unit.
    async fn unit(self: &Arc<Self>, unit: Unit, awaited: &Awaited) -> Result<Bytes, DownloadError> {
        let since = Instant::now();
        let read = self.read_unit(unit, awaited).await;
        if let Some(tree) = self.tree.get() {
            let segments = unit.first.0..unit.first.0.saturating_add(unit.count);
            self.trace.segments(tree.geometry(), since, (segments, read.is_ok()));
        }
        read
    }

    async fn read_unit(
        self: &Arc<Self>,
        unit: Unit,
        awaited: &Awaited,
    ) -> Result<Bytes, DownloadError> {
        let this = Arc::clone(self);
        let blocks = blocks_of(&self.facts, unit);
        let bytes = blocks.end - blocks.start;
        let question: Question<Run> = Arc::new(move |share| {
            let (this, blocks) = (Arc::clone(&this), blocks.clone());
            async move {
                let open = share.open(&this.opener(&blocks)).await?;
                let since = Instant::now();
                let run = share.blocks(open, unit.first, unit.count, this.timeouts.read).await;
                let range = open.range(unit.first, unit.count);
                this.trace.blocks(&share, since, (range, run.is_ok()));
                run
            }
            .boxed()
        });
        self.book.begin(unit.first.0);
        let mut gathering = Gathering::new(self, question, (bytes, unit.first.0));
        loop {
            gathering.fill(awaited).await?;
            let needed = self.facts.params.needed();
            let runs = gathering.have.values().take(needed).map(|(_, run)| run.clone()).collect();
            match self.decode(runs).await? {
                Ok(bytes) => return Ok(bytes),
                Err(Unreadable::File(_)) if self.is_contradicted() => {
                    return Err(DownloadError::Contradiction);
                }
                Err(Unreadable::File(error)) => return Err(DownloadError::Damaged(error)),
                Err(Unreadable::Shares(shares)) => {
                    for (num, error) in shares {
                        gathering.reject(num, error.into());
                    }
                }
            }
        }
    }

    async fn decode(
        self: &Arc<Self>,
        runs: Vec<Run>,
    ) -> Result<Result<Bytes, Unreadable>, DownloadError> {
        let this = Arc::clone(self);
        let bytes: usize = runs.iter().map(|run| run.bytes.len()).sum();
        let decoded = self.compute.run(bytes, move || this.decode_now(runs)).await;
        decoded.map_err(|_| DownloadError::CutOff)?
    }

    fn decode_now(&self, runs: Vec<Run>) -> Result<Result<Bytes, Unreadable>, DownloadError> {
        let mut decoder = self.decoder()?;
        let decoded = decoder.read(runs);
        locked(&self.decoders).push(decoder);
        Ok(decoded)
    }

    fn decoder(&self) -> Result<decode::FileReader, DownloadError> {
        let at_rest = locked(&self.decoders).pop();
        if let Some(decoder) = at_rest {
            return Ok(decoder);
        }
        let tree = self.tree.get().ok_or(DownloadError::CutOff)?.clone();
        let reader = decode::FileReader::new(&self.facts, tree, self.key.clone());
        Ok(reader.with_buffers(Pool::clone(&self.buffers)))
    }

    fn reward(&self, share: &Arc<Share>, took: Duration) {
        self.book.reward(share, took);
        let mut usual = locked(&self.usual);
        *usual = Some(usual.map_or(took, |before| (before * 3 + took) / 4));
    }

    /// A share keeps its reader waiting; so may what else its server has, here and for others.
    fn note_late(&self, share: &Arc<Share>) {
        share.server().standing.note_late(Duty::Read);
        self.book.slow(share);
    }

    /// Strikes a share out and, if what it gave was wrong, tells its server.
    fn blame(&self, share: &Arc<Share>, fault: Fault) {
        tracing::info!(server = %share.server(), share = %share.num(), %fault, "a share is unusable");
        match fault {
            Fault::Share(ShareError::Incompatible(version)) => {
                self.book.incompatible(share, version);
            }
            // The cap itself cannot be right; no server is at fault.
            Fault::Share(error) if !error.accuses_server() || self.is_contradicted() => {
                self.book.discard(share);
            }
            Fault::Share(error) => {
                self.book.mistrust(share);
                let (si, reason) = (share.si(), error.to_string());
                share.server().storage.send_only(AdviseCorrupt { si, share: share.num(), reason });
            }
            Fault::Remote(RemoteError::Disconnected) => self.book.cut_off(share),
            Fault::Remote(RemoteError::Timeout) => {
                self.book.silent(share.server().id);
                share.server().standing.note_late(Duty::Read);
                self.book.discard(share);
            }
            Fault::Remote(_) => self.book.discard(share),
        }
    }

    fn hedge_after(&self) -> Duration {
        let usual = *locked(&self.usual);
        usual.map_or(self.timeouts.hedge, |usual| self.timeouts.hedge.max(usual * HEDGE_FACTOR))
    }

    fn is_contradicted(&self) -> bool {
        self.contradicted.load(Relaxed)
    }

    fn too_few(&self) -> DownloadError {
        let (tally, needed) = (self.book.tally(), self.facts.params.needed());
        let found = tally.usable.min(needed - 1);
        match tally.incompatible {
            _ if self.is_contradicted() => DownloadError::Contradiction,
            Some(version) if tally.usable == 0 => DownloadError::Incompatible { version },
            _ if tally.away > 0 => DownloadError::NotNow { found, needed, away: tally.away },
            _ if tally.seen == 0 => DownloadError::NoShares,
            _ => DownloadError::NotEnoughShares { found, needed },
        }
    }
}
