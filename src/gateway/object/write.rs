//! PUT and DELETE below a directory.

use super::super::answer::{self, Failure};
use super::super::asked::Asked;
use super::children;
use crate::cap::Cap;
use crate::files::{Address, For, Found, Object, Root, Spot};
use crate::grid::Code;
use crate::grid::dirnode::writable;
use crate::grid::dirnode::{ChildError, Condition, DirError, Replace, Target};
use crate::http::tag::entity_tag;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};

/// Stores the body as a file under a name.
pub async fn put(
    asked: &Asked<'_>,
    address: &Address,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    asked.refuse_part()?;
    asked.arguments.file_format()?;
    let replace = asked.arguments.replace()?;
    let found = asked.files.find(address, For::Making).await?;
    let expected = asked.check_conditions(found.target());
    let spot = file_spot(asked, found, replace)?;
    expected?;
    let body = asked.gateway.take_file(asked.request, body).await?;
    let cap = asked.gateway.store(body).await?;
    let (text, tag) = (cap.reveal(), entity_tag(&cap, ""));
    let replaced = asked.files.link_file(spot, cap, replace, &asked.condition()).await?;
    let status = if replaced { StatusCode::OK } else { StatusCode::CREATED };
    Ok(answer::plain(status).insert_header((header::ETAG, tag)).body(text))
}

/// Where a file is put: in place of another, or where nothing is.
fn file_spot(asked: &Asked<'_>, found: Found, replace: Replace) -> Result<Spot, Failure> {
    match found {
        Found::Object(object) if object.directory().is_some() => {
            Err(Failure::bad_request("PUT to a directory").coded(Code::IsADirectory))
        }
        Found::Object(_) if replace == Replace::No => Err(Failure::exists()),
        Found::Object(_) if asked.arguments.get("offset").is_some() => {
            let text = "PUT to a file: append operation invoked on an immutable cap";
            Err(Failure::bad_request(text))
        }
        Found::Object(Object { link: None, .. }) => Err(Failure::bad_request(
            "A file that a cap names never changes; PUT /uri stores another.",
        )),
        found => Ok(Spot::of(found)?),
    }
}

/// Links what the cap in the body names.
pub async fn put_cap(
    asked: &Asked<'_>,
    address: &Address,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    asked.refuse_part()?;
    let replace = asked.arguments.replace()?;
    let found = asked.files.find(address, For::Making).await?;
    let expected = asked.check_conditions(found.target());
    let spot = match found {
        Found::Object(_) if replace == Replace::No => return Err(Failure::exists()),
        Found::Object(Object { link: None, .. }) => {
            return Err(Failure::bad_request("A cap has no name to be put at."));
        }
        found => Spot::of(found)?,
    };
    expected?;
    let text = asked.gateway.take_text(body).await?;
    let target = given(text.trim(), address.name().unwrap_or_default())?;
    let text = target.cap_text().unwrap_or_default();
    asked.link(spot, target, replace).await?;
    Ok(answer::text(StatusCode::OK, text))
}

/// What a cap that came alone links to.
pub fn given(cap: &str, name: &str) -> Result<Target, Failure> {
    let bad = |why: ChildError| DirError::BadChild { name: name.to_owned(), why };
    Ok(children::target(Some(cap).filter(|cap| !cap.is_empty()), None).map_err(bad)?)
}

/// Makes a directory under a name, if there is none.
pub async fn put_directory(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    asked.refuse_part()?;
    Ok(answer::text(StatusCode::OK, make(asked, address).await?.reveal()))
}

/// The directory at an address, made with those above it if it is not there.
pub async fn make(asked: &Asked<'_>, address: &Address) -> Result<Cap, Failure> {
    asked.arguments.directory_format()?;
    let found = asked.files.find(address, For::Making).await?;
    let expected = asked.check_conditions(found.target());
    match &found {
        Found::Missing { dir, .. } => writable(dir.dir())?,
        Found::Object(object) => {
            asked.files.permit(&object.target)?;
            object.as_directory()?;
        }
    }
    expected?;
    let holds = asked.condition();
    let holds = asked.has_conditions().then_some(&holds as Condition<'_>);
    Ok(asked.files.make_dir(found, holds).await?)
}

/// Removes a link and answers the cap that it led to.
pub async fn delete(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    asked.refuse_part()?;
    if address.name().is_none() {
        return Err(Failure::bad_request(match address.root {
            Root::Cap(_) => "What a cap names cannot be deleted, only links to it.",
            _ => "This directory has no name that could be removed.",
        }));
    }
    let holds = asked.condition();
    let holds = asked.has_conditions().then_some(&holds as Condition<'_>);
    let child = asked.files.delete(address, holds).await?;
    Ok(answer::text(StatusCode::OK, child.target.cap_text().unwrap_or_default()))
}
