//! Bytes whose possession is authority.
//!
//! A [`Secret`] is typed by its purpose, compares in constant time, never shows itself in `Debug`,
//! and is wiped when dropped. Writing one down takes an explicit [`Secret::reveal`].

use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// 32 secret bytes that are good for one purpose `P`.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Secret<P>([u8; 32], #[serde(skip)] PhantomData<fn() -> P>);

impl<P> Secret<P> {
    /// The secret that these bytes are.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes, PhantomData)
    }

    /// The bytes themselves, for hashing, sealing or writing to a 0600 file.
    pub const fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

impl<P> Clone for Secret<P> {
    fn clone(&self) -> Self {
        Self::new(self.0)
    }
}

impl<P> Drop for Secret<P> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<P> PartialEq for Secret<P> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<P> Eq for Secret<P> {}

impl<P> fmt::Debug for Secret<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Marks a [`Secret`] as what an identity grows from.
pub enum IdentityPurpose {}
/// The Ed25519 seed of an [`Identity`](crate::tub::Identity).
pub type IdentitySeed = Secret<IdentityPurpose>;
