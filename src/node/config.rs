//! What the files of a node directory say, parsed once.

use super::basedir::{Basedir, BasedirError, Role};
use super::kept::VDRIVE_FURL;
use crate::base::limits::{NICKNAME_MAX, SCRUB_EVERY};
use crate::http::webport::{self, WebPort};
use crate::introducer::GridParameters;
use crate::storage::expiry::seconds;
use crate::storage::{ByteSize, LeaseAge};
use crate::tub::Furl;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Everything a node is told by its owner.
pub struct Config {
    pub role: Role,
    pub nickname: String,
    /// The introducer to join; none for an introducer and for a node on its own.
    pub introducer: Option<Furl>,
    /// The vdrive server on which a client makes directories.
    pub vdrive: Option<Furl>,
    pub webport: Option<WebPort>,
    /// Where a client tells figures of its storage.
    pub metricsport: Option<WebPort>,
    /// Where the tub listens.
    pub tub_address: SocketAddr,
    /// How others are told to reach the tub; empty means "find out".
    pub advertised: Vec<Advertised>,
    /// This node's own encoding parameters; they win over the grid's.
    pub parameters: Option<GridParameters>,
    /// None when the owner offers no space.
    pub storage: Option<StorageConfig>,
    /// Listening to everyone without TLS was asked for in so many words.
    pub insecure: bool,
    /// Names by which browsers may call this gateway, besides addresses and `localhost`.
    pub web_hosts: Vec<String>,
    /// Bytes that request bodies may take in `tmp/`.
    pub spool_limit: Option<u64>,
}

impl Config {
    /// Whether its pages may go to other machines without TLS: the owner said so, or there is nothing
    /// secret in them.
    pub fn may_be_plain(&self) -> bool {
        self.insecure || self.role != Role::Client
    }
}

/// A host that others can reach, with a port if it differs from the one listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    pub host: String,
    pub port: Option<u16>,
}

/// The space that a node offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageConfig {
    pub size_limit: Option<u64>,
    pub reserved_space: u64,
    pub read_only: bool,
    /// When leases that ended are collected; none: never.
    pub expire_leases: Option<LeaseAge>,
    /// From one reading of all shares to the next; none: never.
    pub scrub: Option<Duration>,
}

pub const SIZES: &str =
    "a number of bytes with an optional unit, such as `1000`, `10K`, `5mB`, `78Gb`";
const SCRUB_TIMES: &str =
    "`off`, or the time from one reading of all shares to the next, such as `7days`, `1 month`";
const LEASE_AGES: &str = "`off`, or a time since the last renewal of at least 31 days, such as \
                          `31days`, `3 months`, `1year`";
pub const NUMBERS: &str =
    "three numbers `needed happy total` with 1 ≤ needed ≤ happy ≤ total ≤ 256";
pub const ADDRESSES: &str = "host names or addresses with optional ports, separated by commas";
const PORTS: &str = "`PORT`, `tcp:PORT` or `tcp:PORT:interface=ADDRESS`";
const FURLS: &str = "a furl `pb+xk1://…` as another node wrote it";

impl Config {
    /// Reads the whole directory; the first value that makes no sense is the error.
    pub fn read(basedir: &Basedir) -> Result<Self, BasedirError> {
        let role = basedir.role()?;
        let introducer = match role {
            Role::Introducer => None,
            Role::Client | Role::Vdrive => {
                value(basedir, "introducer.furl", FURLS, |text| Furl::parse(text).ok())?
            }
        };
        let vdrive = match role {
            Role::Client => value(basedir, VDRIVE_FURL, FURLS, |text| Furl::parse(text).ok())?,
            Role::Introducer | Role::Vdrive => None,
        };
        let webport = port(basedir, "webport")?;
        Ok(Self {
            role,
            nickname: nickname(basedir)?,
            introducer,
            vdrive,
            webport,
            metricsport: port(basedir, "metricsport")?,
            tub_address: value(basedir, port_file(role), PORTS, tub_port)?
                .unwrap_or_else(|| everywhere(0)),
            advertised: value(basedir, "advertised_ip_addresses", ADDRESSES, advertised)?
                .unwrap_or_default(),
            parameters: own_parameters(basedir)?,
            storage: storage(basedir)?,
            insecure: basedir.flag("insecure")?,
            web_hosts: value(basedir, "web_hosts", ADDRESSES, advertised)?
                .unwrap_or_default()
                .into_iter()
                .map(|entry| entry.host)
                .collect(),
            spool_limit: value(basedir, "tmp_sizelimit", SIZES, size)?,
        })
    }
}

/// The file that says how files are cut.
pub const PARAMETERS: &str = "encoding_parameters";

/// The file that holds a role's tub port.
pub const fn port_file(role: Role) -> &'static str {
    match role {
        Role::Introducer => "introducer.port",
        Role::Vdrive => "vdrive.port",
        Role::Client => "client.port",
    }
}

/// The encoding parameters in an introducer's directory, `3 7 10` unless it says otherwise.
pub fn grid_parameters(basedir: &Basedir) -> Result<GridParameters, BasedirError> {
    Ok(own_parameters(basedir)?.unwrap_or(DEFAULT_PARAMETERS))
}

fn own_parameters(basedir: &Basedir) -> Result<Option<GridParameters>, BasedirError> {
    value(basedir, PARAMETERS, NUMBERS, parameters)
}

/// Numbers in the usual proportions for a grid of so few servers that [`DEFAULT_PARAMETERS`] do not
/// fit; none for one of as many as those want.
pub fn fitting_parameters(servers: u16) -> Option<GridParameters> {
    let part = |tenths: u16| (servers * tenths).div_ceil(10);
    let total = (1..10).contains(&servers).then_some(servers)?;
    Some(GridParameters { needed: part(3), happy: part(7), total })
}

/// Numbers as the file has them.
pub fn parameters_text(parameters: GridParameters) -> String {
    let GridParameters { needed, happy, total } = parameters;
    format!("{needed} {happy} {total}")
}

/// What a grid uses when nobody says otherwise.
pub const DEFAULT_PARAMETERS: GridParameters = GridParameters { needed: 3, happy: 7, total: 10 };

fn value<T>(
    basedir: &Basedir,
    name: &str,
    accepted: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, BasedirError> {
    let Some(text) = basedir.read(name)? else {
        // Nobody leaves a grid so, but a disk that was full empties files.
        return match name.ends_with(".furl") && basedir.join(name).exists() {
            true => Err(basedir.bad(name, "", &format!("{accepted}, or no such file"))),
            false => Ok(None),
        };
    };
    parse(&text).map(Some).ok_or_else(|| basedir.bad(name, &text, accepted))
}

/// A file that says where to listen.
pub fn port(basedir: &Basedir, name: &str) -> Result<Option<WebPort>, BasedirError> {
    value(basedir, name, webport::ACCEPTED, |text| WebPort::parse(text).ok())
}

fn nickname(basedir: &Basedir) -> Result<String, BasedirError> {
    let accepted = format!("one line of at most {NICKNAME_MAX} bytes");
    let fits = |text: &str| is_nickname(text).then(|| text.to_owned());
    Ok(value(basedir, "nickname", &accepted, fits)?.unwrap_or_default())
}

/// Nicknames end up on other people's terminals and pages.
pub fn is_nickname(text: &str) -> bool {
    text.len() <= NICKNAME_MAX && !text.chars().any(char::is_control)
}

fn storage(basedir: &Basedir) -> Result<Option<StorageConfig>, BasedirError> {
    if basedir.flag("debug_no_storage")? {
        return Ok(None);
    }
    Ok(Some(StorageConfig {
        size_limit: value(basedir, "sizelimit", SIZES, size)?,
        reserved_space: value(basedir, "reserved_space", SIZES, size)?.unwrap_or(0),
        read_only: basedir.flag("readonly_storage")?,
        expire_leases: value(basedir, "expire_leases", LEASE_AGES, lease_age)?.flatten(),
        scrub: value(basedir, "scrub", SCRUB_TIMES, scrub)?.unwrap_or(Some(SCRUB_EVERY)),
    }))
}

/// `off`, or a time of at least a day.
fn scrub(text: &str) -> Option<Option<Duration>> {
    if text == "off" {
        return Some(None);
    }
    let seconds = seconds(text).filter(|seconds| *seconds > 0)?;
    Some(Some(Duration::from_secs(seconds)))
}

/// `off`, or an age.
fn lease_age(text: &str) -> Option<Option<LeaseAge>> {
    if text == "off" { Some(None) } else { text.parse().ok().map(Some) }
}

/// Bytes as `sizelimit` spells them.
pub fn size(text: &str) -> Option<u64> {
    text.parse::<ByteSize>().ok().map(|size| size.0)
}

/// `needed happy total`, if they make sense.
pub fn parameters(text: &str) -> Option<GridParameters> {
    let mut numbers = text.split([' ', ',', '\t']).filter(|word| !word.is_empty());
    let mut next = || numbers.next()?.parse::<u16>().ok();
    let found = GridParameters { needed: next()?, happy: next()?, total: next()? };
    (numbers.next().is_none() && found.are_sound()).then_some(found)
}

/// A tub listens to everyone: its links prove who they are and say nothing to a stranger.
const fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

fn tub_port(text: &str) -> Option<SocketAddr> {
    let rest = text.strip_prefix("tcp:").unwrap_or(text);
    let (port, interface) = match rest.split_once(":interface=") {
        Some((port, interface)) => (port, Some(interface)),
        None => (rest, None),
    };
    let mut address = everywhere(port.parse().ok()?);
    if let Some(interface) = interface {
        let bare = interface.trim_matches(['[', ']']).replace("\\:", ":");
        address.set_ip(bare.parse().ok()?);
    }
    Some(address)
}

/// The text of a port file for a chosen port; keeps the interface.
pub fn tub_port_text(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.port().to_string()
    } else {
        let ip = address.ip().to_string().replace(':', "\\:");
        format!("tcp:{}:interface={ip}", address.port())
    }
}

/// Host names and addresses that can stand in a furl.
pub fn advertised(text: &str) -> Option<Vec<Advertised>> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(one_advertised).collect()
}

fn one_advertised(entry: &str) -> Option<Advertised> {
    if entry.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) {
        return Some(Advertised { host: format!("[{entry}]"), port: None });
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !entry.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (entry, None),
    };
    let name = host.trim_matches(['[', ']']);
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let fine = if bracketed {
        name.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        name == host
            && !host.is_empty()
            && host.len() <= 253
            && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_')
    };
    fine.then(|| Advertised { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_parameters_must_be_in_order() {
        let found = parameters("3 7 10").unwrap();
        assert_eq!((found.needed, found.happy, found.total), (3, 7, 10));
        assert!(parameters("1 1 256").is_some());
        for bad in ["", "3 7", "0 1 1", "7 3 10", "3 7 257", "3 7 10 1", "a b c", "3 11 10"] {
            assert!(parameters(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn leases_expire_only_if_asked_for_and_never_before_their_time() {
        assert_eq!(lease_age("off"), Some(None));
        assert_eq!(lease_age("31days"), Some(Some(LeaseAge::NATURAL)));
        for bad in ["on", "OFF", "30days", "31", "never"] {
            assert_eq!(lease_age(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn shares_are_read_every_so_many_days_or_not_at_all() {
        assert_eq!(scrub("off"), Some(None));
        assert_eq!(scrub("7days"), Some(Some(Duration::from_secs(7 * 24 * 3600))));
        for bad in ["on", "", "0days", "7", "7h", "-1day"] {
            assert_eq!(scrub(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ports_keep_their_interface_when_written_back() {
        for text in ["8000", "tcp:8000:interface=127.0.0.1", r"tcp:8000:interface=\:\:1"] {
            assert_eq!(tub_port_text(tub_port(text).unwrap()), text);
        }
        assert!(tub_port("tcp:x").is_none() && tub_port("1:interface=nowhere").is_none());
    }

    #[test]
    fn advertised_hosts_may_have_ports() {
        let found = advertised("example.org, 192.0.2.1:99,[2001:db8::1]:7,2001:db8::2").unwrap();
        let shown: Vec<_> = found.iter().map(|a| (a.host.as_str(), a.port)).collect();
        let wanted = [
            ("example.org", None),
            ("192.0.2.1", Some(99)),
            ("[2001:db8::1]", Some(7)),
            ("[2001:db8::2]", None),
        ];
        assert_eq!(shown, wanted);
        for bad in ["a b", "host:port", "a/b", "[zz]:1", ":1", "x:99999"] {
            assert!(advertised(bad).is_none(), "{bad:?}");
        }
    }
}
