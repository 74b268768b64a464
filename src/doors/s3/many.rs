//! Deleting many objects by one request.

use super::fault::Fault;
use super::{Asked, NAMESPACE, xml};
use crate::doors::xml::{Element, escaped};
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
        let document = self.take_xml(body).await?;
        let keys = keys(&document)?;
        self.bucket(bucket).await?;
        let is_quiet = document.text_of("Quiet").is_some_and(|quiet| quiet.trim() == "true");
        let outcomes = stream::iter(&keys).map(|key| self.removed((bucket, key)));
        let outcomes: Vec<_> = outcomes.buffered(AT_ONCE).collect().await;
        let mut text = format!("<DeleteResult {NAMESPACE}>");
        for (key, outcome) in keys.iter().zip(outcomes) {
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

fn keys(document: &Element) -> Result<Vec<String>, Fault> {
    let objects = document.children().filter(|child| child.name == "Object");
    let keys: Option<Vec<String>> = objects.map(|object| object.text_of("Key")).collect();
    let keys =
        keys.filter(|keys| document.name == "Delete" && (1..=KEYS_MAX).contains(&keys.len()));
    keys.ok_or_else(Fault::malformed_xml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_with_and_without_a_namespace() {
        let read = |text: &str| keys(&Element::parse(text.as_bytes()).unwrap());
        let one = "<Object><Key>a &amp; b/</Key></Object>";
        assert_eq!(read(&format!("<Delete {NAMESPACE}>{one}</Delete>")).unwrap(), ["a & b/"]);
        assert_eq!(read(&format!("<Delete>{one}{one}</Delete>")).unwrap().len(), 2);
        for bad in ["<Delete/>", "<Other/>", "<Delete><Object/></Delete>"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("<Delete>{}</Delete>", one.repeat(KEYS_MAX + 1))).is_err());
    }
}
