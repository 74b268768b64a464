//! Answers that several protocols give.

use super::error::DoorError;
use super::opened::{Opened, Piece};
use crate::files::Node;
use crate::http::conditions::Conditions;
use crate::http::range::{Wanted, told, wanted_strictly};
use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream;

/// A few words, or none.
pub fn plain(status: StatusCode, text: &str) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response.body(text.to_owned())
}

/// 405, with what is taken instead.
pub fn not_taken(allowed: &'static str) -> HttpResponse {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A file, or the part of it that is wanted, with its size for who only asks for that.
pub async fn file(
    door: &Opened,
    request: &HttpRequest,
    (node, size, tag): (&Node, u64, Option<&str>),
    mut response: HttpResponseBuilder,
) -> Result<HttpResponse, DoorError> {
    // A part is put beside parts that came before, so it must be of the same.
    let conditions = Conditions::of(request.headers());
    let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
    let range = range.filter(|_| conditions.allow_range(tag.unwrap_or("")));
    if let Some(tag) = tag {
        response.insert_header((header::ETAG, tag));
    }
    part(door, request, (node, size, wanted_strictly(range, size)), response).await
}

/// What is wanted of a file, likewise.
pub async fn part(
    door: &Opened,
    request: &HttpRequest,
    (node, size, wanted): (&Node, u64, Wanted),
    mut response: HttpResponseBuilder,
) -> Result<HttpResponse, DoorError> {
    let part = match wanted {
        Wanted::Whole => 0..size,
        Wanted::Part(part) => {
            response.status(StatusCode::PARTIAL_CONTENT);
            response.insert_header((header::CONTENT_RANGE, told(&part, size)));
            part
        }
        Wanted::Nothing => {
            let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, "");
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return Ok(response);
        }
    };
    response.insert_header((header::ACCEPT_RANGES, "bytes"));
    // What somebody stored is never a page of this address.
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    response.insert_header((header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"));
    let length = part.end - part.start;
    if *request.method() == Method::HEAD || length == 0 {
        return Ok(response.body(SizedStream::new(length, stream::empty::<Piece>())));
    }
    Ok(response.body(SizedStream::new(length, Box::pin(door.read(node, part).await?))))
}
