//! restic's protocol: blobs are what their names say, and who only adds deletes nothing but locks.

use super::house::{Answer, House};
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

fn name(blob: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, blob.as_bytes()).as_ref())
}

impl House {
    async fn restic(&self, method: &str, at: &str, body: &str) -> Answer {
        self.at("restic", (method, at), &[("accept", "application/vnd.x.restic.rest.v2")], body)
            .await
    }
}

#[actix_rt::test]
async fn a_repository_keeps_blobs_under_their_hashes() {
    let house = House::new().await;
    assert_eq!(house.restic("HEAD", "all/my/pc/config", "").await.status, 404);
    assert_eq!(house.restic("POST", "all/my/pc/?create=true", "").await.status, 200);
    assert_eq!(house.restic("POST", "all/my/pc/config", "settings").await.status, 200);
    assert_eq!(house.restic("POST", "all/my/pc/config", "others").await.status, 403);
    let (one, other) = ("a blob", "another blob");
    for blob in [one, other] {
        let at = format!("all/my/pc/data/{}", name(blob));
        assert_eq!(house.restic("POST", &at, blob).await.status, 200);
        assert_eq!(house.restic("GET", &at, "").await.body, blob);
    }
    let wrong = format!("all/my/pc/data/{}", name("what was meant"));
    assert_eq!(house.restic("POST", &wrong, "what came").await.status, 400);
    assert_eq!(house.restic("GET", &wrong, "").await.status, 404);
    let mut listed = house.restic("GET", "all/my/pc/data/", "").await.body;
    listed.retain(|letter| letter != ' ');
    for blob in [one, other] {
        let fact = format!("{{\"name\":\"{}\",\"size\":{}}}", name(blob), blob.len());
        assert!(listed.contains(&fact), "{listed}");
    }
    assert_eq!(house.restic("GET", "all/my/pc/keys/", "").await.body, "[]");
    let at = format!("all/my/pc/data/{}", name(one));
    assert_eq!(house.restic("DELETE", &at, "").await.status, 200);
    assert_eq!(house.restic("HEAD", &at, "").await.status, 404);
    for bad in ["all/my/pc/data/..", "all/my/pc/data/AB", "all/../x/config"] {
        assert!(matches!(house.restic("POST", bad, "x").await.status, 400 | 405), "{bad}");
    }
}

#[actix_rt::test]
async fn who_only_adds_ends_its_own_work_and_deletes_nothing_else() {
    let house = House::new().await;
    assert_eq!(house.restic("POST", "add/?create=true", "").await.status, 200);
    for (kind, deleted) in [("locks", 200), ("snapshots", 403), ("data", 403), ("keys", 403)] {
        let at = format!("add/{kind}/{}", name(kind));
        assert_eq!(house.restic("POST", &at, kind).await.status, 200, "{kind}");
        assert_eq!(house.restic("DELETE", &at, "").await.status, deleted, "{kind}");
    }
    assert_eq!(house.restic("DELETE", "add/config", "").await.status, 403);
    for method in ["POST", "DELETE"] {
        let at = format!("look/locks/{}", name("x"));
        assert_eq!(house.restic(method, &at, "x").await.status, 403);
    }
    assert_eq!(house.restic("GET", &format!("look/data/{}", name("data")), "").await.body, "data");
}
