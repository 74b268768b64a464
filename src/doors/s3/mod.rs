//! S3: buckets are the directories in a door's directory, keys are paths in them.
//!
//! ```text
//! request ─▶ sign: whose is it ─▶ query: bucket, key ─▶ buckets · list · objects · many · parts
//!                                                         (sums, chunked: what came is what was sent)
//! ```
//! A signature shows its sender's key without telling it; the access key id alone finds the door. What a
//! key names is one path: keys that are none are refused by name, never stored as something else.
//! Conditions hold at the moment of the change, for the signer of the directory decides on them.

mod attributes;
mod buckets;
pub mod chunked;
mod combined;
mod complete;
mod fault;
mod list;
mod many;
mod objects;
pub mod parts;
pub mod query;
mod sign;
mod sums;
mod taken;
mod writing;

use super::book::Rights;
use super::opened::Opened;
use crate::base::limits::DOOR_REFUSAL_TIME;
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
pub use fault::Fault;
use fault::REQUEST_ID;
pub use parts::Parts;
pub use query::Query;
use query::Target;
pub use sign::Claim;
use sign::Seed;

/// A request to a door, known to be of who has its key.
pub struct Asked<'a> {
    pub door: &'a Opened,
    pub request: &'a HttpRequest,
    pub query: Query,
    pub parts: &'a Parts,
    /// Seconds since 1970.
    pub now: u64,
    seed: Option<Seed>,
}

/// A request that may be signed.
pub struct Knock {
    query: Query,
    claim: Option<Claim>,
}

impl Knock {
    /// What a request shows.
    pub fn of(request: &HttpRequest) -> Result<Self, Fault> {
        let query = Query::parse(request.query_string())?;
        let claim = Claim::of(request, &query)?;
        Ok(Self { query, claim })
    }

    /// By which the door is found, if the request is signed.
    pub fn access_key_id(&self) -> Option<&str> {
        self.claim.as_ref().map(|claim| claim.access_key_id.as_str())
    }

    /// Answers it, if it is signed with this secret.
    pub async fn answer(
        self,
        request: &HttpRequest,
        body: web::Payload,
        (door, secret): (&Opened, &str),
        (parts, hosts): (&Parts, &[String]),
        now: u64,
    ) -> HttpResponse {
        let answer = async {
            let claim = self.claim.as_ref().ok_or_else(unknown)?;
            let seed = claim.check(request, &self.query, secret, now)?;
            // Whoever was given a signed address is somebody else.
            let door = &match claim.is_presigned() {
                true => door.hurrying(),
                false => door.clone(),
            };
            // Version 2 does not sign the host.
            let target = Target::of(request, claim.signs_host().then_some(hosts))?;
            let asked = Asked { door, request, query: self.query, parts, now, seed };
            asked.answer(target, body).await
        };
        let outcome = answer.await;
        if outcome.as_ref().is_err_and(|fault: &Fault| fault.code == "SignatureDoesNotMatch") {
            tokio::time::sleep(DOOR_REFUSAL_TIME).await;
        }
        let mut answer = outcome.unwrap_or_else(|fault| fault.respond(request.uri().path()));
        if let (name, Ok(id)) = (REQUEST_ID, HeaderValue::from_str(&fault::request_id()))
            && !answer.headers().contains_key(name)
        {
            answer.headers_mut().insert(HeaderName::from_static(name), id);
        }
        answer
    }
}

fn unknown() -> Fault {
    Fault::new("InvalidAccessKeyId", "No door has this access key id.")
}

/// Whether a request is for here, whatever its path.
pub fn is_signed(request: &HttpRequest) -> bool {
    let header = request.headers().get("authorization");
    let in_header = header.is_some_and(|value| value.as_bytes().starts_with(b"AWS"));
    let query = request.query_string();
    in_header || query.contains("X-Amz-Signature=") || query.contains("AWSAccessKeyId=")
}

/// 403 for an id that opens nothing, or nothing any more.
pub fn refused(request: &HttpRequest) -> HttpResponse {
    unknown().respond(request.uri().path())
}

/// 403 for whoever shows nothing.
pub fn unsigned(request: &HttpRequest) -> HttpResponse {
    Fault::new("AccessDenied", "Doors open for signed requests.").respond(request.uri().path())
}

impl Asked<'_> {
    async fn answer(&self, target: Target, body: web::Payload) -> Result<HttpResponse, Fault> {
        match (target.bucket, target.key) {
            (None, _) => match *self.request.method() {
                Method::GET => self.list_buckets().await,
                Method::HEAD => Ok(HttpResponse::Ok().finish()),
                _ => Err(self.not_taken()),
            },
            (Some(bucket), None) => self.of_bucket(&bucket, body).await,
            (Some(bucket), Some(key)) => self.of_object(&bucket, &key, body).await,
        }
    }

    async fn of_bucket(&self, bucket: &str, body: web::Payload) -> Result<HttpResponse, Fault> {
        let query = &self.query;
        match *self.request.method() {
            Method::GET if query.has("uploads") => self.list_uploads(bucket),
            Method::GET => match self.said_of_bucket(bucket).await? {
                Some(answer) => Ok(answer),
                None => self.list(bucket).await,
            },
            Method::HEAD => self.head_bucket(bucket).await,
            Method::PUT if !buckets::is_about_more(query) => self.create_bucket(bucket).await,
            Method::DELETE if !buckets::is_about_more(query) => self.delete_bucket(bucket).await,
            Method::POST if query.has("delete") => self.delete_many(bucket, body).await,
            Method::PUT | Method::DELETE | Method::POST => {
                Err(Fault::not_implemented("This setting of a bucket"))
            }
            _ => Err(self.not_taken()),
        }
    }

    async fn of_object(
        &self,
        bucket: &str,
        key: &str,
        body: web::Payload,
    ) -> Result<HttpResponse, Fault> {
        let (query, at) = (&self.query, (bucket, key));
        match buckets::unknown(query) {
            Some("attributes") if *self.request.method() == Method::GET => {
                return self.attributes(at).await;
            }
            Some(what) => return self.said_of_object(what, at).await,
            None => {}
        }
        match *self.request.method() {
            Method::GET if query.has("uploadId") => self.list_parts(at),
            Method::GET | Method::HEAD => self.get(at).await,
            Method::PUT if query.has("uploadId") => self.put_part(at, body).await,
            Method::PUT if self.header("x-amz-copy-source").is_some() => self.copy(at).await,
            Method::PUT => self.put(at, body).await,
            Method::DELETE if query.has("uploadId") => self.abort(at),
            Method::DELETE => self.delete(at).await,
            Method::POST if query.has("uploads") => self.begin_upload(at).await,
            Method::POST if query.has("uploadId") => self.complete(at, body).await,
            _ => Err(self.not_taken()),
        }
    }

    fn not_taken(&self) -> Fault {
        let method = self.request.method();
        Fault::new("MethodNotAllowed", format!("{method} is not taken here."))
    }

    /// A header that is text.
    fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// Refuses at once what this door will not do.
    fn may_add(&self) -> Result<(), Fault> {
        Ok(self.door.may_add()?)
    }

    /// What only adds tells of something that is there that it stays.
    const fn only_adds(&self) -> bool {
        matches!(self.door.rights, Rights::Append)
    }
}

/// An answer in XML.
fn xml(text: String) -> HttpResponse {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}");
    HttpResponse::Ok().content_type("application/xml").body(text)
}

/// The namespace of all documents.
const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

#[cfg(test)]
fn headers(pairs: &[(&str, &str)]) -> actix_web::http::header::HeaderMap {
    let of = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(of).collect()
}
