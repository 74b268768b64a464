//! Times as clients send them.

use crate::http::date::{moment, parse_http_date};

/// A time of headers, or in seconds since 1970.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return moment(seconds).map(|_| seconds);
    }
    parse_http_date(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777.0));
        assert_eq!(parse(" 784111777.5 "), Some(784_111_777.5));
        for bad in ["", "x", "inf", "NaN", "1e300", "-1e300", "Sun, 06 Nov 1994", "1e12"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
