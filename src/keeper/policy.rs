//! What is done of a file, and when: decided from what a check found and from the day, without a record of
//! each file.
//!
//! Each file has its days: of every so many days the one that its storage index chooses. So leases are
//! renewed, and shares read, evenly over time, and nothing need be remembered of a million files.

use crate::base::StorageIndex;
use crate::base::limits::{KEEP_PATIENCE, KEEP_RENEW_DAYS, KEEP_VERIFY_DAYS};
use crate::grid::Checked;
use std::ops::RangeInclusive;

/// What a file needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// Shares are missing, and may come back with their servers.
    Time,
    Repair,
    /// Too few shares are left to make the others.
    Help,
}

/// What a file needs of which this was found. `happy` servers are wanted, and shares have been missing
/// `since` then, as far as is known; times are seconds.
pub fn need(found: &Checked, happy: usize, since: Option<u64>, now: u64) -> Need {
    let waited = since.is_some_and(|since| now.saturating_sub(since) >= KEEP_PATIENCE.as_secs());
    if found.is_healthy() {
        Need::Nothing
    } else if !found.is_recoverable() {
        Need::Help
    } else if found.happiness < happy.min(found.expected) || waited {
        Need::Repair
    } else {
        Need::Time
    }
}

/// How many of its servers may fail, whichever they are, and the file can still be read.
pub fn spare_servers(found: &Checked) -> Option<usize> {
    // So many servers have a share each of which none is another's: any k of them suffice.
    found.happiness.checked_sub(found.needed).filter(|_| found.is_recoverable())
}

/// The days since those of the last round, up to today's; in the first one only today, or all of them
/// where nothing was ever done.
pub fn days(last: Option<u64>, today: u64) -> RangeInclusive<u64> {
    last.map_or(today, |last| (last + 1).min(today))..=today
}

/// Whether one of these days is a file's, of every so many.
fn is_due(si: &StorageIndex, every: u64, days: &RangeInclusive<u64>) -> bool {
    let [a, b, c, d, ..] = si.0;
    let its = u64::from(u32::from_be_bytes([a, b, c, d])) % every;
    let (first, last) = (*days.start(), *days.end());
    // The file's first day from the first one on.
    let next = first + (its + every - first % every) % every;
    next <= last
}

/// Whether its leases are to be renewed. In a first round all are: nobody knows how old they are.
pub fn renews(si: &StorageIndex, last: Option<u64>, today: u64) -> bool {
    last.is_none() || is_due(si, KEEP_RENEW_DAYS, &days(last, today))
}

/// Whether its shares are to be read.
pub fn verifies(si: &StorageIndex, last: Option<u64>, today: u64) -> bool {
    is_due(si, KEEP_VERIFY_DAYS, &days(last, today))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn found(good: usize, happiness: usize) -> Checked {
        let shares = (0..good as u8).map(|num| (crate::base::ShareNum(num), Default::default()));
        Checked {
            si: StorageIndex([0; 16]),
            needed: 3,
            expected: 10,
            verified: false,
            shares: shares.collect::<BTreeMap<_, _>>(),
            findings: Vec::new(),
            responding: Vec::new(),
            silent: Vec::new(),
            happiness,
        }
    }

    #[test]
    fn what_is_short_waits_a_week_unless_it_is_in_danger() {
        let week = KEEP_PATIENCE.as_secs();
        for (good, happiness, since, wanted) in [
            (10, 10, None, Need::Nothing),
            (9, 9, None, Need::Time),
            (9, 9, Some(1_000), Need::Time),
            (9, 9, Some(0), Need::Repair),
            (7, 7, None, Need::Time),
            (6, 6, None, Need::Repair),
            (9, 5, None, Need::Repair),
            (3, 3, None, Need::Repair),
            (2, 2, Some(0), Need::Help),
        ] {
            assert_eq!(need(&found(good, happiness), 7, since, week), wanted, "{good} {happiness}");
        }
        assert_eq!(spare_servers(&found(10, 10)), Some(7));
        assert_eq!(spare_servers(&found(3, 3)), Some(0));
        assert_eq!(spare_servers(&found(2, 2)), None);
    }

    #[test]
    fn each_file_has_one_day_of_so_many_and_none_is_left_out() {
        let files: Vec<StorageIndex> =
            (0..900_u32).map(|n| StorageIndex(u128::from(n * 7_919).to_le_bytes())).collect();
        for every in [KEEP_RENEW_DAYS, KEEP_VERIFY_DAYS] {
            let on = |days: RangeInclusive<u64>| {
                files.iter().filter(|si| is_due(si, every, &days)).count()
            };
            let each: usize = (500..500 + every).map(|day| on(day..=day)).sum();
            assert_eq!(each, files.len(), "each once");
            assert_eq!(on(500..=500 + every - 1), files.len(), "all, after so long a pause");
            assert_eq!(
                on(500..=509),
                (500..=509).map(|day| on(day..=day)).sum::<usize>().min(files.len())
            );
        }
    }

    #[test]
    fn a_first_round_renews_everything_and_reads_what_today_wants() {
        let all =
            |last| (0..=255).filter(|n| renews(&StorageIndex([*n; 16]), last, 20_000)).count();
        assert_eq!((all(None), all(Some(20_000 - KEEP_RENEW_DAYS))), (256, 256));
        assert!(all(Some(19_999)) < 100);
        assert_eq!(days(Some(20_000), 20_000), 20_000..=20_000, "twice a day");
    }
}
