//! Much that is put below one directory: linked together, so that a directory changes once for many children,
//! and those that are missing are born with what is in them.
//!
//! A file takes the place of a file only, and a directory that is there stays. What cannot be put somewhere
//! keeps nothing else back.

use super::address::{Address, nfc};
use super::{Files, FilesError};
use crate::base::limits::{UNPACK_LINKS, UNPACK_LINKS_BYTES};
use crate::cap::Cap;
use crate::grid::deep::directory;
use crate::grid::dirnode::{DirError, Metadata, NewEntry, Replace, Target};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// What is to be put below a directory.
pub struct Batch {
    files: Files,
    /// The directory, and where it is.
    top: (Cap, Address),
    replace: Replace,
    grown: Grown,
    links: usize,
    bytes: usize,
}

/// What is to be in a directory.
#[derive(Default)]
struct Grown {
    files: BTreeMap<String, (Cap, Metadata)>,
    directories: BTreeMap<String, Self>,
}

/// What became of it.
#[derive(Default)]
pub struct Linked {
    pub files: u64,
    /// Those of the files that took another's place.
    pub replaced: u64,
    /// New ones.
    pub directories: u64,
    /// What is not there, by its names below the directory.
    pub failed: Vec<(Vec<String>, FilesError)>,
}

/// Names in the one spelling that directories have.
pub fn normal(names: &[&str]) -> Result<Vec<String>, FilesError> {
    names.iter().map(|name| nfc(name)).collect()
}

impl Batch {
    /// Below this directory, which is at this address.
    pub fn new(files: &Files, top: (Cap, Address), replace: Replace) -> Self {
        Self { files: files.clone(), top, replace, grown: Grown::default(), links: 0, bytes: 0 }
    }

    /// Whether it is time to link what there is.
    pub const fn is_full(&self) -> bool {
        self.links >= UNPACK_LINKS || self.bytes >= UNPACK_LINKS_BYTES
    }

    /// A file that is stored. Of several of one name the last counts, unless nothing is replaced.
    pub fn add_file(
        &mut self,
        names: &[String],
        (cap, metadata): (Cap, Metadata),
    ) -> Result<(), FilesError> {
        let (name, above) = names.split_last().ok_or(FilesError::EmptyName)?;
        let weight = weight(names) + metadata.text().len();
        let replace = self.replace;
        let place = self.grown.below(above)?;
        if place.directories.contains_key(name) {
            return Err(FilesError::IsADirectory(name.clone()));
        }
        if replace == Replace::No && place.files.contains_key(name) {
            return Err(FilesError::exists(name));
        }
        place.files.insert(name.clone(), (cap, metadata));
        self.count(weight);
        Ok(())
    }

    /// A directory, which may be there.
    pub fn add_directory(&mut self, names: &[String]) -> Result<(), FilesError> {
        self.grown.below(names)?;
        self.count(weight(names));
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.links += 1;
        self.bytes += bytes;
    }

    /// Links what there is.
    pub async fn link(&mut self) -> Linked {
        (self.links, self.bytes) = (0, 0);
        let grown = std::mem::take(&mut self.grown);
        let mut linked = Linked::default();
        self.grow(self.top.clone(), Vec::new(), grown, &mut linked).await;
        linked
    }

    /// Puts this into a directory that is there.
    fn grow<'a>(
        &'a self,
        (dir, address): (Cap, Address),
        path: Vec<String>,
        grown: Grown,
        linked: &'a mut Linked,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut born = Vec::new();
            for (name, grown) in grown.directories {
                let path = with(&path, &name);
                match self.look(&dir, &name).await {
                    Ok(Some(inner)) => {
                        let address = address.child(&name);
                        self.files.note_way(&inner, || address.clone());
                        self.grow((inner, address), path, grown, linked).await;
                    }
                    Ok(None) => {
                        let leaves = grown.leaves(path);
                        let mut inside = Linked::default();
                        match self.bear(grown, &mut inside).await {
                            Ok(cap) => born.push(New::directory(name, cap, (leaves, inside))),
                            Err(error) => linked.fail(leaves, &error),
                        }
                    }
                    Err(error) => linked.fail(grown.leaves(path), &error),
                }
            }
            let files = grown.files.into_iter().map(|(name, file)| New::file(&path, name, file));
            self.set(&dir, files.chain(born).collect(), linked).await;
        })
    }

    /// The directory of a name, if there is one; a refusal if it is something else.
    async fn look(&self, dir: &Cap, name: &str) -> Result<Option<Cap>, FilesError> {
        match self.files.directories().get(dir, name).await? {
            None => Ok(None),
            Some(child) => match directory(&child.target) {
                Some(cap) => Ok(Some(cap.clone())),
                None => Err(FilesError::FileInTheWay(name.to_owned())),
            },
        }
    }

    /// A new directory with all this in it; and what that is.
    fn bear<'a>(
        &'a self,
        grown: Grown,
        inside: &'a mut Linked,
    ) -> BoxFuture<'a, Result<Cap, FilesError>> {
        Box::pin(async move {
            inside.files += grown.files.len() as u64;
            inside.directories += 1;
            let mut children = Vec::new();
            for (name, grown) in grown.directories {
                let made = self.bear(grown, inside).await?;
                children.push(NewEntry { name, target: Target::Known(made), metadata: None });
            }
            children.extend(grown.files.into_iter().map(entry));
            Ok(self.files.directories().create_linking(children).await?)
        })
    }

    /// Links all of it in one step, but for what cannot be.
    async fn set(&self, dir: &Cap, mut news: Vec<New>, linked: &mut Linked) {
        // A file takes the place of a file only, whoever put a directory there meanwhile.
        let replace = match self.replace {
            Replace::Yes => Replace::OnlyFiles,
            other => other,
        };
        while !news.is_empty() {
            let entries = news.iter().map(|new| new.entry.clone()).collect();
            match self.files.directories().set(dir, entries, replace).await {
                Ok(replaced) => {
                    for (new, replaced) in news.into_iter().zip(replaced) {
                        linked.files += new.inside.files;
                        linked.directories += new.inside.directories;
                        linked.replaced += u64::from(replaced && new.is_file);
                    }
                    return;
                }
                Err(DirError::Exists(name)) if news.iter().any(|new| new.entry.name == name) => {
                    let error = match self.replace {
                        Replace::Yes => FilesError::IsADirectory(name.clone()),
                        _ => FilesError::exists(&name),
                    };
                    let (gone, rest): (Vec<New>, _) =
                        news.into_iter().partition(|new| new.entry.name == name);
                    linked.fail(leaves(gone), &error);
                    news = rest;
                }
                Err(error) => return linked.fail(leaves(news), &error.into()),
            }
        }
    }
}

/// Something that is linked in a directory.
struct New {
    entry: NewEntry,
    /// What comes with it,
    inside: Linked,
    /// and what is told if it does not: files, and directories without any.
    leaves: Vec<Vec<String>>,
    is_file: bool,
}

impl New {
    fn file(above: &[String], name: String, file: (Cap, Metadata)) -> Self {
        let (leaves, inside) = (vec![with(above, &name)], Linked { files: 1, ..Linked::default() });
        Self { entry: entry((name, file)), inside, leaves, is_file: true }
    }

    fn directory(name: String, cap: Cap, (leaves, inside): (Vec<Vec<String>>, Linked)) -> Self {
        let entry = NewEntry { name, target: Target::Known(cap), metadata: None };
        Self { entry, inside, leaves, is_file: false }
    }
}

fn entry((name, (cap, metadata)): (String, (Cap, Metadata))) -> NewEntry {
    NewEntry { name, target: Target::Known(cap), metadata: Some(metadata) }
}

fn leaves(news: Vec<New>) -> Vec<Vec<String>> {
    news.into_iter().flat_map(|new| new.leaves).collect()
}

impl Linked {
    fn fail(&mut self, leaves: Vec<Vec<String>>, error: &FilesError) {
        self.failed.extend(leaves.into_iter().map(|path| (path, error.clone())));
    }
}

impl Grown {
    /// The directory of these names below this one.
    fn below(&mut self, names: &[String]) -> Result<&mut Self, FilesError> {
        let mut here = self;
        for name in names {
            if here.files.contains_key(name) {
                return Err(FilesError::FileInTheWay(name.clone()));
            }
            here = here.directories.entry(name.clone()).or_default();
        }
        Ok(here)
    }

    /// Its files, and its directories without any, below this path.
    fn leaves(&self, path: Vec<String>) -> Vec<Vec<String>> {
        if self.files.is_empty() && self.directories.is_empty() {
            return vec![path];
        }
        let files = self.files.keys().map(|name| with(&path, name));
        let inner = self.directories.iter();
        files.chain(inner.flat_map(|(name, inner)| inner.leaves(with(&path, name)))).collect()
    }
}

fn with(path: &[String], name: &str) -> Vec<String> {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

/// Bytes of names.
fn weight(names: &[String]) -> usize {
    names.iter().map(|name| name.len() + size_of::<String>()).sum()
}
