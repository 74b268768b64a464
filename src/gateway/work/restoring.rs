//! Directories brought back from their copies, a line of JSON each, sent as it is done.

use super::super::answer::{Failure, plain, typed};
use super::super::asked::Asked;
use super::super::json;
use crate::files::address::Address;
use crate::keeper::restore::{Fate, Outcome, State, To};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use bytes::Bytes;
use futures_util::stream::{StreamExt, once};
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use std::future::ready;

/// `t=restore-directory`
pub async fn stream(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let root = asked.files.dir(address).await?;
    let to = match asked.arguments.flag("new")? {
        true => To::New,
        false => To::Same,
    };
    let keeper = asked.gateway.keeper.as_ref();
    let keeper = keeper.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, "This node keeps no copies of directories.")
    })?;
    let lines = keeper
        .restore(root, to)?
        .map(|outcome| facts(&outcome))
        // Who does not hear of the end knows that the answer was cut.
        .chain(once(ready(json!({"path": [], "fate": "end"}))))
        .map(|facts| Bytes::from(json::line(&facts) + "\n"))
        .map(Ok::<_, Infallible>);
    Ok(typed(plain(StatusCode::OK), "text/plain").streaming(Box::pin(lines)))
}

fn facts(Outcome { path, cap, fate, left_out }: &Outcome) -> Value {
    let (word, mut more) = match fate {
        Fate::There => ("there", Map::new()),
        Fate::Back(state) => ("back", of_copy(*state)),
        Fate::Copied(_, state) => ("copied", state.map_or_else(Map::new, of_copy)),
        Fate::Not(why) => ("not", Map::from_iter([("error".to_owned(), json!(why))])),
    };
    if let Fate::Copied(new, _) = fate {
        more.insert("new-cap".to_owned(), json!(new.reveal()));
    }
    let own = [
        ("path", json!(path)),
        ("cap", json!(cap.reveal())),
        ("fate", json!(word)),
        ("left-out", json!(left_out)),
    ];
    own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(more).collect()
}

fn of_copy(State { seq, taken, seen }: State) -> Map<String, Value> {
    let facts = [("version", json!(seq)), ("copied-at", json!(taken)), ("seen", json!(seen))];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
