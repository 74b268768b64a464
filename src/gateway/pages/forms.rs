//! Dialogs that ask for a few words, each a page of its own.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::{Frame, show};
use crate::files::Object;
use crate::files::address::{Address, percent_encode};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "dialog.html")]
struct Dialog {
    frame: Frame,
    hint: Option<&'static str>,
    action: String,
    hidden: Vec<(&'static str, String)>,
    fields: Vec<Field>,
    back: String,
    button: &'static str,
}

struct Field {
    label: &'static str,
    name: &'static str,
    kind: &'static str,
    value: String,
    required: bool,
    focus: bool,
}

impl Field {
    const fn text(label: &'static str, name: &'static str, focus: bool) -> Self {
        Self { label, name, kind: "text", value: String::new(), required: true, focus }
    }
}

/// Which words are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    NewFolder,
    Attach,
    Upload,
    Unpack,
}

/// The dialog of a directory.
pub fn of_directory(
    _: &Asked<'_>,
    address: &Address,
    object: &Object,
    asking: Asking,
) -> Result<HttpResponse, Failure> {
    object.as_directory()?;
    let base = address.path();
    let when_done = ("when_done", base.clone());
    let (title, hint, hidden, fields, button) = match asking {
        Asking::NewFolder => (
            "New folder",
            None,
            vec![("t", "mkdir".to_owned()), ("replace", "false".to_owned())],
            vec![Field::text("Name", "name", true)],
            "Make it",
        ),
        Asking::Attach => (
            "Attach",
            Some("Paste a capability that somebody gave you; it will stand here under a name."),
            vec![("t", "uri".to_owned()), ("replace", "false".to_owned())],
            vec![Field::text("Capability", "uri", true), Field::text("Name", "name", false)],
            "Attach it",
        ),
        Asking::Upload => (
            "Upload",
            Some("A file of the same name is not replaced."),
            vec![("t", "upload".to_owned()), ("replace", "false".to_owned())],
            vec![
                Field { kind: "file", ..Field::text("File", "file", false) },
                Field { required: false, ..Field::text("Name, if another", "name", false) },
            ],
            "Store it",
        ),
        Asking::Unpack => (
            "Unpack a tar",
            Some(
                "The files and folders in it are stored here. A file of the same name is not replaced.",
            ),
            vec![("t", "unpack".to_owned()), ("replace", "false".to_owned())],
            vec![Field {
                kind: "file",
                ..Field::text("A file that ends with .tar", "file", false)
            }],
            "Unpack it",
        ),
    };
    let hidden = hidden.into_iter().chain([when_done]).collect();
    let frame = Frame::new(title, "files");
    let dialog = Dialog { frame, hint, action: base.clone(), hidden, fields, back: base, button };
    show(StatusCode::OK, &dialog)
}

/// Asks for a child's new name.
pub fn rename(address: &Address, name: &str, when_done: &str) -> Result<HttpResponse, Failure> {
    let base = address.path();
    let dialog = Dialog {
        frame: Frame::new("Rename", "files"),
        hint: None,
        action: format!("{base}?t=change"),
        hidden: vec![
            ("do", "rename".to_owned()),
            ("when_done", when_done.to_owned()),
            ("item", percent_encode(name)),
        ],
        fields: vec![Field { value: name.to_owned(), ..Field::text("New name", "to_name", true) }],
        back: when_done.to_owned(),
        button: "Rename",
    };
    show(StatusCode::OK, &dialog)
}

#[derive(Template)]
#[template(path = "help.html")]
struct Help {
    frame: Frame,
}

/// `/help`
pub fn help(_: &Asked<'_>) -> Result<HttpResponse, Failure> {
    show(StatusCode::OK, &Help { frame: Frame::new("Help", "") })
}
