//! Rows that a writer signed and that do not open: each harms nothing but itself.

use super::super::place::Place;
use super::super::seal::tests::sealed;
use super::super::{Nameless, Unopened};
use super::*;
use crate::base::limits::NAME_MAX;
use crate::grid::deep::{Traversal, Why};
use crate::vdrive::api::ChangeRows;
use crate::vdrive::format::RowId;
use bytes::Bytes;

fn body(name: &str, cap: &str, metadata: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for text in [name, cap] {
        out.extend_from_slice(&(text.len() as u16).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(&(metadata.len() as u32).to_be_bytes());
    out.extend_from_slice(metadata.as_bytes());
    out
}

/// Everything that does not open, each under the id of its name or another one.
fn garbage(keys: &RowKeys, seq: u64) -> Vec<(&'static str, Row)> {
    const LIT: &str = "URI:LIT:aa";
    let long = "n".repeat(NAME_MAX + 1);
    let at = |name: &str| (keys.row_id(name), seq);
    let like = |name: &str| sealed(keys, at(name), &body(name, LIT, "{}"), &[0, 0]);
    let rw = |cap: &str| [&(cap.len() as u16).to_be_bytes(), cap.as_bytes()].concat();
    vec![
        ("empty", Row { read: Bytes::new(), write: Bytes::new(), ..like("empty") }),
        ("noise", Row { read: vec![7; 400].into(), ..like("noise") }),
        ("write noise", Row { write: vec![7; 300].into(), ..like("write noise") }),
        ("swapped", Row { read: like("other").read, ..like("swapped") }),
        ("misfiled", sealed(keys, at("misfiled"), &body("elsewhere", LIT, "{}"), &[0, 0])),
        ("cut", sealed(keys, at("cut"), &[0xFF; 4], &[0, 0])),
        ("no text", sealed(keys, at("no text"), &[0, 2, 0xC3, 0x28, 0, 0], &[0, 0])),
        ("no json", sealed(keys, at("no json"), &body("no json", LIT, "[1]"), &[0, 0])),
        ("spelling", sealed(keys, at("e\u{301}"), &body("e\u{301}", LIT, "{}"), &[0, 0])),
        ("long", sealed(keys, at(&long), &body(&long, LIT, "{}"), &[0, 0])),
        ("cap", sealed(keys, at("cap"), &body("cap", "URI:DIR:x", "{}"), &rw("later:1"))),
        ("write cut", sealed(keys, at("write cut"), &body("write cut", LIT, "{}"), &[0xFF; 2])),
    ]
}

/// Signs these rows into the directory, as any of its writers can.
async fn put(scene: &Scene, make: impl Fn(&RowKeys, u64) -> Vec<Row>) {
    let keys = RowKeys::writer(&scene.cap).unwrap();
    let place = Place::of(&scene.victim, &scene.root()).unwrap();
    let ids: Vec<RowId> = make(&keys, 1).iter().map(|row| row.id).collect();
    let state = place.rows(&ids).await.unwrap();
    let rows = make(&keys, state.head.seq + 1);
    let new = ids.iter().filter(|id| state.hash(id).unwrap().is_none()).count() as u64;
    let mut trie = state.trie.clone();
    trie.change(rows.iter().map(|row| (row.id, row.hash())), []).unwrap();
    let head = Head {
        seq: state.head.seq + 1,
        previous: state.head.hash(),
        root: trie.root(),
        rows: state.head.rows + new,
        change: random(),
        ..state.head
    };
    let head = signed_by_a_writer(&scene.cap, head);
    let rows = Bulk(Row::encode_all(&rows));
    let ask = || ChangeRows { head: head.clone(), rows: rows.clone(), removed: Vec::new() };
    assert_eq!(place.tell(ask).await.unwrap().outcome, ChangeOutcome::Applied);
}

async fn with_garbage() -> Scene {
    let scene = Scene::new().await;
    put(&scene, |keys, seq| garbage(keys, seq).into_iter().map(|(_, row)| row).collect()).await;
    scene
}

fn listed(listing: &Listing) -> Vec<&str> {
    listing.entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[actix_rt::test]
async fn garbage_is_left_out_counted_and_named() {
    let scene = with_garbage().await;
    let all = garbage(&RowKeys::writer(&scene.cap).unwrap(), 1);
    let listing = scene.victim.list(&scene.root()).await.unwrap();
    assert_eq!(listed(&listing), ["a", "b"]);
    assert_eq!(listing.unreadable.count, all.len() as u64);
    for (kind, row) in &all {
        let named = listing.unreadable.named.iter().any(|one| one.what == Nameless::Row(row.id));
        assert!(named, "{kind}");
    }
    // What only writers read is no matter to readers.
    let listing = scene.victim.list(&scene.root().read_cap()).await.unwrap();
    assert_eq!(listing.unreadable.count + 2, all.len() as u64, "{:?}", listing.unreadable);
    assert_eq!(listing.entries.len(), 4);
    for name in ["empty", "noise", "swapped", "misfiled", "cut", "no json"] {
        let found = scene.victim.get(&scene.root(), name).await;
        let Err(DirError::Unreadable(Unopened { what: Nameless::Row(id), .. })) = found else {
            panic!("{name}: {found:?}")
        };
        assert_eq!(id, all.iter().find(|(kind, _)| *kind == name).unwrap().1.id);
    }
    assert_eq!(scene.victim.get(&scene.root(), "a").await.unwrap().unwrap().target, lit("1"));
    assert_eq!(scene.victim.get(&scene.root(), "none").await.unwrap(), None);
    let deeper = scene.victim.make_dirs(&scene.root(), &["noise".into(), "x".into()]).await;
    assert!(matches!(deeper, Err(DirError::Unreadable(_))), "{deeper:?}");
}

#[actix_rt::test]
async fn garbage_can_be_replaced_moved_onto_and_removed() {
    let scene = with_garbage().await;
    let (dirs, root) = (&scene.victim, scene.root());
    let count = dirs.list(&root).await.unwrap().unreadable.count;
    let refused = dirs.set(&root, vec![link("noise", "5")], Replace::No).await;
    assert!(matches!(refused, Err(DirError::Unreadable(_))), "{refused:?}");
    for (name, replace) in [("noise", Replace::Yes), ("cut", Replace::OnlyFiles)] {
        assert_eq!(dirs.set(&root, vec![link(name, "5")], replace).await.unwrap(), [true]);
        assert_eq!(dirs.get(&root, name).await.unwrap().unwrap().target, lit("5"));
    }
    let moved = dirs.relink((&root, "empty"), (&root, "c"), Replace::Yes).await;
    assert!(matches!(moved, Err(DirError::Unreadable(_))), "{moved:?}");
    dirs.relink((&root, "a"), (&root, "empty"), Replace::Yes).await.unwrap();
    assert_eq!(dirs.get(&root, "empty").await.unwrap().unwrap().target, lit("1"));
    let gone = dirs.unlink(&root, "swapped").await.unwrap();
    assert_eq!(gone.target, Target::Unknown { rw: None, ro: None });
    let other = dirs.create(Vec::new()).await.unwrap();
    let moved = dirs.relink((&root, "misfiled"), (&other, "x"), Replace::Yes).await;
    assert!(matches!(moved, Err(DirError::Unreadable(_))), "{moved:?}");

    let listing = dirs.list(&root).await.unwrap();
    assert_eq!(listed(&listing), ["b", "cut", "empty", "noise"]);
    assert_eq!(listing.unreadable.count, count - 4);
    let rows: Vec<RowId> = listing.unreadable.named.iter().map(|one| row_of(one.what)).collect();
    let b = RowKeys::writer(&scene.cap).unwrap().row_id("b");
    let kept = dirs.remove_rows(&root, &[rows[0], b]).await;
    assert!(matches!(kept, Err(DirError::Opens { name, .. }) if name == "b"));
    let reader = dirs.remove_rows(&root.read_cap(), &rows).await;
    assert!(matches!(reader, Err(DirError::ReadOnly)), "{reader:?}");
    assert_eq!(dirs.list(&root).await.unwrap().unreadable.count, count - 4);
    assert_eq!(dirs.remove_rows(&root, &[rows[0], rows[0]]).await.unwrap(), 1);
    assert_eq!(dirs.remove_rows(&root, &rows).await.unwrap(), rows.len() - 1);
    assert_eq!(dirs.remove_rows(&root, &rows).await.unwrap(), 0);
    let listing = node(&scene.net, &scene.furl).list(&root).await.unwrap();
    assert_eq!(listed(&listing), ["b", "cut", "empty", "noise"]);
    assert!(listing.unreadable.is_empty());
}

fn row_of(what: Nameless) -> RowId {
    let Nameless::Row(id) = what else { panic!("{what}") };
    assert_eq!(Nameless::parse_row(&what.to_string()), Some(id));
    id
}

#[actix_rt::test]
async fn walks_go_past_garbage_and_say_so() {
    let scene = with_garbage().await;
    let below = scene.victim.create(Vec::new()).await.unwrap();
    let link = NewEntry { name: "z".into(), target: Target::Known(below), metadata: None };
    scene.victim.set(&scene.root(), vec![link], Replace::No).await.unwrap();
    let mut walk = Traversal::new(scene.victim.clone(), scene.root(), Arc::new(|_| true));
    let (mut reached, mut missed) = (Vec::new(), Vec::new());
    while let Some(step) = walk.next().await {
        match step {
            Ok(one) => reached.push(one.path.join("/")),
            Err(one) => missed.push(one),
        }
    }
    assert_eq!(reached, ["", "a", "b", "z"]);
    assert!(
        matches!(missed.as_slice(), [one] if matches!(&one.why, Why::Unreadable(all) if all.count == 12)),
        "{missed:?}"
    );
    assert_eq!((walk.stats.incomplete, walk.stats.directories), (1, 2));
}

#[test]
fn an_immutable_directory_is_listed_without_the_entries_that_do_not_open() {
    use crate::grid::dirnode::table::{Kind, pack, read, unpack};
    let entry = |name: &str| {
        let child = Child { target: lit(name), metadata: Metadata::new() };
        Entry { name: name.to_owned(), child }
    };
    let good = |name: &str| pack(&[entry(name)], Kind::Immutable).unwrap();
    let bad = |name: &[u8]| {
        let fields = [name, b"URI:LIT:aa", b"", b"{}"].map(crate::base::hash::netstring);
        crate::base::hash::netstring(&fields.concat())
    };
    let cut = &good("d")[..5];
    let table = [good("a"), bad(b"\xFF"), good("b"), b"3:abc,".to_vec(), good("c")].concat();
    let (entries, unreadable) = read(&table, Kind::Immutable);
    let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let numbers: Vec<_> = unreadable.named.iter().map(|one| one.what).collect();
    assert_eq!(numbers, [Nameless::Entry(2), Nameless::Entry(4)]);
    let (entries, unreadable) = read(&[good("a"), cut.to_vec()].concat(), Kind::Immutable);
    assert_eq!((entries.len(), unreadable.count), (1, 1));
    assert!(matches!(unpack(&table, Kind::Immutable), Err(DirError::Corrupt(_))));
    let (entries, unreadable) = read(&good("a"), Kind::Immutable);
    assert!(entries.len() == 1 && unreadable.is_empty());
}
