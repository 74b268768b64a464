//! The plaintext of a file, whole or a range of it, as it is verified.

use super::super::answer::{Failure, stored};
use super::super::asked::Asked;
use super::super::guard::{by_browser, destination};
use super::super::sniff;
use super::validator;
use crate::cap::{Cap, FileCap};
use crate::files::transfers::begun;
use crate::grid::DownloadError;
use crate::http::conditions::Conditions;
use crate::http::mime;
use crate::http::range::{self, Wanted, wanted};
use crate::http::tag::entity_tag;
use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::stream;

/// Sends a file, unless a page would run or obey it: no page's scripts or styles are stored here.
pub async fn send(
    asked: &Asked<'_>,
    cap: &Cap,
    name: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let to = destination(asked.request.headers());
    if !matches!(to, None | Some(b"document" | b"empty" | b"image" | b"audio" | b"video")) {
        return Err(Failure::forbidden("A page may show a stored file, not run it."));
    }
    deliver(asked, cap, name).await
}

/// Sends a file. The first bytes are verified before the status goes out; if a later block cannot
/// be had, the connection ends before its announced length.
pub async fn deliver(
    asked: &Asked<'_>,
    cap: &Cap,
    name: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let request = asked.request;
    let name = asked.arguments.filled("filename").or(name);
    let save = asked.arguments.flag("save")?;
    let name = match name {
        None if save || by_browser(request.headers()) => Some(sniffed(asked, cap).await?),
        name => name,
    };
    let tag = entity_tag(cap, "");
    if let Some(mut known) = validator::known(request, &tag)? {
        // With its type, on which the policy of what is framed depends: a browser takes both over.
        let kind = header::HeaderValue::from_static(mime::guess(name));
        known.headers_mut().insert(header::CONTENT_TYPE, kind);
        return Ok(known);
    }
    let Some(size) = cap.readable_file().map(FileCap::size) else {
        return Err(DownloadError::NotReadable.into());
    };
    let range = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = range.filter(|_| Conditions::of(request.headers()).allow_range(&tag));
    let (status, part) = match wanted(range, size) {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Nothing => return Err(beyond_the_end(size)),
    };
    let mut response = stored(status);
    describe(&mut response, name, tag);
    let opened = destination(request.headers()) == Some(b"document");
    match name {
        Some(name) if save || opened && !mime::is_shown(name) => {
            response.insert_header((header::CONTENT_DISPOSITION, mime::attachment(name)));
        }
        Some(name) if opened => {
            response.insert_header((header::CONTENT_DISPOSITION, mime::inline(name)));
        }
        _ => {}
    }
    if status == StatusCode::PARTIAL_CONTENT {
        response.insert_header((header::CONTENT_RANGE, range::told(&part, size)));
    }
    let length = part.end - part.start;
    if *request.method() == Method::HEAD || length == 0 {
        return Ok(response.body(SizedStream::new(length, stream::empty::<Chunk>())));
    }
    let bytes = begun(asked.files.fetch(cap, part).await?).await?;
    Ok(response.body(SizedStream::new(length, bytes)))
}

/// A name for a file that has none, by its first bytes.
pub async fn sniffed(asked: &Asked<'_>, cap: &Cap) -> Result<&'static str, Failure> {
    let size = cap.size().unwrap_or_default();
    let length = sniff::length(size);
    let head = match (cap.readable_file(), length) {
        (Some(_), 1..) => asked.files.grid().open(cap).await?.read_all(0..length).await?,
        _ => Bytes::new(),
    };
    Ok(sniff::name(&head, length == size))
}

type Chunk = Result<Bytes, DownloadError>;

fn describe(response: &mut HttpResponseBuilder, name: Option<&str>, tag: String) {
    response
        .insert_header((header::CONTENT_TYPE, mime::guess(name)))
        .insert_header((header::ETAG, tag));
}

fn beyond_the_end(size: u64) -> Failure {
    let header = header::HeaderValue::from_str(&format!("bytes */{size}")).ok();
    let failure = Failure::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        format!("First beyond end of file: it has {size} bytes."),
    );
    Failure { header: header.map(|value| (header::CONTENT_RANGE, value)), ..failure }
}
