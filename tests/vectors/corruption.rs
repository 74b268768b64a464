use super::support::*;
use bytes::Bytes;
use serde_json::Value;
use tahoe::base::ShareNum;
use tahoe::cap::{Cap, FileCap};
use tahoe::codec::verify::{Verdict, verify_share};

fn mutate(share: &mut Vec<u8>, mutation: &Value) {
    if let Some(length) = mutation["truncate_to"].as_u64() {
        share.truncate(length as usize);
    } else if let Some(zeros) = mutation["append_zeros"].as_u64() {
        share.resize(share.len() + zeros as usize, 0);
    } else {
        share[number(mutation, "offset") as usize] ^= number(mutation, "xor") as u8;
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Corrupt(_) => "corrupt",
        Verdict::Incompatible(_) => "incompatible",
        Verdict::Unusable => "error",
    }
}

fn verdict(case: &Value, share: &[u8]) -> Verdict {
    let Ok(Cap::File(FileCap::ChkVerify(cap))) = Cap::parse(text(case, "verify_cap")) else {
        panic!("{case}")
    };
    let number = ShareNum(number(case, "share_number") as u8);
    let read = |range: std::ops::Range<u64>| {
        let (start, end) = (range.start as usize, (range.end as usize).min(share.len()));
        Ok::<_, ()>(Bytes::copy_from_slice(share.get(start..end).unwrap_or(&[])))
    };
    verify_share(cap.facts().unwrap(), number, share.len() as u64, read).unwrap()
}

#[test]
fn each_mutation_gets_the_verdict_of_the_original() {
    let (_, vectors) = load("corruption");
    for case in items(&vectors) {
        let sound = unbase64(text(case, "share_base64"));
        assert_eq!(hex(tahoe::base::hash::sha256(&sound)), text(case, "share_sha256"));
        assert_eq!(verdict(case, &sound), Verdict::Good);
        for mutation in items(&case["mutations"]) {
            let mut share = sound.clone();
            mutate(&mut share, mutation);
            let found = verdict(case, &share);
            let label = text(case, "label");
            assert_eq!(word(found), text(mutation, "verdict"), "{label}: {mutation}: {found:?}");
        }
    }
}
