//! Who the owner is: whoever shows the node's token, or a browser that logged in with it.
//!
//! ```text
//! program:  Authorization: tahoe-lafs TOKEN          with the token of private/api_auth_token
//! browser:  GET /login?key=KEY ──▶ a session cookie  with a key from the file start.html, or one
//!                                                    that POST /login made for a single use
//! ```
//! The key in `start.html` is a hash of the token, so it opens a session and is not the token. The
//! cookie is not sent along by other sites' pages, and a script cannot read it.

use super::answer::{Failure, page, plain};
use super::args::Arguments;
use crate::base::base32;
use crate::base::hash::{tagged, truncated};
use crate::base::limits::{LOGIN_SECONDS, SESSION_SECONDS, SESSIONS_MAX};
use crate::base::rim::{Clock, random};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq;

/// The token, and who has logged in with it. Clones are the same.
#[derive(Clone)]
pub struct Owner {
    token: String,
    clock: Clock,
    secure: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Cookies, oldest first, and when they end.
    sessions: VecDeque<(String, u64)>,
    /// Keys for one login each, and when they end.
    keys: VecDeque<(String, u64)>,
}

impl Owner {
    /// `secure`: the gateway speaks TLS, and the cookie shall go nowhere else.
    pub fn new(token: String, clock: Clock, secure: bool) -> Self {
        Self { token, clock, secure, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path and query that log a browser in, for the file `start.html`.
    pub fn start_path(token: &str) -> String {
        format!("/login?key={}", lasting_key(token))
    }

    /// Whether a request comes from the owner.
    pub fn sent(&self, headers: &HeaderMap) -> bool {
        self.shows_token(headers) || self.shows_cookie(headers)
    }

    fn shows_token(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::AUTHORIZATION);
        let value = values.next().and_then(|value| value.to_str().ok());
        let Some((scheme, given)) = value.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        let known =
            scheme.eq_ignore_ascii_case("tahoe-lafs") || scheme.eq_ignore_ascii_case("bearer");
        known && values.next().is_none() && same(given.trim(), &self.token)
    }

    fn shows_cookie(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        let now = self.clock.now();
        let mut state = self.state();
        state.sessions.retain(|(_, ends)| *ends > now);
        let lists = headers.get_all(header::COOKIE).filter_map(|list| list.to_str().ok());
        let mut cookies = lists.flat_map(|list| list.split(';'));
        cookies.any(|cookie| {
            cookie.trim().split_once('=').is_some_and(|(key, value)| {
                key == name && state.sessions.iter().any(|(known, _)| same(known, value))
            })
        })
    }

    /// Nodes on one machine share their cookies, so each has a name of its own.
    fn cookie_name(&self) -> String {
        let short: [u8; 5] = truncated(tagged(b"tahoe_cookie_name_v1", self.token.as_bytes()));
        format!("tahoe-{}", base32::encode(&short))
    }

    /// `GET /login?key=…`: a page that goes on to the welcome page, with a session if the key is
    /// good. The page goes on by itself, as a redirect would still count as coming from outside.
    pub fn log_in(&self, arguments: &Arguments) -> Result<HttpResponse, Failure> {
        let key = arguments.get("key").unwrap_or_default();
        if !self.accepts(key) {
            let text = "This login address is not valid any more. Open the file start.html of the \
                        node's directory, or run `tahoe webopen`.";
            return Err(Failure::forbidden(text));
        }
        let to = arguments.when_done()?.unwrap_or("/");
        let to = super::answer::escape(to);
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!(
            "{}={}; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly; SameSite=Strict{secure}",
            self.cookie_name(),
            self.new_session(),
        );
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tahoe</title>\
             <meta http-equiv=\"refresh\" content=\"0; url={to}\"></head><body>\
             <p><a href=\"{to}\">Go on</a></p></body></html>\n"
        );
        Ok(page(StatusCode::OK).insert_header((header::SET_COOKIE, cookie)).body(body))
    }

    /// `POST /login` with the token: the path of one login, good once and for ten minutes.
    pub fn new_login(&self, headers: &HeaderMap) -> Result<HttpResponse, Failure> {
        if !self.shows_token(headers) {
            return Err(Failure::token_wanted());
        }
        Ok(plain(StatusCode::OK).body(self.one_login()))
    }

    /// The path of one login, for whoever may see the token.
    pub fn one_login(&self) -> String {
        let key = base32::encode(&random::<32>());
        remember(&mut self.state().keys, key.clone(), self.clock.now() + LOGIN_SECONDS);
        format!("/login?key={key}")
    }

    fn accepts(&self, key: &str) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        state.keys.retain(|(_, ends)| *ends > now);
        match state.keys.iter().position(|(known, _)| same(known, key)) {
            Some(index) => state.keys.remove(index).is_some(),
            None => same(key, &lasting_key(&self.token)),
        }
    }

    fn new_session(&self) -> String {
        let session = base32::encode(&random::<32>());
        let ends = self.clock.now() + SESSION_SECONDS;
        remember(&mut self.state().sessions, session.clone(), ends);
        session
    }
}

fn remember(list: &mut VecDeque<(String, u64)>, secret: String, ends: u64) {
    list.push_back((secret, ends));
    if list.len() > SESSIONS_MAX {
        list.pop_front();
    }
}

fn lasting_key(token: &str) -> String {
    base32::encode(&tagged(b"tahoe_start_page_key_v1", token.as_bytes()))
}

fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn owner() -> (Owner, Clock) {
        let clock = Clock::manual(1_000);
        (Owner::new("s3cret".into(), clock.clone(), false), clock)
    }

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(name, HeaderValue::from_str(value).unwrap());
        map
    }

    fn log_in(owner: &Owner, path: &str) -> Option<String> {
        let arguments = Arguments::parse(path.split_once('?').unwrap().1).unwrap();
        let response = owner.log_in(&arguments).ok()?;
        let cookie = response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
        assert!(cookie.contains("HttpOnly; SameSite=Strict"));
        Some(cookie.split(';').next().unwrap().to_owned())
    }

    #[test]
    fn the_token_is_wanted_whole_and_once() {
        let (owner, _) = owner();
        let sent = |value: &str| owner.sent(&headers(header::AUTHORIZATION, value));
        assert!(sent("tahoe-lafs s3cret") && sent("bearer s3cret"));
        for wrong in ["tahoe-lafs other", "Basic s3cret", "s3cret", "", "tahoe-lafs "] {
            assert!(!sent(wrong), "{wrong}");
        }
        let mut twice = headers(header::AUTHORIZATION, "bearer s3cret");
        twice.append(header::AUTHORIZATION, HeaderValue::from_static("bearer s3cret"));
        assert!(!owner.sent(&twice) && !owner.sent(&HeaderMap::new()));
    }

    #[test]
    fn the_start_page_opens_a_session_that_ends() {
        let (owner, clock) = owner();
        assert!(!Owner::start_path("s3cret").contains("s3cret"));
        let cookie = log_in(&owner, &Owner::start_path("s3cret")).unwrap();
        let others = format!("a=b; {cookie}; c=d");
        assert!(owner.sent(&headers(header::COOKIE, &others)));
        assert!(!owner.sent(&headers(header::COOKIE, &format!("{cookie}x"))));
        assert!(log_in(&owner, "/login?key=").is_none() && log_in(&owner, "/login?x").is_none());
        clock.advance(SESSION_SECONDS);
        assert!(!owner.sent(&headers(header::COOKIE, &cookie)));
    }

    #[actix_rt::test]
    async fn a_login_address_is_good_once_and_not_for_long() {
        let (owner, clock) = owner();
        let token = headers(header::AUTHORIZATION, "tahoe-lafs s3cret");
        assert!(owner.new_login(&HeaderMap::new()).is_err());
        let path = || async {
            let body = owner.new_login(&token).unwrap().into_body();
            let bytes = actix_web::body::to_bytes(body).await.unwrap_or_default();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let (once, late) = (path().await, path().await);
        assert!(log_in(&owner, &once).is_some() && log_in(&owner, &once).is_none());
        clock.advance(LOGIN_SECONDS);
        assert!(log_in(&owner, &late).is_none());
    }
}
