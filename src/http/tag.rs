//! Entity tags of what capabilities name.

use crate::base::base32;
use crate::base::hash::{tagged, truncated};
use crate::cap::Cap;

/// What a cap names never changes, so its hash is a strong validator; it tells nothing about the
/// cap. Each view of it is another thing.
pub fn entity_tag(cap: &Cap, view: &str) -> String {
    let text = format!("{view}:{}", cap.reveal());
    let short: [u8; 16] = truncated(tagged(b"tahoe_entity_tag_v1", text.as_bytes()));
    format!("\"{}\"", base32::encode(&short))
}
