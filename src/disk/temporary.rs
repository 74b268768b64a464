//! Files that are written beside their place and renamed: outside of a server's folders, so no
//! [`Disk`](super::Disk).

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::NamedTempFile;

/// A new file in `folder` (empty: the current one) that vanishes unless it is given its name; its mode
/// is what the umask leaves of `mode`. An error has what the system says and not the temporary name,
/// which nobody chose; so has one of writing, if the file itself is written (`as_file_mut`) and not its
/// wrapper.
pub fn temporary(folder: &Path, prefix: &str, mode: u32) -> io::Result<NamedTempFile> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(without_path)
}

/// The library keeps what the system said in no other form than text; its number is in there.
fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    let Some((said, _)) = text.split_once(" at path ") else { return error };
    let number = said.rsplit_once("(os error ").and_then(|(_, number)| number.strip_suffix(')'));
    match number.and_then(|number| number.parse().ok()) {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), said.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn an_error_does_not_tell_the_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = temporary(&folder.path().join("missing"), ".new-", 0o600).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "No such file or directory (os error 2)");
        assert_eq!(error.raw_os_error(), Some(2));
    }

    #[test]
    fn the_mode_is_as_asked_and_the_file_vanishes_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = temporary(folder.path(), ".new-", 0o600).unwrap();
        assert_eq!(file.as_file().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
