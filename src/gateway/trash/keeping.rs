//! What one request takes out of directories, kept for its user.

use super::{Deletion, Gone, Trash};
use crate::base::lock::locked;
use crate::gateway::address::Address;
use crate::grid::dirnode::{Keeper, Lost};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Mutex;

/// Whose request it is, and what it addresses.
pub struct Keeping {
    trash: Trash,
    /// None where what it changes is somewhere else.
    address: Option<Address>,
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
    pub fn new(trash: Trash, address: Option<Address>, asker: Asker) -> Self {
        let Asker { stranger, browser } = asker;
        Self { trash, address, stranger, replaced_too: browser, last: Mutex::default() }
    }

    /// What puts back what was taken out last.
    pub fn token(&self) -> Option<String> {
        locked(&self.last).clone()
    }

    fn deletion(&self, lost: Lost) -> Deletion {
        let Lost { token, dir, links, replaced } = lost;
        let first = links.first().map(|link| link.name.as_str());
        let place = match &self.address {
            Some(address) if address.name() == first => address.parent(),
            address => address.clone(),
        };
        Deletion {
            token,
            time: self.trash.now(),
            place: place.map_or_else(|| format!("/uri/{}", dir.reveal()), |place| place.path()),
            dir: dir.reveal(),
            links: links.iter().map(Gone::new).collect(),
            replaced,
            stranger: self.stranger,
            size: 0,
        }
    }
}

impl Keeper for Keeping {
    fn keep(&self, lost: Lost) -> BoxFuture<'_, Result<(), String>> {
        let wanted = !lost.replaced || self.replaced_too;
        async move {
            if !wanted {
                return Ok(());
            }
            let token = lost.token.clone();
            let deletion = self.deletion(lost);
            self.trash.on_disk(|trash| trash.keep(deletion)).await?;
            *locked(&self.last) = Some(token);
            Ok(())
        }
        .boxed()
    }

    fn forget(&self, token: String) -> BoxFuture<'_, ()> {
        async move {
            if self.token().as_ref() != Some(&token) {
                return;
            }
            // What stays written down can be forgotten by hand.
            let _ = self.trash.on_disk(move |trash| trash.forget(&token)).await;
        }
        .boxed()
    }
}
