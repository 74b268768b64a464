//! restic's REST protocol, as its own server speaks it: blobs that are named by their SHA-256 and written
//! once.
//!
//! ```text
//! POST   …/?create=true                a repository's directories
//! GET    …/TYPE/                       names and sizes: data, keys, locks, snapshots, index
//! HEAD, GET (with Range), POST, DELETE …/config, …/TYPE/NAME
//! ```
//! A repository may be any directory below the door's. Blobs of `data` are in 256 directories, by the
//! first two digits of their names. A door that only adds refuses to delete anything but locks, so a
//! machine that is taken over cannot delete its backups.

use super::error::DoorError;
use super::hashed::Hashed;
use super::opened::Opened;
use super::reply::{self, not_taken, plain};
use super::request::Asked;
use crate::base::budget::Share;
use crate::files::Node;
use crate::grid::Code;
use crate::grid::dirnode::{Entry, Metadata, Replace};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, Stream, StreamExt};
use ring::digest::{Context, SHA256};
use serde_json::json;
use std::sync::Arc;

const LIST_V2: &str = "application/vnd.x.restic.rest.v2";
const DIGITS: usize = 64;
const DATA: &str = "data";
const LOCKS: &str = "locks";
const TYPES: [&str; 5] = [DATA, "keys", LOCKS, "snapshots", "index"];
/// Directories of `data` that are listed at once.
const LISTED_AT_ONCE: usize = 16;

/// What a path names in a repository.
#[derive(Debug, PartialEq, Eq)]
enum Thing<'a> {
    Repository,
    Config,
    List(&'a str),
    Blob { kind: &'a str, name: &'a str },
}

/// The repository's path, and what is named in it.
fn thing(path: &[String]) -> (&[String], Thing<'_>) {
    match path {
        [repository @ .., last] if last == "config" => (repository, Thing::Config),
        [repository @ .., kind, name] if TYPES.contains(&kind.as_str()) => {
            (repository, Thing::Blob { kind, name })
        }
        [repository @ .., kind] if TYPES.contains(&kind.as_str()) => {
            (repository, Thing::List(kind))
        }
        repository => (repository, Thing::Repository),
    }
}

/// Answers a request to a repository.
pub async fn answer(
    door: &Opened,
    asked: &Asked<'_>,
    body: web::Payload,
) -> Result<HttpResponse, DoorError> {
    let (repository, thing) = thing(&asked.path);
    match (asked.method(), thing) {
        (&Method::POST, Thing::Repository) if asked.flag("create") => {
            create(door, repository).await
        }
        (&Method::GET, Thing::List(kind)) => list(door, asked, repository, kind).await,
        (method, Thing::Config) => {
            let path = [repository, &["config".to_owned()]].concat();
            blob(door, asked, method, (&path, None), body).await
        }
        (method, Thing::Blob { kind, name }) => {
            let path = place(repository, kind, name)?;
            // What only adds may still end its own work.
            let door = if kind == LOCKS { door.removing() } else { door.clone() };
            blob(&door, asked, method, (&path, Some(name)), body).await
        }
        _ => Ok(not_taken("GET, HEAD, POST, DELETE")),
    }
}

/// Where a blob is; names are 64 digits.
fn place(repository: &[String], kind: &str, name: &str) -> Result<Vec<String>, DoorError> {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let shard = name.get(..2).filter(|_| name.len() == DIGITS && name.bytes().all(digit));
    let shard = shard.ok_or(DoorError::BadPath("blobs are named by their SHA-256"))?;
    let shard = (kind == DATA).then_some(shard);
    let below = [kind].into_iter().chain(shard).chain([name]).map(str::to_owned);
    Ok(repository.iter().cloned().chain(below).collect())
}

async fn create(door: &Opened, repository: &[String]) -> Result<HttpResponse, DoorError> {
    door.make_dirs(repository).await?;
    let kinds = TYPES.map(|kind| [repository, &[kind.to_owned()]].concat());
    try_join_all(kinds.iter().map(|path| door.make_dirs(path))).await?;
    Ok(plain(StatusCode::OK, ""))
}

async fn blob(
    door: &Opened,
    asked: &Asked<'_>,
    method: &Method,
    (path, name): (&[String], Option<&str>),
    body: web::Payload,
) -> Result<HttpResponse, DoorError> {
    match *method {
        Method::HEAD | Method::GET => {
            let node = door.node(path).await?;
            let Node::File { size, .. } = node else { return Ok(plain(StatusCode::NOT_FOUND, "")) };
            let mut response = HttpResponse::Ok();
            response.content_type("application/octet-stream");
            reply::file(door, asked.request, (&node, size, None), response).await
        }
        Method::POST => {
            save(door, asked, (path, name), body).await?;
            Ok(plain(StatusCode::OK, ""))
        }
        Method::DELETE => {
            door.remove(path, None).await?;
            Ok(plain(StatusCode::OK, ""))
        }
        _ => Ok(not_taken("GET, HEAD, POST, DELETE")),
    }
}

/// Stores a blob that is not there yet, if it is what its name says.
async fn save(
    door: &Opened,
    asked: &Asked<'_>,
    (path, name): (&[String], Option<&str>),
    body: web::Payload,
) -> Result<(), DoorError> {
    let mut digest = Context::new(&SHA256);
    let body =
        door.receive(Hashed::new(body, |piece| digest.update(piece)), asked.length()?).await?;
    if let Some(name) = name
        && data_encoding::HEXLOWER.encode(digest.finish().as_ref()) != name
    {
        return Err(DoorError::Bad("the blob is not what its name says".to_owned()));
    }
    let (spot, cap) = futures_util::future::join(door.spot(path), door.store(body)).await;
    let (target, metadata) = (crate::grid::dirnode::Target::Known(cap?), Metadata::new());
    door.link(spot?, (target, metadata), Replace::No, &|_| true).await?;
    Ok(())
}

/// The names and sizes of all blobs of a kind, as they are found.
async fn list(
    door: &Opened,
    asked: &Asked<'_>,
    repository: &[String],
    kind: &str,
) -> Result<HttpResponse, DoorError> {
    let with_sizes = asked.header(header::ACCEPT).is_some_and(|accepted| accepted == LIST_V2);
    let top = [repository, &[kind.to_owned()]].concat();
    let listing = door.list(&top).await?;
    let room = listing.room;
    let (shards, mut found): (Vec<Entry>, Vec<Entry>) =
        listing.entries.into_iter().partition(|entry| entry.child.target.is_directory());
    let is_data = kind == DATA;
    found.retain(|_| !is_data);
    let door = door.clone();
    let shards = stream::iter(shards.into_iter().filter(move |_| is_data).map(|entry| entry.name))
        .map(move |shard| {
            let (door, path) = (door.clone(), [top.as_slice(), &[shard]].concat());
            async move { door.list_now(&path).await.map(|listing| (listing.entries, listing.room)) }
        })
        .buffered(LISTED_AT_ONCE);
    let entries = stream::once(async { Ok((found, room)) }).chain(shards);
    let kind = if with_sizes { LIST_V2 } else { "application/vnd.x.restic.rest.v1" };
    let mut response = HttpResponse::Ok();
    Ok(response.content_type(kind).streaming(text(entries, with_sizes)))
}

/// A JSON list of what comes in parts.
fn text(
    entries: impl Stream<Item = Result<(Vec<Entry>, Arc<Share>), DoorError>> + 'static,
    with_sizes: bool,
) -> impl Stream<Item = Result<Bytes, DoorError>> + 'static {
    let mut first = true;
    let parts = entries.map(move |entries| {
        let mut out = Vec::new();
        let (entries, _room) = entries?;
        for entry in entries {
            let Some(size) = size(&entry) else { continue };
            out.extend_from_slice(if std::mem::take(&mut first) { b"" } else { b"," });
            let fact = match with_sizes {
                true => json!({"name": entry.name, "size": size}),
                false => json!(entry.name),
            };
            out.extend_from_slice(fact.to_string().as_bytes());
        }
        Ok(Bytes::from(out))
    });
    let edge =
        |text: &'static str| stream::once(async move { Ok(Bytes::from_static(text.as_bytes())) });
    edge("[").chain(parts).chain(edge("]"))
}

/// Of a blob.
fn size(entry: &Entry) -> Option<u64> {
    let is_blob = entry.name.len() == DIGITS && entry.name.bytes().all(|b| b.is_ascii_hexdigit());
    entry.child.target.known().filter(|_| is_blob)?.size()
}

/// How this protocol says what went wrong.
pub fn failed(error: &DoorError) -> HttpResponse {
    let status = match error.code() {
        // As its own server answers to what is there already.
        Code::Exists => StatusCode::FORBIDDEN,
        _ => error.status(),
    };
    plain(status, &format!("{error}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<String> {
        path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn a_path_ends_in_what_it_names() {
        for (path, repository, wanted) in [
            ("", "", Thing::Repository),
            ("my/pc", "my/pc", Thing::Repository),
            ("my/pc/config", "my/pc", Thing::Config),
            ("config", "", Thing::Config),
            ("my/keys", "my", Thing::List("keys")),
            ("my/data/ab", "my", Thing::Blob { kind: "data", name: "ab" }),
        ] {
            let path = names(path);
            assert_eq!(thing(&path), (names(repository).as_slice(), wanted));
        }
    }

    #[test]
    fn blobs_are_named_by_digits_and_data_is_divided() {
        let name = "ab".repeat(32);
        let repository = names("my/pc");
        assert_eq!(
            place(&repository, "data", &name).unwrap(),
            names(&format!("my/pc/data/ab/{name}"))
        );
        assert_eq!(
            place(&repository, "keys", &name).unwrap(),
            names(&format!("my/pc/keys/{name}"))
        );
        for bad in ["", "ab", &"AB".repeat(32), &"é".repeat(32), &"ab".repeat(33)] {
            assert!(place(&repository, "data", bad).is_err(), "{bad}");
        }
    }
}
