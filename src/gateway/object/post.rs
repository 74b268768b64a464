//! POST to a directory, or to a name in one.

use super::super::answer::{self, Failure};
use super::super::asked::Asked;
use super::super::body::{Form, FormFile};
use super::children;
use super::write::{self, given};
use crate::base::limits::ROW_IDS_MAX;
use crate::cap::Cap;
use crate::files::address::nfc;
use crate::files::{Address, FilesError, For, Found, Object, Root, Spot};
use crate::grid::Missed;
use crate::grid::dirnode::writable;
use crate::grid::dirnode::{Nameless, NewEntry, Replace, Target};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;

/// A new directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Empty,
    WithChildren,
    Immutable,
}

/// Answers with what was done, in a few words; a browser goes where `when_done` says.
pub async fn said(
    asked: &Asked<'_>,
    address: &Address,
    act: impl Future<Output = Result<String, Failure>>,
) -> Result<HttpResponse, Failure> {
    allowed(asked, address, done(asked, act)).await
}

async fn done(
    asked: &Asked<'_>,
    act: impl Future<Output = Result<String, Failure>>,
) -> Result<HttpResponse, Failure> {
    let when_done = asked.arguments.when_done()?;
    let text = act.await?;
    Ok(match when_done {
        Some(to) => answer::redirect(StatusCode::FOUND, to),
        None => answer::text(StatusCode::OK, text),
    })
}

/// Acts unless the request's conditions do not allow it of what is addressed; that there is nothing is
/// left to the act to say.
pub async fn allowed<T>(
    asked: &Asked<'_>,
    address: &Address,
    act: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    if asked.has_conditions()
        && let Found::Object(object) = asked.files.find(address, For::Making).await?
    {
        asked.check_conditions(Some(&object.target))?;
    }
    act.await
}

/// `POST …?t=mkdir`
pub async fn make_empty(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    make(asked, address, Vec::new(), Made::Empty).await
}

/// Makes a directory; that nothing is there yet may be what the request's conditions are about.
pub async fn make(
    asked: &Asked<'_>,
    address: &Address,
    children: Vec<NewEntry>,
    made: Made,
) -> Result<HttpResponse, Failure> {
    if asked.has_conditions() {
        asked.check_conditions(asked.files.find(address, For::Making).await?.target())?;
    }
    done(asked, make_at(asked, address, made, children)).await
}

/// A name that a person typed: without space around it, and no path.
fn plain_name(argument: &str, text: &str) -> Result<String, Failure> {
    let name = nfc(text.trim())?;
    if name.contains('/') {
        return Err(Failure::bad_request(format!("{argument}= may not contain a slash")));
    }
    Ok(name)
}

/// Stores a form's file.
pub async fn upload(
    asked: &Asked<'_>,
    address: &Address,
    form: Form,
) -> Result<HttpResponse, Failure> {
    said(asked, address, store(asked, address, form.file)).await
}

async fn store(
    asked: &Asked<'_>,
    address: &Address,
    file: Option<FormFile>,
) -> Result<String, Failure> {
    asked.arguments.file_format()?;
    let replace = asked.arguments.replace()?;
    let file = file.ok_or_else(|| Failure::bad_request("The form has no field `file`."))?;
    let spot = match asked.files.find(address, For::Making).await? {
        Found::Missing { names, .. } => {
            return Err(Failure::no_such_child(names.first().map_or("", String::as_str)));
        }
        Found::Object(object) => match object.directory() {
            Some(dir) => {
                let name = asked.arguments.filled("name").or(file.name.as_deref());
                let name = plain_name("name", name.unwrap_or_default())?;
                if name.is_empty() {
                    return Err(Failure::bad_request("upload requires a name"));
                }
                asked.files.spot_in(dir, &name, replace).await?
            }
            None if replace == Replace::No => return Err(Failure::exists()),
            None => instead(object)?,
        },
    };
    let cap = asked.gateway.store(file.body).await?;
    let text = cap.reveal();
    asked.files.link_file(spot, cap, replace, &asked.condition()).await?;
    Ok(text)
}

fn instead(object: Object) -> Result<Spot, Failure> {
    let link = object.link.ok_or_else(|| {
        Failure::bad_request("A file that a cap names never changes; POST /uri stores another.")
    })?;
    Ok(Spot::instead(link)?)
}

/// Makes a directory: at the address if nothing is there, else of the argument's name in what is.
async fn make_at(
    asked: &Asked<'_>,
    address: &Address,
    made: Made,
    children: Vec<NewEntry>,
) -> Result<String, Failure> {
    asked.arguments.directory_format()?;
    let name = asked.arguments.filled("name").map(nfc).transpose()?;
    let (spot, replace) = match (made, name) {
        (Made::Empty, None) => return Ok(write::make(asked, address).await?.reveal()),
        (Made::Empty, Some(name)) => {
            let replace = match asked.arguments.flag_or("replace", true)? {
                true => Replace::Yes,
                false => Replace::No,
            };
            (Spot::within(write::make(asked, address).await?, name)?, replace)
        }
        (_, Some(name)) => (Spot::within(asked.files.dir(address).await?, name)?, Replace::No),
        (_, None) => match asked.files.find(address, For::Making).await? {
            Found::Missing { dir, names } => (Spot::below(dir, names)?, Replace::No),
            Found::Object(_) => return Err(Failure::exists()),
        },
    };
    let cap = new_directory(asked, made, children).await?;
    let text = cap.reveal();
    asked.link(spot, Target::Known(cap), replace).await?;
    Ok(text)
}

/// A directory that is in no other yet.
pub async fn new_directory(
    asked: &Asked<'_>,
    made: Made,
    children: Vec<NewEntry>,
) -> Result<Cap, Failure> {
    let (directories, children) = (asked.files.directories(), children::fresh(children));
    Ok(match made {
        Made::Immutable => directories.create_immutable(children).await?,
        Made::Empty | Made::WithChildren => directories.create(children).await?,
    })
}

pub async fn link(asked: &Asked<'_>, address: &Address) -> Result<String, Failure> {
    let wanted = |name| move || Failure::bad_request(format!("set-uri requires a {name}"));
    let uri = asked.arguments.filled("uri").ok_or_else(wanted("uri"))?.trim();
    let name = nfc(asked.arguments.filled("name").ok_or_else(wanted("name"))?)?;
    let replace = asked.arguments.replace()?;
    let spot = Spot::within(asked.files.dir(address).await?, name.clone())?;
    asked.link(spot, given(uri, &name)?, replace).await?;
    Ok(uri.to_owned())
}

/// Forms cannot send an empty field, so no name is the empty name.
pub async fn unlink(asked: &Asked<'_>, address: &Address) -> Result<String, Failure> {
    let name = nfc(asked.arguments.get("name").unwrap_or_default())?;
    let dir = asked.files.dir(address).await?;
    writable(&dir)?;
    asked.files.directories().unlink(&dir, &name).await?;
    Ok("thing unlinked".to_owned())
}

/// `row=` names what does not open and so has no name; several of them with commas between.
pub async fn remove_rows(asked: &Asked<'_>, address: &Address) -> Result<String, Failure> {
    let texts = asked.arguments.pairs().filter(|(key, _)| *key == "row");
    let rows = texts.flat_map(|(_, text)| text.split(',')).take(ROW_IDS_MAX + 1);
    let rows: Option<Vec<_>> = rows.map(Nameless::parse_row).collect();
    let rows = rows.filter(|rows| (1..=ROW_IDS_MAX).contains(&rows.len())).ok_or_else(|| {
        Failure::bad_request(format!("row= takes 1 to {ROW_IDS_MAX} ids as t=json shows them."))
    })?;
    let dir = asked.files.dir(address).await?;
    writable(&dir)?;
    match asked.files.directories().remove_rows(&dir, &rows).await? {
        0 => Err(Failure::new(StatusCode::NOT_FOUND, "There is no such row in the directory.")),
        1 => Ok("1 row removed".to_owned()),
        count => Ok(format!("{count} rows removed")),
    }
}

pub async fn rename(asked: &Asked<'_>, address: &Address) -> Result<String, Failure> {
    if asked.arguments.get("to_dir").is_some() {
        return Err(Failure::bad_request("to_dir= is not valid for rename"));
    }
    if asked.arguments.get("to_name").is_none() {
        return Err(Failure::bad_request("to_name= is required for rename"));
    }
    relink(asked, address).await
}

pub async fn relink(asked: &Asked<'_>, address: &Address) -> Result<String, Failure> {
    let replace = asked.arguments.replace()?;
    let from_name = asked.arguments.get("from_name");
    let from_name = from_name.ok_or_else(|| Failure::bad_request("from_name= is required"))?;
    let from_name = plain_name("from_name", from_name)?;
    let to_name = match asked.arguments.get("to_name") {
        Some(name) => plain_name("to_name", name)?,
        None => from_name.clone(),
    };
    let from = asked.files.dir(address).await?;
    let to = asked.arguments.get("to_dir").map(named_directory).transpose()?;
    let moved = asked.files.relocate((&from, &from_name), (to.as_ref(), &to_name), replace).await;
    match moved {
        Err(FilesError::NotADirectory) => {
            return Err(Failure::bad_request("to_dir is not a directory"));
        }
        moved => moved?,
    }
    Ok("thing moved".to_owned())
}

/// The directory that `to_dir=CAP/path` names.
fn named_directory(text: &str) -> Result<Address, Failure> {
    let mut parts = text.trim().split('/');
    let root = Root::Cap(parts.next().unwrap_or_default().to_owned());
    let names = parts.filter(|part| !part.is_empty()).map(nfc);
    Ok(Address { root, path: names.collect::<Result<_, _>>()? })
}

/// The owner says that what the server has now is to count, although something newer was seen.
pub async fn accept_rollback(asked: &Asked<'_>, address: &Address) -> Result<String, Failure> {
    let dir = asked.files.dir(address).await?;
    if asked.arguments.flag("recursive")? {
        return accept_all(asked, dir).await;
    }
    let (seen, now) = asked.files.directories().accept_rollback(&dir).await?;
    Ok(match seen.cmp(&now) {
        std::cmp::Ordering::Greater => {
            format!("version {now} is taken as the newest; version {seen} had been seen")
        }
        _ => format!("nothing newer than version {now} had been seen"),
    })
}

/// The same for a directory and all below it that the owner does not prohibit; each is accepted
/// before it is looked into.
async fn accept_all(asked: &Asked<'_>, dir: Cap) -> Result<String, Failure> {
    let mut walk = asked.files.walk(dir);
    let (mut older, mut all) = (0_u64, 0_u64);
    let mut missed: Option<Failure> = None;
    while let Some(reached) = walk.next().await {
        let target = match reached {
            Ok(reached) => reached.target,
            Err(Missed { path, why, .. }) => {
                let text = format!("{}: {why}", path.join("/"));
                missed.get_or_insert(Failure::new(StatusCode::BAD_GATEWAY, text));
                continue;
            }
        };
        if let Some(cap) = target.known().filter(|cap| cap.is_mutable()) {
            match asked.files.directories().accept_rollback(cap).await {
                Ok((seen, now)) => (all, older) = (all + 1, older + u64::from(seen > now)),
                // Listing it fails likewise, and is told with its path.
                Err(error) => tracing::debug!(%error, "a directory cannot be accepted"),
            }
        }
    }
    let taken = match all {
        1 => "1 directory is taken as it is now".to_owned(),
        _ => format!("{all} directories are taken as they are now"),
    };
    let text = format!("{taken}; a newer state had been seen of {older}");
    match missed {
        None => Ok(text),
        Some(first) => {
            let text = format!("{text}. Not all could be looked into; the first is {}", first.text);
            Err(Failure { text, ..first })
        }
    }
}

/// Links the children that a body describes.
pub async fn set_children(
    asked: &Asked<'_>,
    address: &Address,
    children: Vec<NewEntry>,
) -> Result<HttpResponse, Failure> {
    said(asked, address, set(asked, address, children)).await
}

async fn set(
    asked: &Asked<'_>,
    address: &Address,
    children: Vec<NewEntry>,
) -> Result<String, Failure> {
    let replace = asked.arguments.replace()?;
    let dir = asked.files.dir(address).await?;
    writable(&dir)?;
    if !children.is_empty() {
        asked.files.directories().set(&dir, children, replace).await?;
    }
    Ok("Okay so I did it.".to_owned())
}
