//! The lease secrets of a client (`docs/spec/formats-immutable.md` §14).
//!
//! ```text
//! node secret → client secret → file secret (per storage index) ─┬→ renew secret (per lease seed)
//!                                                                └→ cancel secret (per tub)
//! ```
//! Every step is one-way. The rule for what leaves a client, here and wherever a secret is derived:
//! *a secret that gives a right on one server can be computed for no other, and is sent to no other.*
//!
//! A renew secret is 1.20's, so that leases on shares of either program are renewed by both. It is
//! made from a seed of 20 bytes that the server announces, so a seed counts only if the server's tub
//! proves that it is its own (`introducer::succession`). A cancel secret, by which shares are deleted,
//! does not depend on what anybody announces: it is made from the 32 bytes of the tub id, which the
//! link has proven, and from nothing that a server is ever sent, the cancel secret of 1.20 included.
//!
//! Write enablers of mutable files will follow the same rule: from the seed as far as 1.20's servers
//! check them, and never sent before the seed is proven.

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

/// The secrets for all shares of `index` on the server `tub`, whose lease seed is known to be `seed`.
pub fn bucket_secrets(
    master: &LeaseMasterSecret,
    index: StorageIndex,
    seed: &[u8; 20],
    tub: &[u8; 32],
) -> LeaseSecrets {
    let renewal = Zeroizing::new(file_renewal(&client_renewal(master.reveal()), index));
    let cancel = Zeroizing::new(file_cancel(&client_cancel(master.reveal()), index));
    LeaseSecrets {
        renew: RenewSecret::new(bucket_renewal(&renewal, seed)),
        cancel: CancelSecret::new(pair(tags::TUB_CANCEL, &*cancel, tub)),
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

/// The renewal secret of one file on the server with this lease seed.
pub fn bucket_renewal(file: &Hash, seed: &[u8; 20]) -> Hash {
    pair(tags::BUCKET_RENEWAL, file, seed)
}

/// What 1.20 has for a cancel secret. Whoever announces the same seed is sent the same, so this
/// program sends it to nobody.
pub fn bucket_cancel(file: &Hash, seed: &[u8; 20]) -> Hash {
    pair(tags::BUCKET_CANCEL, file, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_seed_gives_no_right_to_cancel_elsewhere() {
        let (master, index) = (LeaseMasterSecret::new([1; 32]), StorageIndex([2; 16]));
        let (honest, copy) =
            [[4; 32], [5; 32]].map(|tub| bucket_secrets(&master, index, &[3; 20], &tub)).into();
        assert!(honest.renew == copy.renew && honest.cancel != copy.cancel);
        let file = file_cancel(&client_cancel(master.reveal()), index);
        let old = bucket_cancel(&file, &[3; 20]);
        assert!(*honest.cancel.reveal() != old, "earlier builds have sent this one");
        assert!(*honest.cancel.reveal() != pair(tags::TUB_CANCEL, &old, &[4; 32]));
    }
}
