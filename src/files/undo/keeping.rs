//! What somebody's changes take out of directories, kept for them.

use super::{Deletion, Gone, Trash};
use crate::base::lock::locked;
use crate::files::address::{Address, percent_encode};
use crate::grid::dirnode::{Keeper, Lost};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Mutex;

/// Who changes something, and where.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    /// The address that is used, and whether it may name itself what goes; none where what changes is
    /// somewhere else.
    pub address: Option<(Address, bool)>,
    /// It is not the owner.
    pub stranger: bool,
    /// A person, who may not have known that there was something where something else is put. A program
    /// that replaces knows what it does, and may do it every minute: what it replaces is not kept.
    pub person: bool,
}

/// What somebody's changes take away, on its way into the record.
pub struct Keeping {
    trash: Trash,
    actor: Actor,
    last: Mutex<Option<String>>,
}

impl Keeping {
    pub fn new(trash: Trash, actor: Actor) -> Self {
        Self { trash, actor, last: Mutex::default() }
    }

    /// What puts back what was taken out last.
    pub fn token(&self) -> Option<String> {
        locked(&self.last).clone()
    }

    /// A deletion, without its links: to derive their caps takes long where they are many.
    fn deletion(&self, lost: &Lost) -> Deletion {
        let first = lost.links.first().map(|link| link.name.as_str());
        let place = match &self.actor.address {
            Some((address, true)) if address.name() == first => address.parent(),
            address => address.as_ref().map(|(address, _)| address.clone()),
        };
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
