//! Long work in the background: begun, looked at and ended by those who know its handle.

use super::super::answer::{self, Failure};
use super::super::asked::Asked;
use super::super::json;
use super::super::pages::checked;
use super::check::Checker;
use super::handles::{Operation, retain_for};
use super::progress::{Walk, note, note_missed};
use super::results;
use super::walk::{Event, events};
use crate::base::limits::{DEEP_CHECKS_MAX, OPERATION_HANDLE_MAX};
use crate::files::address::{Address, percent_encode};
use crate::grid::Traversal;
use crate::http::spill;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use futures_util::stream::StreamExt;
use std::sync::Arc;

/// `/operations/HANDLE`
pub async fn show(asked: &Asked<'_>, words: &[String]) -> Result<HttpResponse, Failure> {
    let [handle] = words else { return Err(Failure::not_found()) };
    let operation = asked.gateway.operations.look(handle, &asked.arguments)?;
    answer(asked, &operation, handle).await
}

/// `/operations/HANDLE/STORAGEINDEX`: what a check of many found of one.
pub fn show_one(asked: &Asked<'_>, words: &[String]) -> Result<HttpResponse, Failure> {
    let [handle, index] = words else { return Err(Failure::not_found()) };
    let operation = asked.gateway.operations.look(handle, &asked.arguments)?;
    let result = operation.progress().found(index).ok_or_else(|| {
        let text = format!("No detailed results for SI {index} are kept, or there are none yet.");
        Failure::new(StatusCode::NOT_FOUND, text)
    })?;
    if asked.arguments.json() {
        return Ok(json::answer(&result));
    }
    let back = format!("/operations/{}?output=html", percent_encode(handle));
    checked::of_many(asked, &result, back)
}

/// `POST /operations/HANDLE?t=cancel`
pub async fn stop(asked: &Asked<'_>, words: &[String]) -> Result<HttpResponse, Failure> {
    let [handle] = words else { return Err(Failure::not_found()) };
    let operation = asked.gateway.operations.cancel(handle)?;
    answer(asked, &operation, handle).await
}

async fn answer(
    asked: &Asked<'_>,
    operation: &Operation,
    handle: &str,
) -> Result<HttpResponse, Failure> {
    let _turn = asked.gateway.operations.turn().await;
    let answer = results::answer(operation, handle, asked)?;
    Ok(spill::lighten(&asked.gateway.spool, answer).await?)
}

/// `t=start-…`: begins, and sends the client to where the result will be.
pub async fn start(
    asked: &Asked<'_>,
    address: &Address,
    walk: Walk,
) -> Result<HttpResponse, Failure> {
    let root = asked.files.dir(address).await?;
    let arguments = &asked.arguments;
    let handle = arguments
        .filled("ophandle")
        .ok_or_else(|| Failure::bad_request("slow operation requires ophandle="))?;
    if handle.len() > OPERATION_HANDLE_MAX {
        return Err(Failure::bad_request("The ophandle= is too long."));
    }
    let when_done = arguments.when_done()?;
    let checker = match walk {
        Walk::Check => Some(Checker::of(asked)?),
        _ => None,
    };
    let repairs = checker.as_ref().is_some_and(Checker::repairs);
    let walk = if repairs { Walk::Repair } else { walk };
    let operation = asked.gateway.operations.operation(walk, root.index_text());
    let work = run(Arc::clone(&operation), asked.files.walk(root), checker);
    asked.gateway.operations.start(handle, retain_for(arguments)?, operation, work)?;
    if let Some(to) = when_done {
        return Ok(answer::redirect(StatusCode::FOUND, to));
    }
    let mut to = format!("/operations/{}", percent_encode(handle));
    if let Some(output) = arguments.filled("output") {
        to.push_str(&format!("?output={}", percent_encode(output)));
    }
    Ok(answer::redirect(StatusCode::FOUND, &asked.located(to)))
}

async fn run(operation: Arc<Operation>, walk: Traversal, checker: Option<Checker>) {
    let looked_at = |event: Event| {
        let checker = checker.clone();
        async move {
            let result = match (&event, checker) {
                (Event::Reached(reached), Some(checker)) => {
                    Some(checker.check(&reached.target).await)
                }
                _ => None,
            };
            (event, result)
        }
    };
    let mut steps = Box::pin(events(walk).map(looked_at).buffered(DEEP_CHECKS_MAX));
    while let Some((event, result)) = steps.next().await {
        let mut progress = operation.progress();
        match event {
            Event::Reached(reached) => note(&mut progress, operation.walk, *reached, result),
            Event::SoFar(stats) => progress.stats = *stats,
            Event::Missed(missed) => note_missed(&mut progress, *missed),
            Event::Done(stats, _) => progress.stats = *stats,
        }
        if progress.failed.is_some() {
            break;
        }
    }
    operation.progress().finished = true;
}
