//! The convergent key of a plaintext: hashed from a source, or while a body arrives.

use super::UploadError;
use crate::base::file::FileKey;
use crate::base::limits::SEGMENT_MAX;
use crate::codec::Geometry;
use crate::codec::convergence::KeyHasher;
use crate::grid::client::Client;
use crate::grid::progress::{Meter, Stage};
use crate::grid::source::Source;

/// Plaintext read at once to be hashed.
const STEP: usize = 1 << 20;

/// Hashes a body of at least [`SEGMENT_MAX`] bytes while it arrives, its length yet unknown: from
/// that size on the key depends on the bytes alone. Smaller bodies need no such help.
pub struct BodyHasher {
    hasher: KeyHasher,
    size: u64,
    cut: Cut,
}

/// The convergent key of bytes that have been seen.
#[derive(Clone)]
pub struct Digest {
    key: FileKey,
    size: u64,
    cut: Cut,
}

/// What of the encoding enters the key: k, N and the segment size.
type Cut = (usize, usize, u64);

fn cut(geometry: &Geometry) -> Cut {
    (geometry.params().needed(), geometry.params().total(), geometry.segment_size())
}

impl BodyHasher {
    pub fn update(&mut self, plaintext: &[u8]) {
        self.size += plaintext.len() as u64;
        self.hasher.update(plaintext);
    }

    pub fn finish(self) -> Digest {
        Digest { key: self.hasher.finish(), size: self.size, cut: self.cut }
    }
}

impl Digest {
    /// The key, if it is that of an upload with this geometry.
    pub(super) fn key_for(self, geometry: &Geometry) -> Option<FileKey> {
        (self.size == geometry.size() && self.cut == cut(geometry)).then_some(self.key)
    }
}

impl Client {
    /// Begins to hash a body that has at least [`SEGMENT_MAX`] bytes, for the present encoding. Give
    /// its [`Digest`] to the upload of the same bytes.
    pub fn body_hasher(&self) -> Result<BodyHasher, UploadError> {
        let params = self.params().code();
        let geometry = Geometry::for_upload(params, SEGMENT_MAX, SEGMENT_MAX)
            .map_err(crate::codec::encode::EncodeError::from)?;
        Ok(BodyHasher { hasher: self.key_hasher(&geometry), size: 0, cut: cut(&geometry) })
    }

    pub(super) fn key_hasher(&self, geometry: &Geometry) -> KeyHasher {
        KeyHasher::new(&self.secrets.convergence, geometry)
    }
}

/// Reads all of `source` to make its key.
pub(super) async fn hash_source(
    client: &Client,
    source: &Source,
    geometry: &Geometry,
    meter: &Meter,
) -> Result<FileKey, UploadError> {
    let (source, meter) = (source.clone(), meter.clone());
    let mut hasher = client.key_hasher(geometry);
    let in_memory = source.in_memory;
    let hash = move || {
        let mut buffer = vec![0; STEP.min(source.size as usize)];
        let mut done = 0;
        while done < source.size {
            let left = usize::try_from(source.size - done).unwrap_or(usize::MAX);
            let (step, _) = buffer.split_at_mut(left.min(STEP));
            source.reader.read_exact_at(step, done)?;
            hasher.update(step);
            done += step.len() as u64;
            meter.at(Stage::Hashing, done);
        }
        Ok(hasher.finish())
    };
    let work = if in_memory { geometry.size() as usize } else { usize::MAX };
    client.compute.run(work, hash).await?
}
