//! A vdrive server that loses its disk, and the tree that comes back by one command.

use crate::nodes::{Process, RunningGrid, asking, done, failed};
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn a_tree_is_back_after_its_server_lost_its_disk() {
    let RunningGrid { nodes, mut introducer, servers: _servers, gateway } =
        RunningGrid::of(3, "1 2 3");
    let (root, dir) = (nodes.root.path(), gateway.dir.clone());
    let command = |arguments: &[&str]| asking(&dir, root, arguments);
    let run = |arguments: &[&str]| done(&mut command(arguments));
    fs::write(root.join("letter"), "a letter that is long enough for shares ".repeat(30)).unwrap();
    for path in ["letters/2006/first", "letters/2007/second", "notes"] {
        run(&["put", "letter", &format!("private:{path}")]);
    }
    let said = run(&["restore-directory", "private:"]);
    assert_eq!(said, "", "nothing is lost");
    run(&["keep", "run"]);
    let began = Instant::now();
    while !run(&["keep", "status"]).contains("Last looked at today") {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = run(&["keep", "status"]);
    assert!(status.contains(" 4 folders copied into the grid"), "{status}");
    run(&["put", "letter", "private:letters/2007/late"]);

    let lost = introducer.take().unwrap();
    let home = lost.dir.clone();
    assert_eq!(lost.stop(), 0);
    fs::remove_dir_all(home.join("vdrive")).unwrap();
    let _introducer = Process::run(&home);
    let began = Instant::now();
    let said = loop {
        let (_, said) = failed(&mut command(&["ls", "private:"]));
        if said.contains("does not have this directory") {
            break said;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{said}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(said.contains("tahoe restore-directory"), "{said}");
    let output = command(&["restore-directory", "private:"]).output().unwrap();
    let [out, said] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{said}");
    assert!(
        out.starts_with("letters/2007: as it was at ") && out.contains("1 later change is lost")
    );
    assert!(
        said.contains("4 directories are back") && said.contains("1 directory lacks"),
        "{said}"
    );
    assert_eq!(run(&["ls", "private:letters/2007"]), "second\n");
    for path in ["letters/2006/first", "letters/2007/second", "notes"] {
        assert_eq!(run(&["get", &format!("private:{path}")]).len(), 1_200, "{path}");
    }
    run(&["put", "letter", "private:letters/2007/late"]);

    // The other way: as new directories, whose root is printed.
    let new = run(&["restore-directory", "--new", "private:letters"]);
    assert!(new.starts_with("URI:DIR:") && new.lines().count() == 1, "{new}");
    assert_eq!(run(&["ls", &format!("{}/2007", new.trim())]), "late\nsecond\n");
    let (_, said) = failed(&mut command(&["restore-directory", "private:notes"]));
    assert!(said.contains("This is not a directory"), "{said}");
}
