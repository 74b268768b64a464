//! WebDAV (RFC 4918, classes 1, 2 and 3): a door as a network drive.
//!
//! ```text
//! OPTIONS GET HEAD                      read
//! PUT MKCOL DELETE                      write
//! COPY MOVE                             carry: links move, bytes stay where they are
//! PROPFIND PROPPATCH                    propfind, proppatch
//! LOCK UNLOCK                           lock
//! ───────────────────────────────────
//! visit      what a request expects, what is there, what its locks let it change
//! wish       the If header    locks   who holds what       property   what is known of a thing
//! ```
//! What is here has no owner but the door's: whoever came through it may do all that the door may.

mod body;
mod carry;
mod date;
mod href;
mod lock;
mod locks;
mod multistatus;
mod property;
mod propfind;
mod proppatch;
mod read;
mod refusal;
mod visit;
pub mod wish;
mod write;

pub use locks::Locks;
pub use read::options_of_all;

use super::opened::Opened;
use super::reply::plain;
use super::request::Asked;
use crate::base::system::Clock;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use refusal::Refusal;
use visit::Visit;

/// The word in paths before a door's name.
pub use href::WORD;

/// Answers a request to what is behind a door.
pub async fn answer(
    door: &Opened,
    (request, rest): (&HttpRequest, &str),
    (locks, clock): (&Locks, &Clock),
    body: web::Payload,
) -> HttpResponse {
    let answer = async {
        let asked = Asked::new(request, rest)?;
        let visit = Visit::new(door, &asked, (locks, clock)).await?;
        respond(&visit, body).await
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.answer())
}

async fn respond(visit: &Visit<'_>, body: web::Payload) -> Result<HttpResponse, Refusal> {
    let method = visit.asked.method().as_str();
    match method {
        "OPTIONS" => return Ok(read::options(visit.door.rights)),
        "GET" | "HEAD" => return read::get(visit).await,
        "PROPFIND" => return propfind::answer(visit, body).await,
        _ => {}
    }
    // The rights are looked at again where something changes; here so that nothing is taken in before.
    match method {
        "PUT" => write::put(visit, body).await,
        "MKCOL" => write::make(visit, body).await,
        "DELETE" => write::delete(visit).await,
        "COPY" => carry::copy(visit).await,
        "MOVE" => carry::relocate(visit).await,
        "PROPPATCH" => proppatch::answer(visit, body).await,
        "LOCK" => lock::lock(visit, body).await,
        "UNLOCK" => lock::unlock(visit),
        _ => {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "");
            let allowed = HeaderValue::from_static(read::allowed(visit.door.rights));
            refused.headers_mut().insert(header::ALLOW, allowed);
            Ok(refused)
        }
    }
}
