//! The records of pax: what has no room in the header of a tar, or no field.
//!
//! ```text
//! LENGTH " " KEY "=" VALUE "\n"     LENGTH counts all of it in decimal, itself too
//! ```

/// One record.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    // With its own digits a length may get one more.
    let rest = key.len() + value.len() + 3;
    let with = |length: usize| rest + length.to_string().len();
    let length = with(with(rest));
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

/// What records say of a member, of what is asked here.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    pub path: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub time: Option<f64>,
    /// Its content is not what follows, but where in it there is something.
    pub sparse: bool,
}

/// The records in a text; none if it is not made of such.
pub fn parse(mut text: &[u8]) -> Option<Said> {
    let mut said = Said::default();
    while !text.is_empty() {
        let digits = text.iter().position(|byte| *byte == b' ')?;
        let (number, _) = text.split_at_checked(digits)?;
        let length = decimal(number)?;
        let length = usize::try_from(length).ok().filter(|length| *length > digits)?;
        let (one, rest) = text.split_at_checked(length)?;
        let one = one.get(digits + 1..)?.strip_suffix(b"\n")?;
        let equals = one.iter().position(|byte| *byte == b'=')?;
        said.note(one.get(..equals)?, one.get(equals + 1..)?)?;
        text = rest;
    }
    Some(said)
}

impl Said {
    fn note(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            // An empty value takes back what an earlier record said.
            b"path" => self.path = (!value.is_empty()).then(|| value.to_vec()),
            b"size" if value.is_empty() => self.size = None,
            b"size" => self.size = Some(decimal(value)?),
            b"mtime" => {
                let time = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.time = time.filter(|time: &f64| time.is_finite());
            }
            key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
            _ => {}
        }
        Some(())
    }
}

/// Digits and nothing else, which `parse` alone would not make sure of.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_counts_itself() {
        assert_eq!(record("path", b"a"), b"9 path=a\n");
        assert_eq!(record("a", b"bc"), b"7 a=bc\n");
        for length in 0..2_000 {
            let one = record("path", &vec![b'x'; length]);
            let said = String::from_utf8_lossy(&one).split(' ').next().unwrap().parse::<usize>();
            assert_eq!(said, Ok(one.len()));
        }
    }

    #[test]
    fn records_are_read_back_and_the_last_of_a_key_counts() {
        let text = [
            record("path", "\u{e4}\n=b".as_bytes()),
            record("comment", b"x"),
            record("size", b"1"),
            record("mtime", b"-1.5"),
            record("size", b"9000000000"),
        ];
        let said = parse(&text.concat()).unwrap();
        assert_eq!(said.path.as_deref(), Some("\u{e4}\n=b".as_bytes()));
        assert_eq!((said.size, said.time, said.sparse), (Some(9_000_000_000), Some(-1.5), false));
        assert!(parse(&record("GNU.sparse.major", b"1")).unwrap().sparse);
        assert_eq!(parse(b""), Some(Said::default()));
        let taken_back = [record("path", b"a"), record("path", b"")].concat();
        assert_eq!(parse(&taken_back), Some(Said::default()));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for bad in [
            &b"x"[..],
            b"9 path=a",
            b"8 path=a\n",
            b"11 path=a\n",
            b"+9 path=a\n",
            b" 9 path=a\n",
            b"9 pathaa\n",
            b"2 a=b\n",
            b"0 a=b\n",
            b"99999999999999999999999 a=b\n",
            b"9 size=x\n",
            b"10 size=-1\n",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
