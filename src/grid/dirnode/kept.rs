//! Directories that a vdrive server keeps.

use super::change::{Decide, was};
use super::directory::{Change, Directory, Seen};
use super::edit::room_of;
use super::place::{Place, State};
use super::seal::RowKeys;
use super::{DirError, Entry, Listing, Unopened, Unreadable};
use crate::vdrive::format::{DirectoryId, Row};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use std::sync::Arc;

impl Place {
    async fn listing(&self) -> Result<Listing, DirError> {
        let keys = self.keys()?.clone();
        let (rows, mut room) = self.listed(self.dirs.wait).await?;
        let size = rows.iter().map(|row| row.encoded_len() as u64).sum();
        let opened = self.dirs.on_rows(rows.len(), move || Ok(open_all(&keys, rows))).await?;
        let (entries, unreadable) = opened;
        room.resize(entries.iter().map(room_of).sum::<usize>().min(room.bytes()))?;
        let (writable, room) = (self.cap.is_writable(), Arc::new(room));
        Ok(Listing { entries, unreadable, writable, mutable: true, size, room })
    }
}

impl Directory for Place {
    fn list(&self) -> BoxFuture<'_, Result<Listing, DirError>> {
        self.listing().boxed()
    }

    fn look<'a>(
        &'a self,
        name: &'a str,
        start: Option<Arc<State>>,
    ) -> BoxFuture<'a, Result<Seen, DirError>> {
        async move {
            let keys = self.keys()?;
            let id = keys.row_id(name);
            let state = match self.current(start, &[id]) {
                Some(state) => state,
                None => Arc::new(self.rows(&[id]).await?.only(&id)),
            };
            let was = was(keys, &state, &id)?;
            Ok(Seen { dir: self.cap.clone(), was, state: Some(state) })
        }
        .boxed()
    }

    fn change<'a>(
        &'a self,
        change: Change,
        decide: &'a mut Decide<'_>,
    ) -> BoxFuture<'a, Result<(), DirError>> {
        self.make(change, decide).boxed()
    }

    fn watch(&self) -> BoxFuture<'_, Result<BoxStream<'static, u64>, DirError>> {
        self.followed().boxed()
    }

    fn id(&self) -> Option<DirectoryId> {
        Some(*Self::id(self))
    }
}

/// Each row is let go when it is opened.
pub(super) fn open_all(keys: &Arc<RowKeys>, rows: Vec<Row>) -> (Vec<Entry>, Unreadable) {
    let (mut entries, mut unreadable) = (Vec::new(), Unreadable::default());
    for row in rows {
        match keys.open(&row) {
            Ok(entry) => entries.push(entry),
            Err(error) => unreadable.note(Unopened::row(&row.id, &error)),
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    (entries, unreadable)
}
