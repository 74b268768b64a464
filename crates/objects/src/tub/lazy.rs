//! References that are dialled when they are used: gifts from third parties, and furls that one
//! keeps without wanting a connection.

use super::error::RemoteError;
use super::furl::Furl;
use super::interface::Interface;
use super::refs::Ref;
use super::tub::{Tub, TubInner};
use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What to do once the reference is there, or is not.
type Then<I> = Box<dyn FnOnce(Result<&Ref<I>, RemoteError>) + Send>;

/// Erased `Vec<Then<I>>` and `Ref<I>`: one interface each, known to the typed methods.
enum State {
    Idle,
    Dialling(Box<dyn Any + Send>),
    Ready(Box<dyn Any + Send>),
}

/// A furl, and the live reference it leads to while there is one.
pub(super) struct LazyRef {
    tub: Weak<TubInner>,
    furl: Furl,
    state: Arc<Mutex<State>>,
}

impl LazyRef {
    pub(super) fn new(tub: &Arc<TubInner>, furl: Furl) -> Self {
        Self { tub: Arc::downgrade(tub), furl, state: Arc::new(Mutex::new(State::Idle)) }
    }

    pub(super) fn furl(&self) -> &Furl {
        &self.furl
    }

    /// Runs `then` with the live reference, in the order of these calls. Dials if need be.
    pub(super) fn with<I: Interface>(&self, then: Then<I>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Ready(reference) => {
                if let Some(reference) = reference.downcast_ref::<Ref<I>>()
                    && reference.is_connected()
                {
                    return then(Ok(reference));
                }
            }
            State::Dialling(waiting) => {
                if let Some(waiting) = waiting.downcast_mut::<Vec<Then<I>>>() {
                    return waiting.push(then);
                }
            }
            State::Idle => {}
        }
        let Some(tub) = self.tub.upgrade().map(Tub::from_inner) else {
            return then(Err(RemoteError::Disconnected));
        };
        if let Some(reference) = tub.by_name::<I>(&self.furl) {
            then(Ok(&reference));
            *state = State::Ready(Box::new(reference));
            return;
        }
        *state = State::Dialling(Box::new(vec![then]));
        drop(state);
        self.dial::<I>(tub);
    }

    fn dial<I: Interface>(&self, tub: Tub) {
        let (furl, shared) = (self.furl.clone(), self.state.clone());
        let arbiter = tub.arbiter();
        arbiter.spawn(async move {
            let found = tub.get::<I>(&furl).await;
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let next = match &found {
                Ok(reference) => State::Ready(Box::new(reference.clone())),
                Err(_) => State::Idle,
            };
            let State::Dialling(waiting) = std::mem::replace(&mut *state, next) else { return };
            for then in waiting.downcast::<Vec<Then<I>>>().into_iter().flat_map(|list| *list) {
                then(found.as_ref().map_err(Clone::clone));
            }
        });
    }
}
