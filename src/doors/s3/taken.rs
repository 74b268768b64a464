//! Taking a body in: it is stored only when all that its sender said of it holds.

use super::Asked;
use super::chunked::Chunked;
use super::fault::Fault;
use super::sums::{Summing, Sums};
use crate::base::limits::XML_BODY_MAX;
use crate::base::tally::Counted;
use crate::doors::error::DoorError;
use crate::doors::hashed::Hashed;
use crate::doors::request::length;
use crate::doors::xml::Element;
use crate::http::spool::{Body, BodyError};
use actix_web::web;
use bytes::Bytes;
use futures_util::Stream;

/// A body that is what its sender meant, and its sums.
pub struct Taken {
    pub body: Body,
    pub sums: Sums,
}

/// What is known of a body, and what is when it has come.
struct Of<'a> {
    length: Option<u64>,
    /// One to sum it by, besides those that its sender uses.
    algorithm: Option<&'static str>,
    fault: &'a dyn Fn() -> Option<Fault>,
    trailers: &'a dyn Fn() -> Vec<(String, String)>,
}

impl Asked<'_> {
    /// Takes the body in as a file.
    pub(super) async fn take(&self, body: web::Payload) -> Result<Taken, Fault> {
        self.take_summed(body, None).await
    }

    /// The same, with the sum of that algorithm among its sums, if one is given.
    pub(super) async fn take_summed(
        &self,
        body: web::Payload,
        algorithm: Option<&'static str>,
    ) -> Result<Taken, Fault> {
        self.may_add()?;
        let headers = self.request.headers();
        let said = self.header("x-amz-content-sha256").unwrap_or_default();
        let Some(streaming) = said.strip_prefix("STREAMING-") else {
            let length = length(headers)?;
            if length.is_none() && !headers.contains_key("transfer-encoding") {
                return Err(Fault::new("MissingContentLength", "A Content-Length is wanted."));
            }
            let of = Of { length, algorithm, fault: &|| None, trailers: &Vec::new };
            return self.take_bytes(body, of).await;
        };
        let seed = match streaming.starts_with("AWS4-HMAC-SHA256-PAYLOAD") {
            true => Some(self.seed.clone().ok_or_else(|| {
                Fault::argument("Pieces are signed only where the request is, in a header.")
            })?),
            false if streaming == "UNSIGNED-PAYLOAD-TRAILER" => None,
            false => return Err(Fault::not_implemented("This kind of streaming")),
        };
        let length = self.header("x-amz-decoded-content-length").map(str::parse).transpose();
        let length: Option<u64> =
            length.map_err(|_| Fault::argument("x-amz-decoded-content-length is no number."))?;
        let (pieces, end) = Chunked::new(body, seed);
        let (fault, trailers) =
            (|| end.borrow_mut().fault.take(), || end.borrow().trailers.clone());
        let of = Of { length, algorithm, fault: &fault, trailers: &trailers };
        self.take_bytes(pieces, of).await
    }

    async fn take_bytes<E>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        Of { length, algorithm, fault, trailers }: Of<'_>,
    ) -> Result<Taken, Fault> {
        let headers = self.request.headers();
        let mut summing = Summing::of(headers).and(algorithm);
        let received =
            self.door.receive(Hashed::new(body, |piece| summing.update(piece)), length).await;
        let body = received.map_err(|error| fault().unwrap_or_else(|| error.into()))?;
        let sums = summing.finish();
        sums.check(headers, &trailers())?;
        Ok(Taken { body, sums })
    }

    /// Takes in a document, and the memory that it has for as long as it is there. `summed`: what its headers
    /// say of sums is of the document itself.
    pub(super) async fn take_xml(
        &self,
        body: web::Payload,
        summed: bool,
    ) -> Result<(Element, Vec<Counted>), Fault> {
        let (bytes, mut held) =
            self.door.spool().short(body, XML_BODY_MAX).await.map_err(DoorError::from)?;
        let headers = self.request.headers();
        let mut summing = if summed { Summing::of(headers) } else { Summing::signed(headers) };
        summing.update(&bytes);
        summing.finish().check(self.request.headers(), &[])?;
        let tree =
            self.door.spool().hold_memory(bytes.len()).ok_or(DoorError::from(BodyError::Busy))?;
        held.push(tree);
        let document = Element::parse(&bytes).map_err(|_| Fault::malformed_xml())?;
        Ok((document, held))
    }
}
