//! §6: errors, and what else can go wrong.

use crate::web::{TOKEN, Web, at, names};
use serde_json::{Value, json};

#[test]
fn errors_follow_the_table() {
    let web = Web::start();
    let dir = web.mkdir();
    assert_eq!(web.get(&format!("{dir}/none")).refused(404), "No such child: none");
    web.get(&format!("{dir}/none/deeper")).refused(404);
    let error = web.get(&format!("{dir}/none?t=json"));
    assert!(error.header("content-type").starts_with("text/plain"));
    assert_eq!(error.refused(404), "No such child: none");
    for unknown in ["/uri/lafs:new", "/uri/URI:CHK:junk", "/uri/junk"] {
        let refused = web.get(unknown).refused(400);
        assert!(refused.starts_with("GET unknown URI type: can only do t=info and t=json"));
        web.get(&format!("{unknown}?t=uri")).refused(400);
        assert_eq!(web.get(&format!("{unknown}?t=json")).json(), json!(["unknown", {}]));
        web.get(&format!("{unknown}?t=info")).expect(200);
    }
    for method in ["OPTIONS", "PATCH", "TRACE", "BOGUS"] {
        for path in [&dir, "/uri", "/vdrive/global"] {
            web.ask(method, path, &[], b"").refused(501);
        }
    }
    for method in ["GET", "PUT", "BOGUS"] {
        for path in ["/private", "/private/logs/v1", "/private/x/y"] {
            web.ask(method, path, &[], b"").refused(401);
        }
    }
    let token = format!("tahoe-lafs {TOKEN}");
    web.ask("GET", "/private/x", &[("Authorization", &token)], b"").refused(404);
    let lost = format!("URI:CHK:{}:{}:2:4:1000", "a".repeat(26), "a".repeat(52));
    assert!(web.get(&at(&lost)).refused(410).starts_with("NoSharesError:"));
    let long = "n".repeat(1_025);
    web.put(&format!("{dir}/{long}"), b"x").refused(400);
    web.put(&format!("{dir}/{}", &long[1..]), b"x").expect(201);
    // A directory on a server that nobody has heard of is not dialled unasked.
    let tub = "a".repeat(52);
    let stranger = at(&format!("URI:DIR:{tub}@tcp:127.0.0.1:9:{}", "a".repeat(52)));
    let refused = web.get(&stranger).refused(403);
    assert!(refused.contains("allow-new-tub=1"), "{refused}");
    let page = web.ask("GET", &stranger, &[("Accept", "text/html")], b"").expect(200);
    assert!(page.contains("name=\"allow-new-tub\""), "{page}");
    let foreign = [("Sec-Fetch-Site", "cross-site")];
    web.ask("GET", &format!("{stranger}?allow-new-tub=1"), &foreign, b"").refused(403);
    // A link is not leave, wherever it stands; the form of the page is.
    for site in ["none", "same-origin"] {
        let link = [("Sec-Fetch-Site", site)];
        web.ask("GET", &format!("{stranger}?allow-new-tub=1"), &link, b"").refused(403);
    }
    let connect = [("t", "connect"), ("allow-new-tub", "1")];
    web.form(&stranger, &connect, None).refused(503);
    let away = web.get(&format!("{stranger}?allow-new-tub=1")).refused(503);
    assert!(away.contains("cannot be reached"), "{away}");
}

#[test]
fn what_programs_compare_is_said_in_the_words_of_the_original() {
    let web = Web::start();
    let dir = web.mkdir();
    let file = web.put(&format!("{dir}/a%20file"), &[7; 3_000]).expect(201);
    let verify = web.get(&format!("{}?t=json", at(&file))).json()[1]["verify_uri"].clone();
    let verify = verify.as_str().unwrap();
    web.post(&format!("{dir}/sub?t=mkdir"), "").expect(200);
    let sub = web.get(&format!("{dir}/sub?t=uri")).expect(200);
    let (by_cap, named) = (at(&file), format!("/file/{file}"));
    for (method, path, status, words) in [
        ("GET", format!("{dir}?t=bogus"), 400, "GET directory: bad t=bogus"),
        ("GET", format!("{dir}/a%20file?t=bogus"), 400, "GET file: bad t=bogus"),
        ("GET", format!("{named}/x?t=bogus"), 400, "GET file: bad t=bogus"),
        ("GET", format!("{dir}/none?t=bogus"), 404, "No such child: none"),
        ("GET", "/uri/lafs:new?t=x".to_owned(), 400, "GET unknown URI type: can only do t=info"),
        ("GET", at(verify), 400, "GET unknown URI type: can only do t=info and t=json, not t=."),
        ("PUT", format!("{dir}?t=BOGUS"), 400, "PUT to a directory"),
        ("PUT", format!("{dir}/a%20file?t=bogus"), 400, "PUT to a file: bad t=bogus"),
        ("PUT", format!("{dir}/none?t=bogus"), 404, "No such child: none"),
        ("POST", format!("{dir}?t=BOGUS"), 400, "POST to a directory with bad t=BOGUS"),
        ("POST", format!("{by_cap}?t=bogus"), 400, "POST to file: bad t=bogus"),
        ("PUT", "/uri?t=bogus".to_owned(), 400, "/uri accepts only PUT, PUT?t=mkdir, POST?t=up"),
        ("POST", "/uri?t=bogus".to_owned(), 400, "/uri accepts only PUT, PUT?t=mkdir, POST?t=up"),
        ("DELETE", "/uri".to_owned(), 501, "I don't know how to treat a DELETE request."),
        ("BOGUS", dir.clone(), 501, "I don't know how to treat a BOGUS request."),
        ("GET", "/file".to_owned(), 404, "/file must be followed by a file-cap and a name"),
        ("GET", "/named/".to_owned(), 404, "/file must be followed by a file-cap and a name"),
        ("PUT", format!("{named}/x"), 400, "/file can only be used with GET or HEAD"),
        ("GET", format!("/file/{sub}/x"), 400, "What stands behind /file is not a file-cap;"),
        ("GET", format!("/file/{verify}/x"), 400, "What stands behind /file is not a file-cap;"),
        ("GET", format!("{dir}/a%20file/b"), 400, "Files have no children named 'b'."),
        ("DELETE", format!("{dir}/a%20file/don't"), 400, "Files have no children named \"don't\"."),
        ("PUT", format!("{dir}/a%20file/b/c"), 409, "Unable to create directory 'a file': a file "),
        ("PUT", format!("{by_cap}/b"), 409, "Cannot create directory 'b', because its parent is a"),
        ("POST", format!("{dir}/a%20file/b?t=mkdir"), 409, "Unable to create directory 'a file': "),
        ("PUT", format!("{dir}/b?replace=x"), 400, "invalid replace= argument: 'x'"),
        ("GET", format!("{by_cap}?save=x"), 400, "invalid boolean argument: save='x'"),
        ("GET", "/status/nodash".to_owned(), 400, "no '-' in 'nodash'"),
        ("GET", "/status/up-77".to_owned(), 404, "This transfer is not remembered"),
    ] {
        let refused = web.ask(method, &path, &[], b"").refused(status);
        assert!(refused.starts_with(words), "{method} {path}: {refused}");
    }
    let part = [("Content-Range", "bytes 0-1/2")];
    for path in ["/uri".to_owned(), format!("{dir}/new")] {
        let refused = web.ask("PUT", &path, &part, b"x").refused(501);
        assert!(refused.starts_with("Content-Range in PUT not yet supported"), "{refused}");
    }
    let beyond = web.ask("GET", &by_cap, &[("Range", "bytes=3000-4000")], b"").refused(416);
    assert!(beyond.starts_with("First beyond end of file"), "{beyond}");
    // In a form, too; a browser is told in other words, and where it can go.
    let posted = web.form(&dir, &[("t", "bogus")], None).refused(400);
    assert_eq!(posted, "POST to a directory with bad t=bogus");
    let page = web.ask("GET", &at(verify), &[("Accept", "text/html")], b"").expect(400);
    assert!(page.contains("This capability verifies, and does not read."), "{page}");
    for (t, kind, body, words) in [
        ("mkdir-immutable", "filenode", json!({"ro_uri": "URI:LIT:me", "rw_uri": sub}), "Immut"),
        ("mkdir-immutable", "dirnode", json!({"rw_uri": sub}), "Immut"),
        ("set_children", "unknown", json!({"rw_uri": "lafs:new"}), "UnknownRW"),
        ("mkdir-with-children", "unknown", json!({"rw_uri": "lafs:new"}), "UnknownRW"),
    ] {
        let children = json!({"it's": [kind, body]}).to_string();
        let refused = web.post(&format!("{dir}?t={t}&name=n"), &children).refused(400);
        let wanted = match words {
            "Immut" => {
                "MustBeDeepImmutableError: a cap passed to this operation for the child \
                        named \"it's\", needed to be immutable but was not."
            }
            _ => {
                "MustNotBeUnknownRWError: an operation to add a child named \"it's\" to a \
                  directory was given an unknown cap in a write slot: "
            }
        };
        assert!(refused.starts_with(wanted), "{t}: {refused}");
    }
}

#[test]
fn every_refusal_has_a_code_in_its_head_and_in_json() {
    let web = Web::start();
    let dir = web.mkdir();
    web.put(&format!("{dir}/file"), b"x").expect(201);
    let read = at(&web.get(&format!("{dir}?t=readonly-uri")).expect(200));
    let lost = at(&format!("URI:CHK:{}:{}:2:4:1000", "a".repeat(26), "a".repeat(52)));
    let in_dir = |rest: &str| format!("{dir}{rest}");
    for (method, path, status, code) in [
        ("GET", in_dir("/none"), 404, "no-such-child"),
        ("GET", in_dir("/file/below"), 400, "not-a-directory"),
        ("GET", in_dir("//file"), 400, "empty-name"),
        ("GET", in_dir("?t=fly"), 400, "bad-request"),
        ("PATCH", in_dir("/file"), 501, "not-taken"),
        ("PUT", in_dir("/file?replace=false"), 409, "exists"),
        ("PUT", in_dir(""), 400, "is-a-directory"),
        ("PUT", in_dir("/file/below"), 409, "in-the-way"),
        ("PUT", format!("{read}/new"), 403, "read-only"),
        ("DELETE", in_dir("/none"), 404, "no-such-child"),
        ("GET", "/nowhere".to_owned(), 404, "not-found"),
        ("GET", "/uri/junk".to_owned(), 400, "cap-unknown"),
        ("GET", "/vdrive/private".to_owned(), 401, "token-wanted"),
        ("GET", lost, 410, "no-shares"),
    ] {
        let answer = web.ask(method, &path, &[], b"x");
        assert_eq!((answer.status, answer.header("tahoe-error-code")), (status, code), "{path}");
        let answer = web.ask(method, &path, &[("Accept", "application/json")], b"x");
        assert_eq!((answer.status, answer.header("tahoe-error-code")), (status, code), "{path}");
        let told: Value = serde_json::from_slice(&answer.bytes).unwrap();
        assert_eq!(told["code"], code, "{path}");
        assert!(told["error"].as_str().unwrap().len() > 10, "{told}");
    }
}

#[test]
fn what_the_owner_prohibits_is_not_touched() {
    let web = Web::start();
    let (dir, other) = (web.mkdir(), web.mkdir());
    let cap = web.put(&format!("{dir}/file"), &[7; 3_000]).expect(201);
    web.put(&format!("{dir}/sub/below"), b"x").expect(201);
    let check = |path: &str| web.post(&format!("{path}?t=check&output=JSON"), "").json();
    let mut list = String::from("# by order\n");
    for (path, reason) in [("file", "taken down"), ("sub", "closed")] {
        let index = check(&format!("{dir}/{path}"))["storage-index"].clone();
        list += &format!("{} {reason}\n", index.as_str().unwrap());
    }
    std::fs::write(web.folder.path().join("access.blacklist"), list).unwrap();
    for path in
        [at(&cap), format!("{dir}/file"), format!("/file/{cap}/x"), format!("{dir}/file?t=json")]
    {
        assert_eq!(web.get(&path).refused(403), "Access Prohibited: taken down", "{path}");
    }
    for path in ["sub", "sub/below", "sub?t=json"] {
        assert_eq!(web.get(&format!("{dir}/{path}")).refused(403), "Access Prohibited: closed");
    }
    web.put(&format!("{dir}/sub/new"), b"x").refused(403);
    web.post(&format!("{dir}/sub?t=set_children"), "{}").refused(403);
    assert_eq!(names(&web.get(&format!("{dir}?t=json")).json()), ["file", "sub"]);
    web.get(&format!("{other}?t=json")).expect(200);
    // Walks tell of it and go around it.
    for t in ["stream-manifest", "stream-deep-check"] {
        let text = web.post(&format!("{dir}?t={t}"), "").expect(200);
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let paths: Vec<String> = lines.iter().map(|line| line["path"].to_string()).collect();
        assert_eq!(paths, ["[]", "[\"file\"]", "[\"sub\"]", "null"], "{t}");
        if t == "stream-deep-check" {
            let nothing = json!({"storage-index": "", "results": {"healthy": true}});
            assert_eq!(lines[1]["check-results"], nothing);
            assert_eq!(lines[2]["check-results"], nothing);
        }
    }
    let caps = web.get(&format!("{dir}?t=manifest")).expect(200);
    assert_eq!(caps.matches("<li>").count(), 3, "{caps}");
    web.post(&format!("{dir}?t=start-deep-size&ophandle=size"), "");
    let size = || web.get("/operations/size?output=JSON").json();
    let size = std::iter::repeat_with(size).find(|size| size["finished"] == true).unwrap();
    assert_eq!(size["size"]["count-literal-files"], 0, "nothing below the closed directory");
    let copy = web.folder.path().join("copy");
    let token = format!("tahoe-lafs {TOKEN}");
    let to = format!("{dir}?t=download&localdir={}", copy.display());
    let fetched = web.ask("GET", &to, &[("Authorization", &token)], b"");
    assert_eq!(fetched.refused(403), "Access Prohibited: taken down");
    web.delete(&format!("{dir}/sub")).expect(200);
}

#[test]
fn a_large_directory_is_sent_in_pieces() {
    let web = Web::start();
    let children: serde_json::Map<String, Value> = (0..3_000)
        .map(|n| (format!("child {n:04}"), json!(["filenode", {"ro_uri": "URI:LIT:me"}])))
        .collect();
    let cap = web.post("/uri?t=mkdir-immutable", &Value::Object(children).to_string()).expect(200);
    let listing = web.get(&format!("{}?t=json", at(&cap)));
    assert_eq!(listing.header("content-length"), listing.bytes.len().to_string());
    let json = listing.json();
    assert_eq!(names(&json).len(), 3_000);
    assert_eq!(json[1]["children"]["child 2999"][1]["ro_uri"], "URI:LIT:me");
    let page = web.get(&at(&cap)).expect(200);
    assert_eq!(page.matches("role=\"row\"").count(), 3_001);
    assert!(page.ends_with("</html>\n"));
}
