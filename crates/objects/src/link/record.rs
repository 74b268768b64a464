//! Records: what travels on an established link.
//!
//! Both directions of one link live on one thread. Sealing is cheaper than the kernel's TCP, so
//! there is nothing to gain from a second thread and a nonce to lose.

use super::cipher::Cipher;
use super::handshake::LinkError;
use super::preamble::Suite;
use crate::base::limits::RECORD_PLAIN_MAX;
use snow::HandshakeState;
use zeroize::Zeroizing;

/// Bytes by which a record is longer than its plaintext, without the length prefix.
pub const TAG: usize = 16;
/// Bytes of the length prefix.
pub const PREFIX: usize = 2;

/// A record that was not sealed by the peer, in this place, under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record is forged, replayed, out of order or malformed")]
pub struct BadRecord;

/// Sealed records, one after the other. Its memory is kept and written to zero only once.
#[derive(Default)]
pub struct Sealed {
    bytes: Vec<u8>,
    used: usize,
}

impl Sealed {
    /// All that was sealed since the last [`Sealed::clear`].
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// Forgets what was sealed; keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Adds `length` bytes of whatever content.
    fn grow(&mut self, length: usize) -> &mut [u8] {
        let from = self.used;
        self.used += length;
        if self.bytes.len() < self.used {
            self.bytes.reserve_exact(self.used - self.bytes.len());
            self.bytes.resize(self.used, 0);
        }
        self.bytes.get_mut(from..self.used).unwrap_or_default()
    }
}

/// Seals and opens the records of one link, in order.
pub struct Records {
    sealing: Cipher,
    opening: Cipher,
}

impl Records {
    pub(super) fn new(suite: Suite, mut noise: HandshakeState) -> Result<Self, LinkError> {
        if !noise.is_handshake_finished() {
            return Err(LinkError::Handshake);
        }
        let (first, second) = noise.dangerously_get_raw_split();
        let (first, second) = (Zeroizing::new(first), Zeroizing::new(second));
        let (ours, theirs) = if noise.is_initiator() { (first, second) } else { (second, first) };
        let cipher = |key| Cipher::new(suite, key).map_err(|_| LinkError::Handshake);
        Ok(Self { sealing: cipher(&ours)?, opening: cipher(&theirs)? })
    }

    /// Appends `plain` to `out` as one record.
    ///
    /// `plain` is at most [`RECORD_PLAIN_MAX`] bytes; longer input is a bug of the caller and
    /// refused.
    pub fn seal(&mut self, plain: &[u8], out: &mut Sealed) -> Result<(), BadRecord> {
        let length = u16::try_from(plain.len() + TAG).map_err(|_| BadRecord)?;
        if plain.len() > RECORD_PLAIN_MAX {
            return Err(BadRecord);
        }
        let room = out.grow(PREFIX + usize::from(length));
        let (prefix, record) = room.split_first_chunk_mut::<PREFIX>().ok_or(BadRecord)?;
        *prefix = length.to_be_bytes();
        let (text, tag) = record.split_last_chunk_mut::<TAG>().ok_or(BadRecord)?;
        text.copy_from_slice(plain);
        *tag = self.sealing.seal(text)?;
        Ok(())
    }

    /// Opens the record that begins, with its prefix, at `from`; moves its plaintext to the front of
    /// `bytes`. `None` if it is not whole yet.
    pub fn open(&mut self, bytes: &mut [u8], from: usize) -> Result<Option<Opened>, BadRecord> {
        let Some(plain) = plain_len(bytes.get(from..).unwrap_or_default())? else {
            return Ok(None);
        };
        let begin = from + PREFIX;
        let end = begin + plain + TAG;
        let Some(record) = bytes.get_mut(..end) else { return Ok(None) };
        let plain = self.opening.open(record, begin)?;
        Ok(Some(Opened { plain, end }))
    }
}

/// A record that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Bytes of its plaintext.
    pub plain: usize,
    /// Where it ended.
    pub end: usize,
}

/// Plaintext bytes of the record that `bytes` begin with; `None` if they do not say so yet.
pub fn plain_len(bytes: &[u8]) -> Result<Option<usize>, BadRecord> {
    let Some((prefix, _)) = bytes.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*prefix));
    length.checked_sub(TAG).map(Some).ok_or(BadRecord)
}

/// Bytes of the shortest records that carry `plain` bytes.
pub const fn sealed_len(plain: usize) -> usize {
    plain + plain.div_ceil(RECORD_PLAIN_MAX) * (PREFIX + TAG)
}
