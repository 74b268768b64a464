//! Bodies of fuzz targets: hostile bytes for each decoder of this layer.

use super::braid::Braid;
use super::handshake::{Keys, initiate, respond};
use super::preamble::{self, Suite};
use super::record::{Opened, Records, Sealed};
use futures_util::FutureExt;
use futures_util::future::join;
use std::cell::RefCell;
use std::io::Cursor;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use zeroize::Zeroizing;

/// Reads from `data`, then ends; swallows what is written.
struct Scripted<'a>(Cursor<&'a [u8]>);

impl AsyncRead for Scripted<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Scripted<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn keys() -> Keys {
    let secret = [7; 32];
    let public = curve25519_dalek::MontgomeryPoint::mul_base_clamped(secret).to_bytes();
    Keys::new(Zeroizing::new(secret), public)
}

/// A preamble of any bytes.
pub fn preamble(data: &[u8]) {
    if let Some(bytes) = data.first_chunk() {
        let _ = preamble::parse(bytes);
    }
}

/// Both sides of a handshake with a peer that sends `data`. Nothing but the holder of the right
/// keys gets through, so any success is a defect.
pub fn handshake(data: &[u8]) {
    let keys = keys();
    let answered = respond(&mut Scripted(Cursor::new(data)), &keys, b"hello").now_or_never();
    assert!(matches!(answered, Some(Err(_)) | None), "a stranger got through");
    let with_preamble = [preamble::encode(Suite::AesGcm).as_slice(), data].concat();
    let mut stream = Scripted(Cursor::new(&with_preamble));
    let answered = respond(&mut stream, &keys, b"hello");
    assert!(matches!(answered.now_or_never(), Some(Err(_)) | None), "a stranger got through");
    let public = keys.public();
    let mut stream = Scripted(Cursor::new(data));
    let dialled = initiate(&mut stream, &keys, (Suite::AesGcm, &public), || b"hello");
    assert!(matches!(dialled.now_or_never(), Some(Err(_)) | None), "an impostor got through");
}

/// Both ends of a link that is up.
fn linked() -> Option<(Records, Records)> {
    let keys = keys();
    let public = keys.public();
    let (mut near, mut far) = tokio::io::duplex(4096);
    let dialled = initiate(&mut near, &keys, (Suite::AesGcm, &public), || b"hello");
    let mut both = std::pin::pin!(join(dialled, respond(&mut far, &keys, b"hello")));
    // Three messages, each ready at once: a few turns see them through.
    let (dialled, answered) = (0..8).find_map(|_| both.as_mut().now_or_never())?;
    Some((dialled.ok()?.records, answered.ok()?.records))
}

/// `data` as a whole record.
fn with_prefix(data: &[u8]) -> Vec<u8> {
    let data = data.get(..usize::from(u16::MAX)).unwrap_or(data);
    [&(data.len() as u16).to_be_bytes(), data].concat()
}

/// A braid whose two strands say any bytes gives no more than was said, and no run twice.
pub fn braid(data: &[u8]) {
    let middle = data.first().map_or(0, |first| usize::from(*first)).min(data.len());
    let (one, other) = data.split_at(middle);
    let (joining, joined) = tokio::sync::mpsc::unbounded_channel();
    let _ = joining.send(Scripted(Cursor::new(other)));
    let mut braid = Braid::new(Scripted(Cursor::new(one)), joined);
    let mut said = Vec::new();
    let _ = braid.read_to_end(&mut said).now_or_never();
    assert!(said.len() <= data.len(), "it gave more than it got");
}

/// A record of any bytes is refused, and does not harm the next good one.
pub fn record(data: &[u8]) {
    thread_local! {
        static LINK: RefCell<Option<(Records, Records)>> = RefCell::new(linked());
    }
    LINK.with_borrow_mut(|link| {
        let Some((near, far)) = link else { return assert!(link.is_some(), "no link came up") };
        for forged in [data.to_vec(), with_prefix(data)] {
            let opened = far.open(&mut forged.clone(), 0);
            assert!(!matches!(opened, Ok(Some(_))), "a forged record was opened");
        }
        let mut sealed = Sealed::default();
        let good = near.seal(b"good", &mut sealed).is_ok();
        let mut record = sealed.as_slice().to_vec();
        let whole = Opened { plain: 4, end: record.len() };
        assert!(good && far.open(&mut record, 0) == Ok(Some(whole)), "a good one was not");
        assert!(record.starts_with(b"good"), "it says something else");
    });
}
