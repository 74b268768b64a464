//! Stored PDFs that a page shows in a frame, each at an address of its own.
//!
//! ```text
//! page of a PDF ──▶ <iframe src="/shown/HANDLE">      good for an hour, and in a frame only
//! ```
//! Browsers refuse to show a PDF under `sandbox`, so their viewer runs what is in it in this origin:
//! a form in a PDF sends things, also the address that the PDF has. That address is therefore not
//! its capability, and what the viewer sends changes nothing (see [`super::super::guard`]).

use super::super::answer::{Failure, framed_pdf};
use super::super::asked::Asked;
use super::super::guard::destination;
use super::super::object::contents;
use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};

/// `GET /shown/HANDLE`, in a frame of a page.
pub async fn frame(asked: &Asked<'_>, words: &[String]) -> Result<HttpResponse, Failure> {
    let [handle] = words else { return Err(Failure::not_found()) };
    const FRAMES: [&[u8]; 4] = [b"iframe", b"frame", b"embed", b"object"];
    if destination(asked.request.headers()).is_some_and(|to| !FRAMES.contains(&to)) {
        return Err(Failure::forbidden("This is only shown within its page."));
    }
    let cap = asked.gateway.pages.shown.find(handle).ok_or_else(Failure::not_found)?;
    asked.files.grid().permit(&cap)?;
    let mut response = framed_pdf(contents::deliver(asked, &cap, Some("file.pdf")).await?);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
