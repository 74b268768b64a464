//! Shares that are lost on disk, and the commands that notice it and make them again.

use super::nodes::{RunningGrid, done, failed};
use super::run::two_sentences;
use std::fs;
use std::process::Command;

/// A server's disk is emptied under it; what it had is noticed, and made again.
pub fn loses_and_mends(grid: &RunningGrid, command: &dyn Fn(&[&str]) -> Command) {
    let run = |arguments: &[&str]| done(&mut command(arguments));
    let shares = grid.servers[0].dir.join("storage/shares");
    let lose = || {
        for folder in fs::read_dir(&shares).unwrap() {
            let folder = folder.unwrap();
            if folder.file_name() != "incoming" {
                fs::remove_dir_all(folder.path()).unwrap();
            }
        }
    };
    lose();
    let (code, said) = failed(&mut command(&["check", "--verify", "global:docs/two"]));
    two_sentences(&said);
    assert!(code == 1 && said.contains("--repair"), "{said}");
    let mended = run(&["check", "--repair", "global:docs/two"]);
    assert!(mended.contains("good shares: 1 (encoding is 1-of-2), all of them read"), "{mended}");
    assert!(mended.ends_with(" repaired: 2 of 2 shares are good now\n"), "{mended}");
    assert!(run(&["check", "--verify", "global:docs/two"]).contains("two: Healthy"));
    let all = run(&["deep-check", "--repair", "--add-lease", "global:"]);
    assert!(all.contains("healthy (1 of them repaired), 0 not healthy"), "{all}");
    assert_eq!(run(&["deep-check", "--verify", "global:"]).lines().count(), 1);
}
