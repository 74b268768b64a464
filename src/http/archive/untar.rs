//! A tar as its bytes come: ustar, pax, and what GNU writes. Of strangers: whatever it says is looked at once,
//! here, and nothing of it is held but a header, or the records of one member within their limit.
//!
//! ```text
//! 0    name (100)     124  size (12)      257  "ustar"        345  prefix (155; ustar only)
//! 100  mode, owner    136  mtime (12)     265  owner's name   482  more places follow (GNU sparse)
//! 108  …              148  sum (8)        329  device
//! 156  type: 0 \0 7 file · 5 D directory · x X records · L long name · 1 2 3 4 6 S others
//! ```
//! Only a member's own header says where the next begins, with the size of its records, if they have one.
//! The first block of NUL is the end; what stands behind it says nothing.

use super::number;
use super::records::{self, Said};
use super::tar::{BLOCK, sum};
use crate::base::limits::{FILE_MAX, TAR_RECORDS_MAX};
use bytes::Bytes;

/// A member, but for its content.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// As it stands there.
    pub path: Vec<u8>,
    pub what: What,
    /// In seconds since 1970.
    pub time: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Of so many bytes, which follow.
    File(u64),
    Directory,
    /// Something that is neither, in a few words.
    Other(&'static str),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Member(Member),
    /// Of the last member's content.
    Piece(Bytes),
    /// The content of a file is complete.
    End,
}

/// Why a tar cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTar {
    #[error("This is no tar, or it is damaged: a header's sum is wrong")]
    Sum,
    #[error("The tar is damaged: a number in a header is none")]
    Number,
    #[error("The tar is damaged: the records in front of a member are none")]
    Records,
    #[error("The records in front of a member of the tar are longer than {TAR_RECORDS_MAX} bytes")]
    LongRecords,
    #[error("A file in the tar is larger than {FILE_MAX} bytes")]
    LargeFile,
    #[error("The tar is cut off: it has no end")]
    CutOff,
}

/// A tar that is being read.
#[derive(Default)]
pub struct Untar {
    /// What came and was not looked at,
    input: Bytes,
    /// and the beginning of what is not complete yet.
    begun: Vec<u8>,
    state: State,
    /// What stands in front of the next member.
    said: Said,
    long_name: Option<Vec<u8>>,
}

#[derive(Default)]
enum State {
    #[default]
    Header,
    /// Of this type and length.
    Records(u8, usize),
    /// So many bytes, and so many up to the next block.
    Content(u64, u64),
    /// A list of places, and then so many bytes.
    Places(u64),
    Skipped(u64),
    Done,
}

impl Untar {
    /// Takes in what came. All that was there has been looked at: [`Self::event`] gave nothing.
    pub fn feed(&mut self, bytes: Bytes) {
        self.input = bytes;
    }

    /// What comes next; nothing if more must be fed.
    pub fn event(&mut self) -> Result<Option<Event>, BadTar> {
        loop {
            match self.state {
                State::Header => {
                    let Some(block) = self.gather(BLOCK) else { return Ok(None) };
                    if let Some(member) = self.header(&block)? {
                        return Ok(Some(Event::Member(member)));
                    }
                }
                State::Records(kind, length) => {
                    let Some(text) = self.gather(length) else { return Ok(None) };
                    self.note(kind, text)?;
                    self.state = State::Skipped(fill(length as u64));
                }
                State::Content(0, fill) => {
                    self.state = State::Skipped(fill);
                    return Ok(Some(Event::End));
                }
                State::Content(left, fill) => {
                    let piece = self.up_to(left);
                    self.state = State::Content(left - piece.len() as u64, fill);
                    return Ok((!piece.is_empty()).then_some(Event::Piece(piece)));
                }
                State::Places(then) => {
                    let Some(block) = self.gather(BLOCK) else { return Ok(None) };
                    if block.get(504).is_none_or(|more| *more == 0) {
                        self.state = State::Skipped(then);
                    }
                }
                State::Skipped(left) => {
                    let left = left - self.up_to(left).len() as u64;
                    if left > 0 {
                        self.state = State::Skipped(left);
                        return Ok(None);
                    }
                    self.state = State::Header;
                }
                State::Done => {
                    self.input.clear();
                    return Ok(None);
                }
            }
        }
    }

    /// Whether all of it came.
    pub const fn finish(&self) -> Result<(), BadTar> {
        match self.state {
            State::Done => Ok(()),
            _ => Err(BadTar::CutOff),
        }
    }

    /// So many bytes, once they are there.
    fn gather(&mut self, wanted: usize) -> Option<Vec<u8>> {
        let more = self.up_to(wanted.saturating_sub(self.begun.len()) as u64);
        self.begun.extend_from_slice(&more);
        (self.begun.len() >= wanted).then(|| std::mem::take(&mut self.begun))
    }

    /// What is there, up to so many bytes.
    fn up_to(&mut self, most: u64) -> Bytes {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.input.split_to(most.min(self.input.len()))
    }

    /// What stands in front of a member.
    fn note(&mut self, kind: u8, mut text: Vec<u8>) -> Result<(), BadTar> {
        if kind == b'L' {
            let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
            text.truncate(end);
            self.long_name = Some(text);
        } else {
            self.said = records::parse(&text).ok_or(BadTar::Records)?;
        }
        Ok(())
    }

    /// The member that a header is of, if it is of one.
    fn header(&mut self, block: &[u8]) -> Result<Option<Member>, BadTar> {
        if block.iter().all(|byte| *byte == 0) {
            self.state = State::Done;
            return Ok(None);
        }
        let header = Header(block);
        header.check()?;
        let own = header.number(124, 12)?;
        let kind = header.byte(156);
        match kind {
            b'x' | b'X' | b'L' => {
                let length = usize::try_from(own).ok().filter(|length| *length <= TAR_RECORDS_MAX);
                self.state = State::Records(kind, length.ok_or(BadTar::LongRecords)?);
                return Ok(None);
            }
            // What is said of all that follow, of links, and of the tar itself.
            b'g' | b'K' | b'V' => {
                self.state = State::Skipped(whole(own)?);
                return Ok(None);
            }
            _ => {}
        }
        let said = std::mem::take(&mut self.said);
        let long_name = self.long_name.take();
        let size = said.size.unwrap_or(own);
        let path = said.path.or(long_name).unwrap_or_else(|| header.path());
        let what = what(kind, &path, said.sparse, size);
        self.state = match (what, kind) {
            (What::File(size), _) if size > FILE_MAX => return Err(BadTar::LargeFile),
            (What::File(size), _) => State::Content(size, fill(size)),
            // They have none, whatever they say.
            (_, b'1'..=b'6') => State::Skipped(0),
            (_, b'S') if header.byte(482) != 0 => State::Places(whole(size)?),
            _ => State::Skipped(whole(size)?),
        };
        let time =
            said.time.or_else(|| number::read(header.field(136, 12)).map(|time| time as f64));
        Ok(Some(Member { path, what, time }))
    }
}

fn what(kind: u8, path: &[u8], sparse: bool, size: u64) -> What {
    match kind {
        b'0' | b'7' | 0 if path.ends_with(b"/") => What::Directory,
        b'0' | b'7' | 0 if sparse => What::Other("a sparse file"),
        b'0' | b'7' | 0 => What::File(size),
        b'5' | b'D' => What::Directory,
        b'1' => What::Other("a hard link"),
        b'2' => What::Other("a symbolic link"),
        b'3' | b'4' => What::Other("a device"),
        b'6' => What::Other("a named pipe"),
        b'S' => What::Other("a sparse file"),
        _ => What::Other("of an unknown kind"),
    }
}

/// Bytes up to the next block.
const fn fill(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

/// A content with what fills its last block.
fn whole(size: u64) -> Result<u64, BadTar> {
    size.checked_add(fill(size)).ok_or(BadTar::Number)
}

/// A block that begins a member.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn field(&self, at: usize, width: usize) -> &[u8] {
        self.0.get(at..at + width).unwrap_or_default()
    }

    fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or_default()
    }

    fn number(&self, at: usize, width: usize) -> Result<u64, BadTar> {
        number::read(self.field(at, width)).ok_or(BadTar::Number)
    }

    /// Some programs of old summed bytes that have signs.
    fn check(&self) -> Result<(), BadTar> {
        let wanted = number::read(self.field(148, 8)).ok_or(BadTar::Sum)?;
        let unsigned = sum(self.0);
        let high = |(at, byte): (usize, &u8)| *byte > 127 && !(148..156).contains(&at);
        let signs = self.0.iter().enumerate().filter(|one| high(*one)).count() as u64;
        let signed = unsigned.wrapping_sub(256 * signs);
        if wanted == unsigned || wanted == signed { Ok(()) } else { Err(BadTar::Sum) }
    }

    fn path(&self) -> Vec<u8> {
        let text = |at, width| {
            let field = self.field(at, width);
            field.split(|byte| *byte == 0).next().unwrap_or_default()
        };
        let prefix = match self.field(257, 6) {
            b"ustar\0" => text(345, 155),
            _ => &[],
        };
        match prefix {
            [] => text(0, 100).to_vec(),
            prefix => [prefix, b"/", text(0, 100)].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tar::{begin, end};
    use super::super::{Entry, Kind, records, tar};
    use super::*;

    /// A header of this type, with these bytes in places of their own.
    fn header(kind: u8, size: u64, more: &[(usize, &[u8])]) -> Vec<u8> {
        let entry = Entry { path: "name".to_owned(), kind: Kind::File(size), time: Some(7.0) };
        let mut header = begin(&entry);
        header[156] = kind;
        for (at, bytes) in more {
            header[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        let sum = format!("{:06o}\0 ", sum(&header));
        header[148..156].copy_from_slice(sum.as_bytes());
        header
    }

    fn padded(content: &[u8]) -> Vec<u8> {
        [content, &tar::fill(content.len() as u64)].concat()
    }

    /// Members, the contents of files, and how it ended.
    type Read = (Vec<(String, What)>, Vec<u8>, Result<(), BadTar>);

    fn read(bytes: &[u8]) -> Read {
        let (mut untar, mut members, mut contents) = (Untar::default(), Vec::new(), Vec::new());
        for piece in bytes.chunks(100) {
            untar.feed(Bytes::copy_from_slice(piece));
            loop {
                match untar.event() {
                    Ok(None) => break,
                    Ok(Some(Event::Member(member))) => {
                        members.push((String::from_utf8(member.path).unwrap(), member.what));
                    }
                    Ok(Some(Event::Piece(piece))) => contents.extend_from_slice(&piece),
                    Ok(Some(Event::End)) => contents.push(b'|'),
                    Err(error) => return (members, contents, Err(error)),
                }
            }
        }
        let end = untar.finish();
        (members, contents, end)
    }

    fn file(path: &str, size: u64) -> (String, What) {
        (path.to_owned(), What::File(size))
    }

    #[test]
    fn what_is_written_is_read() {
        let long = "\u{e9}/".repeat(200) + "x";
        let entries = [
            Entry { path: "a".into(), kind: Kind::Directory, time: Some(1.5) },
            Entry { path: "a/b".into(), kind: Kind::File(600), time: Some(-2.0) },
            Entry { path: long.clone(), kind: Kind::File(0), time: None },
        ];
        let [directory, large, empty] = entries.each_ref().map(begin);
        let bytes = [directory, large, padded(&[7; 600]), empty, end()].concat();
        let (members, contents, end) = read(&bytes);
        assert_eq!(members, [("a/".to_owned(), What::Directory), file("a/b", 600), file(&long, 0)]);
        assert_eq!((contents.len(), end), (602, Ok(())));
        let mut untar = Untar::default();
        untar.feed(bytes.into());
        let Ok(Some(Event::Member(member))) = untar.event() else { panic!("no member") };
        assert_eq!(member.time, Some(1.5));
    }

    #[test]
    fn gnu_names_and_old_ones_are_read() {
        let long = "n".repeat(300);
        let gnu = [(257, &b"ustar  \0"[..]), (345, b"no prefix")];
        let name = [header(b'L', 301, &[]), padded(format!("{long}\0").as_bytes())].concat();
        let bytes =
            [name, header(b'0', 2, &gnu), padded(b"hi"), header(0, 0, &gnu), end()].concat();
        assert_eq!(read(&bytes), (vec![file(&long, 2), file("name", 0)], b"hi||".to_vec(), Ok(())));
        // A directory as it was before there was a type for it.
        let old = [header(0, 0, &[(0, b"dir/\0")]), end()].concat();
        assert_eq!(read(&old).0, [("dir/".to_owned(), What::Directory)]);
        let split = [header(b'0', 0, &[(345, b"pre/fix")]), end()].concat();
        assert_eq!(read(&split).0, [file("pre/fix/name", 0)]);
        // Sums of bytes that have signs.
        let mut signed = header(b'0', 0, &[(0, b"\xc3\xa4me")]);
        let less = sum(&signed) - 512;
        signed[148..155].copy_from_slice(format!("{less:06o}\0").as_bytes());
        assert_eq!(read(&[signed, end()].concat()).0, [file("\u{e4}me", 0)]);
    }

    #[test]
    fn what_is_no_file_is_passed_over_and_the_next_is_found() {
        let after = [header(b'0', 2, &[]), padded(b"hi"), end()].concat();
        let found = |before: &[Vec<u8>]| {
            let (members, contents, end) = read(&[&before.concat()[..], &after].concat());
            assert_eq!((&contents[..], end), (&b"hi|"[..], Ok(())));
            assert_eq!(members.last(), Some(&file("name", 2)));
            members.first().map(|member| member.1)
        };
        // These have no content, whatever their size says; those have one.
        for kind in *b"123456" {
            assert!(matches!(
                found(&[header(kind, 9_999, &[])]),
                Some(What::Other(_) | What::Directory)
            ));
        }
        for kind in *b"MNZ" {
            let strange = [header(kind, 600, &[]), padded(&[b'x'; 600])];
            assert_eq!(found(&strange), Some(What::Other("of an unknown kind")));
        }
        for kind in *b"gKV" {
            assert_eq!(found(&[header(kind, 600, &[]), padded(&[b'x'; 600])]), Some(What::File(2)));
        }
        let mut places = vec![0; 1024];
        places[504] = 1;
        let sparse = [header(b'S', 3, &[(482, &[1])]), places, padded(b"abc")];
        assert_eq!(found(&sparse), Some(What::Other("a sparse file")));
        let records = records::record("GNU.sparse.major", b"1");
        let said = [header(b'x', records.len() as u64, &[]), padded(&records)].concat();
        let sparse = [said, header(b'0', 3, &[]), padded(b"abc")];
        assert_eq!(found(&sparse), Some(What::Other("a sparse file")));
    }

    #[test]
    fn the_size_of_the_records_says_where_the_next_begins() {
        let inner = header(b'0', 0, &[(0, b"smuggled\0")]);
        let records = records::record("size", b"512");
        let bytes = [
            header(b'x', records.len() as u64, &[]),
            padded(&records),
            header(b'0', 0, &[]),
            inner,
            header(b'0', 0, &[(0, b"next\0")]),
            end(),
        ];
        assert_eq!(read(&bytes.concat()).0, [file("name", 512), file("next", 0)]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let bad = |bytes: &[Vec<u8>]| read(&bytes.concat()).2;
        assert_eq!(bad(&[vec![b'x'; 512]]), Err(BadTar::Sum));
        assert_eq!(bad(&[header(b'0', 0, &[(124, b"999")])]), Err(BadTar::Number));
        assert_eq!(bad(&[header(b'x', 3, &[]), padded(b"bad")]), Err(BadTar::Records));
        let most = TAR_RECORDS_MAX as u64;
        assert_eq!(bad(&[header(b'x', most + 1, &[])]), Err(BadTar::LongRecords));
        assert_eq!(bad(&[header(b'L', most + 1, &[])]), Err(BadTar::LongRecords));
        assert_eq!(bad(&[header(b'L', most, &[])]), Err(BadTar::CutOff));
        let size = |size: u64| [&[0x80, 0, 0, 0][..], &size.to_be_bytes()].concat();
        assert_eq!(bad(&[header(b'0', 0, &[(124, &size(FILE_MAX))])]), Err(BadTar::CutOff));
        assert_eq!(bad(&[header(b'0', 0, &[(124, &size(FILE_MAX + 1))])]), Err(BadTar::LargeFile));
        assert_eq!(bad(&[header(b'Z', 0, &[(124, &size(u64::MAX))])]), Err(BadTar::Number));
        let whole = [header(b'0', 3, &[]), padded(b"abc"), end()].concat();
        for length in 0..whole.len() - 1_024 + 512 {
            assert_eq!(read(&whole[..length]).2, Err(BadTar::CutOff), "{length}");
        }
        assert_eq!(read(&[&whole[..], b"whatever"].concat()).2, Ok(()));
    }
}
