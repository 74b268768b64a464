//! How long leases last for whoever collects them, and other times, as the node's owner spells them.

use crate::base::limits::LEASE_SECONDS;
use std::str::FromStr;

const DAY: u64 = 24 * 3600;

/// Seconds, as Tahoe-LAFS spells durations: digits, then `day`, `mo`, `month` (31 days) or `year` (365),
/// with an `s` or without.
pub fn seconds(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(unit_at)?;
    let unit = unit.trim_start_matches(' ');
    let days: u64 = match unit.strip_suffix('s').unwrap_or(unit) {
        "day" => 1,
        "mo" | "month" => 31,
        "year" => 365,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(days * DAY)
}

/// How long after it was made or last renewed a lease ends for the collection, in seconds; never
/// before the end that its holder was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseAge(u64);

/// Text that is not such a time; `Display` says how one looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a time of at least 31 days: write `31days`, `3 months` or `1year`")]
pub struct NotALeaseAge;

impl LeaseAge {
    /// Leases end when their holders were told: 31 days after they were renewed.
    pub const NATURAL: Self = Self(LEASE_SECONDS);

    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Leases with an end before this have ended at the time `now`.
    pub(super) fn ended_before(self, now: u64) -> u64 {
        now.saturating_sub(self.0 - LEASE_SECONDS)
    }
}

/// See [`seconds`].
impl FromStr for LeaseAge {
    type Err = NotALeaseAge;

    fn from_str(text: &str) -> Result<Self, NotALeaseAge> {
        let seconds = seconds(text).filter(|seconds| *seconds >= LEASE_SECONDS);
        seconds.map(Self).ok_or(NotALeaseAge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_tahoe_lafs_spells_durations() {
        let good = [
            ("31days", 31),
            ("31day", 31),
            ("60 days", 60),
            ("1month", 31),
            ("2mo", 62),
            ("12 months", 372),
            ("2years", 730),
        ];
        for (text, days) in good {
            assert_eq!(text.parse(), Ok(LeaseAge(days * DAY)), "{text}");
        }
    }

    #[test]
    fn an_age_shorter_than_what_holders_were_told_is_refused_and_so_is_other_text() {
        let bad = ["30days", "0years", "", "31", "days", "31d", "-31days", "1.5years", "31 dayss"];
        for text in bad {
            assert_eq!(text.parse::<LeaseAge>(), Err(NotALeaseAge), "{text}");
        }
        assert_eq!("18446744073709551615years".parse::<LeaseAge>(), Err(NotALeaseAge));
    }

    #[test]
    fn a_longer_age_leaves_leases_so_much_longer() {
        let age: LeaseAge = "32days".parse().unwrap();
        assert_eq!(age.ended_before(100 * DAY), 99 * DAY);
        assert_eq!(LeaseAge::NATURAL.ended_before(100 * DAY), 100 * DAY);
        assert_eq!(age.ended_before(0), 0);
    }
}
