//! How much room there is: `sizelimit` as 0.6 spelled it, the reserve, and the disk.

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
    fn room_is_granted_to_the_last_byte() {
        let mut remaining = 10;
        assert!(take(&mut remaining, 11).is_err());
        assert!(take(&mut remaining, 10).is_ok());
        assert!(take(&mut remaining, 1).is_err());
        assert!(take(&mut remaining, 0).is_ok());
    }
}
