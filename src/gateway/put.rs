//! `PUT /uri`: take a body in whole, store it, answer its cap.

use super::answer::{Failure, plain};
use super::serve::Gateway;
use super::spool::Content;
use crate::grid::{Source, UploadError, UploadOptions};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};

/// Stores the request's body; 200 with the cap alone when it is safe on enough servers.
pub async fn upload(
    gateway: &Gateway,
    request: &HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    if request.headers().contains_key(header::CONTENT_RANGE) {
        let text = "A part of a file cannot be stored; send all of it without Content-Range.";
        return Err(Failure::new(StatusCode::NOT_IMPLEMENTED, text));
    }
    let hasher = || gateway.grid.body_hasher().ok();
    let body = gateway.spool.receive(body, announced_length(request)?, &hasher).await?;
    let (source, digest) = match &body.content {
        Content::Memory(bytes) => (Source::bytes(bytes.clone()), None),
        Content::File { file, size, digest } => {
            (Source::spool(file.clone(), *size), digest.clone())
        }
    };
    let options = UploadOptions { digest, ..UploadOptions::default() };
    let uploaded = gateway.grid.upload(source, options).await.map_err(|error| refusal(&error))?;
    Ok(plain(StatusCode::OK).body(uploaded.cap.reveal()))
}

fn announced_length(request: &HttpRequest) -> Result<Option<u64>, Failure> {
    let Some(value) = request.headers().get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    length.map(Some).ok_or_else(|| Failure::bad_request("The Content-Length is not a number."))
}

/// The status for an upload that did not reach its goal; the sentence is the grid's own.
fn refusal(error: &UploadError) -> Failure {
    let status = match error {
        UploadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::NoServers | UploadError::Unhappy(_) | UploadError::CutOff => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        UploadError::Encode(_) | UploadError::Source { .. } | UploadError::Changed => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    Failure::new(status, error.to_string())
}
