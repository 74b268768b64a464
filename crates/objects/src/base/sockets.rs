//! What TCP sockets are told about their lines.
//!
//! Nothing depends on it: where it is refused, as on systems without the choice, all is as it was.

use std::net::IpAddr;

/// Lets a TCP socket send as fast as it is read, if its peers are on this machine. A congestion
/// control that paces what is sent, as BBR does, waits for timers; here there is no congestion, only
/// those waits. What a listening socket has, the ones that it accepts have too.
#[cfg(target_os = "linux")]
pub fn unpace(socket: impl std::os::fd::AsFd, peer: IpAddr) {
    /// Every Linux has it, and any program may choose it.
    const UNPACED: &str = "reno";
    if peer.to_canonical().is_loopback() {
        let _ = rustix::net::sockopt::set_tcp_congestion(socket, UNPACED);
    }
}

/// Prepares a connection for a line to another machine.
///
/// A packet that is lost on the way is not taken for a full line, if the system has a congestion control
/// that can tell them apart and nobody has chosen another than systems come with.
#[cfg(target_os = "linux")]
pub fn fit_to_line(socket: impl std::os::fd::AsFd, peer: IpAddr) {
    use rustix::net::sockopt::{set_tcp_congestion, tcp_congestion};
    /// What Linux comes with.
    const USUAL: &str = "cubic";
    const CALM: &str = "bbr";
    if peer.to_canonical().is_loopback() {
        return;
    }
    if tcp_congestion(&socket).is_ok_and(|chosen| chosen == USUAL) {
        let _ = set_tcp_congestion(&socket, CALM);
    }
}

#[cfg(not(target_os = "linux"))]
pub fn unpace<S>(_socket: S, _peer: IpAddr) {}

#[cfg(not(target_os = "linux"))]
pub fn fit_to_line<S>(_socket: S, _peer: IpAddr) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::net::sockopt::tcp_congestion;
    use std::net::TcpListener;

    const ELSEWHERE: &str = "192.0.2.1";

    #[test]
    fn only_sockets_of_this_machine_are_unpaced() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let usual = tcp_congestion(&listener).unwrap();
        unpace(&listener, ELSEWHERE.parse().unwrap());
        assert_eq!(tcp_congestion(&listener).unwrap(), usual);
        unpace(&listener, "::ffff:127.0.0.1".parse().unwrap());
        assert_eq!(tcp_congestion(&listener).unwrap(), "reno");
    }

    #[test]
    fn a_congestion_control_that_somebody_chose_stays() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let before = tcp_congestion(&listener).unwrap();
        let fits = before == "cubic"
            && rustix::net::sockopt::set_tcp_congestion(&listener, "bbr").is_ok()
            && rustix::net::sockopt::set_tcp_congestion(&listener, "cubic").is_ok();
        fit_to_line(&listener, ELSEWHERE.parse().unwrap());
        let wanted = if fits { "bbr" } else { before.as_str() };
        assert_eq!(tcp_congestion(&listener).unwrap(), wanted);
        rustix::net::sockopt::set_tcp_congestion(&listener, "reno").unwrap();
        fit_to_line(&listener, ELSEWHERE.parse().unwrap());
        assert_eq!(tcp_congestion(&listener).unwrap(), "reno");
    }
}
