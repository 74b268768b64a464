//! Objects that come in parts: each is kept on the gateway's disk until all are there, then they are one
//! file. A file's key and trees are of all of it, so parts cannot be stored in the grid before; they are
//! gone with the process, and their sender is told so by `NoSuchUpload`.

use super::Asked;
use super::combined::{Combined, element};
use super::fault::Fault;
use super::objects::put;
use super::query::place;
use super::sums::{PREFIX, Summing, Sums};
use super::taken::Taken;
use super::writing::said;
use crate::base::base32;
use crate::base::limits::{
    PART_UPLOADS_MAX, PART_UPLOADS_OF_DOOR_MAX, PARTS_IDLE_SECONDS, PARTS_MAX,
};
use crate::base::lock::locked;
use crate::base::system::random;
use crate::doors::book::Book;
use crate::doors::error::DoorError;
use crate::doors::hashed::Hashed;
use crate::doors::kept::Facts;
use crate::http::pieces::{Piece, Pieces};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};
use data_encoding::HEXLOWER;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// All uploads in parts that are under way. Clones share them.
#[derive(Clone, Default)]
pub struct Parts(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    open: HashMap<String, Arc<Upload>>,
    /// Ids, doors and answers of the last that were done.
    done: VecDeque<(String, String, String)>,
}

/// Headers that say by what an upload is summed.
const ALGORITHM: HeaderName = HeaderName::from_static("x-amz-checksum-algorithm");
const TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");
/// As many are remembered.
const DONE_MAX: usize = 256;

/// One of them.
pub struct Upload {
    pub id: String,
    door: String,
    pub bucket: String,
    pub key: String,
    pub facts: Facts,
    /// What the whole is to be summed by.
    pub combined: Option<Combined>,
    pub begun: u64,
    pub pieces: Pieces,
    state: Mutex<State>,
    /// Held by who puts it together.
    pub finishing: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    touched: u64,
    parts: BTreeMap<u64, Part>,
}

/// A part that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub piece: Piece,
    pub md5: [u8; 16],
    /// By the algorithm of its upload, in base64.
    pub sum: Option<String>,
    pub came: u64,
}

impl Part {
    fn new(upload: &Upload, piece: Piece, sums: &Sums, now: u64) -> Self {
        let sum = upload.combined.and_then(|combined| sums.of(combined.algorithm));
        Self { piece, md5: sums.md5, sum: sum.map(str::to_owned), came: now }
    }

    pub fn tag(&self) -> String {
        format!("\"{}\"", HEXLOWER.encode(&self.md5))
    }
}

impl Upload {
    pub fn parts(&self) -> BTreeMap<u64, Part> {
        locked(&self.state).parts.clone()
    }

    fn touch(&self, now: u64) {
        locked(&self.state).touched = now;
    }

    fn put(&self, number: u64, part: Part) {
        let mut state = locked(&self.state);
        state.touched = part.came;
        state.parts.insert(number, part);
    }
}

impl Parts {
    /// Gives up those that nobody went on with, and those of doors that are gone.
    pub fn sweep(&self, book: &Book, now: u64) {
        let is_kept = |upload: &Upload| {
            let touched = locked(&upload.state).touched.max(upload.begun);
            let in_time = now <= touched.saturating_add(PARTS_IDLE_SECONDS);
            in_time && book.doors().iter().any(|door| door.id() == upload.door)
        };
        locked(&self.0).open.retain(|_, upload| is_kept(upload));
    }

    /// Begins one, if there are not too many.
    fn begin(&self, upload: Upload) -> Result<(), Fault> {
        let all = &mut locked(&self.0).open;
        let of_door = all.values().filter(|other| other.door == upload.door).count();
        if all.len() >= PART_UPLOADS_MAX || of_door >= PART_UPLOADS_OF_DOOR_MAX {
            return Err(Fault::new(
                "SlowDown",
                "As many uploads in parts are under way as may be.",
            ));
        }
        all.insert(upload.id.clone(), Arc::new(upload));
        Ok(())
    }

    /// The one of this id, if it is of this door and key.
    fn get(&self, id: &str, door: &str, (bucket, key): (&str, &str)) -> Result<Arc<Upload>, Fault> {
        let found = locked(&self.0).open.get(id).cloned();
        let is_it =
            |found: &Arc<Upload>| found.door == door && found.bucket == bucket && found.key == key;
        found.filter(is_it).ok_or_else(|| {
            Fault::new("NoSuchUpload", "There is no such upload any more: begin it again.")
        })
    }

    pub fn end(&self, id: &str) {
        locked(&self.0).open.remove(id);
    }

    /// Ends one that is done, and remembers what that was answered with,
    pub fn finish(&self, id: &str, door: &str, answer: &str) {
        let Known { open, done } = &mut *locked(&self.0);
        open.remove(id);
        done.truncate(DONE_MAX - 1);
        done.push_front((id.to_owned(), door.to_owned(), answer.to_owned()));
    }

    /// if it was.
    pub fn done(&self, id: &str, door: &str) -> Option<String> {
        let known = locked(&self.0);
        let found = known.done.iter().find(|(known, of, _)| known == id && of == door);
        found.map(|(_, _, answer)| answer.clone())
    }

    /// Those of a bucket of a door, by key.
    pub fn of(&self, door: &str, bucket: &str) -> Vec<Arc<Upload>> {
        let all = locked(&self.0);
        let of_bucket = all.open.values().filter(|one| one.door == door && one.bucket == bucket);
        let mut found: Vec<_> = of_bucket.cloned().collect();
        found.sort_by(|one, other| (&one.key, &one.id).cmp(&(&other.key, &other.id)));
        found
    }
}

impl Asked<'_> {
    /// The upload that a request is about.
    pub(super) fn upload(&self, at: (&str, &str)) -> Result<Arc<Upload>, Fault> {
        let id = self.query.get("uploadId").unwrap_or_default();
        self.parts.get(id, &self.door.door_id, at)
    }

    pub(super) async fn begin_upload(
        &self,
        (bucket, key): (&str, &str),
    ) -> Result<HttpResponse, Fault> {
        let place = place(key)?;
        if place.is_directory {
            return Err(Fault::argument("A key that ends in a slash is a directory."));
        }
        let facts = said(self.request.headers())?;
        let combined = Combined::of(self.request.headers())?;
        self.spot(bucket, &place).await?;
        let pieces = Pieces::new(self.door.spool()).await.map_err(DoorError::from)?;
        let id = base32::encode(&random::<20>());
        let upload = Upload {
            id: id.clone(),
            door: self.door.door_id.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            facts,
            combined,
            begun: self.now,
            pieces,
            state: Mutex::default(),
            finishing: Arc::default(),
        };
        self.parts.begin(upload)?;
        let fields = [("Bucket", bucket), ("Key", key), ("UploadId", &id)];
        let mut answer = Self::done("InitiateMultipartUploadResult", &fields);
        if let Some(combined) = combined {
            let headers = answer.headers_mut();
            if let Ok(algorithm) = HeaderValue::from_str(&combined.algorithm.to_uppercase()) {
                headers.insert(ALGORITHM, algorithm);
            }
            headers.insert(TYPE, HeaderValue::from_static(combined.kind()));
        }
        Ok(answer)
    }

    pub(super) async fn put_part(
        &self,
        at: (&str, &str),
        body: web::Payload,
    ) -> Result<HttpResponse, Fault> {
        let upload = self.upload(at)?;
        let number = self.query.number("partNumber")?.filter(|n| (1..=PARTS_MAX).contains(n));
        let number = number
            .ok_or_else(|| Fault::argument(format!("Parts are numbered from 1 to {PARTS_MAX}.")))?;
        upload.touch(self.now);
        if self.header("x-amz-copy-source").is_some() {
            let part = self.copied_part(&upload).await?;
            let algorithm = upload.combined.map(|combined| combined.algorithm);
            let sum = algorithm.zip(part.sum.as_deref()).map(|(name, sum)| (element(name), sum));
            let sum = sum.as_ref().map(|(element, sum)| (element.as_str(), *sum));
            let answer = Self::copied("CopyPartResult", &part.tag(), self.now as f64, sum);
            upload.put(number, part);
            return Ok(answer);
        }
        let algorithm = upload.combined.map(|combined| combined.algorithm);
        let Taken { body, sums } = self.take_summed(body, algorithm).await?;
        let piece = upload.pieces.add(body).await.map_err(DoorError::from)?;
        let part = Part::new(&upload, piece, &sums, self.now);
        let mut response = HttpResponse::Ok();
        response.insert_header(("etag", part.tag()));
        upload.put(number, part);
        for (name, sum) in &sums.others {
            put(&mut response, &format!("{PREFIX}{name}"), sum);
        }
        Ok(response.finish())
    }

    /// A part of what is there already.
    async fn copied_part(&self, upload: &Upload) -> Result<Part, Fault> {
        let (_, source) = self.source().await?;
        let range = match self.header("x-amz-copy-source-range") {
            None => 0..source.size,
            Some(text) => part_of(text, source.size)?,
        };
        let content = Box::pin(self.door.read(&source.node, range).await?);
        let algorithm = upload.combined.map(|combined| combined.algorithm);
        let mut summing = Summing::default().and(algorithm);
        let body = Hashed::new(content, |piece: &[u8]| summing.update(piece));
        let body = self.door.receive(body, None).await?;
        let piece = upload.pieces.add(body).await.map_err(DoorError::from)?;
        Ok(Part::new(upload, piece, &summing.finish(), self.now))
    }

    pub(super) fn abort(&self, at: (&str, &str)) -> Result<HttpResponse, Fault> {
        self.parts.end(&self.upload(at)?.id);
        Ok(HttpResponse::NoContent().finish())
    }
}

/// `bytes=FIRST-LAST`, which must be there.
fn part_of(text: &str, size: u64) -> Result<Range<u64>, Fault> {
    let bounds = text.strip_prefix("bytes=").and_then(|text| text.split_once('-'));
    let bounds = bounds.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    match bounds {
        Some((first, last)) if first <= last && last < size => Ok(first..last + 1),
        Some(_) => Err(Fault::new("InvalidRange", "The source is not that long.")),
        None => Err(Fault::argument("x-amz-copy-source-range is not bytes=FIRST-LAST.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_source_is_there_or_refused() {
        assert_eq!(part_of("bytes=0-0", 1), Ok(0..1));
        assert_eq!(part_of("bytes=2-4", 5), Ok(2..5));
        for bad in ["bytes=0-1", "bytes=1-0", "0-0", "bytes=0-", "bytes=-1", "bytes=a-b", ""] {
            assert!(part_of(bad, 1).is_err(), "{bad}");
        }
    }
}
