//! Links that a change takes out of a directory: told before it is sent, so that they can be kept.

use super::{Directories, Entry, Target};
use crate::base::base32;
use crate::base::system::random;
use crate::cap::Cap;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// What one change takes away.
#[derive(Debug, Clone)]
pub struct Lost {
    /// Names the change: what is kept under it before is replaced.
    pub token: String,
    /// The directory's write cap.
    pub dir: Cap,
    pub links: Vec<Entry>,
    /// Others stand in their places afterwards.
    pub replaced: bool,
}

/// Keeps what changes take away.
pub trait Keeper: Send + Sync {
    /// What is lost is about to be lost; it is kept durably when this returns. A reason why it cannot
    /// be ends the change.
    fn keep(&self, lost: Lost) -> BoxFuture<'_, Result<(), String>>;

    /// It was not lost after all.
    fn forget(&self, token: String) -> BoxFuture<'_, ()>;
}

/// A change under way, as a [`Keeper`] sees it.
pub(super) struct Keeping<'a> {
    keeper: Option<&'a Arc<dyn Keeper>>,
    dir: &'a Cap,
    /// What is kept, under which token, of which certainly nothing is lost yet.
    kept: Option<(String, Vec<Entry>)>,
}

impl<'a> Keeping<'a> {
    pub fn new(dirs: &'a Directories, dir: &'a Cap) -> Self {
        Self { keeper: dirs.keeper.as_ref(), dir, kept: None }
    }

    /// Before an attempt.
    pub async fn keep(&mut self, links: Vec<Entry>, replaced: bool) -> Result<(), String> {
        let Some(keeper) = self.keeper else { return Ok(()) };
        if links.is_empty() {
            self.forget().await;
            return Ok(());
        }
        let token = match &self.kept {
            Some((_, kept)) if *kept == links => return Ok(()),
            Some((token, _)) => token.clone(),
            None => base32::encode(&random::<20>()),
        };
        let (dir, lost) = (self.dir.clone(), links.clone());
        keeper.keep(Lost { token: token.clone(), dir, links: lost, replaced }).await?;
        self.kept = Some((token, links));
        Ok(())
    }

    /// The change was made, or may have been.
    pub fn made(&mut self) {
        self.kept = None;
    }

    /// Nothing was lost.
    pub async fn forget(&mut self) {
        if let (Some(keeper), Some((token, _))) = (self.keeper, self.kept.take()) {
            keeper.forget(token).await;
        }
    }
}

impl Directories {
    /// The same, and what is taken out of a directory is kept first.
    #[must_use]
    pub fn kept_by(mut self, keeper: Arc<dyn Keeper>) -> Self {
        self.keeper = Some(keeper);
        self
    }
}

/// The link that is lost where `new` comes into its place.
pub(super) fn displaced(old: Option<&Entry>, new: &Target) -> Option<Entry> {
    old.filter(|old| old.child.target != *new).cloned()
}
