//! Figures of a node's storage for a collector, at a port of their own: for nodes that have no gateway.
//!
//! There is nothing in them that gives a right, so neither a token nor TLS is wanted; a bare port listens
//! on 127.0.0.1.

use super::answer::{Failure, plain, typed};
use super::guard::Guard;
use super::state::StorageLook;
use super::{looked, status};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

/// What is told there, and to whom.
#[derive(Clone)]
pub struct Metrics {
    pub guard: Guard,
    /// None for a node that offers no space.
    pub storage: Option<StorageLook>,
}

/// `GET /metrics`, and nothing else.
pub fn routes(metrics: Metrics) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.app_data(web::Data::new(metrics)).default_service(web::to(handle));
    }
}

async fn handle(
    request: HttpRequest,
    body: web::Payload,
    metrics: web::Data<Metrics>,
) -> HttpResponse {
    looked::looked_at((&request, body), &metrics.guard, async { metrics.respond(&request) }).await
}

impl Metrics {
    fn respond(&self, request: &HttpRequest) -> Result<HttpResponse, Failure> {
        if request.uri().path() != "/metrics" {
            return Err(Failure::not_found());
        }
        let storage = self.storage.as_ref().map(|storage| storage());
        let text = status::storage_metrics(storage.as_ref());
        Ok(typed(plain(StatusCode::OK), status::OPEN_METRICS).body(text))
    }
}
