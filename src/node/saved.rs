//! What the introducer said last, kept for the time when it is not there.
//!
//! ```text
//! private/known_servers = "introducer " tub id ⏎ [ "parameters " needed " " happy " " total ⏎ ]
//!                         *( base32 of a signed announcement ⏎ )
//! ```
//! It holds furls of storage servers, so it is private. What is read back is checked as if the
//! introducer had sent it, and only counts for the same introducer. The first news is written at
//! once, what follows is gathered for a moment, so that a flood of it costs a few writes a second.

use super::basedir::{Basedir, BasedirError, io_error};
use super::config;
use crate::base::base32;
use crate::base::limits::{ANNOUNCEMENT_MAX, ANNOUNCEMENTS_MAX};
use crate::introducer::{Announcement, Book, GridParameters};
use crate::tub::TubId;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

const NAME: &str = "private/known_servers";
/// Between two writes: what changes meanwhile waits for the next one.
const PAUSE: Duration = Duration::from_millis(200);

/// What is known of a grid.
#[derive(Clone, Default)]
pub struct KnownGrid {
    pub announcements: Vec<Announcement>,
    pub parameters: Option<GridParameters>,
}

/// The newest of it, written by a task of its own.
#[derive(Clone)]
pub struct Saved {
    basedir: Basedir,
    introducer: Option<TubId>,
    newest: Arc<Mutex<Newest>>,
    changed: Arc<Notify>,
}

struct Newest {
    known: KnownGrid,
    written: bool,
}

impl Saved {
    /// Reads what was kept of the grid of `introducer`. Must be called on an arbiter: it spawns the
    /// writer there.
    pub fn open(basedir: &Basedir, introducer: Option<TubId>) -> Result<Self, BasedirError> {
        let known = match introducer {
            Some(tub) => read(basedir, tub)?,
            None => KnownGrid::default(),
        };
        let this = Self {
            basedir: basedir.clone(),
            introducer,
            newest: Arc::new(Mutex::new(Newest { known, written: true })),
            changed: Arc::new(Notify::new()),
        };
        actix_rt::spawn(this.clone().write_when_changed());
        Ok(this)
    }

    async fn write_when_changed(self) {
        loop {
            self.changed.notified().await;
            let job = self.clone();
            let _ = tokio::task::spawn_blocking(move || job.write()).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now.
    pub fn known(&self) -> KnownGrid {
        self.newest().known.clone()
    }

    /// Notes the list, to be written soon.
    pub fn note(&self, book: &Book) {
        self.newest().known.announcements = book.iter().cloned().collect();
        self.newest().written = false;
        self.changed.notify_one();
    }

    /// Notes the grid's encoding; it is written with the list.
    pub fn note_parameters(&self, parameters: GridParameters) {
        self.newest().known.parameters = Some(parameters);
    }

    /// Writes what was noted and not yet written.
    pub fn write(&self) {
        let Some(introducer) = self.introducer else { return };
        let known = {
            let mut newest = self.newest();
            if std::mem::replace(&mut newest.written, true) {
                return;
            }
            newest.known.clone()
        };
        if let Err(error) = self.basedir.write_secret(NAME, &spelled(introducer, &known)) {
            tracing::error!(%error, "what the introducer said could not be kept");
        }
    }
}

fn spelled(introducer: TubId, known: &KnownGrid) -> String {
    let mut lines = vec![format!("introducer {introducer}")];
    if let Some(GridParameters { needed, happy, total }) = known.parameters {
        lines.push(format!("parameters {needed} {happy} {total}"));
    }
    lines.extend(known.announcements.iter().map(|known| base32::encode(known.bytes())));
    lines.join("\n")
}

/// What the file says about the grid of `introducer`; lines that make no sense are left out.
fn read(basedir: &Basedir, introducer: TubId) -> Result<KnownGrid, BasedirError> {
    let path = basedir.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(parse(&text, introducer)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(KnownGrid::default()),
        Err(source) => Err(io_error(&path, source)),
    }
}

fn parse(text: &str, introducer: TubId) -> KnownGrid {
    let mut lines = text.lines().peekable();
    if lines.next() != Some(&format!("introducer {introducer}")) {
        return KnownGrid::default();
    }
    let parameters = lines.peek().and_then(|line| line.strip_prefix("parameters "));
    let parameters = parameters.and_then(config::parameters);
    let announcements = lines
        .filter(|line| line.len() <= ANNOUNCEMENT_MAX * 2)
        .filter_map(|line| Announcement::verify(&base32::decode(line).ok()?).ok())
        .take(ANNOUNCEMENTS_MAX)
        .collect();
    KnownGrid { announcements, parameters }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::introducer::Fields;
    use crate::tub::{Furl, Identity};

    #[test]
    fn what_was_kept_counts_for_the_same_introducer_only() {
        let identity = Identity::random();
        let furl = format!("pb+xk1://{}@tcp:127.0.0.1:9/{}", identity.tub_id(), "a".repeat(52));
        let fields = Fields {
            sequence: 1,
            service: "storage".into(),
            furl: Furl::parse(&furl).unwrap(),
            nickname: String::new(),
            version: String::new(),
            permutation_seed: vec![1],
            lease_seed: [1; 20],
        };
        let announcements = vec![Announcement::sign(&identity, &fields).unwrap()];
        let parameters = Some(GridParameters { needed: 1, happy: 2, total: 3 });
        let (hub, other) = (TubId([1; 32]), TubId([2; 32]));
        let text = spelled(hub, &KnownGrid { announcements: announcements.clone(), parameters });
        let known = parse(&format!("{text}\ngarbage\n\n"), hub);
        assert!(known.announcements == announcements && known.parameters == parameters);
        assert!(parse(&text, other).announcements.is_empty());
        assert!(parse("", hub).parameters.is_none());
    }
}
