//! The object layer when links are lost, cross, part, or let nothing through.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tahoe::base::limits;
use tahoe::tub::{Faults, Furl, Identity, Limits, LoopbackNet, Ref, RemoteError, Tub, TubOptions};
use tahoe_testing::keeper::{Hang, Keeper, Nap, Put, Sub, SubLater, Take, bulk, keeper, tub};
use tahoe_testing::{SOON, until_within};
use tokio::time::Instant;

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
    until_within(SOON, || stopped.load(Ordering::SeqCst) == 1).await;
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
    until_within(SOON, || stopped.load(Ordering::SeqCst) == 1).await;
}

#[actix_rt::test]
async fn a_kept_connection_comes_back() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let furl = server.register(keeper().0, None);
    let seen: Arc<Mutex<Vec<Ref<Keeper>>>> = Arc::default();
    let sink = seen.clone();
    let keep = client.keep::<Keeper>(furl, move |reference| sink.lock().unwrap().push(reference));
    until_within(SOON, || seen.lock().unwrap().len() == 1).await;
    net.kill("server");
    until_within(SOON, || !seen.lock().unwrap()[0].is_connected()).await;
    net.revive("server");
    until_within(SOON, || seen.lock().unwrap().len() == 2).await;
    let back = seen.lock().unwrap()[1].clone();
    assert!(back.call(Take {}).await.is_ok());
    drop(keep);
}

#[actix_rt::test]
async fn a_host_with_another_address_dials_at_once() {
    tokio::time::pause();
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net.at("client"), "client"));
    let furl = server.register(keeper().0, None);
    let (seen, count) =
        (Arc::new(AtomicUsize::new(0)), |seen: &AtomicUsize| seen.load(Ordering::SeqCst));
    let sink = seen.clone();
    let keep = client.keep::<Keeper>(furl, move |_| {
        sink.fetch_add(1, Ordering::SeqCst);
    });
    until_within(SOON, || count(&seen) == 1).await;
    net.kill("client");
    // By now it dials once in a minute.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(count(&seen), 1);
    net.revive("client");
    net.readdress("client");
    until_within(SOON, || count(&seen) == 2).await;
    // A link that breaks because of that is made anew nearly without a pause.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let began = Instant::now();
    net.readdress("client");
    until_within(SOON, || count(&seen) == 3).await;
    assert!(began.elapsed() < limits::RECONNECT_MIN / 2, "{:?}", began.elapsed());
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
    let network = Arc::new(net.clone());
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
    until_within(SOON, || !from_a.is_connected()).await;
}

/// Bytes a second of a slow line.
const SLOW: u32 = 250_000;

#[actix_rt::test]
async fn a_question_does_not_wait_for_a_transfer_of_another_object() {
    let net = LoopbackNet::default();
    let (server, client) = (tub(&net, "server"), tub(&net, "client"));
    let furl = server.register(keeper().0, None);
    tokio::time::pause();
    net.set_faults(Faults { rate: NonZeroU32::new(SLOW), ..Faults::default() });
    let remote: Ref<Keeper> = client.get(&furl).await.unwrap();
    let sub = remote.call(Sub {}).await.unwrap();
    // Six and a half seconds of the line, in pieces as servers that are not near get them.
    let begun = Instant::now();
    let transfer: Vec<_> = (0..100).map(|_| sub.call(Put { data: bulk(16 << 10) })).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = Instant::now();
    remote.call(Take {}).await.unwrap();
    let question = asked.elapsed();
    for put in transfer {
        put.await.unwrap();
    }
    assert!(begun.elapsed() > Duration::from_secs(6), "{:?}", begun.elapsed());
    // The network itself holds what takes it a second.
    assert!(question < Duration::from_millis(1_500), "{question:?} behind a transfer");
}

/// How long a call to a host that hangs takes to fail while another is called, or hangs as well.
async fn failing(other_hangs: bool) -> Duration {
    let net = LoopbackNet::default();
    let (dead, alive, client) = (tub(&net, "dead"), tub(&net, "alive"), tub(&net, "client"));
    let hangs: Ref<Keeper> = client.get(&dead.register(keeper().0, None)).await.unwrap();
    let answers: Ref<Keeper> = client.get(&alive.register(keeper().0, None)).await.unwrap();
    tokio::time::pause();
    net.stop("dead");
    if other_hangs {
        net.stop("alive");
    }
    let begun = Instant::now();
    let failing = async { hangs.call(Take {}).await.unwrap_err() };
    let calling = async {
        loop {
            let _ = answers.call(Take {}).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let error = tokio::select! {
        error = failing => error,
        () = calling => unreachable!(),
    };
    assert_eq!(error, RemoteError::Disconnected);
    begun.elapsed()
}

#[actix_rt::test]
async fn a_dead_peer_is_given_up_soon_while_another_lives() {
    let took = failing(false).await;
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[actix_rt::test]
async fn while_nobody_is_heard_links_are_kept() {
    let took = failing(true).await;
    assert!((limits::IDLE_TIME..limits::IDLE_TIME * 2).contains(&took), "{took:?}");
}
