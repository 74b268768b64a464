//! A member of the grid signs garbage into the directory that all share: it is left out, counted,
//! named, and whoever may write the directory is rid of it; nobody loses anything else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod nodes;
mod web;

use nodes::{done, failed, tahoe, text};
use serde_json::{Value, json};
use std::process::Command;
use tahoe::base::hash::sha256;
use tahoe::base::limits::{ROW_IDS_MAX, UNREADABLE_NAMED_MAX};
use tahoe::vdrive::format::RowId;
use tahoe_testing::hostile_writer::HostileWriter;
use web::Web;

/// Garbage under ids that follow from a number.
fn garbage(numbers: std::ops::Range<u64>) -> Vec<(RowId, Vec<u8>)> {
    numbers.map(|number| (sha256(&number.to_be_bytes()), number.to_be_bytes().to_vec())).collect()
}

fn sign(web: &Web, rows: Vec<(RowId, Vec<u8>)>) {
    let (net, global) = (web.net.clone(), web.global.clone());
    actix_rt::System::new().block_on(async { HostileWriter::new(&net, &global).put(rows).await });
}

const GLOBAL: &str = "/vdrive/global";

/// A gateway whose global directory has a file, a folder with another, and so much garbage.
fn scene(count: u64) -> Web {
    let web = Web::start();
    web.put(&format!("{GLOBAL}/a.txt"), b"still here").expect(201);
    web.put(&format!("{GLOBAL}/folder/b.txt"), b"and here").expect(201);
    sign(&web, garbage(0..count));
    web
}

fn listed(web: &Web) -> Value {
    web.get(&format!("{GLOBAL}?t=json")).json()
}

fn command(web: &Web, arguments: &[&str]) -> Command {
    let mut command = tahoe();
    command.args(arguments).args(["-u", &web.url]);
    command
}

#[test]
fn the_shared_directory_is_listed_walked_and_written_whatever_a_member_signs() {
    let web = scene(3);
    let listing = listed(&web);
    assert_eq!(web::names(&listing), ["a.txt", "folder"]);
    let unreadable = &listing[1]["unreadable"];
    assert_eq!(unreadable["count"], 3);
    assert_eq!(unreadable["rows"].as_array().unwrap().len(), 3);
    assert_eq!(web.get(&format!("{GLOBAL}/a.txt")).expect(200), "still here");
    web.put(&format!("{GLOBAL}/c.txt"), b"new").expect(201);
    let page = web.get(GLOBAL).expect(200);
    assert!(page.contains("3 things in it do not open") && page.contains("t=remove-row"), "{page}");
    for t in ["stream-manifest", "stream-deep-check"] {
        let text = web.post(&format!("{GLOBAL}?t={t}"), "").expect(200);
        let all: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let found = |path: Value| all.iter().any(|line| line["path"] == path);
        assert!(found(json!(["a.txt"])) && found(json!(["folder", "b.txt"])), "{text}");
        let errors: Vec<_> = all.iter().filter(|line| line["type"] == "error").collect();
        assert!(errors.len() == 1 && errors[0]["unreadable"]["count"] == 3, "{text}");
        assert!(text.ends_with("ERROR: DirectoryError(3 things in it do not open)\n"), "{text}");
    }
    let read_only = web.get(&format!("{GLOBAL}?t=readonly-uri")).expect(200);
    let reader = web::at(&read_only);
    let row = unreadable["rows"][0].as_str().unwrap();
    web.post(&format!("{reader}?t=remove-row&row={row}"), "").refused(403);
    let page = web.get(&reader).expect(200);
    assert!(page.contains("do not open") && !page.contains("t=remove-row"), "{page}");
}

#[test]
fn a_command_says_what_is_missing_and_takes_it_out() {
    let web = scene(3);
    let run = |arguments: &[&str]| command(&web, arguments).output().unwrap();
    for arguments in [
        &["ls", "global:"][..],
        &["manifest", "global:"],
        &["stats", "global:"],
        &["deep-check", "global:"],
    ] {
        let output = run(arguments);
        let (said, remarks) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {remarks}");
        assert!(remarks.contains("do not open"), "{arguments:?} {remarks}");
        let whole = match arguments[0] {
            "ls" => said.contains("a.txt"),
            "manifest" => said.contains("folder/b.txt"),
            "stats" => said.contains("count-directories: 2"),
            _ => said.contains("4 objects checked: 4 healthy"),
        };
        assert!(whole, "{arguments:?} {said}");
    }
    let rows = listed(&web)[1]["unreadable"]["rows"].clone();
    let row = rows[0].as_str().unwrap();
    assert!(done(&mut command(&web, &["debug", "dump-dirnode", "global:"])).contains(row));
    done(&mut command(&web, &["rm", "--row", row, "global:"]));
    assert_eq!(listed(&web)[1]["unreadable"]["count"], 2);
    let (code, said) = failed(&mut command(&web, &["rm", "--row", row, "global:"]));
    assert!(code == 1 && said.contains("no such row"), "{said}");
    done(&mut command(&web, &["rm", "--unreadable", "global:"]));
    assert!(listed(&web)[1]["unreadable"].is_null());
    assert_eq!(done(&mut command(&web, &["ls", "global:"])), "a.txt\nfolder\n");
    done(&mut command(&web, &["manifest", "global:"]));
}

#[test]
fn as_many_rows_are_named_as_one_call_removes() {
    let most = UNREADABLE_NAMED_MAX as u64;
    let web = scene(most - 1);
    for (count, named) in [(most - 1, most - 1), (most, most), (most + 1, most)] {
        if count >= most {
            sign(&web, garbage(count - 1..count));
        }
        let unreadable = listed(&web)[1]["unreadable"].clone();
        assert_eq!(unreadable["count"], count);
        assert_eq!(unreadable["rows"].as_array().unwrap().len() as u64, named);
    }
    let rows = |count: usize| vec!["a".repeat(52); count].join(",");
    let form = |rows: &str| web.form(&format!("{GLOBAL}?t=remove-row"), &[("row", rows)], None);
    form(&rows(ROW_IDS_MAX)).refused(404);
    form(&rows(ROW_IDS_MAX + 1)).refused(400);
    for bad in ["", "x", "a,b"] {
        form(bad).refused(400);
    }
    let named = listed(&web)[1]["unreadable"]["rows"].clone();
    let named: Vec<_> = named.as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
    assert_eq!(form(&named.join(",")).expect(200), format!("{most} rows removed"));
    assert_eq!(listed(&web)[1]["unreadable"]["count"], 1);
    assert_eq!(web::names(&listed(&web)), ["a.txt", "folder"]);
}
