//! The schemas in `capnp/` and the interfaces of the program say the same.
//!
//! Interfaces are compared with what `remote_interface!` declares, structs with the Rust sources.
//! Where a Cap'n Proto compiler is installed, it reads the schemas too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tahoe::tub::{Interface, MethodInfo};
use tahoe::{introducer, node, storage, vdrive};

/// Names and types, in order.
type Fields = Vec<(String, String)>;

#[derive(Default, Debug)]
struct Schema {
    /// By wire name: methods as (name, arguments, reply).
    interfaces: BTreeMap<String, Vec<(String, Fields, String)>>,
    structs: BTreeMap<String, Fields>,
    /// Names of the values, in order of their numbers.
    enums: BTreeMap<String, Vec<String>>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn schema_files() -> Vec<PathBuf> {
    let listed = std::fs::read_dir(root().join("capnp")).unwrap();
    let mut files: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "capnp"));
    files.sort();
    files
}

/// Words and single signs of a schema, comments left out; `Types.` prefixes are dropped.
fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().replace("Types.", "");
        let mut word = String::new();
        for sign in line.chars().chain([' ']) {
            if sign.is_alphanumeric() || "_.-".contains(sign) {
                word.push(sign);
                continue;
            }
            if !word.is_empty() {
                found.push(std::mem::take(&mut word));
            }
            if !sign.is_whitespace() {
                found.push(sign.to_string());
            }
        }
    }
    found
}

struct Parser {
    tokens: std::vec::IntoIter<String>,
}

impl Parser {
    fn next(&mut self) -> String {
        self.tokens.next().expect("the schema ends too early")
    }

    fn expect(&mut self, wanted: &str) {
        let found = self.next();
        assert_eq!(found, wanted, "in a schema");
    }

    /// Everything up to one of `ends` outside parentheses, and the end itself.
    fn until(&mut self, ends: &[&str]) -> (String, String) {
        let (mut text, mut depth) = (String::new(), 0);
        loop {
            let token = self.next();
            if depth == 0 && ends.contains(&token.as_str()) {
                return (text, token);
            }
            depth += i32::from(token == "(") - i32::from(token == ")");
            text.push_str(&token);
        }
    }

    /// `name :Type, …)`
    fn arguments(&mut self) -> Fields {
        let mut fields = Fields::new();
        loop {
            let (name, end) = self.until(&[":", ")"]);
            if end == ")" {
                assert_eq!(name, "", "in a schema");
                return fields;
            }
            let (kind, end) = self.until(&[",", ")"]);
            fields.push((name, kind));
            if end == ")" {
                return fields;
            }
        }
    }

    fn interface(&mut self) -> (String, Vec<(String, Fields, String)>) {
        let (head, _) = self.until(&["{"]);
        let wire = head.split('"').nth(1).expect("an interface has a wire name").to_owned();
        let mut methods = Vec::new();
        loop {
            let name = self.next();
            if name == "}" {
                return (wire, methods);
            }
            self.expect("@");
            assert_eq!(self.next(), methods.len().to_string(), "ordinals of {wire} run from 0");
            self.expect("(");
            let arguments = self.arguments();
            self.expect("-");
            self.expect(">");
            self.expect("(");
            let reply = self.arguments().pop().map_or("()".to_owned(), |(_, kind)| kind);
            self.expect(";");
            methods.push((name, arguments, reply));
        }
    }

    fn enumeration(&mut self) -> (String, Vec<String>) {
        let name = self.next();
        self.expect("{");
        let mut values = Vec::new();
        loop {
            let value = self.next();
            if value == "}" {
                return (name, values);
            }
            self.expect("@");
            assert_eq!(self.next(), values.len().to_string(), "values of {name} run from 0");
            self.expect(";");
            values.push(value);
        }
    }

    fn structure(&mut self) -> (String, Fields) {
        let name = self.next();
        self.expect("{");
        let (mut fields, mut union) = (Fields::new(), false);
        loop {
            let field = self.next();
            match field.as_str() {
                "union" => {
                    union = true;
                    self.expect("{");
                    continue;
                }
                "}" if std::mem::take(&mut union) => continue,
                "}" => return (name, fields),
                _ => {}
            }
            self.expect("@");
            assert_eq!(self.next(), fields.len().to_string(), "ordinals of {name} run from 0");
            self.expect(":");
            fields.push((field, self.until(&[";"]).0));
        }
    }
}

fn parse() -> Schema {
    let mut schema = Schema::default();
    for file in schema_files() {
        let text = std::fs::read_to_string(file).unwrap();
        let mut parser = Parser { tokens: tokens(&text).into_iter() };
        while let Some(word) = parser.tokens.next() {
            match word.as_str() {
                "interface" => {
                    let (name, methods) = parser.interface();
                    assert!(schema.interfaces.insert(name, methods).is_none());
                }
                "struct" => {
                    let (name, fields) = parser.structure();
                    assert!(schema.structs.insert(name, fields).is_none());
                }
                "enum" => {
                    let (name, values) = parser.enumeration();
                    assert!(schema.enums.insert(name, values).is_none());
                }
                _ => drop(parser.until(&[";"])),
            }
        }
    }
    schema
}

fn camel(name: &str, upper_first: bool) -> String {
    let mut upper = upper_first;
    let mut out = String::new();
    for sign in name.chars() {
        if sign == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.extend(sign.to_uppercase());
        } else {
            out.push(sign);
        }
    }
    out
}

fn method_name(message: &str) -> String {
    let (first, rest) = message.split_at(1);
    first.to_lowercase() + rest
}

/// The schema's word for a Rust type.
fn kind(rust: &str) -> String {
    let rust: String = rust.chars().filter(|sign| !sign.is_whitespace()).collect();
    let inside = |outer: &str| rust.strip_prefix(outer)?.strip_suffix('>').map(str::to_owned);
    match rust.as_str() {
        "u8" | "ShareNum" => "UInt8".into(),
        "u16" => "UInt16".into(),
        "u32" => "UInt32".into(),
        "u64" => "UInt64".into(),
        "bool" => "Bool".into(),
        "String" => "Text".into(),
        "Vec<u8>" => "Data".into(),
        "[u8;32]" | "RowId" => "Hash".into(),
        "RenewSecret" | "CancelSecret" => "Secret".into(),
        "Option<u64>" => "MaybeBytes".into(),
        "Option<RowId>" | "Option<[u8;32]>" => "MaybeHash".into(),
        "Option<GridParameters>" => "MaybeParameters".into(),
        "(ShareNum,Ref<BucketWriter>)" => "NumberedWriter".into(),
        "(u64,u32)" => "Range".into(),
        _ => match (inside("Vec<"), inside("Ref<")) {
            (Some(item), _) => format!("List({})", kind(&item)),
            (_, Some(interface)) => interface,
            _ => rust,
        },
    }
}

fn compare<I: Interface>(schema: &mut Schema) {
    let written = schema.interfaces.remove(I::NAME);
    let written = written.unwrap_or_else(|| panic!("{} has no schema", I::NAME));
    let declared = I::METHODS.iter().enumerate().map(|(ordinal, method)| {
        let MethodInfo { name, arguments, reply, .. } = *method;
        assert_eq!(usize::from(method.ordinal), ordinal, "{name} is declared out of order");
        let arguments = arguments.iter().map(|(name, rust)| (camel(name, false), kind(rust)));
        (method_name(name), arguments.collect::<Fields>(), kind(reply))
    });
    assert_eq!(written, declared.collect::<Vec<_>>(), "schema and code of {} differ", I::NAME);
}

#[test]
fn every_interface_is_described_and_every_description_implemented() {
    let mut schema = parse();
    compare::<storage::api::Storage>(&mut schema);
    compare::<storage::api::BucketWriter>(&mut schema);
    compare::<storage::api::BucketReader>(&mut schema);
    compare::<storage::api::LeaseRenewal>(&mut schema);
    compare::<storage::api::LeaseCancellation>(&mut schema);
    compare::<introducer::api::Introducer>(&mut schema);
    compare::<introducer::api::Publisher>(&mut schema);
    compare::<introducer::api::Subscriber>(&mut schema);
    compare::<vdrive::api::Vdrive>(&mut schema);
    compare::<vdrive::api::DirectoryReader>(&mut schema);
    compare::<vdrive::api::DirectoryWriter>(&mut schema);
    compare::<vdrive::api::Staging>(&mut schema);
    compare::<vdrive::api::Watcher>(&mut schema);
    compare::<node::control::Control>(&mut schema);
    assert!(schema.interfaces.is_empty(), "described only: {:?}", schema.interfaces.keys());
}

/// The sources that declare interfaces.
fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            // Elsewhere a struct of the same name may mean something else.
            if text.contains("remote_interface! {") {
                into.push_str(&text);
            }
        }
    }
}

/// Fields of `pub struct name { … }` in the sources.
fn rust_fields(sources: &str, name: &str) -> Option<Fields> {
    let (_, rest) = sources.split_once(&format!("pub struct {name} {{"))?;
    let (body, _) = rest.split_once('}')?;
    let code = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    let field = |line: &str| {
        let (name, rust) = line.trim().strip_prefix("pub ")?.split_once(':')?;
        Some((camel(name, false), kind(rust.trim().trim_end_matches(','))))
    };
    Some(code.filter_map(field).collect())
}

#[test]
fn every_described_struct_has_the_fields_of_the_code() {
    let (schema, mut text) = (parse(), String::new());
    sources(&root().join("src"), &mut text);
    let mut compared = 0;
    for (name, fields) in &schema.structs {
        let is_stand_in = ["StorageIndex", "Secret", "Hash", "Bulk"].contains(&name.as_str());
        let is_tuple = ["NumberedWriter", "Range"].contains(&name.as_str());
        if is_stand_in || is_tuple || name.starts_with("Maybe") {
            continue;
        }
        let declared = rust_fields(&text, name).unwrap_or_else(|| panic!("no struct {name}"));
        assert_eq!(fields, &declared, "schema and code of {name} differ");
        compared += 1;
    }
    assert!(compared >= 6, "compared {compared} structs");
}

/// Variants of `pub enum name { … }` in the sources.
fn rust_variants(sources: &str, name: &str) -> Option<Vec<String>> {
    let (_, rest) = sources.split_once(&format!("pub enum {name} {{"))?;
    let (body, _) = rest.split_once('}')?;
    let code = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = code.map(|line| line.trim().trim_end_matches(',')).filter(|name| !name.is_empty());
    Some(names.map(method_name).collect())
}

#[test]
fn every_described_enum_has_the_values_of_the_code() {
    let (schema, mut text) = (parse(), String::new());
    sources(&root().join("src"), &mut text);
    assert!(!schema.enums.is_empty());
    for (name, values) in schema.enums {
        let declared = rust_variants(&text, &name).unwrap_or_else(|| panic!("no enum {name}"));
        assert_eq!(values, declared, "schema and code of {name} differ");
    }
}

#[test]
fn the_cap_n_proto_compiler_accepts_the_schemas() {
    if Command::new("capnp").arg("--version").output().is_err() {
        return println!("skipped: no capnp compiler on this machine");
    }
    for file in schema_files() {
        let compiled = Command::new("capnp").args(["compile", "-o-"]).arg(&file).output().unwrap();
        let says = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "{}: {says}", file.display());
    }
}
