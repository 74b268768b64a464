//! Names that a directory of the grid tells apart and the file system here might not: of `a` and `A`
//! in one folder only the last would be left.

use crate::cli::tree::normal;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Whether the file system that is copied to tells upper from lower case; found out when it matters.
#[derive(Default)]
pub struct Case(Option<bool>);

/// The names in one folder so far, as a file system may see them; of each a number.
#[derive(Default)]
pub struct Siblings {
    seen: HashSet<u64>,
    numbers: RandomState,
}

impl Siblings {
    /// Whether a name would be one of those before it.
    pub fn clash(&mut self, name: &str, folder: &Path, case: &mut Case) -> bool {
        let folded = normal(name).to_uppercase().to_lowercase();
        !self.seen.insert(self.numbers.hash_one(folded)) && !case.is_told(folder)
    }
}

impl Case {
    fn is_told(&mut self, folder: &Path) -> bool {
        *self.0.get_or_insert_with(|| {
            let probe = tempfile::Builder::new().prefix(".tahoe-CP-").tempdir_in(folder);
            let name = probe.as_ref().ok().and_then(|probe| probe.path().file_name()?.to_str());
            !name.is_some_and(|name| folder.join(name.to_lowercase()).exists())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_clash_only_where_they_are_not_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        for (told, clashes) in [(true, false), (false, true)] {
            let (mut siblings, mut case) = (Siblings::default(), Case(Some(told)));
            let mut clash = |name| siblings.clash(name, folder.path(), &mut case);
            assert!(!clash("Grüße") && !clash("b"));
            for name in ["GRÜSSE", "gru\u{308}ße", "B"] {
                assert_eq!(clash(name), clashes, "{name}");
            }
        }
    }

    #[test]
    fn the_file_system_is_asked_and_nothing_is_left_of_that() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        let told = !folder.path().join("A").exists();
        assert_eq!(Case::default().is_told(folder.path()), told);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
