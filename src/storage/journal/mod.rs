//! The lease journal: what makes a change of leases whole or absent, whatever happens.
//!
//! Leases stand at the end of a share file and are changed in place; a change that is torn could
//! lose a lease or cut share data. So each [`Edit`] is first written here and synced, then made in
//! the share file and synced there, then acknowledged. At start the last edit of each share is made
//! again. Edits that arrive together share one sync.
//!
//! Order: [`Journal::commit`] → change and sync the share → [`Journal::applied`] or
//! [`Journal::failed`]. An edit that could not be made stays in the journal until it is
//! [`Journal::settled`]. The file is emptied whenever every edit in it is made; where that does not
//! come about, commits wait once it is full, and it is written anew with the edits that failed.

pub mod record;

use super::container::Edit;
use super::error::{Result, StoreError};
use crate::base::limits::{LEASE_JOURNAL_FULL, LEASE_JOURNAL_MAX, LEASE_JOURNAL_READ_MAX};
use crate::base::lock::{locked, unpoisoned};
use crate::disk::{Cache, Disk, File, Mode};
use record::{Key, Record, Replay, encode, replay, seal};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

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
    /// Committed records of which nobody has said yet what became of them.
    under_way: usize,
    /// The file is being made shorter: new commits wait.
    closed: bool,
    /// Edits in the file that are not, or only half, in their share files.
    unmade: BTreeMap<Key, Edit>,
    /// Shares with an edit in the file.
    shares: HashSet<Key>,
}

impl State {
    /// These records are durable.
    fn committed(&mut self, records: &[Record]) {
        for record in records {
            match record {
                Record::Edit(key, _) => {
                    self.shares.insert(*key);
                }
                Record::Void(key) => {
                    self.shares.remove(key);
                    self.unmade.remove(key);
                    self.under_way -= 1;
                }
            }
        }
    }
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
        locked(&self.state)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        unpoisoned(self.turn.wait(state))
    }

    /// Makes records durable. Afterwards each edit among them counts as under way until
    /// [`Journal::applied`] or [`Journal::failed`], and edits of void shares are forgotten. After an
    /// error none of them counts, though a crash may still bring one back.
    pub fn commit(&self, records: &[Record]) -> Result<()> {
        let mut state = self.open_for_commit()?;
        // Counted before the wait: nobody may empty the file between the sync and our turn.
        state.under_way += records.len();
        let batch = state.open.clone();
        locked(&batch.records).extend(encode(records));
        while batch.outcome.get().is_none() && state.syncing {
            state = self.wait(state);
        }
        if batch.outcome.get().is_none() {
            state = self.lead(state, &batch);
        }
        let outcome = batch.outcome.get().cloned().unwrap_or(Err(StoreError::Ended));
        match outcome {
            Ok(()) => state.committed(records),
            Err(_) => state.under_way -= records.len(),
        }
        self.turn.notify_all();
        outcome
    }

    /// The state once the file has room for more.
    fn open_for_commit(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        while state.closed {
            state = self.wait(state);
        }
        if state.len < LEASE_JOURNAL_FULL {
            return Ok(state);
        }
        state.closed = true;
        while state.under_way > 0 || state.syncing {
            state = self.wait(state);
        }
        let full = state.len >= LEASE_JOURNAL_FULL;
        let shortened = if full { self.shorten(&mut state) } else { Ok(()) };
        state.closed = false;
        self.turn.notify_all();
        shortened.map(|()| state)
    }

    /// Writes the file anew with nothing but the edits that are not made.
    fn shorten(&self, state: &mut State) -> Result<()> {
        let edits = state.unmade.iter();
        let records: Vec<Record> =
            edits.map(|(key, edit)| Record::Edit(*key, edit.clone())).collect();
        let sealed = if records.is_empty() { vec![] } else { seal(state.next, &encode(&records)) };
        if sealed.len() as u64 >= LEASE_JOURNAL_FULL {
            return Err(std::io::Error::other("too many changes of leases cannot be made").into());
        }
        let new = self.path.with_extension("journal.new");
        let file = self.disk.open(&new, Mode::ChangeOrNew)?;
        file.set_len(0)?;
        file.write_at(&sealed, 0, Cache::Keep)?;
        file.sync()?;
        self.disk.rename_over(&new, &self.path)?;
        // From here on the old file must not be written any more, whatever comes.
        state.file = Some(Arc::new(file));
        (state.len, state.dirty) = (sealed.len() as u64, false);
        state.next = state.next.wrapping_add(1);
        state.shares = state.unmade.keys().copied().collect();
        self.path.parent().map_or(Ok(()), |folder| Ok(self.disk.sync_dir(folder)?))
    }

    /// Writes and syncs the open batch on behalf of all who put records into it.
    fn lead<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        batch: &Batch,
    ) -> MutexGuard<'a, State> {
        state.open = Arc::default();
        state.syncing = true;
        let records = std::mem::take(&mut *locked(&batch.records));
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
        self.done(edits, |_| {});
    }

    /// A committed edit could not be made, or not be synced.
    pub fn failed(&self, key: Key, edit: Edit) {
        self.done(1, |state| drop(state.unmade.insert(key, edit)));
    }

    /// The failed edit of this share is made after all.
    pub fn settled(&self, key: &Key) {
        self.done(0, |state| drop(state.unmade.remove(key)));
    }

    fn done(&self, edits: usize, note: impl FnOnce(&mut State)) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(edits);
        note(&mut state);
        if state.len >= LEASE_JOURNAL_MAX {
            self.empty(&mut state);
        }
        self.turn.notify_all();
    }

    /// The edit of this share that is not made.
    pub fn unmade(&self, key: &Key) -> Option<Edit> {
        self.state().unmade.get(key).cloned()
    }

    /// An edit found at start that cannot be made.
    pub fn still_unmade(&self, key: Key, edit: Edit) {
        let mut state = self.state();
        state.shares.insert(key);
        state.unmade.insert(key, edit);
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
        if state.under_way > 0 || state.syncing || !state.unmade.is_empty() {
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
        *state = State {
            next: state.next,
            unmade: std::mem::take(&mut state.unmade),
            ..State::default()
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{ShareNum, StorageIndex};
    use crate::disk::memory::MemoryDisk;

    /// Gives so many leases to a share of 100 bytes.
    fn edit(leases: u32) -> Edit {
        let bytes = vec![7; 72 * leases as usize];
        Edit { old_len: 112, old_leases: 0, new_leases: leases, offset: 112, bytes }
    }

    fn key(n: u8) -> Key {
        (StorageIndex([n; 16]), ShareNum(n))
    }

    fn open(disk: &Disk) -> (Journal, Replay) {
        Journal::open(disk.clone(), PathBuf::from("/lease.journal")).unwrap()
    }

    #[test]
    fn a_full_journal_keeps_only_the_edits_that_failed() {
        let disk = Disk::new(Arc::new(MemoryDisk::new()));
        let (journal, _) = open(&disk);
        journal.commit(&[Record::Edit(key(1), edit(2))]).unwrap();
        journal.failed(key(1), edit(2));
        let (step, mut longest) = (1 << 14, 0);
        for round in 0..40 {
            journal.commit(&[Record::Edit(key(2), edit(step))]).unwrap();
            longest = longest.max(journal.state().len);
            journal.applied(1);
            if round == 20 {
                let again: Vec<Key> = open(&disk).1.edits.into_keys().collect();
                assert_eq!(again, [key(1), key(2)]);
            }
        }
        assert!(longest < LEASE_JOURNAL_FULL + 73 * u64::from(step), "{longest} bytes");
        let (_, found) = open(&disk);
        assert!(!found.damaged);
        assert_eq!(found.edits.get(&key(1)), Some(&edit(2)));
    }

    #[test]
    fn a_full_journal_waits_for_edits_under_way() {
        let disk = Disk::new(Arc::new(MemoryDisk::new()));
        let (journal, _) = open(&disk);
        let large = edit(LEASE_JOURNAL_FULL as u32 / 72 + 1);
        journal.commit(&[Record::Edit(key(1), large)]).unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                journal.commit(&[Record::Edit(key(2), edit(1))]).unwrap();
                done.send(()).unwrap();
            });
            assert!(is_done.recv_timeout(std::time::Duration::from_millis(50)).is_err());
            journal.applied(1);
            is_done.recv().unwrap();
        });
        assert!(journal.state().len < 1000);
    }
}
