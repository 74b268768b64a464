//! What a clean stop leaves beside an index, so that the next start may trust it.
//!
//! ```text
//! NOTE ' ' NONCE '\n'     a number for the index's owner; 16 random bytes that the map has too
//! ```
//! It is written last and removed first: a map without its marker may be stale or damaged.

use super::{Cache, Disk, Mode};
use crate::base::base32;
use crate::base::system::random;
use std::io;
use std::path::Path;

const LEN_MAX: usize = 64;

/// See the module.
pub struct Marker {
    /// Kept for the index's owner.
    pub note: u64,
    pub(super) nonce: [u8; 16],
}

impl Marker {
    pub(super) fn new(note: u64) -> Self {
        Self { note, nonce: random() }
    }

    fn parse(text: &str) -> Option<Self> {
        let (note, nonce) = text.strip_suffix('\n')?.split_once(' ')?;
        Some(Self { note: note.parse().ok()?, nonce: base32::decode_array(nonce).ok()? })
    }

    /// Reads and removes a marker. After an error none may be left either.
    pub fn take(disk: &Disk, path: &Path) -> io::Result<Option<Self>> {
        let text = match disk.open(path, Mode::Read) {
            Ok(file) => file.read(0, LEN_MAX)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        disk.unlink(path)?;
        sync_folder(disk, path)?;
        Ok(Self::parse(&String::from_utf8(text).unwrap_or_default()))
    }

    /// Leaves the marker, durably.
    pub fn leave(&self, disk: &Disk, path: &Path) -> io::Result<()> {
        let file = disk.open(path, Mode::ChangeOrNew)?;
        let text = format!("{} {}\n", self.note, base32::encode(&self.nonce));
        file.write_at(text.as_bytes(), 0, Cache::Keep)?;
        file.sync()?;
        sync_folder(disk, path)
    }
}

fn sync_folder(disk: &Disk, path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| disk.sync_dir(folder))
}
