//! What may be built into the programs: licences, bans, pins and where packages come from.
//!
//! Reads `Cargo.lock` and `cargo metadata`, so it needs no tool and no network. `deny.toml` says
//! the same for `cargo deny check licenses bans sources`; a test below keeps the two lists equal.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop at once")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Licences that may be combined into a GPL-3.0-or-later program without asking.
const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Further licences, each for one package: name, licence as declared, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("allmydata-tahoe", "GPL-3.0-or-later", "this package"),
    ("tahoe-objects", "GPL-3.0-or-later", "its object layer"),
    ("tahoe-testing", "GPL-3.0-or-later", "what its tests stand on"),
    (
        "zfec-rs",
        "GPL-3.0",
        "the erasure code's matrix; the manifest has the old short name, the head of its source \
         says version 3 or later, and it is the reason for this project's own licence",
    ),
    (
        "webpki-roots",
        "CDLA-Permissive-2.0",
        "Mozilla's list of root certificates: data under a permissive data licence",
    ),
];

/// Packages of this workspace.
const OWN: &[&str] = &[env!("CARGO_PKG_NAME"), "tahoe-objects", "tahoe-testing"];

/// Packages that must never appear: name and reason.
const BANNED: &[(&str, &str)] = &[
    ("h2", "open advisory on flooding; the gateway speaks HTTP/1.1 only"),
    ("openssl", "ring and rustls are enough; a system library would be a second TLS"),
    ("openssl-sys", "as openssl"),
    ("native-tls", "as openssl"),
    ("aws-lc-rs", "ring is enough; needs cmake on some machines"),
    ("aws-lc-sys", "as aws-lc-rs"),
    ("capnp", "the schemas are a description; nothing of them runs"),
    ("capnpc", "as capnp: building needs no schema compiler"),
    ("wincode", "bincode's successor writes the same bytes: one of them, not both"),
];

/// Packages at exactly one version: name, version, reason.
const PINNED: &[(&str, &str, &str)] = &[
    ("bincode", "2.0.1", "3.0.0 is an empty package; frames must not change their bytes"),
    ("sled", "0.34.7", "its file format; the index over share files was tested with this one"),
    ("tape-sha256", "0.2.2", "a small project with unsafe code: updated only after a review"),
];

/// Packages in the lock file, for all platforms together. Every further one is build time and
/// somebody to trust. A quarter of them is SSH, which a build may leave out.
const PACKAGES_MAX: usize = 420;

struct Package {
    name: String,
    version: String,
    source: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn locked() -> Vec<Package> {
    let text = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let field = |block: &str, key: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
            .map(|value| value.trim_matches('"').to_owned())
            .unwrap_or_default()
    };
    text.split("[[package]]")
        .skip(1)
        .map(|block| Package {
            name: field(block, "name"),
            version: field(block, "version"),
            source: field(block, "source"),
        })
        .collect()
}

/// Name and declared licence of every package that a build on this platform uses.
fn licences() -> Vec<(String, String)> {
    let host = Command::new(env!("CARGO")).args(["-vV"]).output().expect("cargo runs");
    let host = String::from_utf8(host.stdout).expect("text");
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("host line");
    let answer = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--offline",
            "--locked",
            "--filter-platform",
            host,
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("none").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|one| (text(&one["name"]), text(&one["license"]))).collect()
}

/// Whether a licence expression can be met with allowed licences alone.
///
/// SPDX: `OR` binds weaker than `AND`; `/` is the old way to write `OR`; `WITH` adds permissions
/// only, so it does not matter here.
fn acceptable(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest) && rest.is_empty()
}

fn any_of(words: &mut &[&str]) -> bool {
    let mut good = all_of(words);
    while words.first() == Some(&"OR") {
        *words = &words[1..];
        good |= all_of(words);
    }
    good
}

fn all_of(words: &mut &[&str]) -> bool {
    let mut good = one(words);
    while words.first() == Some(&"AND") {
        *words = &words[1..];
        good &= one(words);
    }
    good
}

fn one(words: &mut &[&str]) -> bool {
    let Some((first, rest)) = words.split_first() else { return false };
    *words = rest;
    if *first == "(" {
        let good = any_of(words);
        let closed = words.first() == Some(&")");
        *words = words.get(1..).unwrap_or_default();
        return good && closed;
    }
    if words.first() == Some(&"WITH") {
        *words = words.get(2..).unwrap_or_default();
    }
    ALLOWED.contains(first)
}

#[test]
fn licence_expressions_are_understood() {
    for good in
        ["MIT", "MIT/Apache-2.0", "(MIT OR Foo) AND ISC", "Foo OR Apache-2.0 WITH LLVM-exception"]
    {
        assert!(acceptable(good), "{good}");
    }
    for bad in ["Foo", "MIT AND Foo", "(MIT OR ISC", "MIT ISC", "", "none", "AGPL-3.0"] {
        assert!(!acceptable(bad), "{bad}");
    }
}

#[test]
fn every_licence_fits_or_is_a_reasoned_exception() {
    let mut unused: BTreeSet<&str> = EXCEPTIONS.iter().map(|(name, ..)| *name).collect();
    let mut wrong = Vec::new();
    for (name, licence) in licences() {
        let excepted = EXCEPTIONS.iter().find(|(package, ..)| *package == name);
        match excepted {
            Some((package, expected, _)) => {
                unused.remove(package);
                if licence != *expected {
                    wrong.push(format!("{name}: {licence}, the exception is for {expected}"));
                }
            }
            None if acceptable(&licence) => {}
            None => wrong.push(format!("{name}: {licence}")),
        }
    }
    assert!(wrong.is_empty(), "licences nobody agreed to:\n{}", wrong.join("\n"));
    assert!(unused.is_empty(), "exceptions for packages that are not used: {unused:?}");
}

#[test]
fn banned_packages_are_absent() {
    for package in locked() {
        let ban = BANNED.iter().find(|(name, _)| *name == package.name);
        assert!(ban.is_none(), "{} {} is used: {:?}", package.name, package.version, ban);
    }
}

#[test]
fn pinned_packages_have_their_one_version() {
    let all = locked();
    for (name, version, reason) in PINNED {
        let found: Vec<&str> =
            all.iter().filter(|one| one.name == *name).map(|one| one.version.as_str()).collect();
        assert_eq!(found, [*version], "{name}: {reason}");
    }
}

#[test]
fn packages_come_from_the_registry_and_stay_few() {
    let all = locked();
    for package in &all {
        let own = OWN.contains(&package.name.as_str());
        let good =
            if own { package.source.is_empty() } else { package.source.starts_with("registry+") };
        assert!(good, "{} comes from {:?}", package.name, package.source);
    }
    assert!(all.len() <= PACKAGES_MAX, "{} packages, at most {PACKAGES_MAX}", all.len());
}

#[test]
fn deny_toml_lists_the_same() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let allow = deny.split("\nallow = [").nth(1).and_then(|rest| rest.split(']').next());
    let allow: Vec<&str> = allow
        .expect("an allow list")
        .split(',')
        .map(|word| word.trim().trim_matches('"'))
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(allow, ALLOWED);
    for (name, _) in BANNED {
        assert!(deny.contains(&format!("{{ crate = \"{name}\"")), "deny.toml does not ban {name}");
    }
    for (name, ..) in EXCEPTIONS {
        assert!(deny.contains(&format!("crate = \"{name}\"")), "deny.toml has no word on {name}");
    }
}
