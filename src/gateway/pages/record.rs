//! The record of what was deleted by way of the pages: capabilities, in the node's own folder.
//!
//! ```text
//! record  = line*                           one JSON object a line, the newest last
//! line    = deletion | {"forget": TOKEN}    a deletion of a token that is there replaces it
//! ```
//! A deletion is written down, and durable, before its links are removed. The file only grows until
//! half of what a start would read is superseded; then it is written anew. What strangers delete is
//! counted apart, so that they cannot have the owner's deletions forgotten.

use crate::base::base32;
use crate::base::limits::{
    TRASH_DELETIONS_MAX, TRASH_FILE_MAX, TRASH_LINKS_MAX, TRASH_SECONDS, TRASH_STRANGERS_PART,
};
use crate::base::lock::locked;
use crate::base::rim::{Clock, random};
use crate::grid::dirnode::{Child, Metadata};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// A link that was removed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    pub name: String,
    pub rw: Option<String>,
    pub ro: Option<String>,
    pub metadata: Metadata,
}

impl Gone {
    pub fn new(name: String, child: &Child) -> Self {
        let (rw, ro) = (child.target.write_uri(), child.target.read_uri());
        Self { name, rw, ro, metadata: child.metadata.clone() }
    }
}

/// Links that were removed together.
#[derive(Clone, Serialize, Deserialize)]
pub struct Deletion {
    pub token: String,
    pub time: u64,
    /// The address that the directory had, and its write cap.
    pub place: String,
    pub dir: String,
    pub links: Vec<Gone>,
    /// Others stand in their places now.
    #[serde(default)]
    pub replaced: bool,
    /// Somebody else than the owner did it.
    #[serde(default)]
    pub stranger: bool,
    /// Bytes of its line.
    #[serde(skip)]
    pub size: u64,
}

#[derive(Serialize, Deserialize)]
struct Forget {
    forget: String,
}

/// Where the record is kept. Both say why not, in a sentence.
pub trait Keep: Send + Sync {
    /// Adds a line; it is durable when this returns.
    fn append(&self, line: &str) -> Result<(), String>;

    /// Puts these lines in place of all.
    fn replace(&self, lines: &str) -> Result<(), String>;
}

/// Keeps nothing beyond the life of the node.
pub struct Forgetful;

impl Keep for Forgetful {
    fn append(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn replace(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

/// Everything that can still be put back. Clones are the same.
#[derive(Clone)]
pub struct Trash(Arc<Inner>);

struct Inner {
    clock: Clock,
    keep: Box<dyn Keep>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Oldest first.
    all: VecDeque<Deletion>,
    /// Bytes in the file.
    written: u64,
}

impl Default for Trash {
    /// One that forgets when the node stops.
    fn default() -> Self {
        Self::new("", Clock::System, Box::new(Forgetful))
    }
}

impl State {
    /// What the lines of a file say; those that make no sense are left out.
    fn read(text: &str) -> Self {
        let mut this = Self { written: text.len() as u64, ..Self::default() };
        for line in text.lines() {
            if let Ok(Forget { forget }) = serde_json::from_str(line) {
                this.all.retain(|one| one.token != forget);
            } else if let Ok(deletion) = serde_json::from_str::<Deletion>(line) {
                this.put(Deletion { size: line.len() as u64 + 1, ..deletion });
            }
        }
        this
    }

    fn put(&mut self, deletion: Deletion) {
        match self.all.iter_mut().find(|one| one.token == deletion.token) {
            Some(one) => *one = deletion,
            None => self.all.push_back(deletion),
        }
    }

    /// Forgets what is too old, and the oldest of what is too much.
    fn trim(&mut self, now: u64) {
        self.all.retain(|one| one.time.saturating_add(TRASH_SECONDS) > now);
        for (stranger, part) in [(false, 1), (true, TRASH_STRANGERS_PART)] {
            while self.too_much(stranger, part)
                && let Some(oldest) = self.all.iter().position(|one| one.stranger == stranger)
            {
                self.all.remove(oldest);
            }
        }
    }

    fn too_much(&self, stranger: bool, part: usize) -> bool {
        let mine = || self.all.iter().filter(|one| one.stranger == stranger);
        let links: usize = mine().map(|one| one.links.len()).sum();
        let bytes: u64 = mine().map(|one| one.size).sum();
        let count = mine().count();
        count > TRASH_DELETIONS_MAX / part
            || count > 1 && (links > TRASH_LINKS_MAX / part || bytes > LIVE_MAX / part as u64)
    }
}

/// Bytes of all that can be put back; the file may be twice as long, and one line more.
const LIVE_MAX: u64 = TRASH_FILE_MAX / 8;

impl Trash {
    /// `text` is what was last written.
    pub fn new(text: &str, clock: Clock, keep: Box<dyn Keep>) -> Self {
        let mut state = State::read(text);
        state.trim(clock.now());
        Self(Arc::new(Inner { clock, keep, state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    pub fn now(&self) -> u64 {
        self.0.clock.now()
    }

    /// A deletion that has not been written down yet.
    pub fn deletion(&self, place: &str, dir: String, links: Vec<Gone>, stranger: bool) -> Deletion {
        let token = base32::encode(&random::<20>());
        let (place, time) = (place.to_owned(), self.now());
        Deletion { token, time, place, dir, links, replaced: false, stranger, size: 0 }
    }

    /// Writes a deletion down, or what became of one. Blocks until it is durable.
    pub fn keep(&self, deletion: Deletion) -> Result<(), String> {
        let line = serde_json::to_string(&deletion).map_err(|error| error.to_string())?;
        let size = line.len() as u64 + 1;
        if size > LIVE_MAX || deletion.links.len() > TRASH_LINKS_MAX {
            return Err("These are too many at once.".to_owned());
        }
        self.write(&line, |state| state.put(Deletion { size, ..deletion }))
    }

    /// Forgets a deletion. Blocks until that is durable.
    pub fn forget(&self, token: &str) -> Result<(), String> {
        let line = serde_json::to_string(&Forget { forget: token.to_owned() });
        let line = line.map_err(|error| error.to_string())?;
        self.write(&line, |state| state.all.retain(|one| one.token != token))
    }

    fn write(&self, line: &str, edit: impl FnOnce(&mut State)) -> Result<(), String> {
        let mut state = self.state();
        self.0.keep.append(line)?;
        state.written = state.written.saturating_add(line.len() as u64 + 1);
        edit(&mut state);
        state.trim(self.now());
        let live: u64 = state.all.iter().map(|one| one.size).sum();
        if state.written > SLACK.max(live.saturating_mul(2)) {
            let lines = state.all.iter().filter_map(|one| serde_json::to_string(one).ok());
            let text = lines.collect::<Vec<_>>().join("\n");
            self.0.keep.replace(&text)?;
            state.written = text.len() as u64 + 1;
        }
        Ok(())
    }

    /// What can be put back, newest first.
    pub fn all(&self) -> Vec<Deletion> {
        let now = self.now();
        let fresh = |one: &&Deletion| one.time.saturating_add(TRASH_SECONDS) > now;
        self.state().all.iter().rev().filter(fresh).cloned().collect()
    }

    pub fn find(&self, token: &str) -> Option<Deletion> {
        let now = self.now();
        let found = self.state().all.iter().find(|one| one.token == token).cloned();
        found.filter(|one| one.time.saturating_add(TRASH_SECONDS) > now)
    }

    /// The names that a token would put back.
    pub fn names(&self, token: &str) -> Option<Vec<String>> {
        Some(self.find(token)?.links.into_iter().map(|link| link.name).collect())
    }
}

/// A file up to this length is not written anew, whatever is in it.
const SLACK: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::{Cap, LitCap};
    use crate::grid::dirnode::Target;

    /// A file in memory; fails once `full`.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<(String, usize, bool)>>);

    impl Keep for Memory {
        fn append(&self, line: &str) -> Result<(), String> {
            let mut file = self.0.lock().unwrap();
            if file.2 {
                return Err("full".into());
            }
            file.0.push_str(line);
            file.0.push('\n');
            Ok(())
        }

        fn replace(&self, lines: &str) -> Result<(), String> {
            let mut file = self.0.lock().unwrap();
            file.0 = format!("{lines}\n");
            file.1 += 1;
            Ok(())
        }
    }

    fn gone(name: &str) -> Gone {
        let target = Target::Known(Cap::Lit(LitCap::new(b"x".to_vec())));
        Gone::new(name.to_owned(), &Child { target, metadata: Metadata::new() })
    }

    fn delete(trash: &Trash, names: &[&str], stranger: bool) -> String {
        let links = names.iter().map(|name| gone(name)).collect();
        let one = trash.deletion("/vdrive/global", "URI:DIR:x".into(), links, stranger);
        let token = one.token.clone();
        trash.keep(one).unwrap();
        token
    }

    #[test]
    fn what_was_deleted_is_kept_for_thirty_days_and_over_a_restart() {
        let clock = Clock::manual(1_000_000);
        let file = Memory::default();
        let trash = Trash::new("", clock.clone(), Box::new(file.clone()));
        let token = delete(&trash, &["a", "b"], false);
        let other = delete(&trash, &["c"], false);
        trash.forget(&other).unwrap();
        // Only one of them went after all.
        let found = Deletion { links: vec![gone("b")], ..trash.find(&token).unwrap() };
        trash.keep(found).unwrap();
        let text = file.0.lock().unwrap().0.clone() + "not JSON\n";
        let again = Trash::new(&text, clock.clone(), Box::new(Forgetful));
        assert_eq!(again.names(&token).unwrap(), ["b"]);
        assert!(again.names(&other).is_none() && again.names("").is_none());
        clock.advance(TRASH_SECONDS);
        assert!(again.names(&token).is_none() && again.all().is_empty());
    }

    #[test]
    fn a_stranger_flushes_nothing_of_the_owners() {
        let trash = Trash::default();
        let mine = delete(&trash, &["mine"], false);
        let first = delete(&trash, &["x"], true);
        for _ in 0..TRASH_DELETIONS_MAX / TRASH_STRANGERS_PART {
            delete(&trash, &["x"], true);
        }
        assert!(trash.find(&mine).is_some() && trash.find(&first).is_none());
        for _ in 0..TRASH_DELETIONS_MAX {
            delete(&trash, &["y"], false);
        }
        assert!(trash.find(&mine).is_none(), "the oldest goes first");
    }

    #[test]
    fn lines_are_added_and_the_file_stays_short() {
        let file = Memory::default();
        let trash = Trash::new("", Clock::System, Box::new(file.clone()));
        let long = "n".repeat(500);
        for _ in 0..1_000 {
            let token = delete(&trash, &[&long], false);
            trash.forget(&token).unwrap();
        }
        let (text, rewritten, _) = &mut *file.0.lock().unwrap();
        assert!((5..20).contains(rewritten), "written anew {rewritten} times in 2,000");
        assert!(text.len() as u64 <= SLACK + 2_000, "{}", text.len());
    }

    #[test]
    fn what_cannot_be_written_is_not_kept() {
        let file = Memory::default();
        let trash = Trash::new("", Clock::System, Box::new(file.clone()));
        file.0.lock().unwrap().2 = true;
        let one = trash.deletion("/", "URI:DIR:x".into(), vec![gone("a")], false);
        let token = one.token.clone();
        assert!(trash.keep(one).is_err() && trash.find(&token).is_none());
        let many = (0..=TRASH_LINKS_MAX).map(|_| gone("a")).collect();
        let many = Trash::default().deletion("/", "URI:DIR:x".into(), many, false);
        assert!(Trash::default().keep(many).is_err());
    }
}
