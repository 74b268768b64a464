//! What clients report about damaged shares, one file a report, for the node's owner to read.

use super::container::Kind;
use super::error::Result;
use super::store::Store;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{ADVISORIES_MAX, ADVISORY_MAX};
use crate::base::lock::locked;
use crate::disk::{Cache, Mode};
use std::io::ErrorKind;

/// `YYYY-MM-DDTHHMMSS` in UTC.
pub(super) fn timestamp(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}{minute:02}{second:02}")
}

/// Year, month and day of a day counted from 1970-01-01, by the 400-year cycle of leap years that
/// is taken to begin on a first of March.
fn date(days: u64) -> (u64, u64, u64) {
    const CYCLE_DAYS: u64 = 146_097;
    const DAYS_BEFORE_1970: u64 = 719_468;
    let shifted = days + DAYS_BEFORE_1970;
    let (cycle, of_cycle) = (shifted / CYCLE_DAYS, shifted % CYCLE_DAYS);
    let of_years = of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096;
    let year = of_years / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year + cycle * 400 + u64::from(month <= 2), month, day)
}

/// A peer's words, cut to the limit and without control characters but line ends.
fn tame(reason: &str) -> String {
    let mut text: String =
        reason.chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect();
    let mut end = text.len().min(ADVISORY_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

impl Store {
    /// Files a report. A report about a share that is not here is dropped, and so is one for which
    /// there is no room, or one too many.
    pub fn advise_corrupt(&self, si: &StorageIndex, num: ShareNum, reason: &str) -> Result<()> {
        let kind = {
            let _bucket = self.lock(si);
            let kind = match self.look(&(*si, num), Mode::Read) {
                Ok((_, _, Kind::Mutable)) => "mutable",
                Ok(_) => "immutable",
                Err(_) => return Ok(()),
            };
            locked(&self.judged).doubt(&(*si, num));
            kind
        };
        let reason = tame(reason);
        tracing::warn!(%si, %num, "a client reports a corrupt share");
        let text = format!(
            "report: Share Corruption\ntype: {kind}\nstorage_index: {si}\nshare_number: {num}\n\n\
             {reason}\n\n"
        );
        let bytes = self.costs.file(text.len() as u64);
        let Ok(_room) = self.grow(bytes) else { return Ok(()) };
        let name = format!("{}--{si}-{num}", timestamp(self.time.look().now.wall));
        self.file_report(&name, &text)?;
        self.set_aside.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    fn file_report(&self, name: &str, text: &str) -> Result<()> {
        let mut count = locked(&self.advisories);
        let folder = self.paths.advisories();
        let known = match *count {
            Some(known) => known,
            None => {
                self.disk.mkdir(&folder)?;
                self.disk.list(&folder)?.len()
            }
        };
        *count = Some(known);
        if known >= ADVISORIES_MAX {
            return Ok(());
        }
        let file = match self.disk.open(&folder.join(name), Mode::New) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            opened => opened?,
        };
        *count = Some(known + 1);
        file.write_at(text.as_bytes(), 0, Cache::Keep)?;
        file.sync()?;
        Ok(self.disk.sync_dir(&folder)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_format_has_them() {
        assert_eq!(timestamp(0), "1970-01-01T000000");
        assert_eq!(timestamp(951_782_399), "2000-02-28T235959");
        assert_eq!(timestamp(951_782_400), "2000-02-29T000000");
        assert_eq!(timestamp(1_700_000_000), "2023-11-14T221320");
        assert_eq!(timestamp(4_107_542_400), "2100-03-01T000000");
        assert_eq!(timestamp(1_709_251_199), "2024-02-29T235959");
    }

    #[test]
    fn reasons_are_cut_at_the_limit_and_cannot_move_the_cursor() {
        assert_eq!(tame(&"x".repeat(ADVISORY_MAX)).len(), ADVISORY_MAX);
        assert_eq!(tame(&"x".repeat(ADVISORY_MAX + 1)).len(), ADVISORY_MAX);
        assert_eq!(tame(&"é".repeat(ADVISORY_MAX)).len(), ADVISORY_MAX);
        assert_eq!(tame("a\x1b[2Jb\nc\r"), "a?[2Jb\nc?");
    }
}
