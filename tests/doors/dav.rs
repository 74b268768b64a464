//! WebDAV, before real directories: what clients rely on beyond what litmus asks (`scripts/doors_dav.py`
//! runs that and the clients themselves).

use super::house::{Answer, House};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use futures_util::future::join_all;
use tahoe::files::history::Kind;

impl House {
    async fn ask(&self, method: &str, at: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.at("dav", (method, at), headers, body).await
    }

    async fn status(&self, method: &str, at: &str, headers: &[(&str, &str)], body: &str) -> u16 {
        self.ask(method, at, headers, body).await.status
    }

    async fn put(&self, at: &str, body: &str) {
        assert!(matches!(self.status("PUT", at, &[], body).await, 201 | 204), "{at}");
    }
}

const EXCLUSIVE: &str = "<lockinfo xmlns='DAV:'><lockscope><exclusive/></lockscope>\
    <locktype><write/></locktype><owner>me</owner></lockinfo>";

#[actix_rt::test]
async fn files_come_back_with_what_was_said_of_them() {
    let house = House::new().await;
    let sent = [("x-oc-mtime", "784111777"), ("content-type", "text/x-poem")];
    let put = house.ask("PUT", "all/a%20b", &sent, "some bytes").await;
    assert_eq!((put.status, put.header("x-oc-mtime")), (201, "accepted"));
    let got = house.ask("GET", "all/a%20b", &[("range", "bytes=5-")], "").await;
    assert_eq!((got.status, got.body.as_str()), (206, "bytes"));
    assert_eq!(got.header("etag"), put.header("etag"));
    assert_eq!(got.header("last-modified"), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(got.header("content-type"), "text/x-poem");
    let known = [("if-none-match", put.header("etag"))];
    assert_eq!(house.status("GET", "all/a%20b", &known, "").await, 304);
    assert_eq!(house.status("GET", "all/a%20b", &[("range", "bytes=10-")], "").await, 416);

    for (status, headers) in [
        (412, &[("if-match", "\"x\"")][..]),
        (412, &[("if-none-match", "*")]),
        (412, &[("if", "([\"x\"])")]),
        (400, &[("if", "(<<<)((")]),
        (501, &[("content-range", "bytes 0-2/3")]),
        (204, &[("if-match", put.header("etag"))]),
    ] {
        assert_eq!(house.status("PUT", "all/a%20b", headers, "new").await, status, "{headers:?}");
    }
    let got = house.ask("GET", "all/a%20b", &[], "").await;
    assert_eq!((got.body.as_str(), got.header("content-type")), ("new", "text/plain"));
    for (status, at) in [
        (409, "all/x/y"),
        (409, "all/a%20b/y"),
        (405, "all/"),
        (405, "all/x/"),
        (400, "all/..%2fx"),
    ] {
        assert_eq!(house.status("PUT", at, &[], "x").await, status, "{at}");
    }
}

#[actix_rt::test]
async fn what_goes_through_a_door_is_on_record_as_its() {
    let house = House::new().await;
    let poem = "line after line\n".repeat(100);
    house.put("all/poem", &poem).await;
    let got = house.ask("GET", "look/poem", &[("range", "bytes=100-299")], "").await;
    assert_eq!(got.body, poem[100..300]);
    let record = house.doors.files.history().recent();
    let told = record.iter().map(|one| (one.kind, one.door.as_deref(), one.bytes(), one.status()));
    let wanted = [
        (Kind::Download, Some("look"), 200, "Finished"),
        (Kind::Upload, Some("all"), poem.len() as u64, "Finished"),
    ];
    assert!(told.eq(wanted));
    assert!(house.doors.files.history().active().is_empty());
}

#[actix_rt::test]
async fn of_writers_at_once_one_wins_and_no_property_is_lost() {
    let house = House::new().await;
    let new = [("if-none-match", "*")];
    let made = join_all((0..10).map(|_| house.status("PUT", "all/a", &new, "x"))).await;
    assert_eq!(made.iter().filter(|status| **status == 201).count(), 1, "{made:?}");
    let tag = house.ask("HEAD", "all/a", &[], "").await.header("etag").to_owned();
    let same = [("if-match", tag.as_str())];
    let texts: Vec<String> = (0..10).map(|number| format!("{number}")).collect();
    let made = join_all(texts.iter().map(|text| house.status("PUT", "all/a", &same, text))).await;
    assert_eq!(made.iter().filter(|status| **status == 204).count(), 1, "{made:?}");

    let bodies: Vec<String> = (0..8)
        .map(|number| {
            format!(
                "<propertyupdate xmlns='DAV:'><set><prop><p{number} xmlns='x:'>&lt;{number}\
                 </p{number}></prop></set></propertyupdate>"
            )
        })
        .collect();
    let set = join_all(bodies.iter().map(|body| house.ask("PROPPATCH", "all/a", &[], body))).await;
    let set = set.iter().filter(|answer| answer.body.contains("200 OK")).count();
    house.put("all/a", "other bytes").await;
    house.status("MOVE", "all/a", &[("destination", "/dav/all/b")], "").await;
    let told = house.ask("PROPFIND", "all/b", &[("depth", "0")], "").await;
    assert_eq!(told.body.matches("xmlns=\"x:\">&lt;").count(), set);
    assert!(set > 1, "{set}");
    let body = "<propertyupdate xmlns='DAV:'><set><prop><a xmlns='x:'/><getetag/></prop></set>\
                </propertyupdate>";
    let told = house.ask("PROPPATCH", "all/b", &[], body).await;
    assert!(told.body.contains("403 Forbidden") && told.body.contains("424 Failed Dependency"));
}

#[actix_rt::test]
async fn a_lock_binds_all_but_who_shows_its_token_and_ends() {
    let house = House::new().await;
    let timeout = [("timeout", "Second-60"), ("depth", "infinity")];
    assert_eq!(house.status("MKCOL", "all/d", &[], "").await, 201);
    let locked = house.ask("LOCK", "all/d", &timeout, EXCLUSIVE).await;
    let token = locked.header("lock-token").to_owned();
    assert_eq!(locked.status, 200);
    assert!(locked.body.contains("<owner xmlns=\"DAV:\">me</owner>"));
    for (method, at) in [
        ("PUT", "all/d/x"),
        ("MKCOL", "all/d/x"),
        ("DELETE", "all/d"),
        ("LOCK", "all/d/x"),
        ("PROPPATCH", "all/d"),
    ] {
        let body = match method {
            "LOCK" => EXCLUSIVE,
            "PROPPATCH" => "<propertyupdate xmlns='DAV:'/>",
            _ => "",
        };
        assert_eq!(house.status(method, at, &[], body).await, 423, "{method}");
    }
    let shown = format!("</dav/all/d> ({token})");
    assert_eq!(house.status("PUT", "all/d/x", &[("if", &shown)], "x").await, 201);
    let wrong = "(<urn:uuid:0>) (Not <DAV:no-lock>)";
    assert_eq!(house.status("PUT", "all/d/x", &[("if", wrong)], "x").await, 423);
    let told = house.ask("PROPFIND", "all/d", &[("depth", "1")], "").await;
    assert_eq!(told.body.matches("<D:activelock>").count(), 2);
    assert_eq!(told.between("<D:lockroot><D:href>", "<"), "/dav/all/d");
    house.clock.advance(61);
    assert_eq!(house.status("PUT", "all/d/x", &[], "x").await, 204);

    let locked = house.ask("LOCK", "all/new", &timeout, EXCLUSIVE).await;
    assert_eq!(locked.status, 201);
    assert_eq!(house.ask("GET", "all/new", &[], "").await.header("content-length"), "");
    let token = locked.header("lock-token").to_owned();
    assert_eq!(house.status("LOCK", "all/new", &[("if", &format!("({token})"))], "").await, 200);
    assert_eq!(house.status("UNLOCK", "all/d", &[("lock-token", &token)], "").await, 409);
    assert_eq!(house.status("UNLOCK", "all/new", &[("lock-token", &token)], "").await, 204);
    assert_eq!(house.status("PUT", "all/new", &[], "x").await, 204);
}

#[actix_rt::test]
async fn trees_are_copied_and_moved_whole() {
    let house = House::new().await;
    for at in ["all/d", "all/d/e"] {
        assert_eq!(house.status("MKCOL", at, &[], "").await, 201);
    }
    house.put("all/d/e/f", "as it was").await;
    let to = |path: &str| ("destination", format!("http://localhost/dav/all/{path}"));
    for (status, method, path) in [
        (403, "COPY", "d/e/g"),
        (403, "MOVE", "d/e/g"),
        (403, "COPY", "d"),
        (409, "COPY", "x/y"),
        (201, "COPY", "c"),
        (204, "COPY", "c"),
    ] {
        let (name, value) = to(path);
        assert_eq!(house.status(method, "all/d", &[(name, &value)], "").await, status, "{path}");
    }
    house.put("all/c/e/f", "changed").await;
    assert_eq!(house.ask("GET", "all/d/e/f", &[], "").await.body, "as it was");
    for (status, destination) in [
        (502, "http://elsewhere/dav/all/z"),
        (502, "/dav/look/z"),
        (502, "/z"),
        (400, "/dav/all/%2e%2e/z"),
        (400, ""),
    ] {
        let asked = [("destination", destination)];
        let asked = if destination.is_empty() { &[][..] } else { &asked };
        assert_eq!(house.status("MOVE", "all/d", asked, "").await, status, "{destination}");
    }
    let keep = [("destination", "/dav/all/c"), ("overwrite", "F")];
    assert_eq!(house.status("MOVE", "all/d", &keep, "").await, 412);
    assert_eq!(house.status("MOVE", "all/d", &keep[..1], "").await, 204);
    assert_eq!(house.ask("GET", "all/c/e/f", &[], "").await.body, "as it was");
    assert_eq!(house.status("PROPFIND", "all/d", &[("depth", "0")], "").await, 404);
    let deep = house.ask("PROPFIND", "all/c", &[], "").await;
    assert_eq!(deep.status, 403);
    assert!(deep.body.contains("propfind-finite-depth"));
    let flat = [("depth", "0"), ("destination", "/dav/all/flat")];
    assert_eq!(house.status("COPY", "all/c", &flat, "").await, 201);
    assert_eq!(house.ask("GET", "all/flat", &[], "").await.body, "");
    assert_eq!(house.status("DELETE", "all/c", &[], "").await, 204);
    assert_eq!(house.status("DELETE", "all", &[], "").await, 403);
}

#[actix_rt::test]
async fn a_door_does_what_it_may_and_no_more() {
    let house = House::new().await;
    house.put("all/a", "x").await;
    let to = ("destination", "/dav/look/b");
    for method in ["PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK"] {
        assert_eq!(house.status(method, "look/a", &[to], "").await, 403, "{method}");
    }
    let to = ("destination", "/dav/add/b");
    assert_eq!(house.status("PUT", "add/b", &[], "x").await, 201);
    assert_eq!(house.status("MKCOL", "add/d", &[], "").await, 201);
    for method in ["PUT", "DELETE", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK"] {
        assert_eq!(house.status(method, "add/a", &[to], "").await, 403, "{method}");
    }
    for (door, classes) in [("all", "1, 2, 3"), ("add", "1, 3"), ("look", "1, 3")] {
        assert_eq!(house.ask("OPTIONS", door, &[], "").await.header("dav"), classes);
    }
    let stranger = |method: Method, at: &str| house.send(TestRequest::with_uri(at).method(method));
    assert_eq!(stranger(Method::OPTIONS, "/dav/nobodys/").await.header("dav"), "1, 2, 3");
    assert_eq!(stranger(Method::GET, "/dav/all/a").await.status, 401);
}

#[actix_rt::test]
async fn nothing_that_is_sent_breaks_it() {
    let house = House::new().await;
    let deep = "<a>".repeat(3_000);
    let large = format!("<propfind xmlns='DAV:'>{}</propfind>", " ".repeat(70_000));
    for (status, body) in [(400, deep.as_str()), (400, "x"), (400, "<propfind/>"), (413, &large)] {
        for method in ["PROPFIND", "PROPPATCH", "LOCK"] {
            let got = house.status(method, "all/", &[("depth", "0")], body).await;
            assert_eq!(got, status, "{method} {body:.20}");
        }
    }
    let good = "<?xml version='1.0'?><propfind xmlns='DAV:' xmlns:x='y:'><prop><x:a b='&amp;'/>\
                <getetag/></prop></propfind>";
    assert_eq!(house.status("PROPFIND", "all/", &[("depth", "1")], good).await, 207);
    for (at, _) in good.char_indices().step_by(3) {
        for mark in ["", "<", ">", "&", "'", "<!DOCTYPE a>"] {
            let body = format!("{}{mark}{}", &good[..at], &good[at + 1..]);
            let status = house.status("PROPFIND", "all/", &[("depth", "0")], &body).await;
            assert!(matches!(status, 207 | 400), "{status} {body}");
        }
    }
    for depth in ["2", "x", "-1", "infinity, 0"] {
        assert_eq!(house.status("PROPFIND", "all/", &[("depth", depth)], "").await, 400);
    }
}
