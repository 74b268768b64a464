//! How the gateway answers: plain text for people and programs, and headers that keep a browser
//! from doing anything with stored content but show it.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};

/// An answer that is not what was asked for: a status and a sentence, never HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: StatusCode,
    pub text: String,
    /// One more header, such as `Allow`.
    pub header: Option<(HeaderName, HeaderValue)>,
}

impl Failure {
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), header: None }
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

    /// 405, with the methods that this address takes.
    pub fn method(allowed: &'static str) -> Self {
        let text = format!("This address takes only {allowed}.");
        let header = Some((header::ALLOW, HeaderValue::from_static(allowed)));
        Self { header, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, text) }
    }

    /// 401, for a gateway that wants its token.
    pub fn token_wanted() -> Self {
        let text = "This gateway wants `Authorization: tahoe-lafs TOKEN` with the token of its \
                    file private/api_auth_token.";
        let header =
            Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("tahoe-lafs, Bearer")));
        Self { header, ..Self::new(StatusCode::UNAUTHORIZED, text) }
    }

    pub fn respond(self) -> HttpResponse {
        let mut response = plain(self.status);
        if let Some(header) = self.header {
            response.insert_header(header);
        }
        let stop = if self.text.ends_with(['.', '?', '!']) { "" } else { "." };
        response.body(format!("{}{stop}\n", self.text))
    }
}

/// Headers of every answer.
fn guarded(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
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

/// A page that this program wrote: no scripts, no outside requests.
pub fn page(status: StatusCode) -> HttpResponseBuilder {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let mut response = guarded(status);
    response
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
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
        .insert_header((header::ACCEPT_RANGES, "bytes"));
    response
}

/// Text as it may stand in HTML, in content and in quoted attributes alike.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}
