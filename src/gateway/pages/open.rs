//! `/open`: a capability that was pasted.

use super::super::answer::{Failure, redirect};
use super::super::args::Arguments;
use super::super::asked::Asked;
use super::{Frame, show};
use crate::cap::Cap;
use crate::files::address::percent_encode;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "open.html")]
struct Open {
    frame: Frame,
}

/// `GET /open`: asks for a capability, or leads back to one that the tab remembers.
pub fn form(_: &Asked<'_>) -> Result<HttpResponse, Failure> {
    show(StatusCode::OK, &Open { frame: Frame::new("Open", "files") })
}

/// `POST /open`: on to the page of the cap.
pub fn go(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    Ok(redirect(StatusCode::SEE_OTHER, &page_of(&asked.arguments)?))
}

fn page_of(arguments: &Arguments) -> Result<String, Failure> {
    let text = arguments.get("uri").unwrap_or_default().trim();
    let cap = Cap::parse(text).map_err(Failure::cap)?;
    let view = match (cap.is_verifier(), cap.is_directory()) {
        (true, _) => "?t=info",
        (false, true) => "",
        (false, false) => "?t=view",
    };
    Ok(format!("/uri/{}{view}", percent_encode(&cap.reveal())))
}
