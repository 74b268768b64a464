//! What only the owner may do.

use crate::web::{TOKEN, Web, at};
use serde_json::json;

#[test]
fn the_private_directory_is_the_owners() {
    let web = Web::start();
    assert_eq!(web.get("/vdrive/global?t=uri").expect(200), web.global);
    web.put("/vdrive/global/a.txt", b"for all").expect(201);
    assert_eq!(web.get("/vdrive/global/a.txt").expect(200), "for all");
    for (method, path) in [("GET", "/vdrive/private"), ("PUT", "/vdrive/private/x")] {
        web.ask(method, path, &[], b"x").refused(401);
        web.ask(method, path, &[("Authorization", "tahoe-lafs wrong")], b"x").refused(401);
    }
    let token = format!("tahoe-lafs {TOKEN}");
    let owner = [("Authorization", token.as_str())];
    assert_eq!(web.ask("PUT", "/vdrive/private/x", &owner, b"mine").status, 201);
    // A browser logs in with an address that is good once.
    web.post("/login", "").refused(401);
    let path = web.ask("POST", "/login", &owner, b"").expect(200);
    let page = web.get(&path);
    let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(page.header("set-cookie").contains("SameSite=Strict"));
    web.get(&path).refused(403);
    let session = [("Cookie", cookie.as_str())];
    assert_eq!(web.ask("GET", "/vdrive/private/x", &session, b"").expect(200), "mine");
    let foreign = [("Cookie", cookie.as_str()), ("Origin", "http://evil.example")];
    web.ask("PUT", "/vdrive/private/y", &foreign, b"").refused(403);
}

#[test]
fn local_files_are_the_owners() {
    let web = Web::start();
    let dir = web.mkdir();
    let local = web.folder.path().join("local");
    std::fs::create_dir_all(local.join("in/deep")).unwrap();
    std::fs::write(local.join("a.txt"), "one").unwrap();
    std::fs::write(local.join("in/deep/b.txt"), "two").unwrap();
    let token = format!("tahoe-lafs {TOKEN}");
    let owner = [("Authorization", token.as_str())];
    let put = format!("{dir}/tree?t=upload&localdir={}", local.display());
    web.put(&put, b"").refused(403);
    assert!(web.ask("PUT", &put, &owner, b"").expect(200).starts_with("URI:DIR:"));
    assert_eq!(web.get(&format!("{dir}/tree/in/deep/b.txt")).expect(200), "two");
    let file = format!("{dir}/f?t=upload&localfile={}/a.txt", local.display());
    assert_eq!(web.ask("PUT", &file, &owner, b"").status, 201);
    assert_eq!(web.ask("PUT", &file, &owner, b"").status, 200);
    let relative = format!("{dir}/f?t=upload&localfile=a.txt");
    web.ask("PUT", &relative, &owner, b"").refused(403);
    let missing = format!("{dir}/f?t=upload&localfile=/nowhere/a.txt");
    web.ask("PUT", &missing, &owner, b"").refused(404);
    web.ask("PUT", &format!("{dir}/f?t=upload"), &owner, b"").refused(400);

    let back = web.folder.path().join("back");
    let get = format!("{dir}/tree?t=download&localdir={}", back.display());
    web.get(&get).refused(403);
    assert!(!back.exists());
    // A page of another site cannot have it done either, whatever its visitor may do.
    let foreign = [("Authorization", token.as_str()), ("Sec-Fetch-Site", "cross-site")];
    web.ask("GET", &get, &foreign, b"").refused(403);
    // Nor can a link that the owner follows.
    let path = web.ask("POST", "/login", &owner, b"").expect(200);
    let cookie = web.get(&path).header("set-cookie").split(';').next().unwrap().to_owned();
    for site in ["none", "same-origin"] {
        let link = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", site)];
        web.ask("GET", &get, &link, b"").refused(403);
    }
    assert!(!back.exists());
    web.ask("GET", &get, &owner, b"").expect(200);
    assert_eq!(std::fs::read_to_string(back.join("in/deep/b.txt")).unwrap(), "two");
    let get = format!("{dir}/f?t=download&localfile={}/f", back.display());
    web.ask("GET", &get, &owner, b"").expect(200);
    assert_eq!(std::fs::read_to_string(back.join("f")).unwrap(), "one");
    // A name that would lead out of the folder.
    let evil = json!({"../../evil": ["filenode", {"ro_uri": "URI:LIT:me"}]}).to_string();
    let evil = web.post("/uri?t=mkdir-immutable", &evil).expect(200);
    let get = format!("{}?t=download&localdir={}/e", at(&evil), back.display());
    web.ask("GET", &get, &owner, b"").refused(400);
}
