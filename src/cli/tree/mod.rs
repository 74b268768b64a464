//! What a command is about to copy: folders and files, read beforehand from this machine or from the
//! grid, so that conflicts show before anything is moved and the time that is left can be told.
//!
//! Folders are numbered; the first is the one into which everything goes, and every folder has a
//! higher number than the one it is in.

mod grid;
mod local;

pub use local::Links;

use super::output::remark;
use crate::base::limits::FOLDER_DEPTH_MAX;
use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The number of the folder into which everything goes.
pub const TOP: usize = 0;

pub struct Tree {
    pub folders: Vec<Folder>,
    pub files: Vec<Leaf>,
    /// How many things were named and are not in here.
    pub left_out: usize,
}

#[derive(Default)]
pub struct Folder {
    /// Its path as it is shown.
    pub path: String,
    pub depth: usize,
    pub files: BTreeMap<String, usize>,
    pub folders: BTreeMap<String, usize>,
    pub local: Option<PathBuf>,
    above: Option<usize>,
    /// What tells it from all others: (device, inode) or read cap.
    identity: Option<Identity>,
}

#[derive(Clone, PartialEq, Eq)]
enum Identity {
    Local(u64, u64),
    Grid(String),
}

/// A file, not yet moved.
pub struct Leaf {
    pub path: String,
    pub source: Source,
    pub size: u64,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    Local(PathBuf),
    /// Its read cap.
    Grid(String),
}

impl Tree {
    pub fn new() -> Self {
        Self { folders: vec![Folder::default()], files: Vec::new(), left_out: 0 }
    }

    pub fn folder(&self, number: usize) -> Option<&Folder> {
        self.folders.get(number)
    }

    /// The path, as it is shown, of what is in a folder under this name.
    fn path_in(&self, folder: usize, name: &str) -> String {
        let name = super::output::shown(name);
        match self.folder(folder) {
            Some(folder) if !folder.path.is_empty() => format!("{}/{name}", folder.path),
            _ => name,
        }
    }

    /// Names something that will not be copied.
    pub fn leave_out(&mut self, path: &str, reason: &str) {
        self.left_out += 1;
        remark(format_args!("left out {path}: {reason}"));
    }

    /// A file in a folder, unless its name is taken there.
    pub fn add_file(&mut self, above: usize, name: &str, source: Source, size: u64) {
        let Some((name, path)) = self.free(above, name) else { return };
        let number = self.files.len();
        self.files.push(Leaf { path, source, size });
        if let Some(folder) = self.folders.get_mut(above) {
            folder.files.insert(name, number);
        }
    }

    /// An empty folder in a folder; none if its name is taken or it would contain itself.
    fn add_folder(
        &mut self,
        above: usize,
        name: &str,
        identity: Option<Identity>,
    ) -> Option<usize> {
        let (name, path) = self.free(above, name)?;
        let depth = self.folder(above)?.depth + 1;
        if depth > FOLDER_DEPTH_MAX {
            self.leave_out(&path, "there are too many folders above it");
            return None;
        }
        if identity.is_some() && self.contains_itself(above, identity.as_ref()) {
            self.leave_out(&path, "it contains itself");
            return None;
        }
        let number = self.folders.len();
        let above = Some(above);
        self.folders.push(Folder { path, depth, above, identity, ..Folder::default() });
        let parent = self.folders.get_mut(above?)?;
        parent.folders.insert(name, number);
        Some(number)
    }

    /// The name as the grid will have it, and the path, if nothing else in the folder is called so.
    fn free(&mut self, above: usize, name: &str) -> Option<(String, String)> {
        let name = normal(name).into_owned();
        let path = self.path_in(above, &name);
        let folder = self.folders.get(above)?;
        if folder.files.contains_key(&name) || folder.folders.contains_key(&name) {
            self.leave_out(&path, "something else has the same name");
            return None;
        }
        Some((name, path))
    }

    fn contains_itself(&self, mut above: usize, identity: Option<&Identity>) -> bool {
        loop {
            let Some(folder) = self.folders.get(above) else { return false };
            if folder.identity.as_ref() == identity {
                return true;
            }
            match folder.above {
                Some(next) => above = next,
                None => return false,
            }
        }
    }

    /// The numbers of all folders, deepest first, those of equal depth together.
    pub fn levels(&self) -> Vec<Vec<usize>> {
        let mut levels: Vec<Vec<usize>> = Vec::new();
        for (number, folder) in self.folders.iter().enumerate() {
            levels.resize(levels.len().max(folder.depth + 1), Vec::new());
            if let Some(level) = levels.get_mut(folder.depth) {
                level.push(number);
            }
        }
        levels.reverse();
        levels
    }

    /// Bytes of all files, as far as their caps can be believed.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |bytes, file| bytes.saturating_add(file.size))
    }
}

/// The form in which directories keep names.
pub fn normal(name: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_grid_would_not_tell_apart_are_left_out() {
        let mut tree = Tree::new();
        tree.add_file(TOP, "\u{fc}", Source::Grid("a".into()), 1);
        tree.add_file(TOP, "u\u{308}", Source::Grid("b".into()), 1);
        assert_eq!((tree.files.len(), tree.left_out), (1, 1));
        assert!(tree.add_folder(TOP, "\u{fc}", None).is_none());
    }

    #[test]
    fn a_folder_never_contains_itself() {
        let mut tree = Tree::new();
        let cap = |text: &str| Some(Identity::Grid(text.into()));
        let a = tree.add_folder(TOP, "a", cap("A")).unwrap();
        let b = tree.add_folder(a, "b", cap("B")).unwrap();
        assert!(tree.add_folder(b, "c", cap("A")).is_none());
        assert!(tree.add_folder(TOP, "again", cap("A")).is_some());
        assert_eq!(tree.folder(b).unwrap().path, "a/b");
        assert_eq!(tree.levels(), [vec![b], vec![a, 3], vec![TOP]]);
    }
}
