//! `/uri`: files and directories that are in no directory yet.

use super::super::address::percent_encode;
use super::super::answer::{self, Failure};
use super::super::body::FormFile;
use super::super::route::Made;
use super::post::new_directory;
use super::{Asked, page};
use crate::grid::dirnode::NewEntry;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};

/// `PUT /uri`: stores the body; 200 with the cap alone when it is safe on enough servers.
pub async fn put(asked: &Asked<'_>, body: web::Payload) -> Result<HttpResponse, Failure> {
    if asked.request.headers().contains_key(header::CONTENT_RANGE) {
        return Err(Failure::part_of_a_file());
    }
    asked.arguments.file_format()?;
    asked.check_conditions(None)?;
    let body = asked.gateway.take_file(asked.request, body).await?;
    Ok(answer::text(StatusCode::OK, asked.gateway.store(body).await?.reveal()))
}

/// `POST /uri?t=upload`: stores a form's file; a page with its cap, or on to `when_done`, in which
/// `%(uri)s` stands for the cap.
pub async fn upload(asked: &Asked<'_>, file: Option<FormFile>) -> Result<HttpResponse, Failure> {
    asked.arguments.file_format()?;
    let when_done = asked.arguments.when_done()?;
    let file = file.ok_or_else(|| Failure::bad_request("The form has no field `file`."))?;
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

/// Makes a directory that is in no other.
pub async fn make(
    asked: &Asked<'_>,
    made: Made,
    children: Vec<NewEntry>,
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
