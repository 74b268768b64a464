//! Peers that hold a key and a furl and keep to no rule: they are cut off, and what they make the
//! process hold stays bounded.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![allow(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use actix::{Actor, Context, Handler, ResponseFuture};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tahoe::base::limits;
use tahoe::link::{Records, Sealed, Suite, initiate};
use tahoe::remote_interface;
use tahoe::tub::frame::{Head, Hello, Target};
use tahoe::tub::{
    Bulk, Furl, Hint, Identity, Interface, Limits, Ref, RemoteError, Tub, TubOptions, codec, start,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

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

async fn server() -> (Tub, SocketAddr, Furl) {
    let (tub, address, furl, _) = server_with(Limits::default()).await;
    (tub, address, furl)
}

async fn server_with(limits: Limits) -> (Tub, SocketAddr, Furl, Arc<Counts>) {
    let tub = Tub::new(Identity::random(), TubOptions { limits, ..TubOptions::default() });
    let address = tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    tub.set_hints(vec![Hint::tcp("127.0.0.1", address.port())]);
    let counts = Arc::new(Counts::default());
    let furl = tub.register(Slow::of(start(SlowActor(counts.clone()))), None);
    (tub, address, furl, counts)
}

/// What a rogue's socket takes in.
const SMALL_BUFFER: u32 = 64 << 10;
/// Bytes that the sockets of both ends may hold: what Linux lets a sender's grow to, and a rogue's.
const SOCKETS_HOLD: usize = (4 << 20) + 2 * SMALL_BUFFER as usize;

/// A peer with a proper link and no manners.
struct Rogue {
    stream: TcpStream,
    records: Records,
    furl: Furl,
    calls: u32,
}

impl Rogue {
    async fn connect(address: SocketAddr, furl: &Furl) -> Self {
        Self::connect_as(&Identity::random(), address, furl).await
    }

    async fn connect_as(identity: &Identity, address: SocketAddr, furl: &Furl) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SMALL_BUFFER).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let hello = Hello { version: 1, incarnation: 1, calls: 1, call_bytes: 1, features: 0 };
        let mut bytes = Vec::new();
        codec::encode(&hello, &mut bytes).unwrap();
        let to = (Suite::AesGcm, &furl.tub().0);
        let link = initiate(&mut stream, identity.keys(), to, &bytes).await.unwrap();
        Self { stream, records: link.records, furl: furl.clone(), calls: 0 }
    }

    fn head(&mut self, method: u16) -> Vec<u8> {
        self.calls += 1;
        let target = Target::Swissnum(self.furl.swissnum().clone());
        let head = Head::Call { id: self.calls, target, interface: Slow::id(), method };
        let mut body = Vec::new();
        codec::encode(&head, &mut body).unwrap();
        body
    }

    /// Sends a frame with these lengths in its prefix; false once the server has hung up.
    async fn send(&mut self, lengths: (u32, u32), content: &[u8]) -> bool {
        let plain = [&lengths.0.to_le_bytes(), &lengths.1.to_le_bytes(), content].concat();
        let mut sealed = Sealed::default();
        for chunk in plain.chunks(limits::RECORD_PLAIN_MAX) {
            self.records.seal(chunk, &mut sealed).unwrap();
        }
        let write = self.stream.write_all(sealed.as_slice());
        matches!(tokio::time::timeout(Duration::from_secs(5), write).await, Ok(Ok(())))
    }

    /// Frames that have their bulk kept, one behind the other.
    fn keep(&mut self, bulks: &[Bytes]) -> Vec<u8> {
        let mut stream = Vec::new();
        for bulk in bulks {
            let mut body = self.head(4);
            codec::encode(&u32::try_from(bulk.len()).unwrap(), &mut body).unwrap();
            stream.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
            stream.extend(u32::try_from(bulk.len()).unwrap().to_le_bytes());
            stream.extend(body);
            stream.extend(bulk);
        }
        stream
    }

    async fn call(&mut self, method: u16, bulk: usize) -> bool {
        let mut content = self.head(method);
        if method == 0 {
            codec::encode(&u32::try_from(bulk).unwrap(), &mut content).unwrap();
        }
        let body = u32::try_from(content.len()).unwrap();
        content.resize(content.len() + bulk, 0);
        self.send((body, bulk as u32), &content).await
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

    /// Whether the server ends the link, reading whatever it still sends.
    async fn is_cut_off(&mut self) -> bool {
        let drain = async {
            let mut sink = vec![0; 1 << 16];
            while matches!(self.stream.read(&mut sink).await, Ok(1..)) {}
        };
        tokio::time::timeout(Duration::from_secs(5), drain).await.is_ok()
    }
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
    let (tub, address, furl) = server().await;
    let mut rogue = Rogue::connect(address, &furl).await;
    for _ in 0..=limits::CALLS_MAX {
        rogue.call(0, 0).await;
    }
    assert!(rogue.is_cut_off().await);
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn more_bytes_than_credits_end_the_link() {
    let (tub, address, furl) = server().await;
    let before = resident_mib();
    let mut rogue = Rogue::connect(address, &furl).await;
    let mut sent = 0;
    while sent < 500 && rogue.call(0, 1 << 20).await {
        sent += 1;
    }
    assert!(rogue.is_cut_off().await);
    assert!(sent < 100, "took in {sent} MiB beyond its credits");
    assert!(resident_mib() < before + 48, "{} to {} MiB", before, resident_mib());
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn replies_that_nobody_reads_stay_bounded() {
    let (tub, address, furl) = server().await;
    let before = resident_mib();
    let mut rogue = Rogue::connect(address, &furl).await;
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
    let (tub, address, furl, counts) = server_with(Limits::default()).await;
    let mut rogue = Rogue::connect(address, &furl).await;
    rogue.stall(&counts).await;
    let made = counts.made.load(Ordering::SeqCst) * limits::BULK_MAX;
    let most = limits::REPLY_BYTES_MAX + limits::REPLY_MAX + SOCKETS_HOLD;
    assert!(made <= most, "made {made} bytes of replies, {most} may wait");
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn the_largest_replies_all_come_to_who_reads_them() {
    let (_tub, _, furl, counts) = server_with(Limits::default()).await;
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
    let (_tub, address, furl, counts) = server_with(Limits::default()).await;
    let bulks: Vec<Bytes> = [1, 4_096, 32_767, 32_768, 65_519, 65_520, 350_000, 0, 1_000_003]
        .iter()
        .map(|length| (0..*length).map(|i: usize| (i % 251 + length % 7) as u8).collect())
        .collect();
    let mut expected = Vec::new();
    for records in [&[65_519][..], &[1_000, 0, 17], &[65_519, 1, 30_000, 65_000], &[4_096, 65_519]]
    {
        let mut rogue = Rogue::connect(address, &furl).await;
        let plain = rogue.keep(&bulks);
        let (mut rest, mut sealed) = (plain.as_slice(), Sealed::default());
        for length in records.iter().cycle() {
            let (record, later) = rest.split_at(rest.len().min(*length));
            rogue.records.seal(record, &mut sealed).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        for piece in sealed.as_slice().chunks(99_991) {
            rogue.stream.write_all(piece).await.unwrap();
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

#[actix_rt::test]
async fn the_oldest_link_of_a_peer_goes_at_once_though_nobody_reads_from_it() {
    let (tub, address, furl, counts) = server_with(Limits::default()).await;
    let identity = Identity::random();
    let mut stalled = Rogue::connect_as(&identity, address, &furl).await;
    stalled.stall(&counts).await;
    let mut others = Vec::new();
    for _ in 0..limits::LINKS_PER_TUB_MAX {
        others.push(Rogue::connect_as(&identity, address, &furl).await);
    }
    soon(|| counts.ended.load(Ordering::SeqCst) == 1).await;
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn stalled_links_make_room_for_others_at_once() {
    let few = Limits { links: 2, ..Limits::default() };
    let (tub, address, furl, counts) = server_with(few).await;
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let mut rogue = Rogue::connect(address, &furl).await;
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
    let (tub, address, furl, counts) = server_with(Limits::default()).await;
    let mut stalled = Rogue::connect(address, &furl).await;
    stalled.stall(&counts).await;
    tub.shutdown();
    soon(|| counts.ended.load(Ordering::SeqCst) == 1).await;
}

#[actix_rt::test]
async fn absurd_frames_end_the_link_without_memory() {
    let (tub, address, furl) = server().await;
    let before = resident_mib();
    let body = limits::BODY_MAX as u32;
    let bulk = limits::BULK_MAX as u32;
    for lengths in [(0, 0), (body + 1, 0), (u32::MAX, 0), (8, bulk + 1), (8, u32::MAX)] {
        let mut rogue = Rogue::connect(address, &furl).await;
        rogue.send(lengths, &[0; 64]).await;
        assert!(rogue.is_cut_off().await, "{lengths:?}");
    }
    for junk in [&[0xff; 16][..], &[1, 9, 0, 0, 0][..], &[6, 200][..]] {
        let mut rogue = Rogue::connect(address, &furl).await;
        rogue.send((junk.len() as u32, 0), junk).await;
        assert!(rogue.is_cut_off().await, "{junk:?}");
    }
    assert!(resident_mib() < before + 16);
    still_serves(&tub, &furl).await;
}

#[actix_rt::test]
async fn a_release_of_what_was_never_sent_changes_nothing() {
    let (tub, address, furl) = server().await;
    let mut rogue = Rogue::connect(address, &furl).await;
    let mut body = Vec::new();
    codec::encode(&Head::Release { export: 1, count: u32::MAX }, &mut body).unwrap();
    assert!(rogue.send((body.len() as u32, 0), &body).await);
    still_serves(&tub, &furl).await;
}
