//! Two people and one grid, as processes: a directory that both change, one for each alone, and
//! read access that is handed on.

use crate::nodes::{Process, RunningGrid, http};
use std::fs;
use tahoe::files::address::percent_encode;

fn get(url: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = http().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.call().unwrap();
    (response.status().as_u16(), response.into_body().read_to_string().unwrap())
}

fn put(url: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut request = http().put(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send(body).unwrap();
    (response.status().as_u16(), response.into_body().read_to_string().unwrap())
}

/// A second client that copied the introducer's furl.
fn join(grid: &RunningGrid, name: &str) -> Process {
    let dir = grid.nodes.create_client(name, &["--no-storage", "--webport", "0"]);
    grid.nodes.join(&dir);
    let vdrive = grid.nodes.dir("introducer").join("vdrive.furl");
    fs::copy(vdrive, dir.join("vdrive.furl")).unwrap();
    let process = Process::run(&dir);
    crate::nodes::wait_for_servers(&dir, 1);
    process
}

fn token(process: &Process) -> String {
    let token = fs::read_to_string(process.dir.join("private/api_auth_token")).unwrap();
    format!("tahoe-lafs {}", token.trim())
}

#[test]
fn two_clients_share_one_directory_and_keep_their_own() {
    let grid = RunningGrid::of(1, "1 1 1");
    let (one, two) = (join(&grid, "one"), join(&grid, "two"));
    let global = format!("{}/vdrive/global", one.url);
    assert_eq!(put(&format!("{global}/notes/a.txt"), &[], "from one").0, 201);
    let theirs = format!("{}/vdrive/global/notes", two.url);
    assert_eq!(get(&format!("{theirs}/a.txt"), &[]), (200, "from one".into()));
    assert_eq!(put(&format!("{theirs}/b.txt"), &[], "from two").0, 201);
    assert_eq!(get(&format!("{global}/notes/b.txt"), &[]), (200, "from two".into()));

    // Read access, handed on.
    let read = get(&format!("{global}?t=readonly-uri"), &[]).1;
    let read = format!("{}/uri/{}", two.url, percent_encode(&read));
    assert_eq!(get(&format!("{read}/notes/a.txt"), &[]), (200, "from one".into()));
    let (status, below) = get(&format!("{read}/notes?t=uri"), &[]);
    assert!(status == 200 && below.starts_with("URI:DIR-RO:"), "{below}");
    assert_eq!(put(&format!("{read}/x"), &[], "no").0, 403);
    assert_eq!(put(&format!("{read}/notes/a.txt"), &[], "no").0, 403);
    assert_eq!(http().delete(format!("{read}/notes")).call().unwrap().status(), 403);

    // Each has a directory of its own, behind its token.
    let mut roots = Vec::new();
    for node in [&one, &two] {
        let private = format!("{}/vdrive/private", node.url);
        assert_eq!(get(&private, &[]).0, 401);
        let shown = token(node);
        let owner = [("Authorization", shown.as_str())];
        assert_eq!(put(&format!("{private}/mine"), &owner, &node.url).0, 201);
        assert_eq!(get(&format!("{private}/mine"), &owner), (200, node.url.clone()));
        roots.push(get(&format!("{private}?t=uri"), &owner).1);
        let stranger = token(if node.url == one.url { &two } else { &one });
        assert_eq!(get(&private, &[("Authorization", &stranger)]).0, 401);
    }
    assert_ne!(roots[0], roots[1]);
}

#[test]
fn the_start_page_lets_a_browser_in_and_all_stays_after_a_restart() {
    let grid = RunningGrid::of(1, "1 1 1");
    let one = join(&grid, "one");
    let shown = token(&one);
    let private = "/vdrive/private";
    let owner = [("Authorization", shown.as_str())];
    assert_eq!(put(&format!("{}{private}/x", one.url), &owner, "kept").0, 201);
    let root = get(&format!("{}{private}?t=uri", one.url), &owner).1;
    let dir = one.dir.clone();
    assert_eq!(one.stop(), 0);

    let one = Process::run(&dir);
    crate::nodes::wait_for_servers(&dir, 1);
    assert_eq!(get(&format!("{}{private}?t=uri", one.url), &owner), (200, root));
    let page = fs::read_to_string(dir.join("start.html")).unwrap();
    let link = page.split('"').find(|part| part.contains("/login?key=")).unwrap();
    assert!(link.starts_with(&one.url), "{link}");
    let response = http().get(link).call().unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let session = [("Cookie", cookie.as_str())];
    assert_eq!(get(&format!("{}{private}/x", one.url), &session), (200, "kept".into()));
}
