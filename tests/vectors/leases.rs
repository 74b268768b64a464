use super::support::*;
use tahoe::base::StorageIndex;
use tahoe::base::base32;
use tahoe::base::hash::blake2b;
use tahoe::base::secret::LeaseMasterSecret;
use tahoe::codec::lease::{
    bucket_secrets, client_cancel, client_renewal, file_cancel, file_renewal,
};

#[test]
fn every_link_of_the_secret_chain_is_the_original_one() {
    let (_, vectors) = load("leases");
    for case in items(&vectors) {
        let master: [u8; 32] = array(case, "lease_secret");
        assert_eq!(base32::encode(&master), text(case, "lease_secret_file_text"));
        let index = StorageIndex(array(case, "storage_index"));
        let seed: [u8; 20] = array(case, "tubid");
        assert_eq!(base32::encode(&seed), text(case, "tubid_b32"));
        let (renewal, cancel) = (client_renewal(&master), client_cancel(&master));
        assert_eq!(hex(renewal), text(case, "client_renewal"));
        assert_eq!(hex(cancel), text(case, "client_cancel"));
        assert_eq!(hex(file_renewal(&renewal, index)), text(case, "file_renewal"));
        assert_eq!(hex(file_cancel(&cancel, index)), text(case, "file_cancel"));
        let secrets = bucket_secrets(&LeaseMasterSecret::new(master), index, &seed);
        assert_eq!(hex(secrets.renew.reveal()), text(case, "bucket_renewal"));
        assert_eq!(hex(secrets.cancel.reveal()), text(case, "bucket_cancel"));
        let stored = blake2b(secrets.renew.reveal());
        assert_eq!(hex(stored), text(case, "stored_v2_renewal_blake2b256"));
        let stored = blake2b(secrets.cancel.reveal());
        assert_eq!(hex(stored), text(case, "stored_v2_cancel_blake2b256"));
    }
}
