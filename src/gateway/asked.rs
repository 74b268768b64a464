//! A request, taken apart: what every handler is given.

use super::answer::Failure;
use super::args::Arguments;
use super::guard::is_passed_on;
use super::state::Gateway;
use crate::files::Files;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;

/// What a handler comes to.
pub type Answer<'a> = LocalBoxFuture<'a, Result<HttpResponse, Failure>>;

/// A request, but for its body and for what its address names.
pub struct Asked<'a> {
    pub gateway: &'a Gateway,
    pub request: &'a HttpRequest,
    pub arguments: Arguments,
    /// The grid as its sender sees it.
    pub files: Files,
}

impl Asked<'_> {
    /// Where a program is sent on to, in full where it is known; 1.20's clients expect that.
    pub fn located(&self, path: String) -> String {
        let (request, guard) = (self.request, &self.gateway.guard);
        match guard.reached_at(request.headers()) {
            Some(reached) if !is_passed_on(request.version(), request.headers()) => reached + &path,
            _ => path,
        }
    }

    /// Refuses a part of a file, which is stored as a whole.
    pub fn refuse_part(&self) -> Result<(), Failure> {
        match self.request.headers().contains_key(header::CONTENT_RANGE) {
            true => Err(Failure::part_of_a_file()),
            false => Ok(()),
        }
    }

    /// Whether its sender is the owner.
    pub fn is_owners(&self) -> bool {
        self.gateway.owner.sent(self.request.headers())
    }
}
