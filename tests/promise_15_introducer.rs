//! Promise 15: the introducer may lie, replay and flood; nothing forged is believed, nothing old
//! comes back, and no list or queue grows without bound. (That it may also die is shown with whole
//! nodes in `node.rs`.)

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test may stop at once, and tells its story in one piece"
)]

use actix::{Actor, Addr, Context, Handler, ResponseFuture};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tahoe::base::limits::{ANNOUNCEMENTS_MAX, SERVICES_PER_TUB_MAX};
use tahoe::base::secret::IdentitySeed;
use tahoe::introducer::api::{self, Changed, Publish, Publisher, Subscribe, Subscriber, Welcome};
use tahoe::introducer::api::{StillThere, code};
use tahoe::introducer::{
    Announcement, Book, Fields, Follower, GridParameters, Introducer, Listener, SetParameters,
};
use tahoe::tub::{Furl, Identity, LoopbackNet, Ref, RemoteError, Tub, TubId, TubOptions, start};
use tokio::sync::Notify;

const FINE: GridParameters = GridParameters { needed: 3, happy: 7, total: 10 };

fn seed(number: u32) -> IdentitySeed {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    IdentitySeed::new(bytes)
}

fn tub_of(identity: Identity, net: &LoopbackNet, name: &str) -> Tub {
    let network = Arc::new(net.clone());
    let tub = Tub::new(identity, TubOptions { network, ..TubOptions::default() });
    tub.listen_loopback(name).unwrap();
    tub
}

fn tub(net: &LoopbackNet, number: u32) -> Tub {
    tub_of(Identity::from_seed(&seed(number)), net, &format!("tub{number}"))
}

/// What the node of `number` says about itself.
fn says(number: u32, sequence: u64) -> Announcement {
    says_of(number, sequence, "storage")
}

fn says_of(number: u32, sequence: u64, service: &str) -> Announcement {
    let identity = Identity::from_seed(&seed(number));
    let furl = format!("pb+xk1://{}@loop:tub{number}/{}", identity.tub_id(), "a".repeat(52));
    let fields = Fields {
        sequence,
        service: service.into(),
        furl: Furl::parse(&furl).unwrap(),
        nickname: format!("server {number}"),
        version: "test/1".into(),
        permutation_seed: identity.tub_id().0.to_vec(),
        lease_seed: [1; 20],
    };
    Announcement::sign(&identity, &fields).unwrap()
}

/// Everything that a follower told its node.
#[derive(Default)]
struct Heard {
    announced: Vec<(TubId, u64)>,
    gone: Vec<TubId>,
    parameters: Vec<GridParameters>,
    known: usize,
    batches: usize,
}

#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Heard>>, Arc<Notify>);

impl Ears {
    async fn until(&self, mut done: impl FnMut(&Heard) -> bool) {
        loop {
            let changed = self.1.notified();
            if done(&self.0.lock().unwrap()) {
                return;
            }
            tokio::time::timeout(std::time::Duration::from_secs(60), changed).await.unwrap();
        }
    }
}

impl Listener for Ears {
    fn announced(&mut self, announcement: &Announcement) {
        self.0.lock().unwrap().announced.push((announcement.tub(), announcement.sequence));
    }
    fn gone(&mut self, tub: TubId) {
        self.0.lock().unwrap().gone.push(tub);
        self.1.notify_one();
    }
    fn parameters(&mut self, parameters: GridParameters) {
        self.0.lock().unwrap().parameters.push(parameters);
    }
    fn introducer(&mut self, _: bool) {}
    fn settled(&mut self, book: &Book) {
        let mut heard = self.0.lock().unwrap();
        (heard.known, heard.batches) = (book.len(), heard.batches + 1);
        drop(heard);
        self.1.notify_one();
    }
}

fn follow(tub: &Tub, furl: &Furl, publish: Vec<Announcement>) -> (Ears, Addr<Follower>) {
    let ears = Ears::default();
    let follower = Follower::start("storage", Vec::new(), publish, Box::new(ears.clone()));
    Follower::follow(&follower, tub, furl.clone());
    (ears, follower)
}

/// An introducer that passes on whatever it likes.
struct Liar {
    batches: Vec<Changed>,
    welcome: GridParameters,
}

impl Actor for Liar {
    type Context = Context<Self>;
}

impl Handler<Publish> for Liar {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Publish, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

impl Handler<Subscribe> for Liar {
    type Result = ResponseFuture<Result<Welcome, RemoteError>>;
    fn handle(&mut self, asked: Subscribe, _: &mut Self::Context) -> Self::Result {
        let batches = std::mem::take(&mut self.batches);
        actix_rt::spawn(async move {
            for batch in batches {
                asked.watcher.call(batch).await.unwrap();
            }
        });
        let welcome = Welcome { announced: Vec::new(), parameters: self.welcome };
        Box::pin(async move { Ok(welcome) })
    }
}

fn batch(announced: Vec<Vec<u8>>) -> Changed {
    Changed { announced, gone: Vec::new(), parameters: None }
}

/// Listens to an introducer that sends `batches`, until all of them were heard.
async fn lied_to(batches: Vec<Changed>, welcome: GridParameters) -> Heard {
    let net = LoopbackNet::default();
    let (evil, node) = (tub(&net, 1_000_001), tub(&net, 1_000_002));
    let count = batches.len();
    let liar = start(Liar { batches, welcome });
    let furl = evil.register(api::Introducer::of(liar), None);
    let (ears, _follower) = follow(&node, &furl, Vec::new());
    ears.until(|heard| heard.batches > count).await;
    std::mem::take(&mut *ears.0.lock().unwrap())
}

#[actix_rt::test]
async fn forgeries_and_replays_are_never_believed() {
    let started = Instant::now();
    let honest = says(1, 5);
    let mut batches = vec![batch(vec![honest.bytes().to_vec()])];
    let mut forged = 0;
    for byte in 0..honest.bytes().len() {
        let mut bad = honest.bytes().to_vec();
        bad[byte] ^= 1 << (byte % 8);
        batches.push(batch(vec![bad]));
        forged += 1;
    }
    // Another key's signature over the honest server's fields.
    let mut spliced = says(2, 9).bytes().to_vec();
    let end = spliced.len() - 64;
    spliced[..end].copy_from_slice(&honest.bytes()[..end]);
    batches.push(batch(vec![spliced, Vec::new(), vec![0; 70_000 - 64_000]]));
    batches.push(batch((0..5).map(|old| says(1, old).bytes().to_vec()).collect()));
    let heard = lied_to(batches, GridParameters { needed: 9, happy: 7, total: 10 }).await;
    assert_eq!(heard.announced, [(honest.tub(), 5)]);
    assert_eq!(heard.parameters, []);
    let secs = started.elapsed().as_secs_f32();
    println!(
        "promise 15: {} forged and 5 replayed announcements, 0 believed, {secs:.1} s",
        forged + 3
    );
}

#[actix_rt::test]
async fn a_flood_of_servers_fills_a_list_that_has_an_end() {
    let started = Instant::now();
    let extra = 200;
    let total = ANNOUNCEMENTS_MAX + extra;
    let all: Vec<_> = (0..total as u32).map(|i| says(i, 1).bytes().to_vec()).collect();
    let mut batches: Vec<_> = all.chunks(100).map(|chunk| batch(chunk.to_vec())).collect();
    // One that is known may still say something newer.
    batches.push(batch(vec![says(3, 2).bytes().to_vec()]));
    let heard = lied_to(batches, FINE).await;
    assert_eq!(heard.known, ANNOUNCEMENTS_MAX);
    assert_eq!(heard.announced.len(), ANNOUNCEMENTS_MAX + 1);
    let secs = started.elapsed().as_secs_f32();
    println!("promise 15: {total} servers announced, {} kept, {secs:.1} s", heard.known);
}

/// A subscriber that never answers.
struct Deaf(Arc<Mutex<usize>>);

impl Actor for Deaf {
    type Context = Context<Self>;
}

impl Handler<Changed> for Deaf {
    type Result = ResponseFuture<Result<(), RemoteError>>;
    fn handle(&mut self, _: Changed, _: &mut Self::Context) -> Self::Result {
        *self.0.lock().unwrap() += 1;
        Box::pin(std::future::pending())
    }
}

struct Holder;

impl Actor for Holder {
    type Context = Context<Self>;
}

impl Handler<StillThere> for Holder {
    type Result = Result<bool, RemoteError>;
    fn handle(&mut self, _: StillThere, _: &mut Self::Context) -> Self::Result {
        Ok(true)
    }
}

async fn publish(
    to: &Ref<api::Introducer>,
    announcement: &Announcement,
) -> Result<(), RemoteError> {
    let holder = Publisher::of(start(Holder));
    to.call(Publish { announcement: announcement.bytes().to_vec(), holder }).await
}

#[actix_rt::test]
async fn subscribers_hear_of_those_who_come_change_and_go() {
    let net = LoopbackNet::default();
    let (hub, alice, bob) = (tub(&net, 100), tub(&net, 101), tub(&net, 102));
    let introducer = start(Introducer::new(FINE));
    let furl = hub.register(api::Introducer::of(introducer.clone()), None);
    let (ears, _alice) = follow(&alice, &furl, vec![says(101, 1)]);
    ears.until(|heard| heard.announced == [(alice.id(), 1)]).await;
    let (of_bob, bob_follower) = follow(&bob, &furl, vec![says(102, 1)]);
    ears.until(|heard| heard.announced.contains(&(bob.id(), 1))).await;
    of_bob.until(|heard| heard.announced.len() == 2 && heard.parameters == [FINE]).await;
    let changed = GridParameters { needed: 1, happy: 2, total: 3 };
    introducer.send(SetParameters(changed)).await.unwrap();
    introducer.send(SetParameters(GridParameters { needed: 0, ..FINE })).await.unwrap();
    ears.until(|heard| heard.parameters == [FINE, changed]).await;
    drop(bob_follower);
    bob.shutdown();
    ears.until(|heard| heard.gone == [bob.id()]).await;
}

#[actix_rt::test]
async fn a_deaf_subscriber_costs_no_queue() {
    let net = LoopbackNet::default();
    let (hub, deaf, node) = (tub(&net, 200), tub(&net, 201), tub(&net, 202));
    let furl = hub.register(api::Introducer::of(start(Introducer::new(FINE))), None);
    let calls = Arc::new(Mutex::new(0));
    let there: Ref<api::Introducer> = deaf.get(&furl).await.unwrap();
    let watcher = Subscriber::of(start(Deaf(calls.clone())));
    there.call(Subscribe { service: "storage".into(), watcher }).await.unwrap();
    let (ears, _follower) = follow(&node, &furl, Vec::new());
    let publisher: Ref<api::Introducer> = node.get(&furl).await.unwrap();
    for sequence in 1..=1000 {
        publish(&publisher, &says(202, sequence)).await.unwrap();
    }
    ears.until(|heard| heard.announced.contains(&(node.id(), 1000))).await;
    assert!(*calls.lock().unwrap() <= 1);
}

#[actix_rt::test]
async fn nobody_publishes_for_others_or_goes_back() {
    let net = LoopbackNet::default();
    let (hub, mallory) = (tub(&net, 300), tub(&net, 301));
    let furl = hub.register(api::Introducer::of(start(Introducer::new(FINE))), None);
    let there: Ref<api::Introducer> = mallory.get(&furl).await.unwrap();
    let refused = |answer: Result<(), RemoteError>| answer.unwrap_err().code();
    assert_eq!(refused(publish(&there, &says(302, 1)).await), Some(code::NOT_YOURS));
    publish(&there, &says(301, 5)).await.unwrap();
    publish(&there, &says(301, 5)).await.unwrap();
    assert_eq!(refused(publish(&there, &says(301, 4)).await), Some(code::STALE));
    publish(&there, &says(301, 6)).await.unwrap();
}

#[actix_rt::test]
async fn one_node_takes_few_places_of_the_list() {
    let net = LoopbackNet::default();
    let (hub, greedy, modest) = (tub(&net, 400), tub(&net, 401), tub(&net, 402));
    let furl = hub.register(api::Introducer::of(start(Introducer::new(FINE))), None);
    let there: Ref<api::Introducer> = greedy.get(&furl).await.unwrap();
    for n in 0..2 * SERVICES_PER_TUB_MAX {
        let answer = publish(&there, &says_of(401, 1, &format!("service {n}"))).await;
        let refused = answer.err().and_then(|error| error.code());
        assert_eq!(refused, (n >= SERVICES_PER_TUB_MAX).then_some(code::FULL), "service {n}");
    }
    publish(&there, &says_of(401, 2, "service 0")).await.unwrap();
    let there: Ref<api::Introducer> = modest.get(&furl).await.unwrap();
    publish(&there, &says(402, 1)).await.unwrap();
}
