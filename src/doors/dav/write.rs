//! Putting files, making directories, removing either.

use super::super::error::DoorError;
use super::super::reply::plain;
use super::super::said::Said;
use super::super::seen::{Seen, There};
use super::locks::Touch;
use super::refusal::Refusal;
use super::visit::{Visit, still};
use crate::base::limits::{DAV_BODY_MAX, DOOR_REDOS_MAX};
use crate::cap::Cap;
use crate::files::For;
use crate::grid::Code;
use crate::grid::dirnode::{Metadata, Replace, Target};
use crate::http::tag::entity_tag;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};

const IS_DIRECTORY: Refusal =
    Refusal::Said(StatusCode::METHOD_NOT_ALLOWED, "There is a directory of this name.");
pub const CHANGING: Refusal = Refusal::Said(
    StatusCode::CONFLICT,
    "Others change the same all the time. Nothing was changed.",
);

/// Stores a file, in place of another or where nothing was.
pub async fn put(visit: &Visit<'_>, body: web::Payload) -> Result<HttpResponse, Refusal> {
    visit.door.may_add()?;
    // A part of a file cannot be put: a file is what its cap names, and that is all of it. Storing the part as
    // if it were everything would be worse than nothing (RFC 9110 §14.5).
    if visit.asked.header(header::CONTENT_RANGE).is_some() {
        return Err(Refusal::Said(StatusCode::NOT_IMPLEMENTED, "Only whole files are taken."));
    }
    if visit.asked.slash {
        return Err(Refusal::Said(
            StatusCode::METHOD_NOT_ALLOWED,
            "No file's address ends in a slash.",
        ));
    }
    // Also where the directory only reads, that is told before anything is taken in.
    let ready = ready_for_file(visit).await?;
    ready.0.can_hold()?;
    let body = visit.door.receive(body, visit.asked.length()?).await?;
    let cap = visit.door.store(body).await?;
    let replaced = put_cap(visit, &cap, ready).await?;
    let status = if replaced { StatusCode::NO_CONTENT } else { StatusCode::CREATED };
    let mut response = HttpResponse::build(status);
    response.insert_header((header::ETAG, entity_tag(&cap, "")));
    if said_time(visit).is_some() {
        response.insert_header(("x-oc-mtime", "accepted"));
    }
    Ok(response.finish())
}

/// What is there, if a file may come in its place: looked at before the body is taken in, and again
/// when it is stored.
async fn ready_for_file(visit: &Visit<'_>) -> Result<(Seen, Touch), Refusal> {
    let seen = visit.look(&visit.asked.path, For::Making).await?;
    let touch = match &seen.there {
        There::Orphan => return Err(Refusal::ORPHAN),
        _ if seen.is_directory() => return Err(IS_DIRECTORY),
        There::Nothing => Touch::Member,
        There::Child(_) | There::Root => {
            visit.door.may_remove()?;
            Touch::Itself
        }
    };
    visit.expect_to_change(&seen)?;
    visit.permit(&visit.asked.path, touch)?;
    Ok((seen, touch))
}

/// Links a file that is stored, beginning from what was seen before it came; whether it replaced another.
async fn put_cap(visit: &Visit<'_>, cap: &Cap, ready: (Seen, Touch)) -> Result<bool, Refusal> {
    let (path, mut ready) = (&visit.asked.path, Some(ready));
    for _ in 0..DOOR_REDOS_MAX {
        let (seen, touch) = match ready.take() {
            Some(ready) => ready,
            None => ready_for_file(visit).await?,
        };
        let mut said = seen.child().map(|child| Said::of(&child.metadata)).unwrap_or_default();
        let changed = said_time(visit).unwrap_or_else(|| visit.clock.now() as f64);
        let name = path.last().map(String::as_str).unwrap_or_default();
        said.set_changed(changed);
        let metadata = said.of_bytes(cap, (name, visit.asked.header(header::CONTENT_TYPE)));
        let holds = still(seen.child(), &visit.claim, path, touch);
        let linked = visit.door.put(seen.spot()?, (cap.clone(), metadata), &holds).await;
        match linked {
            Ok(replaced) => return Ok(replaced),
            // A directory was made there meanwhile.
            Err(error) if error.code() == Code::Exists => return Err(IS_DIRECTORY),
            Err(error) => visit.overtaken(error, (path, touch))?,
        }
    }
    Err(CHANGING)
}

/// When the file was changed, as clients of ownCloud and Nextcloud say it.
fn said_time(visit: &Visit<'_>) -> Option<f64> {
    super::date::parse(visit.header("x-oc-mtime")?)
}

/// Makes a directory.
pub async fn make(visit: &Visit<'_>, body: web::Payload) -> Result<HttpResponse, Refusal> {
    visit.door.may_add()?;
    let (bytes, _held) = visit.door.spool().short(body, DAV_BODY_MAX).await?;
    if !bytes.is_empty() {
        // Nothing that could be in it is known here.
        return Err(Refusal::Said(StatusCode::UNSUPPORTED_MEDIA_TYPE, "No body is taken."));
    }
    let path = &visit.asked.path;
    let mut made = None;
    for _ in 0..DOOR_REDOS_MAX {
        let seen = visit.look(path, For::Making).await?;
        match seen.there {
            There::Root | There::Child(_) => {
                return Err(Refusal::Said(StatusCode::METHOD_NOT_ALLOWED, "It is there already."));
            }
            There::Orphan => return Err(Refusal::ORPHAN),
            There::Nothing => {}
        }
        visit.expect_to_change(&seen)?;
        visit.permit(path, Touch::Member)?;
        let cap = match &made {
            Some(cap) => Cap::clone(cap),
            None => made.insert(visit.door.new_directory(Vec::new()).await?).clone(),
        };
        let holds = still(None, &visit.claim, path, Touch::Member);
        let link = (Target::Known(cap), Metadata::new());
        match visit.door.link(seen.spot()?, link, Replace::No, &holds).await {
            Ok(_) => return Ok(plain(StatusCode::CREATED, "")),
            Err(error) if error.code() == Code::Exists => {}
            Err(error) => visit.overtaken(error, (path, Touch::Member))?,
        }
    }
    Err(CHANGING)
}

/// Removes what is there, with all below it.
pub async fn delete(visit: &Visit<'_>) -> Result<HttpResponse, Refusal> {
    visit.door.may_remove()?;
    let path = &visit.asked.path;
    for _ in 0..DOOR_REDOS_MAX {
        let seen = visit.look(path, For::Reading).await?;
        let child = match seen.there {
            There::Root => return Err(DoorError::Root.into()),
            There::Nothing | There::Orphan => {
                return Err(seen.missing().into());
            }
            There::Child(_) => seen.child(),
        };
        visit.expect_to_change(&seen)?;
        visit.permit(path, Touch::Tree)?;
        let holds = still(child, &visit.claim, path, Touch::Tree);
        match visit.door.remove(path, Some(&holds)).await {
            Ok(_) => {
                visit.claim.gone(path);
                return Ok(HttpResponse::NoContent().finish());
            }
            Err(error) => visit.overtaken(error, (path, Touch::Tree))?,
        }
    }
    Err(CHANGING)
}
