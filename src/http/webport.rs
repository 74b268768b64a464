//! Where the gateway listens, as the file `webport` says it.
//!
//! ```text
//! webport = PORT | "tcp:" PORT [":interface=" ADDRESS]
//!         | "ssl:" PORT ":privateKey=" FILE ":certKey=" FILE [":interface=" ADDRESS]
//! ```
//! A port without an interface is for this machine alone. Colons and backslashes in a value are
//! written `\:` and `\\` (an IPv6 address may also stand in brackets).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// A parsed `webport`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebPort {
    pub address: SocketAddr,
    pub tls: Option<TlsFiles>,
}

/// PEM files of a certificate chain and its key; relative ones are looked up in the node
/// directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub private_key: PathBuf,
    pub certificate: PathBuf,
}

/// What a webport may look like; for the sentence about one that does not.
pub const ACCEPTED: &str = "`8123`, `tcp:8123:interface=127.0.0.1` or \
     `ssl:8123:privateKey=key.pem:certKey=cert.pem` (0 lets the system choose a port)";

/// A text that is no webport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a port description")]
pub struct NotAWebPort;

impl WebPort {
    /// `127.0.0.1:port` without TLS.
    pub const fn local(port: u16) -> Self {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self { address, tls: None }
    }

    pub fn parse(text: &str) -> Result<Self, NotAWebPort> {
        let parts = split(text);
        let (kind, parts) = match parts.split_first() {
            Some((kind, rest)) if kind == "tcp" || kind == "ssl" => (kind.as_str(), rest),
            _ => ("tcp", parts.as_slice()),
        };
        let (port, options) = parts.split_first().ok_or(NotAWebPort)?;
        let mut this = Self::local(port.trim().parse().map_err(|_| NotAWebPort)?);
        let (mut key, mut certificate) = (None, None);
        for option in options {
            match option.split_once('=').ok_or(NotAWebPort)? {
                ("interface", address) => this.address.set_ip(ip(address)?),
                ("privateKey", file) if kind == "ssl" => key = Some(PathBuf::from(file)),
                ("certKey", file) if kind == "ssl" => certificate = Some(PathBuf::from(file)),
                _ => return Err(NotAWebPort),
            }
        }
        if kind == "ssl" {
            let private_key = key.ok_or(NotAWebPort)?;
            let certificate = certificate.unwrap_or_else(|| private_key.clone());
            this.tls = Some(TlsFiles { private_key, certificate });
        }
        Ok(this)
    }

    /// Whether only programs on this machine can connect.
    pub fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }
}

fn ip(text: &str) -> Result<IpAddr, NotAWebPort> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match bare {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        "" => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        bare => bare.parse().map_err(|_| NotAWebPort),
    }
}

/// Splits at colons that are neither escaped nor in brackets.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut bracketed = false;
    let mut letters = text.trim().chars();
    while let Some(letter) = letters.next() {
        bracketed = (bracketed || letter == '[') && letter != ']';
        if letter == ':' && !bracketed {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_port_is_for_this_machine() {
        assert_eq!(WebPort::parse("8123"), Ok(WebPort::local(8123)));
        assert_eq!(WebPort::parse(" tcp:0 "), Ok(WebPort::local(0)));
        let explicit = WebPort::parse("tcp:8123:interface=127.0.0.1").unwrap();
        assert!(explicit.is_local() && explicit.address.port() == 8123);
    }

    #[test]
    fn interfaces_and_certificates_are_understood() {
        let all = WebPort::parse("tcp:1:interface=0.0.0.0").unwrap();
        assert!(!all.is_local());
        for spelling in [r"tcp:1:interface=\:\:1", "tcp:1:interface=[::1]"] {
            assert_eq!(WebPort::parse(spelling).unwrap().address, "[::1]:1".parse().unwrap());
        }
        let tls = WebPort::parse("ssl:8123:privateKey=k.pem:certKey=c.pem").unwrap().tls.unwrap();
        assert_eq!((tls.private_key, tls.certificate), ("k.pem".into(), "c.pem".into()));
    }

    #[test]
    fn what_is_no_webport_is_refused() {
        for bad in [
            "",
            "x",
            "65536",
            "-1",
            "udp:1",
            "tcp:1:privateKey=k",
            "ssl:1",
            "tcp:1:interface=zz",
            "tcp:1:",
            "8123:",
        ] {
            assert_eq!(WebPort::parse(bad), Err(NotAWebPort), "{bad:?}");
        }
    }
}
