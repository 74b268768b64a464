//! Uploads of the same file at the same time become one.
//!
//! Whoever asks second waits for the first one's outcome, good or bad. The work goes on as long as
//! anybody waits and is cut off, and its half-written shares given up, when nobody does.

use super::error::UploadError;
use super::placed::Uploaded;
use crate::base::StorageIndex;
use crate::base::lock::locked;
use futures_util::future::{BoxFuture, FutureExt, Shared, WeakShared};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

type Work = BoxFuture<'static, Result<Uploaded, UploadError>>;
/// What makes two uploads the same: the file, and when it counts as stored.
type Key = (StorageIndex, u16);

/// The uploads under way. Clones share it.
#[derive(Clone, Default)]
pub struct UnderWay(Arc<Mutex<HashMap<Key, WeakShared<Work>>>>);

impl UnderWay {
    /// The upload under way for `key`, or the one that `start` begins.
    pub fn join(&self, key: Key, start: impl FnOnce() -> Work) -> Shared<Work> {
        let mut under_way = locked(&self.0);
        let running = |work: &WeakShared<Work>| work.upgrade().filter(|work| work.peek().is_none());
        under_way.retain(|_, work| running(work).is_some());
        if let Some(work) = under_way.get(&key).and_then(running) {
            return work;
        }
        let work = start().shared();
        if let Some(weak) = work.downgrade() {
            under_way.insert(key, weak);
        }
        work
    }
}
