//! Finding what an address names.

use super::address::{Address, Root};
use super::{Files, FilesError};
use crate::cap::Cap;
use crate::grid::deep::directory;
use crate::grid::dirnode::{DirError, Metadata, Start, Target};

/// Something that an address names.
#[derive(Debug, Clone)]
pub struct Object {
    pub target: Target,
    /// How it was reached; none for a cap of its own.
    pub link: Option<Link>,
}

/// The place of an object in a directory.
#[derive(Debug, Clone)]
pub struct Link {
    /// The directory as it was seen with the link in it.
    pub dir: Start,
    pub name: String,
    pub metadata: Metadata,
}

/// What following a path came to.
#[derive(Debug, Clone)]
pub enum Found {
    Object(Object),
    /// The first of these names is not in this directory.
    Missing {
        dir: Start,
        names: Vec<String>,
    },
}

/// Why a path is followed; it decides what a file in the middle of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    Reading,
    /// Directories that are missing would be made.
    Making,
}

impl Found {
    /// What was found, which must be there.
    pub fn there(self) -> Result<Object, FilesError> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Missing { names, .. } => {
                let name = names.into_iter().next().unwrap_or_default();
                Err(DirError::NoSuchChild(name).into())
            }
        }
    }

    /// What was found, if it was.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Object(object) => Some(&object.target),
            Self::Missing { .. } => None,
        }
    }
}

impl Object {
    /// Its cap as it was given, with write access if there is any.
    pub fn cap_text(&self) -> Option<String> {
        self.target.cap_text()
    }

    /// The cap, if it is a directory that can be listed.
    pub fn directory(&self) -> Option<&Cap> {
        directory(&self.target)
    }

    /// The cap of a directory, which it must be.
    pub fn as_directory(&self) -> Result<&Cap, FilesError> {
        self.directory().ok_or(FilesError::NotADirectory)
    }
}

impl Files {
    /// What the root of an address stands for.
    fn root(&self, root: &Root) -> Result<Target, FilesError> {
        let known =
            |root: Option<Cap>, what| root.map(Target::Known).ok_or(FilesError::NoRoot(what));
        match root {
            Root::Cap(text) => Ok(Target::named_by(text)),
            Root::Global => known(self.roots.global(), "global"),
            Root::Private => known(self.roots.private(), "private"),
        }
    }

    /// Refuses what the owner prohibits also where nothing of it would be opened.
    pub fn permit(&self, target: &Target) -> Result<(), FilesError> {
        Ok(target.known().map_or(Ok(()), |cap| self.grid().permit(cap))?)
    }

    /// Follows an address. What is prohibited is neither looked into nor shown; a link to it can be
    /// replaced.
    pub async fn find(&self, address: &Address, why: For) -> Result<Found, FilesError> {
        self.find_past(address, why, &mut |_| {}).await
    }

    /// What an address names, which must be there.
    pub async fn object(&self, address: &Address) -> Result<Object, FilesError> {
        self.find(address, For::Reading).await?.there()
    }

    /// The directory that an address names, which must be one.
    pub async fn dir(&self, address: &Address) -> Result<Cap, FilesError> {
        Ok(self.object(address).await?.as_directory()?.clone())
    }

    /// As [`Self::find`], and shows the directories that it goes through, the end included.
    pub(super) async fn find_past(
        &self,
        address: &Address,
        why: For,
        pass: &mut (dyn FnMut(&Cap) + Send),
    ) -> Result<Found, FilesError> {
        let (target, path) = (self.root(&address.root)?, &address.path);
        let mut object = Object { target, link: None };
        for (index, name) in path.iter().enumerate() {
            let Some(dir) = object.directory() else {
                return Err(in_the_way(&object, name, why));
            };
            pass(dir);
            self.note_way(dir, || address.above(index));
            let (dir, child) = self.directories.look(dir, name).await?.split();
            let child = match child {
                Ok(Some(child)) => child,
                // What does not open keeps nobody from putting something in its place.
                Err(DirError::Unreadable(_)) if index + 1 == path.len() && why == For::Making => {
                    return Ok(Found::Missing { dir, names: vec![name.clone()] });
                }
                Err(error) => return Err(error.into()),
                Ok(None) => {
                    let names = path.iter().skip(index).cloned().collect();
                    return Ok(Found::Missing { dir, names });
                }
            };
            let link = Link { dir, name: name.clone(), metadata: child.metadata };
            object = Object { target: child.target, link: Some(link) };
        }
        if why == For::Reading || object.link.is_none() {
            self.permit(&object.target)?;
        }
        if let Some(dir) = object.directory() {
            pass(dir);
            self.note_way(dir, || address.clone());
        }
        Ok(Found::Object(object))
    }

    /// Notes where a directory was found, for what a change takes out of it.
    pub(super) fn note_way(&self, dir: &Cap, address: impl FnOnce() -> Address) {
        if let Some(keeping) = &self.keeping {
            keeping.note_way(dir, address);
        }
    }
}

/// A name stands behind something that has no children.
fn in_the_way(object: &Object, name: &str, why: For) -> FilesError {
    match (&object.target, &object.link) {
        (Target::Known(cap), _) if cap.is_directory() => DirError::NotReadable.into(),
        (Target::Known(_), _) if why == For::Reading => FilesError::NoChildren(name.to_owned()),
        (Target::Known(_), Some(file)) => FilesError::FileInTheWay(file.name.clone()),
        (Target::Known(_), None) => FilesError::InAFile(name.to_owned()),
        (Target::Unknown { .. }, _) => FilesError::UnknownParent,
    }
}
