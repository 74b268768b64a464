//! Which addresses this machine has, and when it gets others.
//!
//! A link over an address that is gone carries nothing any more; TCP finds that out after minutes, and
//! pings after seconds. The kernel says so at once (rtnetlink, Linux). Where nobody says it, pings remain.

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::sync::LazyLock;
use tokio::sync::watch;

/// Tells whenever addresses of this machine may have come or gone since it was made.
pub(super) struct Changes(watch::Receiver<u64>);

impl Changes {
    pub(super) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

pub(super) fn changes() -> Changes {
    static CHANGES: LazyLock<watch::Sender<u64>> = LazyLock::new(|| {
        let changes = watch::Sender::new(0);
        #[cfg(target_os = "linux")]
        linux::observe(changes.clone());
        changes
    });
    Changes(CHANGES.subscribe())
}

/// Completes when this machine no longer has an address that it has now.
pub(super) async fn gone(ip: IpAddr) {
    let mut changes = changes();
    // Some addresses work and cannot be bound to, such as those of a VRF.
    if !is_ours(ip) {
        return std::future::pending().await;
    }
    while is_ours(ip) {
        changes.next().await;
    }
}

/// Only what this machine has can be sent from; whatever else keeps a socket from being made says
/// nothing of that.
fn is_ours(ip: IpAddr) -> bool {
    let bound = UdpSocket::bind((ip, 0));
    !bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::io::Errno;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
    use std::os::fd::OwnedFd;
    use std::time::Duration;
    use tokio::sync::watch;

    /// `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR` of `linux/rtnetlink.h`.
    const GROUPS: u32 = 0x10 | 0x100;
    /// An interface that goes away takes its addresses along: one change, told in many messages.
    const BURST: Duration = Duration::from_millis(50);
    const STACK: usize = 64 << 10;

    /// Counts changes for as long as the process runs. A thread of its own, since no event loop is there
    /// for as long.
    pub(super) fn observe(changes: watch::Sender<u64>) {
        let Ok(told) = subscribe() else { return };
        let observer = std::thread::Builder::new().name("addresses".to_owned()).stack_size(STACK);
        let observer = observer.spawn(move || {
            while heard(&told, RecvFlags::empty()) {
                std::thread::sleep(BURST);
                while heard(&told, RecvFlags::DONTWAIT) {}
                changes.send_modify(|count| *count += 1);
            }
        });
        let _ = observer.inspect_err(|error| tracing::debug!(%error, "addresses are not observed"));
    }

    fn subscribe() -> Result<OwnedFd, Errno> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        // `NETLINK_ROUTE` is the protocol of number 0, and so the usual one.
        let told = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        bind(&told, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(told)
    }

    /// Takes one message; that there is one is all it says.
    fn heard(told: &OwnedFd, flags: RecvFlags) -> bool {
        let mut message = [0; 1024];
        loop {
            match recv(told, &mut message, flags) {
                Ok(_) => return true,
                Err(Errno::INTR) => {}
                // So many that some were lost.
                Err(error) => return error == Errno::NOBUFS,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_this_machine_or_not() {
        for (ip, ours) in [("127.0.0.1", true), ("192.0.2.1", false), ("2001:db8::1", false)] {
            assert_eq!(is_ours(ip.parse().unwrap()), ours, "{ip}");
        }
    }
}
