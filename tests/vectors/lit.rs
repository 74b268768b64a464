use super::support::*;
use tahoe::base::limits::LIT_MAX;
use tahoe::cap::{Cap, FileCap, LitCap};

#[test]
fn small_files_live_in_their_cap() {
    let (_, vectors) = load("lit");
    assert_eq!(LIT_MAX, number(&vectors, "literal_size_threshold"));
    for case in items(&vectors["cases"]) {
        let plaintext = match case["plaintext_hex"].as_str() {
            Some(plaintext) => unhex(plaintext),
            None => data(&case["plaintext"]),
        };
        assert_eq!(LitCap::new(plaintext.clone()).reveal(), text(case, "cap"));
        let Ok(Cap::File(FileCap::Lit(cap))) = Cap::parse(text(case, "cap")) else {
            panic!("{case}")
        };
        assert_eq!(cap.plaintext(), plaintext);
    }
}
