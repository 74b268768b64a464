//! Times as they are written in properties, and as clients send them.

use crate::http::date::{http_date, parse_http_date};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const ISO: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// As in headers.
pub fn http(seconds: f64) -> Option<String> {
    moment(seconds).map(|_| http_date(seconds))
}

/// As `creationdate` has it.
pub fn iso(seconds: f64) -> Option<String> {
    moment(seconds)?.format(ISO).ok()
}

/// A time as clients send it: of headers, or in seconds since 1970.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return moment(seconds).map(|_| seconds);
    }
    parse_http_date(text)
}

/// Of a year that is written with four digits.
#[allow(clippy::cast_possible_truncation, reason = "what is far off is no year of four digits")]
fn moment(seconds: f64) -> Option<OffsetDateTime> {
    let moment = OffsetDateTime::from_unix_timestamp(seconds.floor() as i64).ok()?;
    (seconds.is_finite() && (0..10_000).contains(&moment.year())).then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read() {
        let text = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse(text), Some(784_111_777.0));
        assert_eq!(http(784_111_777.9).as_deref(), Some(text));
        assert_eq!(iso(784_111_777.0).as_deref(), Some("1994-11-06T08:49:37Z"));
        assert_eq!(parse(" 784111777.5 "), Some(784_111_777.5));
        for bad in ["", "x", "inf", "NaN", "1e300", "-1e300", "Sun, 06 Nov 1994", "1e12"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        for far in [f64::NAN, f64::INFINITY, 1e18, -1e18] {
            assert_eq!((http(far), iso(far)), (None, None));
        }
    }
}
