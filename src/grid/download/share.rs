//! One share on one server: reading from it, and opening it.

use crate::base::file::FileFacts;
use crate::base::limits::{BULK_MAX, FAR_ANSWER};
use crate::base::lock::locked;
use crate::base::{ShareNum, StorageIndex};
use crate::codec::SegmentNum;
use crate::codec::decode::{FileTree, OpenShare, Opening, Run, ShareError};
use crate::grid::servers::Server;
use crate::grid::timeouts::while_moving;
use crate::storage::api::{BucketReader, Read};
use crate::tub::{Ref, RemoteError};
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;
use tokio::sync::OnceCell;

/// A share that a server says it has.
pub struct Found {
    pub server: Arc<Server>,
    /// Under which index: the file's own, or that of its proven shares.
    pub si: StorageIndex,
    pub num: ShareNum,
    /// Bytes, says the server.
    pub length: u64,
    pub reader: Ref<BucketReader>,
    /// What of it came with the answer, by offset.
    pub parts: Vec<(u64, Bytes)>,
    /// How long the answer took.
    pub took: Duration,
}

/// Why a share gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What came is not what the file's author made.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// The server failed or is out of reach.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// What opening a share needs to know of its file.
pub struct Opener<'a> {
    pub facts: &'a FileFacts,
    /// The file's tree, from the first share that is opened.
    pub tree: &'a OnceLock<FileTree>,
    /// Where in a share the blocks probably are that will be read first.
    pub first: &'a Range<u64>,
    pub time: Duration,
    /// Set by a share that contradicts the cap.
    pub contradicted: &'a AtomicBool,
}

/// A share, opened when it is first used.
pub struct Share {
    found: Found,
    /// Its first bytes, if they came alone: so few that they are kept.
    head: Bytes,
    open: OnceCell<OpenShare>,
    /// Bytes that came before they were read, by offset, until they are.
    early: Mutex<Vec<(u64, Bytes)>>,
    /// Who will read them, until it does.
    meant_for: Mutex<Option<u64>>,
}

impl Share {
    pub fn new(mut found: Found) -> Self {
        let mut early = std::mem::take(&mut found.parts);
        let head = if early.len() == 1 { early.pop().unwrap_or_default().1 } else { Bytes::new() };
        let (open, early, meant_for) = (OnceCell::new(), Mutex::new(early), Mutex::default());
        Self { found, head, open, early, meant_for }
    }

    pub fn num(&self) -> ShareNum {
        self.found.num
    }

    pub fn si(&self) -> StorageIndex {
        self.found.si
    }

    pub fn server(&self) -> &Arc<Server> {
        &self.found.server
    }

    pub fn same_server(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.found.server, &other.found.server)
    }

    pub fn is_open(&self) -> bool {
        self.open.initialized()
    }

    /// Neither opened nor meant for anybody.
    pub fn is_new(&self) -> bool {
        !self.is_open() && locked(&self.meant_for).is_none()
    }

    /// What comes with its opening is for who comes as `order`.
    pub fn mean_for(&self, order: u64) {
        *locked(&self.meant_for) = Some(order);
    }

    pub fn is_meant_for(&self, order: u64) -> bool {
        *locked(&self.meant_for) == Some(order)
    }

    /// Somebody reads it now.
    pub fn is_asked(&self) {
        *locked(&self.meant_for) = None;
    }

    /// Proves the share's block tree, once; also takes the file's tree from it while that is not
    /// known yet.
    pub async fn open(&self, opener: &Opener<'_>) -> Result<&OpenShare, Fault> {
        self.open.get_or_try_init(|| self.opening(opener)).await
    }

    async fn opening(&self, opener: &Opener<'_>) -> Result<OpenShare, Fault> {
        let Opener { facts, tree, contradicted, .. } = opener;
        let file_tree = tree.get().is_none();
        let mut opening = Opening::new(**facts, self.found.num, self.found.length, file_tree)?;
        let fetched = self.fetch(&mut opening, opener).await;
        if opening.contradicts_cap() {
            contradicted.store(true, Relaxed);
        }
        fetched?;
        let (open, found) = opening.finish()?;
        if let Some(found) = found {
            let _ = tree.set(found);
        }
        Ok(open)
    }

    /// Gives the opening all that it wants.
    async fn fetch(&self, opening: &mut Opening, opener: &Opener<'_>) -> Result<(), Fault> {
        let Opener { first, time, .. } = opener;
        if !self.head.is_empty() {
            opening.take(0, self.head.clone())?;
        }
        let mut first = self.worth_fetching(first);
        while let Some(range) = opening.wants()? {
            let bytes = match first.take() {
                Some(first) => self.read_with_early(range.clone(), first, *time).await?,
                None => self.read(range.clone(), *time).await?,
            };
            opening.take(range.start, bytes)?;
        }
        Ok(())
    }

    /// The blocks that will be read first, if they are not here and the share goes so far.
    fn worth_fetching(&self, first: &Range<u64>) -> Option<Range<u64>> {
        let early = !first.is_empty() && first.end <= self.found.length;
        (early && !self.is_here(first)).then(|| first.clone())
    }

    /// Reads `range` and, in the same call, `early`, which is kept for the read that will want it.
    async fn read_with_early(
        &self,
        range: Range<u64>,
        early: Range<u64>,
        time: Duration,
    ) -> Result<Bytes, Fault> {
        let total = (range.end - range.start) + (early.end - early.start);
        if range.end > self.found.length || total > BULK_MAX as u64 || self.is_here(&range) {
            return self.read(range, time).await;
        }
        let ask = |range: &Range<u64>| (range.start, (range.end - range.start) as u32);
        let call = self.found.reader.call(Read { ranges: vec![ask(&range), ask(&early)] });
        let mut bytes = while_moving(time, call).await?.0;
        if bytes.len() as u64 != total {
            return Err(ShareError::Short.into());
        }
        let rest = bytes.split_off((range.end - range.start) as usize);
        self.early().push((early.start, rest));
        Ok(bytes)
    }

    /// The blocks of `count` segments from `first`, as the server gives them.
    pub async fn blocks(
        &self,
        open: &OpenShare,
        first: SegmentNum,
        count: u64,
        time: Duration,
    ) -> Result<Run, Fault> {
        let bytes = self.read(open.range(first, count), time).await?;
        Ok(Run { share: open.clone(), first, count, bytes })
    }

    /// Exactly the bytes of `range`: from the head if they are there, else from the server, in calls
    /// that an answer can hold. `range` was derived from proven sizes or is small.
    async fn read(&self, range: Range<u64>, time: Duration) -> Result<Bytes, Fault> {
        if range.end > self.found.length || range.start > range.end {
            return Err(ShareError::Short.into());
        }
        if let Some(bytes) = self.in_head(&range).or_else(|| self.taken_early(&range)) {
            return Ok(bytes);
        }
        fetch(&self.found, range, time).await
    }

    fn in_head(&self, range: &Range<u64>) -> Option<Bytes> {
        let (start, end) = (range.start as usize, usize::try_from(range.end).ok()?);
        (end <= self.head.len()).then(|| self.head.slice(start..end))
    }

    fn early(&self) -> MutexGuard<'_, Vec<(u64, Bytes)>> {
        locked(&self.early)
    }

    /// Whether `range` can be read without the server.
    fn is_here(&self, range: &Range<u64>) -> bool {
        self.in_head(range).is_some() || self.early().iter().any(|one| part(one, range).is_some())
    }

    /// What came early, if it is this; it is given out once. Whoever reads something else from an open
    /// share will not come back for it.
    fn taken_early(&self, range: &Range<u64>) -> Option<Bytes> {
        let mut early = self.early();
        let found = early.iter().enumerate();
        let found = found.filter_map(|(index, one)| Some((index, part(one, range)?))).next();
        match found {
            Some((index, bytes)) => {
                early.swap_remove(index);
                Some(bytes)
            }
            None => {
                if self.is_open() && locked(&self.meant_for).is_none() {
                    early.clear();
                }
                None
            }
        }
    }
}

/// The part of some bytes at an offset that is `range`, if it is all there.
fn part((at, bytes): &(u64, Bytes), range: &Range<u64>) -> Option<Bytes> {
    let start = usize::try_from(range.start.checked_sub(*at)?).ok()?;
    let end = usize::try_from(range.end.checked_sub(*at)?).ok()?;
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}

/// Exactly the bytes of `range`, in calls that an answer can hold.
pub async fn fetch(found: &Found, range: Range<u64>, time: Duration) -> Result<Bytes, Fault> {
    let step = if found.server.is_near() { BULK_MAX } else { FAR_ANSWER };
    let starts = (range.start..range.end).step_by(step);
    let calls: Vec<_> = starts
        .map(|start| {
            let length = (range.end - start).min(step as u64) as u32;
            (length, found.reader.call(Read { ranges: vec![(start, length)] }))
        })
        .collect();
    let mut parts = Vec::with_capacity(calls.len());
    for (length, call) in calls {
        let bytes = while_moving(time, call).await?.0;
        if bytes.len() != length as usize {
            return Err(ShareError::Short.into());
        }
        parts.push(bytes);
    }
    Ok(joined(parts))
}

fn joined(mut parts: Vec<Bytes>) -> Bytes {
    if parts.len() == 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    for part in parts {
        whole.extend_from_slice(&part);
    }
    whole.freeze()
}
