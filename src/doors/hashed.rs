//! A body that is looked at as it comes, by what its sender says of it.

use bytes::Bytes;
use futures_util::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A stream whose pieces are shown to somebody.
pub struct Hashed<S, F> {
    inner: S,
    look: F,
}

impl<S, F: FnMut(&[u8])> Hashed<S, F> {
    pub const fn new(inner: S, look: F) -> Self {
        Self { inner, look }
    }
}

impl<S, F, E> Stream for Hashed<S, F>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    F: FnMut(&[u8]) + Unpin,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.inner).poll_next(cx);
        if let Poll::Ready(Some(Ok(piece))) = &polled {
            (self.look)(piece);
        }
        polled
    }
}
