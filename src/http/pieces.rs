//! Pieces of one file that come apart and in any order, in one file without a name.

use super::spool::{Body, BodyError, Content, Spool, disk_failure, on_disk};
use crate::base::lock::locked;
use crate::base::tally::Counted;
use crate::grid::{ReadAt, Source};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

/// Bytes that are copied at once.
const COPIED: usize = 256 << 10;

/// Where the pieces are. What replaces another takes new room; all is given back at the end.
pub struct Pieces {
    spool: Spool,
    file: Arc<File>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    end: u64,
    held: Vec<Counted>,
}

/// A piece that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    at: u64,
    pub size: u64,
}

impl Pieces {
    pub async fn new(spool: &Spool) -> Result<Self, BodyError> {
        let maker = spool.clone();
        let file = Arc::new(on_disk(move || maker.file()).await?);
        Ok(Self { spool: spool.clone(), file, state: Mutex::default() })
    }

    /// Takes in one more.
    pub async fn add(&self, body: Body) -> Result<Piece, BodyError> {
        let size = body.content.size();
        let length = usize::try_from(size).map_err(|_| BodyError::NoSpace)?;
        let held = self.spool.hold(length).ok_or(BodyError::NoSpace)?;
        let at = {
            let mut state = locked(&self.state);
            let at = state.end;
            state.end = at.saturating_add(size);
            Counted::join(&mut state.held, held);
            at
        };
        let file = Arc::clone(&self.file);
        let copied = crate::disk::jobs::blocking(move || copy(&body.content, &file, at)).await;
        copied.map_err(|error| disk_failure(&error))?;
        Ok(Piece { at, size })
    }

    /// The file that these are in this order.
    pub fn joined(&self, pieces: &[Piece]) -> Source {
        let (joined, size) = self.in_order(pieces);
        Source::owned(Arc::new(joined), size)
    }

    fn in_order(&self, pieces: &[Piece]) -> (Joined, u64) {
        let mut places = Vec::with_capacity(pieces.len());
        let mut size = 0;
        for piece in pieces.iter().filter(|piece| piece.size > 0) {
            places.push((size, *piece));
            size += piece.size;
        }
        (Joined { file: Arc::clone(&self.file), places }, size)
    }
}

fn copy(content: &Content, file: &File, mut at: u64) -> io::Result<()> {
    let mut reader = content.reader();
    let mut buffer = vec![0; COPIED];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        file.write_all_at(buffer.get(..count).unwrap_or_default(), at)?;
        at += count as u64;
    }
}

struct Joined {
    file: Arc<File>,
    /// Where each piece begins in the whole, ascending.
    places: Vec<(u64, Piece)>,
}

impl ReadAt for Joined {
    fn read_exact_at(&self, buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        let mut rest = buffer;
        while !rest.is_empty() {
            let next = self.places.partition_point(|(begin, _)| *begin <= offset);
            let place = next.checked_sub(1).and_then(|at| self.places.get(at));
            let (begin, piece) = place.ok_or(io::ErrorKind::UnexpectedEof)?;
            let skipped = offset - begin;
            let left = piece.size.checked_sub(skipped).filter(|left| *left > 0);
            let left = left.ok_or(io::ErrorKind::UnexpectedEof)?;
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            FileExt::read_exact_at(&*self.file, now, piece.at + skipped)?;
            offset += count as u64;
            rest = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::stream;

    async fn body(spool: &Spool, bytes: Vec<u8>) -> Body {
        let body = stream::iter([Ok::<_, ()>(Bytes::from(bytes))]);
        spool.receive(body, None, &|| None).await.unwrap()
    }

    #[actix_rt::test]
    async fn pieces_are_one_file_in_the_order_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), 10_000_000);
        let pieces = Pieces::new(&spool).await.unwrap();
        let mut added = Vec::new();
        for (byte, size) in [(1, 5), (2, 0), (3, 2_000_000), (4, 7)] {
            added.push(pieces.add(body(&spool, vec![byte; size]).await).await.unwrap());
        }
        let order = [added[3], added[1], added[2], added[0]];
        let places = order.iter().filter(|piece| piece.size > 0);
        let (joined, size) = pieces.in_order(&order);
        assert_eq!(size, places.map(|piece| piece.size).sum::<u64>());
        let mut all = vec![0; 2_000_012];
        joined.read_exact_at(&mut all, 0).unwrap();
        let wanted = [vec![4; 7], vec![3; 2_000_000], vec![1; 5]].concat();
        assert!(all == wanted);
        let mut part = [0; 4];
        joined.read_exact_at(&mut part, 2_000_005).unwrap();
        assert_eq!(part, [3, 3, 1, 1]);
        assert!(joined.read_exact_at(&mut [0; 4], 2_000_010).is_err());
        assert_eq!(spool.used(), 2_000_012);
        drop((joined, pieces));
        assert_eq!(spool.used(), 0);
    }

    #[actix_rt::test]
    async fn no_more_is_taken_than_there_is_room_for() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), 3_000_000);
        let pieces = Pieces::new(&spool).await.unwrap();
        for _ in 0..3 {
            assert!(pieces.add(body(&spool, vec![0; 1_000_000]).await).await.is_ok());
        }
        let more = body(&spool, vec![0; 1_000_000]).await;
        assert_eq!(pieces.add(more).await, Err(BodyError::NoSpace));
    }
}
