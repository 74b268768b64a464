//! What a request is about: its bucket and key, and what its query says.

use super::fault::Fault;
use crate::base::limits::{FORM_FIELDS_MAX, PATH_MAX};
use crate::doors::xml::is_written;
use crate::files::address::{nfc, percent_decode};
use actix_web::HttpRequest;

/// The fields of a query, decoded, in their order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let bad = |_| Fault::argument("The query is not percent-encoded UTF-8.");
        let decode = |part: &str| percent_decode(&part.replace('+', " ")).map_err(bad);
        let fields = text.split('&').filter(|field| !field.is_empty());
        let mut query = Self::default();
        for field in fields {
            if query.0.len() >= FORM_FIELDS_MAX {
                return Err(Fault::argument("The query has too many fields."));
            }
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            query.0.push((decode(name)?, decode(value)?));
        }
        Ok(query)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A number, where the query has one.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Fault> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let wrong = |_| Fault::argument(format!("{name} is not a number from 0 on."));
        text.parse().map(Some).map_err(wrong)
    }

    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A bucket, and a key in it, as they were asked for. Neither needs to be there.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Target {
    pub bucket: Option<String>,
    pub key: Option<String>,
}

impl Target {
    /// By the path, or by the host's first part where that ends in one of `hosts`, if the host is signed.
    pub fn of(request: &HttpRequest, hosts: Option<&[String]>) -> Result<Self, Fault> {
        let bad = |_| Fault::argument("The path is not percent-encoded UTF-8.");
        let path = percent_decode(request.uri().path()).map_err(bad)?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let host = request.headers().get("host").and_then(|host| host.to_str().ok());
        match host.zip(hosts).and_then(|(host, hosts)| bucket_of(host, hosts)) {
            Some(bucket) => Ok(Self { bucket: Some(bucket), key: some(path) }),
            None => Ok(Self::at(path)),
        }
    }

    /// `BUCKET/KEY`.
    pub fn at(path: &str) -> Self {
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        Self { bucket: some(bucket), key: some(key).filter(|_| !bucket.is_empty()) }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// `photos` of `photos.localhost:3480`.
fn bucket_of(host: &str, hosts: &[String]) -> Option<String> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let known = || hosts.iter().map(String::as_str).chain(["localhost"]);
    if known().any(|known| known == name) {
        return None;
    }
    let mut buckets = known().filter_map(|known| name.strip_suffix(known)?.strip_suffix('.'));
    buckets.find(|bucket| !bucket.is_empty()).map(str::to_owned)
}

/// Where a key is: its names, and whether it ends in a slash, so that it is a directory's.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub names: Vec<String>,
    pub is_directory: bool,
}

/// The path of a key below its bucket. Keys that are no paths of this grid are refused, each with why:
/// what would be stored under another name could not be found again.
pub fn place(key: &str) -> Result<Place, Fault> {
    let refuse = |why: &str| Err(Fault::argument(format!("This key cannot be stored: {why}.")));
    let (path, is_directory) = match key.strip_suffix('/') {
        Some(path) => (path, true),
        None => (key, false),
    };
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" => return refuse("a part of it between slashes is empty"),
            "." | ".." => return refuse("a part of it is a dot or two"),
            _ if !name.chars().all(is_written) => {
                return refuse("it has a letter that XML cannot write");
            }
            _ => {}
        }
        match nfc(name) {
            Ok(normal) if normal == name => names.push(normal),
            Ok(_) => return refuse("it is not in Unicode's normal form C"),
            Err(_) => return Err(Fault::new("KeyTooLongError", "A part of the key is too long.")),
        }
    }
    if names.len() >= PATH_MAX {
        return Err(Fault::new("KeyTooLongError", "The key has too many slashes."));
    }
    Ok(Place { names, is_directory })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_bucket_and_a_key() {
        let target = |bucket: &str, key: &str| Target { bucket: some(bucket), key: some(key) };
        assert_eq!(Target::at(""), target("", ""));
        assert_eq!(Target::at("a"), target("a", ""));
        assert_eq!(Target::at("a/"), target("a", ""));
        assert_eq!(Target::at("a/b/c/"), target("a", "b/c/"));
        assert_eq!(Target::at("/b"), target("", ""));
    }

    #[test]
    fn a_host_may_name_the_bucket() {
        let hosts = ["s3.example.org".to_owned(), "nas.s3.example.org".to_owned()];
        for (host, bucket) in [
            ("photos.localhost:3480", Some("photos")),
            ("a.b.s3.example.org", Some("a.b")),
            ("localhost:3480", None),
            ("127.0.0.1:3480", None),
            ("s3.example.org", None),
            ("nas.s3.example.org", None),
            (".localhost", None),
            ("evil.example.net", None),
        ] {
            assert_eq!(bucket_of(host, &hosts).as_deref(), bucket, "{host}");
        }
    }

    #[test]
    fn keys_that_are_no_paths_are_refused() {
        let placed = place("a/b c/").unwrap();
        assert_eq!((placed.names, placed.is_directory), (vec!["a".into(), "b c".into()], true));
        for bad in [
            "",
            "/",
            "/a",
            "a//b",
            "a/../b",
            ".",
            "a\0",
            "a\u{1}",
            "u\u{308}",
            &"a/".repeat(PATH_MAX),
        ] {
            assert!(place(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("list-type=2&prefix=a%2Fb+c&acl&max-keys=x").unwrap();
        assert_eq!(query.get("prefix"), Some("a/b c"));
        assert!(query.has("acl") && !query.has("policy"));
        assert_eq!(query.number("list-type"), Ok(Some(2)));
        assert!(query.number("max-keys").is_err());
        assert!(Query::parse("a=%zz").is_err());
    }
}
