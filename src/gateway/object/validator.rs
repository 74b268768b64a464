//! Entity tags: by what it is known that something is still the same.

use super::super::answer::{Failure, stored};
use super::super::pages::visit;
use crate::grid::deep::directory;
use crate::grid::dirnode::{Child, Target};
use crate::http::conditions::{Conditions, Current, Outcome};
use crate::http::tag::entity_tag;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};

/// The tag of what a GET of something without arguments answers. A page is another one in another
/// version of this program, and for another login.
pub fn current(target: &Target) -> Current {
    match target {
        Target::Known(cap) if cap.readable_file().is_some() => Current::Tagged(entity_tag(cap, "")),
        Target::Known(cap) if directory(target).is_some() && !cap.is_mutable() => {
            let login = visit::current().form_token.unwrap_or_default();
            let view = format!("page {} {login}", env!("CARGO_PKG_VERSION"));
            Current::Tagged(entity_tag(cap, &view))
        }
        _ => Current::Untagged,
    }
}

/// The same of a child that may be there.
pub fn of_child(child: Option<&Child>) -> Current {
    child.map_or(Current::Nothing, |child| current(&child.target))
}

/// The answer to a request whose sender has what has this tag, if it has; a refusal if it wants
/// something else.
pub fn known(request: &HttpRequest, tag: &str) -> Result<Option<HttpResponse>, Failure> {
    let now = Current::Tagged(tag.to_owned());
    match Conditions::of(request.headers()).judge(&now) {
        Outcome::Met => Ok(None),
        Outcome::Known => Ok(Some(unchanged(tag))),
        Outcome::Unmet => Err(Failure::unmet()),
    }
}

/// The answer as the conditions want it, of whatever can be looked at.
pub fn judged(request: &HttpRequest, mut answer: HttpResponse) -> Result<HttpResponse, Failure> {
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let now = tag.map_or(Current::Untagged, |tag| Current::Tagged(tag.to_owned()));
    match Conditions::of(request.headers()).judge(&now) {
        Outcome::Met => Ok(answer),
        Outcome::Known => {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            Ok(answer.drop_body().map_into_boxed_body())
        }
        Outcome::Unmet => Err(Failure::unmet()),
    }
}

/// 304: the client has it already.
fn unchanged(tag: &str) -> HttpResponse {
    stored(StatusCode::NOT_MODIFIED).insert_header((header::ETAG, tag)).finish()
}
