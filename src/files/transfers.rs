//! The memory of files on their way, all together.
//!
//! ```text
//! upload    waits until there is room for its batches; its body is on the disk meanwhile
//! download  wide:   read ahead of its reader, while there is room for that
//!           narrow: one piece after the other
//!           paused: nothing, until its reader goes on
//! ```
//! So one who does not take what was asked for keeps no memory from those who do.

use crate::base::budget::{Budget, NoRoom, Share};
use crate::base::limits::{
    DOWNLOAD_WINDOW, DOWNLOADS_BYTES_MAX, READ_CHUNK_MAX, READER_PAUSE_TIME, UPLOAD_ROOM_TIME,
    UPLOAD_WINDOW, UPLOADS_BYTES_MAX,
};
use crate::grid::{DownloadError, FileReader, ReadStream};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use std::cell::RefCell;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// What all transfers of a node may take. Clones share it.
#[derive(Clone)]
pub struct Transfers {
    uploads: Budget,
    downloads: Budget,
}

impl Default for Transfers {
    fn default() -> Self {
        Self::new(UPLOADS_BYTES_MAX, DOWNLOADS_BYTES_MAX)
    }
}

impl Transfers {
    pub fn new(uploads: usize, downloads: usize) -> Self {
        Self { uploads: Budget::new(uploads), downloads: Budget::new(downloads) }
    }

    /// Whether files are on their way that somebody waits for.
    pub fn is_busy(&self) -> bool {
        let in_use = |budget: &Budget| budget.free() < budget.most();
        in_use(&self.uploads) || in_use(&self.downloads)
    }

    /// Room for an upload of this size.
    pub async fn upload(&self, size: u64) -> Result<Share, NoRoom> {
        self.uploads.take(window(size, UPLOAD_WINDOW), UPLOAD_ROOM_TIME).await
    }

    /// Memory for a small file that is read before somebody wants it, if there is any to spare.
    pub fn ahead(&self, size: u64) -> Option<Share> {
        self.downloads.try_take(window(size, DOWNLOAD_WINDOW)).ok()
    }

    /// A part of a file, as fast as its reader takes it.
    pub fn download(&self, reader: FileReader, part: Range<u64>) -> Paced {
        let long = part.end.saturating_sub(part.start) > READ_CHUNK_MAX as u64;
        let reading = Reading {
            reader,
            part,
            ahead: self.downloads.clone(),
            stream: None,
            window: None,
            taken: Instant::now(),
            ours: true,
        };
        let paced = Paced(Rc::new(RefCell::new(reading)));
        if long {
            actix_rt::spawn(pauses(Rc::downgrade(&paced.0)));
        }
        paced
    }
}

/// What a transfer of this size takes: all of it several times, or its window.
fn window(size: u64, most: usize) -> usize {
    const COPIES: u64 = 4;
    usize::try_from(size.saturating_mul(COPIES)).unwrap_or(usize::MAX).min(most)
}

/// A download under way.
struct Reading {
    reader: FileReader,
    /// What has not been taken yet.
    part: Range<u64>,
    ahead: Budget,
    stream: Option<ReadStream>,
    window: Option<Share>,
    /// When the last piece was taken,
    taken: Instant,
    /// and whether the grid is waited for, not the reader.
    ours: bool,
}

impl Reading {
    /// The stream, begun again where it stopped.
    fn stream(&mut self) -> &mut ReadStream {
        let Self { reader, part, ahead, stream, window: room, .. } = self;
        stream.get_or_insert_with(|| {
            *room = ahead.try_take(window(part.end - part.start, DOWNLOAD_WINDOW)).ok();
            let end = match room {
                Some(_) => part.end,
                None => part.end.min(part.start.saturating_add(READ_CHUNK_MAX as u64)),
            };
            reader.read(part.start..end)
        })
    }

    fn pause(&mut self) {
        (self.stream, self.window) = (None, None);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, DownloadError>>> {
        while self.part.start < self.part.end {
            self.ours = true;
            match std::task::ready!(self.stream().as_mut().poll_next(cx)) {
                Some(Ok(piece)) => {
                    self.part.start = self.part.start.saturating_add(piece.len() as u64);
                    (self.taken, self.ours) = (Instant::now(), false);
                    return Poll::Ready(Some(Ok(piece)));
                }
                Some(Err(error)) => {
                    self.part.start = self.part.end;
                    self.pause();
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.pause(),
            }
        }
        self.pause();
        Poll::Ready(None)
    }
}

/// A download on its way to its reader.
pub struct Paced(Rc<RefCell<Reading>>);

impl Stream for Paced {
    type Item = Result<Bytes, DownloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll(cx)
    }
}

/// A download again, once its first piece is known to be good; what breaks off later is only logged, as its
/// reader has had the beginning.
pub async fn begun(
    content: impl Stream<Item = Result<Bytes, DownloadError>> + 'static,
) -> Result<impl Stream<Item = Result<Bytes, DownloadError>> + 'static, DownloadError> {
    let mut content = Box::pin(content);
    let first = match content.next().await {
        Some(first) => first?,
        None => Bytes::new(),
    };
    let rest = content.inspect(|piece| {
        if let Err(error) = piece {
            tracing::warn!(%error, "a download broke off");
        }
    });
    Ok(stream::once(async { Ok(first) }).chain(rest))
}

/// Takes away what a download has read ahead when its reader pauses.
async fn pauses(reading: std::rc::Weak<RefCell<Reading>>) {
    loop {
        tokio::time::sleep(READER_PAUSE_TIME).await;
        let Some(reading) = reading.upgrade() else { return };
        let mut reading = reading.borrow_mut();
        if !reading.ours && reading.taken.elapsed() >= READER_PAUSE_TIME {
            reading.pause();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::LeaseMasterSecret;
    use crate::cap::{Cap, LitCap};
    use crate::codec::convergence::ConvergenceSecret;
    use crate::grid::{Client, ClientSecrets, ParamsInForce, ServerPool};

    /// A file that is in its cap, so that no grid is needed.
    async fn file(bytes: Vec<u8>) -> FileReader {
        let secrets = ClientSecrets {
            convergence: ConvergenceSecret::new(vec![1; 32]),
            lease: LeaseMasterSecret::new([2; 32]),
        };
        let client = Client::new(ServerPool::new(), secrets, ParamsInForce::new(None));
        client.open(&Cap::from(LitCap::new(bytes))).await.unwrap()
    }

    #[actix_rt::test]
    async fn a_download_is_the_same_wide_narrow_and_after_pauses() {
        let bytes: Vec<u8> = (0..5 * READ_CHUNK_MAX / 2).map(|n| (n / 251) as u8).collect();
        let reader = file(bytes.clone()).await;
        for (most, pieces) in [(DOWNLOAD_WINDOW, 1), (0, 3)] {
            let transfers = Transfers::new(0, most);
            let mut paced = transfers.download(reader.clone(), 7..bytes.len() as u64);
            let (mut got, mut count) = (Vec::new(), 0);
            while let Some(piece) = paced.next().await {
                got.extend_from_slice(&piece.unwrap());
                count += 1;
                paced.0.borrow_mut().pause();
                assert_eq!(transfers.downloads.free(), most, "a pause gives the window back");
            }
            assert!(got == bytes[7..], "{most}");
            assert_eq!(count, pieces);
        }
    }

    #[actix_rt::test]
    async fn an_upload_waits_for_its_window_and_small_ones_for_little() {
        let transfers = Transfers::new(2 * UPLOAD_WINDOW, 0);
        let large = transfers.upload(u64::MAX).await.unwrap();
        assert_eq!(large.bytes(), UPLOAD_WINDOW);
        let small: Vec<Share> =
            futures_util::future::try_join_all((0..100).map(|_| transfers.upload(1_000)))
                .await
                .unwrap();
        assert_eq!(transfers.uploads.free(), UPLOAD_WINDOW - 100 * 4_000);
        drop(small);
        let _second = transfers.upload(1 << 30).await.unwrap();
        assert_eq!(transfers.uploads.free(), 0);
    }
}
