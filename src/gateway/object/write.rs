//! PUT and DELETE below a directory.

use super::super::address::{Address, Root};
use super::super::answer::{self, Failure};
use super::super::asked::Asked;
use super::super::conditions::Conditions;
use super::validator::{self, entity_tag};
use super::{For, Found, Moved, Object, Spot, children, directory_of};
use crate::cap::Cap;
use crate::grid::Code;
use crate::grid::dirnode::{Child, ChildError, DirError, Replace, Target};
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
    let found = asked.find(address, For::Making).await?;
    let expected = asked.check_conditions(found.target());
    let spot = file_spot(asked, found, replace)?;
    expected?;
    let body = asked.gateway.take_file(asked.request, body).await?;
    let cap = asked.gateway.store(body).await?;
    let (text, tag) = (cap.reveal(), entity_tag(&cap, ""));
    let replaced = link_file(asked, spot, cap, replace).await?;
    let status = if replaced { StatusCode::OK } else { StatusCode::CREATED };
    Ok(answer::plain(status).insert_header((header::ETAG, tag)).body(text))
}

/// Where a file is put: in place of another, or where nothing is.
fn file_spot(asked: &Asked<'_>, found: Found, replace: Replace) -> Result<Spot, Failure> {
    match found {
        Found::Missing { dir, names } => Spot::below(dir, names),
        Found::Object(object) if object.directory().is_some() => {
            Err(Failure::bad_request("PUT to a directory").coded(Code::IsADirectory))
        }
        Found::Object(_) if replace == Replace::No => Err(Failure::exists()),
        Found::Object(_) if asked.arguments.get("offset").is_some() => {
            let text = "PUT to a file: append operation invoked on an immutable cap";
            Err(Failure::bad_request(text))
        }
        Found::Object(Object { link: Some(link), .. }) => Spot::instead(link),
        Found::Object(_) => Err(Failure::bad_request(
            "A file that a cap names never changes; PUT /uri stores another.",
        )),
    }
}

/// Links a file that was stored; whether it replaced another. It takes the place of a file only,
/// whoever put a directory there meanwhile.
pub async fn link_file(
    asked: &Asked<'_>,
    spot: Spot,
    cap: Cap,
    replace: Replace,
) -> Result<bool, Failure> {
    let name = spot.name.clone();
    let (files_only, forced) = match replace {
        Replace::Yes => (Replace::OnlyFiles, true),
        other => (other, false),
    };
    match asked.link(spot, Target::Known(cap), files_only).await {
        Err(failure) if forced && failure == Failure::exists() => Err(Failure::is_directory(&name)),
        linked => linked,
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
    let found = asked.find(address, For::Making).await?;
    let expected = asked.check_conditions(found.target());
    let spot = match found {
        Found::Missing { dir, names } => Spot::below(dir, names)?,
        Found::Object(_) if replace == Replace::No => return Err(Failure::exists()),
        Found::Object(Object { link: Some(link), .. }) => Spot::instead(link)?,
        Found::Object(_) => return Err(Failure::bad_request("A cap has no name to be put at.")),
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
    let found = asked.find(address, For::Making).await?;
    let expected = asked.check_conditions(found.target());
    match found {
        Found::Object(object) => {
            // It is answered with, though nothing of it is opened.
            asked.permit(&object.target)?;
            let dir = directory_of(&object)?;
            expected.map(|()| dir)
        }
        Found::Missing { dir, names } if Conditions::of(asked.request.headers()).are_there() => {
            let spot = Spot::below(dir, names)?;
            expected?;
            let made = asked.directories.create(Vec::new()).await?;
            asked.link(spot, Target::Known(made.clone()), Replace::No).await?;
            Ok(made)
        }
        Found::Missing { dir, names } => {
            super::writable(&dir)?;
            Ok(asked.directories.make_dirs(&dir, &names).await?)
        }
    }
}

/// Removes a link and answers the cap that it led to.
pub async fn delete(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    asked.refuse_part()?;
    let Some((name, path)) = address.path.split_last() else {
        return Err(Failure::bad_request(match address.root {
            Root::Cap(_) => "What a cap names cannot be deleted, only links to it.",
            _ => "This directory has no name that could be removed.",
        }));
    };
    let parent = Address { root: address.root.clone(), path: path.to_vec() };
    let dir = match asked.object(&parent).await? {
        object if object.directory().is_none() => {
            return Err(super::no_children(name));
        }
        object => directory_of(&object)?,
    };
    super::writable(&dir)?;
    let conditions = Conditions::of(asked.request.headers());
    let holds = |old: Option<&Child>| conditions.allow(&validator::of_child(old));
    let child = match conditions.are_there() {
        true => asked.directories.unlink_if(&dir, name, &holds).await?,
        false => asked.directories.unlink(&dir, name).await?,
    };
    Ok(answer::text(StatusCode::OK, child.target.cap_text().unwrap_or_default()))
}

/// The directory that `to_dir=CAP/path` names, outside of what is to be moved there.
pub async fn named_directory(
    asked: &Asked<'_>,
    text: &str,
    moved: &[Moved],
) -> Result<Cap, Failure> {
    let mut parts = text.trim().split('/');
    let cap = parts.next().unwrap_or_default();
    let names = parts.filter(|part| !part.is_empty()).map(super::super::address::nfc);
    let path = names.collect::<Result<Vec<_>, _>>()?;
    let found =
        asked.follow_outside(Target::named_by(cap), &path, For::Reading, moved).await?.there()?;
    found.directory().cloned().ok_or_else(|| Failure::bad_request("to_dir is not a directory"))
}
