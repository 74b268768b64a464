//! Dates of HTTP (RFC 9110 §5.6.7), in the one form that is sent.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const FORM: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// `Fri, 24 May 2013 00:00:00 GMT`; empty where no calendar reaches.
pub fn http_date(seconds: f64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds as i64).ok();
    time.and_then(|time| time.format(FORM).ok()).unwrap_or_default()
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
        assert_eq!(http_date(1_369_353_600.9), text);
        assert_eq!(parse_http_date(text), Some(1_369_353_600.0));
        assert_eq!(http_date(f64::INFINITY), "");
        for bad in ["", "x", "Fri, 24 May 2013", "Friday, 24-May-13 00:00:00 GMT"] {
            assert_eq!(parse_http_date(bad), None, "{bad}");
        }
    }
}
