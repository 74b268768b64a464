//! Who is in a grid, as its introducer sees it, for its owner to look at: names, and no furls.

use super::actor::Introducer;
use super::book::Book;
use crate::base::system::Clock;
use crate::tub::TubId;
use actix::{Handler, Message};
use std::collections::HashMap;
use std::sync::Arc;

/// The announcements that hold and the subscriptions, each once.
#[derive(Debug, Default)]
pub struct Overview {
    pub announced: Vec<Announced>,
    pub subscribed: Vec<Subscribed>,
}

/// A service that somebody announces.
#[derive(Debug)]
pub struct Announced {
    pub service: String,
    pub tub: TubId,
    pub nickname: String,
    pub version: String,
    /// Seconds since 1970.
    pub since: u64,
}

/// Somebody who follows a service.
#[derive(Debug)]
pub struct Subscribed {
    pub service: String,
    /// None within this process.
    pub tub: Option<TubId>,
    /// As its own announcements say, if it makes any.
    pub nickname: String,
    pub version: String,
    pub since: u64,
}

/// Asks for the overview. It is drawn up once a second at most, however many ask.
#[derive(Message)]
#[rtype(result = "Arc<Overview>")]
pub struct Look;

impl Introducer {
    fn overview(&self) -> Overview {
        Overview { announced: self.announcements(), subscribed: self.subscriptions() }
    }

    fn announcements(&self) -> Vec<Announced> {
        let known = self.services.iter().flat_map(|(service, book)| {
            book.iter().map(move |known| Announced {
                service: service.clone(),
                tub: known.tub(),
                nickname: known.nickname.clone(),
                version: known.version.clone(),
                since: self.holders.get(&(service.clone(), known.tub())).map_or(0, |h| h.since),
            })
        });
        known.collect()
    }

    fn subscriptions(&self) -> Vec<Subscribed> {
        // Strangers decide how many services there are: one search through all for each would be dear.
        let mut named = HashMap::new();
        for known in self.services.values().flat_map(Book::iter) {
            named.entry(known.tub()).or_insert(known);
        }
        let watchers = self.watchers.values().map(|watcher| {
            let tub = watcher.to.peer();
            let known = tub.and_then(|tub| named.get(&tub));
            Subscribed {
                service: watcher.service.clone(),
                tub,
                nickname: known.map_or_else(String::new, |known| known.nickname.clone()),
                version: known.map_or_else(String::new, |known| known.version.clone()),
                since: watcher.since,
            }
        });
        watchers.collect()
    }
}

impl Handler<Look> for Introducer {
    type Result = Arc<Overview>;

    fn handle(&mut self, _: Look, _: &mut Self::Context) -> Self::Result {
        let now = Clock::System.steady();
        match &self.seen {
            Some((at, overview)) if *at == now => overview.clone(),
            _ => {
                let overview = Arc::new(self.overview());
                self.seen = Some((now, overview.clone()));
                overview
            }
        }
    }
}
