//! A plaintext into shares, batch by batch, in bounded memory.
//!
//! ```text
//! Plan ── Encryptor: plaintext batch → Crypttext      in order: keystream, flat hash
//!      ├─ Coder:     Crypttext       → Batch          pure, any thread: blocks and their hashes
//!      └─ Tally:     Batch hashes    → Finished       in order: trees, UEB, trailers
//! ```
//! [`Encoder`] is the three in one. A batch is a few whole segments; each share gets one contiguous
//! run of bytes from it, the first one beginning with the share's header. When all batches are done,
//! [`Finished::trailer`] gives the rest of each share. Together they are the share, without gaps.
//!
//! Nothing here knows where shares go, or whether they arrive.

mod coder;
mod encryptor;
mod tally;

pub use coder::{Batch, BatchHashes, Coder, Run};
pub use encryptor::{Crypttext, Encryptor};
pub use tally::{Finished, Tally};

use super::erasure::CodeError;
use super::geometry::{BadGeometry, Geometry, SegmentNum};
use super::layout::{Layout, Version};
use crate::base::file::FileKey;
use crate::base::file::Params;
use crate::base::limits::{BATCH_MAX, BATCH_SEGMENTS_MAX, SEGMENT_MAX};
use crate::base::pool::Pool;

/// Bytes that a batch may make, all shares together, beyond its first segment.
const BATCH_OUTPUT_MAX: u64 = 32 << 20;

/// An encoding that cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The file cannot be cut so.
    #[error(transparent)]
    Geometry(#[from] BadGeometry),
    /// A batch has another length than the plan says: the file has changed under the encoder.
    #[error("a batch has {got} bytes where {wanted} were planned")]
    BatchLength { got: u64, wanted: u64 },
    /// Batches out of order, too many, or too few at the end: a mistake of the caller.
    #[error("batches are out of order or incomplete")]
    Order,
    /// The erasure code refused its input.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// What is known before the first byte is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    geometry: Geometry,
    layout: Layout,
}

impl Plan {
    /// The plan of an ordinary upload of `size` bytes.
    pub fn new(params: Params, size: u64) -> Result<Self, EncodeError> {
        Self::custom(params, size, SEGMENT_MAX, Version::V1)
    }

    /// A plan with another largest segment, or with the wide layout on a file that needs it not.
    pub fn custom(
        params: Params,
        size: u64,
        segment_max: u64,
        at_least: Version,
    ) -> Result<Self, EncodeError> {
        Self::of(Geometry::for_upload(params, size, segment_max)?, at_least)
    }

    /// The plan for making shares of an existing file again. Its author chose the cut: one that makes
    /// an encoder hold more hash trees than a reader ever does is refused.
    pub fn again(geometry: Geometry, at_least: Version) -> Result<Self, EncodeError> {
        Self::of(geometry.within_encoder_limits()?, at_least)
    }

    fn of(geometry: Geometry, at_least: Version) -> Result<Self, EncodeError> {
        let geometry = geometry.within_limits()?;
        Ok(Self { geometry, layout: Layout::plan(&geometry, at_least)? })
    }

    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Bytes of each share.
    pub const fn share_len(&self) -> u64 {
        self.layout.share_len()
    }

    /// Segments in each batch but the last.
    pub fn batch_segments(&self) -> u64 {
        let geometry = &self.geometry;
        let output = geometry.block_size().saturating_mul(geometry.params().total() as u64);
        // Rounded to the nearest, as a segment of 1 MiB is in truth up to k - 1 bytes longer.
        let by_input = (BATCH_MAX + geometry.segment_size() / 2) / geometry.segment_size();
        by_input.min(BATCH_OUTPUT_MAX / output.max(1)).clamp(1, BATCH_SEGMENTS_MAX)
    }

    /// Bytes of plaintext in the batch that begins at byte `offset`; 0 at the end of the file.
    pub fn batch_len(&self, offset: u64) -> u64 {
        let full = self.batch_segments() * self.geometry.segment_size();
        self.geometry.size().saturating_sub(offset).min(full)
    }

    fn segment_at(&self, offset: u64) -> SegmentNum {
        SegmentNum(offset / self.geometry.segment_size())
    }
}

/// Where batches come from and go back to. Clones, and encoders with clones, use the same ones.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    crypttext: Pool,
    /// Apart: small requests for ciphertext would take the large buffers.
    checks: Pool,
}

/// The whole pipeline for one caller on one thread.
#[derive(Debug)]
pub struct Encoder {
    encryptor: Encryptor,
    coder: Coder,
    tally: Tally,
}

impl Encoder {
    pub fn new(plan: Plan, key: FileKey) -> Self {
        Self::with_buffers(plan, Some(key), &Buffers::default())
    }

    /// An encoder that shares its buffers with others. Without a key it is given ciphertext.
    pub fn with_buffers(plan: Plan, key: Option<FileKey>, buffers: &Buffers) -> Self {
        Self {
            encryptor: Encryptor::new(plan, key, buffers.crypttext.clone()),
            coder: Coder::new(plan, buffers.checks.clone()),
            tally: Tally::new(plan),
        }
    }

    /// A buffer of exactly the next batch's length, to be filled with plaintext; none at the end.
    pub fn buffer(&self) -> Option<Vec<u8>> {
        self.encryptor.buffer()
    }

    /// Encodes the next batch, given as the plaintext that [`Encoder::buffer`] asked for.
    pub fn encode(&mut self, plaintext: Vec<u8>) -> Result<Batch, EncodeError> {
        let crypttext = self.encryptor.encrypt(plaintext)?;
        let batch = self.coder.encode(crypttext)?;
        self.tally.add(&batch.hashes)?;
        Ok(batch)
    }

    /// Closes the books after the last batch.
    pub fn finish(self) -> Result<Finished, EncodeError> {
        self.tally.finish(self.encryptor.finish()?)
    }

    /// The three stages, to be run on different threads.
    pub fn split(self) -> (Encryptor, Coder, Tally) {
        (self.encryptor, self.coder, self.tally)
    }
}
