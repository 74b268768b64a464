//! §2.5: pages about the node.

use super::LONG;
use crate::web::{TOKEN, Web, at};
use serde_json::json;

#[test]
fn pages_about_the_node() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    assert!(web.get(&at(&cap)).bytes == LONG);
    let welcome = web.get("/");
    assert_eq!(welcome.header("content-type"), "text/html; charset=utf-8");
    assert!(welcome.expect(200).contains("/vdrive/global"));
    let json = web.get("/?t=json");
    assert_eq!(json.header("content-type"), "application/json");
    let json = json.json();
    assert!(json["servers"].is_array() && json["introducers"]["statuses"].is_array());
    web.post("/", "").refused(405);

    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for (method, body) in [("GET", ""), ("POST", "token=x")] {
        let status = web.ask(method, "/status?t=json", &form, body.as_bytes()).json();
        assert_eq!(status["active"], json!([]));
        let recent = status["recent"].as_array().unwrap();
        assert_eq!(
            (&recent[0]["type"], &recent[1]["type"]),
            (&json!("download"), &json!("upload"))
        );
        for op in recent {
            assert_eq!((&op["total-size"], &op["status"]), (&json!(3000), &json!("Finished")));
            assert_eq!(op["storage-index-string"].as_str().unwrap().len(), 26);
        }
        assert_eq!(recent[0]["progress"], 1.0);
        for key in ["progress-hash", "progress-ciphertext", "progress-encode-push"] {
            assert_eq!(recent[1][key], 1.0, "{key}");
        }
        let figures = web.ask(method, "/statistics?t=json", &form, body.as_bytes()).json();
        for (key, value) in [
            ("downloader.files_downloaded", 1),
            ("downloader.bytes_downloaded", 3000),
            ("uploader.files_uploaded", 1),
            ("uploader.bytes_uploaded", 3000),
        ] {
            assert_eq!(figures["counters"][key], value, "{key}");
        }
        assert!(figures["stats"]["node.uptime"].is_f64());
    }
    let page = web.get("/status").expect(200);
    assert!(page.contains("/status/up-0") && page.contains("/status/down-1"), "{page}");
    assert!(web.get("/status/up-0").expect(200).contains("Finished"));
    web.get("/status/up-77").refused(404);
    let events = web.get("/status/down-1/event_json").json();
    let read = &events["read"][0];
    assert_eq!((&read["start"], &read["length"]), (&json!(0), &json!(3000)));
    assert_eq!(read["bytes_returned"], 3000);
    told_in_full(&events);
    for none in ["up-0/event_json", "down-77/event_json", "down-1/other"] {
        web.get(&format!("/status/{none}")).refused(404);
    }
    // What is in its cap comes from nowhere.
    web.get("/uri/URI:LIT:me").expect(200);
    let recent = web.get("/status?t=json").json()["recent"].as_array().unwrap().len();
    assert_eq!(recent, 2);
    assert!(web.get("/statistics").expect(200).contains("uploader.files_uploaded"));
    let metrics = web.get("/statistics?t=openmetrics");
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    let metrics = metrics.expect(200);
    assert!(metrics.contains("tahoe_counters_uploader_files_uploaded 1\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
    // What is in its cap goes nowhere either.
    web.put("/uri", b"short").expect(200);
    web.form("/uri?t=upload", &[], Some(("a", b"short"))).expect(200);
    let recent = web.get("/status?t=json").json()["recent"].as_array().unwrap().len();
    assert_eq!(recent, 2);
    assert_eq!(web.get("/helper_status?t=json").json(), json!({}));
    assert!(web.get("/storage").expect(200).contains("Storage"));
    let stats = web.get("/storage?t=json").json()["stats"].clone();
    let figure = |name: &str| stats[format!("storage_server.{name}")].as_u64();
    let (total, free) = (figure("disk_total").unwrap(), figure("disk_free_for_root").unwrap());
    assert_eq!(figure("disk_used"), Some(total - free), "of the disk, not of the shares: {stats}");
    assert!(figure("disk_free_for_nonroot").is_some_and(|some| some <= free));
    for name in ["allocated", "reserved_space", "disk_avail", "accepting_immutable_shares"] {
        assert!(figure(name).is_some(), "{name}: {stats}");
    }
    let latency = |name: &str| &stats[format!("storage_server.latencies.add-lease.{name}")];
    assert_eq!((latency("samplesize"), latency("mean")), (&json!(19), &json!(0.0015)));
    assert_eq!(
        (latency("50_0_percentile"), latency("99_9_percentile")),
        (&json!(0.002), &json!(null))
    );
    assert!(stats["storage_server.latencies.read.mean"].is_null(), "{stats}");
    let line = "tahoe_stats_storage_server_latencies_add_lease";
    assert!(metrics.contains(&format!("{line}{{quantile=\"0.500\"}} 0.002\n")), "{metrics}");
    assert!(metrics.contains(&format!("{line}{{quantile=\"0.999\"}} NaN\n")), "{metrics}");
    assert!(metrics.contains("tahoe_counters_storage_server_add_lease 1007\n"), "{metrics}");
    let thanks = web.post("/report_incident", "").expect(200);
    assert!(thanks.starts_with("An incident report has been saved"), "{thanks}");
    web.get("/private/logs/v1").refused(401);
    let owner = format!("tahoe-lafs {TOKEN}");
    web.ask("GET", "/private/logs/v1", &[("Authorization", &owner)], b"").refused(501);
    for nothing in ["/nowhere", "/static/x.css", "/xmlrpc", "/vdrive/other"] {
        web.get(nothing).refused(404);
    }
    for page in ["/grid", "/provisioning", "/deleted", "/help", "/open", "/status"] {
        let answer = web.get(page);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{page}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{page}");
    }
    assert_eq!(web.get("/tahoe_css").header("content-type"), "text/css; charset=utf-8");
    assert!(web.get("/provisioning?k=5&n=9").expect(200).contains("Any 5 of its 9 shares"));
}

/// All that is known of a download of one segment, from two of four servers.
fn told_in_full(events: &serde_json::Value) {
    let time = |event: &serde_json::Value, name: &str| event[name].as_f64().unwrap();
    let (first, last) = (time(&events["bounds"], "min"), time(&events["bounds"], "max"));
    for kind in ["read", "segment", "dyhb", "block"] {
        for event in events[kind].as_array().unwrap() {
            let (start, finish) = (time(event, "start_time"), time(event, "finish_time"));
            assert!(first <= start && start <= finish && finish <= last, "{kind}: {events}");
            assert!(event["success"] != false, "{kind}: {events}");
        }
    }
    let segment = &events["segment"][0];
    assert_eq!((&segment["segment_number"], &segment["segment_start"]), (&json!(0), &json!(0)));
    assert_eq!(segment["segment_length"], 3000);
    let (asked, blocks) = (events["dyhb"].as_array().unwrap(), events["block"].as_array().unwrap());
    assert!(asked.len() >= 2 && blocks.len() >= 2, "{events}");
    let numbers = events["num_serverids"].as_u64().unwrap();
    for event in asked.iter().chain(blocks) {
        let server = event["serverid"].as_str().unwrap();
        let info = &events["server_info"][server];
        assert!(info["num"].as_u64().is_some_and(|number| number < numbers), "{events}");
        assert_eq!(events["serverids"][info["num"].to_string()], info["short"], "{events}");
        assert!(server.starts_with(info["short"].as_str().unwrap()), "{events}");
    }
    assert!(asked.iter().all(|one| one["response_shnums"].as_array().unwrap().len() == 1));
    for block in blocks {
        assert_eq!((&block["length"], &block["response_length"]), (&json!(1500), &json!(1500)));
        let (group, row) = (block["row"][0].as_u64().unwrap(), block["row"][1].as_u64().unwrap());
        assert!(row < events["block_rownums"][group as usize].as_u64().unwrap(), "{events}");
    }
}

#[test]
fn the_owners_own_files_are_shown_without_scripts() {
    let web = Web::start();
    web.get("/static/a.html").refused(404);
    let public = web.folder.path().join("public_html");
    std::fs::create_dir_all(public.join("sub dir")).unwrap();
    std::fs::write(web.folder.path().join("secret"), "secret").unwrap();
    std::fs::write(public.join("a.html"), "<p>mine</p>").unwrap();
    std::fs::write(public.join("sub dir/index.html"), "<p>index</p>").unwrap();
    std::fs::write(public.join("large"), vec![7; 3 << 20]).unwrap();
    std::os::unix::fs::symlink("../secret", public.join("out")).unwrap();
    let page = web.get("/static/a.html");
    assert_eq!((page.header("content-type"), page.text()), ("text/html", "<p>mine</p>".into()));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    let large = web.get("/static/large");
    assert!(large.header("content-length") == "3145728" && large.bytes == vec![7; 3 << 20]);
    let head = web.ask("HEAD", "/static/large", &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, "3145728"));
    assert_eq!(web.get("//static/sub%20dir/").expect(200), "<p>index</p>");
    let moved = web.get("/static/sub%20dir");
    assert_eq!(moved.header("location"), format!("{}/static/sub%20dir/", web.url));
    for none in ["", "/", "/none", "/out", "/..%2Fsecret", "/%2e%2e/secret", "/sub%20dir/none"] {
        web.get(&format!("/static{none}")).refused(404);
    }
    assert!(
        web.get("/").expect(200).contains("/static/style-"),
        "its own files stay where they are"
    );
}

#[test]
fn how_safe_everything_is_only_the_owner_is_told() {
    let web = Web::start();
    let owner = format!("tahoe-lafs {TOKEN}");
    let ask = |method, path| web.ask(method, path, &[("Authorization", &owner)], b"");
    assert!(web.get("/safety").expect(200).contains("Only the node’s owner sees this"));
    web.get("/safety?t=json").refused(401);
    web.post("/safety?t=run", "").refused(401);
    let page = ask("GET", "/safety").expect(200);
    assert!(
        page.contains("Nothing was looked at yet") && page.contains("private, global"),
        "{page}"
    );
    let told = ask("GET", "/safety?t=json").json();
    assert_eq!((&told["paused"], &told["last"]), (&json!(false), &json!(null)));
    assert_eq!(told["kept"], json!(["private", "global"]));
    ask("POST", "/safety?t=pause").expect(200);
    assert_eq!(ask("GET", "/safety?t=json").json()["paused"], true);
    assert!(ask("GET", "/safety").expect(200).contains("Go on by itself"));
    let browser = [("Authorization", owner.as_str()), ("Accept", "text/html")];
    web.ask("POST", "/safety?t=run", &browser, b"").expect(303);
    assert_eq!(ask("GET", "/safety?t=json").json()["paused"], false);
    ask("POST", "/safety?t=later").refused(400);
    assert!(ask("GET", "/").expect(200).contains("href=\"/safety\""));
    assert!(!web.get("/").expect(200).contains("href=\"/safety\""));
}

#[test]
fn what_a_server_finds_of_its_own_shares_is_told() {
    let web = Web::start();
    let told = web.get("/storage?t=json").json();
    assert_eq!(told["scrub"]["shares-damaged"], 3);
    assert_eq!(told["scrub"]["last"]["start-finish-times"], json!([1_000, 2_000]));
    assert_eq!(told["stats"]["storage_server.shares_damaged"], 3);
    let page = web.get("/storage").expect(200);
    assert!(page.contains("3 shares are damaged") && page.contains("every 30 days"), "{page}");
}
