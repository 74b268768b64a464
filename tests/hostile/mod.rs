//! A peer that keeps to no rule: what it can say is listed in `docs/hostile-peer.md`.
//!
//! ```text
//! Stranger   a socket, with or without knowledge of the tub's key: bytes, preambles, half handshakes
//! Rogue      a link, dialled or accepted under any identity: records, frames and floods of them
//! words      what frames can say, true or not
//! Heard      what came back, counted
//! ```
//! It reads only when it is told to: not reading is an attack too. Nothing here checks what it sends
//! or believes what it hears.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test stops at the first surprise")]
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

mod flood;
mod heard;
mod rogue;
mod stranger;
pub mod words;

pub use flood::{Flood, Rate};
pub use heard::{Answer, Heard};
pub use rogue::{Rogue, hello};
pub use stranger::Stranger;

use std::net::SocketAddr;
use std::time::Duration;
use tahoe::tub::{Furl, Hint};
use tokio::net::{TcpSocket, TcpStream};

/// What a hostile socket takes in before it is read.
pub const SMALL_BUFFER: u32 = 64 << 10;
/// For whatever ought to happen at once; a peer that takes nothing for so long has hung up.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Where the tub of a furl listens.
pub fn address(furl: &Furl) -> SocketAddr {
    let Hint::Tcp { host, port } = &furl.hints()[0] else { panic!("a TCP hint") };
    format!("{host}:{port}").parse().unwrap()
}

/// A socket with a small receive buffer, so that what is not read soon waits at the other end.
async fn socket(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SMALL_BUFFER)?;
    socket.connect(to).await
}
