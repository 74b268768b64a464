//! A directory of 100,000 entries on a real disk: made, changed, looked up, listed, opened again; and
//! what writers may make a server hold before a change is made.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bytes::Bytes;
use std::time::Instant;
use tahoe::base::limits::{STAGED_ALL_MAX, STAGED_MAX, STAGED_ROW_COST};
use tahoe::tub::{Bulk, Ref, RemoteError};
use tahoe::vdrive::StoreConfig;
use tahoe::vdrive::api::{
    BeginChange, BeginDirectory, ChangeOutcome, Commit, DirectoryWriter, GetRows, StageRows,
    Staging, code,
};
use tahoe::vdrive::format::Row;
use tahoe_testing::vdrive::{Names, Owner, Server, row_id};

const ENTRIES: u32 = 100_000;

/// Makes the directory, a few thousand rows a call.
async fn make(server: &Server, owner: &Owner, all: &Names) {
    let (head, rows) = owner.first(all);
    let ask = owner.create_message(&Names::new());
    let begin = BeginDirectory {
        id: ask.id,
        verify_key: ask.verify_key,
        read_facet: ask.read_facet,
        write_facet: ask.write_facet,
    };
    let staging = server.vdrive.call(begin).await.unwrap();
    for rows in rows.chunks(2_000) {
        staging.call(StageRows { rows: Bulk(Row::encode_all(rows)) }).await.unwrap();
    }
    let answer = staging.call(Commit { head: owner.sign(head) }).await.unwrap();
    assert_eq!(answer.outcome, ChangeOutcome::Applied);
}

#[test]
fn a_hundred_thousand_entries_are_changed_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    actix_rt::System::new().block_on(async {
        let config = StoreConfig::new(folder.path().join("vdrive"));
        let (server, owner) = (Server::open(config.clone()).unwrap(), Owner::new(1));
        let all: Names = (0..ENTRIES).map(|n| (format!("name {n}"), vec![7; 400])).collect();
        let made = Instant::now();
        make(&server, &owner, &all).await;
        let made = made.elapsed();

        let opened = Instant::now();
        let (reader, writer) =
            (server.reader(&owner).await.unwrap(), server.writer(&owner).await.unwrap());
        owner.head(&reader).await.unwrap();
        let opened = opened.elapsed();
        let changed = Instant::now();
        for n in 0..100_u8 {
            owner.edit(&reader, &writer, &[(&format!("new {n}"), Some(&[n]))]).await.unwrap();
        }
        let changed = changed.elapsed() / 100;
        let found = Instant::now();
        for n in 0..100 {
            let ids = vec![row_id(&format!("name {n}"))];
            let answer = reader.call(GetRows { ids }).await.unwrap();
            assert!(answer.proof.0.len() < 2_000 && !answer.rows.0.is_empty());
        }
        let found = found.elapsed() / 100;
        let listed = Instant::now();
        let (head, names) = owner.list(&reader).await.unwrap();
        let listed = listed.elapsed();
        assert_eq!((head.seq, names.len()), (101, ENTRIES as usize + 100));
        println!(
            "promise 10: {ENTRIES} entries made in {} ms, opened in {} ms, one added in {} µs, \
             looked up in {} µs, all listed and proven in {} ms",
            made.as_millis(),
            opened.as_millis(),
            changed.as_micros(),
            found.as_micros(),
            listed.as_millis()
        );
    });
}

/// Rows of so many bytes each, encoded.
fn rows(count: u32, bytes: usize) -> Bytes {
    let row = |n: u32| Row {
        id: row_id(&n.to_string()),
        seq: 2,
        read: vec![7; bytes].into(),
        write: Bytes::new(),
    };
    Row::encode_all(&(0..count).map(row).collect::<Vec<_>>())
}

/// Stages the same piece until that is refused; the staging, how often it went, and the refusal.
async fn fill(writer: &Ref<DirectoryWriter>, piece: &Bytes) -> (Ref<Staging>, usize, RemoteError) {
    let staging = writer.call(BeginChange {}).await.unwrap();
    for count in 0.. {
        if let Err(error) = staging.call(StageRows { rows: Bulk(piece.clone()) }).await {
            return (staging, count, error);
        }
    }
    unreachable!("it is refused in the end")
}

#[test]
fn the_smallest_rows_count_as_what_they_take() {
    let folder = tempfile::tempdir().unwrap();
    actix_rt::System::new().block_on(async {
        let server = Server::open(StoreConfig::new(folder.path().join("vdrive"))).unwrap();
        let owner = Owner::new(1);
        owner.create(&server.vdrive, &Names::new()).await.unwrap();
        let small = rows(20_000, 0);
        let cost = small.len() + 20_000 * STAGED_ROW_COST;
        let writer = server.writer(&owner).await.unwrap();
        let (_, pieces, refused) = fill(&writer, &small).await;
        assert_eq!(refused.code(), Some(code::TOO_MUCH));
        assert!(pieces * cost <= STAGED_MAX && (pieces + 1) * cost > STAGED_MAX, "{pieces}");
    });
}

#[test]
fn one_writer_cannot_hold_the_memory_of_all() {
    let folder = tempfile::tempdir().unwrap();
    actix_rt::System::new().block_on(async {
        let server = Server::open(StoreConfig::new(folder.path().join("vdrive"))).unwrap();
        let (owner, other) = (Owner::new(1), Owner::new(2));
        for owner in [&owner, &other] {
            owner.create(&server.vdrive, &Names::new()).await.unwrap();
        }
        let writer = server.writer(&owner).await.unwrap();
        let large = rows(16, 64 << 10);
        let (mut all, mut held) = (0, Vec::new());
        for _ in 0..12 {
            let (staging, pieces, _) = fill(&writer, &large).await;
            all += pieces * large.len();
            held.push(staging);
        }
        assert!(all > STAGED_MAX && all < STAGED_ALL_MAX, "{all}");
        // Somebody else's change is made all the same.
        let (reader, writer) =
            (server.reader(&other).await.unwrap(), server.writer(&other).await.unwrap());
        let now = reader.call(GetRows { ids: vec![row_id("x")] }).await.unwrap();
        let (head, rows, _) =
            other.next(&other.believe(&now.head), &now.proof.0, &[("x", Some(b"1"))]);
        let staging = writer.call(BeginChange {}).await.unwrap();
        staging.call(StageRows { rows: Bulk(Row::encode_all(&rows)) }).await.unwrap();
        let made = staging.call(Commit { head: other.sign(head) }).await.unwrap();
        assert_eq!(made.outcome, ChangeOutcome::Applied);
    });
}
