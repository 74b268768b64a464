//! RFC 9110 §13: what is read, replaced or removed on condition.

use super::LONG;
use crate::web::{Answer, Web, at};
use serde_json::json;

/// Asks with one condition.
fn with(web: &Web, method: &str, path: &str, condition: (&str, &str)) -> Answer {
    web.ask(method, path, &[condition], b"new content")
}

#[test]
fn a_download_is_resumed_only_of_the_same_version() {
    let web = Web::start();
    let path = format!("{}/big", web.mkdir());
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    web.put(&path, &content).expect(201);
    let seen = web.get(&path).header("etag").to_owned();
    let part = |if_range: &str| {
        let headers = [("Range", "bytes=100000-"), ("If-Range", if_range)];
        let answer = web.ask("GET", &path, &headers, b"");
        (answer.status, answer.bytes)
    };
    assert!(part(&seen) == (206, content[100_000..].to_vec()));
    for other in ["\"other\"", &format!("W/{seen}"), "Sun, 29 Nov 2026 08:00:00 GMT"] {
        assert!(part(other) == (200, content.clone()), "{other}");
    }
    let newer = vec![9; 200_000];
    web.put(&path, &newer).expect(200);
    assert!(part(&seen) == (200, newer), "two versions are not mixed");
}

#[test]
fn what_is_looked_at_is_what_was_asked_for() {
    let web = Web::start();
    let dir = web.mkdir();
    web.put(&format!("{dir}/f"), LONG).expect(201);
    let children = json!({"l": ["filenode", {"ro_uri": "URI:LIT:me"}]}).to_string();
    let fixed = at(&web.post("/uri?t=mkdir-immutable", &children).expect(200));
    for path in
        [format!("{dir}/f"), fixed.clone(), format!("{fixed}?t=json"), format!("{dir}/f?t=uri")]
    {
        for method in ["GET", "HEAD"] {
            let seen = with(&web, method, &path, ("If-None-Match", "\"other\""));
            let tag = seen.header("etag").to_owned();
            assert!(seen.status == 200 && !tag.is_empty(), "{path}");
            assert_eq!(with(&web, method, &path, ("If-Match", &tag)).status, 200, "{path}");
            assert_eq!(with(&web, method, &path, ("If-Match", "*")).status, 200, "{path}");
            assert_eq!(with(&web, method, &path, ("If-Match", "\"other\"")).status, 412, "{path}");
            for known in [&tag, &format!("\"a,b\", W/{tag}"), "*"] {
                let known = with(&web, method, &path, ("If-None-Match", known));
                assert_eq!((known.status, known.header("etag")), (304, tag.as_str()), "{path}");
            }
        }
    }
    // What changes has no tag, but is there.
    for path in [dir.clone(), format!("{dir}?t=json")] {
        with(&web, "GET", &path, ("If-Match", "\"x\"")).refused(412);
        assert_eq!(with(&web, "GET", &path, ("If-None-Match", "*")).status, 304);
        assert_eq!(with(&web, "GET", &path, ("If-None-Match", "\"x\"")).status, 200);
    }
    with(&web, "GET", &format!("{dir}/none"), ("If-Match", "*")).refused(404);
}

#[test]
fn nothing_is_replaced_or_removed_that_was_not_seen() {
    let web = Web::start();
    let dir = web.mkdir();
    let path = format!("{dir}/f");
    with(&web, "PUT", &path, ("If-Match", "*")).refused(412);
    web.get(&path).refused(404);
    let made = with(&web, "PUT", &path, ("If-None-Match", "*"));
    let first = made.header("etag").to_owned();
    made.expect(201);
    assert_eq!(web.get(&path).header("etag"), first);
    with(&web, "PUT", &path, ("If-None-Match", "*")).refused(412);
    with(&web, "PUT", &path, ("If-None-Match", &first)).refused(412);
    web.put(&path, b"by another").expect(200);
    for condition in [&first, &format!("W/{first}"), "junk", ""] {
        for method in ["PUT", "DELETE"] {
            let refused = with(&web, method, &path, ("If-Match", condition)).refused(412);
            assert!(refused.contains("nothing was changed"), "{refused}");
        }
        with(&web, "PUT", &format!("{path}?t=uri"), ("If-Match", condition)).refused(412);
        with(&web, "POST", &format!("{path}?t=upload"), ("If-Match", condition)).refused(412);
    }
    assert_eq!(web.get(&path).expect(200), "by another");
    let second = web.get(&path).header("etag").to_owned();
    with(&web, "PUT", &path, ("If-Match", &second)).expect(200);
    assert_eq!(web.get(&path).expect(200), "new content");
    with(&web, "DELETE", &path, ("If-None-Match", "*")).refused(412);
    let third = web.get(&path).header("etag").to_owned();
    with(&web, "DELETE", &path, ("If-Match", &third)).expect(200);
    with(&web, "DELETE", &path, ("If-Match", &third)).refused(404);
    // Directories, which have no tag, and what has no name.
    with(&web, "PUT", &format!("{dir}/a/b?t=mkdir"), ("If-None-Match", "*")).expect(200);
    with(&web, "PUT", &format!("{dir}/a/b?t=mkdir"), ("If-None-Match", "*")).refused(412);
    with(&web, "POST", &format!("{dir}/a/b?t=mkdir"), ("If-None-Match", "*")).refused(412);
    with(&web, "POST", &format!("{dir}?t=unlink&name=a"), ("If-Match", "\"x\"")).refused(412);
    with(&web, "DELETE", &format!("{dir}/a"), ("If-Match", "\"x\"")).refused(412);
    with(&web, "DELETE", &format!("{dir}/a"), ("If-Match", "*")).expect(200);
    with(&web, "PUT", "/uri", ("If-Match", "*")).refused(412);
    with(&web, "PUT", "/uri", ("If-None-Match", "*")).expect(200);
}

#[test]
fn of_many_that_make_one_name_one_does() {
    let web = Web::start();
    let path = format!("{}/lock", web.mkdir());
    let made = std::thread::scope(|scope| {
        let make = |n: usize| {
            let (web, path) = (&web, &path);
            move || {
                let body = format!("{n}").into_bytes();
                web.ask("PUT", path, &[("If-None-Match", "*")], &body).status
            }
        };
        let all: Vec<_> = (0..8).map(|n| scope.spawn(make(n))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(made.iter().filter(|status| **status == 201).count(), 1, "{made:?}");
    assert_eq!(made.iter().filter(|status| **status == 412).count(), 7, "{made:?}");
}
