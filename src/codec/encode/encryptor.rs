//! The stage that must see the bytes in order: keystream, the hash of all, and of each segment. What
//! is made again is ciphertext already and passes as it is.

use super::{EncodeError, Plan};
use crate::base::file::FileKey;
use crate::base::hash::Hash;
use crate::base::pool::Pool;
use crate::codec::crypt;
use crate::codec::geometry::SegmentNum;
use crate::codec::stepped::Stepped;
use crate::codec::tags;
use bytes::Bytes;

/// Bytes that are enciphered and hashed while they are in the first-level cache.
const STEP: usize = 16 << 10;

/// Turns plaintext batches into ciphertext, in order.
pub struct Encryptor {
    plan: Plan,
    /// None: what comes is ciphertext.
    key: Option<FileKey>,
    flat: Stepped,
    offset: u64,
    pool: Pool,
}

/// The ciphertext of one batch of whole segments, the last one perhaps shorter.
pub struct Crypttext {
    pub(super) first: SegmentNum,
    /// Ciphertext, then zeros up to a whole number of pieces.
    pub(super) bytes: Bytes,
    /// The hash of each segment.
    pub(super) hashes: Vec<Hash>,
}

impl Encryptor {
    pub(super) fn new(plan: Plan, key: Option<FileKey>, pool: Pool) -> Self {
        Self { plan, key, flat: Stepped::new(tags::CRYPTTEXT), offset: 0, pool }
    }

    /// A buffer of exactly the next batch's length; none at the end of the file.
    pub fn buffer(&self) -> Option<Vec<u8>> {
        let len = self.plan.batch_len(self.offset);
        // Room for the padding, so that it does not move the bytes.
        (len > 0).then(|| {
            let mut buffer = self.pool.take(len as usize + self.plan.geometry.params().needed());
            buffer.truncate(len as usize);
            buffer
        })
    }

    /// Enciphers the next batch in place.
    pub fn encrypt(&mut self, mut bytes: Vec<u8>) -> Result<Crypttext, EncodeError> {
        let (got, wanted) = (bytes.len() as u64, self.plan.batch_len(self.offset));
        if got != wanted || got == 0 {
            return Err(EncodeError::BatchLength { got, wanted });
        }
        let first = self.plan.segment_at(self.offset);
        let segment_size = self.plan.geometry.segment_size() as usize;
        let hashes = bytes.chunks_mut(segment_size).map(|segment| self.segment(segment)).collect();
        let len = bytes.len();
        bytes.resize(len.next_multiple_of(self.plan.geometry.params().needed()), 0);
        Ok(Crypttext { first, bytes: self.pool.freeze(bytes), hashes })
    }

    /// Enciphers a segment; its hash.
    fn segment(&mut self, segment: &mut [u8]) -> Hash {
        let mut hash = Stepped::new(tags::CRYPTTEXT_SEGMENT);
        for step in segment.chunks_mut(STEP) {
            if let Some(key) = &self.key {
                crypt::apply(key, self.offset, step);
            }
            self.flat.update_both(&mut hash, step);
            self.offset += step.len() as u64;
        }
        hash.finish()
    }

    /// The hash of the whole ciphertext, once all of it has passed.
    pub fn finish(self) -> Result<Hash, EncodeError> {
        match self.offset == self.plan.geometry.size() {
            true => Ok(self.flat.finish()),
            false => Err(EncodeError::Order),
        }
    }
}

impl std::fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encryptor").field("offset", &self.offset).finish_non_exhaustive()
    }
}
