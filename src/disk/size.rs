//! How long a file is: its content decides. What is made up as it is read (`/proc`, `/sys`, some mounts)
//! is said to be 0 long, or of whatever length.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The length of a regular file that ends where the system says; none if that is to be found out by
/// reading it to its end.
pub fn true_size(file: &File, metadata: &Metadata) -> Option<u64> {
    let last = metadata.len().checked_sub(1).filter(|_| metadata.is_file())?;
    let ends_there = file.read_at(&mut [0; 2], last).is_ok_and(|len| len == 1);
    ends_there.then_some(metadata.len())
}

/// Whether nothing is in a file.
pub fn is_empty(path: &Path) -> io::Result<bool> {
    Ok(File::open(path)?.read(&mut [0])? == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_length_is_believed_if_the_file_ends_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let size = |path: &Path| {
            let file = File::open(path).unwrap();
            let metadata = file.metadata().unwrap();
            true_size(&file, &metadata)
        };
        for (content, told) in [("", None), ("a", Some(1)), ("abc", Some(3))] {
            fs::write(&path, content).unwrap();
            assert_eq!((size(&path), is_empty(&path).unwrap()), (told, content.is_empty()));
        }
        fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
        assert_eq!(size(&path), Some(1 << 30), "a hole");
        assert_eq!(size(folder.path()), None);
    }

    #[test]
    fn made_up_files_are_longer_or_shorter_than_is_said() {
        for (path, said) in [("/proc/self/mounts", 0), ("/sys/kernel/uevent_seqnum", 4096)] {
            let Ok(file) = File::open(path) else { continue };
            let metadata = file.metadata().unwrap();
            assert_eq!((metadata.len(), true_size(&file, &metadata)), (said, None), "{path}");
            assert!(!is_empty(Path::new(path)).unwrap(), "{path}");
        }
    }
}
