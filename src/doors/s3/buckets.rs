//! Buckets: directories in the door's own.

use super::fault::Fault;
use super::list::is_empty;
use super::objects::set;
use super::query::Query;
use super::{Asked, NAMESPACE, xml};
use crate::doors::opened;
use crate::doors::xml::escaped;
use crate::files::Node;
use crate::grid::Code;
use crate::http::date::iso_date;
use actix_web::HttpResponse;

/// What may be asked about a bucket or an object beside what is in it.
const SETTINGS: [&str; 25] = [
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "retention",
    "tagging",
    "versioning",
    "website",
];

/// A setting that a query is about.
pub fn unknown(query: &Query) -> Option<&'static str> {
    const MORE: [&str; 3] = ["restore", "select", "torrent"];
    let version = query.get("versionId").filter(|id| *id != "null").map(|_| "versionId");
    version.or_else(|| SETTINGS.into_iter().chain(MORE).find(|name| query.has(name)))
}

/// Whether a query is about more than the bucket itself.
pub fn is_about_more(query: &Query) -> bool {
    unknown(query).is_some() || query.has("versions") || query.has("uploads")
}

/// `2026-11-30T08:00:00.000Z`.
pub fn date(seconds: f64) -> String {
    iso_date(seconds).map(|date| date + ".000Z").unwrap_or_default()
}

impl Asked<'_> {
    pub(super) async fn list_buckets(&self) -> Result<HttpResponse, Fault> {
        let listing = self.door.list(&[]).await?;
        let mut text = format!("<ListAllMyBucketsResult {NAMESPACE}>");
        text.push_str("<Owner><ID>door</ID><DisplayName>door</DisplayName></Owner><Buckets>");
        for entry in &listing.entries {
            if let Node::Directory(_) = self.door.files().node(&entry.child.target) {
                let made = date(set(&entry.child));
                let name = escaped(&entry.name);
                text.push_str(&format!(
                    "<Bucket><Name>{name}</Name><CreationDate>{made}</CreationDate></Bucket>"
                ));
            }
        }
        text.push_str("</Buckets></ListAllMyBucketsResult>");
        Ok(xml(text))
    }

    /// Refuses a bucket that is not there.
    pub(super) async fn bucket(&self, bucket: &str) -> Result<Vec<String>, Fault> {
        let name = opened::name(bucket).map_err(|_| Fault::no_such_bucket())?;
        let path = vec![name];
        match self.door.node(&path).await {
            Ok(Node::Directory(_)) => Ok(path),
            Ok(_) => Err(Fault::no_such_bucket()),
            Err(error) if error.code() == Code::NoSuchChild => Err(Fault::no_such_bucket()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn head_bucket(&self, bucket: &str) -> Result<HttpResponse, Fault> {
        self.bucket(bucket).await?;
        Ok(HttpResponse::Ok().insert_header(("x-amz-bucket-region", "us-east-1")).finish())
    }

    pub(super) async fn create_bucket(&self, bucket: &str) -> Result<HttpResponse, Fault> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let first = bucket.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(fine) || !first {
            let text = "Buckets have 3 to 63 letters, digits, dots and hyphens.";
            return Err(Fault::new("InvalidBucketName", text));
        }
        // As in us-east-1, making a bucket of one's own again is no mistake.
        let made = self.door.make_dirs(&[bucket.to_owned()]).await;
        made.map_err(|error| match error.code() {
            Code::NotADirectory | Code::InTheWay => {
                Fault::new("OperationAborted", "A file has this name.")
            }
            _ => error.into(),
        })?;
        Ok(HttpResponse::Ok().insert_header(("Location", format!("/{bucket}"))).finish())
    }

    /// Removes a bucket with no objects in it; directories without any are none.
    pub(super) async fn delete_bucket(&self, bucket: &str) -> Result<HttpResponse, Fault> {
        let path = self.bucket(bucket).await?;
        self.door.may_remove()?;
        if !is_empty(self.door, &path).await? {
            return Err(not_empty());
        }
        let removed = self.door.remove(&path, None).await?;
        // Something may have come while it went.
        if let Some(cap) = removed.target.known()
            && !is_empty(&self.door.at(cap), &[]).await?
        {
            self.door.put_back(&path, removed).await?;
            return Err(not_empty());
        }
        Ok(HttpResponse::NoContent().finish())
    }

    /// What a bucket says of itself where a query asks for it.
    pub(super) async fn said_of_bucket(&self, bucket: &str) -> Result<Option<HttpResponse>, Fault> {
        let Some(what) = unknown(&self.query) else { return Ok(None) };
        self.bucket(bucket).await?;
        let text = match what {
            "location" => format!("<LocationConstraint {NAMESPACE}/>"),
            "versioning" => format!("<VersioningConfiguration {NAMESPACE}/>"),
            "requestPayment" => format!(
                "<RequestPaymentConfiguration {NAMESPACE}><Payer>BucketOwner</Payer>\
                 </RequestPaymentConfiguration>"
            ),
            "acl" => acl(),
            other => return Err(absent(other)),
        };
        Ok(Some(xml(text)))
    }

    /// The same of an object.
    pub(super) async fn said_of_object(
        &self,
        what: &str,
        (bucket, key): (&str, &str),
    ) -> Result<HttpResponse, Fault> {
        if *self.request.method() != actix_web::http::Method::GET || what == "versionId" {
            return Err(Fault::not_implemented("This setting of an object"));
        }
        self.found((bucket, key)).await?;
        match what {
            "acl" => Ok(xml(acl())),
            "tagging" => Ok(xml(format!("<Tagging {NAMESPACE}><TagSet/></Tagging>"))),
            other => Err(absent(other)),
        }
    }
}

fn not_empty() -> Fault {
    Fault::new("BucketNotEmpty", "There are objects in it, or what is none here.")
}

/// Whoever has the key may do all that the door may.
fn acl() -> String {
    let owner = "<ID>door</ID><DisplayName>door</DisplayName>";
    format!(
        "<AccessControlPolicy {NAMESPACE}><Owner>{owner}</Owner><AccessControlList><Grant>\
         <Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:type=\"CanonicalUser\">{owner}</Grantee><Permission>FULL_CONTROL</Permission>\
         </Grant></AccessControlList></AccessControlPolicy>"
    )
}

/// How S3 says that something was never set; what has no such word is not there at all.
fn absent(what: &str) -> Fault {
    let code = match what {
        "cors" => "NoSuchCORSConfiguration",
        "encryption" => "ServerSideEncryptionConfigurationNotFoundError",
        "lifecycle" => "NoSuchLifecycleConfiguration",
        "object-lock" => "ObjectLockConfigurationNotFoundError",
        "ownershipControls" => "OwnershipControlsNotFoundError",
        "policy" => "NoSuchBucketPolicy",
        "publicAccessBlock" => "NoSuchPublicAccessBlockConfiguration",
        "replication" => "ReplicationConfigurationNotFoundError",
        "tagging" => "NoSuchTagSet",
        "website" => "NoSuchWebsiteConfiguration",
        _ => return Fault::not_implemented("This setting"),
    };
    Fault::new(code, "There is none.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_xml() {
        assert_eq!(date(1_369_353_600.9), "2013-05-24T00:00:00.000Z");
        assert_eq!(date(f64::NAN), "");
    }
}
