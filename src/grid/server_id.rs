//! Who a storage server is, whatever carries the calls to it.

use crate::base::base32;
use crate::tub::TubId;
use std::fmt;

/// The name of a storage server: 32 bytes that no other server can have. For one that is reached by a tub
/// they are those of the tub's id; what carries calls otherwise says what they are there. Lease secrets
/// are made from them, so for one server they stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub [u8; 32]);

impl From<TubId> for ServerId {
    fn from(tub: TubId) -> Self {
        Self(tub.0)
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32::encode(&self.0))
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}
