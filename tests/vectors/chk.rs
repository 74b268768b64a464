use super::layout::{check_geometry, check_layout};
use super::support::*;
use bytes::Bytes;
use serde_json::Value;
use tahoe::base::ShareNum;
use tahoe::base::file::{FileFacts, FileKey, Params};
use tahoe::base::hash::sha256;
use tahoe::cap::{Cap, ChkCap, FileCap};
use tahoe::codec::SegmentNum;
use tahoe::codec::convergence::{ConvergenceSecret, KeyHasher};
use tahoe::codec::decode::{FileReader, OpenShare, Opening};
use tahoe::codec::encode::{Encoder, Finished, Plan};
use tahoe::codec::layout::Version;
use tahoe::codec::verify::{Verdict, verify_share};

/// The shares of a vector, made by the streaming encoder.
struct Encoded {
    cap: ChkCap,
    shares: Vec<Vec<u8>>,
    finished: Finished,
    plan: Plan,
}

fn plan(case: &Value) -> Plan {
    let params = Params::new(number(case, "k"), number(case, "n")).unwrap();
    let size = number(&case["plaintext"], "length");
    // Version 2 on a file as small as these can only have been forced.
    let at_least = if case["share_version"] == 2 { Version::V2 } else { Version::V1 };
    Plan::custom(params, size, number(case, "max_segment_size"), at_least).unwrap()
}

fn key(case: &Value, plan: &Plan, plaintext: &[u8]) -> FileKey {
    if case["convergence_secret"].is_null() {
        return FileKey::new(array(case, "key"));
    }
    let secret = ConvergenceSecret::new(bytes(case, "convergence_secret"));
    let mut hasher = KeyHasher::new(&secret, plan.geometry());
    hasher.update(plaintext);
    hasher.finish()
}

fn encode(case: &Value) -> Encoded {
    let plaintext = data(&case["plaintext"]);
    let plan = plan(case);
    let key = key(case, &plan, &plaintext);
    let mut encoder = Encoder::new(plan, key.clone());
    let mut shares = vec![Vec::new(); plan.geometry().params().total()];
    let mut rest = plaintext.as_slice();
    while let Some(mut buffer) = encoder.buffer() {
        let (now, later) = rest.split_at(buffer.len());
        buffer.copy_from_slice(now);
        rest = later;
        let batch = encoder.encode(buffer).unwrap();
        for (share, run) in shares.iter_mut().zip(&batch.shares) {
            assert_eq!(share.len() as u64, batch.offset, "runs follow one another");
            share.extend(run.concat());
        }
    }
    let finished = encoder.finish().unwrap();
    for (share, number) in shares.iter_mut().zip(plan.geometry().params().shares()) {
        assert_eq!(share.len() as u64, finished.trailer_offset());
        share.extend_from_slice(&finished.trailer(number).unwrap().concat());
        assert_eq!(share.len() as u64, plan.share_len());
    }
    let params = plan.geometry().params();
    let size = plan.geometry().size();
    let facts = FileFacts { params, size, ueb_hash: finished.ueb_hash() };
    Encoded { cap: ChkCap::new(key, facts), shares, finished, plan }
}

fn check(case: &Value) {
    let Encoded { cap, shares, finished, plan } = encode(case);
    check_geometry(plan.geometry(), case);
    check_layout(plan.layout(), case);
    assert_eq!(hex(cap.key().reveal()), text(case, "key"));
    assert_eq!(hex(cap.storage_index().0), text(case, "storage_index"));
    assert_eq!(cap.storage_index().to_string(), text(case, "storage_index_b32"));
    assert_eq!(hex(finished.hashes().crypttext), text(case, "crypttext_hash"));
    assert_eq!(hex(finished.hashes().crypttext_root), text(case, "crypttext_root_hash"));
    assert_eq!(hex(finished.hashes().share_root), text(case, "share_root_hash"));
    assert_eq!(hex(finished.ueb()), text(case, "ueb_hex"));
    assert_eq!(hex(finished.ueb_hash()), text(case, "ueb_hash"));
    assert_eq!(cap.reveal(), text(case, "read_cap"));
    assert_eq!(cap.verify_cap().reveal(), text(case, "verify_cap"));
    for (i, wanted) in case["share_sha256"].as_array().into_iter().flatten().enumerate() {
        assert_eq!(hex(sha256(&shares[i])), wanted.as_str().unwrap(), "share {i}");
    }
    for (share, wanted) in case["some_share_sha256"].as_object().into_iter().flatten() {
        let share = &shares[share.parse::<usize>().unwrap()];
        assert_eq!(hex(sha256(share)), wanted.as_str().unwrap());
    }
    for (share, wanted) in case["shares_base64"].as_object().into_iter().flatten() {
        let share = &shares[share.parse::<usize>().unwrap()];
        assert_eq!(*share, unbase64(wanted.as_str().unwrap()));
    }
    assert_eq!(digest_of_digests(&shares), text(case, "all_shares_sha256"));
}

#[test]
fn shares_and_caps_are_byte_for_byte_those_of_the_original() {
    let (_, vectors) = load("chk");
    for case in items(&vectors) {
        println!("{}", text(case, "label"));
        check(case);
    }
}

/// Opens a share whose server answers `head` bytes at first.
fn open(facts: FileFacts, number: u8, share: &[u8], head: usize) -> (OpenShare, FileReader) {
    let mut opening = Opening::new(facts, ShareNum(number), share.len() as u64, true).unwrap();
    opening.take(0, Bytes::copy_from_slice(&share[..head.min(share.len())])).unwrap();
    let mut reads = 0;
    while let Some(range) = opening.wants().unwrap() {
        let bytes = &share[range.start as usize..range.end as usize];
        opening.take(range.start, Bytes::copy_from_slice(bytes)).unwrap();
        reads += 1;
    }
    assert!(reads <= 2, "{reads} reads to open a share");
    let (open, tree) = opening.finish().unwrap();
    (open, FileReader::new(&facts, tree.unwrap(), None))
}

/// Ciphertext from the given shares, `step` segments at a time.
fn ciphertext(facts: FileFacts, shares: &[(u8, Vec<u8>)], step: u64) -> Vec<u8> {
    let mut readers: Vec<_> =
        shares.iter().map(|(number, share)| open(facts, *number, share, 1024)).collect();
    let opened: Vec<OpenShare> = readers.iter().map(|(open, _)| open.clone()).collect();
    let reader = &mut readers[0].1;
    let mut out = Vec::new();
    let segments = reader.geometry().segments();
    for first in (0..segments).step_by(step as usize) {
        let (first, count) = (SegmentNum(first), step.min(segments - first));
        let runs: Vec<_> = opened
            .iter()
            .zip(shares)
            .map(|(open, (_, share))| {
                let range = open.range(first, count);
                let bytes = &share[range.start as usize..range.end as usize];
                open.verify(first, count, Bytes::copy_from_slice(bytes)).unwrap()
            })
            .collect();
        out.extend_from_slice(&reader.decode(&runs).unwrap());
    }
    out
}

#[test]
fn the_shares_of_the_original_decode() {
    let (_, vectors) = load("chk");
    let mut decoded = 0;
    for case in items(&vectors) {
        let k = number(case, "k") as usize;
        let mut shares: Vec<(u8, Vec<u8>)> = case["shares_base64"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(share, text)| (share.parse().unwrap(), unbase64(text.as_str().unwrap())))
            .collect();
        if shares.len() < k {
            continue;
        }
        shares.sort();
        let Ok(Cap::File(FileCap::Chk(cap))) = Cap::parse(text(case, "read_cap")) else {
            panic!("{case}")
        };
        for chosen in
            [shares[..k].to_vec(), shares[shares.len() - k..].iter().rev().cloned().collect()]
        {
            for step in [1, 3, 100] {
                let found = ciphertext(cap.facts().unwrap(), &chosen, step);
                assert_eq!(hex(sha256(&found)), text(case, "ciphertext_sha256"));
            }
        }
        decoded += 1;
    }
    assert!(decoded >= 10, "{decoded} vectors have enough shares inline");
}

#[test]
fn own_shares_decode_to_the_plaintext_from_the_last_k() {
    let (_, vectors) = load("chk");
    for case in items(&vectors) {
        let Encoded { cap, shares, .. } = encode(case);
        let (k, n) = {
            let params = cap.facts().unwrap().params;
            (params.needed(), params.total())
        };
        let chosen: Vec<(u8, Vec<u8>)> =
            (n - k..n).rev().map(|i| (i as u8, shares[i].clone())).collect();
        let mut found = ciphertext(cap.facts().unwrap(), &chosen, 4);
        tahoe::codec::crypt::apply(cap.key(), 0, &mut found);
        assert_eq!(hex(sha256(&found)), text(case, "plaintext_sha256"), "{}", text(case, "label"));
    }
}

#[test]
fn own_shares_are_good_to_the_verifier() {
    let (_, vectors) = load("chk");
    for case in items(&vectors).iter().filter(|case| number(&case["plaintext"], "length") < 20_000)
    {
        let Encoded { cap, shares, .. } = encode(case);
        for number in [0, shares.len() - 1] {
            let share = &shares[number];
            let read = |range: std::ops::Range<u64>| {
                let bytes = &share[range.start as usize..range.end as usize];
                Ok::<_, ()>(Bytes::copy_from_slice(bytes))
            };
            let verdict = verify_share(
                cap.facts().unwrap(),
                ShareNum(number as u8),
                share.len() as u64,
                read,
            );
            assert_eq!(verdict, Ok(Verdict::Good));
        }
    }
}
