//! What is asked: the row of the table that a request is about.
//!
//! What is not in the table is refused here, before anything of the request is looked at: 404 for
//! a place that is none, 405 for a method that the place does not take, 501 for one that none takes,
//! 400 for an unknown `t`. HEAD is GET without the body.

mod place;
mod row;
mod table;

pub use place::{Place, place};
pub use row::{Came, Row, Who};

use super::answer::Failure;
use actix_web::http::{Method, StatusCode};
use row::At;
use row::Verb::{self, Delete, Get, Post, Put};
use table::{TABLE, URI};

/// The row for what is to be done at a place. A POST's `t` may come only with its form; ask again then.
pub fn row(method: &Method, place: &Place, t: &str) -> Result<&'static Row, Failure> {
    let at = place.at;
    let verb = verb(method).filter(|verb| rows(at).any(|row| row.verb == *verb));
    let Some(verb) = verb else {
        return Err(Failure::method(refusal(method, at), method.as_str(), allowed(at)));
    };
    let mut rows = rows(at).filter(|row| row.verb == verb);
    rows.find(|row| row.ts.contains(&t) || row.ts.contains(&"*")).ok_or_else(|| {
        Failure::bad_request(match (at, t) {
            (URI, _) => {
                "/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir".to_owned()
            }
            (_, "") => format!("{method} wants the argument t= here."),
            (_, t) => format!("{method} takes no t={t} here."),
        })
    })
}

fn rows(at: At) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.at == at)
}

/// Who may learn what a place takes; a row may want more.
pub fn visitors(place: &Place) -> Who {
    let all = |who| rows(place.at).all(|row| row.needs.who == who);
    match (all(Who::Anybody), all(Who::OwnerAlone)) {
        (true, _) => Who::Anybody,
        (_, true) => Who::OwnerAlone,
        _ => Who::Admitted,
    }
}

/// What a method is answered that a place does not take, as 1.20 has it.
fn refusal(method: &Method, at: At) -> StatusCode {
    match (verb(method), at) {
        (_, At::Named) => StatusCode::BAD_REQUEST,
        (None, _) | (Some(_), URI) => StatusCode::NOT_IMPLEMENTED,
        (Some(_), _) => StatusCode::METHOD_NOT_ALLOWED,
    }
}

/// Everything that can be asked, for tests that must forget none of it: method, kind of place, `t`.
#[doc(hidden)]
pub fn everything() -> Vec<(String, String, &'static str)> {
    let one = |row: &'static Row| {
        let (method, at) = (format!("{:?}", row.verb).to_uppercase(), row.at.to_string());
        row.ts.iter().map(move |t| (method.clone(), at.clone(), *t))
    };
    TABLE.iter().flat_map(one).collect()
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
    let taken = |verb| rows(at).any(|row| row.verb == verb);
    let all = [(Get, "GET, HEAD"), (Put, "PUT"), (Post, "POST"), (Delete, "DELETE")];
    let names = all.into_iter().filter(|(verb, _)| taken(*verb)).map(|(_, name)| name);
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::args::Arguments;
    use super::row::Names;
    use super::*;
    use crate::files::address::{Address, Root};

    fn at(path: &'static str, words: &[&str]) -> Place {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Place { at: At::Path(path), names: Names::Words(words) }
    }

    /// The values of `t` of the row that is found.
    fn ask(method: &Method, target: &str) -> Result<&'static [&'static str], u16> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let arguments = Arguments::parse(query).unwrap();
        place(path)
            .and_then(|place| row(method, &place, arguments.t()))
            .map(|row| row.ts)
            .map_err(|failure| failure.status.as_u16())
    }

    #[test]
    fn objects_are_found_by_every_spelling_of_their_address() {
        let object = |root, path: &[&str]| {
            let path = path.iter().map(|&name| name.to_owned()).collect();
            Ok(Place { at: At::Object, names: Names::Address(Address { root, path }) })
        };
        let cap = || Root::Cap("URI:LIT:abc".into());
        for path in ["/uri/URI:LIT:abc", "/cap/URI%3ALIT%3Aabc", "/uri/URI%3aLIT%3aabc/"] {
            assert_eq!(place(path), object(cap(), &[]), "{path}");
        }
        assert_eq!(place("/uri/URI:LIT:abc/a/b/"), object(cap(), &["a", "b"]));
        assert_eq!(place("/vdrive/global"), object(Root::Global, &[]));
        assert_eq!(place("/vdrive/private/a%2Fb"), object(Root::Private, &["a/b"]));
        let named = |cap: &str, name: Option<&str>| {
            let path = name.into_iter().map(str::to_owned).collect();
            let address = Address { root: Root::Cap(cap.into()), path };
            Ok(Place { at: At::Named, names: Names::Address(address) })
        };
        assert_eq!(place("/file/x/@@named=/a.txt"), named("x", Some("a.txt")));
        assert_eq!(place("/named/a!b"), named("a/b", None));
        assert_eq!(place("/uri/"), Ok(at("/uri", &[])));
        assert_eq!(place("/status/"), Ok(at("/status", &[])));
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
        let public = |names: &[&str]| Ok(at("/static/**", names));
        assert_eq!(place("//static/x.css"), public(&["x.css"]));
        assert_eq!(place("/static/a%2Fb/"), public(&["a/b", ""]));
        let style = super::super::pages::assets::address("style.css");
        assert_eq!(
            place(&format!("/{style}")),
            Ok(Place { at: At::Asset, names: Names::Words(vec![style.to_owned()]) })
        );
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
            assert_eq!(ask(&method, target), Ok(&["*"][..]), "{method} {target}");
        }
        assert_eq!(ask(&Method::HEAD, "/"), Ok(&[""][..]));
        assert_eq!(ask(&Method::GET, "/uri?t=info&uri=x"), Ok(&["", "*"][..]));
        assert_eq!(
            ask(&Method::POST, "/uri/x?t=set-children"),
            Ok(&["set_children", "set-children"][..])
        );
        assert_eq!(allowed(URI), "GET, HEAD, PUT, POST");
    }

    #[test]
    fn no_row_stands_behind_another_that_hides_it() {
        for (index, row) in TABLE.iter().enumerate() {
            let same = |other: &Row| {
                let shared = other.ts.iter().any(|t| row.ts.contains(t) || *t == "*");
                (other.verb, other.at) == (row.verb, row.at) && shared
            };
            assert!(!TABLE[..index].iter().any(same), "{} {:?}", row.at, row.ts);
        }
    }

    #[test]
    fn handlers_are_of_what_their_places_name() {
        for row in TABLE {
            assert!(row.is_of_one_mind(), "{:?} {} {:?}", row.verb, row.at, row.ts);
        }
    }

    #[test]
    fn parts_of_paths_stand_where_rows_have_stars() {
        for (path, found) in [
            ("/operations/a%20b", at("/operations/*/", &["a b"])),
            ("/operations/x/", at("/operations/*/", &["x"])),
            ("/operations/x/y", at("/operations/*/*/", &["x", "y"])),
            ("/status/down-1/event%5Fjson", at("/status/*/event_json", &["down-1"])),
            ("/private", at("/private/**", &[])),
            ("/private/a/b", at("/private/**", &["a", "b"])),
        ] {
            assert_eq!(place(path), Ok(found), "{path}");
        }
        for path in ["/operations/x/y/z", "/shown/x/", "/shown", "/help/x", "/status/x/events"] {
            assert_eq!(place(path).unwrap_err().status, 404, "{path}");
        }
    }
}
