//! References that are dialled when they are used: gifts from third parties, and furls that one
//! keeps without wanting a connection.

use super::error::RemoteError;
use super::furl::Furl;
use super::live::{Finder, Live};
use crate::base::lock::locked;
use std::sync::{Arc, Mutex, Weak};

/// What to do once the object is found, or is not.
type Then = Box<dyn FnOnce(Result<&Live, RemoteError>) + Send>;

enum State {
    Idle,
    Dialling(Vec<Then>),
    Ready(Live),
}

/// A furl, and the object it leads to while there is a way.
pub(super) struct LazyRef {
    finder: Weak<dyn Finder>,
    furl: Furl,
    interface: u32,
    state: Arc<Mutex<State>>,
}

impl LazyRef {
    pub(super) fn new(finder: &Arc<dyn Finder>, furl: Furl, interface: u32) -> Self {
        let state = Arc::new(Mutex::new(State::Idle));
        Self { finder: Arc::downgrade(finder), furl, interface, state }
    }

    pub(super) fn furl(&self) -> &Furl {
        &self.furl
    }

    /// Runs `then` with the object, in the order of these calls. Dials if need be.
    pub(super) fn with(&self, then: Then) {
        let mut state = locked(&self.state);
        match &mut *state {
            State::Ready(live) if live.is_connected() => return then(Ok(live)),
            State::Dialling(waiting) => return waiting.push(then),
            State::Ready(_) | State::Idle => {}
        }
        let Some(finder) = self.finder.upgrade() else {
            return then(Err(RemoteError::Disconnected));
        };
        if let Some(live) = finder.at_hand(&self.furl) {
            then(Ok(&live));
            *state = State::Ready(live);
            return;
        }
        *state = State::Dialling(vec![then]);
        drop(state);
        self.dial(&finder);
    }

    fn dial(&self, finder: &Arc<dyn Finder>) {
        let found = finder.clone().find(self.furl.clone(), self.interface);
        let shared = self.state.clone();
        finder.spawn(Box::pin(async move {
            let found = found.await;
            let mut state = locked(&shared);
            let next = found.clone().map_or(State::Idle, State::Ready);
            let State::Dialling(waiting) = std::mem::replace(&mut *state, next) else { return };
            for then in waiting {
                then(found.as_ref().map_err(Clone::clone));
            }
        }));
    }
}
