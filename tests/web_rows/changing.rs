//! What the pages' forms do: several children changed at once, and put back.

use crate::web::{TOKEN, Web, at, names};
use serde_json::Value;

const FORM: [(&str, &str); 1] = [("Content-Type", "application/x-www-form-urlencoded")];

fn form(web: &Web, path: &str, fields: &str) -> crate::web::Answer {
    web.ask("POST", path, &FORM, fields.as_bytes())
}

fn children(web: &Web, dir: &str) -> Vec<String> {
    names(&web.get(&format!("{dir}?t=json")).json())
}

/// The token that puts back what was deleted, as the browser is sent on with it.
fn token(answer: &crate::web::Answer) -> String {
    assert_eq!(answer.status, 303);
    answer.header("location").split_once("?deleted=").unwrap().1.to_owned()
}

#[test]
fn what_is_deleted_can_be_put_back() {
    let web = Web::start();
    let dir = web.mkdir();
    let odd = "a%0Ab%22%3E";
    for name in ["one", "two", odd] {
        web.put(&format!("{dir}/{name}"), b"content").expect(201);
    }
    let change = format!("{dir}?t=change");
    let deleted = form(&web, &change, "do=delete&item=one&item=a%250Ab%2522%253E");
    assert_eq!(children(&web, &dir), ["two"]);
    let token = token(&deleted);
    assert!(web.get(&format!("{dir}?deleted={token}")).expect(200).contains("2 items are deleted"));
    assert!(web.get(&format!("{dir}?deleted=x")).expect(200).contains("two"));

    web.put(&format!("{dir}/one"), b"another").expect(201);
    let back = format!("token={token}&do=restore");
    form(&web, "/deleted", &back).refused(409);
    form(&web, &change, "do=delete&item=one").expect(303);
    assert_eq!(form(&web, "/deleted", &back).status, 303);
    assert_eq!(children(&web, &dir), ["a\nb\">", "one", "two"]);
    form(&web, "/deleted", &back).refused(404);
    assert!(web.get(&format!("{dir}/one")).bytes == b"content");
}

#[test]
fn what_a_program_deletes_can_be_put_back_by_whoever_may_write_there() {
    let web = Web::start();
    let dir = web.mkdir();
    let cap = web.get(&format!("{dir}?t=uri")).expect(200);
    let read = web.get(&format!("{dir}?t=readonly-uri")).expect(200);
    for name in ["a", "b", "c"] {
        web.put(&format!("{dir}/{name}"), name.as_bytes()).expect(201);
    }
    web.ask("DELETE", &format!("{dir}/a"), &[], b"").expect(200);
    web.post(&format!("{dir}?t=unlink&name=b"), "").expect(200);
    web.post(&format!("{dir}?t=rename&from_name=c&to_name=d"), "").expect(200);
    web.ask("DELETE", &format!("{dir}/a"), &[], b"").refused(404);
    web.get("/deleted?t=json").refused(401);
    for wrong in [read.as_str(), "URI:LIT:aa", "nothing"] {
        web.get(&format!("/deleted?t=json&dir={wrong}")).refused(400);
    }
    let other = web.get(&format!("{}?t=uri", web.mkdir())).expect(200);
    let gone = |cap: &str| web.get(&format!("/deleted?t=json&dir={cap}")).json();
    assert_eq!(gone(&other)["deleted"], serde_json::json!([]));
    let listed = gone(&cap);
    let listed = listed["deleted"].as_array().unwrap();
    let of = |key: &str| listed.iter().map(|one| one[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("names"), [["b"], ["a"]].map(|names| serde_json::json!(names)));
    assert_eq!(of("place"), [dir.as_str(), dir.as_str()]);
    for one in listed {
        let (token, name) = (one["token"].as_str().unwrap(), one["names"][0].as_str().unwrap());
        let back = |name: &str| {
            web.post(&format!("/deleted?t=json&do=restore&token={token}&name={name}"), "")
        };
        back("neither").refused(404);
        assert_eq!(back(name).json(), serde_json::json!({ "names": [name] }));
        back(name).refused(404);
    }
    assert_eq!(children(&web, &dir), ["a", "b", "d"]);
}

#[test]
fn who_may_write_below_learns_no_cap_of_above() {
    let web = Web::start();
    let parent = web.mkdir();
    web.post(&format!("{parent}/sub?t=mkdir"), "").expect(200);
    let cap = web.get(&format!("{parent}/sub?t=uri")).expect(200);
    web.put(&format!("{parent}/sub/a"), b"a").expect(201);
    web.put(&format!("{parent}/sub/sub"), b"b").expect(201);
    web.ask("DELETE", &format!("{parent}/sub/a"), &[], b"").expect(200);
    web.post(&format!("{parent}/sub?t=unlink&name=sub"), "").expect(200);
    let key = |cap: &str| cap.rsplit(':').next().unwrap().to_owned();
    let above = key(&web.get(&format!("{parent}?t=uri")).expect(200));
    let listed = web.get(&format!("/deleted?t=json&dir={cap}")).json();
    assert!(!listed.to_string().contains(&above) && listed.to_string().contains(&key(&cap)));
    let token = format!("tahoe-lafs {TOKEN}");
    let owner = [("Authorization", token.as_str())];
    let all: Value = web.ask("GET", "/deleted?t=json", &owner, b"").json();
    let places: Vec<_> =
        all["deleted"].as_array().unwrap().iter().map(|one| one["place"].clone()).collect();
    assert_eq!(places, [format!("{parent}/sub"), format!("{parent}/sub")], "the owner's own way");
    let token = listed["deleted"][0]["token"].as_str().unwrap();
    form(&web, "/deleted", &format!("token={token}")).refused(400);
    form(&web, "/deleted", &format!("token={token}&do=fly")).refused(400);
    let back = form(&web, "/deleted", &format!("token={token}&do=restore"));
    assert_eq!((back.status, back.header("location")), (303, "/deleted"));
    assert_eq!(children(&web, &format!("{parent}/sub")), ["sub"]);
}

#[test]
fn what_a_browser_replaces_can_be_put_back_beside_it() {
    let web = Web::start();
    let dir = web.mkdir();
    web.put(&format!("{dir}/a.txt"), b"first").expect(201);
    web.put(&format!("{dir}/a.txt"), b"second").expect(200);
    let token = format!("tahoe-lafs {TOKEN}");
    let owner = ("Authorization", token.as_str());
    let deleted = || web.ask("GET", "/deleted", &[owner], b"").expect(200);
    assert!(!deleted().contains("Put back"), "a program knows what it replaces");
    let browser = [("Sec-Fetch-Site", "same-origin")];
    web.ask("PUT", &format!("{dir}/a.txt"), &browser, b"third").expect(200);
    web.form(&dir, &[("t", "upload")], Some(("a.txt", b"fourth"))).expect(200);
    let page = deleted();
    assert_eq!(page.matches("replaced in").count(), 2, "{page}");
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
    let back = format!("token={}&do=restore", rest.split('"').next().unwrap());
    assert_eq!(form(&web, "/deleted", &back).status, 303);
    assert_eq!(children(&web, &dir), ["a (earlier).txt", "a.txt"]);
    assert_eq!(web.get(&format!("{dir}/a%20(earlier).txt")).expect(200), "third");
    assert_eq!(web.get(&format!("{dir}/a.txt")).expect(200), "fourth");
}

#[test]
fn children_are_moved_copied_and_renamed() {
    let web = Web::start();
    let (dir, other) = (web.mkdir(), web.mkdir());
    for name in ["a.txt", "b.txt"] {
        web.put(&format!("{dir}/{name}"), b"content").expect(201);
    }
    let change = format!("{dir}?t=change");
    let to = other.replace('%', "%25");
    form(&web, &change, &format!("do=copy&item=a.txt&item=b.txt&to={to}")).expect(303);
    assert_eq!(children(&web, &other), ["a.txt", "b.txt"]);
    form(&web, &change, &format!("do=move&item=a.txt&to={to}")).refused(409);
    // One that is in the way keeps none of the others back, and is named.
    web.put(&format!("{dir}/d.txt"), b"content").expect(201);
    let refused = form(&web, &change, &format!("do=move&item=a.txt&item=d.txt&to={to}"));
    let refused = refused.refused(409);
    assert!(refused.contains("1 of 2 were moved") && refused.contains("“a.txt”"), "{refused}");
    assert_eq!(children(&web, &other), ["a.txt", "b.txt", "d.txt"]);
    let many: String =
        (0..2_000).map(|n| format!("&item=a%20rather%20long%20name%20{n}")).collect();
    let asks = form(&web, &dir, &format!("t=move-form{many}")).expect(200);
    assert!(asks.contains("2,000 items"));
    form(&web, &format!("{other}?t=change"), "do=delete&item=a.txt").expect(303);
    form(&web, &change, &format!("do=move&item=a.txt&to={to}")).expect(303);
    assert_eq!(children(&web, &dir), ["b.txt"]);
    form(&web, &change, &format!("do=copy&item=b.txt&to={}", dir.replace('%', "%25"))).expect(303);
    form(&web, &change, "do=rename&item=b.txt&to_name=c.txt").expect(303);
    assert_eq!(children(&web, &dir), ["b (copy).txt", "c.txt"]);
    for below in ["sub", "sub/deep"] {
        web.put(&format!("{dir}/{below}?t=mkdir"), b"").expect(200);
        let to = format!("{dir}/{below}").replace('%', "%25");
        form(&web, &change, &format!("do=move&item=c.txt&item=sub&to={to}")).refused(409);
    }
    assert_eq!(children(&web, &dir), ["b (copy).txt", "c.txt", "sub"]);
    // The way there may begin elsewhere; what counts is which directories it leads through.
    let sub = web.get(&format!("{dir}/sub?t=uri")).expect(200);
    web.put(&format!("{other}/alias?t=uri"), sub.as_bytes()).expect(200);
    for way in [at(&sub), format!("{}/deep", at(&sub)), format!("{other}/alias/deep")] {
        let fields = format!("do=move&item=c.txt&item=sub&to={}", way.replace('%', "%25"));
        let refused = form(&web, &change, &fields).refused(409);
        assert!(refused.contains("cannot be moved into itself"), "{refused}");
    }
    let read = web.get(&format!("{dir}/sub?t=readonly-uri")).expect(200);
    let relink = |to: &str| web.post(&format!("{dir}?t=relink&from_name=sub&to_dir={to}"), "");
    for way in [&sub, &format!("{sub}/deep"), &format!("{read}/deep")] {
        assert!(relink(way).refused(409).contains("cannot be moved into itself"));
    }
    assert_eq!(children(&web, &dir), ["b (copy).txt", "c.txt", "sub"]);
    for bad in [
        "",
        "do=delete",
        "do=rename&item=c.txt&to_name=a/b",
        "do=fly&item=c.txt",
        "do=move&item=c.txt&to=/grid",
    ] {
        form(&web, &change, bad).refused(400);
    }
}

#[test]
fn the_owners_directory_is_no_destination_for_others() {
    let web = Web::start();
    let dir = web.mkdir();
    web.put(&format!("{dir}/a"), b"content").expect(201);
    let change = format!("{dir}?t=change");
    form(&web, &change, "do=copy&item=a&to=/vdrive/private").refused(401);
    web.get(&format!("{dir}?t=move-form&name=a&to=/vdrive/private")).refused(401);
    web.get("/join").refused(405);
    form(&web, "/join", "furl=pb").refused(401);
    let token = format!("tahoe-lafs {TOKEN}");
    let owner = [FORM[0], ("Authorization", token.as_str())];
    let fields = b"do=copy&item=a&to=/vdrive/private";
    assert_eq!(web.ask("POST", &change, &owner, fields).status, 303);
    let listed = web.ask("GET", "/vdrive/private?t=json", &owner, b"");
    let listed: Value = listed.json();
    assert_eq!(names(&listed), ["a"]);
    assert!(!web.get("/deleted").expect(200).contains("Put back"));
}
