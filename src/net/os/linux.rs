//! What Linux alone tells about a TCP connection: its error queue (ip(7), `IP_RECVERR`) and its
//! counters (tcp(7), `TCP_INFO`).
#![expect(
    unsafe_code,
    reason = "socket2 and std have no names for these options, nor for control messages"
)]

use super::tcp_info::TcpInfo;
use crate::observation::Icmp;
use socket2::Socket;
use std::io;
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd as _;

/// State of a connection as the kernel numbers it (`include/net/tcp_states.h`): the SYN is out.
pub const SYN_SENT: u8 = 2;
/// Both ends sent a SYN.
pub const SYN_RECEIVED: u8 = 3;
/// Nothing, or no longer anything.
pub const CLOSED: u8 = 7;

/// Gives memory that is free back to the system, where the C library keeps it (malloc_trim(3)).
pub fn give_back_memory() {
    // SAFETY: a call without arguments that point anywhere; it takes the allocator's own locks.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// A message of the error queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// The error that the kernel made of it (`errno`).
    pub error: i32,
    /// The ICMP message; absent where the kernel itself gave up.
    pub icmp: Option<Icmp>,
}

/// What the kernel counts of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpState {
    /// State, as in [`SYN_SENT`].
    pub state: u8,
    /// Segments that were sent more than once since the beginning; before the connection opens
    /// these are its SYNs.
    pub retransmitted: u32,
}

/// Has ICMP messages kept for [`take_queued`], and makes each of them end an attempt. In a
/// connection that is open it makes harmless ones fatal as well: switch it off there.
///
/// # Errors
/// When the option cannot be set.
pub fn set_error_queue(socket: &Socket, v4: bool, on: bool) -> io::Result<()> {
    let (level, name) = if v4 {
        (libc::IPPROTO_IP, libc::IP_RECVERR)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
    };
    set_int(socket, level, name, i32::from(on))
}

/// The kernel's setting `net.ipv4.ip_local_port_range`, which counts for IPv6 too.
pub fn outgoing_ports() -> Option<(u16, u16)> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// `TCPRetransFail` of the network namespace: retransmissions that this machine did not let out.
pub fn refused_retransmissions() -> Option<u64> {
    counter(&std::fs::read_to_string("/proc/net/netstat").ok()?, "TcpExt:", "TCPRetransFail")
}

/// A counter of `/proc/net/netstat`: one line of names, and below it one of numbers, for each
/// group.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let place = names.split_whitespace().position(|word| word == name)?;
    numbers.split_whitespace().nth(place)?.parse().ok()
}

/// Packets received by `lo` (proc_net_dev(5)): octets, then packets.
pub fn loopback_packets() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/net/dev").ok()?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Whether ICMP messages are kept, for tests.
#[cfg(test)]
pub fn has_error_queue(socket: &Socket) -> bool {
    let mut on: libc::c_int = -1;
    let mut length = 4;
    // SAFETY: the kernel writes at most one int into `on`, and both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_RECVERR,
            (&raw mut on).cast(),
            &raw mut length,
        )
    };
    assert_eq!(result, 0, "the option is there");
    on != 0
}

/// Lets `bind` fix the source address alone: the port is chosen by `connect`, and is taken from one
/// destination only instead of from all.
///
/// # Errors
/// When the option cannot be set.
pub fn set_bind_address_only(socket: &Socket) -> io::Result<()> {
    // The option is one of IPv4's level and holds for both (ip(7)).
    set_int(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

fn set_int(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the options take a pointer to one int, which lives until the call returns.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), 4) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// State and counters; `None` where the kernel does not tell.
pub fn tcp_state(socket: &Socket) -> Option<TcpState> {
    let info = tcp_info(socket)?;
    Some(TcpState { state: *info.first()?, retransmitted: TcpInfo::read(&info).retransmitted? })
}

/// The octets of `struct tcp_info` (`linux/tcp.h`) of a connection, as many as the kernel knows: it
/// is only ever extended at its end.
pub fn tcp_info(socket: &Socket) -> Option<Vec<u8>> {
    let mut info = vec![0_u8; 256];
    let mut length = libc::socklen_t::try_from(info.len()).ok()?;
    // SAFETY: the kernel writes at most `length` octets into `info`, and both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    info.truncate(usize::try_from(length).ok()?);
    (result == 0).then_some(info)
}

/// The oldest message of the error queue. Reading it also clears the pending error: ask for that
/// first.
pub fn take_queued(socket: &Socket) -> Option<Queued> {
    // The packet that the message is about comes back as data; nobody needs it.
    let mut packet = [0_u8; 128];
    // Aligned as control messages must be.
    let mut control = [0_u64; 64];
    let mut part = libc::iovec { iov_base: packet.as_mut_ptr().cast(), iov_len: packet.len() };
    // SAFETY: all zeros is a valid `msghdr`: null pointers with zero lengths.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<[u64; 64]>() as _;
    // SAFETY: the kernel writes only into `packet` and `control`, within the lengths given, and
    // both outlive the call.
    let got = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    if got < 0 {
        return None;
    }
    // SAFETY: `message` was filled in by a `recvmsg` that succeeded, and `control` is still there.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !header.is_null() {
        // SAFETY: a header that is not null lies whole inside `control`; its data follow it.
        let (kind, data, length) =
            unsafe { ((*header).cmsg_level, libc::CMSG_DATA(header), (*header).cmsg_len as usize) };
        // SAFETY: pure arithmetic.
        let length = length.saturating_sub(unsafe { libc::CMSG_LEN(0) } as usize);
        // SAFETY: the kernel wrote `length` octets of data, inside `control`.
        let data = unsafe { std::slice::from_raw_parts(data.cast_const(), length) };
        if matches!(kind, libc::IPPROTO_IP | libc::IPPROTO_IPV6) {
            return read(data);
        }
        // SAFETY: as for the first header.
        header = unsafe { libc::CMSG_NXTHDR(&raw const message, header) };
    }
    None
}

/// `struct sock_extended_err` (16 octets: errno, origin, type, code, padding, two numbers), then
/// the sender's socket address.
fn read(data: &[u8]) -> Option<Queued> {
    let error = i32::from_ne_bytes(data.get(..4)?.try_into().ok()?);
    let (origin, kind, code) = (*data.get(4)?, *data.get(5)?, *data.get(6)?);
    let icmp = matches!(origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6);
    let from = data.get(16..).and_then(sender);
    Some(Queued { error, icmp: from.filter(|_| icmp).map(|from| Icmp { kind, code, from }) })
}

/// The address in a `sockaddr_in` or `sockaddr_in6`.
fn sender(data: &[u8]) -> Option<IpAddr> {
    let family = i32::from(u16::from_ne_bytes(data.get(..2)?.try_into().ok()?));
    match family {
        libc::AF_INET => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data.get(4..8)?).ok()?).into()),
        libc::AF_INET6 => Some(
            IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(data.get(8..24)?).ok()?))
                .to_canonical(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_either_family_is_read_and_a_short_one_is_not() {
        let mut v4 = [0_u8; 32];
        v4[..4].copy_from_slice(&libc::EHOSTUNREACH.to_ne_bytes());
        v4[4..7].copy_from_slice(&[libc::SO_EE_ORIGIN_ICMP, 3, 13]);
        v4[16..18].copy_from_slice(&u16::try_from(libc::AF_INET).expect("small").to_ne_bytes());
        v4[20..24].copy_from_slice(&[10, 1, 2, 1]);
        let icmp = Icmp { kind: 3, code: 13, from: [10, 1, 2, 1].into() };
        assert_eq!(read(&v4), Some(Queued { error: libc::EHOSTUNREACH, icmp: Some(icmp) }));
        let mut v6 = [0_u8; 44];
        v6[4..7].copy_from_slice(&[libc::SO_EE_ORIGIN_ICMP6, 1, 4]);
        v6[16..18].copy_from_slice(&u16::try_from(libc::AF_INET6).expect("small").to_ne_bytes());
        v6[24..40].copy_from_slice(&"fd00::1".parse::<Ipv6Addr>().expect("an address").octets());
        assert_eq!(
            read(&v6).and_then(|q| q.icmp).map(|i| i.from),
            Some("fd00::1".parse().expect("an address"))
        );
        // The kernel's own message names no sender; one that is cut short names nothing.
        v4[4] = libc::SO_EE_ORIGIN_LOCAL;
        assert_eq!(read(&v4).map(|q| q.icmp), Some(None));
        for length in 0..7 {
            assert_eq!(read(&v4[..length]), None, "{length}");
        }
        assert_eq!(read(&v6[..30]).map(|q| q.icmp), Some(None), "the address is cut off");
    }

    #[test]
    fn a_counter_is_found_by_its_name_in_its_group() {
        let text = "TcpExt: SyncookiesSent TCPRetransFail X\nTcpExt: 1 22 3\nIpExt: \
            TCPRetransFail\nIpExt: 9\n";
        assert_eq!(counter(text, "TcpExt:", "TCPRetransFail"), Some(22));
        assert_eq!(counter(text, "TcpExt:", "Nothing"), None);
        assert_eq!(
            counter("TcpExt: TCPRetransFail\n", "TcpExt:", "TCPRetransFail"),
            None,
            "cut short"
        );
        assert!(refused_retransmissions().is_some(), "every kernel since 3.18 has it");
    }

    #[test]
    fn a_fresh_socket_is_closed_and_has_an_empty_queue() {
        let socket =
            Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        assert_eq!(tcp_state(&socket), Some(TcpState { state: CLOSED, retransmitted: 0 }));
        assert!(!has_error_queue(&socket));
        set_error_queue(&socket, true, true).expect("the option is there");
        assert!(has_error_queue(&socket));
        assert_eq!(take_queued(&socket), None);
    }
}
