//! What fuzzers and property tests feed with bytes: the capability parser.

use super::Cap;

/// A capability of any bytes. What is read must read the same when written again, and attenuation
/// must lose the key for good.
pub fn caps(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let cap = match Cap::parse(text) {
        Ok(cap) => cap,
        Err(_) => return,
    };
    assert_eq!(Cap::parse(&cap.reveal()), Ok(cap.clone()));
    let read = cap.read_cap();
    assert!(!read.is_writable() && Cap::parse(&format!("ro.{}", read.reveal())) == Ok(read));
    let Some(verify) = cap.verify_cap() else { return };
    assert!(verify.is_verifier() && verify.is_directory() == cap.is_directory());
    assert_eq!(cap.storage_index(), verify.storage_index());
    assert_eq!(Cap::parse(&verify.reveal()), Ok(verify.clone()));
    assert_eq!(verify.verify_cap(), Some(verify));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fuzz::run;
    use proptest::prelude::*;

    #[test]
    fn no_text_makes_the_parser_panic() {
        run(20, prop::collection::vec(any::<u8>(), 0..200), |bytes| caps(&bytes));
    }

    #[test]
    fn no_text_like_a_dircap_makes_the_parser_panic() {
        let key = "[a-z2-7]{51}a";
        let place = format!("{key}@(tcp:[a-z:]{{0,9}}:[0-9]{{1,5}},?)*");
        let text = format!("(imm\\.|ro\\.)?URI:DIR(-RO|-Verifier)?:{place}:{key}(:{key})?\n?");
        let text = proptest::string::string_regex(&text).unwrap();
        run(20, text, |text| caps(text.as_bytes()));
    }

    #[test]
    fn no_text_like_a_cap_makes_the_parser_panic() {
        let kind = "(imm\\.|ro\\.)?URI:(CHK|CHK-Verifier|LIT|SSK|DIR2)?:";
        let number = "[0-9]{0,22}";
        let fields = format!("[a-z2-7]{{0,30}}:[a-z2-7]{{48,54}}:{number}:{number}:{number}");
        let text = format!("{kind}({fields}|[a-z2-7]{{26}}:[a-z2-7]{{51}}a:[0-9]:[0-9]:9)\\PC?\n?");
        let text = proptest::string::string_regex(&text).unwrap();
        run(20, text, |text| caps(text.as_bytes()));
    }
}
