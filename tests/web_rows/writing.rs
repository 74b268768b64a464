//! §2.3: writing below a directory.

use super::LONG;
use crate::web::{TOKEN, Web, at, names};
use serde_json::json;

#[test]
fn files_are_put() {
    let web = Web::start();
    let dir = web.mkdir();
    let cap = web.put(&format!("{dir}/a/b/new.txt"), LONG).expect(201);
    assert!(cap.starts_with("URI:CHK:"));
    assert_eq!(web.put(&format!("{dir}/a/b/new.txt"), b"other").expect(200), "URI:LIT:n52gqzls");
    assert_eq!(web.get(&format!("{dir}/a/b/new.txt")).expect(200), "other");
    let refused = web.put(&format!("{dir}/a/b/new.txt?replace=false"), b"x").refused(409);
    assert!(refused.starts_with("There was already a child by that name"));
    web.put(&format!("{dir}/a/b/new.txt?replace=only-files"), b"x").expect(200);
    web.put(&format!("{dir}/a/b/new.txt?replace=perhaps"), b"x").refused(400);
    web.put(&format!("{dir}/a/b/new.txt?offset=1"), b"x").refused(400);
    assert!(web.put(&format!("{dir}/a"), b"x").refused(400).starts_with("PUT to a directory"));
    web.put(&dir, b"x").refused(400);
    web.put(&format!("{dir}/a/b/new.txt/below"), b"x").refused(409);
    web.put(&format!("{dir}/a//x"), b"x").refused(400);
    web.put(&format!("{dir}/x?format=SDMF"), b"x").refused(400);
    web.put(&at(&cap), b"x").refused(400);
    let range = [("Content-Range", "bytes 0-1/2")];
    web.ask("PUT", &format!("{dir}/x"), &range, b"x").refused(501);
    let read = web.get(&format!("{dir}?t=readonly-uri")).expect(200);
    assert!(web.put(&format!("{}/x", at(&read)), b"x").refused(403).starts_with("NotWriteable"));
}

#[test]
fn caps_are_put() {
    let web = Web::start();
    let dir = web.mkdir();
    let cap = web.put("/uri", LONG).expect(200);
    assert_eq!(web.put(&format!("{dir}/x/y?t=uri"), cap.as_bytes()).expect(200), cap);
    assert_eq!(web.put(&format!("{dir}/x/y?t=uri"), b"URI:LIT:me\n").expect(200), "URI:LIT:me");
    web.put(&format!("{dir}/x/y?t=uri&replace=false"), cap.as_bytes()).refused(409);
    web.put(&format!("{dir}/x?t=uri&replace=only-files"), cap.as_bytes()).refused(409);
    web.put(&format!("{dir}/x?t=uri"), cap.as_bytes()).expect(200);
    web.put(&format!("{dir}/z?t=uri"), b"").refused(400);
    let refused = web.put(&format!("{dir}/z?t=uri"), b"lafs:new").refused(400);
    assert!(refused.starts_with("MustNotBeUnknownRWError: "), "{refused}");
    web.put(&format!("{dir}/z?t=uri"), b"ro.lafs:new").expect(200);
    let unknown = web.get(&format!("{dir}/z?t=json")).json();
    assert_eq!((&unknown[0], &unknown[1]["ro_uri"]), (&json!("unknown"), &json!("ro.lafs:new")));
    assert_eq!(unknown[1].get("mutable"), None, "nobody knows");
    web.put(&format!("{dir}/fixed?t=uri"), b"imm.lafs:new").expect(200);
    assert_eq!(web.get(&format!("{dir}/fixed?t=json")).json()[1]["mutable"], false);
    let ssk = format!("URI:SSK:{}:{}", "a".repeat(26), "a".repeat(52));
    web.put(&format!("{dir}/ssk?t=uri"), ssk.as_bytes()).expect(200);
    assert_eq!(web.get(&format!("{dir}/ssk?t=json")).json()[1]["mutable"], true);
    web.get(&format!("{dir}/z")).refused(400);
}

#[test]
fn directories_are_put_and_things_deleted() {
    let web = Web::start();
    let dir = web.mkdir();
    let sub = web.put(&format!("{dir}/a/b?t=mkdir"), b"").expect(200);
    assert_eq!(web.put(&format!("{dir}/a/b?t=mkdir"), b"").expect(200), sub);
    let cap = web.put(&format!("{dir}/a/f"), LONG).expect(201);
    web.put(&format!("{dir}/a/f?t=mkdir"), b"").refused(400);
    assert_eq!(web.delete(&format!("{dir}/a/f")).expect(200), cap);
    assert_eq!(web.delete(&format!("{dir}/a/f")).refused(404), "No such child: f");
    assert_eq!(web.delete(&format!("{dir}/a/b")).expect(200), sub);
    web.delete(&format!("{dir}/none/f")).refused(404);
    web.delete(&dir).refused(400);
}

#[test]
fn forms_upload() {
    let web = Web::start();
    let dir = web.mkdir();
    let file = Some(("local name.txt", LONG));
    let cap = web.form(&format!("{dir}?t=upload"), &[], file).expect(200);
    assert!(cap.starts_with("URI:CHK:"));
    // All arguments may stand in the form, in front of the file or behind it.
    let fields = [("t", "upload"), ("name", " spaced "), ("when_done", ".")];
    let gone = web.form(&dir, &fields, file);
    assert_eq!((gone.status, gone.header("location")), (302, "."));
    assert_eq!(names(&web.get(&format!("{dir}?t=json")).json()), ["local name.txt", "spaced"]);
    web.form(&format!("{dir}?t=upload&replace=false&name=spaced"), &[], file).refused(409);
    let before = web.get("/statistics?t=json").json();
    let unseen = Some(("x", &[9; 5_000][..]));
    web.form(&format!("{dir}?t=upload&replace=false&name=spaced"), &[], unseen).refused(409);
    let after = web.get("/statistics?t=json").json();
    assert_eq!(before["counters"], after["counters"], "nothing is stored before that is known");
    web.form(&format!("{dir}?t=upload&name=a/b"), &[], file).refused(400);
    web.form(&format!("{dir}?t=upload&name=%20"), &[], file).refused(400);
    web.form(&format!("{dir}?t=upload&name=x&format=SDMF"), &[], file).refused(400);
    web.form(&format!("{dir}?t=upload&name=x"), &[], None).refused(400);
    for when_done in ["http://evil.example/", "//evil.example/", "javascript:x"] {
        web.form(&dir, &[("t", "upload"), ("name", "e"), ("when_done", when_done)], file)
            .refused(400);
    }
    web.get(&format!("{dir}/e")).refused(404);
    // Onto a name.
    web.form(&format!("{dir}/spaced?t=upload"), &[], Some(("x", b"new"))).expect(200);
    assert_eq!(web.get(&format!("{dir}/spaced")).expect(200), "new");
    for missing in ["new", "deep/er"] {
        web.form(&format!("{dir}/{missing}?t=upload"), &[], Some(("x", b"new"))).refused(404);
    }
    web.form(&format!("{dir}/spaced?t=upload&replace=false"), &[], file).refused(409);
    // What is a directory stays one: the file goes into it.
    web.put(&format!("{dir}/sub/sub?t=mkdir"), b"").expect(200);
    for replace in ["", "&replace=true"] {
        let path = format!("{dir}?t=upload&name=sub{replace}");
        let stored = web.form(&path, &[], Some(("x", b"within"))).expect(200);
        assert_eq!(web.get(&format!("{dir}/sub/sub/sub?t=uri")).expect(200), stored);
    }
    assert_eq!(names(&web.get(&format!("{dir}/sub?t=json")).json()), ["sub"]);
    web.form(&format!("{dir}?t=upload&name=sub&replace=false"), &[], file).refused(409);
    let read = web.get(&format!("{dir}/sub?t=readonly-uri")).expect(200);
    web.put(&format!("{dir}/read?t=uri"), read.as_bytes()).expect(200);
    web.form(&format!("{dir}?t=upload&name=read"), &[], file).refused(403);
    let own = web.get(&format!("{dir}?t=uri")).expect(200);
    web.put(&format!("{dir}/self?t=uri"), own.as_bytes()).expect(200);
    let refused = web.form(&format!("{dir}?t=upload&name=self"), &[], file).refused(409);
    assert!(refused.starts_with("There is a directory named \"self\""), "{refused}");
    web.delete(&format!("{dir}/self")).expect(200);
    // A large file is spooled, not held.
    let large = vec![7; 5 << 20];
    web.form(&format!("{dir}?t=upload"), &[], Some(("large", &large))).expect(200);
    assert!(web.get(&format!("{dir}/large")).bytes == large);
    let cut = [("Content-Type", "multipart/form-data; boundary=XyZ")];
    web.ask("POST", &format!("{dir}?t=upload"), &cut, b"--XyZ\r\nContent-Dis").refused(400);
}

#[test]
fn forms_make_directories() {
    let web = Web::start();
    let dir = web.mkdir();
    let made = web.form(&format!("{dir}?t=mkdir"), &[("name", "a")], None).expect(200);
    assert!(made.starts_with("URI:DIR:"));
    web.post(&format!("{dir}?t=mkdir&name=a&replace=false"), "").refused(409);
    let again = web.post(&format!("{dir}?t=mkdir&name=a"), "").expect(200);
    assert_ne!(again, made, "it is replaced");
    let gone = web.post(&format!("{dir}?t=mkdir&name=b&when_done=/"), "");
    assert_eq!((gone.status, gone.header("location")), (302, "/"));
    let deep = web.post(&format!("{dir}/x/y/z?t=mkdir"), "").expect(200);
    assert_eq!(web.post(&format!("{dir}/x/y/z?t=mkdir"), "").expect(200), deep);
    assert_eq!(web.get(&format!("{dir}/x/y/z?t=uri")).expect(200), deep);
    web.put(&format!("{dir}/file"), b"x").expect(201);
    web.post(&format!("{dir}/file?t=mkdir"), "").refused(400);
    web.post(&format!("{dir}/file/below?t=mkdir"), "").refused(409);
    web.post(&format!("{dir}?t=mkdir&name=c&format=CHK"), "").refused(400);

    let children = json!({"l": ["filenode", {"ro_uri": "URI:LIT:me"}]}).to_string();
    for (t, kind) in [("mkdir-with-children", "URI:DIR:"), ("mkdir-immutable", "URI:DIR2-LIT:")] {
        let made = web.post(&format!("{dir}?t={t}&name={t}"), &children).expect(200);
        assert!(made.starts_with(kind), "{made}");
        assert_eq!(web.get(&format!("{dir}/{t}/l?t=uri")).expect(200), "URI:LIT:me");
        web.post(&format!("{dir}?t={t}&name={t}"), &children).refused(409);
        web.post(&format!("{dir}/{t}?t={t}"), &children).refused(409);
        let below = web.post(&format!("{dir}/new-{t}/below?t={t}"), &children).expect(200);
        assert!(below.starts_with(kind));
    }
}

#[test]
fn forms_link_unlink_and_rename() {
    let web = Web::start();
    let dir = web.mkdir();
    let post = |query: &str| web.post(&format!("{dir}?{query}"), "");
    assert_eq!(post("t=uri&name=a&uri=URI:LIT:me").expect(200), "URI:LIT:me");
    post("t=uri&name=a&uri=URI:LIT:mi&replace=false").refused(409);
    post("t=uri&name=a").refused(400);
    post("t=uri&uri=URI:LIT:me").refused(400);
    assert_eq!(post("t=uri&name=a&uri=URI:LIT:me&when_done=..").status, 302);

    assert_eq!(post("t=rename&from_name=a&to_name=b").expect(200), "thing moved");
    post("t=rename&from_name=a&to_name=b").refused(404);
    post("t=rename&from_name=b").refused(400);
    post("t=rename&to_name=b").refused(400);
    post("t=rename&from_name=b&to_name=c&to_dir=x").refused(400);
    post("t=rename&from_name=b&to_name=x/y").refused(400);
    post("t=rename&from_name=x/y&to_name=b").refused(400);
    post("t=uri&name=c&uri=URI:LIT:me").expect(200);
    post("t=rename&from_name=b&to_name=c&replace=false").refused(409);
    assert_eq!(post("t=rename&from_name=b&to_name=b").expect(200), "thing moved");
    assert_eq!(names(&web.get(&format!("{dir}?t=json")).json()), ["b", "c"]);

    let other = web.mkdir();
    let to = web.get(&format!("{other}?t=uri")).expect(200);
    web.put(&format!("{other}/sub?t=mkdir"), b"").expect(200);
    assert_eq!(post(&format!("t=relink&from_name=b&to_dir={to}")).expect(200), "thing moved");
    let moved = post(&format!("t=relink&from_name=c&to_dir={to}/sub&to_name=d"));
    assert_eq!(moved.expect(200), "thing moved");
    assert_eq!(names(&web.get(&format!("{dir}?t=json")).json()).len(), 0);
    assert_eq!(web.get(&format!("{other}/sub/d?t=uri")).expect(200), "URI:LIT:me");
    post("t=relink&from_name=b&to_dir=URI:LIT:me").refused(400);
    post(&format!("t=relink&from_name=b&to_dir={to}/none")).refused(404);

    let post = |query: &str| web.post(&format!("{other}?{query}"), "");
    assert_eq!(post("t=delete&name=b").expect(200), "thing unlinked");
    assert_eq!(post("t=unlink&name=b").refused(404), "No such child: b");
    post("t=uri&name=%20x&uri=URI:LIT:me").expect(200);
    assert_eq!(post("t=unlink&name=%20x&when_done=/x").header("location"), "/x");
    post("t=unlink").refused(404);
    web.post(&format!("{other}?t=pony"), "").refused(400);
    web.post(&other, "").refused(400);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let typed = web.ask("POST", &other, &form, b"t=uri&name=e+f&uri=URI%3ALIT%3Ame");
    assert_eq!(typed.expect(200), "URI:LIT:me");
    assert_eq!(names(&web.get(&format!("{other}?t=json")).json()), ["e f", "sub"]);
}

#[test]
fn many_children_are_set_at_once() {
    let web = Web::start();
    let dir = web.mkdir();
    let body = json!({
        "a": ["filenode", {"rw_uri": "URI:LIT:me", "metadata": {"x": 1}}],
        "": ["filenode", {"ro_uri": "URI:LIT:mi"}],
        "b/c": ["dirnode", {"rw_uri": web.global}],
    });
    for t in ["set_children", "set-children"] {
        let done = web.post(&format!("{dir}?t={t}"), &body.to_string()).expect(200);
        assert_eq!(done, "Okay so I did it.");
    }
    let json = web.get(&format!("{dir}?t=json")).json();
    assert_eq!(names(&json), ["", "a", "b/c"]);
    assert_eq!(json[1]["children"]["a"][1]["metadata"]["x"], 1);
    assert_eq!(json[1]["children"]["b/c"][1]["rw_uri"], json!(web.global));
    web.post(&format!("{dir}?t=set_children&replace=false"), &body.to_string()).refused(409);
    web.post(&format!("{dir}?t=set_children"), "junk").refused(400);
    // The empty name is unlinked by a form without a name.
    assert_eq!(web.post(&format!("{dir}?t=unlink"), "").expect(200), "thing unlinked");
    assert_eq!(names(&web.get(&format!("{dir}?t=json")).json()), ["a", "b/c"]);
}

#[test]
fn only_the_owner_takes_a_directory_back_to_an_older_version() {
    let web = Web::start();
    let dir = web.mkdir();
    web.post(&format!("{dir}?t=accept-rollback"), "").refused(401);
    web.post(&format!("{dir}/none?t=accept-rollback"), "").refused(401);
    web.put(&format!("{dir}/a/b?t=mkdir"), b"").expect(200);
    let token = format!("tahoe-lafs {TOKEN}");
    let path = format!("{dir}?t=accept-rollback&recursive=true");
    let all = web.ask("POST", &path, &[("Authorization", &token)], b"").expect(200);
    assert!(
        all.starts_with(
            "3 directories are taken as they are now; a newer state had been seen of 0"
        ),
        "{all}"
    );
}
