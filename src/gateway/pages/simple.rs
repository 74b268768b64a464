//! Small results in the common frame.

use super::super::answer::page;
use super::{Frame, render};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "simple.html")]
struct Simple {
    frame: Frame,
}

/// Where the body of a page that is made in pieces stands in its template.
const MARK: &str = "<!--body-->";

/// What stands before and behind the body of a page of this title.
pub fn around(title: &str) -> (String, String) {
    let whole = render(&Simple { frame: Frame::new(title, "") }).unwrap_or_default();
    match whole.split_once(MARK) {
        Some((head, tail)) => (head.to_owned(), format!("{tail}\n")),
        None => (whole, String::new()),
    }
}

/// A whole page; `body` is HTML.
pub fn whole(title: &str, body: &str) -> HttpResponse {
    let (head, tail) = around(title);
    page(StatusCode::OK).body(head + body + &tail)
}
