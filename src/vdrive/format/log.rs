//! The file of one directory: a header, then records, appended and never changed.
//!
//! ```text
//! header  = "tahoevd1" ‖ directory 32 ‖ verify key 32 ‖ read facet 32 ‖ write facet 32 ‖ salt 16 ‖ sum
//! record  = "tvr1" ‖ kind u8 ‖ length of body u32 ‖ body ‖ sum                  (big endian)
//! sum     = first 16 bytes of tagged("tahoe_vdrive_log_v1", salt ‖ offset u64 ‖ all before the sum)
//!
//! 1 rows     row…                                       not there before the next change or whole
//! 2 removed  id 32…                                     likewise
//! 3 change   signed head 196 ‖ count u32 ‖ removed id 32… ‖ row…
//! 4 whole    signed head 196 ‖ removals known since u64 ‖ recent change id 16…
//!            the rows since the header are all rows that there are; opens a file written anew
//! 5 lease    digest of renew secret 32 ‖ digest of cancel secret 32 ‖ end u64; 0: it is no more
//! ```
//! The salt never leaves the server, and a sum holds for one place in one file. So nobody who
//! chooses what a row contains can make bytes in it pass for a record.

use super::{DirectoryId, Malformed, RowId, SignedHead, head::SIGNED_HEAD_LEN};
use crate::base::hash::{Hash, Tagged, truncated};
use crate::base::limits::LOG_RECORD_MAX;
use crate::codec::bytes_in::BytesIn;
use bytes::Bytes;

const MAGIC: [u8; 8] = *b"tahoevd1";
pub(super) const RECORD: [u8; 4] = *b"tvr1";
const TAG: &[u8] = b"tahoe_vdrive_log_v1";
pub(super) const SUM_LEN: usize = 16;
/// Bytes of a record before its body.
pub const RECORD_HEAD: usize = 4 + 1 + 4;
/// Bytes of a file's header.
pub const HEADER_LEN: usize = 8 + 4 * 32 + 16 + SUM_LEN;
/// Bytes that may have to be seen to tell whether a record is whole.
pub const SEEN_MAX: usize = RECORD_HEAD + LOG_RECORD_MAX + SUM_LEN;

/// What a directory is from its first day on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    pub id: DirectoryId,
    /// Verifies the directory's heads.
    pub verify_key: [u8; 32],
    /// BLAKE2b-256 digests of the facets' swissnums.
    pub read_facet: Hash,
    pub write_facet: Hash,
}

/// What makes this file's sums its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// One record, its rows not yet taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    Rows(Bytes),
    Removed(Vec<RowId>),
    Change { head: Box<SignedHead>, removed: Vec<RowId>, rows: Bytes },
    Whole { head: Box<SignedHead>, known_since: u64, recent: Vec<[u8; 16]> },
    Lease { renew: Hash, cancel: Hash, end: u64 },
}

/// What stands at some place of a file.
#[derive(Debug)]
pub enum Found {
    /// A record, and the bytes that it takes.
    Whole(Record, usize),
    /// Nothing that this file's writer finished there.
    Bad,
}

/// A sum over what is still to come.
pub(super) fn summing(salt: Salt, offset: u64) -> Tagged {
    let mut hash = Tagged::new(TAG);
    hash.update(&salt.0);
    hash.update(&offset.to_be_bytes());
    hash
}

fn sum(salt: Salt, offset: u64, bytes: &[u8]) -> [u8; SUM_LEN] {
    let mut hash = summing(salt, offset);
    hash.update(bytes);
    truncated(hash.finish())
}

fn seal(kind: u8, body: impl FnOnce(&mut Vec<u8>), salt: Salt, offset: u64) -> Vec<u8> {
    let mut out = RECORD.to_vec();
    out.extend_from_slice(&[kind, 0, 0, 0, 0]);
    body(&mut out);
    let len = (out.len() - RECORD_HEAD) as u32;
    if let Some(place) = out.get_mut(5..RECORD_HEAD) {
        place.copy_from_slice(&len.to_be_bytes());
    }
    let sum = sum(salt, offset, &out);
    out.extend_from_slice(&sum);
    out
}

impl Facts {
    /// The header of a file.
    pub fn header(&self, salt: Salt) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for field in [&self.id, &self.verify_key, &self.read_facet, &self.write_facet] {
            out.extend_from_slice(field);
        }
        out.extend_from_slice(&salt.0);
        let sum = sum(salt, 0, &out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads a header.
    pub fn from_header(bytes: &[u8]) -> Result<(Self, Salt), Malformed> {
        let signed = bytes.get(..HEADER_LEN - SUM_LEN).ok_or(Malformed)?;
        let mut rest = BytesIn::new(bytes);
        if rest.array()? != MAGIC {
            return Err(Malformed);
        }
        let facts = Self {
            id: rest.array()?,
            verify_key: rest.array()?,
            read_facet: rest.array()?,
            write_facet: rest.array()?,
        };
        let salt = Salt(rest.array()?);
        let good = rest.array::<SUM_LEN>()? == sum(salt, 0, signed);
        good.then_some((facts, salt)).ok_or(Malformed)
    }
}

impl Record {
    fn kind(&self) -> u8 {
        match self {
            Self::Rows(_) => 1,
            Self::Removed(_) => 2,
            Self::Change { .. } => 3,
            Self::Whole { .. } => 4,
            Self::Lease { .. } => 5,
        }
    }

    /// Whether what came before it counts from here on.
    pub fn settles(&self) -> bool {
        !matches!(self, Self::Rows(_) | Self::Removed(_))
    }

    fn body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Rows(rows) => out.extend_from_slice(rows),
            Self::Removed(ids) => out.extend(ids.iter().flatten()),
            Self::Change { head, removed, rows } => {
                out.extend_from_slice(&head.to_bytes());
                out.extend_from_slice(&(removed.len() as u32).to_be_bytes());
                out.extend(removed.iter().flatten());
                out.extend_from_slice(rows);
            }
            Self::Whole { head, known_since, recent } => {
                out.extend_from_slice(&head.to_bytes());
                out.extend_from_slice(&known_since.to_be_bytes());
                out.extend(recent.iter().flatten());
            }
            Self::Lease { renew, cancel, end } => {
                out.extend_from_slice(renew);
                out.extend_from_slice(cancel);
                out.extend_from_slice(&end.to_be_bytes());
            }
        }
    }

    /// Where rows begin in the record, if it has any.
    pub fn rows_at(&self) -> u64 {
        let before = match self {
            Self::Change { removed, .. } => SIGNED_HEAD_LEN + 4 + removed.len() * 32,
            _ => 0,
        };
        (RECORD_HEAD + before) as u64
    }

    /// The record as it stands at `offset` of a file.
    pub fn seal(&self, salt: Salt, offset: u64) -> Vec<u8> {
        seal(self.kind(), |out| self.body(out), salt, offset)
    }

    /// A record of any kind with any body.
    pub(in crate::vdrive) fn sealed_raw(kind: u8, body: &[u8], salt: Salt, offset: u64) -> Vec<u8> {
        seal(kind, |out| out.extend_from_slice(body), salt, offset)
    }

    fn parse(kind: u8, body: Bytes) -> Result<Self, Malformed> {
        let mut rest = BytesIn::new(&body);
        let left = |rest: BytesIn<'_>| body.slice(body.len() - rest.rest().len()..);
        Ok(match kind {
            1 => Self::Rows(body),
            2 => Self::Removed(ids(rest.rest())?),
            3 => {
                let head = Box::new(SignedHead::from_bytes(rest.take(SIGNED_HEAD_LEN)?)?);
                let count = rest.u32()? as usize;
                let removed = ids(rest.take(count.checked_mul(32).ok_or(Malformed)?)?)?;
                Self::Change { head, removed, rows: left(rest) }
            }
            4 => {
                let head = Box::new(SignedHead::from_bytes(rest.take(SIGNED_HEAD_LEN)?)?);
                let known_since = rest.u64()?;
                let (recent, []) = rest.rest().as_chunks::<16>() else { return Err(Malformed) };
                Self::Whole { head, known_since, recent: recent.to_vec() }
            }
            5 => {
                let (renew, cancel, end) = (rest.array()?, rest.array()?, rest.u64()?);
                if !rest.is_empty() {
                    return Err(Malformed);
                }
                Self::Lease { renew, cancel, end }
            }
            _ => return Err(Malformed),
        })
    }

    /// What stands at `offset` of a file, of which `bytes` are what follows there: at least
    /// [`SEEN_MAX`] of them, or all.
    pub fn find(salt: Salt, offset: u64, bytes: &Bytes) -> Found {
        Self::take(salt, offset, bytes).unwrap_or(Found::Bad)
    }

    /// Bytes that a record takes, and whether it is of a lease, as its head says, which proves
    /// nothing; `None` where no record begins.
    pub fn skim(head: &[u8]) -> Option<(usize, bool)> {
        let mut rest = BytesIn::new(head);
        let magic: [u8; 4] = rest.array().ok()?;
        let [kind] = rest.array().ok()?;
        let len = rest.u32().ok()? as usize;
        let fits = magic == RECORD && len <= LOG_RECORD_MAX;
        fits.then_some((RECORD_HEAD + len + SUM_LEN, kind == 5))
    }

    pub(super) fn take(salt: Salt, offset: u64, bytes: &Bytes) -> Result<Found, Malformed> {
        let mut rest = BytesIn::new(bytes);
        if rest.array()? != RECORD {
            return Err(Malformed);
        }
        let [kind] = rest.array()?;
        let len = rest.u32()? as usize;
        if len > LOG_RECORD_MAX {
            return Err(Malformed);
        }
        rest.take(len)?;
        let given: [u8; SUM_LEN] = rest.array()?;
        let body_end = RECORD_HEAD + len;
        if sum(salt, offset, bytes.get(..body_end).ok_or(Malformed)?) != given {
            return Err(Malformed);
        }
        let record = Self::parse(kind, bytes.slice(RECORD_HEAD..body_end))?;
        Ok(Found::Whole(record, body_end + SUM_LEN))
    }

    /// Places in `bytes` where a record may begin.
    pub fn beginnings(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
        bytes.windows(RECORD.len()).enumerate().filter(|(_, at)| *at == RECORD).map(|(at, _)| at)
    }
}

fn ids(bytes: &[u8]) -> Result<Vec<RowId>, Malformed> {
    match bytes.as_chunks::<32>() {
        (ids, []) => Ok(ids.to_vec()),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Head;
    use super::*;

    const SALT: Salt = Salt([9; 16]);

    fn records() -> Vec<Record> {
        let head = Head {
            directory: [1; 32],
            seq: 1,
            previous: [0; 32],
            root: [2; 32],
            rows: 3,
            change: [4; 16],
        };
        let head = Box::new(SignedHead { head, signature: [5; 64] });
        let rows = Bytes::from_static(b"rows");
        vec![
            Record::Rows(rows.clone()),
            Record::Removed(vec![[1; 32], [2; 32]]),
            Record::Change { head: head.clone(), removed: vec![[3; 32]], rows },
            Record::Whole { head, known_since: 7, recent: vec![[8; 16]; 3] },
            Record::Lease { renew: [1; 32], cancel: [2; 32], end: 3 },
        ]
    }

    #[test]
    fn records_are_read_where_they_were_written_and_nowhere_else() {
        for record in records() {
            let bytes = Bytes::from(record.seal(SALT, 77));
            match Record::find(SALT, 77, &bytes) {
                Found::Whole(read, len) => assert_eq!((read, len), (record, bytes.len())),
                Found::Bad => panic!("{record:?}"),
            }
            for (salt, at) in [(SALT, 78), (Salt([8; 16]), 77)] {
                assert!(matches!(Record::find(salt, at, &bytes), Found::Bad));
            }
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.to_vec();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(matches!(Record::find(SALT, 77, &bad.into()), Found::Bad), "bit {bit}");
            }
            for len in 0..bytes.len() {
                assert!(matches!(Record::find(SALT, 77, &bytes.slice(..len)), Found::Bad));
            }
        }
    }

    #[test]
    fn rows_are_where_the_record_says() {
        for record in records() {
            let (Record::Rows(rows) | Record::Change { rows, .. }) = &record else { continue };
            let bytes = record.seal(SALT, 0);
            assert!(bytes[record.rows_at() as usize..].starts_with(rows));
        }
    }

    #[test]
    fn a_header_keeps_its_facts_and_no_flipped_bit_is_believed() {
        let facts =
            Facts { id: [1; 32], verify_key: [2; 32], read_facet: [3; 32], write_facet: [4; 32] };
        let bytes = facts.header(SALT);
        assert_eq!(bytes.len(), HEADER_LEN);
        assert!(Facts::from_header(&bytes).is_ok_and(|(read, salt)| read == facts && salt == SALT));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Facts::from_header(&bad).is_err(), "bit {bit}");
        }
    }
}
