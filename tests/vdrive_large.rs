//! A directory of 100,000 entries on a real disk: made, changed, looked up, listed, opened again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod vdrive_help;

use std::time::Instant;
use tahoe::tub::Bulk;
use tahoe::vdrive::StoreConfig;
use tahoe::vdrive::api::{BeginDirectory, ChangeOutcome, Commit, GetRows, StageRows};
use tahoe::vdrive::format::Row;
use vdrive_help::{Names, Owner, Server, row_id};

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
