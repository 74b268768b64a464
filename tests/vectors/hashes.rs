use super::support::*;
use serde_json::Value;
use tahoe::base::hash::{netstring, pair, sha1, sha256, tagged};
use tahoe::codec::{hashtree, lease, tags};

/// Functions of one value: name, tag, bytes of output.
const TAGGED: [(&str, &str, usize); 15] = [
    ("storage_index_hash", "STORAGE_INDEX_TAG", 16),
    ("block_hash", "BLOCK_TAG", 32),
    ("uri_extension_hash", "UEB_TAG", 32),
    ("plaintext_hash", "PLAINTEXT_TAG", 32),
    ("crypttext_hash", "CIPHERTEXT_TAG", 32),
    ("crypttext_segment_hash", "CIPHERTEXT_SEGMENT_TAG", 32),
    ("plaintext_segment_hash", "PLAINTEXT_SEGMENT_TAG", 32),
    ("ssk_writekey_hash", "MUTABLE_WRITEKEY_TAG", 16),
    ("ssk_readkey_hash", "MUTABLE_READKEY_TAG", 16),
    ("ssk_storage_index_hash", "MUTABLE_STORAGEINDEX_TAG", 16),
    ("ssk_pubkey_fingerprint_hash", "MUTABLE_PUBKEY_TAG", 32),
    ("ssk_write_enabler_master_hash", "MUTABLE_WRITE_ENABLER_MASTER_TAG", 32),
    ("mutable_rwcap_salt_hash", "DIRNODE_CHILD_SALT_TAG", 16),
    ("backupdb_dirhash", "BACKUPDB_DIRHASH_TAG", 32),
    ("empty_leaf_hash", "EMPTY_LEAF_TAG", 32),
];

/// Functions of two values: name, tag, names of the values, bytes of output.
const PAIRS: [(&str, &str, [&str; 2], usize); 6] = [
    (
        "file_renewal_secret_hash",
        "FILE_RENEWAL_TAG",
        ["client_renewal_secret", "storage_index"],
        32,
    ),
    ("file_cancel_secret_hash", "FILE_CANCEL_TAG", ["client_cancel_secret", "storage_index"], 32),
    ("bucket_renewal_secret_hash", "BUCKET_RENEWAL_TAG", ["file_renewal_secret", "peerid20"], 32),
    ("bucket_cancel_secret_hash", "BUCKET_CANCEL_TAG", ["file_cancel_secret", "peerid20"], 32),
    ("ssk_readkey_data_hash", "MUTABLE_DATAKEY_TAG", ["iv", "readkey"], 16),
    ("mutable_rwcap_key_hash", "DIRNODE_CHILD_WRITECAP_TAG", ["salt", "writekey"], 16),
];

#[test]
fn tags_are_those_of_the_original() {
    let (_, vectors) = load("hashes");
    for (name, tag) in [
        ("STORAGE_INDEX_TAG", tags::STORAGE_INDEX),
        ("CONVERGENT_ENCRYPTION_TAG", tags::CONVERGENCE),
        ("BLOCK_TAG", tags::BLOCK),
        ("UEB_TAG", tags::UEB),
        ("CIPHERTEXT_TAG", tags::CRYPTTEXT),
        ("CIPHERTEXT_SEGMENT_TAG", tags::CRYPTTEXT_SEGMENT),
        ("EMPTY_LEAF_TAG", tags::EMPTY_LEAF),
        ("CLIENT_RENEWAL_TAG", tags::CLIENT_RENEWAL),
        ("CLIENT_CANCEL_TAG", tags::CLIENT_CANCEL),
        ("FILE_RENEWAL_TAG", tags::FILE_RENEWAL),
        ("FILE_CANCEL_TAG", tags::FILE_CANCEL),
        ("BUCKET_RENEWAL_TAG", tags::BUCKET_RENEWAL),
        ("BUCKET_CANCEL_TAG", tags::BUCKET_CANCEL),
    ] {
        assert_eq!(tag, text(&vectors["tags"], name).as_bytes());
    }
}

#[test]
fn netstrings_have_one_reading() {
    let (_, vectors) = load("hashes");
    for case in items(&vectors["netstrings"]) {
        assert_eq!(netstring(&bytes(case, "hex")), bytes(case, "netstring_hex"));
    }
}

#[test]
fn every_hash_function_gives_the_original_output() {
    let (_, vectors) = load("hashes");
    for case in items(&vectors["hashes"]) {
        let output = hash(case, &vectors["tags"]);
        assert_eq!(hex(output), text(case, "output"), "{case}");
    }
}

fn hash(case: &Value, tags: &Value) -> Vec<u8> {
    let inputs = &case["inputs"];
    let input = |key: &str| bytes(inputs, key);
    let tag = |name: &str| text(tags, name).as_bytes();
    let function = text(case, "function");
    if let Some((_, name, length)) = TAGGED.iter().find(|(name, ..)| *name == function) {
        return tagged(tag(name), &only_value(inputs))[..*length].to_vec();
    }
    if let Some((_, name, [a, b], length)) = PAIRS.iter().find(|(name, ..)| *name == function) {
        return pair(tag(name), &input(a), &input(b))[..*length].to_vec();
    }
    let truncated = inputs["truncate_to"].as_u64().unwrap_or(32) as usize;
    match function {
        "tagged_hash" => tagged(&input("tag"), &input("value"))[..truncated].to_vec(),
        "tagged_pair_hash" => {
            let (a, b) = (input("value1"), input("value2"));
            pair(&input("tag"), &a, &b)[..truncated].to_vec()
        }
        "my_renewal_secret_hash" => lease::client_renewal(&input("lease_secret")).to_vec(),
        "my_cancel_secret_hash" => lease::client_cancel(&input("lease_secret")).to_vec(),
        "pair_hash" => hashtree::inner(&array(inputs, "left"), &array(inputs, "right")).to_vec(),
        "permute_server_hash" => {
            sha1(&[&input("storage_index"), &input("permutation_seed")]).to_vec()
        }
        "ssk_write_enabler_hash" => {
            let master = tagged(tag("MUTABLE_WRITE_ENABLER_MASTER_TAG"), &input("writekey"));
            pair(tag("MUTABLE_WRITE_ENABLER_TAG"), &master, &input("peerid20")).to_vec()
        }
        "hmac" => directory_mac(&input("key16"), &input("data")),
        other => panic!("no check for {other}"),
    }
}

/// The one value of a tagged hash; a number stands for its decimal text.
fn only_value(inputs: &Value) -> Vec<u8> {
    let (_, value) = inputs.as_object().unwrap().iter().next().unwrap();
    match value {
        Value::Number(number) => number.to_string().into_bytes(),
        other => unhex(other.as_str().unwrap()),
    }
}

/// `docs/spec/formats-mutable.md` §10.1: like HMAC, with an unpadded key and single SHA-256.
fn directory_mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let keyed = |pad: u8, data: &[u8]| {
        let key = key.iter().map(|byte| byte ^ pad);
        sha256(&key.chain(data.iter().copied()).collect::<Vec<u8>>())
    };
    keyed(0x5c, &keyed(0x36, data)).to_vec()
}
