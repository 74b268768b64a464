//! Who may ask this gateway anything, and who may change anything through it.
//!
//! A gateway on a person's machine is reachable from every page in that person's browser. So a
//! request must name the gateway by an address or name of its own (a page that rebinds its name
//! to 127.0.0.1 does not), a change must not come from another site's page, and such a page may lead
//! its reader here but not fetch, embed or prefetch anything: what is asked for costs work, and how
//! long that takes tells things. A gateway that other machines can reach is closed to all but its owner as well (see [`super::owner`]).

use super::answer::Failure;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, Version};
use std::net::IpAddr;

/// What a gateway checks before it looks at a request.
#[derive(Clone)]
pub struct Guard {
    /// Names besides `localhost` and addresses, in lower case.
    pub hosts: Vec<String>,
    /// Any address names a gateway that listens to others; loopback addresses one that does not.
    pub local: bool,
    pub tls: bool,
    /// Every request must come from the owner.
    pub closed: bool,
}

const WRONG_HOST: &str = "This gateway does not go by that host name. Use its address, or list \
                          the name in the node's file web_hosts.";
const OTHER_SITE: &str = "A page of another site may not change anything here.";
const FROM_WITHIN: &str = "A page of another site may lead here, not use what is here.";
const NOT_A_PAGE: &str = "Only a page itself may change anything here, not what it shows.";
const BY_LINK: &str = "A link may not change anything; a program may, with the node's token.";

impl Guard {
    /// Lets a request pass, or says why not.
    pub fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
        let host = only(headers, header::HOST.as_str())
            .filter(|host| self.knows(host))
            .ok_or_else(|| Failure::forbidden(WRONG_HOST))?;
        match *method {
            Method::GET | Method::HEAD if self.is_own(host, headers) || is_led_here(headers) => {
                Ok(())
            }
            Method::GET | Method::HEAD => Err(Failure::forbidden(FROM_WITHIN)),
            _ => self.check_change_from(host, headers),
        }
    }

    /// Lets a request pass that changes something, or says why not. A browser may not do so by a
    /// GET: a link in a stored text would be enough to have its reader make one.
    pub fn check_change(&self, method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
        self.check(&Method::POST, headers)?;
        let is_get = matches!(*method, Method::GET | Method::HEAD);
        if is_get && by_browser(headers) && !headers.contains_key(header::AUTHORIZATION) {
            return Err(Failure::forbidden(BY_LINK));
        }
        Ok(())
    }

    /// Whether this gateway goes by the name in a Host header.
    fn knows(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
        match bare.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback() || !self.local,
            Err(_) => name == "localhost" || self.hosts.contains(&name),
        }
    }

    /// Whether a request must come from the owner: this gateway, or the proxy that publishes it
    /// under one of its names, can be reached by others.
    pub fn is_closed(&self, headers: &HeaderMap) -> bool {
        self.closed || only(headers, header::HOST.as_str()).is_some_and(|host| self.publishes(host))
    }

    /// Scheme and host by which whoever asks reaches this gateway, for programs that want a redirect to
    /// name both. Not for browsers, which know where they are, nor through a proxy, where nobody
    /// else does.
    pub fn reached_at(&self, headers: &HeaderMap) -> Option<String> {
        let host = only(headers, header::HOST.as_str())?;
        let known = !by_browser(headers) && !self.publishes(host);
        known.then(|| format!("{}://{host}", if self.tls { "https" } else { "http" }))
    }

    /// Whether what is sent can be read on the way.
    pub fn is_exposed(&self) -> bool {
        !self.local && !self.tls
    }

    /// Whether the owner listed this name.
    fn publishes(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        name != "localhost" && self.hosts.contains(&name)
    }

    fn check_change_from(&self, host: &str, headers: &HeaderMap) -> Result<(), Failure> {
        if !self.is_own(host, headers) {
            return Err(Failure::forbidden(OTHER_SITE));
        }
        // What a frame or a plug-in of a page sends is not what its reader wanted.
        if !matches!(destination(headers), None | Some(b"document" | b"empty")) {
            return Err(Failure::forbidden(NOT_A_PAGE));
        }
        Ok(())
    }

    /// Whether a request comes from a page of this gateway, or from no page. A browser says by two
    /// headers where a request comes from; other programs send neither.
    fn is_own(&self, host: &str, headers: &HeaderMap) -> bool {
        if !matches!(fetch(headers, "Sec-Fetch-Site"), None | Some(b"same-origin" | b"none")) {
            return false;
        }
        // A proxy may speak TLS for a gateway that does not.
        let schemes: &[&str] = match (self.publishes(host), self.tls) {
            (true, _) => &["https", "http"],
            (false, true) => &["https"],
            (false, false) => &["http"],
        };
        let own = |origin: &[u8]| {
            let mut all = schemes.iter().map(|scheme| format!("{scheme}://{host}"));
            all.any(|own| own.as_bytes().eq_ignore_ascii_case(origin))
        };
        headers.get_all(header::ORIGIN).all(|origin| own(origin.as_bytes()))
    }
}

/// Whether a browser sent this: it says where the request comes from, which programs do not.
pub fn by_browser(headers: &HeaderMap) -> bool {
    headers.contains_key("Sec-Fetch-Site") || headers.contains_key(header::ORIGIN)
}

/// Whether a proxy passed a request on. Most of them say so; the others are told by the HTTP/1.0 that
/// they speak unless they are told otherwise. What a proxy leaves out can only be missed here: whom to
/// trust is decided by the connection as well.
pub fn is_passed_on(version: Version, headers: &HeaderMap) -> bool {
    let says = |name: &str| {
        matches!(name, "forwarded" | "via" | "x-real-ip")
            || name.starts_with("x-forwarded-")
            || name.ends_with("-client-ip")
            || name.ends_with("-connecting-ip")
    };
    version < Version::HTTP_11 || headers.keys().any(|name| says(name.as_str()))
}

/// For what a browser asks: `document` for a page, `empty` for a script, else a part of a page.
pub fn destination(headers: &HeaderMap) -> Option<&[u8]> {
    fetch(headers, "Sec-Fetch-Dest")
}

/// Whether a reader goes from a page of another site to a page here, and is about to see it.
fn is_led_here(headers: &HeaderMap) -> bool {
    fetch(headers, "Sec-Fetch-Mode") == Some(b"navigate")
        && destination(headers) == Some(b"document")
        && !headers.contains_key("Sec-Purpose")
        && !headers.contains_key(header::ORIGIN)
}

/// What a browser says of a request in one of its headers.
fn fetch<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get(name).map(|value| value.as_bytes())
}

/// The value of a header that stands there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::StatusCode;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn programs_are_sent_on_with_scheme_and_host() {
        let plain = guard();
        let at = |guard: &Guard, pairs: &[(&str, &str)]| guard.reached_at(&headers(pairs));
        assert_eq!(at(&plain, &[("host", "[::1]:3456")]).unwrap(), "http://[::1]:3456");
        let tls = Guard { tls: true, ..guard() };
        assert_eq!(at(&tls, &[("host", "localhost")]).unwrap(), "https://localhost");
        assert_eq!(at(&plain, &[("host", "grid.lan")]), None);
        assert_eq!(at(&plain, &[("host", "localhost"), ("sec-fetch-site", "none")]), None);
        assert_eq!(at(&plain, &[]), None);
    }

    fn guard() -> Guard {
        Guard { hosts: vec!["grid.lan".into()], local: true, tls: false, closed: false }
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    fn status(guard: &Guard, method: Method, pairs: &[(&str, &str)]) -> Option<StatusCode> {
        guard.check(&method, &headers(pairs)).err().map(|failure| failure.status)
    }

    #[test]
    fn only_names_of_this_gateway_pass() {
        let fine = [
            "localhost",
            "LocalHost:8123",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8123",
            "grid.lan:80",
        ];
        for host in fine {
            assert_eq!(status(&guard(), Method::GET, &[("Host", host)]), None, "{host}");
        }
        let wrong = [
            "evil.example",
            "evil.example:8123",
            "192.0.2.1",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil.example",
            "[::2]",
            "localhost:x",
        ];
        for host in wrong {
            let got = status(&guard(), Method::GET, &[("Host", host)]);
            assert_eq!(got, Some(StatusCode::FORBIDDEN), "{host}");
        }
        assert_eq!(status(&guard(), Method::GET, &[]), Some(StatusCode::FORBIDDEN));
        let twice = [("Host", "localhost"), ("Host", "localhost")];
        assert_eq!(status(&guard(), Method::GET, &twice), Some(StatusCode::FORBIDDEN));
    }

    #[test]
    fn changes_come_from_programs_or_from_this_site_only() {
        let put = |more: &[(&str, &str)]| {
            let mut all = vec![("Host", "localhost:8123")];
            all.extend_from_slice(more);
            status(&guard(), Method::PUT, &all)
        };
        assert_eq!(put(&[]), None);
        assert_eq!(put(&[("Origin", "http://localhost:8123")]), None);
        assert_eq!(put(&[("Sec-Fetch-Site", "same-origin")]), None);
        assert_eq!(put(&[("Sec-Fetch-Site", "none")]), None);
        assert_eq!(put(&[("Sec-Fetch-Dest", "document")]), None);
        assert_eq!(put(&[("Sec-Fetch-Dest", "empty")]), None);
        for bad in [
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
            ("Origin", "https://localhost:8123"),
            ("Origin", "http://localhost:9"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Sec-Fetch-Site", ""),
            ("Sec-Fetch-Dest", "embed"),
            ("Sec-Fetch-Dest", "iframe"),
        ] {
            assert_eq!(put(&[bad]), Some(StatusCode::FORBIDDEN), "{bad:?}");
        }
        let get = [("Host", "localhost"), ("Origin", "http://evil.example")];
        assert!(guard().check_change(&Method::GET, &headers(&get)).is_err());
    }

    #[test]
    fn another_sites_page_leads_here_and_uses_nothing() {
        let get = |method: Method, more: &[(&str, &str)]| {
            let mut all = vec![("Host", "localhost:8123")];
            all.extend_from_slice(more);
            status(&guard(), method, &all)
        };
        let said = |site, mode, dest| {
            [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]
        };
        for method in [Method::GET, Method::HEAD] {
            let get = |more: &[(&str, &str)]| get(method.clone(), more);
            assert_eq!(get(&[]), None, "a program");
            for site in ["cross-site", "same-site"] {
                assert_eq!(get(&said(site, "navigate", "document")), None, "a link");
                for (mode, dest) in [
                    ("no-cors", "image"),
                    ("no-cors", "script"),
                    ("no-cors", "style"),
                    ("no-cors", "video"),
                    ("no-cors", "empty"),
                    ("no-cors", "document"),
                    ("cors", "empty"),
                    ("cors", "font"),
                    ("websocket", "empty"),
                    ("navigate", "iframe"),
                    ("navigate", "embed"),
                    ("navigate", "object"),
                    ("navigate", "empty"),
                    ("navigate", ""),
                    ("", "document"),
                ] {
                    let got = get(&said(site, mode, dest));
                    assert_eq!(got, Some(StatusCode::FORBIDDEN), "{site} {mode} {dest}");
                }
                assert_eq!(get(&[("Sec-Fetch-Site", site)]), Some(StatusCode::FORBIDDEN));
                let [site, mode, dest] = said(site, "navigate", "document");
                for more in [("Sec-Purpose", "prefetch;prerender"), ("Origin", "null")] {
                    assert_eq!(get(&[site, mode, dest, more]), Some(StatusCode::FORBIDDEN));
                }
            }
            for site in ["same-origin", "none"] {
                assert_eq!(get(&said(site, "no-cors", "image")), None);
                assert_eq!(get(&said(site, "cors", "empty")), None);
            }
            for foreign in [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "")] {
                assert_eq!(get(&[foreign]), Some(StatusCode::FORBIDDEN), "{foreign:?}");
            }
            assert_eq!(get(&[("Origin", "http://localhost:8123")]), None);
        }
    }

    #[test]
    fn a_proxy_may_speak_tls_and_lets_in_the_owner_alone() {
        let from = |host: &str, origin: &str| {
            let sent = [("Host", host), ("Origin", origin)];
            status(&guard(), Method::POST, &sent)
        };
        assert_eq!(from("grid.lan", "https://grid.lan"), None);
        assert_eq!(from("grid.lan:8123", "http://grid.lan:8123"), None);
        assert_eq!(from("grid.lan", "https://evil.lan"), Some(StatusCode::FORBIDDEN));
        assert_eq!(from("localhost", "https://localhost"), Some(StatusCode::FORBIDDEN));
        let closed = |host: &str| guard().is_closed(&headers(&[("Host", host)]));
        assert!(closed("grid.lan") && closed("GRID.lan:443") && !closed("127.0.0.1:8123"));
        let open = Guard { hosts: vec!["localhost".into()], ..guard() };
        assert!(!open.is_closed(&headers(&[("Host", "localhost:8123")])));
        assert!(!guard().is_exposed() && Guard { local: false, ..guard() }.is_exposed());
        assert!(!Guard { local: false, tls: true, ..guard() }.is_exposed());
    }

    #[test]
    fn what_a_proxy_passed_on_is_known() {
        let passed = |version, more: &[(&str, &str)]| {
            let mut all = vec![("Host", "127.0.0.1:8123"), ("User-Agent", "x")];
            all.extend_from_slice(more);
            is_passed_on(version, &headers(&all))
        };
        assert!(!passed(Version::HTTP_11, &[]) && !passed(Version::HTTP_11, &[("X-For", "1")]));
        assert!(passed(Version::HTTP_10, &[("Connection", "close")]));
        for name in [
            "X-Forwarded-For",
            "x-forwarded-proto",
            "Forwarded",
            "Via",
            "X-Real-IP",
            "X-Client-IP",
            "True-Client-IP",
            "CF-Connecting-IP",
        ] {
            assert!(passed(Version::HTTP_11, &[(name, "127.0.0.1")]), "{name}");
        }
    }

    #[test]
    fn no_link_changes_anything() {
        let change = |method: &Method, more: &[(&str, &str)]| {
            let mut all = vec![("Host", "localhost:8123")];
            all.extend_from_slice(more);
            guard().check_change(method, &headers(&all)).is_ok()
        };
        assert!(change(&Method::GET, &[]), "a program");
        for site in ["none", "same-origin"] {
            assert!(!change(&Method::GET, &[("Sec-Fetch-Site", site)]), "{site}");
            assert!(!change(&Method::HEAD, &[("Sec-Fetch-Site", site)]), "{site}");
            assert!(change(&Method::POST, &[("Sec-Fetch-Site", site)]), "{site}");
            let token = ("Authorization", "tahoe-lafs x");
            assert!(change(&Method::GET, &[("Sec-Fetch-Site", site), token]), "{site}");
        }
        assert!(!change(&Method::GET, &[("Origin", "http://localhost:8123")]));
    }
}
