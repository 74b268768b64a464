//! What was deleted or replaced by way of the pages: kept for 30 days, so that it can be put back.
//!
//! A link that is deleted is only forgotten by its directory; its shares stay until their leases
//! end. So what is kept is the capabilities alone (see [`super::record`]), and nothing is sent
//! anywhere.

use super::super::answer::{Failure, redirect};
use super::super::object::Asked;
use super::crumbs::shown;
use super::record::{Deletion, Gone, Trash};
use super::{Frame, show, words};
use crate::cap::Cap;
use crate::grid::dirnode::{DirError, NewEntry, Replace, Target};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

impl Gone {
    fn entry(self) -> Result<NewEntry, Failure> {
        let target = Target::from_caps(self.rw.as_deref(), self.ro.as_deref(), false);
        let target = target.map_err(|error| Failure::bad_request(error.to_string()))?;
        Ok(NewEntry { name: self.name, target, metadata: Some(self.metadata) })
    }
}

/// Writes a deletion down, before its links are removed; its token puts it back.
pub async fn keep(asked: &Asked<'_>, deletion: Deletion) -> Result<String, Failure> {
    let token = deletion.token.clone();
    on_disk(asked, |trash| trash.keep(deletion)).await?;
    Ok(token)
}

pub async fn forget(asked: &Asked<'_>, token: &str) -> Result<(), Failure> {
    let token = token.to_owned();
    on_disk(asked, move |trash| trash.forget(&token)).await
}

/// Disks are waited for elsewhere than where requests are answered.
async fn on_disk(
    asked: &Asked<'_>,
    work: impl FnOnce(&Trash) -> Result<(), String> + Send + 'static,
) -> Result<(), Failure> {
    let trash = asked.gateway.pages.trash.clone();
    let done = tokio::task::spawn_blocking(move || work(&trash)).await;
    let done = done.unwrap_or_else(|_| Err("The work broke off.".to_owned()));
    done.map_err(|why| {
        let text = format!("It could not be kept for putting back, so nothing was done. {why}");
        Failure::new(StatusCode::INSUFFICIENT_STORAGE, text)
    })
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
    what: &'static str,
    place: String,
    date: String,
    token: String,
}

/// `GET /deleted`, for the owner.
pub fn page(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let locked = !asked.gateway.owner.sent(asked.request.headers());
    let trash = &asked.gateway.pages.trash;
    let now = trash.now();
    let deletions = match locked {
        true => Vec::new(),
        false => trash.all().iter().map(|one| line(one, now)).collect(),
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
    let what = if one.replaced { "replaced in" } else { "from" };
    Line { names: names.join(", "), what, place, date, token: one.token.clone() }
}

/// `POST /deleted` with `token=` and `do=restore` or `do=forget`. The token is the permission.
pub async fn act(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let token = asked.arguments.filled("token").unwrap_or_default();
    let found = asked.gateway.pages.trash.find(token);
    let found = found
        .ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "This cannot be put back any more."))?;
    if asked.arguments.get("do") == Some("forget") {
        forget(asked, token).await?;
        return Ok(redirect(StatusCode::SEE_OTHER, "/deleted"));
    }
    let dir = Cap::parse(&found.dir).map_err(Failure::cap)?;
    asked.gateway.grid.permit(&dir)?;
    let entries = found.links.into_iter().map(Gone::entry).collect::<Result<Vec<_>, _>>()?;
    let mut entries: Vec<NewEntry> = entries;
    if found.replaced {
        // What took its place stays.
        for entry in &mut entries {
            entry.name = earlier(&entry.name);
        }
    }
    put_back(asked, &dir, entries).await?;
    forget(asked, token).await?;
    Ok(redirect(StatusCode::SEE_OTHER, &found.place))
}

async fn put_back(asked: &Asked<'_>, dir: &Cap, entries: Vec<NewEntry>) -> Result<(), Failure> {
    let count = words::count(entries.len(), "item", "items");
    match asked.directories.set(dir, entries, Replace::No).await {
        Ok(_) => Ok(()),
        Err(DirError::Exists(name)) => {
            let text = format!(
                "There is something named {name:?} again; rename it, then put back {count}."
            );
            Err(Failure::new(StatusCode::CONFLICT, text))
        }
        Err(error) => Err(error.into()),
    }
}

/// The name of what was replaced, beside what replaced it.
fn earlier(name: &str) -> String {
    super::change::beside(name, "earlier")
}
