//! Calls as they are made, and their answers.

use super::carrier::{Import, OutCall, ReplyTo};
use super::error::RemoteError;
use super::interface::{Call, Interface};
use super::live::Live;
use super::object::{AnyMessage, BoxFuture, Delivery};
use super::progress::Progress;
use super::traffic::Departure;
use super::wire::{self, Wire};
use crate::base::limits::BULK_MAX;
use crate::base::lock::locked;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use tokio::sync::oneshot;

/// Where the answer of a call goes.
pub(super) type Reply<R> = oneshot::Sender<Result<R, RemoteError>>;

/// Queues a call; answers how it comes forward, if it is on a link already.
pub(super) fn issue<I: Interface, M: Call<I>>(
    to: &Live,
    message: M,
    reply: Reply<M::Reply>,
) -> Option<Departure> {
    match to {
        Live::Local(object) => {
            let delivery = object.deliver(M::METHOD, Box::new(message));
            // Boxed: one kind of task for all messages, not one each.
            let answer: BoxFuture<()> = Box::pin(async move {
                let _ = reply.send(downcast(delivery.await));
            });
            actix_rt::spawn(answer);
            None
        }
        Live::Remote(import) => issue_far::<I, M>(import, message, reply),
    }
}

/// The same to an object that a peer has, or will have.
pub(super) fn issue_far<I: Interface, M: Call<I>>(
    to: &Import,
    message: M,
    reply: Reply<M::Reply>,
) -> Option<Departure> {
    match prepared::<I, M>(to, message) {
        Ok(mut call) => {
            let deliver = reply_to(&mut call, move |answer| drop(reply.send(answer)));
            to.carrier.clone().call(call, deliver)
        }
        Err(error) => {
            let _ = reply.send(Err(error));
            None
        }
    }
}

/// Encodes a call; references in it become known to the peer, all or none.
pub(super) fn prepared<I: Interface, M: Call<I>>(
    to: &Import,
    message: M,
) -> Result<OutCall, RemoteError> {
    let payload = wire::encode(message, &to.carrier)?;
    let bulk_max = if M::Reply::HAS_BULK { BULK_MAX } else { 0 };
    let target = to.target.clone();
    let (method, in_bulk) = (M::METHOD, M::IN_BULK);
    Ok(OutCall { target, interface: I::id(), method, payload, bulk_max, in_bulk })
}

/// Decodes the reply for `then`. What the call names is held until it is here.
pub(super) fn reply_to<R: Wire>(
    call: &mut OutCall,
    then: impl FnOnce(Result<R, RemoteError>) + Send + 'static,
) -> ReplyTo {
    let lent = std::mem::take(&mut call.payload.lent);
    Box::new(move |carrier, raw| {
        let answer = raw.and_then(|raw| wire::decode_reply(raw, carrier));
        drop(lent);
        then(answer);
    })
}

enum Answer<R> {
    Local(Delivery, Option<Arc<dyn Progress>>),
    Remote(oneshot::Receiver<Result<R, RemoteError>>, Option<Departure>),
    Given,
}

/// The answer of a call that is on its way.
pub struct CallFuture<R>(Answer<R>);

impl<R> CallFuture<R> {
    /// Of a call that is delivered here.
    pub(super) fn local(delivery: Delivery, progress: Option<Arc<dyn Progress>>) -> Self {
        Self(Answer::Local(delivery, progress))
    }

    /// Of a call whose answer comes through a channel.
    pub(super) fn remote(
        answer: oneshot::Receiver<Result<R, RemoteError>>,
        departure: Option<Departure>,
    ) -> Self {
        Self(Answer::Remote(answer, departure))
    }

    /// A number that changes as long as the call comes forward: with each piece that leaves its link
    /// while the call waits there, and once more when it has left whole. Whoever loses patience with
    /// a peer can so tell a slow link from one that stands still.
    pub fn progress(&self) -> u64 {
        self.followed().map_or(0, Progress::left)
    }

    /// What tells how far it has come; an object of this process answers when it does, unless it
    /// stands for another one.
    fn followed(&self) -> Option<&dyn Progress> {
        match &self.0 {
            Answer::Remote(_, Some(departure)) => Some(departure),
            Answer::Local(_, progress) => progress.as_deref(),
            Answer::Remote(_, None) | Answer::Given => None,
        }
    }

    /// A number that grows with the bytes that move on this call's link: by those of calls until it
    /// has left, by very much when it has, and then by those of answers, its own and such as come
    /// before it. What has come of a record that is not whole counts for the time being. Always 0
    /// where nothing tells.
    pub fn moved(&self) -> u64 {
        self.followed().map_or(0, Progress::moved)
    }
}

impl<R: 'static> Future for CallFuture<R> {
    type Output = Result<R, RemoteError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.0 {
            Answer::Local(delivery, _) => downcast(ready!(delivery.as_mut().poll(cx))),
            Answer::Remote(answer, _) => {
                ready!(Pin::new(answer).poll(cx)).unwrap_or(Err(RemoteError::Disconnected))
            }
            // A future that is polled after its end has nothing more to say.
            Answer::Given => Err(RemoteError::Stopped),
        };
        self.0 = Answer::Given;
        Poll::Ready(answer)
    }
}

impl<R> Drop for CallFuture<R> {
    fn drop(&mut self) {
        // An actor skips a message whose sender no longer listens, so somebody has to: a call that
        // was made is a call that runs, here as over a link.
        let Answer::Local(delivery, _) = std::mem::replace(&mut self.0, Answer::Given) else {
            return;
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(delivery)),
            Err(_) => keep_until_delivered(delivery),
        }
    }
}

/// Keeps a delivery that nobody waits for, on a thread where nothing can be spawned, until its actor
/// has taken it. Those that are done go when the next one comes.
fn keep_until_delivered(delivery: Delivery) {
    static KEPT: Mutex<Vec<Delivery>> = Mutex::new(Vec::new());
    let mut nobody = Context::from_waker(Waker::noop());
    let mut kept = locked(&KEPT);
    kept.push(delivery);
    kept.retain_mut(|delivery| delivery.as_mut().poll(&mut nobody).is_pending());
}

fn downcast<R: 'static>(answer: Result<AnyMessage, RemoteError>) -> Result<R, RemoteError> {
    answer?.downcast().map(|reply| *reply).map_err(|_| RemoteError::Stopped)
}
