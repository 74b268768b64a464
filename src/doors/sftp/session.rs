//! One client: what it has open, and what it asks for.

use super::super::book::Rights;
use super::super::error::DoorError;
use super::super::opened::Opened;
use super::super::room::Room as Left;
use super::super::seen::There;
use super::attributes::Attributes;
use super::directory::Lister;
use super::order::Touch;
use super::packet::{HandleId, NoRequest, Path, Request, flags, written};
use super::reading::Reading;
use super::reply::{Answer, Refusal};
use super::room::Room;
use super::writing::{Linked, Writing, say};
use crate::base::limits::{SFTP_HANDLES_MAX, SFTP_OWN_FILES_MAX};
use crate::base::system::Clock;
use crate::cap::Cap;
use crate::files::{For, Node};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use tokio::sync::Mutex;

/// See the module.
pub struct Session {
    pub(super) door: Opened,
    clock: Clock,
    handles: RefCell<BTreeMap<HandleId, Handle>>,
    next: Cell<HandleId>,
    /// Files that it made where nothing was, of a door that only adds: programs write under another name
    /// first.
    pub(super) own: RefCell<VecDeque<(Path, Cap)>>,
    room: Room,
}

#[derive(Clone)]
enum Handle {
    Reading(Rc<Mutex<Reading>>, Attributes),
    Writing(Rc<Writing>, Use),
    Directory(Rc<Mutex<Lister>>),
}

/// What a handle of a file that is being written is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// To read what was written so far.
    Reads,
    Writes,
    /// To write at its end, wherever is said.
    Appends,
}

type Answered = Result<Answer, Refusal>;

impl Session {
    pub fn new(door: Opened, clock: Clock, room: Room) -> Self {
        let (handles, next, own) = Default::default();
        Self { door, clock, handles, next, own, room }
    }

    /// What a request has to do with.
    pub fn touches(&self, request: &Request) -> Vec<Touch> {
        use Request::{
            Close, Copy, Limits, List, Look, LookAtHandle, MakeDirectory, Open, OpenDirectory,
            Read, RealPath, Remove, RemoveDirectory, Rename, Room, Say, SayOfHandle, Store, Write,
        };
        match request {
            Open { path, flags, .. } if flags & flags::WRITE == 0 => {
                vec![Touch::Sees(path.clone())]
            }
            Look(path) => vec![Touch::Sees(path.clone())],
            OpenDirectory(path) => vec![Touch::Lists(path.clone())],
            Open { path, .. }
            | Say { path, .. }
            | Remove(path)
            | MakeDirectory(path)
            | RemoveDirectory(path) => vec![Touch::Changes(path.clone())],
            Rename { from, to, .. } => {
                vec![Touch::Changes(from.clone()), Touch::Changes(to.clone())]
            }
            Close(handle) | Store(handle) => {
                let path = self.writing(*handle).and_then(|file| file.path());
                [Some(Touch::Handle(*handle)), path.map(Touch::Changes)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Read { handle, .. }
            | Write { handle, .. }
            | LookAtHandle(handle)
            | SayOfHandle { handle, .. }
            | List(handle) => vec![Touch::Handle(*handle)],
            Copy { from, to, .. } => vec![Touch::Handle(*from), Touch::Handle(*to)],
            RealPath(_) | Room | Limits => Vec::new(),
        }
    }

    pub async fn answer(&self, request: Request) -> Answered {
        self.door.is_there()?;
        match request {
            Request::Open { path, flags, said } => self.open(path, flags, said).await,
            Request::Close(handle) => self.close(handle).await,
            Request::Read { handle, at, length } => {
                self.read(handle, at, length).await.map(Answer::Data)
            }
            Request::Write { handle, at, bytes } => self.write(handle, at, bytes).await,
            Request::Look(path) => self.look(&path).await,
            Request::LookAtHandle(handle) => self.look_at(handle).await,
            Request::Say { path, said } => self.say(&path, said).await,
            Request::SayOfHandle { handle, said } => {
                self.must_write(handle)?.0.say(said).await.map(|()| Answer::Done)
            }
            Request::OpenDirectory(path) => {
                let lister = Lister::open(&self.door, &path, &self.room).await?;
                self.opened(Handle::Directory(Rc::new(Mutex::new(lister))))
            }
            Request::List(handle) => match self.handle(handle)? {
                Handle::Directory(lister) => lister.lock().await.next().map(Answer::Names),
                Handle::Reading(..) | Handle::Writing(..) => Err(Refusal::no_handle()),
            },
            Request::Remove(path) => self.remove(&path).await,
            Request::MakeDirectory(path) => self.make_directory(&path).await,
            Request::RemoveDirectory(path) => self.remove_directory(&path).await,
            Request::RealPath(path) => {
                let path = written(&path);
                Ok(Answer::Names(vec![(path.clone(), path, Attributes::default())]))
            }
            Request::Rename { from, to, overwrite } => self.rename(&from, &to, overwrite).await,
            Request::Room => {
                let may_write = self.door.may_add().is_ok();
                let left = Left::of(&self.door).await.ok_or(NoRequest::Unsupported)?;
                Ok(Answer::Room { left, may_write })
            }
            Request::Store(handle) => match self.handle(handle)? {
                Handle::Writing(file, _) => self.store(&file).await,
                // What can only be read is durable.
                Handle::Reading(..) | Handle::Directory(_) => Ok(Answer::Done),
            },
            Request::Limits => Ok(Answer::Limits),
            Request::Copy { from, from_at, length, to, to_at } => {
                self.copy((from, from_at), length, (to, to_at)).await
            }
        }
    }

    fn handle(&self, id: HandleId) -> Result<Handle, Refusal> {
        self.handles.borrow().get(&id).cloned().ok_or_else(Refusal::no_handle)
    }

    fn writing(&self, id: HandleId) -> Option<Rc<Writing>> {
        match self.handles.borrow().get(&id) {
            Some(Handle::Writing(file, _)) => Some(Rc::clone(file)),
            _ => None,
        }
    }

    /// The file of a handle that writes, and whether at its end.
    fn must_write(&self, id: HandleId) -> Result<(Rc<Writing>, bool), Refusal> {
        match self.handle(id)? {
            Handle::Writing(file, Use::Writes) => Ok((file, false)),
            Handle::Writing(file, Use::Appends) => Ok((file, true)),
            Handle::Writing(_, Use::Reads) | Handle::Reading(..) | Handle::Directory(_) => {
                Err(Refusal::said("this is not open to be written"))
            }
        }
    }

    /// All files that it has open to be written.
    pub(super) fn all_written(&self) -> Vec<Rc<Writing>> {
        let handles = self.handles.borrow();
        let written = handles.values().filter_map(|handle| match handle {
            Handle::Writing(file, _) => Some(Rc::clone(file)),
            _ => None,
        });
        written.collect()
    }

    pub(super) fn written_at(&self, path: &[String]) -> Option<Rc<Writing>> {
        self.all_written().into_iter().find(|file| file.is_at(path))
    }

    fn opened(&self, handle: Handle) -> Answered {
        let mut handles = self.handles.borrow_mut();
        if handles.len() >= SFTP_HANDLES_MAX {
            return Err(Refusal::said("this session has as much open as it may have"));
        }
        let id = self.next.get();
        self.next.set(id.wrapping_add(1));
        // Thousands of millions were opened since then.
        if handles.contains_key(&id) {
            return Err(Refusal::said("this session has opened too much; begin a new one"));
        }
        handles.insert(id, handle);
        Ok(Answer::Handle(id))
    }

    async fn open(&self, path: Path, flags: u32, said: Attributes) -> Answered {
        if flags & flags::WRITE == 0 {
            // What it wrote itself it also reads, before others do.
            if let Some(file) = self.written_at(&path) {
                return self.opened(Handle::Writing(file, Use::Reads));
            }
            let (node, attributes) = look(&self.door, &path).await?;
            let size = match &node {
                Node::Directory(_) => return Err(Refusal::said("this is a directory")),
                node => node.file()?.size().unwrap_or_default(),
            };
            let reading = Rc::new(Mutex::new(Reading::new(self.door.clone(), node, size)));
            return self.opened(Handle::Reading(reading, attributes));
        }
        self.door.may_add()?;
        let has = |flag| flags & flag != 0;
        let file = match self.written_at(&path) {
            Some(_) if has(flags::CREATE) && has(flags::EXCLUSIVE) => return Err(exists()),
            Some(file) if has(flags::TRUNCATE) => {
                file.say(Attributes { size: Some(0), ..said }).await?;
                file
            }
            Some(file) => file,
            None => {
                let file = self.begin(path, flags).await?;
                file.say(Attributes { size: None, ..said }).await?;
                Rc::new(file)
            }
        };
        let way = if has(flags::APPEND) { Use::Appends } else { Use::Writes };
        self.opened(Handle::Writing(file, way))
    }

    async fn begin(&self, path: Path, flags: u32) -> Result<Writing, Refusal> {
        let turn = self.room.write(self.all_written().len())?;
        let door = (&self.door, turn);
        let has = |flag| flags & flag != 0;
        let seen = self.door.look(&path, For::Making).await?;
        match &seen.there {
            There::Orphan => Err(DoorError::Orphan.into()),
            There::Root => Err(DoorError::Root.into()),
            There::Nothing if !has(flags::CREATE) => Err(seen.missing().into()),
            There::Nothing => {
                seen.can_hold()?;
                Writing::empty(door, path, has(flags::EXCLUSIVE))
            }
            There::Child(_) if has(flags::CREATE) && has(flags::EXCLUSIVE) => Err(exists()),
            There::Child(_) if seen.is_directory() => Err(Refusal::said("this is a directory")),
            There::Child(child) => {
                self.door.may_remove()?;
                seen.can_hold()?;
                match has(flags::TRUNCATE) {
                    true => Writing::empty(door, path, false),
                    false => Writing::again(door, path, child),
                }
            }
        }
    }

    async fn close(&self, id: HandleId) -> Answered {
        let closed = match self.handle(id)? {
            // Until it is linked it is seen as what it will be.
            Handle::Writing(file, Use::Writes | Use::Appends) => self.store(&file).await,
            Handle::Writing(_, Use::Reads) | Handle::Reading(..) | Handle::Directory(_) => {
                Ok(Answer::Done)
            }
        };
        self.handles.borrow_mut().remove(&id);
        closed
    }

    async fn store(&self, file: &Writing) -> Answered {
        if let Some(Linked { path, cap, replaced: false }) = file.store(self.clock.now()).await?
            && self.door.rights == Rights::Append
        {
            let mut own = self.own.borrow_mut();
            if own.len() >= SFTP_OWN_FILES_MAX {
                own.pop_front();
            }
            own.push_back((path, cap));
        }
        Ok(Answer::Done)
    }

    async fn read(&self, id: HandleId, at: u64, length: usize) -> Result<Bytes, Refusal> {
        match self.handle(id)? {
            Handle::Reading(reading, _) => reading.lock().await.read(at, length).await,
            Handle::Writing(file, _) => file.read(at, length).await,
            Handle::Directory(_) => Err(Refusal::no_handle()),
        }
    }

    async fn write(&self, id: HandleId, at: u64, bytes: Bytes) -> Answered {
        let (file, at_end) = self.must_write(id)?;
        file.write((!at_end).then_some(at), bytes).await?;
        Ok(Answer::Done)
    }

    async fn look(&self, path: &[String]) -> Answered {
        if let Some(file) = self.written_at(path) {
            return Ok(Answer::Attributes(self.of_written(&file)));
        }
        Ok(Answer::Attributes(look(&self.door, path).await?.1))
    }

    async fn look_at(&self, id: HandleId) -> Answered {
        Ok(Answer::Attributes(match self.handle(id)? {
            Handle::Writing(file, _) => self.of_written(&file),
            Handle::Directory(lister) => lister.lock().await.itself(),
            Handle::Reading(_, attributes) => attributes,
        }))
    }

    fn of_written(&self, file: &Writing) -> Attributes {
        let now = u32::try_from(self.clock.now()).unwrap_or(u32::MAX);
        Attributes::of_new(file.size(), now)
    }

    async fn say(&self, path: &[String], said: Attributes) -> Answered {
        if let Some(file) = self.written_at(path) {
            file.say(said).await?;
            return Ok(Answer::Done);
        }
        if let Some(size) = said.size {
            self.resize(path, size).await?;
        }
        let seen = self.door.look(path, For::Reading).await?;
        let door = match seen.child() {
            Some(child) => self.door_to(path, Some(child)),
            None => self.door.clone(),
        };
        door.may_remove()?;
        say(&door, seen, said).await?;
        Ok(Answer::Done)
    }

    async fn resize(&self, path: &[String], size: u64) -> Result<(), Refusal> {
        let file = self.begin(path.to_vec(), flags::WRITE).await?;
        if file.size() != size {
            file.say(Attributes { size: Some(size), ..Attributes::default() }).await?;
            file.store(self.clock.now()).await?;
        }
        Ok(())
    }

    /// Copies a part of what can be read into what is written; all of a file is copied by its cap alone.
    async fn copy(
        &self,
        (from, from_at): (HandleId, u64),
        length: u64,
        (to, to_at): (HandleId, u64),
    ) -> Answered {
        let (to, at_end) = self.must_write(to)?;
        let Handle::Reading(reading, _) = self.handle(from)? else {
            return Err(Refusal::said("only what is open to be read is copied"));
        };
        let mut reading = reading.lock().await;
        let is_all = from_at == 0 && to_at == 0 && (length == 0 || length == reading.size);
        if is_all && to.become_same(reading.node.file()?, reading.size).await {
            return Ok(Answer::Done);
        }
        let end = if length == 0 { reading.size } else { from_at.saturating_add(length) };
        let mut at = from_at;
        while at < end.min(reading.size) {
            let some = usize::try_from(end - at).unwrap_or(usize::MAX).min(COPIED);
            let bytes = reading.read(at, some).await?;
            let place = to_at.saturating_add(at - from_at);
            at = at.saturating_add(bytes.len() as u64);
            to.write((!at_end).then_some(place), bytes).await?;
        }
        match length > 0 && end > reading.size {
            true => Err(Refusal::end()),
            false => Ok(Answer::Done),
        }
    }
}

/// What is at a path, and what is said of it.
pub(super) async fn look(door: &Opened, path: &[String]) -> Result<(Node, Attributes), Refusal> {
    let seen = door.look(path, For::Reading).await?;
    let (child, node) = match &seen.there {
        There::Child(child) => (Some(child), door.files().node(&child.target)),
        There::Root => (None, door.node(path).await?),
        There::Nothing | There::Orphan => return Err(seen.missing().into()),
    };
    let attributes = Attributes::of(child, &node, door.may_add().is_ok());
    Ok((node, attributes))
}

/// Bytes that are copied at once.
const COPIED: usize = 256 << 10;

pub(super) fn exists() -> Refusal {
    Refusal::said("there is something of this name already")
}
