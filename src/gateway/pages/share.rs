//! What each capability of an object gives, in plain words, to copy or to scan.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::crumbs::title;
use super::qr::{Qr, qr};
use super::{Frame, show};
use crate::cap::Cap;
use crate::files::Object;
use crate::files::address::Address;
use crate::grid::dirnode::Target;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "share.html")]
struct Share {
    frame: Frame,
    ways: Vec<Way>,
    back: String,
}

struct Way {
    icon: &'static str,
    title: &'static str,
    words: &'static str,
    cap: String,
    qr: Option<Qr>,
}

impl Way {
    fn new(icon: &'static str, title: &'static str, words: &'static str, cap: String) -> Self {
        let qr = qr(&cap);
        Self { icon, title, words, cap, qr }
    }
}

/// `GET …?t=share`
pub fn share(_: &Asked<'_>, address: &Address, object: &Object) -> Result<HttpResponse, Failure> {
    let ways = match &object.target {
        Target::Known(cap) => known(cap),
        Target::Unknown { rw, ro } => unknown(rw.as_deref(), ro.as_deref()),
    };
    let frame = Frame::new(format!("Share “{}”", title(address)), "files");
    show(StatusCode::OK, &Share { frame, ways, back: address.path() })
}

fn known(cap: &Cap) -> Vec<Way> {
    let mut ways = Vec::new();
    let read = cap.read_cap();
    let reading = match (cap.is_directory(), cap.is_mutable()) {
        (false, _) => {
            "Whoever has it can read this file. Nobody can change the file, not even you."
        }
        (true, true) => {
            "Whoever has it sees this folder and everything in it, also what is added later, and \
             can change nothing."
        }
        (true, false) => "Whoever has it sees this folder and everything in it. It never changes.",
    };
    if !cap.is_verifier() {
        ways.push(Way::new("eye", "Can read", reading, read.reveal()));
    }
    if cap.is_writable() {
        let words = "Whoever has it can also add, replace, rename and delete in here, as you can. \
                     It cannot be taken back: to end it, make a new folder.";
        ways.push(Way::new("rename", "Can read and change", words, cap.reveal()));
    }
    if let Some(verify) = cap.verify_cap() {
        let words = "Whoever has it can check that it is still there, and help to keep it alive, \
                     without being able to read any of it, at any node of the grid.";
        ways.push(Way::new("health", "Can only keep it alive", words, verify.reveal()));
    }
    ways
}

fn unknown(rw: Option<&str>, ro: Option<&str>) -> Vec<Way> {
    let words = "This node does not know this kind of capability; it is kept as it was given.";
    let ro = ro.map(|cap| Way::new("eye", "Can read", words, cap.to_owned()));
    let rw = rw.map(|cap| Way::new("rename", "Can perhaps change", words, cap.to_owned()));
    ro.into_iter().chain(rw).collect()
}
