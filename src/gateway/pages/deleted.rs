//! What can be put back: shown, listed for programs, put back or forgotten.

use super::super::answer::{Failure, redirect};
use super::super::asked::Asked;
use super::super::json;
use super::crumbs::shown;
use super::{Frame, show, words};
use crate::base::limits::TRASH_SHOWN_MAX;
use crate::cap::Cap;
use crate::files::address::{Address, nfc, percent_encode};
use crate::files::undo::{Deletion, same_directory};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde_json::json as value;

#[derive(Template)]
#[template(path = "deleted.html")]
struct DeletedPage {
    frame: Frame,
    locked: bool,
    deletions: Vec<Line>,
    /// How many there are beside them.
    more: usize,
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
    let locked = !asked.is_owners();
    let trash = asked.files.trash();
    let now = trash.now();
    let all = if locked { Vec::new() } else { trash.all() };
    let deletions = all.iter().take(TRASH_SHOWN_MAX).map(|one| line(one, now)).collect();
    let more = all.len().saturating_sub(TRASH_SHOWN_MAX);
    let frame = Frame::new("Deleted", "files");
    show(StatusCode::OK, &DeletedPage { frame, locked, deletions, more })
}

fn line(one: &Deletion, now: u64) -> Line {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = one.links.iter().take(SHOWN).map(|l| shown(&l.name)).collect();
    if one.links.len() > SHOWN {
        names.push(format!("{} more", one.links.len() - SHOWN));
    }
    let place = match Address::at(&one.place) {
        Ok(Some(address)) => {
            let steps = super::crumbs::crumbs(&address);
            steps.into_iter().map(|step| step.name).collect::<Vec<_>>().join(" › ")
        }
        _ => "a folder".to_owned(),
    };
    let date = format!("{} ago", words::span(now.saturating_sub(one.time)));
    let what = if one.replaced { "replaced in" } else { "from" };
    Line { names: names.join(", "), what, place, date, token: one.token.clone() }
}

/// `GET /deleted?t=json`: for the owner everything, with `dir=` for whoever has a write cap what was
/// taken out of that directory.
pub fn listed(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let dir = match asked.arguments.filled("dir") {
        Some(text) => Some(named(text)?),
        None if asked.is_owners() => None,
        None => return Err(Failure::token_wanted()),
    };
    let is_there = |one: &Deletion| dir.as_deref().is_none_or(|dir| same_directory(dir, &one.dir));
    let all = asked.files.trash().those(is_there);
    let listed = all.iter().map(|one| {
        let names: Vec<&str> = one.links.iter().map(|link| link.name.as_str()).collect();
        let Deletion { token, time, replaced, .. } = one;
        let place = place_for(asked, one).unwrap_or_else(|| format!("/uri/{}", percent_encode(&one.dir)));
        value!({ "token": token, "time": time, "place": place, "names": names, "replaced": replaced })
    });
    Ok(json::answer(&value!({ "deleted": listed.collect::<Vec<_>>() })))
}

/// Where it was, if whoever asks may know: the way there may be by the cap of a directory above it.
fn place_for(asked: &Asked<'_>, one: &Deletion) -> Option<String> {
    asked.is_owners().then(|| one.place.clone())
}

/// The write cap that is shown.
fn named(text: &str) -> Result<String, Failure> {
    match Cap::parse(text).map_err(Failure::cap)? {
        cap if cap.is_writable() => Ok(cap.reveal()),
        _ => Err(Failure::bad_request("dir= takes the write cap of a directory.")),
    }
}

/// `POST /deleted` with `token=` and `do=restore` or `do=forget`; with `name=` of only one of the links,
/// and with `when_done=`. The token is the permission.
pub async fn act(asked: &Asked<'_>, _: &[String]) -> Result<HttpResponse, Failure> {
    let arguments = &asked.arguments;
    let forgets = match arguments.get("do") {
        Some("restore") => false,
        Some("forget") => true,
        _ => return Err(Failure::bad_request("do= takes restore or forget.")),
    };
    let name = arguments.get("name").map(nfc).transpose()?;
    let token = arguments.filled("token").unwrap_or_default();
    let found = asked.files.deleted(token, name.as_deref())?;
    // The page that shows a token knows where it stands.
    let place = arguments.when_done()?.map(str::to_owned).or_else(|| place_for(asked, &found));
    let place = place.unwrap_or_else(|| "/deleted".to_owned());
    let names = match forgets {
        true => asked.files.forget(found).await?,
        false => asked.files.put_back(found).await?,
    };
    Ok(match (arguments.t(), forgets) {
        ("json", _) => json::answer(&value!({ "names": names })),
        (_, true) => redirect(StatusCode::SEE_OTHER, "/deleted"),
        (_, false) => redirect(StatusCode::SEE_OTHER, &place),
    })
}
