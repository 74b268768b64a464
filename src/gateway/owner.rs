//! Who the owner is: whoever shows the node's token, or a browser that logged in with it.
//!
//! ```text
//! program:  Authorization: tahoe-lafs TOKEN          with the token of private/api_auth_token
//! browser:  GET /login?key=KEY ──▶ a session cookie  with the key in the file start.html, or one
//!                                                    that POST /login made
//!           POST /login, key=…   ──▶ the same        with such a key, or the token
//!           POST /logout         ──▶ the session ends
//! anybody:  GET /login?prove=…   ──▶ a proof that the gateway knows the token, for the owner's programs
//! ```
//! Each key is good once, as it stays in what a browser remembers; after the one in `start.html` was
//! used, the file gets the next. The cookie is not sent along by other sites' pages, and a script
//! cannot read it. Forms show a hash of it besides.

use super::answer::{Failure, page, plain, redirect};
use super::args::Arguments;
use super::guard::by_browser;
use super::proof::Challenge;
use crate::base::base32;
use crate::base::hash::{tagged, truncated};
use crate::base::limits::{LOGIN_SECONDS, SESSION_SECONDS, SESSIONS_MAX};
use crate::base::lock::locked;
use crate::base::system::{Clock, random};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use subtle::ConstantTimeEq;

/// The token, and who has logged in with it. Clones are the same.
#[derive(Clone)]
pub struct Owner {
    token: String,
    clock: Clock,
    secure: bool,
    state: Arc<Mutex<State>>,
    /// The gateway's, once it listens.
    address: Arc<OnceLock<String>>,
    /// Writes the next login path into the file `start.html`.
    start_page: Arc<OnceLock<Write>>,
    /// Writes down who is logged in.
    sessions: Arc<OnceLock<Mutex<Write>>>,
}

type Write = Box<dyn Fn(&str) + Send + Sync>;

#[derive(Default)]
struct State {
    /// Hashes of cookies, oldest first, and when they end.
    sessions: VecDeque<(String, u64)>,
    /// Keys for one login each, and when they end.
    keys: VecDeque<(String, u64)>,
    /// The key in the file `start.html`.
    start: Option<String>,
}

impl Owner {
    /// `secure`: the gateway speaks TLS, and the cookie shall go nowhere else.
    pub fn new(token: String, clock: Clock, secure: bool) -> Self {
        Self {
            token,
            clock,
            secure,
            state: Arc::default(),
            address: Arc::default(),
            start_page: Arc::default(),
            sessions: Arc::default(),
        }
    }

    /// Goes on with the sessions of an earlier run, as that wrote them down, and has changes written
    /// down by `write`: a line each, of what no browser can be impersonated with.
    pub fn keep_sessions(&self, kept: &str, write: Write) {
        let parse = |line: &str| {
            let (session, ends) = line.split_once(' ')?;
            Some((session.to_owned(), ends.parse().ok()?))
        };
        self.state().sessions = kept.lines().filter_map(parse).take(SESSIONS_MAX).collect();
        // Said once, when the node has its folder.
        let _ = self.sessions.set(Mutex::new(write));
    }

    fn write_sessions(&self) {
        let Some(write) = self.sessions.get() else { return };
        // Held over both: an older list never takes the place of a newer one.
        let write = locked(write);
        let line = |(session, ends): &(String, u64)| format!("{session} {ends}\n");
        let lines: String = self.state().sessions.iter().map(line).collect();
        write(lines.trim_end());
    }

    /// The gateway listens at this address.
    pub fn listens_at(&self, address: &str) {
        // Said once, when the gateway has it.
        let _ = self.address.set(address.to_owned());
    }

    /// `GET /login?prove=…`: that this is the gateway which the owner's token is for.
    pub fn prove(&self, challenge: &str) -> Result<HttpResponse, Failure> {
        let challenge = Challenge::parse(challenge)
            .ok_or_else(|| Failure::bad_request("prove= is base32 of 32 bytes."))?;
        let address = self.address.get().ok_or_else(Failure::not_found)?;
        Ok(plain(StatusCode::OK).body(challenge.proof(&self.token, address)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// The path and query that log a browser in, for the file `start.html`; the one before ends.
    pub fn start_path(&self) -> String {
        let key = base32::encode(&random::<32>());
        let path = format!("/login?key={key}");
        self.state().start = Some(key);
        path
    }

    /// How the file `start.html` gets its next path when one was used.
    pub fn on_start_page_used(&self, write: Write) {
        // Said once, when the gateway has its address.
        let _ = self.start_page.set(write);
    }

    /// Whether a request comes from the owner.
    pub fn sent(&self, headers: &HeaderMap) -> bool {
        self.shows_token(headers) || self.session(headers).is_some()
    }

    /// What the forms of a browser that is logged in show besides its cookie.
    pub fn form_token(&self, headers: &HeaderMap) -> Option<String> {
        let session = self.session(headers)?;
        let short: [u8; 20] = truncated(tagged(b"tahoe_form_token_v1", session.as_bytes()));
        Some(base32::encode(&short))
    }

    /// Refuses a form that came with a session's cookie and with nothing that says from where: a
    /// browser that old may send the cookie for another site.
    pub fn check_form(&self, headers: &HeaderMap, shown: Option<&str>) -> Result<(), Failure> {
        if by_browser(headers) || self.shows_token(headers) {
            return Ok(());
        }
        match self.form_token(headers) {
            Some(token) if !shown.is_some_and(|shown| same(shown, &token)) => {
                Err(Failure::forbidden("This form is not of this session; load its page again."))
            }
            _ => Ok(()),
        }
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

    /// The session that a browser shows, if it is one.
    fn session(&self, headers: &HeaderMap) -> Option<String> {
        let name = self.cookie_name();
        let now = self.clock.now();
        let mut state = self.state();
        state.sessions.retain(|(_, ends)| *ends > now);
        let lists = headers.get_all(header::COOKIE).filter_map(|list| list.to_str().ok());
        let cookies = lists.flat_map(|list| list.split(';'));
        let mut shown = cookies
            .filter_map(|cookie| cookie.trim().split_once('='))
            .filter(|(key, _)| *key == name);
        let known = |value: &str| {
            let hash = hashed(value);
            state.sessions.iter().any(|(known, _)| same(known, &hash))
        };
        shown.find(|(_, value)| known(value)).map(|(_, value)| value.to_owned())
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
        let to = crate::http::markup::escape(to);
        let cookie = self.cookie(&self.new_session(), SESSION_SECONDS);
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tahoe</title>\
             <meta http-equiv=\"refresh\" content=\"0; url={to}\"></head><body>\
             <p><a href=\"{to}\">Go on</a></p></body></html>\n"
        );
        Ok(page(StatusCode::OK).insert_header((header::SET_COOKIE, cookie)).body(body))
    }

    fn cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.cookie_name();
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    /// `POST /login` with `key=`, as the form of a refusal sends it: a key, the address that has
    /// it, or the token itself.
    pub fn log_in_by_form(&self, arguments: &Arguments) -> Result<HttpResponse, Failure> {
        let given = arguments.get("key").unwrap_or_default().trim();
        let key = given.rsplit_once("key=").map_or(given, |(_, key)| key);
        if !same(given, &self.token) && !self.accepts(key) {
            let failure = Failure::token_wanted();
            return Err(Failure {
                text: "That key is not valid (any more).".to_owned(),
                ..failure
            });
        }
        let to = arguments.when_done()?.unwrap_or("/");
        let mut response = redirect(StatusCode::SEE_OTHER, to);
        let cookie = self.cookie(&self.new_session(), SESSION_SECONDS);
        if let Ok(cookie) = header::HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// `POST /logout`: the session ends, here and in the browser.
    pub fn log_out(&self, headers: &HeaderMap) -> HttpResponse {
        if let Some(session) = self.session(headers) {
            let hash = hashed(&session);
            self.state().sessions.retain(|(known, _)| !same(known, &hash));
            self.write_sessions();
        }
        let mut response = redirect(StatusCode::SEE_OTHER, "/");
        if let Ok(cookie) = header::HeaderValue::from_str(&self.cookie("", 0)) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
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
        if let Some(index) = state.keys.iter().position(|(known, _)| same(known, key)) {
            return state.keys.remove(index).is_some();
        }
        if state.start.take_if(|known| same(known, key)).is_none() {
            return false;
        }
        drop(state);
        let next = self.start_path();
        if let Some(write) = self.start_page.get() {
            write(&next);
        }
        true
    }

    fn new_session(&self) -> String {
        let session = base32::encode(&random::<32>());
        let ends = self.clock.now() + SESSION_SECONDS;
        remember(&mut self.state().sessions, hashed(&session), ends);
        self.write_sessions();
        session
    }
}

fn remember(list: &mut VecDeque<(String, u64)>, secret: String, ends: u64) {
    list.push_back((secret, ends));
    if list.len() > SESSIONS_MAX {
        list.pop_front();
    }
}

/// What is kept of a cookie.
fn hashed(session: &str) -> String {
    base32::encode(&tagged(b"tahoe_session_v1", session.as_bytes()))
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
        let page = Arc::new(Mutex::new(owner.start_path()));
        let write = page.clone();
        let write = move |path: &str| path.clone_into(&mut write.lock().unwrap());
        owner.on_start_page_used(Box::new(write));
        let path = || page.lock().unwrap().clone();
        let first = path();
        let cookie = log_in(&owner, &first).unwrap();
        assert!(log_in(&owner, &first).is_none(), "it was good once");
        assert!(path() != first && log_in(&owner, &path()).is_some());
        let others = format!("a=b; {cookie}; c=d");
        assert!(owner.sent(&headers(header::COOKIE, &others)));
        assert!(!owner.sent(&headers(header::COOKIE, &format!("{cookie}x"))));
        assert!(log_in(&owner, "/login?key=").is_none() && log_in(&owner, "/login?x").is_none());
        clock.advance(SESSION_SECONDS);
        assert!(!owner.sent(&headers(header::COOKIE, &cookie)));
    }

    #[test]
    fn sessions_outlive_a_restart_and_end_all_the_same() {
        let (first, clock) = owner();
        let kept = Arc::new(Mutex::new(String::new()));
        let keep = |owner: &Owner| {
            let (now, kept) = (kept.lock().unwrap().clone(), kept.clone());
            owner.keep_sessions(&now, Box::new(move |l| l.clone_into(&mut kept.lock().unwrap())));
        };
        keep(&first);
        let cookies = [0; 2].map(|_| log_in(&first, &first.one_login()).unwrap());
        let shown = |index: usize| headers(header::COOKIE, &cookies[index]);
        let again = |token: &str| {
            let owner = Owner::new(token.into(), clock.clone(), false);
            keep(&owner);
            owner
        };
        let second = again("s3cret");
        assert!(second.sent(&shown(0)) && second.sent(&shown(1)));
        assert!(!again("another token").sent(&shown(0)));
        for cookie in &cookies {
            assert!(!kept.lock().unwrap().contains(cookie.split_once('=').unwrap().1));
        }
        second.log_out(&shown(0));
        assert!(!again("s3cret").sent(&shown(0)) && again("s3cret").sent(&shown(1)));
        clock.advance(SESSION_SECONDS);
        assert!(!again("s3cret").sent(&shown(1)));
        *kept.lock().unwrap() = "x\n\u{fffd} y\n".into();
        assert!(!again("s3cret").sent(&shown(1)));
    }

    #[test]
    fn a_session_ends_when_its_browser_says_so() {
        let (owner, _) = owner();
        let form = |key: &str| Arguments::parse(&format!("key={key}&when_done=/grid")).unwrap();
        assert_eq!(owner.log_in_by_form(&form("x")).unwrap_err().status, 401);
        for key in ["s3cret".to_owned(), owner.one_login().replace('=', "%3D")] {
            let response = owner.log_in_by_form(&form(&key)).unwrap();
            assert_eq!(response.headers().get(header::LOCATION).unwrap(), "/grid");
            let cookie = response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
            let shown = headers(header::COOKIE, cookie.split(';').next().unwrap());
            assert!(owner.sent(&shown));
            let response = owner.log_out(&shown);
            let cookie = response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
            assert!(cookie.contains("Max-Age=0") && !owner.sent(&shown));
        }
    }

    #[test]
    fn a_form_that_says_nothing_of_where_it_comes_from_shows_its_token() {
        let (owner, _) = owner();
        let cookie = log_in(&owner, &owner.one_login()).unwrap();
        let mut shown = headers(header::COOKIE, &cookie);
        let token = owner.form_token(&shown).unwrap();
        assert!(!cookie.contains(&token));
        assert!(owner.check_form(&shown, Some(&token)).is_ok());
        assert!(owner.check_form(&shown, None).is_err());
        assert!(owner.check_form(&shown, Some("x")).is_err());
        assert!(owner.check_form(&HeaderMap::new(), None).is_ok(), "a program");
        shown.insert(header::ORIGIN, HeaderValue::from_static("http://localhost"));
        assert!(owner.check_form(&shown, None).is_ok(), "the guard looks at that");
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
