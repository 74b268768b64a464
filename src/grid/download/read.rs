//! A file that can be read at any place, and the stream of one read.

use super::ahead::{Cut, WIDE_UNIT_MAX, open_ahead};
use super::gather::Awaited;
use super::{Download, DownloadError, Trace, Unit, blocks_of};
use crate::base::StorageIndex;
use crate::base::file::{FileFacts, FileKey, proven_index};
use crate::base::limits::{OPEN_HEAD_MAX, READ_AHEAD_UNITS, READ_CHUNK_MAX, READ_UNIT_MAX};
use crate::cap::{Cap, FileCap};
use crate::codec::encode::Plan;
use crate::codec::layout::HEADER_MAX;
use crate::codec::{Geometry, SegmentNum};
use crate::grid::client::Client;
use crate::grid::download::book::Book;
use crate::grid::download::find::{Search, find};
use crate::grid::tasks::Task;
use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt, unfold};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// Bytes of a read, in order, in pieces; ends after the first error.
pub type ReadStream = BoxStream<'static, Result<Bytes, DownloadError>>;

/// Bytes of each share that are asked for unseen, at most: a block of a third of the largest segment,
/// and the trees of a gigabyte.
const EARLY_MAX: u32 = 512 << 10;
/// So much of a file is worth to be read from all servers that have shares of it, if their lines are what
/// is waited for.
const WIDE_MIN: u64 = 2 << 20;
/// A unit that took so long has waited for lines, not for disks and processors.
const LONG_UNIT: Duration = Duration::from_millis(100);
/// Bytes of the first piece of a read: small, because somebody waits for it and all of a piece is copied
/// before any of it is sent.
const FIRST_PIECE: usize = 64 << 10;

/// An open file. Clones are the same file; several reads may go on at once.
#[derive(Clone)]
pub struct FileReader(Arc<File>);

enum File {
    Literal(Bytes),
    Shares {
        download: Arc<Download>,
        geometry: Geometry,
        /// Looks for further shares as long as the file is open,
        _find: Task,
        /// and opens some that a long read will want.
        _ahead: Option<Task>,
    },
}

/// How a file is to be opened.
struct Opening {
    facts: FileFacts,
    /// Without it, reading gives ciphertext.
    key: Option<FileKey>,
    part: Range<u64>,
    trace: Trace,
}

impl Client {
    /// Opens the file that `cap` names. Fails at once if too few of its shares can be found, so that
    /// an error can still be told before the first byte.
    pub async fn open(&self, cap: &Cap) -> Result<FileReader, DownloadError> {
        self.open_at(cap, 0..0).await
    }

    /// As [`Client::open`], for a first read of `part`: what that begins with is fetched together with
    /// what opening needs.
    pub async fn open_at(&self, cap: &Cap, part: Range<u64>) -> Result<FileReader, DownloadError> {
        self.open_traced(cap, part, Trace::default()).await
    }

    /// As [`Client::open_at`]; what is done, then and by reading, is taken down in `trace`.
    pub async fn open_traced(
        &self,
        cap: &Cap,
        part: Range<u64>,
        trace: Trace,
    ) -> Result<FileReader, DownloadError> {
        self.permit(cap)?;
        match cap.readable_file() {
            Some(FileCap::Lit(literal)) => {
                let bytes = Bytes::copy_from_slice(literal.plaintext());
                Ok(FileReader(Arc::new(File::Literal(bytes))))
            }
            Some(FileCap::Chk(chk)) => {
                let key = Some(chk.key().clone());
                let opening = Opening { facts: chk.facts()?, key, part, trace };
                self.open_shares(chk.storage_index(), opening).await
            }
            Some(FileCap::ChkVerify(_)) | None => Err(DownloadError::NotReadable),
        }
    }

    /// Opens the ciphertext of a file, for who may not read it.
    pub(in crate::grid) async fn open_crypttext(
        &self,
        si: StorageIndex,
        facts: FileFacts,
    ) -> Result<FileReader, DownloadError> {
        let (part, trace) = (0..facts.size, Trace::default());
        self.open_shares(si, Opening { facts, key: None, part, trace }).await
    }

    async fn open_shares(
        &self,
        si: StorageIndex,
        Opening { facts, key, part, trace }: Opening,
    ) -> Result<FileReader, DownloadError> {
        if self.pool.is_empty() {
            let needed = facts.params.needed();
            return Err(match self.pool.away() {
                0 => DownloadError::NoServers,
                away => DownloadError::NotNow { found: 0, needed, away },
            });
        }
        let book = Arc::new(Book::new(facts.params));
        let search = Search {
            si,
            beside: proven_index(&si, &facts.ueb_hash),
            pool: self.pool.clone(),
            head: head_len(&facts),
            early: early_ranges(&facts, part.start),
            needed: facts.params.needed(),
            large: facts.size >= WIDE_MIN,
            timeouts: self.timeouts.clone(),
            trace: trace.clone(),
        };
        let find = Task::spawn(find(search, Arc::clone(&book)));
        let download = Arc::new(Download {
            facts,
            key,
            book,
            tree: OnceLock::new(),
            contradicted: AtomicBool::new(false),
            first: first_blocks(&facts, part.start),
            decoders: Mutex::default(),
            buffers: self.download_buffers.get(),
            compute: self.compute.clone(),
            timeouts: self.timeouts.clone(),
            spare: Arc::clone(&self.spare_units),
            usual: Mutex::default(),
            trace,
        });
        let long = part.end.saturating_sub(part.start) >= WIDE_MIN && part.end <= facts.size;
        let ahead = long.then(|| Task::spawn(open_ahead(Arc::clone(&download), part)));
        download.open().await?;
        let geometry = *download.tree.get().ok_or(DownloadError::CutOff)?.geometry();
        Ok(FileReader(Arc::new(File::Shares { download, geometry, _find: find, _ahead: ahead })))
    }
}

/// Bytes of each share to ask for with the first question: all of a small one, so that no second
/// question is needed; the header of a larger one. The length is a guess from the cap.
fn head_len(facts: &FileFacts) -> u32 {
    let share_len = Plan::new(facts.params, facts.size).map_or(u64::MAX, |plan| plan.share_len());
    match u32::try_from(share_len) {
        Ok(length) if length <= OPEN_HEAD_MAX => length,
        _ => HEADER_MAX as u32,
    }
}

/// What to ask for at once of each share of a file that is too large for [`head_len`], if it was cut as
/// files commonly are: header, first blocks, and all that proves them. Nothing if that cannot be said
/// or would be much; a wrong guess costs bytes only.
fn early_ranges(facts: &FileFacts, offset: u64) -> Vec<(u64, u32)> {
    let Ok(plan) = Plan::new(facts.params, facts.size) else { return Vec::new() };
    let first = first_blocks(facts, offset);
    let tail = plan.layout().offsets().crypttext_tree..plan.share_len();
    let length = |range: &Range<u64>| u32::try_from(range.end.saturating_sub(range.start)).ok();
    let (Some(blocks), Some(proof)) = (length(&first), length(&tail)) else { return Vec::new() };
    if plan.share_len() <= u64::from(OPEN_HEAD_MAX) || blocks.saturating_add(proof) > EARLY_MAX {
        return Vec::new();
    }
    vec![(0, HEADER_MAX as u32), (tail.start, proof), (first.start, blocks)]
}

/// Where in each share the block of the segment that holds byte `offset` probably is.
fn first_blocks(facts: &FileFacts, offset: u64) -> Range<u64> {
    let Ok(plan) = Plan::new(facts.params, facts.size) else { return 0..0 };
    let first = SegmentNum(offset / plan.geometry().segment_size());
    blocks_of(facts, Unit { first, count: 1 })
}

impl FileReader {
    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        match &*self.0 {
            File::Literal(bytes) => bytes.len() as u64,
            File::Shares { geometry, .. } => geometry.size(),
        }
    }

    /// The bytes of `range`. Nothing is fetched before the stream is polled, and while it is not
    /// polled only a small window is.
    pub fn read(&self, range: Range<u64>) -> ReadStream {
        let (Range { start, end }, size) = (range.clone(), self.size());
        if start > end || end > size {
            let error = DownloadError::Range { start, end, size };
            return futures_util::stream::iter([Err(error)]).boxed();
        }
        match &*self.0 {
            File::Literal(bytes) => {
                let bytes = bytes.slice(start as usize..end as usize);
                futures_util::stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed()
            }
            File::Shares { geometry, .. } => Reading::new(self, *geometry, range).stream().boxed(),
        }
    }

    /// All bytes of `range` at once, for small ranges.
    pub async fn read_all(&self, range: Range<u64>) -> Result<Bytes, DownloadError> {
        let mut stream = self.read(range);
        let Some(first) = stream.next().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = stream.next().await.transpose()? else { return Ok(first) };
        let mut all = bytes::BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(more) = stream.next().await.transpose()? {
            all.extend_from_slice(&more);
        }
        Ok(all.freeze())
    }
}

/// A unit, and how long it took.
type Timed = (Result<Bytes, DownloadError>, Duration);

/// A unit on its way.
struct UnderWay {
    unit: Unit,
    task: Task<Timed>,
    awaited: Arc<Awaited>,
    spare: Option<OwnedSemaphorePermit>,
}

/// One read on its way.
struct Reading {
    /// Keeps the file open.
    file: FileReader,
    geometry: Geometry,
    range: Range<u64>,
    /// What has not been asked for.
    cut: Cut,
    window: VecDeque<UnderWay>,
    /// The first unit is there.
    begun: bool,
    /// Decoded bytes that have not been handed out, and their unit's right to be here.
    rest: Bytes,
    spare: Option<OwnedSemaphorePermit>,
    /// Bytes of the next piece.
    piece: usize,
    failed: bool,
}

impl Reading {
    fn new(file: &FileReader, geometry: Geometry, range: Range<u64>) -> Self {
        Self {
            file: file.clone(),
            geometry,
            cut: Cut::new(geometry, &range),
            range,
            window: VecDeque::new(),
            begun: false,
            rest: Bytes::new(),
            spare: None,
            piece: FIRST_PIECE,
            failed: false,
        }
    }

    fn stream(self) -> impl Stream<Item = Result<Bytes, DownloadError>> + Send {
        unfold(self, |mut reading| async move {
            let item = reading.next_piece().await?;
            reading.failed = item.is_err();
            Some((item, reading))
        })
    }

    async fn next_piece(&mut self) -> Option<Result<Bytes, DownloadError>> {
        if self.failed {
            return None;
        }
        while self.rest.is_empty() {
            self.top_up();
            let UnderWay { unit, mut task, awaited, spare } = self.window.pop_front()?;
            self.spare = spare;
            if self.is_wide() {
                awaited.now();
            }
            let Some((read, took)) = task.outcome().await else {
                return Some(Err(DownloadError::CutOff));
            };
            self.note(took);
            match read {
                Ok(bytes) => self.rest = self.wanted_part(unit, bytes),
                Err(error) => return Some(Err(error)),
            }
        }
        self.top_up();
        let piece = std::mem::replace(&mut self.piece, READ_CHUNK_MAX).min(self.rest.len());
        Some(Ok(self.rest.split_to(piece)))
    }

    /// A unit took so long. Where that is long, lines are what is waited for.
    fn note(&mut self, took: Duration) {
        self.begun = true;
        if let File::Shares { download, .. } = &*self.file.0
            && took >= LONG_UNIT
            && self.cut.left() >= WIDE_MIN
        {
            download.book.widen();
        }
    }

    fn is_wide(&self) -> bool {
        matches!(&*self.file.0, File::Shares { download, .. } if download.book.is_wide())
    }

    /// Units under way at once. One until the first is there: a reader waits for nothing as much as
    /// for the first byte, and what is fetched beside it is in its way. From many servers they come in
    /// more and smaller ones.
    fn ahead(&self) -> usize {
        match (self.begun, self.is_wide()) {
            (false, _) => 1,
            (true, false) => READ_AHEAD_UNITS,
            (true, true) => READ_AHEAD_UNITS * 2,
        }
    }

    /// Plaintext bytes of a unit at most.
    fn unit_max(&self) -> u64 {
        if self.begun && self.is_wide() { WIDE_UNIT_MAX } else { READ_UNIT_MAX }
    }

    /// Starts units until the window is full.
    fn top_up(&mut self) {
        let File::Shares { download, .. } = &*self.file.0 else { return };
        while self.cut.left() > 0 {
            let own = self.window.iter().filter(|under_way| under_way.spare.is_none()).count();
            let full = own >= self.ahead();
            let spare = if full && self.begun { download.spare_unit() } else { None };
            if full && spare.is_none() {
                return;
            }
            let Some(unit) = self.cut.next(self.unit_max()) else { return };
            let (download, awaited) = (Arc::clone(download), Arc::<Awaited>::default());
            let told = Arc::clone(&awaited);
            let task = Task::spawn(async move {
                let since = Instant::now();
                (download.unit(unit, &told).await, since.elapsed())
            });
            self.window.push_back(UnderWay { unit, task, awaited, spare });
        }
    }

    /// What of a unit's bytes the read is about.
    fn wanted_part(&self, unit: Unit, bytes: Bytes) -> Bytes {
        let start = self.geometry.segment_offset(unit.first);
        let within = |offset: u64| (offset.saturating_sub(start) as usize).min(bytes.len());
        bytes.slice(within(self.range.start)..within(self.range.end))
    }
}
