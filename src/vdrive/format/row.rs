//! One row of a directory, sealed by the client.
//!
//! ```text
//! row  = id 32 ‖ seq u64 ‖ len(read) u32 ‖ len(write) u32 ‖ read ‖ write      (big endian)
//! hash = tagged("tahoe_vdrive_row_v1", row)
//! ```
//! `seq` is the sequence of the head that brought the row. `read` and `write` are ciphertexts of
//! two audiences; nothing here can open them.

use super::{Malformed, RowId};
use crate::base::hash::{Hash, Tagged};
use crate::base::limits::{ROW_READ_MAX, ROW_WRITE_MAX};
use crate::codec::bytes_in::BytesIn;
use bytes::Bytes;

const TAG: &[u8] = b"tahoe_vdrive_row_v1";
/// Bytes of a row before its columns.
const FIXED: usize = 32 + 8 + 4 + 4;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub id: RowId,
    pub seq: u64,
    /// For whoever may read the directory.
    pub read: Bytes,
    /// For whoever may change it.
    pub write: Bytes,
}

impl Row {
    /// The same in memory of its own, where it came as a part of much more.
    #[must_use]
    pub fn apart(&self) -> Self {
        let (read, write) =
            (Bytes::copy_from_slice(&self.read), Bytes::copy_from_slice(&self.write));
        Self { read, write, ..*self }
    }

    fn fixed(&self) -> [u8; FIXED] {
        let mut out = [0; FIXED];
        let lengths = [self.read.len() as u32, self.write.len() as u32];
        let fields = self.id.iter().copied().chain(self.seq.to_be_bytes());
        let fields = fields.chain(lengths.into_iter().flat_map(u32::to_be_bytes));
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        out
    }

    /// Bytes of the encoded row.
    pub fn encoded_len(&self) -> usize {
        FIXED + self.read.len() + self.write.len()
    }

    /// Appends the row to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fixed());
        out.extend_from_slice(&self.read);
        out.extend_from_slice(&self.write);
    }

    /// What the trie knows of the row.
    pub fn hash(&self) -> Hash {
        let mut hash = Tagged::new(TAG);
        hash.update(&self.fixed());
        hash.update(&self.read);
        hash.update(&self.write);
        hash.finish()
    }

    /// Takes a row from the front of `bytes`; the columns share its memory.
    pub fn take(bytes: &mut Bytes) -> Result<Self, Malformed> {
        let mut fixed = BytesIn::new(bytes);
        let (id, seq) = (fixed.array()?, fixed.u64()?);
        let (read, write) = (fixed.u32()? as usize, fixed.u32()? as usize);
        if read > ROW_READ_MAX || write > ROW_WRITE_MAX || fixed.rest().len() < read + write {
            return Err(Malformed);
        }
        let mut row = bytes.split_to(FIXED + read + write).split_off(FIXED);
        let read = row.split_to(read);
        Ok(Self { id, seq, read, write: row })
    }

    /// The rows that `bytes` are, all of them.
    pub fn decode_all(mut bytes: Bytes) -> Result<Vec<Self>, Malformed> {
        let mut rows = Vec::new();
        while !bytes.is_empty() {
            rows.push(Self::take(&mut bytes)?);
        }
        Ok(rows)
    }

    /// Rows one after the other.
    pub fn encode_all<'a>(rows: impl IntoIterator<Item = &'a Self>) -> Bytes {
        let mut out = Vec::new();
        rows.into_iter().for_each(|row| row.encode(&mut out));
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(read: usize, write: usize) -> Row {
        Row { id: [7; 32], seq: 9, read: vec![1; read].into(), write: vec![2; write].into() }
    }

    #[test]
    fn rows_come_back_whole_and_no_cut_does() {
        let rows = [row(0, 0), row(3, 5), row(ROW_READ_MAX, ROW_WRITE_MAX)];
        let bytes = Row::encode_all(&rows);
        assert_eq!(Row::decode_all(bytes.clone()), Ok(rows.to_vec()));
        for cut in [1, 47, 49, 100, bytes.len() - 1] {
            assert!(Row::decode_all(bytes.slice(..cut)).is_err(), "{cut}");
        }
    }

    #[test]
    fn columns_above_their_limit_are_refused() {
        for row in [row(ROW_READ_MAX + 1, 0), row(0, ROW_WRITE_MAX + 1)] {
            assert_eq!(Row::decode_all(Row::encode_all([&row])), Err(Malformed));
        }
    }

    #[test]
    fn every_part_of_a_row_is_in_its_hash() {
        let (row, mut others) = (row(3, 5), vec![row(5, 3), row(8, 0)]);
        others.push(Row { seq: 8, ..row.clone() });
        others.push(Row { id: [8; 32], ..row.clone() });
        others.push(Row { read: Bytes::from_static(&[1, 1, 2]), ..row.clone() });
        assert!(others.iter().all(|other| other.hash() != row.hash()));
    }
}
