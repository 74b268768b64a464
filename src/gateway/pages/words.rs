//! Numbers and times as people read them.

use time::OffsetDateTime;
use time::macros::format_description;

/// `12.3 GB`, in powers of 1000 as disks are sold.
pub fn size(bytes: u64) -> String {
    amount(bytes as f64, "B")
}

/// A number with a unit and the prefix that keeps it short.
pub fn amount(mut number: f64, unit: &str) -> String {
    let mut prefixes = ["", "k", "M", "G", "T", "P", "E"].into_iter();
    let mut prefix = prefixes.next().unwrap_or_default();
    while number >= 999.5 {
        let Some(larger) = prefixes.next() else { break };
        (number, prefix) = (number / 1000.0, larger);
    }
    let digits = usize::from(number < 9.95 && !prefix.is_empty());
    let number = format!("{number:.digits$}");
    let number = number.strip_suffix(".0").unwrap_or(&number);
    format!("{number} {prefix}{unit}").trim_end().to_owned()
}

/// `1 file`, `2 files`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number as u64), if number == 1 { one } else { many })
}

/// `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `23 Nov 2026`, of seconds since 1970; empty for none.
pub fn date(seconds: u64) -> String {
    let format = format_description!("[day padding:none] [month repr:short] [year]");
    let known = i64::try_from(seconds).ok().filter(|&seconds| seconds > 0);
    known
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

/// `3 days`, of seconds: the largest unit that fits.
pub fn span(seconds: u64) -> String {
    let units = [(86_400 * 365, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length).unwrap_or((1, "second"));
    let number = seconds / unit.0;
    format!("{} {}{}", grouped(number), unit.1, if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 kB"),
            (1_500, "1.5 kB"),
            (12_345_678, "12 MB"),
            (999_999, "1 MB"),
            (3_400_000_000, "3.4 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn numbers_and_times_are_words() {
        assert_eq!(
            (count(1, "file", "files"), grouped(1_234_567)),
            ("1 file".into(), "1,234,567".into())
        );
        assert_eq!((date(1_795_390_000), date(0)), ("22 Nov 2026".into(), String::new()));
        assert_eq!(
            (span(59), span(7_200), span(86_400)),
            ("59 seconds".into(), "2 hours".into(), "1 day".into())
        );
    }
}
