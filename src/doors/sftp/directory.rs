//! Directories: what is in them, and changes of names.

use super::super::error::DoorError;
use super::super::opened::Opened;
use super::super::seen::There;
use super::attributes::Attributes;
use super::packet::Path;
use super::reply::{Answer, Refusal};
use super::room::Room;
use super::session::{Session, exists, look};
use crate::base::budget::Share;
use crate::base::limits::SFTP_NAMES_SIZE;
use crate::cap::Cap;
use crate::files::For;
use crate::grid::dirnode::{Child, Metadata, Replace, Target};
use std::collections::VecDeque;

/// A name as it is told: as it is, and as a line for people.
type Named = (String, String, Attributes);

/// A directory that is listed, as it was when that began.
pub struct Lister {
    itself: Attributes,
    left: VecDeque<(String, Attributes)>,
    /// The memory of what is left.
    _held: Share,
}

impl Lister {
    pub async fn open(door: &Opened, path: &[String], room: &Room) -> Result<Self, Refusal> {
        let (node, itself) = look(door, path).await?;
        let may_write = door.may_add().is_ok();
        // The listing's own memory is for those who give it back soon.
        let listing = door.files().list(&node).await?;
        let size = listing.entries.iter().map(|entry| entry.name.len() + NAME_SIZE).sum::<usize>();
        let _held = room.names(size)?;
        let dots = [".", ".."].map(|name| (name.to_owned(), itself));
        let names = listing.entries.iter().map(|entry| {
            let node = door.files().node(&entry.child.target);
            (entry.name.clone(), Attributes::of(Some(&entry.child), &node, may_write))
        });
        Ok(Self { itself, left: dots.into_iter().chain(names).collect(), _held })
    }

    pub const fn itself(&self) -> Attributes {
        self.itself
    }

    /// Some more of what is in it.
    pub fn next(&mut self) -> Result<Vec<Named>, Refusal> {
        let (mut names, mut size) = (Vec::new(), 0);
        while size < SFTP_NAMES_SIZE {
            let Some((name, attributes)) = self.left.pop_front() else { break };
            size += NAME_SIZE + 2 * name.len();
            let line = attributes.line(&name);
            names.push((name, line, attributes));
        }
        match names.is_empty() {
            true => Err(Refusal::end()),
            false => Ok(names),
        }
    }
}

/// Bytes that are told of a name beside the name itself, more or less.
const NAME_SIZE: usize = 80;

impl Session {
    pub(super) async fn make_directory(&self, path: &[String]) -> Result<Answer, Refusal> {
        let door = &self.door;
        door.may_add()?;
        let seen = door.look(path, For::Making).await?;
        match seen.there {
            There::Root | There::Child(_) => return Err(exists()),
            There::Orphan => return Err(DoorError::Orphan.into()),
            There::Nothing => seen.can_hold()?,
        }
        let cap = door.new_directory(Vec::new()).await?;
        let link = (Target::Known(cap), Metadata::new());
        door.link(seen.spot()?, link, Replace::No, &|now| now.is_none()).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn remove_directory(&self, path: &[String]) -> Result<Answer, Refusal> {
        self.door.may_remove()?;
        let seen = self.door.look(path, For::Reading).await?;
        match &seen.there {
            There::Root => return Err(DoorError::Root.into()),
            There::Child(_) if !seen.is_directory() => {
                return Err(Refusal::said("this is no directory"));
            }
            There::Child(child) => {
                let target = child.target.clone();
                self.remove_empty(path, &target).await?;
            }
            There::Nothing | There::Orphan => return Err(seen.missing().into()),
        }
        Ok(Answer::Done)
    }

    async fn remove_empty(&self, path: &[String], target: &Target) -> Result<(), Refusal> {
        let is_it = |now: Option<&Child>| now.is_some_and(|now| now.target == *target);
        match self.door.remove_empty(path, &is_it).await? {
            true => Ok(()),
            false => Err(Refusal::said("this directory is not empty")),
        }
    }

    /// Removes a file.
    pub(super) async fn remove(&self, path: &[String]) -> Result<Answer, Refusal> {
        let file = self.written_at(path);
        let seen = self.door.look(path, For::Reading).await?;
        match &seen.there {
            There::Root => return Err(DoorError::Root.into()),
            There::Child(_) if seen.is_directory() => {
                self.door.may_remove()?;
                return Err(Refusal::said("this is a directory"));
            }
            There::Child(_) => {
                self.door.may_remove()?;
                let is_file =
                    |now: Option<&Child>| now.is_some_and(|now| !now.target.is_directory());
                self.door.remove(path, Some(&is_file)).await?;
            }
            // Of what is not there yet nothing is taken away.
            There::Nothing | There::Orphan if file.is_some() => {}
            There::Nothing | There::Orphan => {
                self.door.may_remove()?;
                return Err(seen.missing().into());
            }
        }
        if let Some(file) = file {
            file.removed();
        }
        Ok(Answer::Done)
    }

    /// Gives something another name; what has that name already is replaced as POSIX has it, or not at all.
    pub(super) async fn rename(
        &self,
        from: &[String],
        to: &[String],
        overwrite: bool,
    ) -> Result<Answer, Refusal> {
        let seen = self.door.look(from, For::Reading).await?;
        let child = match &seen.there {
            There::Root => return Err(DoorError::Root.into()),
            There::Child(child) => Some(child.clone()),
            There::Nothing | There::Orphan if self.written_at(from).is_some() => None,
            There::Nothing | There::Orphan => return Err(seen.missing().into()),
        };
        let door = self.door_to(from, child.as_ref());
        door.may_remove()?;
        if from == to {
            return Ok(Answer::Done);
        }
        if to.starts_with(from) {
            return Err(Refusal::said("nothing goes into itself"));
        }
        let is_directory = child.as_ref().is_some_and(|child| child.target.is_directory());
        let replace = self.make_way(to, is_directory, overwrite).await?;
        if child.is_some() {
            door.relocate(from, to, replace).await?;
        }
        self.renamed(from, to, overwrite);
        Ok(Answer::Done)
    }

    /// Sees to it that something may come there; what it may replace when it comes.
    async fn make_way(
        &self,
        to: &[String],
        is_directory: bool,
        overwrite: bool,
    ) -> Result<Replace, Refusal> {
        let seen = self.door.look(to, For::Making).await?;
        let old = match &seen.there {
            There::Root => return Err(DoorError::Root.into()),
            There::Orphan => return Err(DoorError::Orphan.into()),
            There::Nothing => {
                seen.can_hold()?;
                return Ok(Replace::No);
            }
            There::Child(old) => old.clone(),
        };
        if !overwrite {
            return Err(exists());
        }
        self.door.may_remove()?;
        match (is_directory, seen.is_directory()) {
            (false, false) => Ok(Replace::OnlyFiles),
            (true, true) => {
                self.remove_empty(to, &old.target).await?;
                Ok(Replace::No)
            }
            (true, false) => Err(Refusal::said("this is no directory, and a directory would be")),
            (false, true) => Err(Refusal::said("this is a directory")),
        }
    }

    fn renamed(&self, from: &[String], to: &[String], overwrite: bool) {
        let written = self.all_written();
        written.iter().filter(|file| file.is_at(to)).for_each(|file| file.removed());
        written.iter().for_each(|file| file.moved(from, to, overwrite));
        for (path, _) in self.own.borrow_mut().iter_mut().filter(|(path, _)| path == from) {
            *path = to.to_vec();
        }
    }

    /// The door, with the right to rename what this session made there, or only has not stored yet.
    pub(super) fn door_to(&self, path: &[String], child: Option<&Child>) -> Opened {
        let is_own = child.is_none_or(|child| {
            let made = |(at, cap): &(Path, Cap)| at == path && child.target.known() == Some(cap);
            self.own.borrow().iter().any(made)
        });
        if is_own { self.door.removing() } else { self.door.clone() }
    }
}
