//! References that are called before they are there.

use super::call::{CallFuture, issue_far, prepared, reply_to};
use super::carrier::Import;
use super::error::RemoteError;
use super::interface::{Call, Interface};
use super::refs::Ref;
use crate::base::lock::locked;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// What a call came to that was to answer a reference.
type Outcome<J> = Result<Ref<J>, RemoteError>;
/// What to do when that is known.
type Then<J> = Box<dyn FnOnce(&Outcome<J>) + Send>;

enum State<J> {
    Due(Vec<Then<J>>),
    Settled(Outcome<J>),
}

/// A reference that a call will answer ([`Ref::promise`]). What is called through it reaches the object
/// in the order in which it was called, and before what is called through the reference itself, unless
/// that leads elsewhere than through the peer: to an object of this process, or a third party's. If the
/// call fails, all that fails with the same error.
///
/// The peer keeps the object until this is dropped, or the link is lost.
pub struct Promise<J> {
    settled: Settle<J>,
    /// If the peer that will answer can be called ahead.
    ahead: Option<Import>,
}

/// Where the outcome is put.
struct Settle<J>(Arc<Mutex<State<J>>>);

impl<J> Clone for Settle<J> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<J> Default for Settle<J> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State::Due(Vec::new()))))
    }
}

impl<J> Settle<J> {
    /// Once: those who wait are told, in order, before anybody who comes later.
    fn settle(&self, outcome: Outcome<J>) {
        loop {
            let mut state = locked(&self.0);
            let State::Due(waiting) = &mut *state else { return };
            if waiting.is_empty() {
                *state = State::Settled(outcome);
                return;
            }
            // An object of this process that is called now may call this promise itself.
            let waiting = std::mem::take(waiting);
            drop(state);
            waiting.into_iter().for_each(|then| then(&outcome));
        }
    }

    fn then(&self, then: Then<J>) {
        let mut state = locked(&self.0);
        match &mut *state {
            State::Due(waiting) => waiting.push(then),
            State::Settled(outcome) => {
                let outcome = outcome.clone();
                drop(state);
                then(&outcome);
            }
        }
    }
}

impl<J: Interface> Promise<J> {
    /// Of a call whose answer the peer keeps. The message comes back if it keeps none, or no more.
    pub(super) fn ahead<I, M>(of: &Import, message: M) -> Result<Self, M>
    where
        I: Interface,
        M: Call<I, Reply = Ref<J>>,
    {
        if !of.carrier.reserve_answer() {
            return Err(message);
        }
        let settled = Settle::default();
        let settle = settled.clone();
        let ahead = match prepared::<I, M>(of, message) {
            Ok(mut call) => {
                let reply = reply_to(&mut call, move |found| settle.settle(found));
                of.carrier.clone().ask(call, reply)
            }
            Err(error) => {
                of.carrier.give_back_answer();
                settle.settle(Err(error));
                None
            }
        };
        Ok(Self { settled, ahead })
    }

    /// Of a call that cannot be called ahead: what is called through this waits for its answer here.
    pub(super) fn of(answer: CallFuture<Ref<J>>) -> Self {
        let settled = Settle::default();
        let settle = settled.clone();
        actix_rt::spawn(async move { settle.settle(answer.await) });
        Self { settled, ahead: None }
    }

    /// Calls the object as [`Ref::call`] does.
    pub fn call<M: Call<J>>(&self, message: M) -> CallFuture<M::Reply> {
        let (send, receive) = oneshot::channel();
        if let Some(ahead) = &self.ahead {
            let departure = issue_far::<J, M>(ahead, message, send);
            return CallFuture::remote(receive, departure);
        }
        self.settled.then(Box::new(move |found| match found {
            Ok(reference) => drop(reference.issue(message, send)),
            Err(error) => drop(send.send(Err(error.clone()))),
        }));
        CallFuture::remote(receive, None)
    }

    /// Calls for a further reference: a row of such calls takes one round trip.
    pub fn promise<K: Interface, M: Call<J, Reply = Ref<K>>>(&self, message: M) -> Promise<K> {
        let ahead = match &self.ahead {
            Some(ahead) => Promise::ahead::<J, M>(ahead, message),
            None => Err(message),
        };
        ahead.unwrap_or_else(|message| Promise::of(self.call(message)))
    }

    /// The reference itself, when it is there.
    pub async fn settled(&self) -> Result<Ref<J>, RemoteError> {
        let (send, receive) = oneshot::channel();
        self.settled.then(Box::new(move |found| drop(send.send(found.clone()))));
        receive.await.unwrap_or(Err(RemoteError::Disconnected))
    }
}
