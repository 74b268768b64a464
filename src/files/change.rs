//! Changing what is in directories. Each change starts from what was seen on the way there, so that it
//! is asked for once and told once.

use super::address::Address;
use super::follow::{For, Found, Link, Object};
use super::{Files, FilesError};
use crate::base::limits::PATH_MAX;
use crate::cap::{Cap, VdriveCap};
use crate::grid::deep::directory;
use crate::grid::dirnode::{
    Child, Condition, DirError, Metadata, NewEntry, Replace, Seen, Start, Target, writable,
};
use crate::vdrive::format::DirectoryId;
use futures_util::future::join;
use futures_util::stream::{StreamExt, iter};
use std::pin::pin;

/// Children that are looked at together before any of them moves.
const LOOKS_AT_ONCE: usize = 8;

/// Where a child is to be put.
#[derive(Debug)]
pub struct Spot {
    dir: Start,
    /// Directories below it that are to be made with it.
    missing: Vec<String>,
    name: String,
    /// Who asks named this very place, so their conditions are about it.
    addressed: bool,
    /// What is said of the child in its link; without it that stays as it is.
    metadata: Option<Metadata>,
}

impl Spot {
    /// For a child of this name in a directory that is addressed; refuses at once where nothing can be
    /// put.
    pub fn within(dir: impl Into<Start>, name: String) -> Result<Self, FilesError> {
        Ok(Self { addressed: false, ..Self::below(dir, vec![name])? })
    }

    /// For the last of these names, below directories of the others: what is addressed.
    pub fn below(dir: impl Into<Start>, mut names: Vec<String>) -> Result<Self, FilesError> {
        let dir = dir.into();
        writable(dir.dir())?;
        let name = names.pop().unwrap_or_default();
        Ok(Self { dir, missing: names, name, addressed: true, metadata: None })
    }

    /// In place of what a link leads to that is addressed.
    pub fn instead(link: Link) -> Result<Self, FilesError> {
        Self::below(link.dir, vec![link.name])
    }

    /// For whatever was looked for: where it is, or where it is missing.
    pub fn of(found: Found) -> Result<Self, FilesError> {
        match found {
            Found::Missing { dir, names } => Self::below(dir, names),
            Found::Object(Object { link: Some(link), .. }) => Self::instead(link),
            Found::Object(_) => Err(FilesError::NoPlace),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Directories on the way there that would be made.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The same, with what is to be said of the child.
    #[must_use]
    pub fn saying(self, metadata: Metadata) -> Self {
        Self { metadata: Some(metadata), ..self }
    }
}

impl Files {
    /// Where a file of this name goes in a directory, found before anything is stored. What already is
    /// a directory stays one, and the file goes into it, as in 1.20.
    pub async fn spot_in(
        &self,
        dir: &Cap,
        name: &str,
        replace: Replace,
    ) -> Result<Spot, FilesError> {
        let mut dir = dir.clone();
        for _ in 0..PATH_MAX {
            let (seen, child) = self.directories.look(&dir, name).await?.split();
            let old = match child {
                Err(DirError::Unreadable(_)) if replace != Replace::No => None,
                found => found?.map(|child| child.target),
            };
            match old {
                Some(_) if replace == Replace::No => return Err(FilesError::exists(name)),
                Some(old) if old.is_directory() => {
                    let inner = directory(&old).cloned();
                    let inner = inner.ok_or_else(|| FilesError::IsADirectory(name.to_owned()))?;
                    if let Some(way) = self.keeping.as_ref().and_then(|k| k.way_to(&dir)) {
                        self.note_way(&inner, || way.child(name));
                    }
                    dir = inner;
                }
                _ => return Spot::within(seen, name.to_owned()),
            }
        }
        Err(FilesError::IsADirectory(name.to_owned()))
    }

    /// Puts a child in its spot, with the directories on the way there, if that holds of what is
    /// addressed; whether it replaced another.
    pub async fn link(
        &self,
        spot: Spot,
        target: Target,
        replace: Replace,
        holds: Condition<'_>,
    ) -> Result<bool, FilesError> {
        let Spot { dir, missing, name, addressed, metadata } = spot;
        let entry = NewEntry { name, target, metadata };
        let holds = |old: Option<&Child>| !addressed || holds(old);
        Ok(self.directories.set_below(dir, (&missing, entry), replace, &holds).await?)
    }

    /// As [`Self::link`] of a file: it takes the place of a file only, whoever put a directory there
    /// meanwhile.
    pub async fn link_file(
        &self,
        spot: Spot,
        file: Cap,
        replace: Replace,
        holds: Condition<'_>,
    ) -> Result<bool, FilesError> {
        let name = spot.name.clone();
        let (files_only, forced) = match replace {
            Replace::Yes => (Replace::OnlyFiles, true),
            other => (other, false),
        };
        match self.link(spot, Target::Known(file), files_only, holds).await {
            Err(FilesError::Directory(DirError::Exists(_))) if forced => {
                Err(FilesError::IsADirectory(name))
            }
            linked => linked,
        }
    }

    /// The directory that was looked for, made with those above it if it is not there. With conditions,
    /// they are to hold of it when it is made.
    pub async fn make_dir(
        &self,
        found: Found,
        holds: Option<Condition<'_>>,
    ) -> Result<Cap, FilesError> {
        match (found, holds) {
            (Found::Object(object), _) => {
                // It is answered with, though nothing of it is opened.
                self.permit(&object.target)?;
                Ok(object.as_directory()?.clone())
            }
            (Found::Missing { dir, names }, Some(holds)) => {
                let spot = Spot::below(dir, names)?;
                let made = self.directories.create(Vec::new()).await?;
                self.link(spot, Target::Known(made.clone()), Replace::No, holds).await?;
                Ok(made)
            }
            (Found::Missing { dir, names }, None) => {
                writable(dir.dir())?;
                Ok(self.directories.make_dirs(dir, &names).await?)
            }
        }
    }

    /// Removes what an address names from its directory, if that holds of it, where there are
    /// conditions; what it was.
    pub async fn delete(
        &self,
        address: &Address,
        holds: Option<Condition<'_>>,
    ) -> Result<Child, FilesError> {
        let (parent, name) = match (address.parent(), address.name()) {
            (Some(parent), Some(name)) => (parent, name),
            _ => return Err(FilesError::NoPlace),
        };
        let parent = self.object(&parent).await?;
        let dir = parent.directory().ok_or_else(|| FilesError::NoChildren(name.to_owned()))?;
        writable(dir)?;
        Ok(match holds {
            Some(holds) => self.directories.unlink_if(dir, name, holds).await?,
            None => self.directories.unlink(dir, name).await?,
        })
    }

    /// Moves a child to a directory and a name; never to where only it leads, since nobody would find
    /// it again.
    pub async fn relocate(
        &self,
        (from, name): (&Cap, &str),
        (to, new_name): (Option<&Address>, &str),
        replace: Replace,
    ) -> Result<(), FilesError> {
        writable(from)?;
        let Some(to) = to else {
            return Ok(self.directories.relink((from, name), (from, new_name), replace).await?);
        };
        let (seen, (way, place)) =
            join(self.directories.look(from, name), self.place_for(to, Some(new_name))).await;
        let seen = seen?;
        way.refuse(&seen, name)?;
        Ok(self.directories.relink((seen, name), (place?, new_name), replace).await?)
    }

    /// Moves children to a directory, one after the other: those that stayed where they were, and why.
    /// One that cannot be moved keeps none of the others back, but none moves if one would go to where only
    /// it leads.
    pub async fn relocate_all(
        &self,
        (from, names): (&Cap, &[String]),
        to: &Address,
        replace: Replace,
    ) -> Result<Vec<(String, FilesError)>, FilesError> {
        writable(from)?;
        let (way, place) = self.place_for(to, None).await;
        let looks = iter(names).map(|name| self.directories.look(from, name));
        let mut looks = pin!(looks.buffered(LOOKS_AT_ONCE).zip(iter(names)));
        while let Some((seen, name)) = looks.next().await {
            way.refuse(&seen?, name)?;
        }
        let place = place?;
        let mut stayed = Vec::new();
        for name in names {
            let to = (place.clone(), name.as_str());
            let moved = self.directories.relink((from, name), to, replace).await;
            stayed.extend(moved.err().map(|why| (name.clone(), why.into())));
        }
        Ok(stayed)
    }

    /// The directory of an address, as it is seen with what has a name there now; and the way there.
    async fn place_for(
        &self,
        to: &Address,
        name: Option<&str>,
    ) -> (Way, Result<Start, FilesError>) {
        let mut way = Way::default();
        let found = self.find_past(to, For::Reading, &mut |passed| way.pass(passed)).await;
        let place = async {
            let object = found?.there()?;
            let dir = object.as_directory()?;
            writable(dir)?;
            Ok(match name {
                Some(name) => self.directories.look(dir, name).await?.into(),
                None => dir.into(),
            })
        };
        (way, place.await)
    }

    /// Links children of one directory in another, too, or beside themselves in the same.
    pub async fn copy(&self, from: &Cap, to: &Cap, names: Vec<String>) -> Result<(), FilesError> {
        let mut entries = Vec::new();
        for name in names {
            let child = self.directories.get(from, &name).await?;
            let child = child.ok_or_else(|| DirError::NoSuchChild(name.clone()))?;
            let name = if from == to { beside(&name, "copy") } else { name };
            entries.push(NewEntry { name, target: child.target, metadata: Some(child.metadata) });
        }
        self.directories.set(to, entries, Replace::No).await?;
        Ok(())
    }
}

/// The directories on the way to where something is moved, known by what they are: other paths,
/// aliases and caps may lead to them, too.
#[derive(Default)]
struct Way(Vec<DirectoryId>);

impl Way {
    fn pass(&mut self, dir: &Cap) {
        self.0.extend(dir.vdrive().map(VdriveCap::directory_id));
    }

    /// Refuses what is on it. What does not open is told by the move itself.
    fn refuse(&self, seen: &Seen, name: &str) -> Result<(), DirError> {
        let moved = seen.child().ok().flatten().and_then(|child| child.target.directory_id());
        match moved.is_some_and(|moved| self.0.contains(&moved)) {
            true => Err(DirError::IntoItself(name.to_owned())),
            false => Ok(()),
        }
    }
}

/// A name that says what it is besides another of this name.
pub fn beside(name: &str, what: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem} ({what}).{ending}"),
        _ => format!("{name} ({what})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_its_ending() {
        assert_eq!(beside("a.b.txt", "copy"), "a.b (copy).txt");
        assert_eq!(beside(".profile", "copy"), ".profile (copy)");
    }
}
