//! Ways to reach other tubs: TCP, a network inside this process, or whatever carries bytes. Sockets
//! are opened here and nowhere else in this layer.

use super::addresses::changes;
use super::furl::Hint;
use super::object::BoxFuture;
use super::prompt::PromptStream;
use crate::base::limits::DIAL_TIME;
use crate::base::sockets::{fit_to_line, unpace};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A byte stream in both directions: what goes in at one end comes out at the other, in order, until
/// it ends.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream of whatever kind.
pub type BoxStream = Box<dyn Stream>;

/// A stream that is on its way.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<BoxStream>> + Send + 'a>>;

/// Where the hints of furls lead.
///
/// A network carries bytes and is trusted with nothing: links prove by themselves who is at the other
/// end, and hide and order what passes. One that loses or changes a byte costs the link.
pub trait Network: Send + Sync + 'static {
    /// Connects to one hint. A hint of a kind that the network does not have is
    /// [`Unsupported`](io::ErrorKind::Unsupported).
    fn dial<'a>(&'a self, hint: &'a Hint) -> Connecting<'a>;

    /// Takes in streams where `hint` says. Answers the hint by which others reach the place, which may
    /// say more: a port that was chosen.
    fn listen(&self, hint: &Hint) -> io::Result<(Box<dyn Listener>, Hint)>;

    /// Completes when what could not be reached when this was called may be: this machine has got
    /// other addresses. A network that does not learn of that leaves it pending.
    fn readdressed(&self) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }
}

/// Takes in streams of peers; dropped, it takes in no more.
pub trait Listener: Send {
    /// The next stream. An error is reported and not the end: it is asked again.
    fn accept(&mut self) -> Connecting<'_>;
}

/// `tcp:` hints, over the operating system's sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Network for Tcp {
    fn dial<'a>(&'a self, hint: &'a Hint) -> Connecting<'a> {
        Box::pin(async move {
            let Hint::Tcp { host, port } = hint else { return unsupported() };
            let connect = connect(unbracketed(host), *port);
            prompt(tokio::time::timeout(DIAL_TIME, connect).await??)
        })
    }

    /// The host is an address of this machine, not a name; port 0 is any that is free.
    fn listen(&self, hint: &Hint) -> io::Result<(Box<dyn Listener>, Hint)> {
        let Hint::Tcp { host, port } = hint else { return unsupported() };
        let ip: IpAddr = unbracketed(host).parse().map_err(|_| io::ErrorKind::InvalidInput)?;
        let (listener, address) = bind(SocketAddr::new(ip, *port))?;
        Ok((listener, Hint::tcp(host.clone(), address.port())))
    }

    fn readdressed(&self) -> BoxFuture<()> {
        let mut changes = changes();
        Box::pin(async move { changes.next().await })
    }
}

/// Begins anew when this machine gets other addresses: what left from one that is gone is not answered.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut changes = changes();
    loop {
        tokio::select! {
            biased;
            stream = TcpStream::connect((host, port)) => return stream,
            () = changes.next() => {}
        }
    }
}

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

fn unbracketed(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Listens on a TCP address, port 0 for any; answers the address that it got.
pub(super) fn bind(address: SocketAddr) -> io::Result<(Box<dyn Listener>, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Elsewhere it would let others listen at the same place.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((Box::new(listener), address))
}

impl Listener for TcpListener {
    fn accept(&mut self) -> Connecting<'_> {
        Box::pin(async {
            let (stream, _) = Self::accept(self).await?;
            prompt(stream)
        })
    }
}

/// Records are gathered before they are written: the kernel shall not wait for more.
fn prompt(stream: TcpStream) -> io::Result<BoxStream> {
    stream.set_nodelay(true)?;
    if let Ok(peer) = stream.peer_addr() {
        unpace(&stream, peer.ip());
        fit_to_line(&stream, peer.ip());
    }
    let local = stream.local_addr()?.ip().to_canonical();
    Ok(Box::new(PromptStream::new(stream, local)))
}
