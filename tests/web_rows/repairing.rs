//! §4.1, §4.2, §4.5: shares that are read, and made again.

use super::LONG;
use crate::web::{Web, at};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// The files of an object's shares, those of a server after the other.
fn share_files(web: &Web, index: &str) -> Vec<PathBuf> {
    let bucket = |disk: &PathBuf| disk.join("shares").join(&index[..2]).join(index);
    let buckets = web.disks.iter().map(bucket).filter(|bucket| bucket.exists());
    let files = buckets.flat_map(|bucket| fs::read_dir(bucket).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// One share less, and one damaged.
fn harm(web: &Web, index: &str) {
    let files = share_files(web, index);
    fs::remove_file(&files[0]).unwrap();
    let mut damaged = fs::read(&files[1]).unwrap();
    // Behind the container's header and that of the share.
    damaged[12 + 0x24] ^= 1;
    fs::write(&files[1], damaged).unwrap();
}

fn index_of(web: &Web, cap: &str) -> String {
    let checked = web.post(&format!("{}?t=check&output=JSON", at(cap)), "").json();
    checked["storage-index"].as_str().unwrap().to_owned()
}

#[test]
fn damage_is_read_and_mended_over_http() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    let verify_cap = web.get(&format!("{}?t=json", at(&cap))).json();
    let keeper = at(verify_cap[1]["verify_uri"].as_str().unwrap());
    let ask = |more: &str| web.post(&format!("{keeper}?t=check&output=JSON{more}"), "").json();
    let index = index_of(&web, &cap);
    harm(&web, &index);

    let read = ask("&verify=true");
    assert_eq!(read["summary"], "Not Healthy: 2 shares (enc 2-of-4)");
    let found = &read["results"];
    assert_eq!((&found["verified"], &found["count-shares-good"]), (&json!(true), &json!(2)));
    assert_eq!(found["count-corrupt-shares"], 1);
    let corrupt = found["list-corrupt-shares"][0].as_array().unwrap();
    assert_eq!((corrupt[1].as_str(), corrupt.len()), (Some(index.as_str()), 3));
    assert_eq!(found["list-findings"][0]["region"], "data");
    assert_eq!(found["list-findings"][0]["text"], "block 0 is damaged");
    // Its server has looked at the damaged one, and tells of it no more.
    let page = web.post(&format!("{keeper}?t=check"), "").expect(200);
    assert!(page.contains("Repair it") && page.contains("Read and verify it"), "{page}");

    let mended = ask("&repair=true");
    for (key, value) in [("repair-attempted", true), ("repair-successful", true)] {
        assert_eq!(mended[key], value, "{key}");
    }
    assert_eq!(mended["storage-index"], index);
    let count = |when: &str| mended[when]["results"]["count-shares-good"].clone();
    assert_eq!((count("pre-repair-results"), count("post-repair-results")), (json!(2), json!(4)));
    assert_eq!(mended["post-repair-results"]["summary"], "Healthy");
    assert_eq!(web.get(&at(&cap)).expect(200).as_bytes(), LONG);

    let again = ask("&repair=true&verify=true");
    assert_eq!(again["repair-attempted"], false);
    assert_eq!(again["pre-repair-results"], again["post-repair-results"]);
    let literal = web.post("/uri/URI:LIT:me?t=check&repair=true&output=JSON", "").json();
    assert_eq!(
        (&literal["storage-index"], &literal["repair-attempted"]),
        (&json!(""), &json!(false))
    );
}

#[test]
fn a_cap_that_no_file_can_have_is_not_healthy() {
    let web = Web::start();
    let bad = web.put("/uri", LONG).expect(200).replace(":2:4:", ":5:4:");
    for more in ["", "&verify=true", "&repair=true"] {
        let found = web.post(&format!("{}?t=check&output=JSON{more}", at(&bad)), "").json();
        let found = found.get("post-repair-results").unwrap_or(&found);
        assert_eq!(found["results"]["healthy"], false, "{found}");
        let why = found["summary"].as_str().unwrap();
        assert!(why.starts_with("Not Healthy: this capability names no file"), "{why}");
        web.post(&format!("{}?t=check{more}", at(&bad)), "").expect(200);
    }
}

#[test]
fn a_page_tells_what_is_damaged() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    harm(&web, &index_of(&web, &cap));
    let page = web.post(&format!("{}?t=check&verify=true", at(&cap)), "").expect(200);
    assert!(page.contains("block 0 is damaged") && page.contains("Repair it"), "{page}");
    assert!(page.contains("Verified: all of them were read") && !page.contains("Read and verify"));
    let page = web.post(&format!("{}?t=check&repair=true", at(&cap)), "").expect(200);
    assert!(page.contains("Repaired: 2 shares made again and stored"), "{page}");
}

#[test]
fn what_cannot_be_mended_is_said_exactly() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    for file in &share_files(&web, &index_of(&web, &cap))[1..] {
        fs::remove_file(file).unwrap();
    }
    let lost = web.post(&format!("{}?t=check&repair=true&output=JSON", at(&cap)), "").json();
    assert_eq!(
        (&lost["repair-attempted"], &lost["repair-successful"]),
        (&json!(true), &json!(false))
    );
    let text = "1 of 4 shares are left and 2 are needed, so 1 more must come back before the others can \
                be made again";
    assert_eq!(lost["repair-failure"], text);
    let page = web.post(&format!("{}?t=check&repair=true", at(&cap)), "").expect(200);
    assert!(page.contains("Not wholly repaired, 0 shares made again: 1 of 4"), "{page}");
}

#[test]
fn a_tree_is_mended() {
    let web = Web::start();
    let dir = web.mkdir();
    let cap = web.put(&format!("{dir}/file"), LONG).expect(201);
    web.put(&format!("{dir}/lit"), b"0123456789").expect(201);
    let index = index_of(&web, &cap);
    harm(&web, &index);
    let started = format!("{dir}?t=start-deep-check&repair=true&ophandle=mend&output=JSON");
    web.post(&started, "").expect(302);
    let done = loop {
        let now = web.get("/operations/mend?output=JSON").json();
        if now["finished"] == true {
            break now;
        }
    };
    for (key, value) in [
        ("count-objects-checked", 2),
        ("count-objects-healthy-pre-repair", 1),
        ("count-objects-unhealthy-pre-repair", 1),
        ("count-objects-healthy-post-repair", 2),
        ("count-objects-unhealthy-post-repair", 0),
        ("count-repairs-attempted", 1),
        ("count-repairs-successful", 1),
        ("count-repairs-unsuccessful", 0),
        ("count-corrupt-shares-pre-repair", 1),
        ("count-corrupt-shares-post-repair", 0),
    ] {
        assert_eq!(done[key], value, "{key}");
    }
    assert_eq!(done["list-unhealthy-files"][0][0], json!(["file"]));
    assert_eq!(done["list-corrupt-shares"][0][1], json!(index));
    let page = web.get("/operations/mend?output=html").expect(200);
    assert!(page.contains("1 repaired, 1 of them wholly; 2 are healthy now"), "{page}");
    let one = web.get(&format!("/operations/mend/{index}")).expect(200);
    assert!(one.contains("Repaired: 2 shares made again"), "{one}");
    let streamed = format!("{dir}?t=stream-deep-check&verify=true&repair=true");
    let lines = web.post(&streamed, "").expect(200);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let file = lines.iter().find(|line| line["path"] == json!(["file"])).unwrap();
    let result = &file["check-and-repair-results"];
    assert_eq!(
        (&result["repair-attempted"], &file["check-results"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(result["post-repair-results"]["results"]["verified"], true);
}
