//! Furls: the address and the authority of a remote object in one line.
//!
//! ```text
//! furl     = "pb+xk1://" tubid "@" hints "/" swissnum      compared by tub id and swissnum only
//! tubid    = 52 base32 characters, the tub's X25519 public key
//! hints    = [ hint *("," hint) ]    hint = "tcp:" host ":" port | type ":" anything (skipped)
//! swissnum = 52 base32 characters, 32 random bytes
//! ```

use crate::base::base32;
use crate::base::hash::blake2b;
use crate::base::limits::{FURL_TEXT_MAX, HINTS_MAX};
use crate::base::secret::Secret;
use crate::base::system::random;
use serde::{Deserialize, Serialize};
use std::fmt;

const SCHEME: &str = "pb+xk1://";

/// A tub's name: its public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TubId(pub [u8; 32]);

impl TubId {
    /// Parses 52 canonical base32 characters.
    pub fn from_base32(text: &str) -> Result<Self, FurlError> {
        base32::decode_array(text).map(Self).map_err(|_| FurlError::TubId)
    }
}

impl fmt::Display for TubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32::encode(&self.0))
    }
}

impl fmt::Debug for TubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tub({self})")
    }
}

/// Marks a [`Secret`] as a swissnum.
pub enum SwissnumPurpose {}
/// The unguessable name of one object in its tub.
pub type Swissnum = Secret<SwissnumPurpose>;

/// What tables and disks keep instead of a swissnum.
pub type SwissnumDigest = [u8; 32];

/// BLAKE2b-256 of a swissnum. Looking a digest up leaks nothing about the secret by its timing.
pub fn digest(swissnum: &Swissnum) -> SwissnumDigest {
    blake2b(swissnum.reveal())
}

/// A swissnum that nobody has had before.
pub fn fresh_swissnum() -> Swissnum {
    Swissnum::new(random())
}

/// One way to reach a tub.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Hint {
    /// A TCP address; the host may be a name or a bracketed IPv6 address.
    Tcp {
        /// As it is written in furls.
        host: String,
        /// Where the tub listens, as others see it.
        port: u16,
    },
    /// A name on an in-process network.
    Loop(String),
    /// A kind that this program does not know; kept, so that the furl is written as it was read.
    Other(String),
}

impl Hint {
    /// A TCP address; an IPv6 address stands in brackets.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }

    fn parse(text: &str) -> Result<Self, FurlError> {
        let (kind, rest) = text.split_once(':').ok_or(FurlError::Hints)?;
        match kind {
            "tcp" => {
                let (host, port) = rest.rsplit_once(':').ok_or(FurlError::Hints)?;
                let port = port.parse().map_err(|_| FurlError::Hints)?;
                let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:%".contains(c);
                if host.is_empty() || !host.chars().all(plain) {
                    return Err(FurlError::Hints);
                }
                Ok(Self::tcp(host, port))
            }
            "loop" => Ok(Self::Loop(rest.to_owned())),
            _ => Ok(Self::Other(text.to_owned())),
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
            Self::Loop(name) => write!(f, "loop:{name}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// Why a text is not a furl. Says which part, never its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FurlError {
    /// It does not begin as a furl does.
    #[error("a furl starts with {SCHEME}")]
    Scheme,
    /// The part before the `@`.
    #[error("a furl names its tub by 52 base32 characters before the @")]
    TubId,
    /// The part between `@` and the last `/`.
    #[error("a furl lists at most {HINTS_MAX} addresses such as tcp:host:port between @ and /")]
    Hints,
    /// The part behind the last `/`.
    #[error("a furl ends with / and a swissnum of 52 base32 characters")]
    Swissnum,
    /// More than [`FURL_TEXT_MAX`] bytes.
    #[error("a furl has at most {FURL_TEXT_MAX} characters")]
    TooLong,
}

/// Address and authority of one remote object. Shown masked; [`Furl::reveal`] spells it.
#[derive(Clone)]
pub struct Furl {
    tub: TubId,
    hints: Vec<Hint>,
    swissnum: Swissnum,
}

impl Furl {
    /// The furl of the object that goes by `swissnum` in a tub that is reached by `hints`.
    pub fn new(tub: TubId, hints: Vec<Hint>, swissnum: Swissnum) -> Self {
        Self { tub, hints, swissnum }
    }

    /// Parses the text of a furl; surrounding white space is ignored, as files end with a newline.
    pub fn parse(text: &str) -> Result<Self, FurlError> {
        let text = text.trim();
        if text.len() > FURL_TEXT_MAX {
            return Err(FurlError::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(FurlError::Scheme)?;
        let (tub, rest) = rest.split_once('@').ok_or(FurlError::TubId)?;
        let tub = TubId::from_base32(tub)?;
        let (hints, swissnum) = rest.rsplit_once('/').ok_or(FurlError::Swissnum)?;
        let swissnum = base32::decode_array(swissnum).map_err(|_| FurlError::Swissnum)?;
        Ok(Self::new(tub, parse_hints(hints)?, Swissnum::new(swissnum)))
    }

    /// The whole furl, authority included: for files with mode 0600 and for handing it on.
    pub fn reveal(&self) -> String {
        let swissnum = base32::encode(self.swissnum.reveal());
        format!("{SCHEME}{}@{}/{swissnum}", self.tub, join_hints(&self.hints))
    }

    /// The tub that hosts the object.
    pub fn tub(&self) -> TubId {
        self.tub
    }

    /// Ways to reach that tub, at most [`HINTS_MAX`].
    pub fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// The object's secret name: the authority.
    pub fn swissnum(&self) -> &Swissnum {
        &self.swissnum
    }
}

/// Parses a comma-separated list of hints; the empty text is the empty list.
pub fn parse_hints(text: &str) -> Result<Vec<Hint>, FurlError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.split(',').count() > HINTS_MAX {
        return Err(FurlError::Hints);
    }
    text.split(',').map(Hint::parse).collect()
}

fn join_hints(hints: &[Hint]) -> String {
    hints.iter().map(Hint::to_string).collect::<Vec<_>>().join(",")
}

impl PartialEq for Furl {
    fn eq(&self, other: &Self) -> bool {
        self.tub == other.tub && self.swissnum == other.swissnum
    }
}

impl Eq for Furl {}

impl fmt::Display for Furl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}@{}/…", self.tub, join_hints(&self.hints))
    }
}

impl fmt::Debug for Furl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn furl() -> Furl {
        let hints = parse_hints("tcp:objects.example:3457,tcp:[::1]:9,quic:x").unwrap();
        Furl::new(TubId([5; 32]), hints, Swissnum::new([9; 32]))
    }

    #[test]
    fn is_read_back_as_it_was_written() {
        let again = Furl::parse(&format!("{}\n", furl().reveal())).unwrap();
        assert_eq!(again, furl());
        assert_eq!(again.hints(), furl().hints());
        assert_eq!(again.reveal(), furl().reveal());
    }

    #[test]
    fn shows_no_swissnum_unless_asked() {
        let secret = base32::encode(&[9; 32]);
        assert!(furl().reveal().contains(&secret));
        assert!(!format!("{} {:?}", furl(), furl()).contains(&secret));
    }

    #[test]
    fn is_compared_by_tub_and_swissnum() {
        let elsewhere = Furl::new(TubId([5; 32]), Vec::new(), Swissnum::new([9; 32]));
        assert_eq!(elsewhere, furl());
        assert_ne!(Furl::new(TubId([5; 32]), Vec::new(), Swissnum::new([8; 32])), furl());
    }

    #[test]
    fn malformed_furls_name_the_part_that_is_wrong() {
        let good = furl().reveal();
        let cases = [
            (good.replace("pb+xk1", "pb"), FurlError::Scheme),
            (good.replacen("://", "://a", 1), FurlError::TubId),
            (good.replace(":9,", ":99999,"), FurlError::Hints),
            (good.replace("tcp:objects", "tcp:obj ects"), FurlError::Hints),
            (format!("{good}a"), FurlError::Swissnum),
            (good.replace("quic:x", &"q:,".repeat(20)), FurlError::Hints),
            (format!("{good}{}", "a".repeat(FURL_TEXT_MAX)), FurlError::TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(Furl::parse(&text).unwrap_err(), error, "{text}");
        }
    }
}
