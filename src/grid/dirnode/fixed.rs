//! Immutable directories: a table in a file, or in the cap itself.

use super::change::{Decide, Was};
use super::directory::{Change, Directory, Seen};
use super::edit::{checked, room_of};
use super::place::State;
use super::table::{self, Kind};
use super::{DirError, Directories, Entry, Listing, Unreadable};
use crate::base::budget::Share;
use crate::base::limits::{PAGE_ROOM, TABLE_MAX, TABLE_ROOM};
use crate::cap::{Cap, FileCap};
use crate::grid::{Source, UploadOptions};
use crate::vdrive::format::DirectoryId;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use std::sync::Arc;

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
            Cap::File(file) => Ok(Cap::Table(file)),
            _ => Err(DirError::Corrupt("its table became no file")),
        }
    }
}

/// An immutable directory, by any cap of it.
pub(super) struct Fixed {
    dirs: Directories,
    cap: Cap,
    /// Where its table is.
    file: FileCap,
}

impl Fixed {
    pub fn of(dirs: &Directories, (cap, file): (&Cap, &FileCap)) -> Result<Self, DirError> {
        dirs.grid.permit(cap)?;
        Ok(Self { dirs: dirs.clone(), cap: cap.clone(), file: file.clone() })
    }

    /// The table as it is stored.
    async fn table(&self) -> Result<Bytes, DirError> {
        let reader = self.dirs.grid.open(&Cap::File(self.file.clone())).await?;
        Ok(reader.read_all(0..reader.size()).await?)
    }

    /// The children, what does not open, and the room that they take.
    async fn entries(&self) -> Result<(Vec<Entry>, Unreadable, Share), DirError> {
        if self.cap.is_verifier() {
            return Err(DirError::NotReadable);
        }
        if self.file.storage_index().is_some() && self.file.size() > TABLE_MAX {
            return Err(DirError::TooBig("a directory"));
        }
        let mut room = self.room().await?;
        let table = self.table().await?;
        let unpack = move || table::read(&table, Kind::Immutable);
        let bytes = usize::try_from(self.file.size()).unwrap_or(usize::MAX);
        let unpacked = self.dirs.grid.compute.run(bytes, unpack).await;
        let (entries, unreadable) = unpacked.map_err(|_| DirError::CutOff)?;
        room.resize(entries.iter().map(room_of).sum::<usize>().min(room.bytes()))?;
        Ok((entries, unreadable, room))
    }

    /// The memory that the table takes when it is taken apart.
    async fn room(&self) -> Result<Share, DirError> {
        let (memory, wait) = (&self.dirs.memory, self.dirs.wait);
        if self.file.storage_index().is_none() {
            return Ok(memory.walk());
        }
        let size = usize::try_from(self.file.size()).unwrap_or(usize::MAX);
        match size.saturating_mul(TABLE_ROOM) {
            ..=PAGE_ROOM => memory.page(wait).await,
            large => memory.large(large, wait).await,
        }
    }
}

impl Directory for Fixed {
    fn list(&self) -> BoxFuture<'_, Result<Listing, DirError>> {
        async {
            let (entries, unreadable, room) = self.entries().await?;
            let (size, room) = (self.file.size(), Arc::new(room));
            let (writable, mutable) = (false, false);
            Ok(Listing { entries, unreadable, writable, mutable, size, room })
        }
        .boxed()
    }

    fn look<'a>(
        &'a self,
        name: &'a str,
        _: Option<Arc<State>>,
    ) -> BoxFuture<'a, Result<Seen, DirError>> {
        async move {
            let (entries, unreadable, _room) = self.entries().await?;
            let found = entries.into_iter().find(|entry| entry.name == name);
            let was = match (found, unreadable.named.first()) {
                (Some(entry), _) => Was::Link(entry),
                (None, None) => Was::Nothing,
                // It may be what does not open.
                (None, Some(one)) => Was::Unopened(*one),
            };
            Ok(Seen { dir: self.cap.clone(), was, state: None })
        }
        .boxed()
    }

    fn change<'a>(
        &'a self,
        _: Change,
        _: &'a mut Decide<'_>,
    ) -> BoxFuture<'a, Result<(), DirError>> {
        std::future::ready(Err(DirError::Immutable)).boxed()
    }

    fn watch(&self) -> BoxFuture<'_, Result<BoxStream<'static, u64>, DirError>> {
        std::future::ready(Err(DirError::Immutable)).boxed()
    }

    fn id(&self) -> Option<DirectoryId> {
        None
    }
}
