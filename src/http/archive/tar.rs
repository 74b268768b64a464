//! A tar that is written from front to end (POSIX.1-2001, pax).
//!
//! ```text
//! member:   [ header of type x │ records │ NUL to 512 ]  what has no room in the header
//!           header (512)       │ content │ NUL to 512
//! …
//! end:      1,024 bytes of NUL
//! ```

use super::number::octal;
use super::records::record;
use super::{Entry, Kind};

pub const BLOCK: usize = 512;

/// What stands in front of a content.
pub fn begin(entry: &Entry) -> Vec<u8> {
    let (name, size) = (entry.name(), entry.size());
    let time = entry.time.filter(|time| time.is_finite());
    let whole = time.filter(|time| time.fract() == 0.0 && *time >= 0.0).map(|time| time as u64);
    let whole = whole.filter(|time| octal(*time, 12).is_some());
    let mut records = Vec::new();
    if !name.is_ascii() || split(&name).is_none() {
        records.extend(record("path", name.as_bytes()));
    }
    if octal(size, 12).is_none() {
        records.extend(record("size", size.to_string().as_bytes()));
    }
    if let Some(time) = time.filter(|_| whole.is_none()) {
        records.extend(record("mtime", time.to_string().as_bytes()));
    }
    let seconds = whole.unwrap_or_else(|| time.map_or(0, |time| time.max(0.0) as u64));
    let mut out = Vec::new();
    if !records.is_empty() {
        out.extend(header(("PaxHeader", b'x'), records.len() as u64, seconds));
        out.extend_from_slice(&records);
        out.extend(fill(records.len() as u64));
    }
    let kind = match entry.kind {
        Kind::Directory => b'5',
        Kind::File(_) => b'0',
    };
    out.extend(header((&name, kind), size, seconds));
    out
}

/// What stands behind a content of this size.
pub fn fill(size: u64) -> Vec<u8> {
    let over = size % BLOCK as u64;
    vec![0; (BLOCK as u64 - over) as usize % BLOCK]
}

/// What stands behind all members.
pub fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// A name in the two fields that it has: what stands before a slash, and what behind it.
fn split(name: &str) -> Option<(&str, &str)> {
    const NAME: usize = 100;
    const PREFIX: usize = 155;
    if name.len() <= NAME {
        return Some(("", name));
    }
    let fits = |(prefix, rest): &(&str, &str)| {
        (1..=PREFIX).contains(&prefix.len()) && (1..=NAME).contains(&rest.len())
    };
    name.match_indices('/')
        .filter_map(|(at, _)| Some((name.get(..at)?, name.get(at + 1..)?)))
        .find(fits)
}

/// What an older program shows of a name that has no room.
fn shortened(name: &str) -> (&str, &str) {
    let end = (0..=99).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    ("", name.get(..end).unwrap_or_default())
}

fn header((name, kind): (&str, u8), size: u64, seconds: u64) -> Vec<u8> {
    let (prefix, name) = split(name).unwrap_or_else(|| shortened(name));
    let mode = if kind == b'5' { 0o755 } else { 0o644 };
    let field = |number, width| octal(number, width).unwrap_or_else(|| vec![0; width]);
    let mut out = Vec::with_capacity(BLOCK);
    let mut put = |bytes: &[u8], width: usize| {
        let end = out.len() + width;
        out.extend_from_slice(bytes.get(..width).unwrap_or(bytes));
        out.resize(end, 0);
    };
    put(name.as_bytes(), 100);
    put(&field(mode, 8), 8);
    put(&field(0, 8), 8);
    put(&field(0, 8), 8);
    put(&field(size, 12), 12);
    put(&field(seconds, 12), 12);
    put(b"        ", 8);
    put(&[kind], 1);
    put(b"", 100);
    put(b"ustar\x0000", 8);
    put(b"", 64);
    put(&field(0, 8), 8);
    put(&field(0, 8), 8);
    put(prefix.as_bytes(), 155);
    put(b"", 12);
    let sum = format!("{:06o}\0", sum(&out));
    out.splice(148..155, sum.into_bytes());
    out
}

/// The sum of a header whose own sum is taken for spaces.
pub fn sum(header: &[u8]) -> u64 {
    let byte = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { b' ' } else { *byte };
    header.iter().enumerate().map(|one| u64::from(byte(one))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: Kind, time: f64) -> Entry {
        Entry { path: path.to_owned(), kind, time: Some(time) }
    }

    #[test]
    fn a_header_is_as_its_format_has_it() {
        let got = begin(&entry("a", Kind::File(5), 1_369_353_600.0));
        let mut wanted = vec![0; BLOCK];
        for (at, bytes) in [
            (0, &b"a"[..]),
            (100, b"0000644\x000000000\x000000000\x0000000000005\x0012147526600\x00"),
            (148, b"006706\0 0"),
            (257, b"ustar\x0000"),
            (329, b"0000000\x000000000\0"),
        ] {
            wanted[at..at + bytes.len()].copy_from_slice(bytes);
        }
        let sum = wanted.iter().enumerate().filter(|(at, _)| !(148..156).contains(at));
        let sum: u64 = sum.map(|(_, byte)| u64::from(*byte)).sum::<u64>() + 8 * 32;
        wanted[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        assert_eq!(got, wanted);
        let directory = begin(&entry("d", Kind::Directory, 0.0));
        assert_eq!((&directory[..3], directory[156]), (&b"d/\0"[..], b'5'));
    }

    #[test]
    fn what_has_no_room_stands_in_records() {
        let records = |entry: &Entry| {
            let got = begin(entry);
            assert_eq!(got.len() % BLOCK, 0);
            (got.len() > BLOCK).then(|| {
                assert_eq!(got[156], b'x');
                let size = super::super::number::read(&got[124..136]).unwrap() as usize;
                String::from_utf8(got[BLOCK..BLOCK + size].to_vec()).unwrap()
            })
        };
        let file = |path: &str, size, time| records(&entry(path, Kind::File(size), time));
        assert_eq!(file(&"a".repeat(100), 0, 0.0), None);
        let long = "a".repeat(101);
        assert_eq!(file(&long, 0, 0.0), Some(format!("111 path={long}\n")));
        assert_eq!(file(&format!("{}/{}", "p".repeat(155), "a".repeat(100)), 0, 0.0), None);
        assert!(file(&format!("{}/{}", "p".repeat(156), "a".repeat(100)), 0, 0.0).is_some());
        assert_eq!(file("\u{e4}", 0, 0.0).as_deref(), Some("11 path=\u{e4}\n"));
        assert_eq!(file("a", (8 << 30) - 1, 0.0), None);
        assert_eq!(file("a", 8 << 30, 0.0).as_deref(), Some("19 size=8589934592\n"));
        assert_eq!(file("a", 0, 1.5).as_deref(), Some("13 mtime=1.5\n"));
        assert_eq!(file("a", 0, -1.0).as_deref(), Some("12 mtime=-1\n"));
        assert_eq!(file("a", 0, f64::NAN), None);
        let directory = entry(&"d".repeat(100), Kind::Directory, 0.0);
        assert_eq!(records(&directory), Some(format!("111 path={}/\n", "d".repeat(100))));
    }

    #[test]
    fn contents_end_with_their_block() {
        let lengths = [0, 1, 511, 512, 513].map(|size| fill(size).len());
        assert_eq!(lengths, [0, 511, 1, 0, 511]);
    }
}
