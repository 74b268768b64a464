//! The memory of directories that are listed or changed, all together.
//!
//! A directory of one page has room set apart, so that large ones do not keep small ones waiting. What
//! is larger says so by its signed head, and its room is taken before its rows are fetched.

use super::DirError;
use crate::base::budget::{Budget, Share};
use crate::base::limits::{
    CHANGE_ROOM, CHANGE_ROOM_MAX, DIRECTORY_ROOM_TIME, LARGE_DIRECTORIES_MAX, PAGE_ROOM,
    PAGES_BYTES_MAX, WALKS_BYTES_MAX,
};
use std::time::Duration;

/// What all directories of a client may take. Clones share it.
#[derive(Clone)]
pub struct Memory {
    pages: Budget,
    large: Budget,
    walks: Budget,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(LARGE_DIRECTORIES_MAX)
    }
}

impl Memory {
    /// With so many bytes for directories of more than a page.
    pub fn new(large: usize) -> Self {
        let [pages, walks] = [PAGES_BYTES_MAX, WALKS_BYTES_MAX].map(Budget::new);
        Self { pages, large: Budget::new(large), walks }
    }

    /// For what fits one page.
    pub(super) async fn page(&self, wait: Duration) -> Result<Share, DirError> {
        Ok(self.pages.take(PAGE_ROOM, wait).await?)
    }

    /// For more than that. Who asks has no room yet.
    pub async fn large(&self, bytes: usize, wait: Duration) -> Result<Share, DirError> {
        Ok(self.large.take(bytes, wait).await?)
    }

    /// For what a JSON text of this length describes, as it usually is; it may grow.
    pub async fn change(&self, length: usize) -> Result<Share, DirError> {
        match length.saturating_mul(CHANGE_ROOM) {
            ..=PAGE_ROOM => self.page(DIRECTORY_ROOM_TIME).await,
            large => self.large(large.min(CHANGE_ROOM_MAX), DIRECTORY_ROOM_TIME).await,
        }
    }

    /// For the paths that a walk has yet to tell; it grows.
    pub fn walk(&self) -> Share {
        self.walks.nothing()
    }
}
