//! Records: what travels on an established link.
//!
//! Both directions of one link live on one thread. Sealing is cheaper than the kernel's TCP, so
//! there is nothing to gain from a second thread and a nonce to lose.

use super::handshake::LinkError;
use crate::base::limits::{RECORD_PLAIN_MAX, REKEY_RECORDS};
use snow::{HandshakeState, TransportState};

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
    noise: TransportState,
    sealed: u64,
    opened: u64,
}

impl Records {
    pub(super) fn new(noise: HandshakeState) -> Result<Self, LinkError> {
        Ok(Self { noise: noise.into_transport_mode()?, sealed: 0, opened: 0 })
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
        self.noise.write_message(plain, record).map_err(|_| BadRecord)?;
        self.sealed += 1;
        if self.sealed.is_multiple_of(REKEY_RECORDS) {
            self.noise.rekey_outgoing();
        }
        Ok(())
    }

    /// Opens one record (without its prefix) into the front of `dest`; answers the length of its
    /// plaintext. `dest` should be as long as the record: a shorter one costs a copy.
    pub fn open(&mut self, record: &[u8], dest: &mut [u8]) -> Result<usize, BadRecord> {
        let length = self.noise.read_message(record, dest).map_err(|_| BadRecord)?;
        self.opened += 1;
        if self.opened.is_multiple_of(REKEY_RECORDS) {
            self.noise.rekey_incoming();
        }
        Ok(length)
    }
}
