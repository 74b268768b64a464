//! The eight clear bytes with which an initiator opens a link.

/// Version of the framing that this program speaks.
pub const VERSION: u8 = 1;
/// Bytes of a preamble.
pub const LENGTH: usize = 8;
const MAGIC: [u8; 4] = *b"PBN1";

/// Cipher suite, chosen by the initiator and named in the preamble, so that nobody in between can
/// choose a weaker one unnoticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Suite {
    /// `Noise_XK_25519_AESGCM_SHA256`: 9 GB/s a core where the processor has AES.
    #[default]
    AesGcm,
    /// `Noise_XK_25519_ChaChaPoly_SHA256`: for processors without AES.
    ChaChaPoly,
}

impl Suite {
    const fn number(self) -> u8 {
        match self {
            Self::AesGcm => 1,
            Self::ChaChaPoly => 2,
        }
    }

    /// The pattern's name in the Noise framework.
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::AesGcm => "Noise_XK_25519_AESGCM_SHA256",
            Self::ChaChaPoly => "Noise_XK_25519_ChaChaPoly_SHA256",
        }
    }
}

/// Why a preamble is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PreambleError {
    /// Not this protocol: close without an answer.
    #[error("not a link preamble")]
    Foreign,
    /// This protocol, another version or suite: answer with [`encode`] and close.
    #[error("unsupported link version or suite")]
    Unsupported,
}

/// The preamble that asks for `suite`.
pub const fn encode(suite: Suite) -> [u8; LENGTH] {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, VERSION, suite.number(), 0, 0]
}

/// The suite that a peer asks for.
pub fn parse(bytes: &[u8; LENGTH]) -> Result<Suite, PreambleError> {
    let [a, b, c, d, version, suite, zero, zero2] = *bytes;
    if [a, b, c, d] != MAGIC {
        return Err(PreambleError::Foreign);
    }
    match (version, suite, zero, zero2) {
        (VERSION, 1, 0, 0) => Ok(Suite::AesGcm),
        (VERSION, 2, 0, 0) => Ok(Suite::ChaChaPoly),
        _ => Err(PreambleError::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses_what_it_does_not_speak() {
        for suite in [Suite::AesGcm, Suite::ChaChaPoly] {
            assert_eq!(parse(&encode(suite)), Ok(suite));
        }
        assert_eq!(parse(b"GET / HT"), Err(PreambleError::Foreign));
        assert_eq!(parse(b"PBN1\x02\x01\0\0"), Err(PreambleError::Unsupported));
        assert_eq!(parse(b"PBN1\x01\x03\0\0"), Err(PreambleError::Unsupported));
        assert_eq!(parse(b"PBN1\x01\x01\0\x01"), Err(PreambleError::Unsupported));
    }
}
