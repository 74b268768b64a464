//! References to objects, wherever they live.

use super::conn::{Departure, Import};
use super::error::RemoteError;
use super::frame::CapDesc;
use super::furl::{Furl, TubId};
use super::interface::{AnyMessage, BoxFuture, Call, Delivery, Interface, Object};
use super::lazy::LazyRef;
use super::progress::Progress;
use super::promise::Promise;
use super::sturdy::Export;
use super::wire::{Incoming, Outgoing, Wire};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::sync::oneshot;

#[derive(Clone)]
enum Place {
    Local(Arc<dyn Object>),
    Remote { import: Arc<Import>, furl: Option<Furl> },
    Lazy(Arc<LazyRef>),
}

/// The right to call one object, and the only way to. Local and remote are one type; clone it, send
/// it in a message, keep it in an actor. It cannot be serialised outside a connection.
pub struct Ref<I> {
    place: Place,
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
            (Place::Local(a), Place::Local(b)) => Arc::ptr_eq(a, b),
            (Place::Remote { import: a, .. }, Place::Remote { import: b, .. }) => Arc::ptr_eq(a, b),
            (Place::Lazy(a), Place::Lazy(b)) => a.furl() == b.furl(),
            _ => false,
        }
    }
}

impl<I> Ref<I> {
    fn at(place: Place) -> Self {
        Self { place, interface: PhantomData }
    }

    pub(super) fn local_object(&self) -> Option<Arc<dyn Object>> {
        match &self.place {
            Place::Local(object) => Some(object.clone()),
            _ => None,
        }
    }
}

impl<I: Interface> Ref<I> {
    /// A reference to an object of this process.
    pub fn local(object: impl Object) -> Self {
        Self::at(Place::Local(Arc::new(object)))
    }

    pub(super) fn from_object(object: Arc<dyn Object>) -> Self {
        Self::at(Place::Local(object))
    }

    pub(super) fn remote(import: Arc<Import>) -> Self {
        Self::at(Place::Remote { import, furl: None })
    }

    /// The same, remembering by which furl it can be handed on.
    pub(super) fn known_as(self, furl: &Furl) -> Self {
        match self.place {
            Place::Remote { import, .. } => {
                Self::at(Place::Remote { import, furl: Some(furl.clone()) })
            }
            place => Self::at(place),
        }
    }

    pub(super) fn lazy(lazy: LazyRef) -> Self {
        Self::at(Place::Lazy(Arc::new(lazy)))
    }

    /// Calls the object. The call is queued before this returns, behind all earlier ones to the
    /// same object, whether or not the answer is awaited; dropping the future only drops the
    /// answer.
    pub fn call<M: Call<I>>(&self, message: M) -> CallFuture<M::Reply> {
        match &self.place {
            Place::Local(object) => {
                let (delivery, progress) = object.deliver_followed(M::METHOD, Box::new(message));
                CallFuture(Answer::Local(delivery, progress))
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
        let Place::Remote { import, .. } = &self.place else {
            return Promise::of(self.call(message));
        };
        match import.conn.promise(import.target.clone(), message) {
            Ok(promise) => promise,
            Err(message) => Promise::of(self.call(message)),
        }
    }

    /// Queues a call; answers how it comes forward, if it is on a link already.
    pub(super) fn issue<M: Call<I>>(
        &self,
        message: M,
        reply: oneshot::Sender<Result<M::Reply, RemoteError>>,
    ) -> Option<Departure> {
        match &self.place {
            Place::Remote { import, .. } => {
                return import.conn.call(import.target.clone(), message, reply);
            }
            Place::Lazy(lazy) => lazy.with::<I>(Box::new(move |found| match found {
                Ok(reference) => drop(reference.issue(message, reply)),
                Err(error) => drop(reply.send(Err(error))),
            })),
            Place::Local(object) => {
                let delivery = object.deliver(M::METHOD, Box::new(message));
                // Boxed: one kind of task for all messages, not one each.
                let answer: BoxFuture<()> = Box::pin(async move {
                    let _ = reply.send(downcast(delivery.await));
                });
                actix_rt::spawn(answer);
            }
        }
        None
    }

    /// Calls without waiting for the outcome.
    pub fn send_only<M: Call<I>>(&self, message: M) {
        drop(self.call(message));
    }

    /// Completes when the connection that this reference goes through is lost; never for a local
    /// or a lazy one, which survive connections.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<I> {
        let closed = match &self.place {
            Place::Remote { import, .. } => Some(import.conn.closed()),
            _ => None,
        };
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
        match &self.place {
            Place::Remote { import, .. } => import.conn.is_open(),
            _ => true,
        }
    }

    /// The tub that hosts the object; `None` if it is this process.
    pub fn peer(&self) -> Option<TubId> {
        match &self.place {
            Place::Local(_) => None,
            Place::Remote { import, .. } => Some(import.conn.peer()),
            Place::Lazy(lazy) => Some(lazy.furl().tub()),
        }
    }

    /// Which process of that tub hosts it: another one after a restart. `None` if it is this process,
    /// or not reached yet.
    pub fn incarnation(&self) -> Option<u64> {
        match &self.place {
            Place::Remote { import, .. } => Some(import.conn.incarnation()),
            Place::Local(_) | Place::Lazy(_) => None,
        }
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

enum Answer<R> {
    Local(Delivery, Option<Arc<dyn Progress>>),
    Remote(oneshot::Receiver<Result<R, RemoteError>>, Option<Departure>),
    Given,
}

/// The answer of a call that is on its way.
pub struct CallFuture<R>(Answer<R>);

impl<R> CallFuture<R> {
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
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push(delivery);
    kept.retain_mut(|delivery| delivery.as_mut().poll(&mut nobody).is_pending());
}

fn downcast<R: 'static>(answer: Result<AnyMessage, RemoteError>) -> Result<R, RemoteError> {
    answer?.downcast().map(|reply| *reply).map_err(|_| RemoteError::Stopped)
}

impl<I: Interface> Wire for Ref<I> {
    type Twin = CapDesc;

    fn into_wire(self, out: &mut Outgoing<'_>) -> Result<CapDesc, RemoteError> {
        match &self.place {
            Place::Remote { import, furl } if Arc::ptr_eq(&import.conn, out.conn) => {
                match import.target {
                    super::frame::Target::Export(export) => {
                        out.lent.push(import.clone());
                        Ok(CapDesc::ReceiverHosted { export })
                    }
                    _ => gift(furl.as_ref()),
                }
            }
            Place::Remote { furl: Some(furl), .. } => gift(Some(furl)),
            Place::Lazy(lazy) => gift(Some(lazy.furl())),
            Place::Local(_) | Place::Remote { .. } => {
                let descriptor = out.conn.export(Export::of(self))?;
                if let CapDesc::SenderHosted { export, .. } = &descriptor {
                    out.exported.push(*export);
                }
                Ok(descriptor)
            }
        }
    }

    fn object(&self) -> Option<Export> {
        Some(Export::of(self.clone()))
    }

    fn from_wire(twin: CapDesc, from: &mut Incoming<'_>) -> Result<Self, RemoteError> {
        match twin {
            CapDesc::SenderHosted { interface, .. } if interface != I::id() => {
                Err(RemoteError::WrongInterface)
            }
            CapDesc::SenderHosted { export, .. } => Ok(Self::remote(from.conn.import(export))),
            CapDesc::ReceiverHosted { export } => {
                let own = from.conn.own(export).ok_or(RemoteError::NoSuchObject)?;
                if own.interface() != I::id() {
                    return Err(RemoteError::WrongInterface);
                }
                Ok(Self::from_object(own.object()))
            }
            CapDesc::ThirdParty { furl } => {
                let tub = from.conn.gifts().ok_or(RemoteError::BadArguments)?;
                let furl = Furl::parse(&furl).map_err(|_| RemoteError::BadArguments)?;
                Ok(Self::lazy(LazyRef::new(&tub, furl)))
            }
        }
    }
}

fn gift(furl: Option<&Furl>) -> Result<CapDesc, RemoteError> {
    let furl = furl.ok_or(RemoteError::BadArguments)?;
    Ok(CapDesc::ThirdParty { furl: furl.reveal() })
}
