//! A directory and everything below it as one archive that is made while it is sent.
//!
//! ```text
//! descent ──▶ small files ahead ──▶ headers · contents · sums ──▶ peer, as fast as it reads
//!                                         └─ a zip's records ──▶ file in NODE/tmp ──▶ behind all members
//! ```
//! An archive that arrives whole has everything in it that can be in one, and says at its end what cannot. What
//! should be there and cannot be read breaks it off, unless whoever asks wants what there is.

use super::super::answer::{Failure, plain, typed};
use super::super::asked::Asked;
use crate::base::budget::Share;
use crate::base::limits::{
    ARCHIVE_AHEAD, ARCHIVE_AHEAD_SIZE, ARCHIVE_ENTRIES_MAX, ARCHIVE_LEFT_OUT_BYTES, LISTING_CHUNK,
};
use crate::files::change::beside;
use crate::files::descent::{Descent, Found, What};
use crate::files::{Address, Fetched, Files, FilesError, Node, Object, Root};
use crate::http::archive::zip::{Member, Zip};
use crate::http::archive::{Entry, Kind, path, tar};
use crate::http::mime;
use crate::http::spill::Notes;
use crate::http::spool::BodyError;
use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode, header};
use bytes::Bytes;
use futures_util::stream::{self, LocalBoxStream, StreamExt};
use std::fmt::Write;

/// Which kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Zip,
    Tar,
}

/// What tells what is not in an archive.
const LEFT_OUT: &str = "NOT-IN-THIS-ARCHIVE.txt";
/// Bytes that are sent at once, of what is small.
const GATHERED: usize = 32 << 10;

/// `GET DIR?t=zip`, `t=tar`
pub async fn send(
    asked: &Asked<'_>,
    address: &Address,
    object: &Object,
    form: Form,
) -> Result<HttpResponse, Failure> {
    let dir = object.as_directory()?;
    let partial = asked.arguments.flag("partial")?;
    let (kind, ending) = match form {
        Form::Zip => ("application/zip", "zip"),
        Form::Tar => ("application/x-tar", "tar"),
    };
    let name = match asked.arguments.filled("filename") {
        Some(name) => name.to_owned(),
        None => format!("{}.{ending}", name(address)),
    };
    let mut response = typed(plain(StatusCode::OK), kind);
    response
        .insert_header((header::CONTENT_DISPOSITION, mime::attachment(&name)))
        .insert_header((header::ACCEPT_RANGES, "none"));
    if *asked.request.method() == Method::HEAD {
        return Ok(response.streaming(stream::empty::<Piece>()));
    }
    let descent = asked.files.descend(dir, path::is_fit).await?;
    let format = match form {
        Form::Zip => Format::Zip(Zip::default(), Box::new(Notes::new(&asked.gateway.spool))),
        Form::Tar => Format::Tar,
    };
    let packing = Packing::new(&asked.files, descent, (format, partial));
    let pieces = stream::unfold(Some(packing), |packing| async move {
        let mut packing = packing?;
        match packing.next().await {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(piece), Some(packing))),
            Err(error) => {
                tracing::warn!(%error, "an archive broke off");
                Some((Err(error), None))
            }
        }
    });
    Ok(response.streaming(Box::pin(pieces)))
}

/// What an archive of what is there is called, but for its ending.
fn name(address: &Address) -> &str {
    match (address.name().filter(|name| !name.trim().is_empty()), &address.root) {
        (Some(name), _) => name,
        (None, Root::Cap(_)) => "files",
        (None, Root::Global) => "global",
        (None, Root::Private) => "private",
    }
}

type Piece = Result<Bytes, Broken>;

/// Why an archive ends before its end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Notes(#[from] BodyError),
    #[error("a file is shorter than its capability says")]
    Short,
    #[error("there are more than {ARCHIVE_ENTRIES_MAX} things in it")]
    Many,
}

enum Format {
    Zip(Zip, Box<Notes>),
    Tar,
}

/// An archive under way.
struct Packing {
    files: Files,
    format: Format,
    /// What cannot be read is told, and nothing breaks off.
    partial: bool,
    coming: LocalBoxStream<'static, Coming>,
    entries: u64,
    /// The content that is on its way.
    content: Option<Content>,
    left_out: LeftOut,
    /// What is to be sent, and what behind that.
    out: Vec<u8>,
    next: Option<Bytes>,
    step: Step,
}

enum Step {
    Members,
    LeftOut,
    Records,
    Done,
}

/// Something that was met, and its content if that was read already.
struct Coming {
    found: Found,
    read: Option<(Bytes, Share)>,
}

/// A content on its way.
struct Content {
    bytes: Fetched,
    left: u64,
    size: u64,
    member: Option<Member>,
}

impl Packing {
    fn new(files: &Files, descent: Descent, (format, partial): (Format, bool)) -> Self {
        let mut name = LEFT_OUT.to_owned();
        let mut number = 1;
        while descent.is_taken(&name) {
            number += 1;
            name = beside(LEFT_OUT, &number.to_string());
        }
        let reader = files.clone();
        let coming = stream::unfold(descent, |mut descent| async move {
            descent.next().await.map(|found| (found, descent))
        });
        let coming = coming.map(move |found| ahead(reader.clone(), found)).buffered(ARCHIVE_AHEAD);
        Self {
            files: files.clone(),
            format,
            partial,
            coming: coming.boxed_local(),
            entries: 0,
            content: None,
            left_out: LeftOut { name, ..LeftOut::default() },
            out: Vec::new(),
            next: None,
            step: Step::Members,
        }
    }

    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if self.next.is_some() && self.out.is_empty() {
                return Ok(self.next.take());
            }
            if self.next.is_some() || self.out.len() >= GATHERED {
                return Ok(Some(std::mem::take(&mut self.out).into()));
            }
            if self.content.is_some() {
                self.go_on().await?;
                continue;
            }
            match self.step {
                Step::Members => match self.coming.next().await {
                    Some(coming) => self.meet(coming).await?,
                    None => self.step = Step::LeftOut,
                },
                Step::LeftOut => {
                    self.tell_left_out().await?;
                    self.step = Step::Records;
                }
                Step::Records => self.put_records().await?,
                Step::Done if self.out.is_empty() => return Ok(None),
                Step::Done => return Ok(Some(std::mem::take(&mut self.out).into())),
            }
        }
    }

    async fn meet(&mut self, Coming { found, read }: Coming) -> Result<(), Broken> {
        let Found { names, time, what } = found;
        let shown: Vec<&str> = names.iter().map(String::as_str).collect();
        let path = path::within(&shown);
        match (what, read) {
            (What::LeftOut(why), _) => self.left_out.note(&path, &why),
            (What::Missed(error), _) => self.miss(&path, error)?,
            (What::Directory, _) => {
                self.put(Entry { path, kind: Kind::Directory, time }, b"").await?
            }
            (What::File(_, size), Some((content, _room))) => {
                let entry = Entry { path, kind: Kind::File(size), time };
                self.put(entry, &content).await?;
            }
            (What::File(node, size), None) => {
                self.open(Entry { path, kind: Kind::File(size), time }, &node).await?;
            }
        }
        Ok(())
    }

    /// What is not there and should be.
    fn miss(&mut self, path: &str, error: FilesError) -> Result<(), Broken> {
        if !self.partial {
            return Err(error.into());
        }
        self.left_out.note(path, &error);
        Ok(())
    }

    /// Begins a file, once its first piece is known to be good.
    async fn open(&mut self, entry: Entry, node: &Node) -> Result<(), Broken> {
        let size = entry.size();
        let begun = async {
            let mut bytes = self.files.read(node, 0..size).await?;
            let first = bytes.next().await.transpose()?;
            Ok::<_, FilesError>((bytes, first.unwrap_or_default()))
        };
        let (bytes, first) = match begun.await {
            Ok(begun) => begun,
            Err(error) => return self.miss(&entry.path, error),
        };
        let member = self.begin(entry)?;
        self.content = Some(Content { bytes, left: size, size, member });
        self.pass(first)
    }

    /// Reads on in the content that is on its way.
    async fn go_on(&mut self) -> Result<(), Broken> {
        let Some(content) = &mut self.content else { return Ok(()) };
        match content.bytes.next().await {
            Some(piece) => self.pass(piece.map_err(FilesError::from)?),
            None if content.left > 0 => Err(Broken::Short),
            None => {
                let content = self.content.take();
                let (size, member) =
                    content.map_or((0, None), |content| (content.size, content.member));
                self.end(member, size).await
            }
        }
    }

    /// Sends a piece of a content.
    fn pass(&mut self, piece: Bytes) -> Result<(), Broken> {
        let Some(content) = &mut self.content else { return Ok(()) };
        let length = piece.len() as u64;
        content.left = content.left.checked_sub(length).ok_or(Broken::Short)?;
        if let (Format::Zip(zip, _), Some(member)) = (&mut self.format, &mut content.member) {
            zip.pass(member, &piece);
        }
        match piece.len() >= GATHERED {
            true => self.next = Some(piece),
            false => self.out.extend_from_slice(&piece),
        }
        Ok(())
    }

    /// Something whose content is there.
    async fn put(&mut self, entry: Entry, content: &[u8]) -> Result<(), Broken> {
        let size = entry.size();
        if content.len() as u64 != size {
            return Err(Broken::Short);
        }
        let mut member = self.begin(entry)?;
        if let (Format::Zip(zip, _), Some(member)) = (&mut self.format, &mut member) {
            zip.pass(member, content);
        }
        self.out.extend_from_slice(content);
        self.end(member, size).await
    }

    fn begin(&mut self, entry: Entry) -> Result<Option<Member>, Broken> {
        self.entries += 1;
        if self.entries > ARCHIVE_ENTRIES_MAX {
            return Err(Broken::Many);
        }
        Ok(match &mut self.format {
            Format::Zip(zip, _) => {
                let (front, member) = zip.begin(entry);
                self.out.extend(front);
                Some(member)
            }
            Format::Tar => {
                self.out.extend(tar::begin(&entry));
                None
            }
        })
    }

    async fn end(&mut self, member: Option<Member>, size: u64) -> Result<(), Broken> {
        match (&mut self.format, member) {
            (Format::Zip(zip, notes), Some(member)) => {
                let (behind, record) = zip.end(member);
                self.out.extend(behind);
                notes.add(&record).await?;
            }
            _ => self.out.extend(tar::fill(size)),
        }
        Ok(())
    }

    /// What stands behind all members.
    async fn put_records(&mut self) -> Result<(), Broken> {
        let Format::Zip(zip, notes) = &mut self.format else {
            self.out.extend(tar::end());
            self.step = Step::Done;
            return Ok(());
        };
        match notes.next().await? {
            Some(piece) => self.next = Some(piece),
            None => {
                self.out.extend(zip.finish(notes.size()));
                self.step = Step::Done;
            }
        }
        Ok(())
    }

    async fn tell_left_out(&mut self) -> Result<(), Broken> {
        let LeftOut { name, text, count, more } = std::mem::take(&mut self.left_out);
        if count == 0 {
            return Ok(());
        }
        let mut text = format!("This is not in this archive:\n\n{text}");
        if more > 0 {
            text.push_str(&format!("and {more} more\n"));
        }
        let kind = Kind::File(text.len() as u64);
        self.put(Entry { path: name, kind, time: None }, text.as_bytes()).await
    }
}

/// Reads a small file before it is its turn, if there is memory for it. What goes wrong is found again then.
async fn ahead(files: Files, found: Found) -> Coming {
    let read = match &found.what {
        What::File(node, size) if *size <= ARCHIVE_AHEAD_SIZE => {
            read_whole(&files, node, *size).await
        }
        _ => None,
    };
    Coming { found, read }
}

async fn read_whole(files: &Files, node: &Node, size: u64) -> Option<(Bytes, Share)> {
    let room = files.transfers().ahead(size)?;
    let mut bytes = files.read(node, 0..size).await.ok()?;
    let mut whole = Vec::new();
    while let Some(piece) = bytes.next().await {
        whole.extend_from_slice(&piece.ok()?);
    }
    Some((whole.into(), room))
}

/// What is said of what is not there.
#[derive(Default)]
struct LeftOut {
    name: String,
    text: String,
    count: u64,
    /// Those that are only counted.
    more: u64,
}

impl LeftOut {
    fn note(&mut self, path: &str, why: &dyn std::fmt::Display) {
        self.count += 1;
        if self.text.len() >= ARCHIVE_LEFT_OUT_BYTES {
            self.more += 1;
            return;
        }
        let path = if path.is_empty() { "(here)" } else { path };
        let shown = path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{}: {why}", shown.take(LISTING_CHUNK).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_within_a_bound() {
        let mut left_out = LeftOut::default();
        left_out.note("a\nb", &"no");
        left_out.note("", &"no");
        assert_eq!(left_out.text, "a\u{fffd}b: no\n(here): no\n");
        for _ in 0..10_000 {
            left_out.note(&"x".repeat(10_000), &"no");
        }
        assert!(left_out.text.len() < ARCHIVE_LEFT_OUT_BYTES + 1_000);
        assert_eq!(left_out.count, 10_002);
        assert!(left_out.more > 9_000);
    }
}
