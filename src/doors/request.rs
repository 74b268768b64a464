//! What a request says, taken apart once for every protocol.

use super::error::DoorError;
use super::opened;
use crate::base::limits::PATH_MAX;
use crate::files::address::percent_decode;
use crate::http::spool::{BodyError, announced};
use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName};

/// What the Finder of macOS says of a body that it sends in chunks.
const EXPECTED_LENGTH: &str = "x-expected-entity-length";

/// A request to what is behind a door.
pub struct Asked<'a> {
    pub request: &'a HttpRequest,
    /// From the door's directory on.
    pub path: Vec<String>,
    /// It ended in a slash.
    pub slash: bool,
}

impl<'a> Asked<'a> {
    /// `raw` is what stands behind the door's name, as it came.
    pub fn new(request: &'a HttpRequest, raw: &str) -> Result<Self, DoorError> {
        Ok(Self { request, path: names(raw)?, slash: raw.ends_with('/') })
    }

    pub fn method(&self) -> &'a Method {
        self.request.method()
    }

    pub fn headers(&self) -> &'a HeaderMap {
        self.request.headers()
    }

    /// A header that is text; of several the first.
    pub fn header(&self, name: HeaderName) -> Option<&'a str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// How long its body is said to be.
    pub fn length(&self) -> Result<Option<u64>, DoorError> {
        length(self.headers())
    }

    /// Whether the query says `name=true`.
    pub fn flag(&self, name: &str) -> bool {
        let mut fields = self.request.query_string().split('&');
        fields.any(|field| field.split_once('=') == Some((name, "true")))
    }
}

/// How long a body is said to be; of one that is sent in chunks, what a client says beside it.
pub fn length(headers: &HeaderMap) -> Result<Option<u64>, DoorError> {
    if let Some(length) = announced(headers)? {
        return Ok(Some(length));
    }
    let Some(value) = headers.get(EXPECTED_LENGTH) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or(BodyError::BadLength.into())
}

/// The names of a path in which each is percent-encoded.
pub fn names(raw: &str) -> Result<Vec<String>, DoorError> {
    let raw = raw.strip_prefix('/').unwrap_or(raw);
    let raw = raw.strip_suffix('/').unwrap_or(raw);
    if raw.is_empty() {
        return Ok(Vec::new());
    }
    if raw.split('/').count() > PATH_MAX {
        return Err(DoorError::BadPath("it has too many names"));
    }
    raw.split('/').map(|name| opened::name(&percent_decode(name)?)).collect()
}

/// The door that a path names after a protocol's word, and what stands behind its name: of
/// `/dav/photos/a` it is `photos` and `/a`.
pub fn door<'p>(path: &'p str, word: &str) -> Option<(&'p str, &'p str)> {
    let rest = path.strip_prefix('/')?.strip_prefix(word)?.strip_prefix('/')?;
    Some(rest.find('/').map_or((rest, ""), |at| rest.split_at(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_lead_nowhere_else() {
        assert_eq!(names("/a%20b/c%C3%BC/").unwrap(), ["a b", "c\u{fc}"]);
        assert_eq!(names("").unwrap(), names("/").unwrap());
        for bad in ["/..", "/%2e%2e/x", "/a%2fb", "/a%00", "/a//b", "/%ff", "/%", "/a/%2E"] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_finder_says_how_long_a_body_in_chunks_is() {
        let said = |pairs: &[(&'static str, &str)]| {
            let base = actix_web::test::TestRequest::put();
            let request = pairs.iter().fold(base, |request, pair| request.insert_header(*pair));
            length(request.to_http_request().headers()).ok()
        };
        assert_eq!(said(&[]), Some(None));
        assert_eq!(said(&[(EXPECTED_LENGTH, "7")]), Some(Some(7)));
        assert_eq!(said(&[(EXPECTED_LENGTH, "7"), ("content-length", "8")]), Some(Some(8)));
        assert_eq!(said(&[(EXPECTED_LENGTH, "x")]), None);
    }

    #[test]
    fn a_path_names_its_door_first() {
        assert_eq!(door("/dav/photos/a/b", "dav"), Some(("photos", "/a/b")));
        assert_eq!(door("/dav/photos", "dav"), Some(("photos", "")));
        assert_eq!(door("/dav", "dav"), None);
        assert_eq!(door("/davx/photos", "dav"), None);
    }
}
