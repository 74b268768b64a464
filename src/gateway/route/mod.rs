//! The table of everything that can be asked: method, kind of place, and argument `t`.
//!
//! What is not in the table is refused here, before anything of the request is looked at: 404 for
//! a place that is none, 405 for a method that the place does not take, 501 for one that none takes,
//! 400 for an unknown `t`. HEAD is GET without the body.

mod place;
mod table;

pub use place::{Place, place};

use super::answer::Failure;
use super::args::Arguments;
use super::pages::forms::Asking;
use actix_web::http::{Method, StatusCode};
use table::Verb::{self, Delete, Get, Post, Put};
use table::{At, Row, TABLE};

/// One thing that the gateway can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Welcome,
    GoToCap,
    /// The contents of a file, or the page of a directory.
    Show,
    /// A `t` that is none; what is there decides how that is said.
    BadT,
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
    RemoveRows,
    Connect,
    Check,
    Stream(Walk),
    Start(Walk),
    Operation,
    Finding,
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

/// What is to be done at a place. A POST's `t` may come only with its form; ask again then.
pub fn action(method: &Method, place: &Place, t: &str) -> Result<Action, Failure> {
    let at = place.kind();
    let rows = || TABLE.iter().filter(|row| row.1 == at);
    let verb = verb(method).filter(|verb| rows().any(|row| row.0 == *verb));
    let Some(verb) = verb else {
        return Err(Failure::method(refusal(method, at), method.as_str(), allowed(at)));
    };
    let mut rows = rows().filter(|row| row.0 == verb);
    let found = rows.find(|row| row.2.contains(&t) || row.2.contains(&"*"));
    found.map(|row| row.3).ok_or_else(|| {
        Failure::bad_request(match (at, t) {
            (At::Uri, _) => {
                "/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir".to_owned()
            }
            (_, "") => format!("{method} wants the argument t= here."),
            (_, t) => format!("{method} takes no t={t} here."),
        })
    })
}

/// What a method is answered that a place does not take, as 1.20 has it.
fn refusal(method: &Method, at: At) -> StatusCode {
    match (verb(method), at) {
        (_, At::Named) => StatusCode::BAD_REQUEST,
        (None, _) | (Some(_), At::Uri) => StatusCode::NOT_IMPLEMENTED,
        (Some(_), _) => StatusCode::METHOD_NOT_ALLOWED,
    }
}

/// Everything that can be asked, for tests that must forget none of it: method, kind of place, `t`.
#[doc(hidden)]
pub fn everything() -> Vec<(String, String, &'static str)> {
    let text = |verb: &Verb, at: &At| (format!("{verb:?}").to_uppercase(), format!("{at:?}"));
    let row = |Row(verb, at, ts, _): &Row| {
        let (method, at) = text(verb, at);
        ts.iter().map(move |t| (method.clone(), at.clone(), *t)).collect::<Vec<_>>()
    };
    TABLE.iter().flat_map(row).collect()
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
    use super::super::address::{Address, Root};
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
    fn slashes_in_front_and_the_spelling_of_words_say_nothing() {
        for (path, plain) in [
            ("//", "/"),
            ("///", "/"),
            ("//uri", "/uri"),
            ("//uri/URI:LIT:abc/a", "/uri/URI:LIT:abc/a"),
            ("/uri//URI:LIT:abc/a", "/uri/URI:LIT:abc/a"),
            ("//cap///URI:LIT:abc", "/uri/URI:LIT:abc"),
            ("/%75ri/URI:LIT:abc", "/uri/URI:LIT:abc"),
            ("/%75%52I", "/nowhere"),
            ("//vdrive/%67lobal/x", "/vdrive/global/x"),
            ("//vdrive/%70rivate", "/vdrive/private"),
            ("/st%61tus//", "/status"),
            ("/file//URI:LIT:abc/a.txt", "/file/URI:LIT:abc/a.txt"),
            ("//st%61tus/down-1", "/status/down-1"),
            ("/private/%6cogs/v1", "/private/logs/v1"),
            ("/uri%2FURI:LIT:abc", "/nowhere"),
            ("/%zz", "/nowhere"),
        ] {
            assert_eq!(place(path), place(plain), "{path}");
        }
        let public =
            |names: &[&str]| Ok(Place::Public(names.iter().map(|&name| name.to_owned()).collect()));
        assert_eq!(place("//static/x.css"), public(&["x.css"]));
        assert_eq!(place("/static/a%2Fb/"), public(&["a/b", ""]));
        let style = super::super::pages::assets::address("style.css");
        assert_eq!(place(&format!("/{style}")), Ok(Place::Asset(style.to_owned())));
        for path in ["/uri/x//y", "/vdrive/global//y", "/uri/x/y//"] {
            assert_eq!(place(path).unwrap_err().status, 400, "{path}");
        }
    }

    #[test]
    fn statuses_follow_the_table() {
        for (method, target, status) in [
            (Method::GET, "/nowhere", 404),
            (Method::GET, "/vdrive", 404),
            (Method::GET, "/uri/x//y", 400),
            (Method::GET, "/uri/%zz", 400),
            (Method::GET, "/uri/%ff", 400),
            (Method::DELETE, "/uri/x?t=pony", 400),
            (Method::POST, "/uri?t=pony", 400),
            (Method::GET, "/file", 404),
            (Method::GET, "/named/", 404),
            (Method::PATCH, "/uri/x", 501),
            (Method::TRACE, "/vdrive/global", 501),
            (Method::OPTIONS, "/status", 501),
            (Method::PATCH, "/file/x/y", 400),
            (Method::POST, "/file/x", 400),
            (Method::DELETE, "/uri", 501),
            (Method::OPTIONS, "/uri", 501),
            (Method::POST, "/", 405),
            (Method::PUT, "/file/x/y", 400),
            (Method::PUT, "/uri?t=pony", 400),
            (Method::GET, "/?t=xml", 400),
        ] {
            assert_eq!(ask(&method, target), Err(status), "{method} {target}");
        }
        // How these are refused depends on what is there.
        for (method, target) in [
            (Method::GET, "/uri/x?t=mkdir"),
            (Method::HEAD, "/file/x/y?t=pony"),
            (Method::PUT, "/uri/x?t=check"),
            (Method::POST, "/uri/x"),
            (Method::POST, "/vdrive/global?t=pony"),
        ] {
            assert_eq!(ask(&method, target), Ok(Action::BadT), "{method} {target}");
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
