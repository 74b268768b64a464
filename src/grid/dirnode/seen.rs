//! The newest head of each directory that this node has seen, so that a server cannot show an older
//! state unnoticed, nor two states of one version.
//!
//! ```text
//! private/seen = line*     line = <directory id b32> " " <seq> " " <head hash b32> " " <sum b32> "\n"
//! ```
//! The sum is of the text before it. The last line of a directory counts; lines without a sum, as they
//! were written once, are taken as they are. A last line that a power cut left half written is dropped.
//! Any other line that makes no sense is damage: the file is kept beside the new one, and the log says
//! that states of some directories may be shown that are older than what was seen.
//!
//! The file is rewritten when most of it is of no use any more, one line a directory, so that it is
//! never much longer than what it says. Of more than [`SEEN_DIRECTORIES_MAX`] directories those are
//! forgotten that were looked at once and longest ago; that is said in the log and in the node's
//! statistics, since an older state of one of them would go unnoticed. If the file cannot be written,
//! this node goes on with what it has in memory, and says so in its log: a full disk must not make
//! directories unreadable.

mod heads;

use super::DirError;
use crate::base::base32;
use crate::base::hash::{Hash, sha256};
use crate::base::limits::SEEN_DIRECTORIES_MAX;
use crate::base::lock::locked;
use crate::vdrive::format::DirectoryId;
use heads::Heads;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// Lines of no use that are left standing.
const WASTE_MAX: usize = 4_096;
/// A longer line is none: two hashes in base 32, a number of 20 digits, a sum, four separators.
const LINE_MAX: usize = 52 + 20 + 52 + 13 + 4;
/// Bytes of a line's sum: enough against damage; against whoever can write here nothing would be.
const SUM_LEN: usize = 8;
/// Damaged files that are kept; later ones take the place of the last.
const KEPT_MAX: u32 = 10;

/// Sequence and hash of a head.
pub(super) type SeenHead = (u64, Hash);

struct Inner {
    heads: Heads,
    file: Option<(PathBuf, File)>,
    lines: usize,
    /// The last write failed and may have left a part of a line.
    torn: bool,
}

/// What was seen. Clones share it.
#[derive(Clone)]
pub struct SeenHeads(Arc<Mutex<Inner>>);

/// Directories of which the newest head is known, and those of which it was and is not any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeenCounts {
    pub known: u64,
    pub forgotten: u64,
}

impl SeenHeads {
    /// Forgotten with the process.
    pub fn in_memory() -> Self {
        Self::with(Heads::new(SEEN_DIRECTORIES_MAX))
    }

    fn with(heads: Heads) -> Self {
        Self(Arc::new(Mutex::new(Inner { heads, file: None, lines: 0, torn: false })))
    }

    /// Kept in a file, which is made if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, Heads::new(SEEN_DIRECTORIES_MAX))
    }

    fn open_with(path: &Path, mut heads: Heads) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true).mode(0o600);
        let damaged = read(&mut BufReader::new(options.open(path)?), &mut heads)?;
        if damaged > 0 {
            let kept = keep_aside(path)?;
            tracing::error!(
                damaged,
                kept = %kept.display(),
                "lines of private/seen are damaged: of some directories an older state than the one \
                 seen last would go unnoticed"
            );
        }
        let this = Self::with(heads);
        this.lock().rewrite(path)?;
        Ok(this)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        locked(&self.0)
    }

    /// The newest sequence seen.
    pub fn newest(&self, directory: &DirectoryId) -> Option<u64> {
        self.lock().heads.get(directory).map(|(seq, _)| seq)
    }

    pub fn counts(&self) -> SeenCounts {
        let heads = &self.lock().heads;
        SeenCounts { known: heads.len() as u64, forgotten: heads.forgotten }
    }

    /// What an answer to a question that is about to be asked must not be older than.
    pub(super) fn before_asking(&self, directory: &DirectoryId) -> Option<SeenHead> {
        self.lock().heads.look(directory)
    }

    /// Notes a head that was verified, unless it contradicts what was seen. It may be older than
    /// what others of this node saw while the answer was on its way, but not older than `asked`,
    /// which was seen before the question was sent.
    pub(super) fn note(
        &self,
        directory: &DirectoryId,
        asked: Option<SeenHead>,
        (seq, hash): SeenHead,
    ) -> Result<(), DirError> {
        let mut inner = self.lock();
        let newest = inner.heads.get(directory);
        for (seen, known) in asked.into_iter().chain(newest) {
            if seen == seq && known != hash {
                return Err(DirError::Forged("two different states have the same version"));
            }
        }
        match (asked, newest) {
            (Some((seen, _)), _) if seen > seq => Err(DirError::Rollback { seen, got: seq }),
            (_, Some((seen, _))) if seen >= seq => Ok(()),
            _ => {
                if let Err(error) = inner.set(directory, seq, hash) {
                    tracing::error!(%error, "what was seen of a directory is not on disk");
                }
                Ok(())
            }
        }
    }

    /// Takes a head as the newest, whatever was seen; what was seen before.
    pub(super) fn accept(
        &self,
        directory: &DirectoryId,
        seq: u64,
        hash: Hash,
    ) -> Result<Option<u64>, DirError> {
        let mut inner = self.lock();
        let before = inner.heads.get(directory).map(|(seq, _)| seq);
        let set = inner.set(directory, seq, hash);
        set.map_err(|error| DirError::Record(error.to_string()))?;
        Ok(before)
    }
}

impl Inner {
    fn set(&mut self, directory: &DirectoryId, seq: u64, hash: Hash) -> io::Result<()> {
        self.heads.set(directory, (seq, hash));
        self.write(directory, seq, &hash)
    }

    fn write(&mut self, directory: &DirectoryId, seq: u64, hash: &Hash) -> io::Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let gap = if self.torn { "\n" } else { "" };
        self.torn = true;
        file.write_all(format!("{gap}{}", line(directory, seq, hash)).as_bytes())?;
        self.torn = false;
        self.lines += 1;
        let waste = self.lines.saturating_sub(self.heads.len());
        if waste > self.heads.len() + WASTE_MAX {
            let path = path.clone();
            self.rewrite(&path)?;
        }
        Ok(())
    }

    /// Writes the file anew, one line a directory, and goes on behind that.
    fn rewrite(&mut self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("new");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        let mut file = BufWriter::new(file);
        for (id, (seq, hash)) in self.heads.in_order() {
            file.write_all(line(&id, seq, &hash).as_bytes())?;
        }
        file.into_inner()?.sync_all()?;
        std::fs::rename(&fresh, path)?;
        self.lines = self.heads.len();
        self.torn = false;
        self.file = Some((path.to_owned(), OpenOptions::new().append(true).open(path)?));
        Ok(())
    }
}

/// Takes in what a file says; how many of its lines make no sense.
fn read(file: &mut impl BufRead, heads: &mut Heads) -> io::Result<usize> {
    let (mut damaged, mut bytes) = (0, Vec::new());
    loop {
        bytes.clear();
        // One byte more than the longest line and its end: who has that many is longer.
        let len = (&mut *file).take(LINE_MAX as u64 + 2).read_until(b'\n', &mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let (line, ends) = text.strip_suffix('\n').map_or((&*text, false), |line| (line, true));
        match parse(line) {
            _ if len == 0 => return Ok(damaged),
            Some((directory, head)) => heads.set(&directory, head),
            // The gap behind a write that failed before its first byte.
            None if ends && line.is_empty() => {}
            // What a power cut left of the last line.
            None if !ends && file.fill_buf()?.is_empty() => {}
            None => damaged += 1,
        }
    }
}

/// Gives the file a second name that stays; where it is now.
fn keep_aside(path: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let aside = path.with_extension(format!("damaged-{number}"));
        if number == KEPT_MAX {
            std::fs::copy(path, &aside)?;
            return Ok(aside);
        }
        match std::fs::hard_link(path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            linked => return linked.map(|()| aside),
        }
    }
}

fn line(directory: &DirectoryId, seq: u64, hash: &Hash) -> String {
    let text = format!("{} {seq} {}", base32::encode(directory), base32::encode(hash));
    format!("{text} {}\n", sum(&text))
}

fn sum(text: &str) -> String {
    let hash = sha256(text.as_bytes());
    base32::encode(hash.first_chunk::<SUM_LEN>().map_or(&hash[..], |sum| &sum[..]))
}

fn parse(line: &str) -> Option<(DirectoryId, (u64, Hash))> {
    let mut words = line.split(' ');
    let directory = base32::decode_array(words.next()?).ok()?;
    let seq = words.next()?.parse().ok()?;
    let hash = base32::decode_array(words.next()?).ok()?;
    if let Some(found) = words.next() {
        let (text, _) = line.rsplit_once(' ')?;
        if words.next().is_some() || found != sum(text) {
            return None;
        }
    }
    Some((directory, (seq, hash)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: DirectoryId = [7; 32];

    #[test]
    fn older_and_contradicting_heads_are_refused() {
        let seen = SeenHeads::in_memory();
        let note = |seq, hash| seen.note(&D, seen.before_asking(&D), (seq, [hash; 32]));
        note(5, 1).unwrap();
        note(5, 1).unwrap();
        assert!(matches!(note(4, 1), Err(DirError::Rollback { seen: 5, got: 4 })));
        assert!(matches!(note(5, 2), Err(DirError::Forged(_))));
        assert_eq!(seen.accept(&D, 4, [3; 32]).unwrap(), Some(5));
        assert!(note(4, 3).is_ok() && note(6, 1).is_ok());
    }

    #[test]
    fn an_answer_may_be_overtaken_by_others_of_the_same_node() {
        let seen = SeenHeads::in_memory();
        seen.note(&D, None, (5, [5; 32])).unwrap();
        let asked = seen.before_asking(&D);
        seen.note(&D, asked, (7, [7; 32])).unwrap();
        // True when it was asked; what was seen since stays the newest.
        seen.note(&D, asked, (6, [6; 32])).unwrap();
        assert_eq!(seen.newest(&D), Some(7));
        assert!(matches!(seen.note(&D, asked, (7, [8; 32])), Err(DirError::Forged(_))));
        assert!(matches!(seen.note(&D, asked, (5, [6; 32])), Err(DirError::Forged(_))));
        assert!(matches!(seen.note(&D, asked, (4, [4; 32])), Err(DirError::Rollback { .. })));
    }

    #[test]
    fn what_was_seen_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let seen = SeenHeads::open(&path).unwrap();
        for seq in 1..10_000 {
            seen.note(&D, seen.before_asking(&D), (seq, [seq as u8; 32])).unwrap();
        }
        seen.accept(&D, 9_000, [9; 32]).unwrap();
        drop(seen);
        assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
        // A line that a power cut left.
        File::options().append(true).open(&path).unwrap().write_all(b"aaaa 1").unwrap();
        let seen = SeenHeads::open(&path).unwrap();
        assert_eq!(seen.newest(&D), Some(9_000));
        seen.note(&D, None, (9_001, [1; 32])).unwrap();
        assert_eq!(SeenHeads::open(&path).unwrap().newest(&D), Some(9_001));
    }

    #[test]
    fn damage_is_kept_and_what_is_whole_still_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let seen = SeenHeads::open(&path).unwrap();
        let directories: [DirectoryId; 3] = [[1; 32], [2; 32], [3; 32]];
        for directory in &directories {
            seen.note(directory, None, (70, [7; 32])).unwrap();
        }
        drop(seen);
        let text = std::fs::read_to_string(&path).unwrap();
        // A digit of a sequence, which is a number all the same.
        let broken = text.replacen(" 70 ", " 30 ", 1);
        std::fs::write(&path, &broken).unwrap();
        for _ in 0..2 {
            let seen = SeenHeads::open(&path).unwrap();
            let known = directories.map(|directory| seen.newest(&directory));
            assert_eq!(known.iter().flatten().count(), 2, "{known:?}");
            let kept = folder.path().join("seen.damaged-1");
            assert_eq!(std::fs::read_to_string(kept).unwrap(), broken);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        for bytes in [&b"\xff\xfe\n"[..], b"x\n"] {
            File::options().append(true).open(&path).unwrap().write_all(bytes).unwrap();
            SeenHeads::open(&path).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_file_of_any_length_is_read_whole_and_kept_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        for (count, known) in [(63, 63), (64, 64), (65, 60)] {
            let directory = |n: u64| sha256(&n.to_be_bytes());
            let text: String = (0..count).map(|n| line(&directory(n), n + 1, &[1; 32])).collect();
            // Most of it is of no use.
            let times = if count == known { 200 } else { 1 };
            std::fs::write(&path, text.repeat(times)).unwrap();
            let seen = SeenHeads::open_with(&path, Heads::new(64)).unwrap();
            assert_eq!(seen.counts(), SeenCounts { known, forgotten: count - known });
            assert_eq!(seen.newest(&directory(count - 1)), Some(count));
            let written = std::fs::read_to_string(&path).unwrap();
            assert_eq!(written.lines().count() as u64, known);
        }
        let long = "a".repeat(10 * LINE_MAX) + "\n" + &line(&D, 5, &[5; 32]);
        std::fs::write(&path, long).unwrap();
        assert_eq!(SeenHeads::open(&path).unwrap().newest(&D), Some(5));
        assert!(folder.path().join("seen.damaged-1").exists());
    }

    #[test]
    fn lines_of_old_have_no_sum_and_count_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let id = base32::encode(&D);
        std::fs::write(&path, format!("{id} 5 {}\n", base32::encode(&[5; 32]))).unwrap();
        assert_eq!(SeenHeads::open(&path).unwrap().newest(&D), Some(5));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim_end().split(' ').count(), 4, "{text}");
    }

    #[test]
    fn a_full_disk_stops_no_reader_and_spoils_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let seen = SeenHeads::open(&path).unwrap();
        let append = |path: &Path| OpenOptions::new().append(true).open(path).unwrap();
        seen.lock().file = Some((path.clone(), append(Path::new("/dev/full"))));
        seen.note(&D, None, (5, [5; 32])).unwrap();
        assert_eq!(seen.newest(&D), Some(5));
        assert!(matches!(seen.accept(&D, 4, [4; 32]), Err(DirError::Record(_))));
        // A part of the line had room.
        append(&path).write_all(b"aaaa 1").unwrap();
        seen.lock().file = Some((path.clone(), append(&path)));
        seen.note(&D, None, (6, [6; 32])).unwrap();
        assert_eq!(SeenHeads::open(&path).unwrap().newest(&D), Some(6));
    }
}
