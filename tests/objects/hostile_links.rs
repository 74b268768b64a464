//! What a link lets a peer do that has shown nothing yet, and what it lets no peer do: each limit below,
//! at and above it.

use crate::hostile::{Rogue, Stranger, hello, words};
use actix::{Actor, Context, Handler};
use std::time::Duration;
use tahoe::base::limits;
use tahoe::link::{Suite, preamble};
use tahoe::remote_interface;
use tahoe::tub::frame::{Head, Reason};
use tahoe::tub::{
    Bulk, Furl, Hint, Identity, Interface, Limits, LoopbackNet, Ref, RemoteError, Tub, TubOptions,
    codec, start,
};
use tahoe_testing::tub_on;
use tokio::net::TcpListener;

remote_interface! {
    pub interface Echo = "test.echo.v1" {
        /// How long the data is.
        0 => Say { data: Bulk } -> u32,
    }
}

struct EchoActor;

impl Actor for EchoActor {
    type Context = Context<Self>;
}

impl Handler<Say> for EchoActor {
    type Result = Result<u32, RemoteError>;
    fn handle(&mut self, Say { data }: Say, _: &mut Self::Context) -> Self::Result {
        Ok(data.0.len() as u32)
    }
}

fn echo() -> Ref<Echo> {
    Echo::of(start(EchoActor))
}

async fn server() -> (Tub, Furl) {
    server_with(Limits::default()).await
}

async fn server_with(limits: Limits) -> (Tub, Furl) {
    let tub = Tub::new(Identity::random(), TubOptions { limits, ..TubOptions::default() });
    let address = tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    tub.set_hints(vec![Hint::tcp("127.0.0.1", address.port())]);
    let furl = tub.register(echo(), None);
    (tub, furl)
}

fn client() -> Tub {
    Tub::new(Identity::random(), TubOptions::default())
}

async fn say(to: &Ref<Echo>, length: usize) -> Result<u32, RemoteError> {
    to.call(Say { data: Bulk(vec![7; length].into()) }).await
}

/// A new friend gets a link, a reference and an answer.
async fn serves_friends(furl: &Furl) {
    let friend = client();
    let reference: Ref<Echo> = friend.get(furl).await.unwrap();
    assert_eq!(say(&reference, 100_000).await, Ok(100_000));
}

/// A link whose peer has named the object.
async fn member(furl: &Furl) -> Rogue {
    let mut rogue = Rogue::dial(furl).await;
    let known = rogue.ask(words::object(furl), (Echo::id(), u16::MAX), (&[], &[])).await;
    assert_eq!(known.unwrap().error, None);
    rogue
}

fn encoded(number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(&u32::try_from(number).unwrap(), &mut bytes).unwrap();
    bytes
}

/// A call of a guessed object with a body of so many bytes.
fn guess(id: u32, body: usize, bulk: &[u8]) -> Vec<u8> {
    let head = words::call(id, words::guess(), (Echo::id(), 0));
    let arguments = vec![0; body.saturating_sub(words::encoded(&head).len())];
    words::frame(&head, &arguments, bulk)
}

#[actix_rt::test]
async fn a_stranger_may_make_few_calls() {
    let (_tub, furl) = server().await;
    let mut stranger = Rogue::dial(&furl).await;
    for _ in 0..limits::PROBATION_CALLS_MAX {
        let answer = stranger.ask(words::guess(), (Echo::id(), 0), (&[], &[])).await.unwrap();
        assert_eq!(answer.error, Some(RemoteError::NoSuchObject));
    }
    assert_eq!(stranger.ask(words::guess(), (Echo::id(), 0), (&[], &[])).await, None);
    assert!(stranger.is_cut_off().await);
    serves_friends(&furl).await;
}

#[actix_rt::test]
async fn a_strangers_calls_are_small_and_bring_no_bulk() {
    let (_tub, furl) = server().await;
    let most = limits::PROBATION_BODY_MAX;
    for (body, bulk, passes) in
        [(0, 0, true), (most, 0, true), (most + 1, 0, false), (0, 1, false), (0, 1 << 20, false)]
    {
        let mut stranger = Rogue::dial(&furl).await;
        // It may be cut off before it has said it all.
        let _ = stranger.say(&guess(1, body, &vec![7; bulk])).await;
        let answered = stranger.hears(|heard| heard.answer(1).is_some()).await;
        assert_eq!(answered, passes, "{body} bytes and {bulk} of bulk");
        assert_eq!(!stranger.heard.ended, passes);
    }
    serves_friends(&furl).await;
}

#[actix_rt::test]
async fn whoever_names_an_object_is_no_stranger() {
    let (_tub, furl) = server().await;
    let mut member = member(&furl).await;
    for id in 0..2 * limits::PROBATION_CALLS_MAX {
        assert!(member.say(&guess(100 + id, limits::BODY_MAX, &[7; 1000])).await);
        assert!(member.hears(|heard| heard.answer(100 + id).is_some()).await);
    }
    // The first frame may say it and bring bulk as well.
    let mut member = Rogue::dial(&furl).await;
    let call = (&encoded(50_000)[..], &[7; 50_000][..]);
    let answer = member.ask(words::object(&furl), (Echo::id(), 0), call).await.unwrap();
    assert_eq!((answer.error, answer.reply), (None, encoded(50_000)));
}

/// A tub on an in-process network, under this name.
fn on(net: &LoopbackNet, name: &str) -> Tub {
    let tub = tub_on(net);
    tub.listen_loopback(name).unwrap();
    tub
}

#[actix_rt::test]
async fn a_strangers_time_ends_and_nobody_elses() {
    let net = LoopbackNet::default();
    let (server, stranger, friend) = (on(&net, "server"), on(&net, "a"), on(&net, "b"));
    let furl = server.register(echo(), None);
    let gone = server.register(echo(), None);
    server.unregister(&gone);
    let _kept: Ref<Echo> = friend.get(&furl).await.unwrap();
    assert_eq!(stranger.get::<Echo>(&gone).await.unwrap_err(), RemoteError::NoSuchObject);
    tokio::time::pause();
    tokio::time::sleep(limits::PROBATION_TIME - Duration::from_secs(1)).await;
    assert_eq!(server.connected().len(), 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(server.connected(), [friend.id()]);
    assert!(stranger.get::<Echo>(&furl).await.is_ok(), "a link is to be had again");
    tokio::time::sleep(10 * limits::PROBATION_TIME).await;
    assert_eq!(server.connected().len(), 2);
}

#[actix_rt::test]
async fn a_link_that_one_side_only_serves_on_lasts_and_serves_both() {
    let net = LoopbackNet::default();
    let (near, far) = (on(&net, "near"), on(&net, "far"));
    let (at_near, at_far) = (near.register(echo(), None), far.register(echo(), None));
    // The object that the dialling side asks for is gone; the other side needs the link.
    let gone = far.register(echo(), None);
    far.unregister(&gone);
    assert!(near.get::<Echo>(&gone).await.is_err());
    let back = far.sturdy::<Echo>(&at_near);
    assert_eq!(say(&back, 1 << 20).await, Ok(1 << 20));
    assert_eq!(net.dialled(), 1, "the one link serves both");
    tokio::time::pause();
    tokio::time::sleep(2 * limits::PROBATION_TIME).await;
    assert_eq!(say(&back, 1 << 20).await, Ok(1 << 20));
    let there: Ref<Echo> = near.get(&at_far).await.unwrap();
    assert_eq!(say(&there, 1 << 20).await, Ok(1 << 20));
    assert_eq!(net.dialled(), 1, "and stands");
}

#[actix_rt::test]
async fn an_answer_that_nobody_asked_for_ends_the_link_before_it_takes_memory() {
    let (_tub, furl) = server().await;
    for head in [words::answer(0), words::answer(1), words::refusal(7, RemoteError::Busy)] {
        let mut rogue = member(&furl).await;
        assert!(rogue.say(&words::announced(&head, &[], limits::BULK_MAX as u32)).await);
        assert!(rogue.is_cut_off().await, "{head:?}");
    }
    serves_friends(&furl).await;
}

/// A link that a tub has opened to a rogue, which has been asked for an object and not answered.
async fn asked() -> (Tub, Rogue, tokio::task::JoinHandle<Result<Ref<Echo>, RemoteError>>) {
    let (listener, identity) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), Identity::random());
    let hints = vec![Hint::tcp("127.0.0.1", listener.local_addr().unwrap().port())];
    let furl = Furl::new(identity.tub_id(), hints, tahoe::tub::furl::fresh_swissnum());
    let tub = client();
    let asks = tub.clone();
    let asking = actix_rt::spawn(async move { asks.get::<Echo>(&furl).await });
    let mut rogue = Rogue::accept(&listener, &identity, &hello(8, 1 << 20)).await;
    assert!(rogue.hears(|heard| heard.calls == 1).await);
    (tub, rogue, asking)
}

#[actix_rt::test]
async fn an_answer_brings_no_more_than_was_asked_for() {
    let (tub, mut rogue, asking) = asked().await;
    let answer = words::announced(&words::answer(1), &[0; 8], limits::BULK_MAX as u32);
    assert!(rogue.say(&answer).await);
    assert!(rogue.is_cut_off().await);
    assert_eq!(asking.await.unwrap().unwrap_err(), RemoteError::Disconnected);
    assert!(tub.connected().is_empty());
}

#[actix_rt::test]
async fn an_answer_that_nobody_waits_for_any_more_is_no_violation_once() {
    let (_tub, mut rogue, asking) = asked().await;
    asking.abort();
    assert!(asking.await.is_err());
    let refusal = words::bare(&words::refusal(1, RemoteError::NoSuchObject));
    assert!(rogue.say(&[&refusal[..], &words::bare(&Head::Ping)].concat()).await);
    assert!(rogue.hears(|heard| heard.pongs == 1).await, "the link stands");
    assert!(rogue.say(&refusal).await && rogue.is_cut_off().await, "answered twice");
}

#[actix_rt::test]
async fn more_pings_than_a_link_needs_end_it() {
    let (_tub, furl) = server().await;
    let mut rogue = member(&furl).await;
    let pings = words::bare(&Head::Ping).repeat(limits::PINGS_MAX as usize);
    assert!(rogue.say(&pings).await);
    assert!(rogue.hears(|heard| heard.pongs > 0).await);
    assert!(rogue.say(&words::bare(&Head::Ping)).await);
    assert!(rogue.is_cut_off().await);
    assert!(rogue.heard.pongs <= u64::from(limits::PINGS_MAX));
    serves_friends(&furl).await;
}

/// What every initiator begins with: preamble, length, first message.
const OPENING: usize = 8 + 2 + 48;

#[actix_rt::test]
async fn a_scanner_hears_nothing_and_sees_no_difference() {
    let (_tub, furl) = server().await;
    let ours = preamble::encode(Suite::default());
    let others = [b"PBN1\x02\x01\0\0", b"PBN1\x01\x03\0\0", b"GET / HT", b"PBN2\x01\x01\0\0"];
    for start in others.into_iter().chain([&ours]) {
        // As many bytes as an initiator says, but for one: nothing happens, whatever they are.
        let mut scanner = Stranger::connect(crate::hostile::address(&furl)).await;
        let mut said = start.to_vec();
        said.extend(48_u16.to_be_bytes());
        said.resize(OPENING - 1, 7);
        assert!(scanner.say(&said).await);
        serves_friends(&furl).await;
        assert!(!scanner.is_cut_off(), "{start:?} is told from others");
        // With the last one: the end, and not a word.
        assert!(scanner.say(&[7]).await);
        assert_eq!(scanner.hear_to_the_end().await, Some(Vec::new()), "{start:?}");
    }
    let mut knows = Stranger::connect(crate::hostile::address(&furl)).await;
    assert!(knows.half_handshake(furl.tub()).await);
    assert!(knows.hear(2 + 48).await.is_some(), "who knows the key is answered");
}

#[actix_rt::test]
async fn strangers_push_out_strangers_and_nobody_else() {
    let limits = Limits { strangers: 3, links: 2, ..Limits::default() };
    let (tub, furl) = server_with(limits).await;
    let mut members = [member(&furl).await, member(&furl).await];
    let mut strangers = Vec::new();
    for _ in 0..6 {
        let mut stranger = Rogue::dial(&furl).await;
        assert!(stranger.hears(|heard| heard.accepted == 1).await);
        strangers.push(stranger);
    }
    assert_eq!(tub.connected().len(), 5);
    let mut standing = 0;
    for stranger in &mut strangers {
        let answer = stranger.ask(words::guess(), (Echo::id(), 0), (&[], &[])).await;
        assert_eq!(answer.is_none(), stranger.heard.goodbye == Some(Reason::Idle));
        standing += usize::from(answer.is_some());
    }
    assert_eq!(standing, 3, "strangers went for strangers");
    assert!(strangers[5].heard.goodbye.is_none(), "the last one came in");
    for member in &mut members {
        assert!(member.ask(words::guess(), (Echo::id(), 0), (&[], &[])).await.is_some());
    }
    // One more who is known takes the place of one of these.
    let mut third = member(&furl).await;
    assert!(third.ask(words::guess(), (Echo::id(), 0), (&[], &[])).await.is_some());
    let mut gone = 0;
    for member in &mut members {
        gone +=
            usize::from(member.ask(words::guess(), (Echo::id(), 0), (&[], &[])).await.is_none());
    }
    assert_eq!(gone, 1);
}

#[actix_rt::test]
async fn silent_sockets_go_before_a_handshake_that_has_begun() {
    let (_tub, furl) = server_with(Limits { handshakes: 4, ..Limits::default() }).await;
    let to = crate::hostile::address(&furl);
    let mut begun = Stranger::connect(to).await;
    assert!(begun.half_handshake(furl.tub()).await);
    assert!(begun.hear(2 + 48).await.is_some());
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(Stranger::connect(to).await);
    }
    assert_eq!(silent[0].hear_to_the_end().await, Some(Vec::new()));
    serves_friends(&furl).await;
    assert!(!begun.is_cut_off());
}

#[actix_rt::test]
async fn what_is_announced_and_does_not_come_keeps_memory_from_nobody() {
    let (_tub, furl) = server_with(Limits { process_bytes: 1 << 20, ..Limits::default() }).await;
    let mut rogues = Vec::new();
    for id in 0..16 {
        let mut rogue = member(&furl).await;
        let call = words::call(100 + id, words::object(&furl), (Echo::id(), 0));
        let bulk = limits::BULK_MAX as u32;
        assert!(rogue.say(&words::announced(&call, &encoded(limits::BULK_MAX), bulk)).await);
        rogues.push(rogue);
    }
    serves_friends(&furl).await;
}

/// A friend is told to wait, and then is served.
async fn serves_once_there_is_room(furl: &Furl) {
    let friend = client();
    let reference: Ref<Echo> = friend.get(furl).await.unwrap();
    let mut busy = 0;
    while say(&reference, 100_000).await != Ok(100_000) {
        busy += 1;
        tokio::time::sleep(limits::FRAME_HURRY / 8).await;
        assert!(busy < 80, "there is never room");
    }
    assert!(busy > 0, "there was room all the time");
}

#[actix_rt::test]
async fn where_memory_is_short_the_slowest_frame_makes_room() {
    let (_tub, furl) = server_with(Limits { process_bytes: 256 << 10, ..Limits::default() }).await;
    let mut hog = member(&furl).await;
    let call = words::call(100, words::object(&furl), (Echo::id(), 0));
    let bulk = limits::BULK_MAX as u32;
    assert!(hog.say(&words::announced(&call, &encoded(limits::BULK_MAX), bulk)).await);
    assert!(hog.say(&vec![7; 200 << 10]).await);
    serves_once_there_is_room(&furl).await;
    assert!(hog.is_cut_off().await);
}

#[actix_rt::test]
async fn records_that_are_begun_count_and_the_slowest_makes_room() {
    let budget = 4 * limits::RECORD_PLAIN_MAX;
    let (_tub, furl) = server_with(Limits { process_bytes: budget, ..Limits::default() }).await;
    let mut rogues = Vec::new();
    for id in 0..4 {
        let mut rogue = member(&furl).await;
        let record = rogue.sealed(&[limits::RECORD_PLAIN_MAX], &guess(id, 100, &[7; 100_000]));
        assert!(rogue.say_unsealed(&record.as_slice()[..60_000]).await);
        rogues.push(rogue);
    }
    serves_once_there_is_room(&furl).await;
    let ends = rogues.iter_mut().map(|rogue| Box::pin(rogue.is_cut_off()));
    assert!(futures_util::future::select_all(ends).await.0);
}

#[actix_rt::test]
async fn bulk_for_which_no_memory_is_left_on_its_way_is_refused_and_the_link_goes_on() {
    let (_tub, furl) = server_with(Limits { process_bytes: 256 << 10, ..Limits::default() }).await;
    let friend = client();
    let reference: Ref<Echo> = friend.get(&furl).await.unwrap();
    for _ in 0..3 {
        assert_eq!(say(&reference, 1 << 20).await, Err(RemoteError::Busy));
        assert_eq!(say(&reference, 100_000).await, Ok(100_000));
    }
}

#[actix_rt::test]
async fn a_frame_that_was_begun_and_does_not_come_ends_its_link() {
    let (tub, furl) = server().await;
    let identity = Identity::random();
    let mut rogue = Rogue::dial_as(&identity, &furl, &hello(1, 1)).await;
    let call = words::call(1, words::object(&furl), (Echo::id(), 0));
    let begun = words::announced(&call, &encoded(limits::BULK_MAX), limits::BULK_MAX as u32);
    assert!(rogue.say(&begun).await);
    serves_friends(&furl).await;
    assert!(tub.connected().contains(&identity.tub_id()));
    tokio::time::pause();
    let grace = limits::FRAME_GRACE + limits::PING_AFTER + Duration::from_secs(1);
    assert!(grace < limits::IDLE_TIME, "it would have ended anyway");
    tokio::time::sleep(grace).await;
    assert!(!tub.connected().contains(&identity.tub_id()));
    tokio::time::resume();
    assert!(rogue.is_cut_off().await);
}
