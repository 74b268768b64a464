//! Putting back what was taken out, or forgetting it.

use super::super::change::beside;
use super::super::{Files, FilesError};
use super::{Deletion, Gone};
use crate::cap::Cap;
use crate::grid::dirnode::{DirError, NewEntry, Replace};
use std::collections::HashSet;

impl Files {
    /// What a token puts back, all of it or what has this name. The token is the permission.
    pub fn deleted(&self, token: &str, name: Option<&str>) -> Result<Deletion, FilesError> {
        let mut found = self.trash.find(token).ok_or(FilesError::NotKept)?;
        found.links.retain(|link| name.is_none_or(|name| link.name == name));
        if found.links.is_empty() { Err(FilesError::NotKept) } else { Ok(found) }
    }

    /// Puts back what was taken out. What took the place of something stays, and what was there comes
    /// beside it. The names that it has now.
    pub async fn put_back(&self, deletion: Deletion) -> Result<Vec<String>, FilesError> {
        let done_with = names(&deletion);
        let Deletion { token, dir, links, replaced, .. } = deletion;
        let dir = Cap::parse(&dir)?;
        let back = |mut link: Gone| {
            if replaced {
                link.name = beside(&link.name, "earlier");
            }
            link.entry()
        };
        let entries: Vec<NewEntry> = links.into_iter().map(back).collect::<Result<_, _>>()?;
        let names = entries.iter().map(|entry| entry.name.clone()).collect();
        match self.directories.set(&dir, entries, Replace::No).await {
            Err(DirError::Exists(name)) => return Err(FilesError::NameTaken(name)),
            done => done?,
        };
        // What stays written down can be forgotten by hand.
        let _ = self.trash.on_disk(move |trash| trash.forget_links(&token, &done_with)).await;
        Ok(names)
    }

    /// Forgets what was taken out, for good.
    pub async fn forget(&self, deletion: Deletion) -> Result<Vec<String>, FilesError> {
        let (token, done_with) = (deletion.token.clone(), names(&deletion));
        let names = deletion.links.into_iter().map(|link| link.name).collect();
        let done = self.trash.on_disk(move |trash| trash.forget_links(&token, &done_with)).await;
        done.map_err(FilesError::Record)?;
        Ok(names)
    }
}

fn names(deletion: &Deletion) -> HashSet<String> {
    deletion.links.iter().map(|link| link.name.clone()).collect()
}

/// Whether two write caps are of one directory: by their keys, as the rest says where it is, and to
/// derive what else tells directories apart takes too long for thousands of them.
pub fn same_directory(one: &str, other: &str) -> bool {
    one.rsplit(':').next() == other.rsplit(':').next()
}
