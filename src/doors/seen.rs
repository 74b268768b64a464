//! What is at a path, and where a change of it begins.

use super::error::DoorError;
use crate::files::{Found, Object, Spot};
use crate::grid::dirnode::{Child, writable};

/// What is at a path.
#[derive(Debug, Clone)]
pub enum There {
    /// The door's own directory, which has no link.
    Root,
    Child(Child),
    Nothing,
    /// Nothing, in a directory that is not there either.
    Orphan,
}

/// What was seen at a path, and where a change of it begins.
#[derive(Debug)]
pub struct Seen {
    pub there: There,
    found: Found,
}

impl Seen {
    pub fn of(found: Found) -> Self {
        let there = match &found {
            Found::Object(Object { link: None, .. }) => There::Root,
            Found::Object(Object { target, link: Some(link) }) => {
                There::Child(Child { target: target.clone(), metadata: link.metadata.clone() })
            }
            Found::Missing { names, .. } if names.len() == 1 => There::Nothing,
            Found::Missing { .. } => There::Orphan,
        };
        Self { there, found }
    }

    pub fn child(&self) -> Option<&Child> {
        match &self.there {
            There::Child(child) => Some(child),
            There::Root | There::Nothing | There::Orphan => None,
        }
    }

    pub fn is_directory(&self) -> bool {
        match &self.there {
            There::Root => true,
            There::Child(child) => child.target.is_directory(),
            There::Nothing | There::Orphan => false,
        }
    }

    /// Where to put something in its place, or beside its neighbours.
    pub fn spot(self) -> Result<Spot, DoorError> {
        match &self.there {
            There::Root => Err(DoorError::Root),
            There::Orphan => Err(DoorError::Orphan),
            There::Child(_) | There::Nothing => Ok(Spot::of(self.found)?),
        }
    }

    /// Refuses at once where nothing can be put.
    pub fn can_hold(&self) -> Result<(), DoorError> {
        match &self.found {
            Found::Object(Object { link: Some(link), .. }) => Ok(writable(link.dir.dir())?),
            Found::Missing { dir, .. } => Ok(writable(dir.dir())?),
            Found::Object(_) => Err(DoorError::Root),
        }
    }

    /// Why nothing was found.
    pub fn missing(self) -> DoorError {
        self.found.there().err().map_or(DoorError::Root, DoorError::from)
    }
}
