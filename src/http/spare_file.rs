//! The spool file of the last upload, kept a little while for the next.
//!
//! A fresh file's pages are allocated, cleared and freed again for each upload, which costs more than
//! all copying of its bytes. Whoever sends one file after the other writes into the same pages.

use crate::base::limits::{SPOOL_FILE_KEPT_MAX, SPOOL_FILE_KEPT_TIME};
use crate::base::lock::locked;
use std::fs::File;
use std::io::Seek;
use std::sync::{Arc, Mutex, MutexGuard};

/// Room for one file without a name. Clones share it.
#[derive(Clone, Default)]
pub(super) struct SpareFile(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    file: Option<File>,
    /// How many files have been given.
    turn: u64,
}

impl SpareFile {
    /// The file, if there is one; what is in it is nobody's. Writing begins at its front.
    pub fn take(&self) -> Option<File> {
        let mut file = self.kept().file.take()?;
        file.rewind().ok().map(|()| file)
    }

    /// Keeps a file of which `used` bytes were written, unless that is a lot.
    pub fn give(&self, file: File, used: u64) {
        if used > SPOOL_FILE_KEPT_MAX {
            return;
        }
        // Without a runtime nobody would take it away again.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let turn = {
            let mut kept = self.kept();
            kept.file = Some(file);
            kept.turn += 1;
            kept.turn
        };
        let spare = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(SPOOL_FILE_KEPT_TIME).await;
            spare.forget(turn);
        });
    }

    /// Lets the file of that turn go.
    fn forget(&self, turn: u64) {
        let mut kept = self.kept();
        if kept.turn == turn {
            kept.file = None;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        locked(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::tempfile;

    #[actix_rt::test]
    async fn a_file_is_used_again_from_its_front_and_by_one_only() {
        let spare = SpareFile::default();
        let mut file = tempfile().unwrap();
        file.write_all(b"of another upload").unwrap();
        spare.give(file, 17);
        let mut again = spare.take().unwrap();
        assert_eq!(again.stream_position().unwrap(), 0);
        assert!(spare.take().is_none());
        spare.give(again, SPOOL_FILE_KEPT_MAX + 1);
        assert!(spare.take().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_nobody_wants_goes() {
        let spare = SpareFile::default();
        spare.give(tempfile().unwrap(), 1);
        tokio::time::sleep(SPOOL_FILE_KEPT_TIME / 2).await;
        let first = spare.take().unwrap();
        spare.give(first, 1);
        tokio::time::sleep(SPOOL_FILE_KEPT_TIME * 3 / 4).await;
        assert!(spare.kept().file.is_some());
        tokio::time::sleep(SPOOL_FILE_KEPT_TIME).await;
        assert!(spare.kept().file.is_none());
    }
}
