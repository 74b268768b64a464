//! Promise 5: only the holder may act.
//!
//! Against real processes: every remote method is called without a reference, with a guessed
//! swissnum, with a revoked one and with another object's; leases are touched with wrong secrets
//! and by the wrong facet; every secret that was sent to one server is tried on every other; and
//! 10,000 swissnums are guessed over 625 links, as many on each as a stranger is let. Nothing may
//! change on any disk, and every stranger hears the same word.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test may stop at once, and tells its story in one piece"
)]

mod nodes;
mod overheard;

use actix::{Actor, Context, Handler};
use nodes::{RunningGrid, http, storage_furls};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tahoe::base::limits::PROBATION_CALLS_MAX;
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::base::seeded::bytes;
use tahoe::base::system::random;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::introducer::api as intro;
use tahoe::node::control::{Control, Download, MemoryUse, SpeedTest, Upload, WaitForServers};
use tahoe::storage::api::{
    Abort, AddLease, AdviseCorrupt, Allocate, AllocateProven, BucketReader, BucketWriter, Cancel,
    CancelLease, Close, Expires, GetClock, GetSpace, GetVersion, LeaseCancellation, LeaseRenewal,
    ListManyShares, ListShares, OpenAndRead, OpenBucket, Put, PutProven, Read, Renew, Storage,
    Write, Written,
};
use tahoe::tub::{
    Bulk, Call, Furl, Identity, Interface, Ref, RemoteError, Swissnum, Tub, TubOptions, start,
};
use tahoe::vdrive::api as vdrive;

/// A passer-by: an identity that nobody knows, which has found the address of a tub.
fn stranger() -> Tub {
    Tub::new(Identity::random(), TubOptions::default())
}

/// One who holds one object of a tub, and so may call others by guessed names as it likes.
async fn holder<I: Interface>(furl: &Furl) -> Tub {
    let tub = stranger();
    tub.get::<I>(furl).await.unwrap();
    tub
}

/// The same tub, another swissnum.
fn with(furl: &Furl, swissnum: [u8; 32]) -> Furl {
    Furl::new(furl.tub(), furl.hints().to_vec(), Swissnum::new(swissnum))
}

/// Counts what strangers hear; every answer must be this one word.
#[derive(Default)]
struct Tally {
    methods: BTreeMap<&'static str, usize>,
    calls: usize,
}

impl Tally {
    async fn refused<I: Interface, M: Call<I>>(
        &mut self,
        tub: &Tub,
        furl: &Furl,
        call: M,
        word: &RemoteError,
    ) {
        let answer = tub.sturdy::<I>(furl).call(call).await;
        assert_eq!(answer.err().as_ref(), Some(word), "{} {}", I::NAME, M::METHOD);
        let methods = self.methods.entry(I::NAME).or_default();
        *methods = (*methods).max(usize::from(M::METHOD) + 1);
        self.calls += 1;
    }

    /// Every method of every interface, under one furl that gives no right to any of them.
    async fn all(&mut self, tub: &Tub, furl: &Furl, word: &RemoteError) {
        self.storage(tub, furl, word).await;
        self.refused::<BucketWriter, _>(tub, furl, Write { offset: 0, data: bulk() }, word).await;
        self.refused::<BucketWriter, _>(tub, furl, Close {}, word).await;
        self.refused::<BucketWriter, _>(tub, furl, Abort {}, word).await;
        self.refused::<BucketWriter, _>(tub, furl, Written {}, word).await;
        self.refused::<BucketReader, _>(tub, furl, Read { ranges: vec![(0, 1)] }, word).await;
        self.refused::<LeaseRenewal, _>(tub, furl, Renew {}, word).await;
        self.refused::<LeaseRenewal, _>(tub, furl, Expires {}, word).await;
        self.refused::<LeaseCancellation, _>(tub, furl, Cancel {}, word).await;
        let (holder, watcher) =
            (intro::Publisher::of(start(Anyone)), intro::Subscriber::of(start(Anyone)));
        let publish = intro::Publish { announcement: vec![1], holder };
        self.refused::<intro::Introducer, _>(tub, furl, publish, word).await;
        let subscribe = intro::Subscribe { service: "storage".into(), watcher };
        self.refused::<intro::Introducer, _>(tub, furl, subscribe, word).await;
        self.refused::<intro::Publisher, _>(tub, furl, intro::StillThere {}, word).await;
        let changed = intro::Changed { announced: vec![], gone: vec![], parameters: None };
        self.refused::<intro::Subscriber, _>(tub, furl, changed, word).await;
        self.vdrive(tub, furl, word).await;
        self.control(tub, furl, word).await;
    }

    async fn vdrive(&mut self, tub: &Tub, furl: &Furl, word: &RemoteError) {
        let id = [1; 32];
        let (verify_key, read_facet, write_facet) = ([2; 32], [3; 32], [4; 32]);
        self.refused::<vdrive::Vdrive, _>(tub, furl, vdrive::GetVersion {}, word).await;
        let (head, rows) = (vec![0; 196], bulk());
        let create =
            vdrive::CreateDirectory { id, verify_key, read_facet, write_facet, head, rows };
        self.refused::<vdrive::Vdrive, _>(tub, furl, create, word).await;
        let begin = vdrive::BeginDirectory { id, verify_key, read_facet, write_facet };
        self.refused::<vdrive::Vdrive, _>(tub, furl, begin, word).await;
        let (of, over, consent) = (vec![0; 196], None, vec![0; 64]);
        let again =
            vdrive::BeginRestoration { id, verify_key, read_facet, write_facet, of, over, consent };
        self.refused::<vdrive::Vdrive, _>(tub, furl, again, word).await;
        self.reader(tub, furl, word).await;
        let change = vdrive::ChangeRows { head: vec![0; 196], rows: bulk(), removed: vec![id] };
        self.refused::<vdrive::DirectoryWriter, _>(tub, furl, change, word).await;
        self.refused::<vdrive::DirectoryWriter, _>(tub, furl, vdrive::BeginChange {}, word).await;
        let stage = vdrive::StageRows { rows: bulk() };
        self.refused::<vdrive::Staging, _>(tub, furl, stage, word).await;
        let stage = vdrive::StageRemoved { removed: vec![id] };
        self.refused::<vdrive::Staging, _>(tub, furl, stage, word).await;
        let commit = vdrive::Commit { head: vec![0; 196] };
        self.refused::<vdrive::Staging, _>(tub, furl, commit, word).await;
        self.refused::<vdrive::Watcher, _>(tub, furl, vdrive::HeadMoved { seq: 1 }, word).await;
    }

    async fn reader(&mut self, tub: &Tub, furl: &Furl, word: &RemoteError) {
        type Reader = vdrive::DirectoryReader;
        self.refused::<Reader, _>(tub, furl, vdrive::GetHead {}, word).await;
        self.refused::<Reader, _>(tub, furl, vdrive::GetRows { ids: vec![[1; 32]] }, word).await;
        let list = vdrive::ListRows { after: None, limit: 10 };
        self.refused::<Reader, _>(tub, furl, list, word).await;
        let since = vdrive::RowsSince { seq: 0, after: None, limit: 10 };
        self.refused::<Reader, _>(tub, furl, since, word).await;
        let watch = vdrive::WatchHead { watcher: vdrive::Watcher::of(start(Anyone)) };
        self.refused::<Reader, _>(tub, furl, watch, word).await;
        let (renew, cancel) = (secret(1), CancelSecret::new([2; 32]));
        let lease = vdrive::AddLease { renew: renew.clone(), cancel: cancel.clone() };
        self.refused::<Reader, _>(tub, furl, lease, word).await;
        self.refused::<Reader, _>(tub, furl, vdrive::RenewLease { renew }, word).await;
        self.refused::<Reader, _>(tub, furl, vdrive::CancelLease { cancel }, word).await;
    }

    async fn storage(&mut self, tub: &Tub, furl: &Furl, word: &RemoteError) {
        let (si, renew, cancel) = (StorageIndex([1; 16]), secret(1), CancelSecret::new([2; 32]));
        self.refused::<Storage, _>(tub, furl, GetVersion {}, word).await;
        self.refused::<Storage, _>(tub, furl, GetSpace {}, word).await;
        self.refused::<Storage, _>(tub, furl, GetClock {}, word).await;
        let allocate = Allocate {
            si,
            shares: vec![ShareNum(0)],
            size: 10,
            renew: renew.clone(),
            cancel: cancel.clone(),
        };
        self.refused::<Storage, _>(tub, furl, allocate, word).await;
        self.refused::<Storage, _>(tub, furl, OpenBucket { si, head: 10 }, word).await;
        let ranges = vec![(0, 10)];
        self.refused::<Storage, _>(tub, furl, OpenAndRead { si, ranges }, word).await;
        self.refused::<Storage, _>(tub, furl, ListShares { si }, word).await;
        self.refused::<Storage, _>(tub, furl, ListManyShares { indexes: vec![si] }, word).await;
        let end = CancelLease { si, cancel: cancel.clone() };
        self.refused::<Storage, _>(tub, furl, end, word).await;
        let (share, data) = (ShareNum(0), bulk());
        let put = Put { si, share, renew: renew.clone(), cancel: cancel.clone(), data };
        self.refused::<Storage, _>(tub, furl, put, word).await;
        self.proven_storage(tub, furl, word).await;
        self.refused::<Storage, _>(tub, furl, AddLease { si, renew, cancel }, word).await;
        let advise = AdviseCorrupt { si, share: ShareNum(0), reason: "x".into() };
        self.refused::<Storage, _>(tub, furl, advise, word).await;
    }

    async fn proven_storage(&mut self, tub: &Tub, furl: &Furl, word: &RemoteError) {
        let (si, share, ueb_hash) = (StorageIndex([1; 16]), ShareNum(0), [3; 32]);
        let (renew, cancel) = (secret(1), CancelSecret::new([2; 32]));
        let (shares, size) = (vec![share], 10);
        let (first, second) = (renew.clone(), cancel.clone());
        let ask = AllocateProven { si, shares, size, ueb_hash, renew: first, cancel: second };
        self.refused::<Storage, _>(tub, furl, ask, word).await;
        let put = PutProven { si, share, ueb_hash, renew, cancel, data: bulk() };
        self.refused::<Storage, _>(tub, furl, put, word).await;
    }

    async fn control(&mut self, tub: &Tub, furl: &Furl, word: &RemoteError) {
        let path = "/etc/hostname".to_owned();
        self.refused::<Control, _>(tub, furl, WaitForServers { count: 1, seconds: 1 }, word).await;
        let upload = Upload { path: path.clone(), convergent: true };
        self.refused::<Control, _>(tub, furl, upload, word).await;
        let download = Download { cap: "URI:LIT:aa".into(), path };
        self.refused::<Control, _>(tub, furl, download, word).await;
        self.refused::<Control, _>(tub, furl, SpeedTest { count: 1, size: 1 }, word).await;
        self.refused::<Control, _>(tub, furl, MemoryUse {}, word).await;
    }
}

fn bulk() -> Bulk {
    Bulk(bytes::Bytes::from_static(b"x"))
}

fn secret(byte: u8) -> RenewSecret {
    RenewSecret::new([byte; 32])
}

/// Lends references that an introducer asks for.
struct Anyone;

impl Actor for Anyone {
    type Context = Context<Self>;
}

impl Handler<intro::StillThere> for Anyone {
    type Result = Result<bool, RemoteError>;
    fn handle(&mut self, _: intro::StillThere, _: &mut Self::Context) -> Self::Result {
        Ok(true)
    }
}

impl Handler<vdrive::HeadMoved> for Anyone {
    type Result = Result<(), RemoteError>;

    fn handle(&mut self, _: vdrive::HeadMoved, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

impl Handler<intro::Changed> for Anyone {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: intro::Changed, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

/// Names and contents of all share files.
fn shares(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(shares(&entry.path()));
        } else {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found
}

fn furl_in(dir: &Path, name: &str) -> Furl {
    Furl::parse(&fs::read_to_string(dir.join(name)).unwrap()).unwrap()
}

#[actix_rt::test]
async fn no_method_answers_to_one_who_does_not_hold_its_object() {
    let started = Instant::now();
    let grid = RunningGrid::of(2, "1 1 2");
    let content = bytes(1, 10_000);
    http().put(format!("{}/uri", grid.gateway.url)).send(&content[..]).unwrap();
    let stored = grid.servers[0].dir.join("storage/shares");
    let before = shares(&stored);
    assert!(!before.is_empty());
    let storage = furl_in(&grid.servers[0].dir, "control.furl");
    let introducer = furl_in(&grid.nodes.dir("introducer"), "introducer.furl");
    let mut tally = Tally::default();
    let unknown = RemoteError::NoSuchObject;
    // Nobody's, a guess, and a right one of another tub.
    for swissnum in [[0; 32], random(), *introducer.swissnum().reveal()] {
        let holder = holder::<Control>(&storage).await;
        tally.all(&holder, &with(&storage, swissnum), &unknown).await;
    }
    let swissnum = *storage.swissnum().reveal();
    let member = holder::<intro::Introducer>(&introducer).await;
    tally.all(&member, &with(&introducer, swissnum), &unknown).await;
    // Revoked: the owner deletes the secret and restarts the node.
    let dir = grid.servers[1].dir.clone();
    let revoked = furl_in(&dir, "control.furl");
    let RunningGrid { nodes, introducer: hub, mut servers, gateway } = grid;
    servers.pop().unwrap().stop();
    fs::remove_file(dir.join("private/control.swissnum")).unwrap();
    servers.push(nodes::Process::run(&dir));
    let now = furl_in(&dir, "control.furl");
    let owner = holder::<Control>(&now).await;
    tally.all(&owner, &with(&now, *revoked.swissnum().reveal()), &unknown).await;
    let control = stranger().get::<Control>(&now).await.unwrap();
    assert!(control.call(MemoryUse {}).await.unwrap().resident > 0, "the holder may");

    let declared = [
        (Storage::NAME, Storage::METHODS.len()),
        (BucketWriter::NAME, BucketWriter::METHODS.len()),
        (BucketReader::NAME, BucketReader::METHODS.len()),
        (LeaseRenewal::NAME, LeaseRenewal::METHODS.len()),
        (LeaseCancellation::NAME, LeaseCancellation::METHODS.len()),
        (intro::Introducer::NAME, intro::Introducer::METHODS.len()),
        (intro::Publisher::NAME, intro::Publisher::METHODS.len()),
        (intro::Subscriber::NAME, intro::Subscriber::METHODS.len()),
        (vdrive::Vdrive::NAME, vdrive::Vdrive::METHODS.len()),
        (vdrive::DirectoryReader::NAME, vdrive::DirectoryReader::METHODS.len()),
        (vdrive::DirectoryWriter::NAME, vdrive::DirectoryWriter::METHODS.len()),
        (vdrive::Staging::NAME, vdrive::Staging::METHODS.len()),
        (vdrive::Watcher::NAME, vdrive::Watcher::METHODS.len()),
        (Control::NAME, Control::METHODS.len()),
    ];
    assert_eq!(tally.methods, declared.into_iter().collect(), "every method was tried");
    assert!(shares(&stored) == before, "nothing changed");
    let methods: usize = tally.methods.values().sum();
    println!(
        "promise 5: {methods} methods, {} calls without the right, 0 effects, one error word, {:.1} s",
        tally.calls,
        started.elapsed().as_secs_f32()
    );
    drop((nodes, hub, servers, gateway));
}

#[actix_rt::test]
async fn leases_obey_their_own_secrets_only() {
    let started = Instant::now();
    let grid = RunningGrid::of(1, "1 1 1");
    let furl = storage_furls(&grid.gateway.dir).remove(0);
    let owner = stranger();
    let server: Ref<Storage> = owner.get(&furl).await.unwrap();
    let (si, renew, cancel) = (StorageIndex([9; 16]), random::<32>(), random::<32>());
    let allocate = Allocate {
        si,
        shares: vec![ShareNum(3)],
        size: 4,
        renew: RenewSecret::new(renew),
        cancel: CancelSecret::new(cancel),
    };
    let (_, writer) = server.call(allocate).await.unwrap().writers.remove(0);
    writer.call(Write { offset: 0, data: Bulk(bytes::Bytes::from_static(b"abcd")) }).await.unwrap();
    writer.call(Close {}).await.unwrap();
    let mallory = stranger();
    let theirs: Ref<Storage> = mallory.get(&furl).await.unwrap();
    let other = AddLease { si, renew: secret(5), cancel: CancelSecret::new([6; 32]) };
    assert_eq!(theirs.call(other).await.unwrap(), 1, "a second lease, of another owner");
    let stored = grid.servers[0].dir.join("storage/shares");
    let before = shares(&stored);

    let mut tries = 0;
    let unknown = RemoteError::NoSuchObject;
    // The renew secret never cancels, the cancel secret never renews, a near miss is a miss.
    let mut near = renew;
    near[31] ^= 1;
    for (swissnum, renews, cancels) in [
        (renew, None, Some(RemoteError::WrongInterface)),
        (cancel, Some(RemoteError::WrongInterface), None),
        (near, Some(unknown.clone()), Some(unknown.clone())),
        (si_as_secret(si), Some(unknown.clone()), Some(unknown)),
    ] {
        let furl = with(&furl, swissnum);
        if let Some(word) = renews {
            let answer = mallory.sturdy::<LeaseRenewal>(&furl).call(Renew {}).await;
            assert_eq!(answer.err(), Some(word));
            tries += 1;
        }
        if let Some(word) = cancels {
            let answer = mallory.sturdy::<LeaseCancellation>(&furl).call(Cancel {}).await;
            assert_eq!(answer.err(), Some(word));
            tries += 1;
        }
    }
    assert!(shares(&stored) == before, "nothing changed");
    let renewal = owner.sturdy::<LeaseRenewal>(&with(&furl, renew));
    assert!(renewal.call(Renew {}).await.unwrap() > 1_500_000_000, "the holder renews");
    let cancellation = owner.sturdy::<LeaseCancellation>(&with(&furl, cancel));
    assert_eq!(cancellation.call(Cancel {}).await.unwrap(), 1, "the holder cancels");
    assert_eq!(
        server.call(ListShares { si }).await.unwrap(),
        [ShareNum(3)],
        "the other lease holds"
    );
    println!(
        "promise 5: leases, {tries} wrong secrets, 0 effects, {:.1} s",
        started.elapsed().as_secs_f32()
    );
}

fn si_as_secret(si: StorageIndex) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&si.0);
    bytes
}

#[actix_rt::test]
async fn ten_thousand_guesses_over_hundreds_of_links_find_nothing() {
    const LINKS: usize = 625;
    const GUESSES: usize = PROBATION_CALLS_MAX as usize;
    const { assert!(LINKS * GUESSES >= 10_000) };
    let started = Instant::now();
    let grid = RunningGrid::of(1, "1 1 1");
    let furl = storage_furls(&grid.gateway.dir).remove(0);
    let tubs: Vec<Tub> = (0..LINKS).map(|_| stranger()).collect();
    let mut hits = 0;
    // Links come up a few at a time, as many as may shake hands at once.
    for group in tubs.chunks(25) {
        for _ in 0..GUESSES {
            let calls = group.iter().map(|tub| guess(tub, &furl));
            hits += futures_util::future::join_all(calls).await.iter().filter(|hit| **hit).count();
        }
        assert!(group.iter().all(|tub| tub.connected() == [furl.tub()]), "on one link each");
        for tub in group {
            let more = tub.get::<Storage>(&with(&furl, random())).await;
            assert_eq!(more.unwrap_err(), RemoteError::Disconnected);
        }
    }
    assert_eq!(hits, 0);
    let honest: Ref<Storage> = tubs[0].get(&furl).await.unwrap();
    honest.call(GetVersion {}).await.unwrap();
    println!(
        "promise 5: {} swissnums guessed over {LINKS} links, {hits} hits, one more ends each link, {:.1} s",
        LINKS * GUESSES,
        started.elapsed().as_secs_f32()
    );
}

/// Whether a random swissnum found an object.
async fn guess(tub: &Tub, furl: &Furl) -> bool {
    let answer = tub.get::<Storage>(&with(furl, random())).await;
    match answer {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, RemoteError::NoSuchObject);
            false
        }
    }
}
