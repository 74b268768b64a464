use super::support::*;
use tahoe::base::file::Params;
use tahoe::codec::Geometry;
use tahoe::codec::convergence::{ConvergenceSecret, KeyHasher, tag};

#[test]
fn equal_plaintexts_get_the_key_of_the_original() {
    let (_, vectors) = load("convergence");
    for case in items(&vectors["cases"]) {
        let params = Params::new(number(case, "k"), number(case, "n")).unwrap();
        let (size, segment_max) = (number(case, "size"), number(case, "max_segment_size"));
        let geometry = Geometry::for_upload(params, size, segment_max).unwrap();
        assert_eq!(geometry.segment_size(), number(case, "segment_size"));
        let secret = ConvergenceSecret::new(bytes(case, "convergence_secret"));
        assert_eq!(hex(&*tag(&secret, &geometry)), text(case, "tag_hex"));
        let mut hasher = KeyHasher::new(&secret, &geometry);
        data(&case["data"]).chunks(1000).for_each(|piece| hasher.update(piece));
        let key = hasher.finish();
        assert_eq!(hex(key.reveal()), text(case, "key"));
        assert_eq!(hex(key.storage_index().0), text(case, "storage_index"));
        assert_eq!(key.storage_index().to_string(), text(case, "storage_index_b32"));
    }
}

#[test]
fn impossible_counts_are_refused() {
    let (_, vectors) = load("convergence");
    for pair in items(&vectors["rejected_k_n"]) {
        let (k, n) = (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap());
        assert!(Params::new(k, n).is_err(), "{k} of {n}");
    }
}
