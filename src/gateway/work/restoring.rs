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
use serde_json::{Value, json};
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
    let mut facts = json!({"path": path, "cap": cap.reveal(), "left-out": left_out});
    let (word, more) = match fate {
        Fate::There => ("there", json!({})),
        Fate::Back(state) => ("back", of_copy(*state)),
        Fate::Copied(new, state) => {
            let mut more = state.map_or_else(|| json!({}), of_copy);
            put(&mut more, "new-cap", json!(new.reveal()));
            ("copied", more)
        }
        Fate::Not(why) => ("not", json!({"error": why})),
    };
    put(&mut facts, "fate", json!(word));
    if let Value::Object(more) = more {
        more.into_iter().for_each(|(name, value)| put(&mut facts, &name, value));
    }
    facts
}

fn of_copy(State { seq, taken, seen }: State) -> Value {
    json!({"version": seq, "copied-at": taken, "seen": seen})
}

fn put(facts: &mut Value, name: &str, value: Value) {
    if let Value::Object(facts) = facts {
        facts.insert(name.to_owned(), value);
    }
}
