//! What a storage directory knows of time, and how that decides. Pure.
//!
//! Two clocks are compared. The time of day is what leases name, and may be set to anything. The
//! *uptime*, the seconds for which nodes ran on this directory, can only grow, and never faster than
//! time does. A time of day that went as the uptime did for a day has proven itself; one that jumped
//! has to do so again. And whatever the time of day says, no lease is over before the node ran for as
//! long as the lease lasts after it was given: for each day of the calendar that leases were dated
//! with, it is known up to which uptime that was done.
//!
//! ```text
//! file = "CLOCK-1\n" | u64 uptime | u64 wall | u64 proven at | u64 floor
//!      | anchor: u64 uptime, u64 wall | base: u64 uptime, u64 wall
//!      | u32 days | days × (u32 day, u64 uptime) | 16 bytes BLAKE2b of all before it
//! ```
//! All numbers are big-endian, `wall` in seconds since 1970, a day 86,400 of them.

use crate::base::hash::blake2b;
use crate::base::limits::{
    CLOCK_AWAY_SECONDS, CLOCK_DAYS_MAX, CLOCK_PROOF_SECONDS, CLOCK_SLACK_SECONDS, LEASE_SECONDS,
};
use crate::storage::journal::record::{take_u32, take_u64};
use std::collections::BTreeMap;

const MAGIC: &[u8; 8] = b"CLOCK-1\n";
const SUM_LEN: usize = 16;
const DAY: u64 = 24 * 3600;

/// Both clocks at one moment, in seconds: uptime, and time of day since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moment {
    pub uptime: u64,
    pub wall: u64,
}

/// The time of day was not what it had to be, in seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jump {
    pub expected: u64,
    pub found: u64,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// The last look at both clocks.
    pub now: Moment,
    /// The uptime from which the time of day is believed.
    pub proven_at: u64,
    /// The last moment at which the time of day was believed: it is at least so late.
    anchor: Moment,
    /// Where the comparison of both clocks began.
    base: Moment,
    /// Leases dated with a day that is not in `days` were given before this uptime.
    floor: u64,
    /// Leases dated with this day are given up to this uptime.
    days: BTreeMap<u32, u64>,
}

/// The day of the calendar on which a lease that ends then was given.
pub fn day_given(expires: u64) -> u32 {
    u32::try_from(expires.saturating_sub(LEASE_SECONDS) / DAY).unwrap_or(u32::MAX)
}

impl Record {
    /// Of a directory about which nothing is known, not even when its leases were given.
    pub fn new(wall: u64) -> Self {
        let now = Moment { uptime: 0, wall };
        let proven_at = CLOCK_PROOF_SECONDS;
        Self { now, proven_at, anchor: now, base: now, ..Self::default() }
    }

    /// Whether the time of day is believed.
    pub fn is_proven(&self) -> bool {
        self.now.uptime >= self.proven_at
    }

    /// The latest time of day that there is a reason to believe in.
    pub fn date(&self) -> u64 {
        self.estimate().max(self.now.wall)
    }

    /// The time of day by the last one that was believed.
    fn estimate(&self) -> u64 {
        self.anchor.wall.saturating_add(self.now.uptime - self.anchor.uptime.min(self.now.uptime))
    }

    /// A node starts after a time of which nothing is known but that it was not negative.
    pub fn resume(&mut self, wall: u64) -> Option<Jump> {
        let expected = self.now.wall;
        self.now.wall = wall;
        self.base = self.now;
        let ahead = wall.saturating_sub(expected);
        let is_back = wall.saturating_add(CLOCK_SLACK_SECONDS) < expected;
        if is_back || ahead > DAY {
            self.distrust();
        }
        let jumped = is_back || ahead > CLOCK_AWAY_SECONDS;
        jumped.then_some(Jump { expected, found: wall })
    }

    /// So many seconds passed, and the time of day is this.
    pub fn observe(&mut self, passed: u64, wall: u64) -> Option<Jump> {
        let uptime = self.now.uptime.saturating_add(passed);
        self.now = Moment { uptime, wall };
        let expected = self.base.wall.saturating_add(uptime.saturating_sub(self.base.uptime));
        if wall.abs_diff(expected) > CLOCK_SLACK_SECONDS {
            self.base = self.now;
            self.distrust();
            return Some(Jump { expected, found: wall });
        }
        if uptime.saturating_sub(self.base.uptime) >= CLOCK_PROOF_SECONDS {
            self.base = self.now;
        }
        if self.is_proven() {
            self.anchor = self.now;
        }
        None
    }

    /// A lease here was given at this time of day: so late it was once, or was said to be.
    pub fn note_given(&mut self, date: u64) -> Option<Jump> {
        if date <= self.date().saturating_add(CLOCK_SLACK_SECONDS) {
            return None;
        }
        self.anchor = Moment { wall: date, ..self.now };
        self.distrust();
        Some(Jump { expected: date, found: self.now.wall })
    }

    fn distrust(&mut self) {
        self.proven_at = self.now.uptime.saturating_add(CLOCK_PROOF_SECONDS);
    }

    /// The node's owner says that the time of day is right.
    pub fn trust(&mut self) {
        self.proven_at = self.now.uptime;
        self.anchor = self.now;
    }

    /// Whether it is noted that leases dated with this day are given now.
    pub fn vouches_for(&self, day: u32) -> bool {
        self.days.get(&day).is_some_and(|until| *until >= self.now.uptime)
    }

    /// Notes that leases dated with this day may be given for the next `ahead` seconds of uptime.
    pub fn vouch_for(&mut self, day: u32, ahead: u64) {
        self.days.insert(day, self.now.uptime.saturating_add(ahead));
        while self.days.len() > CLOCK_DAYS_MAX {
            let Some((&oldest, &until)) = self.days.iter().min_by_key(|(_, until)| **until) else {
                return;
            };
            self.days.remove(&oldest);
            self.floor = self.floor.max(until);
        }
    }

    /// For how long the node ran, at least, since a lease that ends then was given.
    pub fn ran_since_given(&self, expires: u64) -> u64 {
        let until = self.days.get(&day_given(expires)).copied().unwrap_or(self.floor);
        self.now.uptime.saturating_sub(until)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let Self { now, proven_at, anchor, base, floor, days } = self;
        for number in [now.uptime, now.wall, *proven_at, *floor] {
            out.extend(number.to_be_bytes());
        }
        for Moment { uptime, wall } in [anchor, base] {
            out.extend(uptime.to_be_bytes());
            out.extend(wall.to_be_bytes());
        }
        out.extend((days.len() as u32).to_be_bytes());
        for (day, until) in days {
            out.extend(day.to_be_bytes());
            out.extend(until.to_be_bytes());
        }
        let sum = blake2b(&out);
        out.extend(sum.into_iter().take(SUM_LEN));
        out
    }

    /// `None` unless it is what [`Record::to_bytes`] makes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM_LEN)?)?;
        if !blake2b(body).starts_with(sum) {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let moment = |uptime: u64, wall: u64| Moment { uptime, wall };
        let now = moment(take_u64(&mut rest)?, take_u64(&mut rest)?);
        let (proven_at, floor) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
        let anchor = moment(take_u64(&mut rest)?, take_u64(&mut rest)?);
        let base = moment(take_u64(&mut rest)?, take_u64(&mut rest)?);
        let count = take_u32(&mut rest)?;
        let mut days = BTreeMap::new();
        for _ in 0..count {
            days.insert(take_u32(&mut rest)?, take_u64(&mut rest)?);
        }
        rest.is_empty().then_some(Self { now, proven_at, anchor, base, floor, days })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    /// A clock that went well for two days.
    fn proven() -> Record {
        let mut record = Record::new(NOW);
        for hour in 1..=48 {
            assert_eq!(record.observe(3600, NOW + hour * 3600), None);
        }
        assert!(record.is_proven());
        record
    }

    #[test]
    fn a_clock_is_believed_after_a_day_and_not_a_second_before() {
        let mut record = Record::new(NOW);
        record.observe(CLOCK_PROOF_SECONDS - 1, NOW + CLOCK_PROOF_SECONDS - 1);
        assert!(!record.is_proven());
        record.observe(1, NOW + CLOCK_PROOF_SECONDS);
        assert!(record.is_proven());
    }

    #[test]
    fn a_jump_beyond_the_slack_is_one_either_way_and_costs_a_day() {
        let (proven, wall) = (proven(), NOW + 2 * DAY);
        let far = CLOCK_SLACK_SECONDS + 1;
        for (found, jumps) in [
            (wall + CLOCK_SLACK_SECONDS, false),
            (wall + far, true),
            (wall - CLOCK_SLACK_SECONDS, false),
            (wall - far, true),
        ] {
            let mut record = proven.clone();
            let jump = record.observe(0, found);
            assert_eq!(jump, jumps.then_some(Jump { expected: wall, found }));
            assert_eq!(record.is_proven(), !jumps);
            assert_eq!(record.observe(DAY, found + DAY), None);
            assert!(record.is_proven());
        }
    }

    #[test]
    fn a_clock_that_creeps_away_is_caught() {
        let (mut record, mut wall, mut caught) = (proven(), NOW + 2 * DAY, false);
        for _ in 0..24 * 60 {
            wall += 2 * 60;
            caught |= record.observe(60, wall).is_some();
        }
        assert!(caught);
    }

    #[test]
    fn a_start_proves_nothing_after_days_away_and_is_told_of_when_it_is_past_belief() {
        let (proven, wall) = (proven(), NOW + 2 * DAY);
        for (found, is_proven, jumps) in [
            (wall + DAY, true, false),
            (wall + DAY + 1, false, false),
            (wall + CLOCK_AWAY_SECONDS, false, false),
            (wall + CLOCK_AWAY_SECONDS + 1, false, true),
            (wall - CLOCK_SLACK_SECONDS, true, false),
            (wall - CLOCK_SLACK_SECONDS - 1, false, true),
        ] {
            let mut record = proven.clone();
            assert_eq!(record.resume(found).is_some(), jumps, "{found}");
            assert_eq!(record.is_proven(), is_proven, "{found}");
        }
    }

    #[test]
    fn dates_never_go_back_unless_the_clock_proves_that_they_were_wrong() {
        let (mut record, wall) = (proven(), NOW + 2 * DAY);
        let back = wall - 400 * DAY;
        assert!(record.observe(0, back).is_some());
        assert_eq!(record.date(), wall);
        record.observe(3600, back + 3600);
        assert_eq!(record.date(), wall + 3600, "it goes on from what was believed");
        record.observe(DAY, back + 3600 + DAY);
        assert_eq!(record.date(), back + 3600 + DAY);
    }

    #[test]
    fn what_leases_name_is_a_time_that_was() {
        let mut record = proven();
        let wall = record.now.wall;
        assert_eq!(record.note_given(wall + CLOCK_SLACK_SECONDS), None);
        let later = wall + CLOCK_SLACK_SECONDS + 1;
        assert_eq!(record.note_given(later), Some(Jump { expected: later, found: wall }));
        assert!(!record.is_proven());
        assert_eq!(record.date(), later);
        assert_eq!(record.note_given(later), None, "once is enough");
        record.trust();
        assert!(record.is_proven());
        assert_eq!(record.date(), wall);
    }

    #[test]
    fn a_lease_is_as_old_as_the_node_ran_since_its_day_was_last_used() {
        let mut record = proven();
        let (start, wall) = (record.now.uptime, record.now.wall);
        let expires = wall + LEASE_SECONDS;
        assert_eq!(record.ran_since_given(expires), start, "nothing is known of it");
        record.vouch_for(day_given(expires), 100);
        assert_eq!(record.ran_since_given(expires), 0);
        record.observe(100, wall + 100);
        assert!(record.vouches_for(day_given(expires)));
        record.observe(1, wall + 101);
        assert!(!record.vouches_for(day_given(expires)));
        assert_eq!(record.ran_since_given(expires), 1);
        // The calendar comes to that day again, by a clock that was set back.
        record.observe(50 * DAY, wall);
        record.vouch_for(day_given(expires), 0);
        assert_eq!(record.ran_since_given(expires), 0);
    }

    #[test]
    fn days_beyond_the_limit_make_the_others_younger_never_older() {
        let mut record = Record::new(NOW);
        for day in 0..CLOCK_DAYS_MAX as u32 {
            record.vouch_for(day, 0);
            record.observe(1, NOW);
        }
        let expires = |day: u64| day * DAY + LEASE_SECONDS;
        let uptime = record.now.uptime;
        assert_eq!(record.ran_since_given(expires(0)), uptime);
        record.vouch_for(CLOCK_DAYS_MAX as u32, 0);
        assert_eq!(record.ran_since_given(expires(0)), uptime);
        record.vouch_for(CLOCK_DAYS_MAX as u32 + 1, 0);
        assert_eq!(record.ran_since_given(expires(0)), uptime - 1);
        assert_eq!(record.days.len(), CLOCK_DAYS_MAX);
    }

    #[test]
    fn a_record_reads_as_it_was_written_and_a_damaged_one_not_at_all() {
        let mut record = proven();
        (0..5).for_each(|day| record.vouch_for(day, 7));
        let bytes = record.to_bytes();
        assert_eq!(Record::from_bytes(&bytes), Some(record));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Record::from_bytes(&damaged), None, "flip at {at}");
            assert_eq!(Record::from_bytes(&bytes[..at]), None, "cut at {at}");
        }
    }
}
