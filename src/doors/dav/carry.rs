//! Copying and moving: links are set and removed, and no byte of a file goes anywhere.
//!
//! A copy of a file leads to the same file, which never changes. A copy of a directory is made of new
//! directories all the way down, since what is changed in the one must not change in the other; it
//! appears with its last step, whole, or not at all.

use super::super::reply::plain;
use super::super::seen::{Seen, There};
use super::locks::Touch;
use super::refusal::Refusal;
use super::visit::{Depth, Visit, still};
use super::write::CHANGING;
use crate::base::limits::{DAV_COPIED_MAX, DOOR_REDOS_MAX, PATH_MAX};
use crate::cap::Cap;
use crate::files::{For, Node};
use crate::grid::Code;
use crate::grid::dirnode::{Child, Entry, Replace, Target};
use crate::vdrive::format::DirectoryId;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use futures_util::future::{FutureExt, LocalBoxFuture};

const INTO_ITSELF: Refusal =
    Refusal::Said(StatusCode::FORBIDDEN, "Nothing goes into itself, or in place of what it is in.");
const TOO_MANY: Refusal = Refusal::Said(
    StatusCode::INSUFFICIENT_STORAGE,
    "There are too many directories in it for one copy.",
);

/// Where it goes, and whether something there may be replaced.
struct Way {
    to: Vec<String>,
    overwrite: bool,
}

impl Way {
    fn of(visit: &Visit<'_>) -> Result<Self, Refusal> {
        let address = visit.header("destination");
        let to = visit.path(address.ok_or(Refusal::bad("There is no Destination."))?)?;
        let overwrite = match visit.header("overwrite").map(str::trim) {
            None | Some("T" | "t") => true,
            Some("F" | "f") => false,
            Some(_) => return Err(Refusal::bad("The Overwrite header makes no sense.")),
        };
        let from = &visit.asked.path;
        match to.starts_with(from) || from.starts_with(&to) {
            true => Err(INTO_ITSELF),
            false => Ok(Self { to, overwrite }),
        }
    }

    /// What is there now, if it may be replaced.
    async fn look(&self, visit: &Visit<'_>) -> Result<(Seen, Touch), Refusal> {
        let seen = visit.look(&self.to, For::Making).await?;
        let touch = match seen.there {
            There::Orphan => return Err(Refusal::ORPHAN),
            There::Root => return Err(INTO_ITSELF),
            There::Child(_) if !self.overwrite => return Err(Refusal::UNMET),
            There::Child(_) => {
                visit.door.may_remove()?;
                Touch::Tree
            }
            There::Nothing => Touch::Member,
        };
        visit.permit(&self.to, touch)?;
        Ok((seen, touch))
    }
}

/// What is to be copied or moved.
async fn source(visit: &Visit<'_>) -> Result<Child, Refusal> {
    let seen = visit.look(&visit.asked.path, For::Reading).await?;
    visit.expect_to_change(&seen)?;
    match seen.child() {
        Some(child) => Ok(child.clone()),
        None if matches!(seen.there, There::Root) => Err(INTO_ITSELF),
        None => Err(seen.missing().into()),
    }
}

fn done(replaced: bool) -> HttpResponse {
    match replaced {
        true => HttpResponse::NoContent().finish(),
        false => plain(StatusCode::CREATED, ""),
    }
}

pub async fn copy(visit: &Visit<'_>) -> Result<HttpResponse, Refusal> {
    visit.door.may_add()?;
    let (way, depth) = (Way::of(visit)?, visit.depth()?);
    if depth == Depth::One {
        return Err(Refusal::bad("All of it is copied, or only the directory."));
    }
    let child = source(visit).await?;
    way.look(visit).await?.0.spot()?;
    let target = copied(visit, &child.target, depth).await?;
    for _ in 0..DOOR_REDOS_MAX {
        let (seen, touch) = way.look(visit).await?;
        let replaces = seen.child().is_some();
        let replace = if replaces { Replace::Yes } else { Replace::No };
        let holds = still(seen.child(), &visit.claim, &way.to, touch);
        let link = (target.clone(), child.metadata.clone());
        match visit.door.link(seen.spot()?, link, replace, &holds).await {
            Ok(_) => {
                replaced(visit, &way, replaces);
                return Ok(done(replaces));
            }
            Err(error) if error.code() == Code::Exists => {}
            Err(error) => visit.overtaken(error, (&way.to, touch))?,
        }
    }
    Err(CHANGING)
}

/// What was below something that was replaced is gone with its locks; those on the place itself stay.
fn replaced(visit: &Visit<'_>, way: &Way, replaces: bool) {
    if replaces {
        visit.claim.gone_below(&way.to);
    }
}

/// Moves what is there. What it is is not compared once more when the link moves: whatever it is by then
/// is moved, and nothing of it is lost.
pub async fn relocate(visit: &Visit<'_>) -> Result<HttpResponse, Refusal> {
    visit.door.may_remove()?;
    let (way, from) = (Way::of(visit)?, &visit.asked.path);
    for _ in 0..DOOR_REDOS_MAX {
        let child = source(visit).await?;
        if child.target.is_directory() && visit.depth()? != Depth::Infinity {
            return Err(Refusal::bad("All of it is moved, or nothing."));
        }
        visit.permit(from, Touch::Tree)?;
        let (seen, touch) = way.look(visit).await?;
        let replaces = seen.child().is_some();
        let replace = if replaces { Replace::Yes } else { Replace::No };
        match visit.door.relocate(from, &way.to, replace).await {
            Ok(()) => {
                visit.claim.gone(from);
                replaced(visit, &way, replaces);
                return Ok(done(replaces));
            }
            Err(error) if error.code() == Code::Exists => {}
            Err(error) => visit.overtaken(error, (&way.to, touch))?,
        }
    }
    Err(CHANGING)
}

/// What a copy leads to.
async fn copied(visit: &Visit<'_>, target: &Target, depth: Depth) -> Result<Target, Refusal> {
    let mut copying = Copying { visit, above: Vec::new(), made: 0 };
    match visit.door.files().node(target) {
        Node::Directory(cap) if cap.is_mutable() && depth == Depth::Zero => {
            Ok(Target::Known(visit.door.new_directory(Vec::new()).await?))
        }
        node => copying.target(target, node).await,
    }
}

/// A directory that is being copied.
struct Copying<'a, 'v> {
    visit: &'a Visit<'v>,
    /// The directories that it is in: one that is in itself has no end.
    above: Vec<DirectoryId>,
    made: usize,
}

impl Copying<'_, '_> {
    async fn target(&mut self, target: &Target, node: Node) -> Result<Target, Refusal> {
        match node {
            Node::Directory(cap) if cap.is_mutable() => {
                Ok(Target::Known(self.directory(cap).await?))
            }
            Node::Prohibited(prohibited) => Err(crate::files::FilesError::from(prohibited).into()),
            // Of what changes and cannot be looked into, the copy only reads.
            Node::Unknown => Ok(target.read_only()),
            Node::File { .. } | Node::Directory(_) | Node::Verifier(_) => Ok(target.clone()),
        }
    }

    /// A new directory with copies of all that is in this one. One after the other: so no more listings
    /// are in memory than there are directories above one another.
    fn directory(&mut self, cap: Cap) -> LocalBoxFuture<'_, Result<Cap, Refusal>> {
        async move {
            let id = Target::Known(cap.clone()).directory_id().unwrap_or_default();
            if self.above.contains(&id) {
                return Err(INTO_ITSELF);
            }
            self.made += 1;
            if self.made > DAV_COPIED_MAX || self.above.len() > PATH_MAX {
                return Err(TOO_MANY);
            }
            self.above.push(id);
            let files = self.visit.door.files();
            let mut listing = files.list(&Node::Directory(cap)).await?;
            let mut entries = Vec::with_capacity(listing.entries.len());
            for Entry { name, child } in listing.entries.drain(..) {
                let target = self.target(&child.target, files.node(&child.target)).await?;
                entries.push(Entry { name, child: Child { target, metadata: child.metadata } });
            }
            self.above.pop();
            Ok(self.visit.door.new_directory(entries).await?)
        }
        .boxed_local()
    }
}
