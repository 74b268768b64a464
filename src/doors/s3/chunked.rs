//! Bodies in pieces that are signed each, or that have sums behind them (`aws-chunked`).
//!
//! ```text
//! body  = piece* "0" [";chunk-signature=" HEX] CRLF (NAME ":" VALUE CRLF)* CRLF
//! piece = LENGTH-IN-HEX [";chunk-signature=" HEX] CRLF bytes CRLF
//! ```
//! What is passed on was not checked yet when it is: nothing is stored before the end was seen.

use super::fault::Fault;
use super::sign::Seed;
use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use futures_util::Stream;
use ring::digest::{Context, SHA256};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};

/// The longest line between pieces.
const LINE_MAX: usize = 4 << 10;
const TRAILERS_MAX: usize = 16;

/// What is known when a body has come to its end, or broke off.
#[derive(Debug, Default)]
pub struct End {
    pub trailers: Vec<(String, String)>,
    pub fault: Option<Fault>,
}

/// The bytes in such a body.
pub struct Chunked<S> {
    inner: S,
    waiting: BytesMut,
    state: State,
    /// Where pieces are signed, with what the next one is, and the sum of the present one.
    signing: Option<(Seed, Context)>,
    /// Of the present piece, as its line says it.
    signature: String,
    end: Rc<RefCell<End>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Line,
    Bytes(u64),
    /// The line end behind a piece.
    Behind,
    Trailers,
    Done,
}

impl<S> Chunked<S> {
    /// `seed`: each piece must be signed. The end is told in the second.
    pub fn new(inner: S, seed: Option<Seed>) -> (Self, Rc<RefCell<End>>) {
        let end: Rc<RefCell<End>> = Rc::default();
        let signing = seed.map(|seed| (seed, Context::new(&SHA256)));
        let (waiting, state, signature) = (BytesMut::new(), State::Line, String::new());
        let told = Rc::clone(&end);
        (Self { inner, waiting, state, signing, signature, end }, told)
    }

    fn broken(&self) -> Fault {
        Fault::new("IncompleteBody", "The body is not cut into pieces as its headers say.")
    }

    /// A line that is there whole, without its end.
    fn line(&mut self) -> Result<Option<String>, Fault> {
        let end = self.waiting.windows(2).position(|pair| pair == b"\r\n");
        match end {
            Some(end) if end <= LINE_MAX => {
                let line = self.waiting.split_to(end + 2);
                let line = line.get(..end).and_then(|line| std::str::from_utf8(line).ok());
                line.map(|line| Some(line.to_owned())).ok_or_else(|| self.broken())
            }
            None if self.waiting.len() <= LINE_MAX => Ok(None),
            _ => Err(self.broken()),
        }
    }

    /// Goes on with what is there: bytes to pass on, or nothing if more must come.
    fn step(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            match self.state {
                State::Line => match self.line()? {
                    Some(line) => self.begin(&line)?,
                    None => return Ok(None),
                },
                State::Bytes(0) => {
                    self.ended()?;
                    self.state = State::Behind;
                }
                State::Bytes(left) => {
                    let there = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX).min(left);
                    let Some(count) = usize::try_from(there).ok().filter(|count| *count > 0) else {
                        return Ok(None);
                    };
                    let piece = self.waiting.split_to(count).freeze();
                    self.state = State::Bytes(left - there);
                    if let Some((_, sum)) = &mut self.signing {
                        sum.update(&piece);
                    }
                    return Ok(Some(piece));
                }
                State::Behind => match self.line()? {
                    Some(line) if line.is_empty() => self.state = State::Line,
                    Some(_) => return Err(self.broken()),
                    None => return Ok(None),
                },
                State::Trailers => match self.line()? {
                    Some(line) if line.is_empty() => {
                        self.check_trailers()?;
                        self.state = State::Done;
                    }
                    Some(line) => self.trailer(&line)?,
                    None => return Ok(None),
                },
                State::Done => return Ok(None),
            }
        }
    }

    /// A piece begins with its length.
    fn begin(&mut self, line: &str) -> Result<(), Fault> {
        let (length, rest) = line.split_once(';').unwrap_or((line, ""));
        let length = u64::from_str_radix(length.trim(), 16).map_err(|_| self.broken())?;
        let signature = rest.trim().strip_prefix("chunk-signature=");
        if self.signing.is_some() {
            self.signature = signature.ok_or_else(|| self.broken())?.to_owned();
        }
        if length > 0 {
            self.state = State::Bytes(length);
            return Ok(());
        }
        self.ended()?;
        self.state = State::Trailers;
        Ok(())
    }

    /// The present piece is over.
    fn ended(&mut self) -> Result<(), Fault> {
        let Some((seed, sum)) = &mut self.signing else { return Ok(()) };
        let sum = std::mem::replace(sum, Context::new(&SHA256)).finish();
        match seed.is_next(&HEXLOWER.encode(sum.as_ref()), &self.signature) {
            true => Ok(()),
            false => Err(mismatch()),
        }
    }

    fn trailer(&mut self, line: &str) -> Result<(), Fault> {
        let (name, value) = line.split_once(':').ok_or_else(|| self.broken())?;
        let mut end = self.end.borrow_mut();
        if end.trailers.len() >= TRAILERS_MAX {
            drop(end);
            return Err(self.broken());
        }
        end.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        Ok(())
    }

    /// What comes behind a signed body is signed as well.
    fn check_trailers(&mut self) -> Result<(), Fault> {
        const SIGNATURE: &str = "x-amz-trailer-signature";
        let Some((seed, _)) = &mut self.signing else { return Ok(()) };
        let end = self.end.borrow();
        let mut text = String::new();
        for (name, value) in end.trailers.iter().filter(|(name, _)| name != SIGNATURE) {
            text.push_str(&format!("{name}:{value}\n"));
        }
        let signature = end.trailers.iter().find(|(name, _)| name == SIGNATURE);
        match signature {
            None if text.is_empty() => Ok(()),
            Some((_, signature)) if seed.is_trailer(&text, signature) => Ok(()),
            _ => Err(mismatch()),
        }
    }
}

fn mismatch() -> Fault {
    Fault::new("SignatureDoesNotMatch", "A piece of the body is not signed as the request is.")
}

/// The body broke off; why is told at its end.
#[derive(Debug)]
pub struct Broken;

impl<S, E> Stream for Chunked<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Result<Bytes, Broken>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        loop {
            let fault = match self.step() {
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Ok(None) if self.state == State::Done => return Poll::Ready(None),
                Ok(None) => match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                    Some(Ok(more)) => {
                        self.waiting.extend_from_slice(&more);
                        continue;
                    }
                    Some(Err(_)) | None => self.broken(),
                },
                Err(fault) => fault,
            };
            self.end.borrow_mut().fault = Some(fault);
            // Whoever asks on hears the end.
            self.state = State::Done;
            return Poll::Ready(Some(Err(Broken)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};

    /// What a body says, come in pieces of this length.
    async fn read(body: &str, at_once: usize) -> (Option<Vec<u8>>, Vec<(String, String)>) {
        let pieces: Vec<Result<Bytes, ()>> = body
            .as_bytes()
            .chunks(at_once)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let (chunked, end) = Chunked::new(stream::iter(pieces), None);
        let got: Vec<Result<Bytes, Broken>> = chunked.collect().await;
        let got: Option<Vec<Bytes>> = got.into_iter().map(Result::ok).collect();
        assert_eq!(got.is_none(), end.borrow().fault.is_some());
        let trailers = end.borrow().trailers.clone();
        (got.map(|pieces| pieces.concat()), trailers)
    }

    #[actix_rt::test]
    async fn pieces_are_put_together_however_they_come() {
        let body =
            "3\r\nabc\r\n2;chunk-signature=0\r\n\r\n\r\n0\r\nX-Amz-Checksum-Crc32: AAA\r\n\r\n";
        for at_once in [1, 2, 3, 7, 100] {
            let (got, trailers) = read(body, at_once).await;
            assert_eq!(got.unwrap(), b"abc\r\n");
            assert_eq!(trailers, [("x-amz-checksum-crc32".to_owned(), "AAA".to_owned())]);
        }
    }

    #[actix_rt::test]
    async fn a_body_that_is_cut_anywhere_is_not_whole() {
        let body = "3\r\nabc\r\n0\r\na:b\r\n\r\n";
        for end in 0..body.len() {
            assert_eq!(read(&body[..end], 5).await.0, None, "{end}");
        }
        for bad in ["x\r\n", "3\r\nabcd\r\n0\r\n\r\n", "0\r\nno colon\r\n\r\n", "-1\r\n\r\n"] {
            assert_eq!(read(bad, 4).await.0, None, "{bad:?}");
        }
        let long = format!("{}\r\n", "0".repeat(LINE_MAX + 1));
        assert_eq!(read(&long, 1000).await.0, None);
    }
}
