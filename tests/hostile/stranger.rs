//! A socket that has no link yet, and may never want one.

use super::{PATIENCE, socket};
use snow::Builder;
use std::net::SocketAddr;
use tahoe::link::{Suite, preamble};
use tahoe::tub::TubId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection on which anything can be said.
pub struct Stranger {
    stream: TcpStream,
}

impl Stranger {
    pub async fn connect(to: SocketAddr) -> Self {
        Self { stream: socket(to).await.unwrap() }
    }

    /// The same if the other side, or this one's number of files, allows.
    pub async fn try_connect(to: SocketAddr) -> Option<Self> {
        Some(Self { stream: socket(to).await.ok()? })
    }

    /// Says these bytes; false once the other side has hung up.
    pub async fn say(&mut self, bytes: &[u8]) -> bool {
        let write = self.stream.write_all(bytes);
        matches!(tokio::time::timeout(PATIENCE, write).await, Ok(Ok(())))
    }

    /// A proper preamble and first message to the holder of `tub`'s key; the second message that
    /// answers it is left to be heard, the third is never sent.
    pub async fn half_handshake(&mut self, tub: TubId) -> bool {
        self.say(&opening(tub)).await
    }

    /// Everything that the other side says before it hangs up; `None` if it does not in time.
    pub async fn hear_to_the_end(&mut self) -> Option<Vec<u8>> {
        let mut said = Vec::new();
        let end = async {
            // A reset is an end as well.
            let _ = self.stream.read_to_end(&mut said).await;
        };
        tokio::time::timeout(PATIENCE, end).await.ok()?;
        Some(said)
    }

    /// So many bytes of what the other side says, if it says so much in time.
    pub async fn hear(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut said = vec![0; length];
        let read = self.stream.read_exact(&mut said);
        tokio::time::timeout(PATIENCE, read).await.ok()?.ok()?;
        Some(said)
    }

    /// Whether the other side has hung up, by now and without waiting for it.
    pub fn is_cut_off(&self) -> bool {
        match self.stream.try_read(&mut [0; 1]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

/// A preamble, and the first message of a handshake with `tub` that goes no further.
fn opening(tub: TubId) -> Vec<u8> {
    let suite = Suite::default();
    let mut opening = preamble::encode(suite).to_vec();
    let prologue = [opening.as_slice(), &tub.0].concat();
    let builder = Builder::new(suite.pattern().parse().unwrap());
    let builder = builder.prologue(&prologue).unwrap().local_private_key(&[7; 32]).unwrap();
    let mut noise = builder.remote_public_key(&tub.0).unwrap().build_initiator().unwrap();
    let mut message = [0; 256];
    let length = noise.write_message(&[], &mut message).unwrap();
    opening.extend(u16::try_from(length).unwrap().to_be_bytes());
    opening.extend(&message[..length]);
    opening
}
