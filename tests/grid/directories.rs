//! Directories as a node uses them: made, listed, changed, shared, by several at once.

use futures_util::StreamExt;
use futures_util::future::join_all;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tahoe::base::budget::NoRoom;
use tahoe::base::limits::{PATH_MAX, ROW_IDS_MAX};
use tahoe::cap::{Cap, FileCap, VdriveCap};
use tahoe::grid::dirnode::{
    ChildError, DirError, Directories, Entry, Memory, Metadata, NewEntry, Replace, SeenHeads,
    Target, TubBook,
};
use tahoe::grid::{Missed, Reached, Source, Traversal, Why};
use tahoe_testing::dirs::{at, child, link, lit, names, world};
use tahoe_testing::{no_hang, tub_on};

fn path(text: &str) -> Vec<String> {
    text.split('/').map(str::to_owned).collect()
}

async fn sub(dirs: &Directories, dir: &Cap, name: &str) -> Cap {
    dirs.make_dirs(dir, &[name.to_owned()]).await.unwrap()
}

fn read_cap(cap: &Cap) -> Cap {
    cap.read_cap()
}

#[actix::test]
async fn links_are_set_listed_found_and_removed() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    assert!(dirs.list(&root).await.unwrap().entries.is_empty());
    let links = ["b", "a", "\u{e9}"].map(|name| link(name, lit(name)));
    assert_eq!(dirs.set(&root, links.to_vec(), Replace::No).await.unwrap(), [false; 3]);
    let listing = dirs.list(&root).await.unwrap();
    assert_eq!(names(&listing), ["a", "b", "\u{e9}"]);
    assert!(listing.writable && listing.mutable);
    // One name has one spelling.
    let found = dirs.get(&root, "e\u{301}").await.unwrap().unwrap();
    assert_eq!(found.target, lit("\u{e9}"));
    assert_eq!(dirs.get(&root, "c").await.unwrap(), None);
    assert_eq!(dirs.unlink(&root, "a").await.unwrap().target, lit("a"));
    assert!(
        matches!(dirs.unlink(&root, "a").await, Err(DirError::NoSuchChild(name)) if name == "a")
    );
    assert_eq!(names(&dirs.list(&root).await.unwrap()), ["b", "\u{e9}"]);
}

#[actix::test]
async fn what_was_made_is_there_for_another_node_after_a_restart() {
    let world = world();
    let first = Entry { name: "x".to_owned(), child: child(lit("x")) };
    let root = world.node().create(vec![first]).await.unwrap();
    let other = world.node();
    let root = Cap::parse(&root.reveal()).unwrap();
    other.set(&root, vec![link("y", lit("y"))], Replace::No).await.unwrap();
    assert_eq!(names(&world.node().list(&root).await.unwrap()), ["x", "y"]);
}

#[actix::test]
async fn a_read_cap_reads_all_the_way_down_and_writes_nothing() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    let below = sub(&dirs, &root, "sub").await;
    dirs.set(&below, vec![link("x", lit("x"))], Replace::No).await.unwrap();
    let (reader, read) = (world.node(), read_cap(&root));
    let listing = reader.list(&read).await.unwrap();
    assert!(!listing.writable && listing.mutable);
    let found = at(&reader, &read, "sub").await.unwrap().target;
    assert_eq!(found, Target::Known(read_cap(&below)));
    assert_eq!(at(&reader, &read, "sub/x").await.unwrap().target, lit("x"));
    let Target::Known(found) = found else { panic!("unknown") };
    for cap in [&read, &found] {
        let set = reader.set(cap, vec![link("x", lit("y"))], Replace::Yes).await;
        assert!(matches!(set, Err(DirError::ReadOnly)));
        assert!(matches!(reader.unlink(cap, "x").await, Err(DirError::ReadOnly)));
        let moved = reader.relink((cap, "x"), (&root, "x"), Replace::Yes).await;
        assert!(matches!(moved, Err(DirError::ReadOnly)));
        assert!(matches!(reader.make_dirs(cap, &path("new")).await, Err(DirError::ReadOnly)));
    }
    let verify = root.verify_cap().unwrap();
    assert!(matches!(reader.list(&verify).await, Err(DirError::NotReadable)));
    assert_eq!(reader.version(&verify).await.unwrap(), dirs.version(&root).await.unwrap());
    let file = Cap::parse("URI:LIT:aa").unwrap();
    assert!(matches!(reader.list(&file).await, Err(DirError::NotADirectory(_))));
}

#[actix::test]
async fn replacing_is_as_was_asked_for_and_all_or_nothing() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    sub(&dirs, &root, "dir").await;
    dirs.set(&root, vec![link("file", lit("1"))], Replace::No).await.unwrap();
    let both = vec![link("new", lit("2")), link("file", lit("2"))];
    let refused = dirs.set(&root, both.clone(), Replace::No).await;
    assert!(matches!(refused, Err(DirError::Exists(name)) if name == "file"));
    assert_eq!(names(&dirs.list(&root).await.unwrap()), ["dir", "file"]);
    assert_eq!(dirs.set(&root, both, Replace::OnlyFiles).await.unwrap(), [false, true]);
    let over = vec![link("dir", lit("2"))];
    let refused = dirs.set(&root, over.clone(), Replace::OnlyFiles).await;
    assert!(matches!(refused, Err(DirError::Exists(name)) if name == "dir"));
    assert_eq!(dirs.set(&root, over, Replace::Yes).await.unwrap(), [true]);
    let twice = vec![link("t", lit("1")), link("t", lit("2"))];
    dirs.set(&root, twice, Replace::No).await.unwrap();
    assert_eq!(dirs.get(&root, "t").await.unwrap().unwrap().target, lit("2"));
}

#[actix::test]
async fn times_and_metadata_are_kept_as_by_the_original() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    let set = async |metadata: Option<Metadata>| {
        let link = NewEntry { metadata, ..link("x", lit("x")) };
        dirs.set(&root, vec![link], Replace::Yes).await.unwrap();
        dirs.get(&root, "x").await.unwrap().unwrap().metadata
    };
    let json = |value: serde_json::Value| Metadata::from(value.as_object().unwrap().clone());
    let times =
        |created: f64, moved: f64| serde_json::json!({"linkcrtime": created, "linkmotime": moved});
    let mine = json(serde_json::json!({"k": [1, "\u{2603}"]}));
    assert_eq!(
        set(Some(mine)).await,
        json(serde_json::json!({"k": [1, "\u{2603}"], "tahoe": times(1000.0, 1000.0)}))
    );
    world.clock.advance(5);
    assert_eq!(
        set(None).await,
        json(serde_json::json!({"k": [1, "\u{2603}"], "tahoe": times(1000.0, 1005.0)}))
    );
    let empty = set(Some(Metadata::new())).await;
    assert_eq!(empty, json(serde_json::json!({"tahoe": times(1000.0, 1005.0)})));
}

#[actix::test]
async fn no_write_stores_without_write_access() {
    let world = world();
    let dirs = world.node();
    let (root, other) = (dirs.create(vec![]).await.unwrap(), dirs.create(vec![]).await.unwrap());
    let metadata = Metadata::from_iter([("no-write".to_owned(), true.into())]);
    let target = Target::Known(other.clone());
    let new = NewEntry { metadata: Some(metadata), ..link("sub", target) };
    dirs.set(&root, vec![new], Replace::No).await.unwrap();
    let found = dirs.get(&root, "sub").await.unwrap().unwrap();
    assert_eq!(found.target, Target::Known(read_cap(&other)));
}

#[actix::test]
async fn unknown_caps_are_kept_and_dangerous_ones_refused() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    let unknown = |rw: Option<&str>, ro: Option<&str>| Target::Unknown {
        rw: rw.map(str::to_owned),
        ro: ro.map(str::to_owned),
    };
    let ssk = "aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let ssk = format!("URI:SSK:{ssk}");
    let links = vec![
        link("future", unknown(Some("lafs:w"), Some("lafs:r"))),
        link("ssk", unknown(Some(&ssk), None)),
    ];
    dirs.set(&root, links, Replace::No).await.unwrap();
    let future = dirs.get(&root, "future").await.unwrap().unwrap().target;
    assert_eq!(future, unknown(Some("lafs:w"), Some("ro.lafs:r")));
    let kept = dirs.get(&root, "ssk").await.unwrap().unwrap().target;
    assert_eq!(kept.write_uri(), Some(ssk.clone()));
    let read = dirs.get(&read_cap(&root), "ssk").await.unwrap().unwrap().target;
    assert!(read.write_uri().is_none() && read.read_uri() == kept.read_uri());
    assert!(read.read_uri().unwrap().starts_with("URI:SSK-RO:"));
    let alone = dirs.set(&root, vec![link("x", unknown(Some("lafs:w"), None))], Replace::Yes).await;
    let why = ChildError::UnknownWrite;
    assert!(matches!(alone, Err(DirError::BadChild { why: w, .. }) if w == why));
    let nothing = dirs.set(&root, vec![link("x", unknown(None, None))], Replace::Yes).await;
    assert!(matches!(nothing, Err(DirError::BadChild { why: ChildError::Nothing, .. })));
}

#[actix::test]
async fn a_link_moves_without_a_moment_in_neither_place() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    let other = sub(&dirs, &root, "other").await;
    dirs.set(&root, vec![link("a", lit("a")), link("b", lit("b"))], Replace::No).await.unwrap();
    let taken = dirs.relink((&root, "a"), (&root, "b"), Replace::No).await;
    assert!(matches!(taken, Err(DirError::Exists(_))));
    let before = dirs.version(&root).await.unwrap();
    dirs.relink((&root, "a"), (&root, "c"), Replace::No).await.unwrap();
    assert_eq!(dirs.version(&root).await.unwrap(), before + 1);
    dirs.relink((&root, "c"), (&root, "c"), Replace::No).await.unwrap();
    dirs.relink((&root, "c"), (&other, "d"), Replace::No).await.unwrap();
    assert_eq!(names(&dirs.list(&root).await.unwrap()), ["b", "other"]);
    assert_eq!(dirs.get(&other, "d").await.unwrap().unwrap().target, lit("a"));
    let missing = dirs.relink((&root, "a"), (&other, "e"), Replace::Yes).await;
    assert!(matches!(missing, Err(DirError::NoSuchChild(_))));
    let onto = dirs.relink((&root, "b"), (&other, "d"), Replace::OnlyFiles).await;
    onto.unwrap();
    let into_itself = dirs.relink((&root, "other"), (&other, "other"), Replace::Yes).await;
    assert!(matches!(into_itself, Err(DirError::IntoItself(name)) if name == "other"));
    assert_eq!(names(&dirs.list(&root).await.unwrap()), ["other"]);
    assert_eq!(dirs.get(&other, "d").await.unwrap().unwrap().target, lit("b"));
    assert_eq!(names(&dirs.list(&other).await.unwrap()), ["d"]);
}

#[actix::test]
async fn paths_are_followed_and_made() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    let made = dirs.make_dirs(&root, &path("a/b/c")).await.unwrap();
    assert_eq!(dirs.make_dirs(&root, &path("a/b/c")).await.unwrap(), made);
    assert_eq!(at(&dirs, &root, "a/b/c").await.unwrap().target, Target::Known(made.clone()));
    dirs.set(&made, vec![link("file", lit("x"))], Replace::No).await.unwrap();
    let through = dirs.make_dirs(&root, &path("a/b/c/file/d")).await;
    assert!(matches!(through, Err(DirError::NotADirectory(name)) if name == "file"));
    let metadata = at(&dirs, &root, "a/b").await.unwrap().metadata;
    assert!(metadata.map()["tahoe"]["linkcrtime"].is_number());
}

#[actix::test]
async fn a_change_that_starts_from_what_was_seen_finds_out_what_came_since() {
    let world = world();
    let (ours, theirs) = (world.node(), world.node());
    let root = ours.create(Vec::new()).await.unwrap();
    let (first, second) = (ours.look(&root, "x").await, ours.look(&root, "x").await);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.child().unwrap(), None);
    theirs.set(&root, vec![link("x", lit("theirs"))], Replace::No).await.unwrap();
    let refused = ours.set(first, vec![link("x", lit("ours"))], Replace::No).await;
    assert!(matches!(refused, Err(DirError::Exists(name)) if name == "x"));
    let replaced = ours.set(second, vec![link("x", lit("ours"))], Replace::Yes).await.unwrap();
    assert_eq!(replaced, [true], "it was not there when it was seen");
    assert_eq!(theirs.get(&root, "x").await.unwrap().unwrap().target, lit("ours"));
    // What is of another row, or another directory, is no start for this one.
    let other = ours.create(Vec::new()).await.unwrap();
    let seen = ours.look(&other, "y").await.unwrap();
    ours.relink((&root, "x"), (seen, "z"), Replace::No).await.unwrap();
    assert_eq!(names(&ours.list(&other).await.unwrap()), ["z"]);
}

#[actix::test]
async fn writers_at_once_merge_and_nothing_is_lost() {
    let world = world();
    let root = world.node().create(Vec::new()).await.unwrap();
    let nodes: Vec<Directories> = (0..4).map(|_| world.node()).collect();
    let root = &root;
    let writers = nodes.iter().enumerate().map(|(node, dirs)| async move {
        for round in 0..10 {
            let name = format!("{node}-{round}");
            dirs.set(root, vec![link(&name, lit(&name))], Replace::No).await.unwrap();
        }
    });
    no_hang("writers", join_all(writers)).await;
    let listing = world.node().list(root).await.unwrap();
    assert_eq!(listing.entries.len(), 40);
    // On one name, exactly one of them is first.
    let racers = nodes
        .iter()
        .map(|dirs| async { dirs.set(root, vec![link("same", lit("x"))], Replace::No).await });
    let won = join_all(racers).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
    let way = path("d");
    let makers = nodes.iter().map(|dirs| dirs.make_dirs(root, &way));
    let made: Vec<Cap> = join_all(makers).await.into_iter().map(Result::unwrap).collect();
    assert!(made.iter().all(|cap| *cap == made[0]));
}

#[actix::test]
async fn the_threads_of_one_node_do_not_take_each_other_for_rollbacks() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    let worker = |number: usize| {
        let (dirs, root) = (dirs.clone(), root.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                for round in 0..60 {
                    let name = format!("{number}-{round}");
                    let set = vec![link(&name, lit("x"))];
                    dirs.set(&root, set, Replace::No).await.unwrap();
                    assert!(dirs.get(&root, &name).await.unwrap().is_some());
                    dirs.list(&root).await.unwrap();
                    dirs.version(&root).await.unwrap();
                }
            });
        })
    };
    let workers: Vec<_> = (0..4).map(worker).collect();
    let joined = tokio::task::spawn_blocking(|| {
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    no_hang("workers", joined).await.unwrap();
    assert_eq!(dirs.list(&root).await.unwrap().entries.len(), 240);
}

#[actix::test]
async fn a_directory_is_listed_whole_while_others_change_it() {
    let world = world();
    let dirs = world.node();
    let children = (0..3_000).map(|i| format!("{i:05}"));
    let children = children.map(|name| Entry { child: child(lit(&name)), name }).collect();
    let root = &dirs.create(children).await.unwrap();
    let busy = world.node();
    let writer = async {
        for i in 0..20 {
            busy.set(root, vec![link(&format!("n{i}"), lit("n"))], Replace::No).await.unwrap();
            busy.unlink(root, &format!("{i:05}")).await.unwrap();
        }
    };
    let reader = async {
        for _ in 0..8 {
            let listing = dirs.list(root).await.unwrap();
            assert!((3_000..=3_001).contains(&listing.entries.len()));
        }
    };
    no_hang("both", futures_util::future::join(writer, reader)).await;
    assert_eq!(dirs.list(root).await.unwrap().entries.len(), 3_000);
}

#[actix::test]
async fn large_directories_share_their_memory_and_small_ones_do_not_wait_for_it() {
    const MOST: usize = 8 << 20;
    let world = world();
    let maker = world.node();
    let (root, small) =
        (maker.create(Vec::new()).await.unwrap(), maker.create(Vec::new()).await.unwrap());
    let links = (0..5_000).map(|i| link(&format!("{i}"), lit("x"))).collect();
    maker.set(&root, links, Replace::No).await.unwrap();
    let never = world.node().with_memory(Memory::new(1 << 20)).list(&root).await;
    assert!(matches!(never, Err(DirError::NoRoom(NoRoom::Never))));
    let memory = Memory::new(MOST);
    let dirs = world.node().with_memory(memory.clone());
    let held = memory.large(MOST, Duration::ZERO).await.unwrap();
    let order = RefCell::new(Vec::new());
    let large = async {
        let listing = dirs.list(&root).await.unwrap();
        order.borrow_mut().push("large");
        assert_eq!(listing.entries.len(), 5_000);
        let room = listing.room.bytes();
        assert!((5_000 * 200..MOST / 2).contains(&room), "{room} for the entries alone");
        assert!(memory.large(MOST, Duration::ZERO).await.is_err());
    };
    let others = async {
        dirs.list(&small).await.unwrap();
        // More names than can be asked for need all rows, for which who changes does not wait.
        let many = (0..2_000).map(|i| link(&format!("{i}"), lit("y"))).collect();
        let refused = dirs.set(&root, many, Replace::Yes).await;
        assert!(matches!(refused, Err(DirError::TooManyAtOnce)));
        let few = (0..ROW_IDS_MAX).map(|i| link(&format!("{i}"), lit("z"))).collect();
        dirs.set(&root, few, Replace::Yes).await.unwrap();
        order.borrow_mut().push("small");
        drop(held);
    };
    no_hang("both", futures_util::future::join(large, others)).await;
    assert_eq!(*order.borrow(), ["small", "large"]);
    assert!(memory.large(MOST, Duration::ZERO).await.is_ok(), "all was given back");
}

#[actix::test]
async fn a_large_change_begins_anew_with_the_room_that_it_had() {
    let world = world();
    let maker = world.node();
    let root = maker.create(Vec::new()).await.unwrap();
    maker
        .set(&root, (0..5_000).map(|i| link(&format!("{i}"), lit("x"))).collect(), Replace::No)
        .await
        .unwrap();
    // So much that it can be had once, and not twice.
    let mut least = 1 << 20;
    while world.node().with_memory(Memory::new(least)).list(&root).await.is_err() {
        least += 1 << 19;
    }
    let dirs = world.node().with_memory(Memory::new(least + least / 2));
    let changes = async {
        for round in 0..2 {
            let many = (0..=ROW_IDS_MAX).map(|i| link(&format!("{i}"), lit(&format!("{round}"))));
            // However often others are first, there is room to begin anew.
            let set = dirs.set(&root, many.collect(), Replace::Yes).await;
            assert!(matches!(set, Ok(_) | Err(DirError::TooManyRedos)), "{set:?}");
        }
    };
    let done = std::cell::Cell::new(false);
    let others = async {
        let busy = world.node();
        for i in (0..).take_while(|_| !done.get()) {
            busy.set(&root, vec![link(&format!("other {i}"), lit("o"))], Replace::No)
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let changes = async {
        changes.await;
        done.set(true);
    };
    no_hang("both", futures_util::future::join(changes, others)).await;
}

#[actix::test]
async fn many_links_at_once_are_one_change() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    let before = dirs.version(&root).await.unwrap();
    let links = (0..5_000).map(|i| link(&format!("{i}"), lit("x"))).collect();
    dirs.set(&root, links, Replace::No).await.unwrap();
    assert_eq!(dirs.version(&root).await.unwrap(), before + 1);
    assert_eq!(dirs.list(&root).await.unwrap().entries.len(), 5_000);
    assert_eq!(dirs.get(&root, "4999").await.unwrap().unwrap().target, lit("x"));
    let links = (0..2_000).map(|i| link(&format!("{i}"), lit("y"))).collect();
    assert_eq!(dirs.set(&root, links, Replace::Yes).await.unwrap(), vec![true; 2_000]);
    assert_eq!(dirs.get(&root, "7").await.unwrap().unwrap().target, lit("y"));
}

#[actix::test]
async fn immutable_directories_are_files_of_what_cannot_change() {
    let world = world();
    let dirs = world.node();
    let entry = |name: &str, target| Entry { name: name.to_owned(), child: child(target) };
    let small = dirs.create_immutable(vec![entry("a", lit(""))]).await.unwrap();
    assert!(matches!(small, Cap::Table(FileCap::Lit(_))));
    let data = vec![7; 5_000];
    let source = Source::bytes(data.clone());
    let file = world.grid.client.upload(source, Default::default()).await.unwrap().cap;
    let children = vec![entry("f", Target::Known(file)), entry("d", Target::Known(small.clone()))];
    let large = dirs.create_immutable(children.clone()).await.unwrap();
    assert!(matches!(large, Cap::Table(FileCap::Chk(_))));
    assert_eq!(dirs.create_immutable(children).await.unwrap(), large);
    let listing = dirs.list(&large).await.unwrap();
    assert!(!listing.writable && !listing.mutable);
    assert_eq!(names(&listing), ["d", "f"]);
    assert_eq!(at(&dirs, &large, "d/a").await.unwrap().target, lit(""));
    let set = dirs.set(&large, vec![link("x", lit("x"))], Replace::Yes).await;
    assert!(matches!(set, Err(DirError::Immutable)));
    let root = dirs.create(Vec::new()).await.unwrap();
    let bad = dirs.create_immutable(vec![entry("r", Target::Known(root.clone()))]).await;
    assert!(matches!(bad, Err(DirError::BadChild { .. })));
    let made = dirs.make_dirs(&large, &path("d/new")).await;
    assert!(matches!(made, Err(DirError::Immutable)));
    assert!(dirs.make_dirs(&large, &path("d")).await.is_ok());
}

/// Everything that a walk tells.
async fn walked(dirs: &Directories, root: &Cap) -> (Vec<Reached>, Vec<Missed>) {
    let mut walk = Traversal::new(dirs.clone(), root.clone(), Arc::new(|_| true));
    let (mut reached, mut missed) = (Vec::new(), Vec::new());
    while let Some(step) = walk.next().await {
        match step {
            Ok(one) => reached.push(one),
            Err(one) => missed.push(one),
        }
    }
    (reached, missed)
}

#[actix::test]
async fn a_walk_goes_no_deeper_than_a_path() {
    let world = world();
    let dirs = world.node();
    let mut top = dirs.create(Vec::new()).await.unwrap();
    for depth in 0..PATH_MAX {
        let entry = Entry { name: "d".to_owned(), child: child(Target::Known(top)) };
        top = dirs.create(vec![entry]).await.unwrap();
        if depth + 2 == PATH_MAX {
            let mut walk = Traversal::new(dirs.clone(), top.clone(), Arc::new(|_| true));
            while let Some(reached) = walk.next().await {
                reached.unwrap();
            }
            assert_eq!(walk.stats.directories, PATH_MAX as u64);
        }
    }
    let (reached, missed) = walked(&dirs, &top).await;
    assert_eq!(reached.len(), PATH_MAX + 1);
    let [Missed { path, why: Why::Unlisted(DirError::TooBig(_)), .. }] = missed.as_slice() else {
        panic!("{missed:?}")
    };
    assert_eq!(path.len(), PATH_MAX);
}

#[actix::test]
async fn watchers_hear_of_changes() {
    let world = world();
    let (dirs, watcher) = (world.node(), world.node());
    let root = dirs.create(Vec::new()).await.unwrap();
    let mut news = watcher.watch(&read_cap(&root)).await.unwrap();
    assert_eq!(news.next().await, Some(1));
    dirs.set(&root, vec![link("x", lit("x"))], Replace::No).await.unwrap();
    assert_eq!(no_hang("news", news.next()).await, Some(2));
    for i in 0..10 {
        dirs.set(&root, vec![link("x", lit(&i.to_string()))], Replace::Yes).await.unwrap();
    }
    let mut last = 2;
    while last < 12 {
        last = no_hang("news", news.next()).await.unwrap();
    }
    world.net.kill("vdrive");
    assert_eq!(no_hang("the end", news.next()).await, None);
}

#[actix::test]
async fn a_dead_server_is_told_and_found_again() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    world.net.kill("vdrive");
    let gone = no_hang("list", dirs.list(&root)).await;
    assert!(matches!(gone, Err(DirError::Unreachable { .. })), "{gone:?}");
    world.net.revive("vdrive");
    dirs.set(&root, vec![link("x", lit("x"))], Replace::No).await.unwrap();
    // A cap of a directory that was never made.
    let Cap::Vdrive(VdriveCap::Write(cap)) = &root else { panic!("no directory") };
    let key = tahoe::base::secret::Secret::new([5; 32]);
    let nobody = Cap::Vdrive(VdriveCap::Write(tahoe::cap::DirCap::new(cap.place().clone(), key)));
    assert!(matches!(dirs.list(&nobody).await, Err(DirError::NoSuchDirectory(_))));
}

#[actix::test]
async fn a_server_that_only_a_cap_names_is_dialled_when_allowed() {
    let world = world();
    let root = world.node().create(Vec::new()).await.unwrap();
    let careful =
        world.node_of(tub_on(&world.net), Arc::new(TubBook::new()), SeenHeads::in_memory());
    let dialled = world.net.dialled();
    assert!(
        matches!(careful.list(&root).await, Err(DirError::NewTub(tub)) if tub == world.furl.tub())
    );
    assert_eq!(world.net.dialled(), dialled);
    careful.allowing_new_tubs().list(&root).await.unwrap();
    careful.list(&root).await.unwrap();
}

#[actix::test]
async fn a_restored_backup_is_noticed_until_it_is_accepted() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    let seen = || SeenHeads::open(&folder.path().join("seen")).unwrap();
    let tub = tub_on(&world.net);
    let dirs = world.node_on(tub.clone(), seen());
    let root = dirs.create(Vec::new()).await.unwrap();
    dirs.set(&root, vec![link("x", lit("x"))], Replace::No).await.unwrap();
    let backup = tempfile::tempdir().unwrap();
    copy(world.dir.path(), backup.path());
    dirs.set(&root, vec![link("y", lit("y"))], Replace::No).await.unwrap();
    let (service, restorer) = tahoe::vdrive::VdriveServer::start(
        tahoe::vdrive::Store::open(tahoe::vdrive::StoreConfig {
            index_on_disk: false,
            ..tahoe::vdrive::StoreConfig::new(backup.path())
        })
        .unwrap(),
        "restored",
    );
    world.restorer.by(restorer);
    drop(service);
    // Another process of the same node, so that no reference is left.
    drop(dirs);
    tub.shutdown();
    while !world.tub.connected().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let dirs = world.node_with(seen());
    let rolled = |result| matches!(result, Err(DirError::Rollback { seen: 3, got: 2 }));
    assert!(rolled(dirs.list(&root).await.map(drop)));
    let set = dirs.set(&root, vec![link("z", lit("z"))], Replace::No).await;
    assert!(rolled(set.map(drop)));
    assert_eq!(dirs.accept_rollback(&root).await.unwrap(), (3, 2));
    assert_eq!(names(&dirs.list(&root).await.unwrap()), ["x"]);
    dirs.set(&root, vec![link("z", lit("z"))], Replace::No).await.unwrap();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[actix::test]
async fn leases_are_added() {
    let world = world();
    let dirs = world.node();
    let root = dirs.create(Vec::new()).await.unwrap();
    assert!(dirs.add_lease(&root).await.unwrap() > 0);
    assert!(dirs.add_lease(&root.verify_cap().unwrap()).await.unwrap() > 0);
}
