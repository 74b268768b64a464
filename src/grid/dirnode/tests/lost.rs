//! What a change takes away is kept before it is gone, and only what went.

use super::*;
use crate::grid::dirnode::{Keeper, Lost};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

/// What is kept now, in the order of the changes; or a reason why nothing can be.
#[derive(Default)]
struct Shelf {
    kept: Mutex<Vec<Lost>>,
    full: AtomicBool,
}

impl Keeper for Shelf {
    fn keep(&self, lost: Lost) -> BoxFuture<'_, Result<(), String>> {
        let mut kept = self.kept.lock().unwrap();
        if self.full.load(Ordering::Relaxed) {
            return ready(Err("the disk is full".to_owned())).boxed();
        }
        kept.retain(|one| one.token != lost.token);
        kept.push(lost);
        ready(Ok(())).boxed()
    }

    fn forget(&self, token: String) -> BoxFuture<'_, ()> {
        self.kept.lock().unwrap().retain(|one| one.token != token);
        ready(()).boxed()
    }
}

impl Shelf {
    /// The names and targets that were kept since the last question.
    fn taken(&self) -> Vec<(String, Target, bool)> {
        let kept: Vec<_> = self.kept.lock().unwrap().drain(..).collect();
        let links = kept.into_iter().flat_map(|lost| {
            let replaced = lost.replaced;
            lost.links.into_iter().map(move |link| (link.name, link.child.target, replaced))
        });
        links.collect()
    }
}

impl Scene {
    fn keeping(&mut self) -> Arc<Shelf> {
        let shelf = Arc::new(Shelf::default());
        self.victim = self.victim.clone().kept_by(shelf.clone());
        shelf
    }
}

fn lost(name: &str, text: &str, replaced: bool) -> (String, Target, bool) {
    (name.to_owned(), lit(text), replaced)
}

#[actix_rt::test]
async fn what_goes_is_kept_whatever_takes_it() {
    let mut scene = Scene::new().await;
    let (shelf, root) = (scene.keeping(), scene.root());
    let dirs = &scene.victim;
    let set = async |name: &str, text: &str| {
        dirs.set(&root, vec![link(name, text)], Replace::Yes).await.unwrap();
    };
    set("x", "1").await;
    set("x", "1").await;
    assert_eq!(shelf.taken(), [], "nothing went");
    set("x", "2").await;
    assert_eq!(shelf.taken(), [lost("x", "1", true)]);
    set("y", "3").await;
    dirs.relink((&root, "x"), (&root, "z"), Replace::Yes).await.unwrap();
    assert_eq!(shelf.taken(), [], "it is where it was moved to");
    dirs.relink((&root, "z"), (&root, "y"), Replace::Yes).await.unwrap();
    assert_eq!(shelf.taken(), [lost("y", "3", true)]);
    let other = dirs.create(Vec::new()).await.unwrap();
    dirs.relink((&root, "y"), (&other, "y"), Replace::Yes).await.unwrap();
    assert_eq!(shelf.taken(), []);
    dirs.unlink(&other, "y").await.unwrap();
    assert_eq!(shelf.taken(), [lost("y", "2", false)]);
    for name in ["p", "q"] {
        set(name, name).await;
    }
    let names = ["q", "missing", "p", "q"].map(str::to_owned);
    assert_eq!(dirs.unlink_all(&root, &names).await.unwrap(), ["p", "q"]);
    assert_eq!(shelf.taken(), [lost("p", "p", false), lost("q", "q", false)]);
    assert_eq!(dirs.unlink_all(&root, &names).await.unwrap(), [""; 0]);
    assert_eq!(shelf.taken(), []);
}

#[actix_rt::test]
async fn what_cannot_be_kept_stays_where_it_is() {
    let mut scene = Scene::new().await;
    let (shelf, root) = (scene.keeping(), scene.root());
    shelf.full.store(true, Ordering::Relaxed);
    let before = scene.target("a").await;
    let names = ["a".to_owned()];
    for refused in [
        scene.victim.unlink(&root, "a").await.map(drop),
        scene.victim.unlink_all(&root, &names).await.map(drop),
        scene.victim.set(&root, vec![link("a", "9")], Replace::Yes).await.map(drop),
        scene.victim.relink((&root, "b"), (&root, "a"), Replace::Yes).await,
    ] {
        assert!(matches!(refused, Err(DirError::NotKept(_))), "{refused:?}");
    }
    assert!(before.is_some() && scene.target("a").await == before);
}

#[actix_rt::test]
async fn what_others_took_or_kept_is_not_told_as_lost() {
    let mut scene = Scene::new().await;
    let (shelf, root) = (scene.keeping(), scene.root());
    let sets_a = async |dirs: Directories, root: Cap| {
        dirs.set(&root, vec![link("a", "theirs")], Replace::Yes).await.unwrap();
    };
    scene.overtake(&["a"], sets_a).await;
    assert!(matches!(scene.victim.unlink(&root, "a").await, Err(DirError::Conflict(_))));
    assert_eq!(shelf.taken(), [], "it is there still");
    scene.overtake(&["a"], sets_a).await;
    scene.victim.set(&root, vec![link("a", "ours")], Replace::Yes).await.unwrap();
    assert_eq!(shelf.taken(), [lost("a", "theirs", true)], "what was replaced in the end");
    let takes_a = async |dirs: Directories, root: Cap| drop(dirs.unlink(&root, "a").await.unwrap());
    scene.overtake(&["a"], takes_a).await;
    scene.victim.set(&root, vec![link("a", "again")], Replace::Yes).await.unwrap();
    assert_eq!(shelf.taken(), [], "others took it");
}

#[actix_rt::test]
async fn what_may_have_gone_stays_kept() {
    let mut scene = Scene::new().await;
    let (shelf, root) = (scene.keeping(), scene.root());
    scene.tell(|answer| {
        if let Answer::Changed(changed) = answer {
            changed.head = vec![7; 3];
        }
    });
    assert!(scene.victim.unlink(&root, "b").await.is_err());
    assert_eq!(shelf.taken().len(), 1);
}
