//! A node that has no introducer yet: paste a furl, and join.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::{Frame, show};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage {
    frame: Frame,
    problem: Option<String>,
    locked: bool,
    furl: String,
    vdrive: String,
}

#[derive(Template)]
#[template(path = "joined.html")]
struct Joined {
    frame: Frame,
    sentence: &'static str,
}

/// The page that asks for the furl.
pub fn form(asked: &Asked<'_>, problem: Option<String>) -> Result<HttpResponse, Failure> {
    let given = |name| asked.arguments.get(name).unwrap_or_default().trim().to_owned();
    let locked = !asked.is_owners();
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let frame = Frame::new("Welcome", "files");
    show(status, &JoinPage { frame, problem, locked, furl: given("furl"), vdrive: given("vdrive") })
}

/// `POST /join` with `furl=` and perhaps `vdrive=`, by the owner.
pub fn act(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let Some(join) = &asked.gateway.pages.join else {
        let text = "This node has an introducer already; its file introducer.furl names it.";
        return Err(Failure::new(StatusCode::CONFLICT, text));
    };
    let furl = asked.arguments.get("furl").unwrap_or_default().trim();
    let vdrive = asked.arguments.get("vdrive").map(str::trim).filter(|text| !text.is_empty());
    match join.join(furl, vdrive) {
        Ok(()) => {
            let sentence = "The introducer’s furl is written down, and this node is asking it who \
                            else is there.";
            show(StatusCode::OK, &Joined { frame: Frame::new("Joined", "files"), sentence })
        }
        Err(problem) => form(asked, Some(problem)),
    }
}
