//! Files that all use each other, by one way or another: nobody reads one of them without the others.
//!
//! A file uses another when it names something that stands there. What a file only gives on to others
//! (`pub use`) it does not use; who takes it from there uses the file where it stands.

use crate::rules;
use crate::source::{Named, Source};
use crate::{none, root, source};
use std::collections::{BTreeMap, BTreeSet};

/// The sources of one crate, by their modules.
struct Crate<'a> {
    files: BTreeMap<String, File<'a>>,
}

struct File<'a> {
    source: &'a Source,
    paths: Vec<Named>,
    /// What its imports call things, and what others find here under a name of its own.
    names: BTreeMap<String, String>,
    exports: BTreeMap<String, String>,
}

impl<'a> Crate<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let file = |source: &'a Source| {
            let paths = source.paths().into_iter().filter(|named| named.path.contains("::"));
            let (names, exports) = (BTreeMap::new(), BTreeMap::new());
            let file = File { source, paths: paths.collect(), names, exports };
            (source.module().join("::"), file)
        };
        let mut all = Self { files: sources.iter().map(file).collect() };
        for module in all.files.keys().cloned().collect::<Vec<_>>() {
            let imports = all.imports(&module);
            let file = all.files.get_mut(&module).expect("a file");
            for (name, path, exported) in imports {
                if exported {
                    file.exports.insert(name.clone(), path.clone());
                }
                file.names.insert(name, path);
            }
        }
        all
    }

    /// Names that a file gives to things of this crate, what they are, and whether for others too.
    fn imports(&self, module: &str) -> Vec<(String, String, bool)> {
        let named = self.files[module].paths.iter().filter_map(|named| {
            let path = self.within(module, named.path.trim_end_matches("::self"))?;
            Some((named.called.clone()?, path, named.exported))
        });
        named.collect()
    }

    /// A path from the crate's root on, if it begins there or in a module of the file's own.
    fn within(&self, module: &str, path: &str) -> Option<String> {
        if let Some(inner) = path.strip_prefix("crate::") {
            return Some(inner.to_owned());
        }
        let path = path.strip_prefix("self::").unwrap_or(path);
        let first = path.split("::").next().unwrap_or_default();
        let own = format!("{module}::{first}");
        self.files.contains_key(&own).then(|| format!("{module}::{path}"))
    }

    /// The module in which something stands; none for what is a module itself, or of another crate.
    fn home(&self, path: &str, depth: usize) -> Option<&str> {
        let mut module = path;
        while !self.files.contains_key(module) {
            module = module.rsplit_once("::")?.0;
        }
        let (module, file) = self.files.get_key_value(module)?;
        let rest = path.strip_prefix(module.as_str())?.strip_prefix("::")?;
        let (first, behind) = rest.split_once("::").unwrap_or((rest, ""));
        match file.exports.get(first) {
            Some(elsewhere) if depth > 0 => {
                let path = format!("{elsewhere}::{behind}");
                self.home(path.trim_end_matches("::"), depth - 1)
            }
            _ => Some(module),
        }
    }

    /// The files that a file uses within its layer.
    fn used(&self, module: &str) -> BTreeSet<&str> {
        const REEXPORTS_MAX: usize = 8;
        let file = &self.files[module];
        let full = |named: &Named| {
            let path = named.path.as_str();
            self.within(module, path).or_else(|| {
                let (first, rest) = path.split_once("::")?;
                Some(format!("{}::{rest}", file.names.get(first)?))
            })
        };
        let named = file.paths.iter().filter(|named| !named.exported).filter_map(full);
        let named: BTreeSet<String> = named.collect();
        let homes = named.iter().filter_map(|path| self.home(path, REEXPORTS_MAX));
        let near = |other: &&str| self.files[*other].source.layer() == file.source.layer();
        homes.filter(near).filter(|home| *home != module).collect()
    }

    /// The circles, each once.
    fn circles(&self) -> BTreeSet<BTreeSet<&str>> {
        let used = self.files.keys().map(|module| (module.as_str(), self.used(module))).collect();
        let all = self.files.keys().map(|module| (module.as_str(), reached(&used, module)));
        let all: BTreeMap<&str, BTreeSet<&str>> = all.collect();
        let mut circles = BTreeSet::new();
        for (module, others) in &all {
            let back = |other: &&str| all[other].contains(module);
            let circle: BTreeSet<&str> = others.iter().copied().filter(back).collect();
            circles.extend((!circle.is_empty()).then_some(circle));
        }
        circles
    }
}

/// All that a file uses, and what that uses, and so on.
fn reached<'m>(used: &BTreeMap<&'m str, BTreeSet<&'m str>>, from: &str) -> BTreeSet<&'m str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = used[from].iter().copied().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(&used[module]);
        }
    }
    found
}

#[test]
fn no_circle_of_files_is_large() {
    let mut broken = Vec::new();
    for folder in rules::SOURCES {
        let sources = source::rust(&root(), folder);
        let all = Crate::new(&sources);
        let large = all.circles().into_iter().filter(|circle| circle.len() > rules::CIRCLE_MAX);
        broken.extend(large.map(|circle| format!("{} of {circle:?}", circle.len())));
    }
    none("files that all use each other", broken);
}

#[test]
fn circles_are_found_through_imports_reexports_and_paths() {
    let source = |path: &str, text: &str| Source::new(path.to_owned(), text.to_owned());
    let sources = [
        source("src/a/mod.rs", "mod one; mod two; pub use one::One; struct Own;"),
        // By a re-export, which is no use of who gives it on.
        source("src/a/two.rs", "use super::One; use crate::b::Other; fn f(one: One) {}"),
        // By the name of a module.
        source("src/a/one.rs", "use super::three; pub struct One; fn g() { three::go() }"),
        // By a path, to a file that is named otherwise here.
        source("src/a/three.rs", "use super::two as second; fn go() { second::f() }"),
        source("src/a/four.rs", "use super::Own; use super::three; fn h() {}"),
        source("src/b/mod.rs", "use crate::a::four; fn i() { four::h() }"),
    ];
    let all = Crate::new(&sources);
    let circle = BTreeSet::from(["a::one", "a::three", "a::two"]);
    assert_eq!(all.circles(), BTreeSet::from([circle]));
    assert_eq!(all.used("a::four"), BTreeSet::from(["a"]));
}
