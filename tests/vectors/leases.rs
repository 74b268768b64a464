use super::support::*;
use tahoe::base::StorageIndex;
use tahoe::base::base32;
use tahoe::base::hash::blake2b;
use tahoe::base::secret::LeaseMasterSecret;
use tahoe::codec::lease::{
    bucket_cancel, bucket_renewal, bucket_secrets, client_cancel, client_renewal, file_cancel,
    file_renewal,
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
        let (renewal, cancel) = (file_renewal(&renewal, index), file_cancel(&cancel, index));
        assert_eq!(hex(renewal), text(case, "file_renewal"));
        assert_eq!(hex(cancel), text(case, "file_cancel"));
        let (renewal, cancel) = (bucket_renewal(&renewal, &seed), bucket_cancel(&cancel, &seed));
        assert_eq!(hex(renewal), text(case, "bucket_renewal"));
        assert_eq!(hex(cancel), text(case, "bucket_cancel"));
        assert_eq!(hex(blake2b(&renewal)), text(case, "stored_v2_renewal_blake2b256"));
        assert_eq!(hex(blake2b(&cancel)), text(case, "stored_v2_cancel_blake2b256"));
        let sent = bucket_secrets(&LeaseMasterSecret::new(master), index, &seed, &[9; 32]);
        assert!(*sent.renew.reveal() == renewal, "1.20's");
        assert!(*sent.cancel.reveal() != cancel, "never sent");
    }
}
