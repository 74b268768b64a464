//! The table of everything that can be asked: method, kind of place, and argument `t`.
//!
//! What is not in the table is refused here, before anything of the request is looked at: 404 for
//! a place that is none, 405 (501 at `/uri`) for a method that the place does not take, 400 for an
//! unknown `t`. HEAD is GET without the body.

use super::address::{Address, decode_cap, percent_decode};
use super::answer::Failure;
use super::args::Arguments;
use super::pages::assets;
use super::pages::forms::Asking;
use actix_web::http::{Method, StatusCode};

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
    /// `/status`: transfers.
    Status,
    /// `/status/TYPE-N`: one transfer.
    Transfer(String),
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
}

/// One thing that the gateway can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Welcome,
    GoToCap,
    /// The contents of a file, or the page of a directory.
    Show,
    Json,
    OwnCap,
    ReadCap,
    Info,
    RenameForm,
    RefreshCaps,
    Download,
    View,
    Frame,
    Site,
    Share,
    Ask(Asking),
    MoveForm,
    Change,
    PutUnlinked,
    MakeUnlinked(Made),
    UploadUnlinked,
    Put,
    PutCap,
    PutDirectory,
    PutLocal,
    Delete,
    Upload,
    Make(Made),
    Link,
    Unlink,
    Rename,
    Relink,
    SetChildren,
    AcceptRollback,
    Connect,
    Check,
    Stream(Walk),
    Start(Walk),
    Operation,
    Cancel,
    Grid,
    Provisioning,
    Deleted,
    PutBack,
    Join,
    Open,
    Help,
    Asset,
    Transfers,
    Transfer,
    Statistics,
    Storage,
    Helper,
    Login,
    NewLogin,
    LogOut,
    Incident,
    Logs,
}

/// A new directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Empty,
    WithChildren,
    Immutable,
}

/// Work on everything below a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    Manifest,
    Check,
    Stats,
    Size,
}

/// What a row is about; [`Place`] without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Welcome,
    Uri,
    Object,
    Named,
    Site,
    Shown,
    Operation,
    Grid,
    Provisioning,
    Deleted,
    Join,
    Open,
    Help,
    Asset,
    Status,
    Transfer,
    Statistics,
    Storage,
    Helper,
    Login,
    Logout,
    Incident,
    Logs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Get,
    Put,
    Post,
    Delete,
}

/// A method, the kind of place that takes it, the values of `t` (`*`: any), and what is done.
struct Row(Verb, At, &'static [&'static str], Action);

use Verb::{Delete, Get, Post, Put};

const TABLE: &[Row] = &[
    Row(Get, At::Welcome, &["", "json"], Action::Welcome),
    // Things without a name.
    Row(Get, At::Uri, &["", "*"], Action::GoToCap),
    Row(Put, At::Uri, &["", "upload"], Action::PutUnlinked),
    Row(Put, At::Uri, &["mkdir"], Action::MakeUnlinked(Made::Empty)),
    Row(Post, At::Uri, &["", "upload"], Action::UploadUnlinked),
    Row(Post, At::Uri, &["mkdir"], Action::MakeUnlinked(Made::Empty)),
    Row(Post, At::Uri, &["mkdir-with-children"], Action::MakeUnlinked(Made::WithChildren)),
    Row(Post, At::Uri, &["mkdir-immutable"], Action::MakeUnlinked(Made::Immutable)),
    // Reading.
    Row(Get, At::Object, &[""], Action::Show),
    Row(Get, At::Object, &["json"], Action::Json),
    Row(Get, At::Object, &["uri"], Action::OwnCap),
    Row(Get, At::Object, &["readonly-uri"], Action::ReadCap),
    Row(Get, At::Object, &["info"], Action::Info),
    Row(Get, At::Object, &["rename-form"], Action::RenameForm),
    Row(Get, At::Object, &["manifest"], Action::RefreshCaps),
    Row(Get, At::Object, &["download"], Action::Download),
    Row(Get, At::Object, &["view"], Action::View),
    Row(Get, At::Object, &["share"], Action::Share),
    Row(Get, At::Object, &["new-folder"], Action::Ask(Asking::NewFolder)),
    Row(Get, At::Object, &["attach"], Action::Ask(Asking::Attach)),
    Row(Get, At::Object, &["upload-form"], Action::Ask(Asking::Upload)),
    Row(Get, At::Object, &["move-form"], Action::MoveForm),
    Row(Post, At::Object, &["move-form"], Action::MoveForm),
    Row(Get, At::Named, &[""], Action::Show),
    Row(Get, At::Named, &["json"], Action::Json),
    Row(Get, At::Named, &["uri"], Action::OwnCap),
    Row(Get, At::Named, &["readonly-uri"], Action::ReadCap),
    Row(Get, At::Named, &["info"], Action::Info),
    Row(Get, At::Site, &[""], Action::Site),
    Row(Get, At::Shown, &[""], Action::Frame),
    // Writing.
    Row(Put, At::Object, &[""], Action::Put),
    Row(Put, At::Object, &["uri"], Action::PutCap),
    Row(Put, At::Object, &["mkdir"], Action::PutDirectory),
    Row(Put, At::Object, &["upload"], Action::PutLocal),
    Row(Delete, At::Object, &[""], Action::Delete),
    Row(Post, At::Object, &["upload"], Action::Upload),
    Row(Post, At::Object, &["mkdir"], Action::Make(Made::Empty)),
    Row(Post, At::Object, &["mkdir-with-children"], Action::Make(Made::WithChildren)),
    Row(Post, At::Object, &["mkdir-immutable"], Action::Make(Made::Immutable)),
    Row(Post, At::Object, &["uri"], Action::Link),
    Row(Post, At::Object, &["delete", "unlink"], Action::Unlink),
    Row(Post, At::Object, &["rename"], Action::Rename),
    Row(Post, At::Object, &["relink"], Action::Relink),
    Row(Post, At::Object, &["set_children", "set-children"], Action::SetChildren),
    Row(Post, At::Object, &["accept-rollback"], Action::AcceptRollback),
    Row(Post, At::Object, &["change"], Action::Change),
    Row(Post, At::Object, &["connect"], Action::Connect),
    // Checking, and everything below a directory.
    Row(Post, At::Object, &["check"], Action::Check),
    Row(Post, At::Object, &["stream-deep-check"], Action::Stream(Walk::Check)),
    Row(Post, At::Object, &["stream-manifest"], Action::Stream(Walk::Manifest)),
    Row(Post, At::Object, &["start-deep-check"], Action::Start(Walk::Check)),
    Row(Post, At::Object, &["start-manifest"], Action::Start(Walk::Manifest)),
    Row(Post, At::Object, &["start-deep-stats"], Action::Start(Walk::Stats)),
    Row(Post, At::Object, &["start-deep-size"], Action::Start(Walk::Size)),
    Row(Get, At::Operation, &["", "status"], Action::Operation),
    Row(Post, At::Operation, &["", "status"], Action::Operation),
    Row(Post, At::Operation, &["cancel"], Action::Cancel),
    // The node.
    Row(Get, At::Grid, &[""], Action::Grid),
    Row(Get, At::Provisioning, &[""], Action::Provisioning),
    Row(Post, At::Provisioning, &[""], Action::Provisioning),
    Row(Get, At::Deleted, &[""], Action::Deleted),
    Row(Post, At::Deleted, &[""], Action::PutBack),
    Row(Post, At::Join, &[""], Action::Join),
    Row(Get, At::Open, &[""], Action::Open),
    Row(Post, At::Open, &[""], Action::Open),
    Row(Get, At::Help, &[""], Action::Help),
    Row(Get, At::Asset, &[""], Action::Asset),
    Row(Get, At::Status, &["", "events", "json"], Action::Transfers),
    Row(Post, At::Status, &["json"], Action::Transfers),
    Row(Get, At::Transfer, &[""], Action::Transfer),
    Row(Get, At::Statistics, &["", "json", "openmetrics"], Action::Statistics),
    Row(Post, At::Statistics, &["json"], Action::Statistics),
    Row(Get, At::Storage, &["", "json"], Action::Storage),
    Row(Get, At::Helper, &["", "json"], Action::Helper),
    Row(Get, At::Login, &[""], Action::Login),
    Row(Post, At::Login, &[""], Action::NewLogin),
    Row(Post, At::Logout, &[""], Action::LogOut),
    Row(Post, At::Incident, &[""], Action::Incident),
    Row(Get, At::Logs, &[""], Action::Logs),
];

impl Action {
    /// Whether the body is JSON or a file, and not a form, whatever its type says (programs that
    /// send JSON often call it a form).
    pub const fn takes_raw_body(self) -> bool {
        matches!(
            self,
            Self::Put
                | Self::PutCap
                | Self::PutDirectory
                | Self::PutLocal
                | Self::PutUnlinked
                | Self::MakeUnlinked(Made::WithChildren | Made::Immutable)
                | Self::Make(Made::WithChildren | Made::Immutable)
                | Self::SetChildren
        )
    }
}

/// The place that a path names.
pub fn place(path: &str) -> Result<Place, Failure> {
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let whole = match parts.as_slice() {
        [first, ""] if !first.is_empty() => std::slice::from_ref(first),
        all => all,
    };
    Ok(match whole {
        [""] => Place::Welcome,
        ["uri" | "cap"] => Place::Uri,
        ["uri" | "cap", cap, rest @ ..] => Place::Object(Address::of_cap(cap, rest)?),
        ["vdrive", root, rest @ ..] => Place::Object(Address::of_vdrive(root, rest)?),
        ["file" | "named", cap, rest @ ..] => {
            let name = rest.last().filter(|name| !name.is_empty());
            let name = name.map(|name| percent_decode(name)).transpose()?;
            Place::Named { cap: decode_cap(cap)?, name }
        }
        ["site", cap, rest @ ..] => Place::Site(Address::of_cap(cap, rest)?),
        ["shown", handle] => Place::Shown(percent_decode(handle)?),
        ["operations", handle] => Place::Operation(percent_decode(handle)?),
        ["grid"] => Place::Grid,
        ["provisioning"] => Place::Provisioning,
        ["deleted"] => Place::Deleted,
        ["join"] => Place::Join,
        ["open"] => Place::Open,
        ["help"] => Place::Help,
        ["static", _] => Place::Asset(path.to_owned()),
        ["tahoe_css" | "webform_css"] => Place::Asset(assets::address("style.css").to_owned()),
        ["status"] => Place::Status,
        ["status", transfer] => Place::Transfer(percent_decode(transfer)?),
        ["statistics"] => Place::Statistics,
        ["storage"] => Place::Storage,
        ["helper_status"] => Place::Helper,
        ["login"] => Place::Login,
        ["logout"] => Place::Logout,
        ["report_incident"] => Place::Incident,
        ["private", "logs", "v1"] => Place::Logs,
        _ => return Err(Failure::not_found()),
    })
}

/// What is to be done at a place. A POST's `t` may come only with its form; ask again then.
pub fn action(method: &Method, place: &Place, t: &str) -> Result<Action, Failure> {
    let at = place.kind();
    let rows = || TABLE.iter().filter(|row| row.1 == at);
    let verb = verb(method).filter(|verb| rows().any(|row| row.0 == *verb));
    let Some(verb) = verb else {
        let status = match place {
            Place::Uri => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        return Err(Failure::method(status, allowed(at)));
    };
    let mut rows = rows().filter(|row| row.0 == verb);
    let found = rows.find(|row| row.2.contains(&t) || row.2.contains(&"*"));
    found.map(|row| row.3).ok_or_else(|| {
        Failure::bad_request(match t {
            "" => format!("{method} wants the argument t= here."),
            t => format!("{method} takes no t={t} here."),
        })
    })
}

fn verb(method: &Method) -> Option<Verb> {
    Some(match *method {
        Method::GET | Method::HEAD => Get,
        Method::PUT => Put,
        Method::POST => Post,
        Method::DELETE => Delete,
        _ => return None,
    })
}

/// The methods that a kind of place takes, for the header `Allow`.
fn allowed(at: At) -> String {
    let taken = |verb| TABLE.iter().any(|row| row.1 == at && row.0 == verb);
    let all = [(Get, "GET, HEAD"), (Put, "PUT"), (Post, "POST"), (Delete, "DELETE")];
    let names = all.into_iter().filter(|(verb, _)| taken(*verb)).map(|(_, name)| name);
    names.collect::<Vec<_>>().join(", ")
}

impl Place {
    const fn kind(&self) -> At {
        match self {
            Self::Welcome => At::Welcome,
            Self::Uri => At::Uri,
            Self::Object(_) => At::Object,
            Self::Named { .. } => At::Named,
            Self::Site(_) => At::Site,
            Self::Shown(_) => At::Shown,
            Self::Operation(_) => At::Operation,
            Self::Grid => At::Grid,
            Self::Provisioning => At::Provisioning,
            Self::Deleted => At::Deleted,
            Self::Join => At::Join,
            Self::Open => At::Open,
            Self::Help => At::Help,
            Self::Asset(_) => At::Asset,
            Self::Status => At::Status,
            Self::Transfer(_) => At::Transfer,
            Self::Statistics => At::Statistics,
            Self::Storage => At::Storage,
            Self::Helper => At::Helper,
            Self::Login => At::Login,
            Self::Logout => At::Logout,
            Self::Incident => At::Incident,
            Self::Logs => At::Logs,
        }
    }
}

/// The page of a cap that was pasted.
pub fn opened(arguments: &Arguments) -> Result<String, Failure> {
    let text = arguments.get("uri").unwrap_or_default().trim();
    let cap = crate::cap::Cap::parse(text).map_err(Failure::cap)?;
    let view = match (cap.is_verifier(), cap.is_directory()) {
        (true, _) => "?t=info",
        (false, true) => "",
        (false, false) => "?t=view",
    };
    Ok(format!("/uri/{}{view}", super::address::percent_encode(&cap.reveal())))
}

/// Where a cap given as an argument lives.
pub fn redirect(arguments: &Arguments) -> Result<String, Failure> {
    let cap = arguments.get("uri").ok_or_else(|| {
        Failure::bad_request("GET /uri requires uri=CAP; PUT /uri stores a file.")
    })?;
    // Whoever asks there is told what can be done with caps of files that can change.
    let known = |error| matches!(error, crate::cap::CapError::Unsupported);
    if !crate::cap::Cap::parse(cap.trim()).map_or_else(known, |_| true) {
        return Err(Failure::bad_request("Invalid capability"));
    }
    let cap = super::address::percent_encode(cap.trim());
    Ok(format!("/uri/{cap}{}", arguments.query_without("uri")))
}

#[cfg(test)]
mod tests {
    use super::super::address::Root;
    use super::*;

    fn ask(method: &Method, target: &str) -> Result<Action, u16> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let arguments = Arguments::parse(query).unwrap();
        place(path)
            .and_then(|place| action(method, &place, arguments.t()))
            .map_err(|failure| failure.status.as_u16())
    }

    #[test]
    fn objects_are_found_by_every_spelling_of_their_address() {
        let object = |root, path: &[&str]| {
            let path = path.iter().map(|&name| name.to_owned()).collect();
            Ok(Place::Object(Address { root, path }))
        };
        let cap = || Root::Cap("URI:LIT:abc".into());
        for path in ["/uri/URI:LIT:abc", "/cap/URI%3ALIT%3Aabc", "/uri/URI%3aLIT%3aabc/"] {
            assert_eq!(place(path), object(cap(), &[]), "{path}");
        }
        assert_eq!(place("/uri/URI:LIT:abc/a/b/"), object(cap(), &["a", "b"]));
        assert_eq!(place("/vdrive/global"), object(Root::Global, &[]));
        assert_eq!(place("/vdrive/private/a%2Fb"), object(Root::Private, &["a/b"]));
        let named = |cap: &str, name: Option<&str>| {
            Ok(Place::Named { cap: cap.into(), name: name.map(str::to_owned) })
        };
        assert_eq!(place("/file/x/@@named=/a.txt"), named("x", Some("a.txt")));
        assert_eq!(place("/named/a!b"), named("a/b", None));
        assert_eq!(place("/uri/"), Ok(Place::Uri));
        assert_eq!(place("/status/"), Ok(Place::Status));
    }

    #[test]
    fn statuses_follow_the_table() {
        for (method, target, status) in [
            (Method::GET, "/nowhere", 404),
            (Method::GET, "//", 404),
            (Method::GET, "/vdrive", 404),
            (Method::GET, "/uri/x//y", 400),
            (Method::GET, "/uri/%zz", 400),
            (Method::GET, "/uri/%ff", 400),
            (Method::GET, "/uri/x?t=mkdir", 400),
            (Method::PUT, "/uri/x?t=check", 400),
            (Method::POST, "/uri/x", 400),
            (Method::POST, "/uri/x?t=pony", 400),
            (Method::PATCH, "/uri/x", 405),
            (Method::DELETE, "/uri", 501),
            (Method::OPTIONS, "/uri", 501),
            (Method::POST, "/", 405),
            (Method::PUT, "/file/x/y", 405),
            (Method::PUT, "/uri?t=pony", 400),
            (Method::GET, "/?t=xml", 400),
        ] {
            assert_eq!(ask(&method, target), Err(status), "{method} {target}");
        }
        assert_eq!(ask(&Method::HEAD, "/"), Ok(Action::Welcome));
        assert_eq!(ask(&Method::GET, "/uri?t=info&uri=x"), Ok(Action::GoToCap));
        assert_eq!(ask(&Method::POST, "/uri/x?t=set-children"), Ok(Action::SetChildren));
        assert_eq!(allowed(At::Uri), "GET, HEAD, PUT, POST");
    }

    #[test]
    fn no_row_stands_behind_another_that_hides_it() {
        for (index, row) in TABLE.iter().enumerate() {
            let same = |other: &Row| {
                (other.0, other.1) == (row.0, row.1) && other.2.iter().any(|t| row.2.contains(t))
            };
            assert!(!TABLE[..index].iter().any(same), "{:?} {:?}", row.1, row.2);
        }
    }

    #[test]
    fn a_cap_argument_leads_to_its_own_address() {
        let redirect = |query: &str| redirect(&Arguments::parse(query).unwrap());
        let to = "/uri/URI%3ALIT%3Ame?filename=x%20y".to_owned();
        assert_eq!(redirect("uri=URI:LIT:me&filename=x+y"), Ok(to));
        let ssk = format!("uri=URI:SSK:{}:{}", "a".repeat(26), "a".repeat(52));
        assert!(redirect(&ssk).unwrap().starts_with("/uri/URI%3ASSK%3A"));
        for junk in ["", "uri=", "uri=junk", "uri=../x", "uri=URI:CHK:x"] {
            assert_eq!(redirect(junk).unwrap_err().status, 400, "{junk}");
        }
    }
}
