//! What a snapshot promises: what it names is in the grid.

use crate::nodes::{RunningGrid, bytes, done, tahoe, text};
use crate::run::folder;
use crate::web_stub::Gateway;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

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
    let said = mended(&gateway, BACKUP);
    assert!(said.contains("4 files stored") && said.contains("0 reused; 4 directories"), "{said}");
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
        fs::write(path, bytes(2_000, name.len() as u64)).unwrap();
    }
    assert!(run(BACKUP).contains("3 files stored"));
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
            assert_eq!(restored, bytes(2_000, name.len() as u64));
        }
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
