//! Addresses that cannot be another machine's: this machine's own, and those that lead nowhere.

use crate::observation::Misplaced;
use crate::plan::model::{Hop, HopEnd};
use crate::site::model::Host;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The machine that a run is made on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its own name, lower case, with or without the domain.
    pub name: String,
    /// Addresses of its interfaces.
    pub addresses: Vec<IpAddr>,
}

impl Machine {
    /// Whether it is known to be this host of the site: by an address that the site file gives the
    /// host, or by its name. Who only says so (`--as`) may as well be on the machine at the other
    /// end.
    fn is(&self, end: &HopEnd) -> bool {
        let by_address =
            || fixed(end).iter().any(|a| self.addresses.iter().any(|own| plain(*own) == *a));
        let by_name = || match &end.host {
            Host::Named { name, .. } if self.name.contains('.') => *name == self.name,
            Host::Named { name, .. } => {
                !self.name.is_empty() && name.split('.').next() == Some(self.name.as_str())
            }
            _ => false,
        };
        by_address() || by_name()
    }
}

/// Whether an address cannot be that of the host that a hop goes to, since the host is another
/// machine. `loopback` says that the whole site lives on loopback.
///
/// Where the site file gives both ends the address, they are one machine on purpose; and a hop that
/// begins on loopback may stay there.
pub fn misplaced(hop: &Hop, address: IpAddr, this: &Machine, loopback: bool) -> Option<Misplaced> {
    // The address is the proxy's then, and a proxy may well run on this machine.
    if hop.proxy.is_some() {
        return None;
    }
    let address = plain(address);
    let from = fixed(&hop.from);
    // Said by the site file of both: a name that leads to the From host's address is not meant to.
    if from.contains(&address) && fixed(&hop.to).contains(&address) {
        return None;
    }
    let kind = kind(address, &this.addresses)?;
    match kind {
        Misplaced::Loopback
            if loopback || from.iter().any(IpAddr::is_loopback) || is_on_loopback(&hop.from) =>
        {
            None
        }
        // On the very machine that the name is of, its own address is right.
        Misplaced::Own if !this.is(&hop.from) || this.name == hop.to.host.label() => None,
        // Two hosts that the site file puts on one link without a router.
        Misplaced::LinkLocal if from.iter().any(|a| is_link_local(*a)) => None,
        kind => Some(kind),
    }
}

/// What is wrong with an address, were it another machine's.
fn kind(address: IpAddr, own: &[IpAddr]) -> Option<Misplaced> {
    match address {
        _ if address.is_loopback() => Some(Misplaced::Loopback),
        _ if is_nowhere(address) => Some(Misplaced::Nowhere),
        _ if is_group(address) => Some(Misplaced::Group),
        _ if own.iter().any(|a| plain(*a) == address) => Some(Misplaced::Own),
        _ if is_link_local(address) => Some(Misplaced::LinkLocal),
        _ => None,
    }
}

/// An IPv4 address in the clothes of IPv6 (RFC 4291 section 2.5.5, RFC 6052 section 2.1) is one of
/// IPv4.
fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        IpAddr::V6(v6)
            if v6.segments()[..6] == [0; 6]
                && !v6.is_unspecified()
                && v6 != Ipv6Addr::LOCALHOST =>
        {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        plain => plain,
    }
}

/// 0.0.0.0/8 is "this network" (RFC 1122 section 3.2.1.3); 100::/64 is for discarding (RFC 6666).
fn is_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unspecified() || v6.segments()[..4] == [0x100, 0, 0, 0],
    }
}

/// Multicast, broadcast and what is reserved beside them (RFC 1112 section 4): no address of one
/// host.
fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] >= 224,
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

/// What a host gives itself where it has nothing else (RFC 3927, RFC 4291 section 2.5.6).
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// The addresses that the site file gives a host.
fn fixed(end: &HopEnd) -> Vec<IpAddr> {
    match &end.host {
        Host::Named { addresses, .. } => addresses.iter().map(|a| plain(*a)).collect(),
        Host::Address(address) => vec![plain(*address)],
        Host::Network(_) | Host::Discover { .. } => Vec::new(),
    }
}

fn is_on_loopback(end: &HopEnd) -> bool {
    match &end.host {
        Host::Network(network) => network.network().is_loopback(),
        Host::Named { name, .. } => name == "localhost",
        Host::Address(_) | Host::Discover { .. } => false,
    }
}

#[cfg(test)]
mod tests;
