//! A directory's file read back at its start, and written anew when most of it is of no use.

use super::directory::{Directory, End, Patches, new_path, open_new, pieces};
use super::error::{Result, VdriveError};
use super::format::log::{Facts, Found, HEADER_LEN, Record, SEEN_MAX, Salt};
use super::format::{Row, RowId, mend};
use super::table::{Place, Table};
use crate::base::limits::{RECENT_CHANGES, ROWS_BULK_MAX, WHOLE_PIECE};
use crate::base::system::random;
use crate::disk::{Cache, Disk, File, Mode};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Length of a file that was written, and where its rows are.
pub(super) type Written = (u64, BTreeMap<RowId, Place>);

/// Places tried behind damage: each may cost a checksum of a whole record.
const TRIES: usize = 1_024;
const WINDOW: usize = SEEN_MAX + (1 << 20);

/// A file read from front to back in large pieces.
pub(super) struct Reading<'a> {
    file: &'a File,
    pub size: u64,
    window: Bytes,
    /// Offset of the window.
    at: u64,
}

impl<'a> Reading<'a> {
    pub fn new(file: &'a File) -> io::Result<Self> {
        Ok(Self { file, size: file.size()?, window: Bytes::new(), at: 0 })
    }

    /// What follows `offset`: [`SEEN_MAX`] bytes, or all there are.
    pub fn from(&mut self, offset: u64) -> io::Result<Bytes> {
        let skip = usize::try_from(offset.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let have = self.window.len().saturating_sub(skip);
        let whole = self.at + self.window.len() as u64 >= self.size;
        if offset < self.at || (have < SEEN_MAX && !whole) {
            let rest = self.size.saturating_sub(offset).min(WINDOW as u64) as usize;
            self.window = self.file.read(offset, rest)?.into();
            self.at = offset;
            return Ok(self.window.clone());
        }
        Ok(self.window.slice(skip.min(self.window.len())..))
    }

    /// Whether what begins at `offset` is damage rather than what a crash left: a record that settles
    /// begins somewhere behind it, or it is a last record of which one bit is wrong.
    fn is_damage(&mut self, salt: Salt, offset: u64) -> io::Result<bool> {
        Ok(self.goes_on(salt, offset)? || mend::record(salt, offset, &self.from(offset)?).is_some())
    }

    fn goes_on(&mut self, salt: Salt, offset: u64) -> io::Result<bool> {
        let (mut at, mut tries) = (offset + 1, 0);
        while at < self.size {
            let bytes = self.from(at)?;
            let near = bytes.slice(..bytes.len().min(WINDOW - SEEN_MAX + 3));
            for begins in Record::beginnings(&near) {
                tries += 1;
                let begins = at + begins as u64;
                let found = Record::find(salt, begins, &self.from(begins)?);
                if tries > TRIES || matches!(found, Found::Whole(record, _) if record.settles()) {
                    return Ok(true);
                }
            }
            at += near.len().saturating_sub(3).max(1) as u64;
        }
        Ok(false)
    }
}

/// The facts of a file, from its header, which may be damaged a little.
pub(super) fn read_facts(disk: &Disk, path: &Path) -> Result<(Facts, Salt)> {
    facts_of(&disk.open(path, Mode::Read)?)
}

pub(super) fn facts_of(file: &File) -> Result<(Facts, Salt)> {
    let header = file.read(0, HEADER_LEN)?;
    let facts = Facts::from_header(&header).ok().or_else(|| mend::header(&header));
    facts.ok_or(VdriveError::Corrupt)
}

/// Replays a file; the table and how many bytes of the file count.
fn replay(file: &File, facts: &Facts, salt: Salt) -> Result<(Table, u64, End)> {
    let mut reading = Reading::new(file)?;
    let mut table = Table::default();
    let (mut at, mut settled) = (HEADER_LEN as u64, 0);
    while at < reading.size {
        let Found::Whole(record, len) = Record::find(salt, at, &reading.from(at)?) else {
            if reading.is_damage(salt, at)? {
                return Err(VdriveError::Corrupt);
            }
            break;
        };
        table.replay(&facts.id, &record, at)?;
        at += len as u64;
        if record.settles() {
            settled = at;
        }
    }
    table.forget_pending();
    if !table.is_sound(facts) {
        return Err(VdriveError::Corrupt);
    }
    let end = if settled == reading.size { End::Clean } else { End::Torn };
    Ok((table, settled, end))
}

impl Directory {
    /// Reads a directory back. With `sync`, what is there is made durable before anybody is told of
    /// it: a crash may have come before the sync that the writer of it was waiting for.
    pub fn load(disk: &Disk, path: PathBuf, sync: bool) -> Result<Self> {
        let (file, writable) = match disk.open(&path, Mode::Change) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error.into()),
            // What cannot be changed can perhaps be read.
            Err(_) => (disk.open(&path, Mode::Read)?, false),
        };
        let header = file.read(0, HEADER_LEN)?;
        let (facts, salt) = Facts::from_header(&header).map_err(|_| VdriveError::Corrupt)?;
        let (table, len, end) = replay(&file, &facts, salt)?;
        let end = if writable { end } else { End::Unknown };
        let (disk, patches) = (disk.clone(), Patches::default());
        let mut this =
            Self { disk, path, facts, salt, file, patches, len, end, compact_above: 0, table };
        if sync && writable && this.settle().is_err() {
            this.end = End::Unknown;
        }
        Ok(this)
    }

    /// Makes the file and its name durable.
    pub fn settle(&self) -> io::Result<()> {
        self.file.sync()?;
        self.path.parent().map_or(Ok(()), |folder| self.disk.sync_dir(folder))
    }

    /// Writes all that counts to a new file, and that in the place of the old one. Until it has
    /// its name durably, the old one counts.
    pub fn rewrite(&mut self) -> Result<()> {
        let path = new_path(&self.path);
        let (file, salt, (len, rows)) = self.write_to(&path)?;
        // From here on the old file may have lost its name, so it is no place for changes.
        self.end = End::Unknown;
        self.disk.rename_over(&path, &self.path)?;
        if let Some(folder) = self.path.parent() {
            self.disk.sync_dir(folder)?;
        }
        (self.file, self.salt, self.len, self.end) = (file, salt, len, End::Clean);
        self.table.rows = rows;
        self.compact_above = 0;
        Ok(())
    }

    /// Writes all that counts to a new file of this name, durably.
    pub fn write_to(&self, path: &Path) -> Result<(File, Salt, Written)> {
        let (file, salt) = (open_new(&self.disk, path)?, Salt(random()));
        let written = self.write_all(&file, salt)?;
        file.sync()?;
        Ok((file, salt, written))
    }

    /// [`Directory::rewrite`] when it pays. Its failure is no failure of anything else.
    pub fn compact(&mut self) {
        if !self.is_wasteful() {
            return;
        }
        if let Err(error) = self.rewrite() {
            tracing::warn!(path = %self.path.display(), %error, "a directory stays as long as it is");
            self.compact_above = self.len.saturating_mul(2);
        }
    }

    fn write_all(&self, file: &File, salt: Salt) -> Result<Written> {
        let (mut places, mut after) = (BTreeMap::new(), None);
        let mut out = Writing { file, salt, at: 0, bytes: self.facts.header(salt) };
        loop {
            let page = self.page(0, after, usize::MAX)?;
            let rows = Row::decode_all(page.rows).map_err(|_| VdriveError::Corrupt)?;
            for piece in pieces(WHOLE_PIECE, rows.iter()) {
                let record = Record::Rows(Row::encode_all(piece.iter().copied()));
                let mut offset = out.put(&record) + record.rows_at();
                for row in piece {
                    let len = row.encoded_len() as u32;
                    places.insert(row.id, Place { offset, len, seq: row.seq });
                    offset += u64::from(len);
                    after = Some(row.id);
                }
            }
            out.flush()?;
            if !page.more {
                break;
            }
        }
        let head = self.head()?;
        let recent = self.table.recent.iter().copied().collect();
        out.put(&Record::Whole { head: Box::new(head), known_since: head.head.seq, recent });
        for (renew, lease) in &self.table.leases {
            out.put(&Record::Lease { renew: *renew, cancel: lease.cancel, end: lease.end });
        }
        out.flush()?;
        Ok((out.at, places))
    }
}

/// Records on their way to a new file.
struct Writing<'a> {
    file: &'a File,
    salt: Salt,
    /// Bytes that are in the file, and those that follow them.
    at: u64,
    bytes: Vec<u8>,
}

impl Writing<'_> {
    /// Adds a record; where it begins.
    fn put(&mut self, record: &Record) -> u64 {
        let begins = self.at + self.bytes.len() as u64;
        self.bytes.extend(record.seal(self.salt, begins));
        begins
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(&self.bytes, self.at, Cache::Keep)?;
        self.at += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}

const _: () = assert!(ROWS_BULK_MAX < SEEN_MAX && RECENT_CHANGES * 16 < SEEN_MAX);
