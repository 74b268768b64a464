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

/// The preamble that asks for `suite`.
pub const fn encode(suite: Suite) -> [u8; LENGTH] {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, VERSION, suite.number(), 0, 0]
}

/// The suite that a peer asks for; `None` if it speaks another protocol or another version of this
/// one, which are answered alike: not at all.
pub fn parse(bytes: &[u8; LENGTH]) -> Option<Suite> {
    [Suite::AesGcm, Suite::ChaChaPoly].into_iter().find(|suite| encode(*suite) == *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses_what_it_does_not_speak() {
        for suite in [Suite::AesGcm, Suite::ChaChaPoly] {
            assert_eq!(parse(&encode(suite)), Some(suite));
        }
        let others = [b"GET / HT", b"PBN1\x02\x01\0\0", b"PBN1\x01\x03\0\0", b"PBN1\x01\x01\0\x01"];
        assert!(others.iter().all(|bytes| parse(bytes).is_none()));
    }
}
