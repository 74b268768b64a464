//! A zip that is written from front to end (APPNOTE 6.3), its contents as they are.
//!
//! ```text
//! member:     local header · name · extra  │ content │ data descriptor: CRC-32 and sizes (files only)
//! …
//! directory:  a record for each member: header · name · extra
//! end:        zip64 end · its locator (where a figure needs it) │ end
//! ```
//! Sizes are known before a content is, so they stand in its header, and only its sum behind it. Records are
//! handed to whoever keeps them until the end.

use super::{Entry, Kind};
use crate::http::date::moment;
use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};
use time::OffsetDateTime;

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// A size or a place from which on it stands in a field of its own,
const LARGE: u64 = 0xffff_ffff;
/// and a number of members.
const MANY: u64 = 0xffff;
/// Names are UTF-8;
const UTF8: u16 = 1 << 11;
/// what is known of a content only behind it stands behind it.
const DESCRIBED: u16 = 1 << 3;
/// Versions of who can read it: with directories, with large fields.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;
/// Made by a Unix, so that modes count.
const UNIX: u16 = 3 << 8;

/// A zip under way.
#[derive(Default)]
pub struct Zip {
    /// Bytes so far.
    at: u64,
    members: u64,
}

/// A member whose content is on its way.
pub struct Member {
    entry: Entry,
    begins: u64,
    sum: Digest<'static, u32, Table<16>>,
}

impl Zip {
    /// What stands in front of a content.
    pub fn begin(&mut self, entry: Entry) -> (Vec<u8>, Member) {
        let (name, size) = (entry.name(), entry.size());
        let extra = extra_of(&entry, (size >= LARGE).then_some([size, size]).as_slice().concat());
        let mut out = Vec::with_capacity(30 + name.len() + extra.len());
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&version(size).to_le_bytes());
        put_head(&mut out, &entry, 0);
        put_lengths(&mut out, &name, &extra);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&extra);
        let begins = self.at;
        self.at += out.len() as u64;
        (out, Member { entry, begins, sum: CRC32.digest() })
    }

    /// Notes a piece of a content, which goes out as it is.
    pub fn pass(&mut self, member: &mut Member, piece: &[u8]) {
        member.sum.update(piece);
        self.at += piece.len() as u64;
    }

    /// What stands behind a content, and the record for the end.
    pub fn end(&mut self, member: Member) -> (Vec<u8>, Vec<u8>) {
        let Member { entry, begins, sum } = member;
        let (sum, size) = (sum.finalize(), entry.size());
        let behind = match entry.kind {
            Kind::Directory => Vec::new(),
            Kind::File(_) => descriptor(sum, size),
        };
        self.at += behind.len() as u64;
        self.members += 1;
        (behind, record(&entry, sum, begins))
    }

    /// What stands behind all records, which take so many bytes.
    pub fn finish(&self, records: u64) -> Vec<u8> {
        let mut out = Vec::new();
        if self.members >= MANY || records >= LARGE || self.at >= LARGE {
            out.extend_from_slice(b"PK\x06\x06");
            out.extend_from_slice(&44_u64.to_le_bytes());
            out.extend_from_slice(&(UNIX | ZIP64).to_le_bytes());
            out.extend_from_slice(&ZIP64.to_le_bytes());
            out.extend_from_slice(&[0; 8]);
            for figure in [self.members, self.members, records, self.at] {
                out.extend_from_slice(&figure.to_le_bytes());
            }
            out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
            out.extend_from_slice(&self.at.saturating_add(records).to_le_bytes());
            out.extend_from_slice(&1_u32.to_le_bytes());
        }
        out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        let members = u16::try_from(self.members).unwrap_or(u16::MAX).to_le_bytes();
        out.extend_from_slice(&[members, members].concat());
        out.extend_from_slice(&small(records));
        out.extend_from_slice(&small(self.at));
        out.extend_from_slice(&[0; 2]);
        out
    }
}

/// A figure, or that it stands elsewhere.
fn small(figure: u64) -> [u8; 4] {
    u32::try_from(figure).unwrap_or(u32::MAX).to_le_bytes()
}

const fn version(size: u64) -> u16 {
    if size >= LARGE { ZIP64 } else { PLAIN }
}

/// Flags, method, time, sum and sizes, as local headers and records have them.
fn put_head(out: &mut Vec<u8>, entry: &Entry, sum: u32) {
    let described = if matches!(entry.kind, Kind::File(_)) { DESCRIBED } else { 0 };
    let (time, date) = dos_time(entry.time);
    for half in [UTF8 | described, 0, time, date] {
        out.extend_from_slice(&half.to_le_bytes());
    }
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(&[small(entry.size()), small(entry.size())].concat());
}

/// Both are short: paths have a limit, and so have extras.
fn put_lengths(out: &mut Vec<u8>, name: &str, extra: &[u8]) {
    for length in [name.len(), extra.len()] {
        out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    }
}

/// Figures that have no room in their fields, and the time in UTC.
fn extra_of(entry: &Entry, large: Vec<u64>) -> Vec<u8> {
    let mut extra = Vec::new();
    if !large.is_empty() {
        extra.extend_from_slice(&[1, 0]);
        extra.extend_from_slice(&(large.len() as u16 * 8).to_le_bytes());
        large.iter().for_each(|figure| extra.extend_from_slice(&figure.to_le_bytes()));
    }
    let time = entry.time.filter(|time| time.is_finite()).map(|time| time.floor() as i64);
    if let Some(time) = time.and_then(|time| i32::try_from(time).ok()) {
        extra.extend_from_slice(b"UT\x05\0\x01");
        extra.extend_from_slice(&time.to_le_bytes());
    }
    extra
}

/// Date and time as DOS has them, in UTC and in steps of two seconds; its first day where it has none.
fn dos_time(time: Option<f64>) -> (u16, u16) {
    const FIRST: (u16, u16) = (0, 1 << 5 | 1);
    let Some(moment) = time.and_then(moment) else { return FIRST };
    let Some(year) = u16::try_from(moment.year() - 1980).ok().filter(|year| *year < 128) else {
        return FIRST;
    };
    let half = |moment: OffsetDateTime| {
        let minute = u16::from(moment.hour()) << 6 | u16::from(moment.minute());
        minute << 5 | (u16::from(moment.second()) / 2)
    };
    let day = year << 9 | u16::from(u8::from(moment.month())) << 5 | u16::from(moment.day());
    (half(moment), day)
}

fn descriptor(sum: u32, size: u64) -> Vec<u8> {
    let mut out = [b"PK\x07\x08", &sum.to_le_bytes()[..]].concat();
    match u32::try_from(size) {
        Ok(size) if u64::from(size) < LARGE => {
            out.extend_from_slice(&[size.to_le_bytes(); 2].concat())
        }
        _ => out.extend_from_slice(&[size.to_le_bytes(); 2].concat()),
    }
    out
}

fn record(entry: &Entry, sum: u32, begins: u64) -> Vec<u8> {
    let (name, size) = (entry.name(), entry.size());
    let mut large = Vec::new();
    if size >= LARGE {
        large.extend([size, size]);
    }
    if begins >= LARGE {
        large.push(begins);
    }
    let version = if large.is_empty() { PLAIN } else { ZIP64 };
    let extra = extra_of(entry, large);
    // With the mode of a Unix above what DOS knows of it.
    let mode: u32 = match entry.kind {
        Kind::Directory => 0o40_755 << 16 | 0x10,
        Kind::File(_) => 0o100_644 << 16,
    };
    let mut out = Vec::with_capacity(46 + name.len() + extra.len());
    out.extend_from_slice(b"PK\x01\x02");
    out.extend_from_slice(&(UNIX | version).to_le_bytes());
    out.extend_from_slice(&version.to_le_bytes());
    put_head(&mut out, entry, sum);
    put_lengths(&mut out, &name, &extra);
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&mode.to_le_bytes());
    out.extend_from_slice(&small(begins));
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&extra);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: Kind) -> Entry {
        Entry { path: path.to_owned(), kind, time: Some(1_369_353_601.5) }
    }

    /// A whole zip of these, of which the contents are.
    fn zipped(members: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
        let (mut zip, mut out, mut records) = (Zip::default(), Vec::new(), Vec::new());
        for (path, content) in members {
            let kind = content.map_or(Kind::Directory, |bytes| Kind::File(bytes.len() as u64));
            let (front, mut member) = zip.begin(entry(path, kind));
            out.extend(front);
            for piece in content.unwrap_or_default().chunks(3) {
                zip.pass(&mut member, piece);
                out.extend_from_slice(piece);
            }
            let (behind, record) = zip.end(member);
            out.extend(behind);
            records.extend(record);
        }
        assert_eq!(zip.at, out.len() as u64);
        let end = zip.finish(records.len() as u64);
        [out, records, end].concat()
    }

    fn hex(text: &str) -> Vec<u8> {
        let text: String = text.split_whitespace().collect();
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_zip_is_as_its_format_has_it() {
        let wanted = hex(
            // Local header of `ä/`, of 2013-05-24 00:00:01.
            "504b0304 1400 0008 0000 0000 b842 00000000 00000000 00000000 0300 0900 c3a42f
             5554 0500 01 81ad9e51
             504b0304 1400 0808 0000 0000 b842 00000000 09000000 09000000 0100 0900 62
             5554 0500 01 81ad9e51
             313233343536373839
             504b0708 2639f4cb 09000000 09000000
             504b0102 1403 1400 0008 0000 0000 b842 00000000 00000000 00000000 0300 0900 0000
             0000 0000 1000ed41 00000000 c3a42f 5554 0500 01 81ad9e51
             504b0102 1403 1400 0808 0000 0000 b842 2639f4cb 09000000 09000000 0100 0900 0000
             0000 0000 0000a481 2a000000 62 5554 0500 01 81ad9e51
             504b0506 0000 0000 0200 0200 72000000 6b000000 0000",
        );
        assert_eq!(zipped(&[("\u{e4}", None), ("b", Some(b"123456789"))]), wanted);
        let empty = hex("504b0506 0000 0000 0000 0000 00000000 00000000 0000");
        assert_eq!(zipped(&[]), empty);
    }

    #[test]
    fn large_figures_stand_in_fields_of_their_own() {
        let large = |size: u64| {
            let mut zip = Zip::default();
            let (front, member) = zip.begin(entry("a", Kind::File(size)));
            let (behind, record) = zip.end(member);
            (front, behind, record)
        };
        let (front, behind, record) = large(LARGE - 1);
        assert_eq!((front.len(), behind.len(), record.len()), (30 + 1 + 9, 16, 46 + 1 + 9));
        let (front, behind, record) = large(LARGE);
        assert_eq!((front.len(), behind.len(), record.len()), (30 + 1 + 29, 24, 46 + 1 + 29));
        assert_eq!(front[18..26], [0xff; 8]);
        assert_eq!(front[31..51], hex("0100 1000 ffffffff00000000 ffffffff00000000"));
        assert_eq!(behind[8..], hex("ffffffff00000000 ffffffff00000000"));
        // Small, and far behind.
        let mut zip = Zip { at: 5 << 30, members: 0 };
        let member = zip.begin(entry("a", Kind::File(1))).1;
        let record = zip.end(member).1;
        assert_eq!(record[42..46], [0xff; 4]);
        assert_eq!(record[47..59], hex("0100 0800 0000004001000000"));
    }

    #[test]
    fn the_end_says_it_at_length_from_the_first_figure_that_is_large() {
        let length = |at, members, records| Zip { at, members }.finish(records).len();
        assert_eq!(length(LARGE - 1, MANY - 1, LARGE - 1), 22);
        for (at, members, records) in [(LARGE, 1, 1), (1, MANY, 1), (1, 1, LARGE)] {
            assert_eq!(length(at, members, records), 56 + 20 + 22);
        }
        let end = Zip { at: 5 << 30, members: 70_000 }.finish(100);
        let wanted = hex("504b0606 2c00000000000000 2d03 2d00 00000000 00000000 7011010000000000
             7011010000000000 6400000000000000 0000004001000000
             504b0607 00000000 6400004001000000 01000000
             504b0506 0000 0000 ffff ffff 64000000 ffffffff 0000");
        assert_eq!(end, wanted);
    }

    #[test]
    fn times_that_dos_has_not_are_its_first_day() {
        assert_eq!(dos_time(Some(1_369_353_601.0)), (0, 0x42b8));
        assert_eq!(dos_time(Some(4_354_819_198.0)), (0xbf7d, 0xff9f), "its last moment");
        for none in
            [None, Some(0.0), Some(-1.0), Some(4_354_819_200.0), Some(f64::NAN), Some(1e300)]
        {
            assert_eq!(dos_time(none), (0, 0x21), "{none:?}");
        }
        let timed =
            |time| extra_of(&Entry { time, ..entry("a", Kind::Directory) }, Vec::new()).len();
        assert_eq!(
            (timed(Some(0.0)), timed(None), timed(Some(1e12)), timed(Some(f64::NAN))),
            (9, 0, 0, 0)
        );
    }
}
