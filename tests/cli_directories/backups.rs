//! What a snapshot promises: what it names is in the grid.

use crate::nodes::{RunningGrid, done, tahoe, text};
use crate::run::folder;
use crate::web_stub::Gateway;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tahoe::base::seeded::bytes;

const BACKUP: &[&str] = &["backup", "src", "private:b"];

/// The cap of a child.
fn cap(gateway: &Gateway, directory: &str, name: &str) -> String {
    let caps = gateway.done(&["ls", "--uri", directory]);
    let line = caps.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

/// What a backup says that stores something again.
fn mended(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = gateway.run(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stderr).contains("not enough of it is in the grid"), "{output:?}");
    text(&output.stdout)
}

#[test]
fn what_the_grid_has_lost_is_stored_again() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(BACKUP);
    gateway.asked("");
    let again = gateway.done(BACKUP);
    assert!(again.contains("0 files stored (0 B), 4 reused; 0 directories made, 4 reused"));
    assert_eq!(gateway.asked("t=check"), 8, "each once");

    let lost = cap(&gateway, "private:b/Latest", "two");
    gateway.world().unhealthy = vec![lost];
    let said = mended(&gateway, BACKUP);
    assert!(said.contains("1 file stored (70.00 kB), 3 reused; 0 directories made"), "{said}");

    // A directory, however deep; here it gets another cap, and so do those above it.
    let lost = cap(&gateway, "private:b/Latest/sub", "deep");
    gateway.world().unhealthy = vec![lost.clone()];
    let said = mended(&gateway, BACKUP);
    assert!(said.contains("4 reused; 3 directories made, 1 reused"), "{said}");
    assert_ne!(cap(&gateway, "private:b/Latest/sub", "deep"), lost);
    assert!(gateway.done(BACKUP).contains("0 directories made, 4 reused"));
}

#[test]
fn what_cannot_be_looked_at_is_not_believed() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(BACKUP);
    gateway.refuse("t=check", 410, "UnrecoverableFileError: gone.");
    let output = gateway.run(BACKUP).output().unwrap();
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("4 files stored") && said.contains("0 reused; 4 directories"), "{said}");
    // It is told as what it is, and not as a loss.
    assert!(told.contains("could not be looked at in the grid; stored again: gone."), "{told}");
    assert!(!told.contains("any more"), "{told}");
}

#[test]
fn to_ignore_times_is_to_store_everything_at_every_level() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(BACKUP);
    gateway.asked("");
    let said = gateway.done(&["backup", "--ignore-timestamps", "src", "private:b"]);
    assert!(said.contains("4 files stored"), "{said}");
    assert!(said.contains("0 reused; 4 directories made, 0 reused"), "{said}");
    assert_eq!(gateway.asked("t=check"), 0);
}

/// Takes all shares from the disks of a grid's servers.
fn lose_all_shares(grid: &RunningGrid) {
    let mut lost = 0;
    for server in &grid.servers {
        for prefix in fs::read_dir(server.dir.join("storage/shares")).unwrap() {
            let path = prefix.unwrap().path();
            lost += usize::from(path.file_name().unwrap() != "incoming");
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap();
                fs::create_dir(&path).unwrap();
            }
        }
    }
    assert!(lost > 0);
}

#[test]
fn shares_that_are_gone_from_the_disks_are_there_again_after_the_next_backup() {
    let grid = RunningGrid::of(2, "1 2 2");
    let root = grid.nodes.root.path();
    let run = |arguments: &[&str]| {
        let mut command = tahoe();
        done(command.args(arguments).arg("-d").arg(&grid.gateway.dir).current_dir(root))
    };
    for name in ["one", "sub/two", "sub/deep/three"] {
        let path = root.join("src").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes(name.len() as u64, 2_000)).unwrap();
    }
    fs::set_permissions(root.join("src/one"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(run(BACKUP).contains("3 files stored"));
    run(&["cp", "private:b/Latest/one", "alone"]);
    assert_eq!(facts(&root.join("alone")).0, 0o600);
    assert!(run(BACKUP).contains("0 files stored"));
    for (number, how) in
        [BACKUP, &["backup", "--ignore-timestamps", "src", "private:b"]].into_iter().enumerate()
    {
        lose_all_shares(&grid);
        let said = run(how);
        assert!(said.contains("3 files stored") && said.contains("3 directories made"), "{said}");
        let back = format!("back{number}");
        run(&["cp", "-r", "private:b/Latest", &back]);
        for name in ["one", "sub/two", "sub/deep/three"] {
            let restored = fs::read(root.join(&back).join(name)).unwrap();
            assert_eq!(restored, bytes(name.len() as u64, 2_000));
        }
        assert_eq!(facts(&root.join(&back).join("one")).0, 0o600);
    }
}

/// Files that are said to be empty, and are not.
const MADE_UP: &str = "/proc/sys/kernel/random";

#[test]
fn the_content_decides_how_much_is_stored() {
    if !Path::new(MADE_UP).join("boot_id").exists() {
        println!("left out: there is no {MADE_UP}");
        return;
    }
    let gateway = Gateway::start();
    let boot = fs::read_to_string(Path::new(MADE_UP).join("boot_id")).unwrap();
    let path = format!("{MADE_UP}/boot_id");
    gateway.done(&["put", &path, "private:put"]);
    gateway.done(&["cp", &path, "private:cp"]);
    fs::create_dir(gateway.root.path().join("src")).unwrap();
    symlink(&path, gateway.root.path().join("src/boot_id")).unwrap();
    gateway.done(&["cp", "-r", "src", "private:cp-r"]);
    for _ in 0..2 {
        // Nothing of it is remembered: the system does not tell when it changes.
        let said = gateway.done(&["backup", MADE_UP, "private:b"]);
        assert!(said.contains(" 0 reused;") && !said.contains("(0 B)"), "{said}");
    }
    for place in ["put", "cp", "cp-r/boot_id", "b/Latest/boot_id"] {
        assert_eq!(gateway.done(&["get", &format!("private:{place}")]), boot, "{place}");
    }
}

#[test]
fn running_nodes_and_private_keys_stay_out() {
    let mut grid = RunningGrid::of(1, "1 1 1");
    let root = grid.nodes.root.path().to_owned();
    fs::create_dir(root.join("docs")).unwrap();
    fs::write(root.join("docs/a"), bytes(1, 500)).unwrap();
    let gateway = grid.gateway.dir.clone();
    let run = |arguments: &[&str]| {
        let mut command = tahoe();
        command.args(arguments).arg("-d").arg(&gateway).current_dir(&root);
        command.output().unwrap()
    };
    let listed = |place: &str| text(&run(&["ls", place]).stdout);
    for (command, place) in [
        (&["backup", ".", "private:b"][..], "private:b/Latest"),
        (&["cp", "-r", ".", "private:c"], "private:c"),
    ] {
        let output = run(command);
        assert!(output.status.success(), "{output:?}");
        let told = text(&output.stderr).matches("it is the folder of a running node").count();
        assert_eq!(told, 3, "introducer, server and gateway: {output:?}");
        assert_eq!(listed(place), "docs\n");
    }
    let output = run(&["cp", "-r", gateway.to_str().unwrap(), "private:d"]);
    assert!(text(&output.stderr).contains("running node") && !output.status.success());

    // One that does not run can be in a snapshot, and its keys cannot.
    let server = grid.servers.pop().unwrap();
    let dir = server.dir.clone();
    assert_eq!(server.stop(), 0);
    let other = Gateway::start();
    for (from, kept) in [(dir.clone(), "role"), (dir.parent().unwrap().to_owned(), "docs")] {
        let output = other.run(&["backup", from.to_str().unwrap(), "private:b"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(text(&output.stderr).contains("private keys of a node"), "{output:?}");
        let all = other.done(&["manifest", "private:b/Latest"]);
        assert!(all.contains(kept) && !all.contains("private"), "{all}");
    }
    let keys = dir.join("private");
    let said = other.failed(&["backup", keys.to_str().unwrap(), "private:b"]);
    assert!(said.contains("private keys of a node"), "{said}");
}

#[test]
fn what_has_no_form_in_a_snapshot_is_counted_and_no_failure_drowns_in_it() {
    let gateway = Gateway::start();
    folder(&gateway);
    let src = gateway.root.path().join("src");
    for number in 0..150 {
        symlink("one", src.join(format!("link{number}"))).unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(src.join("socket")).unwrap();
    let output = gateway.run(BACKUP).output().unwrap();
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    let line = "tahoe: not in the snapshot: 150 symbolic links and 1 special file; -v names them\n";
    assert_eq!(told, line);
    let output = gateway.run(&["backup", "-v", "src", "private:b"]).output().unwrap();
    assert!(text(&output.stderr).contains("left out link149: it is a symbolic link"));
    assert_eq!(
        text(&gateway.run(&["-q", "backup", "src", "private:b"]).output().unwrap().stderr),
        ""
    );

    // What is lost is named, and is a failure.
    gateway.world().unwanted = bytes(3, 3);
    gateway.write("src/sub/three", bytes(3, 3));
    let said = gateway.failed(BACKUP);
    assert!(said.contains("left out sub/three: Too large.") && said.contains("1 thing"), "{said}");
}

#[test]
fn names_that_are_not_text_can_be_left_out_as_the_advice_says() {
    let gateway = Gateway::start();
    folder(&gateway);
    let name = OsStr::from_bytes(b"caf\xe9");
    fs::write(gateway.root.path().join("src").join(name), "x").unwrap();
    let said = gateway.failed(BACKUP);
    assert!(said.contains("not UTF-8") && said.contains("--exclude"), "{said}");
    for pattern in [name, OsStr::new("caf?"), OsStr::new("c*")] {
        let mut command = gateway.run(BACKUP);
        let output = command.arg("--exclude").arg(pattern).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

/// Mode, time of change and blocks of a file or folder.
fn facts(path: &Path) -> (u32, SystemTime, u64) {
    let facts = fs::metadata(path).unwrap();
    (facts.mode() & 0o7777, facts.modified().unwrap(), facts.blocks())
}

#[test]
fn modes_times_and_holes_are_given_back() {
    let gateway = Gateway::start();
    let root = gateway.root.path();
    let modes = [
        ("key", 0o600),
        ("script", 0o755),
        ("fixed", 0o444),
        ("closed/in it", 0o640),
        ("closed", 0o550),
    ];
    gateway.write("src/image", [bytes(1, 4_096), vec![0; 8 << 20], bytes(1, 10)].concat());
    for (number, (name, mode)) in (0_u32..).zip(modes) {
        if name != "closed" {
            gateway.write(&format!("src/{name}"), name);
        }
        let path = root.join("src").join(name);
        let time = UNIX_EPOCH + Duration::new(1_194_451_509, 123_456_789 + number);
        fs::File::open(&path).unwrap().set_modified(time).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    gateway.done(BACKUP);
    gateway.done(&["cp", "-r", "private:b/Latest", "back"]);
    for (name, mode) in modes {
        let (is, was) = (facts(&root.join("back").join(name)), facts(&root.join("src").join(name)));
        assert_eq!((is.0, is.1), (mode, was.1), "{name}");
    }
    let image = gateway.read("back/image");
    assert!(image == gateway.read("src/image"));
    assert!(facts(&root.join("back/image")).2 * 512 < 1 << 20, "no hole");

    // One file by itself, onto one that others may read; and a second time into the same folders.
    gateway.write("one", "public");
    gateway.done(&["cp", "private:b/Latest/key", "one"]);
    assert_eq!(facts(&root.join("one")).0, 0o600);
    fs::set_permissions(root.join("back/closed"), fs::Permissions::from_mode(0o700)).unwrap();
    gateway.done(&["cp", "-r", "private:b/Latest", "back"]);
    assert_eq!(facts(&root.join("back/closed")).1, facts(&root.join("src/closed")).1);
    // What nobody kept is as any new file.
    gateway.done(&["cp", "-r", "src", "private:c"]);
    gateway.done(&["cp", "-r", "private:c", "plain"]);
    assert_eq!(facts(&root.join("plain/key")).0, facts(&root.join("node/role")).0);
    for folder in ["src/closed", "back/closed", "back"] {
        fs::set_permissions(root.join(folder), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
