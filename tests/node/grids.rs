//! Grids of whole nodes: joined by copying a furl, and without their introducer.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test may stop at once, and tells its story in one piece"
)]

use crate::nodes::{
    Nodes, Process, RunningGrid, announcements, done, failed, http, tahoe, text, wait_for_servers,
};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tahoe::base::hash::sha1;
use tahoe::base::seeded::bytes;

fn put(node: &Path, file: &Path) -> String {
    done(tahoe().arg("put").arg(file).arg("-d").arg(node)).trim().to_owned()
}

fn get(node: &Path, cap: &str, file: &Path) {
    done(tahoe().args(["get", cap]).arg(file).arg("-d").arg(node));
}

#[test]
fn two_clients_share_a_file_over_an_introducer_whose_furl_they_copied() {
    let nodes = Nodes::new();
    let introducer = nodes.create_introducer();
    fs::write(introducer.join("encoding_parameters"), "1 2 2\n").unwrap();
    let (ann, ben) = (
        nodes.create_client("ann", &["--webport", "0"]),
        nodes.create_client("ben", &["--webport", "0"]),
    );
    let _introducer = Process::run(&introducer);
    nodes.join(&ann);
    nodes.join(&ben);
    let (_ann, _ben) = (Process::run(&ann), Process::run(&ben));
    for node in [&ann, &ben] {
        wait_for_servers(node, 2);
    }
    let (file, copy) = (nodes.dir("file"), nodes.dir("copy"));
    fs::write(&file, bytes(1, 1_000_000)).unwrap();
    let cap = put(&ann, &file);
    assert!(cap.contains(":1:2:1000000"), "the grid's parameters were used: {}", cap.len());
    get(&ben, &cap, &copy);
    assert_eq!(fs::read(&copy).unwrap(), bytes(1, 1_000_000));
    for node in [&ann, &ben] {
        assert!(node.join("storage/shares").read_dir().unwrap().next().is_some());
    }
}

/// What asking for `url` with these headers comes to: status, type and body.
fn asked(method: &str, url: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = http().run(request.body(()).unwrap()).unwrap();
    let kind = answer.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap());
    let kind = kind.to_owned();
    (answer.status().as_u16(), kind, answer.body_mut().read_to_string().unwrap())
}

#[test]
fn an_introducer_shows_who_is_in_its_grid_and_gives_nothing_away() {
    let nodes = Nodes::new();
    let introducer = nodes.create_introducer_with(&["--webport", "0"]);
    let running = Process::run(&introducer);
    let url = &running.url;
    assert_eq!(fs::read_to_string(introducer.join("node.url")).unwrap().trim(), format!("{url}/"));
    let attic = nodes.create_client("attic <b>", &["--webport", "0"]);
    nodes.join(&attic);
    let server = Process::run(&attic);
    wait_for_servers(&attic, 1);
    let (status, kind, page) = asked("GET", url, &[]);
    assert!(status == 200 && kind.starts_with("text/html"), "{status} {kind}");
    assert!(page.contains("attic &#60;b&#62;"), "{page}");
    let node_id = fs::read_to_string(attic.join("my_nodeid")).unwrap();
    assert!(page.contains(&node_id[..12]) && page.contains("tahoe/"));
    let swissnums = [("introducer.furl", &introducer), ("vdrive.furl", &introducer)];
    for (name, dir) in swissnums {
        let furl = fs::read_to_string(dir.join(name)).unwrap();
        assert!(!page.contains(furl.trim().rsplit('/').next().unwrap()), "{name}");
    }
    assert!(!page.contains("pb+") && !page.contains("href=\"/grid\""), "{page}");
    let style = page.split('"').find(|part| part.ends_with(".css")).unwrap();
    assert_eq!(asked("GET", &format!("{url}{style}"), &[]).0, 200);
    let (_, kind, json) = asked("GET", &format!("{url}/?t=json"), &[]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(kind, "application/json");
    assert_eq!(json["announcement_summary"], serde_json::json!({"storage": 1, "vdrive": 1}));
    assert_eq!(json["subscription_summary"]["storage"], 1, "{json}");
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(asked(method, url, &[]).0, 405, "{method}");
    }
    for host in ["evil.example", "192.0.2.1"] {
        assert_eq!(asked("GET", url, &[("Host", host)]).0, 403, "{host}");
    }
    let embedded = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")];
    assert_eq!(asked("GET", url, &embedded).0, 403);
    assert_eq!(asked("GET", &format!("{url}/?t=pony"), &[]).0, 400);
    assert_eq!(asked("GET", &format!("{url}/uri"), &[]).0, 404);
    let told = done(tahoe().args(["status", "-d"]).arg(&introducer));
    assert!(told.contains(&format!("{url}/")) && told.contains("1 of storage"), "{told}");
    server.stop();
    running.stop();
    assert!(!introducer.join("node.url").exists());
}

#[test]
fn a_vdrive_server_has_a_page_too() {
    let nodes = Nodes::new();
    let dir = nodes.dir("vdrive");
    done(tahoe().arg("create-vdrive").arg(&dir).args(["--webport", "0"]));
    fs::write(dir.join("vdrive.port"), "tcp:0:interface=127.0.0.1\n").unwrap();
    let running = Process::run(&dir);
    let (status, _, page) = asked("GET", &running.url, &[]);
    assert!(status == 200 && page.contains("keeps directories for others"), "{page}");
    let (_, _, json) = asked("GET", &format!("{}/?t=json", running.url), &[]);
    let nobody = serde_json::json!({"announcement_summary": {}, "subscription_summary": {}});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), nobody);
    running.stop();
}

#[test]
fn a_storage_node_tells_its_figures_without_a_gateway() {
    let nodes = Nodes::new();
    let dir = nodes.create_client("server", &[]);
    fs::write(dir.join("metricsport"), "0\n").unwrap();
    fs::write(dir.join("upload_rate"), "08:00-09:00 fast\n").unwrap();
    let (_, said) = failed(tahoe().arg("run").arg(&dir));
    assert!(said.contains("upload_rate") && said.contains("500K"), "{said}");
    fs::write(dir.join("upload_rate"), "08:00-09:00 1mB\n2mB\n").unwrap();
    let running = Process::run(&dir);
    let url = fs::read_to_string(dir.join("metrics.url")).unwrap();
    let (status, head, text) = asked("GET", url.trim(), &[]);
    assert!(status == 200 && text.ends_with("# EOF\n"), "{head} {text}");
    assert!(text.contains("tahoe_stats_storage_server_accepting_immutable_shares 1\n"), "{text}");
    assert!(text.contains("tahoe_stats_storage_server_shares_damaged 0"), "{text}");
    let other = url.trim().replace("/metrics", "/storage");
    assert_eq!(asked("GET", &other, &[]).0, 404);
    assert_eq!(asked("POST", url.trim(), &[]).0, 405);
    running.stop();
    assert!(!dir.join("metrics.url").exists());
}

#[test]
fn an_edit_of_the_encoding_parameters_reaches_clients_that_run() {
    let grid = RunningGrid::of(1, "1 1 1");
    let page = format!("{}/", grid.gateway.url);
    let shows = |encoding: &str| {
        let text = http().get(&page).call().unwrap().body_mut().read_to_string().unwrap();
        text.contains(encoding)
    };
    assert!(shows("1 shares, any 1 give a file back"));
    fs::write(grid.nodes.dir("introducer").join("encoding_parameters"), "1 2 3\n").unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !shows("3 shares, any 1 give a file back") {
        assert!(Instant::now() < deadline, "the grid's new encoding was not heard of");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_a_node_is_survives_a_restart() {
    let grid = RunningGrid::of(1, "1 1 1");
    let dirs =
        [grid.nodes.dir("introducer"), grid.servers[0].dir.clone(), grid.gateway.dir.clone()];
    let names = [
        "introducer.furl",
        "control.furl",
        "my_nodeid",
        "client.port",
        "introducer.port",
        "permutation-seed",
        "lease-seed",
        "private/node.identity",
        "private/convergence",
        "private/secret",
        "private/api_auth_token",
    ];
    let read = |dir: &Path| names.map(|name| fs::read(dir.join(name)).ok());
    let before: Vec<_> = dirs.iter().map(|dir| read(dir)).collect();
    assert!(before[0][0].is_some() && before[1][5].is_some() && before[2][10].is_some());
    for dir in &dirs {
        let private = fs::metadata(dir.join("private")).unwrap().permissions().mode();
        assert_eq!(private & 0o777, 0o700);
        for file in fs::read_dir(dir.join("private")).unwrap().map(Result::unwrap) {
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", file.file_name());
        }
    }
    let RunningGrid { nodes, introducer, servers, gateway } = grid;
    let url = gateway.dir.join("node.url");
    assert!(url.exists());
    for process in servers.into_iter().chain([gateway]).chain(introducer) {
        assert_eq!(process.stop(), 0, "a clean end");
    }
    assert!(!url.exists());
    let again: Vec<_> = dirs.iter().map(|dir| Process::run(dir)).collect();
    let after: Vec<_> = dirs.iter().map(|dir| read(dir)).collect();
    assert!(before == after);
    drop((again, nodes));
}

/// Every file of a folder and what is in it.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => content(&path),
            false => BTreeMap::from([(path.clone(), fs::read(&path).unwrap())]),
        })
        .filter(|(path, _)| !path.components().any(|part| part.as_os_str() == "logs"))
        .collect()
}

#[test]
fn what_a_node_has_lost_is_told_and_never_made_anew() {
    let grid = RunningGrid::of(1, "1 1 1");
    let (hub, server, gateway) =
        (grid.nodes.dir("introducer"), grid.servers[0].dir.clone(), grid.gateway.dir.clone());
    let root = gateway.join("my_vdrive.uri");
    while !gateway.join("private/my_vdrive.id").exists() {
        // A file says nothing when it appears.
        std::thread::sleep(Duration::from_millis(10));
    }
    let RunningGrid { nodes, introducer, servers, gateway: running } = grid;
    for process in servers.into_iter().chain([running]).chain(introducer) {
        assert_eq!(process.stop(), 0);
    }
    let lasting = [
        (&hub, "private/node.identity"),
        (&hub, "private/introducer.swissnum"),
        (&hub, "private/vdrive.swissnum"),
        (&hub, "introducer.port"),
        (&server, "private/node.identity"),
        (&server, "private/storage.swissnum"),
        (&server, "private/convergence"),
        (&gateway, "private/secret"),
        (&gateway, "my_vdrive.uri"),
    ];
    let emptied = [
        (&server, "role"),
        (&server, "introducer.furl"),
        (&server, "permutation-seed"),
        (&gateway, "private/api_auth_token"),
        (&gateway, "vdrive.furl"),
    ];
    let cases = lasting.iter().flat_map(|(dir, name)| [(dir, name, false), (dir, name, true)]);
    for (dir, name, empty) in cases.chain(emptied.iter().map(|(dir, name)| (dir, name, true))) {
        let (path, kept) = (dir.join(name), fs::read(dir.join(name)).unwrap());
        match empty {
            true => fs::write(&path, "").unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        let before = content(dir);
        for command in ["run", "start"] {
            let (code, said) = failed(tahoe().arg(command).arg(dir));
            assert!(code == 1 && said.contains(name), "{name} {empty}: {said}");
            assert!(said.contains("mpty") || said.contains("missing") || said.contains("nothing"));
        }
        assert!(content(dir) == before, "{name}: nothing was made");
        fs::write(&path, kept).unwrap();
    }
    // All that was private at once: nothing is made, in whatever order it would be looked for.
    fs::rename(gateway.join("private"), gateway.join("elsewhere")).unwrap();
    let (_, said) = failed(tahoe().arg("run").arg(&gateway));
    assert!(said.contains("node.identity") && said.contains("my_nodeid"), "{said}");
    assert!(!gateway.join("private").exists());
    fs::rename(gateway.join("elsewhere"), gateway.join("private")).unwrap();
    // What was restored is as it was; what the owner gives up is made anew, once.
    let (furl, cap) = (fs::read(hub.join("introducer.furl")).unwrap(), fs::read(&root).unwrap());
    let _hub = Process::run(&hub);
    assert!(fs::read(hub.join("introducer.furl")).unwrap() == furl);
    fs::remove_file(&root).unwrap();
    fs::write(gateway.join("new_keys_confirmed"), "").unwrap();
    let _gateway = Process::run(&gateway);
    while !root.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(fs::read(&root).unwrap() != cap && !gateway.join("new_keys_confirmed").exists());
    drop(nodes);
}

#[test]
fn two_nodes_with_one_key_are_told_on_both() {
    let mut grid = RunningGrid::of(1, "1 1 1");
    let state = |node: &Process| {
        let mut answer = http().get(format!("{}/?t=json", node.url)).call().unwrap();
        let json = answer.body_mut().read_to_vec().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        json["introducers"]["statuses"][0].as_str().unwrap().to_owned()
    };
    // A node that was killed and started again is alone.
    let dir = grid.gateway.dir.clone();
    let old =
        std::mem::replace(&mut grid.gateway, Process::run(&grid.nodes.create_client("x", &[])));
    old.kill();
    let first = Process::run(&dir);
    wait_for_servers(&dir, 1);
    assert_eq!(state(&first), "Connected to the introducer.");
    let copy = grid.nodes.dir("copy");
    done(Command::new("cp").arg("-r").arg(&dir).arg(&copy));
    fs::write(copy.join("client.port"), "tcp:0:interface=127.0.0.1").unwrap();
    let second = Process::run(&copy);
    for node in [&first, &second] {
        let until = Instant::now() + Duration::from_secs(20);
        while !state(node).contains("ANOTHER NODE") {
            assert!(Instant::now() < until, "{}", state(node));
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(node.dir.join("logs/node.log")).unwrap();
        assert!(log.contains("ANOTHER NODE"), "{log}");
    }
}

#[test]
fn a_grid_works_without_its_introducer_after_a_restart_of_all_others() {
    let mut grid = RunningGrid::of(4, "2 3 4");
    let (file, copy) = (grid.nodes.dir("file"), grid.nodes.dir("copy"));
    fs::write(&file, bytes(1, 300_000)).unwrap();
    let cap = put(&grid.gateway.dir, &file);
    grid.introducer.take().unwrap().kill();
    let started = std::time::Instant::now();
    fs::write(&file, bytes(2, 300_000)).unwrap();
    put(&grid.gateway.dir, &file);
    let mut dirs: Vec<_> = grid.servers.iter().map(|server| server.dir.clone()).collect();
    dirs.push(grid.gateway.dir.clone());
    let RunningGrid { nodes, servers, gateway, .. } = grid;
    servers.into_iter().for_each(Process::kill);
    gateway.kill();
    let running: Vec<_> = dirs.iter().map(|dir| Process::run(dir)).collect();
    let gateway = &dirs[4];
    wait_for_servers(gateway, 4);
    get(gateway, &cap, &copy);
    assert_eq!(fs::read(&copy).unwrap(), bytes(1, 300_000));
    fs::write(&file, bytes(3, 300_000)).unwrap();
    let cap = put(gateway, &file);
    get(gateway, &cap, &copy);
    assert_eq!(fs::read(&copy).unwrap(), bytes(3, 300_000));
    let secs = started.elapsed().as_secs_f32();
    println!(
        "promise 15: introducer dead, {} others restarted, 0 files lost, {secs:.1} s",
        dirs.len()
    );
    drop((running, nodes));
}

#[test]
fn a_damaged_list_of_servers_stops_no_node() {
    let RunningGrid { nodes, introducer, servers, gateway } = RunningGrid::of(1, "1 1 1");
    let dir = gateway.dir.clone();
    assert_eq!(gateway.stop(), 0);
    let damaged = bytes(9, 500);
    fs::write(dir.join("private/known_servers"), &damaged).unwrap();
    let again = Process::run(&dir);
    wait_for_servers(&dir, 1);
    assert_eq!(fs::read(dir.join("private/known_servers.damaged")).unwrap(), damaged);
    drop((again, servers, introducer, nodes));
}

#[test]
fn a_node_that_says_ready_can_store_at_once() {
    let RunningGrid { nodes, introducer, servers, gateway } = RunningGrid::of(5, "2 5 5");
    let (dir, file) = (gateway.dir.clone(), nodes.dir("file"));
    assert_eq!(gateway.stop(), 0);
    fs::write(&file, bytes(1, 10_000)).unwrap();
    let again = Process::run(&dir);
    put(&dir, &file);
    drop((again, servers, introducer));
}

#[test]
fn a_node_that_is_stopped_while_it_starts_leaves_no_address() {
    let nodes = Nodes::new();
    assert_eq!(Process::run(&nodes.create_introducer()).stop(), 0);
    let dir = nodes.create_client("alone", &["--no-storage", "--webport", "0"]);
    nodes.join(&dir);
    let (url, mut run) = (dir.join("node.url"), tahoe());
    let child = run.arg("run").arg(&dir).stdout(Stdio::piped()).spawn().unwrap();
    let told = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        url.exists()
    });
    // Its introducer is away, for which it waits a while before it says that it is ready.
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(told && output.status.success() && !text(&output.stdout).contains("ready"));
    assert!(!url.exists());
}

/// Listens where a gateway did: writes down what it is told, and answers with something, or with what
/// the gateway at another address answers to it.
#[derive(Clone, Default)]
struct Impostor {
    told: Arc<Mutex<Vec<u8>>>,
    relays_to: Arc<Mutex<Option<String>>>,
}

impl Impostor {
    fn at(address: &str) -> Self {
        let (this, listener) = (Self::default(), TcpListener::bind(address).unwrap());
        let shared = this.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let this = shared.clone();
                std::thread::spawn(move || this.talk(stream.unwrap()));
            }
        });
        this
    }

    fn talk(&self, mut stream: TcpStream) {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            self.told.lock().unwrap().extend_from_slice(&buffer[..read]);
            let relayed = self.relays_to.lock().unwrap().clone();
            let answer =
                relayed.map_or(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into(), |to| {
                    let mut gateway = TcpStream::connect(to).unwrap();
                    gateway.write_all(&buffer[..read]).unwrap();
                    let read = gateway.read(&mut buffer).unwrap();
                    buffer[..read].to_vec()
                });
            let _ = stream.write_all(&answer);
        }
    }

    /// What it was told since it was asked last.
    fn told(&self) -> String {
        text(&std::mem::take(&mut *self.told.lock().unwrap()))
    }
}

#[test]
fn who_listens_where_a_killed_gateway_did_is_told_nothing() {
    let nodes = Nodes::new();
    let dir = nodes.create_client("alone", &["--no-storage", "--webport", "0"]);
    let (gateway, file) = (Process::run(&dir), nodes.dir("file"));
    fs::write(&file, b"contents that nobody else shall see: ".repeat(100)).unwrap();
    let stale = fs::read_to_string(dir.join("node.url")).unwrap();
    let at = |url: &str| url.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
    gateway.kill();
    assert!(dir.join("node.url").exists(), "it could not take it away");
    let impostor = Impostor::at(&at(&stale));
    let cap = "URI:CHK:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb:3:10:5000";
    let commands: &[&[&str]] = &[
        &["put", file.to_str().unwrap()],
        &["get", cap, "-"],
        &["ls", "private:"],
        &["check", cap],
        &["webopen", "--print"],
        &["webopen", "--print", cap],
        &["webopen", "--print", "private:"],
        &["status"],
    ];
    let token = fs::read_to_string(dir.join("private/api_auth_token")).unwrap();
    let tries = |advice: &str| {
        for command in commands {
            let (code, said) = failed(tahoe().args(*command).arg("-d").arg(&dir));
            assert!(code == 1 && said.contains("is not the gateway"), "{command:?}: {said}");
            assert!(said.contains(advice) && !said.contains(cap), "{command:?}: {said}");
            let told = impostor.told();
            assert!(told.starts_with("GET /login?prove="), "{command:?}: {told}");
            for secret in [token.trim(), "aaaaaaaaaaaaaaaa", "contents", "Authorization"] {
                assert!(!told.contains(secret), "{command:?}: {told}");
            }
        }
    };
    tries("tahoe start");
    // The node is there again, elsewhere; for a moment the folder still tells the old address.
    let again = Process::run(&dir);
    let new = fs::read_to_string(dir.join("node.url")).unwrap();
    assert_ne!(new, stale);
    done(tahoe().args(["status", "-d"]).arg(&dir));
    *impostor.relays_to.lock().unwrap() = Some(at(&new));
    fs::write(dir.join("node.url"), &stale).unwrap();
    tries("tahoe restart");
    again.kill();
    fs::write(dir.join("webport"), "nonsense").unwrap();
    failed(tahoe().arg("run").arg(&dir));
    assert!(!dir.join("node.url").exists(), "a start takes it away before anything else");
}

#[test]
fn a_node_that_goes_on_as_an_older_one_proves_it_to_all_others() {
    let (nodes, pem) = (Nodes::new(), include_str!("../nodes/foolscap.pem"));
    let _introducer = Process::run(&nodes.create_introducer());
    let heir = nodes.create_client("heir", &[]);
    fs::write(heir.join("private/node.pem"), pem).unwrap();
    let other = nodes.create_client("other", &["--no-storage", "--webport", "0"]);
    nodes.join(&heir);
    nodes.join(&other);
    let running = [Process::run(&heir), Process::run(&other)];
    wait_for_servers(&other, 1);
    let said = announcements(&other).remove(0);
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    assert_eq!(said.lease_seed, sha1(&[&certificate]), "the older node's name");
    assert!(said.unproven_seed().is_none());
    drop(running);
}

#[test]
fn a_nodes_own_parameters_win_over_the_grids() {
    let grid = RunningGrid::of(2, "2 2 2");
    let own = grid.nodes.create_client("own", &["--no-storage", "--webport", "0"]);
    grid.nodes.join(&own);
    fs::write(own.join("encoding_parameters"), "1 1 2").unwrap();
    let _own = Process::run(&own);
    wait_for_servers(&own, 2);
    let file = grid.nodes.dir("file");
    fs::write(&file, bytes(1, 1000)).unwrap();
    assert!(put(&own, &file).ends_with(":1:2:1000"));
    assert!(put(&grid.gateway.dir, &file).ends_with(":2:2:1000"));
}

#[test]
fn an_idle_storage_node_is_small_and_quiet() {
    let grid = RunningGrid::of(1, "1 1 1");
    let server = &grid.servers[0];
    let ticks = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = ticks(server.pid());
    // The one place that must let time pass: idleness is what is measured.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let spent = ticks(server.pid()) - before;
    let (memory, own) = (server.memory(), server.own_memory());
    println!(
        "idle storage node: {} KiB resident, {} KiB of it its own, {spent} ticks of CPU in 3 s",
        memory >> 10,
        own >> 10
    );
    assert!(spent <= 1, "{spent} ticks");
    assert!(own <= 3 << 20, "{own} bytes of its own");
    assert!(memory <= 24 << 20, "{memory} bytes resident, unoptimised");
}
