//! Small pages about objects, and answers that are written while they are sent.

use super::super::address::{Address, percent_encode};
use super::super::answer::{Failure, escape, redirect};
use super::super::pages::Frame;
pub use super::super::pages::simple::{around, whole};
use super::Asked;
use crate::base::limits::LISTING_CHUNK;
use crate::cap::Cap;
use crate::grid::dirnode::Entry;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;

/// An answer made of entries, written while it is sent so that a large directory is never one text.
pub fn in_pieces(
    mut response: HttpResponseBuilder,
    head: String,
    entries: Vec<Entry>,
    render: impl Fn(usize, &Entry) -> String + 'static,
    tail: String,
) -> HttpResponse {
    if entries.len() <= LISTING_CHUNK {
        let rows = entries.iter().enumerate().map(|(index, entry)| render(index, entry));
        return response.body(head + &rows.collect::<String>() + &tail);
    }
    let mut entries = entries.into_iter().enumerate();
    let rows = std::iter::from_fn(move || {
        let piece = entries.by_ref().take(LISTING_CHUNK);
        let text: String = piece.map(|(index, entry)| render(index, &entry)).collect();
        (!text.is_empty()).then_some(text)
    });
    let all = std::iter::once(head).chain(rows).chain(std::iter::once(tail));
    response.streaming(stream::iter(all.map(|text| Ok::<_, Infallible>(Bytes::from(text)))))
}

/// The cap of a new file.
pub fn uploaded(cap: &Cap) -> HttpResponse {
    let text = cap.reveal();
    let body = format!(
        "<p>Done. Whoever has this cap can read the file:</p>\n<pre>{}</pre>\n\
         <p><a href=\"/uri/{}\">Download it</a></p>\n",
        escape(&text),
        percent_encode(&text),
    );
    whole("File uploaded", &body)
}

/// Asks whether a server that only a cap names may be dialled.
pub fn ask_for_tub(asked: &Asked<'_>, path: &str) -> HttpResponse {
    const WHY: &str = "This folder is kept by a server that this node has not heard of from anybody \
                       but the capability. Connect to it if you trust who gave you that.";
    let back = format!("{path}{}", asked.arguments.query_without("allow-new-tub"));
    let body = format!(
        "<p>{WHY}</p>\n<form action=\"{}?t=connect\" method=\"post\">{}\
         <input type=\"hidden\" name=\"when_done\" value=\"{}\">\
         <input type=\"hidden\" name=\"allow-new-tub\" value=\"1\">\
         <p class=\"row-of-buttons\"><button class=\"button primary\">Connect to that server</button>\
         <a class=\"button\" href=\"/\">Rather not</a></p></form>\n",
        escape(path),
        Frame::new("", "").proof(),
        escape(&back),
    );
    whole("An unknown server", &body)
}

/// `POST …?t=connect&allow-new-tub=1`: dials the servers on the way to an object, which are known
/// from then on, and goes on to what was asked for.
pub async fn connect(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let to = asked.arguments.when_done()?.map_or_else(|| address.path(), str::to_owned);
    let object = asked.object(address).await?;
    if let Some(dir) = object.directory().filter(|dir| dir.is_mutable()) {
        asked.directories.version(dir).await?;
    }
    Ok(redirect(StatusCode::SEE_OTHER, &to))
}
