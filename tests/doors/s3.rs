//! S3: signed requests, keys in their order, conditions, parts (`scripts/doors_s3.py` runs the programs).

use super::house::{Answer, House};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};
use std::collections::BTreeMap;
use tahoe::files::address::percent_encode;
use time::OffsetDateTime;
use time::macros::format_description;

fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

/// A request to a door, signed so many seconds from now.
struct Signed<'a> {
    door: &'a str,
    late: i64,
    method: &'a str,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
}

impl Default for Signed<'_> {
    fn default() -> Self {
        Self { door: "all", late: 0, method: "GET", path: "/", query: &[], headers: &[], body: "" }
    }
}

impl Signed<'_> {
    fn request(&self, house: &House) -> TestRequest {
        let secret = house.secret(self.door);
        let now = i64::try_from(house.clock.now()).unwrap() + self.late;
        let now = OffsetDateTime::from_unix_timestamp(now).unwrap();
        let day = now.format(format_description!("[year][month][day]")).unwrap();
        let time = format_description!("[year][month][day]T[hour][minute][second]Z");
        let time = now.format(time).unwrap();
        let hash = sha256(self.body);
        let mut headers = BTreeMap::from([
            ("host", "localhost"),
            ("x-amz-content-sha256", hash.as_str()),
            ("x-amz-date", time.as_str()),
        ]);
        headers.extend(self.headers.iter().copied());
        let names: Vec<&str> = headers.keys().copied().collect();
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let mut fields: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
            .collect();
        fields.sort();
        let (fields, names) = (fields.join("&"), names.join(";"));
        let path: Vec<String> = self.path.split('/').map(percent_encode).collect();
        let path = path.join("/");
        let canonical = format!("{}\n{path}\n{fields}\n{lines}\n{names}\n{hash}", self.method);
        let scope = format!("{day}/anywhere/s3/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
        let mut key = format!("AWS4{}", secret.secret_access_key()).into_bytes();
        for part in [day.as_str(), "anywhere", "s3", "aws4_request", &text] {
            key = sign(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            secret.access_key_id(),
            HEXLOWER.encode(&key)
        );
        let mut request = TestRequest::with_uri(&format!("{path}?{fields}"))
            .method(Method::from_bytes(self.method.as_bytes()).unwrap())
            .insert_header(("content-length", self.body.len().to_string()))
            .insert_header(("authorization", authorization))
            .set_payload(self.body.to_owned());
        for header in headers {
            request = request.insert_header(header);
        }
        request
    }
}

impl House {
    async fn s3(&self, signed: Signed<'_>) -> Answer {
        self.send(signed.request(self)).await
    }

    async fn stored(&self, path: &str, body: &str) {
        let put = self.s3(Signed { method: "PUT", path, body, ..Signed::default() }).await;
        assert_eq!(put.status, 200, "{path}: {}", put.body);
    }

    async fn got(&self, path: &str) -> Answer {
        self.s3(Signed { path, ..Signed::default() }).await
    }
}

/// What stands in all elements of this name.
fn all<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    document
        .split(begin.as_str())
        .skip(1)
        .map(|rest| rest.split(end.as_str()).next().unwrap())
        .collect()
}

#[actix_rt::test]
async fn keys_come_in_the_order_of_their_bytes_page_by_page() {
    let house = House::new().await;
    house.stored("/bucket", "").await;
    let keys = ["a-", "a.txt", "a/b", "a/c/d", "a0", "b"];
    for key in keys.iter().rev() {
        house.stored(&format!("/bucket/{key}"), key).await;
    }
    for size in ["1", "2", "1000"] {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let query = [("list-type", "2"), ("max-keys", size), ("continuation-token", &token)];
            let page =
                house.s3(Signed { path: "/bucket", query: &query, ..Signed::default() }).await;
            found.extend(all(&page.body, "Key").iter().map(|&key| key.to_owned()));
            match all(&page.body, "NextContinuationToken").first() {
                Some(next) => token = (*next).to_owned(),
                None => break,
            }
        }
        assert_eq!(found, keys, "{size} at once");
    }
    let query = [("delimiter", "/"), ("marker", "a.txt")];
    let page = house.s3(Signed { path: "/bucket", query: &query, ..Signed::default() }).await.body;
    assert_eq!(
        (all(&page, "Key"), all(&page, "CommonPrefixes")),
        (vec!["a0", "b"], vec!["<Prefix>a/</Prefix>"])
    );
    for (key, code) in
        [("a", "OperationAborted"), ("b/x", "OperationAborted"), ("a//b", "InvalidArgument")]
    {
        let path = &format!("/bucket/{key}");
        let put = house.s3(Signed { method: "PUT", path, body: "x", ..Signed::default() }).await;
        assert_eq!(all(&put.body, "Code"), [code], "{key}");
    }
}

#[actix_rt::test]
async fn objects_come_back_with_what_was_said_of_them() {
    let house = House::new().await;
    house.stored("/bucket", "").await;
    let said = [
        ("content-type", "text/x-poem"),
        ("x-amz-meta-a", "b"),
        ("x-amz-checksum-crc32", "y/Q5Jg=="),
    ];
    let put = Signed {
        method: "PUT",
        path: "/bucket/k",
        headers: &said,
        body: "123456789",
        ..Signed::default()
    };
    let tag = house.s3(put).await.header("etag").to_owned();
    assert_eq!(tag, "\"25f9e794323b453885f5181f1b624d0b\"");
    let got = house
        .s3(Signed { path: "/bucket/k", headers: &[("range", "bytes=2-4")], ..Signed::default() })
        .await;
    assert_eq!((got.status, got.body.as_str(), got.header("x-amz-meta-a")), (206, "345", "b"));
    assert_eq!((got.header("content-type"), got.header("etag")), ("text/x-poem", tag.as_str()));
    let wrong = [("x-amz-checksum-crc32", "AAAAAA==")];
    let put = Signed {
        method: "PUT",
        path: "/bucket/k",
        headers: &wrong,
        body: "other",
        ..Signed::default()
    };
    assert_eq!(all(&house.s3(put).await.body, "Code"), ["BadDigest"]);
    for (name, value, status) in
        [("if-none-match", "*", 412), ("if-match", "\"no\"", 412), ("if-match", &tag, 200)]
    {
        let put = Signed {
            method: "PUT",
            path: "/bucket/k",
            headers: &[(name, value)],
            body: "new",
            ..Signed::default()
        };
        assert_eq!(house.s3(put).await.status, status, "{name}: {value}");
    }
    let from = [("x-amz-copy-source", "/bucket/k")];
    let copied = house
        .s3(Signed { method: "PUT", path: "/bucket/copy", headers: &from, ..Signed::default() })
        .await;
    assert_eq!((copied.status, house.got("/bucket/copy").await.body.as_str()), (200, "new"));
    let body = "<Delete><Object><Key>k</Key></Object><Object><Key>copy</Key><ETag>no</ETag></Object></Delete>";
    let delete = Signed {
        method: "POST",
        path: "/bucket",
        query: &[("delete", "")],
        body,
        ..Signed::default()
    };
    assert_eq!(all(&house.s3(delete).await.body, "Code"), ["PreconditionFailed"]);
    assert_eq!(
        (house.got("/bucket/k").await.status, house.got("/bucket/copy").await.status),
        (404, 200)
    );
}

#[actix_rt::test]
async fn parts_become_one_object_once() {
    let house = House::new().await;
    house.stored("/bucket", "").await;
    let begin = Signed {
        method: "POST",
        path: "/bucket/k",
        query: &[("uploads", "")],
        ..Signed::default()
    };
    let begun = house.s3(begin).await.body;
    let id = all(&begun, "UploadId")[0];
    let query = [("uploadId", id), ("partNumber", "3")];
    let put = Signed {
        method: "PUT",
        path: "/bucket/k",
        query: &query,
        body: "all of it",
        ..Signed::default()
    };
    let tag = house.s3(put).await.header("etag").to_owned();
    let query = [("uploadId", id)];
    for (tag, code) in [("\"no\"", "InvalidPart"), (tag.as_str(), ""), (&tag, "")] {
        let body = &format!(
            "<CompleteMultipartUpload><Part><PartNumber>3</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
        );
        let complete =
            Signed { method: "POST", path: "/bucket/k", query: &query, body, ..Signed::default() };
        assert_eq!(all(&house.s3(complete).await.body, "Code").join(""), code);
    }
    let got = house.got("/bucket/k").await;
    assert_eq!((got.body.as_str(), got.header("etag").ends_with("-1\"")), ("all of it", true));
}

#[actix_rt::test]
async fn the_whole_has_the_sum_that_its_sender_chose_and_its_part_again() {
    let house = House::new().await;
    house.stored("/bucket", "").await;
    fn signed<'a>(
        method: &'a str,
        query: &'a [(&'a str, &'a str)],
        headers: &'a [(&'a str, &'a str)],
        body: &'a str,
    ) -> Signed<'a> {
        Signed { method, path: "/bucket/k", query, headers, body, ..Signed::default() }
    }
    // Of "123456789", and of that sum as the only one.
    let (sum, all_sums) = ("y/Q5Jg==", "7kxlUA==-1");
    for (kind, whole) in [("COMPOSITE", all_sums), ("FULL_OBJECT", sum)] {
        let by = [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", kind)];
        let begun = house.s3(signed("POST", &[("uploads", "")], &by, "")).await;
        assert_eq!(begun.header("x-amz-checksum-type"), kind);
        let id = all(&begun.body, "UploadId")[0];
        let part = [("uploadId", id), ("partNumber", "7")];
        let put = house.s3(signed("PUT", &part, &[], "123456789")).await;
        assert_eq!(put.header("x-amz-checksum-crc32"), sum);
        let named = |sum: &str| {
            let tag = put.header("etag");
            format!(
                "<CompleteMultipartUpload><Part><PartNumber>7</PartNumber><ETag>{tag}</ETag>\
                 <ChecksumCRC32>{sum}</ChecksumCRC32></Part></CompleteMultipartUpload>"
            )
        };
        let upload = [("uploadId", id)];
        let wrong = house.s3(signed("POST", &upload, &[], &named("AAAAAA=="))).await;
        assert_eq!(all(&wrong.body, "Code"), ["InvalidPart"]);
        let wrong = [("x-amz-checksum-crc32", "AAAAAA==")];
        let wrong = house.s3(signed("POST", &upload, &wrong, &named(sum))).await;
        assert_eq!(all(&wrong.body, "Code"), ["BadDigest"]);
        let right = [("x-amz-checksum-crc32", whole)];
        let done = house.s3(signed("POST", &upload, &right, &named(sum))).await.body;
        assert_eq!((all(&done, "ChecksumCRC32")[0], all(&done, "ChecksumType")[0]), (whole, kind));

        let mode = [("x-amz-checksum-mode", "ENABLED")];
        let got = house.s3(signed("GET", &[], &mode, "")).await;
        assert_eq!(got.header("x-amz-checksum-crc32"), whole);
        assert_eq!(got.header("x-amz-checksum-type"), kind);
        let wanted = [("x-amz-object-attributes", "Checksum,ObjectParts,ObjectSize")];
        let told = house.s3(signed("GET", &[("attributes", "")], &wanted, "")).await.body;
        assert_eq!((all(&told, "ChecksumCRC32")[0], all(&told, "ObjectSize")[0]), (whole, "9"));
        assert_eq!((all(&told, "Size")[0], all(&told, "ETag").len()), ("9", 0));
        let first = house.s3(signed("GET", &[("partNumber", "1")], &[], "")).await;
        assert_eq!((first.status, first.body.as_str()), (206, "123456789"));
        assert_eq!(first.header("x-amz-mp-parts-count"), "1");
        let second = house.s3(signed("GET", &[("partNumber", "2")], &[], "")).await;
        assert_eq!((second.status, all(&second.body, "Code")), (400, vec!["InvalidPart"]));
    }
}

#[actix_rt::test]
async fn whoever_cannot_sign_or_may_not_stays_outside() {
    let house = House::new().await;
    house.stored("/bucket", "").await;
    house.stored("/bucket/k", "as it was").await;
    assert_eq!(house.send(TestRequest::with_uri("/bucket/k")).await.status, 403);
    for late in [-901, 901] {
        let refused = house.s3(Signed { path: "/bucket/k", late, ..Signed::default() }).await;
        assert_eq!(all(&refused.body, "Code"), ["RequestTimeTooSkewed"]);
    }
    let other =
        Signed { path: "/bucket/k", ..Signed::default() }.request(&house).uri("/bucket/other");
    assert_eq!(all(&house.send(other).await.body, "Code"), ["SignatureDoesNotMatch"]);
    let body = "<Delete><Object><Key>k</Key></Object></Delete>";
    for door in ["look", "add"] {
        for (method, path, query, body) in [
            ("PUT", "/bucket/k", &[][..], "other"),
            ("DELETE", "/bucket/k", &[], ""),
            ("DELETE", "/bucket", &[], ""),
            ("POST", "/bucket", &[("delete", "")], body),
        ] {
            let refused =
                house.s3(Signed { door, method, path, query, body, ..Signed::default() }).await;
            assert_eq!(all(&refused.body, "Code"), ["AccessDenied"], "{door} {method} {path}");
        }
    }
    for (path, status) in [("/bucket/dir/", 200), ("/bucket/new", 200), ("/bucket/new", 403)] {
        let put = Signed { door: "add", method: "PUT", path, ..Signed::default() };
        assert_eq!(house.s3(put).await.status, status, "{path}");
    }
    assert_eq!(house.got("/bucket/k").await.body, "as it was");
}
