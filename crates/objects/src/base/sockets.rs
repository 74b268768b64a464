//! Sockets between programs of one machine.

use std::net::IpAddr;

/// Lets a TCP socket send as fast as it is read, if its peers are on this machine. A congestion
/// control that paces what is sent, as BBR does, waits for timers; here there is no congestion, only
/// those waits. What a listening socket has, the ones that it accepts have too.
///
/// Nothing depends on it: where it is refused, as on systems without the choice, all is as it was.
#[cfg(target_os = "linux")]
pub fn unpace(socket: impl std::os::fd::AsFd, peer: IpAddr) {
    /// Every Linux has it, and any program may choose it.
    const UNPACED: &str = "reno";
    if peer.to_canonical().is_loopback() {
        let _ = rustix::net::sockopt::set_tcp_congestion(socket, UNPACED);
    }
}

#[cfg(not(target_os = "linux"))]
pub fn unpace<S>(_socket: S, _peer: IpAddr) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::net::sockopt::tcp_congestion;
    use std::net::TcpListener;

    #[test]
    fn only_sockets_of_this_machine_are_changed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let usual = tcp_congestion(&listener).unwrap();
        unpace(&listener, "192.0.2.1".parse().unwrap());
        assert_eq!(tcp_congestion(&listener).unwrap(), usual);
        unpace(&listener, "::ffff:127.0.0.1".parse().unwrap());
        assert_eq!(tcp_congestion(&listener).unwrap(), "reno");
    }
}
