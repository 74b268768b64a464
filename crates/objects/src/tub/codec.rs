//! The one place that knows how arguments become bytes: bincode 2, always with a limit, always all
//! bytes consumed.
//!
//! What travels must have no zero-sized element types (`Vec<()>` would loop for 2^63 rounds on nine
//! bytes) and no recursive types. The interface macro offers neither.

use super::error::RemoteError;
use crate::base::limits::BODY_MAX;
use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use serde::Serialize;
use serde::de::DeserializeOwned;

const fn config() -> Configuration<LittleEndian, Varint, Limit<BODY_MAX>> {
    standard().with_limit::<BODY_MAX>()
}

/// Appends `value` to `out`.
pub fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), RemoteError> {
    bincode::serde::encode_into_std_write(value, out, config())
        .map(drop)
        .map_err(|_| RemoteError::TooBig)
}

/// Takes a value from the front of `bytes`; answers the rest too.
pub fn decode_prefix<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), RemoteError> {
    let decoded = bincode::serde::decode_from_slice(bytes, config());
    let (value, used) = decoded.map_err(|_| RemoteError::BadArguments)?;
    let rest = bytes.get(used..).ok_or(RemoteError::BadArguments)?;
    Ok((value, rest))
}

/// The value that `bytes` are, all of them.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RemoteError> {
    match decode_prefix(bytes)? {
        (value, []) => Ok(value),
        _ => Err(RemoteError::BadArguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surplus_and_missing_bytes_are_refused() {
        let mut bytes = Vec::new();
        encode(&(7_u32, "seven"), &mut bytes).unwrap();
        assert_eq!(decode::<(u32, String)>(&bytes), Ok((7, "seven".to_owned())));
        assert!(decode::<(u32, String)>(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(decode::<(u32, String)>(&bytes).is_err());
    }

    #[test]
    fn a_huge_length_is_refused_without_memory() {
        let mut bytes = vec![253];
        bytes.extend_from_slice(&(1_u64 << 40).to_le_bytes());
        assert!(decode::<Vec<u64>>(&bytes).is_err());
        assert!(decode::<String>(&bytes).is_err());
    }
}
