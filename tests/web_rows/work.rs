//! §2.4, §4: checking, and work on whole trees.

use super::LONG;
use crate::web::{Web, at};
use serde_json::{Value, json};

/// A directory with a file, a literal, a loop, and a directory that never changes.
fn tree(web: &Web) -> String {
    let dir = web.mkdir();
    let cap = web.get(&format!("{dir}?t=uri")).expect(200);
    let file = web.put(&format!("{dir}/file"), LONG).expect(201);
    web.put(&format!("{dir}/lit"), b"0123456789").expect(201);
    web.put(&format!("{dir}/sub/again?t=uri"), file.as_bytes()).expect(200);
    web.put(&format!("{dir}/sub/loop?t=uri"), cap.as_bytes()).expect(200);
    web.put(&format!("{dir}/unknown?t=uri"), b"ro.lafs:new").expect(200);
    let children = json!({"f": ["filenode", {"ro_uri": file}]}).to_string();
    web.post(&format!("{dir}?t=mkdir-immutable&name=fixed"), &children).expect(200);
    dir
}

#[test]
fn one_thing_is_checked() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    let check = |path: &str| web.post(&format!("{path}?t=check&output=JSON"), "").json();
    let result = check(&at(&cap));
    assert_eq!(result["summary"], "Healthy");
    assert_eq!(result["storage-index"].as_str().unwrap().len(), 26);
    let counts = result["results"].as_object().unwrap();
    for (key, value) in [
        ("count-happiness", 4),
        ("count-shares-good", 4),
        ("count-shares-needed", 2),
        ("count-shares-expected", 4),
        ("count-good-share-hosts", 4),
        ("count-corrupt-shares", 0),
        ("count-wrong-shares", 0),
        ("count-recoverable-versions", 1),
        ("count-unrecoverable-versions", 0),
    ] {
        assert_eq!(counts[key], value, "{key}");
    }
    assert_eq!(counts["list-corrupt-shares"], json!([]));
    assert_eq!(counts["servers-responding"].as_array().unwrap().len(), 4);
    assert_eq!(counts["sharemap"].as_object().unwrap().len(), 4);
    assert_eq!(counts["sharemap"]["0"].as_array().unwrap().len(), 1);
    assert_eq!((&counts["healthy"], &counts["recoverable"]), (&json!(true), &json!(true)));
    let lease = web.post(&format!("{}?t=check&output=json&add-lease=true", at(&cap)), "");
    assert_eq!(lease.json()["summary"], "Healthy");
    let literal = json!({"storage-index": "", "results": {"healthy": true}});
    assert_eq!(check("/uri/URI:LIT:me"), literal);
    let dir = check(&web.mkdir());
    assert_eq!((&dir["summary"], &dir["results"]["healthy"]), (&json!("Healthy"), &json!(true)));
    let page = web.post(&format!("{}?t=check", at(&cap)), "");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.expect(200).contains("shares are there"));
    let verify = web.get(&format!("{}?t=json", at(&cap))).json();
    let verify = verify[1]["verify_uri"].as_str().unwrap();
    // Who can only keep it alive sees the same.
    let same = web.post(&format!("{}?t=check&add-lease=true&output=JSON", at(verify)), "").json();
    assert_eq!(same["results"]["count-shares-good"], 4);
    let info = web.get(&format!("{}?t=info", at(verify))).expect(200);
    assert!(info.contains("Renew its leases") && !info.contains("Download"), "{info}");
    let opened = web.post(&format!("/open?uri={verify}"), "");
    assert_eq!(opened.header("location"), format!("{}?t=info", at(verify)));
    web.post(&format!("{}?t=check&verify=maybe", at(&cap)), "").refused(400);
    // A file that was never stored here.
    let lost = format!("URI:CHK:{}:{}:2:4:1000", "a".repeat(26), "a".repeat(52));
    let lost = check(&at(&lost));
    assert_eq!(lost["summary"], "Not Healthy: 0 shares (enc 2-of-4)");
    assert_eq!(lost["results"]["recoverable"], false);
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_tree_is_streamed() {
    let web = Web::start();
    let dir = tree(&web);
    let all = lines(&web.post(&format!("{dir}?t=stream-manifest"), "").expect(200));
    let paths: Vec<String> = all.iter().map(|line| line["path"].to_string()).collect();
    // The root, what is unknown, files, then directories; each thing once.
    let wanted =
        ["[]", "[\"unknown\"]", "[\"file\"]", "[\"lit\"]", "[\"fixed\"]", "[\"sub\"]", "null"];
    assert_eq!(paths, wanted);
    let types: Vec<_> = all.iter().map(|line| line["type"].as_str().unwrap()).collect();
    let wanted = ["directory", "unknown", "file", "file", "directory", "directory", "stats"];
    assert_eq!(types, wanted);
    assert!(all[0]["cap"].as_str().unwrap().starts_with("URI:DIR:"));
    assert_eq!(all[0]["repaircap"], all[0]["cap"]);
    assert!(all[0]["verifycap"].as_str().unwrap().starts_with("URI:DIR-Verifier:"));
    assert!(!all[0]["storage-index"].as_str().unwrap().is_empty());
    assert_eq!(all[2]["repaircap"], all[2]["verifycap"]);
    assert_eq!(all[2]["storage-index"].as_str().unwrap().len(), 26);
    for key in ["verifycap", "repaircap", "storage-index"] {
        assert_eq!(all[3][key], "", "{key}");
    }
    let stats = &all[6]["stats"];
    for (key, value) in [
        ("api-version", 1),
        ("count-immutable-files", 1),
        ("count-mutable-files", 0),
        ("count-literal-files", 1),
        ("count-files", 2),
        ("count-directories", 3),
        ("count-unknown", 1),
        ("size-immutable-files", 3000),
        ("size-literal-files", 10),
        ("largest-directory-children", 5),
        ("largest-immutable-file", 3000),
    ] {
        assert_eq!(stats[key], value, "{key}");
    }
    let size = |key: &str| stats[key].as_u64().unwrap();
    assert!(size("largest-directory") > 5 * 48, "five sealed rows, the longest directory");
    assert!(size("size-directories") > size("largest-directory"));
    assert_eq!(stats["size-files-histogram"], json!([[4, 10, 1], [1001, 3162, 1]]));

    let checked = lines(&web.post(&format!("{dir}?t=stream-deep-check"), "").expect(200));
    assert_eq!(checked.len(), all.len());
    for (line, unchecked) in checked.iter().zip(&all).take(6) {
        assert_eq!(line["path"], unchecked["path"]);
        assert_eq!(line["check-results"]["results"]["healthy"], true, "{line}");
    }
    assert_eq!(&checked[6]["stats"], stats);
    for t in ["stream-manifest", "stream-deep-check"] {
        web.post(&format!("/uri/URI:LIT:me?t={t}"), "").refused(400);
    }
}

#[test]
fn a_stream_goes_past_what_cannot_be_read_and_ends_with_an_error_line() {
    let web = Web::start();
    let lost = format!("URI:DIR2-CHK:{}:{}:2:4:1000", "a".repeat(26), "a".repeat(52));
    let dir = web.mkdir();
    web.put(&format!("{dir}/lost?t=uri"), lost.as_bytes()).expect(200);
    web.put(&format!("{dir}/more/x"), b"x").expect(201);
    for t in ["stream-manifest", "stream-deep-check"] {
        let text = web.post(&format!("{dir}?t={t}"), "").expect(200);
        let mut all: Vec<_> = text.lines().collect();
        let last = all.pop().unwrap();
        assert!(last.starts_with("ERROR: NoSharesError("), "{text}");
        let all = lines(&all.join("\n"));
        let types: Vec<_> = all.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["directory", "directory", "error", "directory", "file", "stats"]);
        assert_eq!((&all[2]["path"], &all[2]["cap"]), (&json!(["lost"]), &json!(lost)));
        assert!(all[2]["error"].as_str().unwrap().starts_with("NoSharesError: "));
        assert_eq!(all[5]["stats"]["count-incomplete-directories"], 1);
    }
    for t in ["start-manifest", "start-deep-stats", "start-deep-size", "start-deep-check"] {
        web.post(&format!("{dir}?t={t}&ophandle={t}"), "").expect(302);
        let result = finished(&web, &format!("/operations/{t}?output=JSON"));
        assert_eq!(result["errors"][0][0], json!(["lost"]), "{t}");
        let page = web.get(&format!("/operations/{t}?output=text")).expect(200);
        assert!(page.contains("error: /lost: NoSharesError: "), "{page}");
    }
    let broken = web.get(&format!("{dir}/lost?t=json"));
    assert_eq!((broken.status, broken.header("content-type")), (410, "application/json"));
    let error: Value = serde_json::from_str(&broken.text()).unwrap();
    assert!(error["error"].as_str().unwrap().starts_with("NoSharesError:"));
    assert!(web.get(&format!("{dir}/lost")).refused(410).starts_with("NoSharesError:"));
}

/// The result of some work, once it is finished.
fn finished(web: &Web, path: &str) -> Value {
    for _ in 0..2_000 {
        let result = web.get(path).json();
        if result["finished"] == true {
            return result;
        }
    }
    panic!("{path} is never finished");
}

#[test]
fn work_in_the_background() {
    let web = Web::start();
    let dir = tree(&web);
    for t in ["start-manifest", "start-deep-stats", "start-deep-size", "start-deep-check"] {
        let started = web.post(&format!("{dir}?t={t}&ophandle={t}&output=JSON"), "");
        assert_eq!(started.status, 302, "{t}");
        let wanted = format!("{}/operations/{t}?output=JSON", web.url);
        assert_eq!(started.header("location"), wanted);
        web.post(&format!("{dir}?t={t}"), "").refused(400);
        web.post(&format!("/uri/URI:LIT:me?t={t}&ophandle=x"), "").refused(400);
    }
    let stats = finished(&web, "/operations/start-deep-stats?t=status&output=JSON");
    assert_eq!((&stats["count-files"], &stats["api-version"]), (&json!(2), &json!(1)));

    let size = finished(&web, "/operations/start-deep-size?output=JSON");
    let bytes = 3000 + size["size"]["size-directories"].as_u64().unwrap();
    for output in ["html", "text"] {
        let text = web.get(&format!("/operations/start-deep-size?output={output}")).expect(200);
        assert_eq!(text, format!("finished: yes\nsize: {bytes}\n"));
    }

    let manifest = finished(&web, "/operations/start-manifest?output=JSON");
    assert_eq!(manifest["manifest"].as_array().unwrap().len(), 6);
    assert_eq!(manifest["manifest"][0][0], json!([]));
    assert_eq!(manifest["manifest"][2][0], json!(["file"]));
    for key in ["verifycaps", "storage-index"] {
        let all = manifest[key].as_array().unwrap();
        assert!(all.len() == 4 && all.iter().all(|one| *one != ""), "{key}: {all:?}");
    }
    assert!(manifest["stats"].is_object() && !manifest["origin"].as_str().unwrap().is_empty());
    let text = web.get("/operations/start-manifest?output=text").expect(200);
    assert!(text.starts_with("finished: yes\n") && text.contains("\nfile URI:CHK:"), "{text}");
    assert!(web.get("/operations/start-manifest").expect(200).contains("<table>"));

    let check = finished(&web, "/operations/start-deep-check?output=JSON");
    for (key, value) in [
        ("count-objects-checked", 4),
        ("count-objects-healthy", 4),
        ("count-objects-unhealthy", 0),
        ("count-corrupt-shares", 0),
    ] {
        assert_eq!(check[key], value, "{key}");
    }
    assert_eq!(check["list-unhealthy-files"], json!([]));
    assert!(check["stats"].is_object() && check["root-storage-index"].is_string());
    assert!(web.get("/operations/start-deep-check?output=html").expect(200).contains("4 objects"));
    assert!(web.get("/operations/start-deep-check/").expect(200).contains("4 objects"));
    for path in ["file", "sub", "fixed"] {
        let alone = web.post(&format!("{dir}/{path}?t=check&output=JSON"), "").json();
        let index = alone["storage-index"].as_str().unwrap();
        let found = web.get(&format!("/operations/start-deep-check/{index}?output=JSON")).json();
        assert_eq!(found["results"]["healthy"], true, "{path}");
        assert_eq!(found["storage-index"], alone["storage-index"], "{path}");
        let page = web.get(&format!("/operations/start-deep-check/{index}")).expect(200);
        assert!(page.contains(index) && page.contains("/operations/start-deep-check?output=html"));
    }
    for index in ["aaaa", "%00", "a/b"] {
        web.get(&format!("/operations/start-deep-check/{index}")).refused(404);
    }
    web.get("/operations/start-manifest/aaaa").refused(404);
    web.get("/operations/none/aaaa").refused(404);

    web.get("/operations/start-deep-stats?output=JSON&release-after-complete=true").json();
    let gone = web.get("/operations/start-deep-stats?output=JSON").refused(404);
    assert!(gone.starts_with("unknown/expired handle 'start-deep-stats'"), "{gone}");
    web.get("/operations/start-manifest?retain-for=x").refused(400);
    web.get("/operations/start-manifest?retain-for=0").expect(200);
    web.get("/operations/start-manifest").refused(404);
    web.post("/operations/start-deep-check?t=cancel", "").expect(200);
    web.get("/operations/start-deep-check").refused(404);
    web.post("/operations/none?t=cancel", "").refused(404);
}

#[test]
fn what_was_checked_leads_on_to_where_its_asker_wants() {
    let web = Web::start();
    let dir = web.mkdir();
    web.put(&format!("{dir}/f"), LONG).expect(201);
    for path in [dir.clone(), format!("{dir}/f"), "/uri/URI:LIT:me".to_owned()] {
        for query in ["t=check&when_done=../x", "t=check&output=JSON&when_done=../x"] {
            let done = web.post(&format!("{path}?{query}"), "");
            assert_eq!((done.status, done.header("location")), (302, "../x"), "{path}");
        }
        let page = web.post(&format!("{path}?t=check&return_to=/status"), "").expect(200);
        assert!(page.contains("href=\"/status\""), "{page}");
        // It is refused before anything is done.
        for name in ["when_done", "return_to"] {
            let away = format!("{path}?t=check&{name}=//evil.example/");
            web.post(&away, "").refused(400);
        }
    }
    let started = web.post(&format!("{dir}?t=start-deep-check&ophandle=x&when_done=/y"), "");
    assert_eq!((started.status, started.header("location")), (302, "/y"));
    web.get("/operations/x").expect(200);
    web.post(&format!("{dir}?t=start-manifest&ophandle=z&when_done=//evil.example"), "")
        .refused(400);
    web.get("/operations/z").refused(404);
}
