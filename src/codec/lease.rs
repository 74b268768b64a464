//! The lease secrets of a client (`spec/formats-immutable.md` §14).
//!
//! ```text
//! node secret → client secret → file secret (per storage index) → bucket secret (per server)
//! ```
//! Every step is one-way: a server that learns its bucket secrets can forge nobody else's.

use super::tags;
use crate::base::StorageIndex;
use crate::base::hash::{Hash, pair, tagged};
use crate::base::secret::{CancelSecret, LeaseMasterSecret, RenewSecret};
use zeroize::Zeroizing;

/// What a client sends with an allocation or a renewal to one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSecrets {
    pub renew: RenewSecret,
    pub cancel: CancelSecret,
}

/// The secrets for all shares of `index` on the server whose lease seed is `seed`.
pub fn bucket_secrets(
    master: &LeaseMasterSecret,
    index: StorageIndex,
    seed: &[u8; 20],
) -> LeaseSecrets {
    let renewal = Zeroizing::new(file_renewal(&client_renewal(master.reveal()), index));
    let cancel = Zeroizing::new(file_cancel(&client_cancel(master.reveal()), index));
    LeaseSecrets {
        renew: RenewSecret::new(pair(tags::BUCKET_RENEWAL, &*renewal, seed)),
        cancel: CancelSecret::new(pair(tags::BUCKET_CANCEL, &*cancel, seed)),
    }
}

/// The node's renewal secret; the node secret is the tag and the purpose the value, as ever.
pub fn client_renewal(master: &[u8]) -> Hash {
    tagged(master, tags::CLIENT_RENEWAL)
}

/// The node's cancel secret, reversed in the same way.
pub fn client_cancel(master: &[u8]) -> Hash {
    tagged(master, tags::CLIENT_CANCEL)
}

/// The renewal secret of one file.
pub fn file_renewal(client: &Hash, index: StorageIndex) -> Hash {
    pair(tags::FILE_RENEWAL, client, &index.0)
}

/// The cancel secret of one file.
pub fn file_cancel(client: &Hash, index: StorageIndex) -> Hash {
    pair(tags::FILE_CANCEL, client, &index.0)
}
