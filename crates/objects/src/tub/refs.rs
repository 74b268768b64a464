//! References to objects, wherever they live.

use super::call::{CallFuture, Reply, issue};
use super::carrier::Import;
use super::furl::{Furl, TubId};
use super::interface::{Call, Interface};
use super::lazy::LazyRef;
use super::live::Live;
use super::object::Object;
use super::promise::Promise;
use super::traffic::Departure;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use tokio::sync::oneshot;

#[derive(Clone)]
pub(super) enum Place {
    /// If a peer has the object, perhaps with a furl by which others find it there.
    Live(Live, Option<Furl>),
    Lazy(Arc<LazyRef>),
}

/// The right to call one object, and the only way to. Local and remote are one type; clone it, send
/// it in a message, keep it in an actor. It cannot be serialised outside a connection.
pub struct Ref<I> {
    pub(super) place: Place,
    interface: PhantomData<fn() -> I>,
}

impl<I> Clone for Ref<I> {
    fn clone(&self) -> Self {
        Self::at(self.place.clone())
    }
}

impl<I: Interface> std::fmt::Debug for Ref<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.peer() {
            Some(peer) => write!(f, "Ref<{}> at {peer}", I::NAME),
            None => write!(f, "Ref<{}>", I::NAME),
        }
    }
}

/// Two references are equal if they lead to the same object by the same way.
impl<I> PartialEq for Ref<I> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Place::Live(a, _), Place::Live(b, _)) => a.is(b),
            (Place::Lazy(a), Place::Lazy(b)) => a.furl() == b.furl(),
            _ => false,
        }
    }
}

impl<I> Ref<I> {
    fn at(place: Place) -> Self {
        Self { place, interface: PhantomData }
    }

    /// To an object that was found; by a furl, if it can be handed on with it.
    pub(super) fn found(live: Live, furl: Option<Furl>) -> Self {
        Self::at(Place::Live(live, furl))
    }

    pub(super) fn lazy(lazy: LazyRef) -> Self {
        Self::at(Place::Lazy(Arc::new(lazy)))
    }

    /// What it goes through, if that is a connection.
    fn remote(&self) -> Option<&Arc<Import>> {
        match &self.place {
            Place::Live(live, _) => live.remote(),
            Place::Lazy(_) => None,
        }
    }
}

impl<I: Interface> Ref<I> {
    /// A reference to an object of this process.
    pub fn local(object: impl Object) -> Self {
        Self::found(Live::Local(Arc::new(object)), None)
    }

    /// Calls the object. The call is queued before this returns, behind all earlier ones to the
    /// same object, whether or not the answer is awaited; dropping the future only drops the
    /// answer.
    pub fn call<M: Call<I>>(&self, message: M) -> CallFuture<M::Reply> {
        match &self.place {
            Place::Live(Live::Local(object), _) => {
                let (delivery, progress) = object.deliver_followed(M::METHOD, Box::new(message));
                CallFuture::local(delivery, progress)
            }
            _ => {
                let (send, receive) = oneshot::channel();
                let departure = self.issue(message, send);
                CallFuture::remote(receive, departure)
            }
        }
    }

    /// Calls for a reference, and gives it out before it is there. What is called through it leaves at
    /// once, if the peer allows it, and so takes no round trip of its own.
    ///
    /// ```
    /// # use tahoe_objects::tub::{Ref, RemoteError};
    /// # tahoe_objects::remote_interface! {
    /// #     interface Room = "example.room.v1" { 0 => Enter { name: String } -> Ref<Seat> }
    /// # }
    /// # tahoe_objects::remote_interface! {
    /// #     interface Seat = "example.seat.v1" { 0 => Say { text: String } -> () }
    /// # }
    /// async fn greet(room: &Ref<Room>) -> Result<Ref<Seat>, RemoteError> {
    ///     let seat = room.promise(Enter { name: "bob".to_owned() });
    ///     seat.call(Say { text: "hello".to_owned() }).await?;
    ///     seat.settled().await
    /// }
    /// ```
    pub fn promise<J: Interface, M: Call<I, Reply = Ref<J>>>(&self, message: M) -> Promise<J> {
        let ahead = match self.remote() {
            Some(import) => Promise::ahead::<I, M>(import, message),
            None => Err(message),
        };
        ahead.unwrap_or_else(|message| Promise::of(self.call(message)))
    }

    /// Queues a call; answers how it comes forward, if it is on a link already.
    pub(super) fn issue<M: Call<I>>(
        &self,
        message: M,
        reply: Reply<M::Reply>,
    ) -> Option<Departure> {
        match &self.place {
            Place::Live(live, _) => issue::<I, M>(live, message, reply),
            Place::Lazy(lazy) => {
                lazy.with(Box::new(move |found| match found {
                    Ok(live) => drop(issue::<I, M>(live, message, reply)),
                    Err(error) => drop(reply.send(Err(error))),
                }));
                None
            }
        }
    }

    /// Calls without waiting for the outcome.
    pub fn send_only<M: Call<I>>(&self, message: M) {
        drop(self.call(message));
    }

    /// Completes when the connection that this reference goes through is lost; never for a local
    /// or a lazy one, which survive connections.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<I> {
        let closed = self.remote().map(|import| import.carrier.closed());
        async move {
            match closed {
                Some(closed) => closed.wait().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Tells `recipient` when the connection is lost (notify-on-disconnect). Dropping the watch
    /// takes the request back.
    pub fn notify(&self, recipient: actix::Recipient<Disconnected>) -> Watch {
        let lost = self.lost();
        let peer = self.peer();
        Watch(actix_rt::spawn(async move {
            lost.await;
            recipient.do_send(Disconnected { peer });
        }))
    }

    /// False once the connection is known to be lost.
    pub fn is_connected(&self) -> bool {
        self.remote().is_none_or(|import| import.carrier.is_open())
    }

    /// The tub that hosts the object; `None` if it is this process.
    pub fn peer(&self) -> Option<TubId> {
        match &self.place {
            Place::Live(live, _) => live.remote().map(|import| import.carrier.peer()),
            Place::Lazy(lazy) => Some(lazy.furl().tub()),
        }
    }

    /// Which process of that tub hosts it: another one after a restart. `None` if it is this process,
    /// or not reached yet.
    pub fn incarnation(&self) -> Option<u64> {
        self.remote().map(|import| import.carrier.incarnation())
    }
}

/// Says that the way to an object is gone.
#[derive(Debug, Clone, Copy, actix::Message)]
#[rtype(result = "()")]
pub struct Disconnected {
    /// The tub that hosts it.
    pub peer: Option<TubId>,
}

/// A request for [`Disconnected`]; dropping it takes the request back.
pub struct Watch(actix_rt::task::JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}
