//! A directory, whatever keeps it: what each kind knows of itself.
//!
//! A kind is a file that implements [`Directory`] and an arm of [`Directories::open`]; all calls of
//! [`Directories`] are made of these few.

use super::change::{Decide, Decision, Overtaken, Touched, Was};
use super::fixed::Fixed;
use super::place::{Place, State};
use super::{Child, DirError, Directories, Listing};
use crate::cap::Cap;
use crate::vdrive::format::DirectoryId;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use std::fmt;
use std::sync::Arc;

/// What a directory does for who holds a cap of it. What the cap does not give is refused.
pub(super) trait Directory: Send + Sync {
    /// All children, and what does not open.
    fn list(&self) -> BoxFuture<'_, Result<Listing, DirError>>;

    /// What is in the place of a name in NFC, proven. What `start` proves is not asked for again.
    fn look<'a>(
        &'a self,
        name: &'a str,
        start: Option<Arc<State>>,
    ) -> BoxFuture<'a, Result<Seen, DirError>>;

    /// Changes children. `decide` may be asked several times; what it answered last is what was done,
    /// unless it is an error.
    fn change<'a>(
        &'a self,
        change: Change,
        decide: &'a mut Decide<'_>,
    ) -> BoxFuture<'a, Result<(), DirError>>;

    /// Its sequence number now and each time it changes; one that never changes refuses.
    fn watch(&self) -> BoxFuture<'_, Result<BoxStream<'static, u64>, DirError>>;

    /// What it is called, whichever cap leads to it; none of what never changes.
    fn id(&self) -> Option<DirectoryId>;
}

/// A change of some children.
pub(super) struct Change {
    pub touched: Touched,
    pub overtaken: Overtaken,
    /// What is known to be there.
    pub start: Option<Arc<State>>,
}

/// What was seen of one child: proven, and something that a change can start from without asking again.
pub struct Seen {
    pub(super) dir: Cap,
    pub(super) was: Was,
    pub(super) state: Option<Arc<State>>,
}

/// Where a change starts: at a directory, or at what was seen of it. If others changed it since, the
/// change is decided on what is there then.
#[derive(Clone)]
pub struct Start {
    pub(super) dir: Cap,
    pub(super) state: Option<Arc<State>>,
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Start({:?}{})", self.dir, if self.state.is_some() { ", seen" } else { "" })
    }
}

impl Seen {
    /// The child, if there is one; what does not open is an error.
    pub fn child(&self) -> Result<Option<&Child>, DirError> {
        match &self.was {
            Was::Nothing => Ok(None),
            Was::Link(entry) => Ok(Some(&entry.child)),
            Was::Unopened(one) => Err(DirError::Unreadable(*one)),
        }
    }

    /// The same, for who changes nothing.
    pub fn into_child(self) -> Result<Option<Child>, DirError> {
        self.split().1
    }

    /// Where a change would start, and the child.
    pub fn split(self) -> (Start, Result<Option<Child>, DirError>) {
        let Self { dir, was, state } = self;
        let child = match was {
            Was::Nothing => Ok(None),
            Was::Link(entry) => Ok(Some(entry.child)),
            Was::Unopened(one) => Err(DirError::Unreadable(one)),
        };
        (Start { dir, state }, child)
    }
}

impl Start {
    /// The directory.
    pub const fn dir(&self) -> &Cap {
        &self.dir
    }
}

impl From<Seen> for Start {
    fn from(Seen { dir, state, .. }: Seen) -> Self {
        Self { dir, state }
    }
}

impl From<Cap> for Start {
    fn from(dir: Cap) -> Self {
        Self { dir, state: None }
    }
}

impl From<&Cap> for Start {
    fn from(dir: &Cap) -> Self {
        dir.clone().into()
    }
}

/// Refuses caps that do not change their directory, before any work is done.
pub fn writable(dir: &Cap) -> Result<(), DirError> {
    match dir {
        dir if dir.is_writable() => Ok(()),
        Cap::File(_) => Err(DirError::NotADirectory(String::new())),
        Cap::Table(_) => Err(DirError::Immutable),
        Cap::Vdrive(_) => Err(DirError::ReadOnly),
    }
}

impl Directories {
    /// The directory of a cap.
    pub(super) fn open(&self, dir: &Cap) -> Result<Box<dyn Directory>, DirError> {
        Ok(match dir {
            Cap::Vdrive(_) => Box::new(Place::of(self, dir)?),
            Cap::Table(file) => Box::new(Fixed::of(self, (dir, file))?),
            Cap::File(_) if dir.is_verifier() => return Err(DirError::NotReadable),
            Cap::File(_) => return Err(DirError::NotADirectory(String::new())),
        })
    }

    /// The same, of one that can be changed.
    pub(super) fn open_to_change(&self, dir: &Cap) -> Result<Box<dyn Directory>, DirError> {
        writable(dir)?;
        self.open(dir)
    }
}

impl dyn Directory + '_ {
    /// Changes children, and answers what `decide` said beside its last decision.
    pub async fn changed<T: Send>(
        &self,
        change: Change,
        mut decide: impl FnMut(&[Was]) -> Result<(Decision, T), DirError> + Send,
    ) -> Result<T, DirError> {
        let mut said = None;
        let decide = &mut |before: &[Was]| {
            let (decision, outcome) = decide(before)?;
            said = Some(outcome);
            Ok(decision)
        };
        self.change(change, decide).await?;
        said.ok_or(DirError::CutOff)
    }
}
