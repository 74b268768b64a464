//! What a command is about to copy: folders and files, read beforehand from this machine or from the
//! grid, so that conflicts show before anything is moved and the time that is left can be told.
//!
//! Folders are numbered; the first is the one into which everything goes, and every folder has a
//! higher number than the one it is in.

mod expand;
mod graph;
mod grid;
mod local;
mod nodes;
mod spool;

pub use expand::{Expansion, Step};
pub use graph::{Child, Count, Graph, Link, TOP, links};
pub use local::{For, Rules};

use super::many::Many;
use super::output::{count, is_quiet, remark};
use super::progress::Progress;
use crate::base::limits::FOLDER_DEPTH_MAX;
use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

pub struct Tree<'a> {
    pub folders: Vec<Folder>,
    pub files: Vec<Leaf>,
    /// What is in here although it is in here already: several links lead to the folder above it.
    pub copies: Count,
    /// What is not in here and cannot be, by kind; a user who asked for every line is told each.
    counted_out: BTreeMap<Kind, u64>,
    pub verbose: bool,
    identities: HashSet<Identity>,
    many: &'a Many,
    progress: Progress,
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
    /// What tells a folder of this machine from all others.
    identity: Option<Identity>,
    /// It, or one above it, is in here already.
    is_copy: bool,
}

/// What a snapshot has no form for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Link,
    Special,
}

impl Kind {
    /// The words for one and for several.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Link => ("symbolic link", "symbolic links"),
            Self::Special => ("special file", "special files"),
        }
    }
}

/// Device and inode.
type Identity = (u64, u64);

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

impl<'a> Tree<'a> {
    pub fn new(many: &'a Many) -> Self {
        Self {
            folders: vec![Folder::default()],
            files: Vec::new(),
            copies: Count::default(),
            counted_out: BTreeMap::new(),
            verbose: false,
            identities: HashSet::new(),
            many,
            progress: Progress::finding(),
        }
    }

    /// All is found; what is told from now on needs no room for the number.
    pub fn found_all(&self) {
        self.progress.finish();
    }

    pub fn folder(&self, number: usize) -> Option<&Folder> {
        self.folders.get(number)
    }

    /// The path, as it is shown, of what is in a folder under this name.
    fn path_in(&self, folder: usize, name: &str) -> String {
        path_below(self.folder(folder).map_or("", |folder| &folder.path), name)
    }

    /// Names something that will not be copied.
    pub fn leave_out(&self, path: &str, reason: &str) {
        self.many.leave_out(path, reason, &self.progress);
    }

    /// Names something that is not copied on purpose: that is no failure.
    fn pass_over(&self, path: &str, reason: &str) {
        self.progress.remark(format_args!("left out {path}: {reason}"));
    }

    /// Counts what there may be thousands of, which no failure should drown in.
    fn count_out(&mut self, kind: Kind, above: usize, name: &str) {
        *self.counted_out.entry(kind).or_default() += 1;
        if self.verbose {
            self.pass_over(&self.path_in(above, name), &format!("it is a {}", kind.words().0));
        }
    }

    /// Says what was counted out, in one line, however many they are.
    pub fn tell_counted_out(&self, what: &str, hint: &str) {
        let counts = self.counted_out.iter().map(|(kind, number)| {
            let (one, several) = kind.words();
            count(*number, one, several)
        });
        let counts: Vec<_> = counts.collect();
        if !counts.is_empty() && !is_quiet() {
            let hint = if self.verbose { "" } else { hint };
            remark(format_args!("{what}: {}{hint}", counts.join(" and ")));
        }
    }

    /// A file in a folder, unless its name is taken there.
    pub fn add_file(&mut self, above: usize, name: &str, source: Source, size: u64) {
        let Some((name, path)) = self.free(above, name) else { return };
        let number = self.files.len();
        self.files.push(Leaf { path, source, size });
        let Some(folder) = self.folders.get_mut(above) else { return };
        folder.files.insert(name, number);
        if folder.is_copy {
            self.copies = self.copies.and(Count { files: 1, folders: 0, bytes: size });
        }
        self.progress.found(self.files.len() as u64, self.folders.len() as u64);
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
        let known = identity.is_some_and(|identity| !self.identities.insert(identity));
        let parent = self.folders.get_mut(above)?;
        parent.folders.insert(name, number);
        let is_copy = known || parent.is_copy;
        let above = Some(above);
        self.folders.push(Folder { path, depth, above, identity, is_copy, ..Folder::default() });
        if is_copy {
            self.copies = self.copies.and(Count { folders: 1, ..Count::default() });
        }
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

/// The path, as it is shown, of what has this name in a folder.
fn path_below(folder: &str, name: &str) -> String {
    let name = super::output::shown(name);
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
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
        let many = Many::default();
        let mut tree = Tree::new(&many);
        tree.add_file(TOP, "\u{fc}", Source::Grid("a".into()), 1);
        tree.add_file(TOP, "u\u{308}", Source::Grid("b".into()), 1);
        assert_eq!((tree.files.len(), many.left_out()), (1, 1));
        assert!(tree.add_folder(TOP, "\u{fc}", None).is_none());
    }

    #[test]
    fn a_folder_never_contains_itself() {
        let many = Many::default();
        let mut tree = Tree::new(&many);
        let a = tree.add_folder(TOP, "a", Some((1, 1))).unwrap();
        let b = tree.add_folder(a, "b", Some((1, 2))).unwrap();
        assert!(tree.add_folder(b, "c", Some((1, 1))).is_none());
        let again = tree.add_folder(TOP, "again", Some((1, 1))).unwrap();
        tree.add_file(a, "file", Source::Grid("F".into()), 5);
        assert_eq!(tree.folder(b).unwrap().path, "a/b");
        assert_eq!(tree.levels(), [vec![b], vec![a, again], vec![TOP]]);
        assert_eq!(tree.copies, Count { files: 0, folders: 1, bytes: 0 });
        tree.add_file(again, "file", Source::Grid("F".into()), 5);
        assert_eq!(tree.copies, Count { files: 1, folders: 1, bytes: 5 });
    }
}
