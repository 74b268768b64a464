use super::support::*;
use serde_json::Value;
use tahoe::cap::{Cap, CapError};

/// Kinds that this library reads; the vectors hold others too.
const CLASSES: [&str; 3] = ["CHKFileURI", "CHKFileVerifierURI", "LiteralFileURI"];

fn handled(kind: &str) -> bool {
    CLASSES.contains(&kind)
}

#[test]
fn caps_have_the_fields_of_the_original() {
    let (_, vectors) = load("uris");
    let all = items(&vectors["caps"]).iter();
    let cases: Vec<&Value> = all.filter(|case| handled(text(case, "class"))).collect();
    assert!(cases.len() >= 4);
    for case in cases {
        let cap = Cap::parse(text(case, "cap")).unwrap();
        assert_eq!(cap.reveal(), text(case, "cap"));
        let index = cap.storage_index().map(|index| hex(index.0));
        assert_eq!(index.as_deref(), case["storage_index"].as_str());
        let verify = cap.verify_cap().map(|cap| cap.reveal());
        assert_eq!(verify.as_deref(), case["verify_cap"].as_str());
        match cap {
            Cap::Lit(cap) => assert_eq!(hex(cap.plaintext()), text(case, "data")),
            Cap::Chk(cap) => {
                assert_eq!(hex(cap.key().reveal()), text(case, "key"));
                check_facts(case, &cap.facts().unwrap());
            }
            Cap::ChkVerify(cap) => check_facts(case, &cap.facts().unwrap()),
        }
    }
}

fn check_facts(case: &Value, facts: &tahoe::base::file::FileFacts) {
    assert_eq!(hex(facts.ueb_hash), text(case, "uri_extension_hash"));
    assert_eq!(facts.params.needed() as u64, number(case, "needed_shares"));
    assert_eq!(facts.params.total() as u64, number(case, "total_shares"));
    assert_eq!(facts.size, number(case, "size"));
}

#[test]
fn probes_are_taken_and_refused_as_by_the_original() {
    let (_, vectors) = load("uris");
    let (mut taken, mut malformed, mut unknown, mut others) = (0, 0, 0, 0);
    for probe in items(&vectors["parse_probes"]) {
        let (spelling, class) = (text(probe, "text"), text(probe, "class"));
        let bare = spelling.strip_prefix("ro.").or(spelling.strip_prefix("imm."));
        let bare = bare.unwrap_or(spelling);
        let ours = ["URI:CHK:", "URI:CHK-Verifier:", "URI:LIT:"];
        let ours = ours.iter().any(|kind| bare.starts_with(kind));
        let found = Cap::parse(spelling);
        if handled(class) {
            assert_eq!(found.unwrap().reveal(), text(probe, "round_trip"), "{probe}");
            taken += 1;
        } else if ours {
            assert_eq!(probe["error"], "BadURIError", "{probe}");
            assert_eq!(found, Err(CapError::Malformed), "{probe}");
            malformed += 1;
        } else if class == "UnknownURI" && !bare.starts_with("URI:") {
            assert_eq!(found, Err(CapError::Unknown), "{probe}");
            unknown += 1;
        } else {
            // Other kinds of the format, and texts that only look like one.
            assert!(matches!(found, Err(CapError::Unsupported | CapError::Unknown)), "{probe}");
            assert_ne!(
                class == "UnknownURI" && probe["error"].is_null(),
                found == Err(CapError::Unsupported),
                "{probe}"
            );
            others += 1;
        }
    }
    assert!(taken > 20 && malformed > 8 && unknown > 15 && others > 50);
}
