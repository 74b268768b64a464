//! Everything below a directory by every path that leads to it, for who makes the same tree elsewhere.
//!
//! A directory comes before what is in it; of that first the files, then the directories, each by name. What
//! is linked twice comes twice, but no directory comes within itself. What a tree elsewhere cannot have is
//! told with the reason, and so is what cannot be had. Memory holds what is yet to come of the directories
//! between the root and the present one, as far as the room of all walks goes.

use super::{Files, FilesError, Node};
use crate::base::budget::Share;
use crate::base::limits::{ARCHIVE_PATH_MAX, PATH_MAX, REACHED_ROOM};
use crate::cap::{Cap, VdriveCap};
use crate::grid::dirnode::{DirError, Entry, Listing, Metadata, Target, Unreadable};
use crate::vdrive::format::DirectoryId;

/// A walk under way.
pub struct Descent {
    files: Files,
    /// Which names may stand in a path.
    is_fit: fn(&str) -> bool,
    room: Share,
    /// Memory for what is yet to come.
    waiting: usize,
    /// The root, the directory in it, and so on to the present one.
    levels: Vec<Level>,
    /// The names of all but the root.
    names: Vec<String>,
    /// What does not open in the present one.
    unreadable: Option<Unreadable>,
}

struct Level {
    id: Option<DirectoryId>,
    /// The next last.
    things: Vec<Thing>,
}

struct Thing {
    name: String,
    target: Target,
    time: Option<f64>,
}

/// What comes next.
pub struct Found {
    /// Names from the root; none for the root itself.
    pub names: Vec<String>,
    /// When it was changed, or else linked, in seconds since 1970.
    pub time: Option<f64>,
    pub what: What,
}

pub enum What {
    Directory,
    /// Of so many bytes.
    File(Node, u64),
    /// A tree elsewhere cannot have it, nor what is below it.
    LeftOut(LeftOut),
    /// It should be there, and cannot be had.
    Missed(FilesError),
}

/// Why something has no place in a tree elsewhere.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LeftOut {
    #[error("it is of a kind that is not known here")]
    Unknown,
    #[error("its capability verifies, and does not read")]
    Verifier,
    #[error("the owner of this node prohibits it")]
    Prohibited,
    #[error("it is a directory that it is in itself")]
    Within,
    #[error("its name cannot be a file's everywhere")]
    Name,
    #[error("its path is too long")]
    LongPath,
    #[error("{0}")]
    Unreadable(Unreadable),
}

impl Files {
    /// Descends from a directory, which can be listed. Of names that are not fit nothing is told but that.
    pub async fn descend(
        &self,
        root: &Cap,
        is_fit: fn(&str) -> bool,
    ) -> Result<Descent, FilesError> {
        let room = self.directories().memory().walk();
        let mut descent = Descent {
            files: self.clone(),
            is_fit,
            room,
            waiting: 0,
            levels: Vec::new(),
            names: Vec::new(),
            unreadable: None,
        };
        descent.enter(root).await?;
        Ok(descent)
    }
}

impl Descent {
    /// Whether a child of the root has this name, however it is written. Only before anything was told.
    pub fn is_taken(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let mut things = self.levels.iter().flat_map(|level| &level.things);
        things.any(|thing| thing.name.to_lowercase() == name)
    }

    /// The next thing; none when all were told.
    pub async fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(unreadable) = self.unreadable.take() {
                let what = What::LeftOut(LeftOut::Unreadable(unreadable));
                return Some(Found { names: self.names.clone(), time: None, what });
            }
            let level = self.levels.last_mut()?;
            let Some(Thing { name, target, time }) = level.things.pop() else {
                self.levels.pop();
                self.names.pop();
                // Less is always had.
                let _ = self.room.resize(self.waiting.min(self.room.bytes()));
                continue;
            };
            self.waiting = self.waiting.saturating_sub(weight(&name));
            let names: Vec<String> = self.names.iter().cloned().chain([name]).collect();
            let what = self.meet(&names, &target).await;
            return Some(Found { names, time, what });
        }
    }

    /// What is there; a directory is entered.
    async fn meet(&mut self, names: &[String], target: &Target) -> What {
        let name = names.last().map_or("", String::as_str);
        if !(self.is_fit)(name) {
            return What::LeftOut(LeftOut::Name);
        }
        // With a slash behind each, and some letters in front.
        if names.iter().map(|name| name.len() + 1).sum::<usize>() + 2 > ARCHIVE_PATH_MAX {
            return What::LeftOut(LeftOut::LongPath);
        }
        match self.files.node(target) {
            Node::Verifier(_) => What::LeftOut(LeftOut::Verifier),
            Node::Unknown => What::LeftOut(LeftOut::Unknown),
            Node::Prohibited(_) => What::LeftOut(LeftOut::Prohibited),
            Node::Directory(cap) if self.is_within(&cap) => What::LeftOut(LeftOut::Within),
            Node::Directory(cap) => match self.enter(&cap).await {
                Ok(()) => {
                    self.names.push(name.to_owned());
                    What::Directory
                }
                Err(error) => What::Missed(error),
            },
            Node::File { cap, size } => What::File(Node::File { cap, size }, size),
        }
    }

    /// Whether the present directory is this one, or below it. One that never changes cannot be.
    fn is_within(&self, cap: &Cap) -> bool {
        let id = directory_id(cap);
        id.is_some() && self.levels.iter().any(|level| level.id == id)
    }

    async fn enter(&mut self, cap: &Cap) -> Result<(), FilesError> {
        if self.levels.len() >= PATH_MAX {
            return Err(DirError::TooBig("directories in directories").into());
        }
        let listing = self.files.directories().list(cap).await?;
        let Listing { entries, unreadable, room: _room, .. } = listing;
        let more: usize = entries.iter().map(|entry| weight(&entry.name)).sum();
        self.room.resize(self.waiting + more)?;
        self.waiting += more;
        let (directories, files): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| entry.child.target.is_directory());
        let things = files.into_iter().chain(directories).rev().map(Thing::from).collect();
        self.levels.push(Level { id: directory_id(cap), things });
        self.unreadable = Some(unreadable).filter(|unreadable| !unreadable.is_empty());
        Ok(())
    }
}

impl From<Entry> for Thing {
    fn from(Entry { name, child }: Entry) -> Self {
        Self { name, target: child.target, time: time_of(&child.metadata) }
    }
}

fn directory_id(cap: &Cap) -> Option<DirectoryId> {
    cap.vdrive().map(VdriveCap::directory_id)
}

/// Memory for what is yet to come under a name.
const fn weight(name: &str) -> usize {
    REACHED_ROOM + name.len()
}

/// When a thing was changed, as its user says, or else when its link was set.
fn time_of(metadata: &Metadata) -> Option<f64> {
    let said = metadata.get("mtime").and_then(|time| time.as_f64());
    said.or_else(|| metadata.last_set()).filter(|time| time.is_finite())
}
