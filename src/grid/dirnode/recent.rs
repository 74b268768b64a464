//! Live references to what was used lately, held on purpose: a vdrive server keeps a directory in
//! memory as long as somebody holds a reference to it, and reads its log again when nobody does.

use crate::base::limits::{DIRECTORIES_HELD_MAX, DIRECTORY_TIME};
use crate::base::lock::locked;
use crate::tub::furl::digest;
use crate::tub::{Call, Furl, Interface, Ref, RemoteError, SwissnumDigest, Tub, TubId};
use crate::vdrive::api::{DirectoryReader, DirectoryWriter, Vdrive};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};

/// What one furl leads to.
type Key = (TubId, SwissnumDigest);

/// References, the newest at the end.
type Queue<I> = VecDeque<(Key, Ref<I>)>;

/// The last references of one interface. Clones share them.
pub(super) struct Recent<I>(Arc<Mutex<Queue<I>>>);

/// References of all interfaces that directories need.
#[derive(Clone, Default)]
pub(super) struct Held {
    pub readers: Recent<DirectoryReader>,
    pub writers: Recent<DirectoryWriter>,
    pub services: Recent<Vdrive>,
}

impl<I> Clone for Recent<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> Default for Recent<I> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<I: Interface> Recent<I> {
    fn lock(&self) -> MutexGuard<'_, Queue<I>> {
        locked(&self.0)
    }

    fn take(&self, key: &Key) -> Option<Ref<I>> {
        let mut held = self.lock();
        let at = held.iter().position(|(known, _)| known == key)?;
        held.remove(at).map(|(_, found)| found).filter(Ref::is_connected)
    }

    fn put(&self, key: Key, reference: Ref<I>) {
        let mut held = self.lock();
        held.retain(|(known, _)| *known != key);
        held.push_back((key, reference));
        let dropped = (held.len() > DIRECTORIES_HELD_MAX).then(|| held.pop_front());
        drop(held);
        drop(dropped);
    }

    /// A live reference to the object of `furl`.
    pub async fn get(&self, tub: &Tub, furl: &Furl) -> Result<Ref<I>, RemoteError> {
        let key = (furl.tub(), digest(furl.swissnum()));
        let found = match self.take(&key) {
            Some(found) => found,
            None => tub.get(furl).await?,
        };
        self.put(key, found.clone());
        Ok(found)
    }

    /// Calls the object of `furl`, and holds a reference to it from then on: what is not held yet is
    /// called by its name while the reference is asked for, which saves a round trip.
    async fn ask<M: Call<I>>(
        &self,
        tub: &Tub,
        furl: &Furl,
        message: M,
    ) -> Result<M::Reply, RemoteError> {
        let key = (furl.tub(), digest(furl.swissnum()));
        if let Some(found) = self.take(&key) {
            self.put(key, found.clone());
            return found.call(message).await;
        }
        let (get, call) = (pin!(tub.get(furl)), tub.sturdy(furl).call(message));
        // A good answer waits for nothing.
        let (found, answer) = match select(get, call).await {
            Either::Left((found, call)) => (Some(found), call.await),
            Either::Right((answer, get)) => (get.now_or_never(), answer),
        };
        if let Some(Ok(found)) = found {
            self.put(key, found);
        }
        answer
    }

    /// Calls the object of `furl`, over a new link if the old one turns out to be dead. What is asked
    /// may thus be asked twice.
    pub async fn call<M: Call<I>>(
        &self,
        tub: &Tub,
        furl: &Furl,
        message: impl Fn() -> M,
    ) -> Result<M::Reply, RemoteError> {
        let key = (furl.tub(), digest(furl.swissnum()));
        for attempt in 0.. {
            let answer = self.ask(tub, furl, message());
            let answer = tokio::time::timeout(DIRECTORY_TIME, answer).await;
            match answer.unwrap_or(Err(RemoteError::Timeout)) {
                Err(RemoteError::Disconnected | RemoteError::Stopped) if attempt == 0 => {
                    drop(self.take(&key));
                }
                answer => return answer,
            }
        }
        Err(RemoteError::Disconnected)
    }
}
