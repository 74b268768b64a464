//! A node's side: announces its services, follows a service's list, and comes back after every
//! lost link.
//!
//! What the introducer says is checked here once (signature, tub, sequence) and only then handed to
//! the node's [`Listener`]. That a server is "gone" is hearsay: it is reported, never acted upon.

use super::announcement::Announcement;
use super::api::{self, Changed, GridParameters, Publish, Publisher, StillThere, Subscribe};
use super::api::{Subscriber, Welcome};
use super::book::{Book, Change};
use crate::tub::{Furl, Reconnector, Ref, RemoteError, Tub, TubId};
use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture};

/// What a node does with news. Called on the follower's thread; must not block.
pub trait Listener: Send + 'static {
    /// A service is new, or said something newer about itself.
    fn announced(&mut self, announcement: &Announcement);
    /// The introducer says that this tub is not connected to it; of this node's own, that another
    /// process with its key is.
    fn gone(&mut self, tub: TubId);
    /// The grid's encoding parameters, checked to be sound.
    fn parameters(&mut self, parameters: GridParameters);
    /// The link to the introducer came (`true`) or went.
    fn introducer(&mut self, connected: bool);
    /// One batch of news is over: the time to write the list down.
    fn settled(&mut self, book: &Book);
}

/// Follows one service at one introducer until it is dropped.
pub struct Follower {
    service: String,
    publish: Vec<Announcement>,
    book: Book,
    listener: Box<dyn Listener>,
    /// Links so far; the end of an old one says nothing about the new one.
    link: u64,
    reconnector: Option<Reconnector>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Connected(Ref<api::Introducer>);

#[derive(Message)]
#[rtype(result = "()")]
struct Keep(Reconnector);

impl Follower {
    /// Starts on the current arbiter. `known` is the list that the node kept, already verified;
    /// the listener hears of it first, so a grid works before (and without) its introducer.
    /// `publish` are this node's own announcements.
    pub fn start(
        service: &str,
        known: Vec<Announcement>,
        publish: Vec<Announcement>,
        listener: Box<dyn Listener>,
    ) -> Addr<Self> {
        let mut this = Self {
            service: service.to_owned(),
            publish,
            book: Book::default(),
            listener,
            link: 0,
            reconnector: None,
        };
        for announcement in known {
            this.offer(announcement);
        }
        Self::create(|_| this)
    }

    /// Keeps `follower` connected to the introducer at `furl`.
    pub fn follow(follower: &Addr<Self>, tub: &Tub, furl: Furl) {
        let weak = follower.downgrade();
        let reconnector = tub.keep::<api::Introducer>(furl, move |introducer| {
            if let Some(follower) = weak.upgrade() {
                follower.do_send(Connected(introducer));
            }
        });
        follower.do_send(Keep(reconnector));
    }

    fn offer(&mut self, announcement: Announcement) {
        if announcement.service != self.service {
            return;
        }
        match self.book.offer(announcement.clone()) {
            Change::New | Change::Newer => self.listener.announced(&announcement),
            Change::Same => {}
            Change::Stale => tracing::debug!(tub = %announcement.tub(), "old announcement ignored"),
            Change::Full => tracing::warn!("list of servers is full, a new one is ignored"),
        }
    }

    /// Takes what the introducer passed on; forgeries are dropped here.
    fn hear(&mut self, announced: &[Vec<u8>], parameters: Option<GridParameters>) {
        for bytes in announced {
            match Announcement::verify(bytes) {
                Ok(announcement) => self.offer(announcement),
                Err(error) => tracing::warn!(%error, "the introducer passed on a bad announcement"),
            }
        }
        match parameters {
            Some(sound) if sound.are_sound() => self.listener.parameters(sound),
            Some(_) => tracing::warn!("the introducer's encoding parameters make no sense"),
            None => {}
        }
        self.listener.settled(&self.book);
    }

    fn announce(&self, introducer: &Ref<api::Introducer>, ctx: &mut Context<Self>) {
        for announcement in &self.publish {
            let holder = Publisher::of(ctx.address());
            let publish = Publish { announcement: announcement.bytes().to_vec(), holder };
            let call = introducer.call(publish).into_actor(self);
            ctx.spawn(call.map(|answer, _, _| {
                if let Err(error) = answer {
                    tracing::warn!(%error, "the introducer refused our announcement");
                }
            }));
        }
    }
}

impl Actor for Follower {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0);
    }
}

impl Handler<Keep> for Follower {
    type Result = ();

    fn handle(&mut self, Keep(reconnector): Keep, _: &mut Self::Context) {
        self.reconnector = Some(reconnector);
    }
}

impl Handler<Connected> for Follower {
    type Result = ();

    fn handle(&mut self, Connected(introducer): Connected, ctx: &mut Self::Context) {
        self.link += 1;
        let link = self.link;
        self.listener.introducer(true);
        let lost = introducer.lost().into_actor(self);
        ctx.spawn(lost.map(move |(), this, _| {
            if this.link == link {
                this.listener.introducer(false);
            }
        }));
        self.announce(&introducer, ctx);
        let watcher = Subscriber::of(ctx.address());
        let subscribe = Subscribe { service: self.service.clone(), watcher };
        let call = introducer.call(subscribe).into_actor(self);
        ctx.spawn(call.map(|answer: Result<Welcome, _>, this, _| match answer {
            Ok(welcome) => this.hear(&welcome.announced, Some(welcome.parameters)),
            Err(error) => tracing::warn!(%error, "the introducer refused our subscription"),
        }));
    }
}

impl Handler<Changed> for Follower {
    type Result = Result<(), RemoteError>;

    fn handle(&mut self, news: Changed, _: &mut Self::Context) -> Self::Result {
        for tub in news.gone {
            self.listener.gone(TubId(tub));
        }
        self.hear(&news.announced, news.parameters);
        Ok(())
    }
}

impl Handler<StillThere> for Follower {
    type Result = Result<bool, RemoteError>;

    fn handle(&mut self, _: StillThere, _: &mut Self::Context) -> Self::Result {
        Ok(true)
    }
}
