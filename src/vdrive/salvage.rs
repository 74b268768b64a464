//! A damaged log read past its damage, to the newest state whose root fits.
//!
//! Every record has a sum that holds for its place, so a record behind damage is found by looking for
//! where one begins, and a single bit that turned is put right by trying ([`mend`]). Each head then
//! says whether the rows known up to it are all that there were: what was lost and came to be replaced
//! or removed later is missing to nobody.
//!
//! Nothing is written here. What is served of a file like this takes no changes: whoever changes an
//! older state makes a second history beside the one that others have seen.

use super::directory::{Directory, End, Patches};
use super::error::{Result, VdriveError};
use super::format::head::SIGNED_HEAD_LEN;
use super::format::log::{Facts, Found, HEADER_LEN, RECORD_HEAD, Record, Salt};
use super::format::mend;
use super::rewrite::{Reading, facts_of};
use super::table::Table;
use crate::base::limits::{MEND_MAX, SALVAGE_SUMMED_MAX};
use crate::disk::{Disk, File, Mode};
use std::fmt;
use std::io;
use std::path::Path;

/// The shortest record of a change: its fixed part, a head, a count, a sum.
const CHANGE_MIN: u64 = (RECORD_HEAD + SIGNED_HEAD_LEN + 4 + 16) as u64;

/// What was found in a damaged log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Findings {
    /// Version and rows of the state that is whole.
    pub seq: u64,
    pub rows: u64,
    /// The newest version of which there is a trace.
    pub newest: u64,
    /// Records in which one bit was put right, the header included.
    pub mended: usize,
    /// Where bytes are no records: from, up to.
    pub lost: Vec<(u64, u64)>,
    /// Nothing newer can have been there.
    pub complete: bool,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, rows, newest, .. } = self;
        write!(f, "version {seq} is whole, with {rows} rows")?;
        match (self.complete, newest > seq) {
            (true, _) => write!(f, "; it is the newest")?,
            (false, true) => {
                write!(f, "; versions {} to {newest} and whatever came after are lost", seq + 1)?;
            }
            (false, false) => write!(f, "; whatever came after it is lost")?,
        }
        if self.mended > 0 {
            write!(f, "; records with one bit put right: {}", self.mended)?;
        }
        if let Some((from, _)) = self.lost.first() {
            let bytes: u64 = self.lost.iter().map(|(from, to)| to - from).sum();
            write!(f, "; bytes that are no records any more: {bytes}, the first at {from}")?;
        }
        Ok(())
    }
}

/// A record of the file; one that was put right is kept, since the file has another.
struct Piece {
    at: u64,
    len: usize,
    mended: Option<Record>,
}

/// Everything whole in a file.
#[derive(Default)]
struct Scan {
    pieces: Vec<Piece>,
    lost: Vec<(u64, u64)>,
    patches: Patches,
}

/// A search for records behind damage, which costs no more than it may.
struct Search<'a> {
    reading: Reading<'a>,
    salt: Salt,
    summed_max: u64,
}

impl Search<'_> {
    fn find(&mut self, at: u64) -> io::Result<Option<(Record, usize)>> {
        let found = Record::find(self.salt, at, &self.reading.from(at)?);
        Ok(match found {
            Found::Whole(record, len) => Some((record, len)),
            Found::Bad => None,
        })
    }

    fn may_sum(&mut self, bytes: u64) -> bool {
        let left = self.summed_max.checked_sub(bytes);
        self.summed_max = left.unwrap_or(self.summed_max);
        left.is_some()
    }

    /// Where the next whole record begins behind `offset`; the end if there is none.
    fn next(&mut self, offset: u64) -> io::Result<u64> {
        let (mut at, size) = (offset + 1, self.reading.size);
        while at < size {
            let bytes = self.reading.from(at)?;
            for begins in Record::beginnings(&bytes) {
                let rest = bytes.get(begins..).unwrap_or_default();
                let begins = at + begins as u64;
                let Some((len, _)) = Record::skim(rest) else { continue };
                if len as u64 > size - begins {
                    continue;
                }
                if !self.may_sum(len as u64) {
                    return Ok(size);
                }
                if self.find(begins)?.is_some() {
                    return Ok(begins);
                }
            }
            at += bytes.len().saturating_sub(RECORD_HEAD - 1).max(1) as u64;
        }
        Ok(size)
    }
}

impl Scan {
    fn of(file: &File, salt: Salt) -> io::Result<Self> {
        let reading = Reading::new(file)?;
        let (size, summed_max) = (reading.size, reading.size.saturating_add(SALVAGE_SUMMED_MAX));
        let mut search = Search { reading, salt, summed_max };
        let (mut this, mut at) = (Self::default(), HEADER_LEN as u64);
        while at < size {
            if let Some((_, len)) = search.find(at)? {
                this.pieces.push(Piece { at, len, mended: None });
                at += len as u64;
                continue;
            }
            let next = search.next(at)?;
            at = match this.mend(&mut search, at, next)? {
                Some(end) => end,
                None => {
                    this.lost.push((at, next));
                    next
                }
            };
        }
        Ok(this)
    }

    /// Puts right what was one record up to `next`, or up to where its head says, if several are
    /// damaged; where it ends.
    fn mend(&mut self, search: &mut Search<'_>, at: u64, next: u64) -> io::Result<Option<u64>> {
        let bytes = search.reading.from(at)?;
        let said = Record::skim(&bytes).map(|(len, _)| len as u64);
        let said = said.filter(|len| *len < next - at);
        for len in [Some(next - at), said].into_iter().flatten() {
            // Each of its bits in turn, and on average half of it for each.
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if len > MEND_MAX || bytes.len() < len || !search.may_sum((len * len * 4) as u64) {
                continue;
            }
            if let Some((one, record)) = mend::record(search.salt, at, &bytes.slice(..len)) {
                self.patches.0.insert(at + one.at as u64, one.byte);
                self.pieces.push(Piece { at, len, mended: Some(record) });
                return Ok(Some(at + len as u64));
            }
        }
        Ok(None)
    }

    /// Replays everything; the table at the piece of this number, with all leases, or what the
    /// sound states are.
    fn replay(&self, file: &File, facts: &Facts, salt: Salt, until: usize) -> Result<Replayed> {
        let mut reading = Reading::new(file)?;
        let mut done = Replayed { table: Table::default(), best: None, newest: 0 };
        let mut expected = HEADER_LEN as u64;
        for (number, piece) in self.pieces.iter().enumerate() {
            done.table.gap |= piece.at != expected;
            expected = piece.at + piece.len as u64;
            let record = match &piece.mended {
                Some(record) => record.clone(),
                None => match Record::find(salt, piece.at, &reading.from(piece.at)?) {
                    Found::Whole(record, _) => record,
                    Found::Bad => return Err(VdriveError::Corrupt),
                },
            };
            done.take(facts, (number, piece.at), &record, number <= until);
        }
        done.table.forget_pending();
        Ok(done)
    }
}

/// What a replay came to.
struct Replayed {
    table: Table,
    /// The last piece that left a sound state, and its version.
    best: Option<(usize, u64)>,
    newest: u64,
}

impl Replayed {
    fn take(&mut self, facts: &Facts, (number, at): (usize, u64), record: &Record, counts: bool) {
        if let Record::Lease { renew, cancel, end } = record {
            let lease = super::table::Lease { cancel: *cancel, end: *end };
            return self.table.note_lease(*renew, lease);
        }
        if !counts {
            return;
        }
        if let Record::Change { head, .. } | Record::Whole { head, .. } = record {
            self.newest = self.newest.max(head.head.seq);
        }
        match self.table.replay(&facts.id, record, at) {
            Err(_) => self.table.gap = true,
            Ok(()) if record.settles() && self.table.is_sound(facts) => {
                self.best = Some((number, self.table.seq()));
            }
            Ok(()) => {}
        }
    }
}

/// The newest whole state of a damaged file, to be read only; `Corrupt` if there is none.
pub(super) fn salvage(disk: &Disk, path: &Path) -> Result<(Directory, Findings)> {
    let file = disk.open(path, Mode::Read)?;
    let (facts, salt) = facts_of(&file)?;
    let header = file.read(0, HEADER_LEN)?;
    let scan = Scan::of(&file, salt)?;
    let all = scan.replay(&file, &facts, salt, usize::MAX)?;
    let (best, seq) = all.best.ok_or(VdriveError::Corrupt)?;
    let mut table = scan.replay(&file, &facts, salt, best)?.table;
    if !table.is_sound(&facts) {
        return Err(VdriveError::Corrupt);
    }
    if !scan.lost.is_empty() {
        // What was removed may be among it.
        table.known_since = seq;
    }
    let size = file.size()?;
    let end = scan.pieces.get(best).map_or(0, |piece| piece.at + piece.len as u64);
    let hides = |(from, to): &(u64, u64)| *from >= end && *to < size && to - from >= CHANGE_MIN;
    let header_mended = usize::from(Facts::from_header(&header).is_err());
    let findings = Findings {
        seq,
        rows: table.rows.len() as u64,
        newest: all.newest,
        mended: scan.patches.0.len() + header_mended,
        complete: all.newest == seq && !scan.lost.iter().any(hides),
        lost: scan.lost,
    };
    let (disk, path, patches) = (disk.clone(), path.to_owned(), scan.patches);
    let (len, end) = (size, End::Salvaged);
    let this =
        Directory { disk, path, facts, salt, file, patches, len, end, compact_above: 0, table };
    Ok((this, findings))
}
