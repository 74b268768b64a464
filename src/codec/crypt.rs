//! AES-128-CTR with a file's key (`docs/spec/formats-immutable.md` §6).
//!
//! One keystream runs over the whole file, its 16-byte big-endian counter starting at zero, so any
//! byte range can be enciphered alone. The same operation enciphers and deciphers.

use crate::base::file::FileKey;
use aes::cipher::{KeyIvInit, StreamCipher};

/// Applies the keystream to `bytes`, which begin at byte `offset` of the file.
pub fn apply(key: &FileKey, offset: u64, bytes: &mut [u8]) {
    apply_from(key, (offset / 16).into(), (offset % 16) as usize, bytes);
}

/// Applies the keystream that begins `skip` (0..16) bytes into block `counter`; the counter wraps at
/// 2^128.
pub fn apply_from(key: &FileKey, counter: u128, skip: usize, bytes: &mut [u8]) {
    let counter = counter.to_be_bytes();
    let mut cipher = ctr::Ctr128BE::<aes::Aes128>::new(key.reveal().into(), &counter.into());
    if let Some(unused) = [0; 16].get_mut(..skip) {
        cipher.apply_keystream(unused);
    }
    cipher.apply_keystream(bytes);
}
