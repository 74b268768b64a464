//! What a file without a name is, by its first bytes; only kinds that the viewer shows.
//!
//! A file that is opened by its cap has no name, and a browser would name it by the last part of its
//! address, which is the cap. So it gets one here.

use crate::base::limits::SNIFF_MAX;

/// Beginnings, each at an offset, and the name of a file that has it; those at 8 are in a RIFF.
const BEGINNINGS: &[(usize, &[u8], &str)] = &[
    (0, b"\x89PNG\r\n\x1a\n", "shared-file.png"),
    (0, b"\xff\xd8\xff", "shared-file.jpg"),
    (0, b"GIF87a", "shared-file.gif"),
    (0, b"GIF89a", "shared-file.gif"),
    (8, b"WEBP", "shared-file.webp"),
    (0, b"%PDF-", "shared-file.pdf"),
    (4, b"ftyp", "shared-file.mp4"),
    (0, b"\x1a\x45\xdf\xa3", "shared-file.webm"),
    (0, b"OggS", "shared-file.ogg"),
    (0, b"fLaC", "shared-file.flac"),
    (8, b"WAVE", "shared-file.wav"),
    (0, b"ID3", "shared-file.mp3"),
    (0, b"\xff\xfb", "shared-file.mp3"),
    (0, b"\xff\xf3", "shared-file.mp3"),
];

/// A name for a file that begins so; `whole` if that is all of it.
pub fn name(head: &[u8], whole: bool) -> &'static str {
    let begins = |at: usize, with: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(with));
    let riff = begins(0, b"RIFF");
    let known = BEGINNINGS.iter().filter(|(at, with, _)| begins(*at, with));
    let mut known = known.filter(|(at, ..)| *at != 8 || riff);
    match known.next() {
        Some((.., name)) => name,
        None if text(head, !whole).is_some() => "shared-file.txt",
        None => "shared-file",
    }
}

/// The bytes as text, if they are text; a letter may be cut at the end of a beginning.
pub fn text(bytes: &[u8], cut: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if cut && error.valid_up_to() + 4 > bytes.len() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

/// How much of a file of this size is to be looked at.
pub fn length(size: u64) -> u64 {
    size.min(SNIFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_tell_the_kind() {
        for (head, wanted) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "shared-file.png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "shared-file.jpg"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "shared-file.webp"),
            (b"RIFF\x10\0\0\0WAVEfmt ", "shared-file.wav"),
            (b"\0\0\0\x18ftypmp42", "shared-file.mp4"),
            (b"\x1a\x45\xdf\xa3\x01", "shared-file.webm"),
            (b"%PDF-1.4\n", "shared-file.pdf"),
            (b"xxxxxxxxWEBP", "shared-file.txt"),
            (b"<!DOCTYPE html><script>", "shared-file.txt"),
            (b"", "shared-file.txt"),
            (b"\0\x01\x02", "shared-file"),
        ] {
            assert_eq!(name(head, true), wanted, "{head:?}");
        }
        assert_eq!(name("a\u{e4}".as_bytes().split_last().unwrap().1, false), "shared-file.txt");
    }

    #[test]
    fn a_letter_may_be_cut_at_the_end_of_a_beginning_only() {
        assert_eq!(text("aä".as_bytes(), false), Some("aä"));
        assert_eq!(text(&"aä".as_bytes()[..2], true), Some("a"));
        assert_eq!(text(&"aä".as_bytes()[..2], false), None);
        assert_eq!(text(b"\xff\xfe plain text", true), None);
        assert_eq!(text(b"a\0b", false), None);
    }
}
