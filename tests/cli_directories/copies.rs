//! `cp` and `backup`.

use crate::nodes::{self, done, failed, tahoe, text};
use crate::run::{FOLDER, folder, names};
use crate::web_stub::Gateway;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use tahoe::base::seeded::bytes;

#[test]
fn folders_are_copied_both_ways() {
    let gateway = Gateway::start();
    folder(&gateway);
    assert_eq!(gateway.done(&["cp", "-r", "src", "global:new"]), "copied 4 files, 70.01 kB\n");
    let long = gateway.done(&["ls", "-l", "global:new"]);
    assert!(long.lines().all(|line| line.contains(" 20") && line.contains(':')), "when: {long}");
    gateway.done(&["cp", "-r", "global:new", "back"]);
    gateway.done(&["cp", "-r", "src", "global:new"]);
    gateway.done(&["cp", "-r", "global:new/src", "."]);
    assert_eq!(gateway.done(&["-q", "cp", "-r", "global:new/src/sub", "src/one", "private:"]), "");
    gateway.done(&["cp", "-r", "private:", "mine"]);
    gateway.done(&["cp", "global:new/one", "single"]);
    gateway.done(&["cp", "src/one", "global:single"]);
    gateway.done(&["cp", "src/one", "src/two", "global:several/"]);
    let root = gateway.root.path();
    assert_eq!(names(&root.join("back")), FOLDER);
    for name in ["one", "two", "sub/three", "sub/deep/four"] {
        assert_eq!(gateway.read(&format!("back/{name}")), gateway.read(&format!("src/{name}")));
    }
    assert_eq!(names(&root.join("mine")), ["one", "sub", "sub/deep", "sub/deep/four", "sub/three"]);
    assert_eq!(gateway.read("single"), gateway.read("src/one"));
    assert_eq!(gateway.done(&["ls", "global:several"]), "one\ntwo\n");
    assert!(gateway.leftovers().is_empty());
}

#[test]
fn what_is_there_is_kept_and_the_rest_joins_it() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.write("other", "kept");
    gateway.done(&["put", "other", "global:tree/src/sub/kept"]);
    gateway.done(&["put", "other", "global:tree/src/one"]);
    gateway.asked("");
    gateway.done(&["cp", "-r", "src", "global:tree"]);
    assert_eq!(gateway.asked("t=set_children"), 2, "one call for each directory that was there");
    assert_eq!(gateway.done(&["ls", "global:tree/src/sub"]), "deep\nkept\nthree\n");
    assert_eq!(gateway.done(&["get", "global:tree/src/sub/kept"]), "kept");
    assert_eq!(gateway.run(&["get", "global:tree/src/one"]).output().unwrap().stdout.len(), 10);
}

#[test]
fn within_the_grid_files_are_linked_and_not_moved() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(&["cp", "-r", "src", "global:"]);
    gateway.asked("");
    gateway.done(&["cp", "-r", "global:src", "private:copy"]);
    assert_eq!(gateway.asked("PUT /uri?"), 0);
    assert_eq!(gateway.done(&["ls", "private:copy"]), "empty\none\nsub\ntwo\n");
    gateway.done(&["rm", "global:src/sub/three"]);
    assert_eq!(gateway.done(&["ls", "private:copy/sub"]), "deep\nthree\n");
}

#[test]
fn many_small_files_take_one_request_each_and_one_for_their_directory() {
    let gateway = Gateway::start();
    for number in 0..300 {
        gateway.write(&format!("many/{number}"), number.to_string());
    }
    gateway.asked("");
    gateway.done(&["cp", "-r", "many", "global:"]);
    let asked = gateway.world().asked.len();
    assert!(asked <= 300 + 3, "{asked}");
    gateway.done(&["cp", "-r", "global:many", "back"]);
    assert_eq!(names(&gateway.root.path().join("back")).len(), 300);
}

#[test]
fn a_copy_that_cannot_be_is_refused_before_anything_is_stored() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.write("file", "x");
    gateway.done(&["put", "file", "global:file"]);
    gateway.done(&["mkdir", "global:dir/file"]);
    gateway.done(&["put", "file", "global:there/src"]);
    let read_only = gateway.done(&["mkdir"]).replace("DIR:", "DIR-RO:");
    gateway.asked("");
    for (wrong, word) in [
        (&["cp", "src", "global:"][..], "Add -r"),
        (&["cp", "-r", "src", "global:file"], "is a file"),
        (&["cp", "-r", "src", "global:there"], "is a file"),
        (&["cp", "src/one", "src/two", "global:file"], "is a file"),
        (&["cp", "file", "global:dir"], "is a directory"),
        (&["cp", "-r", "src", read_only.trim()], "can only be read"),
        (&["cp", "nothing", "global:"], "cannot be read"),
        (&["cp", "global:nothing", "x"], "No such child"),
        (&["cp", "-r", "global:dir", "file"], "is a file"),
    ] {
        let said = gateway.failed(wrong);
        assert!(said.contains(word), "{wrong:?}: {said}");
    }
    assert_eq!(gateway.asked("PUT"), 0);
    for wrong in [&["cp", "src", "dst"][..], &["cp", "file"], &["cp", "URI:CHK:5", "global:"]] {
        let code = failed(&mut gateway.run(wrong)).0;
        assert!(code == 2 || wrong[1].starts_with("URI"), "{wrong:?}");
    }
}

#[test]
fn an_upload_that_fails_links_nothing() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(&["mkdir", "global:dir"]);
    gateway.refuse("PUT /uri", 503, "10 servers are wanted, but 3 are connected.");
    assert!(gateway.failed(&["cp", "-r", "src", "global:dir"]).contains("3 are connected"));
    assert_eq!(gateway.done(&["ls", "global:dir"]), "");
    assert_eq!(gateway.asked("set_children"), 0);
}

#[test]
fn what_cannot_be_copied_is_left_out_and_named() {
    let gateway = Gateway::start();
    folder(&gateway);
    let src = gateway.root.path().join("src");
    symlink("..", src.join("sub/up")).unwrap();
    symlink("nowhere", src.join("dangling")).unwrap();
    symlink("one", src.join("link")).unwrap();
    let said = gateway.failed(&["cp", "-r", "src", "global:"]);
    for name in ["left out src/sub/up: it contains itself", "dangling", "2 things"] {
        assert!(said.contains(name), "{said}");
    }
    assert_eq!(gateway.done(&["ls", "global:src"]), "empty\nlink\none\nsub\ntwo\n");
    let lost = gateway.done(&["ls", "--uri", "global:src/one"]);
    let lost = lost.split_whitespace().last().unwrap();
    gateway.refuse(&format!("GET /uri/{}", lost.replace(':', "%3A")), 410, "NoSharesError: no.");
    let said = gateway.failed(&["cp", "-r", "global:src", "back"]);
    assert!(said.contains("left out one: no.") && !said.contains("NoSharesError"), "{said}");
    assert_eq!(gateway.read("back/two"), gateway.read("src/two"));
}

#[test]
fn sizes_that_only_caps_say_stop_no_copy() {
    let gateway = Gateway::start();
    for name in ["one", "two"] {
        gateway.write(name, name);
        let cap = gateway.done(&["put", name, &format!("global:d/{name}")]);
        gateway.world().sizes.insert(cap.trim().to_owned(), u64::MAX);
    }
    assert!(gateway.done(&["cp", "-r", "global:d", "back"]).starts_with("copied 2 files, "));
    assert_eq!(gateway.read("back/two"), b"two");
    assert!(gateway.done(&["cp", "-r", "global:d", "private:e"]).starts_with("copied 2 files, "));
}

#[test]
fn names_from_the_grid_stay_in_the_folder() {
    let gateway = Gateway::start();
    gateway.write("in", "x");
    let cap = gateway.done(&["put", "in"]);
    let child = format!("[\"filenode\",{{\"ro_uri\":\"{}\"}}]", cap.trim());
    let body = format!(
        "{{\"../up\":{child},\"..\":{child},\"a/b\":{child},\"\":{child},\"good\":{child}}}"
    );
    let url = format!("{}/vdrive/global?t=set_children", gateway.url);
    nodes::http().post(&url).send(&body).unwrap();
    let said = gateway.failed(&["cp", "-r", "global:", "out"]);
    assert!(said.contains("4 things"), "{said}");
    assert_eq!(names(&gateway.root.path().join("out")), ["good"]);
    assert!(!gateway.root.path().join("up").exists());
}

#[test]
fn a_directory_in_itself_is_copied_once() {
    let gateway = Gateway::start();
    gateway.write("in", "x");
    gateway.done(&["put", "in", "global:a/file"]);
    gateway.done(&["ln", "global:a", "global:a/again"]);
    let said = gateway.failed(&["cp", "-r", "global:a", "out"]);
    assert!(said.contains("contains itself"), "{said}");
    assert_eq!(names(&gateway.root.path().join("out")), ["file"]);
}

/// Ctrl-C; where that is ignored, as by what a script runs beside itself, what ends programs otherwise.
fn ctrl_c() -> Signal {
    if is_ignored(Signal::INT) { Signal::TERM } else { Signal::INT }
}

/// Starts a command, waits until `ready`, interrupts it and returns its exit code.
fn interrupt(command: Command, ready: impl Fn() -> bool) -> Option<i32> {
    signalled(command, ctrl_c(), ready)
}

fn signalled(mut command: Command, signal: Signal, ready: impl Fn() -> bool) -> Option<i32> {
    let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    while !ready() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, signal).unwrap();
    child.wait().unwrap().code()
}

fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let bits = line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    bits >> (signal.as_raw() - 1) & 1 == 1
}

#[test]
fn no_signal_leaves_half_a_file() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(&["cp", "-r", "src", "global:"]);
    let cap = gateway.done(&["ls", "--uri", "global:src/two"]);
    let cap = cap.split_whitespace().last().unwrap().to_owned();
    gateway.world().stalled.push(cap.clone());
    let half = || gateway.leftovers().len() == 1;
    let signals = [Signal::HUP, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::XCPU];
    // What is ignored here is ignored by all that is started from here.
    let heard = signals.into_iter().filter(|signal| !is_ignored(*signal));
    assert!(!is_ignored(Signal::TERM), "tests that run where nothing ends a program show nothing");
    for signal in heard {
        let code = signalled(gateway.run(&["get", &cap, "out"]), signal, half);
        assert_eq!(code, Some(128 + signal.as_raw()));
        assert!(gateway.leftovers().is_empty() && !gateway.root.path().join("out").exists());
    }
    // `nohup` goes on when its terminal is gone.
    let get = gateway.run(&["get", &cap, "out"]);
    let mut nohup = Command::new("nohup");
    nohup.arg(get.get_program()).args(get.get_args()).envs(
        get.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))),
    );
    nohup.current_dir(get.get_current_dir().unwrap_or(gateway.root.path()));
    let child = nohup.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else { return println!("skipped: no nohup") };
    while !half() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(gateway.leftovers().is_empty());
}

#[test]
fn ctrl_c_leaves_nothing_half_done() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(&["cp", "-r", "src", "global:"]);
    let cap = gateway.done(&["ls", "--uri", "global:src/two"]);
    let cap = cap.split_whitespace().last().unwrap().to_owned();
    gateway.world().stalled.push(cap.clone());
    let half = || gateway.leftovers().len() == 1;
    let interrupted = Some(128 + ctrl_c().as_raw());
    assert_eq!(interrupt(gateway.run(&["get", &cap, "out"]), half), interrupted);
    assert!(gateway.leftovers().is_empty() && !gateway.root.path().join("out").exists());
    let half = || !gateway.leftovers().is_empty();
    assert_eq!(interrupt(gateway.run(&["cp", "-r", "global:src", "back"]), half), interrupted);
    assert!(gateway.leftovers().is_empty() && !gateway.root.path().join("back/two").exists());
    gateway.world().swallow = true;
    gateway.asked("");
    let stuck = || !gateway.world().asked.is_empty();
    interrupt(gateway.run(&["cp", "-r", "src", "global:other"]), stuck);
    gateway.world().swallow = false;
    assert_eq!(gateway.done(&["ls", "global:"]), "src\n");
}

#[test]
fn backups_store_what_changed_and_keep_what_was() {
    let gateway = Gateway::start();
    folder(&gateway);
    let first = gateway.done(&["backup", "src", "private:b"]);
    assert!(first.contains("4 files stored") && first.contains("4 directories made"), "{first}");
    assert!(first.contains("private:b/Archives/20"), "{first}");
    gateway.asked("");
    let again = gateway.done(&["backup", "src", "private:b"]);
    assert!(again.contains("0 files stored (0 B), 4 reused; 0 directories made, 4 reused"));
    assert_eq!(gateway.asked("PUT /uri?"), 0);
    gateway.write("src/sub/three", "changed");
    let output = gateway.run(&["backup", "-v", "src", "private:b"]).output().unwrap();
    let (changed, told) = (text(&output.stdout), text(&output.stderr));
    assert!(told.contains("stored sub/three") && told.contains("reused one"), "{told}");
    assert!(changed.contains("1 file stored"), "{changed}");
    assert_eq!(gateway.done(&["ls", "private:b/Archives"]).lines().count(), 3);
    gateway.done(&["cp", "-r", "private:b/Latest", "restored"]);
    assert_eq!(names(&gateway.root.path().join("restored")), FOLDER);
    assert_eq!(gateway.read("restored/sub/three"), b"changed");
    let oldest = gateway.done(&["ls", "private:b/Archives"]);
    let oldest = format!("private:b/Archives/{}/sub/three", oldest.lines().next().unwrap());
    assert_eq!(gateway.run(&["get", &oldest]).output().unwrap().stdout, bytes(3, 3));
    let some = gateway.done(&["backup", "--exclude", "t*", "--exclude-vcs", "src", "private:few"]);
    assert!(some.contains("0 files stored (0 B), 2 reused"), "{some}");

    symlink("one", gateway.root.path().join("src/link")).unwrap();
    let output = gateway.run(&["backup", "src", "private:b"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stderr).contains("not in the snapshot: 1 symbolic link"), "{output:?}");
    assert!(gateway.failed(&["backup", "nothing", "private:b"]).contains("cannot be read"));
    gateway.refuse("t=mkdir-immutable", 503, "No servers are connected.");
    gateway.write("src/new", "new");
    gateway.failed(&["backup", "src", "private:c"]);
    assert!(
        gateway.failed(&["ls", "private:c"]).contains("No such child"),
        "nothing is left of it"
    );
    // Where it goes is looked at before anything is read or stored.
    gateway.done(&["put", "src/one", "private:file"]);
    gateway.asked("");
    for (target, reason) in [
        ("private:file", "is not a directory"),
        ("private:file/deep", "is not a directory"),
        ("URI:DIR-RO:0/snapshots", "cannot be changed"),
    ] {
        let said = gateway.failed(&["backup", "nothing", target]);
        assert!(said.contains(reason), "{target}: {said}");
    }
    assert_eq!(gateway.asked("PUT /uri"), 0);
    assert_eq!(failed(&mut gateway.run(&["backup", "--exclude", "a/b", "src", "x"])).0, 2);
}

#[test]
fn a_lost_or_damaged_database_costs_a_backup_only_time() {
    let gateway = Gateway::start();
    folder(&gateway);
    let database = gateway.node().join("private/backup.sled");
    gateway.done(&["backup", "src", "private:b"]);
    fs::remove_dir_all(&database).unwrap();
    assert!(gateway.done(&["backup", "src", "private:b"]).contains("4 files stored"));
    fs::remove_dir_all(&database).unwrap();
    fs::write(&database, "not a database").unwrap();
    let output = gateway.run(&["backup", "src", "private:b"]).output().unwrap();
    assert!(output.status.success() && text(&output.stderr).contains("damaged"), "{output:?}");
    // Caps of one grid mean nothing in another.
    fs::write(gateway.node().join("introducer.furl"), "another grid").unwrap();
    assert!(gateway.done(&["backup", "src", "private:b"]).contains("4 files stored"));
    let elsewhere = done(
        tahoe()
            .args(["backup", "src", "global:b", "-u", &gateway.url])
            .current_dir(gateway.root.path()),
    );
    assert!(elsewhere.contains("4 files stored"), "{elsewhere}");
}
