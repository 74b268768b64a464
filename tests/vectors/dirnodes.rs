use super::support::*;
use serde_json::Value;
use tahoe::grid::dirnode::table::{Kind, pack, unpack};
use tahoe::grid::dirnode::{Child, DirError, Entry, Metadata, Target, metadata};

fn object(value: &Value) -> Option<Metadata> {
    value.as_object().cloned().map(Metadata::from)
}

fn given(child: &Value) -> Entry {
    let deep_immutable = false;
    let caps = (text(child, "given_rw"), text(child, "given_ro"));
    let target = Target::from_caps(Some(caps.0), Some(caps.1), deep_immutable).unwrap();
    assert_eq!(target.write_uri().unwrap_or_default(), text(child, "rw_uri"), "{child}");
    assert_eq!(target.read_uri().unwrap_or_default(), text(child, "ro_uri"), "{child}");
    let metadata = object(&child["metadata"]).unwrap();
    Entry { name: text(child, "name_given").to_owned(), child: Child { target, metadata } }
}

#[test]
fn tables_are_packed_byte_for_byte() {
    let (_, vectors) = load("dirnodes");
    let mut kinds = (0, 0);
    for table in items(&vectors["tables"]) {
        let immutable = table["deep_immutable"] == true;
        let key = if immutable { [0; 16] } else { array(table, "writekey") };
        let kind = if immutable { Kind::Immutable } else { Kind::Writable(&key) };
        *if immutable { &mut kinds.0 } else { &mut kinds.1 } += 1;
        let entries: Vec<Entry> = table["children"].as_array().unwrap().iter().map(given).collect();
        let packed = pack(&entries, kind).unwrap();
        let expected = unbase64(text(table, "packed_base64"));
        assert_eq!(
            String::from_utf8_lossy(&packed),
            String::from_utf8_lossy(&expected),
            "{}",
            text(table, "label")
        );
        assert_eq!(packed, expected);
        assert_eq!(hex(tahoe::base::hash::sha256(&packed)), text(table, "packed_sha256"));
    }
    assert!(kinds.0 >= 1 && kinds.1 >= 4);
}

#[test]
fn immutable_tables_take_only_what_cannot_change() {
    let (_, vectors) = load("dirnodes");
    let tables = items(&vectors["tables"]);
    let all = tables.iter().find(|table| text(table, "label") == "all-kinds").unwrap();
    for child in items(&all["children"]) {
        let packed = pack(&[given(child)], Kind::Immutable);
        let fixed = ["chk", "lit", "dir2-chk", "dir2-lit", "unknown-imm"];
        match fixed.contains(&text(child, "name_given")) {
            true => assert!(packed.is_ok(), "{child}"),
            false => assert!(matches!(packed, Err(DirError::BadChild { .. })), "{child}"),
        }
    }
}

#[test]
fn tables_are_read_as_by_the_original() {
    let (_, vectors) = load("dirnodes");
    for case in items(&vectors["unpack"]) {
        let (key, table) = (array(case, "writekey"), unbase64(text(case, "table_base64")));
        check(&table, Kind::Writable(&key), case, "with_write_cap");
        check(&table, Kind::Readable, case, "with_read_cap");
        check(&table, Kind::Immutable, case, "as_immutable_directory");
    }
}

fn check(table: &[u8], kind: Kind<'_>, case: &Value, reader: &str) {
    let found = unpack(table, kind);
    let label = format!("{} {reader}", text(case, "label"));
    let Some(expected) = case[reader].as_array() else {
        assert!(case[reader]["error"].is_string(), "{label}");
        assert!(matches!(found, Err(DirError::Corrupt(_))), "{label}");
        return;
    };
    let found = found.unwrap();
    assert_eq!(found.len(), expected.len(), "{label}");
    let mut expected: Vec<&Value> = expected.iter().collect();
    expected.sort_by_key(|entry| text(entry, "name").to_owned());
    for (entry, expected) in found.iter().zip(expected) {
        let target = &entry.child.target;
        assert_eq!(entry.name, text(expected, "name"), "{label}");
        assert_eq!(target.write_uri().unwrap_or_default(), text(expected, "rw_uri"), "{label}");
        assert_eq!(target.read_uri().unwrap_or_default(), text(expected, "ro_uri"), "{label}");
        assert_eq!(Some(&entry.child.metadata), object(&expected["metadata"]).as_ref(), "{label}");
        check_kind(target, text(expected, "kind"), &label);
    }
}

/// Mutable files and their directories are kept, and not opened.
fn check_kind(target: &Target, kind: &str, label: &str) {
    match (kind, target) {
        ("DirectoryNode", target) => assert!(target.is_directory(), "{label}"),
        ("ImmutableFileNode" | "LiteralFileNode", Target::Known(cap)) => {
            assert!(!cap.is_directory() && !cap.is_mutable(), "{label}");
        }
        ("MutableFileNode" | "UnknownNode", Target::Unknown { .. }) => {
            assert!(!target.is_directory(), "{label}");
        }
        _ => panic!("{label}: {target:?} is no {kind}"),
    }
}

#[test]
fn metadata_is_updated_as_by_the_original() {
    let (_, vectors) = load("dirnodes");
    for case in items(&vectors["update_metadata"]) {
        let (old, new) = (object(&case["old"]), object(&case["new"]));
        let now = case["now"].as_f64().unwrap();
        let result = metadata::updated(old.as_ref(), new, now);
        assert_eq!(Some(&result), object(&case["result"]).as_ref(), "{case}");
        let table = pack(&[lit_with(result)], Kind::Immutable).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert!(table.contains(text(case, "result_json")), "{table}");
    }
}

fn lit_with(metadata: Metadata) -> Entry {
    let target = Target::from_caps(None, Some("URI:LIT:aa"), true).unwrap();
    Entry { name: "a".to_owned(), child: Child { target, metadata } }
}
