use super::support::*;
use tahoe::base::base32::{decode, decode_loose, encode};

#[test]
fn bytes_are_spelled_as_the_original_spells_them() {
    let (_, vectors) = load("base32");
    for case in items(&vectors["encode"]) {
        assert_eq!(encode(&bytes(case, "hex")), text(case, "b32"));
        assert_eq!(decode(text(case, "b32")).unwrap(), bytes(case, "hex"));
    }
}

#[test]
fn each_decoder_takes_the_spellings_of_its_strictness() {
    let (_, vectors) = load("base32");
    for case in items(&vectors["decode_checks"]) {
        let spelling = text(case, "text");
        let loose = decode_loose(spelling).ok();
        assert_eq!(loose.is_some(), case["accepted_by_a2b"].as_bool().unwrap(), "{spelling:?}");
        if let Some(found) = loose {
            assert_eq!(found, bytes(case, "decodes_to_hex"), "{spelling:?}");
            let canonical = case["canonical"].as_bool().unwrap();
            assert_eq!(decode(spelling).is_ok(), canonical, "{spelling:?}");
        } else {
            assert!(decode(spelling).is_err(), "{spelling:?}");
        }
    }
}

#[test]
fn last_characters_of_cap_fields_are_strict() {
    let (_, vectors) = load("base32");
    for (key, bytes, chars) in [("128bit_last_char", 16, 26), ("256bit_last_char", 32, 52)] {
        let allowed = text(&vectors["trailing_chars"], key);
        for last in "abcdefghijklmnopqrstuvwxyz234567".chars() {
            let spelling = format!("{}{last}", "a".repeat(chars - 1));
            let taken = decode(&spelling).is_ok_and(|found| found.len() == bytes);
            assert_eq!(taken, allowed.contains(last), "{spelling}");
        }
    }
}
