//! What the lease journal holds, and how it is read back. Pure.
//!
//! ```text
//! file   = batch*
//! batch  = "LEASEJ1\n" | u64 sequence | u32 length | records | 16 bytes BLAKE2b of all before it
//! record = 16 SI | u8 share | u8 kind | edit?
//! edit   = u64 old length | u32 old leases | u32 new leases | u64 offset | u32 length | bytes
//! ```
//! Kind 0 is an edit, kind 1 says that what came before about this share is void. A batch is
//! written and synced as one, and the next one only after that; so after a crash only the last
//! batch can be incomplete, and nobody was told of it. Anything else that does not verify is
//! damage.

use crate::base::hash::blake2b;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::storage::container::Edit;
use std::collections::BTreeMap;

const MAGIC: &[u8; 8] = b"LEASEJ1\n";
const HEAD_LEN: usize = 8 + 8 + 4;
const SUM_LEN: usize = 16;

/// One share on this server.
pub type Key = (StorageIndex, ShareNum);

/// One entry of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// The share file's tail becomes this.
    Edit(Key, Edit),
    /// A new file takes this place: earlier edits are not about it.
    Void(Key),
}

/// What a journal says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Replay {
    /// The last edit of each share: earlier ones were synced before it began.
    pub edits: BTreeMap<Key, Edit>,
    /// Bad bytes before good ones: the file must be kept for inspection.
    pub damaged: bool,
    /// Where the next batch goes, and its sequence number.
    pub len: u64,
    pub next: u64,
}

fn put_record(out: &mut Vec<u8>, record: &Record) {
    let (Record::Edit((si, share), _) | Record::Void((si, share))) = record;
    out.extend_from_slice(&si.0);
    out.push(share.0);
    let Record::Edit(_, edit) = record else {
        return out.push(1);
    };
    out.push(0);
    out.extend_from_slice(&edit.old_len.to_be_bytes());
    out.extend_from_slice(&edit.old_leases.to_be_bytes());
    out.extend_from_slice(&edit.new_leases.to_be_bytes());
    out.extend_from_slice(&edit.offset.to_be_bytes());
    out.extend_from_slice(&(edit.bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(&edit.bytes);
}

/// The bytes of a record inside a batch.
pub fn encode(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    records.iter().for_each(|record| put_record(&mut out, record));
    out
}

/// A whole batch around encoded records.
pub fn seal(sequence: u64, records: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_LEN + records.len() + SUM_LEN);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&(records.len() as u32).to_be_bytes());
    out.extend_from_slice(records);
    let sum = blake2b(&out);
    out.extend(sum.into_iter().take(SUM_LEN));
    out
}

pub(in crate::storage) fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(head)
}

pub(in crate::storage) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take::<4>(bytes).map(|word| u32::from_be_bytes(*word))
}

pub(in crate::storage) fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    take::<8>(bytes).map(|word| u64::from_be_bytes(*word))
}

fn take_edit(bytes: &mut &[u8]) -> Option<Edit> {
    let (old_len, old_leases) = (take_u64(bytes)?, take_u32(bytes)?);
    let (new_leases, offset) = (take_u32(bytes)?, take_u64(bytes)?);
    let len = take_u32(bytes)? as usize;
    let (tail, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    let edit = Edit { old_len, old_leases, new_leases, offset, bytes: tail.to_vec() };
    edit.is_sound().then_some(edit)
}

fn take_record(bytes: &mut &[u8]) -> Option<Record> {
    let si = StorageIndex(*take::<16>(bytes)?);
    let [share, kind] = *take::<2>(bytes)?;
    let key = (si, ShareNum(share));
    match kind {
        0 => Some(Record::Edit(key, take_edit(bytes)?)),
        1 => Some(Record::Void(key)),
        _ => None,
    }
}

fn decode(mut bytes: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        records.push(take_record(&mut bytes)?);
    }
    Some(records)
}

struct Batch {
    sequence: u64,
    records: Vec<Record>,
    len: usize,
}

/// The batch at the start of `bytes`, if it is whole and verifies.
fn take_batch(bytes: &[u8]) -> Option<Batch> {
    let mut rest = bytes;
    if take::<8>(&mut rest)? != MAGIC {
        return None;
    }
    let sequence = take_u64(&mut rest)?;
    let len = take_u32(&mut rest)? as usize;
    let (payload, mut rest) = rest.split_at_checked(len)?;
    let sum = take::<SUM_LEN>(&mut rest)?;
    let sealed = bytes.get(..HEAD_LEN.checked_add(len)?)?;
    if !blake2b(sealed).starts_with(sum) {
        return None;
    }
    Some(Batch { sequence, records: decode(payload)?, len: HEAD_LEN + len + SUM_LEN })
}

/// The first place at or after `from` where a batch verifies.
fn resume(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let starts = rest.windows(MAGIC.len()).enumerate().filter(|(_, at)| *at == MAGIC);
    let mut places = starts.map(|(at, _)| from + at).take(RESUME_TRIES);
    places.find(|at| bytes.get(*at..).and_then(take_batch).is_some())
}

/// Places tried after damage: each costs a checksum, and honest journals have few.
const RESUME_TRIES: usize = 4_096;

/// Reads a journal back.
pub fn replay(bytes: &[u8]) -> Replay {
    let mut found = Replay::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(batch) = take_batch(rest) else {
            match resume(bytes, at + 1) {
                Some(next) => (at, found.damaged) = (next, true),
                None => break,
            }
            continue;
        };
        found.damaged |= found.len > 0 && batch.sequence != found.next;
        found.next = batch.sequence.wrapping_add(1);
        at += batch.len;
        found.len = at as u64;
        for record in batch.records {
            match record {
                Record::Edit(key, edit) => found.edits.insert(key, edit),
                Record::Void(key) => found.edits.remove(&key),
            };
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        (StorageIndex([n; 16]), ShareNum(n))
    }

    fn edit(n: u8) -> Edit {
        let (old_len, old_leases) = (12 + 100 + 72, 1);
        Edit { old_len, old_leases, new_leases: 2, offset: old_len, bytes: vec![n; 72] }
    }

    fn journal() -> Vec<u8> {
        let batches = [
            vec![Record::Edit(key(1), edit(1)), Record::Edit(key(2), edit(2))],
            vec![Record::Void(key(2))],
            vec![Record::Edit(key(1), edit(3))],
        ];
        let sealed = batches.iter().zip(7..).map(|(records, n)| seal(n, &encode(records)));
        sealed.flatten().collect()
    }

    #[test]
    fn the_last_edit_of_each_share_counts_and_void_ones_do_not() {
        let bytes = journal();
        let found = replay(&bytes);
        assert_eq!(found.edits, BTreeMap::from([(key(1), edit(3))]));
        assert_eq!((found.damaged, found.len, found.next), (false, bytes.len() as u64, 10));
        assert_eq!(replay(&[]), Replay::default());
    }

    #[test]
    fn an_incomplete_last_batch_is_dropped_wherever_it_breaks_off() {
        let bytes = journal();
        let last = bytes.len() - seal(9, &encode(&[Record::Edit(key(1), edit(3))])).len();
        for end in last..bytes.len() {
            let found = replay(&bytes[..end]);
            assert_eq!(found.edits, BTreeMap::from([(key(1), edit(1))]), "cut at {end}");
            assert_eq!((found.damaged, found.len), (false, last as u64));
        }
    }

    #[test]
    fn any_flipped_bit_before_good_batches_is_damage() {
        let whole = journal();
        let last = whole.len() - seal(9, &encode(&[Record::Edit(key(1), edit(3))])).len();
        for at in 0..last {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let found = replay(&bytes);
            assert!(found.damaged, "flip at {at}");
            assert_eq!(found.edits.get(&key(1)), Some(&edit(3)));
        }
    }

    #[test]
    fn an_edit_outside_the_lease_area_is_not_taken() {
        let good = edit(1);
        let bad = [
            Edit { offset: 12, ..good.clone() },
            Edit { offset: good.offset + 1, ..good.clone() },
            Edit { offset: good.offset + 72, ..good.clone() },
            Edit { old_leases: 3, ..good.clone() },
            Edit { bytes: vec![0; 71], ..good.clone() },
            Edit { new_leases: 0, bytes: vec![], ..good.clone() },
            Edit { offset: u64::MAX, ..good.clone() },
            Edit { old_len: u64::MAX, new_leases: u32::MAX, ..good },
        ];
        for edit in bad {
            let bytes = seal(0, &encode(&[Record::Edit(key(1), edit.clone())]));
            assert_eq!(replay(&bytes).edits, BTreeMap::new(), "{edit:?}");
        }
    }
}
