//! `Range` headers on files (`docs/spec/webapi-delta.md` §5).

use std::ops::Range;

/// What to send of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// 200: all of it, because nothing else was asked for in a way that counts.
    Whole,
    /// 206: these bytes, never empty.
    Part(Range<u64>),
    /// 416: they start behind the end.
    Nothing,
}

/// Reads a `Range` header for a file of `size` bytes. Of several ranges the first counts; a header
/// of which a part makes no sense is ignored as a whole.
pub fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(list) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let mut specs = list.split(',').map(bounds);
    let first = specs.next().flatten();
    match first.filter(|_| specs.all(|spec| spec.is_some())) {
        Some((first, last)) => part(first, last, size),
        None => Wanted::Whole,
    }
}

/// The `Content-Range` of a part that is sent.
pub fn told(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1))
}

/// The same as RFC 9110 has it: where nothing is left of a range that makes sense, that is told, and not
/// answered with everything as by the web API.
pub fn wanted_strictly(header: Option<&str>, size: u64) -> Wanted {
    let first = header.and_then(|header| header.trim().strip_prefix("bytes="));
    let first = first.filter(|list| !list.contains(',')).and_then(bounds);
    match first {
        Some((Bound::At(start), Bound::None)) if start >= size => Wanted::Nothing,
        Some((Bound::None, Bound::At(length))) if length == 0 || size == 0 => Wanted::Nothing,
        _ => wanted(header, size),
    }
}

/// First and last of one range, if that makes sense for some file.
fn bounds(spec: &str) -> Option<(Bound, Bound)> {
    let (first, last) = spec.trim().split_once('-')?;
    match (number(first), number(last)) {
        (Bound::Bad, _) | (_, Bound::Bad) | (Bound::None, Bound::None) => None,
        (Bound::At(first), Bound::At(last)) if last < first => None,
        bounds => Some(bounds),
    }
}

fn part(first: Bound, last: Bound, size: u64) -> Wanted {
    match (first, last) {
        (Bound::None, Bound::At(length)) if length > 0 && size > 0 => {
            Wanted::Part(size.saturating_sub(length)..size)
        }
        (Bound::At(start), Bound::None) if start < size => Wanted::Part(start..size),
        (Bound::At(start), Bound::At(end)) if end >= start => {
            if start < size {
                Wanted::Part(start..end.saturating_add(1).min(size))
            } else {
                Wanted::Nothing
            }
        }
        _ => Wanted::Whole,
    }
}

enum Bound {
    None,
    At(u64),
    Bad,
}

/// Digits only; a number too large to hold is as good as the largest.
fn number(text: &str) -> Bound {
    let text = text.trim();
    if text.is_empty() {
        Bound::None
    } else if text.bytes().all(|c| c.is_ascii_digit()) {
        Bound::At(text.parse().unwrap_or(u64::MAX))
    } else {
        Bound::Bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_table() {
        let cases = [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("bytes=2-500", Wanted::Part(2..10)),
            ("bytes=9-", Wanted::Part(9..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-300", Wanted::Part(0..10)),
            ("bytes=1-2,4-5", Wanted::Part(1..3)),
            ("bytes=0-1,5-4", Wanted::Whole),
            ("bytes=0-1,x", Wanted::Whole),
            ("bytes=0-1,", Wanted::Whole),
            ("bytes=0-1, -3", Wanted::Part(0..2)),
            ("bytes=0-99999999999999999999", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Whole),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=-0", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("garbage", Wanted::Whole),
            ("bytes=10-11", Wanted::Nothing),
            ("bytes=99999999999999999999-99999999999999999999", Wanted::Nothing),
        ];
        for (header, expected) in cases {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
    }

    #[test]
    fn an_empty_file_has_no_part() {
        for header in ["bytes=-1", "bytes=0-"] {
            assert_eq!(wanted(Some(header), 0), Wanted::Whole);
        }
        assert_eq!(wanted(Some("bytes=0-0"), 0), Wanted::Nothing);
    }
}
