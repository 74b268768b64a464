//! The object layer as its users see it: calls, order, references, revocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tahoe::base::hash::blake2b;
use tahoe::base::system::Clock;
use tahoe::tub::{
    BoxFuture, Bulk, Export, Forward, Furl, Identity, LoopbackNet, Ref, RemoteError, Restorer,
    Swissnum, Tub, TubOptions,
};
use tahoe_testing::keeper::{Fail, Keeper, Panic, Put, Same, Sub, Take, bulk, keeper, tub};
use tahoe_testing::{SOON, until_within};

/// Another interface, to be refused with.
mod other {
    tahoe::remote_interface! {
        pub interface Other = "test.other.v1" { 0 => Nothing {} -> () }
    }
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
    until_within(SOON, || stopped.load(Ordering::SeqCst) == 1).await;
    let unwanted = remote.call(Sub {});
    drop(unwanted);
    until_within(SOON, || stopped.load(Ordering::SeqCst) == 2).await;
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

/// Comes to no answer.
struct Slow;

impl Restorer for Slow {
    fn restore(&self, _: [u8; 32]) -> BoxFuture<Option<Export>> {
        Box::pin(std::future::pending())
    }
}

#[actix_rt::test]
async fn every_restorer_is_asked_and_none_waits_for_another() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let restored = Arc::new(AtomicUsize::new(0));
    server.add_restorer(Arc::new(OnDisk { restored: restored.clone(), swissnum: [3; 32] }));
    server.add_restorer(Arc::new(Slow));
    server.add_restorer(Arc::new(OnDisk { restored: restored.clone(), swissnum: [4; 32] }));
    for swissnum in [[3; 32], [4; 32]] {
        let furl = Furl::new(server.id(), server.hints(), Swissnum::new(swissnum));
        let remote = client.get::<Keeper>(&furl).await.unwrap();
        assert_eq!(remote.call(Put { data: bulk(1) }).await, Ok(1));
    }
    assert_eq!(restored.load(Ordering::SeqCst), 2);
}

#[actix_rt::test]
async fn objects_are_restored_once_and_their_calls_keep_order() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let restored = Arc::new(AtomicUsize::new(0));
    server.add_restorer(Arc::new(OnDisk { restored: restored.clone(), swissnum: [3; 32] }));
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
