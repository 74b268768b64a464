//! A refusal as a page: what happened, why, what to do next, and a way back.

use super::super::answer::Failure;
use super::super::object::bad_t::VERIFY_ONLY;
use super::{Frame, render};
use crate::files::address::Address;
use crate::grid::Code;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use std::borrow::Cow;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    status: u16,
    what: &'static str,
    why: Cow<'a, str>,
    next: &'static str,
    /// The directory above what was asked for, if there is one.
    up: Option<String>,
    /// Where a browser goes that shows it is the owner's.
    login: Option<String>,
    /// What may go better later.
    again: Option<String>,
    /// It may be among what was deleted.
    deleted: bool,
}

/// Whether whoever asks can show a page.
pub fn wants_page(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Whether a program asks for JSON, and for nothing that the answer could be else.
fn wants_json(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.starts_with("application/json"))
}

/// Answers a refusal in the form that whoever asked can read.
pub fn respond(request: &HttpRequest, failure: Failure) -> HttpResponse {
    if !wants_page(request) {
        return if wants_json(request) { failure.respond_json() } else { failure.respond() };
    }
    let address = Address::at(request.uri().path()).ok().flatten();
    let gone = failure.status == StatusCode::NOT_FOUND;
    let in_grid = address.is_some();
    let (what, next) = match gone && !in_grid {
        true => ("There is nothing here", "Check the address for mistakes, or begin at the start."),
        false => words(failure.status),
    };
    let template = ErrorPage {
        frame: Frame::new(what, ""),
        status: failure.status.as_u16(),
        what,
        why: for_people(&failure),
        next,
        up: address.and_then(|address| address.parent()).map(|parent| parent.path()),
        again: (may_pass(failure.status) || gone && in_grid).then(|| wanted(request)),
        deleted: gone && in_grid,
        login: (failure.status == StatusCode::UNAUTHORIZED).then(|| wanted(request)),
    };
    match render(&template) {
        Ok(body) => failure.begin(super::page(failure.status)).body(body),
        Err(_) => failure.respond(),
    }
}

fn may_pass(status: StatusCode) -> bool {
    matches!(status, StatusCode::GONE | StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY)
}

/// What was asked for, to be asked for again.
fn wanted(request: &HttpRequest) -> String {
    let path = request.uri().path_and_query().filter(|_| *request.method() == Method::GET);
    let path = path.filter(|path| path.path() != "/login");
    // A browser takes what stands behind two slashes for another host.
    path.map_or_else(
        || "/".to_owned(),
        |path| format!("/{}", path.as_str().trim_start_matches('/')),
    )
}

/// What programs are told in the words of 1.20.
const UNKNOWN_KIND: &str =
    "This capability is of a kind that this node does not know. A newer program may.";

/// The sentence, not in the words that programs know the case by.
fn for_people(failure: &Failure) -> Cow<'_, str> {
    let text = failure.text.as_str();
    match failure.code {
        Code::TokenWanted => Cow::Borrowed("This browser has not shown that it is the owner’s."),
        Code::CapUnknown => Cow::Borrowed(UNKNOWN_KIND),
        Code::VerifyOnly => Cow::Borrowed(VERIFY_ONLY),
        Code::NoSuchChild => match text.split_once(": ") {
            Some((_, name)) => Cow::Owned(format!("Nothing is called “{name}” here.")),
            None => Cow::Borrowed(text),
        },
        _ => Cow::Borrowed(text),
    }
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        400 => (
            "That was not understood",
            "Look at what was entered: a capability must be copied whole.",
        ),
        401 => (
            "Only the owner may see this",
            "Run “tahoe webopen”, or open the file start.html in the node’s directory with this \
             browser.",
        ),
        403 => (
            "That is not allowed",
            "If it should be, you need another capability, or another address of this node.",
        ),
        404 => (
            "There is nothing here",
            "It may have been renamed, moved or deleted: look into the folder above, or at what was \
             deleted here in the last 30 days. If somebody is just adding it, try again.",
        ),
        409 => ("Something else is there", "Look at what is there now, then choose again."),
        410 => (
            "It cannot be fetched now",
            "Servers that are away may come back; try again, and look at the grid’s page.",
        ),
        413 => ("That is too large", "Send it in smaller parts."),
        501 => ("This node cannot do that", "Another way may lead there."),
        503 => (
            "The grid is not ready for that",
            "Look at the grid’s page: too few servers may be connected. Nothing was changed.",
        ),
        507 => ("There is no room for that", "Make room on the node’s disk and try again."),
        _ => (
            "Something went wrong",
            "Try again. If it happens again, the node’s log says more about it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[actix_rt::test]
    async fn browsers_get_a_page_and_programs_a_sentence() {
        let ask = |accept: &str| {
            let request = TestRequest::with_uri("/vdrive/global/a/b")
                .insert_header((header::ACCEPT, accept))
                .to_http_request();
            let failure = Failure::told(StatusCode::GONE, "NoSharesError: ", &"<b>no</b> shares");
            respond(&request, failure)
        };
        let text = |response: HttpResponse| async {
            let bytes = actix_web::body::to_bytes(response.into_body()).await.unwrap_or_default();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let page = text(ask("text/html,*/*")).await;
        assert!(page.contains("href=\"/vdrive/global/a\"") && page.contains("410"));
        assert!(page.contains("href=\"/vdrive/global/a/b\"") && page.contains("Try again"));
        assert!(!page.contains("NoSharesError") && !page.contains("<b>no"));
        assert!(text(ask("*/*")).await.starts_with("NoSharesError: "));
    }

    #[actix_rt::test]
    async fn where_nothing_is_the_page_says_what_to_try() {
        let page = |path: &'static str| async move {
            let request = TestRequest::with_uri(path)
                .insert_header((header::ACCEPT, "text/html"))
                .to_http_request();
            let response = respond(&request, Failure::no_such_child("b"));
            let bytes = actix_web::body::to_bytes(response.into_body()).await.unwrap_or_default();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let missing = page("/vdrive/global/a/b").await;
        assert!(missing.contains("href=\"/deleted\"") && missing.contains("Try again"));
        assert!(missing.contains("href=\"/vdrive/global/a\"") && missing.contains("called “b”"));
        let nowhere = page("/nowhere").await;
        assert!(nowhere.contains("Check the address") && !nowhere.contains("Try again"));
    }
}
