//! One directory and its log.
//!
//! Order of a change: judge it, append it in one write (what is too long for one record goes ahead
//! and is synced first), sync, then change the table in memory, then answer. A crash leaves the
//! change whole or absent, since only a record that settles ends what counts.
//!
//! After any failed write or sync the file's end is not known any more: the directory is read-only
//! until all of it that was ever synced has been read back, verified and written to a new file.

use super::error::{Result, VdriveError};
use super::format::log::{Facts, Record, Salt};
use super::format::{DirectoryId, Row, RowId, SignedHead};
use super::table::{Change, Lease, Place, Table, Verdict};
use crate::base::hash::Hash;
use crate::base::limits::{
    LEASE_GRAIN_SECONDS, LEASE_SECONDS, LEASES_MAX, LOG_WASTE_MIN, ROW_IDS_MAX, ROWS_BULK_MAX,
    WHOLE_PIECE,
};
use crate::disk::{Cache, Disk, File, Mode};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::PathBuf;

/// Bytes of rows in one record of a change.
const PIECE: usize = ROWS_BULK_MAX;

/// What stands in a file at some offsets, though the disk says otherwise.
#[derive(Default)]
pub(super) struct Patches(pub BTreeMap<u64, u8>);

impl Patches {
    pub fn read(&self, file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = file.read(offset, len)?;
        for (at, byte) in self.0.range(offset..offset.saturating_add(len as u64)) {
            if let Some(place) = bytes.get_mut((at - offset) as usize) {
                *place = *byte;
            }
        }
        Ok(bytes)
    }
}

/// Whether the end of the file can be appended to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Nothing behind what counts.
    Clean,
    /// What a crash left half done is behind it.
    Torn,
    /// A write or sync failed; see the module.
    Unknown,
    /// The file is damaged: what is served of it is read past the damage, and not changed.
    Salvaged,
    /// Another file has its name, or may have it: it is to be read again.
    Replaced,
}

/// See the module.
pub(super) struct Directory {
    pub disk: Disk,
    pub path: PathBuf,
    pub facts: Facts,
    pub salt: Salt,
    pub file: File,
    /// Bytes of the file that are known to be others than it has.
    pub patches: Patches,
    /// Bytes of the file that count.
    pub len: u64,
    pub end: End,
    /// No use to write the file anew before it is longer than this.
    pub compact_above: u64,
    pub table: Table,
}

/// Rows with the head that they belong to.
pub(super) struct Page {
    pub rows: Bytes,
    pub more: bool,
}

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Applied,
    AlreadyApplied,
    Stale,
}

/// Rows of a change as records, and where each row will be when they begin at an offset.
#[derive(Default)]
struct Script {
    bytes: Vec<u8>,
    places: Vec<(RowId, Place)>,
}

impl Script {
    fn add(&mut self, salt: Salt, at: u64, record: &Record, rows: &[&Row]) {
        let begins = at + self.bytes.len() as u64;
        let mut offset = begins + record.rows_at();
        for row in rows {
            let len = row.encoded_len() as u32;
            self.places.push((row.id, Place { offset, len, seq: row.seq }));
            offset += u64::from(len);
        }
        self.bytes.extend(record.seal(salt, begins));
    }
}

/// Rows in groups of at most so many bytes, but for one that is longer by itself.
pub(super) fn pieces<'a>(most: usize, rows: impl Iterator<Item = &'a Row>) -> Vec<Vec<&'a Row>> {
    let (mut pieces, mut size): (Vec<Vec<&Row>>, usize) = (Vec::new(), 0);
    for row in rows {
        let len = row.encoded_len();
        match pieces.last_mut().filter(|_| size + len <= most) {
            Some(last) => last.push(row),
            None => {
                size = 0;
                pieces.push(vec![row]);
            }
        }
        size += len;
    }
    pieces
}

impl Directory {
    /// The newest head; every directory that was loaded has one.
    pub fn head(&self) -> Result<SignedHead> {
        self.table.head.ok_or(VdriveError::Corrupt)
    }

    /// Rows as they were written, appended to `out`; what stands together is read together.
    /// `Corrupt` if the disk has something else now.
    fn read_rows(&self, wanted: &[(RowId, Place)], out: &mut Vec<u8>) -> Result<()> {
        let mut rest = wanted;
        while let Some((_, first)) = rest.first() {
            let mut end = first.offset;
            let together = rest.iter().take_while(|(_, place)| {
                let goes_on = place.offset == end;
                end += if goes_on { u64::from(place.len) } else { 0 };
                goes_on
            });
            let (run, others) = rest.split_at_checked(together.count()).unwrap_or((rest, &[]));
            let len = (end - first.offset) as usize;
            let mut bytes: Bytes = self.patches.read(&self.file, first.offset, len)?.into();
            out.extend_from_slice(&bytes);
            for (id, _) in run {
                self.check_row(id, &mut bytes)?;
            }
            rest = others;
        }
        Ok(())
    }

    fn check_row(&self, id: &RowId, bytes: &mut Bytes) -> Result<()> {
        let row = Row::take(bytes).map_err(|_| VdriveError::Corrupt)?;
        if self.table.trie.get(id) != Ok(Some(row.hash())) {
            tracing::error!(path = %self.path.display(), "a row on disk has changed by itself");
            return Err(VdriveError::Corrupt);
        }
        Ok(())
    }

    /// The rows of these ids that one answer holds, in the order of the ids.
    pub fn rows(&self, ids: &[RowId]) -> Result<Bytes> {
        let there = ids.iter().take(ROW_IDS_MAX);
        let there = there.filter_map(|id| Some((*id, *self.table.rows.get(id)?)));
        let mut size = 0;
        let fits = there.take_while(|(_, place)| {
            size += place.len as usize;
            size <= ROWS_BULK_MAX
        });
        let mut out = Vec::new();
        self.read_rows(&fits.collect::<Vec<_>>(), &mut out)?;
        Ok(out.into())
    }

    /// Rows behind `after` with a sequence above `seq`, in order of their ids.
    pub fn page(&self, seq: u64, after: Option<RowId>, limit: usize) -> Result<Page> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.table.rows.range((from, Bound::Unbounded));
        let (mut wanted, mut size, mut more) = (Vec::new(), 0, false);
        for (id, place) in rows.filter(|(_, place)| place.seq > seq) {
            size += place.len as usize;
            if wanted.len() >= limit.max(1) || size > ROWS_BULK_MAX {
                more = true;
                break;
            }
            wanted.push((*id, *place));
        }
        let mut out = Vec::with_capacity(size.min(ROWS_BULK_MAX));
        self.read_rows(&wanted, &mut out)?;
        Ok(Page { rows: out.into(), more })
    }

    /// Ids removed by heads above `seq`; `None` if not all of them are known any more.
    pub fn removed_since(&self, seq: u64) -> Option<Vec<RowId>> {
        let removals = self.table.removals.iter().filter(|(by, _)| *by > seq);
        let gone = removals.filter(|(_, id)| !self.table.rows.contains_key(id));
        (seq >= self.table.known_since).then(|| gone.map(|(_, id)| *id).collect())
    }

    /// Makes a change, durably, or says why not.
    pub fn change(&mut self, change: &Change) -> Result<Outcome> {
        let trie = match self.table.judge(&self.facts, change)? {
            Verdict::AlreadyApplied => return Ok(Outcome::AlreadyApplied),
            Verdict::Stale => return Ok(Outcome::Stale),
            Verdict::Sound(trie) => trie,
        };
        self.ready()?;
        let places = self.write_change(change)?;
        self.table.apply(&change.head, trie, places, change.removed.iter().copied());
        Ok(Outcome::Applied)
    }

    fn write_change(&mut self, change: &Change) -> Result<Vec<(RowId, Place)>> {
        let mut rows = pieces(PIECE, change.rows.values());
        let last = rows.pop().unwrap_or_default();
        let mut removed: Vec<Vec<RowId>> = Vec::new();
        let ids: Vec<RowId> = change.removed.iter().copied().collect();
        removed.extend(ids.chunks(PIECE / 32).map(<[RowId]>::to_vec));
        let mut ahead = Script::default();
        for piece in rows {
            let record = Record::Rows(Row::encode_all(piece.iter().copied()));
            ahead.add(self.salt, self.len, &record, &piece);
        }
        let own = removed.pop().unwrap_or_default();
        for ids in removed {
            ahead.add(self.salt, self.len, &Record::Removed(ids), &[]);
        }
        let mut at = self.len;
        if !ahead.bytes.is_empty() {
            at = self.append(at, &ahead.bytes)?;
        }
        let rows = Row::encode_all(last.iter().copied());
        let record = Record::Change { head: Box::new(change.head), removed: own, rows };
        let mut script = Script { bytes: Vec::new(), places: ahead.places };
        script.add(self.salt, at, &record, &last);
        self.len = self.append(at, &script.bytes)?;
        Ok(script.places)
    }

    /// Writes at `at` and syncs; where the next write goes.
    fn append(&mut self, at: u64, bytes: &[u8]) -> Result<u64> {
        let file = &self.file;
        let written = file.write_at(bytes, at, Cache::Keep).and_then(|()| file.sync());
        match written {
            Ok(()) => Ok(at + bytes.len() as u64),
            Err(error) => {
                self.end = End::Unknown;
                tracing::error!(path = %self.path.display(), %error, "a change cannot be written");
                Err(error.into())
            }
        }
    }

    /// Makes the end of the file fit to be appended to.
    fn ready(&mut self) -> Result<()> {
        match self.end {
            End::Clean => Ok(()),
            End::Unknown => self.rewrite(),
            End::Salvaged => Err(VdriveError::Salvaged),
            End::Replaced => Err(VdriveError::ReadOnly),
            End::Torn => {
                let cut = self.file.set_len(self.len).and_then(|()| self.file.sync());
                self.end = if cut.is_ok() { End::Clean } else { End::Unknown };
                Ok(cut?)
            }
        }
    }

    /// Adds or renews a lease; when it ends.
    pub fn add_lease(&mut self, renew: Hash, cancel: Hash, now: u64) -> Result<u64> {
        let known = self.table.leases.get(&renew);
        if known.is_none() && self.table.leases.len() >= LEASES_MAX {
            return Err(VdriveError::TooMany);
        }
        let cancel = known.map_or(cancel, |lease| lease.cancel);
        self.write_lease(renew, cancel, now)
    }

    /// Renews a lease; when it ends.
    pub fn renew_lease(&mut self, renew: Hash, now: u64) -> Result<u64> {
        let lease = *self.table.leases.get(&renew).ok_or(VdriveError::NoSuchLease)?;
        self.write_lease(renew, lease.cancel, now)
    }

    fn write_lease(&mut self, renew: Hash, cancel: Hash, now: u64) -> Result<u64> {
        let end = now.saturating_add(LEASE_SECONDS);
        let known = self.table.leases.get(&renew).map_or(0, |lease| lease.end);
        if known.saturating_add(LEASE_GRAIN_SECONDS) > end {
            return Ok(known);
        }
        self.put_lease(renew, Lease { cancel, end })?;
        Ok(end)
    }

    /// Ends a lease.
    pub fn cancel_lease(&mut self, cancel: Hash) -> Result<()> {
        let found = self.table.leases.iter().find(|(_, lease)| lease.cancel == cancel);
        let renew = *found.ok_or(VdriveError::NoSuchLease)?.0;
        self.put_lease(renew, Lease { cancel, end: 0 })
    }

    fn put_lease(&mut self, renew: Hash, lease: Lease) -> Result<()> {
        self.ready()?;
        let Lease { cancel, end } = lease;
        let record = Record::Lease { renew, cancel, end };
        self.len = self.append(self.len, &record.seal(self.salt, self.len))?;
        self.table.note_lease(renew, lease);
        Ok(())
    }

    /// When the last lease ends; `None` without leases.
    pub fn lease_end(&self) -> Option<u64> {
        self.table.leases.values().map(|lease| lease.end).max()
    }

    /// Whether most of the file is of no use any more.
    pub fn is_wasteful(&self) -> bool {
        let useful = self.table.live.saturating_mul(2) + LOG_WASTE_MIN;
        self.end == End::Clean && self.len > useful.max(self.compact_above)
    }
}

/// A directory that is being made.
pub(super) fn first_file(facts: &Facts, salt: Salt, change: &Change) -> Vec<u8> {
    let header = facts.header(salt);
    let mut script = Script { bytes: header, places: Vec::new() };
    let mut rows = pieces(WHOLE_PIECE, change.rows.values());
    let last = rows.pop().unwrap_or_default();
    for piece in rows {
        let record = Record::Rows(Row::encode_all(piece.iter().copied()));
        script.add(salt, 0, &record, &piece);
    }
    let rows = Row::encode_all(last.iter().copied());
    let head = Box::new(change.head);
    script.add(salt, 0, &Record::Change { head, removed: Vec::new(), rows }, &last);
    script.bytes
}

/// Where a directory's file is written before it takes its name.
pub(super) fn new_path(path: &std::path::Path) -> PathBuf {
    path.with_extension("new")
}

/// A file of that name for a new beginning, whatever a crash left there.
pub(super) fn open_new(disk: &Disk, path: &std::path::Path) -> Result<File> {
    let file = disk.open(path, Mode::ChangeOrNew)?;
    if file.size()? > 0 {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Names a directory in logs: enough to find its file.
pub(super) fn short(id: &DirectoryId) -> String {
    crate::base::base32::encode(id).chars().take(12).collect()
}
