use super::support::*;
use tahoe::base::file::FileKey;
use tahoe::codec::crypt;

#[test]
fn whole_files_are_enciphered_as_by_the_original() {
    let (_, vectors) = load("aes_ctr");
    for case in items(&vectors["zero_iv"]) {
        let mut file = data(&case["plaintext"]);
        crypt::apply(&FileKey::new(array(case, "key")), 0, &mut file);
        assert_eq!(hex(file), text(case, "ciphertext_hex"));
    }
}

#[test]
fn any_range_can_be_enciphered_alone() {
    let (_, vectors) = load("aes_ctr");
    for case in items(&vectors["random_access"]) {
        let (offset, length) = (number(case, "offset"), number(case, "length") as usize);
        let mut range = data(&case["plaintext"])[offset as usize..][..length].to_vec();
        crypt::apply(&FileKey::new(array(case, "key")), offset, &mut range);
        assert_eq!(hex(range), text(case, "ciphertext_hex"));
    }
}

#[test]
fn the_counter_wraps() {
    let (_, vectors) = load("aes_ctr");
    let case = &vectors["counter_wrap"];
    let mut keystream = vec![0; text(case, "keystream_hex").len() / 2];
    let counter = u128::from_be_bytes(array(case, "initial_counter"));
    crypt::apply_from(&FileKey::new(array(case, "key")), counter, 0, &mut keystream);
    assert_eq!(hex(keystream), text(case, "keystream_hex"));
}
