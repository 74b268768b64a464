//! Times as texts.

/// `YYYY-MM-DDTHHMMSS` in UTC.
pub fn timestamp(seconds: u64) -> String {
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
}
