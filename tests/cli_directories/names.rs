//! How places and nodes are named.

use crate::nodes::{done, tahoe};
use crate::web_stub::Gateway;
use std::fs;
use std::process::Command;

#[test]
fn one_command_prints_one_cap_and_lines_of_listings_are_taken_for_theirs() {
    let gateway = Gateway::start();
    gateway.done(&["mkdir", "private:photos"]);
    let line = gateway.done(&["ls", "--uri", "private:"]);
    let cap = line.split_whitespace().last().unwrap();
    assert!(line.starts_with("photos URI:DIR"), "{line}");
    assert_eq!(gateway.done(&["cap", "private:photos"]), format!("{cap}\n"));
    let line_of_it = gateway.done(&["ls", "--readonly-uri", "private:"]);
    let read = line_of_it.split_whitespace().last().unwrap();
    assert_eq!(gateway.done(&["cap", "--readonly", "private:photos"]), format!("{read}\n"));
    gateway.done(&["add-alias", "one", "photos  URI:DIR2-LIT:"]);
    gateway.given(b"my photos URI:DIR2-LIT:\n", &["add-alias", "two", "-"]);
    let aliases = fs::read_to_string(gateway.node().join("private/aliases")).unwrap();
    assert_eq!(aliases, "one: URI:DIR2-LIT:\ntwo: URI:DIR2-LIT:\n");
    assert!(gateway.failed(&["cap", "private:nothing"]).contains("private:nothing"));
}

#[test]
fn a_node_is_named_before_the_command_or_by_the_environment() {
    let gateway = Gateway::start();
    gateway.done(&["mkdir", "private:photos"]);
    let node = gateway.node();
    let ls = |command: &mut Command| done(command.args(["ls", "private:"]).current_dir("/"));
    assert_eq!(ls(tahoe().arg("-d").arg(&node)), "photos\n");
    assert_eq!(ls(tahoe().env("TAHOE_NODE", &node)), "photos\n");
    let elsewhere = gateway.root.path().join("nowhere");
    assert_eq!(ls(tahoe().env("TAHOE_NODE", elsewhere).arg("-d").arg(&node)), "photos\n");
}
