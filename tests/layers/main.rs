//! Rules of the sources that no compiler keeps: layers, effects, sizes, and what a server may name.
//!
//! Every list here has a reason a line. A rule that fails names the file, the line and the rule;
//! the cure is to move the code, or to add an entry whose reason convinces a reader.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop at once")]

mod circles;
mod documents;
mod rules;
mod source;

use source::Source;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The package whose sources are read; another one when the variable says so.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into()).into()
}

fn sources() -> Vec<Source> {
    rules::SOURCES.iter().flat_map(|folder| source::rust(&root(), folder)).collect()
}

fn none(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

#[test]
fn every_folder_is_a_known_layer() {
    let known: BTreeSet<&str> = rules::LAYERS.iter().map(|(name, _)| *name).collect();
    let strange = sources()
        .iter()
        .filter(|one| !matches!(one.layer(), "" | "bin") && !known.contains(one.layer()))
        .map(|one| one.path.clone())
        .collect();
    none("a file outside the layers", strange);
}

#[test]
fn layers_are_only_used_downwards() {
    let height = |name: &str| rules::LAYERS.iter().find(|(n, _)| *n == name).map(|(_, h)| *h);
    let mut broken = Vec::new();
    for one in sources() {
        let Some(here) = height(one.layer()) else { continue };
        for named in one.paths() {
            let Some(used) = named.layer().filter(|layer| *layer != one.layer()) else { continue };
            let Some(there) = height(used) else { continue };
            if there >= here {
                broken.push(format!("{}:{}: {}", one.path, named.line, named.path));
            }
        }
    }
    none("a layer uses one that is not below it", broken);
}

#[test]
fn servers_and_links_never_name_a_cap_or_a_read_key() {
    let caps: BTreeSet<String> = sources()
        .iter()
        .filter(|one| one.layer() == "cap")
        .flat_map(declared_types)
        .filter(|name| name.contains("Cap") || name.contains("Key"))
        .collect();
    let mut broken = Vec::new();
    for one in sources().iter().filter(|one| rules::BLIND.contains(&one.layer())) {
        for token in &one.tokens {
            let word = token.text.as_str();
            if caps.contains(word) || rules::UNSPEAKABLE.contains(&word) {
                broken.push(format!("{}:{}: {word}", one.path, token.line));
            }
        }
    }
    for one in sources().iter().filter(|one| rules::CAPLESS.contains(&one.layer())) {
        for named in one.paths().iter().filter(|named| named.layer() == Some("cap")) {
            broken.push(format!("{}:{}: {}", one.path, named.line, named.path));
        }
    }
    none("what a server can name it can leak", broken);
}

/// Names behind `struct`, `enum` and `type`.
fn declared_types(source: &Source) -> Vec<String> {
    let pairs = source.tokens.iter().zip(source.tokens.iter().skip(1));
    pairs
        .filter(|(kind, _)| matches!(kind.text.as_str(), "struct" | "enum" | "type"))
        .map(|(_, name)| name.text.clone())
        .collect()
}

#[test]
fn the_object_layer_has_no_word_of_storage() {
    let mut broken = Vec::new();
    for one in sources().iter().filter(|one| one.path.starts_with(rules::OBJECTS_FOLDER)) {
        for (number, line) in one.text.lines().enumerate() {
            let words = line.split(|letter: char| !letter.is_alphanumeric()).map(str::to_lowercase);
            let named =
                words.into_iter().find(|word| rules::STORAGE_WORDS.contains(&word.as_str()));
            broken.extend(named.map(|word| format!("{}:{}: {word}", one.path, number + 1)));
        }
    }
    none("objects are no storage", broken);
}

#[test]
fn sockets_files_clocks_and_randomness_stay_in_the_modules_named_for_them() {
    let mut broken = Vec::new();
    for effect in rules::EFFECTS {
        for one in sources().iter().filter(|one| one.layer() != "bin" && !effect.allows(&one.path))
        {
            for named in one.paths().iter().filter(|named| effect.catches(named)) {
                broken
                    .push(format!("{}:{}: {} ({})", one.path, named.line, named.path, effect.what));
            }
        }
    }
    none("used outside the modules named for it", broken);
}

/// Without `biased`, whose turn it is when several are ready is for a coin that no seed decides.
#[test]
fn every_select_says_who_goes_first() {
    let mut broken = Vec::new();
    for one in sources() {
        let words: Vec<&str> = one.tokens.iter().map(|token| token.text.as_str()).collect();
        for (at, token) in one.tokens.iter().enumerate() {
            if words[at..].starts_with(&["select", "!"]) && words.get(at + 3) != Some(&"biased") {
                broken.push(format!("{}:{}", one.path, token.line));
            }
        }
    }
    none("a select! that cannot be replayed", broken);
}

#[test]
fn nothing_is_printed_without_looking_at_the_outcome() {
    let mut broken = Vec::new();
    for one in sources() {
        for (name, mark) in one.tokens.iter().zip(one.tokens.iter().skip(1)) {
            if rules::PRINTING.contains(&name.text.as_str()) && mark.text == "!" {
                broken.push(format!("{}:{}: {}!", one.path, name.line, name.text));
            }
        }
    }
    none("a macro that panics where nobody reads", broken);
}

#[test]
fn no_entry_is_left_over() {
    let all = sources();
    let mut idle = Vec::new();
    for effect in rules::EFFECTS {
        for (place, _) in effect.allowed {
            let used = all
                .iter()
                .filter(|one| rules::covers(place, &one.path))
                .any(|one| one.paths().iter().any(|named| effect.catches(named)));
            if !used {
                idle.push(format!("{place} ({})", effect.what));
            }
        }
    }
    none("a permission that nothing needs", idle);
}

#[test]
fn unsafe_code_lives_in_the_kernels_only() {
    let broken = sources()
        .iter()
        .filter(|one| !one.path.starts_with(rules::UNSAFE_FOLDER))
        .flat_map(|one| {
            one.tokens
                .iter()
                .filter(|token| token.text == "unsafe")
                .map(|token| format!("{}:{}", one.path, token.line))
        })
        .collect();
    none("unsafe outside the kernels", broken);
}

#[test]
fn long_files_have_a_reason() {
    let mut broken = Vec::new();
    for folder in ["src", "crates", "tests", "benches", "examples", "fuzz"] {
        for one in source::rust(&root(), folder) {
            let lines = one.text.lines().count();
            let excused = rules::LONG_FILES.iter().any(|(path, _)| *path == one.path);
            if lines > rules::LINES_MAX && !excused {
                broken.push(format!("{}: {lines} lines", one.path));
            }
            if lines <= rules::LINES_MAX && excused {
                broken.push(format!("{}: {lines} lines need no excuse", one.path));
            }
        }
    }
    none("look again at files above 600 lines", broken);
}

#[test]
fn every_module_says_what_it_promises() {
    let broken = sources()
        .iter()
        .filter(|one| one.layer() != "bin" && !one.text.starts_with("//!"))
        .map(|one| one.path.clone())
        .collect();
    none("a module without a header", broken);
}

#[test]
fn every_promise_test_prints_its_line() {
    let mut broken = Vec::new();
    for one in source::rust(&root(), "tests") {
        let name = one.path.rsplit('/').next().unwrap_or_default();
        let digits = name
            .strip_prefix("promise_")
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        let Some(number) = digits.and_then(|digits| digits.parse::<u32>().ok()) else { continue };
        if !one.text.contains(&format!("promise {number}: ")) {
            broken.push(one.path.clone());
        }
    }
    none("a promise test prints `promise N: figures`", broken);
}

#[test]
fn nothing_names_a_place_on_one_machine() {
    // Spelled in pieces, so that this file does not contain what it looks for.
    let own = format!("{}/", root().display());
    let places = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), own];
    let mut broken = Vec::new();
    for path in source::files(&root(), "", "") {
        let bytes = std::fs::read(root().join(&path)).expect("a readable file");
        let Ok(text) = String::from_utf8(bytes) else { continue };
        for (number, line) in text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place.as_str())) {
                broken.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none("a path of one machine", broken);
}

#[test]
fn every_decoder_has_a_fuzz_target() {
    let bodies: BTreeSet<String> = sources()
        .iter()
        .filter(|one| one.module().last() == Some(&"fuzz"))
        .flat_map(|one| {
            let module = one.module().join("::");
            public_functions(one).into_iter().map(move |name| format!("tahoe::{module}::{name}"))
        })
        .collect();
    let called: BTreeSet<String> = source::rust(&root(), "fuzz/fuzz_targets")
        .iter()
        .flat_map(|one| one.paths().into_iter().map(|named| named.path))
        .filter(|path| path.starts_with("tahoe::"))
        .collect();
    assert_eq!(bodies, called, "left: fuzz bodies in src, right: what the targets call");
}

/// Names of the `pub fn` of a file that take bytes or text and nothing else.
fn public_functions(source: &Source) -> Vec<String> {
    let words: Vec<&str> = source.tokens.iter().map(|token| token.text.as_str()).collect();
    let decoder = |rest: &[&str]| match rest {
        ["pub", "fn", name, "(", _, ":", "&", "[", "u8", "]", ")", ..] => Some((*name).to_owned()),
        ["pub", "fn", name, "(", _, ":", "&", "str", ")", ..] => Some((*name).to_owned()),
        _ => None,
    };
    (0..words.len()).filter_map(|at| decoder(&words[at..])).collect()
}

#[test]
fn every_layer_is_drawn() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let drawing = page.split("\n## ").find(|part| part.starts_with("Layers")).expect("the layers");
    let words: BTreeSet<&str> = drawing.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let missing = rules::LAYERS.iter().map(|(name, _)| *name).filter(|name| !words.contains(name));
    none("ARCHITECTURE.md does not draw it", missing.map(str::to_owned).collect());
}
