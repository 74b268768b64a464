//! Files and directories: finding what an address names, and everything that is done to it.
//!
//! - [`read`], [`contents`], [`describe`], [`page`], [`validator`]: looking
//! - [`write`], [`post`], [`unlinked`], [`children`]: changing
//! - [`bad_t`]: what is said to a `t` that is none
//! - [`local`]: copying between the grid and the owner's own disk

pub mod bad_t;
pub mod children;
pub mod contents;
pub mod describe;
pub mod local;
pub mod page;
pub mod post;
pub mod read;
pub mod unlinked;
pub mod validator;
pub mod write;

use super::address::{Address, Root};
use super::answer::{Failure, quoted};
use super::asked::Asked;
use super::conditions::{Conditions, Current};
use crate::cap::Cap;
use crate::grid::deep::directory;
use crate::grid::dirnode::{Child, DirError, Metadata, NewEntry, Replace, Target};
use crate::grid::{Code, Traversal};
use crate::vdrive::format::DirectoryId;
use actix_web::http::StatusCode;
use std::sync::Arc;

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
    pub dir: Cap,
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
        dir: Cap,
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

/// Where a child is to be put.
pub struct Spot {
    dir: Cap,
    /// Directories below it that are to be made first.
    missing: Vec<String>,
    name: String,
    /// The request's address names it, so the request's conditions are about it.
    addressed: bool,
}

impl Found {
    /// What was found; 404 if a name was missing.
    pub fn there(self) -> Result<Object, Failure> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Missing { names, .. } => {
                Err(Failure::no_such_child(names.first().map_or("", String::as_str)))
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
}

impl Asked<'_> {
    /// What the root of an address stands for.
    fn root(&self, root: &Root) -> Result<Target, Failure> {
        let roots = &self.gateway.roots;
        let nothing = |what: &str| {
            let text = format!("This node has no {what} directory yet.");
            Failure::new(StatusCode::NOT_FOUND, text).coded(Code::NoVdrive)
        };
        match root {
            Root::Cap(text) => Ok(Target::named_by(text)),
            Root::Global => roots.global().map(Target::Known).ok_or_else(|| nothing("global")),
            Root::Private => roots.private().map(Target::Known).ok_or_else(|| nothing("private")),
        }
    }

    /// Refuses a change that the request's conditions do not allow, before any work is done for it.
    pub fn check_conditions(&self, found: Option<&Target>) -> Result<(), Failure> {
        let now = found.map_or(Current::Nothing, validator::current);
        Conditions::of(self.request.headers()).check(&now)
    }

    /// Follows an address.
    pub async fn find(&self, address: &Address, why: For) -> Result<Found, Failure> {
        let target = self.root(&address.root)?;
        self.follow(target, &address.path, why).await
    }

    /// Refuses what the owner prohibits also where nothing of it would be opened.
    pub fn permit(&self, target: &Target) -> Result<(), Failure> {
        match target {
            Target::Known(cap) => Ok(self.gateway.grid.permit(cap)?),
            Target::Unknown { .. } => Ok(()),
        }
    }

    /// A walk through all that is below a directory, around what the owner prohibits.
    pub fn walk(&self, root: Cap) -> Traversal {
        let grid = self.gateway.grid.clone();
        let may_enter = Arc::new(move |cap: &Cap| grid.permit(cap).is_ok());
        Traversal::new(self.directories.clone(), root, may_enter)
    }

    /// Follows names from a target on. What is prohibited is neither looked into nor shown; a link
    /// to it can be replaced.
    pub async fn follow(
        &self,
        target: Target,
        path: &[String],
        why: For,
    ) -> Result<Found, Failure> {
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
    ) -> Result<Found, Failure> {
        let outside = |target: &Target| {
            let id = target.directory_id();
            match moved.iter().find(|one| Some(one.id) == id) {
                Some(one) => Err(Failure::from(DirError::IntoItself(one.name.clone()))),
                None => Ok(()),
            }
        };
        let mut object = Object { target, link: None };
        for (index, name) in path.iter().enumerate() {
            let Some(dir) = object.directory().cloned() else {
                return Err(in_the_way(&object, name, why));
            };
            self.permit(&object.target)?;
            outside(&object.target)?;
            let last = index + 1 == path.len();
            match self.directories.get(&dir, name).await {
                Ok(Some(child)) => {
                    let link = Link { dir, name: name.clone(), metadata: child.metadata };
                    object = Object { target: child.target, link: Some(link) };
                }
                // What does not open keeps nobody from putting something in its place.
                Err(DirError::Unreadable(_)) if last && why == For::Making => {
                    return Ok(Found::Missing { dir, names: vec![name.clone()] });
                }
                Err(error) => return Err(error.into()),
                Ok(None) => {
                    let names = path.iter().skip(index).cloned().collect();
                    return Ok(Found::Missing { dir, names });
                }
            }
        }
        if why == For::Reading || object.link.is_none() {
            self.permit(&object.target)?;
        }
        outside(&object.target)?;
        Ok(Found::Object(object))
    }

    /// Those of the named children of a directory that are directories themselves, known by what
    /// they are: other paths, aliases and caps may lead to them, too.
    pub async fn moved(&self, dir: &Cap, names: &[String]) -> Result<Vec<Moved>, Failure> {
        let mut moved = Vec::new();
        for name in names {
            let child = match self.directories.get(dir, name).await {
                // The move itself tells why it cannot be moved.
                Err(DirError::Unreadable(_)) => None,
                found => found?,
            };
            let id = child.and_then(|child| child.target.directory_id());
            moved.extend(id.map(|id| Moved { name: name.clone(), id }));
        }
        Ok(moved)
    }

    /// What an address names; 404 if there is no such thing.
    pub async fn object(&self, address: &Address) -> Result<Object, Failure> {
        self.find(address, For::Reading).await?.there()
    }

    /// The directory that an address names, which must be one.
    pub async fn dir(&self, address: &Address) -> Result<Cap, Failure> {
        directory_of(&self.object(address).await?)
    }

    /// As [`Self::dir`], outside of what is to be moved there.
    pub async fn dir_outside(&self, address: &Address, moved: &[Moved]) -> Result<Cap, Failure> {
        let root = self.root(&address.root)?;
        let found = self.follow_outside(root, &address.path, For::Reading, moved).await?;
        directory_of(&found.there()?)
    }

    /// Puts a child in its spot, and makes the directories on the way there; whether it replaced
    /// another.
    pub async fn link(
        &self,
        spot: Spot,
        target: Target,
        replace: Replace,
    ) -> Result<bool, Failure> {
        let dir = match spot.missing.as_slice() {
            [] => spot.dir,
            missing => self.directories.make_dirs(&spot.dir, missing).await?,
        };
        let entry = NewEntry { name: spot.name, target, metadata: None };
        let conditions = Conditions::of(self.request.headers());
        let holds =
            |old: Option<&Child>| !spot.addressed || conditions.allow(&validator::of_child(old));
        let replaced = self.directories.set_if(&dir, vec![entry], replace, &holds).await?;
        Ok(replaced.first().copied().unwrap_or(false))
    }
}

impl Spot {
    /// For a child of this name in the directory that is addressed; refuses at once where nothing can
    /// be put.
    pub fn within(dir: Cap, name: String) -> Result<Self, Failure> {
        Ok(Self { addressed: false, ..Self::below(dir, vec![name])? })
    }

    /// For the last of these names, below directories of the others: what is addressed.
    pub fn below(dir: Cap, mut names: Vec<String>) -> Result<Self, Failure> {
        writable(&dir)?;
        let name = names.pop().unwrap_or_default();
        Ok(Self { dir, missing: names, name, addressed: true })
    }

    /// In place of what the link leads to that is addressed.
    pub fn instead(link: Link) -> Result<Self, Failure> {
        Self::below(link.dir, vec![link.name])
    }
}

/// Refuses caps that do not change their directory, before any work is done.
pub fn writable(dir: &Cap) -> Result<(), Failure> {
    match dir {
        cap if cap.is_writable() => Ok(()),
        cap if cap.is_mutable() => Err(DirError::ReadOnly.into()),
        _ => Err(DirError::Immutable.into()),
    }
}

/// The directory that an object is; 400 for anything else.
pub fn directory_of(object: &Object) -> Result<Cap, Failure> {
    let refused = || Failure::bad_request("This is not a directory.").coded(Code::NotADirectory);
    object.directory().cloned().ok_or_else(refused)
}

/// A name stands behind something that has no children.
fn in_the_way(object: &Object, name: &str, why: For) -> Failure {
    let text = match (&object.target, &object.link) {
        (Target::Known(cap), _) if cap.is_directory() => return DirError::NotReadable.into(),
        (Target::Known(_), _) if why == For::Reading => return no_children(name),
        (Target::Known(_), Some(file)) => {
            format!("Unable to create directory {}: a file was in the way.", quoted(&file.name))
        }
        (Target::Known(_), None) => format!(
            "Cannot create directory {}, because its parent is a file, not a directory.",
            quoted(name)
        ),
        (Target::Unknown { .. }, _) => {
            let text = "What the cap names is unknown here, and so are its children.";
            return Failure::bad_request(text);
        }
    };
    Failure::new(StatusCode::CONFLICT, text)
}

/// 400 for a name behind a file.
fn no_children(name: &str) -> Failure {
    let text = format!("Files have no children named {}.", quoted(name));
    Failure::bad_request(text).coded(Code::NotADirectory)
}
