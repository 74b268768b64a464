//! What fuzzers and property tests feed with bytes: every decoder of this layer. None may panic,
//! and none may hold more than a small multiple of its input.

use super::container::{HEAD_LEN, Kind, LeaseTable, classify};
use super::journal::record::{Record, encode, replay, seal};
use super::space::ByteSize;
use crate::base::hash::blake2b;

/// A share file: classified, its leases read, one cancelled, one renewed.
pub fn container(bytes: &[u8]) {
    let head = bytes.get(..bytes.len().min(HEAD_LEN)).unwrap_or_default();
    let Kind::Immutable(header) = classify(head, bytes.len() as u64) else { return };
    assert_eq!(header.file_len(), bytes.len() as u64);
    let area = bytes.get(header.leases_offset() as usize..).unwrap_or_default();
    let mut table = LeaseTable::from_bytes(header, area);
    assert_eq!(table.leases.len(), header.leases as usize);
    let Some((renew, cancel)) = table.digests().next() else { return };
    if let Some(edit) = table.renew(&renew, u32::MAX).and_then(|given| given.edit) {
        assert!(edit.is_sound() && edit.fits_file(bytes.len() as u64));
    }
    drop(table.cancel(&cancel));
    assert!(table.expires(&blake2b(bytes)).is_none());
}

/// A lease journal. What is read from it is sound, and reads the same when written again.
pub fn journal(bytes: &[u8]) {
    let found = replay(bytes);
    assert!(found.len <= bytes.len() as u64);
    assert!(found.edits.values().all(|edit| edit.is_sound()));
    let records: Vec<Record> =
        found.edits.iter().map(|(key, edit)| Record::Edit(*key, edit.clone())).collect();
    assert_eq!(replay(&seal(0, &encode(&records))).edits, found.edits);
}

/// Records with a valid seal around them, so that the parser behind the checksum is reached.
pub fn sealed_journal(bytes: &[u8]) {
    journal(&seal(1, bytes));
}

/// The config file `sizelimit`.
pub fn size(text: &str) {
    let _ = text.parse::<ByteSize>();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_bytes_harm_a_decoder(bytes in prop::collection::vec(any::<u8>(), 0..600), text in ".{0,20}") {
            super::container(&bytes);
            super::journal(&bytes);
            super::sealed_journal(&bytes);
            super::size(&text);
        }

        #[test]
        fn no_share_file_harms_the_container_decoder(
            version in 0u32..4, leases in 0u32..12, rest in prop::collection::vec(any::<u8>(), 0..900)
        ) {
            let mut bytes = version.to_be_bytes().to_vec();
            bytes.extend([0; 4]);
            bytes.extend(leases.to_be_bytes());
            bytes.extend(rest);
            super::container(&bytes);
        }
    }
}
