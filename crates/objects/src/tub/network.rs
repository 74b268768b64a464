//! Ways to reach other tubs: TCP, or a network inside this process. Sockets are opened here and
//! nowhere else in this layer.

use super::furl::Hint;
use super::loopback::LoopbackNet;
use super::prompt::PromptStream;
use crate::base::limits::DIAL_TIME;
use crate::base::local::unpace;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
pub type BoxStream = Box<dyn Stream>;

/// Where a tub's hints lead.
#[derive(Clone, Default)]
pub enum Network {
    /// `tcp:` hints, over the operating system's sockets.
    #[default]
    Tcp,
    /// `loop:` hints, inside this process, with faults when a test asks for them.
    Loopback(LoopbackNet),
}

/// Accepts streams.
pub(super) enum Listener {
    Tcp(TcpListener),
    Loopback(mpsc::UnboundedReceiver<BoxStream>),
}

impl Network {
    /// Connects to one hint; a hint of a kind that this network does not have is unreachable.
    pub(super) async fn dial(&self, hint: &Hint) -> io::Result<BoxStream> {
        match (self, hint) {
            (Self::Tcp, Hint::Tcp { host, port }) => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let connect = TcpStream::connect((host, *port));
                let stream = tokio::time::timeout(DIAL_TIME, connect).await??;
                tcp(stream)
            }
            (Self::Loopback(net), Hint::Loop(name)) => net.dial(name),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Records are gathered before they are written: the kernel shall not wait for more.
fn tcp(stream: TcpStream) -> io::Result<BoxStream> {
    stream.set_nodelay(true)?;
    if let Ok(peer) = stream.peer_addr() {
        unpace(&stream, peer.ip());
    }
    Ok(Box::new(PromptStream::new(stream)))
}

impl Listener {
    pub async fn tcp(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((Self::Tcp(listener), address))
    }

    /// The next stream. A failed accept (no file handles left, say) is reported, not fatal.
    pub async fn accept(&mut self) -> io::Result<BoxStream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                tcp(stream)
            }
            Self::Loopback(incoming) => match incoming.recv().await {
                Some(stream) => Ok(stream),
                None => std::future::pending().await,
            },
        }
    }
}
