//! What is done of a file, and when: decided from what a check found and from the day, without a record of
//! each file.
//!
//! Each file has its days: of every so many days the one that its storage index chooses. So leases are
//! renewed, and shares read, evenly over time, and nothing need be remembered of a million files.

use super::record::{Lack, Short};
use crate::base::limits::{
    KEEP_PART, KEEP_PATIENCE, KEEP_RENEW_DAYS, KEEP_RETRY, KEEP_SPREAD_RETRY, KEEP_VERIFY_DAYS,
};
use crate::base::{ShareNum, StorageIndex};
use crate::grid::{Checked, Flaw, Part};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What a file needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// Shares are missing, and may come back with their servers.
    Time,
    Repair,
    /// Too few shares are left to make the others.
    Help,
    /// All shares are there, and stand together where there are servers without any.
    Room,
    /// The same, and it has been so for a while: the servers will stay.
    Spread,
}

/// What a file needs of which this was found. `happy` servers are wanted, and there are so many; `short` is
/// what is known of it if it lacked something before, and now is the time in seconds.
pub fn need(
    found: &Checked,
    (happy, servers): (usize, usize),
    short: Option<Short>,
    now: u64,
) -> Need {
    let past = |then: u64, time: Duration| now.saturating_sub(then) >= time.as_secs();
    let unread = unread(found);
    // Who did not answer, or gave nothing in time, may have what seems lost.
    let hoped_for = found.happiness + unread.max(found.silent.len());
    if found.good() + unread >= found.expected {
        let known = short.filter(|short| short.lack == Lack::Room);
        let waited = known.is_some_and(|known| past(known.since, KEEP_PATIENCE));
        let tried = known.and_then(|known| known.tried);
        let retried = tried.is_some_and(|tried| !past(tried, KEEP_SPREAD_RETRY));
        return match found.is_healthy() && hoped_for < servers.min(found.expected) {
            true if waited && !retried => Need::Spread,
            true => Need::Room,
            false => Need::Nothing,
        };
    }
    let known = short.filter(|short| short.lack != Lack::Room);
    let waited = known.is_some_and(|known| past(known.since, KEEP_PATIENCE));
    let tried = known.and_then(|known| known.tried);
    let retried = tried.is_some_and(|tried| !past(tried, KEEP_RETRY));
    if found.good() + unread < found.needed {
        Need::Help
    } else if !found.is_recoverable() || retried {
        Need::Time
    } else if hoped_for < happy.min(found.expected) || waited {
        Need::Repair
    } else {
        Need::Time
    }
}

/// Shares that are nowhere good, and somewhere could not be read.
fn unread(found: &Checked) -> usize {
    let unread = found.findings.iter().filter(|one| matches!(one.flaw, Flaw::Unreadable(_)));
    let unread: BTreeSet<ShareNum> = unread.map(|one| one.share).collect();
    unread.iter().filter(|num| !found.shares.contains_key(num)).count()
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

/// A day of a file's own: as good as drawn by lot.
fn its_day(si: &StorageIndex) -> u64 {
    let [a, b, c, d, ..] = si.0;
    u64::from(u32::from_be_bytes([a, b, c, d]))
}

/// Whether one of these days is the one that is meant, of every so many.
fn is_due(its: u64, every: u64, days: &RangeInclusive<u64>) -> bool {
    let its = its % every;
    let (first, last) = (*days.start(), *days.end());
    // The file's first day from the first one on.
    let next = first + (its + every - first % every) % every;
    next <= last
}

/// Whether its leases are to be renewed. In a first round all are: nobody knows how old they are.
pub fn renews(si: &StorageIndex, last: Option<u64>, today: u64) -> bool {
    last.is_none() || is_due(its_day(si), KEEP_RENEW_DAYS, &days(last, today))
}

/// The parts of a file of this size that are to be read. Each has a day of its own, so that a large file is
/// read as whole as a small one, in the same time and a little at a time.
pub fn parts_to_read(
    si: &StorageIndex,
    size: u64,
    (last, today): (Option<u64>, u64),
) -> impl Iterator<Item = Part> + use<> {
    let (of, days) = (size.div_ceil(KEEP_PART).max(1), days(last, today));
    let first = its_day(si);
    let is_due = move |number: &u64| is_due(first.wrapping_add(*number), KEEP_VERIFY_DAYS, &days);
    (0..of).filter(is_due).map(move |number| Part { number, of })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Finding, ServerId};
    use crate::tub::RemoteError;
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
            let short = since.map(|since| Short { since, ..Short::default() });
            assert_eq!(
                need(&found(good, happiness), (7, 10), short, week),
                wanted,
                "{good} {happiness}"
            );
        }
        // One that was tried in vain is not tried every day.
        let retry = KEEP_RETRY.as_secs();
        for (now, wanted) in [(week, Need::Time), (week + retry, Need::Repair)] {
            let short = Some(Short { tried: Some(week), ..Short::default() });
            assert_eq!(need(&found(4, 4), (7, 10), short, now), wanted);
        }
        // Shares that stand together are spread when the servers have been there for long enough.
        for (happiness, servers, since, tried, wanted) in [
            (10, 20, Some(0), None, Need::Nothing),
            (8, 8, Some(0), None, Need::Nothing),
            (8, 9, None, None, Need::Room),
            (8, 9, Some(1), None, Need::Room),
            (8, 9, Some(0), None, Need::Spread),
            (8, 9, Some(0), Some(week), Need::Room),
        ] {
            let lack = Lack::Room;
            let short = since.map(|since| Short { lack, since, tried, ..Short::default() });
            assert_eq!(need(&found(10, happiness), (7, servers), short, week), wanted);
        }
        // That it was crowded says nothing of a file that lacks shares, nor the other way round.
        let crowded = Some(Short { lack: Lack::Room, tried: Some(week), ..Short::default() });
        assert_eq!(need(&found(9, 9), (7, 10), crowded, week), Need::Time);
        assert_eq!(need(&found(4, 4), (7, 10), crowded, week), Need::Repair);
        assert_eq!(need(&found(10, 8), (7, 10), Some(Short::default()), week), Need::Room);
        assert_eq!(spare_servers(&found(10, 10)), Some(7));
        assert_eq!(spare_servers(&found(3, 3)), Some(0));
        assert_eq!(spare_servers(&found(2, 2)), None);
    }

    #[test]
    fn what_was_not_answered_or_not_read_may_be_there() {
        let server = ServerId([7; 32]);
        let silent = Checked { silent: vec![server; 2], ..found(6, 6) };
        assert_eq!(
            need(&silent, (7, 10), None, 0),
            Need::Time,
            "one of the silent servers suffices"
        );
        let flaw = Flaw::Unreadable(RemoteError::Timeout);
        let unread = |share| Finding {
            server,
            si: StorageIndex([0; 16]),
            share: ShareNum(share),
            flaw: flaw.clone(),
        };
        let slow = Checked { findings: (5..10).map(unread).collect(), ..found(5, 5) };
        assert_eq!(need(&slow, (7, 10), Some(Short::default()), u64::MAX), Need::Nothing);
        let few = Checked { findings: (2..4).map(unread).collect(), ..found(2, 2) };
        assert_eq!(need(&few, (7, 10), None, 0), Need::Time);
    }

    #[test]
    fn each_file_has_one_day_of_so_many_and_none_is_left_out() {
        let files: Vec<StorageIndex> =
            (0..900_u32).map(|n| StorageIndex(u128::from(n * 7_919).to_le_bytes())).collect();
        for every in [KEEP_RENEW_DAYS, KEEP_VERIFY_DAYS] {
            let on = |days: RangeInclusive<u64>| {
                files.iter().filter(|si| is_due(its_day(si), every, &days)).count()
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
    fn a_large_file_is_read_in_as_many_days_as_a_small_one() {
        let read = |size, last, today| {
            let parts = parts_to_read(&StorageIndex([7; 16]), size, (Some(last), today));
            parts.map(|part| (part.number, part.of)).collect::<Vec<_>>()
        };
        for (size, of) in [(0, 1), (KEEP_PART, 1), (KEEP_PART + 1, 2), (1 << 40, 1 << 10)] {
            let mut all: Vec<_> =
                (500..500 + KEEP_VERIFY_DAYS).flat_map(|day| read(size, day - 1, day)).collect();
            all.sort_unstable();
            assert_eq!(all, (0..of).map(|number| (number, of)).collect::<Vec<_>>(), "each once");
            assert_eq!(read(size, 400, 400 + KEEP_VERIFY_DAYS).len() as u64, of, "after a pause");
            let most = (500..600).map(|day| read(size, day - 1, day).len()).max().unwrap();
            assert!(most as u64 <= of.div_ceil(KEEP_VERIFY_DAYS), "never much at once: {most}");
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
