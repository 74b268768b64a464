//! Giving back the room of what nobody renews: leases that ended, and shares that have none left.
//!
//! Only where the node's owner asks for it, as in Tahoe-LAFS 1.20. A [`Collection`] goes once over
//! all buckets, a few at a time, so that whoever runs it can let others have the disk in between.
//! The index says where to look; each share's own leases, read under its bucket's lock, decide. A
//! bucket that fails is left for the next collection. Leases that end go by way of the journal, and
//! a share is unlinked before its folder is: whatever is cut off leaves shares whole or absent.

use super::error::StoreError;
use super::store::{Store, locked};
use crate::base::limits::{COLLECT_BUCKETS_MAX, LEASE_SECONDS};
use std::str::FromStr;
use std::sync::Arc;

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
    fn ended_before(self, now: u64) -> u64 {
        now.saturating_sub(self.0 - LEASE_SECONDS)
    }
}

/// As Tahoe-LAFS spells durations: digits, then `day`, `mo`, `month` (31 days) or `year` (365), with
/// an `s` or without.
impl FromStr for LeaseAge {
    type Err = NotALeaseAge;

    fn from_str(text: &str) -> Result<Self, NotALeaseAge> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(NotALeaseAge)?;
        let (digits, unit) = text.split_at_checked(unit_at).ok_or(NotALeaseAge)?;
        let unit = unit.trim_start_matches(' ');
        let days: u64 = match unit.strip_suffix('s').unwrap_or(unit) {
            "day" => 1,
            "mo" | "month" => 31,
            "year" => 365,
            _ => return Err(NotALeaseAge),
        };
        let number: u64 = digits.parse().map_err(|_| NotALeaseAge)?;
        let seconds = number.checked_mul(days * 24 * 3600).ok_or(NotALeaseAge)?;
        if seconds < LEASE_SECONDS { Err(NotALeaseAge) } else { Ok(Self(seconds)) }
    }
}

/// What one collection did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Collected {
    /// Seconds since 1970.
    pub started: u64,
    /// Seconds since 1970.
    pub finished: u64,
    /// Lease records that were removed.
    pub leases: u64,
    /// Shares that were deleted.
    pub shares: u64,
    /// Bytes of files that this gave back.
    pub bytes: u64,
    /// Buckets that could not be changed. The next collection tries them again.
    pub failed: u64,
}

/// One pass over all buckets.
pub struct Collection {
    store: Arc<Store>,
    age: LeaseAge,
    /// Where the index is read on; none at the end.
    from: Option<Vec<u8>>,
    sum: Collected,
}

impl Collection {
    pub fn new(store: Arc<Store>, age: LeaseAge) -> Self {
        let sum = Collected { started: store.clock.now(), ..Collected::default() };
        Self { store, age, from: Some(Vec::new()), sum }
    }

    /// Looks at the next buckets, at most [`COLLECT_BUCKETS_MAX`] of them; false when there are no
    /// more. Blocks.
    pub fn step(&mut self) -> bool {
        let Some(from) = self.from.take() else { return false };
        // The clock is asked each time: should it be set back, no more than what is over by then
        // may go.
        let end = self.age.ended_before(self.store.clock.now());
        let (due, next) = self.store.index.due(&from, end, COLLECT_BUCKETS_MAX);
        for si in due {
            match self.store.expire(&si, end, &mut self.sum) {
                Ok(()) => {}
                Err(StoreError::Ended) => return false,
                Err(error) => {
                    if self.sum.failed == 0 {
                        tracing::warn!(%si, %error, "a bucket's leases could not be collected");
                    }
                    self.sum.failed += 1;
                }
            }
        }
        self.from = next;
        if self.from.is_none() {
            self.finish();
        }
        self.from.is_some()
    }

    /// All steps at once.
    pub fn run(mut self) -> Collected {
        while self.step() {}
        self.sum
    }

    fn finish(&mut self) {
        self.sum.finished = self.store.clock.now();
        let Collected { leases, shares, bytes, failed, .. } = self.sum;
        tracing::info!(leases, shares, bytes, failed, "leases that ended were collected");
        *locked(&self.store.collected) = Some(self.sum);
    }
}

impl Store {
    /// What the last collection since the start did, if one came to its end.
    pub fn collected(&self) -> Option<Collected> {
        *locked(&self.collected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;

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
