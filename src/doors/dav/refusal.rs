//! Why something was not done, as WebDAV says it.

use super::super::error::DoorError;
use super::super::reply::plain;
use super::super::xml::{NotXml, escaped};
use super::wish::BadIf;
use crate::files::FilesError;
use crate::grid::Code;
use crate::grid::dirnode::DirError;
use crate::http::spool::BodyError;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};

pub const XML_TYPE: &str = "application/xml; charset=utf-8";
/// So soon those who were sent away may come again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("10");

/// What was refused, or went wrong.
#[derive(Debug)]
pub enum Refusal {
    Door(DoorError),
    Said(StatusCode, &'static str),
    /// A condition that RFC 4918 has a name for, and where it does not hold.
    Named(StatusCode, &'static str, Option<String>),
}

impl Refusal {
    /// The directory in which something is to be put is not there.
    pub const ORPHAN: Self = Self::Door(DoorError::Orphan);

    pub const UNMET: Self =
        Self::Said(StatusCode::PRECONDITION_FAILED, "What is there is not what is expected.");

    pub fn bad(what: &'static str) -> Self {
        Self::Said(StatusCode::BAD_REQUEST, what)
    }

    /// A lock is in the way, there.
    pub fn locked(href: String) -> Self {
        Self::Named(StatusCode::LOCKED, "lock-token-submitted", Some(href))
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Door(DoorError::Orphan) => StatusCode::CONFLICT,
            // A file stands where a directory would have to be.
            Self::Door(error) if error.code() == Code::InTheWay => StatusCode::CONFLICT,
            Self::Door(error) if error.code() == Code::IntoItself => StatusCode::FORBIDDEN,
            Self::Door(error) => error.status(),
            Self::Said(status, _) | Self::Named(status, ..) => *status,
        }
    }

    /// The answer that tells it.
    pub fn answer(&self) -> HttpResponse {
        let status = self.status();
        let mut response = match self {
            Self::Door(error) => plain(status, &format!("{error}\n")),
            Self::Said(_, text) => plain(status, &format!("{text}\n")),
            Self::Named(_, name, href) => {
                let mut response = plain(status, "").set_body(error(name, href.as_deref()));
                let xml = HeaderValue::from_static(XML_TYPE);
                response.headers_mut().insert(header::CONTENT_TYPE, xml);
                response.map_into_boxed_body()
            }
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS);
        }
        response
    }
}

fn error(name: &str, href: Option<&str>) -> String {
    let inside = href.map(|href| format!("<D:href>{}</D:href>", escaped(href)));
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\"><D:{name}>{}</D:{name}></D:error>\n",
        inside.unwrap_or_default()
    )
}

macro_rules! through_door {
    ($($error:ty),*) => {
        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::Door(error.into())
            }
        })*
    };
}

through_door!(DoorError, FilesError, DirError, BodyError);

impl From<BadIf> for Refusal {
    fn from(_: BadIf) -> Self {
        Self::bad("The If header makes no sense.")
    }
}

impl From<NotXml> for Refusal {
    fn from(_: NotXml) -> Self {
        Self::bad("The body is not XML as it is read here.")
    }
}
