//! What a path names.

use super::super::address::{Address, decode_cap, percent_decode};
use super::super::answer::Failure;
use super::super::pages::assets;
use super::table::At;

/// Something at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `/`
    Welcome,
    /// `/uri`: where what has no name yet is made.
    Uri,
    /// `/uri/CAP/…`, `/cap/CAP/…` and `/vdrive/…`: a file or directory.
    Object(Address),
    /// `/file/CAP/…/NAME` and `/named/…`: a file, under whatever name.
    Named { cap: String, name: Option<String> },
    /// `/site/CAP/…`: a page that somebody published.
    Site(Address),
    /// `/shown/HANDLE`: a PDF in the frame of its page.
    Shown(String),
    /// `/operations/HANDLE`: long work under way.
    Operation(String),
    /// `/operations/HANDLE/STORAGEINDEX`: what a check of many found of one.
    Finding { handle: String, index: String },
    /// `/grid`: the servers.
    Grid,
    /// `/provisioning`: a grid planned.
    Provisioning,
    /// `/deleted`: what can be put back.
    Deleted,
    /// `/join`: into a grid.
    Join,
    /// `/open`: a cap that was pasted.
    Open,
    /// `/help`
    Help,
    /// `/static/…`: a file that pages need, by its path.
    Asset(String),
    /// `/static/…`: the owner's own files, by their path.
    Public(Vec<String>),
    /// `/status`: transfers.
    Status,
    /// `/status/TYPE-N`: one transfer.
    Transfer(String),
    /// `/status/down-N/event_json`: what was read, and when.
    TransferEvents(String),
    /// `/statistics`
    Statistics,
    /// `/storage`
    Storage,
    /// `/helper_status`
    Helper,
    /// `/login`: how a browser shows that it is the owner's.
    Login,
    /// `/logout`
    Logout,
    /// `/report_incident`
    Incident,
    /// `/private/logs/v1`
    Logs,
    /// `/private/…`: for the owner, were there anything else.
    Private,
}

/// The place that a path names. Slashes before and behind its first word say nothing: an address that
/// ends in one is often joined with a path that begins with one.
pub fn place(path: &str) -> Result<Place, Failure> {
    let mut parts = path.trim_start_matches('/').split('/');
    let first = word(parts.next().unwrap_or_default());
    let rest: Vec<&str> = parts.skip_while(|part| part.is_empty()).collect();
    match rest.as_slice() {
        [] => alone(&first),
        rest => below(&first, rest),
    }
}

/// A part of a path that may be one of the words below, however it is spelled.
fn word(part: &str) -> String {
    percent_decode(part).unwrap_or_else(|_| part.to_owned())
}

/// What has a name of one word.
fn alone(word: &str) -> Result<Place, Failure> {
    Ok(match word {
        "" => Place::Welcome,
        "uri" | "cap" => Place::Uri,
        "grid" => Place::Grid,
        "provisioning" => Place::Provisioning,
        "deleted" => Place::Deleted,
        "join" => Place::Join,
        "open" => Place::Open,
        "help" => Place::Help,
        "static" => Place::Public(Vec::new()),
        "file" | "named" => return Err(Failure::no_file_cap()),
        "tahoe_css" | "webform_css" | "tahoe.css" => {
            Place::Asset(assets::address("style.css").to_owned())
        }
        "status" => Place::Status,
        "statistics" => Place::Statistics,
        "storage" => Place::Storage,
        "helper_status" => Place::Helper,
        "login" => Place::Login,
        "logout" => Place::Logout,
        "report_incident" => Place::Incident,
        "private" => Place::Private,
        _ => return Err(Failure::not_found()),
    })
}

/// What is in one of these.
fn below(first: &str, rest: &[&str]) -> Result<Place, Failure> {
    Ok(match (first, rest) {
        ("uri" | "cap", [cap, rest @ ..]) => Place::Object(Address::of_cap(cap, rest)?),
        ("vdrive", [root, rest @ ..]) => Place::Object(Address::of_vdrive(&word(root), rest)?),
        ("file" | "named", [cap, rest @ ..]) => {
            let name = rest.last().filter(|name| !name.is_empty());
            let name = name.map(|name| percent_decode(name)).transpose()?;
            Place::Named { cap: decode_cap(cap)?, name }
        }
        ("site", [cap, rest @ ..]) => Place::Site(Address::of_cap(cap, rest)?),
        ("shown", [handle]) => Place::Shown(percent_decode(handle)?),
        ("operations", [handle] | [handle, ""]) => Place::Operation(percent_decode(handle)?),
        ("operations", [handle, index] | [handle, index, ""]) => {
            Place::Finding { handle: percent_decode(handle)?, index: percent_decode(index)? }
        }
        ("static", [file]) if assets::is_one(&format!("/static/{file}")) => {
            Place::Asset(format!("/static/{file}"))
        }
        ("static", names) => {
            Place::Public(names.iter().map(|name| percent_decode(name)).collect::<Result<_, _>>()?)
        }
        ("status", [transfer] | [transfer, ""]) => Place::Transfer(percent_decode(transfer)?),
        ("status", [transfer, events]) if word(events) == "event_json" => {
            Place::TransferEvents(percent_decode(transfer)?)
        }
        ("private", [logs, version]) if word(logs) == "logs" && word(version) == "v1" => {
            Place::Logs
        }
        ("private", _) => Place::Private,
        _ => return Err(Failure::not_found()),
    })
}

impl Place {
    pub(super) const fn kind(&self) -> At {
        match self {
            Self::Welcome => At::Welcome,
            Self::Uri => At::Uri,
            Self::Object(_) => At::Object,
            Self::Named { .. } => At::Named,
            Self::Site(_) => At::Site,
            Self::Shown(_) => At::Shown,
            Self::Operation(_) => At::Operation,
            Self::Finding { .. } => At::Finding,
            Self::Grid => At::Grid,
            Self::Provisioning => At::Provisioning,
            Self::Deleted => At::Deleted,
            Self::Join => At::Join,
            Self::Open => At::Open,
            Self::Help => At::Help,
            Self::Asset(_) => At::Asset,
            Self::Public(_) => At::Public,
            Self::Status => At::Status,
            Self::Transfer(_) => At::Transfer,
            Self::TransferEvents(_) => At::TransferEvents,
            Self::Statistics => At::Statistics,
            Self::Storage => At::Storage,
            Self::Helper => At::Helper,
            Self::Login => At::Login,
            Self::Logout => At::Logout,
            Self::Incident => At::Incident,
            Self::Logs => At::Logs,
            Self::Private => At::Private,
        }
    }
}
