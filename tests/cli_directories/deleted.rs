//! What is deleted comes back, whatever deleted it.

use crate::nodes::{Process, RunningGrid, asking, done, failed};
use std::fs;

#[test]
fn what_commands_delete_comes_back() {
    let RunningGrid { nodes, introducer: _introducer, servers: _servers, gateway } =
        RunningGrid::of(1, "1 1 1");
    let (root, dir) = (nodes.root.path(), gateway.dir.clone());
    let command = |arguments: &[&str]| asking(&dir, root, arguments);
    let run = |arguments: &[&str]| done(&mut command(arguments));
    assert_eq!(run(&["undelete"]), "Nothing was deleted in the last 30 days.\n");
    fs::create_dir_all(root.join("src/sub")).unwrap();
    for (name, text) in [("one", "first"), ("sub/two", "second")] {
        fs::write(root.join("src").join(name), text).unwrap();
    }
    run(&["cp", "-r", "src", "private:"]);
    run(&["rm", "src/one"]);
    run(&["rm", "-r", "private:src/sub"]);
    let listed = run(&["undelete"]);
    let shown: Vec<_> = listed.lines().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(shown, ["private:src/sub", "private:src/one"], "{listed}");
    run(&["put", "src/sub/two", "private:src/one"]);
    let (code, said) = failed(&mut command(&["undelete", "src/one"]));
    assert!(code == 1 && said.contains("something named"), "{said}");
    run(&["rm", "src/one"]);
    assert_eq!(run(&["undelete", "src/one"]), "private:src/one is there again\n");
    assert_eq!(run(&["get", "src/one"]), "second", "the one that went last");
    // With the directory that they were in, and over a restart.
    run(&["rm", "-r", "src"]);
    let (_, said) = failed(&mut command(&["undelete", "src/sub"]));
    assert!(said.contains("Put back first the directory"), "{said}");
    gateway.stop();
    let _gateway = Process::run(&dir);
    assert_eq!(
        run(&["undelete", "private:src", "private:src/sub"]),
        "private:src is there again\nprivate:src/sub is there again\n"
    );
    assert_eq!(run(&["get", "src/sub/two"]), "second");
    let (code, said) = failed(&mut command(&["undelete", "src/sub"]));
    assert!(code == 1 && said.contains("was not deleted"), "{said}");
    assert!(run(&["undelete"]).ends_with(" private:src/one\n"), "the first is still kept");
    let (code, _) = failed(&mut command(&["undelete", "private:"]));
    assert_eq!(code, 2);
}
