//! Names of children: any Unicode, in NFC, so that one name has one spelling.

use super::DirError;
use crate::base::limits::NAME_MAX;
use icu_normalizer::ComposingNormalizerBorrowed;

/// The name as it is stored and compared; fails if that is too long.
pub fn normalise(name: &str) -> Result<String, DirError> {
    // Normalising shortens text to a third at most, so a longer one need not be looked at.
    if name.len() > 8 * NAME_MAX {
        return Err(DirError::NameTooLong);
    }
    let name = nfc(name);
    if name.len() > NAME_MAX { Err(DirError::NameTooLong) } else { Ok(name) }
}

/// NFC of any text.
pub(super) fn nfc(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        assert_eq!(normalise("e\u{301}clair").unwrap(), "\u{e9}clair");
        assert_eq!(normalise("").unwrap(), "");
        assert_eq!(normalise("a/b \u{1F600}").unwrap(), "a/b \u{1F600}");
    }

    #[test]
    fn the_limit_counts_bytes_after_normalisation() {
        assert!(normalise(&"a".repeat(NAME_MAX - 1)).is_ok());
        assert!(normalise(&"a".repeat(NAME_MAX)).is_ok());
        assert!(normalise(&"a".repeat(NAME_MAX + 1)).is_err());
        assert!(normalise(&"e\u{301}".repeat(NAME_MAX / 2)).is_ok());
        assert!(normalise(&"\u{e9}".repeat(NAME_MAX / 2 + 1)).is_err());
    }
}
