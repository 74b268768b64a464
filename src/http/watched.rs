//! Bodies on their way in and answers on their way out, told to the place of their connection.

use super::connections::{Place, Served};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use futures_util::{Stream, StreamExt};
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Something whose bytes are counted.
struct Watched<T> {
    inner: T,
    served: Rc<Served>,
}

impl<T> Watched<T> {
    /// Notes what became of asking for bytes. While there are none this node is waited for, if they
    /// are `ours`, or else the peer; then it is the other's turn.
    fn note<E>(&self, polled: &Poll<Option<Result<Bytes, E>>>, ours: bool) {
        match polled {
            Poll::Pending => self.served.turn(ours),
            Poll::Ready(Some(Ok(bytes))) => {
                self.served.turn(!ours);
                self.served.moved(bytes.len());
            }
            Poll::Ready(_) => self.served.turn(true),
        }
    }
}

impl Stream for Watched<Payload> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.inner).poll_next(cx);
        self.note(&polled, false);
        polled
    }
}

impl MessageBody for Watched<BoxBody> {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.inner.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_next(cx);
        self.note(&polled, true);
        polled
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { inner, served } = self;
        inner.try_into_bytes().map_err(|inner| Self { inner, served })
    }
}

/// Watches a request from now on, if the server that took it knows its connection.
pub async fn watch(
    request: &HttpRequest,
    body: web::Payload,
    owners: bool,
) -> Result<(web::Payload, Option<Rc<Served>>), actix_web::Error> {
    let Some(place) = request.conn_data::<Place>() else { return Ok((body, None)) };
    let served = Rc::new(place.served(owners));
    let watched = Watched { inner: body.into_inner(), served: Rc::clone(&served) };
    let mut payload = Payload::Stream { payload: watched.boxed_local() };
    Ok((web::Payload::from_request(request, &mut payload).await?, Some(served)))
}

/// Goes on watching until the answer has been taken.
pub fn answered(response: HttpResponse, served: Option<Rc<Served>>) -> HttpResponse {
    match served {
        Some(served) => response.map_body(|_, inner| BoxBody::new(Watched { inner, served })),
        None => response,
    }
}
