use super::*;
use crate::base::secret::Secret;
use crate::cap::{Cap, DirPlace, VdriveCap};
use crate::grid::dirnode::Metadata;

fn cap(byte: u8) -> DirCap {
    DirCap::new(DirPlace::new([3; 32], "tcp:h:1").unwrap(), Secret::new([byte; 32]))
}

fn entry(name: &str, target: Target) -> Entry {
    let metadata = Metadata::from_iter([("mtime".to_owned(), 5.into())]);
    Entry { name: name.to_owned(), child: Child { target, metadata } }
}

fn lit() -> Target {
    Target::from_caps(None, Some("URI:LIT:aa"), false).unwrap()
}

/// A row that a writer seals around any bytes.
pub fn sealed(keys: &RowKeys, (id, seq): (RowId, u64), read: &[u8], write: &[u8]) -> Row {
    let seal = |key, body: &[u8], bucket, column| {
        let body = Zeroizing::new(body.to_vec());
        keys.seal_column(key, body, bucket, &keys.aad(&id, seq, column)).unwrap().into()
    };
    let write = seal(keys.write.as_ref().unwrap(), write, WRITE_BUCKET, Column::Write);
    Row { id, seq, read: seal(&keys.read, read, READ_BUCKET, Column::Read), write }
}

fn keys() -> (RowKeys, RowKeys) {
    let cap = cap(7);
    (RowKeys::writer(&cap).unwrap(), RowKeys::reader(&cap.read_cap()).unwrap())
}

#[test]
fn writers_open_all_and_readers_only_what_reads() {
    let (writer, reader) = keys();
    let child = Target::Known(Cap::Vdrive(VdriveCap::Write(cap(9))));
    let sealed = entry("sub", child.clone());
    let row = writer.seal(&sealed, 4).unwrap();
    assert_eq!(writer.open(&row).unwrap(), sealed);
    let read = reader.open(&row).unwrap();
    assert_eq!(read.child.target, Target::Known(Cap::Vdrive(VdriveCap::Read(cap(9).read_cap()))));
    assert_eq!(read.child.metadata, sealed.child.metadata);
    assert!(matches!(reader.seal(&sealed, 5), Err(DirError::ReadOnly)));
}

#[test]
fn foreign_and_unknown_caps_are_kept_verbatim() {
    let (writer, reader) = keys();
    let key = "aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let ssk = format!("URI:SSK:{key}");
    for (rw, ro) in [(Some(ssk.as_str()), None), (Some("new:1"), Some("ro.new:2"))] {
        let target = Target::from_caps(rw, ro, false).unwrap();
        let row = writer.seal(&entry("x", target.clone()), 1).unwrap();
        assert_eq!(writer.open(&row).unwrap().child.target, target);
        assert_eq!(reader.open(&row).unwrap().child.target, target.read_only());
    }
}

#[test]
fn a_ciphertext_fits_its_place_row_and_version_only() {
    let (writer, reader) = keys();
    let row = writer.seal(&entry("a", lit()), 4).unwrap();
    let other = writer.seal(&entry("b", lit()), 4).unwrap();
    let (stranger, _) = (RowKeys::writer(&cap(8)).unwrap(), ());
    let bad = [
        Row { seq: 5, ..row.clone() },
        Row { id: other.id, ..row.clone() },
        Row { read: other.read.clone(), ..row.clone() },
        Row { read: row.write.clone(), ..row.clone() },
        Row { read: Bytes::new(), ..row.clone() },
    ];
    for bad in &bad {
        assert!(matches!(reader.open(bad), Err(DirError::Corrupt(_))));
        assert!(matches!(writer.open(bad), Err(DirError::Corrupt(_))));
    }
    assert!(stranger.open(&row).is_err());
    let swapped = Row { write: other.write, ..row.clone() };
    assert!(writer.open(&swapped).is_err() && reader.open(&swapped).is_ok());
    for at in 0..row.read.len() {
        let mut read = row.read.to_vec();
        read[at] ^= 1;
        assert!(reader.open(&Row { read: read.into(), ..row.clone() }).is_err());
    }
}

#[test]
fn sizes_say_nothing_of_usual_links() {
    let (writer, _) = keys();
    let chk = "URI:CHK:aaaaaaaaaaaaaaaaaaaaaaaaaa:\
               aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:3:10:12345678";
    let targets = [
        lit(),
        Target::from_caps(None, Some(chk), false).unwrap(),
        Target::Known(Cap::Vdrive(VdriveCap::Write(cap(9)))),
        Target::Known(Cap::Vdrive(VdriveCap::Read(cap(9).read_cap()))),
    ];
    for target in targets {
        for name in ["", "a", "a usual name, not too long.txt"] {
            let row = writer.seal(&entry(name, target.clone()), 1).unwrap();
            assert_eq!((row.read.len(), row.write.len()), (READ_BUCKET, WRITE_BUCKET));
        }
    }
}

#[test]
fn what_is_too_big_is_refused_and_the_largest_fits() {
    let (writer, reader) = keys();
    let name = "n".repeat(crate::base::limits::NAME_MAX);
    let mut largest = entry(&name, lit());
    let text = "m".repeat(METADATA_MAX - 20);
    largest.child.metadata = Metadata::from_iter([("k".to_owned(), text.into())]);
    let row = writer.seal(&largest, 1).unwrap();
    assert!(row.read.len() <= ROW_READ_MAX);
    assert_eq!(reader.open(&row).unwrap(), largest);
    let text = "m".repeat(METADATA_MAX);
    largest.child.metadata = Metadata::from_iter([("k".to_owned(), text.into())]);
    assert!(matches!(writer.seal(&largest, 1), Err(DirError::TooBig(_))));
}

/// Caps, keys and rows that an independent implementation made.
fn vectors() -> Vec<serde_json::Value> {
    let text = include_str!("../../../../tests/vectors/dircaps.json");
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    file["vectors"]["directories"].as_array().unwrap().clone()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    data_encoding::HEXLOWER.encode(bytes.as_ref())
}

fn unhex(value: &serde_json::Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn keys_derive_as_by_an_independent_implementation() {
    for vector in vectors() {
        let Ok(Cap::Vdrive(VdriveCap::Write(write))) =
            Cap::parse(vector["write_cap"].as_str().unwrap())
        else {
            panic!("{vector}")
        };
        let (read, verify) = (write.read_cap(), write.verify_cap());
        assert_eq!(hex(write.place().tub()), vector["tub"]);
        assert_eq!(write.place().hints(), vector["hints"]);
        assert_eq!(hex(write.key().reveal()), vector["write_key"]);
        assert_eq!(hex(read.key().reveal()), vector["read_key"]);
        assert_eq!(hex(write.signing_seed().reveal()), vector["signing_seed"]);
        assert_eq!(hex(write.verify_key()), vector["verify_key"]);
        assert_eq!(hex(verify.verify_hash()), vector["verify_hash"]);
        assert_eq!(hex(verify.directory_id()), vector["directory_id"]);
        assert_eq!(hex(write.write_facet()), vector["write_facet"]);
        assert_eq!(hex(verify.read_facet()), vector["read_facet"]);
        assert_eq!(write.reveal(), vector["write_cap"]);
        assert_eq!(read.reveal(), vector["read_cap"]);
        assert_eq!(verify.reveal(), vector["verify_cap"]);
    }
}

#[test]
fn rows_of_an_independent_implementation_open() {
    for vector in vectors() {
        let Ok(Cap::Vdrive(VdriveCap::Write(write))) =
            Cap::parse(vector["write_cap"].as_str().unwrap())
        else {
            panic!("{vector}")
        };
        let writer = RowKeys::writer(&write).unwrap();
        let reader = RowKeys::reader(&write.read_cap()).unwrap();
        for row in vector["rows"].as_array().unwrap() {
            let (read, write) = (unhex(&row["read_column"]), unhex(&row["write_column"]));
            let (id, seq) = (unhex(&row["id"]).try_into().unwrap(), row["seq"].as_u64().unwrap());
            let sealed = Row { id, seq, read: read.into(), write: write.into() };
            let (all, some) = (writer.open(&sealed).unwrap(), reader.open(&sealed).unwrap());
            assert_eq!(all.name, row["name"]);
            assert_eq!(serde_json::Value::Object(all.child.metadata.map()), row["metadata"]);
            assert_eq!(all.child.target.write_uri().unwrap_or_default(), row["write_cap"]);
            assert_eq!(all.child.target.read_uri().unwrap(), row["read_cap"]);
            assert_eq!(some.child.target, all.child.target.read_only());
            let again = writer.seal(&all, seq).unwrap();
            assert_eq!(again.id, sealed.id);
            let lengths = |row: &Row| (row.read.len(), row.write.len());
            assert_eq!(lengths(&again), lengths(&sealed));
        }
    }
}
