//! Whose a request is: AWS Signature Version 4, in headers or in the query of an address that was signed
//! beforehand; of Version 2 only such addresses, which some programs still make by default.
//!
//! ```text
//! key     = HMAC(HMAC(HMAC(HMAC("AWS4" ‖ secret, date), region), "s3"), "aws4_request")
//! request = method \n path \n query \n headers \n\n names of headers \n SHA-256 of the body
//! signed  = HMAC(key, "AWS4-HMAC-SHA256" \n time \n scope \n SHA-256 of the request)
//! ```
//! Any region is right. What is signed includes everything that decides what a request does but headers
//! that its sender left out; all that begin with `x-amz-` must be signed.

use super::fault::Fault;
use super::query::Query;
use crate::files::address::{percent_decode, percent_encode};
use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, Key, Tag};
use subtle::ConstantTimeEq;
use time::macros::format_description;
use time::{Date, PrimitiveDateTime, Time};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far clocks may be apart, in seconds.
const SKEW_MAX: u64 = 15 * 60;
/// The longest that an address may be good for, in seconds.
const PRESIGNED_MAX: u64 = 7 * 24 * 3600;
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// Query fields that change what an answer says, and are signed by Version 2.
const SUBRESOURCES: [&str; 18] = [
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "partNumber",
    "policy",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "tagging",
    "uploadId",
    "uploads",
    "versioning",
];

/// What a request says of its sender. Nothing of it is checked yet.
#[derive(Debug)]
pub struct Claim {
    pub access_key_id: String,
    signature: String,
    how: How,
}

#[derive(Debug)]
enum How {
    /// In a header, or in the query, then for so many seconds.
    Four { scope: Scope, headers: Vec<String>, time: String, lasts: Option<u64> },
    /// In the query, until then.
    Two { expires: u64 },
}

#[derive(Debug)]
struct Scope {
    date: String,
    region: String,
}

impl Scope {
    fn text(&self) -> String {
        format!("{}/{}/s3/aws4_request", self.date, self.region)
    }
}

/// With what the pieces of a body are signed, one after the other.
#[derive(Debug, Clone)]
pub struct Seed {
    key: Key,
    time: String,
    scope: String,
    /// Of the request, and then of each piece.
    previous: String,
}

impl Claim {
    /// Of what a request carries; none if it is not signed.
    pub fn of(request: &HttpRequest, query: &Query) -> Result<Option<Self>, Fault> {
        if let Some(header) = text(request.headers(), "authorization") {
            return match header.strip_prefix(ALGORITHM) {
                Some(rest) => Self::of_header(rest, request.headers()).map(Some),
                None if header.starts_with("AWS ") => {
                    Err(Fault::new("InvalidRequest", "Sign with AWS4-HMAC-SHA256 (Signature V4)."))
                }
                None => Ok(None),
            };
        }
        if query.get("X-Amz-Algorithm") == Some(ALGORITHM) {
            return Self::of_query(query).map(Some);
        }
        match (query.get("AWSAccessKeyId"), query.get("Signature"), query.number("Expires")?) {
            (Some(id), Some(signature), Some(expires)) => Ok(Some(Self {
                access_key_id: id.to_owned(),
                signature: signature.to_owned(),
                how: How::Two { expires },
            })),
            _ => Ok(None),
        }
    }

    fn of_header(fields: &str, headers: &HeaderMap) -> Result<Self, Fault> {
        let malformed =
            || Fault::new("AuthorizationHeaderMalformed", "The Authorization header is malformed.");
        let field = |name: &str| {
            let mut fields = fields.split(',').map(str::trim);
            fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let credential = field("Credential").ok_or_else(malformed)?;
        let (access_key_id, scope) = credential_of(credential).ok_or_else(malformed)?;
        let time = text(headers, "x-amz-date").ok_or_else(|| {
            Fault::new("AccessDenied", "A signed request has a header x-amz-date.")
        })?;
        Ok(Self {
            access_key_id,
            signature: field("Signature").ok_or_else(malformed)?.to_owned(),
            how: How::Four {
                scope,
                headers: names(field("SignedHeaders").ok_or_else(malformed)?),
                time: time.to_owned(),
                lasts: None,
            },
        })
    }

    fn of_query(query: &Query) -> Result<Self, Fault> {
        let malformed = || {
            let text = "The address is not signed as AWS4-HMAC-SHA256 wants it.";
            Fault::new("AuthorizationQueryParametersError", text)
        };
        let field = |name| query.get(name).ok_or_else(malformed);
        let (access_key_id, scope) =
            credential_of(field("X-Amz-Credential")?).ok_or_else(malformed)?;
        let wrong = |_| Fault::new("AccessDenied", "X-Amz-Expires is a number of seconds.");
        let lasts = query.number("X-Amz-Expires").map_err(wrong)?;
        if lasts.is_some_and(|lasts| !(1..=PRESIGNED_MAX).contains(&lasts)) {
            let text = "An address may be good for a second to a week.";
            return Err(Fault::new("AccessDenied", text));
        }
        Ok(Self {
            access_key_id,
            signature: field("X-Amz-Signature")?.to_owned(),
            how: How::Four {
                scope,
                headers: names(field("X-Amz-SignedHeaders")?),
                time: field("X-Amz-Date")?.to_owned(),
                lasts: Some(lasts.ok_or_else(malformed)?),
            },
        })
    }

    /// Checks it with the secret that belongs to its id, at this time. What pieces of the body are signed
    /// with, if they are.
    pub fn check(
        &self,
        request: &HttpRequest,
        query: &Query,
        secret: &str,
        now: u64,
    ) -> Result<Option<Seed>, Fault> {
        let mismatch = || {
            let text = "The signature is not that of this request under this key.";
            Fault::new("SignatureDoesNotMatch", text)
        };
        let (expected, seed) = match &self.how {
            How::Two { expires } => {
                if now >= *expires {
                    return Err(expired());
                }
                (signed_by_two(request, query, secret, *expires), None)
            }
            How::Four { scope, headers, time, lasts } => {
                check_time(scope, time, *lasts, now)?;
                check_headers(request.headers(), headers)?;
                let key = signing_key(secret, scope);
                let presigned = lasts.is_some();
                let canonical =
                    canonical(request, query, headers, presigned).ok_or_else(mismatch)?;
                let scope = scope.text();
                let text =
                    format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
                let expected = hex(&sign(&key, &text));
                let previous = expected.clone();
                (expected, Some(Seed { key, time: time.clone(), scope, previous }))
            }
        };
        match bool::from(expected.as_bytes().ct_eq(self.signature.as_bytes())) {
            true => Ok(seed),
            false => Err(mismatch()),
        }
    }

    pub const fn signs_host(&self) -> bool {
        matches!(self.how, How::Four { .. })
    }

    /// Whether it stands in the address, which may have been given to others.
    pub const fn is_presigned(&self) -> bool {
        matches!(self.how, How::Two { .. } | How::Four { lasts: Some(_), .. })
    }
}

impl Seed {
    /// Whether this is the signature of the next piece, of which the hash is this.
    pub fn is_next(&mut self, hash: &str, signature: &str) -> bool {
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{hash}",
            self.time,
            self.scope,
            self.previous,
            sha256(b"")
        );
        self.is(&text, signature)
    }

    /// The same of what comes behind the last piece.
    pub fn is_trailer(&mut self, trailer: &str, signature: &str) -> bool {
        let (time, scope, previous) = (&self.time, &self.scope, &self.previous);
        let hash = sha256(trailer.as_bytes());
        let text = format!("AWS4-HMAC-SHA256-TRAILER\n{time}\n{scope}\n{previous}\n{hash}");
        self.is(&text, signature)
    }

    fn is(&mut self, text: &str, signature: &str) -> bool {
        let expected = hex(&sign(&self.key, text));
        let equal = bool::from(expected.as_bytes().ct_eq(signature.as_bytes()));
        self.previous = expected;
        equal
    }
}

fn expired() -> Fault {
    Fault::new(
        "AccessDenied",
        "Request has expired: this address was good for a time that is over.",
    )
}

/// The id and the scope of `ID/DATE/REGION/s3/aws4_request`.
fn credential_of(text: &str) -> Option<(String, Scope)> {
    let mut parts = text.split('/');
    let (id, date, region) = (parts.next()?, parts.next()?, parts.next()?);
    let rest = (parts.next()?, parts.next()?, parts.next());
    let scope = Scope { date: date.to_owned(), region: region.to_owned() };
    (rest == ("s3", "aws4_request", None)).then(|| (id.to_owned(), scope))
}

fn names(list: &str) -> Vec<String> {
    list.split(';').map(str::to_ascii_lowercase).collect()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn check_time(scope: &Scope, time: &str, lasts: Option<u64>, now: u64) -> Result<(), Fault> {
    let malformed = || Fault::new("AccessDenied", "The time of the request is malformed.");
    let at = seconds(time).ok_or_else(malformed)?;
    if !time.starts_with(&scope.date) {
        return Err(malformed());
    }
    match lasts {
        Some(lasts) if now > at.saturating_add(lasts) => Err(expired()),
        _ if at > now + SKEW_MAX || lasts.is_none() && now > at + SKEW_MAX => Err(Fault::new(
            "RequestTimeTooSkewed",
            "The clocks of this machine and of the sender are more than 15 minutes apart.",
        )),
        _ => Ok(()),
    }
}

/// `20130524T000000Z` in seconds since 1970.
fn seconds(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once('T')?;
    let date = Date::parse(date, format_description!("[year][month][day]")).ok()?;
    let time = rest.strip_suffix('Z')?;
    let time = Time::parse(time, format_description!("[hour][minute][second]")).ok()?;
    u64::try_from(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp()).ok()
}

/// A header of S3's that is not signed may have been added on the way.
fn check_headers(headers: &HeaderMap, signed: &[String]) -> Result<(), Fault> {
    let is_signed = |name: &str| signed.iter().any(|known| known == name);
    let mut ours = headers.keys().map(|name| name.as_str()).filter(|name| {
        // Clients that sign the address alone say it there.
        name.starts_with("x-amz-") && *name != "x-amz-content-sha256"
    });
    match ours.find(|name| !is_signed(name)) {
        _ if !is_signed("host") => {
            Err(Fault::new("AccessDenied", "The header host must be signed."))
        }
        Some(name) => {
            let text =
                format!("There were headers present in the request which were not signed: {name}");
            Err(Fault::new("AccessDenied", text))
        }
        None => Ok(()),
    }
}

fn signing_key(secret: &str, scope: &Scope) -> Key {
    let first = Key::new(HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    [scope.date.as_str(), &scope.region, "s3", "aws4_request"]
        .iter()
        .fold(first, |key, part| Key::new(HMAC_SHA256, sign(&key, part).as_ref()))
}

/// The request as it is signed; none if it cannot be spelled so.
fn canonical(
    request: &HttpRequest,
    query: &Query,
    signed: &[String],
    presigned: bool,
) -> Option<String> {
    let path = percent_decode(request.uri().path()).ok()?;
    let path: Vec<String> = path.split('/').map(percent_encode).collect();
    let mut fields: Vec<(String, String)> = query
        .fields()
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (percent_encode(name), percent_encode(value)))
        .collect();
    fields.sort();
    let fields: Vec<String> =
        fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut headers = String::new();
    for name in signed {
        let values = request.headers().get_all(name.as_str());
        let values: Vec<String> = values
            .map(|value| std::str::from_utf8(value.as_bytes()).map(collapsed))
            .collect::<Result<_, _>>()
            .ok()?;
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let said = text(request.headers(), "x-amz-content-sha256");
    let is_signed = signed.iter().any(|name| name == "x-amz-content-sha256");
    let body = match presigned && !is_signed {
        true => UNSIGNED,
        false => said?,
    };
    Some(format!(
        "{}\n{}\n{}\n{headers}\n{}\n{body}",
        request.method(),
        path.join("/"),
        fields.join("&"),
        signed.join(";")
    ))
}

/// Without white space around it, and with one blank for each within.
fn collapsed(text: &str) -> String {
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn signed_by_two(request: &HttpRequest, query: &Query, secret: &str, expires: u64) -> String {
    let header = |name| text(request.headers(), name).unwrap_or_default();
    let mut own: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-amz-"))
        .map(|(name, value)| (name.to_string(), collapsed(value.to_str().unwrap_or_default())))
        .collect();
    own.sort();
    let own: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let mut said: Vec<String> = query
        .fields()
        .filter(|(name, _)| SUBRESOURCES.contains(name))
        .map(|(name, value)| match value {
            "" => name.to_owned(),
            _ => format!("{name}={value}"),
        })
        .collect();
    said.sort();
    let said = match said.is_empty() {
        true => String::new(),
        false => format!("?{}", said.join("&")),
    };
    let text = format!(
        "{}\n{}\n{}\n{expires}\n{own}{}{said}",
        request.method(),
        header("content-md5"),
        header("content-type"),
        request.uri().path()
    );
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    BASE64.encode(sign(&key, &text).as_ref())
}

fn sign(key: &Key, text: &str) -> Tag {
    hmac::sign(key, text.as_bytes())
}

fn hex(tag: &Tag) -> String {
    HEXLOWER.encode(tag.as_ref())
}

/// In hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    /// 2013-05-24 00:00:00 UTC, when the examples of the specification were signed.
    const THEN: u64 = 1_369_353_600;

    /// The first example of Amazon's specification: GET of a part of an object.
    fn example() -> TestRequest {
        let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        let authorization = format!(
            "{ALGORITHM} Credential={ID}/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature={signature}"
        );
        TestRequest::get()
            .uri("/test.txt")
            .insert_header(("host", "examplebucket.s3.amazonaws.com"))
            .insert_header(("range", "bytes=0-9"))
            .insert_header(("x-amz-content-sha256", sha256(b"")))
            .insert_header(("x-amz-date", "20130524T000000Z"))
            .insert_header(("authorization", authorization))
    }

    fn checked(request: TestRequest, secret: &str, now: u64) -> Result<Option<Seed>, Fault> {
        let request = request.to_http_request();
        let query = Query::parse(request.query_string()).unwrap();
        let claim = Claim::of(&request, &query)?.unwrap();
        assert_eq!(claim.access_key_id, ID);
        claim.check(&request, &query, secret, now)
    }

    fn code(result: Result<Option<Seed>, Fault>) -> &'static str {
        result.err().map_or("", |fault| fault.code)
    }

    #[test]
    fn the_example_of_the_specification_is_right_and_nothing_else() {
        assert!(checked(example(), SECRET, THEN).unwrap().is_some());
        assert_eq!(code(checked(example(), "another", THEN)), "SignatureDoesNotMatch");
        let other = example().uri("/test.txt?acl");
        assert_eq!(code(checked(other, SECRET, THEN)), "SignatureDoesNotMatch");
        let other = example().insert_header(("range", "bytes=0-10"));
        assert_eq!(code(checked(other, SECRET, THEN)), "SignatureDoesNotMatch");
        let added = example().insert_header(("x-amz-acl", "public-read"));
        assert_eq!(code(checked(added, SECRET, THEN)), "AccessDenied");
        for now in [THEN - SKEW_MAX - 1, THEN + SKEW_MAX + 1] {
            assert_eq!(code(checked(example(), SECRET, now)), "RequestTimeTooSkewed");
        }
    }

    #[test]
    fn an_address_that_was_signed_is_good_for_its_time() {
        let address = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE\
             %2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
             &X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b\
             86d86835f995330da4c265957d157751f604d404";
        let request = || {
            TestRequest::get()
                .uri(address)
                .insert_header(("host", "examplebucket.s3.amazonaws.com"))
        };
        assert!(checked(request(), SECRET, THEN + 86_400).is_ok());
        let late = checked(request(), SECRET, THEN + 86_401);
        assert_eq!(code(late), "AccessDenied");
    }

    #[test]
    fn pieces_are_signed_one_after_the_other() {
        let signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
        let authorization = format!(
            "{ALGORITHM} Credential={ID}/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
             x-amz-decoded-content-length;x-amz-storage-class,Signature={signature}"
        );
        let request = TestRequest::put()
            .uri("/examplebucket/chunkObject.txt")
            .insert_header(("host", "s3.amazonaws.com"))
            .insert_header(("x-amz-date", "20130524T000000Z"))
            .insert_header(("x-amz-storage-class", "REDUCED_REDUNDANCY"))
            .insert_header(("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"))
            .insert_header(("content-encoding", "aws-chunked"))
            .insert_header(("x-amz-decoded-content-length", "66560"))
            .insert_header(("content-length", "66824"))
            .insert_header(("authorization", authorization));
        let mut seed = checked(request, SECRET, THEN).unwrap().unwrap();
        let first = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
        let second = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497";
        let last = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";
        assert!(seed.clone().is_next(&sha256(&[b'a'; 65_536]), first));
        assert!(!seed.clone().is_next(&sha256(&[b'b'; 65_536]), first));
        assert!(seed.is_next(&sha256(&[b'a'; 65_536]), first));
        assert!(seed.is_next(&sha256(&[b'a'; 1_024]), second));
        assert!(seed.is_next(&sha256(b""), last));
    }

    #[test]
    fn what_is_not_signed_or_malformed_is_told() {
        let claim = |request: TestRequest| {
            let request = request.to_http_request();
            Claim::of(&request, &Query::parse(request.query_string()).unwrap())
        };
        assert!(claim(TestRequest::get()).unwrap().is_none());
        let basic = TestRequest::get().insert_header(("authorization", "Basic YTpi"));
        assert!(claim(basic).unwrap().is_none());
        for bad in ["", " Credential=a", " Credential=a/b/c/d/e, SignedHeaders=host", " ,,,="] {
            let header = ("authorization", format!("{ALGORITHM}{bad}"));
            assert!(claim(TestRequest::get().insert_header(header)).is_err(), "{bad}");
        }
        let address = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a";
        assert!(claim(TestRequest::get().uri(address)).is_err());
    }
}
