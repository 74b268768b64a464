//! Trees that are large, and such as seem so: what `cp -r` holds, opens and asks for meanwhile.

use crate::nodes::text;
use crate::web_stub::{Gateway, World};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// What became of a command.
struct Ran {
    code: Option<i32>,
    said: String,
    /// Resident bytes at most.
    memory: u64,
}

/// Runs a command that may have so many files open.
fn limited(gateway: &Gateway, files: u32, arguments: &[&str]) -> Ran {
    let shell = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &shell, env!("CARGO_BIN_EXE_tahoe")]).args(arguments);
    command.arg("-d").arg(gateway.node()).current_dir(gateway.root.path());
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watcher = thread::spawn(move || peak(&status));
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    Ran { code: output.status.code(), said, memory: watcher.join().unwrap() }
}

/// The most memory that a process ever had, as long as it says so.
fn peak(status: &str) -> u64 {
    let mut peak = 0;
    while let Ok(text) = fs::read_to_string(status) {
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(line) = line else { break };
        peak = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024;
        // A process says nothing before it ends.
        thread::sleep(Duration::from_millis(2));
    }
    peak
}

/// Directories, and files in each.
const SIZE: (usize, usize) = (1_500, 4);
const LARGE: (usize, usize) = (20_000, 5);
const MEMORY_MAX: u64 = 200 << 20;

fn size() -> (usize, usize) {
    let release = std::env::var("PROMISES").is_ok_and(|which| which == "release");
    if release { LARGE } else { SIZE }
}

/// A directory with files.
fn filled(world: &mut World, files: usize) -> String {
    let cap = world.new_directory();
    for number in 0..files {
        let file = world.new_file(format!("{number} in {cap}"));
        world.link(&cap, &format!("file {number}"), &file);
    }
    cap
}

/// How many files and folders are below a folder.
fn below(folder: &Path) -> (usize, usize) {
    let (mut files, mut folders) = (0, 0);
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders += 1;
                waiting.push(entry.path());
            } else {
                files += 1;
            }
        }
    }
    (files, folders)
}

/// Copies `global:` out with 256 files open, and looks at what it took.
fn restored(gateway: &Gateway, shape: &str) {
    let (folders, files) = size();
    gateway.asked("");
    let ran = limited(gateway, 256, &["cp", "-r", "global:", "back"]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    println!("{shape}: {folders} folders, {} MiB", ran.memory >> 20);
    assert_eq!(below(&gateway.root.path().join("back")), (folders * files, folders));
    assert!(ran.memory > 1 << 20 && ran.memory <= MEMORY_MAX, "{} bytes", ran.memory);
    assert_eq!(gateway.asked("t=json"), folders + 1, "each directory is listed once");
}

#[test]
fn a_wide_tree_is_copied_out_with_few_files_open_and_little_memory() {
    let gateway = Gateway::start();
    let (folders, files) = size();
    for number in 0..folders {
        let mut world = gateway.world();
        let cap = filled(&mut world, files);
        world.link("URI:DIR:0", &format!("folder {number}"), &cap);
    }
    restored(&gateway, "wide");
}

#[test]
fn a_deep_tree_is_copied_out_with_few_files_open_and_little_memory() {
    let gateway = Gateway::start();
    let (folders, files) = size();
    let mut above = String::new();
    for number in 0..folders {
        let mut world = gateway.world();
        let cap = filled(&mut world, files);
        // As deep as a command goes.
        if number % 200 == 0 {
            above = "URI:DIR:0".to_owned();
        }
        world.link(&above, &format!("folder {number}"), &cap);
        above = cap;
    }
    restored(&gateway, "deep");
}

/// Directories with two links to the next in each, and a file in the last.
fn ladder(gateway: &Gateway, steps: usize) {
    let mut world = gateway.world();
    let mut above = "URI:DIR:0".to_owned();
    for _ in 1..steps {
        let next = world.new_directory();
        world.link(&above, "a", &next);
        world.link(&above, "b", &next);
        above = next;
    }
    let file = world.new_file("x");
    world.link(&above, "file", &file);
}

#[test]
fn links_to_the_same_directories_make_as_many_copies_as_are_asked_for() {
    let gateway = Gateway::start();
    ladder(&gateway, 41);
    gateway.asked("");
    for (target, listed) in [("out", 41), ("private:copy", 42)] {
        let said = gateway.failed(&["cp", "-r", "global:", target]);
        assert!(said.contains("1,099,511,627,775 more files"), "{said}");
        assert!(said.contains("--copies"), "{said}");
        assert_eq!(
            gateway.asked("t=json"),
            listed,
            "each directory is listed once, the target asked for"
        );
    }
    assert!(!gateway.root.path().join("out").exists());
    assert_eq!(gateway.done(&["ls", "private:"]), "");

    let gateway = Gateway::start();
    ladder(&gateway, 5);
    gateway.asked("");
    gateway.done(&["cp", "-r", "--copies", "41", "global:", "out"]);
    assert_eq!(gateway.asked("t=json"), 5);
    assert_eq!(below(&gateway.root.path().join("out")), (16, 30));
    let said = gateway.failed(&["cp", "-r", "--copies", "40", "global:", "other"]);
    assert!(said.contains("15 more files and 26 more folders, 15 B"), "{said}");
    gateway.done(&["cp", "-r", "global:", "private:copy"]);
    assert_eq!(gateway.done(&["ls", "private:copy/a/b/a/b"]), "file\n");
}

#[test]
fn symbolic_links_to_the_same_folders_are_counted_too() {
    let gateway = Gateway::start();
    let root = gateway.root.path();
    for step in 0..40 {
        fs::create_dir_all(root.join(format!("src/{step}"))).unwrap();
        for name in ["a", "b"] {
            let to = format!("../{}", step + 1);
            std::os::unix::fs::symlink(to, root.join(format!("src/{step}/{name}"))).unwrap();
        }
    }
    fs::create_dir(root.join("src/40")).unwrap();
    let said = gateway.failed(&["cp", "-r", "src/0", "global:"]);
    assert!(said.contains("--copies"), "{said}");
    assert_eq!(gateway.done(&["ls", "global:"]), "");
    assert_eq!(gateway.asked("POST"), 0);
    gateway.done(&["cp", "-r", "src/35", "global:"]);
    assert_eq!(gateway.done(&["ls", "global:35/a/b/a/b"]), "a\nb\n");
}

#[test]
fn links_are_followed_unless_that_is_not_wanted() {
    let gateway = Gateway::start();
    let root = gateway.root.path();
    fs::create_dir_all(root.join("src/real")).unwrap();
    fs::write(root.join("src/real/file"), "x").unwrap();
    fs::write(root.join("outside"), "y").unwrap();
    for (to, at) in [("../outside", "out"), ("real/file", "in"), ("real", "folder"), ("no", "dead")]
    {
        std::os::unix::fs::symlink(to, root.join("src").join(at)).unwrap();
    }
    let said = gateway.failed(&["cp", "-r", "src", "private:followed"]);
    assert!(said.contains("dead"), "{said}");
    assert_eq!(gateway.done(&["ls", "private:followed"]), "folder\nin\nout\nreal\n");
    for option in ["-P", "--no-dereference"] {
        let mut command = gateway.run(&["cp", "-r", option, "src", &format!("private:{option}")]);
        let output = command.output().unwrap();
        assert_eq!(text(&output.stderr), "tahoe: not copied: 4 symbolic links\n");
        assert!(output.status.success());
        assert_eq!(gateway.done(&["ls", &format!("private:{option}")]), "real\n");
    }
    // What is named itself is wanted.
    std::os::unix::fs::symlink("src", root.join("named")).unwrap();
    let named = gateway.run(&["cp", "-q", "-r", "-P", "named", "private:named"]).status();
    assert!(named.unwrap().success());
    assert_eq!(gateway.done(&["ls", "private:named"]), "real\n");
}

#[test]
fn where_too_few_files_may_be_open_the_advice_is_about_that() {
    let gateway = Gateway::start();
    let mut world = gateway.world();
    for number in 0..200 {
        let file = world.new_file(vec![0; 4_000]);
        world.link("URI:DIR:0", &number.to_string(), &file);
    }
    drop(world);
    let ran = limited(&gateway, 9, &["cp", "-r", "global:", "back"]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(ran.said.contains("ulimit -n") && !ran.said.contains("tahoe start"), "{}", ran.said);
    // Those that are there are whole.
    let back = gateway.root.path().join("back");
    for file in fs::read_dir(back).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().len(), 4_000, "{:?}", file.file_name());
    }
}
