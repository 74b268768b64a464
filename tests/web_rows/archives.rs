//! Directories as archives: `t=zip` and `t=tar`, and tars that are unpacked.

use super::LONG;
use crate::web::{Answer, Web, at, names};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

/// A member of a tar as others write it: path, type, content.
fn member(path: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, path);
    put(100, b"0000644\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, format!("{:011o}\0", 1_369_353_600).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let fill = (512 - content.len() % 512) % 512;
    [header, content.to_vec(), vec![0; fill]].concat()
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

fn file(path: &str, content: &[u8]) -> Vec<u8> {
    member(path.as_bytes(), b'0', content)
}

/// Everything below a directory by its path: caps of files, and of directories nothing.
fn tree(web: &Web, dir: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let listing = web.get(&format!("{dir}?t=json")).json();
    for (name, child) in listing[1]["children"].as_object().unwrap() {
        let path = format!("{dir}/{}", tahoe::files::address::percent_encode(name));
        if child[0] == "dirnode" {
            found.insert(format!("{name}/"), String::new());
            found.extend(tree(web, &path).into_iter().map(|(p, cap)| (format!("{name}/{p}"), cap)));
        } else {
            found.insert(name.clone(), child[1]["ro_uri"].as_str().unwrap().to_owned());
        }
    }
    found
}

/// What it says of an unpacked tar.
fn told(answer: Answer, status: u16) -> Value {
    serde_json::from_str(&answer.expect(status)).unwrap()
}

/// A directory with all kinds of names and sizes in it.
fn sample(web: &Web) -> String {
    let dir = web.mkdir();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    let long = format!("{}/{}.txt", "d".repeat(120), "f".repeat(130));
    for (path, content) in [
        ("a.txt", &b"hello"[..]),
        ("empty", b""),
        ("sub/deep/er/large", &large),
        ("sub/%C3%A4%20%E2%82%AC", LONG),
        ("sub/back%5Cslash", b"x"),
        (long.as_str(), b"long"),
    ] {
        web.put(&format!("{dir}/{path}"), content).expect(201);
    }
    web.put(&format!("{dir}/nothing%20in%20it?t=mkdir"), b"").expect(200);
    let dated =
        json!({"dated": ["filenode", {"ro_uri": "URI:LIT:me", "metadata": {"mtime": 1.5e9}}]});
    web.post(&format!("{dir}?t=set_children"), &dated.to_string()).expect(200);
    dir
}

/// The output of a program that has these files, if it is there.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        println!("{program} is not there: not tried");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}{error}");
    Some(text)
}

#[test]
fn what_is_packed_unpacks_to_the_same_tree() {
    let web = Web::start();
    let (dir, other) = (sample(&web), web.mkdir());
    let packed = web.get(&format!("{dir}?t=tar"));
    assert_eq!(packed.header("content-type"), "application/x-tar");
    assert_eq!(packed.header("accept-ranges"), "none");
    assert_eq!((packed.header("etag"), packed.status), ("", 200));
    let report = told(web.put(&format!("{other}/new/place?t=tar"), &packed.bytes), 200);
    assert_eq!(
        report,
        json!({
            "files": 7, "replaced": 0, "directories": 7,
            "left-out": {"count": 0, "named": []}, "failed": {"count": 0, "named": []},
        })
    );
    let wanted = tree(&web, &dir);
    assert_eq!(tree(&web, &format!("{other}/new/place")), wanted);
    let listing = web.get(&format!("{other}/new/place?t=json")).json();
    assert_eq!(listing[1]["children"]["dated"][1]["metadata"]["mtime"], 1_500_000_000);
    // Once more, over what is there; a read cap is enough to pack.
    let read = at(&web.get(&format!("{dir}?t=readonly-uri")).expect(200));
    let again = web.get(&format!("{read}?t=tar"));
    let report = told(web.put(&format!("{other}/new/place?t=tar"), &again.bytes), 200);
    assert_eq!((&report["replaced"], &report["directories"]), (&json!(7), &json!(0)));
    assert_eq!(tree(&web, &format!("{other}/new/place")), wanted);
}

#[test]
fn other_programs_read_what_is_packed() {
    let web = Web::start();
    let dir = sample(&web);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for kind in ["zip", "tar"] {
        let packed = web.get(&format!("{dir}?t={kind}"));
        std::fs::write(path(&format!("it.{kind}")), packed.bytes).unwrap();
    }
    run("unzip", &["-tq", &path("it.zip")]);
    run("zip", &["-T", &path("it.zip")]);
    let list = |text: Option<String>| text.map(|text| text.lines().count());
    assert!(list(run("tar", &["tf", &path("it.tar")])).is_none_or(|count| count == 12));
    let script = r#"
import sys, tarfile, zipfile
tar, zip = tarfile.open(sys.argv[2]), zipfile.ZipFile(sys.argv[1])
assert zip.testzip() is None
members = {m.name + ("/" if m.isdir() else ""): m for m in tar.getmembers()}
assert sorted(members) == sorted(zip.namelist()), (sorted(members), zip.namelist())
for info in zip.infolist():
    member = members[info.filename]
    if member.isfile():
        assert zip.read(info) == tar.extractfile(member).read(), info
    assert info.compress_type == zipfile.ZIP_STORED
assert members["dated"].mtime == 1500000000
assert zip.getinfo("dated").date_time == (2017, 7, 14, 2, 40, 0)
assert members["sub/deep/er/large"].size == 3000000
assert "sub/\u00e4 \u20ac" in members and "nothing in it/" in members
print(len(members))
"#;
    let counted = run("python3", &["-c", script, &path("it.zip"), &path("it.tar")]);
    assert!(counted.is_none_or(|text| text.trim() == "12"));
}

#[test]
fn an_archive_has_the_name_of_its_directory() {
    let web = Web::start();
    let dir = web.mkdir();
    web.put(&format!("{dir}/Ph%C3%B6tos/a?t=mkdir"), b"").expect(200);
    let name = |answer: Answer| answer.header("content-disposition").to_owned();
    let head = web.ask("HEAD", &format!("{dir}/Ph%C3%B6tos?t=zip"), &[], b"");
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    assert!(name(head).contains("Ph%C3%B6tos.zip"));
    assert!(name(web.get(&format!("{dir}?t=tar"))).contains("files.tar"));
    assert!(name(web.get("/vdrive/global?t=zip")).contains("global.zip"));
    assert!(name(web.get(&format!("{dir}?t=zip&filename=x.zip"))).contains("x.zip"));
    let ranged = web.ask("GET", &format!("{dir}?t=zip"), &[("Range", "bytes=0-1")], b"");
    assert_eq!(ranged.status, 200);
    web.put(&format!("{dir}/f"), b"x").expect(201);
    for refused in ["f?t=zip", "f?t=tar", "f?t=unpack-form"] {
        web.get(&format!("{dir}/{refused}")).refused(400);
    }
    web.get(&format!("{dir}/none?t=zip")).refused(404);
    web.get(&format!("{dir}?t=zip&partial=maybe")).refused(400);
}

/// Links a cap under any name.
fn link(web: &Web, dir: &str, name: &str, cap: &str) {
    let child = json!({name: ["filenode", {"ro_uri": cap}]});
    web.post(&format!("{dir}?t=set_children"), &child.to_string()).expect(200);
}

/// The names in a tar, and the content of the last member.
fn listed(packed: &[u8]) -> (Vec<String>, String) {
    let (mut found, mut rest, mut last) = (Vec::new(), packed, String::new());
    while rest[0] != 0 {
        assert_eq!(&rest[257..263], b"ustar\0");
        let size = std::str::from_utf8(&rest[124..135]).unwrap();
        let size = usize::from_str_radix(size, 8).unwrap();
        let name = rest[..100].split(|byte| *byte == 0).next().unwrap();
        found.push(String::from_utf8_lossy(name).into_owned());
        last = String::from_utf8_lossy(&rest[512..512 + size]).into_owned();
        rest = &rest[512 + size.div_ceil(512) * 512..];
    }
    (found, last)
}

#[test]
fn what_has_no_place_in_an_archive_is_told_in_it() {
    let web = Web::start();
    let dir = web.mkdir();
    let own = web.get(&format!("{dir}?t=uri")).expect(200);
    web.put(&format!("{dir}/sub/file"), LONG).expect(201);
    let file = web.get(&format!("{dir}/sub/file?t=uri")).expect(200);
    // Linked below itself, and twice beside each other.
    web.put(&format!("{dir}/sub/loop?t=uri"), own.as_bytes()).expect(200);
    let sub = web.get(&format!("{dir}/sub?t=uri")).expect(200);
    web.put(&format!("{dir}/twin?t=uri"), sub.as_bytes()).expect(200);
    for name in ["..", ".", "...", "a/b", "x\\..\\y", ""] {
        link(&web, &dir, name, &file);
    }
    link(&web, &dir, "later", "ro.lafs:new");
    link(&web, &dir, "Not-in-this-archive.txt", "URI:LIT:me");
    let (names, text) = listed(&web.get(&format!("{dir}?t=tar")).bytes);
    assert_eq!(
        names,
        [
            "Not-in-this-archive.txt",
            "sub/",
            "sub/file",
            "twin/",
            "twin/file",
            "NOT-IN-THIS-ARCHIVE (2).txt"
        ]
    );
    for line in ["sub/loop: it is a directory", "twin/loop: it is a dir", "later: it is of a kind"]
    {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(text.lines().count(), 2 + 3 + 6, "{text}");
    // Around what is prohibited.
    let index = web.post(&format!("{dir}/sub/file?t=check&output=JSON"), "").json();
    let list = format!("{} closed\n", index["storage-index"].as_str().unwrap());
    std::fs::write(web.folder.path().join("access.blacklist"), list).unwrap();
    let (names, text) = listed(&web.get(&format!("{dir}?t=tar")).bytes);
    assert!(!names.contains(&"sub/file".to_owned()));
    assert!(text.contains("sub/file: the owner of this node prohibits it"), "{text}");
}

/// The answer as it comes until the connection ends, and whether it ended as it should.
fn raw(web: &Web, path: &str) -> (Vec<u8>, bool) {
    let host = web.url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(host).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let whole = answer.ends_with(b"0\r\n\r\n");
    (answer, whole)
}

#[test]
fn an_archive_that_is_not_whole_breaks_off_unless_that_is_wanted() {
    let web = Web::start();
    let dir = web.mkdir();
    web.put(&format!("{dir}/a"), LONG).expect(201);
    let checked = web.post(&format!("{dir}/a?t=check&output=JSON"), "").json();
    let index = checked["storage-index"].as_str().unwrap();
    for bucket in web.disks.iter().map(|disk| disk.join("shares").join(&index[..2]).join(index)) {
        let _ = std::fs::remove_dir_all(bucket);
    }
    web.put(&format!("{dir}/b"), b"literal").expect(201);
    for kind in ["zip", "tar"] {
        let (answer, whole) = raw(&web, &format!("{dir}?t={kind}"));
        assert!(answer.starts_with(b"HTTP/1.1 200") && !whole, "{kind} looks whole");
    }
    let (names, text) = listed(&web.get(&format!("{dir}?t=tar&partial=true")).bytes);
    assert_eq!(names, ["b", "NOT-IN-THIS-ARCHIVE.txt"]);
    assert!(text.contains("\na: "), "{text}");
}

#[test]
fn hostile_members_are_named_and_change_nothing_outside() {
    let web = Web::start();
    let outer = web.mkdir();
    web.put(&format!("{outer}/in?t=mkdir"), b"").expect(200);
    let dir = format!("{outer}/in");
    let long = "n".repeat(2_000);
    let record = |value: &[u8]| {
        let rest = value.len() + "path".len() + 3;
        let length = rest + (rest + 4).to_string().len();
        [format!("{length} path=").as_bytes(), value, b"\n"].concat()
    };
    let pax =
        |value: &[u8]| [member(b"PaxHeader", b'x', &record(value)), file("short", b"x")].concat();
    let body = tar(&[
        file("good", b"good"),
        file("../up", b"x"),
        file("a/../../up", b"x"),
        file("/etc/passwd", b"x"),
        member(b"\xff\xfe", b'0', b"x"),
        pax(long.as_bytes()),
        pax(b"nul\0inside-and-a-name-that-is-longer-than-the-other-one-so-that-its-length-has-three-digits-all-told"),
        member(b"link", b'2', b""),
        member(b"hard", b'1', b""),
        member(b"device", b'3', b""),
        member(b"./", b'5', b""),
        member(b"made/", b'5', b""),
        file("./made/../made", b"x"),
        file("made//too", b"too"),
        file("made", b"a file for a directory"),
    ]);
    let report = told(web.put(&format!("{dir}?t=tar"), &body), 400);
    assert_eq!((&report["files"], &report["directories"]), (&json!(2), &json!(1)));
    assert_eq!(report["failed"]["count"], 8);
    assert_eq!(report["left-out"]["count"], 3);
    assert_eq!(report["left-out"]["named"][0], json!({"path": "link", "why": "a symbolic link"}));
    assert!(report["error"].as_str().unwrap().starts_with("8 members of the tar not unpacked"));
    let all: Vec<String> = tree(&web, &outer).into_keys().collect();
    assert_eq!(all, ["in/", "in/good", "in/made/", "in/made/too"]);
}

#[test]
fn what_came_before_the_end_of_a_broken_tar_stays() {
    let web = Web::start();
    let dir = web.mkdir();
    let body = tar(&[file("a/one", LONG), file("a/two", LONG), file("three", LONG)]);
    for (cut, count) in [(512 + 100, 0), (512 + 4_096, 1), (body.len() - 1_024, 3)] {
        let report =
            told(web.put(&format!("{dir}/{cut}?t=tar"), &body[..cut.min(body.len())]), 400);
        assert!(report["error"].as_str().unwrap().contains("cut off"), "{report}");
        assert_eq!(report["files"], count, "{cut}");
    }
    let garbage = [&file("kept", b"kept")[..], &[7; 2_000]].concat();
    let report = told(web.put(&format!("{dir}?t=tar"), &garbage), 400);
    assert_eq!((&report["files"], &report["code"]), (&json!(1), &json!("bad-request")));
    assert_eq!(web.get(&format!("{dir}/kept")).expect(200), "kept");
    let report = told(web.put(&format!("{dir}?t=tar"), b"no tar"), 400);
    assert_eq!(report["files"], 0);
    told(web.put(&format!("{dir}/empty?t=tar"), &tar(&[])), 200);
}

#[test]
fn what_is_there_is_replaced_or_not() {
    let web = Web::start();
    let dir = web.mkdir();
    web.put(&format!("{dir}/a"), b"old").expect(201);
    web.put(&format!("{dir}/d/x"), b"old").expect(201);
    let body =
        tar(&[file("a", b"new"), file("b", b"new"), file("d/x", b"new"), file("d/y", b"new")]);
    let report = told(web.put(&format!("{dir}?t=tar&replace=false"), &body), 409);
    assert_eq!((&report["files"], &report["failed"]["count"]), (&json!(2), &json!(2)));
    assert_eq!(report["code"], "exists");
    assert_eq!(web.get(&format!("{dir}/a")).expect(200), "old");
    let report = told(web.put(&format!("{dir}?t=tar"), &body), 200);
    assert_eq!((&report["files"], &report["replaced"]), (&json!(4), &json!(4)));
    assert_eq!(web.get(&format!("{dir}/d/x")).expect(200), "new");
    // A directory stays one, and a file is no directory.
    let report =
        told(web.put(&format!("{dir}?t=tar"), &tar(&[file("d", b"x"), file("e", b"x")])), 409);
    assert_eq!((&report["files"], &report["failed"]["named"][0]["path"]), (&json!(1), &json!("d")));
    let report = told(web.put(&format!("{dir}?t=tar"), &tar(&[file("a/x/y", b"x")])), 409);
    assert_eq!(report["failed"]["named"][0]["path"], "a/x/y");
    // Of two of one name the last counts.
    told(web.put(&format!("{dir}?t=tar"), &tar(&[file("n", b"1"), file("n", b"2")])), 200);
    assert_eq!(web.get(&format!("{dir}/n")).expect(200), "2");
    let unmet = web.ask("PUT", &format!("{dir}?t=tar"), &[("If-None-Match", "*")], &body);
    unmet.refused(412);
    let read = at(&web.get(&format!("{dir}?t=readonly-uri")).expect(200));
    web.put(&format!("{read}?t=tar"), &body).refused(403);
    web.put(&format!("{dir}/a?t=tar"), &body).refused(400);
    web.put(&format!("{dir}?t=zip"), &body).refused(400);
}

#[test]
fn forms_unpack() {
    let web = Web::start();
    let dir = web.mkdir();
    let large = vec![7; 2_000_000];
    let body = tar(&[file("sub/a", b"a"), file("large", &large)]);
    let report = told(web.form(&format!("{dir}?t=unpack"), &[], Some(("x.tar", &body))), 200);
    assert_eq!(report["files"], 2);
    assert_eq!(names(&web.get(&format!("{dir}?t=json")).json()), ["large", "sub"]);
    assert_eq!(web.get(&format!("{dir}/large")).bytes, large);
    let fields = [("t", "unpack"), ("when_done", "."), ("replace", "true")];
    let gone = web.form(&dir, &fields, Some(("x.tar", &body)));
    assert_eq!((gone.status, gone.header("location")), (302, "."));
    let fields = [("t", "unpack"), ("when_done", "."), ("replace", "false")];
    told(web.form(&dir, &fields, Some(("x.tar", &body))), 409);
    web.form(&format!("{dir}?t=unpack"), &[], None).refused(400);
    web.form(&format!("{dir}?t=unpack&when_done=//evil"), &[], Some(("x", &body))).refused(400);
}

#[test]
fn many_small_files_go_in_and_out() {
    const FILES: usize = 3_000;
    let web = Web::start();
    let dir = web.mkdir();
    let members: Vec<Vec<u8>> = (0..FILES)
        .map(|n| file(&format!("d{}/{n}", n % 7), format!("file {n}").as_bytes()))
        .collect();
    let report = told(web.put(&format!("{dir}?t=tar"), &tar(&members)), 200);
    assert_eq!((&report["files"], &report["directories"]), (&json!(FILES), &json!(7)));
    assert_eq!(web.get(&format!("{dir}/d3/10")).expect(200), "file 10");
    let (names, _) = listed(&web.get(&format!("{dir}?t=tar")).bytes);
    assert_eq!(names.len(), FILES + 7);
}
