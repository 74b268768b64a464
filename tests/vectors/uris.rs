use super::support::*;
use serde_json::Value;
use tahoe::cap::{Cap, CapError, FileCap, ForeignCap};

/// Kinds that a [`Cap`] holds; the others of the format are only kept.
const CLASSES: [&str; 6] = [
    "CHKFileURI",
    "CHKFileVerifierURI",
    "LiteralFileURI",
    "ImmutableDirectoryURI",
    "ImmutableDirectoryURIVerifier",
    "LiteralDirectoryURI",
];

fn handled(kind: &str) -> bool {
    CLASSES.contains(&kind)
}

#[test]
fn caps_have_the_fields_of_the_original() {
    let (_, vectors) = load("uris");
    let (mut ours, mut foreign) = (0, 0);
    for case in items(&vectors["caps"]) {
        if !handled(text(case, "class")) {
            check_foreign(case);
            foreign += 1;
            continue;
        }
        ours += 1;
        let cap = Cap::parse(text(case, "cap")).unwrap();
        assert_eq!(cap.reveal(), text(case, "cap"));
        assert_eq!(cap.read_cap().reveal(), text(case, "readonly_cap"));
        assert_eq!(cap.is_mutable(), case["is_mutable"] == true);
        assert_eq!(!cap.is_writable(), case["is_readonly"] == true);
        assert_eq!(cap.is_directory(), text(case, "class").contains("Directory"));
        let index = cap.storage_index().map(|index| hex(index.0));
        assert_eq!(index.as_deref(), case["storage_index"].as_str());
        let verify = cap.verify_cap().map(|cap| cap.reveal());
        assert_eq!(verify.as_deref(), case["verify_cap"].as_str());
        check_fields(case, &cap);
    }
    assert!(ours >= 8 && foreign >= 12);
}

fn check_fields(case: &Value, cap: &Cap) {
    let Some(file) = cap.file() else { panic!("not of this format") };
    match file {
        FileCap::Lit(cap) => assert_eq!(hex(cap.plaintext()), text(case, "data")),
        FileCap::Chk(cap) => {
            assert_eq!(hex(cap.key().reveal()), text(case, "key"));
            check_facts(case, &cap.facts().unwrap());
        }
        FileCap::ChkVerify(cap) => check_facts(case, &cap.facts().unwrap()),
    }
}

fn check_facts(case: &Value, facts: &tahoe::base::file::FileFacts) {
    assert_eq!(hex(facts.ueb_hash), text(case, "uri_extension_hash"));
    assert_eq!(facts.params.needed() as u64, number(case, "needed_shares"));
    assert_eq!(facts.params.total() as u64, number(case, "total_shares"));
    assert_eq!(facts.size, number(case, "size"));
}

/// Caps of mutable files and their directories: kept and attenuated.
fn check_foreign(case: &Value) {
    let spelling = text(case, "cap");
    assert_eq!(Cap::parse(spelling), Err(CapError::Unsupported), "{case}");
    let cap = ForeignCap::parse_within(spelling, false).unwrap();
    assert_eq!(cap.reveal(), spelling);
    assert_eq!(cap.read_cap().reveal(), text(case, "readonly_cap"));
    assert_eq!(!cap.is_writable(), case["is_readonly"] == true);
    assert_eq!(cap.is_directory(), text(case, "class").contains("Directory"));
}

/// The class of error that the original reports.
fn error_of(error: CapError) -> Option<&'static str> {
    match error {
        CapError::Unknown | CapError::Unsupported => None,
        CapError::Malformed => Some("BadURIError"),
        CapError::NotReadOnly => Some("MustBeReadonlyError"),
        CapError::NotImmutable => Some("MustBeDeepImmutableError"),
    }
}

#[test]
fn probes_are_taken_and_refused_as_by_the_original() {
    let (_, vectors) = load("uris");
    let (mut taken, mut kept, mut unknown, mut refused) = (0, 0, 0, 0);
    for probe in items(&vectors["parse_probes"]) {
        let (spelling, class) = (text(probe, "text"), text(probe, "class"));
        // Kinds that exist for the original's own tests only.
        if spelling.contains("x-tahoe-future-test-") {
            continue;
        }
        let deep_immutable = probe["deep_immutable"] == true;
        match Cap::parse_within(spelling, deep_immutable) {
            Ok(cap) => {
                assert!(handled(class), "{probe}");
                assert_eq!(cap.reveal(), text(probe, "round_trip"), "{probe}");
                taken += 1;
            }
            Err(CapError::Unsupported) => {
                let cap = ForeignCap::parse_within(spelling, deep_immutable).unwrap();
                assert!(!handled(class) && class != "UnknownURI", "{probe}");
                assert_eq!(cap.reveal(), text(probe, "round_trip"), "{probe}");
                kept += 1;
            }
            Err(error) => {
                assert_eq!(class, "UnknownURI", "{probe}");
                assert_eq!(error_of(error), probe["error"].as_str(), "{probe}");
                *if error == CapError::Unknown { &mut unknown } else { &mut refused } += 1;
            }
        }
    }
    assert!(taken > 30 && kept > 15 && unknown > 15 && refused > 50);
}
