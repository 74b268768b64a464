//! Paths: from a directory down by names.

use super::edit::child_of;
use super::{Child, DirError, Directories, Entry, Metadata, NewEntry, Replace, Target, create};
use super::{metadata, names};
use crate::base::limits::{PATH_MAX, REDOS_MAX};
use crate::cap::{Cap, DirCap};

impl Directories {
    /// Follows `path` from `root`; the empty path is `root` itself.
    pub async fn walk(&self, root: &Cap, path: &[String]) -> Result<Child, DirError> {
        short_enough(path)?;
        let target = Target::Known(root.clone());
        let mut child = Child { target, metadata: Metadata::new() };
        let mut here = "the first directory";
        for name in path {
            let dir = directory(&child, here)?;
            let found = self.get(dir, name).await?;
            child = found.ok_or_else(|| DirError::NoSuchChild(name.clone()))?;
            here = name;
        }
        Ok(child)
    }

    /// Follows `path` from `root` and makes the directories that are missing: the whole missing part
    /// appears at once.
    pub async fn make_dirs(&self, root: &Cap, path: &[String]) -> Result<Cap, DirError> {
        short_enough(path)?;
        'again: for _ in 0..REDOS_MAX {
            let mut dir = root.clone();
            for (at, name) in path.iter().enumerate() {
                match self.get(&dir, name).await? {
                    Some(child) => dir = directory(&child, name)?.clone(),
                    None => {
                        let missing = path.get(at..).unwrap_or_default();
                        match self.make_chain(&dir, missing).await {
                            // Somebody else made it meanwhile.
                            Err(DirError::Exists(_)) => continue 'again,
                            made => return made,
                        }
                    }
                }
            }
            return Ok(dir);
        }
        Err(DirError::TooManyRedos)
    }

    /// Makes directories one in the other, the deepest first, and links the first one.
    async fn make_chain(&self, dir: &Cap, names: &[String]) -> Result<Cap, DirError> {
        if !dir.is_writable() {
            return Err(if dir.is_mutable() { DirError::ReadOnly } else { DirError::Immutable });
        }
        let furl = self.vdrive().ok_or(DirError::NoVdrive)?;
        let deepest = create::create(self, &furl, Vec::new()).await?;
        let mut top: DirCap = deepest.clone();
        for name in names.iter().skip(1).rev() {
            let metadata = metadata::updated(None, None, self.now());
            let child = Child { target: child_of(top), metadata };
            let entry = Entry { name: names::normalise(name)?, child };
            top = create::create(self, &furl, vec![entry]).await?;
        }
        let name = names.first().cloned().unwrap_or_default();
        let link = NewEntry { name, target: child_of(top), metadata: None };
        self.set(dir, vec![link], Replace::No).await?;
        Ok(Cap::Dir(deepest))
    }
}

/// The cap of a child that is a directory.
fn directory<'a>(child: &'a Child, name: &str) -> Result<&'a Cap, DirError> {
    match &child.target {
        Target::Known(cap) if cap.is_directory() => Ok(cap),
        _ => Err(DirError::NotADirectory(name.to_owned())),
    }
}

fn short_enough(path: &[String]) -> Result<(), DirError> {
    if path.len() > PATH_MAX { Err(DirError::TooBig("a path")) } else { Ok(()) }
}
