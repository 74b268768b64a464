//! Rust sources read just well enough to find the paths they name.
//!
//! Comments, strings and `#[cfg(test)]` items are taken out first, so what is left is what the
//! programs run. Not a parser: it knows tokens, `use` trees and `a::b::c`.

use std::path::Path;

/// How paths into code of ours begin: in the crate itself, and where it is a dependency.
const CRATES: &[&str] = &["crate", "tahoe_objects"];

/// One source file.
pub struct Source {
    /// From the root, with `/`: `src/grid/client.rs`, `crates/objects/src/tub/frame.rs`.
    pub path: String,
    /// As it is on disk.
    pub text: String,
    /// Without comments, strings and tests.
    pub tokens: Vec<Token>,
}

/// An identifier, `::` or one other character.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub line: usize,
    pub text: String,
}

/// A path that a source names, in full where a `use` tree or `super` shortens it.
pub struct Named {
    pub line: usize,
    /// `std::fs::File`, `crate::tub::Ref`, `Instant::now`, `println`.
    pub path: String,
    /// What a `use` calls it from there on.
    pub called: Option<String>,
    /// It is given on to others under that name.
    pub exported: bool,
}

impl Named {
    pub fn starts_with(&self, prefix: &str) -> bool {
        self.path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }

    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.path.split("::")
    }

    /// The top-level module, of whichever crate of ours, that the path leads into.
    pub fn layer(&self) -> Option<&str> {
        let inner = CRATES.iter().find_map(|name| self.path.strip_prefix(name))?;
        inner.strip_prefix("::")?.split("::").next()
    }
}

impl Source {
    pub fn new(path: String, text: String) -> Self {
        let tokens = without_tests(tokens(&blank(&text)));
        Self { path, text, tokens }
    }

    /// The module path: `src/tub/frame.rs` → `["tub", "frame"]`, `src/tub/mod.rs` → `["tub"]`.
    pub fn module(&self) -> Vec<&str> {
        let inner = self.path.split_once("src/").map_or(self.path.as_str(), |(_, inner)| inner);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        inner.split('/').filter(|part| !matches!(*part, "mod" | "lib")).collect()
    }

    /// The folder below `src` that this file belongs to.
    pub fn layer(&self) -> &str {
        self.module().first().copied().unwrap_or("")
    }

    pub fn paths(&self) -> Vec<Named> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            // `use<…>` captures lifetimes and names no path.
            if self.word(at) == "use" && self.word(at + 1) != "<" {
                let exported = at > 0 && matches!(self.word(at - 1), "pub" | ")");
                let before = found.len();
                at += 1;
                self.tree(&mut at, "", &mut found);
                found[before..].iter_mut().for_each(|named| named.exported = exported);
            } else if is_identifier(self.word(at)) {
                self.chain(&mut at, &mut found);
            } else {
                at += 1;
            }
        }
        found
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn chain(&self, at: &mut usize, found: &mut Vec<Named>) {
        let line = self.tokens[*at].line;
        let mut path = self.word(*at).to_owned();
        *at += 1;
        while self.word(*at) == "::" && is_identifier(self.word(*at + 1)) {
            path = format!("{path}::{}", self.word(*at + 1));
            *at += 2;
        }
        found.push(Named { line, path: self.absolute(&path), called: None, exported: false });
    }

    fn tree(&self, at: &mut usize, prefix: &str, found: &mut Vec<Named>) {
        let (mut path, mut called) = (prefix.to_owned(), None);
        let line = self.tokens.get(*at).map_or(0, |token| token.line);
        while *at < self.tokens.len() {
            match self.word(*at) {
                "::" => path.push_str("::"),
                "{" => {
                    *at += 1;
                    while *at < self.tokens.len() && !matches!(self.word(*at), "}" | ";") {
                        self.tree(at, &path, found);
                        *at += usize::from(self.word(*at) == ",");
                    }
                    *at += 1;
                    return;
                }
                "," | "}" | ";" => break,
                "as" => {
                    *at += 1;
                    called = Some(self.word(*at).to_owned());
                }
                word => path.push_str(word),
            }
            *at += 1;
        }
        let last = || path.trim_end_matches("::self").rsplit("::").next().unwrap_or_default();
        let called = Some(called.unwrap_or_else(|| last().to_owned()));
        found.push(Named { line, path: self.absolute(&path), called, exported: false });
    }

    /// `super::x` in `src/tub/frame.rs` → `crate::tub::x`.
    fn absolute(&self, path: &str) -> String {
        let mut module = self.module();
        let mut rest = path;
        while let Some(above) = rest.strip_prefix("super::") {
            module.pop();
            rest = above;
        }
        if rest.len() == path.len() {
            return path.to_owned();
        }
        ["crate"].into_iter().chain(module).chain([rest]).collect::<Vec<_>>().join("::")
    }
}

/// Every file below `root/folder` whose name ends so, sorted.
pub fn files(root: &Path, folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().expect("a file type");
        if matches!(name.as_str(), "target" | ".git" | "__pycache__" | "tahoe-demo") {
            continue;
        }
        if kind.is_dir() {
            found.extend(files(root, &path, ending));
        } else if kind.is_file() && name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// All Rust files below a folder, but for modules of unit tests.
pub fn rust(root: &Path, folder: &str) -> Vec<Source> {
    let read = |path: String| {
        let text = std::fs::read_to_string(root.join(&path)).expect("a readable source");
        Source::new(path, text)
    };
    let tests = |path: &String| {
        let of_a_library = path.starts_with("src/") || path.contains("/src/");
        of_a_library && (path.ends_with("/tests.rs") || path.contains("/tests/"))
    };
    files(root, folder, ".rs").into_iter().filter(|path| !tests(path)).map(read).collect()
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The text with comments, string and character literals turned into blanks, lines kept.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none does.
fn literal_end(chars: &[char], at: usize) -> usize {
    let get = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let after_word = at > 0 && (get(at - 1).is_alphanumeric() || get(at - 1) == '_');
    match (get(at), get(at + 1)) {
        ('/', '/') => (at..chars.len()).find(|i| get(*i) == '\n').unwrap_or(chars.len()),
        ('/', '*') => comment_end(chars, at),
        ('"', _) => quoted_end(chars, at + 1, '"'),
        ('r', '"' | '#') if !after_word => raw_end(chars, at + 1).unwrap_or(at),
        ('b', 'r') if !after_word => raw_end(chars, at + 2).unwrap_or(at),
        ('\'', '\\') => quoted_end(chars, at + 1, '\''),
        ('\'', _) if get(at + 2) == '\'' => at + 3,
        _ => at,
    }
}

fn quoted_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn comment_end(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    chars.len()
}

/// `from` is just behind the `r`: hashes, a quote, the text, the quote and as many hashes.
fn raw_end(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    if chars.get(from + hashes) != Some(&'"') {
        return None;
    }
    let mut at = from + hashes + 1;
    while at < chars.len() {
        let closes = chars[at] == '"'
            && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        if closes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(chars.len())
}

fn tokens(code: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (word, after) = rest.split_at(length);
            found.push(Token { line: line + 1, text: word.to_owned() });
            rest = after.trim_start();
        }
    }
    found
}

/// Takes out every item marked `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let words = tokens[at..].iter().take(MARK.len()).map(|token| token.text.as_str());
        if words.eq(MARK) {
            at = item_end(&tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Behind the item that begins at `from`: its `;` or its closing brace.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" if depth == 1 => return index + 1,
            "}" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let source = Source::new("src/tub/frame.rs".to_owned(), text.to_owned());
        source.paths().into_iter().map(|named| named.path).collect()
    }

    #[test]
    fn use_trees_are_spelled_out() {
        assert_eq!(
            paths("use std::{fs::{self, File}, io as i}; use crate::cap::*;"),
            ["std::fs::self", "std::fs::File", "std::io", "crate::cap::*"]
        );
    }

    #[test]
    fn captured_lifetimes_are_no_paths() {
        assert_eq!(paths("impl F + use<I> { g; h }"), ["impl", "F", "use", "I", "g", "h"]);
    }

    #[test]
    fn super_leads_to_the_crate() {
        assert_eq!(paths("use super::super::cap::Cap;"), ["crate::cap::Cap"]);
        assert_eq!(paths("super::refs::new();"), ["crate::tub::refs::new"]);
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let text = r##"
            // use crate::a::b;
            /* x /* y */ z */
            "crate::c"; r#"crate::"d"#; '"'; '\''; b"crate::e";
            #[cfg(test)] mod tests { use crate::f; fn g() { if h {} } }
            #[cfg(test)] use crate::i;
            &'static j
        "##;
        assert_eq!(paths(text), ["b", "static", "j"]);
    }
}
