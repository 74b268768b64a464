//! Looking at an object: its contents, its children, its caps.

use super::super::address::{Address, Root};
use super::super::answer::{self, Failure};
use super::super::conditions::Current;
use super::super::json;
use super::super::pages;
use super::super::route::Action;
use super::validator::{self, entity_tag};
use super::{Asked, Object, bad_t, contents, describe, page};
use crate::cap::Cap;
use crate::grid::Missed;
use crate::grid::dirnode::Target;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;

/// Answers one of the rows for reading.
pub async fn read(
    asked: &Asked<'_>,
    address: &Address,
    action: Action,
) -> Result<HttpResponse, Failure> {
    let object = match asked.object(address).await {
        // As in the original, only what is there and cannot be had is told in JSON.
        Err(failure) if action == Action::Json && failure.status == StatusCode::GONE => {
            return Ok(failure.respond_json());
        }
        found => found?,
    };
    match action {
        Action::RenameForm => rename_form(asked, address, &object),
        Action::View => pages::view::view(asked, address, &object).await,
        Action::Share => pages::share::share(address, &object),
        Action::Info => pages::info::info(address, &object),
        Action::Ask(asking) => {
            super::directory_of(&object)?;
            pages::forms::of_directory(address, asking)
        }
        Action::MoveForm => pages::moving::form(asked, address).await,
        Action::RefreshCaps => refresh_caps(asked, &object),
        Action::Show if object.directory().is_some() => {
            let page = pages::files::directory(asked, address, &object).await?;
            Ok(with_tag(page, &validator::current(&object.target)))
        }
        action => view(asked, &object, address.name(), action).await,
    }
}

/// `GET /site/CAP/…`: as `/uri/CAP/…`, but HTML opens as a page. It is as apart from this gateway as
/// everything stored: without scripts, in an origin of its own.
pub async fn site(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let object = asked.object(address).await?;
    if object.directory().is_some() {
        let path = address.path().replacen("/uri/", "/site/", 1);
        return Ok(answer::redirect(StatusCode::FOUND, &format!("{path}/index.html")));
    }
    let mut response = view(asked, &object, address.name(), Action::Show).await?;
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/html") {
        headers.remove(header::CONTENT_DISPOSITION);
    }
    Ok(response)
}

/// Answers the rows for reading that need no address, only the object.
pub async fn view(
    asked: &Asked<'_>,
    object: &Object,
    name: Option<&str>,
    action: Action,
) -> Result<HttpResponse, Failure> {
    if let Some(tag) = tag(object, action) {
        if let Some(known) = validator::known(asked.request, &tag)? {
            return Ok(known);
        }
        let response = seen(asked, object, name, action).await?;
        return Ok(with_tag(response, &Current::Tagged(tag)));
    }
    seen(asked, object, name, action).await
}

fn with_tag(mut response: HttpResponse, now: &Current) -> HttpResponse {
    if let Current::Tagged(tag) = now
        && let Ok(tag) = header::HeaderValue::from_str(tag)
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

async fn seen(
    asked: &Asked<'_>,
    object: &Object,
    name: Option<&str>,
    action: Action,
) -> Result<HttpResponse, Failure> {
    match (&object.target, action) {
        (_, Action::Json) => json(asked, object).await,
        (_, Action::Info) => named_info(object),
        (Target::Known(cap), Action::OwnCap) => Ok(answer::text(StatusCode::OK, cap.reveal())),
        (Target::Known(cap), Action::ReadCap) => {
            Ok(answer::text(StatusCode::OK, cap.read_cap().reveal()))
        }
        (Target::Known(cap @ (Cap::Lit(_) | Cap::Chk(_))), Action::Show) => {
            contents(asked, object, cap, name).await
        }
        (target, Action::OwnCap) => Err(bad_t::unknown(target, "uri")),
        (target, Action::ReadCap) => Err(bad_t::unknown(target, "readonly-uri")),
        (target, _) => Err(bad_t::unknown(target, "")),
    }
}

/// Contents by a cap are the same for ever; a name may lead elsewhere tomorrow, so a browser that
/// has them must ask again.
async fn contents(
    asked: &Asked<'_>,
    object: &Object,
    cap: &Cap,
    name: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let mut response = contents::send(asked, cap, name).await?;
    if object.link.is_some() {
        let again = header::HeaderValue::from_static("private, no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, again);
    }
    Ok(response)
}

/// What never changes, in a form that depends on nothing else, has a validator.
fn tag(object: &Object, action: Action) -> Option<String> {
    let view = match action {
        Action::OwnCap => "uri",
        Action::ReadCap => "readonly-uri",
        Action::Json if object.link.is_none() => "json",
        _ => return None,
    };
    match &object.target {
        Target::Known(cap) if !cap.is_mutable() => Some(entity_tag(cap, view)),
        _ => None,
    }
}

/// The page about an object that was asked for by its cap and any name.
fn named_info(object: &Object) -> Result<HttpResponse, Failure> {
    let cap = object.cap_text().unwrap_or_default();
    let address = Address { root: Root::Cap(cap), path: Vec::new() };
    pages::info::info(&address, object)
}

async fn json(asked: &Asked<'_>, object: &Object) -> Result<HttpResponse, Failure> {
    let Some(dir) = object.directory() else { return Ok(json::answer(&describe::alone(object))) };
    match asked.directories.list(dir).await {
        Ok(listing) => describe::listed(asked, object, listing).await,
        Err(error) => Ok(Failure::from(error).respond_json()),
    }
}

fn rename_form(
    asked: &Asked<'_>,
    address: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    super::directory_of(object)?;
    let here = address.path();
    let when_done = asked.arguments.when_done()?.unwrap_or(&here);
    let name = asked.arguments.get("name").unwrap_or_default();
    pages::forms::rename(address, name, when_done)
}

/// 0.6's manifest: what somebody needs who shall keep all this alive without reading it.
fn refresh_caps(asked: &Asked<'_>, object: &Object) -> Result<HttpResponse, Failure> {
    let root = super::directory_of(object)?;
    let walk = asked.walk(root);
    let lines = stream::unfold((walk, Step::Head), |(mut walk, step)| async move {
        let (text, step) = match step {
            Step::Head => (page::around("Refresh capabilities").0 + "<ul>\n", Step::Body),
            Step::Body => match walk.next().await {
                Some(Ok(reached)) => (refresh_cap(&reached.target), Step::Body),
                Some(Err(missed)) => (broken(&missed), Step::Body),
                None => (String::new(), Step::Tail),
            },
            Step::Tail => (format!("</ul>\n{}", page::around("").1), Step::End),
            Step::End => return None,
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (walk, step)))
    });
    // An empty piece would end a chunked body early.
    let lines = futures_util::StreamExt::filter(lines, |piece| {
        std::future::ready(piece.as_ref().is_ok_and(|piece| !piece.is_empty()))
    });
    Ok(answer::page(StatusCode::OK).streaming(Box::pin(lines)))
}

enum Step {
    Head,
    Body,
    Tail,
    End,
}

fn refresh_cap(target: &Target) -> String {
    match target {
        Target::Known(cap) => cap.verify_cap().map_or_else(String::new, |verify| {
            format!("<li>{}</li>\n", answer::escape(&verify.reveal()))
        }),
        Target::Unknown { .. } => String::new(),
    }
}

fn broken(Missed { path, why, .. }: &Missed) -> String {
    format!("<li>ERROR: {}</li>\n", answer::escape(&format!("/{}: {why}", path.join("/"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_too_are_told_when_to_ask_again() {
        let answer = Failure::busy().respond_json();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
    }
}
