//! Putting the parts of an object together, and listing them.

use super::combined::{Combined, element};
use super::fault::{Fault, request_id};
use super::parts::{Part, Parts, Upload};
use super::query::place;
use super::sums::PREFIX;
use super::writing::{conditions, current, link_metadata};
use super::{Asked, NAMESPACE, xml};
use crate::base::limits::PART_MIN;
use crate::doors::kept::{Facts, Runs};
use crate::doors::opened::Opened;
use crate::doors::xml::{Element, escaped};
use crate::grid::dirnode::Child;
use crate::http::conditions::Conditions;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::stream::{self, StreamExt};
use md5::{Digest, Md5};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;

/// A client hears something at least so often, or it would take its connection for dead.
const SIGN_TIME: Duration = Duration::from_secs(5);
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
/// Parts or uploads of one listing.
const LISTED_MAX: u64 = 1_000;

/// What putting together takes; it goes on whatever becomes of who asked for it.
struct Work {
    door: Opened,
    upload: Arc<Upload>,
    parts: Parts,
    chosen: Vec<Part>,
    md5: String,
    sum: Option<(Combined, String)>,
    conditions: Conditions,
    _alone: OwnedMutexGuard<()>,
}

impl Work {
    async fn run(self) -> Result<String, Fault> {
        let Self { door, upload, parts, chosen, md5, sum, conditions, _alone } = self;
        let place = place(&upload.key)?;
        let path: Vec<String> = [upload.bucket.clone()].into_iter().chain(place.names).collect();
        let pieces: Vec<_> = chosen.iter().map(|part| part.piece).collect();
        let cap = door.store_source(upload.pieces.joined(&pieces)).await?;
        let kept = sum.iter().map(|(by, sum)| (by.algorithm.to_owned(), sum.clone()));
        let facts = Facts {
            md5: Some(md5.clone()),
            sums: kept.collect(),
            parts: Runs::of(pieces.iter().map(|piece| piece.size)),
            ..upload.facts.clone()
        };
        let metadata = link_metadata(&facts);
        let metadata = facts.put(&cap, metadata);
        let holds = |child: Option<&Child>| conditions.allow(&current(child));
        door.put(door.spot(&path).await?, (cap, metadata), &holds).await?;
        let mut fields = vec![
            ("Location".to_owned(), format!("/{}/{}", upload.bucket, upload.key)),
            ("Bucket".to_owned(), upload.bucket.clone()),
            ("Key".to_owned(), upload.key.clone()),
            ("ETag".to_owned(), format!("\"{md5}\"")),
        ];
        if let Some((by, sum)) = sum {
            fields.push((element(by.algorithm), sum));
            fields.push(("ChecksumType".to_owned(), by.kind().to_owned()));
        }
        let fields =
            fields.iter().map(|(name, text)| format!("<{name}>{}</{name}>", escaped(text)));
        let fields: String = fields.collect();
        let answer = format!(
            "<CompleteMultipartUploadResult {NAMESPACE}>{fields}</CompleteMultipartUploadResult>"
        );
        parts.finish(&upload.id, &door.door_id, &answer);
        Ok(answer)
    }
}

impl Asked<'_> {
    pub(super) async fn complete(
        &self,
        at: (&str, &str),
        body: web::Payload,
    ) -> Result<HttpResponse, Fault> {
        let (document, _held) = self.take_xml(body, false).await?;
        // Who did not hear that it was done asks again, maybe while it is being done.
        let id = self.query.get("uploadId").unwrap_or_default();
        let done = || self.parts.done(id, &self.door.door_id).map(xml);
        if let Some(answer) = done() {
            return Ok(answer);
        }
        let upload = self.upload(at)?;
        let alone = Arc::clone(&upload.finishing).lock_owned();
        let alone = tokio::time::timeout(SIGN_TIME, alone)
            .await
            .map_err(|_| Fault::new("SlowDown", "This upload is being put together. Ask again."))?;
        if let Some(answer) = done() {
            return Ok(answer);
        }
        let sums = upload.combined.map(|combined| element(combined.algorithm));
        let wanted = named(&document, sums.as_deref())?;
        let chosen = chosen(&upload, &wanted)?;
        let sum = upload.combined.and_then(|by| Some((by, summed(by, &chosen)?)));
        self.check_sum(sum.as_ref())?;
        self.spot(at.0, &place(at.1)?).await?;
        let mut all = Md5::new();
        chosen.iter().for_each(|part| all.update(part.md5));
        let md5 = format!("{}-{}", HEXLOWER.encode(&all.finalize()), chosen.len());
        let work = Work {
            door: self.door.clone(),
            upload,
            parts: self.parts.clone(),
            chosen,
            md5,
            sum,
            conditions: conditions(self.request.headers()),
            _alone: alone,
        };
        let mut work = actix_rt::spawn(work.run());
        match tokio::time::timeout(SIGN_TIME, &mut work).await {
            Ok(outcome) => Ok(xml(outcome.unwrap_or_else(|_| Err(broken()))?)),
            Err(_) => Ok(signs_of_life(work)),
        }
    }

    /// Holds the sum of all parts against the one that the whole is said to have.
    fn check_sum(&self, sum: Option<&(Combined, String)>) -> Result<(), Fault> {
        let Some((by, sum)) = sum else { return Ok(()) };
        let header = format!("{PREFIX}{}", by.algorithm);
        match self.header(&header) {
            Some(said) if said != sum => {
                let text = format!("The parts that were named are not that of {header}.");
                Err(Fault::new("BadDigest", text))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn list_parts(&self, at: (&str, &str)) -> Result<HttpResponse, Fault> {
        let upload = self.upload(at)?;
        let after = self.query.number("part-number-marker")?.unwrap_or(0);
        let most = self.query.number("max-parts")?.unwrap_or(LISTED_MAX).min(LISTED_MAX);
        let parts = upload.parts();
        let mut left = parts.range(after.saturating_add(1)..);
        let most = usize::try_from(most).unwrap_or_default();
        let listed: Vec<_> = left.by_ref().take(most).collect();
        let more = left.next().is_some();
        let (bucket, key) = (escaped(&upload.bucket), escaped(&upload.key));
        let last = listed.last().map_or(after, |(number, _)| **number);
        let mut text = format!(
            "<ListPartsResult {NAMESPACE}><Bucket>{bucket}</Bucket><Key>{key}</Key>\
             <UploadId>{}</UploadId><PartNumberMarker>{after}</PartNumberMarker>\
             <NextPartNumberMarker>{last}</NextPartNumberMarker><MaxParts>{most}</MaxParts>\
             <IsTruncated>{more}</IsTruncated><StorageClass>STANDARD</StorageClass>",
            upload.id
        );
        if let Some(by) = upload.combined {
            text.push_str(&format!(
                "<ChecksumAlgorithm>{}</ChecksumAlgorithm><ChecksumType>{}</ChecksumType>",
                by.algorithm.to_uppercase(),
                by.kind()
            ));
        }
        for (number, part) in listed {
            let sum = upload.combined.zip(part.sum.as_deref()).map(|(by, sum)| {
                let element = element(by.algorithm);
                format!("<{element}>{sum}</{element}>")
            });
            text.push_str(&format!(
                "<Part><PartNumber>{number}</PartNumber><LastModified>{}</LastModified>\
                 <ETag>{}</ETag><Size>{}</Size>{}</Part>",
                super::buckets::date(part.came as f64),
                escaped(&part.tag()),
                part.piece.size,
                sum.unwrap_or_default()
            ));
        }
        text.push_str("</ListPartsResult>");
        Ok(xml(text))
    }

    pub(super) fn list_uploads(&self, bucket: &str) -> Result<HttpResponse, Fault> {
        let prefix = self.query.get("prefix").unwrap_or_default();
        let mut text = format!(
            "<ListMultipartUploadsResult {NAMESPACE}><Bucket>{}</Bucket><Prefix>{}</Prefix>\
             <MaxUploads>{LISTED_MAX}</MaxUploads><IsTruncated>false</IsTruncated>",
            escaped(bucket),
            escaped(prefix)
        );
        let uploads = self.parts.of(&self.door.door_id, bucket);
        for upload in uploads.iter().filter(|upload| upload.key.starts_with(prefix)) {
            text.push_str(&format!(
                "<Upload><Key>{}</Key><UploadId>{}</UploadId><StorageClass>STANDARD</StorageClass>\
                 <Initiated>{}</Initiated></Upload>",
                escaped(&upload.key),
                upload.id,
                super::buckets::date(upload.begun as f64)
            ));
        }
        text.push_str("</ListMultipartUploadsResult>");
        Ok(xml(text))
    }
}

fn broken() -> Fault {
    Fault::new("InternalError", "Putting the parts together broke off; its log says why.")
}

/// White space until the work is done, and then what it came to.
fn signs_of_life(work: JoinHandle<Result<String, Fault>>) -> HttpResponse {
    let waiting = stream::unfold(Some(work), |work| async move {
        let mut work = work?;
        match tokio::time::timeout(SIGN_TIME, &mut work).await {
            Err(_) => Some((Bytes::from_static(b" "), Some(work))),
            Ok(outcome) => {
                let text = match outcome.unwrap_or_else(|_| Err(broken())) {
                    Ok(text) => text,
                    Err(fault) => fault.xml("", &request_id()).replacen(DECLARATION, "", 1),
                };
                Some((Bytes::from(text), None))
            }
        }
    });
    let first = stream::once(async { Bytes::from_static(DECLARATION.as_bytes()) });
    let body = first.chain(waiting).map(Ok::<_, actix_web::Error>);
    HttpResponse::Ok().content_type("application/xml").streaming(body)
}

/// A part as a document names it.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    number: u64,
    /// Without quotes.
    tag: String,
    sum: Option<String>,
}

/// The parts of a document, with their sums if it has those in the element that is told.
fn named(document: &Element, sums: Option<&str>) -> Result<Vec<Named>, Fault> {
    let parts = document.children().filter(|child| child.name == "Part");
    let part = |part: &Element| {
        let number = part.text_of("PartNumber")?.trim().parse().ok()?;
        let tag = part.text_of("ETag")?.trim().trim_matches('"').to_owned();
        let sum = sums.and_then(|element| part.text_of(element));
        Some(Named { number, tag, sum: sum.map(|sum| sum.trim().to_owned()) })
    };
    let parts: Option<Vec<_>> = parts.map(part).collect();
    let is_it = document.name == "CompleteMultipartUpload";
    parts.filter(|parts| is_it && !parts.is_empty()).ok_or_else(Fault::malformed_xml)
}

/// The parts that were named, if they make an object.
fn chosen(upload: &Upload, wanted: &[Named]) -> Result<Vec<Part>, Fault> {
    let parts = upload.parts();
    let mut chosen: Vec<Part> = Vec::with_capacity(wanted.len());
    let mut before = 0;
    for Named { number, tag, sum } in wanted {
        if *number <= before {
            return Err(Fault::new("InvalidPartOrder", "Parts are named in ascending order."));
        }
        before = *number;
        let is_it = |part: &&Part| {
            part.tag().trim_matches('"') == tag && (sum.is_none() || part.sum == *sum)
        };
        let part = parts.get(number).filter(is_it).ok_or_else(|| {
            let text = format!("Part {number} is not there, or not as it is named.");
            Fault::new("InvalidPart", text)
        })?;
        chosen.push(part.clone());
    }
    let all_but_last = chosen.len().saturating_sub(1);
    if chosen.iter().take(all_but_last).any(|part| part.piece.size < PART_MIN) {
        let text = format!("Each part but the last has at least {PART_MIN} bytes.");
        return Err(Fault::new("EntityTooSmall", text));
    }
    Ok(chosen)
}

/// The sum of all of them, if each has one.
fn summed(by: Combined, parts: &[Part]) -> Option<String> {
    let sums: Option<Vec<_>> =
        parts.iter().map(|part| Some((part.sum.as_deref()?, part.piece.size))).collect();
    by.sum(sums?.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_by_number_and_tag() {
        let sums = Some("ChecksumSHA1");
        let read = |text: &str| named(&Element::parse(text.as_bytes()).unwrap(), sums);
        let part = "<Part><ETag>&quot;ab&quot;</ETag><PartNumber> 2 </PartNumber>\
                    <ChecksumSHA1>x=</ChecksumSHA1></Part>";
        let text = format!("<CompleteMultipartUpload {NAMESPACE}>{part}</CompleteMultipartUpload>");
        let part = Named { number: 2, tag: "ab".to_owned(), sum: Some("x=".to_owned()) };
        assert_eq!(read(&text).unwrap(), [part]);
        for bad in [
            "<CompleteMultipartUpload/>",
            "<Other/>",
            "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag/></Part></CompleteMultipartUpload>",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
