//! What a door's secret opens: it is known to its user alone, and what the node keeps opens nothing.
//!
//! ```text
//! secret          = 20 random bytes in base32, the password of WebDAV and restic
//! access key id   = 20 letters from a hash of it, secret access key = 40 from another
//!
//! sealed by the password           the capability
//! sealed by the access key id      the capability and the secret access key, which checking a
//!                                  signature takes; kept under a hash of the access key id
//! ```
//! Each key seals one text, ever, so its nonce is zero. What else the book says of a door is bound to
//! it: a seal opens with the rights that it was made with.

use crate::base::base32;
use crate::base::hash::tagged;
use crate::base::system::random;
use data_encoding::BASE64;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

const ACCESS_KEY_ID_LEN: usize = 20;
const SECRET_KEY_LEN: usize = 40;

/// What opens a door; to be shown once.
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Secret {
    /// A new one.
    pub fn new() -> Self {
        Self(base32::encode(&random::<20>()))
    }

    /// The password of whoever logs in with a name.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// By which signed requests say whose they are.
    pub fn access_key_id(&self) -> String {
        letters(b"tahoe_door_access_key_id_v1", &self.0, ACCESS_KEY_ID_LEN).to_ascii_uppercase()
    }

    /// With which they are signed.
    pub fn secret_access_key(&self) -> String {
        letters(b"tahoe_door_secret_access_key_v1", &self.0, SECRET_KEY_LEN)
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

fn letters(tag: &[u8], secret: &str, count: usize) -> String {
    let mut text = base32::encode(&tagged(tag, secret.as_bytes()));
    text.truncate(count);
    text
}

/// What signed requests need, from their access key id.
#[derive(Serialize, Deserialize)]
pub struct Signing {
    pub secret_access_key: String,
    pub cap: String,
}

impl Drop for Signing {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
        self.cap.zeroize();
    }
}

/// The name under which a door is found by its access key id.
pub fn index(access_key_id: &str) -> String {
    base32::encode(&tagged(b"tahoe_door_index_v1", access_key_id.as_bytes()))
}

/// Seals a capability by a password.
pub fn seal_by_password(cap: &str, password: &str, bound: &str) -> String {
    seal(&password_key(password), cap.as_bytes(), bound)
}

/// The capability; none for another password, or if what it is bound to was changed.
pub fn open_by_password(sealed: &str, password: &str, bound: &str) -> Option<Zeroizing<String>> {
    text(open(&password_key(password), sealed, bound)?)
}

/// Seals what signed requests need by their access key id.
pub fn seal_by_id(cap: &str, secret: &Secret, bound: &str) -> String {
    let signing = Signing { secret_access_key: secret.secret_access_key(), cap: cap.to_owned() };
    let text = Zeroizing::new(serde_json::to_vec(&signing).unwrap_or_default());
    seal(&id_key(&secret.access_key_id()), &text, bound)
}

/// The same, opened.
pub fn open_by_id(sealed: &str, access_key_id: &str, bound: &str) -> Option<Signing> {
    serde_json::from_slice(&open(&id_key(access_key_id), sealed, bound)?).ok()
}

/// The name under which a door has what a public key opens.
pub fn key_index(key: &[u8]) -> String {
    base32::encode(&tagged(b"tahoe_door_ssh_index_v1", key))
}

/// Seals a capability by a public key, which may open several doors: so what tells the door from every other
/// is part of what it is sealed by.
pub fn seal_by_key(cap: &str, (door, key): (&str, &[u8]), bound: &str) -> String {
    seal(&ssh_key(door, key), cap.as_bytes(), bound)
}

/// The capability; none for another key, or if what it is bound to was changed.
pub fn open_by_key(
    sealed: &str,
    (door, key): (&str, &[u8]),
    bound: &str,
) -> Option<Zeroizing<String>> {
    text(open(&ssh_key(door, key), sealed, bound)?)
}

fn ssh_key(door: &str, key: &[u8]) -> [u8; 32] {
    let parts = [door.as_bytes(), b"\n", key].concat();
    tagged(b"tahoe_door_ssh_key_v1", &parts)
}

fn text(bytes: Zeroizing<Vec<u8>>) -> Option<Zeroizing<String>> {
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn password_key(password: &str) -> [u8; 32] {
    tagged(b"tahoe_door_password_v1", password.as_bytes())
}

fn id_key(access_key_id: &str) -> [u8; 32] {
    tagged(b"tahoe_door_id_v1", access_key_id.as_bytes())
}

/// Of a key that seals once.
fn key(bytes: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, bytes).ok().map(LessSafeKey::new)
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn seal(bytes: &[u8; 32], text: &[u8], bound: &str) -> String {
    let mut sealed = text.to_vec();
    let done = key(bytes)
        .and_then(|key| key.seal_in_place_append_tag(nonce(), aad(bound), &mut sealed).ok());
    match done {
        Some(()) => BASE64.encode(&sealed),
        None => String::new(),
    }
}

fn open(bytes: &[u8; 32], sealed: &str, bound: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(BASE64.decode(sealed.as_bytes()).ok()?);
    let length = key(bytes)?.open_in_place(nonce(), aad(bound), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

fn aad(bound: &str) -> Aad<&[u8]> {
    Aad::from(bound.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_by_its_secret_and_with_what_it_was_bound_to() {
        let (secret, other) = (Secret::new(), Secret::new());
        let sealed = seal_by_password("URI:x", secret.reveal(), "a write");
        let opened = |password: &str, bound| open_by_password(&sealed, password, bound);
        assert_eq!(opened(secret.reveal(), "a write").unwrap().as_str(), "URI:x");
        assert!(opened(other.reveal(), "a write").is_none());
        assert!(opened(secret.reveal(), "a read").is_none());
        assert!(open_by_password("", secret.reveal(), "").is_none());
        assert!(open_by_password("????", secret.reveal(), "").is_none());

        let sealed = seal_by_id("URI:x", &secret, "a write");
        let signing = open_by_id(&sealed, &secret.access_key_id(), "a write").unwrap();
        assert_eq!(signing.cap, "URI:x");
        assert_eq!(signing.secret_access_key, secret.secret_access_key());
        assert!(open_by_id(&sealed, &other.access_key_id(), "a write").is_none());
        assert!(open_by_id(&sealed, &secret.access_key_id(), "a read").is_none());
    }

    #[test]
    fn keys_are_of_the_lengths_that_programs_expect_and_tell_nothing_of_each_other() {
        let secret = Secret::new();
        assert_eq!((secret.access_key_id().len(), secret.secret_access_key().len()), (20, 40));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(!secret.secret_access_key().contains(&secret.access_key_id().to_lowercase()));
    }
}
