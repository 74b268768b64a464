//! Times as they are printed, always UTC.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const MINUTES: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]");
const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]_[hour]:[minute]:[second]Z");

fn text(seconds: i64, format: &[BorrowedFormatItem<'_>]) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(format).ok()
}

/// `2007-11-07 16:05`, or a dash where no calendar reaches.
pub fn minutes(seconds: f64) -> String {
    text(seconds as i64, MINUTES).unwrap_or_else(|| "-".to_owned())
}

/// `2007-11-07_16:05:09Z`: sorts as it should, and may be a file name.
pub fn stamp(seconds: u64) -> String {
    let stamp = i64::try_from(seconds).ok().and_then(|seconds| text(seconds, STAMP));
    stamp.unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_utc_and_never_fail() {
        assert_eq!(super::minutes(1_194_451_509.7), "2007-11-07 16:05");
        assert_eq!(super::minutes(1e300), "-");
        assert_eq!(super::minutes(f64::NAN), "1970-01-01 00:00");
        assert_eq!(super::stamp(1_194_451_509), "2007-11-07_16:05:09Z");
    }
}
