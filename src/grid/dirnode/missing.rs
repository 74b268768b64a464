//! Directories that are missing on the way to a name: made side by side, and then linked, so that the
//! whole missing part appears at once.

use super::directory::{Seen, Start};
use super::edit::{checked, child_of, linked};
use super::{Condition, DirError, Directories, NewEntry, Replace, Target, create};
use crate::base::limits::{PATH_MAX, REDOS_MAX};
use crate::cap::{Cap, DirCap};
use futures_util::future::try_join_all;

/// Where following names came to.
enum Reached {
    /// The directory of the last of them.
    All(Start),
    /// The first of these is missing in this directory.
    Part(Start, Vec<String>),
}

impl Directories {
    /// Follows `path` and makes the directories that are missing.
    pub async fn make_dirs(
        &self,
        start: impl Into<Start>,
        path: &[String],
    ) -> Result<Cap, DirError> {
        let mut start = start.into();
        let top = start.dir.clone();
        for _ in 0..REDOS_MAX {
            match self.reach(start, path).await? {
                Reached::All(start) => return Ok(start.dir),
                Reached::Part(start, names) => match self.make_chain(start, &names, None).await {
                    Err(DirError::Exists(_)) => {}
                    made => return made,
                },
            }
            // Somebody else made it meanwhile.
            start = top.clone().into();
        }
        Err(DirError::TooManyRedos)
    }

    /// Sets a link below directories of which those that are missing are made with it in one step, if
    /// that holds of it; whether it replaced another.
    pub async fn set_below(
        &self,
        start: impl Into<Start>,
        (path, child): (&[String], NewEntry),
        replace: Replace,
        holds: Condition<'_>,
    ) -> Result<bool, DirError> {
        let mut start = start.into();
        let top = start.dir.clone();
        for _ in 0..REDOS_MAX {
            match self.reach(start, path).await? {
                Reached::All(start) => {
                    let replaced = self.set_if(start, vec![child], replace, holds).await?;
                    return Ok(replaced.first() == Some(&true));
                }
                Reached::Part(..) if !holds(None) => return Err(DirError::Unmet(child.name)),
                Reached::Part(start, names) => {
                    match self.make_chain(start, &names, Some(child.clone())).await {
                        Err(DirError::Exists(_)) => {}
                        made => return made.map(|_| false),
                    }
                }
            }
            start = top.clone().into();
        }
        Err(DirError::TooManyRedos)
    }

    /// Follows names as far as there is something.
    async fn reach(&self, mut start: Start, path: &[String]) -> Result<Reached, DirError> {
        if path.len() > PATH_MAX {
            return Err(DirError::TooBig("a path"));
        }
        for (at, name) in path.iter().enumerate() {
            let seen = self.look(start, name).await?;
            start = match below(&seen, name)? {
                Some(dir) => dir.into(),
                None => {
                    let names = path.get(at..).unwrap_or_default().to_vec();
                    return Ok(Reached::Part(seen.into(), names));
                }
            };
        }
        Ok(Reached::All(start))
    }

    /// Makes directories one in the other, with a child in the deepest, and links the first one; the
    /// cap of the deepest.
    async fn make_chain(
        &self,
        start: Start,
        names: &[String],
        child: Option<NewEntry>,
    ) -> Result<Cap, DirError> {
        self.open_to_change(&start.dir)?;
        let furl = self.vdrive().ok_or(DirError::NoVdrive)?;
        let (name, inner) = names.split_first().ok_or(DirError::NotADirectory(String::new()))?;
        let born_with = |child: &NewEntry| checked(vec![linked(child, None, self.now())]);
        let only = |name: &str, cap| NewEntry {
            name: name.to_owned(),
            target: child_of(cap),
            metadata: None,
        };
        let deepest = create::fresh(&furl)?;
        let children = child.as_ref().map(born_with).transpose()?.unwrap_or_default();
        let mut born = vec![(deepest.clone(), children)];
        let mut top: DirCap = deepest.clone();
        for name in inner.iter().rev() {
            let children = born_with(&only(name, top))?;
            top = create::fresh(&furl)?;
            born.push((top.clone(), children));
        }
        try_join_all(born.into_iter().map(|one| create::create(self, &furl, one))).await?;
        self.set(start, vec![only(name, top)], Replace::No).await?;
        Ok(deepest.into())
    }
}

/// The directory that a child is; none where there is no child.
fn below(seen: &Seen, name: &str) -> Result<Option<Cap>, DirError> {
    match seen.child()?.map(|child| &child.target) {
        None => Ok(None),
        Some(Target::Known(cap)) if cap.is_directory() => Ok(Some(cap.clone())),
        Some(_) => Err(DirError::NotADirectory(name.to_owned())),
    }
}
