//! Long answers that are made faster than they are taken: through a file without a name.
//!
//! ```text
//! what it is made of ──▶ file in NODE/tmp ──▶ peer, as fast as it reads
//!      (memory)            (disk)                (one piece in memory)
//! ```
//! So the memory that an answer is made of is free again when it is made, however slowly it is read.

use super::spool::{BodyError, Spool, disk_failure, on_disk};
use crate::base::blocking;
use crate::base::limits::SPILL_PIECE;
use crate::base::tally::Counted;
use actix_web::body::{BoxBody, MessageBody, SizedStream};
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::stream;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// What is being written: the last piece in memory, those before it in a file.
struct Spill {
    spool: Spool,
    piece: Vec<u8>,
    file: Option<File>,
    size: u64,
    held: Vec<Counted>,
}

impl Spill {
    fn new(spool: Spool) -> Self {
        Self { spool, piece: Vec::new(), file: None, size: 0, held: Vec::new() }
    }

    fn put_down(&mut self) -> io::Result<()> {
        let held = self.spool.hold(self.piece.len()).ok_or(io::ErrorKind::StorageFull)?;
        Counted::join(&mut self.held, held);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.spool.file()?),
        };
        file.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }
}

impl Spill {
    fn body(self) -> BoxBody {
        if self.file.is_none() {
            return BoxBody::new(self.piece);
        }
        let size = self.size;
        let pieces = stream::unfold((self, 0), |(made, at)| async move {
            let (piece, made) = next(made, at).await?;
            let end = piece.as_ref().map_or(u64::MAX, |piece| at + piece.len() as u64);
            Some((piece, (made, end)))
        });
        BoxBody::new(SizedStream::new(size, Box::pin(pieces)))
    }
}

/// What is noted while an answer is on its way, to be sent behind it. Its memory is one piece.
pub struct Notes {
    /// None while a job has it, and for good if that failed.
    spill: Option<Spill>,
    /// Bytes that were noted, and those of them that were sent.
    size: u64,
    sent: u64,
}

impl Notes {
    pub fn new(spool: &Spool) -> Self {
        Self { spill: Some(Spill::new(spool.clone())), size: 0, sent: 0 }
    }

    /// Bytes noted so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    pub async fn add(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        let mut spill = self.spill.take().ok_or(BodyError::Disk)?;
        if spill.piece.len() + bytes.len() > SPILL_PIECE && !spill.piece.is_empty() {
            spill = put_down(spill).await?;
        }
        spill.piece.extend_from_slice(bytes);
        self.size += bytes.len() as u64;
        spill.size = self.size;
        self.spill = Some(spill);
        Ok(())
    }

    /// The next piece of all that was noted; none at the end. Nothing is noted any more once this was asked.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(mut spill) = self.spill.take() else { return Ok(None) };
        if spill.file.is_none() {
            return Ok(Some(Bytes::from(spill.piece)).filter(|piece| !piece.is_empty()));
        }
        if !spill.piece.is_empty() {
            spill = put_down(spill).await?;
        }
        let Some((piece, spill)) = next(spill, self.sent).await else {
            // Whoever has had less than was noted must not take it for all.
            return if self.sent == self.size { Ok(None) } else { Err(BodyError::Disk) };
        };
        let piece = piece.map_err(|error| disk_failure(&error))?;
        self.sent += piece.len() as u64;
        self.spill = Some(spill);
        Ok(Some(piece))
    }
}

async fn put_down(mut spill: Spill) -> Result<Spill, BodyError> {
    on_disk(move || {
        spill.put_down()?;
        Ok(spill)
    })
    .await
}

/// A file as it is.
pub fn of_file(spool: &Spool, file: File, size: u64) -> BoxBody {
    Spill { file: Some(file), size, ..Spill::new(spool.clone()) }.body()
}

impl Write for Spill {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.piece.is_empty() && self.piece.len() + bytes.len() > SPILL_PIECE {
            self.put_down()?;
        }
        self.piece.extend_from_slice(bytes);
        if self.piece.len() > SPILL_PIECE {
            self.put_down()?;
        }
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Answers with what `make` writes.
pub async fn answer(
    spool: &Spool,
    mut response: HttpResponseBuilder,
    make: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Result<HttpResponse, BodyError> {
    let made = spilled(spool, make).await?;
    Ok(response.body(made.body()))
}

async fn spilled(
    spool: &Spool,
    make: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Result<Spill, BodyError> {
    let mut spill = Spill::new(spool.clone());
    let made = on_disk(move || {
        make(&mut spill)?;
        if spill.file.is_some() {
            spill.put_down()?;
            spill.piece = Vec::new();
        }
        Ok(spill)
    });
    made.await
}

/// An answer that is one long text, through a file as well.
pub async fn lighten(spool: &Spool, response: HttpResponse) -> Result<HttpResponse, BodyError> {
    let (head, body) = response.into_parts();
    let text = match body.try_into_bytes() {
        Ok(text) if text.len() > SPILL_PIECE => text,
        Ok(text) => return Ok(head.set_body(BoxBody::new(text))),
        Err(body) => return Ok(head.set_body(body)),
    };
    let made = spilled(spool, move |out| out.write_all(&text)).await?;
    Ok(head.set_body(made.body()))
}

/// The piece at this place; none at the end.
async fn next(made: Spill, at: u64) -> Option<(io::Result<Bytes>, Spill)> {
    let left = usize::try_from(made.size.saturating_sub(at)).unwrap_or(usize::MAX);
    let mut piece = vec![0; left.min(SPILL_PIECE)];
    if piece.is_empty() {
        return None;
    }
    let read = blocking::spawn(move || {
        let read = made.file.as_ref().map_or(Ok(()), |file| file.read_exact_at(&mut piece, at));
        (read.map(|()| Bytes::from(piece)), made)
    });
    read.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use actix_web::http::StatusCode;

    /// The answer of so many lines, and the bytes on disk while it waits to be read.
    async fn made(limit: u64, lines: u32) -> (Result<HttpResponse, BodyError>, u64) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), limit);
        let response = HttpResponse::build(StatusCode::OK);
        let write = move |out: &mut dyn Write| (0..lines).try_for_each(|n| writeln!(out, "{n:07}"));
        let answer = answer(&spool, response, write).await;
        (answer, spool.used())
    }

    #[actix_rt::test]
    async fn an_answer_is_what_was_written_wherever_it_waits() {
        let piece = SPILL_PIECE as u32 / 8;
        for lines in [0, 1, piece, piece + 1, 3 * piece, 3 * piece + 7] {
            let (answer, used) = made(1 << 30, lines).await;
            let body = answer.unwrap().into_body();
            let size = u64::from(lines) * 8;
            assert_eq!(used, if lines > piece { size } else { 0 });
            let bytes = to_bytes(body).await.unwrap();
            let text: String = (0..lines).map(|n| format!("{n:07}\n")).collect();
            assert!(bytes == text.as_bytes(), "{lines}");
        }
    }

    #[actix_rt::test]
    async fn a_text_that_is_made_already_waits_on_the_disk_too() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), 1 << 30);
        for (size, used) in [(SPILL_PIECE, 0), (SPILL_PIECE + 1, SPILL_PIECE + 1)] {
            let response =
                HttpResponse::Ok().insert_header(("x-kept", "yes")).body("a".repeat(size));
            let light = lighten(&spool, response).await.unwrap();
            assert_eq!(spool.used(), used as u64);
            assert!(light.headers().contains_key("x-kept"));
            assert_eq!(to_bytes(light.into_body()).await.unwrap().len(), size);
        }
    }

    #[actix_rt::test]
    async fn a_full_disk_is_told() {
        let (refused, used) = made(SPILL_PIECE as u64, SPILL_PIECE as u32).await;
        assert_eq!(refused.unwrap_err(), BodyError::NoSpace);
        assert_eq!(used, 0);
    }

    #[actix_rt::test]
    async fn notes_come_back_in_order_whatever_their_length() {
        for (count, on_disk) in [(0_u32, false), (10, false), (40_000, true)] {
            let dir = tempfile::tempdir().unwrap();
            let spool = Spool::new(dir.path().to_owned(), 1 << 30);
            let mut notes = Notes::new(&spool);
            let mut wanted = Vec::new();
            for number in 0..count {
                let note = format!("{number}\n").into_bytes();
                notes.add(&note).await.unwrap();
                wanted.extend(note);
            }
            assert_eq!((notes.size(), spool.used() > 0), (wanted.len() as u64, on_disk));
            let mut got = Vec::new();
            while let Some(piece) = notes.next().await.unwrap() {
                assert!(!piece.is_empty() && piece.len() <= SPILL_PIECE);
                got.extend_from_slice(&piece);
            }
            assert!(got == wanted && notes.size() == wanted.len() as u64);
            drop(notes);
            assert_eq!(spool.used(), 0);
        }
    }

    #[actix_rt::test]
    async fn notes_that_have_no_room_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut notes = Notes::new(&Spool::new(dir.path().to_owned(), 100_000));
        let mut outcome = Ok(());
        for _ in 0..4 {
            outcome = outcome.and(notes.add(&[7; 50_000]).await);
        }
        assert_eq!(outcome, Err(BodyError::NoSpace));
    }
}
