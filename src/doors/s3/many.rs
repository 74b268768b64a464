//! Deleting many objects by one request.

use super::fault::Fault;
use super::objects::{Wish, time_of};
use super::writing::conditions;
use super::{Asked, NAMESPACE, xml};
use crate::doors::xml::{Element, escaped};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpResponse, web};
use futures_util::stream::{self, StreamExt};

/// As many are named at most,
const KEYS_MAX: usize = 1_000;
/// and so many looked for at a time.
const AT_ONCE: usize = 16;

impl Asked<'_> {
    pub(super) async fn delete_many(
        &self,
        bucket: &str,
        body: web::Payload,
    ) -> Result<HttpResponse, Fault> {
        self.door.may_remove()?;
        let (document, _held) = self.take_xml(body, true).await?;
        let keys = keys(&document)?;
        self.bucket(bucket).await?;
        let is_quiet = document.text_of("Quiet").is_some_and(|quiet| quiet.trim() == "true");
        let outcomes = stream::iter(&keys).map(|(key, wish)| self.removed((bucket, key), wish));
        let outcomes: Vec<_> = outcomes.buffered(AT_ONCE).collect().await;
        let mut text = format!("<DeleteResult {NAMESPACE}>");
        for ((key, _), outcome) in keys.iter().zip(outcomes) {
            let key = escaped(key);
            match outcome {
                Ok(()) if is_quiet => {}
                Ok(()) => text.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>")),
                Err(Fault { code, text: why, .. }) => text.push_str(&format!(
                    "<Error><Key>{key}</Key><Code>{code}</Code><Message>{}</Message></Error>",
                    escaped(&why)
                )),
            }
        }
        text.push_str("</DeleteResult>");
        Ok(xml(text))
    }
}

/// Keys, and as what each must be there.
fn keys(document: &Element) -> Result<Vec<(String, Wish)>, Fault> {
    let objects = document.children().filter(|child| child.name == "Object");
    let keys: Option<Vec<_>> =
        objects.map(|object| Some((object.text_of("Key")?, wish(object)))).collect();
    let keys =
        keys.filter(|keys| document.name == "Delete" && (1..=KEYS_MAX).contains(&keys.len()));
    keys.ok_or_else(Fault::malformed_xml)
}

fn wish(object: &Element) -> Wish {
    let mut headers = HeaderMap::new();
    let tag = object.text_of("ETag").and_then(|tag| HeaderValue::from_str(tag.trim()).ok());
    tag.into_iter().for_each(|tag| headers.append(header::IF_MATCH, tag));
    Wish {
        tags: conditions(&headers),
        time: object.text_of("LastModifiedTime").and_then(|time| time_of(time.trim())),
        size: object.text_of("Size").and_then(|size| size.trim().parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_with_and_without_a_namespace() {
        let read = |text: &str| {
            let found = keys(&Element::parse(text.as_bytes()).unwrap());
            found.map(|keys| keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>())
        };
        let one = "<Object><Key>a &amp; b/</Key></Object>";
        assert_eq!(read(&format!("<Delete {NAMESPACE}>{one}</Delete>")).unwrap(), ["a & b/"]);
        assert_eq!(read(&format!("<Delete>{one}{one}</Delete>")).unwrap().len(), 2);
        for bad in ["<Delete/>", "<Other/>", "<Delete><Object/></Delete>"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("<Delete>{}</Delete>", one.repeat(KEYS_MAX + 1))).is_err());
    }
}
