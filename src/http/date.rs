//! Dates of HTTP (RFC 9110 §5.6.7), in the one form that is sent, and those that stand in XML.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const FORM: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

const ISO: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// `Fri, 24 May 2013 00:00:00 GMT`, of a year that is written with four digits.
pub fn http_date(seconds: f64) -> Option<String> {
    moment(seconds)?.format(FORM).ok()
}

/// `2013-05-24T00:00:00`, in UTC, to which who writes it adds how it says so.
pub fn iso_date(seconds: f64) -> Option<String> {
    moment(seconds)?.format(ISO).ok()
}

/// Of a year that is written with four digits.
pub fn moment(seconds: f64) -> Option<OffsetDateTime> {
    let moment = OffsetDateTime::from_unix_timestamp(seconds.floor() as i64).ok()?;
    (seconds.is_finite() && (0..10_000).contains(&moment.year())).then_some(moment)
}

/// The same in seconds since 1970; forms that nobody has sent for decades are no dates.
pub fn parse_http_date(text: &str) -> Option<f64> {
    let time = PrimitiveDateTime::parse(text, FORM).ok()?.assume_utc();
    Some(time.unix_timestamp() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        let text = "Fri, 24 May 2013 00:00:00 GMT";
        assert_eq!(http_date(1_369_353_600.9).as_deref(), Some(text));
        assert_eq!(iso_date(1_369_353_600.9).as_deref(), Some("2013-05-24T00:00:00"));
        assert_eq!(parse_http_date(text), Some(1_369_353_600.0));
        for far in [f64::NAN, f64::INFINITY, 1e18, -1e18] {
            assert_eq!((http_date(far), iso_date(far)), (None, None));
        }
        for bad in ["", "x", "Fri, 24 May 2013", "Friday, 24-May-13 00:00:00 GMT"] {
            assert_eq!(parse_http_date(bad), None, "{bad}");
        }
    }
}
