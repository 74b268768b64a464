//! The one path that every request to a door takes: who knocks, at which door, in which protocol.
//!
//! ```text
//! signed (AWS4-HMAC-SHA256)            S3, whatever the path
//! /dav/NAME/…      Basic NAME:SECRET   WebDAV
//! /restic/NAME/…   Basic NAME:SECRET   restic
//! ```
//! Nothing of a request is logged but its method and the status it got.

use super::book::{Book, Door};
use super::dav::{self, Locks};
use super::error::DoorError;
use super::opened::Opened;
use super::reply::plain;
use super::request::{self, Asked};
use super::restic;
use super::s3::{self, Parts};
use crate::base::limits::DOOR_REFUSAL_TIME;
use crate::base::system::Clock;
use crate::cap::Cap;
use crate::files::{Actor, Files};
use crate::http::spill;
use crate::http::spool::Spool;
use crate::http::watched;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use data_encoding::BASE64;
use std::sync::Arc;

/// The doors of a node as they are now.
pub trait Doorkeeper: Send + Sync {
    fn book(&self) -> Arc<Book>;
}

/// What all doors share. Clones are the same.
#[derive(Clone)]
pub struct Doors {
    pub keeper: Arc<dyn Doorkeeper>,
    pub files: Files,
    pub spool: Spool,
    pub clock: Clock,
    /// Names by which others may call this node: what stands before one in a host is a bucket.
    pub hosts: Arc<[String]>,
    pub parts: Parts,
    /// What WebDAV clients have locked.
    pub locks: Locks,
}

/// Why somebody stays outside.
enum Outside {
    /// Nothing was shown.
    Unknown,
    /// What was shown opens nothing.
    Refused,
}

/// All that the doors answer, for whatever takes the requests in.
pub fn routes(doors: Doors) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.app_data(web::Data::new(doors)).default_service(web::to(handle));
    }
}

async fn handle(request: HttpRequest, body: web::Payload, doors: web::Data<Doors>) -> HttpResponse {
    let (body, served) = match watched::watch(&request, body, false).await {
        Ok(watched) => watched,
        Err(error) => return error.error_response(),
    };
    let answer = doors.respond(&request, body).await;
    let answer = match spill::lighten(&doors.spool, answer).await {
        Ok(answer) => answer,
        Err(error) => plain(DoorError::from(error).status(), ""),
    };
    tracing::debug!(method = %request.method(), status = answer.status().as_u16(), "at a door");
    watched::answered(answer, served)
}

impl Doors {
    async fn respond(&self, request: &HttpRequest, body: web::Payload) -> HttpResponse {
        let path = request.uri().path();
        let is_signed = s3::is_signed(request);
        let is_unknown = !request.headers().contains_key(header::AUTHORIZATION);
        if *request.method() == Method::OPTIONS && is_unknown && may_be_dav(path) {
            return dav::options_of_all();
        }
        if let Some((name, rest)) = request::door(path, dav::WORD).filter(|_| !is_signed) {
            return match self.logged_in(request, name).await {
                Ok(door) => {
                    dav::answer(&door, (request, rest), (&self.locks, &self.clock), body).await
                }
                Err(refused) => refused,
            };
        }
        if let Some((name, rest)) = request::door(path, "restic").filter(|_| !is_signed) {
            return match self.logged_in(request, name).await {
                Ok(door) => restic_answer(&door, request, rest, body).await,
                Err(refused) => refused,
            };
        }
        self.at_s3(request, body).await
    }

    /// Whoever comes with a signature, or shows nothing where no other protocol is.
    async fn at_s3(&self, request: &HttpRequest, body: web::Payload) -> HttpResponse {
        let knock = match s3::Knock::of(request) {
            Ok(knock) => knock,
            Err(fault) => return fault.respond(request.uri().path()),
        };
        let Some(id) = knock.access_key_id() else { return s3::unsigned(request) };
        let book = self.keeper.book();
        let found = book.with_id(id).and_then(|door| Some((door, door.by_id(id)?)));
        let opened = found.and_then(|(door, signing)| {
            let opened = self.open(door, &Cap::parse(&signing.cap).ok()?)?;
            Some((opened, signing))
        });
        let Some((door, signing)) = opened else {
            tokio::time::sleep(DOOR_REFUSAL_TIME).await;
            return s3::refused(request);
        };
        let (parts, hosts) = (&self.parts, &*self.hosts);
        let with = (&door, signing.secret_access_key.as_str());
        knock.answer(request, body, with, (parts, hosts), self.clock.now()).await
    }

    /// The door that a request opens with a name and a password.
    async fn logged_in(&self, request: &HttpRequest, name: &str) -> Result<Opened, HttpResponse> {
        // A browser keeps passwords and sends them along for the pages of others.
        if is_of_another_page(request) {
            return Err(plain(StatusCode::FORBIDDEN, "Pages of other sites have no access.\n"));
        }
        match self.by_password(request.headers(), name) {
            Ok(door) => Ok(door),
            Err(outside) => {
                if matches!(outside, Outside::Refused) {
                    tokio::time::sleep(DOOR_REFUSAL_TIME).await;
                }
                let mut response =
                    plain(StatusCode::UNAUTHORIZED, "This door opens with its name and secret.\n");
                let asked =
                    HeaderValue::from_static("Basic realm=\"tahoe door\", charset=\"UTF-8\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, asked);
                Err(response)
            }
        }
    }

    fn by_password(&self, headers: &HeaderMap, name: &str) -> Result<Opened, Outside> {
        let shown = headers.get(header::AUTHORIZATION).ok_or(Outside::Unknown)?;
        let (user, password) = basic(shown).ok_or(Outside::Unknown)?;
        if user != name {
            return Err(Outside::Refused);
        }
        self.enter(name, |door| door.by_password(&password)).ok_or(Outside::Refused)
    }

    /// The door of this name, if what was shown opens it.
    pub fn enter(&self, name: &str, opens: impl Fn(&Door) -> Option<Cap>) -> Option<Opened> {
        let book = self.keeper.book();
        let door = book.named(name)?;
        self.open(door, &opens(door)?)
    }

    /// A door whose secret was shown.
    fn open(&self, door: &Door, cap: &Cap) -> Option<Opened> {
        if door.is_over(self.clock.now()) {
            return None;
        }
        // What programs delete through a door can be put back by the owner, whose door it is.
        let files = self.files.acting(Actor { stranger: false, person: false });
        let (keeper, clock, known) = (self.keeper.clone(), self.clock.clone(), door.clone());
        let still =
            Arc::new(move || !known.is_over(clock.now()) && keeper.book().doors().contains(&known));
        Some(Opened::new(door, cap, (files, self.spool.clone()), still))
    }
}

/// Whether a WebDAV client may ask what can be done there: Windows begins above the door that it is given.
fn may_be_dav(path: &str) -> bool {
    matches!(path, "" | "/" | "*" | "/dav") || path.starts_with("/dav/")
}

async fn restic_answer(
    door: &Opened,
    request: &HttpRequest,
    rest: &str,
    body: web::Payload,
) -> HttpResponse {
    let answer = async {
        let asked = Asked::new(request, rest)?;
        restic::answer(door, &asked, body).await
    };
    answer.await.unwrap_or_else(|error| restic::failed(&error))
}

/// The name and the password of a Basic `Authorization`.
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = BASE64.decode(rest.trim().as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Whether a page of another site had a browser send this.
fn is_of_another_page(request: &HttpRequest) -> bool {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let elsewhere = |origin: &str| {
        let host = text("host").unwrap_or_default();
        origin.split_once("://").is_none_or(|(_, from)| !from.eq_ignore_ascii_case(host))
    };
    text("sec-fetch-site").is_some_and(|site| site == "cross-site")
        || (changes && text("origin").is_some_and(elsewhere))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_name_ends_at_the_first_colon() {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let encoded = BASE64.encode(b"photos:a:b");
        let known = Some(("photos".to_owned(), "a:b".to_owned()));
        assert_eq!(basic(&value(&format!("Basic {encoded}"))), known);
        assert_eq!(basic(&value(&format!("bAsIc {encoded}"))), known);
        for bad in ["", "Basic", "Basic ???", "Bearer YTpi", "Basic YWI="] {
            assert_eq!(basic(&value(bad)), None, "{bad}");
        }
    }

    #[test]
    fn pages_of_others_change_nothing() {
        let from = |headers: &[(&'static str, &'static str)]| {
            let base = TestRequest::post().insert_header(("host", "127.0.0.1:1"));
            headers
                .iter()
                .fold(base, |request, pair| request.insert_header(*pair))
                .to_http_request()
        };
        assert!(!is_of_another_page(&from(&[])));
        assert!(!is_of_another_page(&from(&[("origin", "http://127.0.0.1:1")])));
        for other in ["http://evil.example", "null", "http://127.0.0.1:2"] {
            assert!(is_of_another_page(&from(&[("origin", other)])), "{other}");
        }
        assert!(is_of_another_page(&from(&[("sec-fetch-site", "cross-site")])));
    }
}
