//! What the owner prohibits, asked for in every way that the table knows.

use crate::web::{Answer, TOKEN, Web, at};
use serde_json::json;
use tahoe::gateway::route::everything;

/// Rows that put something in the place of a link, whatever it leads to, or take it away.
const REPLACING: &[(&str, &str)] =
    &[("PUT", ""), ("PUT", "uri"), ("PUT", "upload"), ("POST", "upload"), ("DELETE", "")];

struct Scene {
    web: Web,
    parent: String,
    /// Addresses of what is prohibited: by capability, and below its parent.
    by_cap: Vec<String>,
    by_path: Vec<String>,
}

fn owner() -> String {
    format!("tahoe-lafs {TOKEN}")
}

impl Scene {
    fn new() -> Self {
        let web = Web::start();
        let parent = web.mkdir();
        let child = json!({"in": ["filenode", {"ro_uri": "URI:LIT:me"}]}).to_string();
        let dir = web.post(&format!("{parent}?t=mkdir-with-children&name=dir"), &child).expect(200);
        let many: serde_json::Map<_, _> =
            (0..20).map(|n| (format!("in{n}"), json!(["f", {"ro_uri": "URI:LIT:me"}]))).collect();
        let many = serde_json::Value::Object(many).to_string().replace("in0", "in");
        let fixed = web.post(&format!("{parent}?t=mkdir-immutable&name=fixed"), &many).expect(200);
        let file = web.put(&format!("{parent}/file"), &[7; 3_000]).expect(201);
        let facts = web.get(&format!("{parent}?t=json")).json();
        let other =
            |name: &str, key: &str| at(facts[1]["children"][name][1][key].as_str().unwrap());
        let by_cap = vec![
            at(&dir),
            other("dir", "ro_uri"),
            other("dir", "verify_uri"),
            at(&fixed),
            other("fixed", "verify_uri"),
            at(&file),
            other("file", "verify_uri"),
        ];
        let by_path = ["dir", "fixed", "file"].map(|name| format!("{parent}/{name}")).to_vec();
        Self { web, parent, by_cap, by_path }
    }

    fn ask(&self, method: &str, path: &str, t: &str) -> Answer {
        let local = self.web.folder.path().join("local");
        // A page to choose a place from is about that place.
        let to = if t == "move-form" { "" } else { "&to=/vdrive/global" };
        let row = tahoe::base::base32::encode(&[7; 32]);
        let path = format!(
            "{path}?t={t}&name=x&uri=URI:LIT:me&ophandle=h{t}&from_name=in&to_name=y&do=delete\
             {to}&output=JSON&row={row}&localdir={}",
            local.display()
        );
        let raw = ["mkdir-with-children", "mkdir-immutable", "set_children", "set-children"];
        let (kind, body) = match (method, t) {
            ("POST", t) if raw.contains(&t) => {
                ("application/json", r#"{"x": ["filenode", {"ro_uri": "URI:LIT:me"}]}"#)
            }
            ("POST", _) => (
                "multipart/form-data; boundary=XyZ",
                "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n\
                 --XyZ--\r\n",
            ),
            _ => ("text/plain", "URI:LIT:me"),
        };
        let headers = [("Authorization", owner()), ("Content-Type", kind.to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.web.ask(method, &path, &headers, body.as_bytes())
    }

    fn refused(&self, method: &str, path: &str, t: &str) {
        let answer = self.ask(method, path, t);
        let text = answer.text();
        let told = answer.status == 403 && text == "Access Prohibited: closed";
        assert!(told, "{method} {path}?t={t}: {} {text}", answer.status);
    }

    /// Everything that is there.
    fn contents(&self) -> String {
        let text = |path: &String| self.web.get(&format!("{path}?t=json")).text();
        self.by_path.iter().map(text).collect()
    }

    fn prohibit(&self) {
        let index = |path: &String| {
            let found = self.web.post(&format!("{path}?t=check&output=JSON"), "").json();
            format!("{} closed\n", found["storage-index"].as_str().unwrap())
        };
        let list: String = self.by_path.iter().map(index).collect();
        std::fs::write(self.web.folder.path().join("access.blacklist"), list).unwrap();
    }

    fn allow(&self) {
        std::fs::remove_file(self.web.folder.path().join("access.blacklist")).unwrap();
    }
}

#[test]
fn no_row_of_the_table_touches_what_is_prohibited() {
    let scene = Scene::new();
    std::fs::create_dir(scene.web.folder.path().join("local")).unwrap();
    std::fs::write(scene.web.folder.path().join("local/x"), "x").unwrap();
    let before = scene.contents();
    scene.prohibit();
    let mut asked = 0;
    for (method, kind, t) in everything() {
        let all = match kind.as_str() {
            "/uri/CAP" => scene.by_cap.clone(),
            "/file/CAP/NAME" => {
                scene.by_cap.iter().map(|path| path.replacen("/uri", "/file", 1)).collect()
            }
            "/site/CAP" => {
                scene.by_cap.iter().map(|path| path.replacen("/uri", "/site", 1)).collect()
            }
            _ => continue,
        };
        for path in all.into_iter().filter(|_| method != "DELETE") {
            // What a capability names cannot be deleted at all.
            scene.refused(&method, &path, t);
            asked += 1;
        }
        if kind != "/uri/CAP" {
            continue;
        }
        for path in &scene.by_path {
            let may_replace = REPLACING.contains(&(method.as_str(), t));
            if !may_replace {
                scene.refused(&method, path, t);
                asked += 1;
            }
            if !path.ends_with("file") {
                scene.refused(&method, &format!("{path}/in"), t);
                asked += 1;
            }
        }
    }
    // A form's file is put into a directory, not in its place.
    scene.refused("POST", &scene.by_path[0], "upload");
    scene.allow();
    assert_eq!(scene.contents(), before, "something was changed");
    assert!(asked > 400, "{asked}");
}

#[test]
fn nothing_is_put_into_what_is_prohibited_by_way_of_another() {
    let scene = Scene::new();
    let (web, other) = (&scene.web, scene.web.mkdir());
    for name in ["a", "b"] {
        web.put(&format!("{other}/{name}"), b"x").expect(201);
    }
    let (cap, path) = (&scene.by_cap[0], &scene.by_path[0]);
    let dir = tahoe::files::address::percent_decode(cap.strip_prefix("/uri/").unwrap()).unwrap();
    let deleted = [("t", "change"), ("do", "delete"), ("name", "in")];
    let gone = web.form(path, &deleted, None);
    assert_eq!(gone.status, 303);
    let token = gone.header("location").split_once("deleted=").unwrap().1.to_owned();
    let before = scene.contents();
    scene.prohibit();
    let relink = [("t", "relink"), ("from_name", "a"), ("to_dir", dir.as_str())];
    web.form(&other, &relink, None).refused(403);
    for what in ["move", "copy"] {
        for to in [cap, path] {
            let change = [("t", "change"), ("do", what), ("name", "b"), ("to", to.as_str())];
            web.form(&other, &change, None).refused(403);
            let ask = format!("{other}?t=move-form&name=b&to={}", to.replace('%', "%25"));
            web.get(&ask).refused(403);
        }
    }
    web.form("/deleted", &[("token", &token), ("do", "restore")], None).refused(403);
    // From the disk, into a tree that holds it.
    let local = web.folder.path().join("tree");
    std::fs::create_dir_all(local.join("dir")).unwrap();
    std::fs::write(local.join("dir/new"), "x").unwrap();
    let put = format!("{}?t=upload&localdir={}", scene.parent, local.display());
    web.ask("PUT", &put, &[("Authorization", &owner())], b"").refused(403);
    let accept = format!("{}?t=accept-rollback&recursive=true", scene.parent);
    let accepted = web.ask("POST", &accept, &[("Authorization", &owner())], b"").expect(200);
    assert!(accepted.starts_with("1 directory "), "{accepted}");
    scene.allow();
    assert_eq!(scene.contents(), before);
    assert_eq!(crate::web::names(&web.get(&format!("{other}?t=json")).json()), ["a", "b"]);
}

#[test]
fn a_page_that_shows_it_already_gets_nothing_more() {
    let web = Web::start();
    let dir = web.mkdir();
    let pdf = [b"%PDF-1.4\n".to_vec(), vec![7; 3_000]].concat();
    web.put(&format!("{dir}/a.pdf"), &pdf).expect(201);
    let page = web.get(&format!("{dir}/a.pdf?t=view")).expect(200);
    let handle = page.split("/shown/").nth(1).unwrap();
    let shown = format!("/shown/{}", &handle[..handle.find('"').unwrap()]);
    let tag = web.get(&shown).header("etag").to_owned();
    let index = web.post(&format!("{dir}/a.pdf?t=check&output=JSON"), "").json();
    let list = format!("{} closed\n", index["storage-index"].as_str().unwrap());
    std::fs::write(web.folder.path().join("access.blacklist"), list).unwrap();
    for headers in [vec![], vec![("Range", "bytes=0-0")], vec![("If-None-Match", tag.as_str())]] {
        web.ask("GET", &shown, &headers, b"").refused(403);
        web.ask("GET", &format!("{dir}/a.pdf"), &headers, b"").refused(403);
    }
    assert_eq!(web.ask("HEAD", &shown, &[], b"").status, 403);
}
