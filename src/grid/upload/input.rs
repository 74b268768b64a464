//! What an encoding is fed with: plaintext that can be read at any place, or ciphertext that comes in
//! order.

use super::UploadError;
use crate::base::file::FileKey;
use crate::codec::convergence::KeyHasher;
use crate::codec::encode::{Crypttext, Encryptor};
use crate::grid::download::ReadStream;
use crate::grid::source::Source;
use bytes::Bytes;
use futures_util::stream::StreamExt;

/// See the module.
pub enum Input {
    Plaintext {
        source: Source,
        key: FileKey,
        /// Hashes the plaintext again, where the source may have changed since the key was made.
        hasher: Option<Box<KeyHasher>>,
    },
    /// The ciphertext of a stored file, from its beginning.
    Ciphertext(Pieces),
}

impl Input {
    pub const fn key(&self) -> Option<&FileKey> {
        match self {
            Self::Plaintext { key, .. } => Some(key),
            Self::Ciphertext(_) => None,
        }
    }

    /// The last word: nothing may be closed if the plaintext is not the one that made the key.
    pub fn finish(&mut self) -> Result<(), UploadError> {
        let Self::Plaintext { key, hasher, .. } = self else { return Ok(()) };
        match hasher.take().is_none_or(|hasher| hasher.finish() == *key) {
            true => Ok(()),
            false => Err(UploadError::Changed),
        }
    }
}

/// Ciphertext as it comes.
pub struct Pieces {
    stream: ReadStream,
    rest: Bytes,
}

impl Pieces {
    pub fn new(stream: ReadStream) -> Self {
        Self { stream, rest: Bytes::new() }
    }

    /// Fills a buffer with what comes next.
    pub async fn fill(&mut self, buffer: &mut [u8]) -> Result<(), UploadError> {
        let mut room = buffer;
        while !room.is_empty() {
            if self.rest.is_empty() {
                let next = self.stream.next().await.transpose();
                self.rest = next.map_err(UploadError::Unread)?.ok_or(UploadError::Changed)?;
            }
            let piece = self.rest.split_to(self.rest.len().min(room.len()));
            let (now, later) = std::mem::take(&mut room).split_at_mut(piece.len());
            now.copy_from_slice(&piece);
            room = later;
        }
        Ok(())
    }
}

/// A batch of plaintext, read and enciphered.
pub type Enciphered = (Encryptor, Option<Box<KeyHasher>>, Crypttext);

/// Reads the next batch of plaintext, which is at `offset`, and enciphers it.
pub fn encipher(
    mut encryptor: Encryptor,
    mut hasher: Option<Box<KeyHasher>>,
    source: &Source,
    offset: u64,
) -> Result<Enciphered, UploadError> {
    let mut plaintext = encryptor.buffer().ok_or(UploadError::CutOff)?;
    source.reader.read_exact_at(&mut plaintext, offset).map_err(|error| match error.kind() {
        // It was longer when the upload began.
        std::io::ErrorKind::UnexpectedEof => UploadError::Changed,
        _ => error.into(),
    })?;
    if let Some(hasher) = &mut hasher {
        hasher.update(&plaintext);
    }
    let crypttext = encryptor.encrypt(plaintext)?;
    Ok((encryptor, hasher, crypttext))
}
