//! Copies of directories in the grid, from which they come back if their server loses them: made when
//! they change here, and looked at in each round.

use super::copies::{Copied, line};
use super::{Keeper, list};
use crate::base::blocking;
use crate::base::limits::{
    KEEP_COPIES_WASTE, KEEP_COPY_AFTER, KEEP_COPY_RATE, KEEP_COPY_RETRY, RESTORED_GAP,
};
use crate::base::lock::locked;
use crate::cap::{Cap, VdriveCap};
use crate::grid::dirnode::DirError;
use crate::vdrive::format::DirectoryId;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

/// What of a directory is in the grid.
pub(super) enum Copy {
    /// A copy was made of what it is now.
    New,
    /// There was one, in this file.
    Known(Cap),
    /// There are too many directories to know the copies of all.
    TooMany,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotCopied {
    #[error(transparent)]
    Directory(#[from] DirError),
    #[error("it cannot be written down in private/copies")]
    Unwritten,
}

impl Keeper {
    /// Copies what is changed here, for as long as this is polled.
    pub(super) async fn copy_changes(&self) {
        let changed = self.files().directories().changed().clone();
        let mut later: HashMap<DirectoryId, (Instant, Cap)> = HashMap::new();
        loop {
            let next = later.values().map(|(at, _)| *at).min();
            tokio::select! {
                biased;
                () = changed.any() => {}
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            // What changed now will often change again soon.
            tokio::time::sleep(KEEP_COPY_AFTER).await;
            if self.is_paused() || !self.is_connected_enough() {
                tokio::time::sleep(KEEP_COPY_RETRY).await;
                continue;
            }
            let (kept, _) = list::parse(self.0.store.list().as_deref());
            let now = Instant::now();
            let mut due = changed.take();
            due.extend(later.extract_if(|_, (at, _)| *at <= now).map(|(id, (_, dir))| (id, dir)));
            for (id, dir) in due {
                if !kept.is_empty() && self.copy_soon(&dir, &id).await {
                    later.insert(id, (Instant::now() + KEEP_COPY_RETRY, dir));
                }
            }
        }
    }

    /// Copies a directory that was changed; whether that is to be tried later.
    async fn copy_soon(&self, dir: &Cap, id: &DirectoryId) -> bool {
        if self.is_early(id) {
            return true;
        }
        self.wait_for_others().await;
        match self.copy(dir).await {
            Ok(_) | Err(NotCopied::Directory(DirError::NoSuchDirectory(_))) => false,
            Err(error) => {
                tracing::warn!(%error, "a directory that was changed has no copy yet");
                true
            }
        }
    }

    /// Whether the last copy was made a moment ago, for how large it is.
    fn is_early(&self, id: &DirectoryId) -> bool {
        self.copied(id).is_some_and(|copied| {
            let size = copied.snapshot.cap.size().unwrap_or(0);
            self.now().saturating_sub(copied.taken) < size / KEEP_COPY_RATE
        })
    }

    /// Sees to it that the newest state of a directory is in a copy.
    pub(super) async fn copy(&self, dir: &Cap) -> Result<Copy, NotCopied> {
        let directories = self.files().directories();
        let id = dir.vdrive().map(VdriveCap::directory_id).ok_or(DirError::Immutable)?;
        let known = {
            let mut state = locked(&self.0.state);
            if !state.copies.takes(&id) {
                return Ok(Copy::TooMany);
            }
            state.copies.met(&id);
            state.copies.get(&id).map(|copied| copied.snapshot.clone())
        };
        let (seq, head) = directories.newest(dir).await?;
        match known {
            // Of a server that shows an older state, the newer one is worth more.
            Some(known) if known.head == head || known.seq > seq => Ok(Copy::Known(known.cap)),
            _ => self.copy_again(dir, id).await,
        }
    }

    /// Makes a copy of a directory, and writes that down.
    pub(super) async fn copy_again(&self, dir: &Cap, id: DirectoryId) -> Result<Copy, NotCopied> {
        // The same state makes the same file, so that what is left of it stays.
        let snapshot = self.files().directories().snapshot(dir).await?;
        let now = self.now();
        let turn = self.0.noting.lock().await;
        let known = self.copied(&id).map(|copied| copied.snapshot);
        match known.as_ref() {
            Some(known) if known.head == snapshot.head && known.cap == snapshot.cap => {
                return Ok(Copy::New);
            }
            Some(known) if known.seq > snapshot.seq => {
                drop(turn);
                self.let_go(&snapshot.cap).await;
                return Ok(Copy::New);
            }
            _ => {}
        }
        let copied = Copied { snapshot: snapshot.clone(), taken: now, unmet: 0, met: true };
        let (store, line) = (Arc::clone(&self.0.store), line(&id, &copied));
        if !blocking::spawn(move || store.add_copy(&line)).await.unwrap_or(false) {
            return Err(NotCopied::Unwritten);
        }
        let is_long = {
            let mut state = locked(&self.0.state);
            state.copies.put(id, copied);
            state.lines += 1;
            state.lines > state.copies.count() + KEEP_COPIES_WASTE
        };
        if is_long {
            self.write_copies().await;
        }
        drop(turn);
        // One that is older is of no use any more, unless the directory came back from a still older one.
        let old = known.filter(|old| snapshot.seq.saturating_sub(old.seq) < RESTORED_GAP / 2);
        if let Some(old) = old {
            self.let_go(&old.cap).await;
        }
        Ok(Copy::New)
    }

    /// The copy that is known of a directory.
    pub(super) fn copied(&self, id: &DirectoryId) -> Option<Copied> {
        locked(&self.0.state).copies.get(id).cloned()
    }

    /// A round is over: forgets what is not kept any more, and writes down the rest anew.
    pub(super) async fn tidy_copies(&self, saw_all: bool) {
        let turn = self.0.noting.lock().await;
        let old = locked(&self.0.state).copies.round_over(saw_all);
        let written = self.write_copies().await;
        drop(turn);
        for copied in old.into_iter().filter(|_| written) {
            self.let_go(&copied.snapshot.cap).await;
        }
    }

    /// Writes down all copies; whether that was done. Who calls has the turn.
    async fn write_copies(&self) -> bool {
        let text = {
            let mut state = locked(&self.0.state);
            // What could not be read may be worth more than what is known.
            if state.unread_copies {
                return false;
            }
            state.lines = state.copies.count();
            state.copies.text()
        };
        let store = Arc::clone(&self.0.store);
        blocking::spawn(move || store.keep_copies(&text)).await.unwrap_or(false)
    }

    /// The copies that the round has not come to: those of directories that are lost, or below one that
    /// could not be read. They need their leases most.
    pub(super) fn copies_not_met(&self) -> Vec<(DirectoryId, Cap)> {
        locked(&self.0.state).copies.unmet()
    }

    async fn let_go(&self, copy: &Cap) {
        if let Err(error) = self.files().grid().release(copy).await {
            tracing::info!(%error, "leases on an old copy of a directory stay until they end");
        }
    }
}
