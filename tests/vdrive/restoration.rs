//! Directories that come back to a server that lost them: whole, by a writer's word, and over nothing
//! that is newer or sound.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tahoe::base::base32;
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Cache, Disk, Fault, Faults, Mode};
use tahoe::tub::furl::digest;
use tahoe::tub::{Bulk, RemoteError};
use tahoe::vdrive::api::{
    AddLease, BeginRestoration, ChangeOutcome, Changed, Commit, GetHead, RenewLease, StageRemoved,
    StageRows, code,
};
use tahoe::vdrive::format::log::Facts;
use tahoe::vdrive::format::{Head, Row, Trie, consent};
use tahoe_testing::vdrive::{Names, Owner, Server, config, names, row, row_id};

const DIR: &str = "/vdrive";

fn here<T>(work: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(work)
}

fn memory() -> Disk {
    Disk::new(Arc::new(MemoryDisk::new()))
}

fn on(disk: &Disk) -> Server {
    Server::open(config(disk, Path::new(DIR))).unwrap()
}

fn facts(owner: &Owner) -> Facts {
    Facts {
        id: owner.id,
        verify_key: owner.verify_key(),
        read_facet: digest(&owner.read),
        write_facet: digest(&owner.write),
    }
}

/// A copy of a directory, and the head under which it is to come back.
#[derive(Clone, Debug)]
struct Copy {
    of: Head,
    head: Head,
    rows: Vec<Row>,
    over: Option<[u8; 32]>,
}

/// A copy that was made at version `seq`: rows of several ages.
fn copy(owner: &Owner, seq: u64, names: &Names) -> Copy {
    let ages = (1..=seq).cycle();
    let rows: Vec<Row> =
        names.iter().zip(ages).map(|((name, content), age)| row(name, age, content)).collect();
    let root = Trie::of(rows.iter().map(|row| (row.id, row.hash()))).root();
    let (directory, rows_now) = (owner.id, rows.len() as u64);
    let (previous, change) = ([9; 32], [seq as u8; 16]);
    let of = Head { directory, seq, previous, root, rows: rows_now, change };
    let change = [!(seq as u8); 16];
    let head = Head { seq: seq + 1_000, previous: of.hash(), change, ..of };
    Copy { of, head, rows, over: None }
}

/// Asks a server to take a directory of these facts back, with a consent to these.
async fn ask(
    server: &Server,
    owner: &Owner,
    (facts, consented): (Facts, (Facts, Head)),
    copy: &Copy,
) -> Result<Changed, RemoteError> {
    let consent = consent::give(&consented.0, &consented.1, &owner.pair);
    let Facts { id, verify_key, read_facet, write_facet } = facts;
    let (of, over) = (owner.sign(copy.of), copy.over);
    let begin = BeginRestoration { id, verify_key, read_facet, write_facet, of, over, consent };
    let staging = server.vdrive.call(begin).await?;
    for piece in copy.rows.chunks(100) {
        staging.call(StageRows { rows: Bulk(Row::encode_all(piece)) }).await?;
    }
    staging.call(Commit { head: owner.sign(copy.head) }).await
}

async fn restore(
    server: &Server,
    owner: &Owner,
    copy: &Copy,
) -> Result<ChangeOutcome, RemoteError> {
    let facts = facts(owner);
    let answer = ask(server, owner, (facts.clone(), (facts, copy.head)), copy).await?;
    Ok(answer.outcome)
}

fn log_path(owner: &Owner) -> PathBuf {
    let id = base32::encode(&owner.id);
    Path::new(DIR).join("dirs").join(&id[..2]).join(format!("{id}.log"))
}

#[test]
fn a_lost_directory_is_there_again_and_goes_on_from_its_version() {
    here(async {
        for count in [0_usize, 1, 3, 700] {
            let (disk, owner) = (memory(), Owner::new(1));
            let all: Names =
                (0..count).map(|n| (format!("name {n}"), vec![n as u8; n % 50])).collect();
            let old = copy(&owner, 40_000, &all);
            let server = on(&disk);
            assert_eq!(server.reader(&owner).await.err(), Some(RemoteError::NoSuchObject));
            assert_eq!(restore(&server, &owner, &old).await, Ok(ChangeOutcome::Applied));
            let (reader, writer) =
                (server.reader(&owner).await.unwrap(), server.writer(&owner).await.unwrap());
            assert_eq!(owner.list(&reader).await.unwrap(), (old.head, all.clone()));
            let again = restore(&server, &owner, &old).await;
            assert_eq!(again, Ok(ChangeOutcome::AlreadyApplied));
            let seq = owner.edit(&reader, &writer, &[("new", Some(b"1"))]).await.unwrap();
            assert_eq!(seq, 41_001);
            let all = all.into_iter().chain(names([("new", b"1")])).collect();
            assert_eq!(owner.list(&reader).await.unwrap().1, all);
            drop((reader, writer));
            server.close().await;
            let server = on(&disk);
            let reader = server.reader(&owner).await.unwrap();
            assert_eq!(owner.list(&reader).await.unwrap().1, all, "after a restart");
        }
    });
}

#[test]
fn what_is_there_gives_way_to_a_newer_copy_only_if_its_writer_has_seen_it() {
    here(async {
        let (disk, owner) = (memory(), Owner::new(1));
        let server = on(&disk);
        owner.create(&server.vdrive, &names([("a", b"1")])).await.unwrap();
        let (reader, writer) =
            (server.reader(&owner).await.unwrap(), server.writer(&owner).await.unwrap());
        let (renew, cancel) = (RenewSecret::new([1; 32]), CancelSecret::new([2; 32]));
        let end = reader.call(AddLease { renew, cancel }).await.unwrap();
        owner.edit(&reader, &writer, &[("b", Some(b"2"))]).await.unwrap();
        let (head, there) = owner.list(&reader).await.unwrap();
        let all = names([("a", b"new"), ("b", b"2"), ("c", b"3")]);
        let newer = copy(&owner, 50, &all);
        assert_eq!(restore(&server, &owner, &newer).await, Ok(ChangeOutcome::Stale));
        for (seq, over) in [(50, [7; 32]), (head.seq, head.hash()), (1, head.hash())] {
            let copy = Copy { over: Some(over), ..copy(&owner, seq, &all) };
            assert_eq!(restore(&server, &owner, &copy).await, Ok(ChangeOutcome::Stale), "{seq}");
        }
        assert_eq!(owner.list(&reader).await.unwrap(), (head, there));
        let meant = Copy { over: Some(head.hash()), ..newer };
        assert_eq!(restore(&server, &owner, &meant).await, Ok(ChangeOutcome::Applied));
        assert_eq!(owner.list(&reader).await.unwrap(), (meant.head, all.clone()));
        owner.edit(&reader, &writer, &[("d", Some(b"4"))]).await.unwrap();
        let all: Names = all.into_iter().chain(names([("d", b"4")])).collect();
        drop((reader, writer));
        server.close().await;
        let server = on(&disk);
        let reader = server.reader(&owner).await.unwrap();
        assert_eq!(owner.list(&reader).await.unwrap().1, all, "after a restart");
        let renew = RenewSecret::new([1; 32]);
        assert_eq!(reader.call(RenewLease { renew }).await, Ok(end), "leases stay");
    });
}

#[test]
fn nothing_comes_back_that_its_writer_did_not_say() {
    here(async {
        let (server, owner, mallory) = (on(&memory()), Owner::new(1), Owner::new(2));
        let good = copy(&owner, 5, &names([("a", b"1"), ("b", b"2")]));
        let own = facts(&owner);
        // A reader knows everything but the write facet and the writer's word.
        let theirs = Facts { write_facet: digest(&mallory.write), ..own.clone() };
        let as_said = (own.clone(), good.head);
        let older = Head { seq: 4, ..good.head };
        for (facts, consented) in [
            (theirs.clone(), as_said.clone()),
            (own.clone(), (theirs, good.head)),
            (own.clone(), (own.clone(), older)),
        ] {
            let answer = ask(&server, &owner, (facts, consented), &good).await;
            assert_eq!(answer.unwrap_err().code(), Some(code::BAD_CHANGE));
        }
        let other = |change: &dyn Fn(&mut Copy)| {
            let mut copy = good.clone();
            change(&mut copy);
            copy
        };
        for bad in [
            other(&|copy| copy.head.root = [1; 32]),
            other(&|copy| copy.head.rows = 3),
            other(&|copy| copy.head.seq = 0),
            other(&|copy| copy.head.seq = 5),
            other(&|copy| copy.head.previous = [9; 32]),
            other(&|copy| copy.head.directory = mallory.id),
            other(&|copy| copy.of.seq = 4),
            other(&|copy| copy.of.directory = mallory.id),
            other(&|copy| drop(copy.rows.pop())),
            other(&|copy| copy.rows.push(row("c", 1, b"3"))),
            other(&|copy| copy.rows[0] = row("a", 1, b"other")),
            other(&|copy| copy.rows.push(copy.rows[0].clone())),
        ] {
            let answer = restore(&server, &owner, &bad).await;
            assert_eq!(
                answer.map_err(|error| error.code()),
                Err(Some(code::BAD_CHANGE)),
                "{bad:?}"
            );
        }
        let signed_by_another = Owner { id: owner.id, read: owner.read.clone(), ..mallory };
        let facts = facts(&owner);
        let answer = ask(&server, &signed_by_another, (facts.clone(), (facts, good.head)), &good);
        assert_eq!(answer.await.unwrap_err().code(), Some(code::BAD_CHANGE));
        assert_eq!(server.reader(&owner).await.err(), Some(RemoteError::NoSuchObject));
        assert_eq!(restore(&server, &owner, &good).await, Ok(ChangeOutcome::Applied));
    });
}

#[test]
fn removals_have_no_place_in_what_comes_back() {
    here(async {
        let (server, owner) = (on(&memory()), Owner::new(1));
        let Copy { of, head, rows, over } = copy(&owner, 5, &names([("a", b"1")]));
        let facts = facts(&owner);
        let consent = consent::give(&facts, &head, &owner.pair);
        let Facts { id, verify_key, read_facet, write_facet } = facts;
        let of = owner.sign(of);
        let begin = BeginRestoration { id, verify_key, read_facet, write_facet, of, over, consent };
        let staging = server.vdrive.call(begin).await.unwrap();
        staging.call(StageRows { rows: Bulk(Row::encode_all(&rows)) }).await.unwrap();
        staging.call(StageRemoved { removed: vec![row_id("b")] }).await.unwrap();
        let answer = staging.call(Commit { head: owner.sign(head) }).await;
        assert_eq!(answer.unwrap_err().code(), Some(code::BAD_CHANGE));
    });
}

/// Turns some bits of a log, from a place on.
fn damage(disk: &Disk, owner: &Owner, from: u64) {
    let file = disk.open(&log_path(owner), Mode::Change).unwrap();
    let len = file.size().unwrap() - from;
    let bytes = file.read(from, len as usize).unwrap().iter().map(|byte| byte ^ 0x55).collect();
    let bytes: Vec<u8> = bytes;
    file.write_at(&bytes, from, Cache::Keep).unwrap();
}

#[test]
fn what_was_found_damaged_gives_way_to_what_is_newer() {
    here(async {
        // Nothing is whole; or an older state is, and is served.
        for (keeps, damaged) in [(false, Some(code::CORRUPT)), (true, None)] {
            let (disk, owner) = (memory(), Owner::new(1));
            let server = on(&disk);
            owner.create(&server.vdrive, &names([("a", b"1")])).await.unwrap();
            let first = disk.open(&log_path(&owner), Mode::Read).unwrap().size().unwrap();
            let (reader, writer) =
                (server.reader(&owner).await.unwrap(), server.writer(&owner).await.unwrap());
            for n in 0..6_u8 {
                let name = format!("b{n}");
                owner.edit(&reader, &writer, &[(&*name, Some(&[n; 300]))]).await.unwrap();
            }
            let (head, all) = owner.list(&reader).await.unwrap();
            drop((reader, writer));
            server.close().await;
            // The last record stays, so that it is no crash that left this.
            let file = disk.open(&log_path(&owner), Mode::Change).unwrap();
            let len = file.size().unwrap();
            let tail = file.read(len - 700, 700).unwrap();
            damage(&disk, &owner, if keeps { first } else { 200 });
            file.write_at(&tail, len - 700, Cache::Keep).unwrap();
            drop(file);
            let server = on(&disk);
            let reader = server.reader(&owner).await.unwrap();
            let now = reader.call(GetHead {}).await;
            assert_eq!(now.as_ref().err().and_then(RemoteError::code), damaged);
            assert!(now.is_err() || owner.head(&reader).await.unwrap().seq < head.seq);
            if keeps {
                let served = owner.head(&reader).await.unwrap().seq;
                let older = copy(&owner, served, &names([("a", b"1")]));
                let answer = restore(&server, &owner, &older).await;
                assert_eq!(answer, Ok(ChangeOutcome::Stale), "it is not newer");
            }
            let copy = copy(&owner, head.seq, &all);
            assert_eq!(restore(&server, &owner, &copy).await, Ok(ChangeOutcome::Applied));
            assert_eq!(owner.list(&reader).await.unwrap(), (copy.head, all.clone()));
            let writer = server.writer(&owner).await.unwrap();
            owner.edit(&reader, &writer, &[("c", Some(b"3"))]).await.unwrap();
            let kept = disk.list(&Path::new(DIR).join("quarantine")).unwrap();
            assert_eq!(kept.len(), 1, "the damaged log is kept");
        }
    });
}

/// Brings a directory back on a disk that fails at one call, with what comes of it after a start. Whether
/// it came so far.
async fn crash_at(at: u64, (fault, power_cut): (Fault, Option<u64>), is_there: bool) -> bool {
    let backend = MemoryDisk::new();
    let (disk, faults) = (Disk::new(Arc::new(backend.clone())), Arc::new(Faults::none()));
    let (owner, old) = (Owner::new(1), names([("a", b"1"), ("b", b"2")]));
    let server = on(&disk.with_faults(faults.clone()));
    let mut copy = copy(&owner, 40, &names([("a", b"new"), ("c", b"3")]));
    if is_there {
        owner.create(&server.vdrive, &old).await.unwrap();
        let reader = server.reader(&owner).await.unwrap();
        copy.over = Some(owner.head(&reader).await.unwrap().hash());
    }
    let before = faults.calls();
    faults.plan(at, fault);
    let answer = restore(&server, &owner, &copy).await;
    let crashed = faults.calls() > before + at;
    faults.kill();
    if let Some(seed) = power_cut {
        backend.lose_power(seed);
    }
    let place = format!("{fault:?} at call {at}, power cut {power_cut:?}: {answer:?}");
    let server = on(&disk);
    let now = match server.reader(&owner).await {
        Ok(reader) => match owner.list(&reader).await {
            Ok((_, names)) => Some(names),
            Err(RemoteError::NoSuchObject) => None,
            Err(error) => panic!("{place}: {error}"),
        },
        Err(RemoteError::NoSuchObject) => None,
        Err(error) => panic!("{place}: {error}"),
    };
    let new = names([("a", b"new"), ("c", b"3")]);
    match &now {
        Some(now) if *now == new => {}
        Some(now) => assert!(is_there && *now == old && answer.is_err(), "{place}: {now:?}"),
        None => assert!(!is_there && answer.is_err(), "{place}"),
    }
    // It can be brought back all the same.
    let again = restore(&server, &owner, &copy).await;
    let wanted = [Ok(ChangeOutcome::Applied), Ok(ChangeOutcome::AlreadyApplied)];
    assert!(wanted.contains(&again), "{place}: {again:?}");
    let reader = server.reader(&owner).await.unwrap();
    assert_eq!(owner.list(&reader).await.unwrap().1, new, "{place}");
    crashed
}

#[test]
fn a_crash_at_any_call_leaves_what_was_there_or_what_comes_back() {
    here(async {
        let mut crashes = 0;
        for is_there in [false, true] {
            for fault in [Fault::Crash, Fault::TornCrash] {
                for power_cut in [None, Some(1), Some(2)] {
                    let mut at = 0;
                    while crash_at(at, (fault, power_cut.map(|seed| seed * 1000 + at)), is_there)
                        .await
                    {
                        (at, crashes) = (at + 1, crashes + 1);
                    }
                }
            }
        }
        assert!(crashes > 40, "{crashes}");
    });
}

#[test]
fn a_full_disk_is_told_and_costs_nothing() {
    here(async {
        const ENOSPC: i32 = 28;
        let (disk, faults, owner) = (memory(), Arc::new(Faults::none()), Owner::new(1));
        let server = on(&disk.with_faults(faults.clone()));
        owner.create(&server.vdrive, &names([("a", b"1")])).await.unwrap();
        let reader = server.reader(&owner).await.unwrap();
        let head = owner.head(&reader).await.unwrap();
        let many: Names = (0..500).map(|n| (format!("{n}"), vec![1; 60])).collect();
        let copy = Copy { over: Some(head.hash()), ..copy(&owner, 40, &many) };
        faults.plan(0, Fault::FromThenOn(ENOSPC));
        let answer = restore(&server, &owner, &copy).await;
        assert_eq!(answer.unwrap_err().code(), Some(code::NO_SPACE));
        assert_eq!(owner.list(&reader).await.unwrap(), (head, names([("a", b"1")])));
        faults.heal();
        assert_eq!(restore(&server, &owner, &copy).await, Ok(ChangeOutcome::Applied));
    });
}
