//! The lease journal: what makes a change of leases whole or absent, whatever happens.
//!
//! Leases stand at the end of a share file and are changed in place; a change that is torn could
//! lose a lease or cut share data. So each [`Edit`] is first written here and synced, then made in
//! the share file and synced there, then acknowledged. At start the last edit of each share is made
//! again. Edits that arrive together share one sync.
//!
//! Order: [`Journal::commit`] → change and sync the share → [`Journal::applied`]. An edit that could
//! not be made is never reported as applied, so it stays in the journal.
//!
//! [`Edit`]: crate::storage::container::Edit

pub mod record;

use super::error::{Result, StoreError};
use crate::base::limits::{LEASE_JOURNAL_MAX, LEASE_JOURNAL_READ_MAX};
use crate::disk::{Cache, Disk, File, Mode};
use record::{Key, Record, Replay, encode, replay, seal};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// Records that will be synced together.
#[derive(Default)]
struct Batch {
    records: Mutex<Vec<u8>>,
    outcome: OnceLock<Result<()>>,
}

#[derive(Default)]
struct State {
    file: Option<Arc<File>>,
    len: u64,
    next: u64,
    /// A failed write may have left bytes after `len`.
    dirty: bool,
    syncing: bool,
    open: Arc<Batch>,
    /// Committed edits that are not yet applied.
    under_way: usize,
    /// Shares with an edit in the file.
    shares: HashSet<Key>,
}

/// See the module.
pub struct Journal {
    disk: Disk,
    path: PathBuf,
    state: Mutex<State>,
    turn: Condvar,
}

impl Journal {
    /// Reads the journal at `path` (absent: empty) and says what must be made again. Nothing is
    /// written before the first [`Journal::commit`].
    pub fn open(disk: Disk, path: PathBuf) -> Result<(Self, Replay)> {
        let found = match disk.open(&path, Mode::Read) {
            Ok(file) => read_all(&file)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Replay::default(),
            Err(error) => return Err(error.into()),
        };
        let state = State { len: found.len, next: found.next, dirty: true, ..State::default() };
        let journal = Self { disk, path, state: Mutex::new(state), turn: Condvar::new() };
        Ok((journal, found))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes records durable. Afterwards each edit among them counts as under way until
    /// [`Journal::applied`]. After an error none of them is, though a crash may still bring one back.
    pub fn commit(&self, records: &[Record]) -> Result<()> {
        let edits = records.iter().filter(|record| matches!(record, Record::Edit(..))).count();
        let mut state = self.state();
        // Counted before the wait: nobody may empty the file between the sync and our turn.
        state.under_way += edits;
        let batch = state.open.clone();
        batch.records.lock().unwrap_or_else(PoisonError::into_inner).extend(encode(records));
        while batch.outcome.get().is_none() && state.syncing {
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if batch.outcome.get().is_none() {
            state = self.lead(state, &batch);
        }
        let outcome = batch.outcome.get().cloned().unwrap_or(Err(StoreError::Ended));
        if outcome.is_err() {
            state.under_way -= edits;
            return outcome;
        }
        for record in records {
            match record {
                Record::Edit(key, _) => state.shares.insert(*key),
                Record::Void(key) => state.shares.remove(key),
            };
        }
        outcome
    }

    /// Writes and syncs the open batch on behalf of all who put records into it.
    fn lead<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        batch: &Batch,
    ) -> MutexGuard<'a, State> {
        state.open = Arc::default();
        state.syncing = true;
        let records =
            std::mem::take(&mut *batch.records.lock().unwrap_or_else(PoisonError::into_inner));
        let sealed = seal(state.next, &records);
        let ready = self.ready(&mut state);
        let at = state.len;
        drop(state);
        let written = ready.and_then(|file| {
            file.write_at(&sealed, at, Cache::Keep)?;
            Ok(file.sync()?)
        });
        let mut state = self.state();
        state.syncing = false;
        match &written {
            Ok(()) => {
                state.len += sealed.len() as u64;
                state.next = state.next.wrapping_add(1);
            }
            Err(_) => state.dirty = true,
        }
        let _ = batch.outcome.set(written);
        self.turn.notify_all();
        state
    }

    /// The file, opened if need be, with nothing after `len`.
    fn ready(&self, state: &mut State) -> Result<Arc<File>> {
        let file = match &state.file {
            Some(file) => file.clone(),
            None => {
                let file = Arc::new(self.disk.open(&self.path, Mode::ChangeOrNew)?);
                if let Some(folder) = self.path.parent() {
                    self.disk.sync_dir(folder)?;
                }
                state.file.insert(file).clone()
            }
        };
        if state.dirty {
            file.set_len(state.len)?;
            file.sync()?;
            state.dirty = false;
        }
        Ok(file)
    }

    /// So many committed edits are made and synced in their share files.
    pub fn applied(&self, edits: usize) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(edits);
        if state.len >= LEASE_JOURNAL_MAX {
            self.empty(&mut state);
        }
    }

    /// Edits found at start that are not made yet: they keep the journal from being emptied.
    pub fn still_under_way<'a>(&self, keys: impl Iterator<Item = &'a Key>) {
        let mut state = self.state();
        for key in keys {
            state.under_way += 1;
            state.shares.insert(*key);
        }
    }

    /// Whether the file has an edit of this share.
    pub fn mentions(&self, key: &Key) -> bool {
        self.state().shares.contains(key)
    }

    /// Empties the file if every edit in it is made.
    pub fn empty_if_idle(&self) {
        let mut state = self.state();
        if state.len > 0 {
            self.empty(&mut state);
        }
    }

    fn empty(&self, state: &mut State) {
        if state.under_way > 0 || state.syncing {
            return;
        }
        let emptied = self.ready(state).and_then(|file| {
            file.set_len(0)?;
            Ok(file.sync()?)
        });
        state.len = 0;
        match emptied {
            Ok(()) => state.shares.clear(),
            Err(error) => {
                // Whatever is there now, it goes before the next batch is written.
                state.dirty = true;
                tracing::warn!(%error, "the lease journal could not be emptied");
            }
        }
    }

    /// Moves a damaged journal out of the way and starts an empty one.
    pub fn set_aside(&self, to: &Path) -> Result<()> {
        let mut state = self.state();
        self.disk.rename_new(&self.path, to)?;
        *state = State { next: state.next, ..State::default() };
        Ok(())
    }
}

fn read_all(file: &File) -> Result<Replay> {
    let len = file.size()?;
    if len > LEASE_JOURNAL_READ_MAX {
        return Ok(Replay { damaged: true, len, ..Replay::default() });
    }
    Ok(replay(&file.read(0, len as usize)?))
}
