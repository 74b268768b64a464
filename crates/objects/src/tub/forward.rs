//! Forwarders: a reference made out of another one that can do less, or not for ever.
//!
//! A forwarder holds the real reference and hands out itself. It passes the methods on that it was
//! made for, until it is revoked or its time is over; then it answers as if it had never been.

use super::error::RemoteError;
use super::interface::{AnyMessage, Call, Delivery, Interface, Object, failed};
use super::refs::Ref;
use crate::base::rim::Clock;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};

/// Makes a forwarder.
pub struct Forward<I> {
    to: Ref<I>,
    allowed: Option<Vec<u16>>,
    expires: Option<(Clock, u64)>,
}

/// Ends what a forwarder passes on.
pub struct Revoker<I>(Arc<Gate<I>>);

struct Gate<I> {
    /// Empty once revoked.
    to: RwLock<Option<Ref<I>>>,
    allowed: Option<Vec<u16>>,
    expires: Option<(Clock, u64)>,
}

impl<I: Interface> Forward<I> {
    pub fn to(to: Ref<I>) -> Self {
        Self { to, allowed: None, expires: None }
    }

    /// Passes on `M`, and of all other methods only those that were allowed likewise.
    #[must_use]
    pub fn allow<M: Call<I>>(mut self) -> Self {
        self.allowed.get_or_insert_default().push(M::METHOD);
        self
    }

    /// Passes nothing on from `seconds` since the epoch.
    #[must_use]
    pub fn until(mut self, clock: Clock, seconds: u64) -> Self {
        self.expires = Some((clock, seconds));
        self
    }

    /// The weaker reference, and the means to end it.
    pub fn build(self) -> (Ref<I>, Revoker<I>) {
        let Self { to, allowed, expires } = self;
        let gate = Arc::new(Gate { to: RwLock::new(Some(to)), allowed, expires });
        (Ref::local(Forwarder(gate.clone(), PhantomData)), Revoker(gate))
    }
}

impl<I> Revoker<I> {
    /// From now on nothing passes. What was under way ends as it will.
    pub fn revoke(&self) {
        let dropped = self.0.to.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(dropped);
    }
}

struct Forwarder<I>(Arc<Gate<I>>, PhantomData<fn() -> I>);

impl<I: Interface> Object for Forwarder<I> {
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        let gate = &self.0;
        let over = gate.expires.as_ref().is_some_and(|(clock, end)| clock.now() >= *end);
        let to = gate.to.read().unwrap_or_else(PoisonError::into_inner).clone();
        match to {
            Some(to) if !over => match &gate.allowed {
                Some(allowed) if !allowed.contains(&method) => failed(RemoteError::NoSuchMethod),
                _ => I::forward(&to, method, message),
            },
            _ => failed(RemoteError::NoSuchObject),
        }
    }
}
