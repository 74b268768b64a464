//! Looking at an object: its contents, its children, its caps.

use super::super::answer::{self, Failure};
use super::super::asked::{Answer, Asked};
use super::super::json;
use super::super::pages;
use super::super::pages::error::wants_page;
use super::super::pages::simple::around;
use super::validator;
use super::{bad_t, contents, describe, page};
use crate::cap::Cap;
use crate::files::Object;
use crate::files::address::{Address, Root};
use crate::grid::Missed;
use crate::grid::dirnode::Target;
use crate::http::conditions::Current;
use crate::http::tag::entity_tag;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;

/// Shows what was found.
pub type Look = for<'a> fn(&'a Asked<'a>, &'a Address, &'a Object) -> Answer<'a>;

/// Finds what an address names and shows it, if the request's conditions want it. Whoever can see a page
/// is asked whether a server may be dialled that only a cap names.
pub async fn look(
    asked: &Asked<'_>,
    address: &Address,
    show: Look,
) -> Result<HttpResponse, Failure> {
    match found(asked, address, show).await {
        Err(failure) if failure.asks_leave && wants_page(asked.request) => {
            Ok(page::ask_for_tub(asked, &address.path()))
        }
        answer => validator::judged(asked.request, answer?),
    }
}

async fn found(asked: &Asked<'_>, address: &Address, show: Look) -> Result<HttpResponse, Failure> {
    let object = match asked.files.object(address).await {
        // As in the original, only what is there and cannot be had is told in JSON.
        Ok(found) => found,
        Err(error) => {
            let failure = Failure::from(error);
            let in_json = asked.arguments.t() == "json" && failure.status == StatusCode::GONE;
            return if in_json { Ok(failure.respond_json()) } else { Err(failure) };
        }
    };
    show(asked, address, &object).await
}

/// `GET /file/CAP/NAME`: shows a file by its cap, whatever it is called.
pub async fn look_named(
    asked: &Asked<'_>,
    address: &Address,
    show: Look,
) -> Result<HttpResponse, Failure> {
    let root = Address { root: address.root.clone(), path: Vec::new() };
    let object = asked.files.object(&root).await?;
    if object.target.known().is_some() && object.target.file().is_none() {
        let text = "What stands behind /file is not a file-cap; /uri shows the rest.";
        return Err(Failure::bad_request(text));
    }
    validator::judged(asked.request, show(asked, address, &object).await?)
}

/// The contents of a file, or the page of a directory.
pub async fn show(
    asked: &Asked<'_>,
    address: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    if object.directory().is_none() {
        return contents(asked, object, address.name()).await;
    }
    let page = pages::files::directory(asked, address, object).await?;
    Ok(with_tag(page, &validator::current(&object.target)))
}

/// `GET /site/CAP/…`: as `/uri/CAP/…`, but HTML opens as a page. It is as apart from this gateway as
/// everything stored: without scripts, in an origin of its own.
pub async fn site(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let object = asked.files.object(address).await?;
    if object.directory().is_some() {
        let path = address.path().replacen("/uri/", "/site/", 1);
        return Ok(answer::redirect(StatusCode::FOUND, &format!("{path}/index.html")));
    }
    let mut response = contents(asked, &object, address.name()).await?;
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/html") {
        headers.remove(header::CONTENT_DISPOSITION);
    }
    validator::judged(asked.request, response)
}

/// `GET …?t=uri`: its cap, with all that whoever asks may do.
pub fn own_cap(asked: &Asked<'_>, _: &Address, object: &Object) -> Result<HttpResponse, Failure> {
    cap(asked, object, "uri", Cap::reveal)
}

/// `GET …?t=readonly-uri`
pub fn read_cap(asked: &Asked<'_>, _: &Address, object: &Object) -> Result<HttpResponse, Failure> {
    cap(asked, object, "readonly-uri", |cap| cap.read_cap().reveal())
}

fn cap(
    asked: &Asked<'_>,
    object: &Object,
    t: &str,
    text: impl FnOnce(&Cap) -> String,
) -> Result<HttpResponse, Failure> {
    let Target::Known(cap) = &object.target else {
        return Err(bad_t::unknown(&object.target, t));
    };
    let tag = tag(object, t);
    match known(asked, tag.as_deref())? {
        Some(known) => Ok(known),
        None => Ok(tagged(answer::text(StatusCode::OK, text(cap)), tag)),
    }
}

/// `GET …?t=json`
pub async fn json(
    asked: &Asked<'_>,
    _: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    // A link says more than its object, and may say something else tomorrow.
    let tag = tag(object, "json").filter(|_| object.link.is_none());
    match known(asked, tag.as_deref())? {
        Some(known) => Ok(known),
        None => Ok(tagged(described(asked, object).await?, tag)),
    }
}

/// What never changes, in a form that depends on nothing else, has a validator.
fn tag(object: &Object, view: &str) -> Option<String> {
    match &object.target {
        Target::Known(cap) if !cap.is_mutable() => Some(entity_tag(cap, view)),
        _ => None,
    }
}

fn known(asked: &Asked<'_>, tag: Option<&str>) -> Result<Option<HttpResponse>, Failure> {
    tag.map_or(Ok(None), |tag| validator::known(asked.request, tag))
}

fn tagged(response: HttpResponse, tag: Option<String>) -> HttpResponse {
    with_tag(response, &tag.map_or(Current::Untagged, Current::Tagged))
}

fn with_tag(mut response: HttpResponse, now: &Current) -> HttpResponse {
    if let Current::Tagged(tag) = now
        && let Ok(tag) = header::HeaderValue::from_str(tag)
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Contents by a cap are the same for ever; a name may lead elsewhere tomorrow, so a browser that
/// has them must ask again.
async fn contents(
    asked: &Asked<'_>,
    object: &Object,
    name: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let Some(cap) = object.target.file() else {
        return Err(bad_t::unknown(&object.target, ""));
    };
    let mut response = contents::send(asked, cap, name).await?;
    if object.link.is_some() {
        let again = header::HeaderValue::from_static("private, no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, again);
    }
    Ok(response)
}

/// The page about an object that was asked for by its cap and any name.
pub fn named_info(
    asked: &Asked<'_>,
    _: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    let cap = object.cap_text().unwrap_or_default();
    let address = Address { root: Root::Cap(cap), path: Vec::new() };
    pages::info::info(asked, &address, object)
}

async fn described(asked: &Asked<'_>, object: &Object) -> Result<HttpResponse, Failure> {
    let Some(dir) = object.directory() else { return Ok(json::answer(&describe::alone(object))) };
    match asked.files.directories().list(dir).await {
        Ok(listing) => describe::listed(asked, object, listing).await,
        Err(error) => Ok(Failure::from(error).respond_json()),
    }
}

/// `GET …?t=rename-form`
pub fn rename_form(
    asked: &Asked<'_>,
    address: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    object.as_directory()?;
    let here = address.path();
    let when_done = asked.arguments.when_done()?.unwrap_or(&here);
    let name = asked.arguments.get("name").unwrap_or_default();
    pages::forms::rename(address, name, when_done)
}

/// 0.6's manifest: what somebody needs who shall keep all this alive without reading it.
pub fn refresh_caps(
    asked: &Asked<'_>,
    _: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    let root = object.as_directory()?.clone();
    let walk = asked.files.walk(root);
    let lines = stream::unfold((walk, Step::Head), |(mut walk, step)| async move {
        let (text, step) = match step {
            Step::Head => (around("Refresh capabilities").0 + "<ul>\n", Step::Body),
            Step::Body => match walk.next().await {
                Some(Ok(reached)) => (refresh_cap(&reached.target), Step::Body),
                Some(Err(missed)) => (broken(&missed), Step::Body),
                None => (String::new(), Step::Tail),
            },
            Step::Tail => (format!("</ul>\n{}", around("").1), Step::End),
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
            format!("<li>{}</li>\n", crate::http::markup::escape(&verify.reveal()))
        }),
        Target::Unknown { .. } => String::new(),
    }
}

fn broken(Missed { path, why, .. }: &Missed) -> String {
    format!(
        "<li>ERROR: {}</li>\n",
        crate::http::markup::escape(&format!("/{}: {why}", path.join("/")))
    )
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
