//! Answering what can only be looked at.

use super::answer::Failure;
use super::guard::Guard;
use crate::http::watched::{answered, watch};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

/// Answers what is only looked at: of a body nothing is read, and its sender is waited for no longer than
/// others.
pub async fn looked_at(
    (request, body): (&HttpRequest, web::Payload),
    guard: &Guard,
    answer: impl Future<Output = Result<HttpResponse, Failure>>,
) -> HttpResponse {
    let served = match watch(request, body, false).await {
        Ok((_, served)) => served,
        Err(error) => return error.error_response(),
    };
    let answer = async {
        guard.check(request.method(), request.headers())?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let (method, allowed) = (request.method().as_str(), "GET, HEAD".to_owned());
            return Err(Failure::method(StatusCode::METHOD_NOT_ALLOWED, method, allowed));
        }
        answer.await
    };
    answered(answer.await.unwrap_or_else(Failure::respond), served)
}
