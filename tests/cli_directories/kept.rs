//! What a node keeps alive, from the command line.

use crate::nodes::{RunningGrid, asking, done, failed};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// All share files of a server.
fn shares(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.join("storage/shares")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found
}

#[test]
fn what_is_kept_is_listed_looked_at_and_made_again() {
    let RunningGrid { nodes, introducer: _introducer, servers, gateway } =
        RunningGrid::of(3, "1 2 3");
    let (root, dir) = (nodes.root.path(), gateway.dir.clone());
    let command = |arguments: &[&str]| asking(&dir, root, arguments);
    let run = |arguments: &[&str]| done(&mut command(arguments));
    assert_eq!(run(&["keep", "list"]), "private\nglobal\n");
    assert!(run(&["keep", "status"]).starts_with("Nothing was looked at yet"));
    fs::write(root.join("letter"), "a letter that is long enough for shares ".repeat(30)).unwrap();
    let cap = run(&["put", "letter", "private:letter"]);
    run(&["keep", "add", "--verify-cap", "private:letter"]);
    let list = run(&["keep", "list"]);
    let verify = list.lines().nth(2).unwrap();
    assert!(verify.starts_with("URI:CHK-Verifier:") && !list.contains(cap.trim()), "{list}");
    let file = dir.join("private/keep");
    fs::write(&file, format!("# mine\n{list}nonsense\n")).unwrap();
    let (_, said) = failed(&mut command(&["keep", "list"]));
    assert!(said.contains("Line 5 of private/keep names nothing"), "{said}");
    run(&["keep", "remove", "global", "private:letter"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\nprivate\nnonsense\n");
    fs::write(&file, "private\n").unwrap();
    let (code, said) = failed(&mut command(&["keep", "remove", "global"]));
    assert!(code == 1 && said.contains("keep list"), "{said}");

    for server in &servers[..2] {
        shares(&server.dir).iter().for_each(|share| fs::remove_file(share).unwrap());
    }
    run(&["keep", "run"]);
    let began = Instant::now();
    let status = loop {
        let status = run(&["keep", "status"]);
        if status.contains("Last looked at today") {
            break status;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{status}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.starts_with("The one file can lose 2 servers."), "{status}");
    assert!(status.contains("1 whole, of which 1 were made whole again"), "{status}");
    // One of the file, one of the folder's copy.
    assert!(servers.iter().all(|server| shares(&server.dir).len() == 2));
    run(&["keep", "pause"]);
    assert!(run(&["keep", "status"]).contains("It is paused."));
    run(&["keep", "resume"]);
    assert!(!run(&["keep", "status"]).contains("It is paused."));
    let raw: serde_json::Value = serde_json::from_str(&run(&["keep", "status", "--raw"])).unwrap();
    assert_eq!(
        (&raw["last"]["figures"]["repaired"], &raw["kept"][0]),
        (&1.into(), &"private".into())
    );
}
