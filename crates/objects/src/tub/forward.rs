//! Forwarders: a reference made out of another one that can do less, or not for ever.
//!
//! A forwarder holds the real reference and hands out itself. It passes the methods on that it was
//! made for, until it is revoked, its time is over or its calls are used up; then it answers as if it
//! had never been, and holds the real reference no longer.

use super::error::RemoteError;
use super::interface::{Call, Interface};
use super::object::{AnyMessage, Delivery, Object, failed};
use super::refs::Ref;
use crate::base::lock::locked;
use crate::base::system::Clock;
use std::sync::{Arc, Mutex, MutexGuard};

/// Makes a forwarder.
pub struct Forward<I> {
    terms: Terms,
    way: Way<I>,
}

/// Ends what a forwarder passes on.
pub struct Revoker<I>(Arc<Gate<I>>);

#[derive(Default)]
struct Terms {
    /// Methods that pass; all of them if `None`.
    allowed: Option<Vec<u16>>,
    expires: Option<(Clock, u64)>,
}

struct Way<I> {
    /// Empty once nothing passes any more.
    to: Option<Ref<I>>,
    /// Calls that will still pass; without end if `None`.
    left: Option<u64>,
}

impl<I: Interface> Forward<I> {
    /// Begins with one that passes everything on, until it is revoked.
    pub fn to(to: Ref<I>) -> Self {
        Self { terms: Terms::default(), way: Way { to: Some(to), left: None } }
    }

    /// Passes on `M`, and of all other methods only those that were allowed likewise.
    #[must_use]
    pub fn allow<M: Call<I>>(mut self) -> Self {
        self.terms.allowed.get_or_insert_default().push(M::METHOD);
        self
    }

    /// Passes nothing on from `seconds` since the epoch.
    #[must_use]
    pub fn until(mut self, clock: Clock, seconds: u64) -> Self {
        self.terms.expires = Some((clock, seconds));
        self
    }

    /// Passes on so many calls, whatever comes of them, and then nothing. One that is not allowed is
    /// not counted.
    #[must_use]
    pub fn at_most(mut self, calls: u64) -> Self {
        self.way.left = Some(calls);
        self.way.to = self.way.to.filter(|_| calls > 0);
        self
    }

    /// The weaker reference, and the means to end it.
    pub fn build(self) -> (Ref<I>, Revoker<I>) {
        let gate = Arc::new(Gate { terms: self.terms, way: Mutex::new(self.way) });
        (Ref::local(Forwarder(gate.clone())), Revoker(gate))
    }
}

impl<I> Revoker<I> {
    /// From now on nothing passes. What was under way ends as it will.
    pub fn revoke(&self) {
        self.0.shut();
    }
}

struct Gate<I> {
    terms: Terms,
    way: Mutex<Way<I>>,
}

impl<I> Gate<I> {
    fn lock(&self) -> MutexGuard<'_, Way<I>> {
        locked(&self.way)
    }

    /// Drops the real reference outside of the lock: its end may be the end of much else.
    fn shut(&self) {
        let dropped = self.lock().to.take();
        drop(dropped);
    }

    /// Where a call of `method` goes. If it goes anywhere, it counts.
    fn pass(&self, method: u16) -> Result<Ref<I>, RemoteError> {
        if self.terms.are_over() {
            self.shut();
        }
        let mut way = self.lock();
        if way.to.is_some() && !self.terms.allow(method) {
            return Err(RemoteError::NoSuchMethod);
        }
        let to = match &mut way.left {
            None => way.to.clone(),
            // The last one, or there is none to take.
            Some(0 | 1) => way.to.take(),
            Some(left) => {
                *left -= 1;
                way.to.clone()
            }
        };
        to.ok_or(RemoteError::NoSuchObject)
    }
}

impl Terms {
    fn are_over(&self) -> bool {
        self.expires.as_ref().is_some_and(|(clock, end)| clock.now() >= *end)
    }

    fn allow(&self, method: u16) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&method))
    }
}

struct Forwarder<I>(Arc<Gate<I>>);

impl<I: Interface> Object for Forwarder<I> {
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        match self.0.pass(method) {
            Ok(to) => I::forward(&to, method, message),
            Err(error) => failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    crate::remote_interface! {
        interface Bell = "test.forward.bell.v1" {
            0 => Ring {} -> (),
            1 => Melt {} -> (),
        }
    }

    struct Brass {
        _here: Arc<()>,
    }

    impl Object for Brass {
        fn deliver(&self, _: u16, _: AnyMessage) -> Delivery {
            Box::pin(std::future::ready(Ok(Box::new(()) as AnyMessage)))
        }
    }

    /// A bell that only a forwarder holds, and what tells whether it is there.
    fn bell() -> (Forward<Bell>, Arc<()>) {
        let here = Arc::new(());
        (Forward::to(Ref::local(Brass { _here: here.clone() })), here)
    }

    fn rung(bell: &Ref<Bell>) -> Result<(), RemoteError> {
        bell.call(Ring {}).now_or_never().unwrap()
    }

    #[test]
    fn calls_are_counted_and_the_last_lets_the_object_go() {
        let (forward, here) = bell();
        let (bell, _revoker) = forward.allow::<Ring>().at_most(2).build();
        let other = bell.clone();
        assert_eq!(rung(&bell), Ok(()));
        let refused = bell.call(Melt {}).now_or_never().unwrap();
        assert_eq!((refused, Arc::strong_count(&here)), (Err(RemoteError::NoSuchMethod), 2));
        assert_eq!(rung(&other), Ok(()), "what is refused does not count");
        assert_eq!(Arc::strong_count(&here), 1);
        assert_eq!([rung(&bell), rung(&other)], [const { Err(RemoteError::NoSuchObject) }; 2]);
    }

    #[test]
    fn none_of_no_calls_passes() {
        let (forward, here) = bell();
        let (bell, _revoker) = forward.at_most(0).build();
        assert_eq!((rung(&bell), Arc::strong_count(&here)), (Err(RemoteError::NoSuchObject), 1));
    }

    #[test]
    fn what_is_over_lets_the_object_go_and_stays_over() {
        let (forward, here) = bell();
        let clock = Clock::manual(10);
        let (bell, _revoker) = forward.until(clock.clone(), 11).build();
        assert_eq!(rung(&bell), Ok(()));
        clock.advance(1);
        assert_eq!(rung(&bell), Err(RemoteError::NoSuchObject));
        clock.set(10);
        assert_eq!((rung(&bell), Arc::strong_count(&here)), (Err(RemoteError::NoSuchObject), 1));
    }
}
