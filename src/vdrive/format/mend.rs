//! A single bit that turned, found by trying: the sum of what it is in tells when it is right.
//!
//! Sums are keyed and bound to their place, so what fits one of them is what was written there.

use super::log::{Facts, Found, HEADER_LEN, RECORD, RECORD_HEAD, Record, SUM_LEN, Salt, summing};
use crate::base::hash::truncated;
use crate::base::limits::MEND_MAX;
use bytes::Bytes;

/// The byte that stood at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mended {
    pub at: usize,
    pub byte: u8,
}

fn turned(byte: u8) -> impl Iterator<Item = u8> {
    (0..8).map(move |bit| byte ^ (1 << bit))
}

fn with(bytes: &[u8], Mended { at, byte }: Mended) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if let Some(place) = out.get_mut(at) {
        *place = byte;
    }
    out
}

/// A header of which one bit is wrong.
pub fn header(bytes: &[u8]) -> Option<(Facts, Salt)> {
    let bytes = bytes.get(..HEADER_LEN)?;
    let tries = bytes.iter().enumerate();
    let mut tries = tries.flat_map(|(at, byte)| turned(*byte).map(move |byte| Mended { at, byte }));
    tries.find_map(|one| Facts::from_header(&with(bytes, one)).ok())
}

/// The wrong bit of what was one record at `offset`, all of `bytes`, and the record.
pub fn record(salt: Salt, offset: u64, bytes: &Bytes) -> Option<(Mended, Record)> {
    if bytes.len() > MEND_MAX {
        return None;
    }
    let one = find(salt, offset, bytes)?;
    match Record::take(salt, offset, &with(bytes, one).into()) {
        Ok(Found::Whole(record, len)) if len == bytes.len() => Some((one, record)),
        _ => None,
    }
}

fn find(salt: Salt, offset: u64, bytes: &[u8]) -> Option<Mended> {
    let summed = bytes.len().checked_sub(SUM_LEN)?;
    let body = summed.checked_sub(RECORD_HEAD)?;
    let (front, given) = bytes.split_at_checked(summed)?;
    // What is certain of a record's head: all but its kind.
    let certain = RECORD.iter().copied().map(Some).chain([None]);
    let certain = certain.chain((body as u32).to_be_bytes().into_iter().map(Some));
    let wrong: Vec<Mended> = certain
        .zip(front)
        .enumerate()
        .filter_map(|(at, (byte, found))| Some(Mended { at, byte: byte.filter(|b| b != found)? }))
        .collect();
    match wrong.as_slice() {
        [] => {}
        [one] => return Some(*one),
        _ => return None,
    }
    let mut before = summing(salt, offset);
    for (at, found) in front.iter().enumerate() {
        let rest = front.get(at + 1..)?;
        for byte in turned(*found) {
            let mut sum = before.clone();
            sum.update(&[byte]);
            sum.update(rest);
            if truncated::<SUM_LEN>(sum.finish()) == given {
                return Some(Mended { at, byte });
            }
        }
        before.update(&[*found]);
    }
    let sum: [u8; SUM_LEN] = truncated(before.finish());
    let mut wrong = sum.iter().zip(given).enumerate().filter(|(_, (byte, found))| byte != found);
    let (at, (byte, _)) = wrong.next()?;
    wrong.next().is_none().then_some(Mended { at: summed + at, byte: *byte })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([9; 16]);

    #[test]
    fn any_one_bit_of_a_record_is_put_right_and_two_are_not() {
        let records = [
            Record::Rows(Bytes::from_static(b"rows")),
            Record::Lease { renew: [1; 32], cancel: [2; 32], end: 3 },
        ];
        for record in records {
            let good = record.seal(SALT, 77);
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                let (one, read) = super::record(SALT, 77, &bad.clone().into()).unwrap();
                assert_eq!((one.at, one.byte), (bit / 8, good[bit / 8]), "bit {bit}");
                assert_eq!(read, record);
                assert!(super::record(SALT, 78, &bad.clone().into()).is_none());
                bad[(bit / 8 + 1) % good.len()] ^= 1;
                assert!(super::record(SALT, 77, &bad.into()).is_none(), "bit {bit}");
            }
        }
    }

    #[test]
    fn nothing_is_made_of_what_was_no_record() {
        for len in 0..200 {
            assert!(record(SALT, 0, &vec![0; len].into()).is_none());
        }
    }

    #[test]
    fn records_are_tried_up_to_a_length() {
        for (len, mended) in [(MEND_MAX - 1, true), (MEND_MAX, true), (MEND_MAX + 1, false)] {
            let rows = Bytes::from(vec![5; len - RECORD_HEAD - SUM_LEN]);
            let mut bytes = Record::Rows(rows).seal(SALT, 0);
            assert_eq!(bytes.len(), len);
            bytes[0] ^= 1;
            assert_eq!(record(SALT, 0, &bytes.into()).is_some(), mended, "{len}");
        }
    }

    #[test]
    fn any_one_bit_of_a_header_is_put_right() {
        let facts =
            Facts { id: [1; 32], verify_key: [2; 32], read_facet: [3; 32], write_facet: [4; 32] };
        let good = facts.header(SALT);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(header(&bad).is_some_and(|found| found == (facts.clone(), SALT)), "bit {bit}");
            bad[(bit / 8 + 1) % good.len()] ^= 1;
            assert!(header(&bad).is_none(), "bit {bit}");
        }
    }
}
