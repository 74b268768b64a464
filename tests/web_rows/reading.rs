//! §2.2, §3: reading.

use super::LONG;
use crate::web::{Web, at, names};
use serde_json::json;

#[test]
fn contents_of_files() {
    let web = Web::start();
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let cap = web.put("/uri", &content).expect(200);
    let whole = web.get(&at(&cap));
    assert_eq!(whole.header("content-type"), "text/plain");
    assert_eq!(whole.header("x-frame-options"), "DENY");
    assert_eq!(whole.header("referrer-policy"), "no-referrer");
    assert_eq!(whole.header("cross-origin-opener-policy"), "same-origin");
    let tag = whole.header("etag").to_owned();
    assert!(!tag.is_empty() && whole.bytes == content);
    let known = web.ask("GET", &at(&cap), &[("If-None-Match", &tag)], b"");
    assert_eq!((known.status, known.bytes.len()), (304, 0));
    let part = web.ask("GET", &at(&cap), &[("Range", "bytes=10-19")], b"");
    assert_eq!((part.status, part.header("content-range")), (206, "bytes 10-19/200000"));
    assert_eq!(part.bytes, content[10..20]);
    web.ask("GET", &at(&cap), &[("Range", "bytes=200000-200001")], b"").refused(416);
    assert_eq!(web.ask("GET", &at(&cap), &[("Range", "bytes=200000-")], b"").status, 200);
    let head = web.ask("HEAD", &at(&cap), &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, "200000"));
    for (path, kind) in [
        (format!("{}?filename=a.html", at(&cap)), "text/html"),
        (format!("{}?filename=a.xyz", at(&cap)), "chemical/x-xyz"),
        (format!("{}?filename=README", at(&cap)), "text/plain"),
        (format!("{}?filename=a.nothing-known", at(&cap)), "text/plain"),
        (format!("{}?filename=a.odt", at(&cap)), "application/vnd.oasis.opendocument.text"),
        (format!("/cap/{cap}"), "text/plain"),
        (format!("/file/{cap}/a.png"), "image/png"),
        (format!("/file/{cap}/@@named=/b/a.png"), "image/png"),
        (format!("/named/{cap}/a.jpg"), "image/jpeg"),
    ] {
        let got = web.get(&path);
        assert_eq!((got.status, got.header("content-type")), (200, kind), "{path}");
        assert!(got.bytes == content);
    }
    let saved = web.get(&format!("{}?filename=a.txt&save=true", at(&cap)));
    assert_eq!(saved.header("content-disposition"), "attachment; filename=\"a.txt\"");
    let saved = web.get(&format!("{}?save=true", at(&cap)));
    assert_eq!(saved.header("content-disposition"), "attachment; filename=\"shared-file\"");
    web.get(&format!("/file/{}/x", web.global)).refused(400);
    for method in ["PUT", "POST", "DELETE", "PATCH"] {
        web.ask(method, &format!("/file/{cap}/x"), &[], b"").refused(400);
    }
}

#[test]
fn a_browser_keeps_what_it_cannot_show_and_never_names_it_by_its_cap() {
    let web = Web::start();
    let cap = web.put("/uri", b"<script>alert(1)</script>").expect(200);
    let opened = |path: &str| {
        let browser = [("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Site", "none")];
        let answer = web.ask("GET", path, &browser, b"");
        (answer.header("content-type").to_owned(), answer.header("content-disposition").to_owned())
    };
    for (name, kind) in [
        ("a.html", "text/html"),
        ("a.xml", "text/xml"),
        ("a.js", "text/javascript"),
        ("a.zip", "application/zip"),
        ("a", "text/plain"),
        ("a.doc", "application/msword"),
    ] {
        let wanted = format!("attachment; filename=\"{name}\"");
        assert_eq!(opened(&format!("/file/{cap}/{name}")), (kind.into(), wanted));
    }
    for (name, kind) in [("a.txt", "text/plain"), ("a.png", "image/png"), ("a.mp4", "video/mp4")] {
        let wanted = format!("inline; filename=\"{name}\"");
        assert_eq!(opened(&format!("/file/{cap}/{name}")), (kind.into(), wanted));
    }
    let nameless = "inline; filename=\"shared-file.txt\"".to_owned();
    assert_eq!(opened(&at(&cap)), ("text/plain".into(), nameless));
    let program = web.get(&format!("/file/{cap}/a.html"));
    assert_eq!(program.header("vary"), "Sec-Fetch-Dest, Sec-Fetch-Site");
    assert_eq!(program.header("content-disposition"), "");
    let picture = web.put("/uri", b"\x89PNG\r\n\x1a\n\0").expect(200);
    assert_eq!(opened(&at(&picture)).0, "image/png");
    assert!(web.get(&format!("{}?t=view", at(&picture))).expect(200).contains("shared-file.png"));
}

#[test]
fn a_published_page_opens_as_a_page() {
    let web = Web::start();
    let page = web.put("/uri", b"<p>hello").expect(200);
    let children = json!({"index.html": ["filenode", {"ro_uri": page}]}).to_string();
    let dir = at(&web.post("/uri?t=mkdir-immutable", &children).expect(200));
    let site = dir.replace("/uri/", "/site/");
    let opened = |path: &str| web.ask("GET", path, &[("Sec-Fetch-Dest", "document")], b"");
    assert_eq!(opened(&format!("{site}/")).header("location"), format!("{site}/index.html"));
    let shown = opened(&format!("{site}/index.html"));
    assert_eq!(shown.header("content-type"), "text/html");
    assert_eq!(shown.header("content-disposition"), "");
    assert!(shown.header("content-security-policy").starts_with("sandbox;"));
    opened(&format!("{site}/other.html")).refused(404);
    web.put(&format!("{site}/index.html"), b"").refused(405);
}

#[test]
fn no_page_runs_or_obeys_what_is_stored() {
    let web = Web::start();
    let cap = web.put("/uri", b"alert(1)").expect(200);
    let path = format!("/file/{cap}/a.js");
    let ask = |to: &str| web.ask("GET", &path, &[("Sec-Fetch-Dest", to)], b"");
    for to in ["script", "style", "worker", "sharedworker", "serviceworker", "embed", "object"] {
        ask(to).refused(403);
    }
    for to in ["document", "empty", "image", "audio", "video"] {
        assert_eq!(ask(to).expect(200), "alert(1)", "{to}");
    }
}

#[test]
fn views_of_files() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    let json = web.get(&format!("{}?t=json", at(&cap)));
    assert_eq!(json.header("content-type"), "text/plain");
    assert!(json.text().starts_with("[\n \"filenode\",\n {\n  \"") && json.text().ends_with("]\n"));
    let facts = json.json();
    assert_eq!(facts[0], "filenode");
    let verify = facts[1]["verify_uri"].as_str().unwrap().to_owned();
    assert!(verify.starts_with("URI:CHK-Verifier:"));
    let all = json!(["filenode", {"mutable": false, "format": "CHK", "size": 3000, "ro_uri": cap,
                                  "verify_uri": verify}]);
    assert_eq!(facts, all);
    let literal = web.get("/uri/URI:LIT:me?t=json").json();
    let all = json!(["filenode", {"mutable": false, "format": "CHK", "size": 1,
                                  "ro_uri": "URI:LIT:me"}]);
    assert_eq!(literal, all);
    for t in ["uri", "readonly-uri"] {
        let answer = web.get(&format!("{}?t={t}", at(&cap)));
        let tag = answer.header("etag").to_owned();
        assert_eq!(answer.expect(200), cap);
        let again = [("If-None-Match", tag.as_str())];
        assert_eq!(web.ask("GET", &format!("{}?t={t}", at(&cap)), &again, b"").status, 304);
    }
    assert!(web.get(&format!("{}?t=info", at(&cap))).expect(200).contains("Storage index"));
    web.get(&format!("{}?t=rename-form", at(&cap))).refused(400);
    web.get(&format!("{}?t=pony", at(&cap))).refused(400);
    let children = web.get(&format!("{}/child", at(&cap))).refused(400);
    assert!(children.starts_with("Files have no children named"), "{children}");
    web.get(&at(&verify)).refused(400);
}

#[test]
fn a_directory_of_files_as_large_as_their_caps_say() {
    let web = Web::start();
    let (key, hash) = ("a".repeat(26), "a".repeat(52));
    let cap = format!("URI:CHK:{key}:{hash}:3:10:{}", u64::MAX);
    let dir = web.mkdir();
    for name in ["one", "two"] {
        web.put(&format!("{dir}/{name}?t=uri"), cap.as_bytes()).expect(200);
    }
    for page in ["", "?sort=size&order=down&view=grid"] {
        let page = web.get(&format!("{dir}{page}")).expect(200);
        assert!(page.contains("2 files, 18 EB"), "{page}");
    }
    let listing = web.get(&format!("{dir}?t=json")).json();
    assert_eq!(listing[1]["children"]["one"][1]["size"], u64::MAX);
    let stats = web.post(&format!("{dir}?t=stream-manifest"), "").expect(200);
    assert!(stats.contains(&format!("\"size-immutable-files\":{}", u64::MAX)), "{stats}");
}

#[test]
fn views_of_directories() {
    let web = Web::start();
    let dir = web.mkdir();
    let cap = web.get(&format!("{dir}?t=uri")).expect(200);
    let read = web.get(&format!("{dir}?t=readonly-uri")).expect(200);
    assert!(cap.starts_with("URI:DIR:") && read.starts_with("URI:DIR-RO:"));
    web.put(&format!("{dir}/sub/%C3%A4%20b.txt"), LONG).expect(201);
    web.put(&format!("{dir}/a%2Fb"), b"slash").expect(201);

    let json = web.get(&format!("{dir}?t=json")).json();
    assert_eq!(json[0], "dirnode");
    assert_eq!((&json[1]["mutable"], &json[1]["rw_uri"]), (&json!(true), &json!(cap)));
    assert_eq!(json[1]["ro_uri"], json!(read));
    assert!(json[1]["verify_uri"].as_str().unwrap().starts_with("URI:DIR-Verifier:"));
    assert!(json[1].get("format").is_none() && json[1].get("metadata").is_none());
    assert_eq!(names(&json), ["a/b", "sub"]);
    let sub = &json[1]["children"]["sub"];
    assert_eq!(sub[0], "dirnode");
    assert!(sub[1].get("children").is_none());
    assert!(sub[1]["metadata"]["tahoe"]["linkcrtime"].as_f64().unwrap() > 1.5e9);
    assert!(sub[1]["metadata"]["tahoe"]["linkmotime"].as_f64().unwrap() > 1.5e9);

    // By its path it has metadata, and its slash at the end says nothing.
    for path in [format!("{dir}/sub?t=json"), format!("{dir}/sub/?t=json")] {
        let json = web.get(&path).json();
        assert!(json[1]["metadata"]["tahoe"].is_object());
        assert_eq!(names(&json), ["\u{e4} b.txt"]);
    }
    let file = web.get(&format!("{dir}/sub/a%CC%88%20b.txt"));
    assert_eq!(file.header("content-type"), "text/plain");
    assert!(file.bytes == LONG);

    let seen = web.get(&at(&read)).expect(200);
    assert!(seen.contains("not change it") && !seen.contains("method=\"post\""), "{seen}");
    let json = web.get(&format!("{}?t=json", at(&read))).json();
    assert!(json[1].get("rw_uri").is_none());
    assert!(json[1]["children"]["sub"][1].get("rw_uri").is_none(), "write access leaks");

    let page = web.get(&dir);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let page = page.expect(200);
    for part in ["sub", "a/b", "t=upload-form", "t=new-folder", "value=\"delete\"", "a%2Fb"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let info = web.get(&format!("{dir}/sub?t=info")).expect(200);
    assert!(info.contains("t=rename-form&#38;name=sub") && !info.contains("URI:"), "{info}");
    assert!(web.get(&format!("{dir}?t=share")).expect(200).contains("URI:DIR-RO:"));
    assert!(!web.get(&format!("{}?t=share", at(&read))).expect(200).contains("URI:DIR:"));
    let form = web.get(&format!("{dir}?t=rename-form&name=%3Cb%3E")).expect(200);
    assert!(form.contains("name=\"item\" value=\"%3Cb%3E\""), "{form}");
    // Afterwards one is in the directory again, unless another place is asked for.
    let then = |to: &str| format!("name=\"when_done\" value=\"{to}\"");
    assert!(form.contains(&then(&dir)), "{form}");
    let elsewhere = format!("{dir}?t=rename-form&name=sub&when_done=/status");
    assert!(web.get(&elsewhere).expect(200).contains(&then("/status")));
    web.get(&format!("{dir}?t=rename-form&name=sub&when_done=//evil.example/")).refused(400);
    let caps = web.get(&format!("{dir}?t=manifest")).expect(200);
    assert_eq!(caps.matches("<li>URI:").count(), 3, "{caps}");
    assert!(!caps.contains("URI:CHK:") && !caps.contains("URI:DIR:"), "only verify caps: {caps}");
    assert_eq!(web.ask("HEAD", &dir, &[], b"").status, 200);
}

#[test]
fn immutable_directories_are_read_like_others() {
    let web = Web::start();
    let file = web.put("/uri", LONG).expect(200);
    let inner = json!({"f.txt": ["filenode", {"ro_uri": file}]}).to_string();
    let inner = web.post("/uri?t=mkdir-immutable", &inner).expect(200);
    let outer = json!({"in": ["dirnode", {"ro_uri": inner}], "lit": ["filenode", {"ro_uri": "URI:LIT:me"}]});
    let outer = web.post("/uri?t=mkdir-immutable", &outer.to_string()).expect(200);
    let answer = web.get(&format!("{}?t=json", at(&outer)));
    let tag = answer.header("etag").to_owned();
    let json = answer.json();
    assert_eq!((&json[1]["mutable"], &json[1]["ro_uri"]), (&json!(false), &json!(outer)));
    assert!(json[1].get("rw_uri").is_none());
    assert_eq!(json[1]["children"]["in"][1]["ro_uri"], json!(inner));
    let again = [("If-None-Match", tag.as_str())];
    assert_eq!(web.ask("GET", &format!("{}?t=json", at(&outer)), &again, b"").status, 304);
    assert!(web.get(&format!("{}/in/f.txt", at(&outer))).bytes == LONG);
    assert!(web.get(&at(&outer)).expect(200).contains("never changes"));
    for refused in [
        web.put(&format!("{}/new", at(&outer)), b"x"),
        web.delete(&format!("{}/in", at(&outer))),
        web.post(&format!("{}?t=mkdir&name=x", at(&outer)), ""),
        web.post(&format!("{}?t=set_children", at(&outer)), "{}"),
    ] {
        assert!(refused.refused(403).starts_with("NotWriteableError: "));
    }
}

#[test]
fn only_pdfs_may_stand_in_a_frame_and_only_there() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    let shown = |name: &str| {
        let page = web.get(&format!("{}?t=view&filename={name}", at(&cap))).expect(200);
        let path = page.split('"').find(|part| part.starts_with("/shown/"));
        path.map(str::to_owned)
    };
    assert!(shown("a.html").is_none() && shown("a.svg").is_none());
    let path = shown("a.pdf").unwrap();
    assert_ne!(shown("a.pdf").unwrap(), path);
    for (query, framed) in [("", true), ("?filename=a.html", false), ("?filename=a.svg", false)] {
        let path = format!("{path}{query}");
        let fresh = web.ask("GET", &path, &[("Sec-Fetch-Dest", "iframe")], b"");
        let known = web.ask("GET", &path, &[("If-None-Match", fresh.header("etag"))], b"");
        assert_eq!((fresh.status, known.status), (200, 304));
        for answer in [&fresh, &known] {
            let policy = answer.header("content-security-policy");
            assert_eq!(policy.contains("frame-ancestors 'self'"), framed, "{query}: {policy}");
            assert_eq!(policy.contains("sandbox"), !framed, "{query}: {policy}");
            assert!(policy.contains("default-src 'none'"), "{query}: {policy}");
        }
    }
    web.ask("GET", &path, &[("Sec-Fetch-Dest", "document")], b"").refused(403);
    web.get("/shown/x").refused(404);
}
