//! The introducer: who announces, who listens, and what each listener has not heard yet.
//!
//! All state is bounded: one announcement a tub and service, [`SERVICES_PER_TUB_MAX`] of a tub and
//! [`ANNOUNCEMENTS_MAX`] in all; and for each subscriber the set of tubs that changed since its last answer. An announcement lives as
//! long as the link whose node published it.

use super::announcement::Announcement;
use super::api::code;
use super::api::{Changed, GridParameters, Publish, Publisher, Subscribe, Subscriber, Welcome};
use super::book::{Book, Change};
use super::overview::Overview;
use crate::base::limits::{
    ANNOUNCE_FRAME_BYTES, ANNOUNCEMENTS_MAX, NICKNAME_MAX, SERVICES_PER_TUB_MAX, SUBSCRIBERS_MAX,
    SUBSCRIBERS_PER_TUB_MAX,
};
use crate::base::system::Clock;
use crate::tub::{Ref, RemoteError, TubId};
use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The actor behind `introducer.furl`.
pub struct Introducer {
    parameters: GridParameters,
    pub(super) services: BTreeMap<String, Book>,
    pub(super) holders: HashMap<(String, TubId), Holder>,
    pub(super) watchers: BTreeMap<u64, Watcher>,
    next_id: u64,
    /// What was last drawn up for who looks, and in which second.
    pub(super) seen: Option<(u64, Arc<Overview>)>,
}

/// The link that keeps an announcement alive.
pub(super) struct Holder {
    /// Seconds since 1970.
    pub(super) since: u64,
    /// Tells a new link from an old one's end.
    id: u64,
    _link: Ref<Publisher>,
    /// Waits for the end of the link.
    watch: SpawnHandle,
}

pub(super) struct Watcher {
    pub(super) to: Ref<Subscriber>,
    /// Seconds since 1970.
    pub(super) since: u64,
    /// Waits for the end of the link.
    watch: Option<SpawnHandle>,
    pub(super) service: String,
    /// Tubs of which it has not heard the latest.
    unheard: BTreeSet<TubId>,
    parameters_unheard: bool,
    /// An answer is awaited; nothing more is sent before.
    busy: bool,
}

/// New encoding parameters for the grid; subscribers are told.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SetParameters(pub GridParameters);

impl Introducer {
    /// An introducer with an empty list.
    pub fn new(parameters: GridParameters) -> Self {
        Self {
            parameters,
            services: BTreeMap::new(),
            holders: HashMap::new(),
            watchers: BTreeMap::new(),
            next_id: 0,
            seen: None,
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn announced(&self) -> usize {
        self.services.values().map(Book::len).sum()
    }

    /// Notes for everyone who follows `service` that `tub` has news.
    fn mark(&mut self, service: &str, tub: TubId, ctx: &mut Context<Self>) {
        let mut ids = Vec::new();
        for (id, watcher) in self.watchers.iter_mut().filter(|(_, w)| w.service == service) {
            watcher.unheard.insert(tub);
            ids.push(*id);
        }
        for id in ids {
            self.push(id, ctx);
        }
    }

    /// Sends one frame of news to a subscriber that is not busy with the last.
    fn push(&mut self, id: u64, ctx: &mut Context<Self>) {
        let Some(watcher) = self.watchers.get_mut(&id).filter(|watcher| !watcher.busy) else {
            return;
        };
        let book = self.services.get(&watcher.service);
        let news = watcher.take_news(book, self.parameters);
        let Some(news) = news else { return };
        watcher.busy = true;
        let call = watcher.to.call(news).into_actor(self);
        ctx.spawn(call.map(move |answer, this, ctx| {
            if answer.is_err() {
                this.dismiss(id, ctx);
            } else if let Some(watcher) = this.watchers.get_mut(&id) {
                watcher.busy = false;
                this.push(id, ctx);
            }
        }));
    }

    /// Takes an announcement into the list, or refuses it and leaves no trace.
    fn offer(&mut self, announcement: Announcement) -> Result<Change, RemoteError> {
        let (tub, service) = (announcement.tub(), announcement.service.clone());
        let known = self.services.get(&service).is_some_and(|book| book.get(&tub).is_some());
        if !known {
            let of_tub = self.services.values().filter(|book| book.get(&tub).is_some()).count();
            if of_tub >= SERVICES_PER_TUB_MAX || self.announced() >= ANNOUNCEMENTS_MAX {
                return Err(refused(code::FULL, "this introducer's list is full"));
            }
        }
        match self.services.entry(service).or_default().offer(announcement) {
            Change::Stale => Err(refused(code::STALE, "a newer announcement is known")),
            Change::Full => Err(refused(code::FULL, "this introducer's list is full")),
            change => Ok(change),
        }
    }

    /// From now on the announcement lives as long as this holder's link.
    fn hold(&mut self, service: &str, tub: TubId, holder: Ref<Publisher>, ctx: &mut Context<Self>) {
        let (id, service) = (self.fresh_id(), service.to_owned());
        let (key, lost) = ((service.clone(), tub), holder.lost().into_actor(self));
        let watch = ctx.spawn(lost.map(move |(), this, ctx| this.gone(&service, tub, id, ctx)));
        let holder = Holder { since: Clock::System.now(), id, _link: holder, watch };
        // One watch for each announcement, however often it is published.
        if let Some(old) = self.holders.insert(key, holder) {
            ctx.cancel_future(old.watch);
        }
    }

    /// Two processes with one key know nothing of each other; whoever both are connected to does. Each
    /// hears of its own tub that it is gone: the other is there in its place. An answer shows that the
    /// older one lives, and is not what a link that broke has left.
    fn tell_twins(&self, to: &Ref<Subscriber>, ctx: &mut Context<Self>) {
        let (Some(tub), Some(incarnation)) = (to.peer(), to.incarnation()) else { return };
        let news = move || Changed { announced: Vec::new(), gone: vec![tub.0], parameters: None };
        let others = self.watchers.values().map(|watcher| &watcher.to);
        let is_twin = |other: &&Ref<Subscriber>| {
            other.peer() == Some(tub) && other.incarnation() != Some(incarnation)
        };
        for other in others.filter(is_twin) {
            let (call, newer) = (other.call(news()).into_actor(self), to.clone());
            ctx.spawn(call.map(move |answer, this, ctx| {
                if answer.is_ok() {
                    tracing::warn!(%tub, "two nodes have one key");
                    ctx.spawn(newer.call(news()).into_actor(this).map(|_, _, _| ()));
                }
            }));
        }
    }

    /// Forgets a subscriber and what waits for the end of its link.
    fn dismiss(&mut self, id: u64, ctx: &mut Context<Self>) {
        if let Some(watch) = self.watchers.remove(&id).and_then(|watcher| watcher.watch) {
            ctx.cancel_future(watch);
        }
    }

    fn gone(&mut self, service: &str, tub: TubId, holder: u64, ctx: &mut Context<Self>) {
        let key = (service.to_owned(), tub);
        if self.holders.get(&key).is_some_and(|known| known.id == holder) {
            self.holders.remove(&key);
            if let Some(book) = self.services.get_mut(service) {
                book.remove(&tub);
                if book.is_empty() {
                    self.services.remove(service);
                }
            }
            tracing::info!(service, %tub, "no longer connected");
            self.mark(service, tub, ctx);
        }
    }
}

impl Watcher {
    /// At most one frame of what it has not heard; none when there is nothing.
    fn take_news(&mut self, book: Option<&Book>, parameters: GridParameters) -> Option<Changed> {
        let mut room = ANNOUNCE_FRAME_BYTES;
        let mut news = Changed {
            announced: Vec::new(),
            gone: Vec::new(),
            parameters: std::mem::take(&mut self.parameters_unheard).then_some(parameters),
        };
        while let Some(tub) = self.unheard.pop_first() {
            let known = book.and_then(|book| book.get(&tub));
            let size = known.map_or(tub.0.len(), |known| known.bytes().len());
            if size > room {
                self.unheard.insert(tub);
                break;
            }
            room -= size;
            match known {
                Some(known) => news.announced.push(known.bytes().to_vec()),
                None => news.gone.push(tub.0),
            }
        }
        let empty = news.announced.is_empty() && news.gone.is_empty() && news.parameters.is_none();
        (!empty).then_some(news)
    }
}

impl Actor for Introducer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Credits of the links bound what waits here; a bound on the mailbox would not.
        ctx.set_mailbox_capacity(0);
    }
}

impl Handler<Publish> for Introducer {
    type Result = Result<(), RemoteError>;

    fn handle(&mut self, msg: Publish, ctx: &mut Self::Context) -> Self::Result {
        let announcement = Announcement::verify(&msg.announcement).map_err(|_| not_yours())?;
        let (tub, service) = (announcement.tub(), announcement.service.clone());
        if msg.holder.peer().is_some_and(|peer| peer != tub) {
            return Err(not_yours());
        }
        let change = self.offer(announcement)?;
        self.hold(&service, tub, msg.holder, ctx);
        if change != Change::Same {
            tracing::info!(service, %tub, "announced");
            self.mark(&service, tub, ctx);
        }
        Ok(())
    }
}

impl Handler<Subscribe> for Introducer {
    type Result = Result<Welcome, RemoteError>;

    fn handle(&mut self, msg: Subscribe, ctx: &mut Self::Context) -> Self::Result {
        let peer = msg.watcher.peer();
        let of_peer = self.watchers.values().filter(|watcher| watcher.to.peer() == peer).count();
        if msg.service.len() > NICKNAME_MAX || of_peer >= SUBSCRIBERS_PER_TUB_MAX {
            return Err(RemoteError::BadArguments);
        }
        if self.watchers.len() >= SUBSCRIBERS_MAX {
            return Err(RemoteError::Busy);
        }
        let book = self.services.get(&msg.service);
        let mut watcher = Watcher {
            to: msg.watcher,
            since: Clock::System.now(),
            watch: None,
            service: msg.service,
            unheard: book.into_iter().flat_map(Book::iter).map(|known| known.tub()).collect(),
            parameters_unheard: false,
            busy: false,
        };
        let announced =
            watcher.take_news(book, self.parameters).map_or_else(Vec::new, |news| news.announced);
        self.tell_twins(&watcher.to, ctx);
        let lost = watcher.to.lost();
        let id = self.fresh_id();
        let lost = lost.into_actor(self).map(move |(), this, ctx| this.dismiss(id, ctx));
        watcher.watch = Some(ctx.spawn(lost));
        self.watchers.insert(id, watcher);
        self.push(id, ctx);
        Ok(Welcome { announced, parameters: self.parameters })
    }
}

impl Handler<SetParameters> for Introducer {
    type Result = ();

    fn handle(&mut self, SetParameters(parameters): SetParameters, ctx: &mut Self::Context) {
        if parameters == self.parameters || !parameters.are_sound() {
            return;
        }
        self.parameters = parameters;
        let ids: Vec<u64> = self.watchers.keys().copied().collect();
        for id in ids {
            if let Some(watcher) = self.watchers.get_mut(&id) {
                watcher.parameters_unheard = true;
            }
            self.push(id, ctx);
        }
    }
}

fn refused(code: u16, msg: &str) -> RemoteError {
    RemoteError::App { code, msg: msg.to_owned() }
}

fn not_yours() -> RemoteError {
    refused(code::NOT_YOURS, "the announcement is not signed by the tub that sent it")
}
