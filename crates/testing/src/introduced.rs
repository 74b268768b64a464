//! An introducer on the virtual network of a grid: its servers announce themselves there, and who
//! has its furl alone finds them all.

use super::real::{RealGrid, RealServer, seeds};
use super::{client, impatient, tub_on};
use std::collections::BTreeSet;
use std::sync::Arc;
use tahoe::grid::{Client, EncodingParams, ServerPool};
use tahoe::introducer::{self, Announcement, Book, Fields, Follower, GridParameters, Listener};
use tahoe::storage::api::Storage;
use tahoe::tub::{Furl, LoopbackNet, Reconnector, Tub, TubId, start};
use tokio::sync::{Notify, watch};

/// The introducer's host on the network.
pub const NAME: &str = "introducer";

/// The host of who subscribed early.
pub const SUBSCRIBER: &str = "subscriber";

pub struct Introduced {
    furl: Furl,
    tub: Tub,
    _actor: actix::Addr<introducer::Introducer>,
    servers: Vec<actix::Addr<Follower>>,
}

impl Introduced {
    /// An introducer that every server of `grid` announces itself to, now and whenever it lost
    /// the way.
    pub fn of(grid: &RealGrid) -> Self {
        let tub = tub_on(&grid.net.at(NAME));
        tub.listen_loopback(NAME).unwrap();
        let parameters = GridParameters { needed: 3, happy: 7, total: 10 };
        let actor = start(introducer::Introducer::new(parameters));
        let furl = tub.register(introducer::api::Introducer::of(actor.clone()), None);
        let mut this = Self { furl, tub, _actor: actor, servers: Vec::new() };
        grid.servers.iter().for_each(|server| this.announce(server));
        this
    }

    pub fn announce(&mut self, server: &RealServer) {
        let publish = vec![announcement(server)];
        let follower = Follower::start("storage", Vec::new(), publish, Box::new(Deaf));
        Follower::follow(&follower, &server.tub, self.furl.clone());
        self.servers.push(follower);
    }

    /// Somebody who wants to hear of servers from now on.
    pub fn subscriber(&self, net: &LoopbackNet) -> Subscriber {
        let (tell, heard) = watch::channel(BTreeSet::new());
        let tub = tub_on(&net.at(SUBSCRIBER));
        let follower = Follower::start("storage", Vec::new(), Vec::new(), Box::new(Notes(tell)));
        Follower::follow(&follower, &tub, self.furl.clone());
        Subscriber { heard, tub, _follower: follower }
    }

    /// A client that was given this introducer's furl and nothing else, once it is connected to
    /// `count` servers.
    pub async fn newcomer(&self, net: &LoopbackNet, count: usize) -> Newcomer {
        let tub = tub_on(net);
        let (pool, news) = (ServerPool::new(), Arc::new(Notify::new()));
        let ears = Ears { tub: tub.clone(), pool: pool.clone(), news: news.clone(), kept: vec![] };
        let follower = Follower::start("storage", Vec::new(), Vec::new(), Box::new(ears));
        Follower::follow(&follower, &tub, self.furl.clone());
        while pool.len() < count {
            news.notified().await;
        }
        let client = client(&pool, EncodingParams::default()).with_timeouts(impatient());
        Newcomer { client, tub, _follower: follower }
    }
}

impl Drop for Introduced {
    fn drop(&mut self) {
        self.tub.shutdown();
    }
}

pub struct Newcomer {
    pub client: Client,
    tub: Tub,
    _follower: actix::Addr<Follower>,
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.tub.shutdown();
    }
}

fn announcement(server: &RealServer) -> Announcement {
    let (permutation_seed, lease_seed) = seeds(server);
    let fields = Fields {
        sequence: 1,
        service: "storage".into(),
        furl: server.furl.clone(),
        nickname: server.name.clone(),
        version: "test/1".into(),
        permutation_seed,
        lease_seed,
    };
    Announcement::sign(server.tub.identity(), &fields).unwrap()
}

/// Connects to every server that is announced.
struct Ears {
    tub: Tub,
    pool: ServerPool,
    news: Arc<Notify>,
    kept: Vec<Reconnector>,
}

impl Listener for Ears {
    fn announced(&mut self, announcement: &Announcement) {
        let (pool, news) = (self.pool.clone(), self.news.clone());
        let said = announcement.clone();
        self.kept.push(self.tub.keep::<Storage>(announcement.furl.clone(), move |storage| {
            let name = (said.tub().into(), said.nickname.clone());
            let seeds = (said.permutation_seed.clone(), said.lease_seed);
            pool.add(tahoe::grid::Server::new(name, seeds, storage));
            news.notify_one();
        }));
    }
    fn gone(&mut self, _: TubId) {}
    fn parameters(&mut self, _: GridParameters) {}
    fn introducer(&mut self, _: bool) {}
    fn settled(&mut self, _: &Book) {}
}

/// Whoever follows the introducer for long.
pub struct Subscriber {
    heard: watch::Receiver<BTreeSet<TubId>>,
    tub: Tub,
    _follower: actix::Addr<Follower>,
}

impl Subscriber {
    /// Waits until the introducer has told of `server`.
    pub async fn hears_of(&self, server: TubId) {
        self.heard.clone().wait_for(|heard| heard.contains(&server)).await.unwrap();
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.tub.shutdown();
    }
}

/// Writes down who is announced.
struct Notes(watch::Sender<BTreeSet<TubId>>);

impl Listener for Notes {
    fn announced(&mut self, announcement: &Announcement) {
        self.0.send_modify(|heard| {
            heard.insert(announcement.tub());
        });
    }
    fn gone(&mut self, _: TubId) {}
    fn parameters(&mut self, _: GridParameters) {}
    fn introducer(&mut self, _: bool) {}
    fn settled(&mut self, _: &Book) {}
}

/// A server has no use for the list.
struct Deaf;

impl Listener for Deaf {
    fn announced(&mut self, _: &Announcement) {}
    fn gone(&mut self, _: TubId) {}
    fn parameters(&mut self, _: GridParameters) {}
    fn introducer(&mut self, _: bool) {}
    fn settled(&mut self, _: &Book) {}
}
