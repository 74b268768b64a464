//! A `t=` that is none: refused in the words of 1.20, which depend on what is there.

use super::super::answer::Failure;
use super::super::asked::Asked;
use crate::files::Object;
use crate::files::address::Address;
use crate::grid::Code;
use crate::grid::dirnode::Target;
use actix_web::HttpResponse;
use actix_web::http::Method;

/// What can be said of a verify cap.
pub const VERIFY_ONLY: &str = "This capability verifies, and does not read.";

/// Refuses a request for what an address names; 404 if there is no such thing.
pub async fn refuse(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let object = asked.files.object(address).await?;
    refuse_found(asked, address, &object)
}

/// The same of what was found already.
pub fn refuse_found(
    asked: &Asked<'_>,
    _: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    Err(refusal(asked.request.method(), &object.target, asked.arguments.t()))
}

fn refusal(method: &Method, target: &Target, t: &str) -> Failure {
    let is_directory = target.is_directory();
    Failure::bad_request(match *method {
        Method::POST if is_directory => format!("POST to a directory with bad t={t}"),
        Method::POST => format!("POST to file: bad t={t}"),
        Method::PUT if is_directory => "PUT to a directory".to_owned(),
        Method::PUT => format!("PUT to a file: bad t={t}"),
        _ if matches!(target, Target::Unknown { .. }) => return unknown(target, t),
        _ if is_directory => format!("GET directory: bad t={t}"),
        _ => format!("GET file: bad t={t}"),
    })
}

/// 400 for what cannot be read here, or not by this cap.
pub fn unknown(target: &Target, t: &str) -> Failure {
    const LATER: &str = "\nUsing a webapi server that supports a later version of Tahoe may help.";
    let (code, why) = match target {
        Target::Known(cap) if cap.is_verifier() => (Code::VerifyOnly, format!(" {VERIFY_ONLY}")),
        _ => (Code::CapUnknown, LATER.to_owned()),
    };
    let text = format!("GET unknown URI type: can only do t=info and t=json, not t={t}.{why}");
    Failure::bad_request(text).coded(code)
}
