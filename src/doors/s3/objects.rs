//! Objects: what is there, its content, and taking it away.

use super::buckets::date;
use super::combined::kind_of;
use super::fault::Fault;
use super::query::{Place, place};
use super::sums::PREFIX;
use super::writing::{Dates, KEPT, conditions, current, tag};
use super::{Asked, xml};
use crate::doors::error::DoorError;
use crate::doors::kept::Facts;
use crate::doors::opened::Opened;
use crate::doors::reply;
use crate::files::Node;
use crate::grid::Code;
use crate::grid::dirnode::Child;
use crate::http::conditions::{Conditions, Current, Outcome};
use crate::http::date::{http_date, parse_http_date};
use crate::http::mime;
use crate::http::range::Wanted;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An object that is there.
pub struct Known {
    pub child: Child,
    pub node: Node,
    pub size: u64,
    pub facts: Facts,
}

impl Known {
    /// Of what stands at a key, which is a file, or a directory where the key ends in a slash.
    pub fn of(door: &Opened, child: Child, is_directory: bool) -> Option<Self> {
        let (node, facts) = (door.files().node(&child.target), Facts::of(&child));
        let size = match &node {
            Node::File { size, .. } if !is_directory => *size,
            Node::Directory(_) if is_directory && facts.marker => 0,
            _ => return None,
        };
        Some(Self { child, node, size, facts })
    }

    pub fn tag(&self) -> String {
        tag(&self.child, &self.facts)
    }

    pub fn modified(&self) -> f64 {
        set(&self.child)
    }
}

/// When a link was set: what S3 has no other word for. What its user says of the content may be anything.
pub fn set(child: &Child) -> f64 {
    child.metadata.last_set().unwrap_or_default()
}

/// As what something must be there to be removed.
#[derive(Default)]
pub struct Wish {
    pub tags: Conditions,
    /// In whole seconds since 1970.
    pub time: Option<f64>,
    pub size: Option<u64>,
}

impl Wish {
    /// Of the headers of a request that is about one object.
    fn of(headers: &HeaderMap) -> Self {
        let said = |name: &str| headers.get(name)?.to_str().ok();
        Self {
            tags: conditions(headers),
            time: said("x-amz-if-match-last-modified-time").and_then(time_of),
            size: said("x-amz-if-match-size").and_then(|size| size.parse().ok()),
        }
    }

    fn allows(&self, child: Option<&Child>) -> bool {
        let time = child.map_or(0.0, |child| set(child).floor());
        let size = child.and_then(|child| child.target.known()?.size()).unwrap_or_default();
        self.tags.allow(&current(child))
            && self.time.is_none_or(|wanted| wanted == time)
            && self.size.is_none_or(|wanted| wanted == size)
    }
}

/// A time of HTTP, or of XML, in whole seconds since 1970; another text is a time that nothing has.
pub fn time_of(text: &str) -> Option<f64> {
    let xml =
        || OffsetDateTime::parse(text, &Rfc3339).ok().map(|time| time.unix_timestamp() as f64);
    parse_http_date(text).or_else(xml).or(Some(f64::NEG_INFINITY))
}

/// A key's place from the door's directory on.
pub fn path(bucket: &[String], key: &Place) -> Vec<String> {
    bucket.iter().chain(&key.names).cloned().collect()
}

impl Asked<'_> {
    /// The object of a key, which must be there.
    pub(super) async fn found(&self, (bucket, key): (&str, &str)) -> Result<Known, Fault> {
        let key = place(key)?;
        match self.door.object(&path(&[bucket.to_owned()], &key)).await {
            Ok(object) => {
                let metadata = object.link.map(|link| link.metadata).unwrap_or_default();
                let child = Child { target: object.target, metadata };
                Known::of(self.door, child, key.is_directory).ok_or_else(Fault::no_such_key)
            }
            Err(error) if is_missing(&error) => {
                self.bucket(bucket).await?;
                Err(Fault::no_such_key())
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn get(&self, at: (&str, &str)) -> Result<HttpResponse, Fault> {
        let found = self.found(at).await?;
        let (tag, time) = (found.tag(), found.modified());
        let part = self.wanted_part(&found)?;
        match self.judged(&tag, time) {
            Outcome::Met => {}
            Outcome::Unmet => return Err(Fault::unmet()),
            Outcome::Known => {
                let mut response = HttpResponse::NotModified();
                self.describe(&mut response, at.1, &found);
                return Ok(response.insert_header((header::ETAG, tag)).finish());
            }
        }
        let mut response = HttpResponse::Ok();
        self.describe(&mut response, at.1, &found);
        let (node, size) = (&found.node, found.size);
        let answer = match (node, part) {
            (Node::File { .. }, None) => {
                let content = (node, size, Some(tag.as_str()));
                reply::file(self.door, self.request, content, response).await?
            }
            (Node::File { .. }, Some(part)) => {
                response.insert_header((header::ETAG, tag));
                response.insert_header(("x-amz-mp-parts-count", found.facts.parts.count()));
                let content = (node, size, Wanted::Part(part));
                reply::part(self.door, self.request, content, response).await?
            }
            _ => response.insert_header((header::ETAG, tag)).finish(),
        };
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            let fault =
                Fault::new("InvalidRange", "The range begins behind the end of the object.");
            return Ok(fault.respond(self.request.uri().path()));
        }
        Ok(answer)
    }

    /// The part that is asked for by its number, of an object that came in parts.
    fn wanted_part(&self, found: &Known) -> Result<Option<Range<u64>>, Fault> {
        let Some(number) = self.query.number("partNumber")? else { return Ok(None) };
        if self.request.headers().contains_key(header::RANGE) {
            let text = "A part is asked for by its number or by a range, not by both.";
            return Err(Fault::new("InvalidRequest", text));
        }
        if found.facts.parts.is_empty() && number == 1 {
            return Ok(None);
        }
        let part = found.facts.parts.part(number, found.size);
        part.map(Some)
            .ok_or_else(|| Fault::new("InvalidPart", "The object has no part of this number."))
    }

    /// What the conditions of a request come to, those on dates included.
    fn judged(&self, tag: &str, time: f64) -> Outcome {
        let (headers, dates) = (self.request.headers(), Dates::of(self.request.headers()));
        match conditions(headers).judge(&Current::Tagged(tag.to_owned())) {
            Outcome::Met if !dates.allow(headers, time) => Outcome::Unmet,
            Outcome::Met if dates.know(headers, time) => Outcome::Known,
            outcome => outcome,
        }
    }

    /// What is said of an object beside its content.
    fn describe(&self, response: &mut HttpResponseBuilder, key: &str, known: &Known) {
        let facts = &known.facts;
        let name = key.rsplit('/').next();
        let guessed = || match facts.md5 {
            Some(_) => "binary/octet-stream".to_owned(),
            None => mime::guess(name).to_owned(),
        };
        let kind = facts.kind.clone().unwrap_or_else(guessed);
        put(response, "content-type", &kind);
        http_date(known.modified()).iter().for_each(|date| put(response, "last-modified", date));
        for name in KEPT {
            facts.headers.get(name).iter().for_each(|value| put(response, name, value));
        }
        for (name, value) in &facts.meta {
            put(response, &format!("x-amz-meta-{name}"), value);
        }
        let wants_sums = self.header("x-amz-checksum-mode").is_some_and(|mode| mode == "ENABLED");
        let is_whole =
            !self.request.headers().contains_key(header::RANGE) && !self.query.has("partNumber");
        if wants_sums && is_whole {
            for (name, sum) in &facts.sums {
                put(response, &format!("{PREFIX}{name}"), sum);
                put(response, &format!("{PREFIX}type"), kind_of(sum));
            }
        }
        for name in ["type", "language", "disposition", "encoding"] {
            if let Some(value) = self.query.get(&format!("response-content-{name}")) {
                put(response, &format!("content-{name}"), value);
            }
        }
        for name in ["cache-control", "expires"] {
            if let Some(value) = self.query.get(&format!("response-{name}")) {
                put(response, name, value);
            }
        }
    }

    pub(super) async fn delete(&self, (bucket, key): (&str, &str)) -> Result<HttpResponse, Fault> {
        self.removed((bucket, key), &Wish::of(self.request.headers())).await?;
        Ok(HttpResponse::NoContent().finish())
    }

    /// Removes the object of a key, if there is one and it is as is wanted; that there is none is no
    /// mistake.
    pub(super) async fn removed(
        &self,
        (bucket, key): (&str, &str),
        wish: &Wish,
    ) -> Result<(), Fault> {
        self.door.may_remove()?;
        let key = place(key)?;
        let path = path(&[bucket.to_owned()], &key);
        let was_there = AtomicBool::new(false);
        let holds = |child: Option<&Child>| {
            let is_it = child.is_some_and(|child| {
                Known::of(self.door, child.clone(), key.is_directory).is_some()
            });
            was_there.store(is_it, Relaxed);
            is_it && wish.allows(child)
        };
        let removed = match key.is_directory {
            false => self.door.remove(&path, Some(&holds)).await.map(|_| ()),
            // One that is a key of its own may have others in it; then only its mark goes.
            true => match self.door.remove_empty(&path, &holds).await {
                Ok(false) => return self.unmark(&path, &holds).await,
                removed => removed.map(|_| ()),
            },
        };
        match removed {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => self.bucket(bucket).await.map(|_| ()),
            Err(error) if error.code() == Code::Unmet && !was_there.load(Relaxed) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// 200 with what was done, in a document.
    pub(super) fn done(root: &str, fields: &[(&str, &str)]) -> HttpResponse {
        let mut text = format!("<{root} {}>", super::NAMESPACE);
        for (name, value) in fields {
            text.push_str(&format!("<{name}>{}</{name}>", crate::doors::xml::escaped(value)));
        }
        text.push_str(&format!("</{root}>"));
        xml(text)
    }

    /// The answer to a copy.
    pub(super) fn copied(
        root: &str,
        tag: &str,
        time: f64,
        sum: Option<(&str, &str)>,
    ) -> HttpResponse {
        let date = date(time);
        let fields: Vec<_> =
            [("LastModified", date.as_str()), ("ETag", tag)].into_iter().chain(sum).collect();
        Self::done(root, &fields)
    }
}

/// Whether an error says that nothing is there.
pub fn is_missing(error: &DoorError) -> bool {
    matches!(error.code(), Code::NoSuchChild | Code::NotADirectory | Code::NotFound)
}

/// A header, as far as its name and value are some.
pub fn put(response: &mut HttpResponseBuilder, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        response.insert_header((name, value));
    }
}
