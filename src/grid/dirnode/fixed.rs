//! Immutable directories: a table in a file, or in the cap itself.

use super::edit::{checked, room_of};
use super::table::{self, Kind};
use super::{DirError, Directories, Entry, Unreadable};
use crate::base::budget::Share;
use crate::base::limits::{PAGE_ROOM, TABLE_MAX, TABLE_ROOM};
use crate::cap::Cap;
use crate::grid::{Source, UploadOptions};
use bytes::Bytes;

impl Directories {
    /// Makes an immutable directory; all children must be immutable all the way down. The same
    /// children make the same cap.
    pub async fn create_immutable(&self, children: Vec<Entry>) -> Result<Cap, DirError> {
        let table = table::pack(&checked(children)?, Kind::Immutable)?;
        if table.len() as u64 > TABLE_MAX {
            return Err(DirError::TooBig("a directory"));
        }
        let options = UploadOptions::default();
        let stored = self.grid.upload(Source::bytes(table), options).await?;
        match stored.cap {
            Cap::Lit(cap) => Ok(Cap::DirLit(cap)),
            Cap::Chk(cap) => Ok(Cap::DirChk(cap)),
            _ => Err(DirError::Corrupt("its table became no file")),
        }
    }
}

/// The children of an immutable directory, what does not open, and the room that they take; `None` if
/// `dir` is none.
pub(super) async fn entries(
    dirs: &Directories,
    dir: &Cap,
) -> Result<Option<(Vec<Entry>, Unreadable, Share)>, DirError> {
    let mut room = room(dirs, dir).await?;
    let table = match dir {
        Cap::DirLit(cap) => Bytes::copy_from_slice(cap.plaintext()),
        Cap::DirChk(cap) if cap.size() > TABLE_MAX => return Err(DirError::TooBig("a directory")),
        Cap::DirChk(cap) => {
            let reader = dirs.grid.open(&Cap::Chk(cap.clone())).await?;
            reader.read_all(0..reader.size()).await?
        }
        Cap::DirChkVerify(_) => return Err(DirError::NotReadable),
        _ => return Ok(None),
    };
    let unpack = move || table::read(&table, Kind::Immutable);
    let bytes = usize::try_from(dir.size().unwrap_or(0)).unwrap_or(usize::MAX);
    let unpacked = dirs.grid.compute.run(bytes, unpack).await;
    let (entries, unreadable) = unpacked.map_err(|_| DirError::CutOff)?;
    room.resize(entries.iter().map(room_of).sum::<usize>().min(room.bytes()))?;
    Ok(Some((entries, unreadable, room)))
}

/// The memory that a table takes when it is taken apart.
async fn room(dirs: &Directories, dir: &Cap) -> Result<Share, DirError> {
    match dir {
        Cap::DirChk(cap) => {
            let size = usize::try_from(cap.size()).unwrap_or(usize::MAX);
            match size.saturating_mul(TABLE_ROOM) {
                ..=PAGE_ROOM => dirs.memory.page(dirs.wait).await,
                large => dirs.memory.large(large, dirs.wait).await,
            }
        }
        _ => Ok(dirs.memory.walk()),
    }
}
