//! `/static/…`: files of the owner's own, from the folder `public_html` of the node.
//!
//! They are shown in the gateway's own origin, so that a page finds its pictures and styles, and so
//! without scripts: those could do whatever the gateway's pages can. Nothing outside of the folder is
//! reached, whatever a path or a symbolic link says.

use super::answer::{self, Failure, plain};
use super::asked::Asked;
use crate::disk::jobs::blocking;
use crate::http::mime;
use crate::http::spill;
use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      media-src 'self'; font-src 'self'; form-action 'none'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// What stands at a path.
enum Found {
    File(File, u64),
    Folder,
}

/// Answers with the file of these names; of a folder with its `index.html`.
pub async fn serve(asked: &Asked<'_>, names: &[String]) -> Result<HttpResponse, Failure> {
    let folder = asked.gateway.pages.public.clone().ok_or_else(Failure::not_found)?;
    let (names, in_folder) = match names.split_last() {
        Some((last, rest)) if last.is_empty() => (rest, true),
        Some(_) => (names, false),
        None => (names, true),
    };
    let mut path = relative(names).ok_or_else(Failure::not_found)?;
    if in_folder {
        path.push("index.html");
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let found = blocking(move || find(&folder, &path)).await;
    match found.ok() {
        Some(Found::File(file, size)) => Ok(send(asked, file, (name.as_str(), size))),
        Some(Found::Folder) if !in_folder => {
            let to = format!("{}/", asked.request.uri().path().trim_start_matches('/'));
            Ok(answer::redirect(StatusCode::FOUND, &asked.located(format!("/{to}"))))
        }
        Some(Found::Folder) | None => Err(Failure::not_found()),
    }
}

/// A path of plain names only.
fn relative(names: &[String]) -> Option<PathBuf> {
    let plain = |name: &String| {
        !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\\', '\0'])
    };
    names.iter().all(plain).then(|| names.iter().collect())
}

fn find(folder: &Path, path: &Path) -> io::Result<Found> {
    let folder = folder.canonicalize()?;
    let path = folder.join(path).canonicalize()?;
    if !path.starts_with(&folder) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let kind = path.metadata()?;
    match (kind.is_dir(), kind.is_file()) {
        (true, _) => Ok(Found::Folder),
        // Opening a pipe would wait for whoever writes to it.
        (_, true) => Ok(Found::File(File::open(&path)?, kind.len())),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn send(asked: &Asked<'_>, file: File, (name, size): (&str, u64)) -> HttpResponse {
    let mut response = plain(StatusCode::OK);
    response
        .insert_header((header::CONTENT_TYPE, mime::guess(Some(name))))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if *asked.request.method() == Method::HEAD {
        return response.body(SizedStream::new(size, stream::empty::<io::Result<Bytes>>()));
    }
    response.body(spill::of_file(&asked.gateway.spool, file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        assert_eq!(relative(&names("a/b.html")), Some(PathBuf::from("a/b.html")));
        assert_eq!(relative(&[]), Some(PathBuf::new()));
        for path in ["..", "a/../b", ".", "a//b", "a\\..\\b", "a\0"] {
            assert_eq!(relative(&names(path)), None, "{path:?}");
        }
        assert_eq!(relative(&["/etc/passwd".to_owned()]), None);
        let folder = tempfile::tempdir().unwrap();
        let public = folder.path().join("public");
        std::fs::create_dir(&public).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::fs::write(public.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", public.join("out")).unwrap();
        std::os::unix::fs::symlink("file", public.join("in")).unwrap();
        let is_file = |path: &str| matches!(find(&public, Path::new(path)), Ok(Found::File(..)));
        assert!(is_file("file") && is_file("in") && !is_file("out") && !is_file("none"));
        assert!(matches!(find(&public, Path::new("")), Ok(Found::Folder)));
    }
}
