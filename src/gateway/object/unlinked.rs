//! `/uri`: files and directories that are in no directory yet.

use super::super::answer::{self, Failure};
use super::super::args::Arguments;
use super::super::asked::Asked;
use super::super::body::Form;
use super::page;
use super::post::{Made, new_directory};
use crate::cap::{Cap, CapError};
use crate::files::address::percent_encode;
use crate::grid::dirnode::NewEntry;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};

/// `GET /uri?uri=CAP`: on to the cap's own address.
pub fn go(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    Ok(answer::redirect(StatusCode::FOUND, &asked.located(address_of(&asked.arguments)?)))
}

/// Where a cap given as an argument lives.
fn address_of(arguments: &Arguments) -> Result<String, Failure> {
    let cap = arguments.get("uri").ok_or_else(|| {
        Failure::bad_request("GET /uri requires uri=CAP; PUT /uri stores a file.")
    })?;
    // Whoever asks there is told what can be done with caps of files that can change.
    let known = |error| matches!(error, CapError::Unsupported);
    if !Cap::parse(cap.trim()).map_or_else(known, |_| true) {
        return Err(Failure::bad_request("Invalid capability"));
    }
    Ok(format!("/uri/{}{}", percent_encode(cap.trim()), arguments.query_without("uri")))
}

/// `PUT /uri`: stores the body; 200 with the cap alone when it is safe on enough servers.
pub async fn put(
    asked: &Asked<'_>,
    _: &[String],
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    asked.refuse_part()?;
    asked.arguments.file_format()?;
    asked.check_conditions(None)?;
    let body = asked.gateway.take_file(asked.request, body).await?;
    Ok(answer::text(StatusCode::OK, asked.gateway.store(body).await?.reveal()))
}

/// `POST /uri?t=upload`: stores a form's file; a page with its cap, or on to `when_done`, in which
/// `%(uri)s` stands for the cap.
pub async fn upload(asked: &Asked<'_>, _: &[String], form: Form) -> Result<HttpResponse, Failure> {
    asked.arguments.file_format()?;
    let when_done = asked.arguments.when_done()?;
    let file = form.file.ok_or_else(|| Failure::bad_request("The form has no field `file`."))?;
    asked.check_conditions(None)?;
    let cap = asked.gateway.store(file.body).await?;
    Ok(match when_done {
        Some(to) => {
            let to = to.replace("%(uri)s", &percent_encode(&cap.reveal()));
            let to = if to.starts_with('/') { asked.located(to) } else { to };
            answer::redirect(StatusCode::FOUND, &to)
        }
        None => page::uploaded(&cap),
    })
}

/// The command line of 1.20 writes what it gets into its aliases, and one that it does not understand
/// there breaks all its other commands.
fn refuse_stock_client(asked: &Asked<'_>) -> Result<(), Failure> {
    let agent = asked.request.headers().get(header::USER_AGENT);
    if !agent.is_some_and(|agent| agent.as_bytes().ends_with(b"(tahoe-client)")) {
        return Ok(());
    }
    let text = "The command line of Tahoe-LAFS 1.20 does not understand the caps of directories that \
                change in this grid, and an alias of such a cap would break its other commands. \
                Nothing was made; use this gateway's own `tahoe create-alias` or `tahoe mkdir`.";
    Err(Failure::new(StatusCode::NOT_IMPLEMENTED, text))
}

/// `POST /uri?t=mkdir`: an empty directory; children would have to be announced.
pub async fn make_empty(
    asked: &Asked<'_>,
    words: &[String],
    form: Form,
) -> Result<HttpResponse, Failure> {
    if form.stray {
        let text = "t=mkdir does not accept children=, try t=mkdir-with-children instead";
        return Err(Failure::bad_request(text));
    }
    make(asked, words, Vec::new(), Made::Empty).await
}

/// `PUT /uri?t=mkdir`
pub async fn put_directory(asked: &Asked<'_>, words: &[String]) -> Result<HttpResponse, Failure> {
    make(asked, words, Vec::new(), Made::Empty).await
}

/// Makes a directory that is in no other.
pub async fn make(
    asked: &Asked<'_>,
    _: &[String],
    children: Vec<NewEntry>,
    made: Made,
) -> Result<HttpResponse, Failure> {
    asked.arguments.directory_format()?;
    if made != Made::Immutable {
        refuse_stock_client(asked)?;
    }
    let redirect = asked.arguments.flag("redirect_to_result")?;
    if asked.arguments.filled("private-key").is_some() {
        let text = "Directories here have no RSA key; leave private-key= out.";
        return Err(Failure::bad_request(text));
    }
    asked.check_conditions(None)?;
    let cap = new_directory(asked, made, children).await?.reveal();
    Ok(match redirect {
        true => answer::redirect(StatusCode::SEE_OTHER, &format!("uri/{}", percent_encode(&cap))),
        false => answer::text(StatusCode::OK, cap),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_argument_leads_to_its_own_address() {
        let to = |query: &str| address_of(&Arguments::parse(query).unwrap());
        let me = "/uri/URI%3ALIT%3Ame?filename=x%20y".to_owned();
        assert_eq!(to("uri=URI:LIT:me&filename=x+y"), Ok(me));
        let ssk = format!("uri=URI:SSK:{}:{}", "a".repeat(26), "a".repeat(52));
        assert!(to(&ssk).unwrap().starts_with("/uri/URI%3ASSK%3A"));
        for junk in ["", "uri=", "uri=junk", "uri=../x", "uri=URI:CHK:x"] {
            assert_eq!(to(junk).unwrap_err().status, 400, "{junk}");
        }
    }
}
