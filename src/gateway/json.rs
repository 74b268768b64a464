//! JSON as the original writes it: an indentation of one, ASCII only, a newline at the end.

use super::answer::{plain, typed};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter};
use std::io::{self, Write};

/// Other formatting, and every letter beyond ASCII escaped: clients print what they get.
struct Ascii<F>(F);

impl<F: Formatter> Formatter for Ascii<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        for letter in fragment.chars() {
            if letter.is_ascii() && letter != '\u{7f}' {
                writer.write_all(&[letter as u8])?;
            } else {
                for unit in letter.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(w, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

fn written<F: Formatter>(value: &impl Serialize, format: F) -> String {
    let mut out = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut out, Ascii(format));
    // Plain values into memory: neither can fail.
    let _ = value.serialize(&mut writer);
    String::from_utf8(out).unwrap_or_default()
}

/// One line.
pub fn line(value: &impl Serialize) -> String {
    written(value, serde_json::ser::CompactFormatter)
}

/// Several lines, without a newline at the end.
pub fn indented(value: &impl Serialize) -> String {
    written(value, PrettyFormatter::with_indent(b" "))
}

/// As [`indented`], to stand `depth` levels deep in something larger; the first line has no indent.
pub fn indented_at(depth: usize, value: &impl Serialize) -> String {
    // Newlines in strings are escaped, so all that are left are those between lines.
    indented(value).replace('\n', &format!("\n{}", " ".repeat(depth)))
}

/// An answer with a JSON body.
pub fn answer(value: &impl Serialize) -> HttpResponse {
    typed(plain(StatusCode::OK), "text/plain").body(indented(value) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn it_looks_as_the_original_writes_it() {
        let value = json!(["filenode", {"mutable": false, "list": [], "none": {}, "size": 3}]);
        let text = "[\n \"filenode\",\n {\n  \"mutable\": false,\n  \"list\": [],\n  \"none\": {},\n  \
                    \"size\": 3\n }\n]";
        assert_eq!(indented(&value), text);
        assert_eq!(indented_at(2, &json!([1])), "[\n   1\n  ]");
    }

    #[test]
    fn it_is_ascii_and_reads_back() {
        let value = json!({"\u{fc}\u{1f600}\u{7f}\n\"\\": "\u{2028}"});
        for text in [indented(&value), line(&value)] {
            assert!(text.is_ascii() && !text.contains('\u{7f}'), "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
        assert_eq!(line(&json!("\u{1f600}")), "\"\\ud83d\\ude00\"");
    }
}
