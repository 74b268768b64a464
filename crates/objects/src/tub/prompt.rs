//! A TCP stream that acknowledges at once while it is young, keeps little unsent on the way to another
//! machine, and ends when its address is gone.
//!
//! Where segments are large (64 KiB on the loopback device) and the receive window has not grown yet,
//! a sender waits for an acknowledgement that the receiver's kernel delays by 40 ms. That hits the
//! first large answer of each link, which is the one that somebody waits for. Small answers fill no
//! window: asking for their acknowledgements would be a system call and a packet each, for nothing.

use super::addresses::gone;
use super::object::BoxFuture;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A read of so many bytes may be part of what fills a window.
const LARGE: usize = 4 << 10;
/// Bytes of large reads after which a stream's window has grown.
const YOUNG: usize = 8 << 20;

pub(super) struct PromptStream {
    stream: TcpStream,
    /// Bytes to be acknowledged at once from now on.
    young: usize,
    /// Completes when this machine no longer has the address of this end.
    gone: Option<BoxFuture<()>>,
    /// What may wait in the socket, if it leads to another machine.
    #[cfg(target_os = "linux")]
    unsent: Option<super::unsent::Unsent>,
}

impl PromptStream {
    /// `local`: the address of this end.
    pub(super) fn new(stream: TcpStream, local: IpAddr) -> Self {
        let leads_away = !local.is_loopback();
        let gone = leads_away.then(|| -> BoxFuture<()> { Box::pin(gone(local)) });
        #[cfg(target_os = "linux")]
        let unsent = leads_away.then(|| super::unsent::Unsent::of(&stream));
        Self {
            stream,
            young: YOUNG,
            gone,
            #[cfg(target_os = "linux")]
            unsent,
        }
    }

    /// Lets the kernel acknowledge what was read. It is a request: nothing depends on it.
    fn acknowledge(&mut self, read: usize) {
        self.young = self.young.saturating_sub(read);
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.stream, true);
    }
}

impl AsyncRead for PromptStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending()
            && let Some(gone) = &mut self.gone
            && gone.as_mut().poll(context).is_ready()
        {
            self.gone = None;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let Poll::Ready(Ok(())) = read else { return read };
        let read = buffer.filled().len() - before;
        if self.young > 0 && read >= LARGE {
            self.acknowledge(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PromptStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        #[cfg(target_os = "linux")]
        if let Some(unsent) = &mut this.unsent {
            return unsent.poll_write(&this.stream, context, bytes);
        }
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
