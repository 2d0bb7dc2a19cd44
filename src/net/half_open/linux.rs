//! Linux: `sock_diag` over netlink (sock_diag(7)), which filters by state in the kernel and needs
//! no privilege.

use super::{Counters, Ends, Line, Process, Stands, Table};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// `NETLINK_SOCK_DIAG`, `SOCK_DIAG_BY_FAMILY`, and the kinds of message that end an answer.
const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const REQUEST_DUMP: u16 = 0x301;
/// `NLM_F_REQUEST` alone: one socket.
const REQUEST_ONE: u16 = 0x1;
/// TCP states (include/net/tcp_states.h); a request socket is 12 inside the kernel and 3 in its
/// answers.
const SYN_RECV: u8 = 3;
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;
const NEW_SYN_RECV: u8 = 12;
/// Octets of `struct nlmsghdr`, and of `struct inet_diag_req_v2` behind it.
const HEADER: usize = 16;
const REQUEST: usize = 56;
/// Octets of a `struct inet_diag_msg` up to the end of its addresses.
const ADDRESSES: usize = 40;
/// Where the queue of a listening socket stands (how many wait to be accepted, and how many may),
/// and its inode, the last of its members.
const WAITING: usize = 56;
const INODE: usize = 68;
/// The kernel answers from memory; this only bounds what cannot happen.
const DEADLINE: Duration = Duration::from_millis(500);
/// Readings of one answer: each fills up to 32 KiB.
const MAX_READINGS: usize = 256;

pub fn table(with_listening: bool) -> io::Result<Table> {
    let mut table = Table { listening: with_listening.then(BTreeSet::new), ..Table::default() };
    for family in [libc::AF_INET, libc::AF_INET6] {
        dump(u8::try_from(family).unwrap_or_default(), with_listening, &mut table)?;
    }
    table.counters = counters();
    Ok(table)
}

pub fn counters() -> Option<Counters> {
    read_counters(&std::fs::read_to_string("/proc/net/netstat").ok()?)
}

/// Of drops the system counts those of a full queue twice: as drops, and by themselves.
fn read_counters(text: &str) -> Option<Counters> {
    let of = |name| counter(text, "TcpExt:", name);
    let overflowed = of("ListenOverflows").unwrap_or(0);
    let cookies = of("SyncookiesSent").unwrap_or(0);
    Some(Counters {
        reset: of("EmbryonicRsts")?,
        dropped: of("ListenDrops").unwrap_or(0).saturating_sub(overflowed),
        overflowed,
        cookies,
    })
}

pub fn segments_in() -> Option<u64> {
    std::fs::read_to_string("/proc/net/snmp").ok().and_then(|text| counter(&text, "Tcp:", "InSegs"))
}

/// A counter of one group: a line of names, then a line of numbers.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let place = names.split_whitespace().position(|n| n == name)?;
    numbers.split_whitespace().nth(place)?.parse().ok()
}

/// Asks for one connection, by its addresses and ports. The kernel finds it in its hash table,
/// however many others there are; one to a socket of both families by its IPv4 addresses too.
pub fn connection(local: SocketAddr, peer: SocketAddr) -> Option<Stands> {
    let mut socket = Socket::new(
        Domain::from(libc::AF_NETLINK),
        Type::DGRAM.cloexec(),
        Some(Protocol::from(NETLINK_SOCK_DIAG)),
    )
    .ok()?;
    socket.set_read_timeout(Some(DEADLINE)).ok()?;
    socket.send(&request_one(local, peer)).ok()?;
    let mut octets = vec![0; 4096];
    let length = socket.read(&mut octets).ok()?;
    match read(&octets[..length], &mut Table::default()) {
        Ok(_) => stands(&octets[..length], (local, peer)),
        // The kernel's word for one that is not there.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Some(Stands::Absent),
        Err(_) => None,
    }
}

/// The state in the answer about one connection. Where there is none the kernel may tell of the
/// socket that listens at the port: none of that.
fn stands(octets: &[u8], (local, peer): (SocketAddr, SocketAddr)) -> Option<Stands> {
    let message = octets.get(HEADER..HEADER + ADDRESSES)?;
    let port = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    if (port(4), port(6)) != (local.port(), peer.port()) {
        return Some(Stands::Absent);
    }
    Some(match message[1] {
        LISTEN => Stands::Absent,
        SYN_RECV | NEW_SYN_RECV => Stands::HalfOpen,
        _ => Stands::Opened,
    })
}

/// Counts connections by a port of theirs, which the kernel compares, and by the other end's
/// address, which is compared here.
pub fn count(ends: Ends) -> Option<u32> {
    let mut found = 0;
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut octets = request(u8::try_from(family).unwrap_or_default(), false);
        // Every state but that of a listening socket, and of a closed one.
        let states: u32 = 0xffff & !(1 << LISTEN) & !(1 << CLOSE) & !1;
        octets[HEADER + 4..HEADER + 8].copy_from_slice(&states.to_ne_bytes());
        let (at, port) = match ends {
            Ends::Port(port) => (HEADER + 8, port),
            Ends::Peer(peer) => (HEADER + 10, peer.port()),
        };
        octets[at..at + 2].copy_from_slice(&port.to_be_bytes());
        answers(&octets, |message| {
            let is_it = match ends {
                Ends::Port(port) => message.get(4..6) == Some(&port.to_be_bytes()[..]),
                Ends::Peer(peer) => {
                    message.get(6..8) == Some(&peer.port().to_be_bytes()[..])
                        && address_at(message, 24)
                            .is_some_and(|address| address.to_canonical() == peer.ip())
                }
            };
            found += u32::from(is_it);
        })
        .ok()?;
    }
    Some(found)
}

/// The address at this place of a message.
fn address_at(message: &[u8], at: usize) -> Option<IpAddr> {
    if i32::from(*message.first()?) == libc::AF_INET {
        <[u8; 4]>::try_from(message.get(at..at + 4)?).ok().map(|o| Ipv4Addr::from(o).into())
    } else {
        <[u8; 16]>::try_from(message.get(at..at + 16)?).ok().map(|o| Ipv6Addr::from(o).into())
    }
}

/// Asks the kernel, and gives each message of its answer without the header.
fn answers(request: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut socket = Socket::new(
        Domain::from(libc::AF_NETLINK),
        Type::DGRAM.cloexec(),
        Some(Protocol::from(NETLINK_SOCK_DIAG)),
    )?;
    socket.set_read_timeout(Some(DEADLINE))?;
    socket.send(request)?;
    let mut octets = vec![0; 32 * 1024];
    for _ in 0..MAX_READINGS {
        let length = socket.read(&mut octets)?;
        let mut rest = &octets[..length];
        while let Some(length) =
            rest.get(..4).and_then(|o| o.try_into().ok()).map(u32::from_ne_bytes)
        {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let Some(message) = rest.get(..length).filter(|_| length >= HEADER) else { break };
            match u16::from_ne_bytes([message[4], message[5]]) {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => return Err(io::ErrorKind::Other.into()),
                _ => each(&message[HEADER..]),
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
    Ok(())
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2` with the ends of one connection, seen from here.
fn request_one(local: SocketAddr, peer: SocketAddr) -> [u8; HEADER + REQUEST] {
    let family = if local.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let mut octets = request(u8::try_from(family).unwrap_or_default(), false);
    octets[6..8].copy_from_slice(&REQUEST_ONE.to_ne_bytes());
    // `struct inet_diag_sockid` begins after family, protocol, extensions, padding and states.
    let id = HEADER + 8;
    octets[id..id + 2].copy_from_slice(&local.port().to_be_bytes());
    octets[id + 2..id + 4].copy_from_slice(&peer.port().to_be_bytes());
    for (at, address) in [(id + 4, local.ip()), (id + 20, peer.ip())] {
        match address {
            IpAddr::V4(v4) => octets[at..at + 4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => octets[at..at + 16].copy_from_slice(&v6.octets()),
        }
    }
    // No cookie (`INET_DIAG_NOCOOKIE`).
    octets[id + 40..id + 48].fill(0xff);
    octets
}

fn dump(family: u8, with_listening: bool, table: &mut Table) -> io::Result<()> {
    let mut socket = Socket::new(
        Domain::from(libc::AF_NETLINK),
        Type::DGRAM.cloexec(),
        Some(Protocol::from(NETLINK_SOCK_DIAG)),
    )?;
    socket.set_read_timeout(Some(DEADLINE))?;
    // Without an address a netlink message goes to the kernel.
    socket.send(&request(family, with_listening))?;
    let mut octets = vec![0; 32 * 1024];
    for _ in 0..MAX_READINGS {
        let length = socket.read(&mut octets)?;
        if read(&octets[..length], table)? {
            return Ok(());
        }
    }
    Ok(())
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`: every TCP socket of a family in one of the
/// wanted states.
fn request(family: u8, with_listening: bool) -> [u8; HEADER + REQUEST] {
    let mut octets = [0; HEADER + REQUEST];
    octets[..4].copy_from_slice(&72_u32.to_ne_bytes());
    octets[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    octets[6..8].copy_from_slice(&REQUEST_DUMP.to_ne_bytes());
    octets[HEADER] = family;
    octets[HEADER + 1] = 6; // IPPROTO_TCP
    let states: u32 = (1 << SYN_RECV) | (u32::from(with_listening) << LISTEN) | (1 << NEW_SYN_RECV);
    octets[HEADER + 4..HEADER + 8].copy_from_slice(&states.to_ne_bytes());
    octets
}

/// Reads the messages of one datagram; says whether the answer is complete.
fn read(mut octets: &[u8], table: &mut Table) -> io::Result<bool> {
    while let Some(length) = octets.get(..4).and_then(|o| o.try_into().ok()).map(u32::from_ne_bytes)
    {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(message) = octets.get(..length).filter(|_| length >= HEADER) else { break };
        match u16::from_ne_bytes([message[4], message[5]]) {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let code = message
                    .get(HEADER..HEADER + 4)
                    .and_then(|o| o.try_into().ok())
                    .map_or(0, i32::from_ne_bytes);
                return Err(io::Error::from_raw_os_error(code.saturating_neg()));
            }
            SOCK_DIAG_BY_FAMILY => {
                if let Some(line) = line(&message[HEADER..]) {
                    table.add(line);
                }
            }
            _ => {}
        }
        // Messages begin at multiples of four.
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// `struct inet_diag_msg`: family, state, timer, retransmissions, then ports and addresses in
/// network order.
fn line(message: &[u8]) -> Option<Line> {
    let word = |at: usize| {
        message.get(at..at + 4).and_then(|o| o.try_into().ok()).map_or(0, u32::from_ne_bytes)
    };
    let owner = word(INODE);
    // The system takes one more than it says.
    let full = word(WAITING) > word(WAITING + 4);
    let message = message.get(..ADDRESSES)?;
    let (family, state) = (i32::from(message[0]), message[1]);
    let port = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    let address = |at: usize| -> Option<IpAddr> {
        if family == libc::AF_INET {
            <[u8; 4]>::try_from(&message[at..at + 4]).ok().map(|o| Ipv4Addr::from(o).into())
        } else {
            <[u8; 16]>::try_from(&message[at..at + 16]).ok().map(|o| Ipv6Addr::from(o).into())
        }
    };
    match state {
        LISTEN => {
            Some(Line::Listening { local: SocketAddr::new(address(8)?, port(4)), owner, full })
        }
        SYN_RECV | NEW_SYN_RECV => Some(Line::HalfOpen {
            local: SocketAddr::new(address(8)?, port(4)),
            peer: SocketAddr::new(address(24)?, port(6)),
        }),
        _ => None,
    }
}

/// The processes that have these sockets open, by the sockets' inodes: each descriptor of theirs is
/// a link to `socket:[inode]` (proc_pid_fd(5)).
pub fn processes(inodes: &BTreeSet<u32>) -> BTreeMap<u32, Process> {
    let mut found = BTreeMap::new();
    let Ok(all) = std::fs::read_dir("/proc") else { return found };
    for (folder, pid) in all
        .flatten()
        .filter_map(|entry| Some((entry.path(), entry.file_name().to_str()?.parse().ok()?)))
    {
        if found.len() == inodes.len() {
            break;
        }
        let Ok(descriptors) = std::fs::read_dir(folder.join("fd")) else { continue };
        for link in descriptors.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok())
        {
            let inode = link
                .to_str()
                .and_then(|l| l.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode.filter(|inode| inodes.contains(inode)) {
                let name = std::fs::read_to_string(folder.join("comm"))
                    .unwrap_or_default()
                    .trim()
                    .to_owned();
                found.insert(inode, Process { pid, name });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_its_name() {
        let text = "TcpExt: SyncookiesSent EmbryonicRsts X\nTcpExt: 1 23 4\nIpExt: \
            EmbryonicRsts\nIpExt: 5\n";
        assert_eq!(counter(text, "TcpExt:", "EmbryonicRsts"), Some(23));
        assert_eq!(counter(text, "TcpExt:", "Other"), None);
        assert!(table(false).expect("Linux has a table").counters.is_some());
        let text = "TcpExt: EmbryonicRsts ListenOverflows ListenDrops\nTcpExt: 1 3 10\n";
        assert_eq!(
            read_counters(text),
            Some(Counters { reset: 1, dropped: 7, overflowed: 3, cookies: 0 })
        );
    }

    #[test]
    fn a_half_open_connection_is_read() {
        let mut message = vec![0; ADDRESSES];
        (message[0], message[1]) = (2, 3);
        message[4..8].copy_from_slice(&[0x01, 0x85, 0xc3, 0x50]);
        message[8..12].copy_from_slice(&[10, 0, 0, 2]);
        message[24..28].copy_from_slice(&[10, 0, 0, 1]);
        let wanted = Line::HalfOpen {
            local: "10.0.0.2:389".parse().expect("an address"),
            peer: "10.0.0.1:50000".parse().expect("one"),
        };
        assert_eq!(line(&message), Some(wanted));
        assert_eq!(line(&message[..39]), None, "cut short");
    }

    #[test]
    fn a_broken_answer_ends_the_reading() {
        let mut table = Table::default();
        for octets in
            [&[][..], &[1, 0], &[0, 0, 0, 0, 0, 0], &[255, 255, 255, 255, 20, 0], &[4, 0, 0, 0]]
        {
            assert!(!read(octets, &mut table).expect("no error in it"), "{octets:?}");
        }
        let mut refused = vec![0; 20];
        (refused[0], refused[4]) = (20, 2);
        refused[16..20].copy_from_slice(&(-1_i32).to_ne_bytes());
        assert_eq!(read(&refused, &mut table).expect_err("an error").raw_os_error(), Some(1));
        assert_eq!(table, Table::default());
    }
}
