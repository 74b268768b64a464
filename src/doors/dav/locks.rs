//! Locks of WebDAV clients: who says that nobody else shall write somewhere for a while.
//!
//! They are kept in memory, by directory that a door opens to and path below it, and end with the
//! process. So they bind all who come through this node's WebDAV doors to the same directory, and nobody
//! else: what keeps two writers from overwriting one another is that every change is made of what was
//! seen (`visit`), whoever holds a lock.

use crate::base::limits::{
    DAV_ALL_LOCKS_BYTES_MAX, DAV_LOCK_SECONDS_MAX, DAV_LOCKS_BYTES_MAX, DAV_LOCKS_MAX,
};
use crate::base::lock::locked;
use crate::base::system::{Clock, random};
use crate::vdrive::format::DirectoryId;
use data_encoding::HEXLOWER;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex};

/// Bytes of a lock beside what is said in it.
const LOCK_ROOM: usize = 400;

/// One lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    pub token: String,
    pub path: Vec<String>,
    /// Of a directory: with all that is below it.
    pub infinite: bool,
    pub exclusive: bool,
    /// What its holder says of itself, as XML; empty if nothing.
    pub owner: String,
    /// What the door is known by that its holder came through: nobody else's token is worth anything.
    pub door: String,
    /// How long it lasts when it is made or renewed.
    pub seconds: u64,
    ends: u64,
}

/// What is wanted of a lock.
pub struct Wanted {
    pub path: Vec<String>,
    pub infinite: bool,
    pub exclusive: bool,
    pub owner: String,
    pub seconds: u64,
}

/// Why there is no such lock.
#[derive(Debug, PartialEq, Eq)]
pub enum NoLock {
    /// Another one is in the way, there.
    Taken(Vec<String>),
    /// There are as many as there may be.
    Full,
}

/// What a change touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// What is there.
    Itself,
    /// The same, and that its directory has it at all.
    Member,
    /// The same, and all that is below.
    Tree,
}

/// All locks of a node. Clones share them.
#[derive(Clone, Default)]
pub struct Locks(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    places: HashMap<DirectoryId, Place>,
    bytes: usize,
}

/// Locks below one directory.
#[derive(Default)]
struct Place {
    paths: BTreeMap<Vec<String>, Vec<Lock>>,
    count: usize,
    bytes: usize,
}

/// The locks below a door's directory, for who came through it and shows these tokens.
#[derive(Clone)]
pub struct Claim {
    locks: Locks,
    place: DirectoryId,
    door: String,
    clock: Clock,
    tokens: Arc<[String]>,
}

impl Locks {
    pub fn claim(
        &self,
        (place, door): (DirectoryId, &str),
        clock: &Clock,
        tokens: Vec<String>,
    ) -> Claim {
        let (locks, clock) = (self.clone(), clock.clone());
        Claim { locks, place, door: door.to_owned(), clock, tokens: tokens.into() }
    }
}

impl Claim {
    /// Works on the locks that have not ended.
    fn with<T>(&self, work: impl FnOnce(&mut Place, &mut usize) -> T) -> T {
        let now = self.clock.steady();
        let mut table = locked(&self.locks.0);
        let Table { places, bytes } = &mut *table;
        let place = places.entry(self.place).or_default();
        *bytes -= place.keep(|lock| lock.ends > now);
        let done = work(place, bytes);
        if place.count == 0 {
            places.remove(&self.place);
        }
        done
    }

    /// Those that bind what is there.
    pub fn covering(&self, path: &[String]) -> Vec<Lock> {
        self.with(|place, _| place.covering(path).cloned().collect())
    }

    /// Those that bind a directory, and those of each of these children, if there are any.
    pub fn of_children(&self, path: &[String]) -> (Vec<Lock>, HashMap<String, Vec<Lock>>) {
        self.with(|place, _| {
            let inherited = place.covering(path).filter(|lock| lock.infinite).cloned().collect();
            let mut own: HashMap<String, Vec<Lock>> = HashMap::new();
            for lock in place.below(path) {
                if let [name] = lock.path.get(path.len()..).unwrap_or_default() {
                    own.entry(name.clone()).or_default().push(lock.clone());
                }
            }
            (inherited, own)
        })
    }

    /// Whether a token binds what is there.
    pub fn has(&self, path: &[String], token: &str) -> bool {
        self.with(|place, _| place.covering(path).any(|lock| lock.token == token))
    }

    /// Whether a change may be made; else where the lock is whose token was not shown.
    pub fn permit(&self, path: &[String], touch: Touch) -> Result<(), Vec<String>> {
        let shown = |lock: &Lock| lock.door == self.door && self.tokens.contains(&lock.token);
        self.with(|place, _| {
            let mut binding: Vec<&Lock> = place.covering(path).collect();
            if touch != Touch::Itself
                && let Some((_, above)) = path.split_last()
            {
                binding.extend(place.paths.get(above).into_iter().flatten());
            }
            if touch == Touch::Tree {
                binding.extend(place.below(path));
            }
            // Of those who share a lock, each may write.
            let open =
                |lock: &Lock| binding.iter().any(|other| other.path == lock.path && shown(other));
            match binding.iter().find(|lock| !open(lock)) {
                Some(lock) => Err(lock.path.clone()),
                None => Ok(()),
            }
        })
    }

    /// A new lock.
    pub fn take(&self, wanted: Wanted) -> Result<Lock, NoLock> {
        let seconds = wanted.seconds.clamp(1, DAV_LOCK_SECONDS_MAX);
        let lock = Lock {
            token: token(),
            path: wanted.path,
            infinite: wanted.infinite,
            exclusive: wanted.exclusive,
            owner: wanted.owner,
            door: self.door.clone(),
            seconds,
            ends: self.clock.steady().saturating_add(seconds),
        };
        self.with(|place, bytes| {
            if let Some(taken) = place.conflict(&lock) {
                return Err(NoLock::Taken(taken));
            }
            let room = room(&lock);
            let fits = place.count < DAV_LOCKS_MAX
                && place.bytes + room <= DAV_LOCKS_BYTES_MAX
                && *bytes + room <= DAV_ALL_LOCKS_BYTES_MAX;
            if !fits {
                return Err(NoLock::Full);
            }
            (place.count, place.bytes, *bytes) =
                (place.count + 1, place.bytes + room, *bytes + room);
            place.paths.entry(lock.path.clone()).or_default().push(lock.clone());
            Ok(lock)
        })
    }

    /// A lock that binds what is there and whose token is shown lasts for another time.
    pub fn renew(&self, path: &[String], seconds: u64) -> Option<Lock> {
        let seconds = seconds.clamp(1, DAV_LOCK_SECONDS_MAX);
        let ends = self.clock.steady().saturating_add(seconds);
        self.with(|place, _| {
            let shown = |lock: &&Lock| lock.door == self.door && self.tokens.contains(&lock.token);
            let Lock { path, token, .. } = place.covering(path).find(shown)?.clone();
            let locks = place.paths.get_mut(&path)?;
            let lock = locks.iter_mut().find(|lock| lock.token == token)?;
            (lock.seconds, lock.ends) = (seconds, ends);
            Some(lock.clone())
        })
    }

    /// Ends a lock that binds what is there; whether there was one.
    pub fn release(&self, path: &[String], token: &str) -> bool {
        self.with(|place, bytes| {
            let is_it = |lock: &Lock| lock.token == token && lock.door == self.door;
            let found = place.covering(path).any(is_it);
            if found {
                *bytes -= place.keep(|lock| !is_it(lock));
            }
            found
        })
    }

    /// The same for who was just given this one, too.
    pub fn with_token(&self, token: &str) -> Self {
        let tokens = self.tokens.iter().cloned().chain([token.to_owned()]).collect();
        Self { tokens, ..self.clone() }
    }

    /// What was below is gone, with all locks on it.
    pub fn gone_below(&self, path: &[String]) {
        self.with(|place, bytes| {
            *bytes -= place.keep(|lock| lock.path == path || !lock.path.starts_with(path));
        });
    }

    /// What was there is gone, with all locks on it.
    pub fn gone(&self, path: &[String]) {
        self.with(|place, bytes| *bytes -= place.keep(|lock| !lock.path.starts_with(path)));
    }
}

impl Place {
    /// Locks of what is there and, if they are infinite, of what is above it.
    fn covering(&self, path: &[String]) -> impl Iterator<Item = &Lock> {
        let above = (0..path.len()).filter_map(|len| self.paths.get(path.get(..len)?));
        let above = above.flatten().filter(|lock| lock.infinite);
        above.chain(self.paths.get(path).into_iter().flatten())
    }

    /// Where a lock is that this one cannot be beside.
    fn conflict(&self, lock: &Lock) -> Option<Vec<String>> {
        let excludes = |other: &&Lock| other.exclusive || lock.exclusive;
        let here = self.covering(&lock.path).find(excludes);
        let found =
            here.or_else(|| self.below(&lock.path).filter(|_| lock.infinite).find(excludes));
        found.map(|other| other.path.clone())
    }

    /// Locks of all that is below.
    fn below(&self, path: &[String]) -> impl Iterator<Item = &Lock> {
        let from: (Bound<&[String]>, Bound<&[String]>) = (Bound::Excluded(path), Bound::Unbounded);
        let below = self.paths.range::<[String], _>(from);
        let below = below.take_while(move |(other, _)| other.starts_with(path));
        below.flat_map(|(_, locks)| locks)
    }

    /// Ends all but these; the bytes of those that ended.
    fn keep(&mut self, stays: impl Fn(&Lock) -> bool) -> usize {
        let mut freed = 0;
        let count = &mut self.count;
        self.paths.retain(|_, locks| {
            locks.retain(|lock| {
                let stays = stays(lock);
                if !stays {
                    freed += room(lock);
                    *count -= 1;
                }
                stays
            });
            !locks.is_empty()
        });
        self.bytes -= freed;
        freed
    }
}

/// The memory that a lock takes, more or less: its path is there twice.
fn room(lock: &Lock) -> usize {
    let names: usize = lock.path.iter().map(|name| 2 * (name.len() + 24)).sum();
    LOCK_ROOM + names + lock.owner.len() + lock.door.len()
}

/// A token that nobody can guess: a random UUID.
fn token() -> String {
    let mut bytes: [u8; 16] = random();
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    let digits = HEXLOWER.encode(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts = parts.map(|part| digits.get(part).unwrap_or_default());
    format!("urn:uuid:{}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    struct One {
        locks: Locks,
        clock: Clock,
    }

    impl One {
        fn new() -> Self {
            Self { locks: Locks::default(), clock: Clock::manual(1_000) }
        }

        fn claim(&self, door: &str, tokens: &[&Lock]) -> Claim {
            let tokens = tokens.iter().map(|lock| lock.token.clone()).collect();
            self.locks.claim(([1; 32], door), &self.clock, tokens)
        }

        fn take(&self, at: &str, infinite: bool, exclusive: bool) -> Result<Lock, NoLock> {
            let (path, owner) = (path(at), String::new());
            self.claim("a", &[]).take(Wanted { path, infinite, exclusive, owner, seconds: 60 })
        }
    }

    #[test]
    fn a_lock_binds_what_it_covers_and_who_has_its_token_writes() {
        let all = One::new();
        let deep = all.take("a/b", true, true).unwrap();
        let flat = all.take("c", false, true).unwrap();
        let permits = |door: &str, tokens: &[&Lock], at: &str, touch| {
            all.claim(door, tokens).permit(&path(at), touch).is_ok()
        };
        for (at, touch, shut) in [
            ("a/b", Touch::Itself, true),
            ("a/b/x/y", Touch::Itself, true),
            ("a", Touch::Itself, false),
            ("a", Touch::Member, false),
            ("a", Touch::Tree, true),
            ("a/bc", Touch::Tree, false),
            ("", Touch::Tree, true),
            ("c", Touch::Itself, true),
            ("c/x", Touch::Itself, false),
            ("c/x", Touch::Member, true),
            ("c/x/y", Touch::Member, false),
        ] {
            assert_eq!(permits("a", &[], at, touch), !shut, "{at} {touch:?}");
            assert!(permits("a", &[&deep, &flat], at, touch), "{at} {touch:?}");
            assert_eq!(permits("b", &[&deep, &flat], at, touch), !shut, "{at} {touch:?}");
        }
        assert!(all.claim("a", &[]).has(&path("a/b/z"), &deep.token));
        assert!(!all.claim("a", &[]).has(&path("c/x"), &flat.token));
        let elsewhere = all.locks.claim(([2; 32], "a"), &all.clock, Vec::new());
        assert!(elsewhere.permit(&path("a/b"), Touch::Tree).is_ok());
    }

    #[test]
    fn locks_exclude_or_share() {
        let all = One::new();
        let one = all.take("a", true, false).unwrap();
        let two = all.take("a", false, false).unwrap();
        assert_eq!(all.take("a/b", false, true), Err(NoLock::Taken(path("a"))));
        assert_eq!(all.take("", true, true), Err(NoLock::Taken(path("a"))));
        assert!(all.take("", false, true).is_ok());
        assert!(all.claim("a", &[&two]).permit(&path("a"), Touch::Itself).is_ok());
        assert!(all.claim("a", &[]).permit(&path("a"), Touch::Itself).is_err());
        assert!(!all.claim("b", &[]).release(&path("a"), &one.token));
        assert!(all.claim("a", &[]).release(&path("a/b"), &one.token));
        assert!(all.claim("a", &[]).release(&path("a"), &two.token));
        assert!(all.take("a", false, true).is_ok());
    }

    #[test]
    fn a_lock_ends_by_itself_or_with_what_it_is_on() {
        let all = One::new();
        let lock = all.take("a/b", true, true).unwrap();
        all.clock.advance(59);
        assert!(all.claim("a", &[]).renew(&path("a/b"), 60).is_none());
        assert_eq!(
            all.claim("a", &[&lock]).renew(&path("a/b/c"), 1 << 60).unwrap().seconds,
            DAV_LOCK_SECONDS_MAX
        );
        all.clock.advance(DAV_LOCK_SECONDS_MAX - 1);
        assert_eq!(all.claim("a", &[]).covering(&path("a/b")).len(), 1);
        all.clock.advance(1);
        assert!(all.claim("a", &[]).covering(&path("a/b")).is_empty());
        all.take("a/b", true, true).unwrap();
        all.claim("a", &[]).gone(&path("a"));
        assert!(all.claim("a", &[]).covering(&path("a/b")).is_empty());
        let table = locked(&all.locks.0);
        assert_eq!((table.bytes, table.places.len()), (0, 0));
    }

    #[test]
    fn there_are_only_so_many() {
        let all = One::new();
        for number in 0..DAV_LOCKS_MAX {
            all.take(&format!("{number}"), false, true).unwrap();
        }
        assert_eq!(all.take("x", false, true), Err(NoLock::Full));
        all.clock.advance(60);
        assert!(all.take("x", false, true).is_ok());
        let long = "y/".repeat(200) + &"z".repeat(1_000);
        let taken = (0..DAV_LOCKS_MAX)
            .take_while(|n| all.take(&format!("{n}/{long}"), false, true).is_ok());
        assert!((10..200).contains(&taken.count()));
    }

    #[test]
    fn children_have_their_own_locks_and_those_from_above() {
        let all = One::new();
        all.take("a", true, false).unwrap();
        all.take("a/b", false, false).unwrap();
        all.take("a/b/c", false, false).unwrap();
        let (inherited, own) = all.claim("a", &[]).of_children(&path("a"));
        assert_eq!(inherited.len(), 1);
        assert_eq!(own.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn tokens_are_uuids() {
        let text = token();
        assert!(text.starts_with("urn:uuid:") && text.len() == 45 && text != token());
        assert_eq!(text.as_bytes()[9 + 14], b'4');
        assert!(b"89ab".contains(&text.as_bytes()[9 + 19]));
    }
}
