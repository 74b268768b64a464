//! A file that is written: it is taken in here, and stored and linked when it is closed.
//!
//! ```text
//! Kept       as the grid has it
//! Arriving   written from its front on, hashed as it comes
//! Scratch    written in any order, in a file without a name
//! Same       all of a file that the grid has
//! ```
//! Until it is closed nobody sees it but the session that writes it. A session that ends leaves nothing of it.

use super::super::error::DoorError;
use super::super::opened::Opened;
use super::super::said::Said;
use super::super::seen::{Seen, There};
use super::attributes::Attributes;
use super::packet::Path;
use super::reading::Reading;
use super::reply::Refusal;
use crate::base::limits::FILE_MAX;
use crate::cap::Cap;
use crate::files::{For, Node};
use crate::grid::Code;
use crate::grid::dirnode::{Child, Replace, Target};
use crate::grid::upload::BodyHasher;
use crate::http::scratch::Scratch;
use crate::http::spool::{BodyError, Taking};
use bytes::Bytes;
use futures_util::StreamExt;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use tokio::sync::{Mutex, OwnedSemaphorePermit};

type Hasher = Box<dyn Fn() -> Option<BodyHasher>>;

/// A file that is open to be written. Several handles may be of the same.
pub struct Writing {
    door: Opened,
    /// Where it goes; nowhere once it was removed.
    path: RefCell<Option<Path>>,
    size: Cell<u64>,
    expects: RefCell<Expects>,
    state: Mutex<State>,
    /// The right to be one of the files that are written.
    _turn: OwnedSemaphorePermit,
}

struct State {
    content: Content,
    /// Reads what the grid has.
    reading: Option<Reading>,
    /// Whether it is to be stored, also with nothing written.
    changed: bool,
    said: Attributes,
}

/// What has to be there for it to be linked.
#[derive(Clone)]
enum Expects {
    Anything,
    Nothing,
    /// What it began with.
    Same(Target),
}

enum Content {
    Kept {
        node: Node,
        size: u64,
    },
    Arriving(Taking<Hasher>),
    Scratch(Scratch),
    Same {
        cap: Cap,
        size: u64,
    },
    /// It could not be written, or not be stored.
    Lost,
}

/// What was linked.
pub struct Linked {
    pub path: Path,
    pub cap: Cap,
    pub replaced: bool,
}

impl Writing {
    /// A file that begins empty.
    pub fn empty(
        (door, turn): (&Opened, OwnedSemaphorePermit),
        path: Path,
        exclusive: bool,
    ) -> Result<Self, Refusal> {
        let expects = if exclusive { Expects::Nothing } else { Expects::Anything };
        let content = Content::Arriving(arriving(door)?);
        Ok(Self::new((door, turn), path, (content, true), expects))
    }

    /// A file that begins as what is there.
    pub fn again(
        (door, turn): (&Opened, OwnedSemaphorePermit),
        path: Path,
        child: &Child,
    ) -> Result<Self, Refusal> {
        let node = door.files().node(&child.target);
        let size = node.file().map_err(DoorError::from)?.size().unwrap_or_default();
        let expects = Expects::Same(child.target.clone());
        Ok(Self::new((door, turn), path, (Content::Kept { node, size }, false), expects))
    }

    fn new(
        (door, turn): (&Opened, OwnedSemaphorePermit),
        path: Path,
        (content, changed): (Content, bool),
        expects: Expects,
    ) -> Self {
        let size = Cell::new(content.size());
        let state = State { content, reading: None, changed, said: Attributes::default() };
        Self {
            door: door.clone(),
            path: RefCell::new(Some(path)),
            size,
            expects: RefCell::new(expects),
            state: Mutex::new(state),
            _turn: turn,
        }
    }

    pub fn size(&self) -> u64 {
        self.size.get()
    }

    pub fn path(&self) -> Option<Path> {
        self.path.borrow().clone()
    }

    pub fn is_at(&self, path: &[String]) -> bool {
        self.path.borrow().as_deref() == Some(path)
    }

    /// Its place was moved, or one above it; what is at the new one may be replaced, or not.
    pub fn moved(&self, from: &[String], to: &[String], overwrite: bool) {
        let mut path = self.path.borrow_mut();
        let below = path.as_deref().and_then(|path| path.strip_prefix(from)).map(<[_]>::to_vec);
        let Some(below) = below else { return };
        let mut expects = self.expects.borrow_mut();
        if below.is_empty() && !matches!(*expects, Expects::Same(_)) {
            *expects = if overwrite { Expects::Anything } else { Expects::Nothing };
        }
        *path = Some([to, &below].concat());
    }

    /// Its place was taken away: it goes nowhere.
    pub fn removed(&self) {
        *self.path.borrow_mut() = None;
    }

    /// Writes there, or at its end.
    pub async fn write(&self, at: Option<u64>, bytes: Bytes) -> Result<(), Refusal> {
        let mut state = self.state.lock().await;
        if bytes.is_empty() {
            return Ok(());
        }
        let at = at.unwrap_or_else(|| state.content.size());
        let written = state.write(&self.door, at, bytes).await;
        state.changed = true;
        // Without these bytes it is another file than was meant, whatever the client makes of the answer.
        if written.is_err() {
            state.content = Content::Lost;
        }
        self.size.set(state.content.size());
        written
    }

    /// What was written, or what it began with.
    pub async fn read(&self, at: u64, length: usize) -> Result<Bytes, Refusal> {
        let mut state = self.state.lock().await;
        let end = at.saturating_add(length as u64);
        if at >= state.content.size() {
            return Err(Refusal::end());
        }
        if let Content::Kept { node, size } = &state.content {
            let (node, size) = (node.clone(), *size);
            let new = || Reading::new(self.door.clone(), node, size);
            return state.reading.get_or_insert_with(new).read(at, length).await;
        }
        Ok(state.scratch(&self.door).await?.read(at..end).await?)
    }

    /// What is said of it; of its size at once.
    pub async fn say(&self, said: Attributes) -> Result<(), Refusal> {
        let mut state = self.state.lock().await;
        state.said = state.said.then(Attributes { size: None, ..said });
        if let Some(size) = said.size {
            let resized = state.resize(&self.door, size).await;
            self.size.set(state.content.size());
            resized?;
        }
        Ok(())
    }

    /// Becomes all of a file that the grid has, if nothing was written yet; whether it did.
    pub async fn become_same(&self, cap: &Cap, size: u64) -> bool {
        let mut state = self.state.lock().await;
        let is_fresh = state.content.size() == 0 && !matches!(state.content, Content::Lost);
        if is_fresh {
            state.content = Content::Same { cap: cap.clone(), size };
            state.changed = true;
            self.size.set(size);
        }
        is_fresh
    }

    /// Stores and links what there is, if it is to be; what was linked.
    pub async fn store(&self, now: u64) -> Result<Option<Linked>, Refusal> {
        let mut state = self.state.lock().await;
        if !state.changed {
            if state.said != Attributes::default()
                && let Some(path) = self.path()
            {
                let seen = self.door.look(&path, For::Reading).await?;
                say(&self.door, seen, std::mem::take(&mut state.said)).await?;
            }
            return Ok(None);
        }
        let is_wanted = self.path.borrow().is_some();
        if !is_wanted {
            return Ok(None);
        }
        let (cap, size) = state.stored(&self.door).await?;
        // It may have been moved while it was stored.
        let Some(path) = self.path() else { return Ok(None) };
        let replaced = self.link(&path, &cap, &state.said, now).await?;
        let node = self.door.files().node(&Target::Known(cap.clone()));
        (state.content, state.reading) = (Content::Kept { node, size }, None);
        (state.changed, state.said) = (false, Attributes::default());
        *self.expects.borrow_mut() = Expects::Same(Target::Known(cap.clone()));
        Ok(Some(Linked { path, cap, replaced }))
    }

    async fn link(
        &self,
        path: &[String],
        cap: &Cap,
        attributes: &Attributes,
        now: u64,
    ) -> Result<bool, Refusal> {
        let seen = self.door.look(path, For::Making).await?;
        let mut said = seen.child().map(|child| Said::of(&child.metadata)).unwrap_or_default();
        said.set_changed(now as f64);
        attributes.keep(&mut said, false);
        let name = path.last().map(String::as_str).unwrap_or_default();
        let metadata = said.of_bytes(cap, (name, None));
        let expects = self.expects.borrow().clone();
        let holds = |child: Option<&Child>| expects.holds(child);
        let linked = self.door.put(seen.spot()?, (cap.clone(), metadata), &holds).await;
        linked.map_err(|error| match error.code() {
            Code::Unmet => {
                Refusal::said("others changed what is there meanwhile; nothing was changed")
            }
            _ => error.into(),
        })
    }
}

impl State {
    async fn write(&mut self, door: &Opened, at: u64, bytes: Bytes) -> Result<(), Refusal> {
        // Of what is empty there is nothing to be had first.
        if at == 0
            && matches!(self.content, Content::Kept { size: 0, .. } | Content::Same { size: 0, .. })
        {
            self.content = Content::Arriving(arriving(door)?);
        }
        match &mut self.content {
            Content::Arriving(taking) if taking.size() == at => Ok(taking.take(bytes).await?),
            _ => Ok(self.scratch(door).await?.write(at, bytes).await?),
        }
    }

    /// All of it in a file that can be read, and written in any order.
    async fn scratch(&mut self, door: &Opened) -> Result<&mut Scratch, Refusal> {
        // What the grid has is there still if it cannot be had now.
        let new = match &self.content {
            Content::Scratch(_) | Content::Lost => None,
            Content::Kept { node, size } => Some(filled(door, node, *size).await?),
            Content::Same { cap, size } => {
                let node = door.files().node(&Target::Known(cap.clone()));
                Some(filled(door, &node, *size).await?)
            }
            Content::Arriving(_) => match std::mem::replace(&mut self.content, Content::Lost) {
                Content::Arriving(taking) => Some(Scratch::of(taking).await?),
                _ => None,
            },
        };
        if let Some(new) = new {
            (self.content, self.reading) = (Content::Scratch(new), None);
        }
        match &mut self.content {
            Content::Scratch(scratch) => Ok(scratch),
            _ => Err(lost()),
        }
    }

    async fn resize(&mut self, door: &Opened, size: u64) -> Result<(), Refusal> {
        if matches!(self.content, Content::Lost) {
            return Err(lost());
        }
        if size == self.content.size() {
            return Ok(());
        }
        if size > FILE_MAX {
            return Err(BodyError::TooLarge(FILE_MAX).into());
        }
        if size == 0 {
            (self.content, self.changed) = (Content::Arriving(arriving(door)?), true);
            return Ok(());
        }
        let resized = self.scratch(door).await?.resize(size).await;
        self.changed = true;
        if resized.is_err() {
            self.content = Content::Lost;
        }
        Ok(resized?)
    }

    /// Its cap, once it is safe on enough servers, and its size.
    async fn stored(&mut self, door: &Opened) -> Result<(Cap, u64), Refusal> {
        let size = self.content.size();
        let body = match std::mem::replace(&mut self.content, Content::Lost) {
            Content::Same { cap, .. } => return Ok((cap, size)),
            Content::Kept { node, .. } => {
                return Ok((node.file().map_err(DoorError::from)?.clone(), size));
            }
            Content::Arriving(taking) => taking.finish().await?,
            Content::Scratch(scratch) => scratch.finish(),
            Content::Lost => return Err(lost()),
        };
        Ok((door.store(body).await?, size))
    }
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Self::Kept { size, .. } | Self::Same { size, .. } => *size,
            Self::Arriving(taking) => taking.size(),
            Self::Scratch(scratch) => scratch.size(),
            Self::Lost => 0,
        }
    }
}

impl Expects {
    fn holds(&self, child: Option<&Child>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => child.is_none(),
            Self::Same(target) => child.is_some_and(|child| child.target == *target),
        }
    }
}

fn arriving(door: &Opened) -> Result<Taking<Hasher>, Refusal> {
    let grid = door.files().grid().clone();
    Ok(door.spool().begin(Box::new(move || grid.body_hasher().ok()) as Hasher)?)
}

/// With what is in a file.
async fn filled(door: &Opened, node: &Node, size: u64) -> Result<Scratch, Refusal> {
    let mut scratch = Scratch::new(door.spool()).await?;
    if size > 0 {
        let mut content = pin!(door.read(node, 0..size).await?);
        while let Some(piece) = content.next().await {
            scratch.write(scratch.size(), piece.map_err(DoorError::from)?).await?;
        }
    }
    Ok(scratch)
}

fn lost() -> Refusal {
    Refusal::said("this file could not be written before, and nothing of it was stored")
}

/// Changes what is said of what is there: times and modes, which its link keeps.
pub async fn say(door: &Opened, seen: Seen, said: Attributes) -> Result<(), Refusal> {
    let child = match &seen.there {
        // There is no link that could keep any.
        There::Root => return Ok(()),
        There::Child(child) => child.clone(),
        There::Nothing | There::Orphan => return Err(seen.missing().into()),
    };
    let mut kept = Said::of(&child.metadata);
    said.keep(&mut kept, child.target.is_directory());
    if kept == Said::of(&child.metadata) {
        return Ok(());
    }
    let holds = |now: Option<&Child>| now.is_some_and(|now| now.target == child.target);
    let link = (child.target.clone(), kept.metadata());
    door.link(seen.spot()?, link, Replace::Yes, &holds).await?;
    Ok(())
}
