//! Bits that turn, sectors that rot and ends that are cut off in the log of a directory: what is whole
//! is served, what is not is never made up, and an older state takes no changes unasked.

use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tahoe::base::base32;
use tahoe::base::limits::MEND_MAX;
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Cache, Disk, Mode};
use tahoe::vdrive::api::{AddLease, code};
use tahoe::vdrive::format::log::{Facts, Found, HEADER_LEN, Record};
use tahoe::vdrive::{StoreConfig, restore_all, salvage_to};
use tahoe_testing::vdrive::{Names, Owner, Server, config, names};

const DIR: &str = "/vdrive";

fn here<T>(work: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(work)
}

/// What stands in a log, and what the directory was after each of its records.
struct Log {
    kind: &'static str,
    bytes: Vec<u8>,
    /// From, up to, and the state up to there, if there is one.
    records: Vec<(usize, usize, Option<Names>)>,
}

fn log_name(owner: &Owner) -> PathBuf {
    let id = base32::encode(&owner.id);
    Path::new("dirs").join(&id[..2]).join(format!("{id}.log"))
}

/// Records of a log, each with whether a state ends with it.
fn records(bytes: &[u8]) -> Vec<(usize, usize, bool)> {
    let (_, salt) = Facts::from_header(bytes).unwrap();
    let (bytes, mut at, mut all) = (Bytes::copy_from_slice(bytes), HEADER_LEN, Vec::new());
    while at < bytes.len() {
        let Found::Whole(record, len) = Record::find(salt, at as u64, &bytes.slice(at..)) else {
            panic!("no record at {at}")
        };
        all.push((at, at + len, record.settles()));
        at += len;
    }
    all
}

/// Does these edits one after the other on a new directory, and looks at its log.
async fn log(kind: &'static str, first: Names, edits: Vec<Vec<(String, Option<Vec<u8>>)>>) -> Log {
    let (disk, owner) = (Disk::new(Arc::new(MemoryDisk::new())), Owner::new(1));
    let server = Server::open(config(&disk, Path::new(DIR))).unwrap();
    owner.create(&server.vdrive, &first).await.unwrap();
    let (reader, writer) =
        (server.reader(&owner).await.unwrap(), server.writer(&owner).await.unwrap());
    let path = Path::new(DIR).join(log_name(&owner));
    let size = || disk.open(&path, Mode::Read).unwrap().size().unwrap() as usize;
    let mut states = vec![(size(), first)];
    for edit in edits {
        let edit: Vec<_> =
            edit.iter().map(|(name, content)| (name.as_str(), content.as_deref())).collect();
        owner.edit(&reader, &writer, &edit).await.unwrap();
        // A log that was written anew holds the newest state only.
        let now = owner.list(&reader).await.unwrap().1;
        if size() < states.last().unwrap().0 {
            states.clear();
        }
        states.push((size(), now));
    }
    let lease = AddLease { renew: RenewSecret::new([1; 32]), cancel: CancelSecret::new([2; 32]) };
    reader.call(lease).await.unwrap();
    let bytes = disk.open(&path, Mode::Read).unwrap().read(0, size()).unwrap();
    let state = |end: usize| states.iter().rev().find(|(size, _)| *size <= end);
    let records = records(&bytes).into_iter().map(|(from, to, settles)| {
        (from, to, state(to).filter(|_| settles).map(|(_, names)| names.clone()))
    });
    Log { kind, records: records.collect(), bytes }
}

fn put(name: &str, content: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    vec![(name.to_owned(), Some(content.to_vec()))]
}

/// Logs of some shapes.
async fn logs() -> Vec<Log> {
    // Bytes that look like the beginnings of records.
    let tricky = b"tvr1\x03\x00\x00\x00\x40tahoevd1".repeat(20);
    let small = vec![
        put("b", b"2"),
        put("c", &tricky),
        vec![("a".to_owned(), None)],
        put("b", b"3"),
        put("d", b"4"),
    ];
    let mut many: Names = (0..60).map(|n| (format!("n{n}"), vec![n; 300])).collect();
    many.insert("a".to_owned(), b"1".to_vec());
    let large = vec![many.keys().map(|name| (name.clone(), Some(vec![7; 600]))).collect()];
    let again: Vec<_> = (0..90).map(|n| put("x", &[n; 1_000])).collect();
    vec![
        log("small changes", names([("a", b"1")]), small.clone()).await,
        log("made with many rows", many.clone(), small.clone()).await,
        log("a large change", many, [large, small.clone()].concat()).await,
        log("written anew", names([("a", b"1")]), [again, small].concat()).await,
    ]
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum Fate {
    Newest,
    Older,
    Nothing,
}

/// What became of a damaged log.
struct Served {
    fate: Fate,
    found: Option<Names>,
    /// It takes changes.
    writable: bool,
    /// The damaged log is in quarantine, as it was.
    kept: bool,
}

const NOTHING: Served = Served { fate: Fate::Nothing, found: None, writable: false, kept: false };

/// Serves a log.
async fn served(log: &Log, bytes: &[u8], what: &str) -> Served {
    let (disk, owner) = (Disk::new(Arc::new(MemoryDisk::new())), Owner::new(1));
    let path = Path::new(DIR).join(log_name(&owner));
    let prefix = path.parent().unwrap();
    for folder in [Path::new(DIR), prefix.parent().unwrap(), prefix] {
        disk.mkdir(folder).unwrap();
    }
    disk.open(&path, Mode::New).unwrap().write_at(bytes, 0, Cache::Keep).unwrap();
    let server = Server::open(config(&disk, Path::new(DIR))).unwrap();
    let Ok(reader) = server.reader(&owner).await else { return NOTHING };
    let found = match owner.list(&reader).await {
        Ok((_, found)) => found,
        Err(error) => {
            assert_eq!(error.code(), Some(code::CORRUPT), "{what}");
            return NOTHING;
        }
    };
    let states: Vec<_> = log.records.iter().filter_map(|(_, _, state)| state.as_ref()).collect();
    assert!(states.contains(&&found), "{what}: never a state: {found:?}");
    let newest = *states.last().unwrap() == &found;
    let writer = server.writer(&owner).await.unwrap();
    let changed = owner.edit(&reader, &writer, &[("later", Some(b"5"))]).await;
    match &changed {
        Ok(_) => assert_eq!(owner.list(&reader).await.unwrap().1.len(), found.len() + 1, "{what}"),
        Err(error) => assert_eq!(error.code(), Some(code::SALVAGED), "{what}"),
    }
    let kept = Path::new(DIR).join("quarantine").join(path.file_name().unwrap());
    let kept = disk.open(&kept, Mode::Read).map(|file| file.read(0, bytes.len() + 1).unwrap());
    assert!(kept.as_ref().is_ok_and(|kept| kept == bytes) || kept.is_err(), "{what}: changed");
    let fate = if newest { Fate::Newest } else { Fate::Older };
    Served { fate, found: Some(found), writable: changed.is_ok(), kept: kept.is_ok() }
}

/// How often each came.
#[derive(Default)]
struct Tally(Vec<Fate>);

impl Tally {
    fn count(&self, fate: Fate) -> usize {
        self.0.iter().filter(|one| **one == fate).count()
    }

    fn tell(&self, what: &str) {
        println!(
            "promise 10: {} {what} in directory logs: {} newest state kept, {} older state served, \
             {} nothing left, 0 wrong rows",
            self.0.len(),
            self.count(Fate::Newest),
            self.count(Fate::Older),
            self.count(Fate::Nothing),
        );
    }
}

/// The state before the record at an offset.
fn before(log: &Log, at: usize) -> Option<&Names> {
    let whole = log.records.iter().take_while(|(_, to, _)| *to <= at);
    whole.filter_map(|(_, _, state)| state.as_ref()).last()
}

/// Numbers below `end` in no order, the same in each run.
fn some(count: usize, end: usize) -> impl Iterator<Item = usize> {
    (0..count.min(end)).map(move |n| (n * 7_919 + n * n * 104_729) % end)
}

fn rounds(ci: usize, release: usize) -> usize {
    if std::env::var("PROMISES").is_ok_and(|word| word == "release") { release } else { ci }
}

#[test]
fn one_flipped_bit_takes_no_directory_away() {
    here(async {
        let mut tally = Tally::default();
        for log in logs().await {
            let bits = some(rounds(60, 20_000), log.bytes.len() * 8);
            for bit in bits.chain((0..HEADER_LEN).step_by(4).map(|at| at * 8 + at % 8)) {
                let (at, what) = (bit / 8, format!("{}, bit {bit}", log.kind));
                let mut bytes = log.bytes.clone();
                bytes[at] ^= 1 << (bit % 8);
                let served = served(&log, &bytes, &what).await;
                let record = log.records.iter().find(|(from, to, _)| (*from..*to).contains(&at));
                let short = record.is_none_or(|(from, to, _)| to - from <= MEND_MAX);
                assert!(!short || served.fate == Fate::Newest, "{what}: {:?}", served.fate);
                assert_eq!(served.writable, served.fate == Fate::Newest, "{what}");
                assert!(served.kept, "{what}");
                if served.fate == Fate::Older {
                    assert_eq!(served.found.as_ref(), before(&log, at), "{what}");
                }
                tally.0.push(served.fate);
            }
        }
        tally.tell("flipped bits");
        assert!(tally.count(Fate::Nothing) == 0 && tally.count(Fate::Older) > 0);
    });
}

#[test]
fn a_rotten_sector_loses_what_is_in_it_and_no_more() {
    here(async {
        let mut tally = Tally::default();
        for log in logs().await {
            let states: Vec<_> =
                log.records.iter().filter_map(|(_, _, state)| state.as_ref()).collect();
            let order =
                |names: Option<&Names>| states.iter().rposition(|state| Some(*state) == names);
            for at in some(rounds(30, 2_000), log.bytes.len()) {
                let (from, to) = (at / 512 * 512, log.bytes.len().min(at / 512 * 512 + 512));
                let mut bytes = log.bytes.clone();
                bytes[from..to].fill(0);
                let what = format!("{}, sector at {from}", log.kind);
                let served = served(&log, &bytes, &what).await;
                if from >= HEADER_LEN {
                    let least = order(before(&log, from));
                    assert!(order(served.found.as_ref()) >= least, "{what}: {:?}", served.fate);
                }
                // Up to its end it cannot be told from what a crash leaves.
                let torn = log.records.last().unwrap().0 < to;
                assert!(torn || served.writable == (served.fate == Fate::Newest), "{what}");
                tally.0.push(served.fate);
            }
        }
        tally.tell("rotten sectors");
    });
}

#[test]
fn a_cut_log_is_what_it_was_at_some_moment() {
    here(async {
        for log in logs().await {
            for len in some(rounds(30, 2_000), log.bytes.len()) {
                let what = format!("{}, cut to {len}", log.kind);
                let served = served(&log, &log.bytes[..len], &what).await;
                assert_eq!(served.found.as_ref(), before(&log, len), "{what}");
                assert_eq!(served.writable, served.found.is_some(), "{what}");
            }
        }
    });
}

/// A folder with a directory whose large change is damaged, and what it was before and after.
async fn damaged(folder: &Path) -> (Owner, Names, Vec<u8>) {
    let log = logs().await.remove(2);
    let owner = Owner::new(1);
    let path = folder.join(log_name(&owner));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let (from, to, _) = *log.records.iter().find(|(from, to, _)| to - from > MEND_MAX).unwrap();
    let mut bytes = log.bytes.clone();
    bytes[(from + to) / 2] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    (owner, before(&log, from).unwrap().clone(), bytes)
}

#[test]
fn an_older_state_takes_no_changes_until_the_servers_owner_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("vdrive");
    here(async {
        let (owner, old, bytes) = damaged(&dir).await;
        for _ in 0..2 {
            // Also after a restart, and whoever asks first.
            let server = Server::open(StoreConfig::new(&dir)).unwrap();
            let reader = server.reader(&owner).await.unwrap();
            let writer = server.writer(&owner).await.unwrap();
            assert_eq!(owner.list(&reader).await.unwrap().1, old);
            let refused = owner.edit(&reader, &writer, &[("x", Some(b"1"))]).await;
            assert_eq!(refused.unwrap_err().code(), Some(code::SALVAGED));
            let renew = RenewSecret::new([3; 32]);
            let lease = AddLease { renew, cancel: CancelSecret::new([4; 32]) };
            assert_eq!(reader.call(lease).await.unwrap_err().code(), Some(code::SALVAGED));
            assert!(restore_all(&dir).is_err(), "the server has it");
            drop((reader, writer));
            server.close().await;
        }
        let found = restore_all(&dir).unwrap();
        let [(id, Ok(found))] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((*id, found.rows, found.complete), (owner.id, old.len() as u64, false));
        assert!(found.newest > found.seq && found.lost.len() == 1, "{found}");
        assert!(restore_all(&dir).unwrap().is_empty());
        let server = Server::open(StoreConfig::new(&dir)).unwrap();
        let (reader, writer) =
            (server.reader(&owner).await.unwrap(), server.writer(&owner).await.unwrap());
        assert_eq!(owner.list(&reader).await.unwrap().1, old);
        owner.edit(&reader, &writer, &[("x", Some(b"1"))]).await.unwrap();
        let name = log_name(&owner);
        let kept = dir.join("quarantine").join(name.file_name().unwrap());
        assert_eq!(std::fs::read(kept).unwrap(), bytes);
    });
}

#[test]
fn what_is_whole_of_a_single_log_is_written_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("vdrive");
    here(async {
        let (owner, old, bytes) = damaged(&dir).await;
        let (log, good) = (dir.join(log_name(&owner)), folder.path().join("good.log"));
        let found = salvage_to(&Disk::real(), &log, &good).unwrap();
        assert_eq!(found.rows, old.len() as u64);
        assert_eq!(std::fs::read(&log).unwrap(), bytes);
        assert!(salvage_to(&Disk::real(), &log, &good).is_err(), "it is there already");
        std::fs::rename(&good, &log).unwrap();
        let server = Server::open(StoreConfig::new(&dir)).unwrap();
        let reader = server.reader(&owner).await.unwrap();
        assert_eq!(owner.list(&reader).await.unwrap().1, old);
        std::fs::write(&good, b"no log").unwrap();
        assert!(salvage_to(&Disk::real(), &good, &folder.path().join("x")).is_err());
    });
}
