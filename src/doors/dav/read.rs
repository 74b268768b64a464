//! What can be done, and what is in files.

use super::super::book::Rights;
use super::super::error::DoorError;
use super::super::reply;
use super::super::said::{Said, kind};
use super::refusal::Refusal;
use super::visit::{Visit, tag};
use crate::files::For;
use crate::grid::dirnode::Child;
use crate::http::conditions::Outcome;
use crate::http::date::http_date;
use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode, header};
use std::fmt::Write;

/// Methods, by what a door may do.
pub const fn allowed(rights: Rights) -> &'static str {
    match rights {
        Rights::Read => "OPTIONS, GET, HEAD, PROPFIND",
        Rights::Append => "OPTIONS, GET, HEAD, PROPFIND, PUT, MKCOL, COPY",
        Rights::Write => {
            "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, PUT, MKCOL, DELETE, COPY, MOVE, LOCK, UNLOCK"
        }
    }
}

pub fn options(rights: Rights) -> HttpResponse {
    // A drive that cannot be locked is mounted for reading by macOS, and that is what it is for.
    let classes = if matches!(rights, Rights::Write) { "1, 2, 3" } else { "1, 3" };
    HttpResponse::Ok()
        .insert_header(("dav", classes))
        .insert_header(("ms-author-via", "DAV"))
        .insert_header((header::ALLOW, allowed(rights)))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .finish()
}

/// To who has not said who they are. Windows and the Finder ask before they have asked for a password.
pub fn options_of_all() -> HttpResponse {
    options(Rights::Write)
}

/// A file, or a list of what is in a directory, for people.
pub async fn get(visit: &Visit<'_>) -> Result<HttpResponse, Refusal> {
    let seen = visit.look(&visit.asked.path, For::Reading).await?;
    if seen.is_directory() {
        visit.expect(&seen)?;
        return list(visit).await;
    }
    // What is not there is told as that, before any condition.
    let Some(child) = seen.child() else {
        return Err(seen.missing().into());
    };
    let outcome = visit.expect(&seen)?;
    file(visit, child, outcome).await
}

async fn file(visit: &Visit<'_>, child: &Child, outcome: Outcome) -> Result<HttpResponse, Refusal> {
    let tag = tag(&child.target);
    let mut response = HttpResponse::Ok();
    if let Some(changed) = Said::of(&child.metadata).changed().and_then(http_date) {
        response.insert_header((header::LAST_MODIFIED, changed));
    }
    if outcome == Outcome::Known {
        response.status(StatusCode::NOT_MODIFIED);
        if let Some(tag) = tag {
            response.insert_header((header::ETAG, tag));
        }
        return Ok(response.finish());
    }
    let node = visit.door.files().node(&child.target);
    let size = node.file().map_err(DoorError::from)?.size().unwrap_or_default();
    let name = visit.asked.path.last().map(String::as_str).unwrap_or_default();
    response.content_type(kind(Some(child), name));
    Ok(reply::file(visit.door, visit.asked.request, (&node, size, tag.as_deref()), response)
        .await?)
}

/// The names in a directory, a line each. Programs ask by PROPFIND.
async fn list(visit: &Visit<'_>) -> Result<HttpResponse, Refusal> {
    if *visit.asked.method() == Method::HEAD {
        return Ok(reply::plain(StatusCode::OK, ""));
    }
    let listing = visit.door.list(&visit.asked.path).await?;
    let mut text = String::new();
    for entry in &listing.entries {
        let slash = if entry.child.target.is_directory() { "/" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}{slash}", entry.name);
    }
    Ok(reply::plain(StatusCode::OK, &text))
}
