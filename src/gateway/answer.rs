//! How the gateway answers: plain text for people and programs, and headers that keep a browser
//! from doing anything with stored content but show it.

use crate::grid::Code;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::json;

/// An answer that is not what was asked for: a status and a sentence, never HTML. Where the original
/// has a text for a case it is that one, to the letter, since programs compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: StatusCode,
    /// What programs tell the case by.
    pub code: Code,
    /// The word by which 1.20's clients know it, such as `NoSharesError: `; it goes before the text.
    pub word: &'static str,
    pub text: String,
    /// One more header, such as `Allow`.
    pub header: Option<(HeaderName, HeaderValue)>,
    /// It would go if the user allowed to dial a server that only a cap names.
    pub asks_leave: bool,
}

impl Failure {
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { status, code: general(status), word: "", text, header: None, asks_leave: false }
    }

    /// The same, told apart from others of its status.
    #[must_use]
    pub fn coded(self, code: impl Into<Code>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// What went wrong, as a layer below tells it, as a sentence, after the word that programs know
    /// the case by.
    pub fn told(status: StatusCode, word: &'static str, error: &dyn std::fmt::Display) -> Self {
        Self { word, ..Self::new(status, format!("{error}.")) }
    }

    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing at this address.")
    }

    pub fn forbidden(text: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// 404 where a cap and a name would have to follow.
    pub fn no_file_cap() -> Self {
        Self::new(StatusCode::NOT_FOUND, "/file must be followed by a file-cap and a name")
    }

    /// 501 for a PUT with a range: a file is stored as a whole.
    pub fn part_of_a_file() -> Self {
        let text = "Content-Range in PUT not yet supported: send all of the file without it.";
        Self::new(StatusCode::NOT_IMPLEMENTED, text)
    }

    /// 400, 405 or 501, with the methods that this address takes.
    pub fn method(status: StatusCode, method: &str, allowed: String) -> Self {
        let text = match status {
            StatusCode::BAD_REQUEST => "/file can only be used with GET or HEAD".to_owned(),
            StatusCode::NOT_IMPLEMENTED => format!(
                "I don't know how to treat a {method} request. This address takes only {allowed}."
            ),
            _ => format!("This address takes only {allowed}."),
        };
        let header = HeaderValue::from_str(&allowed).ok().map(|value| (header::ALLOW, value));
        Self { header, ..Self::new(status, text) }
    }

    /// 401, for a gateway that wants its token.
    pub fn token_wanted() -> Self {
        let text = "This gateway wants `Authorization: tahoe-lafs TOKEN` with the token of its \
                    file private/api_auth_token.";
        let header =
            Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("tahoe-lafs, Bearer")));
        Self { header, ..Self::new(StatusCode::UNAUTHORIZED, text) }
    }

    /// The sentence as programs of 1.20 know it.
    pub fn body(&self) -> String {
        format!("{}{}", self.word, self.text)
    }

    /// An answer in this form, its body still to come.
    pub fn begin(&self, mut response: HttpResponseBuilder) -> HttpResponseBuilder {
        if let Some(header) = self.header.clone() {
            response.insert_header(header);
        }
        response.insert_header((ERROR_CODE, self.code.as_str()));
        response
    }

    pub fn respond(self) -> HttpResponse {
        self.begin(plain(self.status)).body(self.body())
    }

    /// For programs that ask for JSON: `{"error": SENTENCE, "code": CODE}`.
    pub fn respond_json(self) -> HttpResponse {
        let facts = json!({"error": self.body(), "code": self.code.as_str()});
        let body = super::json::indented(&facts) + "\n";
        self.begin(typed(plain(self.status), "application/json")).body(body)
    }
}

/// A name as the original quotes it.
pub fn quoted(name: &str) -> String {
    match name.contains('\'') {
        true => format!("{name:?}"),
        false => format!("'{}'", name.escape_debug()),
    }
}

/// The header that says why in one word.
pub const ERROR_CODE: &str = "Tahoe-Error-Code";

/// The code of what is no closer known.
fn general(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED => Code::TokenWanted,
        StatusCode::FORBIDDEN => Code::Forbidden,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Code::NotTaken,
        StatusCode::REQUEST_TIMEOUT => Code::TooSlow,
        StatusCode::CONFLICT => Code::InTheWay,
        StatusCode::GONE => Code::Gone,
        StatusCode::PRECONDITION_FAILED => Code::Unmet,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::RANGE_NOT_SATISFIABLE => Code::Range,
        StatusCode::BAD_GATEWAY => Code::ServerFault,
        StatusCode::SERVICE_UNAVAILABLE => Code::Busy,
        StatusCode::INSUFFICIENT_STORAGE => Code::NoSpace,
        status if status.is_server_error() => Code::Internal,
        _ => Code::BadRequest,
    }
}

/// Headers of every answer.
fn guarded(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"));
    response
}

/// An answer in plain text that this program wrote.
pub fn plain(status: StatusCode) -> HttpResponseBuilder {
    let mut response = guarded(status);
    response
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

/// The same answer with another content type.
pub fn typed(mut response: HttpResponseBuilder, kind: &'static str) -> HttpResponseBuilder {
    response.insert_header((header::CONTENT_TYPE, kind));
    response
}

/// A page that this program wrote: scripts and style of its own only, and no outside requests. Its
/// forms must be able to say that they come from here, so it may send its address to this gateway,
/// and to nobody else.
pub fn page(status: StatusCode) -> HttpResponseBuilder {
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                          img-src 'self' data: blob:; media-src 'self'; frame-src 'self'; \
                          connect-src 'self'; form-action 'self'; base-uri 'none'; \
                          frame-ancestors 'none'";
    let mut response = guarded(status);
    response
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

/// Sends a browser elsewhere on this gateway.
pub fn redirect(status: StatusCode, to: &str) -> HttpResponse {
    plain(status).insert_header((header::LOCATION, to)).finish()
}

/// A cap, or a few words, and nothing else.
pub fn text(status: StatusCode, text: impl Into<String>) -> HttpResponse {
    plain(status).body(text.into())
}

/// Content that somebody stored: shown in an origin of its own, without scripts, never sniffed,
/// and its address (which is the cap) never sent on.
pub fn stored(status: StatusCode) -> HttpResponseBuilder {
    let mut response = guarded(status);
    response
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'; \
             img-src data:; media-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ))
        .insert_header((header::CACHE_CONTROL, "private, max-age=31536000, immutable"))
        // A browser that has it to look at must ask again before it would run it.
        .insert_header((header::VARY, "Sec-Fetch-Dest, Sec-Fetch-Site"))
        .insert_header((header::ACCEPT_RANGES, "bytes"));
    response
}

/// A stored PDF that a page of this gateway shows in a frame. Browsers refuse to show one under
/// `sandbox`; as its type is fixed and never guessed, it stays a document for their viewer, which
/// runs it apart from this origin. Anything else than a PDF stays as it is.
pub fn framed_pdf(mut response: HttpResponse) -> HttpResponse {
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/pdf") {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; \
                      base-uri 'none'; frame-ancestors 'self'";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    }
    response
}
