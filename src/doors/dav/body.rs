//! XML that comes and goes.

use super::super::xml::Element;
use super::refusal::{Refusal, XML_TYPE};
use super::visit::Visit;
use crate::base::limits::DAV_BODY_MAX;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, web};

/// The XML that a request sends; none if it sends nothing.
pub async fn xml(visit: &Visit<'_>, body: web::Payload) -> Result<Option<Element>, Refusal> {
    let (bytes, _held) = visit.door.spool().short(body, DAV_BODY_MAX).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(Element::parse(&bytes)?))
}

/// An answer in XML.
pub fn in_xml(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.content_type(XML_TYPE).insert_header((header::CACHE_CONTROL, "no-store"));
    response
}
