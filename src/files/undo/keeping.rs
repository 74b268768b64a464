//! What somebody's changes take out of directories, kept for them.

use super::{Deletion, Gone, Trash};
use crate::base::limits::PATH_MAX;
use crate::base::lock::locked;
use crate::cap::Cap;
use crate::files::address::{Address, percent_encode};
use crate::grid::dirnode::{Keeper, Lost};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Mutex;

/// Who changes something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Actor {
    /// It is not the owner.
    pub stranger: bool,
    /// A person, who may not have known that there was something where something else is put. A program
    /// that replaces knows what it does, and may do it every minute: what it replaces is not kept.
    pub person: bool,
}

/// As many directories of one request are known by where they stand.
const WAYS_MAX: usize = 2 * PATH_MAX;

/// What somebody's changes take away, on its way into the record.
pub struct Keeping {
    trash: Trash,
    actor: Actor,
    /// The directories that were passed, and where they stand.
    ways: Mutex<Vec<(Cap, Address)>>,
    last: Mutex<Option<String>>,
}

impl Keeping {
    pub fn new(trash: Trash, actor: Actor) -> Self {
        Self { trash, actor, ways: Mutex::default(), last: Mutex::default() }
    }

    /// A directory was found there.
    pub fn note_way(&self, dir: &Cap, address: impl FnOnce() -> Address) {
        let mut ways = locked(&self.ways);
        if ways.len() < WAYS_MAX && !ways.iter().any(|(known, _)| known == dir) {
            ways.push((dir.clone(), address()));
        }
    }

    /// Where a directory was found.
    pub fn way_to(&self, dir: &Cap) -> Option<Address> {
        let ways = locked(&self.ways);
        ways.iter().find(|(known, _)| known == dir).map(|(_, address)| address.clone())
    }

    /// What puts back what was taken out last.
    pub fn token(&self) -> Option<String> {
        locked(&self.last).clone()
    }

    /// A deletion, without its links: to derive their caps takes long where they are many.
    fn deletion(&self, lost: &Lost) -> Deletion {
        let place = self.way_to(&lost.dir);
        let dir = lost.dir.reveal();
        let place = place.map_or_else(|| format!("/uri/{}", percent_encode(&dir)), |at| at.path());
        let (token, time, links) = (lost.token.clone(), self.trash.now(), Vec::new());
        let (replaced, stranger) = (lost.replaced, self.actor.stranger);
        Deletion { token, time, place, dir, links, replaced, stranger, size: 0 }
    }
}

impl Keeper for Keeping {
    fn keep(&self, lost: Lost) -> BoxFuture<'_, Result<(), String>> {
        let wanted = !lost.replaced || self.actor.person;
        async move {
            if !wanted {
                return Ok(());
            }
            let deletion = self.deletion(&lost);
            let Lost { token, links, .. } = lost;
            let keep = move |trash: &Trash| {
                let links = links.iter().map(Gone::new).collect();
                trash.keep(Deletion { links, ..deletion })
            };
            self.trash.on_disk(keep).await?;
            *locked(&self.last) = Some(token);
            Ok(())
        }
        .boxed()
    }

    fn forget(&self, token: String) -> BoxFuture<'_, ()> {
        async move {
            if locked(&self.last).take_if(|last| *last == token).is_none() {
                return;
            }
            // What stays written down can be forgotten by hand.
            let _ = self.trash.on_disk(move |trash| trash.forget(&token)).await;
        }
        .boxed()
    }
}
