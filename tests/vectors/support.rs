//! Vector files and the data recipe (`SHA256(seed ":0") ‖ SHA256(seed ":1") ‖ …`).

use serde_json::Value;
use tahoe::base::hash::sha256;

/// A vector file: its seed and its vectors.
pub fn load(name: &str) -> (String, Value) {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    (file["seed"].as_str().unwrap().to_owned(), file["vectors"].take())
}

/// The items of a list that must not be empty.
pub fn items(list: &Value) -> &[Value] {
    let items = list.as_array().unwrap();
    assert!(!items.is_empty(), "an empty list proves nothing");
    items
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

pub fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"))
}

pub fn bytes(value: &Value, key: &str) -> Vec<u8> {
    unhex(text(value, key))
}

pub fn array<const N: usize>(value: &Value, key: &str) -> [u8; N] {
    bytes(value, key).try_into().unwrap()
}

pub fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    data_encoding::HEXLOWER.encode(bytes.as_ref())
}

pub fn unbase64(text: &str) -> Vec<u8> {
    data_encoding::BASE64.decode(text.as_bytes()).unwrap()
}

/// The bytes of a recipe `{"seed": …, "length": …}`.
pub fn data(recipe: &Value) -> Vec<u8> {
    let (seed, length) = (text(recipe, "seed"), number(recipe, "length") as usize);
    let mut out = Vec::with_capacity(length + 32);
    for i in 0.. {
        if out.len() >= length {
            break;
        }
        out.extend_from_slice(&sha256(format!("{seed}:{i}").as_bytes()));
    }
    out.truncate(length);
    out
}

/// `all_shares_sha256`: the digest of the shares' digests.
pub fn digest_of_digests(shares: &[Vec<u8>]) -> String {
    let digests: Vec<u8> = shares.iter().flat_map(|share| sha256(share)).collect();
    hex(sha256(&digests))
}

#[test]
fn the_recipe_gives_its_published_bytes() {
    assert_eq!(hex(data(&serde_json::json!({"seed": "x", "length": 4}))), "bb9a93e2");
}
