//! Rows under lock and key: what a directory's server keeps and cannot read.
//!
//! ```text
//! read key ──► row id key      row id = tagged(…, row id key ‖ name in NFC)
//!         └──► read column key                  write key ──► write column key
//!
//! column = nonce 12 ‖ AES-256-GCM(body ‖ zeros up to the bucket)       tag 16 at the end
//! AAD    = directory id 32 ‖ row id 32 ‖ seq u64 ‖ column u8           (all big endian)
//! read column  (0): name u16 ‖ text, read cap u16 ‖ text, metadata u32 ‖ JSON
//! write column (1): write cap u16 ‖ text; empty where there is none
//! ```
//! Lengths are padded to a few buckets and the write column is always there, so that its server sees
//! neither how long a name is, nor what a child is, nor whether it may be written to. A ciphertext
//! fits its place, row and version only. That a reader could seal one does not help it: rows count
//! by the signature over all of them.

use super::table::parse_metadata;
use super::target::without_prefix;
use super::{Child, DirError, Entry, Target, json, names};
use crate::base::hash::{Hash, tagged};
use crate::base::limits::{CAP_TEXT_MAX, METADATA_MAX, NAME_MAX, ROW_READ_MAX, ROW_WRITE_MAX};
use crate::base::system::random;
use crate::cap::dir::{DirReadKey, DirWriteKey};
use crate::cap::{DirCap, DirReadCap};
use crate::codec::bytes_in::BytesIn;
use crate::vdrive::format::{DirectoryId, Row, RowId};
use bytes::Bytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

const ROW_ID_TAG: &[u8] = b"tahoe_vdrive_read_key_to_row_id_key_v1";
const ROW_TAG: &[u8] = b"tahoe_vdrive_row_id_v1";
const READ_TAG: &[u8] = b"tahoe_vdrive_read_key_to_read_column_key_v1";
const WRITE_TAG: &[u8] = b"tahoe_vdrive_write_key_to_write_column_key_v1";

const NONCE_LEN: usize = 12;
const OVERHEAD: usize = NONCE_LEN + 16;
/// Smallest columns; each further bucket is twice as large. A usual link fits the first ones.
const READ_BUCKET: usize = 384;
const WRITE_BUCKET: usize = 256;

#[derive(Clone, Copy)]
enum Column {
    Read = 0,
    Write = 1,
}

/// The keys of one directory's rows: to read them, or to write them too.
pub struct RowKeys {
    directory: DirectoryId,
    row_id: Zeroizing<Hash>,
    read: LessSafeKey,
    write: Option<LessSafeKey>,
}

impl RowKeys {
    pub fn reader(cap: &DirReadCap) -> Result<Self, DirError> {
        Self::of(cap, None)
    }

    pub fn writer(cap: &DirCap) -> Result<Self, DirError> {
        Self::of(&cap.read_cap(), Some(cap.key()))
    }

    pub(super) fn of(cap: &DirReadCap, write: Option<&DirWriteKey>) -> Result<Self, DirError> {
        let read: &DirReadKey = cap.key();
        Ok(Self {
            directory: cap.directory_id(),
            row_id: Zeroizing::new(tagged(ROW_ID_TAG, read.reveal())),
            read: cipher(READ_TAG, read.reveal())?,
            write: write.map(|key| cipher(WRITE_TAG, key.reveal())).transpose()?,
        })
    }

    /// Where the child of a name in NFC is.
    pub fn row_id(&self, name: &str) -> RowId {
        tagged(ROW_TAG, &[&self.row_id[..], name.as_bytes()].concat())
    }

    /// Seals a link as it stands from version `seq` on.
    pub fn seal(&self, entry: &Entry, seq: u64) -> Result<Row, DirError> {
        let write = self.write.as_ref().ok_or(DirError::ReadOnly)?;
        let id = self.row_id(&entry.name);
        let body = read_body(entry)?;
        let read =
            self.seal_column(&self.read, body, READ_BUCKET, &self.aad(&id, seq, Column::Read));
        let rw = entry.child.target.write_uri().unwrap_or_default();
        let mut body = Zeroizing::new(Vec::new());
        field(&mut body, rw.as_bytes(), CAP_TEXT_MAX, "a capability")?;
        let aad = self.aad(&id, seq, Column::Write);
        let write = self.seal_column(write, body, WRITE_BUCKET, &aad);
        let (Some(read), Some(write)) = (read, write) else {
            return Err(DirError::TooBig("a link"));
        };
        if read.len() > ROW_READ_MAX || write.len() > ROW_WRITE_MAX {
            return Err(DirError::TooBig("a link"));
        }
        Ok(Row { id, seq, read: read.into(), write: write.into() })
    }

    /// Opens a row: the link, with write access only for who has the write key.
    pub fn open(&self, row: &Row) -> Result<Entry, DirError> {
        let body = open_column(&self.read, &row.read, &self.aad(&row.id, row.seq, Column::Read))?;
        let mut rest = BytesIn::new(&body);
        let (name, ro) = (take(&mut rest)?, take(&mut rest)?);
        let len = rest.u32().map_err(|_| CUT)? as usize;
        let metadata = parse_metadata(rest.take(len).map_err(|_| CUT)?)?;
        // Whoever reads here reads all the way down, and no more.
        let read = Target::from_caps(None, Some(ro), false).map(|target| target.read_only());
        let target = match &self.write {
            None => read,
            Some(key) => {
                let aad = self.aad(&row.id, row.seq, Column::Write);
                let body = Zeroizing::new(open_column(key, &row.write, &aad)?);
                match take(&mut BytesIn::new(&body))? {
                    "" => read,
                    rw => Target::from_caps(Some(rw), Some(ro), false),
                }
            }
        };
        let target = target.map_err(|_| DirError::Corrupt("a link holds no usable capability"))?;
        if name.len() > NAME_MAX {
            // No call could name it.
            return Err(DirError::Corrupt("the name of a link is too long"));
        }
        if self.row_id(name) != row.id || names::nfc(name) != name {
            return Err(DirError::Corrupt("a link is filed under another name"));
        }
        Ok(Entry { name: name.to_owned(), child: Child { target, metadata } })
    }

    fn aad(&self, id: &RowId, seq: u64, column: Column) -> Vec<u8> {
        [&self.directory[..], id, &seq.to_be_bytes(), &[column as u8]].concat()
    }

    /// `None` if there is more than a cipher takes.
    fn seal_column(
        &self,
        key: &LessSafeKey,
        mut body: Zeroizing<Vec<u8>>,
        bucket: usize,
        aad: &[u8],
    ) -> Option<Vec<u8>> {
        let length = padded(body.len(), bucket);
        body.resize(length, 0);
        let nonce: [u8; NONCE_LEN] = random();
        let tag = key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut body,
            )
            .ok()?;
        Some([&nonce[..], &body, tag.as_ref()].concat())
    }
}

const CUT: DirError = DirError::Corrupt("a link is cut");

fn cipher(tag: &[u8], key: &[u8; 32]) -> Result<LessSafeKey, DirError> {
    let key = Zeroizing::new(tagged(tag, key));
    // 32 bytes are always a key.
    let key = UnboundKey::new(&AES_256_GCM, &key[..]).map_err(|_| DirError::Corrupt("no key"))?;
    Ok(LessSafeKey::new(key))
}

/// Plaintext bytes whose ciphertext fills a bucket.
fn padded(len: usize, smallest: usize) -> usize {
    let mut bucket = smallest;
    while bucket < len + OVERHEAD {
        bucket *= 2;
    }
    // The last step goes to the limit of a column, which is no bucket of the row.
    let fits = len + OVERHEAD <= ROW_READ_MAX;
    if fits { bucket.min(ROW_READ_MAX) - OVERHEAD } else { bucket - OVERHEAD }
}

fn read_body(entry: &Entry) -> Result<Zeroizing<Vec<u8>>, DirError> {
    let Entry { name, child } = entry;
    let name = names::normalise(name)?;
    let ro = child.target.read_uri().unwrap_or_default();
    let metadata = json::spell(&child.metadata.map());
    let mut body = Zeroizing::new(Vec::with_capacity(2 * READ_BUCKET));
    field(&mut body, name.as_bytes(), usize::from(u16::MAX), "a name")?;
    field(&mut body, without_prefix(&ro, false).as_bytes(), CAP_TEXT_MAX, "a capability")?;
    if metadata.len() > METADATA_MAX {
        return Err(DirError::TooBig("metadata"));
    }
    body.extend_from_slice(&(metadata.len() as u32).to_be_bytes());
    body.extend_from_slice(metadata.as_bytes());
    Ok(body)
}

fn field(body: &mut Vec<u8>, text: &[u8], max: usize, what: &'static str) -> Result<(), DirError> {
    let len = u16::try_from(text.len()).ok().filter(|_| text.len() <= max);
    body.extend_from_slice(&len.ok_or(DirError::TooBig(what))?.to_be_bytes());
    body.extend_from_slice(text);
    Ok(())
}

fn take<'a>(rest: &mut BytesIn<'a>) -> Result<&'a str, DirError> {
    let len = rest.u16().map_err(|_| CUT)?;
    let text = rest.take(usize::from(len)).map_err(|_| CUT)?;
    std::str::from_utf8(text).map_err(|_| DirError::Corrupt("a link is not UTF-8"))
}

fn open_column(key: &LessSafeKey, column: &Bytes, aad: &[u8]) -> Result<Vec<u8>, DirError> {
    const WRONG: DirError = DirError::Corrupt("a row does not open with the directory's key");
    let (nonce, sealed) = column.split_first_chunk::<NONCE_LEN>().ok_or(WRONG)?;
    let mut body = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let len = key.open_in_place(nonce, Aad::from(aad), &mut body).map_err(|_| WRONG)?.len();
    body.truncate(len);
    Ok(body)
}

#[cfg(test)]
pub(super) mod tests;
