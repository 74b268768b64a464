//! What this node is and whom it is connected to (`docs/spec/webapi-delta.md` §4.6).

use super::answer::{Failure, plain, typed};
use super::asked::Asked;
use super::node_status::{ServerStatus, Status};
use super::state::Gateway;
use crate::storage::api::SpaceNow;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use std::collections::HashMap;

#[derive(Serialize)]
struct Json<'a> {
    introducers: Introducers<'a>,
    servers: &'a [ServerStatus],
}

#[derive(Serialize)]
struct Introducers<'a> {
    statuses: Vec<&'a str>,
}

/// The state of the node, and how full its servers say they are now, by their ids.
pub async fn now(gateway: &Gateway) -> (Status, HashMap<String, SpaceNow>) {
    let spaces = gateway.files.grid().spaces().await;
    let spaces: HashMap<String, SpaceNow> =
        spaces.into_iter().map(|(tub, space)| (tub.to_string(), space)).collect();
    let mut status = (gateway.status)();
    for server in &mut status.servers {
        // What it said when it was met may be of long ago.
        let now = spaces.get(&server.nodeid).and_then(|space| space.available);
        server.available_space = now.or(server.available_space);
    }
    (status, spaces)
}

/// `GET /?t=json`
pub async fn json(asked: &Asked<'_>, _: &[String]) -> Result<HttpResponse, Failure> {
    let (status, _) = now(asked.gateway).await;
    let statuses = status.introducer.iter().map(String::as_str).collect();
    let body = Json { introducers: Introducers { statuses }, servers: &status.servers };
    let body = super::json::indented(&body) + "\n";
    Ok(typed(plain(StatusCode::OK), "application/json").body(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            nickname: "<script>".into(),
            introducer: Some("Connected".into()),
            servers: vec![ServerStatus {
                nodeid: "abcdefghij".into(),
                connection_status: "Connected".into(),
                available_space: Some(12_345_678),
                nickname: "<b>\"x\"".into(),
                version: "tahoe/1".into(),
                last_received_data: None,
                connected: true,
                since: None,
            }],
            ..Status::default()
        }
    }

    #[test]
    fn the_json_has_the_fields_of_the_original() {
        let status = status();
        let statuses = status.introducer.iter().map(String::as_str).collect();
        let json = super::super::json::indented(&Json {
            introducers: Introducers { statuses },
            servers: &status.servers,
        });
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["introducers"]["statuses"][0], "Connected");
        let server = value["servers"][0].as_object().unwrap();
        let mut keys: Vec<_> = server.keys().map(String::as_str).collect();
        keys.sort_unstable();
        let wanted = [
            "available_space",
            "connection_status",
            "last_received_data",
            "nickname",
            "nodeid",
            "version",
        ];
        assert_eq!(keys, wanted);
    }
}
