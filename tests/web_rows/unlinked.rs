//! §2.1: what has no name yet.

use super::LONG;
use crate::web::{Web, at, names};
use serde_json::json;

#[test]
fn files_without_a_name() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    assert!(cap.starts_with("URI:CHK:") && !cap.ends_with('\n'), "{cap}");
    assert_eq!(web.put("/uri?format=chk", LONG).expect(200), cap);
    assert_eq!(web.put("/uri?t=upload", LONG).expect(200), cap);
    assert!(web.put("/uri", b"short").expect(200).starts_with("URI:LIT:"));
    for refused in ["?format=SDMF", "?format=mdmf", "?mutable=true", "?format=new", "?t=pony"] {
        web.put(&format!("/uri{refused}"), b"x").refused(400);
    }
    web.ask("PUT", "/uri", &[("Content-Range", "bytes 0-1/2")], b"x").refused(501);
    web.delete("/uri").refused(501);
    web.post("/uri?t=pony", "").refused(400);

    let page = web.form("/uri?t=upload", &[], Some(("a.txt", LONG)));
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.expect(200).contains(&cap));
    let page = web.form("/uri", &[("t", "upload")], Some(("a.txt", LONG)));
    assert!(page.expect(200).contains(&cap));
    let done = web.form("/uri?t=upload&when_done=/uri/%25(uri)s", &[], Some(("a", LONG)));
    assert_eq!((done.status, done.header("location")), (302, at(&cap).as_str()));
    // Programs are told in full where that is.
    let body = format!(
        "--x\r\n{}\r\n\r\n{}\r\n--x--\r\n",
        "Content-Disposition: form-data; \
        name=\"file\"; filename=\"a\"",
        String::from_utf8_lossy(LONG)
    );
    let kind = [("Content-Type", "multipart/form-data; boundary=x")];
    for (to, wanted) in
        [("/%25(uri)s", format!("{}/{}", web.url, &at(&cap)[5..])), ("x", "x".into())]
    {
        let path = format!("/uri?t=upload&when_done={to}");
        let done = web.ask("POST", &path, &kind, body.as_bytes());
        assert_eq!((done.status, done.header("location")), (302, wanted.as_str()));
    }
    web.form("/uri?t=upload&when_done=//evil.example/", &[], Some(("a", LONG))).refused(400);
    web.form("/uri?t=upload", &[("name", "x")], None).refused(400);
}

#[test]
fn directories_without_a_name() {
    let web = Web::start();
    for made in [
        web.put("/uri?t=mkdir", b""),
        web.post("/uri?t=mkdir", ""),
        web.post("/uri?t=mkdir&format=sdmf", ""),
        web.form("/uri", &[("t", "mkdir")], None),
    ] {
        let cap = made.expect(200);
        assert!(cap.starts_with("URI:DIR:"), "{cap}");
        assert_eq!(names(&web.get(&format!("{}?t=json", at(&cap))).json()).len(), 0);
    }
    web.post("/uri?t=mkdir&format=CHK", "").refused(400);
    let refused = web.post("/uri?t=mkdir", "{\"a\": 1}").refused(400);
    assert!(refused.starts_with("t=mkdir does not accept children="), "{refused}");
    let gone = web.post("/uri?t=mkdir&redirect_to_result=true", "");
    assert_eq!(gone.status, 303);
    assert!(gone.header("location").starts_with("uri/URI%3ADIR%3A"));

    let file = web.put("/uri", LONG).expect(200);
    let children = json!({
        "a": ["filenode", {"ro_uri": file, "metadata": {"mine": 1}}],
        "\u{fc}": ["filenode", {"rw_uri": "URI:LIT:me"}],
    });
    let cap = web.post("/uri?t=mkdir-with-children", &children.to_string()).expect(200);
    let listing = web.get(&format!("{}?t=json", at(&cap))).json();
    assert_eq!(names(&listing), ["a", "\u{fc}"]);
    assert_eq!(listing[1]["children"]["a"][1]["metadata"]["mine"], 1);

    let fixed = web.post("/uri?t=mkdir-immutable", &children.to_string()).expect(200);
    assert!(fixed.starts_with("URI:DIR2-CHK:"), "{fixed}");
    assert_eq!(names(&web.get(&format!("{}?t=json", at(&fixed))).json()), ["a", "\u{fc}"]);
    let empty = web.post("/uri?t=mkdir-immutable", "").expect(200);
    assert_eq!(empty, "URI:DIR2-LIT:");
    // A program that calls its JSON a form.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let again = web.ask("POST", "/uri?t=mkdir-immutable", &form, children.to_string().as_bytes());
    assert_eq!(again.expect(200), fixed);

    let mutable = json!({"d": ["dirnode", {"rw_uri": cap}]}).to_string();
    let refused = web.post("/uri?t=mkdir-immutable", &mutable).refused(400);
    assert!(refused.starts_with("MustBeDeepImmutableError: "), "{refused}");
    let unknown = json!({"d": ["unknown", {"rw_uri": "lafs:new"}]}).to_string();
    let refused = web.post("/uri?t=mkdir-with-children", &unknown).refused(400);
    assert!(refused.starts_with("MustNotBeUnknownRWError: "), "{refused}");
    for junk in ["{", "[]", "{\"a\": 1}"] {
        web.post("/uri?t=mkdir-with-children", junk).refused(400);
    }
}

#[test]
fn a_cap_given_as_an_argument() {
    let web = Web::start();
    let cap = web.put("/uri", LONG).expect(200);
    let gone = web.get(&format!("/uri?uri={cap}&filename=a%20b&t=json"));
    assert_eq!(gone.status, 302);
    let path = format!("{}?filename=a%20b&t=json", at(&cap));
    assert_eq!(gone.header("location"), web.url.clone() + &path);
    let browser = [("Sec-Fetch-Site", "none")];
    let gone = web.ask("GET", &format!("/uri?uri={cap}&filename=a%20b&t=json"), &browser, b"");
    assert_eq!(gone.header("location"), path);
    // Of caps of files that can change, too.
    for kind in ["SSK", "MDMF", "DIR2", "DIR2-RO"] {
        let cap = format!("URI:{kind}:{}:{}", "a".repeat(26), "a".repeat(52));
        assert_eq!(web.get(&format!("/uri?uri={cap}")).status, 302, "{cap}");
    }
    web.get("/uri").refused(400);
    web.get("/uri?uri=junk").refused(400);
}

#[test]
fn the_stock_command_line_gets_no_cap_that_it_cannot_keep() {
    let web = Web::start();
    let stock = [("User-Agent", "tahoe-lafs/1.20.0 (tahoe-client)")];
    for (method, t) in [("POST", "mkdir"), ("PUT", "mkdir"), ("POST", "mkdir-with-children")] {
        let refused = web.ask(method, &format!("/uri?t={t}"), &stock, b"").refused(501);
        assert!(refused.contains("1.20") && refused.contains("create-alias"), "{refused}");
    }
    let fixed = web.ask("POST", "/uri?t=mkdir-immutable", &stock, b"").expect(200);
    assert_eq!(fixed, "URI:DIR2-LIT:");
    let below = format!("{}/sub?t=mkdir", web.mkdir());
    assert!(web.ask("POST", &below, &stock, b"").expect(200).starts_with("URI:DIR:"));
}
