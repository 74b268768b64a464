//! How others are told to reach this node's tub.

use super::config::Advertised;
use crate::tub::Hint;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The owner's list; else the address listened on; else what this machine can find out, with
/// loopback for the other nodes on it (a stranger who dials his own loopback meets a key that does
/// not fit, and goes on).
pub fn for_tub(advertised: &[Advertised], bound: SocketAddr) -> Vec<Hint> {
    if !advertised.is_empty() {
        return advertised
            .iter()
            .map(|one| Hint::tcp(one.host.clone(), one.port.unwrap_or(bound.port())))
            .collect();
    }
    if !bound.ip().is_unspecified() {
        return vec![Hint::tcp(spelled(bound.ip()), bound.port())];
    }
    let mut addresses = outward(bound);
    addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    addresses.dedup();
    addresses.into_iter().map(|ip| Hint::tcp(spelled(ip), bound.port())).collect()
}

fn spelled(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// The addresses from which this machine would send to the rest of the world. Connecting a UDP
/// socket chooses a route and sends nothing; the targets are reserved for documentation.
fn outward(bound: SocketAddr) -> Vec<IpAddr> {
    let v4 = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let v6 = (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(v6));
    let families = if bound.is_ipv4() { vec![v4] } else { vec![v4, v6] };
    families
        .into_iter()
        .filter_map(|(from, to)| {
            let socket = UdpSocket::bind((from, 0)).ok()?;
            socket.connect((to, 9)).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_list_wins_and_takes_the_real_port() {
        let listed = super::super::config::advertised("grid.example,192.0.2.7:99").unwrap();
        let hints = for_tub(&listed, "0.0.0.0:5".parse().unwrap());
        assert_eq!(hints, [Hint::tcp("grid.example", 5), Hint::tcp("192.0.2.7", 99)]);
    }

    #[test]
    fn a_tub_for_this_machine_says_only_that() {
        let hints = for_tub(&[], "127.0.0.1:5".parse().unwrap());
        assert_eq!(hints, [Hint::tcp("127.0.0.1", 5)]);
        let all = for_tub(&[], "0.0.0.0:5".parse().unwrap());
        assert_eq!(all.last(), Some(&Hint::tcp("127.0.0.1", 5)));
    }
}
