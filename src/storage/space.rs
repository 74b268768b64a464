//! How much room there is: `sizelimit` as 0.6 spelled it, the reserve, and the disk; and what things
//! take of it.
//!
//! What counts is what the file system gives away, whole blocks: a share of one byte takes two, one for
//! its file and one for its folder. So it is counted, in advance as well as afterwards, from lengths
//! alone. What does not grow with what is stored is not in it, but bounded: the first block of each of
//! the 1,024 prefix folders, the lease journal, the first megabytes of the index.

use super::container::{HEADER_LEN, Header, LEASE_LEN};
use super::error::StoreError;
use std::str::FromStr;

/// A size as the config file `sizelimit` has it: digits, then `k`, `M` or `G` (powers of 1,000),
/// then `B`, either left out, in any case: `1000`, `10K`, `5mB`, `78Gb`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ByteSize(pub u64);

/// Text that is not a size; `Display` says how one looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a size: write a number of bytes such as 1000, 10kB, 5MB or 78GB")]
pub struct NotASize;

impl FromStr for ByteSize {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let text = text.trim_end_matches(['\n', '\r']);
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at_checked(unit_at).ok_or(NotASize)?;
        let unit = unit.to_ascii_uppercase();
        let factor = match unit.strip_suffix('B').unwrap_or(&unit) {
            "" => 1,
            "K" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            _ => return Err(NotASize),
        };
        let number: u64 = digits.parse().map_err(|_| NotASize)?;
        number.checked_mul(factor).map(Self).ok_or(NotASize)
    }
}

/// What decides how much may still be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Free bytes of the file system.
    pub free: u64,
    /// Bytes of it to leave free.
    pub reserved: u64,
    /// The owner's limit on what is stored, and what is stored (`None`: not known yet).
    pub limit: Option<(u64, Option<u64>)>,
}

impl Room {
    /// Bytes that new shares may take. What is not known counts as full.
    pub fn available(&self) -> u64 {
        let free = self.free.saturating_sub(self.reserved);
        match self.limit {
            None => free,
            Some((_, None)) => 0,
            Some((limit, Some(used))) => free.min(limit.saturating_sub(used)),
        }
    }
}

/// Bytes of the disk that one bucket takes besides its files and its folder: its name in a folder
/// that is two thirds full, its row in the index, its place in `leases.over` while that is replaced.
const BUCKET_EXTRA: u64 = 512;
/// Bytes of the index that one lease takes: its rows, and as much again until the index's own garbage
/// collection comes to them.
const LEASE_EXTRA: u64 = 512;
/// Folders above an upload that are there while it is.
const UPLOAD_FOLDERS: u64 = 2;

/// What things take of a disk that gives space away in blocks of so many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Costs {
    pub block: u64,
}

impl Costs {
    /// A file of this length.
    pub const fn file(self, len: u64) -> u64 {
        len.div_ceil(self.block).saturating_mul(self.block)
    }

    /// A share file and what its leases take in the index.
    pub const fn share(self, header: Header) -> u64 {
        self.file(header.file_len()) + LEASE_EXTRA * header.leases as u64
    }

    /// A bucket, without what is in it.
    pub const fn bucket(self) -> u64 {
        self.block + BUCKET_EXTRA
    }

    /// What an upload of so many bytes takes at most, and a bucket of its own.
    pub const fn upload(self, size: u64) -> u64 {
        self.file(HEADER_LEN + LEASE_LEN + size) + self.around_upload()
    }

    const fn around_upload(self) -> u64 {
        LEASE_EXTRA + self.bucket() + UPLOAD_FOLDERS * self.block
    }

    /// Bytes of the largest share for which there is room.
    pub const fn largest(self, room: u64) -> u64 {
        let blocks = room.saturating_sub(self.around_upload()) / self.block;
        (blocks * self.block).saturating_sub(HEADER_LEN + LEASE_LEN)
    }
}

/// Grants `size` out of `remaining`.
pub(super) fn take(remaining: &mut u64, size: u64) -> Result<(), StoreError> {
    *remaining = remaining.checked_sub(size).ok_or(StoreError::NoSpace)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_they_did_in_0_6() {
        let good = [
            ("1000", 1_000),
            ("10K", 10_000),
            ("10K\n", 10_000),
            ("5mB", 5_000_000),
            ("78Gb", 78_000_000_000),
            ("0", 0),
            ("7b", 7),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in good {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_size() {
        let bad = ["", "K", "bogus", "1.5G", "-1", "+1", "1T", "1KK", "1KiB", " 1", "1 k", "1BB"];
        for text in bad {
            assert_eq!(text.parse::<ByteSize>(), Err(NotASize), "{text}");
        }
        assert_eq!("18446744073709551616".parse::<ByteSize>(), Err(NotASize));
        assert_eq!("18446744073709552k".parse::<ByteSize>(), Err(NotASize));
    }

    #[test]
    fn the_smaller_of_disk_and_limit_counts_and_the_unknown_is_full() {
        let room = |limit| Room { free: 1_000, reserved: 100, limit }.available();
        assert_eq!(room(None), 900);
        assert_eq!(room(Some((500, Some(100)))), 400);
        assert_eq!(room(Some((500, Some(500)))), 0);
        assert_eq!(room(Some((500, Some(501)))), 0);
        assert_eq!(room(Some((5_000, Some(0)))), 900);
        assert_eq!(room(Some((5_000, None))), 0);
        assert_eq!(Room { free: 99, reserved: 100, limit: None }.available(), 0);
    }

    #[test]
    fn the_largest_share_just_fits() {
        for block in [1, 512, 4_096] {
            let costs = Costs { block };
            for size in [0, 1, 4_000, 4_012, 4_013, 100_000] {
                let room = costs.upload(size);
                assert!(costs.largest(room) >= size, "{block}, {size}");
                assert!(costs.upload(costs.largest(room)) <= room, "{block}, {size}");
            }
            assert_eq!(costs.largest(costs.upload(0) - block), 0);
        }
    }

    #[test]
    fn a_share_of_one_byte_takes_two_blocks_and_a_lease_more_only_when_it_begins_one() {
        use crate::storage::container::Version;
        let costs = Costs { block: 4_096 };
        let share = |leases| costs.share(Header { version: Version::Two, leases, data_len: 1 });
        assert_eq!(share(1) + costs.bucket(), 2 * 4_096 + LEASE_EXTRA + BUCKET_EXTRA);
        // 12 bytes, the share's one, and 56 leases of 72 are 4,045 bytes.
        assert_eq!(share(56), 4_096 + 56 * LEASE_EXTRA);
        assert_eq!(share(57), 2 * 4_096 + 57 * LEASE_EXTRA);
    }

    #[test]
    fn room_is_granted_to_the_last_byte() {
        let mut remaining = 10;
        assert!(take(&mut remaining, 11).is_err());
        assert!(take(&mut remaining, 10).is_ok());
        assert!(take(&mut remaining, 1).is_err());
        assert!(take(&mut remaining, 0).is_ok());
    }
}
