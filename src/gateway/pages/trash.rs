//! What was deleted by way of the pages: the links, for 30 days, so that they can be put back.
//!
//! A link that is deleted is only forgotten by its directory; its shares stay until their leases
//! end. So what is kept here is the capabilities alone, in the node's own folder, and nothing is
//! sent anywhere.

use super::super::answer::{Failure, redirect};
use super::super::object::Asked;
use super::crumbs::shown;
use super::{Frame, show, words};
use crate::base::base32;
use crate::base::limits::{TRASH_DELETIONS_MAX, TRASH_LINKS_MAX, TRASH_SECONDS};
use crate::base::rim::{Clock, random};
use crate::cap::Cap;
use crate::grid::dirnode::{Child, DirError, Metadata, NewEntry, Replace, Target};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A link that was deleted.
#[derive(Clone, Serialize, Deserialize)]
pub struct Gone {
    name: String,
    rw: Option<String>,
    ro: Option<String>,
    metadata: Metadata,
}

/// Links that were deleted together.
#[derive(Clone, Serialize, Deserialize)]
struct Deletion {
    token: String,
    time: u64,
    /// The address that the directory had, and its write cap.
    place: String,
    dir: String,
    links: Vec<Gone>,
}

/// Writes the whole record down.
type Write = Box<dyn Fn(&str) + Send + Sync>;

/// Everything that can still be put back. Clones are the same.
#[derive(Clone)]
pub struct Trash(Arc<Inner>);

struct Inner {
    clock: Clock,
    write: Write,
    all: Mutex<VecDeque<Deletion>>,
}

impl Default for Trash {
    /// One that forgets when the node stops.
    fn default() -> Self {
        Self::new("", Clock::System, Box::new(|_| {}))
    }
}

impl Gone {
    pub fn new(name: String, child: &Child) -> Self {
        let (rw, ro) = (child.target.write_uri(), child.target.read_uri());
        Self { name, rw, ro, metadata: child.metadata.clone() }
    }

    fn entry(self) -> Result<NewEntry, Failure> {
        let target = Target::from_caps(self.rw.as_deref(), self.ro.as_deref(), false);
        let target = target.map_err(|error| Failure::bad_request(error.to_string()))?;
        Ok(NewEntry { name: self.name, target, metadata: Some(self.metadata) })
    }
}

impl Trash {
    /// `text` is what was last written; lines that make no sense are left out.
    pub fn new(text: &str, clock: Clock, write: Write) -> Self {
        let all = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self(Arc::new(Inner { clock, write, all: Mutex::new(all) }))
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Deletion>> {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was deleted from a directory; the token puts it back.
    pub fn keep(&self, place: &str, dir: &Cap, links: Vec<Gone>) -> String {
        let token = base32::encode(&random::<20>());
        let (place, dir, time) = (place.to_owned(), dir.reveal(), self.0.clock.now());
        let one = Deletion { token: token.clone(), time, place, dir, links };
        self.change(|all| all.push_back(one));
        token
    }

    /// Changes the record, forgets what is too old or too much, and writes it down.
    fn change<T>(&self, edit: impl FnOnce(&mut VecDeque<Deletion>) -> T) -> T {
        let mut all = self.all();
        let result = edit(&mut all);
        let now = self.0.clock.now();
        all.retain(|one| one.time.saturating_add(TRASH_SECONDS) > now);
        let links = |all: &VecDeque<Deletion>| all.iter().map(|one| one.links.len()).sum::<usize>();
        while all.len() > TRASH_DELETIONS_MAX || (all.len() > 1 && links(&all) > TRASH_LINKS_MAX) {
            all.pop_front();
        }
        let lines = all.iter().filter_map(|one| serde_json::to_string(one).ok());
        (self.0.write)(&lines.collect::<Vec<_>>().join("\n"));
        result
    }

    fn find(&self, token: &str) -> Option<Deletion> {
        let oldest = self.0.clock.now().saturating_sub(TRASH_SECONDS);
        let found = self.all().iter().find(|one| one.token == token).cloned();
        found.filter(|one| one.time > oldest)
    }

    /// The names that a token would put back.
    pub fn names(&self, token: &str) -> Option<Vec<String>> {
        Some(self.find(token)?.links.into_iter().map(|link| link.name).collect())
    }

    fn forget(&self, token: &str) {
        self.change(|all| all.retain(|one| one.token != token));
    }
}

#[derive(Template)]
#[template(path = "deleted.html")]
struct DeletedPage {
    frame: Frame,
    locked: bool,
    deletions: Vec<Line>,
}

struct Line {
    names: String,
    place: String,
    date: String,
    token: String,
}

/// `GET /deleted`, for the owner.
pub fn page(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let locked = !asked.gateway.owner.sent(asked.request.headers());
    let now = asked.gateway.pages.trash.0.clock.now();
    let fresh = |one: &&Deletion| one.time.saturating_add(TRASH_SECONDS) > now;
    let trash = &asked.gateway.pages.trash;
    let deletions = match locked {
        true => Vec::new(),
        false => trash.all().iter().rev().filter(fresh).map(|one| line(one, now)).collect(),
    };
    let frame = Frame::new("Deleted", "files");
    show(StatusCode::OK, &DeletedPage { frame, locked, deletions })
}

fn line(one: &Deletion, now: u64) -> Line {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = one.links.iter().take(SHOWN).map(|l| shown(&l.name)).collect();
    if one.links.len() > SHOWN {
        names.push(format!("{} more", one.links.len() - SHOWN));
    }
    let place = match super::super::route::place(&one.place) {
        Ok(super::super::route::Place::Object(address)) => {
            let steps = super::crumbs::crumbs(&address);
            steps.into_iter().map(|step| step.name).collect::<Vec<_>>().join(" › ")
        }
        _ => "a folder".to_owned(),
    };
    let date = format!("{} ago", words::span(now.saturating_sub(one.time)));
    Line { names: names.join(", "), place, date, token: one.token.clone() }
}

/// `POST /deleted` with `token=` and `do=restore` or `do=forget`. The token is the permission.
pub async fn act(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let trash = &asked.gateway.pages.trash;
    let token = asked.arguments.filled("token").unwrap_or_default();
    let found = trash
        .find(token)
        .ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "This cannot be put back any more."))?;
    if asked.arguments.get("do") == Some("forget") {
        trash.forget(token);
        return Ok(redirect(StatusCode::SEE_OTHER, "/deleted"));
    }
    let dir = Cap::parse(&found.dir).map_err(Failure::cap)?;
    let entries = found.links.into_iter().map(Gone::entry).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    match asked.directories.set(&dir, entries, Replace::No).await {
        Ok(_) => {}
        Err(DirError::Exists(name)) => {
            let text = format!(
                "There is something named {name:?} again; rename it, then put back {}.",
                words::count(names.len(), "item", "items")
            );
            return Err(Failure::new(StatusCode::CONFLICT, text));
        }
        Err(error) => return Err(error.into()),
    }
    trash.forget(token);
    Ok(redirect(StatusCode::SEE_OTHER, &found.place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::LitCap;

    fn gone(name: &str) -> Gone {
        let target = Target::Known(Cap::Lit(LitCap::new(b"x".to_vec())));
        Gone::new(name.to_owned(), &Child { target, metadata: Metadata::new() })
    }

    #[test]
    fn what_was_deleted_is_kept_for_thirty_days_and_over_a_restart() {
        let clock = Clock::manual(1_000_000);
        let written = Arc::new(Mutex::new(String::new()));
        let copy = written.clone();
        let write = Box::new(move |text: &str| *copy.lock().unwrap() = text.to_owned());
        let trash = Trash::new("", clock.clone(), write);
        let dir = Cap::Lit(LitCap::new(b"dir".to_vec()));
        let token = trash.keep("/vdrive/global", &dir, vec![gone("a"), gone("b")]);
        let text = written.lock().unwrap().clone() + "\nnot JSON";
        let again = Trash::new(&text, clock.clone(), Box::new(|_| {}));
        assert_eq!(again.names(&token).unwrap(), ["a", "b"]);
        assert!(again.names("other").is_none());
        clock.advance(TRASH_SECONDS);
        assert!(again.names(&token).is_none());
        again.forget("other");
        assert!(again.all().is_empty());
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let trash = Trash::default();
        let dir = Cap::Lit(LitCap::new(b"dir".to_vec()));
        let first = trash.keep("/", &dir, vec![gone("first")]);
        for _ in 0..TRASH_DELETIONS_MAX {
            trash.keep("/", &dir, vec![gone("x")]);
        }
        assert!(trash.names(&first).is_none());
        assert_eq!(trash.all().len(), TRASH_DELETIONS_MAX);
    }
}
