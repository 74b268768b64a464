//! Whose program is at the other end of a connection within this machine. The kernel says it: nothing
//! that such a program sends can change that.
//!
//! ```text
//! asked:     nlmsghdr 16 | family, protocol, 2 × 0 | states 4 | ports 4, addresses 32 | 0 4 | -1 8
//! answered:  nlmsghdr 16 | family, state, 2 × ?    |            ports 4, addresses 32 | ? 24 | user 4 | inode 4
//! ```
//! Where the kernel is not asked so, as in some sandboxes, its table of sockets says the same.

#[cfg(target_os = "linux")]
use std::net::IpAddr;
use std::net::SocketAddr;

/// Whether the program at `theirs` that is connected to `ours` belongs to the user of this process.
/// False if that is not known: a program that is gone belongs to nobody.
#[cfg(target_os = "linux")]
pub fn is_own(theirs: SocketAddr, ours: SocketAddr) -> bool {
    user(theirs, ours) == Some(rustix::process::geteuid().as_raw())
}

/// Other systems are not asked: there every program of this machine counts.
#[cfg(not(target_os = "linux"))]
pub fn is_own(theirs: SocketAddr, _ours: SocketAddr) -> bool {
    theirs.ip().to_canonical().is_loopback()
}

#[cfg(target_os = "linux")]
fn user(theirs: SocketAddr, ours: SocketAddr) -> Option<u32> {
    match diagnosis::user(theirs, ours) {
        Ok(user) => user,
        Err(_) => table::user(theirs, ours),
    }
}

/// The bytes of an address, as many as it has.
#[cfg(target_os = "linux")]
fn octets(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

#[cfg(target_os = "linux")]
mod diagnosis {
    use super::octets;
    use rustix::io::Errno;
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
        socket_with,
    };
    use std::net::SocketAddr;

    const BY_FAMILY: u16 = 20;
    const REQUEST: u16 = 1;
    const TCP: u8 = 6;
    const HEADER: usize = 16;
    /// Ports and addresses of both ends.
    const ENDS: usize = 36;
    const ENDS_AT: usize = HEADER + 4;
    const USER_AT: usize = HEADER + 64;
    const INODE_AT: usize = HEADER + 68;
    const LONGEST: usize = 512;

    /// The user of the socket at `theirs`; an error if the kernel takes no such questions.
    pub fn user(theirs: SocketAddr, ours: SocketAddr) -> Result<Option<u32>, Errno> {
        let kernel = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        let ends = ends(theirs, ours);
        send(&kernel, &question(theirs, &ends), SendFlags::empty())?;
        let mut answer = [0; LONGEST];
        // The answer is there when the question was sent.
        let (len, _) = recv(&kernel, &mut answer, RecvFlags::DONTWAIT)?;
        let answer = answer.get(..len).unwrap_or_default();
        let kind =
            answer.get(4..6).and_then(|kind| Some(u16::from_ne_bytes(kind.try_into().ok()?)));
        let same = answer.get(ENDS_AT..ENDS_AT + ENDS) == Some(&ends);
        // A socket that its program has closed has no inode, and the user 0.
        let open = number(answer, INODE_AT).is_some_and(|inode| inode != 0);
        Ok(number(answer, USER_AT).filter(|_| kind == Some(BY_FAMILY) && same && open))
    }

    fn number(bytes: &[u8], at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    }

    fn ends(theirs: SocketAddr, ours: SocketAddr) -> [u8; ENDS] {
        let ports = [theirs.port(), ours.port()].into_iter().flat_map(u16::to_be_bytes);
        let addresses = [theirs, ours].into_iter().flat_map(|end| {
            let mut address = octets(end.ip());
            address.resize(16, 0);
            address
        });
        let mut all = [0; ENDS];
        all.iter_mut().zip(ports.chain(addresses)).for_each(|(to, from)| *to = from);
        all
    }

    fn question(theirs: SocketAddr, ends: &[u8]) -> Vec<u8> {
        let is_short = octets(theirs.ip()).len() == 4;
        let family = if is_short { AddressFamily::INET } else { AddressFamily::INET6 };
        let mut body = vec![u8::try_from(family.as_raw()).unwrap_or(0), TCP, 0, 0];
        body.extend(u32::MAX.to_ne_bytes());
        body.extend(ends);
        body.extend([0; 4]);
        body.extend([0xff; 8]);
        let len = u32::try_from(HEADER + body.len()).unwrap_or(0);
        let mut all = len.to_ne_bytes().to_vec();
        all.extend(BY_FAMILY.to_ne_bytes());
        all.extend(REQUEST.to_ne_bytes());
        all.extend([0; 8]);
        all.extend(body);
        all
    }
}

#[cfg(target_os = "linux")]
mod table {
    use super::octets;
    use std::net::{IpAddr, SocketAddr};

    const SHORT: &str = "/proc/net/tcp";
    const LONG: &str = "/proc/net/tcp6";

    pub fn user(theirs: SocketAddr, ours: SocketAddr) -> Option<u32> {
        let is_short = matches!(theirs.ip().to_canonical(), IpAddr::V4(_));
        let table = std::fs::read_to_string(if is_short { SHORT } else { LONG }).ok()?;
        found(&table, theirs, ours)
    }

    /// `slot: local remote state queues timer retransmits user timeout inode …`
    pub fn found(table: &str, theirs: SocketAddr, ours: SocketAddr) -> Option<u32> {
        let ends = [spelled(theirs), spelled(ours)];
        let rows = table.lines().map(|row| row.split_ascii_whitespace().skip(1));
        let mut same = rows.filter(|row| row.clone().take(2).eq(ends.iter().map(String::as_str)));
        let row = same.next()?;
        let open = row.clone().nth(8).is_some_and(|inode| inode != "0");
        row.clone().nth(6)?.parse().ok().filter(|_| open)
    }

    /// Each four bytes as a number of this machine.
    fn spelled(end: SocketAddr) -> String {
        let words = octets(end.ip());
        let words = words.chunks_exact(4).filter_map(|word| word.try_into().ok());
        let address: String =
            words.map(|word| format!("{:08X}", u32::from_ne_bytes(word))).collect();
        format!("{address}:{:04X}", end.port())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn users(theirs: SocketAddr, ours: SocketAddr) -> [Option<u32>; 2] {
        [diagnosis::user(theirs, ours).ok().flatten(), table::user(theirs, ours)]
    }

    #[test]
    fn a_program_of_this_user_is_known_until_it_is_gone() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let ours = listener.local_addr().unwrap();
            let peer = TcpStream::connect(ours).unwrap();
            let (_accepted, theirs) = listener.accept().unwrap();
            let me = Some(rustix::process::geteuid().as_raw());
            assert_eq!(users(theirs, ours), [me; 2], "{address}");
            assert!(is_own(theirs, ours));
            peer.shutdown(std::net::Shutdown::Write).unwrap();
            assert!(is_own(theirs, ours), "it waits for an answer");
            drop(peer);
            assert!(!is_own(theirs, ours) && users(theirs, ours) == [None; 2]);
        }
    }

    #[test]
    fn other_users_are_told_by_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  \
                     timeout inode\n   0: 0100007F:1F90 0100007F:1FBB 01 00000000:00000000 00:00000000 \
                     00000000    33        0 5\n   1: 0100007F:1FBB 0100007F:1F90 01 00000000:00000000 \
                     00:00000000 00000000  1000        0 6\n";
        let [a, b] = ["127.0.0.1:8080", "127.0.0.1:8123"].map(|end| end.parse().unwrap());
        assert_eq!((table::found(table, a, b), table::found(table, b, a)), (Some(33), Some(1000)));
        let c = "127.0.0.2:8080".parse().unwrap();
        assert_eq!((table::found(table, c, b), table::found("", a, b)), (None, None));
    }
}
