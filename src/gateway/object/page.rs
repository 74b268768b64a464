//! Small pages about objects, and answers that are written while they are sent.

use super::super::answer::{Failure, redirect};
use super::super::asked::Asked;
use super::super::pages::Frame;
use super::super::pages::simple::whole;
use crate::base::budget::Share;
use crate::cap::Cap;
use crate::files::address::{Address, percent_encode};
use crate::grid::dirnode::Entry;
use crate::http::markup::escape;
use crate::http::spill;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};
use std::io::Write;
use std::sync::Arc;

/// Entries, and the memory that they take until they are written.
pub struct Rows {
    pub entries: Vec<Entry>,
    pub room: Arc<Share>,
}

/// An answer made of entries, one after the other so that a large directory is never one text, and
/// however slowly it is taken.
pub async fn in_pieces(
    asked: &Asked<'_>,
    response: HttpResponseBuilder,
    around: (String, String),
    rows: Rows,
    render: impl Fn(usize, &Entry) -> String + Send + 'static,
) -> Result<HttpResponse, Failure> {
    let write = move |out: &mut dyn Write| {
        let Rows { entries, room: _room } = rows;
        out.write_all(around.0.as_bytes())?;
        for (index, entry) in entries.into_iter().enumerate() {
            out.write_all(render(index, &entry).as_bytes())?;
        }
        out.write_all(around.1.as_bytes())
    };
    Ok(spill::answer(&asked.gateway.spool, response, write).await?)
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
    let object = asked.files.object(address).await?;
    if let Some(dir) = object.directory().filter(|dir| dir.is_mutable()) {
        asked.files.directories().version(dir).await?;
    }
    Ok(redirect(StatusCode::SEE_OTHER, &to))
}
