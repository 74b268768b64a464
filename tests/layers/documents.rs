//! Documents are short where readers begin, lead to what is there, and name tests that are there.

use crate::{none, root};
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

const HEAD: &str = "| sentence | shown by |";

fn text(path: &str) -> String {
    read_to_string(root().join(path)).expect("a document")
}

#[test]
fn the_adversaries_are_those_of_the_security_page_in_its_order() {
    let page = text("SECURITY.md");
    let list = page.split("\n## ").find(|part| part.starts_with("What an adversary"));
    let bullets = list.expect("the list of adversaries").split("\n* An adversary ").skip(1);
    let names: Vec<String> = bullets
        .filter_map(|bullet| bullet.split("**").nth(1))
        .map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let page = text("docs/adversaries.md");
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(!names.is_empty());
    assert_eq!(headings, names, "left: docs/adversaries.md, right: SECURITY.md");
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

/// What a reader who begins there is asked to read.
const LONGEST: [(&str, usize); 2] = [("README.md", 8 << 10), ("ARCHITECTURE.md", 12 << 10)];

#[test]
fn the_first_pages_are_short() {
    let long = LONGEST.iter().filter(|(path, most)| text(path).len() > *most);
    none("a page is too long for who begins", long.map(|(path, _)| (*path).to_owned()).collect());
}

/// What the first page gives to whoever has just cloned this: one runs the main job, one the tests.
const COMMANDS: [&str; 2] = ["cargo run --profile quick -- demo ", "cargo test "];

#[test]
fn the_first_page_is_about_the_program_and_has_its_two_commands() {
    let page = text("README.md");
    assert!(page.starts_with("# allmydata-tahoe\n"), "{:?}", page.lines().next());
    let lost =
        COMMANDS.iter().filter(|wanted| !page.lines().any(|line| line.starts_with(**wanted)));
    none("README.md lacks a command", lost.map(|command| (*command).to_owned()).collect());
}

#[test]
fn no_two_pages_have_one_title() {
    let mut found = Vec::new();
    pages(&root(), &mut found);
    let mut titles: Vec<(String, PathBuf)> = found
        .into_iter()
        .filter_map(|page| Some((read_to_string(&page).ok()?.lines().next()?.to_owned(), page)))
        .collect();
    titles.sort();
    let twice = titles.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    none("two pages are one", twice.map(|pair| format!("{pair:?}")).collect());
}

/// Pages in a folder and those below it, but for what was built or belongs to others.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    const APART: [&str; 4] = [".git", "target", "node_modules", "vectors"];
    for entry in read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && !APART.iter().any(|apart| name == *apart) {
            pages(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
}

/// The anchor of a heading, as the usual renderers make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Where a link leads from a page, if there is nothing.
fn dead(page: &Path, link: &str) -> bool {
    let (path, part) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => page.to_owned(),
        path => page.parent().expect("a folder").join(path),
    };
    let headings = || {
        let text = read_to_string(&target).unwrap_or_default();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
        lines.into_iter().map(|line| line.trim_matches('-').to_owned()).collect::<Vec<_>>()
    };
    !target.exists() || !part.is_empty() && !headings().contains(&part.to_owned())
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut found = Vec::new();
    pages(&root(), &mut found);
    assert!(found.len() > 20, "{found:?}");
    let mut broken = Vec::new();
    for page in found {
        let text = read_to_string(&page).expect("a page");
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let within = links.filter(|link| !link.contains("://") && !link.starts_with('/'));
        let lost = within.filter(|link| dead(&page, link));
        broken.extend(lost.map(|link| format!("{}: {link}", page.display())));
    }
    none("a link leads nowhere", broken);
}

#[test]
fn the_page_on_the_web_api_lists_every_code() {
    let page = text("docs/web-api.md");
    let part = page.split("\n## ").find(|part| part.starts_with("Codes")).expect("the codes");
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let codes: Vec<&str> = tahoe::grid::Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(rows.collect::<Vec<_>>(), codes, "left: the page, right: the program");
}
