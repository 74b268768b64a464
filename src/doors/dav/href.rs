//! Addresses of what is behind a door.

use super::super::request::{self, names};
use super::refusal::Refusal;
use crate::files::address::percent_encode;
use actix_web::http::{StatusCode, Uri};

/// The word before a door's name.
pub const WORD: &str = "dav";

/// Where something is; directories end in a slash.
pub fn href(door: &str, path: &[String], is_directory: bool) -> String {
    let mut out = format!("/{WORD}/{door}");
    for name in path {
        out.push('/');
        out.push_str(&percent_encode(name));
    }
    if is_directory {
        out.push('/');
    }
    out
}

/// The path below a door's directory that an address of a client's leads to; of another host's, or of
/// another door's, there is none.
pub fn path(door: &str, host: Option<&str>, address: &str) -> Result<Vec<String>, Refusal> {
    const ELSEWHERE: Refusal =
        Refusal::Said(StatusCode::BAD_GATEWAY, "That is not behind this door.");
    let address = address.trim();
    // Clients leave letters as they are that addresses do not have.
    let (authority, raw) = match address.split_once("://") {
        Some((scheme, rest)) if !address.starts_with('/') => {
            let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
            (Some((scheme, authority)), path)
        }
        _ => (None, address),
    };
    if let Some((scheme, authority)) = authority
        && !is_host(scheme, authority, host)
    {
        return Err(ELSEWHERE);
    }
    let raw = raw.find(['?', '#']).map_or(raw, |at| raw.split_at(at).0);
    match request::door(raw, WORD) {
        Some((name, rest)) if name == door => Ok(names(rest)?),
        _ => Err(ELSEWHERE),
    }
}

/// Whether an address is of the host that was asked. Who is asked through a proxy knows no scheme.
fn is_host(scheme: &str, authority: &str, host: Option<&str>) -> bool {
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let plain = |text: &str| {
        let text = text.rsplit_once('@').map_or(text, |(_, host)| host).to_ascii_lowercase();
        text.strip_suffix(port).map(str::to_owned).unwrap_or(text)
    };
    host.is_none_or(|host| plain(host) == plain(authority))
}

/// The host that a request is for.
pub fn host(uri: &Uri, header: Option<&str>) -> Option<String> {
    let authority = uri.authority().map(ToString::to_string);
    authority.or_else(|| header.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_door_lead_to_paths() {
        let wanted = ["a b".to_owned(), "c(1)".to_owned()];
        for good in [
            "http://h:1/dav/d/a%20b/c(1)",
            "https://H:1/dav/d/a%20b/c%281%29/",
            "/dav/d/a%20b/c(1)",
            "http://u:p@h:1/dav/d/a b/c(1)?x#y",
        ] {
            assert_eq!(path("d", Some("h:1"), good).unwrap(), wanted, "{good}");
        }
        assert!(path("d", Some("h"), "http://h:80/dav/d").unwrap().is_empty());
        assert!(path("d", Some("h"), "https://h:443/dav/d/").unwrap().is_empty());
        assert_eq!(href("d", &wanted, true), "/dav/d/a%20b/c%281%29/");
    }

    #[test]
    fn all_others_lead_nowhere() {
        for (bad, status) in [
            ("http://g/dav/d/a", 502),
            ("http://h:81/dav/d/a", 502),
            ("http://h/dav/e/a", 502),
            ("http://h/d/a", 502),
            ("http://h", 502),
            ("", 502),
            ("a", 502),
            ("/dav/d/../e/a", 400),
            ("/dav/d/%2e%2e/a", 400),
            ("/dav/d/a%2fb", 400),
            ("/dav/d/%zz", 400),
        ] {
            let refused = path("d", Some("h"), bad).unwrap_err();
            assert_eq!(refused.status().as_u16(), status, "{bad}");
        }
    }
}
