//! `docs/adversaries.md` names tests that are there, for the adversaries that README.md has.

use crate::{none, root};
use std::fs::read_to_string;

const HEAD: &str = "| sentence | shown by |";

fn text(path: &str) -> String {
    read_to_string(root().join(path)).expect("a document")
}

#[test]
fn the_adversaries_are_those_of_the_readme_in_its_order() {
    let readme = text("README.md");
    let list = readme.split("\n## ").find(|part| part.starts_with("What an adversary"));
    let bullets = list.expect("the list of adversaries").split("\n* An adversary ").skip(1);
    let names: Vec<String> = bullets
        .filter_map(|bullet| bullet.split("**").nth(1))
        .map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let page = text("docs/adversaries.md");
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(!names.is_empty());
    assert_eq!(headings, names, "left: docs/adversaries.md, right: README.md");
}

/// Whether a file has this function, in Rust or in a script.
fn is_there(path: &str, name: &str) -> bool {
    let source = read_to_string(root().join(path)).unwrap_or_default();
    ["fn", "function"].iter().any(|word| source.contains(&format!("{word} {name}(")))
}

#[test]
fn every_row_on_adversaries_names_a_test_that_is_there_or_says_why_none() {
    let page = text("docs/adversaries.md");
    // Every second piece between backticks is code.
    let cited = page.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::"));
    let gone: Vec<String> = cited
        .filter(|(path, name)| !is_there(path, name))
        .map(|(path, name)| format!("{path}::{name}"))
        .collect();
    none("docs/adversaries.md names a test that is not there", gone);
    let rows = page.lines().filter(|line| line.starts_with("| ") && *line != HEAD);
    let bare: Vec<String> = rows
        .filter(|row| !row.contains(".rs::") && !row.contains(".mjs::"))
        .filter(|row| !row.contains(" | no test"))
        .map(str::to_owned)
        .collect();
    none("docs/adversaries.md has a row without a test and without a reason", bare);
}
