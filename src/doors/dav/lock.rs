//! LOCK and UNLOCK.

use super::super::seen::{Seen, There};
use super::super::xml::Element;
use super::body::{in_xml, xml};
use super::href::href;
use super::locks::{Lock, NoLock, Touch, Wanted};
use super::property::{DAV, discovery};
use super::refusal::Refusal;
use super::visit::{Depth, Visit, still};
use super::wish::coded;
use super::write::CHANGING;
use crate::base::limits::{DAV_LOCK_OWNER_MAX, DAV_LOCK_SECONDS_MAX};
use crate::cap::{Cap, LitCap};
use crate::files::For;
use crate::grid::Code;
use crate::grid::dirnode::{Metadata, Replace, Target};
use crate::http::spool::BodyError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};

/// Makes a lock, or lets one last longer. Where nothing is, an empty file is made, so that its name is
/// taken.
pub async fn lock(visit: &Visit<'_>, body: web::Payload) -> Result<HttpResponse, Refusal> {
    // Who may not change what is there has no use for keeping others from it.
    visit.door.may_remove()?;
    let body = xml(visit, body).await?;
    let path = &visit.asked.path;
    let seen = visit.look(path, For::Making).await?;
    if matches!(seen.there, There::Orphan) {
        return Err(Refusal::ORPHAN);
    }
    visit.expect_to_change(&seen)?;
    let Some(body) = body else {
        let renewed = visit.claim.renew(path, seconds(visit));
        let renewed = renewed.ok_or(Refusal::Named(
            StatusCode::PRECONDITION_FAILED,
            "lock-token-matches-request-uri",
            None,
        ))?;
        return Ok(told(visit, &renewed, StatusCode::OK));
    };
    let wanted = wanted(visit, &body)?;
    if matches!(seen.there, There::Nothing) {
        visit.permit(path, Touch::Member)?;
    }
    let lock = visit.claim.take(wanted).map_err(|why| match why {
        NoLock::Taken(at) => no_conflict(visit, &at),
        NoLock::Full => BodyError::Busy.into(),
    })?;
    let status = match name_taken(visit, seen, &lock).await {
        Ok(status) => status,
        Err(refusal) => {
            visit.claim.release(path, &lock.token);
            return Err(refusal);
        }
    };
    let mut response = told(visit, &lock, status);
    if let Ok(token) = header::HeaderValue::from_str(&format!("<{}>", lock.token)) {
        response.headers_mut().insert(header::HeaderName::from_static("lock-token"), token);
    }
    Ok(response)
}

fn no_conflict(visit: &Visit<'_>, at: &[String]) -> Refusal {
    let href = href(&visit.door.name, at, at.is_empty());
    Refusal::Named(StatusCode::LOCKED, "no-conflicting-lock", Some(href))
}

/// Makes an empty file where nothing is.
async fn name_taken(visit: &Visit<'_>, seen: Seen, lock: &Lock) -> Result<StatusCode, Refusal> {
    let There::Nothing = seen.there else { return Ok(StatusCode::OK) };
    let path = &visit.asked.path;
    let empty = Target::Known(Cap::from(LitCap::new(Vec::new())));
    let claim = visit.claim.with_token(&lock.token);
    let holds = still(None, &claim, path, Touch::Member);
    let linked = visit.door.link(seen.spot()?, (empty, Metadata::new()), Replace::No, &holds).await;
    match linked {
        Ok(_) => Ok(StatusCode::CREATED),
        // It was to be locked where nothing was; its client may look at what is there now.
        Err(error) if matches!(error.code(), Code::Exists | Code::Unmet) => Err(CHANGING),
        Err(error) => Err(error.into()),
    }
}

/// What a `lockinfo` asks for.
fn wanted(visit: &Visit<'_>, body: &Element) -> Result<Wanted, Refusal> {
    const BAD: &str = "The body is no lockinfo for a lock on writing.";
    let infinite = match visit.depth()? {
        Depth::Zero => false,
        Depth::Infinity => true,
        Depth::One => return Err(Refusal::bad("Locks are of depth 0 or infinity.")),
    };
    let of = |name: &str| body.children().find(|child| child.is(DAV, name));
    let has = |name: &str, inner: &str| {
        of(name).is_some_and(|element| element.children().any(|child| child.is(DAV, inner)))
    };
    let exclusive = match (has("lockscope", "exclusive"), has("lockscope", "shared")) {
        (true, false) => true,
        (false, true) => false,
        _ => return Err(Refusal::bad(BAD)),
    };
    if !body.is(DAV, "lockinfo") || !has("locktype", "write") {
        return Err(Refusal::bad(BAD));
    }
    let mut owner = String::new();
    if let Some(element) = of("owner") {
        element.write(&mut owner);
    }
    if owner.len() > DAV_LOCK_OWNER_MAX {
        return Err(Refusal::bad("The lock's owner says too much of itself."));
    }
    let path = visit.asked.path.clone();
    Ok(Wanted { path, infinite, exclusive, owner, seconds: seconds(visit) })
}

/// The first time that a client names counts, up to the longest that there is.
fn seconds(visit: &Visit<'_>) -> u64 {
    said(visit.header("timeout").unwrap_or_default())
}

fn said(timeout: &str) -> u64 {
    let first = timeout.split(',').next().unwrap_or_default().trim();
    let seconds = first.strip_prefix("Second-").and_then(|number| number.parse::<u64>().ok());
    seconds.unwrap_or(DAV_LOCK_SECONDS_MAX).clamp(1, DAV_LOCK_SECONDS_MAX)
}

fn told(visit: &Visit<'_>, lock: &Lock, status: StatusCode) -> HttpResponse {
    let root = href(&visit.door.name, &[], false);
    let inside = discovery(&[lock], &root);
    in_xml(status).body(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <D:prop xmlns:D=\"DAV:\"><D:lockdiscovery>{inside}</D:lockdiscovery></D:prop>\n"
    ))
}

/// Ends a lock.
pub fn unlock(visit: &Visit<'_>) -> Result<HttpResponse, Refusal> {
    visit.door.may_remove()?;
    let shown = visit.header("lock-token").ok_or(Refusal::bad("There is no Lock-Token."))?;
    let token = match coded(shown.trim()) {
        Ok((token, "")) => token,
        _ => return Err(Refusal::bad("The Lock-Token makes no sense.")),
    };
    match visit.claim.release(&visit.asked.path, token) {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Refusal::Named(StatusCode::CONFLICT, "lock-token-matches-request-uri", None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_lock_lasts_for_ever() {
        for (text, seconds) in [
            ("Second-600", 600),
            ("Second-600, Infinite", 600),
            ("Infinite, Second-4100000000", DAV_LOCK_SECONDS_MAX),
            ("Second-4100000000", DAV_LOCK_SECONDS_MAX),
            ("Second-0", 1),
            ("Second--1", DAV_LOCK_SECONDS_MAX),
            ("", DAV_LOCK_SECONDS_MAX),
        ] {
            assert_eq!(said(text), seconds, "{text}");
        }
    }
}
