//! What went wrong, in S3's words.

use crate::base::system::random;
use crate::doors::error::DoorError;
use crate::doors::xml::escaped;
use crate::grid::Code;
use crate::http::spool::BodyError;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use data_encoding::HEXUPPER;

/// A refusal: the code that programs know, its status, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: &'static str,
    pub status: StatusCode,
    pub text: String,
}

impl Fault {
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, status: status(code), text: text.into() }
    }

    /// 501 for what nothing here stands for.
    pub fn not_implemented(what: &str) -> Self {
        Self::new("NotImplemented", format!("{what} is not there behind a door."))
    }

    pub fn no_such_key() -> Self {
        Self::new("NoSuchKey", "There is nothing of this name.")
    }

    pub fn no_such_bucket() -> Self {
        Self::new("NoSuchBucket", "There is no directory of this name behind the door.")
    }

    pub fn argument(text: impl Into<String>) -> Self {
        Self::new("InvalidArgument", text)
    }

    pub fn malformed_xml() -> Self {
        Self::new("MalformedXML", "The body is not the XML that this request takes.")
    }

    pub fn unmet() -> Self {
        Self::new("PreconditionFailed", "What is there is not what the request expects.")
    }

    /// The document that tells it, under the number that its header has.
    pub fn xml(&self, resource: &str, request: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
             <Resource>{}</Resource><RequestId>{request}</RequestId></Error>",
            self.code,
            escaped(&self.text),
            escaped(resource)
        )
    }

    pub fn respond(&self, resource: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        let request = request_id();
        response.insert_header((REQUEST_ID, request.as_str()));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header(("Retry-After", "1"));
        }
        response.content_type("application/xml").body(self.xml(resource, &request))
    }
}

/// By which a sender may ask what became of a request.
pub const REQUEST_ID: &str = "x-amz-request-id";

pub fn request_id() -> String {
    HEXUPPER.encode(&random::<8>())
}

/// Statuses as S3 has them.
fn status(code: &str) -> StatusCode {
    match code {
        "AccessDenied"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed" => StatusCode::FORBIDDEN,
        "NoSuchBucket"
        | "NoSuchKey"
        | "NoSuchUpload"
        | "NoSuchBucketPolicy"
        | "NoSuchTagSet"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchCORSConfiguration"
        | "NoSuchPublicAccessBlockConfiguration"
        | "NoSuchWebsiteConfiguration"
        | "ObjectLockConfigurationNotFoundError"
        | "OwnershipControlsNotFoundError"
        | "ReplicationConfigurationNotFoundError"
        | "ServerSideEncryptionConfigurationNotFoundError" => StatusCode::NOT_FOUND,
        "MethodNotAllowed" => StatusCode::METHOD_NOT_ALLOWED,
        "BucketAlreadyOwnedByYou" | "BucketNotEmpty" | "OperationAborted" => StatusCode::CONFLICT,
        "MissingContentLength" => StatusCode::LENGTH_REQUIRED,
        "PreconditionFailed" => StatusCode::PRECONDITION_FAILED,
        "InvalidRange" => StatusCode::RANGE_NOT_SATISFIABLE,
        "InternalError" => StatusCode::INTERNAL_SERVER_ERROR,
        "NotImplemented" => StatusCode::NOT_IMPLEMENTED,
        "ServiceUnavailable" | "SlowDown" => StatusCode::SERVICE_UNAVAILABLE,
        "InsufficientStorage" => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

impl From<DoorError> for Fault {
    fn from(error: DoorError) -> Self {
        let code = match error {
            DoorError::Body(BodyError::CutOff) => "IncompleteBody",
            _ => word(error.code()),
        };
        let mut text = format!("{error}.");
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self::new(code, text)
    }
}

/// What S3 calls it.
const fn word(code: Code) -> &'static str {
    match code {
        Code::NotFound | Code::NoSuchChild | Code::NotADirectory => "NoSuchKey",
        Code::NotTaken => "MethodNotAllowed",
        Code::TokenWanted
        | Code::Forbidden
        | Code::ReadOnly
        | Code::Immutable
        | Code::VerifyOnly
        | Code::Prohibited
        | Code::NewServer => "AccessDenied",
        Code::Unmet => "PreconditionFailed",
        Code::InTheWay | Code::Exists | Code::IsADirectory | Code::Conflict | Code::IntoItself => {
            "OperationAborted"
        }
        Code::Range => "InvalidRange",
        Code::TooSlow => "RequestTimeout",
        Code::TooLarge => "EntityTooLarge",
        Code::NameTooLong => "KeyTooLongError",
        Code::NoSpace | Code::ServerFull => "InsufficientStorage",
        Code::Internal => "InternalError",
        Code::Busy => "SlowDown",
        Code::BadRequest
        | Code::EmptyName
        | Code::CapUnknown
        | Code::CapMalformed
        | Code::CapUnsupported
        | Code::CapNotReadOnly
        | Code::CapNotImmutable
        | Code::BadChild => "InvalidArgument",
        _ => "ServiceUnavailable",
    }
}
