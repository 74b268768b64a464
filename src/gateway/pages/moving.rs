//! Choosing the folder that something is moved or copied to.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::crumbs::{root_name, shown, title};
use super::order::natural;
use super::{Frame, show, words};
use crate::files::address::{Address, Root, percent_decode, percent_encode};
use crate::grid::deep::directory as dir_cap;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "move.html")]
struct Move {
    frame: Frame,
    what: String,
    base: String,
    items: Vec<String>,
    to: String,
    path: Vec<Step>,
    folders: Vec<Step>,
    drives: Vec<Step>,
    writable: bool,
    same: bool,
}

struct Step {
    name: String,
    /// The address of a directory.
    to: String,
}

impl Step {
    fn new(name: String, to: &Address) -> Self {
        Self { name, to: to.path() }
    }
}

/// `GET` or `POST DIR?t=move-form&name=…&to=ADDRESS`; the names of many do not fit into an address.
pub async fn form(asked: &Asked<'_>, address: &Address) -> Result<HttpResponse, Failure> {
    let names = names(asked)?;
    let to = match asked.arguments.filled("to") {
        Some(to) => destination(asked, to)?,
        None => address.clone(),
    };
    let mut listing = asked.files.directories().list(&asked.files.dir(&to).await?).await?;
    listing.entries.sort_by(|a, b| natural(&a.name, &b.name));
    let base = address.path();
    let folders = listing.entries.iter().filter(|entry| {
        let moved = to == *address && names.contains(&entry.name);
        !moved
            && dir_cap(&entry.child.target).is_some()
            && !matches!(entry.name.as_str(), "" | "." | "..")
    });
    let folders =
        folders.map(|entry| Step::new(shown(&entry.name), &to.child(&entry.name))).collect();
    let what = match names.as_slice() {
        [one] => format!("“{}”", shown(one)),
        many => words::count(many.len(), "item", "items"),
    };
    let template = Move {
        frame: Frame::new("Move or copy", "files"),
        what,
        base: base.clone(),
        path: way(&to),
        folders,
        drives: other_drives(asked, &to.root),
        writable: listing.writable,
        same: to == *address,
        to: to.path(),
        items: names.iter().map(|name| percent_encode(name)).collect(),
    };
    show(StatusCode::OK, &template)
}

/// The drives, but for the one that is shown.
fn other_drives(asked: &Asked<'_>, shown: &Root) -> Vec<Step> {
    let roots = asked.files.roots();
    let owner = asked.is_owners();
    let drives = [
        (Root::Private, owner && roots.private().is_some()),
        (Root::Global, roots.global().is_some()),
    ];
    let others = drives.into_iter().filter(|(root, there)| *there && root != shown);
    let step =
        |(root, _)| Step::new(root_name(&root).to_owned(), &Address { root, path: Vec::new() });
    others.map(step).collect()
}

/// From the drive, or what else the address begins with, to where one is.
fn way(to: &Address) -> Vec<Step> {
    let step = |depth| {
        let path = to.path.iter().take(depth).cloned().collect();
        let here = Address { root: to.root.clone(), path };
        Step::new(title(&here), &here)
    };
    (0..=to.path.len()).map(step).collect()
}

/// The children that a form names: as they are by `name=`, or percent-encoded by `item=`, because
/// browsers change line ends in the fields of a form.
pub fn names(asked: &Asked<'_>) -> Result<Vec<String>, Failure> {
    let named = asked.arguments.pairs().filter_map(|(key, value)| match key {
        "name" => Some(Ok(value.to_owned())),
        "item" => Some(percent_decode(value)),
        _ => None,
    });
    let names: Vec<String> = named.collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(Failure::bad_request("Nothing is selected; go back and choose something."));
    }
    Ok(names)
}

/// The directory that an argument names by its address here; the owner's takes the owner.
pub fn destination(asked: &Asked<'_>, to: &str) -> Result<Address, Failure> {
    let address = Address::at(to)?
        .ok_or_else(|| Failure::bad_request("to= takes the address of a directory here."))?;
    let private = address.root == Root::Private;
    if private && !asked.is_owners() {
        return Err(Failure::token_wanted());
    }
    Ok(address)
}
