//! What is known of an object, how safe it is, and everything that can be done with it.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::crumbs::{Crumb, crumbs, title};
use super::files::kind;
use super::kind::Kind;
use super::{Frame, show, words};
use crate::base::base32;
use crate::base::file::{BadParams, FileFacts};
use crate::base::system::random;
use crate::cap::{Cap, FileCap};
use crate::files::Object;
use crate::files::address::{Address, percent_encode};
use crate::grid::dirnode::Target;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "info.html")]
struct Info {
    frame: Frame,
    crumbs: Vec<Crumb>,
    summary: String,
    actions: Vec<Action>,
    /// The directory's address and the child's name, percent-encoded.
    delete: Option<(String, String)>,
    facts: Vec<(&'static str, String)>,
    survival: String,
    checks: Vec<Check>,
}

struct Action {
    label: &'static str,
    icon: &'static str,
    href: String,
    dialog: bool,
    primary: bool,
}

struct Check {
    label: &'static str,
    words: &'static str,
    action: String,
}

/// `GET …?t=info`
pub fn info(_: &Asked<'_>, address: &Address, object: &Object) -> Result<HttpResponse, Failure> {
    let base = address.path();
    let name = address.name().unwrap_or_default();
    let kind = kind(name, &object.target);
    let parent = address.parent().filter(|_| writable(object));
    let template = Info {
        frame: Frame::new(title(address), "files"),
        crumbs: crumbs(address),
        summary: summary(kind, &object.target),
        actions: actions(&base, kind, name, parent.as_ref()),
        delete: parent.map(|parent| (parent.path(), percent_encode(name))),
        facts: facts(object),
        survival: survival(&object.target),
        checks: checks(&base, &object.target),
    };
    show(StatusCode::OK, &template)
}

/// Whether the link to the object can be changed.
fn writable(object: &Object) -> bool {
    object.link.as_ref().is_some_and(|link| link.dir.dir().is_writable())
}

fn summary(kind: Kind, target: &Target) -> String {
    let what = match kind {
        Kind::Folder => "Folder",
        _ if matches!(target, Target::Known(cap) if cap.is_verifier()) => {
            return "You can check it and keep it alive, not read it".to_owned();
        }
        Kind::Unknown => "Something of an unknown kind",
        _ => "File",
    };
    match target {
        Target::Known(cap) if !cap.is_directory() => {
            format!("{what}, {}", words::size(cap.size().unwrap_or_default()))
        }
        _ => what.to_owned(),
    }
}

fn actions(base: &str, kind: Kind, name: &str, parent: Option<&Address>) -> Vec<Action> {
    let mut all = Vec::new();
    let mut add = |label, icon, href, dialog| {
        let primary = matches!(label, "Open" | "View");
        all.push(Action { label, icon, href, dialog, primary });
    };
    match kind {
        Kind::Folder => add("Open", "folder", base.to_owned(), false),
        Kind::Unknown => {}
        _ => {
            add("View", "eye", format!("{base}?t=view"), false);
            add("Download", "download", format!("{base}?save=true"), false);
        }
    }
    add("Share", "share", format!("{base}?t=share"), true);
    if let Some(parent) = parent {
        let (above, name) = (parent.path(), percent_encode(name));
        let back = percent_encode(&above);
        let rename = format!("{above}?t=rename-form&name={name}&when_done={back}");
        add("Rename", "rename", rename, true);
        add("Move or copy", "move", format!("{above}?t=move-form&name={name}"), true);
    }
    all
}

fn facts(object: &Object) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Target::Known(cap) = &object.target {
        let access = match (cap.is_verifier(), cap.is_writable(), cap.is_mutable()) {
            (true, ..) => "It can be checked, not read",
            (_, true, _) => "You can read and change it",
            (_, false, true) => "You can read it, not change it",
            (_, false, false) => "It can be read, and never changes",
        };
        facts.push(("Access", access.to_owned()));
        if let Some(bytes) = cap.size().filter(|_| !cap.is_directory()) {
            facts.push(("Bytes", words::grouped(bytes)));
        }
        if let Some(index) = cap.storage_index() {
            facts.push(("Storage index", index.to_string()));
        }
        let file = cap.readable_file().and_then(FileCap::facts);
        if let Some(Ok(file)) = file {
            let code = file.params;
            facts.push(("Encoding", format!("{} of {} shares", code.needed(), code.total())));
        }
    }
    let tahoe = object.link.as_ref().and_then(|link| link.metadata.get("tahoe"));
    for (label, key) in [("Linked", "linkcrtime"), ("Link changed", "linkmotime")] {
        let time =
            tahoe.as_ref().and_then(|tahoe| tahoe.get(key)).and_then(serde_json::Value::as_f64);
        if let Some(time) = time {
            facts.push((label, words::date(time as u64)));
        }
    }
    facts
}

/// A plain sentence on what losses it survives.
fn survival(target: &Target) -> String {
    if let Some(facts) = target.known().and_then(Cap::file).and_then(FileCap::facts) {
        return of_shares(facts);
    }
    match target {
        Target::Known(Cap::File(_) | Cap::Table(_)) => {
            "It is so small that its capability holds all of it. No server has any of it, so none \
             can lose it."
                .to_owned()
        }
        Target::Known(cap) if cap.is_directory() => {
            "The names in it are kept, encrypted and signed, by one vdrive server. While that server \
             is away the folder cannot be opened; what it names is safe on the storage servers."
                .to_owned()
        }
        _ => "Nothing can be said about it from here.".to_owned(),
    }
}

fn of_shares(facts: Result<FileFacts, BadParams>) -> String {
    match facts {
        Ok(facts) => shares(facts.params.needed(), facts.params.total()),
        Err(_) => "Its capability says impossible numbers.".to_owned(),
    }
}

/// What k of N means for somebody who does not care about codes.
pub fn shares(needed: usize, total: usize) -> String {
    match total - needed {
        0 if total == 1 => {
            "All of it is one share on one server: if that is lost, so is it.".to_owned()
        }
        0 => format!("All of its {total} shares are needed: it survives no loss at all."),
        spare => format!(
            "Any {needed} of its {total} shares give it back. With one share on each server, it \
             survives the loss of any {spare} of them."
        ),
    }
}

fn checks(base: &str, target: &Target) -> Vec<Check> {
    let Target::Known(cap) = target else { return Vec::new() };
    let one =
        |label, words, query: String| Check { label, words, action: format!("{base}?{query}") };
    let mut all =
        vec![one("Check it now", "Which servers have which shares.", "t=check".to_owned())];
    if cap.storage_index().is_some() {
        all.push(one(
            "Read and verify it",
            "Every share on every server, to its last byte.",
            "t=check&verify=true".to_owned(),
        ));
        all.push(one(
            "Repair it",
            "Shares that are missing or damaged are made again and stored.",
            "t=check&repair=true&verify=true".to_owned(),
        ));
    }
    all.push(one(
        "Renew its leases",
        "So that servers keep it for another month.",
        "t=check&add-lease=true".to_owned(),
    ));
    if cap.is_directory() && !cap.is_verifier() {
        let handle = || base32::encode(&random::<10>());
        for (t, label, words) in [
            ("start-deep-check", "Check everything in it", "Also in the folders below."),
            (
                "start-deep-check&repair=true",
                "Repair everything in it",
                "Also in the folders below; what is whole is only counted.",
            ),
            ("start-deep-stats", "Count everything in it", "Files, folders and bytes."),
            ("start-manifest", "List everything in it", "With the capability of each."),
        ] {
            all.push(one(label, words, format!("t={t}&ophandle={}", handle())));
        }
    }
    all
}
