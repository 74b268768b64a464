//! Directories of whole nodes: shared by copying furls, kept over restarts, served alone.

use crate::nodes::{Nodes, Process, RunningGrid, done, http, tahoe, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// A request as the owner of the node; status and body.
fn ask(node: &Process, method: &str, path: &str, body: &str) -> (u16, String) {
    let token = fs::read_to_string(node.dir.join("private/api_auth_token")).unwrap();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", node.url))
        .header("Authorization", format!("tahoe-lafs {}", token.trim()))
        .body(body.as_bytes().to_vec())
        .unwrap();
    let mut answer = http().run(request).unwrap();
    (answer.status().as_u16(), text(&answer.body_mut().read_to_vec().unwrap()))
}

/// Asks until the answer is fine: who was just told of a server needs a moment.
fn soon(node: &Process, method: &str, path: &str, body: &str) -> String {
    let mut last = None;
    for _ in 0..200 {
        match ask(node, method, path, body) {
            (200 | 201, body) => return body,
            other => last = Some(other),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{method} {path}: {last:?}");
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn two_clients_that_copied_two_furls_share_a_directory_and_keep_one_each() {
    let nodes = Nodes::new();
    let introducer = nodes.create_introducer();
    fs::write(introducer.join("encoding_parameters"), "1 1 1\n").unwrap();
    let keeper = Process::run(&introducer);
    let client = |name: &str| {
        let dir = nodes.create_client(name, &["--webport", "0"]);
        nodes.join(&dir);
        fs::copy(introducer.join("vdrive.furl"), dir.join("vdrive.furl")).unwrap();
        Process::run(&dir)
    };
    let (ann, ben) = (client("ann"), client("ben"));
    soon(&ann, "PUT", "/vdrive/global/from/ann", "hello from ann");
    assert_eq!(soon(&ben, "GET", "/vdrive/global/from/ann", ""), "hello from ann");
    soon(&ann, "PUT", "/vdrive/private/mine", "secret");
    assert_eq!(ask(&ben, "GET", "/vdrive/private/mine", "").0, 404);
    for name in ["global_root.uri", "my_vdrive.uri", "start.html", "vdrive.furl", "private/seen"] {
        assert_eq!(mode(&ann.dir.join(name)), 0o600, "{name}");
    }
    let read = |node: &Process, name: &str| fs::read_to_string(node.dir.join(name)).unwrap();
    assert_eq!(read(&ann, "global_root.uri"), read(&ben, "global_root.uri"));
    assert_ne!(read(&ann, "my_vdrive.uri"), read(&ben, "my_vdrive.uri"));

    let (dir, roots) =
        (ann.dir.clone(), [read(&ann, "global_root.uri"), read(&ann, "my_vdrive.uri")]);
    keeper.kill();
    ann.kill();
    let _keeper = Process::run(&introducer);
    let ann = Process::run(&dir);
    assert_eq!(soon(&ann, "GET", "/vdrive/private/mine", ""), "secret");
    assert_eq!(soon(&ann, "GET", "/vdrive/global/from/ann", ""), "hello from ann");
    assert_eq!(roots, [read(&ann, "global_root.uri"), read(&ann, "my_vdrive.uri")]);
}

#[test]
fn a_client_of_an_introducer_that_keeps_directories_needs_no_second_furl() {
    let grid = RunningGrid::of(1, "1 1 1");
    soon(&grid.gateway, "PUT", "/vdrive/private/a", "b");
    assert!(grid.gateway.dir.join("vdrive.furl").is_file());
    let page = fs::read_to_string(grid.gateway.dir.join("start.html")).unwrap();
    let login = page.split('"').find(|part| part.contains("/login?key=")).unwrap();
    let answer = http().get(login).call().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("set-cookie"), "the page opens a session");
}

#[test]
fn a_vdrive_server_of_its_own_serves_clients_that_have_its_furl() {
    let nodes = Nodes::new();
    let dir = nodes.dir("vdrive");
    let said = done(tahoe().arg("create-vdrive").arg(&dir));
    assert_eq!(said, format!("vdrive server created in {}\n", dir.display()));
    fs::write(dir.join("vdrive.port"), "tcp:0:interface=127.0.0.1\n").unwrap();
    let keeper = Process::run(&dir);
    let furl = fs::read_to_string(dir.join("vdrive.furl")).unwrap();
    let client = nodes.create_client("ann", &["--webport", "0", "--vdrive", furl.trim()]);
    let ann = Process::run(&client);
    soon(&ann, "PUT", "/vdrive/global/note", "short");
    assert_eq!(soon(&ann, "GET", "/vdrive/global/note", ""), "short");
    assert_eq!(keeper.stop(), 0);
    assert!(dir.join("vdrive/index.clean").is_file(), "a clean stop keeps the index");
    let _keeper = Process::run(&dir);
    assert_eq!(soon(&ann, "GET", "/vdrive/global/note", ""), "short");
}
