//! Changes that others overtake, in truth or in a lie of the server.

use super::*;
use crate::grid::dirnode::place::Place;

/// What an answer to a question about rows was.
type Answered = (Vec<u8>, Bulk, Bulk);

impl Scene {
    fn other(&self) -> Directories {
        node(&self.net, &self.furl)
    }

    /// Somebody else makes `change` between the victim's look at these names and its attempt to
    /// change them: the next answer about them is the one from before.
    pub(super) async fn overtake(
        &self,
        names: &[&str],
        change: impl AsyncFnOnce(Directories, Cap),
    ) {
        let old: Arc<Mutex<Option<Answered>>> = Arc::default();
        let keep = old.clone();
        self.tell(move |answer| {
            if let Answer::Rows(found) = answer {
                let (rows, proof) = (found.rows.clone(), found.proof.clone());
                *keep.lock().unwrap() = Some((found.head.clone(), rows, proof));
            }
        });
        let place = Place::of(&self.victim, &self.root()).unwrap();
        let ids: Vec<_> = names.iter().map(|name| place.keys().unwrap().row_id(name)).collect();
        place.rows(&ids).await.unwrap();
        self.tell(|_| {});
        change(self.other(), self.root()).await;
        self.tell(move |answer| {
            if let Answer::Rows(found) = answer
                && let Some(answered) = old.lock().unwrap().take()
            {
                (found.head, found.rows, found.proof) = answered;
            }
        });
    }

    pub(super) async fn target(&self, name: &str) -> Option<Target> {
        let child = self.other().get(&self.root(), name).await.unwrap();
        child.map(|child| child.target)
    }
}

async fn sets_a(dirs: Directories, root: Cap) {
    dirs.set(&root, vec![link("a", "theirs")], Replace::Yes).await.unwrap();
}

#[actix_rt::test]
async fn what_others_changed_first_is_not_undone_unasked() {
    let scene = Scene::new().await;
    let root = scene.root();
    let conflict = |result: Result<(), DirError>| match result {
        Err(DirError::Conflict(name)) => assert_eq!(name, "a"),
        other => panic!("{other:?}"),
    };
    scene.overtake(&["a"], sets_a).await;
    conflict(scene.victim.unlink(&root, "a").await.map(drop));
    scene.overtake(&["a", "c"], sets_a).await;
    conflict(scene.victim.relink((&root, "a"), (&root, "c"), Replace::Yes).await);
    assert_eq!((scene.target("a").await, scene.target("c").await), (Some(lit("theirs")), None));
    // Others' children are none of its business.
    scene.overtake(&["b"], sets_a).await;
    scene.victim.unlink(&root, "b").await.unwrap();
    // What is gone already is told as such.
    let takes_a = async |dirs: Directories, root: Cap| drop(dirs.unlink(&root, "a").await.unwrap());
    scene.overtake(&["a"], takes_a).await;
    let gone = scene.victim.unlink(&root, "a").await;
    assert!(matches!(gone, Err(DirError::NoSuchChild(_))), "{gone:?}");
}

#[actix_rt::test]
async fn what_shall_be_there_is_set_after_others_as_far_as_it_may_replace() {
    let scene = Scene::new().await;
    let root = scene.root();
    scene.overtake(&["a"], sets_a).await;
    let set = scene.victim.set(&root, vec![link("a", "ours")], Replace::Yes).await;
    assert_eq!((set.unwrap(), scene.target("a").await), (vec![true], Some(lit("ours"))));
    let sets_new = async |dirs: Directories, root: Cap| {
        dirs.set(&root, vec![link("new", "theirs")], Replace::No).await.unwrap();
    };
    scene.overtake(&["new"], sets_new).await;
    let set = scene.victim.set(&root, vec![link("new", "ours")], Replace::No).await;
    assert!(matches!(set, Err(DirError::Exists(_))), "{set:?}");
    assert_eq!(scene.target("new").await, Some(lit("theirs")));
}

/// A head after `head` with the same rows, such as others make who change something and back.
fn later(cap: &DirCap, head: &[u8]) -> Vec<u8> {
    let before = SignedHead::from_bytes(head).unwrap().head;
    let head = Head { seq: before.seq + 1, previous: before.hash(), change: [9; 16], ..before };
    signed_by_a_writer(cap, head)
}

#[actix_rt::test]
async fn a_change_that_others_followed_is_believed_when_it_is_still_there() {
    let scene = Scene::new().await;
    let cap = scene.cap.clone();
    scene.tell(move |answer| match answer {
        Answer::Changed(changed) => {
            changed.outcome = ChangeOutcome::AlreadyApplied;
            changed.head = later(&cap, &changed.head);
        }
        Answer::Rows(found) if SignedHead::from_bytes(&found.head).unwrap().head.seq > 2 => {
            found.head = later(&cap, &found.head);
        }
        _ => {}
    });
    let set = scene.victim.set(&scene.root(), vec![link("a", "3")], Replace::Yes).await;
    assert_eq!(set.unwrap(), [true]);
}

#[actix_rt::test]
async fn a_change_that_is_said_to_be_made_and_is_not_there_is_found_out() {
    let scene = Scene::new().await;
    let root = scene.root();
    // Under the head of before.
    let before = Arc::new(Mutex::new(None));
    scene.tell(move |answer| match answer {
        Answer::Rows(found) => *before.lock().unwrap() = Some(found.head.clone()),
        Answer::Changed(changed) => {
            changed.outcome = ChangeOutcome::AlreadyApplied;
            changed.head = before.lock().unwrap().clone().unwrap();
        }
        _ => {}
    });
    let set = scene.victim.set(&root, vec![link("a", "3")], Replace::Yes).await;
    assert!(matches!(set, Err(DirError::Forged(_))), "{set:?}");
    // Under a head of others: it was refused as stale, and the answer hides that.
    for others in 1..=2 {
        let scene = Scene::new().await;
        let set_others = async |dirs: Directories, root: Cap| {
            for number in 0..others {
                dirs.set(&root, vec![link("c", &number.to_string())], Replace::Yes).await.unwrap();
            }
        };
        scene.overtake(&["a"], set_others).await;
        let mut replay = std::mem::replace(&mut *scene.lie.lock().unwrap(), Box::new(|_| {}));
        scene.tell(move |answer| {
            replay(answer);
            if let Answer::Changed(changed) = answer {
                assert_eq!(changed.outcome, ChangeOutcome::Stale);
                changed.outcome = ChangeOutcome::AlreadyApplied;
            }
        });
        let set = scene.victim.set(&scene.root(), vec![link("a", "3")], Replace::Yes).await;
        assert!(matches!(set, Err(DirError::Forged(_))), "{others}: {set:?}");
        scene.tell(|_| {});
        let taken = scene.victim.unlink(&scene.root(), "a").await;
        assert!(taken.is_ok(), "the truth is told again: {taken:?}");
    }
}

#[actix_rt::test]
async fn a_condition_is_judged_on_what_is_there_when_the_change_is_made() {
    let scene = Scene::new().await;
    let root = scene.root();
    let unmet = |result: Result<(), DirError>| match result {
        Err(DirError::Unmet(name)) => assert_eq!(name, "a"),
        other => panic!("{other:?}"),
    };
    let free = |old: Option<&Child>| old.is_none();
    let set = async |mine: &str, holds: Condition<'_>| {
        let new = vec![link("a", mine)];
        scene.victim.set_if(&root, new, Replace::Yes, holds).await.map(drop)
    };
    scene.overtake(&["a"], sets_a).await;
    unmet(set("mine", &free).await);
    let theirs = scene.target("a").await;
    assert!(theirs.is_some());
    let seen = |old: Option<&Child>| old.map(|old| &old.target) == theirs.as_ref();
    let replaces = async |dirs: Directories, root: Cap| {
        dirs.set(&root, vec![link("a", "newer")], Replace::Yes).await.unwrap();
    };
    scene.overtake(&["a"], replaces).await;
    unmet(set("mine", &seen).await);
    unmet(scene.victim.unlink_if(&root, "a", &seen).await.map(drop));
    let newer = scene.target("a").await;
    let seen = |old: Option<&Child>| old.map(|old| &old.target) == newer.as_ref();
    set("mine", &seen).await.unwrap();
    // Another who changes it meanwhile to what was asked for is no hindrance.
    let mine = scene.target("a").await;
    let any = |old: Option<&Child>| old.is_some();
    scene.overtake(&["a"], sets_a).await;
    assert_ne!(scene.victim.unlink_if(&root, "a", &any).await.unwrap().target, mine.unwrap());
    assert!(scene.target("a").await.is_none());
    let gone = scene.victim.unlink_if(&root, "a", &any).await;
    assert!(matches!(gone, Err(DirError::NoSuchChild(_))));
}
