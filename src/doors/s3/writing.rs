//! Storing objects and copying them: what their sender says is kept with the link, and conditions hold at
//! the moment of the change.

use super::Asked;
use super::fault::Fault;
use super::objects::{Known, path, put};
use super::query::{Place, Target, place};
use super::sums::{PREFIX, Sums};
use super::taken::Taken;
use crate::base::limits::OBJECT_META_MAX;
use crate::cap::Cap;
use crate::doors::error::DoorError;
use crate::doors::kept::Facts;
use crate::doors::opened::Opened;
use crate::files::address::percent_decode;
use crate::files::{Node, Spot};
use crate::grid::dirnode::{Child, Condition, Replace, Target as Link};
use crate::http::conditions::{Conditions, Current};
use crate::http::date::parse_http_date;
use crate::http::tag::entity_tag;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const META: &str = "x-amz-meta-";
/// Headers that are given back as they came.
pub const KEPT: [&str; 5] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "expires"];

/// The entity tag of a file: the MD5 that was known when it came, else something that no program takes
/// for one.
pub fn tag(child: &Child, facts: &Facts) -> String {
    match (&facts.md5, child.target.known()) {
        (Some(md5), _) => format!("\"{md5}\""),
        (None, Some(cap)) => format!("\"{}-0\"", entity_tag(cap, "").trim_matches('"')),
        (None, None) => "\"0-0\"".to_owned(),
    }
}

/// What conditions on a key are held against.
pub fn current(child: Option<&Child>) -> Current {
    match child {
        None => Current::Nothing,
        Some(child) => match Facts::of(child) {
            // It is no key, whatever keys begin so.
            facts if child.target.is_directory() && !facts.marker => Current::Nothing,
            facts => Current::Tagged(tag(child, &facts)),
        },
    }
}

/// The conditions of a request. S3 takes tags without their quotes as well.
pub fn conditions(headers: &HeaderMap) -> Conditions {
    let mut quoted = HeaderMap::new();
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        for value in headers.get_all(&name) {
            let text = value.to_str().unwrap_or_default().trim();
            let bare = text != "*" && !text.contains('"');
            let value = match header::HeaderValue::from_str(&format!("\"{text}\"")) {
                Ok(quoted) if bare => quoted,
                _ => value.clone(),
            };
            quoted.append(name.clone(), value);
        }
    }
    Conditions::of(&quoted)
}

/// Conditions on the time of the last change; they count where there is none on tags.
pub struct Dates {
    since: Option<f64>,
    unless: Option<f64>,
}

impl Dates {
    pub fn of(headers: &HeaderMap) -> Self {
        let date = |name| parse_http_date(headers.get(name)?.to_str().ok()?);
        Self { since: date(header::IF_UNMODIFIED_SINCE), unless: date(header::IF_MODIFIED_SINCE) }
    }

    pub fn allow(&self, headers: &HeaderMap, time: f64) -> bool {
        let counts = !headers.contains_key(header::IF_MATCH);
        self.since.filter(|_| counts).is_none_or(|since| time.floor() <= since)
    }

    /// Whether its sender has what is there.
    pub fn know(&self, headers: &HeaderMap, time: f64) -> bool {
        let counts = !headers.contains_key(header::IF_NONE_MATCH);
        self.unless.filter(|_| counts).is_some_and(|unless| time.floor() <= unless)
    }
}

/// What headers say of an object.
pub fn said(headers: &HeaderMap) -> Result<Facts, Fault> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (mut meta, mut bytes) = (BTreeMap::new(), 0);
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(META) else { continue };
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| {
            Fault::argument(format!("The value of {META}{name} is not UTF-8: encode it."))
        })?;
        bytes += name.len() + value.len();
        meta.insert(name.to_owned(), value.to_owned());
    }
    let mut kept = BTreeMap::new();
    for name in KEPT {
        let value = text(name).map(|value| match name {
            "content-encoding" => encoding(value),
            _ => value.to_owned(),
        });
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            bytes += value.len();
            kept.insert(name.to_owned(), value);
        }
    }
    let kind = text("content-type").map(str::to_owned);
    bytes += kind.as_ref().map_or(0, String::len);
    if bytes > OBJECT_META_MAX {
        let text = format!("At most {OBJECT_META_MAX} bytes of metadata are kept.");
        return Err(Fault::new("MetadataTooLarge", text));
    }
    Ok(Facts { kind, meta, headers: kept, ..Facts::default() })
}

/// An encoding of the content, without that of its transport.
fn encoding(value: &str) -> String {
    let parts = value.split(',').map(str::trim).filter(|part| *part != "aws-chunked");
    parts.collect::<Vec<_>>().join(", ")
}

/// What is said of the link itself: the time that rclone and others keep among the metadata.
pub fn link_metadata(facts: &Facts) -> Map<String, Value> {
    let time = facts.meta.get("mtime").and_then(|time| time.parse::<f64>().ok());
    let time = time.and_then(serde_json::Number::from_f64);
    time.map(|time| ("mtime".to_owned(), Value::Number(time))).into_iter().collect()
}

impl Sums {
    /// Kept with the link.
    pub(super) fn keep(&self, facts: Facts) -> Facts {
        let sums = self.others.iter().map(|(name, sum)| ((*name).to_owned(), sum.clone()));
        Facts { md5: Some(self.md5_hex()), sums: sums.collect(), ..facts }
    }
}

impl Asked<'_> {
    pub(super) async fn put(
        &self,
        (bucket, key): (&str, &str),
        body: web::Payload,
    ) -> Result<HttpResponse, Fault> {
        let (place, facts) = (place(key)?, said(self.request.headers())?);
        let spot = self.spot(bucket, &place).await?;
        let Taken { body, sums } = self.take(body).await?;
        let facts = sums.keep(facts);
        if place.is_directory {
            if body.content.size() > 0 {
                return Err(Fault::argument(
                    "A key that ends in a slash is a directory, and has no content.",
                ));
            }
            self.mark(&path(&[bucket.to_owned()], &place), facts).await?;
        } else {
            let cap = self.door.store(body).await?;
            self.link(spot, cap, facts).await?;
        }
        let mut response = HttpResponse::Ok();
        response.insert_header((header::ETAG, format!("\"{}\"", sums.md5_hex())));
        for (name, sum) in &sums.others {
            put(&mut response, &format!("{PREFIX}{name}"), sum);
        }
        Ok(response.finish())
    }

    /// Where a key's object goes, looked at before anything comes: a bucket that is not there, a key that
    /// cannot be and conditions that do not hold now are told at once.
    pub(super) async fn spot(&self, bucket: &str, key: &Place) -> Result<Spot, Fault> {
        self.may_add()?;
        let path = path(&[bucket.to_owned()], key);
        let found = self.door.find(&path, crate::files::For::Making).await?;
        let was = match &found {
            crate::files::Found::Object(object) => Some(Child {
                target: object.target.clone(),
                metadata: object
                    .link
                    .as_ref()
                    .map(|link| link.metadata.clone())
                    .unwrap_or_default(),
            }),
            crate::files::Found::Missing { .. } => None,
        };
        let spot = Spot::of(found).map_err(DoorError::from)?;
        if spot.missing().len() + 1 == path.len() {
            return Err(Fault::no_such_bucket());
        }
        match was.as_ref().map(|was| was.target.is_directory()) {
            Some(true) if !key.is_directory => {
                let text = "A directory has this name: other keys begin with it and a slash.";
                return Err(Fault::new("OperationAborted", text));
            }
            Some(false) if key.is_directory => {
                let text = "An object has this name without the slash.";
                return Err(Fault::new("OperationAborted", text));
            }
            _ => {}
        }
        self.check_conditions(was.as_ref())?;
        Ok(spot)
    }

    fn check_conditions(&self, was: Option<&Child>) -> Result<(), Fault> {
        let headers = self.request.headers();
        if was.is_none() && headers.contains_key(header::IF_MATCH) {
            return Err(Fault::no_such_key());
        }
        match conditions(headers).allow(&current(was)) {
            true if was.is_some() && self.only_adds() => Err(DoorError::AppendOnly.into()),
            true => Ok(()),
            false => Err(Fault::unmet()),
        }
    }

    /// Links a file at its key.
    pub(super) async fn link(&self, spot: Spot, cap: Cap, facts: Facts) -> Result<(), Fault> {
        let wanted = conditions(self.request.headers());
        let holds = |child: Option<&Child>| wanted.allow(&current(child));
        let metadata = link_metadata(&facts);
        let metadata = facts.put(&cap, metadata);
        self.door.put(spot, (cap, metadata), &holds).await?;
        Ok(())
    }

    /// Makes a directory that is a key of its own.
    async fn mark(&self, path: &[String], facts: Facts) -> Result<(), Fault> {
        let is_new = self.door.is_missing(path).await?;
        self.door.make_dirs(path).await?;
        // What only adds may still say what it has just made.
        let door = if is_new { self.door.removing() } else { self.door.clone() };
        let wanted = conditions(self.request.headers());
        let holds = |child: Option<&Child>| wanted.allow(&current(child));
        self.set_mark(&door, path, Facts { marker: true, ..facts }, &holds).await
    }

    /// What is left of such a key when others are in the directory.
    pub(super) async fn unmark(&self, path: &[String], holds: Condition<'_>) -> Result<(), Fault> {
        match self.set_mark(self.door, path, Facts::default(), holds).await {
            // There is no such key.
            Err(fault) if fault.code == "PreconditionFailed" => {
                match conditions(self.request.headers()).are_there() {
                    true => Err(fault),
                    false => Ok(()),
                }
            }
            outcome => outcome,
        }
    }

    async fn set_mark(
        &self,
        door: &Opened,
        path: &[String],
        facts: Facts,
        holds: Condition<'_>,
    ) -> Result<(), Fault> {
        let object = door.object(path).await?;
        let (Link::Known(cap), Some(link)) = (object.target, object.link) else { return Ok(()) };
        let metadata = facts.put(&cap, link.metadata.map());
        let same = |child: Option<&Child>| {
            child.is_some_and(|child| child.target.known() == Some(&cap)) && holds(child)
        };
        let spot = Spot::instead(link).map_err(DoorError::from)?;
        let target = (Link::Known(cap.clone()), metadata);
        door.link(spot, target, Replace::Yes, &same).await?;
        Ok(())
    }

    pub(super) async fn copy(&self, (bucket, key): (&str, &str)) -> Result<HttpResponse, Fault> {
        let to = place(key)?;
        let (from, source) = self.source().await?;
        let replaces = self.header("x-amz-metadata-directive") == Some("REPLACE");
        if !replaces && from == (Target { bucket: Some(bucket.into()), key: Some(key.into()) }) {
            return Err(Fault::new(
                "InvalidRequest",
                "A copy onto itself changes nothing without the directive REPLACE.",
            ));
        }
        let facts = match replaces {
            false => source.facts.clone(),
            true => {
                let said = said(self.request.headers())?;
                let Facts { md5, sums, parts, .. } = source.facts.clone();
                Facts { md5, sums, parts, ..said }
            }
        };
        let tag = source.tag();
        let spot = self.spot(bucket, &to).await?;
        match (&source.node, to.is_directory) {
            (Node::Directory(_), true) => {
                self.mark(&path(&[bucket.to_owned()], &to), facts).await?;
            }
            (Node::File { cap, .. }, false) => self.link(spot, cap.clone(), facts).await?,
            _ => return Err(Fault::argument("A directory is no file, nor a file a directory.")),
        }
        Ok(Self::copied("CopyObjectResult", &tag, self.now as f64, None))
    }

    /// What is to be copied, if the conditions on it hold.
    pub(super) async fn source(&self) -> Result<(Target, Known), Fault> {
        let text = self.header("x-amz-copy-source").unwrap_or_default();
        let text = text.strip_suffix("?versionId=null").unwrap_or(text);
        if text.contains("?versionId=") {
            return Err(Fault::not_implemented("A version of an object"));
        }
        let bad = |_| Fault::argument("The source is not percent-encoded UTF-8.");
        let text = percent_decode(text).map_err(bad)?;
        let target = Target::at(text.strip_prefix('/').unwrap_or(&text));
        let (Some(bucket), Some(key)) = (&target.bucket, &target.key) else {
            return Err(Fault::argument("The source is not a bucket and a key."));
        };
        let known = self.found((bucket, key)).await?;
        let mut headers = HeaderMap::new();
        for (name, value) in self.request.headers() {
            let name = name.as_str().strip_prefix("x-amz-copy-source-");
            if let Some(name) = name.and_then(|name| header::HeaderName::try_from(name).ok()) {
                headers.append(name, value.clone());
            }
        }
        let (tag, dates) = (Current::Tagged(known.tag()), Dates::of(&headers));
        let time = known.modified();
        let holds = conditions(&headers).allow(&tag)
            && dates.allow(&headers, time)
            && !dates.know(&headers, time);
        match holds {
            true => Ok((target, known)),
            false => Err(Fault::unmet()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::headers;
    use super::*;

    #[test]
    fn what_headers_say_is_kept_but_for_how_the_body_came() {
        let facts = said(&headers(&[
            ("content-type", "text/x"),
            ("content-encoding", "aws-chunked,gzip"),
            ("x-amz-meta-mtime", "1369353600.5"),
            ("x-amz-meta-a", "b"),
            ("x-amz-acl", "private"),
        ]))
        .unwrap();
        assert_eq!(facts.kind.as_deref(), Some("text/x"));
        assert_eq!(facts.headers.get("content-encoding").unwrap(), "gzip");
        assert_eq!(facts.meta.len(), 2);
        assert_eq!(link_metadata(&facts).get("mtime"), Some(&serde_json::json!(1_369_353_600.5)));
        let long = "x".repeat(OBJECT_META_MAX);
        assert_eq!(
            said(&headers(&[("x-amz-meta-a", &long)])).unwrap_err().code,
            "MetadataTooLarge"
        );
    }

    #[test]
    fn dates_count_where_no_tags_do() {
        let date = "Fri, 24 May 2013 00:00:00 GMT";
        let (before, then, after) = (1_369_353_599.0, 1_369_353_600.9, 1_369_353_601.0);
        let since = headers(&[("if-unmodified-since", date)]);
        let dates = Dates::of(&since);
        assert_eq!([before, then, after].map(|t| dates.allow(&since, t)), [true, true, false]);
        let unless = headers(&[("if-modified-since", date)]);
        let dates = Dates::of(&unless);
        assert_eq!([before, then, after].map(|t| dates.know(&unless, t)), [true, true, false]);
        let both = headers(&[("if-modified-since", date), ("if-none-match", "\"x\"")]);
        assert!(!Dates::of(&both).know(&both, before));
    }
}
