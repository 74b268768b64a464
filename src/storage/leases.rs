//! Changing leases in share files, by way of the journal.
//!
//! The caller holds the bucket's lock, so the shares of one SI change one at a time. An edit that
//! was journalled but could not be made stays in the journal: the share's data is where it was, reads go
//! on, and the next change of that share makes the old edit first.

use super::container::{COUNT_OFFSET, Edit, HEAD_LEN, HEADER_LEN, Header, Kind, classify};
use super::error::Result;
use super::journal::Journal;
use super::journal::record::{Key, Record};
use super::paths::Paths;
use crate::disk::{Cache, Disk, File, Mode};
use std::io::ErrorKind;

pub(super) struct Leases {
    disk: Disk,
    paths: Paths,
    journal: Journal,
}

impl Leases {
    /// Opens the journal and makes its edits again. Shares whose disk refuses stay readable.
    pub fn open(disk: Disk, paths: Paths) -> Result<Self> {
        let (journal, found) = Journal::open(disk.clone(), paths.journal())?;
        let leases = Self { disk, paths, journal };
        for (key, edit) in found.edits {
            if let Err(error) = leases.make_by_name(&key, &edit) {
                tracing::warn!(%error, "a change of leases could not be completed");
                leases.journal.still_unmade(key, edit);
            }
        }
        if found.damaged {
            leases.set_journal_aside();
        }
        leases.journal.empty_if_idle();
        Ok(leases)
    }

    fn set_journal_aside(&self) {
        let folder = self.paths.quarantine();
        let free = super::bucket::free_name(&self.disk, &folder, "lease.journal");
        match free.and_then(|path| self.journal.set_aside(&path)) {
            Ok(()) => tracing::error!("the lease journal was damaged; it is kept in quarantine/"),
            Err(error) => tracing::error!(%error, "the lease journal is damaged"),
        }
    }

    /// What a share file is, in spite of an edit that is only half made.
    pub fn kind(&self, key: &Key, head: &[u8], file_len: u64) -> Kind {
        let Some(edit) = self.journal.unmade(key) else {
            return classify(head, file_len);
        };
        // With no leases and no data to account for, only the version decides.
        let mut version_only = [0; HEADER_LEN as usize];
        version_only.iter_mut().zip(head).take(4).for_each(|(to, from)| *to = *from);
        match (classify(&version_only, HEADER_LEN), edit.leases_offset()) {
            (Kind::Immutable(Header { version, .. }), Some(start)) => Kind::Immutable(Header {
                version,
                leases: edit.new_leases,
                data_len: start - HEADER_LEN,
            }),
            (kind, _) => kind,
        }
    }

    /// Makes an edit that an earlier failure left open, before the share's leases are read.
    pub fn settle(&self, key: &Key, file: &File) -> Result<()> {
        let Some(edit) = self.journal.unmade(key) else {
            return Ok(());
        };
        make(file, &edit)?;
        self.journal.settled(key);
        Ok(())
    }

    fn make_by_name(&self, key: &Key, edit: &Edit) -> Result<()> {
        match self.disk.open(&self.paths.share(key), Mode::Change) {
            Ok(file) => make(&file, edit),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes edits, durably. After an error some may be made, or will be when the disk is well.
    pub fn change(&self, edits: Vec<(Key, &File, Edit)>) -> Result<()> {
        if edits.is_empty() {
            return Ok(());
        }
        let records: Vec<Record> =
            edits.iter().map(|(key, _, edit)| Record::Edit(*key, edit.clone())).collect();
        self.journal.commit(&records)?;
        let (mut made, mut outcome) = (0, Ok(()));
        for (key, file, edit) in edits {
            match make(file, &edit) {
                Ok(()) => made += 1,
                Err(error) => {
                    self.journal.failed(key, edit);
                    outcome = Err(error);
                }
            }
        }
        self.journal.applied(made);
        outcome
    }

    /// A new file is about to take this place.
    pub fn forget(&self, key: &Key) -> Result<()> {
        if self.journal.mentions(key) {
            self.journal.commit(&[Record::Void(*key)])?;
        }
        Ok(())
    }

    /// Leaves an empty journal behind.
    pub fn shut_down(&self) {
        self.journal.empty_if_idle();
    }
}

/// Makes an edit in a share file, for the first time or again, and syncs it. A file that the edit
/// cannot be about is left alone.
fn make(file: &File, edit: &Edit) -> Result<()> {
    let len = file.size()?;
    let head = file.read(0, HEAD_LEN)?;
    let mut uncounted = head;
    if let Some(count) = uncounted.get_mut(COUNT_OFFSET as usize..HEADER_LEN as usize) {
        count.fill(0);
    }
    let ours = matches!(classify(&uncounted, len), Kind::Immutable(_));
    let (true, true, Some(new_len)) = (ours, edit.fits_file(len), edit.new_len()) else {
        tracing::warn!("a journalled change of leases is about another file; left out");
        return Ok(());
    };
    file.write_at(&edit.bytes, edit.offset, Cache::Keep)?;
    file.write_at(&edit.new_leases.to_be_bytes(), COUNT_OFFSET, Cache::Keep)?;
    // Also if it is as short already: what made it so may have been lost with a failed sync.
    if edit.new_leases < edit.old_leases {
        file.set_len(new_len)?;
    }
    Ok(file.sync()?)
}
