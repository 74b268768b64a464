//! `/login` and `/logout`: how a browser becomes the owner's, and stops being it.

use super::answer::Failure;
use super::asked::Asked;
use actix_web::HttpResponse;

/// `GET /login`: with `key=` a session; with `prove=` whose gateway this is.
pub fn get(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    match asked.arguments.get("prove") {
        Some(challenge) => asked.gateway.owner.prove(challenge),
        None => asked.gateway.owner.log_in(&asked.arguments),
    }
}

/// `POST /login`: with `key=` a session; else the address of a login, for who has the token.
pub fn post(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    match asked.arguments.get("key") {
        Some(_) => asked.gateway.owner.log_in_by_form(&asked.arguments),
        None => asked.gateway.owner.new_login(asked.request.headers()),
    }
}

/// `POST /logout`
pub fn end(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    Ok(asked.gateway.owner.log_out(asked.request.headers()))
}
