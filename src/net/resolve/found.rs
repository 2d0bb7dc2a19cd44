//! What a name stands for, in one order, and how long is waited for it.

use crate::net::host;
use std::net::IpAddr;
use std::time::Duration;

/// What a name stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Every address, IPv4 first, each once.
    pub addresses: Vec<IpAddr>,
    /// The names that it stands for, in the order of the answer (CNAME, RFC 1034 section 3.6.2).
    pub aliases: Vec<String>,
    /// Of the addresses, those of a family that this machine has no way out for, where it has one
    /// for the other.
    pub unroutable: Vec<IpAddr>,
    /// Whether the system's resolver gave up by its own settings, and found it only with more
    /// patience.
    pub impatient: bool,
}

impl Found {
    pub(super) fn new(addresses: impl IntoIterator<Item = IpAddr>, aliases: Vec<String>) -> Self {
        let addresses = in_order(addresses);
        Found { unroutable: unroutable(&addresses), addresses, aliases, impatient: false }
    }

    /// The addresses that a client on this machine would try.
    pub fn routable(&self) -> Vec<IpAddr> {
        self.addresses.iter().copied().filter(|a| !self.unroutable.contains(a)).collect()
    }
}

/// IPv4 first, each once, always in the same order. An IPv4 address in the clothes of IPv6 is one
/// of IPv4.
fn in_order(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.into_iter().map(|a| a.to_canonical()).collect();
    addresses.sort_by_key(|a| (a.is_ipv6(), *a));
    addresses.dedup();
    addresses
}

/// The addresses of the family that this machine has no route for, where it has one for an address
/// of the other family: it is not set up for that family, and its clients do not use it.
fn unroutable(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let dead = |of: fn(&IpAddr) -> bool| {
        let family: Vec<IpAddr> = addresses.iter().copied().filter(of).collect();
        let none = family.iter().all(|address| !host::has_route(*address));
        if none { family } else { Vec::new() }
    };
    let (v4, v6) = (dead(IpAddr::is_ipv4), dead(IpAddr::is_ipv6));
    if v4.len() + v6.len() == addresses.len() { Vec::new() } else { [v4, v6].concat() }
}

/// Names of a chain that are kept.
pub(super) const MAX_ALIASES: usize = 16;

/// Slow is not dead. A resolver waits five seconds for a server by itself (resolv.conf(5)), and
/// asks the next one, or again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// Where nobody answers at all.
    pub(super) silent: Duration,
    /// Where DNS answers, and the system's resolver has not come to its end: it goes through a
    /// search list, or waits for a server or a family of addresses that is dead.
    pub(super) whole: Duration,
    /// Of one server that was named on the command line, and of records that are asked for
    /// directly.
    pub(super) direct: Duration,
}

impl Patience {
    /// By the deadline of a step of a probe.
    pub(super) fn new(step: Duration) -> Self {
        let own = Duration::from_secs(5).max(step);
        Patience { silent: own + Duration::from_secs(1), whole: own * 4, direct: own * 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_one_order_whatever_order_they_came_in() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let came = ["fd00::2", "10.0.0.9", "::ffff:10.0.0.1", "10.0.0.1", "fd00::1", "10.0.0.9"]
            .map(address);
        let wanted = ["10.0.0.1", "10.0.0.9", "fd00::1", "fd00::2"].map(address);
        assert_eq!(in_order(came), wanted);
        assert_eq!(in_order(came.into_iter().rev()), wanted);
    }

    #[test]
    fn there_is_time_for_two_tries_whatever_the_steps_have() {
        for seconds in [1, 2, 5, 30] {
            let patience = Patience::new(Duration::from_secs(seconds));
            assert!(
                patience.silent > Duration::from_secs(5)
                    && patience.direct >= Duration::from_secs(10),
                "{patience:?}"
            );
            assert!(patience.whole >= patience.silent + patience.direct, "{patience:?}");
        }
    }
}
