//! Share files and lease secrets, byte for byte as Tahoe-LAFS 1.20 writes them.

use serde_json::Value;
use std::path::Path;
use tahoe::base::hash::{blake2b, pair, tagged};
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::base::system::Clock;
use tahoe::base::{ShareNum, StorageIndex, base32};
use tahoe::disk::Disk;
use tahoe::storage::container::{
    Cancelled, Edit, HEAD_LEN, Header, Kind, Lease, LeaseTable, Version, classify,
};
use tahoe::storage::paths::bucket_path;
use tahoe::storage::{AllocateRequest, LeaseSecrets, Store, StoreConfig};
use tahoe_testing::store::{get, put};

fn vectors(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["vectors"].take()
}

fn hex(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn hex_array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

fn file(step: &Value, key: &str) -> Vec<u8> {
    data_encoding::BASE64.decode(step[key].as_str().unwrap().as_bytes()).unwrap()
}

fn secrets(case: &Value, n: usize) -> LeaseSecrets {
    LeaseSecrets {
        renew: RenewSecret::new(hex_array(&case["renew_secrets"][n])),
        cancel: CancelSecret::new(hex_array(&case["cancel_secrets"][n])),
    }
}

#[test]
fn a_share_lives_on_disk_as_the_original_has_it_step_by_step() {
    let case = &vectors("containers.json")["immutable"][0];
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(case["start_time"].as_u64().unwrap());
    let config = StoreConfig {
        clock: clock.clone(),
        disk: Disk::real(),
        ..StoreConfig::new(folder.path().join("storage"))
    };
    let store = Store::open(config).unwrap();
    let si = StorageIndex(hex_array(&case["storage_index"]));
    let bytes = hex(&case["share_data_hex"]);
    let root = folder.path().join("storage");
    let expect = |step: usize, path: &str| {
        let written = std::fs::read(root.join(path)).unwrap();
        assert!(written == file(&case["steps"][step], "file_base64"), "step {step}");
    };
    let ask = |shares: &[u8], n| AllocateRequest {
        si,
        shares: shares.iter().copied().map(ShareNum).collect(),
        size: 100,
        secrets: secrets(case, n),
    };
    let place = case["steps"][1]["path"].as_str().unwrap();

    let mut granted = store.allocate(&ask(&[0], 0)).unwrap();
    expect(0, case["steps"][0]["path"].as_str().unwrap());
    let (_, mut upload) = granted.uploads.pop().unwrap();
    upload.write(0, &bytes).unwrap();
    upload.close().unwrap();
    expect(1, place);
    assert!(!root.join("shares/incoming").join(bucket_path(&si)).exists());
    for (step, n) in [(2, 1), (3, 0)] {
        clock.advance(1000);
        assert_eq!(store.add_lease(&si, &secrets(case, n)).unwrap(), 1);
        expect(step, place);
    }
    clock.advance(1000);
    let granted = store.allocate(&ask(&[0, 1], 2)).unwrap();
    assert_eq!(granted.already, [ShareNum(0)]);
    drop(granted);
    expect(4, place);
    assert_eq!(store.cancel(&si, &blake2b(secrets(case, 1).cancel.reveal())).unwrap(), 1);
    expect(5, place);
    assert_eq!(get(&store, si, 0).unwrap(), bytes);
}

fn apply(file: &mut Vec<u8>, edit: &Edit) {
    assert!(edit.is_sound());
    file.resize(edit.new_len().unwrap() as usize, 0);
    let at = edit.offset as usize;
    file[at..at + edit.bytes.len()].copy_from_slice(&edit.bytes);
    file[8..12].copy_from_slice(&edit.new_leases.to_be_bytes());
}

fn table(file: &[u8]) -> LeaseTable {
    match classify(&file[..file.len().min(HEAD_LEN)], file.len() as u64) {
        Kind::Immutable(header) => {
            LeaseTable::from_bytes(header, &file[header.leases_offset() as usize..])
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_version_1_share_keeps_its_version_and_its_plain_secrets() {
    let case = &vectors("containers.json")["immutable"][1];
    let steps = &case["steps"];
    let start = case["start_time"].as_u64().unwrap() as u32;
    let days = |n: u32| start + n * 24 * 3600;
    let header = Header { version: Version::One, leases: 0, data_len: 100 };
    assert_eq!(header.to_bytes().to_vec(), file(&steps[0], "file_base64"));

    let mut share = header.to_bytes().to_vec();
    share.extend(hex(&case["share_data_hex"]));
    let mut add = |owner, n, expires| {
        let edit = table(&share).add_or_renew(owner, &secrets(case, n), expires).edit;
        edit.iter().for_each(|edit| apply(&mut share, edit));
        (share.clone(), edit.is_some())
    };
    assert!(add(0, 0, days(31)).0 == file(&steps[1], "file_base64"));
    assert!(add(1, 1, days(32)).1);
    assert!(add(1, 0, days(40)).1);
    let (last, changed) = add(1, 1, days(30));
    assert!(!changed, "an earlier end is ignored");
    assert!(last == file(&steps[2], "file_base64"));
    let cancelled = table(&last).cancel(&blake2b(secrets(case, 1).cancel.reveal()));
    assert!(matches!(cancelled, Cancelled::Some(_, 1)));
}

#[test]
fn headers_saturate_and_buckets_have_their_folders() {
    let all = vectors("containers.json");
    for case in all["immutable_headers"].as_array().unwrap() {
        let version = if case["version"] == 1 { Version::One } else { Version::Two };
        let data_len = case["max_size"].as_u64().unwrap();
        let header = Header { version, leases: 0, data_len };
        let bytes = header.to_bytes();
        assert_eq!(bytes.to_vec(), hex(&case["header_hex"]));
        assert_eq!(classify(&bytes, header.file_len()), Kind::Immutable(header));
    }
    for case in all["storage_index_to_dir"].as_array().unwrap() {
        let si = StorageIndex(hex_array(&case["storage_index"]));
        assert_eq!(bucket_path(&si).to_str(), case["dir"].as_str());
    }
}

#[test]
fn shares_of_mutable_files_are_known_and_left_alone() {
    let all = vectors("containers.json");
    let folder = tempfile::tempdir().unwrap();
    let bucket = folder.path().join("shares").join(bucket_path(&StorageIndex([7; 16])));
    std::fs::create_dir_all(&bucket).unwrap();
    let mut count = 0;
    for case in all["mutable"].as_array().unwrap() {
        for step in case["steps"].as_array().into_iter().flatten() {
            let Some(text) = step.get("file0_base64").and_then(Value::as_str) else { continue };
            let bytes = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
            let head = &bytes[..HEAD_LEN];
            assert_eq!(classify(head, bytes.len() as u64), Kind::Mutable);
            std::fs::write(bucket.join("0"), &bytes).unwrap();
            count += 1;
        }
    }
    assert!(count > 10);
    let store = Store::open(StoreConfig::new(folder.path())).unwrap();
    let before = std::fs::read(bucket.join("0")).unwrap();
    assert!(store.list(&StorageIndex([7; 16])).unwrap().is_empty());
    assert!(put(&store, StorageIndex([7; 16]), 0, b"other", 1).is_err());
    put(&store, StorageIndex([7; 16]), 1, b"beside", 1).unwrap();
    assert_eq!(store.list(&StorageIndex([7; 16])).unwrap(), [ShareNum(1)]);
    assert_eq!(std::fs::read(bucket.join("0")).unwrap(), before);
}

#[test]
fn lease_secrets_are_stored_as_the_original_stores_them() {
    for case in vectors("leases.json").as_array().unwrap() {
        let master: [u8; 32] = hex_array(&case["lease_secret"]);
        assert_eq!(base32::encode(&master), case["lease_secret_file_text"].as_str().unwrap());
        let (si, tub) = (hex(&case["storage_index"]), hex(&case["tubid"]));
        let chain = |word: &str, last: &str| {
            let client = tagged(&master, format!("allmydata_client_{word}_secret_v1").as_bytes());
            let tag = |kind: &str| format!("allmydata_{kind}_{word}_secret_v1").into_bytes();
            let file = pair(&tag("file"), &client, &si);
            let bucket = pair(&tag("bucket"), &file, &tub);
            assert_eq!(bucket.to_vec(), hex(&case[format!("bucket_{last}")]));
            bucket
        };
        let secrets = LeaseSecrets {
            renew: RenewSecret::new(chain("renewal", "renewal")),
            cancel: CancelSecret::new(chain("cancel", "cancel")),
        };
        let lease = Lease::new(Version::Two, 1, &secrets, 5);
        assert_eq!(lease.renew.to_vec(), hex(&case["stored_v2_renewal_blake2b256"]));
        assert_eq!(lease.cancel.to_vec(), hex(&case["stored_v2_cancel_blake2b256"]));
        assert!(Lease::from_bytes(&lease.to_bytes()) == Some(lease));
    }
}
