//! What a server that lies can do, in league with somebody who has the read cap: nothing but refuse.

mod garbage;
mod lost;
mod overtaken;

use super::seal::RowKeys;
use super::*;
use crate::base::limits::ROWS_MAX;
use crate::base::secret::{LeaseMasterSecret, Secret};
use crate::base::system::random;
use crate::cap::{DirCap, FileCap, LitCap, VdriveCap};
use crate::codec::convergence::ConvergenceSecret;
use crate::grid::{ClientSecrets, ParamsInForce, ServerPool};
use crate::tub::{
    AnyMessage, Bulk, Delivery, Identity, Interface, LoopbackNet, Object, Ref, RemoteError,
    Swissnum, TubOptions,
};
use crate::vdrive::api::{
    ChangeOutcome, Changed, DirectoryReader, DirectoryWriter, HeadNow, Page, Rows,
};
use crate::vdrive::format::{Head, Row, SignedHead, Trie};
use crate::vdrive::{Store, StoreConfig, VdriveServer};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Changes answers on their way out; shared by all facets of the directory.
type Lie = Arc<Mutex<Box<dyn FnMut(&mut Answer<'_>) + Send>>>;

/// An answer that a lie may change.
enum Answer<'a> {
    Head(&'a mut HeadNow),
    Rows(&'a mut Rows),
    Page(&'a mut Page),
    Changed(&'a mut Changed),
}

/// Passes calls on and answers what the lie makes of the truth.
struct Liar<I: Interface> {
    real: Ref<I>,
    lie: Lie,
    /// The answer to the next change gets lost.
    lose: Arc<AtomicBool>,
}

impl<I: Interface> Object for Liar<I> {
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        let (answer, lie) = (I::forward(&self.real, method, message), self.lie.clone());
        let lose = self.lose.clone();
        Box::pin(async move {
            let mut answer = answer.await?;
            if answer.is::<Changed>() && lose.swap(false, Ordering::SeqCst) {
                return Err(RemoteError::Disconnected);
            }
            let mut lie = lie.lock().unwrap();
            if let Some(head) = answer.downcast_mut::<HeadNow>() {
                lie(&mut Answer::Head(head));
            } else if let Some(rows) = answer.downcast_mut::<Rows>() {
                lie(&mut Answer::Rows(rows));
            } else if let Some(page) = answer.downcast_mut::<Page>() {
                lie(&mut Answer::Page(page));
            } else if let Some(changed) = answer.downcast_mut::<Changed>() {
                lie(&mut Answer::Changed(changed));
            }
            Ok(answer)
        })
    }
}

/// A directory with the children `a` and `b` on a server that lies when told to.
struct Scene {
    net: LoopbackNet,
    server: Tub,
    furl: Furl,
    cap: DirCap,
    /// Has seen the directory as it is.
    victim: Directories,
    lie: Lie,
    lose: Arc<AtomicBool>,
    _dir: tempfile::TempDir,
}

fn tub(net: &LoopbackNet) -> Tub {
    let network = Arc::new(net.clone());
    Tub::new(Identity::random(), TubOptions { network, ..TubOptions::default() })
}

fn node(net: &LoopbackNet, vdrive: &Furl) -> Directories {
    let secrets = ClientSecrets {
        convergence: ConvergenceSecret::new(vec![1; 32]),
        lease: LeaseMasterSecret::new([7; 32]),
    };
    let grid = Client::new(ServerPool::new(), secrets, ParamsInForce::new(None));
    let book = TubBook::new();
    book.learn(vdrive.tub(), vdrive.hints().to_vec());
    let (book, seen) = (Arc::new(book), SeenHeads::in_memory());
    Directories::new(grid, tub(net), Some(vdrive.clone()), book, seen)
}

fn lit(text: &str) -> Target {
    Target::Known(Cap::File(FileCap::Lit(LitCap::new(text.as_bytes().to_vec()))))
}

fn link(name: &str, text: &str) -> NewEntry {
    NewEntry { name: name.to_owned(), target: lit(text), metadata: None }
}

impl Scene {
    async fn new() -> Self {
        let (net, dir) = (LoopbackNet::default(), tempfile::tempdir().unwrap());
        let config = StoreConfig { index_on_disk: false, ..StoreConfig::new(dir.path()) };
        let (service, restorer) = VdriveServer::start(Store::open(config).unwrap(), "liar");
        let server = tub(&net);
        server.listen_loopback("liar").unwrap();
        server.add_restorer(restorer);
        let furl = server.register(service, None);
        let victim = node(&net, &furl);
        let Ok(Cap::Vdrive(VdriveCap::Write(cap))) = victim.create(Vec::new()).await else {
            panic!("not made")
        };
        let root = Cap::Vdrive(VdriveCap::Write(cap.clone()));
        victim.set(&root, vec![link("a", "1"), link("b", "2")], Replace::No).await.unwrap();
        let lie: Lie = Arc::new(Mutex::new(Box::new(|_| {})));
        let (victim, lose) = (node_like(&victim), Arc::default());
        let scene = Self { net, server, furl, cap, victim, lie, lose, _dir: dir };
        scene.stand_between::<DirectoryReader>(scene.cap.verify_cap().read_facet()).await;
        scene.stand_between::<DirectoryWriter>(scene.cap.write_facet()).await;
        scene
    }

    async fn stand_between<I: Interface>(&self, facet: [u8; 32]) {
        let furl = Furl::new(self.server.id(), Vec::new(), Swissnum::new(facet));
        let real: Ref<I> = self.server.get(&furl).await.unwrap();
        let liar = Ref::<I>::local(Liar { real, lie: self.lie.clone(), lose: self.lose.clone() });
        self.server.register(liar, Some(Swissnum::new(facet)));
    }

    fn tell(&self, lie: impl FnMut(&mut Answer<'_>) + Send + 'static) {
        *self.lie.lock().unwrap() = Box::new(lie);
    }

    fn root(&self) -> Cap {
        Cap::Vdrive(VdriveCap::Write(self.cap.clone()))
    }

    /// Nobody is told anything but the truth: neither who has seen the directory nor a stranger,
    /// neither reader nor writer.
    async fn is_found_out(&self, what: &str) {
        for dirs in [self.victim.clone(), node(&self.net, &self.furl)] {
            for cap in [self.root(), self.root().read_cap()] {
                let listed = dirs.list(&cap).await;
                assert!(matches!(listed, Err(DirError::Forged(_))), "{what}: {listed:?}");
                for name in ["a", "b", "new"] {
                    let found = dirs.get(&cap, name).await;
                    assert!(matches!(found, Err(DirError::Forged(_))), "{what}: {found:?}");
                }
            }
            let set = dirs.set(&self.root(), vec![link("a", "3")], Replace::Yes).await;
            assert!(matches!(set, Err(DirError::Forged(_))), "{what}: {set:?}");
        }
    }

    /// Nothing was changed while the server lied.
    async fn is_unharmed(&self) {
        self.tell(|_| {});
        let listing = self.victim.list(&self.root()).await.unwrap();
        let found: Vec<_> = listing.entries.into_iter().map(|e| (e.name, e.child.target)).collect();
        assert_eq!(found, [("a".to_owned(), lit("1")), ("b".to_owned(), lit("2"))]);
    }
}

/// Another process of the same node: what it has seen, and no reference.
fn node_like(dirs: &Directories) -> Directories {
    let mut other = dirs.clone();
    other.held = Held::default();
    other
}

/// Rows that a reader can seal: with the directory's own read column, and any write column.
fn forged_rows(cap: &DirCap, seq: u64) -> Vec<Row> {
    let keys = RowKeys::of(&cap.read_cap(), Some(&Secret::new(random()))).unwrap();
    let entries = ["a", "b", "new"].map(|name| {
        let child = Child { target: lit("forged"), metadata: Metadata::new() };
        Entry { name: name.to_owned(), child }
    });
    let mut rows: Vec<Row> = entries.iter().map(|entry| keys.seal(entry, seq).unwrap()).collect();
    rows.sort_by_key(|row| row.id);
    rows
}

/// Puts rows, their proof and a head in the place of the true ones.
fn forge(answer: &mut Answer<'_>, rows: &[Row], head: impl Fn(Head) -> (SignedHead, [u8; 32])) {
    let trie = Trie::of(rows.iter().map(|row| (row.id, row.hash())));
    let remade = |bytes: &mut Vec<u8>| {
        let real = SignedHead::from_bytes(bytes).unwrap();
        let like = Head { root: trie.root(), rows: rows.len() as u64, ..real.head };
        let (signed, key) = head(like);
        *bytes = signed.to_bytes().to_vec();
        key
    };
    let (bulk, proof) = (Bulk(Row::encode_all(rows)), Bulk(trie.to_bytes().into()));
    match answer {
        Answer::Head(now) => now.verify_key = remade(&mut now.head),
        Answer::Rows(found) => {
            found.verify_key = remade(&mut found.head);
            (found.rows, found.proof) = (bulk, proof);
        }
        Answer::Page(page) => {
            page.verify_key = remade(&mut page.head);
            (page.rows, page.more) = (bulk, false);
        }
        Answer::Changed(changed) => drop(remade(&mut changed.head)),
    }
}

#[actix_rt::test]
async fn readers_cannot_forge_rows_even_in_league_with_the_server() {
    let scene = Scene::new().await;
    let rows = forged_rows(&scene.cap, 2);
    let truth = scene.cap.verify_key();
    let own = || Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let own_key: [u8; 32] = own().public_key().as_ref().try_into().unwrap();
    // Signed by a key of their own, under its name and under the true one's.
    for (what, key) in [("another key", own_key), ("a wrong signature", truth)] {
        let (rows, pair) = (rows.clone(), own());
        scene.tell(move |answer| {
            forge(answer, &rows, |head| (SignedHead::sign(head, &pair), key));
        });
        scene.is_found_out(what).await;
    }
    // Under the true signature of another state.
    let forged = rows.clone();
    scene.tell(move |answer| {
        let signature = [0; 64];
        forge(answer, &forged, |head| (SignedHead { head, signature }, truth));
    });
    scene.is_found_out("no signature").await;
    scene.is_unharmed().await;
}

#[actix_rt::test]
async fn rows_that_the_true_head_does_not_prove_are_refused() {
    let scene = Scene::new().await;
    let rows = forged_rows(&scene.cap, 2);
    let bulk = Bulk(Row::encode_all(&rows));
    scene.tell(move |answer| match answer {
        Answer::Rows(found) => found.rows = bulk.clone(),
        Answer::Page(page) => page.rows = bulk.clone(),
        _ => {}
    });
    scene.is_found_out("forged rows under the true head").await;
    let trie = Trie::of(rows.iter().map(|row| (row.id, row.hash())));
    let (bulk, proof) = (Bulk(Row::encode_all(&rows)), Bulk(trie.to_bytes().into()));
    scene.tell(move |answer| match answer {
        Answer::Rows(found) => (found.rows, found.proof) = (bulk.clone(), proof.clone()),
        Answer::Page(page) => page.rows = bulk.clone(),
        _ => {}
    });
    scene.is_found_out("forged rows and proof under the true head").await;
    scene.is_unharmed().await;
}

/// What becomes of the rows of an answer.
async fn with_rows(change: fn(&mut Vec<Row>), name: &str) {
    let scene = Scene::new().await;
    scene.tell(move |answer| {
        let bulk = match answer {
            Answer::Rows(found) => &mut found.rows,
            Answer::Page(page) => &mut page.rows,
            _ => return,
        };
        let mut rows = Row::decode_all(bulk.0.clone()).unwrap();
        change(&mut rows);
        *bulk = Bulk(Row::encode_all(&rows));
    });
    for dirs in [scene.victim.clone(), node(&scene.net, &scene.furl)] {
        let listed = dirs.list(&scene.root()).await;
        assert!(matches!(listed, Err(DirError::Forged(_))), "{name}: {listed:?}");
        let found = dirs.get(&scene.root(), "a").await;
        assert!(matches!(found, Err(DirError::Forged(_))), "{name}: {found:?}");
    }
    scene.is_unharmed().await;
}

#[actix_rt::test]
async fn rows_cannot_be_dropped_swapped_repeated_or_changed() {
    with_rows(|rows| drop(rows.pop()), "dropped").await;
    with_rows(|rows| rows.iter_mut().for_each(|row| row.id[31] ^= 1), "under other ids").await;
    with_rows(|rows| rows.iter_mut().for_each(|row| row.seq += 1), "of another version").await;
    with_rows(|rows| rows.iter_mut().for_each(|row| row.write = row.read.clone()), "mixed").await;
    let swap = |rows: &mut Vec<Row>| {
        let reads: Vec<_> = rows.iter().map(|row| row.read.clone()).rev().collect();
        rows.iter_mut().zip(reads).for_each(|(row, read)| row.read = read);
        rows.iter_mut().for_each(|row| row.seq = row.seq.wrapping_sub(1));
    };
    with_rows(swap, "swapped").await;
}

/// A server in league with a writer, who signs what it likes.
fn signed_by_a_writer(cap: &DirCap, head: Head) -> Vec<u8> {
    let pair = Ed25519KeyPair::from_seed_unchecked(cap.signing_seed().reveal()).unwrap();
    SignedHead::sign(head, &pair).to_bytes().to_vec()
}

#[actix_rt::test]
async fn no_head_has_more_rows_than_there_may_be() {
    for rows in [ROWS_MAX + 1, u64::MAX / 2, u64::MAX] {
        let scene = Scene::new().await;
        let cap = scene.cap.clone();
        scene.tell(move |answer| {
            let head = match answer {
                Answer::Head(now) => &mut now.head,
                Answer::Rows(found) => &mut found.head,
                Answer::Page(page) => &mut page.head,
                Answer::Changed(_) => return,
            };
            let real = SignedHead::from_bytes(head).unwrap().head;
            *head = signed_by_a_writer(&cap, Head { rows, ..real });
        });
        scene.is_found_out("more rows than there may be").await;
    }
}

#[actix_rt::test]
async fn pages_without_end_are_not_gathered() {
    let scene = Scene::new().await;
    let pages = Arc::new(Mutex::new(0_u32));
    let sent = pages.clone();
    scene.tell(move |answer| {
        if let Answer::Page(page) = answer {
            let mut number = sent.lock().unwrap();
            let row = |at: u32| Row {
                id: std::array::from_fn(|i| at.to_be_bytes().get(i).copied().unwrap_or(0)),
                seq: 1,
                read: vec![0; 100].into(),
                write: vec![0; 100].into(),
            };
            let rows: Vec<Row> = (0..1_000).map(|at| row(*number * 1_000 + at)).collect();
            *number += 1;
            (page.rows, page.more) = (Bulk(Row::encode_all(&rows)), true);
        }
    });
    let listed = scene.victim.list(&scene.root()).await;
    assert!(matches!(listed, Err(DirError::Forged(_))), "{listed:?}");
    assert_eq!(*pages.lock().unwrap(), 1);
    scene.is_unharmed().await;
}

/// Head, rows and proof.
type Answered = (Vec<u8>, Bulk, Bulk);

#[actix_rt::test]
async fn an_old_answer_is_a_rollback_for_who_has_seen_a_newer_one() {
    let scene = Scene::new().await;
    // Whole answers of version 2, as they were given.
    let old: Arc<Mutex<Vec<Answered>>> = Arc::default();
    let keep = old.clone();
    scene.tell(move |answer| {
        if let Answer::Rows(found) = answer {
            let (rows, proof) = (found.rows.clone(), found.proof.clone());
            keep.lock().unwrap().push((found.head.clone(), rows, proof));
        }
    });
    scene.victim.get(&scene.root(), "a").await.unwrap();
    scene.tell(|_| {});
    let changed = scene.victim.set(&scene.root(), vec![link("a", "3")], Replace::Yes).await;
    assert_eq!(changed.unwrap(), [true]);
    scene.tell(move |answer| {
        if let Answer::Rows(found) = answer {
            let kept = old.lock().unwrap();
            let (head, rows, proof) = kept.first().unwrap();
            found.head = head.clone();
            (found.rows, found.proof) = (rows.clone(), proof.clone());
        }
    });
    let found = scene.victim.get(&scene.root(), "a").await;
    assert!(matches!(found, Err(DirError::Rollback { seen: 3, got: 2 })), "{found:?}");
    let set = scene.victim.set(&scene.root(), vec![link("b", "4")], Replace::Yes).await;
    assert!(matches!(set, Err(DirError::Rollback { seen: 3, got: 2 })), "{set:?}");
}

#[actix_rt::test]
async fn a_writer_signs_nothing_that_it_did_not_see_proven() {
    let scene = Scene::new().await;
    let rows = forged_rows(&scene.cap, 2);
    let trie = Trie::of(rows.iter().map(|row| (row.id, row.hash())));
    let (bulk, proof) = (Bulk(Row::encode_all(&rows)), Bulk(trie.to_bytes().into()));
    // The change is made, and the answer says that others came first, with rows of their own.
    scene.tell(move |answer| {
        if let Answer::Changed(changed) = answer {
            changed.outcome = ChangeOutcome::Stale;
            (changed.rows, changed.proof) = (bulk.clone(), proof.clone());
        }
    });
    let set = scene.victim.set(&scene.root(), vec![link("a", "3")], Replace::Yes).await;
    assert!(matches!(set, Err(DirError::Forged(_))), "{set:?}");
    // Said to be made, under the head of before.
    let before = Arc::new(Mutex::new(None));
    scene.tell(move |answer| match answer {
        Answer::Rows(found) => *before.lock().unwrap() = Some(found.head.clone()),
        Answer::Changed(changed) => changed.head = before.lock().unwrap().clone().unwrap(),
        _ => {}
    });
    let set = scene.victim.set(&scene.root(), vec![link("a", "4")], Replace::Yes).await;
    assert!(matches!(set, Err(DirError::Forged(_))), "{set:?}");
}

#[actix_rt::test]
async fn a_lost_answer_is_asked_for_again_and_the_change_made_once() {
    let scene = Scene::new().await;
    scene.lose.store(true, Ordering::SeqCst);
    let before = scene.victim.version(&scene.root()).await.unwrap();
    let set = scene.victim.set(&scene.root(), vec![link("c", "3")], Replace::No).await;
    assert_eq!(set.unwrap(), [false]);
    assert!(!scene.lose.load(Ordering::SeqCst));
    assert_eq!(scene.victim.version(&scene.root()).await.unwrap(), before + 1);
}
