//! What one request takes out of directories, kept for its user.

use super::{Deletion, Gone, Trash};
use crate::base::lock::locked;
use crate::gateway::address::{Address, percent_encode};
use crate::grid::dirnode::{Keeper, Lost};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Mutex;

/// Whose request it is, and what it addresses.
pub struct Keeping {
    trash: Trash,
    /// None where what it changes is somewhere else; and whether it may name what goes itself.
    address: Option<(Address, bool)>,
    stranger: bool,
    /// A program that puts something in another's place knows what it does, and may do it every
    /// minute; a person in a browser may not have known that there was something.
    replaced_too: bool,
    last: Mutex<Option<String>>,
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Asker {
    pub stranger: bool,
    pub browser: bool,
}

impl Keeping {
    pub fn new(trash: Trash, address: Option<(Address, bool)>, asker: Asker) -> Self {
        let Asker { stranger, browser } = asker;
        Self { trash, address, stranger, replaced_too: browser, last: Mutex::default() }
    }

    /// What puts back what was taken out last.
    pub fn token(&self) -> Option<String> {
        locked(&self.last).clone()
    }

    /// A deletion, without its links: to derive their caps takes long where they are many.
    fn deletion(&self, lost: &Lost) -> Deletion {
        let first = lost.links.first().map(|link| link.name.as_str());
        let place = match &self.address {
            Some((address, true)) if address.name() == first => address.parent(),
            address => address.as_ref().map(|(address, _)| address.clone()),
        };
        let dir = lost.dir.reveal();
        let place = place.map_or_else(|| format!("/uri/{}", percent_encode(&dir)), |at| at.path());
        let (token, time, links) = (lost.token.clone(), self.trash.now(), Vec::new());
        let (replaced, stranger) = (lost.replaced, self.stranger);
        Deletion { token, time, place, dir, links, replaced, stranger, size: 0 }
    }
}

impl Keeper for Keeping {
    fn keep(&self, lost: Lost) -> BoxFuture<'_, Result<(), String>> {
        let wanted = !lost.replaced || self.replaced_too;
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
