//! Every command about directories, where it succeeds and where it fails, as a process against a
//! gateway in memory; and the help of all commands, word for word.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test stops at the first surprise, and tells its story in one piece"
)]

mod nodes;
mod web_stub;

#[path = "cli_directories/backups.rs"]
mod backups;
#[path = "cli_directories/copies.rs"]
mod copies;
#[path = "cli_directories/deleted.rs"]
mod deleted;
#[path = "cli_directories/failures.rs"]
mod failures;
#[path = "cli_directories/help.rs"]
mod help;
#[path = "cli_directories/kept.rs"]
mod kept;
#[path = "cli_directories/names.rs"]
mod names;
#[path = "cli_directories/repairs.rs"]
mod repairs;
#[path = "cli_directories/restored.rs"]
mod restored;
#[path = "cli_directories/run.rs"]
mod run;
#[path = "cli_directories/trees.rs"]
mod trees;

use nodes::{done, failed, tahoe, text};
use run::{FOLDER, folder, two_sentences};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use tahoe::base::seeded::bytes;
use tahoe::grid::Code;
use web_stub::Gateway;

#[test]
fn places_are_written_in_every_way() {
    let gateway = Gateway::start();
    gateway.write("in", "hello");
    let cap = gateway.done(&["put", "in", "docs/notes.txt"]);
    assert!(cap.starts_with("URI:CHK:") && cap.lines().count() == 1, "{cap}");
    for place in ["docs/notes.txt", "private:docs/notes.txt", "~/docs/notes.txt", cap.trim()] {
        assert_eq!(gateway.done(&["get", place]), "hello", "{place}");
    }
    gateway.done(&["put", "in", "private:a/"]);
    for place in ["private:a/in", "~/a/in"] {
        assert_eq!(gateway.done(&["get", place]), "hello", "{place}");
    }
    let dir = gateway.done(&["mkdir"]);
    gateway.done(&["put", "in", &format!("{}/x/y", dir.trim())]);
    assert_eq!(gateway.given(dir.as_bytes(), &["ls", "-"]), "x\n");
    assert_eq!(gateway.given(format!("{}/x\n", dir.trim()).as_bytes(), &["ls", "-"]), "y\n");
    assert_eq!(gateway.given(cap.as_bytes(), &["get", "-"]), "hello");
    assert!(gateway.given(b"piped", &["put", "-", "global:p"]).starts_with("URI:CHK:"));
    assert_eq!(gateway.done(&["get", "global:p"]), "piped");
    gateway.done(&["put", "in", "odd/ü %?#&+ ;.txt"]);
    assert_eq!(gateway.done(&["ls", "odd"]), "ü %?#&+ ;.txt\n");
    assert_eq!(gateway.done(&["get", "odd/ü %?#&+ ;.txt"]), "hello");

    let said = gateway.failed(&["ls", "nobody:x"]);
    assert!(said.contains("no alias nobody"), "{said}");
    let said = gateway.failed(&["get", "docs/other.txt"]);
    assert!(said.contains("private:docs/other.txt: No such child: other.txt"), "{said}");
    let said = gateway.failed(&["get", "docs"]);
    assert!(said.contains("is a directory"), "{said}");
    assert!(gateway.failed(&["get", dir.trim()]).contains("is a directory"));
    gateway.failed(&["get", "-"]);
    for blanks in [format!(" {} ", cap.trim()), format!("\n{cap}")] {
        assert_eq!(gateway.done(&["get", &blanks]), "hello");
    }
    for (wrong, code) in [
        (&["get", ""][..], 2),
        (&["ls", ""], 2),
        (&["put", "-", "private:a/"], 2),
        (&["put", "-", "-"], 2),
        (&["put", "nothing", "a"], 1),
        (&["put", "in", "docs"], 1),
        (&["get", "/docs/notes.txt"], 2),
        (&["put", "in", "/docs/a"], 2),
        (&["put", "in", "./docs/a"], 2),
        (&["mkdir", "/docs/a"], 2),
        (&["mv", "docs/notes.txt", "/docs/a"], 2),
        (&["ln", "docs/notes.txt", "../a"], 2),
        (&["rm", "-r", "/docs"], 2),
        (&["backup", "docs", "/backup/docs"], 2),
    ] {
        assert_eq!(failed(&mut gateway.run(wrong)).0, code, "{wrong:?}");
    }
    let (_, said) = failed(&mut gateway.run(&["backup", "docs", "/backup/docs"]));
    assert!(said.contains("/backup/docs is a path on this machine"), "{said}");
    assert!(said.contains("Write private:backup/docs"), "{said}");
    assert_eq!(gateway.done(&["ls", "docs"]), "notes.txt\n");
}

#[test]
fn nothing_is_published_that_does_not_say_so() {
    let gateway = Gateway::start();
    folder(&gateway);
    for command in [
        &["put", "src/one", "a"][..],
        &["mkdir", "dir"],
        &["mv", "a", "b"],
        &["ln", "b", "c"],
        &["cp", "src/one", "private:dir/"],
        &["backup", "src", "snapshots"],
        &["add-alias", "mine", "dir"],
        &["put", "src/one", "mine:two"],
    ] {
        gateway.done(command);
    }
    assert_eq!(gateway.done(&["ls", "global:"]), "");
    assert_eq!(gateway.done(&["ls"]), "b\nc\ndir\nsnapshots\n");
    assert_eq!(gateway.done(&["ls", "dir"]), "one\ntwo\n");
    gateway.done(&["ln", "b", "global:"]);
    assert_eq!(gateway.done(&["ls", "global:"]), "b\n");
    gateway.done(&["rm", "b"]);
    assert_eq!(gateway.done(&["ls", "global:"]), "b\n");
    // Without the node's token nobody has a private directory.
    let mut command = tahoe();
    let command = command.args(["put", "src/one", "a", "-u", &gateway.url]);
    assert_eq!(failed(command.current_dir(gateway.root.path())).0, 1);
}

#[test]
fn a_directory_is_removed_only_if_that_is_said() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(&["cp", "-r", "src", "private:"]);
    gateway.done(&["backup", "src", "snapshots"]);
    for directory in ["src/sub", "snapshots/Latest", "private:src/"] {
        let said = gateway.failed(&["rm", directory]);
        assert!(said.contains("is a directory") && said.contains("Add -r"), "{said}");
    }
    let said = gateway.failed(&["unlink", "src/sub", "src/one"]);
    assert!(said.contains("private:src/sub is a directory"), "{said}");
    assert_eq!(gateway.done(&["ls", "src"]), "empty\nsub\ntwo\n", "the file went");
    gateway.done(&["rm", "-r", "src/sub", "src/two"]);
    assert_eq!(gateway.done(&["ls", "src"]), "empty\n");
    gateway.refuse("GET /vdrive/private/src/empty?t=uri", 403, "ProhibitedError: no.");
    assert!(gateway.failed(&["rm", "src/empty"]).contains("Add -r"));
    gateway.done(&["rm", "-r", "src/empty"]);
}

#[test]
fn names_of_local_files_are_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let gateway = Gateway::start();
    let name = OsStr::from_bytes(b"n\xffx");
    fs::write(gateway.root.path().join(name), "hello").unwrap();
    let cap = done(gateway.run(&["put"]).arg(name));
    done(gateway.run(&["put"]).arg(name).arg("private:a"));
    done(gateway.run(&["cp"]).arg(name).arg("private:b"));
    assert_eq!(gateway.done(&["ls", "private:"]), "a\nb\n");
    let other = OsStr::from_bytes(b"\xfe");
    for command in [&["get", cap.trim()][..], &["cp", "private:a"]] {
        done(gateway.run(command).arg(other));
        assert_eq!(fs::read(gateway.root.path().join(other)).unwrap(), b"hello");
    }
    let (code, said) = failed(gateway.run(&["put"]).arg(name).arg("private:"));
    assert!(code == 2 && said.contains("UTF-8"), "{said}");
}

#[test]
fn the_private_directory_wants_the_owners_token() {
    let gateway = Gateway::start();
    gateway.done(&["mkdir", "private:mine"]);
    let (code, said) = failed(tahoe().args(["ls", "private:", "-u", &gateway.url]));
    two_sentences(&said);
    assert!(code == 1 && said.contains("-d NODEDIR"), "{said}");
    assert!(done(tahoe().args(["ls", "global:", "-u", &gateway.url])).is_empty());
}

#[test]
fn listings_show_kinds_rights_and_times() {
    let gateway = Gateway::start();
    gateway.write("a", bytes(1, 1234));
    gateway.done(&["put", "a", "big.bin"]);
    gateway.done(&["mkdir", "sub"]);
    gateway.done(&["put", "a", "evil\u{1b}[2J\nname"]);
    assert_eq!(gateway.done(&["ls", "-F"]), "big.bin\nevil\\u{1b}[2J\\nname\nsub/\n");
    let long = "-r-- 1234 2007-11-07 16:05 big.bin\n\
                -r-- 1234 2007-11-07 16:05 evil\\u{1b}[2J\\nname\n\
                drwx    - 2007-11-07 16:05 sub\n";
    assert_eq!(gateway.done(&["ls", "-l"]), long);
    let alone = gateway.done(&["ls", "-l", "big.bin"]);
    assert!(alone.ends_with("big.bin\n") && alone.contains("1234"), "{alone}");
    let caps = gateway.done(&["ls", "--uri", "--readonly-uri"]);
    let sub = caps.lines().find(|line| line.starts_with("sub")).unwrap();
    assert!(sub.contains("URI:DIR:") && sub.contains("URI:DIR-RO:"), "{caps}");
    let json: serde_json::Value = serde_json::from_str(&gateway.done(&["ls", "--json"])).unwrap();
    assert_eq!(json[1]["children"]["big.bin"][1]["size"], 1234);
    assert!(gateway.failed(&["ls", "URI:CHK:unknown"]).contains("nothing that this gateway knows"));
    gateway.refuse("GET /vdrive/private", 410, "UnrecoverableFileError: its server is away.");
    let said = gateway.failed(&["ls"]);
    assert!(said.contains("its server is away") && said.contains("tahoe status"), "{said}");
}

#[test]
fn whoever_reads_only_the_beginning_gets_no_complaint() {
    let gateway = Gateway::start();
    let mut child = gateway.run(&["ls", "--json"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
}

#[test]
fn things_are_moved_linked_and_removed() {
    let gateway = Gateway::start();
    gateway.write("in", "x");
    gateway.done(&["put", "in", "a"]);
    gateway.done(&["mkdir", "dir"]);
    gateway.asked("");
    assert_eq!(gateway.done(&["mv", "a", "b"]), "");
    assert_eq!(gateway.asked("t=relink"), 1, "one call, so that it is never in neither place");
    gateway.done(&["mv", "b", "dir/"]);
    gateway.done(&["mv", "dir/b", "global:c"]);
    assert_eq!(gateway.done(&["ls"]), "dir\n");
    gateway.done(&["mv", "global:c", "global: spaced "]);
    assert_eq!(gateway.done(&["get", "global: spaced "]), "x");
    gateway.done(&["mv", "global: spaced ", "global:c"]);
    assert_eq!(gateway.done(&["ls", "global:"]), "c\n");
    gateway.done(&["ln", "global:c", "dir/"]);
    let cap = gateway.done(&["put", "in"]);
    gateway.given(cap.as_bytes(), &["ln", "-", "dir/again"]);
    assert_eq!(gateway.done(&["ls", "dir"]), "again\nc\n");
    gateway.done(&["rm", "dir/again", "dir/c"]);
    gateway.done(&["unlink", "global:c"]);
    assert_eq!(gateway.done(&["ls", "dir"]) + &gateway.done(&["ls", "global:"]), "");

    gateway.done(&["put", "in", "a"]);
    for command in ["mv", "ln"] {
        let said = gateway.failed(&[command, "a", "dir"]);
        assert!(said.contains("is a directory") && said.contains("slash"), "{said}");
        assert!(gateway.failed(&[command, "none", "b"]).contains("No such child"));
    }
    assert_eq!(gateway.done(&["get", "a"]), "x");
    assert!(gateway.failed(&["ln", "URI:CHK:none", "b"]).contains("nothing that this gateway"));
    assert!(gateway.failed(&["mv", "none", "new/b"]).contains("No such child"));
    assert!(
        gateway.failed(&["ls", "new"]).contains("No such child"),
        "nothing is made for nothing"
    );
    gateway.done(&["mv", "a", "new/deep/b"]);
    gateway.done(&["mv", "new/deep/b", "a"]);
    for below in ["dir/", "dir/sub/"] {
        assert!(gateway.failed(&["mv", "dir", below]).contains("cannot be moved into itself"));
    }
    // Wherever the way there begins.
    let cap = gateway.done(&["mkdir", "dir/sub"]);
    gateway.done(&["add-alias", "way", "private:dir"]);
    gateway.done(&["mkdir", "global:other"]);
    gateway.asked("");
    for below in ["way:", "way:sub/", "way:sub/dir"] {
        let said = gateway.failed(&["mv", "dir", below]);
        assert!(said.contains("private:dir cannot be moved into itself"), "{said}");
    }
    assert_eq!(gateway.asked("to_dir="), 3);
    gateway.done(&["mv", "dir/sub", "global:other/"]);
    assert_eq!(gateway.done(&["mkdir", "global:other/sub"]), cap);
    assert!(gateway.failed(&["rm", "none"]).contains("No such child"));
    gateway.done(&["put", "in", "dir/last"]);
    let said = gateway.failed(&["rm", "none", "dir/last", "gone"]);
    assert!(said.contains("none: No such child") && said.contains("gone: No such"), "{said}");
    assert_eq!(gateway.done(&["ls", "dir"]), "");
    for wrong in [
        &["rm", "private:"][..],
        &["mv", "global:", "x"],
        &["mv", "a", "a"],
        &["mv", "URI:CHK:5", "x"],
        &["ln", "private:", "global:"],
        &["rm"],
    ] {
        assert_eq!(failed(&mut gateway.run(wrong)).0, 2, "{wrong:?}");
    }
}

#[test]
fn a_failed_move_leaves_the_child_where_it_was() {
    let gateway = Gateway::start();
    gateway.write("in", "x");
    gateway.done(&["put", "in", "a"]);
    gateway.refuse("PUT", 503, "No server for directories is connected.");
    gateway.failed(&["mv", "a", " b"]);
    assert_eq!(gateway.done(&["get", "a"]), "x");
}

#[test]
fn directories_are_made_with_those_above_them() {
    let gateway = Gateway::start();
    let cap = gateway.done(&["mkdir", "a/b/c"]);
    assert!(cap.starts_with("URI:DIR:"), "{cap}");
    assert_eq!(gateway.done(&["mkdir", "a/b/c"]), cap);
    assert_eq!(gateway.done(&["ls", "a/b"]), "c\n");
    gateway.refuse("t=mkdir", 409, "A file is in the way.");
    assert!(gateway.failed(&["mkdir", "a/x"]).contains("in the way"));
}

#[test]
fn aliases_are_made_listed_and_never_overwritten() {
    let gateway = Gateway::start();
    assert_eq!(gateway.done(&["create-alias", "work"]), "alias work created\n");
    assert_eq!(gateway.done(&["list-aliases"]), "work: URI:DIR:3\n");
    assert_eq!(gateway.done(&["list-aliases", "--names"]), "work\n");
    gateway.write("in", "x");
    gateway.done(&["put", "in", "work:a/b"]);
    assert_eq!(gateway.done(&["add-alias", "deep:", "work:a"]), "alias deep added\n");
    assert_eq!(gateway.done(&["ls", "deep:"]), "b\n");
    assert_eq!(gateway.given(b"URI:DIR2-LIT:\n", &["-q", "add-alias", "read", "-"]), "");
    let said = gateway.failed(&["add-alias", "junk", "URI:DIR:garbage"]);
    assert!(said.contains("opens no directory"), "{said}");
    assert!(gateway.failed(&["rm", "nobody:a"]).contains("no alias"));
    let file = gateway.node().join("private/aliases");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&file).unwrap();
    assert!(gateway.failed(&["create-alias", "work"]).contains("already"));
    assert!(gateway.failed(&["add-alias", "work", "URI:DIR:1"]).contains("already"));
    let file_cap = gateway.done(&["put", "in"]);
    assert!(gateway.failed(&["add-alias", "file", file_cap.trim()]).contains("no directory"));
    gateway.refuse("POST /uri?t=mkdir", 503, "No server for directories is connected.");
    gateway.failed(&["create-alias", "late"]);
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(failed(&mut gateway.run(&["create-alias", "a b"])).0, 2);
    for taken in [&["create-alias", "private"][..], &["add-alias", "global:", "URI:DIR2-LIT:"]] {
        let (code, said) = failed(&mut gateway.run(taken));
        assert!(code == 2 && said.contains("every node has"), "{said}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    // A name of one's own goes before the one that is built in.
    fs::write(&file, "private: URI:DIR:3\n").unwrap();
    assert_eq!(gateway.done(&["ls"]), "a\n");
    fs::write(&file, "what is this\n").unwrap();
    assert!(gateway.failed(&["list-aliases"]).contains("Line 1"));
}

#[test]
fn aliases_made_at_once_are_all_kept() {
    let gateway = Gateway::start();
    let names: Vec<_> = (0..8).map(|number| format!("alias{number}")).collect();
    let children: Vec<_> = names
        .iter()
        .map(|name| gateway.run(&["-q", "create-alias", name]).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(gateway.done(&["list-aliases", "--names"]).lines().count(), 8);
}

#[test]
fn walks_print_everything_below() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(&["cp", "-r", "src", "private:"]);
    let manifest = gateway.done(&["manifest"]);
    let paths: Vec<_> = manifest.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(paths.len(), FOLDER.len() + 2);
    assert!(paths.contains(&".") && paths.contains(&"src/sub/deep/four"), "{manifest}");
    assert!(gateway.done(&["manifest", "--verify-cap", "src"]).starts_with("V-URI:"));
    assert_eq!(gateway.done(&["manifest", "--storage-index", "src/sub/deep"]), "si\nsi\n");
    assert_eq!(gateway.done(&["manifest", "--repair-cap"]), "");
    assert!(gateway.done(&["manifest", "--raw"]).contains("\"type\":\"stats\""));
    let stats = gateway.done(&["stats"]);
    assert!(stats.contains("size-immutable-files: 123456  (123.46 kB)"), "{stats}");
    assert!(stats.contains("  4-10  : 1"), "{stats}");
    assert!(gateway.done(&["stats", "--raw"]).contains("\"finished\": true"));
    assert!(gateway.failed(&["manifest", "none"]).contains("No such child"));
    assert!(gateway.failed(&["stats", "none"]).contains("No such child"));
    gateway.world().walk_error = Some("ERROR: NoSharesError(no shares)\nTraceback\n".into());
    for command in ["manifest", "deep-check"] {
        let said = gateway.failed(&[command]);
        assert!(said.contains("The walk broke off: no shares."), "{said}");
    }
    gateway.world().walk_error = Some(String::new());
    assert!(gateway.failed(&["manifest"]).contains("ended early"));
}

#[test]
fn checks_tell_what_is_not_stored_well() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(&["cp", "-r", "src", "private:"]);
    let fine =
        "private:src/one: Healthy\n storage index: si\n good shares: 10 (encoding is 3-of-10)\n";
    assert_eq!(gateway.done(&["check", "src/one"]), fine);
    assert_eq!(gateway.done(&["deep-check"]), "9 objects checked: 9 healthy, 0 not healthy\n");
    assert_eq!(gateway.done(&["deep-check", "-v"]).lines().count(), 10);
    let cap = gateway.done(&["ls", "--uri", "src/one"]);
    gateway.world().unhealthy.push(cap.split_whitespace().last().unwrap().into());
    let output = gateway.run(&["check", "src/one", "src/two"]).output().unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("Not Healthy: 4 shares") && said.contains("share 7 of si"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    two_sentences(&text(&output.stderr));
    let output = gateway.run(&["deep-check"]).output().unwrap();
    assert!(text(&output.stdout).contains("src/one: Not Healthy"), "{output:?}");
    assert!(text(&output.stderr).contains("1 of 9 is not healthy"), "{output:?}");
    assert!(gateway.failed(&["check", "none"]).contains("No such child"));
    let output = gateway.run(&["check", "none", "src/two", "gone"]).output().unwrap();
    assert!(text(&output.stdout).contains("private:src/two: Healthy"), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("none: No such child") && said.contains("gone: No such"), "{said}");
    assert!(gateway.done(&["check", "--raw", "src/one"]).contains("\"healthy\":false"));
}

#[test]
fn the_node_tells_what_it_does() {
    let gateway = Gateway::start();
    let said = gateway.done(&["status"]);
    assert!(said.contains("Running for 2 minutes") || said.contains("90 seconds"), "{said}");
    assert!(said.contains("uploaded 4.10 kB in 3 files") && said.contains("50% Sending"), "{said}");
    assert!(said.contains("Recent operations: none"), "{said}");
    assert!(gateway.done(&["status", "-v"]).contains("mapupdate"));
    gateway.refuse("/statistics", 200, "this is no JSON");
    assert!(gateway.failed(&["status"]).contains("not the JSON"));
}

#[test]
fn a_browser_is_opened_without_a_cap_in_the_list_of_processes() {
    let gateway = Gateway::start();
    gateway.write("browser", "#!/bin/sh\necho \"$1\" > opened\n");
    let browser = gateway.root.path().join("browser");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let opened = |arguments: &[&str]| {
        done(gateway.run(arguments).env("BROWSER", &browser));
        text(&gateway.read("opened")).trim().to_owned()
    };
    let file = gateway.node().join("private/webopen.html");
    let first = opened(&["webopen"]);
    assert!(first.starts_with("file:///") && !first.contains("key="), "{first}");
    let login = format!("{}/login?key=once&amp;when_done=%2F\"", gateway.url);
    assert!(text(&fs::read(&file).unwrap()).contains(&login));
    let page = opened(&["webopen", "URI:DIR:5/photos"]);
    assert!(page.starts_with("file:///") && !page.contains("DIR"), "{page}");
    assert!(text(&fs::read(&file).unwrap()).contains("/uri/URI%3ADIR%3A5/photos"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let printed = gateway.done(&["webopen", "--print", "private:a b"]);
    let login = "/login?key=once&when_done=%2Fvdrive%2Fprivate%2Fa%2520b";
    assert_eq!(printed, format!("{}{login}\n", gateway.url));
    let info = gateway.done(&["webopen", "--print", "--info", "global:docs"]);
    assert_eq!(info, format!("{}/vdrive/global/docs?t=info\n", gateway.url));
    let (code, said) = failed(gateway.run(&["webopen"]).env("BROWSER", "/nonexistent"));
    two_sentences(&said);
    assert_eq!(code, 1);
}

#[test]
fn rollbacks_and_unknown_servers_are_accepted_only_aloud() {
    let gateway = Gateway::start();
    gateway.refuse("POST /uri/URI%3ADIR%3A0/x", 404, "No such child: x");
    assert!(gateway.done(&["accept-rollback", "global:"]).contains("taken as it is now"));
    gateway.asked("");
    gateway.done(&["accept-rollback", "-r", "global:"]);
    assert_eq!(gateway.asked("t=accept-rollback&recursive=true"), 1);
    assert_eq!(gateway.done(&["-q", "accept-rollback", "URI:DIR:0"]), "");
    assert!(gateway.failed(&["accept-rollback", "URI:DIR:0/x"]).contains("No such child"));
    let text =
        "It was restored from a backup; after asking its owner, run `tahoe accept-rollback CAP`.";
    gateway.refuse_as("PUT /vdrive/global/r", (409, Code::Rollback), text);
    gateway.write("in", "x");
    let said = gateway.failed(&["put", "in", "global:r"]);
    let advice = "After asking its owner, run `tahoe accept-rollback CAP`.";
    assert!(said.ends_with(&format!("from a backup.\n{advice}\n")), "{said}");
    gateway.asked("");
    gateway.done(&["ls", "global:", "--allow-new-tub"]);
    assert_eq!(gateway.asked("GET /vdrive/global?t=json&allow-new-tub=1"), 1);
    let unknown = (403, Code::NewServer);
    gateway.refuse_as("GET /uri/URI%3ADIR%3A9", unknown, "It is on an unknown server.");
    assert!(gateway.failed(&["ls", "URI:DIR:9"]).contains("--allow-new-tub"));
}

#[test]
fn dumps_show_no_secret_unless_asked() {
    let gateway = Gateway::start();
    gateway.write("in", "x");
    gateway.done(&["put", "in", "global:a"]);
    let dump = gateway.done(&["debug", "dump-root-dirnode"]);
    assert!(dump.contains("children: 1") && dump.contains("size: 1"), "{dump}");
    assert!(dump.contains("URI:CHK-Verifier:") && !dump.contains("URI:DIR:"), "{dump}");
    let same = gateway.done(&["debug", "dump-dirnode", "URI:DIR-RO:0"]);
    assert!(same.contains("read only with this cap"), "{same}");
    assert!(gateway.done(&["debug", "dump-dirnode", "--uri", "global:"]).contains("URI:DIR:0"));
    assert!(gateway.failed(&["debug", "dump-dirnode", "global:a"]).contains("not a directory"));
    gateway.refuse("/vdrive/global", 503, "No server for directories is connected.");
    gateway.failed(&["debug", "dump-root-dirnode"]);
}

#[test]
fn a_grid_of_processes_answers_as_the_one_in_memory() {
    let grid = nodes::RunningGrid::of(2, "1 2 2");
    let (node, root) = (&grid.gateway.dir, grid.nodes.root.path());
    let command = |arguments: &[&str]| {
        let mut command = tahoe();
        command.args(arguments).arg("-d").arg(node).current_dir(root);
        command
    };
    let run = |arguments: &[&str]| done(&mut command(arguments));
    fs::create_dir_all(root.join("src/sub")).unwrap();
    for (name, length) in [("one", 10), ("two", 70_000), ("sub/three", 300)] {
        fs::write(root.join("src").join(name), bytes(length as u64, length)).unwrap();
    }
    assert_eq!(run(&["cp", "-r", "src", "private:"]), "copied 3 files, 70.31 kB\n");
    run(&["cp", "-r", "src", "global:docs"]);
    run(&["create-alias", "work"]);
    run(&["put", "src/one", "work:a/b"]);
    run(&["mv", "work:a/b", "work:a/c"]);
    run(&["mv", "work:a/c", "global:docs/sub/"]);
    run(&["ln", "global:docs/one", "work:"]);
    run(&["cp", "-r", "private:src/sub", "src/one", "global:docs"]);
    assert_eq!(
        run(&["ls", "global:docs"]) + &run(&["ls", "global:docs/sub"]),
        "one\nsub\ntwo\nc\nthree\n"
    );
    run(&["cp", "-r", "global:docs", "back"]);
    assert_eq!(fs::read(root.join("back/two")).unwrap(), bytes(70_000, 70_000));
    run(&["rm", "global:docs/sub/c"]);
    assert!(run(&["backup", "src", "work:snapshots"]).contains("3 files stored"));
    assert!(run(&["backup", "src", "work:snapshots"]).contains("0 files stored"));
    assert_eq!(run(&["manifest", "global:docs"]).lines().count(), 5);
    assert!(run(&["stats", "global:docs"]).contains("count-directories: 2"));
    let checked = run(&["check", "global:docs/two"]);
    assert_eq!(checked.lines().count(), 3);
    assert!(checked.contains("(encoding is 1-of-2), counted, not verified"), "{checked}");
    assert_eq!(run(&["deep-check", "global:"]), "6 objects checked: 6 healthy, 0 not healthy\n");
    repairs::loses_and_mends(&grid, &command);
    assert!(run(&["status"]).contains("uploaded"));
    assert!(run(&["debug", "dump-root-dirnode"]).contains("children: 1"));
    assert!(run(&["accept-rollback", "work:"]).contains("nothing newer"));
    assert!(run(&["webopen", "--print", "private:"]).contains("/login?key="));
    for wrong in [
        &["ls", "none"][..],
        &["ls", "URI:DIR:x"],
        &["get", "global:docs/none"],
        &["get", "global:docs"],
        &["put", "src/one", "global:docs"],
        &["rm", "global:docs/none"],
        &["mv", "global:docs/none", "x"],
        &["ln", "global:docs/one", "global:docs/sub"],
        &["mkdir", "global:docs/one/x"],
        &["cp", "src", "global:"],
        &["cp", "-r", "src", "global:docs/one"],
        &["manifest", "none"],
        &["stats", "none"],
        &["stats", "global:docs/one"],
        &["check", "none"],
        &["deep-check", "none"],
        &["backup", "src", "global:docs/one"],
        &["accept-rollback", "global:docs/one"],
        &["debug", "dump-dirnode", "global:docs/one"],
    ] {
        let (code, said) = failed(&mut command(wrong));
        two_sentences(&said);
        assert!(code == 1 && !said.contains('{'), "{wrong:?}: {said}");
    }
    let cap = run(&["ls", "--readonly-uri", "global:"]);
    let read_only = cap.split_whitespace().last().unwrap();
    for wrong in
        [&["put", "src/one"][..], &["mkdir"], &["cp", "src/one"], &["ln", "global:docs/two"]]
    {
        let target = format!("{read_only}/new");
        let (code, _) = failed(command(wrong).arg(&target));
        assert_eq!(code, 1, "{wrong:?}");
    }
    assert_eq!(run(&["ls", "global:docs"]), "one\nsub\ntwo\n");
    // Immutable directories, the same directory twice, and one in itself.
    run(&["ln", "work:snapshots/Latest", "private:twice/a"]);
    run(&["ln", "work:snapshots/Latest", "private:twice/b"]);
    run(&["cp", "-r", "private:twice", "restored"]);
    for copy in ["restored/a/sub/three", "restored/b/sub/three"] {
        assert_eq!(fs::read(root.join(copy)).unwrap(), bytes(300, 300));
    }
    run(&["ln", "global:docs", "global:docs/sub/up"]);
    let (code, said) = failed(&mut command(&["cp", "-r", "global:docs", "looped"]));
    two_sentences(&said);
    assert!(code == 1 && said.contains("left out sub/up: it contains itself"), "{said}");
    assert_eq!(fs::read(root.join("looped/sub/three")).unwrap(), bytes(300, 300));
}
