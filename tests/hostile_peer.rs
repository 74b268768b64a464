//! Peers that hold a key and a furl and keep to no rule: they are cut off, and what they make the
//! process hold stays bounded.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![allow(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod hostile;

use actix::{Actor, Context, Handler, ResponseFuture};
use bytes::Bytes;
use hostile::{Rogue, SMALL_BUFFER, hello, words};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tahoe::base::limits;
use tahoe::remote_interface;
use tahoe::tub::{
    Bulk, Furl, Hint, Identity, Interface, Limits, Ref, RemoteError, Tub, TubOptions, codec, start,
};

remote_interface! {
    pub interface Slow = "test.slow.v1" {
        0 => Wait { data: Bulk } -> (),
        1 => Big {} -> Bulk,
        2 => Huge {} -> Bulk,
        3 => Child {} -> Ref<Slow>,
        4 => Keep { data: Bulk } -> (),
    }
}

/// What befell the objects of one server.
#[derive(Default)]
struct Counts {
    /// Large replies made.
    made: AtomicUsize,
    /// Objects that have ended.
    ended: AtomicUsize,
    /// What was to be kept.
    kept: Mutex<Vec<Bytes>>,
}

#[derive(Default)]
struct SlowActor(Arc<Counts>);

impl Actor for SlowActor {
    type Context = Context<Self>;
    fn stopped(&mut self, _: &mut Self::Context) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler<Child> for SlowActor {
    type Result = Result<Ref<Slow>, RemoteError>;
    fn handle(&mut self, _: Child, _: &mut Self::Context) -> Self::Result {
        Ok(Slow::of(start(Self(self.0.clone()))))
    }
}

impl Handler<Keep> for SlowActor {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, Keep { data }: Keep, _: &mut Self::Context) -> Self::Result {
        self.0.kept.lock().unwrap().push(data.0);
        Ok(())
    }
}

impl Handler<Wait> for SlowActor {
    type Result = ResponseFuture<Result<(), RemoteError>>;
    fn handle(&mut self, _: Wait, _: &mut Self::Context) -> Self::Result {
        Box::pin(std::future::pending())
    }
}

impl Handler<Big> for SlowActor {
    type Result = Result<Bulk, RemoteError>;
    fn handle(&mut self, _: Big, _: &mut Self::Context) -> Self::Result {
        Ok(Bulk(vec![7; 43_690].into()))
    }
}

impl Handler<Huge> for SlowActor {
    type Result = ResponseFuture<Result<Bulk, RemoteError>>;
    fn handle(&mut self, _: Huge, _: &mut Self::Context) -> Self::Result {
        let counts = self.0.clone();
        Box::pin(async move {
            // So long that every call that may run is running before the first is answered.
            tokio::time::sleep(Duration::from_millis(10)).await;
            counts.made.fetch_add(1, Ordering::SeqCst);
            Ok(Bulk(vec![7; limits::BULK_MAX].into()))
        })
    }
}

async fn server() -> (Tub, Furl) {
    let (tub, furl, _) = server_with(Limits::default()).await;
    (tub, furl)
}

async fn server_with(limits: Limits) -> (Tub, Furl, Arc<Counts>) {
    let tub = Tub::new(Identity::random(), TubOptions { limits, ..TubOptions::default() });
    let address = tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    tub.set_hints(vec![Hint::tcp("127.0.0.1", address.port())]);
    let counts = Arc::new(Counts::default());
    let furl = tub.register(Slow::of(start(SlowActor(counts.clone()))), None);
    (tub, furl, counts)
}

/// Bytes that the sockets of both ends may hold: what Linux lets a sender's grow to, and a rogue's.
const SOCKETS_HOLD: usize = (4 << 20) + 2 * SMALL_BUFFER as usize;

/// A link to the tub and the furl of its object.
struct Caller(Rogue, Furl);

impl Caller {
    async fn of(furl: &Furl) -> Self {
        Self(Rogue::dial(furl).await, furl.clone())
    }

    async fn named(identity: &Identity, furl: &Furl) -> Self {
        Self(Rogue::dial_as(identity, furl, &hello(1, 1)).await, furl.clone())
    }

    /// Calls `method`, with so much bulk; false once the server has hung up.
    async fn call(&mut self, method: u16, bulk: usize) -> bool {
        let arguments = if method == 0 { length_of(bulk) } else { Vec::new() };
        let (target, data) = (words::object(&self.1), vec![0; bulk]);
        self.0.call(target, (Slow::id(), method), (&arguments, &data)).await.is_some()
    }

    /// Frames that have their bulk kept, one behind the other.
    fn keep(&mut self, bulks: &[Bytes]) -> Vec<u8> {
        let frame = |bulk: &Bytes| {
            let head = words::call(self.0.next_id(), words::object(&self.1), (Slow::id(), 4));
            words::frame(&head, &length_of(bulk.len()), bulk)
        };
        bulks.iter().flat_map(frame).collect()
    }

    /// Holds an object of the server's, and asks for so much that the server can send no more.
    async fn stall(&mut self, counts: &Counts) {
        assert!(self.call(3, 0).await);
        for _ in 0..60 {
            assert!(self.call(2, 0).await);
        }
        let mut made = 0;
        while made == 0 || made < counts.made.load(Ordering::SeqCst) {
            made = counts.made.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The argument that says how long its bulk is.
fn length_of(bulk: usize) -> Vec<u8> {
    let mut argument = Vec::new();
    codec::encode(&u32::try_from(bulk).unwrap(), &mut argument).unwrap();
    argument
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("0 0");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

async fn still_serves(tub: &Tub, furl: &Furl) {
    let friend = Tub::new(Identity::random(), TubOptions::default());
    let reference: Ref<Slow> = friend.get(furl).await.unwrap();
    assert_eq!(reference.call(Big {}).await.unwrap().0.len(), 43_690);
    assert!(!tub.connected().is_empty());
}

#[actix_rt::test]
async fn more_calls_than_credits_end_the_link() {
    let (tub, furl) = server().await;
    let mut rogue = Caller::of(&furl).await;
    for _ in 0..=limits::CALLS_MAX {
        rogue.call(0, 0).await;
    }
    assert!(rogue.0.is_cut_off().await);
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn more_bytes_than_credits_end_the_link() {
    let (tub, furl) = server().await;
    let before = resident_mib();
    let mut rogue = Caller::of(&furl).await;
    let mut sent = 0;
    while sent < 500 && rogue.call(0, 1 << 20).await {
        sent += 1;
    }
    assert!(rogue.0.is_cut_off().await);
    assert!(sent < 100, "took in {sent} MiB beyond its credits");
    assert!(resident_mib() < before + 48, "{} to {} MiB", before, resident_mib());
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn replies_that_nobody_reads_stay_bounded() {
    let (tub, furl) = server().await;
    let before = resident_mib();
    let mut rogue = Caller::of(&furl).await;
    for _ in 0..20_000 {
        if !rogue.call(1, 0).await {
            break;
        }
    }
    assert!(resident_mib() < before + 32, "{} to {} MiB", before, resident_mib());
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn the_largest_replies_that_nobody_reads_stay_bounded() {
    let (tub, furl, counts) = server_with(Limits::default()).await;
    let mut rogue = Caller::of(&furl).await;
    rogue.stall(&counts).await;
    let made = counts.made.load(Ordering::SeqCst) * limits::BULK_MAX;
    let most = limits::REPLY_BYTES_MAX + limits::REPLY_MAX + SOCKETS_HOLD;
    assert!(made <= most, "made {made} bytes of replies, {most} may wait");
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn the_largest_replies_all_come_to_who_reads_them() {
    let (_tub, furl, counts) = server_with(Limits::default()).await;
    let friend = Tub::new(Identity::random(), TubOptions::default());
    let reference: Ref<Slow> = friend.get(&furl).await.unwrap();
    let calls: Vec<_> = (0..100).map(|_| reference.call(Huge {})).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().0.len(), limits::BULK_MAX);
    }
    assert_eq!(counts.made.load(Ordering::SeqCst), 100);
}

#[actix_rt::test]
async fn bulk_arrives_whole_in_whatever_records_and_pieces_it_comes() {
    let (_tub, furl, counts) = server_with(Limits::default()).await;
    let bulks: Vec<Bytes> = [1, 4_096, 32_767, 32_768, 65_519, 65_520, 350_000, 0, 1_000_003]
        .iter()
        .map(|length| (0..*length).map(|i: usize| (i % 251 + length % 7) as u8).collect())
        .collect();
    let mut expected = Vec::new();
    for records in [&[65_519][..], &[1_000, 0, 17], &[65_519, 1, 30_000, 65_000], &[4_096, 65_519]]
    {
        let mut rogue = Caller::of(&furl).await;
        let plain = rogue.keep(&bulks);
        let sealed = rogue.0.sealed(records, &plain);
        for piece in sealed.as_slice().chunks(99_991) {
            assert!(rogue.0.say_unsealed(piece).await);
            tokio::task::yield_now().await;
        }
        expected.extend(bulks.iter().cloned());
        soon(|| counts.kept.lock().unwrap().len() >= expected.len()).await;
    }
    assert!(*counts.kept.lock().unwrap() == expected);
}

/// Fails if it takes longer than a peer may stall the link.
async fn soon(mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(limits::WRITE_STALL_TIME / 4, wait).await.unwrap();
}

/// Takes children until there is none to be had, or as many as `most`.
async fn children(caller: &mut Caller, most: usize) -> usize {
    for taken in 0..most {
        let child = (Slow::id(), 3);
        let answer = caller.0.ask(words::object(&caller.1), child, (&[], &[])).await.unwrap();
        if answer.error.is_some() {
            assert_eq!(answer.error, Some(RemoteError::Busy));
            return taken;
        }
    }
    most
}

#[actix_rt::test]
async fn objects_are_bounded_on_all_links_together_and_each_has_its_share() {
    let share = limits::EXPORTS_MIN;
    let few = Limits { exports_all: share + 10, ..Limits::default() };
    let (_tub, furl, counts) = server_with(few).await;
    let (mut hog, mut friend) = (Caller::of(&furl).await, Caller::of(&furl).await);
    assert_eq!(children(&mut hog, 2 * share).await, share + 10);
    assert_eq!(children(&mut friend, 2 * share).await, share);
    // What one lets go, others may have; whoever has its share may not while they hold too many.
    assert!(hog.0.say(&words::bare(&words::release(1, 1))).await);
    assert_eq!(children(&mut hog, 1).await, 0);
    drop(friend);
    let (refused, released) = (3, 1);
    soon(|| counts.ended.load(Ordering::SeqCst) == refused + released + share).await;
    assert_eq!(children(&mut hog, 10).await, 1);
}

#[actix_rt::test]
async fn the_oldest_link_of_a_peer_goes_at_once_though_nobody_reads_from_it() {
    let (tub, furl, counts) = server_with(Limits::default()).await;
    let identity = Identity::random();
    let mut stalled = Caller::named(&identity, &furl).await;
    stalled.stall(&counts).await;
    let mut others = Vec::new();
    for _ in 0..limits::LINKS_PER_TUB_MAX {
        others.push(Caller::named(&identity, &furl).await);
    }
    soon(|| counts.ended.load(Ordering::SeqCst) == 1).await;
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn stalled_links_make_room_for_others_at_once() {
    let few = Limits { links: 2, ..Limits::default() };
    let (tub, furl, counts) = server_with(few).await;
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let mut rogue = Caller::of(&furl).await;
        rogue.stall(&counts).await;
        stalled.push(rogue);
    }
    let friends: Vec<Tub> =
        (0..2).map(|_| Tub::new(Identity::random(), TubOptions::default())).collect();
    for (index, friend) in friends.iter().enumerate() {
        let reference: Ref<Slow> = friend.get(&furl).await.unwrap();
        assert_eq!(reference.call(Big {}).await.unwrap().0.len(), 43_690);
        soon(|| counts.ended.load(Ordering::SeqCst) == index + 1).await;
    }
    assert_eq!(tub.connected().len(), 2);
}

#[actix_rt::test]
async fn a_tub_that_shuts_down_waits_for_no_peer_that_does_not_read() {
    let (tub, furl, counts) = server_with(Limits::default()).await;
    let mut stalled = Caller::of(&furl).await;
    stalled.stall(&counts).await;
    tub.shutdown();
    soon(|| counts.ended.load(Ordering::SeqCst) == 1).await;
}

#[actix_rt::test]
async fn absurd_frames_end_the_link_without_memory() {
    let (tub, furl) = server().await;
    let before = resident_mib();
    let body = limits::BODY_MAX as u32;
    let bulk = limits::BULK_MAX as u32;
    for lengths in [(0, 0), (body + 1, 0), (u32::MAX, 0), (8, bulk + 1), (8, u32::MAX)] {
        let mut rogue = Caller::of(&furl).await;
        rogue.0.say(&words::lengths_and(lengths, &[0; 64])).await;
        assert!(rogue.0.is_cut_off().await, "{lengths:?}");
    }
    for junk in [&[0xff; 16][..], &[1, 9, 0, 0, 0][..], &[6, 200][..]] {
        let mut rogue = Caller::of(&furl).await;
        rogue.0.say(&words::lengths_and((junk.len() as u32, 0), junk)).await;
        assert!(rogue.0.is_cut_off().await, "{junk:?}");
    }
    assert!(resident_mib() < before + 16);
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn a_release_of_what_was_never_sent_changes_nothing() {
    let (tub, furl) = server().await;
    let mut rogue = Caller::of(&furl).await;
    assert!(rogue.0.say(&words::bare(&words::release(1, u32::MAX))).await);
    still_serves(&tub, &furl).await;
}

#[test]
fn the_list_of_what_the_peer_can_do_is_whole() {
    let list = include_str!("../docs/hostile-peer.md");
    let sources = [
        include_str!("hostile/mod.rs"),
        include_str!("hostile/stranger.rs"),
        include_str!("hostile/rogue.rs"),
        include_str!("hostile/flood.rs"),
        include_str!("hostile/heard.rs"),
        include_str!("hostile/words.rs"),
    ];
    let public = sources.iter().flat_map(|source| source.lines()).filter_map(|line| {
        let (_, name) = line.trim_start().strip_prefix("pub ")?.split_once("fn ")?;
        name.split(['(', '<']).next()
    });
    let missing: Vec<_> = public.filter(|name| !list.contains(name)).collect();
    assert!(missing.is_empty(), "not in docs/hostile-peer.md: {missing:?}");
}
