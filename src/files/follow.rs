//! Finding what an address names.

use super::address::{Address, Root};
use super::{Files, FilesError, Node};
use crate::cap::Cap;
use crate::grid::deep::directory;
use crate::grid::dirnode::{DirError, Metadata, Start, Target};
use crate::vdrive::format::DirectoryId;

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

/// A directory that is about to be moved.
pub struct Moved {
    name: String,
    id: DirectoryId,
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
    pub fn into_directory(self) -> Result<Cap, FilesError> {
        self.directory().cloned().ok_or(FilesError::NotADirectory)
    }
}

impl Files {
    /// What the root of an address stands for.
    pub(super) fn root(&self, root: &Root) -> Result<Target, FilesError> {
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
        match self.node(target) {
            Node::Prohibited(prohibited) => Err(prohibited.into()),
            _ => Ok(()),
        }
    }

    /// Follows an address.
    pub async fn find(&self, address: &Address, why: For) -> Result<Found, FilesError> {
        let target = self.root(&address.root)?;
        self.follow(target, &address.path, why).await
    }

    /// What an address names, which must be there.
    pub async fn object(&self, address: &Address) -> Result<Object, FilesError> {
        self.find(address, For::Reading).await?.there()
    }

    /// The directory that an address names, which must be one.
    pub async fn dir(&self, address: &Address) -> Result<Cap, FilesError> {
        self.object(address).await?.into_directory()
    }

    /// As [`Self::dir`], outside of what is to be moved there.
    pub async fn dir_outside(&self, address: &Address, moved: &[Moved]) -> Result<Cap, FilesError> {
        let root = self.root(&address.root)?;
        self.follow_outside(root, &address.path, For::Reading, moved)
            .await?
            .there()?
            .into_directory()
    }

    /// Follows names from a target on. What is prohibited is neither looked into nor shown; a link
    /// to it can be replaced.
    pub async fn follow(
        &self,
        target: Target,
        path: &[String],
        why: For,
    ) -> Result<Found, FilesError> {
        self.follow_outside(target, path, why, &[]).await
    }

    /// As [`Self::follow`], and refuses a way through one of the children that are to be moved to
    /// where it leads: nobody would find them again.
    pub async fn follow_outside(
        &self,
        target: Target,
        path: &[String],
        why: For,
        moved: &[Moved],
    ) -> Result<Found, FilesError> {
        self.follow_past(target, path, why, &mut |passed| outside(passed, moved)).await
    }

    /// As [`Self::follow`], and shows what it goes through, the end included, which may refuse.
    pub(super) async fn follow_past(
        &self,
        target: Target,
        path: &[String],
        why: For,
        pass: &mut (dyn FnMut(&Target) -> Result<(), FilesError> + Send),
    ) -> Result<Found, FilesError> {
        let mut object = Object { target, link: None };
        for (index, name) in path.iter().enumerate() {
            let Some(dir) = object.directory().cloned() else {
                return Err(in_the_way(&object, name, why));
            };
            self.permit(&object.target)?;
            pass(&object.target)?;
            let seen = self.directories.look(dir, name).await?;
            let child = match seen.child() {
                Ok(Some(child)) => child.clone(),
                // What does not open keeps nobody from putting something in its place.
                Err(DirError::Unreadable(_)) if index + 1 == path.len() && why == For::Making => {
                    return Ok(Found::Missing { dir: seen.into(), names: vec![name.clone()] });
                }
                Err(error) => return Err(error.into()),
                Ok(None) => {
                    let names = path.iter().skip(index).cloned().collect();
                    return Ok(Found::Missing { dir: seen.into(), names });
                }
            };
            let link = Link { dir: seen.into(), name: name.clone(), metadata: child.metadata };
            object = Object { target: child.target, link: Some(link) };
        }
        if why == For::Reading || object.link.is_none() {
            self.permit(&object.target)?;
        }
        pass(&object.target)?;
        Ok(Found::Object(object))
    }

    /// Those of the named children of a directory that are directories themselves, known by what
    /// they are: other paths, aliases and caps may lead to them, too.
    pub async fn moved(&self, dir: &Cap, names: &[String]) -> Result<Vec<Moved>, FilesError> {
        let mut moved = Vec::new();
        for name in names {
            let seen = self.directories.look(dir, name).await?;
            let id = match seen.child() {
                // The move itself tells why it cannot be moved.
                Err(DirError::Unreadable(_)) => None,
                found => found?.and_then(|child| child.target.directory_id()),
            };
            moved.extend(id.map(|id| Moved { name: name.clone(), id }));
        }
        Ok(moved)
    }
}

/// Refuses one of those that are to be moved.
fn outside(target: &Target, moved: &[Moved]) -> Result<(), FilesError> {
    let id = target.directory_id();
    match moved.iter().find(|one| Some(one.id) == id) {
        Some(one) => Err(DirError::IntoItself(one.name.clone()).into()),
        None => Ok(()),
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
