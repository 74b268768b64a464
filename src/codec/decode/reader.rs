//! Segments from verified blocks, checked against the file's own tree, and deciphered.

use super::ShareError;
use super::run::{Piece, Run, VerifiedRun, verify_runs};
use crate::base::ShareNum;
use crate::base::file::FileFacts;
use crate::base::file::FileKey;
use crate::base::pool::Pool;
use crate::codec::crypt;
use crate::codec::erasure::{Code, CodeError, Decoder};
use crate::codec::geometry::{Geometry, SegmentNum};
use crate::codec::hashtree::HashTree;
use crate::codec::many::tagged_many;
use crate::codec::tags;
use crate::codec::ueb::Ueb;
use bytes::Bytes;
use std::sync::Arc;

/// The proven tree over a file's ciphertext segments. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FileTree {
    tree: Arc<HashTree>,
    geometry: Geometry,
}

/// Why segments cannot be given although every block was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// The blocks are not of the same segments, or the wrong number of shares: the caller's mistake.
    #[error("the blocks do not belong together")]
    Mixed,
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The author's trees contradict each other; no choice of shares can help.
    #[error("segment {} is not what the file's tree says, whatever the shares", .0.0)]
    Segment(SegmentNum),
}

/// Why blocks gave no segments.
#[derive(Debug)]
pub enum Unreadable {
    /// These shares are not what the file's author made; nothing can be said about the others.
    Shares(Vec<(ShareNum, ShareError)>),
    /// The file itself is wrong.
    File(SegmentError),
}

impl FileTree {
    pub(super) fn parse(bytes: &[u8], geometry: &Geometry, ueb: &Ueb) -> Result<Self, ShareError> {
        let leaves = geometry.segments() as usize;
        let tree =
            HashTree::parse(bytes, leaves, &ueb.crypttext_root).map_err(ShareError::SegmentTree)?;
        Ok(Self { tree: Arc::new(tree), geometry: *geometry })
    }

    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }
}

/// Turns verified blocks into the file's bytes. Keeps the last decoder, so a steady choice of shares
/// inverts its matrix once.
#[derive(Debug)]
pub struct FileReader {
    tree: FileTree,
    key: Option<FileKey>,
    code: Code,
    decoder: Option<(Vec<ShareNum>, Decoder)>,
    pool: Pool,
}

impl FileReader {
    /// A reader of plaintext; without a key, of ciphertext.
    pub fn new(facts: &FileFacts, tree: FileTree, key: Option<FileKey>) -> Self {
        let code = Code::new(facts.params);
        Self { tree, key, code, decoder: None, pool: Pool::default() }
    }

    /// The same reader with buffers that it shares with others.
    pub fn with_buffers(self, pool: Pool) -> Self {
        Self { pool, ..self }
    }

    pub const fn geometry(&self) -> &Geometry {
        &self.tree.geometry
    }

    /// As [`FileReader::decode`], for blocks that nobody has checked yet.
    ///
    /// A segment is made of all bytes of its blocks, so one that is what the file's tree says proves
    /// them all, at half the hashing. Only when it is not, or when a tail has padding that no
    /// segment shows, are the blocks themselves checked.
    pub fn read(&mut self, runs: Vec<Run>) -> Result<Bytes, Unreadable> {
        let shown = runs.iter().all(|run| run.is_complete() && !self.has_padding(run));
        if shown && let Ok(bytes) = self.join(&runs.iter().map(Run::piece).collect::<Vec<_>>()) {
            return Ok(bytes);
        }
        let nums: Vec<ShareNum> = runs.iter().map(|run| run.share.share()).collect();
        let (mut good, mut bad) = (Vec::with_capacity(runs.len()), Vec::new());
        for (num, verdict) in nums.into_iter().zip(verify_runs(runs)) {
            match verdict {
                Ok(run) => good.push(run),
                Err(error) => bad.push((num, error)),
            }
        }
        if !bad.is_empty() {
            return Err(Unreadable::Shares(bad));
        }
        self.decode(&good).map_err(Unreadable::File)
    }

    /// Whether the run's last block ends in bytes that are no part of the file.
    fn has_padding(&self, run: &Run) -> bool {
        let geometry = self.geometry();
        let full = geometry.size().is_multiple_of(geometry.params().needed() as u64);
        run.first.0 + run.count == geometry.segments() && !full
    }

    /// The bytes of the segments that all runs are about; they begin at
    /// `geometry().segment_offset(first)` of the file. Exactly k runs of different shares.
    pub fn decode(&mut self, runs: &[VerifiedRun]) -> Result<Bytes, SegmentError> {
        self.join(&runs.iter().map(VerifiedRun::piece).collect::<Vec<_>>())
    }

    fn join(&mut self, runs: &[Piece<'_>]) -> Result<Bytes, SegmentError> {
        let head = runs.first().ok_or(SegmentError::Mixed)?;
        let (first, count) = (head.first, head.count);
        if runs.iter().any(|run| run.first != first || run.count != count) {
            return Err(SegmentError::Mixed);
        }
        self.choose(runs)?;
        let Some((_, decoder)) = &self.decoder else { return Err(SegmentError::Mixed) };
        let geometry = self.tree.geometry;
        let needed = geometry.params().needed();
        let mut out = self.pool.take(head.bytes.len() * needed);
        let mut blocks: Vec<_> = runs.iter().map(|run| run.blocks(&geometry)).collect();
        for segment in out.chunks_mut(geometry.segment_size() as usize) {
            let row: Vec<&[u8]> = blocks.iter_mut().filter_map(Iterator::next).collect();
            decoder.decode(&row, segment)?;
        }
        let (from, to) = (first, SegmentNum(first.0 + count));
        let (from, to) = (geometry.segment_offset(from), geometry.segment_offset(to));
        // The padding of the tail is no part of the file.
        out.truncate((to - from) as usize);
        if let Err(error) = self.check(first, &out) {
            self.pool.give(out);
            return Err(error);
        }
        if let Some(key) = &self.key {
            crypt::apply(key, from, &mut out);
        }
        Ok(self.pool.freeze(out))
    }

    fn choose(&mut self, runs: &[Piece<'_>]) -> Result<(), SegmentError> {
        let shares: Vec<ShareNum> = runs.iter().map(|run| run.share).collect();
        if self.decoder.as_ref().is_none_or(|(current, _)| *current != shares) {
            let decoder = self.code.decoder(&shares)?;
            self.decoder = Some((shares, decoder));
        }
        Ok(())
    }

    fn check(&self, first: SegmentNum, ciphertext: &[u8]) -> Result<(), SegmentError> {
        let size = self.tree.geometry.segment_size() as usize;
        let segments: Vec<&[u8]> = ciphertext.chunks(size).collect();
        let hashes = tagged_many(tags::CRYPTTEXT_SEGMENT, &segments);
        for (hash, segment) in hashes.iter().zip(first.0..) {
            if self.tree.tree.leaf(segment as usize) != Some(hash) {
                return Err(SegmentError::Segment(SegmentNum(segment)));
            }
        }
        Ok(())
    }
}
