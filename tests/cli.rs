//! Every command, where it succeeds and where it fails; and how it says so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test may stop at once, and tells its story in one piece"
)]

mod nodes;

use nodes::{Nodes, Process, RunningGrid, done, failed, tahoe, text};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use tahoe::base::seeded::bytes;

/// What happened and what to do: two sentences, nothing else.
fn is_two_sentences(said: &str) -> bool {
    let lines: Vec<_> = said.trim_end().lines().collect();
    lines.len() == 2
        && lines[0].starts_with("tahoe: ")
        && lines.iter().all(|line| line.ends_with(['.', '?', '!']))
        && !said.contains("panicked")
        && !said.contains('<')
}

#[test]
fn help_and_version_are_there_and_wrong_usage_is_2() {
    let help = done(tahoe().arg("--help"));
    for command in [
        "create-introducer",
        "create-client",
        "run",
        "start",
        "stop",
        "restart",
        "demo",
        "put",
        "get",
    ] {
        assert!(help.contains(command), "{command}");
        assert!(done(tahoe().args([command, "--help"])).contains("Usage:"), "{command}");
    }
    assert!(done(tahoe().arg("--version")).starts_with("tahoe "));
    for wrong in [
        &["fly"][..],
        &[],
        &["create-client"],
        &["create-client", "x", "--webport", "nowhere"],
        &["create-client", "x", "--sizelimit", "lots"],
        &["create-client", "x", "--introducer", "not a furl"],
        &["create-client", "x", "--location", "a b"],
        &["create-client", "x", "--no-storage", "--sizelimit", "1"],
        &["create-introducer", "x", "--port", "99999"],
        &["start", "a", "b"],
        &["put"],
        &["put", "x", "-u", "ftp://x"],
        &["get"],
        &["demo", "--servers", "0"],
    ] {
        let (code, said) = failed(tahoe().args(wrong).current_dir(std::env::temp_dir()));
        assert_eq!(code, 2, "{wrong:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn the_program_under_its_first_name_is_the_same() {
    let version =
        done(std::process::Command::new(env!("CARGO_BIN_EXE_allmydata-tahoe")).arg("--version"));
    assert_eq!(version, done(tahoe().arg("--version")));
}

#[test]
fn made_nodes_hold_what_was_asked_for_and_are_not_made_twice() {
    let nodes = Nodes::new();
    let furl = format!("pb+xk1://{}@tcp:127.0.0.1:1/{}", "a".repeat(52), "a".repeat(52));
    let dir = nodes.dir("client");
    done(tahoe().arg("create-client").arg(&dir).args([
        "--introducer",
        &furl,
        "--webport",
        "tcp:0:interface=127.0.0.1",
        "--port",
        "4321",
        "--location",
        "grid.example:4321",
        "--nickname",
        "Ada",
        "--sizelimit",
        "10G",
    ]));
    let value = |name: &str| fs::read_to_string(dir.join(name)).unwrap().trim().to_owned();
    assert_eq!(value("introducer.furl"), furl);
    assert_eq!(value("webport"), "tcp:0:interface=127.0.0.1");
    assert_eq!(value("client.port"), "4321");
    assert_eq!(value("advertised_ip_addresses"), "grid.example:4321");
    assert_eq!((value("nickname"), value("sizelimit")), ("Ada".into(), "10G".into()));
    let (code, said) = failed(tahoe().arg("create-client").arg(&dir));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    let (code, said) = failed(tahoe().arg("create-introducer").arg("-C").arg(&dir));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    done(tahoe().arg("create-introducer").arg("-C").arg(nodes.dir("introducer")));
}

#[test]
fn a_grid_too_small_for_its_numbers_is_told_before_anything_is_stored() {
    let nodes = Nodes::new();
    let hub = nodes.dir("introducer");
    let made = done(tahoe().args(["create-introducer", "--encoding", "2/3/4"]).arg(&hub));
    assert!(made.contains("wants 3 storage servers"), "{made}");
    assert_eq!(fs::read_to_string(hub.join("encoding_parameters")).unwrap(), "2 3 4\n");
    for bad in ["4/3/2", "2/3", "2 3 4 5", "0/0/0"] {
        let (code, _) = failed(tahoe().args(["create-introducer", "--encoding", bad]).arg("x"));
        assert_eq!(code, 2, "{bad}");
    }
    fs::write(hub.join("introducer.port"), "tcp:0:interface=127.0.0.1").unwrap();
    let _hub = Process::run(&hub);
    let gateway = nodes.create_client("gateway", &["--webport", "0"]);
    nodes.join(&gateway);
    let started = tahoe().arg("start").arg(&gateway).output().unwrap();
    let said = text(&started.stderr);
    assert!(said.contains("3 storage servers are wanted, and 1 are known"), "{said}");
    assert!(started.status.success() && said.contains("encoding_parameters"), "{said}");
    let status = || done(tahoe().args(["status", "-d"]).arg(&gateway));
    let first = status();
    let lines: Vec<_> = first.lines().collect();
    assert_eq!(lines[0], "Connected to 1 of 1 storage server");
    assert_eq!(lines[1], "Connected to the introducer.");
    assert!(lines[2].starts_with("New files can NOT be stored: 3 servers"), "{first}");
    assert!(lines[2].contains("`1 1 1`"), "{first}");
    let mut servers = Vec::new();
    for name in ["one", "two"] {
        let dir = nodes.create_client(name, &[]);
        nodes.join(&dir);
        servers.push(Process::run(&dir));
    }
    nodes::wait_for_servers(&gateway, 3);
    let all = status();
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines[0], "Connected to 3 of 3 storage servers");
    assert!(lines[2].starts_with("New files can be stored: 4 shares on 3 servers"), "{all}");
    assert!(lines[3].starts_with("Room on the servers: "), "{all}");
    // One that is gone is known still.
    servers.pop().unwrap().kill();
    let mut after = status();
    while after.starts_with("Connected to 3 of 3") {
        std::thread::sleep(std::time::Duration::from_millis(20));
        after = status();
    }
    assert!(after.starts_with("Connected to 2 of 3 storage servers"), "{after}");
    assert!(after.contains("New files can NOT be stored"), "{after}");
    done(tahoe().arg("stop").arg(&gateway));
}

#[test]
fn a_value_that_makes_no_sense_is_named_with_its_file() {
    let nodes = Nodes::new();
    for (file, value) in [
        ("webport", "everywhere"),
        ("client.port", "many"),
        ("sizelimit", "lots"),
        ("encoding_parameters", "3 2 1"),
        ("advertised_ip_addresses", "a b"),
        ("introducer.furl", "pb://old"),
        ("debug_no_storage", "perhaps"),
        ("role", "boss"),
        ("private/node.identity", "me"),
        ("permutation-seed", "?"),
    ] {
        let dir = nodes.create_client(&file.replace('/', "-"), &[]);
        fs::write(dir.join(file), value).unwrap();
        for command in ["run", "start"] {
            let (code, said) = failed(tahoe().arg(command).arg(&dir));
            assert!(code == 1 && is_two_sentences(&said), "{file}: {said}");
            assert!(said.contains(file) && said.contains("accepted"), "{file}: {said}");
        }
    }
}

#[test]
fn nodes_start_stop_and_restart() {
    let nodes = Nodes::new();
    let dir = nodes.create_introducer();
    let (code, said) = failed(tahoe().arg("stop").arg(&dir));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    let (code, said) = failed(tahoe().arg("restart").arg(&dir));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    done(tahoe().args(["restart", "--force"]).arg(&dir));
    let furl = fs::read_to_string(dir.join("introducer.furl")).unwrap();
    assert!(furl.starts_with("pb+xk1://"));
    for command in ["start", "run"] {
        let (code, said) = failed(tahoe().arg(command).arg(&dir));
        assert!(code == 1 && is_two_sentences(&said) && said.contains("in use"), "{said}");
    }
    done(tahoe().arg("restart").arg(&dir));
    assert_eq!(fs::read_to_string(dir.join("introducer.furl")).unwrap(), furl);
    done(tahoe().arg("stop").arg(&dir));
    // The current folder, when it is a node; several at once with -m.
    done(tahoe().arg("start").current_dir(&dir));
    let other = nodes.create_client("other", &[]);
    done(tahoe().args(["start", "-C"]).arg(&other));
    done(tahoe().args(["stop", "-m"]).arg(&dir).arg(&other));
    let (code, said) = failed(tahoe().arg("start").arg(nodes.dir("nowhere")));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    let (code, _) = failed(tahoe().arg("start").current_dir(nodes.root.path()));
    assert_eq!(code, 1, "~/.tahoe is not there");
    // Of several, those that can be stopped and started are, whatever becomes of the others.
    let (code, said) = failed(tahoe().args(["start", "-m"]).arg(nodes.dir("nowhere")).arg(&dir));
    assert!(code == 1 && is_two_sentences(&said) && said.contains("nowhere"), "{said}");
    let (_, said) = failed(tahoe().arg("start").arg(&dir));
    assert!(said.contains("in use"), "{said}");
    // A node that would not start again is not stopped.
    fs::write(dir.join("webport"), "everywhere").unwrap();
    let (code, said) = failed(tahoe().arg("restart").arg(&dir));
    assert!(code == 1 && is_two_sentences(&said) && said.contains("webport"), "{said}");
    fs::remove_file(dir.join("webport")).unwrap();
    let (code, _) = failed(tahoe().args(["stop", "-m"]).arg(&other).arg(&dir));
    assert_eq!(code, 1, "one of them was running");
    let (_, said) = failed(tahoe().arg("stop").arg(&dir));
    assert!(said.contains("No node is running"), "{said}");
    let log = fs::metadata(dir.join("logs/node.log")).unwrap();
    assert_eq!(log.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_port_that_is_taken_is_an_error_in_two_sentences() {
    let nodes = Nodes::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = nodes.create_client("a", &["--webport", &port]);
    let (code, said) = failed(tahoe().arg("run").arg(&dir));
    assert!(code == 1 && is_two_sentences(&said) && said.contains(&port), "{said}");
    let dir = nodes.create_client("b", &[]);
    fs::write(dir.join("client.port"), format!("tcp:{port}:interface=127.0.0.1")).unwrap();
    let (code, said) = failed(tahoe().arg("run").arg(&dir));
    assert!(code == 1 && is_two_sentences(&said) && said.contains(&port), "{said}");
}

#[test]
fn put_and_get_move_files_and_leave_nothing_half_done() {
    let grid = RunningGrid::of(3, "2 2 3");
    let (node, root) = (&grid.gateway.dir, grid.nodes.root.path());
    for length in [0, 1, 55, 56, 57, 131_071, 131_072, 1_048_577] {
        let content = bytes(length as u64, length);
        let file = root.join("in");
        fs::write(&file, &content).unwrap();
        let output = tahoe().arg("put").arg(&file).arg("-d").arg(node).output().unwrap();
        let said = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && said.1.is_empty(), "{said:?}");
        let cap = said.0.trim_end();
        assert!(cap.starts_with("URI:") && said.0.lines().count() == 1, "{said:?}");
        let out = root.join("out");
        done(tahoe().args(["get", cap]).arg(&out).args(["-u", &grid.gateway.url]));
        assert_eq!(fs::read(&out).unwrap(), content, "{length}");
        let to_stdout = tahoe().args(["get", cap, "-", "-d"]).arg(node).output().unwrap();
        assert!(to_stdout.status.success() && to_stdout.stdout == content, "{length}");
    }
    let content = bytes(7, 3_000_000);
    let mut put = tahoe();
    let mut put = put
        .args(["put", "-", "-d"])
        .arg(node)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    put.stdin.take().unwrap().write_all(&content).unwrap();
    let cap = text(&put.wait_with_output().unwrap().stdout);
    let out = root.join("out");
    done(tahoe().args(["get", cap.trim()]).arg(&out).arg("-d").arg(node));
    assert_eq!(fs::read(&out).unwrap(), content);

    // What is there already stays what it is: a link, a mode, a device.
    let link = root.join("link");
    std::os::unix::fs::symlink("out", &link).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o600)).unwrap();
    for to in [link.as_path(), std::path::Path::new("/dev/null")] {
        done(tahoe().args(["get", "URI:LIT:mfrgg"]).arg(to).arg("-d").arg(node));
    }
    assert!(link.is_symlink() && fs::read(&out).unwrap() == b"abc");
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(done(tahoe().args(["get", "URI:LIT:mfrgg", "/dev/stdout", "-d"]).arg(node)), "abc");

    let (code, said) = failed(tahoe().args(["put", "nothing-there", "-d"]).arg(node));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    let (code, said) = failed(tahoe().arg("put").arg(root).arg("-d").arg(node));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    let mut parts: Vec<_> = cap.trim().split(':').map(str::to_owned).collect();
    parts[3] = if parts[3].starts_with('a') { "b" } else { "a" }.to_owned() + &parts[3][1..];
    let unknown = parts.join(":");
    for (bad, wanted) in [("URI:CHK:x", 1), ("URI:NEW:x", 1), ("", 2), (unknown.as_str(), 1)] {
        let missing = root.join("missing");
        let (code, said) = failed(tahoe().args(["get", bad]).arg(&missing).arg("-d").arg(node));
        assert!(code == wanted && is_two_sentences(&said), "{bad}: {said}");
        assert!(!missing.exists());
    }
    let left: Vec<_> = fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".tahoe")), "{left:?}");
    let (code, said) = failed(tahoe().args(["get", cap.trim(), "/nonexistent/x", "-d"]).arg(node));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
}

#[test]
fn a_gateway_that_is_away_is_an_error_in_two_sentences() {
    let nodes = Nodes::new();
    let dir = nodes.create_client("a", &["--webport", "0"]);
    let (code, said) = failed(tahoe().args(["put", "/etc/hostname", "-d"]).arg(&dir));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    assert!(said.contains("is not running") && said.contains("tahoe start"), "{said}");
    let without = nodes.create_client("without", &[]);
    let (_, said) = failed(tahoe().args(["ls", "-d"]).arg(&without));
    assert!(is_two_sentences(&said) && said.contains("has no gateway"), "{said}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let (code, said) = failed(tahoe().args(["get", "URI:LIT:", "-u", &url]));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    let alone = Process::run(&dir);
    let file = nodes.dir("file");
    fs::write(&file, bytes(1, 100)).unwrap();
    let (code, said) = failed(tahoe().arg("put").arg(&file).arg("-d").arg(&dir));
    assert!(code == 1 && is_two_sentences(&said) && said.contains("wanted"), "{said}");
    assert_eq!(alone.stop(), 0);
}

#[test]
fn a_demo_is_a_grid_that_keeps_its_files() {
    let nodes = Nodes::new();
    let dir = nodes.dir("demo");
    let demo = || {
        let mut command = tahoe();
        command.arg("demo").arg(&dir).args(["--servers", "10", "--webport", "0"]);
        Process::spawn(&mut command, &dir)
    };
    let first = demo();
    let content = bytes(3, 200_000);
    let file = nodes.dir("file");
    fs::write(&file, &content).unwrap();
    let cap = done(tahoe().arg("put").arg(&file).args(["-u", &first.url]));
    assert_eq!(first.stop(), 0);
    let started = std::time::Instant::now();
    let second = demo();
    println!("demo restarted in {} ms", started.elapsed().as_millis());
    let out = nodes.dir("out");
    done(tahoe().args(["get", cap.trim()]).arg(&out).args(["-u", &second.url]));
    assert_eq!(fs::read(&out).unwrap(), content);
}

#[test]
fn what_a_demo_prints_works_as_it_stands_and_from_its_folder() {
    let nodes = Nodes::new();
    let here = nodes.root.path();
    let mut command = tahoe();
    command.args(["demo", "--servers", "3", "--webport", "0"]).current_dir(here);
    let demo = Process::spawn(&mut command, &here.join("tahoe-demo"));
    let bin = Path::new(tahoe().get_program()).parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut said = Vec::new();
    for line in demo.said.lines().filter_map(|line| line.strip_prefix("  ")) {
        if line.starts_with("http") {
            continue;
        }
        let cap: &str = said.first().map_or("", |cap: &String| cap.trim());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line.replace("CAP", &format!("'{cap}'")));
        said.push(done(shell.current_dir(here).env("PATH", &path)));
    }
    let hello = fs::read_to_string(here.join("tahoe-demo/hello.txt")).unwrap();
    let [cap, content, put, names] = said.as_slice() else { panic!("{said:?}") };
    assert!(cap.starts_with("URI:CHK:") && put.starts_with("URI:CHK:"), "{said:?}");
    assert_eq!((content, names.as_str()), (&hello, "hello.txt\n"));
    let here = |arguments: &[&str]| {
        let mut command = tahoe();
        done(command.args(arguments).current_dir(here).env("HOME", here).env_remove("TAHOE_NODE"))
    };
    assert_eq!(here(&["ls", "docs"]), "hello.txt\n", "the demo that runs here is found");
    assert_eq!(here(&["get", "private:docs/hello.txt"]), hello);
}

#[test]
fn a_demo_takes_a_free_port_when_its_own_is_busy() {
    let nodes = Nodes::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = nodes.dir("demo");
    let mut command = tahoe();
    command.arg("demo").arg(&dir).args(["--servers", "1", "--webport", &port]);
    let demo = Process::spawn(&mut command, &dir);
    assert!(demo.url.starts_with("http://127.0.0.1:") && !demo.url.ends_with(&format!(":{port}")));
}

#[test]
fn furls_are_shown_without_their_secret() {
    let secret = "b".repeat(51) + "a";
    let furl = format!("pb+xk1://{}@tcp:grid.example:1,quic:x/{secret}", "a".repeat(52));
    let shown = done(tahoe().args(["debug", "dump-furl", &furl]));
    assert!(shown.contains(&"a".repeat(52)) && shown.contains("tcp:grid.example:1"), "{shown}");
    assert!(!shown.contains(&secret), "{shown}");
    for (arguments, line, shown) in [
        (&["debug", "dump-furl", "-"][..], furl.as_str(), "grid.example"),
        (&["debug", "dump-cap", "-"], "URI:LIT:mfrgg", "size: 3"),
        (&["debug", "decode", "-", "."], "URI:LIT:mfrgg", "abc"),
        (&["debug", "encode", "-", "--needed", "1", "--total", "1"], "abc", "URI:LIT:mfrgg"),
    ] {
        let mut command = tahoe();
        let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(text(&output.stdout).contains(shown), "{arguments:?}: {output:?}");
    }
    let (code, said) = failed(tahoe().args(["debug", "dump-furl", "pb://x"]));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
}

/// Standard output that nobody reads any more, and one that is full.
fn cannot_print(command: &mut std::process::Command) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let (code, said) = failed(command.stdout(full));
    assert!(code == 1 && is_two_sentences(&said) && said.contains("stdout"), "{said}");
}

#[test]
fn output_that_cannot_be_written_is_a_failure_and_no_panic() {
    let furl = format!("pb+xk1://{}@tcp:grid.example:1/{}", "a".repeat(52), "a".repeat(52));
    cannot_print(tahoe().args(["debug", "dump-furl", &furl]));
    cannot_print(tahoe().args(["debug", "dump-cap", "URI:LIT:me"]));
    cannot_print(tahoe().args(["completions", "bash"]));
}

#[test]
fn the_control_object_moves_local_files_and_measures() {
    let grid = RunningGrid::of(2, "1 2 2");
    let (node, root) = (&grid.gateway.dir, grid.nodes.root.path());
    let control = |arguments: &[&str]| {
        let mut command = tahoe();
        command.args(["debug", "control", "-d"]).arg(node).args(arguments).current_dir(root);
        command
    };
    fs::write(root.join("in"), bytes(5, 100_000)).unwrap();
    let first = done(&mut control(&["upload", "in"]));
    assert_eq!(first, done(&mut control(&["upload", "in"])));
    assert_ne!(first, done(&mut control(&["upload", "in", "--random-key"])));
    assert_eq!(done(&mut control(&["download", first.trim(), "out"])).trim(), "100000");
    assert_eq!(fs::read(root.join("out")).unwrap(), bytes(5, 100_000));
    assert!(done(&mut control(&["speed-test", "2", "10000"])).contains("upload"));
    fs::set_permissions(root.join("out"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("out", root.join("link")).unwrap();
    done(&mut control(&["download", "URI:LIT:mfrgg", "link"]));
    assert_eq!(fs::read(root.join("out")).unwrap(), b"abc");
    assert_eq!(fs::metadata(root.join("out")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(root.join("link").is_symlink());
    done(&mut control(&["download", "URI:LIT:mfrgg", "/dev/null"]));
    assert!(done(&mut control(&["memory-use"])).starts_with("resident "));
    let behind = done(tahoe().args(["debug", "control", "memory-use", "-d"]).arg(node));
    assert!(behind.starts_with("resident "), "{behind}");
    cannot_print(&mut control(&["memory-use"]));
    let (code, said) = failed(&mut control(&["download", "URI:CHK:x", "out2"]));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    let (code, said) = failed(&mut control(&["wait-for-servers", "3", "--seconds", "0"]));
    assert!(code == 1 && is_two_sentences(&said), "{said}");
    let mode = fs::metadata(node.join("control.furl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
