//! The object layer as its users see it: calls, order, references, revocation, loss.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use actix::{Actor, Context, Handler};
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tahoe::base::hash::blake2b;
use tahoe::base::limits;
use tahoe::base::rim::Clock;
use tahoe::remote_interface;
use tahoe::tub::{
    BoxFuture, Bulk, Export, Faults, Forward, Furl, Identity, Limits, LoopbackNet, Network, Ref,
    RemoteError, Restorer, Swissnum, Tub, TubOptions, start,
};
use tokio::time::Instant;

remote_interface! {
    /// Keeps what it is told.
    pub interface Keeper = "test.keeper.v1" {
        0 => Put { data: Bulk } -> u32,
        1 => Take {} -> Bulk,
        2 => Fail { code: u16 } -> (),
        3 => Sub {} -> Ref<Keeper>,
        4 => Same { other: Ref<Keeper> } -> Bulk,
        5 => Panic {} -> (),
        6 => Hang {} -> (),
        7 => Nap {} -> (),
        8 => SubLater { keep: Ref<Keeper> } -> Ref<Keeper>,
    }
}

/// Another interface, to be refused with.
mod other {
    tahoe::remote_interface! {
        pub interface Other = "test.other.v1" { 0 => Nothing {} -> () }
    }
}

#[derive(Default)]
struct KeeperActor {
    kept: Vec<u8>,
    references: Vec<Ref<Keeper>>,
    stopped: Arc<AtomicUsize>,
}

impl Actor for KeeperActor {
    type Context = Context<Self>;
    fn stopped(&mut self, _: &mut Self::Context) {
        self.stopped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler<Put> for KeeperActor {
    type Result = Result<u32, RemoteError>;
    fn handle(&mut self, put: Put, _: &mut Self::Context) -> Self::Result {
        self.kept.extend_from_slice(&put.data.0);
        Ok(self.kept.len() as u32)
    }
}

impl Handler<Take> for KeeperActor {
    type Result = Result<Bulk, RemoteError>;
    fn handle(&mut self, _: Take, _: &mut Self::Context) -> Self::Result {
        Ok(Bulk(Bytes::from(self.kept.clone())))
    }
}

impl Handler<Fail> for KeeperActor {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, fail: Fail, _: &mut Self::Context) -> Self::Result {
        Err(RemoteError::app(fail.code, "as asked"))
    }
}

impl Handler<Sub> for KeeperActor {
    type Result = Result<Ref<Keeper>, RemoteError>;
    fn handle(&mut self, _: Sub, _: &mut Self::Context) -> Self::Result {
        let stopped = self.stopped.clone();
        Ok(Keeper::of(start(KeeperActor { kept: b"sub".to_vec(), stopped, ..Default::default() })))
    }
}

impl Handler<Same> for KeeperActor {
    type Result = actix::ResponseFuture<Result<Bulk, RemoteError>>;
    fn handle(&mut self, same: Same, _: &mut Self::Context) -> Self::Result {
        Box::pin(async move { same.other.call(Take {}).await })
    }
}

impl Handler<Panic> for KeeperActor {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Panic, _: &mut Self::Context) -> Self::Result {
        panic!("a secret in a panic's text")
    }
}

impl Handler<SubLater> for KeeperActor {
    type Result = actix::ResponseFuture<Result<Ref<Keeper>, RemoteError>>;
    fn handle(&mut self, later: SubLater, _: &mut Self::Context) -> Self::Result {
        self.references.push(later.keep);
        let stopped = self.stopped.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(Keeper::of(start(KeeperActor { stopped, ..Default::default() })))
        })
    }
}

impl Handler<Hang> for KeeperActor {
    type Result = actix::ResponseFuture<Result<(), RemoteError>>;
    fn handle(&mut self, _: Hang, _: &mut Self::Context) -> Self::Result {
        Box::pin(std::future::pending())
    }
}

/// Long, and shorter than a call waits for one before it.
const NAP: Duration = Duration::from_secs(80);

impl Handler<Nap> for KeeperActor {
    type Result = actix::ResponseFuture<Result<(), RemoteError>>;
    fn handle(&mut self, _: Nap, _: &mut Self::Context) -> Self::Result {
        Box::pin(async {
            tokio::time::sleep(NAP).await;
            Ok(())
        })
    }
}

fn keeper() -> (Ref<Keeper>, Arc<AtomicUsize>) {
    let stopped = Arc::new(AtomicUsize::new(0));
    (Keeper::of(start(KeeperActor { stopped: stopped.clone(), ..Default::default() })), stopped)
}

fn tub(net: &LoopbackNet, name: &str) -> Tub {
    let network = Network::Loopback(net.clone());
    let options = TubOptions { network, accept_gifts: true, ..TubOptions::default() };
    let tub = Tub::new(Identity::random(), options);
    tub.listen_loopback(name).unwrap();
    tub
}

async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..5_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come to pass in five seconds");
}

fn bulk(length: usize) -> Bulk {
    Bulk(Bytes::from((0..length).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>()))
}

#[actix_rt::test]
async fn local_and_remote_references_behave_alike() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let (local, _) = keeper();
    let furl = server.register(local.clone(), None);
    let remote: Ref<Keeper> = client.get(&furl).await.unwrap();
    assert_eq!(remote.peer(), Some(server.id()));
    for reference in [local, remote, client.sturdy(&furl), server.get(&furl).await.unwrap()] {
        reference.call(Put { data: bulk(10) }).await.unwrap();
        let error = reference.call(Fail { code: 7 }).await.unwrap_err();
        assert_eq!(error, RemoteError::app(7, "as asked"));
        let sub = reference.call(Sub {}).await.unwrap();
        assert_eq!(sub.call(Take {}).await.unwrap().0, &b"sub"[..]);
    }
}

#[actix_rt::test]
async fn bulk_of_every_size_arrives_whole_over_tcp_and_loopback() {
    let net = LoopbackNet::default();
    let loopback = tub(&net, "server");
    let tcp = Tub::new(Identity::random(), TubOptions::default());
    let address = tcp.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    tcp.set_hints(vec![tahoe::tub::Hint::tcp("127.0.0.1", address.port())]);
    let clients = [tub(&net, "client"), Tub::new(Identity::random(), TubOptions::default())];
    for (server, client) in [loopback, tcp].iter().zip(&clients) {
        for length in [0, 1, 4095, 4096, 4097, 65_518, 65_519, 65_520, 131_038, 349_526, 2 << 20] {
            let furl = server.register(keeper().0, None);
            let remote: Ref<Keeper> = client.get(&furl).await.unwrap();
            assert_eq!(remote.call(Put { data: bulk(length) }).await, Ok(length as u32));
            assert_eq!(remote.call(Take {}).await.unwrap(), bulk(length), "{length}");
        }
        let remote: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
        let too_big = remote.call(Put { data: bulk((2 << 20) + 1) }).await;
        assert_eq!(too_big, Err(RemoteError::TooBig));
    }
}

#[actix_rt::test]
async fn calls_keep_their_order_without_being_awaited() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let furl = server.register(keeper().0, None);
    // More calls than credits, by a reference that has yet to dial.
    let lazy: Ref<Keeper> = client.sturdy(&furl);
    let calls: Vec<_> = (0..1000_u32)
        .map(|i| lazy.call(Put { data: Bulk(i.to_be_bytes().to_vec().into()) }))
        .collect();
    let taken = lazy.call(Take {});
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await, Ok(4 * (i as u32 + 1)));
    }
    let expected: Vec<u8> = (0..1000_u32).flat_map(u32::to_be_bytes).collect();
    assert_eq!(taken.await.unwrap().0, expected);
}

#[actix_rt::test]
async fn a_call_whose_answer_nobody_wants_runs_all_the_same() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let local = keeper().0;
    let remote: Ref<Keeper> = client.sturdy(&server.register(local.clone(), None));
    for (put, reference) in [local, remote].into_iter().enumerate() {
        drop(reference.call(Put { data: bulk(5) }));
        let kept = reference.call(Take {}).await.unwrap().0.len();
        assert_eq!(kept, 5 * (put + 1), "local, then remote");
    }
}

#[actix_rt::test]
async fn a_call_from_a_thread_without_a_runtime_runs_all_the_same() {
    let local = keeper().0;
    for put in 1..=3 {
        let elsewhere = local.clone();
        // The actor's own thread waits, so the future is gone before the actor can take the call.
        std::thread::spawn(move || elsewhere.send_only(Put { data: bulk(5) })).join().unwrap();
        assert_eq!(local.call(Take {}).await.unwrap().0.len(), 5 * put);
    }
}

#[actix_rt::test]
async fn unknown_revoked_and_foreign_objects_read_alike() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let furl = server.register(keeper().0, None);
    let live: Ref<Keeper> = client.get(&furl).await.unwrap();
    server.unregister(&furl);
    let unknown = Furl::new(server.id(), server.hints(), Swissnum::new([1; 32]));
    for furl in [&furl, &unknown] {
        assert_eq!(client.get::<Keeper>(furl).await.unwrap_err(), RemoteError::NoSuchObject);
        let lazy = client.sturdy::<Keeper>(furl).call(Take {}).await;
        assert_eq!(lazy.unwrap_err(), RemoteError::NoSuchObject);
    }
    assert!(live.call(Take {}).await.is_ok(), "a live reference outlives its furl");
    let again = server.register(keeper().0, None);
    let wrong = client.get::<other::Other>(&again).await;
    assert_eq!(wrong.unwrap_err(), RemoteError::WrongInterface);
}

#[actix_rt::test]
async fn dropping_the_last_reference_stops_the_object() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let (local, stopped) = keeper();
    let furl = server.register(local, None);
    let remote: Ref<Keeper> = client.get(&furl).await.unwrap();
    let sub = remote.call(Sub {}).await.unwrap();
    let again = sub.clone();
    drop(sub);
    assert!(again.call(Take {}).await.is_ok());
    drop(again);
    until(|| stopped.load(Ordering::SeqCst) == 1).await;
    let unwanted = remote.call(Sub {});
    drop(unwanted);
    until(|| stopped.load(Ordering::SeqCst) == 2).await;
}

#[actix_rt::test]
async fn a_lost_link_fails_calls_stops_objects_and_tells() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let (local, stopped) = keeper();
    let furl = server.register(local, None);
    let remote: Ref<Keeper> = client.get(&furl).await.unwrap();
    let sub = remote.call(Sub {}).await.unwrap();
    net.stop("server");
    let hanging = remote.call(Take {});
    let lost = remote.lost();
    net.kill("server");
    assert_eq!(hanging.await.unwrap_err(), RemoteError::Disconnected);
    lost.await;
    assert!(!sub.is_connected());
    assert_eq!(sub.call(Take {}).await.unwrap_err(), RemoteError::Disconnected);
    until(|| stopped.load(Ordering::SeqCst) == 1).await;
    assert_eq!(client.get::<Keeper>(&furl).await.unwrap_err(), RemoteError::Disconnected);
}

#[actix_rt::test]
async fn an_answer_that_comes_after_the_link_leaves_no_object_behind() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let (local, stopped) = keeper();
    let remote: Ref<Keeper> = client.get(&server.register(local, None)).await.unwrap();
    // The server keeps a reference that goes through the link, and so what it knows of the link.
    let late = remote.call(SubLater { keep: keeper().0 });
    remote.call(Take {}).await.unwrap();
    net.kill("server");
    assert_eq!(late.await.unwrap_err(), RemoteError::Disconnected);
    until(|| stopped.load(Ordering::SeqCst) == 1).await;
}

#[actix_rt::test]
async fn a_kept_connection_comes_back() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let furl = server.register(keeper().0, None);
    let seen: Arc<Mutex<Vec<Ref<Keeper>>>> = Arc::default();
    let sink = seen.clone();
    let keep = client.keep::<Keeper>(furl, move |reference| sink.lock().unwrap().push(reference));
    until(|| seen.lock().unwrap().len() == 1).await;
    net.kill("server");
    until(|| !seen.lock().unwrap()[0].is_connected()).await;
    net.revive("server");
    until(|| seen.lock().unwrap().len() == 2).await;
    let back = seen.lock().unwrap()[1].clone();
    assert!(back.call(Take {}).await.is_ok());
    drop(keep);
}

#[actix_rt::test]
async fn crossing_connections_resolve_to_one() {
    for _ in 0..20 {
        let net = LoopbackNet::default();
        let (a, b) = (tub(&net, "a"), tub(&net, "b"));
        let (at_a, at_b) = (a.register(keeper().0, None), b.register(keeper().0, None));
        let (from_a, from_b) = tokio::join!(a.get::<Keeper>(&at_b), b.get::<Keeper>(&at_a));
        let (from_a, from_b) = (from_a.unwrap(), from_b.unwrap());
        assert!(from_a.call(Take {}).await.is_ok() && from_b.call(Take {}).await.is_ok());
        let before = net.dialled();
        assert!(a.get::<Keeper>(&at_b).await.unwrap().call(Take {}).await.is_ok());
        assert!(b.get::<Keeper>(&at_a).await.unwrap().call(Take {}).await.is_ok());
        assert_eq!(net.dialled(), before, "the one link serves both");
    }
}

#[actix_rt::test]
async fn references_come_home_and_travel_on_as_gifts() {
    let net = LoopbackNet::default();
    let (a, b, c) = (tub(&net, "a"), tub(&net, "b"), tub(&net, "c"));
    let (object, _) = keeper();
    let at_a = a.register(object, None);
    let at_b = b.register(keeper().0, None);
    let from_c: Ref<Keeper> = c.get(&at_a).await.unwrap();
    from_c.call(Put { data: bulk(5) }).await.unwrap();
    assert_eq!(from_c.call(Same { other: from_c.clone() }).await, Ok(bulk(5)), "comes home");
    let helper: Ref<Keeper> = c.get(&at_b).await.unwrap();
    assert_eq!(helper.call(Same { other: from_c }).await, Ok(bulk(5)), "b dials a");
    let own = keeper().0;
    own.call(Put { data: bulk(9) }).await.unwrap();
    assert_eq!(helper.call(Same { other: own }).await, Ok(bulk(9)), "b calls back into c");
}

#[actix_rt::test]
async fn forwarders_attenuate_expire_and_are_revoked() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let clock = Clock::manual(1000);
    let forward = Forward::to(keeper().0).allow::<Take>().until(clock.clone(), 2000);
    let (weaker, revoker) = forward.build();
    let remote: Ref<Keeper> = client.get(&server.register(weaker, None)).await.unwrap();
    assert!(remote.call(Take {}).await.is_ok());
    let refused = remote.call(Put { data: bulk(1) }).await;
    assert_eq!(refused, Err(RemoteError::NoSuchMethod));
    clock.advance(1000);
    assert_eq!(remote.call(Take {}).await.unwrap_err(), RemoteError::NoSuchObject);
    let (open, revoke_open) = Forward::to(keeper().0).build();
    let remote: Ref<Keeper> = client.get(&server.register(open, None)).await.unwrap();
    assert!(remote.call(Put { data: bulk(1) }).await.is_ok());
    revoke_open.revoke();
    assert_eq!(remote.call(Take {}).await.unwrap_err(), RemoteError::NoSuchObject);
    drop(revoker);
}

#[actix_rt::test]
async fn a_panicking_object_stops_alone_and_tells_nothing() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let remote: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
    let bystander: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
    assert_eq!(remote.call(Panic {}).await.unwrap_err(), RemoteError::Stopped);
    assert!(bystander.call(Take {}).await.is_ok());
}

struct OnDisk {
    restored: Arc<AtomicUsize>,
    swissnum: [u8; 32],
}

impl Restorer for OnDisk {
    fn restore(&self, digest: [u8; 32]) -> BoxFuture<Option<Export>> {
        let known = digest == blake2b(&self.swissnum);
        let restored = self.restored.clone();
        let export = known.then(|| Export::of(keeper().0));
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            restored.fetch_add(usize::from(known), Ordering::SeqCst);
            export
        })
    }
}

#[actix_rt::test]
async fn objects_are_restored_once_and_their_calls_keep_order() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let restored = Arc::new(AtomicUsize::new(0));
    server.set_restorer(Arc::new(OnDisk { restored: restored.clone(), swissnum: [3; 32] }));
    // The link stands already, so calls go out by name, without a look-up.
    let _link: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
    let furl = Furl::new(server.id(), server.hints(), Swissnum::new([3; 32]));
    let remote: Ref<Keeper> = client.sturdy(&furl);
    let calls: Vec<_> = (0..50).map(|_| remote.call(Put { data: bulk(1) })).collect();
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await, Ok(i as u32 + 1));
    }
    assert_eq!(restored.load(Ordering::SeqCst), 1);
    let unknown = Furl::new(server.id(), server.hints(), Swissnum::new([4; 32]));
    assert_eq!(client.get::<Keeper>(&unknown).await.unwrap_err(), RemoteError::NoSuchObject);
}

#[actix_rt::test]
async fn a_wrong_key_gets_no_link() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let furl = server.register(keeper().0, None);
    let impostor = Furl::new(Identity::random().tub_id(), server.hints(), furl.swissnum().clone());
    let refused = client.get::<Keeper>(&impostor).await;
    assert_eq!(refused.unwrap_err(), RemoteError::Disconnected);
    net.set_faults(Faults { flip_outbound: Some((60, 3)), ..Faults::default() });
    assert!(client.get::<Keeper>(&furl).await.is_err());
}

/// A tub that promises its peers room for so many calls, and one that has an object there.
fn with_credits(net: &LoopbackNet, calls: u32) -> (Tub, Tub) {
    let network = Network::Loopback(net.clone());
    let limits = Limits { calls, ..Limits::default() };
    let server = Tub::new(Identity::random(), TubOptions { network, limits, ..Default::default() });
    server.listen_loopback("server").unwrap();
    (server, tub(net, "client"))
}

/// What a call may wait for credit: the limit, and two looks of a link at its queue.
const CREDIT_PATIENCE: Duration =
    limits::CREDIT_TIME.saturating_add(limits::PING_AFTER).saturating_add(limits::PING_AFTER);

#[actix_rt::test]
async fn a_call_to_a_peer_that_lets_none_through_fails_in_time() {
    let net = LoopbackNet::default();
    let (server, client) = with_credits(&net, 0);
    let furl = server.register(keeper().0, None);
    tokio::time::pause();
    let begun = Instant::now();
    assert_eq!(client.get::<Keeper>(&furl).await.unwrap_err(), RemoteError::Timeout);
    assert!((limits::CREDIT_TIME..=CREDIT_PATIENCE).contains(&begun.elapsed()));
}

#[actix_rt::test]
async fn calls_behind_others_that_are_never_answered_fail_in_time() {
    let net = LoopbackNet::default();
    let (server, client) = with_credits(&net, 2);
    let remote: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
    tokio::time::pause();
    let begun = Instant::now();
    let hanging = [remote.call(Hang {}), remote.call(Hang {})];
    let waiting = [remote.call(Take {}), remote.call(Take {})];
    for call in waiting {
        assert_eq!(call.await.unwrap_err(), RemoteError::Timeout);
    }
    assert!((limits::CREDIT_TIME..=CREDIT_PATIENCE).contains(&begun.elapsed()));
    for call in hanging {
        assert_eq!(call.await.unwrap_err(), RemoteError::Disconnected);
    }
    assert_eq!(remote.call(Take {}).await.unwrap_err(), RemoteError::Disconnected);
}

#[actix_rt::test]
async fn a_call_waits_for_as_long_as_those_before_it_are_answered() {
    let net = LoopbackNet::default();
    let (server, client) = with_credits(&net, 1);
    let remote: Ref<Keeper> = client.get(&server.register(keeper().0, None)).await.unwrap();
    tokio::time::pause();
    let calls: Vec<_> = (0..10).map(|_| remote.call(Nap {})).collect();
    for call in calls {
        assert_eq!(call.await, Ok(()));
    }
}

#[actix_rt::test]
async fn parted_hosts_do_not_reach_each_other_until_they_are_healed() {
    let net = LoopbackNet::default();
    let (a, b, c) = (tub(&net.at("a"), "a"), tub(&net.at("b"), "b"), tub(&net.at("c"), "c"));
    let furl = b.register(keeper().0, None);
    let from_a: Ref<Keeper> = a.get(&furl).await.unwrap();
    net.part("b", "a");
    let mut waiting = from_a.call(Take {});
    let from_c: Ref<Keeper> = c.get(&furl).await.unwrap();
    assert!(from_c.call(Take {}).await.is_ok(), "another host still gets through");
    let second = tub(&net.at("a"), "another on a");
    assert_eq!(second.get::<Keeper>(&furl).await.unwrap_err(), RemoteError::Disconnected);
    tokio::select! {
        biased;
        answer = &mut waiting => panic!("through a broken way: {answer:?}"),
        () = tokio::time::sleep(Duration::from_millis(50)) => {}
    }
    net.heal("a", "b");
    assert!(waiting.await.is_ok(), "the stream goes on");
    assert!(second.get::<Keeper>(&furl).await.is_ok());
}

#[actix_rt::test]
async fn a_host_that_dies_breaks_what_it_dialled_however_soon_it_is_back() {
    let net = LoopbackNet::default();
    let (a, b) = (tub(&net.at("a"), "a"), tub(&net.at("b"), "b"));
    let from_a: Ref<Keeper> = a.get(&b.register(keeper().0, None)).await.unwrap();
    net.kill("a");
    net.revive("a");
    until(|| !from_a.is_connected()).await;
}
