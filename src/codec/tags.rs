//! The tags of immutable files (`docs/spec/formats-immutable.md` §2). Each hash has a purpose of its own,
//! so that none can pass for another.

pub use crate::base::file::STORAGE_INDEX_TAG as STORAGE_INDEX;
pub const CONVERGENCE: &[u8] = b"allmydata_immutable_content_to_key_with_added_secret_v1+";
pub const BLOCK: &[u8] = b"allmydata_encoded_subshare_v1";
pub const UEB: &[u8] = b"allmydata_uri_extension_v1";
pub const CRYPTTEXT: &[u8] = b"allmydata_crypttext_v1";
pub const CRYPTTEXT_SEGMENT: &[u8] = b"allmydata_crypttext_segment_v1";
pub const EMPTY_LEAF: &[u8] = b"Merkle tree empty leaf";
pub const INNER_NODE: &[u8] = b"Merkle tree internal node";
pub const CLIENT_RENEWAL: &[u8] = b"allmydata_client_renewal_secret_v1";
pub const CLIENT_CANCEL: &[u8] = b"allmydata_client_cancel_secret_v1";
pub const FILE_RENEWAL: &[u8] = b"allmydata_file_renewal_secret_v1";
pub const FILE_CANCEL: &[u8] = b"allmydata_file_cancel_secret_v1";
pub const BUCKET_RENEWAL: &[u8] = b"allmydata_bucket_renewal_secret_v1";
pub const BUCKET_CANCEL: &[u8] = b"allmydata_bucket_cancel_secret_v1";
/// Not 1.20's: its tag for what depends on a seed must not make anything else.
pub const TUB_CANCEL: &[u8] = b"tahoe_tub_cancel_secret_v1";
