//! What a vdrive server does with honest, clumsy and hostile clients, and on disks that fail.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tahoe::base::limits::{LEASE_SECONDS, ROW_IDS_MAX};
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::base::system::Clock;
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Cache, Disk, Fault, Faults, Mode, Op};
use tahoe::tub::{Bulk, RemoteError};
use tahoe::vdrive::StoreConfig;
use tahoe::vdrive::api::{
    AddLease, BeginDirectory, CancelLease, ChangeOutcome, ChangeRows, Changed, Commit,
    DirectoryReader, DirectoryWriter, GetHead, GetRows, HeadMoved, RenewLease, RowsSince,
    StageRows, WatchHead, Watcher, code,
};
use tahoe::vdrive::format::{Row, Trie};
use tahoe_testing::vdrive::{NOW, Names, Owner, Server, config, names, row, row_id};

const DIR: &str = "/vdrive";
const EIO: i32 = 5;

fn here<T>(work: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(work)
}

fn on(disk: &Disk) -> Server {
    Server::open(config(disk, Path::new(DIR))).unwrap()
}

fn memory() -> Disk {
    Disk::new(Arc::new(MemoryDisk::new()))
}

async fn facets(
    server: &Server,
    owner: &Owner,
) -> (tahoe::tub::Ref<DirectoryReader>, tahoe::tub::Ref<DirectoryWriter>) {
    (server.reader(owner).await.unwrap(), server.writer(owner).await.unwrap())
}

/// A server with one directory of these names.
async fn with_names(disk: &Disk, names: &Names) -> (Server, Owner) {
    let (server, owner) = (on(disk), Owner::new(1));
    owner.create(&server.vdrive, names).await.unwrap();
    (server, owner)
}

fn log_path(owner: &Owner) -> PathBuf {
    let id = tahoe::base::base32::encode(&owner.id);
    Path::new(DIR).join("dirs").join(&id[..2]).join(format!("{id}.log"))
}

#[test]
fn a_directory_is_made_once_however_often_it_is_asked_for() {
    here(async {
        let (server, owner) = with_names(&memory(), &names([("a", b"1")])).await;
        let again = owner.create(&server.vdrive, &names([("a", b"1")])).await;
        assert_eq!(again, Ok(ChangeOutcome::AlreadyApplied));
        let (reader, writer) = facets(&server, &owner).await;
        owner.edit(&reader, &writer, &[("b", Some(b"2"))]).await.unwrap();
        let late = owner.create(&server.vdrive, &names([("a", b"1")])).await;
        assert_eq!(late, Ok(ChangeOutcome::AlreadyApplied));
        assert_eq!(owner.list(&reader).await.unwrap().1, names([("a", b"1"), ("b", b"2")]));
    });
}

#[test]
fn neither_an_id_nor_a_facet_of_another_directory_can_be_taken() {
    here(async {
        let (server, owner) = with_names(&memory(), &Names::new()).await;
        let mallory = Owner::new(2);
        let honest = || mallory.create_message(&Names::new());
        let theirs = owner.create_message(&Names::new());
        let mut thefts = vec![honest(), honest(), honest(), honest()];
        thefts[0].read_facet = theirs.read_facet;
        thefts[1].write_facet = theirs.write_facet;
        thefts[2].read_facet = theirs.write_facet;
        thefts[3].write_facet = thefts[3].read_facet;
        for theft in thefts {
            let answer = server.vdrive.call(theft).await;
            assert_eq!(answer.unwrap_err().code(), Some(code::EXISTS));
        }
        let mut other_key = theirs;
        other_key.verify_key = mallory.verify_key();
        assert_eq!(server.vdrive.call(other_key).await.unwrap_err().code(), Some(code::BAD_CHANGE));
        server.vdrive.call(honest()).await.unwrap();
    });
}

#[test]
fn a_change_that_its_head_does_not_describe_is_refused_and_changes_nothing() {
    here(async {
        let (server, owner) = with_names(&memory(), &names([("a", b"1")])).await;
        let (reader, writer) = facets(&server, &owner).await;
        let before = owner.list(&reader).await.unwrap();
        let now = reader.call(GetRows { ids: vec![row_id("b"), row_id("a")] }).await.unwrap();
        let good = owner.next(&before.0, &now.proof.0, &[("b", Some(b"2"))]);
        let ask = |change: &dyn Fn(&mut tahoe::vdrive::format::Head, &mut Vec<Row>)| {
            let (mut head, mut rows) = (good.0, good.1.clone());
            change(&mut head, &mut rows);
            let head = owner.sign(head);
            ChangeRows { head, rows: Bulk(Row::encode_all(&rows)), removed: Vec::new() }
        };
        let mut forged = ask(&|_, _| {});
        let last = forged.head.len() - 1;
        forged.head[last] ^= 1;
        let mut gone = ask(&|_, _| {});
        gone.removed.push(row_id("never there"));
        let bad = [
            forged,
            gone,
            ask(&|head, _| head.root[0] ^= 1),
            ask(&|head, _| head.rows += 1),
            ask(&|head, _| head.directory[0] ^= 1),
            ask(&|_, rows| rows[0].seq += 1),
            ask(&|_, rows| rows.push(rows[0].clone())),
            ask(&|_, rows| rows.clear()),
            ask(&|_, rows| rows[0].read = b"other".as_slice().into()),
        ];
        for (number, ask) in bad.into_iter().enumerate() {
            let answer = writer.call(ask).await;
            assert_eq!(answer.unwrap_err().code(), Some(code::BAD_CHANGE), "case {number}");
        }
        let mut cut = ask(&|_, _| {});
        cut.head.pop();
        assert_eq!(writer.call(cut).await, Err(RemoteError::BadArguments));
        assert_eq!(owner.list(&reader).await.unwrap(), before);
        assert_eq!(writer.call(ask(&|_, _| {})).await.unwrap().outcome, ChangeOutcome::Applied);
    });
}

#[test]
fn of_two_changes_on_one_state_the_second_is_told_the_first_with_proof() {
    here(async {
        let (server, owner) = with_names(&memory(), &names([("a", b"1")])).await;
        let (reader, writer) = facets(&server, &owner).await;
        let now = reader.call(GetRows { ids: ["a", "b"].map(row_id).to_vec() }).await.unwrap();
        let head = owner.believe(&now.head);
        let change = |edits: &[tahoe_testing::vdrive::Edit<'_>]| {
            let (head, rows, removed) = owner.next(&head, &now.proof.0, edits);
            ChangeRows { head: owner.sign(head), rows: Bulk(Row::encode_all(&rows)), removed }
        };
        let (first, second) = (change(&[("a", Some(b"2"))]), change(&[("b", Some(b"3"))]));
        let (repeat, third) = (first.head.clone(), change(&[("a", None)]));
        assert_eq!(writer.call(first).await.unwrap().outcome, ChangeOutcome::Applied);
        for (ask, shown) in [(second, None), (third, Some(&b"2"[..]))] {
            let Changed { outcome, head, rows, proof } = writer.call(ask).await.unwrap();
            assert_eq!((outcome, owner.believe(&head).seq), (ChangeOutcome::Stale, 2));
            let trie = Trie::from_bytes(&proof.0).unwrap();
            assert_eq!(trie.root(), owner.believe(&head).root);
            let rows = Row::decode_all(rows.0).unwrap();
            let row_a = row("a", 2, b"2");
            assert_eq!(rows.first(), shown.map(|_| &row_a));
        }
        // The answer was lost, and somebody else changed something since.
        owner.edit(&reader, &writer, &[("c", Some(b"4"))]).await.unwrap();
        let again = ChangeRows { head: repeat, rows: Bulk::default(), removed: Vec::new() };
        let answer = writer.call(again).await.unwrap();
        assert_eq!(
            (answer.outcome, owner.believe(&answer.head).seq),
            (ChangeOutcome::AlreadyApplied, 3)
        );
    });
}

#[test]
fn the_read_facet_takes_no_changes_and_strangers_find_nothing() {
    here(async {
        let (server, owner) = with_names(&memory(), &Names::new()).await;
        let furl = |swissnum: &tahoe::tub::Swissnum| {
            tahoe::tub::Furl::new(server.tub.id(), Vec::new(), swissnum.clone())
        };
        let wrong = server.tub.get::<DirectoryWriter>(&furl(&owner.read)).await;
        assert_eq!(wrong.err(), Some(RemoteError::WrongInterface));
        let stranger = Owner::new(9);
        assert_eq!(server.reader(&stranger).await.err(), Some(RemoteError::NoSuchObject));
        let id = tahoe::tub::Swissnum::new(owner.id);
        let guess = server.tub.get::<DirectoryReader>(&furl(&id)).await;
        assert_eq!(guess.err(), Some(RemoteError::NoSuchObject));
        let reader = server.reader(&owner).await.unwrap();
        let many = GetRows { ids: vec![[0; 32]; ROW_IDS_MAX + 1] };
        assert_eq!(reader.call(many).await, Err(RemoteError::BadArguments));
    });
}

#[test]
fn large_directories_are_staged_listed_in_pages_and_proven() {
    here(async {
        let (server, owner) = (on(&memory()), Owner::new(1));
        let all: Names = (0..5_000).map(|n| (format!("name {n}"), vec![n as u8; 300])).collect();
        let (head, rows) = owner.first(&all);
        let whole = owner.create_message(&Names::new());
        let (id, verify_key) = (whole.id, whole.verify_key);
        let (read_facet, write_facet) = (whole.read_facet, whole.write_facet);
        let begin = BeginDirectory { id, verify_key, read_facet, write_facet };
        let staging = server.vdrive.call(begin).await.unwrap();
        for rows in rows.chunks(1_000) {
            staging.call(StageRows { rows: Bulk(Row::encode_all(rows)) }).await.unwrap();
        }
        assert!(server.reader(&owner).await.is_err(), "not there before the commit");
        let made = staging.call(Commit { head: owner.sign(head) }).await.unwrap();
        assert_eq!(made.outcome, ChangeOutcome::Applied);
        let late = staging.call(Commit { head: owner.sign(head) }).await;
        assert_eq!(late, Err(RemoteError::Stopped));
        let (reader, writer) = facets(&server, &owner).await;
        assert_eq!(owner.list(&reader).await.unwrap().1, all);
        let answer = reader.call(GetRows { ids: ["name 7", "x"].map(row_id).to_vec() }).await;
        assert!(answer.unwrap().proof.0.len() < 3_000);
        owner.edit(&reader, &writer, &[("name 9", None), ("x", Some(b"y"))]).await.unwrap();
        let since = RowsSince { seq: 1, after: None, limit: 100 };
        let since = reader.call(since).await.unwrap();
        assert_eq!((since.complete, since.more), (true, false));
        assert_eq!(Row::decode_all(since.rows.0).unwrap(), [row("x", 2, b"y")]);
        assert_eq!(&since.removed.0[..], row_id("name 9"));
    });
}

#[test]
fn a_dropped_staging_changes_nothing() {
    here(async {
        let (server, owner) = with_names(&memory(), &Names::new()).await;
        let (reader, writer) = facets(&server, &owner).await;
        let staging = writer.call(tahoe::vdrive::api::BeginChange {}).await.unwrap();
        let rows = Bulk(Row::encode_all(&[row("a", 2, b"1")]));
        staging.call(StageRows { rows }).await.unwrap();
        drop(staging);
        assert_eq!(owner.list(&reader).await.unwrap().1, Names::new());
    });
}

struct Told(Arc<Mutex<Vec<u64>>>, Arc<tokio::sync::Semaphore>);

impl actix::Actor for Told {
    type Context = actix::Context<Self>;
}

impl actix::Handler<HeadMoved> for Told {
    type Result = actix::ResponseFuture<Result<(), RemoteError>>;

    fn handle(&mut self, moved: HeadMoved, _: &mut Self::Context) -> Self::Result {
        self.0.lock().unwrap().push(moved.seq);
        let gate = self.1.clone();
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            Ok(())
        })
    }
}

#[test]
fn a_slow_watcher_is_told_the_newest_head_only() {
    here(async {
        let (server, owner) = with_names(&memory(), &Names::new()).await;
        let (reader, writer) = facets(&server, &owner).await;
        let (told, gate) = (Arc::default(), Arc::new(tokio::sync::Semaphore::new(0)));
        let watcher = Watcher::of(tahoe::tub::start(Told(Arc::clone(&told), gate.clone())));
        let now = reader.call(WatchHead { watcher }).await.unwrap();
        assert_eq!(owner.believe(&now.head).seq, 1);
        for n in 0..10 {
            owner.edit(&reader, &writer, &[("a", Some(&[n]))]).await.unwrap();
        }
        gate.add_permits(10);
        for _ in 0..1_000 {
            if told.lock().unwrap().last() == Some(&11) {
                break;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let told = told.lock().unwrap().clone();
        assert!(told.len() <= 3 && told.last() == Some(&11) && told.is_sorted(), "{told:?}");
    });
}

#[test]
fn leases_are_kept_renewed_cancelled_and_found_when_due() {
    here(async {
        let (disk, clock) = (memory(), Clock::manual(NOW));
        let at =
            |clock: &Clock| StoreConfig { clock: clock.clone(), ..config(&disk, Path::new(DIR)) };
        let owner = Owner::new(1);
        let lease = |n| (RenewSecret::new([n; 32]), CancelSecret::new([!n; 32]));
        let server = Server::open(at(&clock)).unwrap();
        owner.create(&server.vdrive, &Names::new()).await.unwrap();
        let reader = server.reader(&owner).await.unwrap();
        for n in 1..3 {
            let (renew, cancel) = lease(n);
            let end = reader.call(AddLease { renew, cancel }).await.unwrap();
            assert_eq!(end, NOW + LEASE_SECONDS);
        }
        clock.advance(5_000);
        assert_eq!(
            reader.call(RenewLease { renew: lease(1).0 }).await,
            Ok(NOW + 5_000 + LEASE_SECONDS)
        );
        reader.call(CancelLease { cancel: lease(2).1 }).await.unwrap();
        let unknown = reader.call(RenewLease { renew: lease(2).0 }).await.unwrap_err();
        assert_eq!(unknown.code(), Some(code::NO_SUCH_LEASE));
        drop((reader, server));
        let server = Server::open(at(&clock)).unwrap();
        assert_eq!(server.store.due(&[]).0, Vec::<[u8; 32]>::new());
        clock.advance(LEASE_SECONDS + 1);
        assert_eq!(server.store.due(&[]).0, [owner.id]);
    });
}

#[test]
fn a_start_after_a_crash_reads_leases_and_no_rows() {
    here(async {
        let (disk, clock) = (memory(), Clock::manual(NOW));
        let at = || StoreConfig { clock: clock.clone(), ..config(&disk, Path::new(DIR)) };
        let owner = Owner::new(1);
        let server = Server::open(at()).unwrap();
        owner.create(&server.vdrive, &names([("a", &[7; 200])])).await.unwrap();
        let (reader, writer) = facets(&server, &owner).await;
        for n in 1..3 {
            let (renew, cancel) = (RenewSecret::new([n; 32]), CancelSecret::new([!n; 32]));
            reader.call(AddLease { renew, cancel }).await.unwrap();
            owner.edit(&reader, &writer, &[("b", Some(&[n; 200]))]).await.unwrap();
            clock.advance(100);
        }
        drop((reader, writer, server));
        // Rows that are damaged are not even looked at.
        damage(&disk, &owner, |bytes| {
            let row = bytes.windows(200).position(|bytes| bytes == [7; 200]).unwrap();
            bytes[row] ^= 1;
        });
        let server = Server::open(at()).unwrap();
        clock.advance(LEASE_SECONDS - 200 + 50);
        assert_eq!(server.store.due(&[]).0, Vec::<[u8; 32]>::new(), "the second lease still runs");
        clock.advance(100);
        assert_eq!(server.store.due(&[]).0, [owner.id]);
    });
}

#[test]
fn after_a_failed_sync_the_log_is_written_anew_before_anything_is_acknowledged() {
    here(async {
        for (op, loaded) in [(Op::Write, true), (Op::Sync, true), (Op::Write, false)] {
            let backend = MemoryDisk::new();
            let faults = Arc::new(Faults::none());
            let disk = Disk::new(Arc::new(backend.clone()));
            let (server, owner) =
                with_names(&disk.with_faults(faults.clone()), &names([("a", b"1")])).await;
            let (reader, writer) = facets(&server, &owner).await;
            if loaded {
                owner.list(&reader).await.unwrap();
            }
            faults.plan(u64::from(op == Op::Sync), Fault::FromThenOn(EIO));
            for _ in 0..3 {
                let failed = owner.edit(&reader, &writer, &[("b", Some(b"2"))]).await;
                assert_eq!(failed.unwrap_err().code(), Some(code::DISK));
                assert_eq!(owner.list(&reader).await.unwrap().1, names([("a", b"1")]), "readable");
            }
            faults.heal();
            owner.edit(&reader, &writer, &[("c", Some(b"3"))]).await.unwrap();
            assert!(faults.log().iter().filter(|op| **op == Op::Rename).count() > 1);
            let expected = names([("a", b"1"), ("c", b"3")]);
            faults.kill();
            backend.lose_power(7);
            let server = on(&disk);
            let reader = server.reader(&owner).await.unwrap();
            assert_eq!(owner.list(&reader).await.unwrap().1, expected);
        }
    });
}

/// Changes bytes of the directory's log.
fn damage(disk: &Disk, owner: &Owner, change: impl Fn(&mut Vec<u8>)) {
    let file = disk.open(&log_path(owner), Mode::Change).unwrap();
    let mut bytes = file.read(0, 1 << 20).unwrap();
    change(&mut bytes);
    file.set_len(bytes.len() as u64).unwrap();
    file.write_at(&bytes, 0, Cache::Keep).unwrap();
    file.sync().unwrap();
}

#[test]
fn a_torn_end_is_dropped_and_damage_before_good_records_is_moved_aside() {
    here(async {
        let disk = memory();
        let (server, owner) = with_names(&disk, &names([("a", b"1")])).await;
        let (reader, writer) = facets(&server, &owner).await;
        let first = disk.open(&log_path(&owner), Mode::Read).unwrap().size().unwrap() as usize;
        owner.edit(&reader, &writer, &[("b", Some(b"2"))]).await.unwrap();
        let second = disk.open(&log_path(&owner), Mode::Read).unwrap().size().unwrap() as usize;
        owner.edit(&reader, &writer, &[("c", Some(b"3"))]).await.unwrap();
        drop((server, reader, writer));
        let whole = disk.open(&log_path(&owner), Mode::Read).unwrap().read(0, 1 << 20).unwrap();
        for cut in [second + 1, second + 100, whole.len() - 1] {
            damage(&disk, &owner, |bytes| bytes.truncate(cut));
            let server = on(&disk);
            let (reader, writer) = facets(&server, &owner).await;
            let two = names([("a", b"1"), ("b", b"2")]);
            assert_eq!(owner.list(&reader).await.unwrap().1, two, "cut at {cut}");
            owner.edit(&reader, &writer, &[("d", Some(b"4"))]).await.unwrap();
            drop((server, reader, writer));
            let server = on(&disk);
            let reader = server.reader(&owner).await.unwrap();
            assert_eq!(owner.list(&reader).await.unwrap().1.len(), 3);
            damage(&disk, &owner, |bytes| bytes.clone_from(&whole));
        }
        for at in [3, 100, first - 3, first + 3, first + 100, second - 1] {
            damage(&disk, &owner, |bytes| bytes[at] ^= 1);
            let server = on(&disk);
            let reader = server.reader(&owner).await.unwrap();
            assert_eq!(owner.list(&reader).await.unwrap().1.len(), 3, "byte {at}");
            let id = tahoe::base::base32::encode(&owner.id);
            let kept = Path::new(DIR).join("quarantine").join(format!("{id}.log"));
            let kept_len = disk.open(&kept, Mode::Read).unwrap().size().unwrap();
            assert_eq!(kept_len as usize, whole.len());
            disk.unlink(&kept).unwrap();
            drop((server, reader));
            damage(&disk, &owner, |bytes| bytes.clone_from(&whole));
        }
        let server = on(&disk);
        let reader = server.reader(&owner).await.unwrap();
        assert_eq!(owner.list(&reader).await.unwrap().1.len(), 3, "put back, it is as it was");
        drop((server, reader));
        // Nothing of it is whole: neither its first state nor a later one.
        damage(&disk, &owner, |bytes| bytes[first - 40..].fill(0));
        damage(&disk, &owner, |bytes| bytes[first - 100..first - 40].fill(1));
        let server = on(&disk);
        let reader = server.reader(&owner).await.unwrap();
        assert_eq!(reader.call(GetHead {}).await.unwrap_err().code(), Some(code::CORRUPT));
    });
}

#[test]
fn the_index_may_be_lost_stale_or_damaged_at_any_start() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("vdrive");
    let index = dir.join("index");
    here(async {
        let mut count = 0_u8;
        for round in 0..12 {
            let server = Server::open(StoreConfig::new(&dir)).unwrap();
            for n in 1..=count {
                let owner = Owner::new(n);
                let (reader, writer) = facets(&server, &owner).await;
                owner.edit(&reader, &writer, &[("round", Some(&[round]))]).await.unwrap();
            }
            count += 1;
            Owner::new(count).create(&server.vdrive, &Names::new()).await.unwrap();
            let stale = round % 6 == 5;
            if round % 2 == 0 {
                server.store.shut_down();
            }
            server.close().await;
            match round % 6 {
                0 => std::fs::remove_dir_all(&index).unwrap(),
                1 => {}
                2 => every_file(&index, &|path| std::fs::write(path, b"rubbish").unwrap()),
                3 => every_file(&index, &|path| {
                    let mut bytes = std::fs::read(path).unwrap();
                    bytes.iter_mut().step_by(97).for_each(|byte| *byte ^= 0xFF);
                    std::fs::write(path, bytes).unwrap();
                }),
                4 => every_file(&index, &|path| {
                    let bytes = std::fs::read(path).unwrap();
                    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
                }),
                _ => assert!(stale),
            }
        }
        let server = Server::open(StoreConfig::new(&dir)).unwrap();
        for n in 1..=count {
            let owner = Owner::new(n);
            let (head, _) = owner.list(&server.reader(&owner).await.unwrap()).await.unwrap();
            assert_eq!(head.seq, u64::from(count - n) + 1, "directory {n}");
        }
        println!(
            "promise 10: the index lost or damaged 12 times, {count} directories found each time"
        );
    });
}

#[test]
fn the_index_may_be_removed_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("vdrive");
    here(async {
        let (server, owner) = (Server::open(StoreConfig::new(&dir)).unwrap(), Owner::new(1));
        owner.create(&server.vdrive, &Names::new()).await.unwrap();
        let (reader, writer) = facets(&server, &owner).await;
        owner.edit(&reader, &writer, &[("before", Some(b"1"))]).await.unwrap();
        std::fs::remove_dir_all(dir.join("index")).unwrap();
        owner.edit(&reader, &writer, &[("after", Some(b"2"))]).await.unwrap();
        let late = Owner::new(2);
        late.create(&server.vdrive, &names([("x", b"3")])).await.unwrap();
        server.store.shut_down();
        drop((reader, writer));
        server.close().await;
        let server = Server::open(StoreConfig::new(&dir)).unwrap();
        let all = owner.list(&server.reader(&owner).await.unwrap()).await.unwrap().1;
        assert_eq!(all, names([("before", b"1"), ("after", b"2")]));
        let all = late.list(&server.reader(&late).await.unwrap()).await.unwrap().1;
        assert_eq!(all, names([("x", b"3")]));
    });
}

fn every_file(folder: &Path, work: &dyn Fn(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { every_file(&path, work) } else { work(&path) }
    }
}

#[test]
fn a_copy_of_the_folder_made_while_the_server_runs_is_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, copy) = (folder.path().join("vdrive"), folder.path().join("copy"));
    here(async {
        let server = Server::open(StoreConfig::new(&dir)).unwrap();
        let owner = Owner::new(1);
        owner.create(&server.vdrive, &Names::new()).await.unwrap();
        let (reader, writer) = facets(&server, &owner).await;
        for n in 0..20 {
            owner.edit(&reader, &writer, &[(&format!("{n}"), Some(&[n]))]).await.unwrap();
        }
        copy_folder(&dir, &copy);
        owner.edit(&reader, &writer, &[("later", Some(b"x"))]).await.unwrap();
        let restored = Server::open(StoreConfig::new(&copy)).unwrap();
        let reader = restored.reader(&owner).await.unwrap();
        let (head, names) = owner.list(&reader).await.unwrap();
        assert_eq!((head.seq, names.len()), (21, 20));
    });
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
