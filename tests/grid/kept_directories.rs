//! Directories that a keeper copies into the grid, and that come back from there when their server has
//! lost them.

use crate::kept_files::Kept;
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tahoe::base::limits::{KEEP_COPY_AFTER, KEEP_COPY_ROUNDS, RESTORED_GAP};
use tahoe::cap::Cap;
use tahoe::grid::dirnode::{DirError, Directories, NewEntry, Replace, Restored, Target};
use tahoe::keeper::Keeper;
use tahoe::keeper::restore::{Fate, Outcome, To};
use tahoe_testing::dirs::{Server, at, link, lit, names};
use tahoe_testing::folder::Folder;
use tahoe_testing::{grid, no_hang, tub_on, until};

/// All files below a directory, and what they hold, by path.
async fn tree(kept: &Kept, root: &Cap) -> BTreeMap<String, Target> {
    let mut walk = kept.files.walk(root.clone());
    let mut found = BTreeMap::new();
    while let Some(reached) = walk.next().await {
        let reached = reached.unwrap();
        if !reached.is_directory() {
            found.insert(reached.path.join("/"), reached.target);
        }
    }
    found
}

async fn restored(keeper: &Keeper, root: &Cap, to: To) -> Vec<Outcome> {
    let stream = keeper.restore(root.clone(), to).unwrap();
    no_hang("directories that come back", stream.collect::<Vec<_>>()).await
}

async fn put(dirs: &Directories, dir: &Cap, name: &str) {
    dirs.set(dir, vec![link(name, lit(name))], Replace::Yes).await.unwrap();
}

/// A drive of several directories: one below another, one in two places, one that leads back up, and one
/// that can only be read.
async fn drive(kept: &Kept) -> Vec<Cap> {
    kept.fill(5).await;
    let (root, dirs) = (kept.root(), kept.files.directories());
    let deep = dirs.make_dirs(&root, &["a".to_owned(), "b".to_owned()]).await.unwrap();
    put(dirs, &deep, "x").await;
    let to = |name: &str, cap: &Cap| NewEntry {
        name: name.to_owned(),
        target: Target::Known(cap.clone()),
        metadata: None,
    };
    let lent = dirs.create(Vec::new()).await.unwrap();
    put(dirs, &lent, "y").await;
    let links = vec![to("again", &deep), to("lent", &lent.read_cap())];
    dirs.set(&root, links, Replace::No).await.unwrap();
    dirs.set(&deep, vec![to("up", &root)], Replace::No).await.unwrap();
    vec![root, deep, lent]
}

#[actix::test]
async fn a_tree_that_its_server_lost_comes_back_under_its_caps() {
    let mut kept = Kept::on(grid(10)).await;
    let caps = drive(&kept).await;
    let (root, deep, lent) = (&caps[0], &caps[1], &caps[2]);
    let before = tree(&kept, root).await;
    let round = kept.after(0).await;
    // The root, its folder, a, b and what is lent.
    assert_eq!((round.figures.directories, round.figures.copied), (5, 5));
    assert!(round.troubles.is_empty(), "{:?}", round.troubles);
    // What changes after a copy is lost with the server.
    put(kept.files.directories(), deep, "later").await;
    put(kept.files.directories(), deep, "later still").await;
    let seen = kept.files.directories().version(deep).await.unwrap();
    kept.server.lose_everything();
    kept.start_again();
    let dirs = kept.files.directories().clone();
    let forgotten = async {
        // What the old links hold goes with them.
        while !matches!(dirs.list(root).await, Err(DirError::NoSuchDirectory(_))) {
            actix_rt::time::sleep(Duration::from_millis(5)).await;
        }
    };
    no_hang("a server that forgets", forgotten).await;
    let outcomes = restored(&kept.keeper, root, To::Same).await;
    let of = |path: &str| outcomes.iter().find(|outcome| outcome.path.join("/") == path).unwrap();
    assert_eq!(outcomes.len(), 5);
    assert!(matches!(of("").fate, Fate::Back(_)), "{outcomes:?}");
    assert!(matches!(of("folder").fate, Fate::Back(_)));
    let back = outcomes.iter().find(|outcome| outcome.cap == *deep).unwrap();
    let Fate::Back(state) = back.fate else { panic!("{back:?}") };
    assert_eq!((state.seen, state.seq), (Some(seen), seen - 2));
    let Fate::Not(why) = &of("lent").fate else { panic!("{:?}", of("lent")) };
    assert!(why.contains("who may write to it"), "{why}");
    // Its writer can.
    let own = restored(&kept.keeper, lent, To::Same).await;
    assert!(matches!(own[..], [Outcome { fate: Fate::Back(_), .. }]), "{own:?}");
    assert_eq!(tree(&kept, root).await, before);
    // It goes on, and whoever saw what is lost takes it for newer.
    assert!(dirs.version(deep).await.unwrap() > seen + RESTORED_GAP / 2);
    put(&dirs, deep, "new").await;
    assert!(at(&dirs, root, "a/b/new").await.is_ok());
    let again = restored(&kept.keeper, root, To::Same).await;
    assert!(again.iter().all(|outcome| outcome.fate == Fate::There), "{again:?}");
    assert_eq!(kept.after(1).await.figures.copied, 5, "they are copied as they are now");
}

#[actix::test]
async fn a_tree_comes_back_on_another_server_as_it_was() {
    let mut kept = Kept::on(grid(10)).await;
    let root = drive(&kept).await.swap_remove(0);
    let before = tree(&kept, &root).await;
    kept.after(0).await;
    // The server is gone for good.
    let other = Server::at((&kept.net, "another"), Folder::memory());
    kept.server.tub.shutdown();
    kept.server = other;
    kept.start_again();
    let dirs = kept.files.directories().clone();
    assert!(dirs.list(&root).await.is_err());
    for cap in [root.read_cap(), root.clone()] {
        let outcomes = restored(&kept.keeper, &cap, To::New).await;
        assert_eq!(outcomes.len(), 5, "{outcomes:?}");
        let Fate::Copied(new, Some(_)) = &outcomes[0].fate else { panic!("{:?}", outcomes[0]) };
        assert!(outcomes.iter().all(|outcome| matches!(outcome.fate, Fate::Copied(_, Some(_)))));
        assert_eq!(tree(&kept, new).await, before);
        let listing = dirs.list(new).await.unwrap();
        assert_eq!(names(&listing), ["a", "again", "folder", "lent"]);
        let deep = at(&dirs, new, "a/b").await.unwrap().target;
        assert_eq!(
            deep,
            at(&dirs, new, "again").await.unwrap().target,
            "one directory, two places"
        );
        let up = at(&dirs, new, "a/b/up").await.unwrap().target;
        assert_eq!(up, Target::Known((**new).clone()).strength(&cap), "it leads back up");
        let lent = at(&dirs, new, "lent").await.unwrap().target;
        assert!(lent.known().is_some_and(|lent| !lent.is_writable()));
    }
}

/// What a link gives that was found by way of a cap.
trait Strength {
    fn strength(self, by: &Cap) -> Self;
}

impl Strength for Target {
    fn strength(self, by: &Cap) -> Self {
        if by.is_writable() { self } else { self.read_only() }
    }
}

fn shares(kept: &Kept) -> BTreeSet<String> {
    let disks = kept.grid.servers.iter().map(|server| server.disk.lock().unwrap());
    disks
        .flat_map(|disk| disk.shares.keys().map(|(si, _)| si.to_string()).collect::<Vec<_>>())
        .collect()
}

#[actix::test]
async fn of_each_directory_the_newest_copy_is_kept_and_what_is_lost_of_it_made_again() {
    let mut kept = Kept::on(grid(10)).await;
    kept.fill(1).await;
    let root = kept.root();
    let round = kept.after(0).await;
    assert_eq!((round.figures.copied, shares(&kept).len()), (2, 3), "a file and two copies");
    let before = shares(&kept);
    for n in 0..3 {
        put(kept.files.directories(), &root, &format!("new {n}")).await;
        assert_eq!(kept.after(1).await.figures.copied, 2);
        assert_eq!(shares(&kept).len(), 3, "the old copy is let go");
    }
    let now = shares(&kept);
    let copy = now.difference(&before).next().unwrap().clone();
    assert_eq!(now.difference(&before).count(), 1);
    for server in &kept.grid.servers {
        server.disk.lock().unwrap().shares.retain(|(si, _), _| si.to_string() != copy);
    }
    kept.restart();
    let round = kept.after(1).await;
    assert_eq!((round.figures.copied, shares(&kept)), (2, now), "the same state, the same file");
    // What is out of the drive is let go a month of rounds later.
    kept.files.directories().unlink(&root, "folder").await.unwrap();
    for _ in 0..KEEP_COPY_ROUNDS {
        kept.after(1).await;
        assert_eq!(shares(&kept).len(), 3);
    }
    kept.after(1).await;
    assert_eq!(shares(&kept).len(), 2, "the file, which nobody deletes, and the root's copy");
}

#[actix::test]
async fn what_is_changed_here_is_copied_soon() {
    let kept = Kept::on(grid(10)).await;
    kept.fill(1).await;
    let (root, dirs) = (kept.root(), kept.files.directories().clone());
    tokio::time::pause();
    let _running = actix_rt::spawn(kept.keeper.clone().run());
    tokio::time::sleep(KEEP_COPY_AFTER * 2).await;
    until(|| shares(&kept).len() == 3).await;
    put(&dirs, &root, "new").await;
    let before = shares(&kept);
    tokio::time::sleep(KEEP_COPY_AFTER / 2).await;
    assert_eq!(shares(&kept), before, "more may come");
    tokio::time::sleep(KEEP_COPY_AFTER).await;
    until(|| shares(&kept) != before && shares(&kept).len() == 3).await;
    kept.keeper.pause(true);
    let before = shares(&kept);
    put(&dirs, &root, "newer").await;
    tokio::time::sleep(KEEP_COPY_AFTER * 3).await;
    assert_eq!(shares(&kept), before);
}

#[actix::test]
async fn copies_outlast_a_server_that_is_away_for_long() {
    let kept = Kept::on(grid(10)).await;
    kept.fill(3).await;
    kept.after(0).await;
    let (root, before) = (kept.root(), shares(&kept));
    assert_eq!(before.len(), 5);
    kept.server.tub.shutdown();
    let dirs = kept.files.directories();
    let away = async {
        while dirs.list(&root).await.is_ok() {
            actix_rt::time::sleep(Duration::from_millis(5)).await;
        }
    };
    no_hang("a server that goes", away).await;
    for server in &kept.grid.servers {
        server.disk.lock().unwrap().leases.clear();
    }
    for _ in 0..=KEEP_COPY_ROUNDS + 1 {
        let round = kept.after(2).await;
        assert_eq!((round.figures.unread, round.figures.copied), (1, 0));
    }
    assert_eq!(shares(&kept), before);
    let leased = kept.grid.servers.iter().map(|server| {
        let disk = server.disk.lock().unwrap();
        disk.leases.values().filter(|leases| !leases.is_empty()).count()
    });
    // The files are below what cannot be read.
    assert_eq!(leased.sum::<usize>(), 20, "the copies have their leases");
}

#[actix::test]
async fn an_older_state_gives_way_to_the_copy_and_what_was_added_to_it_stays() {
    let mut kept = Kept::on(grid(10)).await;
    kept.fill(1).await;
    let root = kept.root();
    for name in ["x", "y"] {
        put(kept.files.directories(), &root, name).await;
    }
    kept.after(0).await;
    // Another one makes what the server has lost, as a newcomer makes the directory that all share.
    kept.server.lose_everything();
    kept.tub.shutdown();
    let apart = kept.server.directories(kept.grid.client.clone(), tub_on(&kept.net));
    let forgotten = async {
        while !matches!(apart.list(&root).await, Err(DirError::NoSuchDirectory(_))) {
            actix_rt::time::sleep(Duration::from_millis(5)).await;
        }
    };
    no_hang("a server that forgets", forgotten).await;
    apart.create_as(&root, Vec::new()).await.unwrap();
    put(&apart, &root, "added").await;
    kept.start_again();
    let dirs = kept.files.directories().clone();
    assert!(matches!(dirs.list(&root).await, Err(DirError::Rollback { .. })));
    let outcomes = restored(&kept.keeper, &root, To::Same).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome.fate, Fate::Back(_))), "{outcomes:?}");
    assert_eq!(names(&dirs.list(&root).await.unwrap()), ["added", "folder", "x", "y"]);
    // Neither who saw the old nor who saw the new takes it for older.
    assert_eq!(names(&apart.list(&root).await.unwrap()), ["added", "folder", "x", "y"]);
}

#[actix::test]
async fn what_cannot_be_made_anew_stays_linked_where_it_was() {
    let mut kept = Kept::on(grid(10)).await;
    kept.fill(1).await;
    kept.after(0).await;
    let (root, dirs) = (kept.root(), kept.files.directories().clone());
    // Of one there is no copy yet.
    let late = dirs.create(Vec::new()).await.unwrap();
    let link =
        NewEntry { name: "late".to_owned(), target: Target::Known(late.clone()), metadata: None };
    dirs.set(&root, vec![link], Replace::No).await.unwrap();
    dirs.unlink(&late, "x").await.unwrap_err();
    let copy = dirs.snapshot(&root).await.unwrap();
    let line = format!(
        "{} {} {} 1 0 {}",
        tahoe::base::base32::encode(&root.vdrive().unwrap().directory_id()),
        copy.seq,
        tahoe::base::base32::encode(&copy.head),
        copy.cap.reveal()
    );
    assert!(tahoe::keeper::Store::add_copy(&*kept.papers, &line));
    let other = Server::at((&kept.net, "another"), Folder::memory());
    kept.server.tub.shutdown();
    kept.server = other;
    kept.start_again();
    let outcomes = restored(&kept.keeper, &root, To::New).await;
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|one| matches!(one.fate, Fate::Not(_)))
        .map(|one| &one.path)
        .collect();
    assert_eq!((failed, outcomes.len()), (vec![&vec!["late".to_owned()]], 3), "{outcomes:?}");
    let Fate::Copied(new, _) = &outcomes[0].fate else { panic!("{outcomes:?}") };
    let dirs = kept.files.directories();
    assert_eq!(at(dirs, new, "late").await.unwrap().target, Target::Known(late));
    assert!(at(dirs, new, "folder/file 0").await.is_ok());
}

#[actix::test]
async fn what_is_no_copy_of_a_directory_brings_nothing_back() {
    let mut kept = Kept::on(grid(10)).await;
    kept.fill(1).await;
    let (root, dirs) = (kept.root(), kept.files.directories().clone());
    let other = dirs.create(Vec::new()).await.unwrap();
    put(&dirs, &other, "x").await;
    let foreign = dirs.snapshot(&other).await.unwrap();
    let good = dirs.snapshot(&root).await.unwrap();
    let bytes = kept.grid.read(&good.cap).await.unwrap();
    kept.server.lose_everything();
    kept.start_again();
    let dirs = kept.files.directories().clone();
    let row = bytes[232..].to_vec();
    let mut bad: Vec<Vec<u8>> = [0, 3, 100, 231, 232, 250, bytes.len() - 1]
        .map(|len| [&bytes[..len], &[0; 60][len.min(60)..]].concat())
        .to_vec();
    // A row more, one twice, and one that says that it is very long.
    bad.push([&bytes[..], &row].concat());
    bad.push([&bytes[..], &[1; 60]].concat());
    bad.push([&bytes[..232 + 40], &[255; 8], &bytes[232 + 48..]].concat());
    for bit in (0..bytes.len() * 8).step_by(bytes.len() * 8 / 60) {
        let mut one = bytes.to_vec();
        one[bit / 8] ^= 1 << (bit % 8);
        bad.push(one);
    }
    let mut caps = vec![foreign.cap];
    for one in bad {
        caps.push(kept.grid.put(&one).await);
    }
    for (number, cap) in caps.iter().enumerate() {
        let listed = dirs.list_snapshot(&root, cap).await;
        assert!(matches!(listed, Err(DirError::Corrupt(_))), "{number}: {listed:?}");
        assert!(dirs.restore(&root, cap).await.is_err(), "{number}");
    }
    assert!(dirs.restore(&root.read_cap(), &good.cap).await.is_err(), "who only reads it");
    assert!(matches!(dirs.restore(&root, &good.cap).await, Ok(Restored::Back { .. })));
    assert_eq!(names(&dirs.list(&root).await.unwrap()), ["folder"]);
}
