//! `GET /uri/CAP`: the plaintext of a file, whole or a range of it, as it is verified.

use super::answer::{Failure, stored};
use super::mime;
use super::range::{Wanted, wanted};
use super::route::FileRequest;
use super::serve::Gateway;
use crate::base::base32;
use crate::base::hash::{tagged, truncated};
use crate::cap::{Cap, CapError};
use crate::grid::DownloadError;
use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

/// Sends a file. The first bytes are verified before the status goes out; if a later block cannot
/// be had, the connection ends before its announced length.
pub async fn file(
    gateway: &Gateway,
    request: &HttpRequest,
    asked: &FileRequest,
) -> Result<HttpResponse, Failure> {
    let cap = Cap::parse(&asked.cap).map_err(refused_cap)?;
    let tag = entity_tag(&asked.cap);
    if known_already(request, &tag) {
        return Ok(stored(StatusCode::NOT_MODIFIED).insert_header((header::ETAG, tag)).finish());
    }
    if matches!(cap, Cap::ChkVerify(_)) {
        return Err(gone(&DownloadError::NotReadable));
    }
    let size = cap.size();
    let range = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, part) = match wanted(range, size) {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Nothing => return Err(beyond_the_end(size)),
    };
    let mut response = stored(status);
    describe(&mut response, asked, tag);
    if status == StatusCode::PARTIAL_CONTENT {
        let last = part.end.saturating_sub(1);
        let text = format!("bytes {}-{last}/{size}", part.start);
        response.insert_header((header::CONTENT_RANGE, text));
    }
    let length = part.end - part.start;
    if *request.method() == Method::HEAD || length == 0 {
        return Ok(response.body(SizedStream::new(length, stream::empty::<Chunk>())));
    }
    let reader = gateway.grid.open(&cap).await.map_err(|error| gone(&error))?;
    let bytes = begun(reader.read(part)).await?;
    Ok(response.body(SizedStream::new(length, bytes)))
}

type Chunk = Result<Bytes, DownloadError>;

/// The stream again, once its first piece is known to be good.
async fn begun(
    content: impl Stream<Item = Chunk> + 'static,
) -> Result<impl Stream<Item = Chunk> + 'static, Failure> {
    let mut content = Box::pin(content);
    let first = match content.next().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(gone(&error)),
        None => Bytes::new(),
    };
    let rest = content.inspect(|piece| {
        if let Err(error) = piece {
            tracing::warn!(%error, "a download broke off");
        }
    });
    Ok(stream::once(async { Ok(first) }).chain(rest))
}

fn describe(response: &mut HttpResponseBuilder, asked: &FileRequest, tag: String) {
    let name = asked.name.as_deref();
    response
        .insert_header((header::CONTENT_TYPE, mime::guess(name)))
        .insert_header((header::ETAG, tag));
    if asked.save {
        response.insert_header((header::CONTENT_DISPOSITION, mime::attachment(name)));
    }
}

/// What a cap names never changes, so its hash is a strong validator; it tells nothing about the
/// cap.
fn entity_tag(cap: &str) -> String {
    let short: [u8; 16] = truncated(tagged(b"tahoe_entity_tag_v1", cap.as_bytes()));
    format!("\"{}\"", base32::encode(&short))
}

fn known_already(request: &HttpRequest, tag: &str) -> bool {
    let known = request.headers().get_all(header::IF_NONE_MATCH);
    known.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag
    })
}

fn refused_cap(error: CapError) -> Failure {
    Failure::bad_request(match error {
        CapError::Unknown => "This gateway does not know that kind of cap.",
        CapError::Malformed => "The cap is malformed; compare it with where you copied it from.",
        CapError::Unsupported => "This gateway reads immutable files only.",
    })
}

/// 410 when the file cannot be had now, whoever asks. The sentence is the grid's own, after the
/// word by which 1.20's clients know the case.
fn gone(error: &DownloadError) -> Failure {
    let (status, word) = match error {
        DownloadError::NoServers | DownloadError::NoShares => (StatusCode::GONE, "NoSharesError: "),
        DownloadError::NotEnoughShares { .. } => (StatusCode::GONE, "NotEnoughSharesError: "),
        DownloadError::Incompatible { .. } | DownloadError::Damaged(_) => (StatusCode::GONE, ""),
        DownloadError::BadCap(_) | DownloadError::NotReadable => (StatusCode::BAD_REQUEST, ""),
        DownloadError::Range { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, ""),
        DownloadError::CutOff => (StatusCode::SERVICE_UNAVAILABLE, ""),
    };
    Failure::new(status, format!("{word}{error}"))
}

fn beyond_the_end(size: u64) -> Failure {
    let header = header::HeaderValue::from_str(&format!("bytes */{size}")).ok();
    let failure = Failure::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        format!("The file has {size} bytes; the range starts behind its end."),
    );
    Failure { header: header.map(|value| (header::CONTENT_RANGE, value)), ..failure }
}
