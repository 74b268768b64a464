//! Server order, happiness and placement against the original's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::grid::happiness::servers_of_happiness;
use tahoe::grid::permute::{announced_seed, permute, position};
use tahoe::grid::placement::{Candidate, place};

fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].take()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn unhex(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    unhex(value).try_into().unwrap()
}

fn numbers(value: &Value) -> Vec<usize> {
    list(value).iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

fn shares(value: &Value) -> BTreeSet<ShareNum> {
    numbers(value).into_iter().map(|n| ShareNum(n as u8)).collect()
}

#[test]
fn permutation_seeds_follow_the_announcement() {
    for server in list(&vectors("permutation")["servers"]) {
        let announced = server["announcement"]["permutation-seed-base32"].as_str();
        let seed = announced_seed(server["server_id"].as_str().unwrap(), announced).unwrap();
        assert_eq!(seed, unhex(&server["permutation_seed"]), "{}", server["seed_rule"]);
    }
}

#[test]
fn servers_come_in_the_originals_order() {
    let vectors = vectors("permutation");
    let seeds: Vec<Vec<u8>> =
        list(&vectors["servers"]).iter().map(|s| unhex(&s["permutation_seed"])).collect();
    for group in ["permuted_orders", "with_preferred_servers"] {
        for case in list(&vectors[group]) {
            let si = StorageIndex(array(&case["storage_index"]));
            let preferred = numbers(&case["preferred"]);
            let all: Vec<usize> = (0..seeds.len()).collect();
            let order = permute(all, |&i| position(&si, &seeds[i]), |i| preferred.contains(i));
            assert_eq!(order, numbers(&case["order"]));
            for (index, expected) in order.iter().zip(list(&case["first_hashes"])) {
                assert_eq!(position(&si, &seeds[*index]), array(expected));
            }
        }
    }
}

#[test]
fn happiness_agrees_with_the_original() {
    for case in list(&vectors("happiness")["servers_of_happiness"]) {
        let mut held: BTreeMap<u64, BTreeSet<ShareNum>> = BTreeMap::new();
        for (share, servers) in case["sharemap"].as_object().unwrap() {
            for server in list(servers) {
                let share = ShareNum(share.parse().unwrap());
                held.entry(server.as_u64().unwrap()).or_default().insert(share);
            }
        }
        assert_eq!(servers_of_happiness(&held) as u64, case["servers_of_happiness"], "{case}");
    }
}

#[test]
fn placement_reaches_the_best_possible_happiness() {
    for case in list(&vectors("happiness")["best_possible"]) {
        let readonly = numbers(&case["readonly"]);
        let candidates: Vec<Candidate> = (0..case["servers"].as_u64().unwrap() as usize)
            .map(|index| Candidate {
                held: shares(&case["existing"][index.to_string()]),
                writable: !readonly.contains(&index),
            })
            .collect();
        let plan = place(&candidates, case["shares"].as_u64().unwrap() as usize);
        assert_eq!(plan.happiness as u64, case["best_possible_happiness"], "{case}");
        for (index, new) in &plan.new {
            assert!(candidates[*index].writable, "{case}");
            assert!(new.is_disjoint(&candidates[*index].held), "{case}");
        }
    }
}

#[test]
fn fresh_uploads_have_the_originals_shape() {
    for case in list(&vectors("happiness")["fresh_upload_placement_shape"]) {
        let candidate = |writable| Candidate { held: BTreeSet::new(), writable };
        let mut servers = vec![candidate(true); case["writeable"].as_u64().unwrap() as usize];
        servers.extend(vec![candidate(false); case["readonly"].as_u64().unwrap() as usize]);
        let plan = place(&servers, case["shares"].as_u64().unwrap() as usize);
        let counts: Vec<usize> = plan.new.values().map(BTreeSet::len).collect();
        assert_eq!(counts.iter().sum::<usize>() as u64, case["num_placed"]);
        assert_eq!(counts.len() as u64, case["distinct_servers_used"]);
        assert_eq!(
            counts.iter().max().map(|&n| n as u64),
            case["max_shares_on_one_server"].as_u64()
        );
        assert_eq!(plan.happiness as u64, case["happiness"]);
    }
}
