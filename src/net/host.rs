//! This machine's own names and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// What this machine is called and where it can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThisHost {
    /// Host name, lower case.
    pub name: String,
    /// Addresses of its interfaces.
    pub addresses: Vec<IpAddr>,
}

/// Whether this machine has a route to an address. A datagram socket is given its destination;
/// nothing is sent.
pub fn has_route(to: IpAddr) -> bool {
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind(SocketAddr::new(any, 0))
        .is_ok_and(|socket| socket.connect(SocketAddr::new(to, 443)).is_ok())
}

/// Asks the operating system.
pub fn this_host() -> ThisHost {
    let name = hostname::get()
        .map(|n| n.to_string_lossy().trim_end_matches('.').to_lowercase())
        .unwrap_or_default();
    let addresses = if_addrs::get_if_addrs()
        .map(|all| all.iter().map(if_addrs::Interface::ip).collect())
        .unwrap_or_default();
    ThisHost { name, addresses }
}
