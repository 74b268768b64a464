//! What is known of an object, without its content: `GET /BUCKET/KEY?attributes`.

use super::combined::{element, kind_of};
use super::fault::Fault;
use super::objects::Known;
use super::{Asked, NAMESPACE, xml};
use crate::http::date::http_date;
use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use std::fmt::Write;

/// What may be asked for.
const ATTRIBUTES: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
/// Parts of one answer.
const PARTS_TOLD_MAX: u64 = 1_000;

impl Asked<'_> {
    pub(super) async fn attributes(&self, at: (&str, &str)) -> Result<HttpResponse, Fault> {
        let wanted = self.request.headers().get_all("x-amz-object-attributes");
        let wanted = wanted.filter_map(|value| value.to_str().ok());
        let wanted: Vec<&str> = wanted.flat_map(|names| names.split(',').map(str::trim)).collect();
        if wanted.is_empty() || !wanted.iter().all(|name| ATTRIBUTES.contains(name)) {
            let names = ATTRIBUTES.join(", ");
            let text = format!("x-amz-object-attributes names some of {names}.");
            return Err(Fault::argument(text));
        }
        let found = self.found(at).await?;
        let mut text = String::new();
        for name in ATTRIBUTES.into_iter().filter(|name| wanted.contains(name)) {
            text.push_str(&match name {
                "ETag" => format!("<ETag>{}</ETag>", found.tag().trim_matches('"')),
                "Checksum" => sums(&found),
                "ObjectParts" => self.parts_told(&found)?,
                "StorageClass" => "<StorageClass>STANDARD</StorageClass>".to_owned(),
                _ => format!("<ObjectSize>{}</ObjectSize>", found.size),
            });
        }
        let root = "GetObjectAttributesResponse";
        let mut answer = xml(format!("<{root} {NAMESPACE}>{text}</{root}>"));
        let date = http_date(found.modified()).and_then(|date| HeaderValue::from_str(&date).ok());
        if let Some(date) = date {
            answer.headers_mut().insert(header::LAST_MODIFIED, date);
        }
        Ok(answer)
    }

    /// The parts that the object came in, some at a time; nothing of one that came whole.
    fn parts_told(&self, found: &Known) -> Result<String, Fault> {
        let parts = &found.facts.parts;
        if parts.is_empty() {
            return Ok(String::new());
        }
        let number = |name: &str| {
            let text = self.header(name).map(str::parse::<u64>).transpose();
            text.map_err(|_| Fault::argument(format!("{name} is not a number from 0 on.")))
        };
        let most = number("x-amz-max-parts")?.unwrap_or(PARTS_TOLD_MAX).min(PARTS_TOLD_MAX);
        let after = number("x-amz-part-number-marker")?.unwrap_or(0);
        let last = after.saturating_add(most).min(parts.count());
        let mut text = String::new();
        for number in after.saturating_add(1)..=last {
            let Some(part) = parts.part(number, found.size) else { break };
            let size = part.end - part.start;
            let _ =
                write!(text, "<Part><PartNumber>{number}</PartNumber><Size>{size}</Size></Part>");
        }
        Ok(format!(
            "<ObjectParts><PartsCount>{}</PartsCount><PartNumberMarker>{after}</PartNumberMarker>\
             <NextPartNumberMarker>{last}</NextPartNumberMarker><MaxParts>{most}</MaxParts>\
             <IsTruncated>{}</IsTruncated>{text}</ObjectParts>",
            parts.count(),
            last < parts.count()
        ))
    }
}

fn sums(found: &Known) -> String {
    let sums = found.facts.sums.iter().map(|(algorithm, sum)| {
        let element = element(algorithm);
        format!("<{element}>{}</{element}>", crate::doors::xml::escaped(sum))
    });
    let kind = found.facts.sums.values().next().map(|sum| kind_of(sum));
    let kind = kind.map(|kind| format!("<ChecksumType>{kind}</ChecksumType>"));
    let sums: String = sums.chain(kind).collect();
    if sums.is_empty() { sums } else { format!("<Checksum>{sums}</Checksum>") }
}
