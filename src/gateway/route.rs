//! What a request asks for, from its method, path and query alone.

use super::answer::Failure;
use actix_web::http::Method;
use actix_web::web::Query;

/// One thing that the gateway can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The page about this node, or the same as JSON.
    Welcome { json: bool },
    /// Store the body.
    Upload,
    /// Go to where a cap given as an argument lives.
    Redirect { to: String },
    /// The contents of a file.
    File(FileRequest),
}

/// A file and how it is to be named and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRequest {
    /// The cap as it stood in the path; not yet parsed.
    pub cap: String,
    pub name: Option<String>,
    pub save: bool,
}

const READ: &str = "GET, HEAD";
const URI: &str = "GET, HEAD, PUT";

/// Finds the route; the failure says 400, 404 or 405.
pub fn route(method: &Method, path: &str, query: &str) -> Result<Route, Failure> {
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let arguments = Arguments::parse(query)?;
    match parts.as_slice() {
        [""] => only_read(method, READ).and_then(|()| arguments.welcome()),
        ["uri" | "cap"] | ["uri" | "cap", ""] => uri(method, &arguments),
        ["uri" | "cap", cap, rest @ ..] => {
            only_read(method, READ)?;
            if rest.iter().any(|part| !part.is_empty()) {
                return Err(Failure::bad_request("Files have no children."));
            }
            arguments.file(cap, None)
        }
        ["file" | "named", cap, rest @ ..] => {
            only_read(method, READ)?;
            arguments.file(cap, rest.last().copied().filter(|name| !name.is_empty()))
        }
        _ => Err(Failure::not_found()),
    }
}

fn only_read(method: &Method, allowed: &'static str) -> Result<(), Failure> {
    if matches!(*method, Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(Failure::method(allowed))
    }
}

fn uri(method: &Method, arguments: &Arguments) -> Result<Route, Failure> {
    if *method == Method::PUT {
        return arguments.upload();
    }
    only_read(method, URI)?;
    let cap = arguments.get("uri").ok_or_else(|| {
        Failure::bad_request("GET /uri wants the argument uri=CAP; PUT /uri stores a file.")
    })?;
    let mut to = format!("/uri/{}", percent_encode(cap));
    let others = arguments.0.iter().filter(|(name, _)| name != "uri");
    for (count, (name, value)) in others.enumerate() {
        to.push(if count == 0 { '?' } else { '&' });
        to.push_str(&format!("{}={}", percent_encode(name), percent_encode(value)));
    }
    Ok(Route::Redirect { to })
}

/// The query, in order.
struct Arguments(Vec<(String, String)>);

impl Arguments {
    fn parse(query: &str) -> Result<Self, Failure> {
        Query::<Vec<(String, String)>>::from_query(query)
            .map(|pairs| Self(pairs.into_inner()))
            .map_err(|_| Failure::bad_request("The arguments after ? cannot be read."))
    }

    fn get(&self, wanted: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    fn flag(&self, wanted: &str) -> Result<bool, Failure> {
        match self.get(wanted).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "f" | "0" | "off") => Ok(false),
            Some("true" | "t" | "1" | "on" | "") => Ok(true),
            Some(_) => Err(Failure::bad_request(format!("{wanted}= takes true or false."))),
        }
    }

    fn welcome(&self) -> Result<Route, Failure> {
        match self.get("t") {
            None | Some("") => Ok(Route::Welcome { json: false }),
            Some("json") => Ok(Route::Welcome { json: true }),
            Some(_) => Err(Failure::bad_request("Here t= can only be json.")),
        }
    }

    fn upload(&self) -> Result<Route, Failure> {
        if !matches!(self.get("t"), None | Some("" | "upload")) {
            return Err(Failure::bad_request("PUT /uri takes no such t= argument."));
        }
        let immutable = self.get("format").is_none_or(|kind| kind.eq_ignore_ascii_case("CHK"));
        if !immutable || self.flag("mutable")? {
            return Err(Failure::bad_request("This gateway stores immutable files only."));
        }
        Ok(Route::Upload)
    }

    fn file(&self, cap: &str, name: Option<&str>) -> Result<Route, Failure> {
        if !matches!(self.get("t"), None | Some("")) {
            return Err(Failure::bad_request("A file takes no such t= argument."));
        }
        let cap = percent_decode(cap)?.replace('!', "/");
        let name = match (self.get("filename"), name) {
            (Some(name), _) if !name.is_empty() => Some(name.to_owned()),
            (_, Some(name)) => Some(percent_decode(name)?),
            _ => None,
        };
        Ok(Route::File(FileRequest { cap, name, save: self.flag("save")? }))
    }
}

fn percent_decode(text: &str) -> Result<String, Failure> {
    let bad = || Failure::bad_request("The address is not percent-encoded UTF-8.");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|c| char::from(c).to_digit(16));
        let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// Escapes everything that is not plainly part of a word.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Result<Route, u16> {
        ask(&Method::GET, target)
    }

    fn ask(method: &Method, target: &str) -> Result<Route, u16> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        route(method, path, query).map_err(|failure| failure.status.as_u16())
    }

    fn file(cap: &str, name: Option<&str>, save: bool) -> Result<Route, u16> {
        let name = name.map(str::to_owned);
        Ok(Route::File(FileRequest { cap: cap.into(), name, save }))
    }

    #[test]
    fn files_are_found_by_every_spelling_of_their_cap() {
        for target in ["/uri/URI:LIT:abc", "/cap/URI%3ALIT%3Aabc", "/uri/URI%3alit%3aabc/"] {
            let found = get(target).map(|route| format!("{route:?}").to_lowercase());
            assert_eq!(
                found,
                file("uri:lit:abc", None, false).map(|r| format!("{r:?}").to_lowercase())
            );
        }
        assert_eq!(get("/uri/a!b"), file("a/b", None, false));
        assert_eq!(get("/uri/x?filename=a%20b.txt&save=true"), file("x", Some("a b.txt"), true));
        assert_eq!(get("/file/x/@@named=/a.txt"), file("x", Some("a.txt"), false));
        assert_eq!(get("/named/x/a.txt?filename=b"), file("x", Some("b"), false));
    }

    #[test]
    fn statuses_follow_the_table() {
        for (method, target, status) in [
            (Method::GET, "/nowhere", 404),
            (Method::GET, "//", 404),
            (Method::GET, "/uri", 400),
            (Method::GET, "/uri/x/y", 400),
            (Method::GET, "/uri/%zz", 400),
            (Method::GET, "/uri/%ff", 400),
            (Method::GET, "/uri/x?t=mkdir", 400),
            (Method::GET, "/uri/x?save=perhaps", 400),
            (Method::PUT, "/uri/x", 405),
            (Method::DELETE, "/uri", 405),
            (Method::POST, "/", 405),
            (Method::PUT, "/uri?t=mkdir", 400),
            (Method::PUT, "/uri?mutable=true", 400),
            (Method::PUT, "/uri?format=SDMF", 400),
            (Method::GET, "/?t=xml", 400),
        ] {
            assert_eq!(ask(&method, target), Err(status), "{method} {target}");
        }
        assert_eq!(ask(&Method::PUT, "/uri?format=chk"), Ok(Route::Upload));
        assert_eq!(ask(&Method::HEAD, "/"), Ok(Route::Welcome { json: false }));
        assert_eq!(get("/?t=json"), Ok(Route::Welcome { json: true }));
    }

    #[test]
    fn a_cap_argument_leads_to_its_own_address() {
        let to = "/uri/URI%3ACHK%3Aa%2Fb?filename=x%20y".to_owned();
        assert_eq!(get("/uri?uri=URI:CHK:a/b&filename=x+y"), Ok(Route::Redirect { to }));
    }
}
