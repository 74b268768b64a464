//! A share file as Tahoe-LAFS 1.20 lays it out (`docs/spec/formats-immutable.md` §13). Pure: no file is
//! touched here.
//!
//! ```text
//! 0x00  u32  container version: 1 or 2
//! 0x04  u32  min(share length, 2^32-1)      historical, ignored
//! 0x08  u32  number of leases
//! 0x0c       share data
//! …          leases, 72 bytes each, up to the end of the file
//!
//! lease:  u32 owner | 32 renew secret | 32 cancel secret | u32 expiration (seconds since 1970)
//! ```
//! All numbers are big-endian. Version 1 holds the secrets themselves, version 2 their BLAKE2b-256;
//! a file keeps its version. So a lease is recognised by the digest of its secret in both.

mod table;

pub use table::{Cancelled, Edit, Given, Lease, LeaseSecrets, LeaseTable};

/// Bytes before the share data.
pub const HEADER_LEN: u64 = 12;
/// Bytes of one lease record.
pub const LEASE_LEN: u64 = 72;
/// Where the number of leases stands.
pub const COUNT_OFFSET: u64 = 8;
/// Whose the record is that leases share for which there is no room.
pub const OWNER_SHARED: u32 = u32::MAX;
/// Bytes that [`classify`] wants to see of a file.
pub const HEAD_LEN: usize = 32;

const MUTABLE_MAGICS: [&[u8; HEAD_LEN]; 2] = [
    b"Tahoe mutable container v1\n\x75\x09\x44\x03\x8e",
    b"Tahoe mutable container v2\n\xc3\x55\x21\x99\x25",
];

/// Container version of an immutable share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// Lease secrets in plain; written before 1.17.
    One,
    /// Lease secrets hashed.
    Two,
}

impl Version {
    const fn number(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// What a file in a bucket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Immutable(Header),
    /// A share of a mutable file: another server's business.
    Mutable,
    /// A version that we do not know: good for somebody, left alone.
    Incompatible,
    /// Too short for a header, or for the leases that it claims, or zeros where a header should
    /// be (what a power cut leaves of a file that was not synced).
    Damaged,
}

/// Where things are in an immutable share file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub version: Version,
    pub leases: u32,
    /// Bytes of share data.
    pub data_len: u64,
}

impl Header {
    /// Offset of the first lease record.
    pub const fn leases_offset(&self) -> u64 {
        HEADER_LEN + self.data_len
    }

    /// Length of the whole file.
    pub const fn file_len(&self) -> u64 {
        self.leases_offset() + LEASE_LEN * self.leases as u64
    }

    /// The twelve bytes as they are written.
    pub fn to_bytes(self) -> [u8; HEADER_LEN as usize] {
        let saturated = u32::try_from(self.data_len).unwrap_or(u32::MAX);
        let mut bytes = [0; HEADER_LEN as usize];
        let words = [self.version.number(), saturated, self.leases];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

/// Tells a share file by its first bytes (up to [`HEAD_LEN`]) and its length.
pub fn classify(head: &[u8], file_len: u64) -> Kind {
    if MUTABLE_MAGICS.iter().any(|magic| head.starts_with(*magic)) {
        return Kind::Mutable;
    }
    let mut words = head.chunks_exact(4).map(word);
    let (Some(version), Some(_), Some(leases)) = (words.next(), words.next(), words.next()) else {
        return Kind::Damaged;
    };
    let version = match version {
        1 => Version::One,
        2 => Version::Two,
        0 if leases == 0 => return Kind::Damaged,
        _ => return Kind::Incompatible,
    };
    match file_len.checked_sub(HEADER_LEN + LEASE_LEN * u64::from(leases)) {
        Some(data_len) => Kind::Immutable(Header { version, leases, data_len }),
        None => Kind::Damaged,
    }
}

/// A big-endian word; short input reads as if padded in front.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_count_just_possible_is_taken_and_one_more_is_damage() {
        let head = Header { version: Version::Two, leases: 3, data_len: 0 }.to_bytes();
        let len = HEADER_LEN + 3 * LEASE_LEN;
        assert!(matches!(classify(&head, len), Kind::Immutable(Header { data_len: 0, .. })));
        assert!(matches!(classify(&head, len + 1), Kind::Immutable(Header { data_len: 1, .. })));
        assert_eq!(classify(&head, len - 1), Kind::Damaged);
    }

    #[test]
    fn short_headers_are_damage_and_other_versions_are_not() {
        assert_eq!(classify(&[], 0), Kind::Damaged);
        assert_eq!(classify(&[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], 11), Kind::Damaged);
        assert_eq!(classify(&[0; 12], 12), Kind::Damaged);
        assert_eq!(classify(&[0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0], 12), Kind::Incompatible);
        assert_eq!(classify(b"Tahoe mutable container v9\n12345", 500), Kind::Incompatible);
        for magic in MUTABLE_MAGICS {
            assert_eq!(classify(magic, 500), Kind::Mutable);
        }
    }
}
