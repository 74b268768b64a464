//! `localfile=` and `localdir=`: the node itself reads and writes the owner's disk.
//!
//! Only for the owner, only from this machine, only with absolute paths, and only where the node's
//! directory has the file `webport_allow_localfile`. The one module of the gateway that touches
//! files which a request names.

use super::super::answer::{self, Failure};
use super::super::asked::Asked;
use super::super::destination::Destination;
use super::super::pages::words;
use super::write::make;
use crate::base::limits::LOCAL_DEPTH_MAX;
use crate::cap::Cap;
use crate::disk::jobs::blocking;
use crate::files::address::nfc;
use crate::files::{Address, For, Found, Node, Object, Spot};
use crate::grid::Code;
use crate::grid::dirnode::writable;
use crate::grid::dirnode::{NewEntry, Replace, Target};
use crate::grid::{Source, UploadOptions};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What on the disk is meant.
enum Local {
    File(PathBuf),
    Dir(PathBuf),
}

/// The local path of a request, if its sender may name one.
fn allowed(asked: &Asked<'_>) -> Result<Local, Failure> {
    let request = asked.request;
    let nearby = request.peer_addr().is_some_and(|peer| peer.ip().is_loopback());
    if !asked.gateway.allow_localfile {
        let text = "localfile= and localdir= are switched off; the file webport_allow_localfile in \
                    the node's directory switches them on.";
        return Err(Failure::forbidden(text));
    }
    if !nearby || !asked.gateway.owner.sent(request.headers()) {
        let text = "localfile= and localdir= are for the owner on this machine alone, who shows it \
                    with the node's token or by logging in.";
        return Err(Failure::forbidden(text));
    }
    let path = |name| asked.arguments.filled(name).map(PathBuf::from);
    let local = match (path("localfile"), path("localdir")) {
        (Some(path), None) => Local::File(path),
        (None, Some(path)) => Local::Dir(path),
        _ => return Err(Failure::bad_request("Give either localfile= or localdir=.")),
    };
    let (Local::File(path) | Local::Dir(path)) = &local;
    if !path.is_absolute() {
        return Err(Failure::forbidden("The local path must be absolute."));
    }
    Ok(local)
}

/// `GET …?t=download`: from the grid to the disk.
pub async fn download(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let local = allowed(asked)?;
    let object = asked.files.object(address).await?;
    asked.check_conditions(Some(&object.target))?;
    let Written { files, left_out } = match (local, asked.files.node(&object.target)) {
        (Local::File(path), Node::File { cap, .. }) => {
            fetch(asked, &cap, path).await?;
            Written { files: 1, left_out: 0 }
        }
        (Local::Dir(path), Node::Directory(cap)) => {
            fetch_all(asked, cap, path, LOCAL_DEPTH_MAX).await?
        }
        _ => {
            let text = "localfile= is for files, localdir= for directories.";
            return Err(Failure::bad_request(text));
        }
    };
    let mut text = format!("{} written", words::count(files, "file", "files"));
    if left_out > 0 {
        let left_out = words::count(left_out, "child", "children");
        text.push_str(&format!("; {left_out} left out that this gateway cannot read"));
    }
    Ok(answer::text(StatusCode::OK, text))
}

/// What came of a directory's children.
struct Written {
    files: usize,
    /// Mutable files, caps of unknown kinds, such as only verify, and what does not open.
    left_out: usize,
}

/// Writes a file to its place.
async fn fetch(asked: &Asked<'_>, cap: &Cap, path: PathBuf) -> Result<(), Failure> {
    let reader = asked.files.grid().open(cap).await?;
    let mut file = disk(move || Destination::find(&path)?.open()).await?;
    let mut bytes = reader.read(0..reader.size());
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        file = disk(move || file.write_all(&piece).map(|()| file)).await?;
    }
    disk(move || file.keep()).await
}

fn fetch_all<'a>(
    asked: &'a Asked<'_>,
    dir: Cap,
    path: PathBuf,
    depth: usize,
) -> LocalBoxFuture<'a, Result<Written, Failure>> {
    Box::pin(async move {
        if depth == 0 {
            return Err(Failure::bad_request("The directories are nested too deeply."));
        }
        let here = path.clone();
        disk(move || fs::create_dir_all(here)).await?;
        let listing = asked.files.directories().list(&dir).await?;
        let unreadable = usize::try_from(listing.unreadable.count).unwrap_or(usize::MAX);
        let mut written = Written { files: 0, left_out: unreadable };
        for entry in listing.entries {
            // A name from the grid must not lead out of the folder.
            let bad = matches!(entry.name.as_str(), "" | "." | "..");
            if bad || entry.name.contains(['/', '\0']) {
                let text = format!("The name {:?} cannot be a local file's.", entry.name);
                return Err(Failure::bad_request(text));
            }
            let inner = path.join(&entry.name);
            match asked.files.node(&entry.child.target) {
                Node::Prohibited(prohibited) => return Err(prohibited.into()),
                Node::Directory(cap) => {
                    let below = fetch_all(asked, cap, inner, depth - 1).await?;
                    written.files += below.files;
                    written.left_out += below.left_out;
                }
                Node::File { cap, .. } => {
                    fetch(asked, &cap, inner).await?;
                    written.files += 1;
                }
                Node::Verifier(_) | Node::Unknown => written.left_out += 1,
            }
        }
        Ok(written)
    })
}

/// `PUT …?t=upload`: from the disk to the grid.
pub async fn upload(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let replace = asked.arguments.replace()?;
    match allowed(asked)? {
        Local::File(path) => {
            let found = asked.files.find(address, For::Making).await?;
            asked.check_conditions(found.target())?;
            let spot = match found {
                Found::Object(Object { link: None, .. }) => {
                    return Err(
                        Failure::bad_request("PUT to a directory").coded(Code::IsADirectory)
                    );
                }
                found => Spot::of(found)?,
            };
            let cap = store(asked, path).await?;
            let text = cap.reveal();
            let replaced = asked.files.link_file(spot, cap, replace, &asked.condition()).await?;
            let status = if replaced { StatusCode::OK } else { StatusCode::CREATED };
            Ok(answer::text(status, text))
        }
        Local::Dir(path) => {
            let dir = make(asked, address).await?;
            writable(&dir)?;
            store_all(asked, dir.clone(), path, LOCAL_DEPTH_MAX).await?;
            Ok(answer::text(StatusCode::OK, dir.reveal()))
        }
    }
}

async fn store(asked: &Asked<'_>, path: PathBuf) -> Result<Cap, Failure> {
    let source = disk(move || Source::file(File::open(path)?)).await?;
    Ok(asked.files.store(source, UploadOptions::default()).await?.cap)
}

/// Adds what a folder holds; the links of one folder are set in one step.
fn store_all<'a>(
    asked: &'a Asked<'_>,
    dir: Cap,
    path: PathBuf,
    depth: usize,
) -> LocalBoxFuture<'a, Result<(), Failure>> {
    Box::pin(async move {
        if depth == 0 {
            return Err(Failure::bad_request("The folders are nested too deeply."));
        }
        let mut links = Vec::new();
        for (name, inner, is_dir) in disk(move || contents(&path)).await? {
            let name = nfc(&name)?;
            if is_dir {
                let below = asked.files.directories().make_dirs(&dir, &[name]).await?;
                store_all(asked, below, inner, depth - 1).await?;
            } else {
                let target = Target::Known(store(asked, inner).await?);
                links.push(NewEntry { name, target, metadata: None });
            }
        }
        if !links.is_empty() {
            asked.files.directories().set(&dir, links, Replace::OnlyFiles).await?;
        }
        Ok(())
    })
}

/// Names, paths, and which are folders; what is neither a file nor a folder is
/// left out, which the log says.
fn contents(folder: &Path) -> io::Result<Vec<(String, PathBuf, bool)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        match name.to_str() {
            Some(name) if kind.is_dir() || kind.is_file() => {
                all.push((name.to_owned(), entry.path(), kind.is_dir()));
            }
            name => {
                let path = entry.path();
                let why = if name.is_some() { "no file and no folder" } else { "name not UTF-8" };
                tracing::warn!(path = %path.display(), why, "left out of what localdir= stores");
            }
        }
    }
    all.sort();
    Ok(all)
}

/// Runs a piece of work on the disk beside the thread that serves requests.
async fn disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let failed = |error: io::Error| {
        let status = match error.kind() {
            io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
            io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Failure::new(status, format!("The local path cannot be used: {error}."))
    };
    blocking(work).await.map_err(failed)
}
