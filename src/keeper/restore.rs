//! Directories brought back from their copies: a tree, from its root down.
//!
//! ```text
//! on their own server    those that it lost, under the same caps; by their write caps
//! on another one         all of them as new directories, under new caps; read caps are enough
//! ```
//! What the server still has stays as it is, and is walked through.

use super::Keeper;
use super::copies::Copied;
use crate::base::limits::{RESTORED_AT_ONCE, RESTORED_MAX};
use crate::base::lock::locked;
use crate::cap::Cap;
use crate::grid::Code;
use crate::grid::dirnode::{
    Child, DirError, Directories, Entry, Listing, NewEntry, Replace, Restored, Target, Unreadable,
};
use crate::vdrive::format::DirectoryId;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, FuturesUnordered, StreamExt, unfold};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

/// Where directories come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// On the server that had them.
    Same,
    /// On the server where this node makes directories, whichever that is.
    New,
}

/// What became of one directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Names from the root; empty for the root itself.
    pub path: Vec<String>,
    /// As it was named.
    pub cap: Cap,
    pub fate: Fate,
    /// Entries that do not open, and so are not in the new directory.
    pub left_out: u64,
}

/// See [`Outcome`].
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// Its server has it.
    There,
    /// It is back.
    Back(State),
    /// It is there as a new directory of this cap; made of a copy, or of what its server still has.
    Copied(Box<Cap>, Option<State>),
    /// It is not, and nothing below it was looked at.
    Not(String),
}

/// The state in which a directory came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Its version, and when the copy was made, in seconds since 1970.
    pub seq: u64,
    pub taken: u64,
    /// The newest version that this node had seen.
    pub seen: Option<u64>,
}

/// One directory that is to be looked at.
struct Next {
    path: Vec<String>,
    cap: Cap,
}

/// A walk from the root down.
struct Walk {
    bringing: Bringing,
    /// Whatever can be reached by write caps goes first: what is below is then reached so, too.
    writable: VecDeque<Next>,
    readable: VecDeque<Next>,
    running: FuturesUnordered<BoxFuture<'static, (Outcome, Vec<Next>)>>,
}

/// What is known of a directory that was met.
#[derive(Default)]
struct Met {
    /// The cap under which it is made anew.
    new: Option<Cap>,
    /// It was looked at, or is.
    begun: bool,
    failed: bool,
    /// New links to where it is to be: the directory, and the link as it was.
    links: Vec<(Cap, NewEntry)>,
}

/// What all that are brought back at once have in common.
#[derive(Clone)]
struct Bringing {
    keeper: Keeper,
    to: To,
    /// The server that had them.
    tub: [u8; 32],
    met: Arc<Mutex<HashMap<DirectoryId, Met>>>,
}

impl Keeper {
    /// Brings back a directory and all below it that the same server had.
    pub fn restore(&self, root: Cap, to: To) -> Result<BoxStream<'static, Outcome>, DirError> {
        let tub = *root.vdrive().ok_or(DirError::Immutable)?.place().tub();
        let bringing = Bringing { keeper: self.clone(), to, tub, met: Arc::default() };
        bringing.meet(&root)?;
        let running = FuturesUnordered::new();
        let (writable, readable) = (VecDeque::new(), VecDeque::new());
        let mut walk = Walk { bringing, writable, readable, running };
        walk.take_on(Next { path: Vec::new(), cap: root });
        let next = |mut walk: Walk| async move { walk.next().await.map(|one| (one, walk)) };
        Ok(unfold(walk, next).boxed())
    }
}

impl Walk {
    fn take_on(&mut self, next: Next) {
        match next.cap.is_writable() {
            true => self.writable.push_back(next),
            false => self.readable.push_back(next),
        }
    }

    /// The next that was not looked at yet.
    fn pop(&mut self) -> Option<Next> {
        loop {
            let next = match self.writable.pop_front() {
                Some(next) => next,
                None if self.running.is_empty() => self.readable.pop_front()?,
                None => return None,
            };
            if self.bringing.begin(&next.cap) {
                return Some(next);
            }
        }
    }

    async fn next(&mut self) -> Option<Outcome> {
        while self.running.len() < RESTORED_AT_ONCE
            && let Some(next) = self.pop()
        {
            let bringing = self.bringing.clone();
            self.running.push(async move { bringing.bring(next).await }.boxed());
        }
        let Some((outcome, below)) = self.running.next().await else {
            self.bringing.link_back().await;
            return None;
        };
        below.into_iter().for_each(|next| self.take_on(next));
        Some(outcome)
    }
}

impl Bringing {
    fn directories(&self) -> &Directories {
        self.keeper.files().directories()
    }

    /// A directory is to be looked at. The cap under which it is made anew, if it is.
    fn meet(&self, cap: &Cap) -> Result<Option<Cap>, DirError> {
        let id = cap.vdrive().ok_or(DirError::Immutable)?.directory_id();
        let mut met = locked(&self.met);
        if let Some(known) = met.get(&id) {
            return Ok(known.new.clone().filter(|_| !known.failed));
        }
        if met.len() >= RESTORED_MAX {
            return Err(DirError::TooBig("a tree of directories"));
        }
        let new = match self.to {
            To::Same => None,
            To::New => Some(self.directories().fresh()?),
        };
        met.insert(id, Met { new: new.clone(), ..Met::default() });
        Ok(new)
    }

    /// Changes what is known of a directory that was met.
    fn change<T>(&self, cap: &Cap, change: impl FnOnce(&mut Met) -> T) -> Option<T> {
        let id = cap.vdrive()?.directory_id();
        locked(&self.met).get_mut(&id).map(change)
    }

    /// Whether nobody has begun with it yet.
    fn begin(&self, cap: &Cap) -> bool {
        self.change(cap, |met| !std::mem::replace(&mut met.begun, true)) == Some(true)
    }

    /// Brings one back; what is to be looked at below it.
    async fn bring(&self, Next { path, cap }: Next) -> (Outcome, Vec<Next>) {
        let new = self.change(&cap, |met| met.new.clone()).flatten();
        let brought = match new {
            None => self.back(&cap).await.map(|(fate, listing)| {
                let (_, below) = self.below(&path, None, listing.entries);
                (fate, listing.unreadable, below)
            }),
            Some(new) => self.anew(&cap, new, &path).await,
        };
        let (fate, unreadable, below) = brought.unwrap_or_else(|why| {
            self.change(&cap, |met| met.failed = true);
            (Fate::Not(why), Unreadable::default(), Vec::new())
        });
        let left_out = match fate {
            Fate::Copied(..) => unreadable.count,
            _ => 0,
        };
        (Outcome { path, cap, fate, left_out }, below)
    }

    /// On its own server.
    async fn back(&self, cap: &Cap) -> Result<(Fate, Listing), String> {
        let listed = self.directories().list(cap).await;
        let copied = self.copied(cap);
        let lost = match listed {
            Ok(listing) if !self.is_older(cap, copied.as_ref()) => {
                return Ok((Fate::There, listing));
            }
            Ok(_) => "its server has an older state".to_owned(),
            Err(error) if is_lost(&error) => error.to_string(),
            Err(error) => return Err(error.to_string()),
        };
        let Copied { snapshot, taken, .. } = copied.ok_or_else(|| without_copy(&lost))?;
        if !cap.is_writable() {
            return Err(
                "it is lost, and this cap only reads it: who may write to it brings it back \
                        (or bring it back as a new directory)"
                    .to_owned(),
            );
        }
        let restored = self.directories().restore(cap, &snapshot.cap).await;
        let fate = match restored.map_err(|error| error.to_string())? {
            Restored::There => return Err(lost),
            Restored::Back { seq, seen } => Fate::Back(State { seq, taken, seen }),
        };
        let listed = self.directories().list(cap).await.map_err(|error| error.to_string())?;
        Ok((fate, listed))
    }

    /// Whether what was just listed is older than the copy.
    fn is_older(&self, cap: &Cap, copied: Option<&Copied>) -> bool {
        let seen = cap.vdrive().and_then(|kept| self.directories().version_seen(kept));
        seen.zip(copied).is_some_and(|(seen, copied)| seen < copied.snapshot.seq)
    }

    /// As a new directory.
    async fn anew(
        &self,
        cap: &Cap,
        new: Cap,
        path: &[String],
    ) -> Result<(Fate, Unreadable, Vec<Next>), String> {
        let (listing, state) = self.contents(cap).await?;
        let Listing { entries, unreadable, room: _room, .. } = listing;
        let (entries, below) = self.below(path, Some(&new), entries);
        let made = self.directories().create_as(&new, entries).await;
        made.map_err(|error| error.to_string())?;
        Ok((Fate::Copied(Box::new(new), state), unreadable, below))
    }

    /// What is in a directory: as its server has it, else as it was copied.
    async fn contents(&self, cap: &Cap) -> Result<(Listing, Option<State>), String> {
        let copied = self.copied(cap);
        let lost = match self.directories().list(cap).await {
            Ok(listing) if !self.is_older(cap, copied.as_ref()) => return Ok((listing, None)),
            Ok(_) => "its server has an older state".to_owned(),
            Err(error) => error.to_string(),
        };
        let Copied { snapshot, taken, .. } = copied.ok_or_else(|| without_copy(&lost))?;
        let listing = self.directories().list_snapshot(cap, &snapshot.cap).await;
        let listing = listing.map_err(|error| error.to_string())?;
        let seen = cap.vdrive().and_then(|kept| self.directories().version_seen(kept));
        Ok((listing, Some(State { seq: snapshot.seq, taken, seen })))
    }

    fn copied(&self, cap: &Cap) -> Option<Copied> {
        self.keeper.copied(&cap.vdrive()?.directory_id())
    }

    /// Entries as they are linked in the `new` directory, and those that are to be looked at.
    fn below(
        &self,
        path: &[String],
        new: Option<&Cap>,
        entries: Vec<Entry>,
    ) -> (Vec<Entry>, Vec<Next>) {
        let mut below = Vec::new();
        let linked = entries.into_iter().map(|Entry { name, child }| {
            let Target::Known(cap) = &child.target else { return Entry { name, child } };
            if !self.is_of_server(cap) {
                return Entry { name, child };
            }
            let target = match self.meet(cap) {
                Ok(its) => {
                    let path = path.iter().cloned().chain([name.clone()]).collect();
                    below.push(Next { path, cap: cap.clone() });
                    self.linked((new, its), &name, (cap, &child))
                }
                Err(error) => {
                    tracing::error!(%error, "not all directories are brought back");
                    child.target.clone()
                }
            };
            Entry { name, child: Child { target, ..child } }
        });
        (linked.collect(), below)
    }

    /// Where a link leads in a new directory: to the new one of it, if there will be one.
    fn linked(
        &self,
        (dir, its): (Option<&Cap>, Option<Cap>),
        name: &str,
        (cap, child): (&Cap, &Child),
    ) -> Target {
        let Some((dir, its)) = dir.zip(its) else { return child.target.clone() };
        let Child { target, metadata } = child.clone();
        let link = NewEntry { name: name.to_owned(), target, metadata: Some(metadata) };
        self.change(cap, |met| met.links.push((dir.clone(), link)));
        as_strong_as(cap, its)
    }

    /// Links to what could not be made anew lead to where they led.
    async fn link_back(&self) {
        let failed: Vec<_> = {
            let mut met = locked(&self.met);
            let failed = met.values_mut().filter(|met| met.failed);
            failed.flat_map(|met| std::mem::take(&mut met.links)).collect()
        };
        for (dir, link) in failed {
            let set = self.directories().set(&dir, vec![link], Replace::Yes).await;
            if let Err(error) = set {
                tracing::error!(%error, "a link leads to a directory that could not be made");
            }
        }
    }

    fn is_of_server(&self, cap: &Cap) -> bool {
        !cap.is_verifier() && cap.vdrive().is_some_and(|kept| *kept.place().tub() == self.tub)
    }
}

/// A link to the new directory that gives what the old one gave.
fn as_strong_as(old: &Cap, new: Cap) -> Target {
    let new = Target::Known(new);
    if old.is_writable() { new } else { new.read_only() }
}

/// Whether the server says that it does not have a directory, or not in the newest state.
fn is_lost(error: &DirError) -> bool {
    let code = Code::from(error);
    matches!(code, Code::NoSuchDirectory | Code::DirectoryDamaged | Code::Rollback)
}

fn without_copy(lost: &str) -> String {
    format!("{lost}; and this node knows no copy of it")
}
